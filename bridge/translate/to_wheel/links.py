"""Symbolic links: a wheel cannot carry them, so each is copied, or dropped and recorded."""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from bridge.errors import Code, InvalidInput
from bridge.limits import DEFAULT_LIMITS
from bridge.model.conda import Noarch
from bridge.model.payload import FileFacts, Survey
from bridge.model.plan import Loss
from bridge.translate.to_wheel.places import Area, place_of

#: More hops than any real chain has; a longer one is a loop (the kernel's own limit is 40).
_MAX_HOPS: Final = 40


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


def plan_links(survey: Survey, noarch: Noarch) -> LinkPlan:
    """Decide for every link of `survey`.

    In site-packages, where programs open files by any name, links to files and directories become copies. Elsewhere
    the link that carries a library's SONAME replaces the real name, its other names in that directory are dropped, and
    links to other files are copied; links to directories are dropped.

    Raises:
        InvalidInput: the copies would be more than a package may hold (`CB109`).
    """
    planner = _LinkPlanner(survey, noarch)
    for link in sorted(survey.symlinks):
        planner.add(link)
    copies = {path: tuple(names) for path, names in planner.copies.items()}
    return LinkPlan(planner.renamed, copies, tuple(planner.losses))


@dataclass
class _LinkPlanner:
    survey: Survey
    noarch: Noarch
    renamed: dict[str, str] = field(default_factory=dict)
    copies: dict[str, list[str]] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)
    #: number and size of the copies so far.
    count: int = 0
    size: int = 0

    def add(self, link: str) -> None:
        target = resolve(link, self.survey)
        facts = self.survey.files.get(target) if target is not None else None
        in_site_packages = place_of(link, self.noarch).area is Area.SITE_PACKAGES
        if target is None:
            self._drop(Code.FOREIGN_LINK, link, "it leads in a circle")
        elif facts is not None:
            self._add_file(link, target, library_name(facts), keep=in_site_packages)
        elif not self._is_directory(target):
            self._drop(Code.FOREIGN_LINK, link, "it leads to a file of another package")
        elif in_site_packages and not f"{link}/".startswith(f"{target}/"):
            for path, below in self._below(target):
                self._copy(path, f"{link}/{below}")
        else:
            self._drop(Code.SYMLINK, link, "it leads to a directory, whose files are in the wheel once")

    def _add_file(self, link: str, target: str, soname: str | None, *, keep: bool) -> None:
        directory, name = posixpath.split(link)
        beside = directory == posixpath.dirname(target)
        if keep or soname is None:
            self._copy(target, link)
        elif name == soname and beside and target not in self.renamed:
            self.renamed[target] = link
        elif name == soname or not self._has_soname(target, soname):
            self._copy(target, link)
        else:
            self._drop(Code.SYMLINK, link, f"the library is kept as {soname}")

    def _has_soname(self, target: str, soname: str) -> bool:
        """Whether a library lies, by itself or by a link beside it, where the loader looks for it."""
        wanted = posixpath.join(posixpath.dirname(target), soname)
        return wanted == target or wanted in self.survey.symlinks

    def _copy(self, path: str, name: str) -> None:
        """A link costs a package nothing and a wheel a whole file, so copies are bounded like a package's own files."""
        self.copies.setdefault(path, []).append(name)
        self.count += 1
        self.size += self.survey.files[path].member.size
        if self.count > DEFAULT_LIMITS.members or self.size > DEFAULT_LIMITS.total_size:
            raise InvalidInput(
                Code.LIMIT,
                f"its links stand for {self.count} files of {self.size} bytes and more; "
                "see limits members and total_size",
            )

    def _is_directory(self, path: str) -> bool:
        return path in self._empty or next(self._below(path), None) is not None

    def _below(self, directory: str) -> Iterator[tuple[str, str]]:
        """`(real path, path below the directory)` of the files in a directory, links to files among them."""
        start = f"{directory}/"
        for place in range(bisect_left(self._names, start), len(self._names)):
            name = self._names[place]
            if not name.startswith(start):
                break
            yield self._ends[name], name.removeprefix(start)

    @cached_property
    def _names(self) -> list[str]:
        return sorted(self._ends)

    @cached_property
    def _ends(self) -> Mapping[str, str]:
        """Every name of a file -> its real path."""
        ends = {path: path for path in self.survey.files}
        for link in self.survey.symlinks:
            if (target := resolve(link, self.survey)) in self.survey.files and target is not None:
                ends[link] = target
        return ends

    @cached_property
    def _empty(self) -> frozenset[str]:
        return frozenset(self.survey.empty_directories)

    def _drop(self, code: Code, link: str, why: str) -> None:
        self.losses.append(Loss(code, link, f"link to {self.survey.symlinks[link]} dropped: {why}"))


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
        path = posixpath.normpath(posixpath.join(posixpath.dirname(prefix), survey.symlinks[prefix], rest))
    return None


def library_name(facts: FileFacts) -> str | None:
    """The name under which a loader asks for a shared library; None for any other file."""
    if facts.elf is not None and facts.elf.interpreter is None:
        return facts.elf.soname
    if facts.macho is not None and facts.macho.install_name is not None:
        return posixpath.basename(facts.macho.install_name)
    return None


def _first_link(path: str, survey: Survey) -> tuple[str, str] | None:
    end = 0
    while end < len(path):
        end = path.find("/", end + 1)
        if end < 0:
            end = len(path)
        if path[:end] in survey.symlinks:
            return path[:end], path[end + 1 :]
    return None
