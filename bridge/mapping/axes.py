"""The axes along which builds of one release differ, as data (`mappings/axes.yaml`), from conda to properties.

A build's place on an axis comes from what its closure enforces (a host requirement) or, for what no virtual package
states, from what it shows: its flags (CEP 45), its requirements, its build string.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput
from bridge.mapping.axes_file import AxesDocument, ChoiceAxis, Evidence, HostAxis, read_axes
from bridge.mapping.matchspec import parse_spec
from bridge.mapping.microarchitectures import AARCH64_VERSIONS
from bridge.mapping.nvidia import NEWEST_DRIVER, OLDEST_DRIVER, OLDEST_GPU
from bridge.mapping.version_specs import lower_bound
from bridge.mapping.yaml_file import data_directory, read_overlay
from bridge.model.family import Bounds, HostRequirement
from bridge.model.plan import Loss
from bridge.model.variant import Property

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bridge.model.conda import IndexJson

_FILE: Final = "axes.yaml"
_VALUE: Final = re.compile(r"[a-z0-9_.]+")


@dataclass(frozen=True, slots=True)
class Axes:
    """One snapshot of the axes, in the order of the parts of a label."""

    host: Mapping[str, HostAxis]
    choices: Mapping[str, ChoiceAxis]


def load_axes(overlays: Sequence[Path] = ()) -> Axes:
    """The project's axes with the user's files laid over them; later files win.

    Raises:
        InvalidInput: CB101 an overlay cannot be read, CB109 it is too large, CB111 it has another form; the error
            names the file and the key.
    """
    return _axes(tuple((str(path), read_overlay(path)) for path in overlays))


def choices_of(index: IndexJson, axes: Axes) -> Mapping[str, str]:
    """Where a build stands on the axes that no virtual package states; axes without evidence are left out."""
    found: dict[str, str] = {}
    for name, axis in axes.choices.items():
        value = next((value for each in axis.evidence if (value := _shown(each, index)) is not None), None)
        if value is not None and _VALUE.fullmatch(value):
            found[name] = value
    return found


def may_show_choice(name: str, axes: Axes) -> bool:
    """Whether being a package, or requiring it, may be evidence on some axis; `choices_of` heeds no other names."""
    return any(
        each.kind in ("depends", "name")
        and (each.pattern == name or (_is_glob(each.pattern) and fnmatchcase(name, each.pattern)))
        for axis in axes.choices.values()
        for each in axis.evidence
    )


def properties_of(
    requirement: HostRequirement, choices: Mapping[str, str], axes: Axes, *, subject: str
) -> tuple[frozenset[Property], tuple[Loss, ...]]:
    """The properties that say a requirement and choices, and what they cannot say.

    Args:
        requirement: bounds that absence satisfies as well (`Bounds.absent`) give no property: no set of properties
            says them, only several variants do.
        choices: only those that are to be said.
        subject: file name, for the losses.
    """
    writer = _Writer(axes, subject)
    writer.bounds("cuda", requirement.cuda)
    writer.architectures(requirement.cuda_arch)
    if requirement.x86_64_level is not None:
        writer.value("x86_64_level", f"v{requirement.x86_64_level}")
    if requirement.aarch64_version is not None:
        writer.value("aarch64_version", requirement.aarch64_version)
        if requirement.aarch64_version not in AARCH64_VERSIONS:
            writer.lose(f"no client claims Arm version {requirement.aarch64_version}")
    for text in requirement.unsaid:
        writer.lose(text)
    for name in axes.choices:
        if name in choices and (said := axes.choices[name].property_of(choices[name])) is not None:
            writer.properties.append(said)
    return frozenset(writer.properties), tuple(writer.losses)


def label_parts(
    requirement: HostRequirement, choices: Mapping[str, str], axes: Axes
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Readable parts of a label: those that count, and those for a label that has no other part.

    Args:
        choices: only those that tell the builds of the release apart.
    """
    parts: list[str] = []
    plain: list[str] = []
    if requirement.cuda is not None and not requirement.cuda.absent:
        label = axes.host["cuda"].label
        lower = requirement.cuda.lower
        axis = axes.choices.get("gpu")
        toolkit = _choice_label(axis, choices["gpu"]) if axis is not None and "gpu" in choices else ""
        # A toolkit is what people know a build by; the driver that it needs is mostly older.
        if re.fullmatch(rf"{re.escape(label)}[0-9]+", toolkit):
            parts.append(toolkit)
        elif lower is not None:
            parts.append(f"{label}{lower.major}{lower.minor}")
        elif requirement.cuda.upper is None:
            parts.append(label)
        choices = {name: value for name, value in choices.items() if name != "gpu"}
        if requirement.cuda.upper is not None:
            parts.append(f"lt{requirement.cuda.upper.major}{requirement.cuda.upper.minor}")
    if requirement.cuda_arch is not None and requirement.cuda_arch.lower is not None:
        arch = requirement.cuda_arch.lower
        parts.append(f"{axes.host['cuda_arch'].label}{arch.major}{arch.minor}")
    if requirement.x86_64_level is not None:
        parts.append(f"{axes.host['x86_64_level'].label}{requirement.x86_64_level}")
    if requirement.aarch64_version is not None:
        parts.append(f"{axes.host['aarch64_version'].label}{requirement.aarch64_version}")
    for name, axis in axes.choices.items():
        if name in choices:
            part = _choice_label(axis, choices[name])
            if part not in parts:
                (plain if choices[name] in axis.plain else parts).append(part)
    return tuple(parts), tuple(plain)


