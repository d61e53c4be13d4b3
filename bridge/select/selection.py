"""The answer of `select` as a value (`conda-bridge/select/1`)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

from bridge.select.plan import PlannedRelease

SCHEMA: Final = "conda-bridge/select/1"


class Verdict(Enum):
    """How the two sides compare."""

    SAME = "the same build"
    #: conda refuses to install anything, and a wheel client cannot: it takes the wheel without a label, or a variant
    #: whose properties cannot say what it needs.
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
    #: the release that both were asked about, as planned from the channel; None where none becomes a wheel.
    release: PlannedRelease | None = field(default=None, repr=False, compare=False)

    @property
    def agree(self) -> bool:
        """Whether both sides take the same build, or both none."""
        return self.verdict in (Verdict.SAME, Verdict.NEITHER)

    def noting(self, line: str) -> Selection:
        """The same with one more line of reasons."""
        return replace(self, why=(*self.why, line))

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


def compare(conda: str | None, wheel: WheelPick | None, *, sayable: bool = True) -> Verdict:
    """How a conda artifact and the one behind a wheel compare; the two archive formats of a build are one build.

    Args:
        conda: file name, None where conda installs nothing.
        wheel: None where no wheel can be used.
        sayable: whether properties say all that the build behind the wheel needs of its machine.
    """
    if wheel is None:
        return Verdict.NEITHER if conda is None else Verdict.DIFFERENT
    if conda is None:
        return Verdict.NO_BUILD if wheel.label is None or not sayable else Verdict.DIFFERENT
    if wheel.source is None:
        return Verdict.UNKNOWN_SOURCE
    return Verdict.SAME if _stem(conda) == _stem(wheel.source) else Verdict.DIFFERENT


def _stem(filename: str) -> str:
    return filename.removesuffix(".conda").removesuffix(".tar.bz2")
