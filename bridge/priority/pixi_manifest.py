"""The tables of a pixi manifest that a policy decides about (pixi's published schema, August 2026)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from packaging.markers import Marker

from bridge.priority.channel_reports import PRIORITY, duration
from bridge.priority.conda_side import CondaSide
from bridge.priority.policy import Semantics, Trust
from bridge.priority.python_side import PythonSide
from bridge.priority.toml_text import Value, toml_key, toml_table

_STRATEGY: Final = {
    Semantics.STRICT: "first-index",
    Semantics.FIRST_MATCH: "unsafe-first-match",
    Semantics.BEST_MATCH: "unsafe-best-match",
}
#: first part of a subdir -> `sys_platform`, `platform_system`, `os_name`.
_SYSTEMS: Final = {
    "linux": ("linux", "Linux", "posix"),
    "osx": ("darwin", "Darwin", "posix"),
    "win": ("win32", "Windows", "nt"),
}
#: `--set` name -> key of a platform, and the systems that have it.
_PLATFORM_KEYS: Final = {
    "archspec": ("archspec", ("linux", "osx", "win")),
    "cuda": ("cuda", ("linux", "win")),
    "glibc": ("glibc", ("linux",)),
    "linux": ("linux", ("linux",)),
    "osx": ("macos", ("osx",)),
    "win": ("windows", ("win",)),
}


@dataclass(slots=True)
class Pins:
    """Packages that are pinned to their channel or index."""

    #: subdir -> package -> address of the channel; None is all subdirs.
    channels: dict[str | None, dict[str, str]] = field(default_factory=dict)
    #: project -> address of the index.
    indexes: dict[str, str] = field(default_factory=dict)
    #: project -> age that is smaller than that of the workspace.
    ages: dict[str, timedelta | None] = field(default_factory=dict)


def manifest_text(conda: CondaSide, python: PythonSide, pins: Pins, subdirs: Sequence[str], prefix: str) -> str:
    """The tables, as a document of its own.

    Args:
        conda: channels.
        python: indexes.
        pins: packages to pin.
        subdirs: platforms of the workspace, which are only written where the policy describes a machine.
        prefix: of all tables: `tool.pixi.` in a pyproject.toml.
    """
    tables: dict[str, dict[str, Value]] = {
        "workspace": _workspace(conda, python, subdirs),
        "workspace.conda-pypi-map": _names(conda),
        "workspace.pypi-options": _indexes(python),
    }
    for subdir, packages in sorted(pins.channels.items(), key=lambda item: item[0] or ""):
        table = f"target.{toml_key(subdir)}.dependencies" if subdir else "dependencies"
        tables[table] = {name: {"version": "*", "channel": url} for name, url in sorted(packages.items())}
    tables["pypi-dependencies"] = {name: {"version": "*", "index": url} for name, url in sorted(pins.indexes.items())}
    tables["pypi-exclude-newer"] = {name: age_text(age) for name, age in sorted(pins.ages.items())}
    return "\n".join(toml_table(f"[{prefix}{name}]", values) for name, values in tables.items() if values)


def workspace_age(python: PythonSide) -> timedelta | None:
    """The age of PyPI-style files for the whole workspace: pixi has none for one index."""
    if python.overlay is not None:
        return None
    return max((source.min_age for source in python.indexes if source.min_age is not None), default=None)


def age_text(age: timedelta | None) -> str:
    """An age as pixi reads it; none at all is `0d`."""
    return duration(age or timedelta(0))


def holds_on(when: Marker | None, subdir: str) -> bool | None:
    """Whether a condition holds on a platform; None where that also depends on something else."""
    if when is None:
        return True
    system, _, machine = subdir.partition("-")
    if system not in _SYSTEMS or any(word in str(when) for word in ("python", "implementation", "extra", "platform_r")):
        return None
    if "platform_version" in str(when):
        return None
    sys_platform, platform_system, os_name = _SYSTEMS[system]
    architecture = {"64": "x86_64", "32": "x86"}.get(machine, machine)
    if system == "win":
        architecture = {"x86_64": "AMD64", "arm64": "ARM64"}.get(architecture, architecture)
    return when.evaluate(
        {
            "sys_platform": sys_platform,
            "platform_system": platform_system,
            "os_name": os_name,
            "platform_machine": architecture,
        }
    )


def platform_entry(subdir: str, system: Mapping[str, str]) -> dict[str, Value]:
    """A platform with the machine that the policy describes, as far as it is one of that platform."""
    entry: dict[str, Value] = {"platform": subdir}
    family = subdir.partition("-")[0]
    for name, (key, systems) in _PLATFORM_KEYS.items():
        if system.get(name) and family in systems and not (name == "archspec" and not _same_machine(subdir, system)):
            entry[key] = system[name]
    if "cuda" in entry and system.get("cuda_arch"):
        entry["cuda"] = {"driver": system["cuda"], "arch": system["cuda_arch"]}
    return entry


def _same_machine(subdir: str, system: Mapping[str, str]) -> bool:
    """Whether a processor can be one of a platform: an x86-64 level says nothing about Arm."""
    is_x86 = subdir.endswith(("-64", "-32"))
    return is_x86 == system["archspec"].startswith("x86") or not system["archspec"].startswith(("x86", "aarch", "arm"))


def _workspace(conda: CondaSide, python: PythonSide, subdirs: Sequence[str]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    everywhere = workspace_age(python)
    channels: list[Value] = []
    for rank, source in enumerate(conda.channels):
        entry: dict[str, Value] = {"channel": conda.url(source), "priority": len(conda.channels) - rank}
        age = None if conda.overlaid else source.min_age
        if age is not None or everywhere is not None:
            entry["exclude-newer"] = age_text(age)
        channels.append(entry)
    if channels:
        values["channels"] = channels
        values["channel-priority"] = PRIORITY[conda.policy.semantics]
    if everywhere is not None:
        values["exclude-newer"] = age_text(everywhere)
    system = conda.policy.variants.system
    if system and subdirs:
        values["platforms"] = [platform_entry(subdir, system) for subdir in subdirs]
    return values


def _names(conda: CondaSide) -> dict[str, Value]:
    """What packages of each channel are called on PyPI; first-party channels are asked for nothing but that."""
    mapping: dict[str, Value] = {}
    for name, projects in sorted(conda.policy.names.projects.items()):
        several: Value = list(projects)
        mapping[name] = projects[0] if len(projects) == 1 else (several if projects else False)
    table: dict[str, Value] = {}
    for source in conda.channels:
        if source.trust is not Trust.FIRST_PARTY:
            if mapping:
                table[conda.url(source)] = {"mapping-mode": "overlay", "mapping": mapping}
        elif mapping:
            closed: dict[str, Value] = {"mapping-mode": "replace", "mapping": mapping, "same-name-heuristic": False}
            table[conda.url(source)] = closed
        else:
            table[conda.url(source)] = False
    return table


def _indexes(python: PythonSide) -> dict[str, Value]:
    if python.overlay is not None:
        return {"index-url": python.overlay, "index-strategy": "first-index"}
    if not python.normal:
        return {}
    # pixi prefers its extra indexes to the index.
    *extra, last = [str(source.pypi) for source in python.normal]
    values: dict[str, Value] = {"index-url": last}
    if extra:
        values["extra-index-urls"] = list(extra)
    values["index-strategy"] = _STRATEGY[python.policy.semantics]
    return values