@lru_cache(maxsize=8)
def _axes(overlays: tuple[tuple[str, bytes], ...]) -> Axes:
    document = AxesDocument()
    read_axes(document, data_directory().joinpath(_FILE).read_bytes(), _FILE, own=True)
    for subject, content in overlays:
        read_axes(document, content, subject)
    return Axes(document.host, document.choices)


def _shown(evidence: Evidence, index: IndexJson) -> str | None:
    match evidence.kind:
        case "flag":
            matches = (re.fullmatch(evidence.pattern, flag) for flag in index.flags)
            return next((_filled(evidence.value, match) for match in matches if match), None)
        case "build":
            match_ = re.search(evidence.pattern, index.build)
            return _filled(evidence.value, match_) if match_ else None
        case "name":
            return evidence.value if fnmatchcase(index.name, evidence.pattern) else None
        case _:
            return next((value for text in index.depends if (value := _required(evidence, text)) is not None), None)


def _filled(template: str, match: re.Match[str]) -> str:
    return re.sub(r"\{([0-9])\}", lambda group: match[int(group[1])] or "", template)


def _required(evidence: Evidence, text: str) -> str | None:
    """The value that a requirement shows; None where it is not the one that the evidence is about."""
    # Parsing is the expensive part, and most requirements fail on the name.
    if evidence.pattern not in text and not _is_glob(evidence.pattern):
        return None
    try:
        spec = parse_spec(text)
    except InvalidInput:
        return None
    if not (
        fnmatchcase(spec.name, evidence.pattern)
        and fnmatchcase(spec.version or "*", evidence.version)
        and fnmatchcase(spec.build or "", evidence.build)
    ):
        return None
    if "{lower}" not in evidence.value:
        return evidence.value
    try:
        lower = lower_bound(spec.version)
    except InvalidInput:
        return None
    if lower is None:
        return None
    return evidence.value.replace("{lower}", f"{lower.major}.{lower.minor}")


@lru_cache(maxsize=1024)
def _is_glob(pattern: str) -> bool:
    return any(character in pattern for character in "*?[")


def _choice_label(axis: ChoiceAxis, value: str) -> str:
    for start in sorted(axis.labels, key=len, reverse=True):
        if value.startswith(start):
            value = axis.labels[start] + value.removeprefix(start)
            break
    return value.replace(".", "")


class _Writer:
    """Collects properties and losses."""

    def __init__(self, axes: Axes, subject: str) -> None:
        self._axes = axes
        self._subject = subject
        self.properties: list[Property] = []
        self.losses: list[Loss] = []

    def bounds(self, name: str, bounds: Bounds | None) -> None:
        """Lower bounds are always said, as absence is below every bound."""
        if bounds is None or bounds.absent:
            return
        axis = self._axes.host[name]
        if axis.lower is None or axis.upper is None:
            return
        lower = bounds.lower or OLDEST_DRIVER
        if lower < OLDEST_DRIVER:
            self.lose(f"CUDA {lower} is older than any that clients know; {OLDEST_DRIVER} was said")
            lower = OLDEST_DRIVER
        if lower > NEWEST_DRIVER:
            self.lose(f"CUDA {lower} is newer than any that clients know")
        self.properties.append(Property(axis.namespace, axis.lower, str(lower)))
        if bounds.upper is not None and bounds.upper <= NEWEST_DRIVER:
            self.properties.append(Property(axis.namespace, axis.upper, str(bounds.upper)))

    def architectures(self, bounds: Bounds | None) -> None:
        """Each major by the first architecture whose code runs on what is asked for; a client needs one of them."""
        if bounds is None or bounds.absent:
            return
        axis = self._axes.host["cuda_arch"]
        lower = max(bounds.lower or OLDEST_GPU, OLDEST_GPU)
        last = NEWEST_DRIVER.major
        if bounds.upper is not None:
            # A GPU runs the code of all earlier minors of its major, so a bound inside a major cannot be said.
            last = min(last, bounds.upper.major - (bounds.upper.minor == 0))
            if bounds.upper.minor:
                self.lose(f"compute capability below {bounds.upper}: all of {last}.x is admitted")
        codes = [f"{lower.major}{lower.minor}", *(f"{major}0" for major in range(lower.major + 1, last + 1))]
        if axis.feature is not None:
            self.properties.extend(Property(axis.namespace, axis.feature, f"{code}_real") for code in codes)

    def value(self, name: str, value: str) -> None:
        axis = self._axes.host[name]
        if axis.feature is not None:
            self.properties.append(Property(axis.namespace, axis.feature, value))

    def lose(self, detail: str) -> None:
        self.losses.append(Loss(Code.VIRTUAL_PACKAGE, self._subject, detail))
