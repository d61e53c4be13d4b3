"""Symbolic links: a wheel cannot carry them, so each is copied, or dropped and recorded."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.errors import Code
from bridge.model.payload import FileFacts, Survey
from bridge.model.plan import Loss

#: More hops than any real chain has; a longer one is a loop (the kernel's own limit is 40).
_MAX_HOPS = 40


@dataclass(frozen=True, slots=True)
class LinkPlan:
    """What becomes of the links of one payload.

    A shared library is kept once, under the name that the loader asks for (its SONAME); three names for one library
    would triple the wheel.
    """

    #: real file -> the path that it is kept under instead.
    renamed: Mapping[str, str]
    #: real file -> further paths that get the same content.
    copies: Mapping[str, tuple[str, ...]]
    losses: tuple[Loss, ...]


def plan_links(survey: Survey) -> LinkPlan:
    """Decide for every link of `survey`.

    Libraries: the link that carries the SONAME replaces the real name, every other link is dropped. Other files are
    copied. Links to directories, and links to files that this package does not own, are dropped.
    """
    renamed: dict[str, str] = {}
    copies: dict[str, list[str]] = {}
    losses: list[Loss] = []
    for link in sorted(survey.symlinks):
        target = resolve(link, survey)
        facts = survey.files.get(target) if target is not None else None
        if target is None or facts is None:
            what = "a directory" if _is_directory(target, survey) else "a file of another package"
            losses.append(_dropped(link, survey.symlinks[link], f"it leads to {what}"))
        elif (soname := library_name(facts)) is None:
            copies.setdefault(target, []).append(link)
        elif soname == posixpath.basename(link) and target not in renamed and _directory(link) == _directory(target):
            renamed[target] = link
        elif posixpath.basename(target) != soname and _directory(link) != _directory(target):
            # A library that is reached through another directory only: the loader finds it under this name alone.
            copies.setdefault(target, []).append(link)
        else:
            losses.append(_dropped(link, survey.symlinks[link], f"the library is kept as {soname}"))
    return LinkPlan(renamed, {path: tuple(names) for path, names in copies.items()}, tuple(losses))


def resolve(link: str, survey: Survey) -> str | None:
    """Follow `link` through the package's own links, directories included.

    Returns:
        The path that it ends at, whether or not the package owns it; None for a loop.
    """
    path = link
    for _ in range(_MAX_HOPS):
        step = _first_link(path, survey)
        if step is None:
            return path
        prefix, rest = step
        path = posixpath.normpath(posixpath.join(_directory(prefix), survey.symlinks[prefix], rest))
    return None


def library_name(facts: FileFacts) -> str | None:
    """The name under which a loader asks for a shared library; None for any other file."""
    if facts.elf is not None and facts.elf.interpreter is None:
        return facts.elf.soname
    if facts.macho is not None and facts.macho.install_name is not None:
        return posixpath.basename(facts.macho.install_name)
    return None


def _first_link(path: str, survey: Survey) -> tuple[str, str] | None:
    parts = path.split("/")
    for end in range(1, len(parts) + 1):
        prefix = "/".join(parts[:end])
        if prefix in survey.symlinks:
            return prefix, "/".join(parts[end:])
    return None


def _is_directory(path: str | None, survey: Survey) -> bool:
    if path is None:
        return False
    return path in survey.empty_directories or any(name.startswith(f"{path}/") for name in survey.files)


def _directory(path: str) -> str:
    return posixpath.dirname(path)


def _dropped(link: str, target: str, why: str) -> Loss:
    return Loss(Code.SYMLINK, link, f"link to {target} dropped: {why}")
