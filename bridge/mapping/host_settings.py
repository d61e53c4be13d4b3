"""Describing another machine than this one: `cuda=12.8`, `archspec=x86_64_v3`, `osx=14.0` and so on.

The names are those of conda's virtual packages without their underscores; an empty value takes the thing away.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from bridge.errors import BridgeError, Code, InvalidInput
from bridge.formats.conda.identifiers import parse_subdir, printable
from bridge.mapping.microarchitectures import family_of, is_known, near_names
from bridge.model.host import Host, Release

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bridge.model.conda import Subdir

#: setting -> the only system (first part of a subdir) that it makes sense for.
_SYSTEM_OF: Final = {"glibc": "linux", "linux": "linux", "osx": "osx", "win": "win"}
_RELEASES: Final = ("cuda", "cuda_arch", "glibc", "osx", "win")
NAMES: Final = (*_RELEASES, "archspec", "linux", "subdir")

#: the machine part of a subdir as archspec names its plainest processor (CEP 30, appendix A).
_PLAINEST: Final = {"32": "x86", "64": "x86_64", "arm64": "aarch64"}
_MACHINE_OF: Final = {family: machine for machine, family in _PLAINEST.items()}
#: what every machine has that today's packages run on.
_BASE_GLIBC: Final = Release(2, 17)
_BASE_KERNEL: Final = "3.10"
_BASE_OSX: Final = {"osx-64": Release(10, 13), "osx-arm64": Release(11, 0)}
_BASE_WIN: Final = Release(10, 0)

_RELEASE: Final = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,3}))?")
_TAIL: Final = re.compile(r"(?:\.[0-9]+)*")
_KERNEL: Final = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}(?:\.[0-9]{1,9}){0,2}")


@dataclass(frozen=True, slots=True)
class Setting:
    """One `name=value`, checked."""

    name: str
    #: None takes the thing away; a Release for versions, else the text.
    value: Release | str | None


def parse_set(text: str) -> Setting:
    """Read `name=value`; an empty value means absent.

    Raises:
        InvalidInput: CB126, not a setting, with the text as subject.
    """
    name, equals, value = (part.strip() for part in text.partition("="))
    subject = printable(text)
    if not equals or name not in NAMES:
        raise InvalidInput(Code.HOST, f"is not NAME=VALUE with one of {', '.join(sorted(NAMES))}", subject=subject)
    if name == "subdir":
        return Setting(name, _subdir(value, subject))
    if not value:
        return Setting(name, None)
    if name in _RELEASES:
        return Setting(name, parse_release(value, subject=subject))
    if name == "linux":
        return Setting(name, parse_kernel(value, subject=subject))
    if not is_known(value):
        near = near_names(value)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise InvalidInput(Code.HOST, f"no processor of the archspec database has this name{hint}", subject=subject)
    return Setting(name, value)


def parse_release(text: str, *, subject: str, field: str | None = None, cut: bool = False) -> Release:
    """A version of one or two numbers; `12` is 12.0.

    Args:
        text: the version.
        subject: for errors.
        field: for errors.
        cut: take the first two numbers of a longer one.

    Raises:
        InvalidInput: CB126.
    """
    match = _RELEASE.match(text)
    rest = "" if match is None else text[match.end() :]
    if match is None or (rest and not (cut and _TAIL.fullmatch(rest))):
        raise InvalidInput(Code.HOST, "the version is not MAJOR or MAJOR.MINOR", subject=subject, field=field)
    return Release(int(match[1]), int(match[2] or 0))


def parse_kernel(text: str, *, subject: str, field: str | None = None) -> str:
    """The version of a Linux kernel, two to four numbers (CEP 30).

    Raises:
        InvalidInput: CB126.
    """
    if not _KERNEL.fullmatch(text):
        raise InvalidInput(Code.HOST, "a kernel's version has two to four numbers", subject=subject, field=field)
    return text


def baseline(subdir: Subdir) -> Host:
    """What every machine of a platform offers that current packages run on: no GPU, the plainest processor.

    Raises:
        InvalidInput: CB126, `noarch` is no machine.
    """
    system, _, machine = subdir.partition("-")
    if not machine:
        raise InvalidInput(Code.HOST, "is not the platform of a machine", subject=subdir)
    plainest = _PLAINEST.get(machine, machine)
    return Host(
        subdir,
        archspec=plainest if is_known(plainest) else None,
        glibc=_BASE_GLIBC if system == "linux" else None,
        linux=_BASE_KERNEL if system == "linux" else None,
        osx=_BASE_OSX.get(subdir),
        win=_BASE_WIN if system == "win" else None,
    )


def with_settings(base: Host, settings: Iterable[Setting]) -> Host:
    """The machine that differs from `base` by the settings, of which the last of a name counts.

    Without `subdir`, a version of macOS, Windows, Linux or glibc says the system, and a processor the kind of
    machine. A machine of another platform than `base` starts from that platform's baseline.

    Raises:
        InvalidInput: CB126, the settings contradict each other or the platform.
    """
    chosen = {setting.name: setting.value for setting in settings}
    subdir = _platform(base, chosen)
    start = base if subdir == base.subdir else baseline(subdir)
    changes: dict[str, Any] = {name: value for name, value in chosen.items() if name != "subdir"}
    host = replace(start, **changes)
    # CEP 46: without a driver no GPU can be used.
    return host if host.cuda is not None else replace(host, cuda_arch=None)


def _platform(base: Host, chosen: Mapping[str, Release | str | None]) -> Subdir:
    systems = {_SYSTEM_OF[name] for name, value in chosen.items() if name in _SYSTEM_OF and value is not None}
    archspec = chosen.get("archspec")
    family = family_of(archspec) if isinstance(archspec, str) else None
    given = chosen.get("subdir")
    system, _, machine = (given if isinstance(given, str) else base.subdir).partition("-")
    if given is None:
        if len(systems) == 1:
            (system,) = systems
        if family is not None:
            machine = family
        machine = _machine(system, _PLAINEST.get(machine, machine))
    wrong = sorted(name for name in chosen if name in _SYSTEM_OF and chosen[name] and _SYSTEM_OF[name] != system)
    if family not in (None, _PLAINEST.get(machine, machine)):
        wrong.append("archspec")
    subdir = parse_subdir(f"{system}-{machine}", subject="subdir", field="host")
    if wrong:
        values = ", ".join(f"{name}={chosen[name]}" for name in wrong)
        raise InvalidInput(Code.HOST, f"belongs to another platform than {subdir}", subject=values)
    return subdir


def _machine(system: str, family: str) -> str:
    """The machine part of a subdir; Linux alone spells ARM's 64-bit family out."""
    return family if system == "linux" and family == "aarch64" else _MACHINE_OF.get(family, family)


def _subdir(value: str, subject: str) -> str:
    try:
        return baseline(parse_subdir(value, subject=subject, field="subdir")).subdir
    except BridgeError as error:
        raise InvalidInput(Code.HOST, error.message, subject=subject) from error
