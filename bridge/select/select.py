"""`select`: what a conda client and a wheel client take of one project on one machine, and whether it is the same."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from bridge.channel.repodata import Channel, open_channel
from bridge.channel.universe import Candidate, Universe
from bridge.errors import BridgeError, Code, InvalidInput, Unsupported
from bridge.mapping.hosts import host_tags, supported_features, virtual_packages
from bridge.mapping.names import Evidence, NameMapper
from bridge.mapping.tables import Tables, load_tables
from bridge.mapping.versions import to_pep440
from bridge.model.conda import CondaName
from bridge.model.family import Build
from bridge.model.host import Host
from bridge.select.conda_side import CondaChoice, CondaSide, builds_for
from bridge.select.detect import detect_host
from bridge.select.explain import better_builds, describe_host, differences, traits
from bridge.select.intent import NO_INTENT, Intent, applied
from bridge.select.plan import PlannedRelease, Planner
from bridge.select.ranking import groups
from bridge.select.wheel_index import WheelIndex
from bridge.select.wheel_side import WheelMachine, WheelOffer, WheelRelease, choose_release, family_release

SCHEMA: Final = "conda-bridge/select/1"
_REQUEST: Final = re.compile(r"\s*([A-Za-z0-9_][A-Za-z0-9._-]*)\s*(?:==\s*([A-Za-z0-9_.!+]+))?\s*")
_ARCHIVES: Final = (".tar.bz2", ".conda")


class Verdict(Enum):
    """How the two sides compare."""

    SAME = "same build"
    #: conda refuses to install anything, and a wheel client falls back to the wheel without a label.
    NO_BUILD = "no build for this machine"
    NEITHER = "neither side has anything"
    UNKNOWN_SOURCE = "the wheel does not say what it was made from"
    DIFFERENT = "different builds"


@dataclass(frozen=True, slots=True)
class WheelPick:
    """The wheel that a client takes."""

    filename: str
    #: None: the wheel without a label.
    label: str | None
    #: file name of the conda artifact that it is (or will be) made from.
    source: str | None


@dataclass(frozen=True, slots=True)
class Selection:
    """Both decisions."""

    #: file name of the conda artifact.
    conda: str | None
    wheel: WheelPick | None
    verdict: Verdict
    #: lines for a person.
    why: tuple[str, ...] = ()

    @property
    def agree(self) -> bool:
        """Whether both sides take the same build, or both none."""
        return self.verdict in (Verdict.SAME, Verdict.NEITHER)

    def to_json(self) -> dict[str, Any]:
        """The document `conda-bridge/select/1`."""
        wheel = self.wheel
        return {
            "schema": SCHEMA,
            "conda": None if self.conda is None else {"filename": self.conda},
            "wheel": None
            if wheel is None
            else {"filename": wheel.filename, "label": wheel.label, "source": wheel.source},
            "agree": self.agree,
            "why": "\n".join(self.why),
        }


def select(
    project: str,
    channels: Sequence[str | Path],
    index: str | Path | None = None,
    host: Host | None = None,
    python: tuple[int, int] = (3, 12),
    *,
    intent: Intent = NO_INTENT,
    overlays: Sequence[Path] = (),
) -> Selection:
    """Select on both sides.

    Args:
        project: conda's or PyPI's name, maybe with `==VERSION`.
        channels: directories or addresses, highest priority first.
        index: a package index; where None, the wheels that would be made of the channels' builds.
        host: the machine; this one where None.
        python: the CPython that both clients install for.
        intent: what the user wants, applied to both sides.
        overlays: the user's name mappings.

    Raises:
        InvalidInput: a channel, the index or `project` cannot be read.
        Unsupported: no channel has the project (`CB318`).
    """
    name, version = _request(project)
    machine = detect_host() if host is None else host
    opened = [open_channel(location, subdirs=[machine.subdir]) for location in channels]
    tables = load_tables(tuple(overlays))
    conda_name = _conda_name(name, opened, tables)
    question = Question(machine, python, version, intent)
    wheels = None
    if index is not None:
        wheels = _IndexedWheels(WheelIndex(index), _distributions(name, conda_name, opened, tables))
    found: Selection | None = None
    for complete in (False, True):
        with Universe(opened, subdir=machine.subdir, complete=complete) as universe:
            found = Selector(universe, Planner(universe, tables), conda_name).select(question, wheels)
        if found.conda is not None:
            break
    if found is None:  # the loop runs
        raise AssertionError
    return found


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about a project."""

    host: Host
    python: tuple[int, int]
    version: Version | None = None
    intent: Intent = NO_INTENT

    @property
    def wheel_machine(self) -> WheelMachine:
        """What a wheel client knows of the machine."""
        return WheelMachine(host_tags(self.host, self.python), supported_features(self.host), self.python)


class _IndexedWheels:
    """The wheels of an index under the first of several names that it has."""

    def __init__(self, index: WheelIndex, names: Iterable[NormalizedName]) -> None:
        self._index = index
        self.releases: tuple[WheelRelease, ...] = ()
        for name in names:
            self.releases = index.releases(name)
            if self.releases:
                break

    def source_of(self, offer: WheelOffer) -> str | None:
        return self._index.source_of(offer)
