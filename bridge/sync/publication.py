"""Bringing a tree from what it was to what the ledger says, so that at every instant each page is whole and true.

First come the files that nothing lists yet, then pages of projects and repodata, then root pages; what is taken away
goes in the other order. Each step may be done again, so a publication that was interrupted is finished by doing all of
it again: the parts concerned stand in the ledger's journal until the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from bridge.errors import Code, InvalidInput
from bridge.sync.destination import Destination
from bridge.sync.ledger import Ledger, Published
from bridge.sync.settlement import Settlement, part_of_subdir, project_of, subdir_of
from bridge.sync.task import waiting_name
from bridge.sync.tree import PAGES, Content, PartTree, project_tree, root_tree, subdir_tree

#: where finished files wait, in the private place of a destination.
WAITING: Final = "waiting"
#: the part that the root pages are.
_ROOT: Final = "root"
_NOARCH: Final = "noarch"


@dataclass(frozen=True, slots=True)
class Changes:
    """What a publication did to the tree; paths, sorted."""

    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def publish(ledger: Ledger, settlement: Settlement, destination: Destination, private: Path, title: str) -> Changes:
    """Publish the parts in the journal.

    Args:
        ledger: says what is published, and which parts changed.
        settlement: of everything in the ledger.
        destination: opened by the caller.
        private: its private place; files wait in `waiting/`, by digest.
        title: of the root page.

    Returns:
        What changed. Nothing is asked of the destination where the journal is empty.

    Raises:
        Unsupported: something is in the way (`CB322`), or there is no space left (`CB342`). Every page is whole; the
            next run goes on.
    """
    parts = list(ledger.disturbed())
    if not parts:
        return Changes()
    if any(subdir_of(part) for part in parts):
        # Clients want one, be it empty (CEP 26).
        parts = sorted({*parts, part_of_subdir(_NOARCH)})
    steps = _Steps(ledger, destination, private / WAITING)
    trees = [(part, _tree(part, settlement)) for part in parts]
    for part, tree in trees:
        steps.place(part, tree, anew=True)
    for part, tree in trees:
        steps.place(part, tree, anew=False)
        steps.write(part, tree.pages)
    if any(project_of(part) for part in parts):
        projects = [project for part in settlement.offers if (project := project_of(part)) is not None]
        steps.write(_ROOT, root_tree(projects, title))
    for part, tree in trees:
        steps.remove_rest(part, tree)
    with ledger.transaction():
        ledger.settle(steps.removed, steps.published)
    destination.settled()
    return Changes(tuple(sorted(steps.written)), tuple(sorted(steps.removed)))


def _tree(part: str, settlement: Settlement) -> PartTree:
    offers = settlement.offers.get(part, ())
    if (subdir := subdir_of(part)) is not None:
        return subdir_tree(subdir, offers)
    return project_tree(project_of(part) or part, offers, settlement.variants.get(part, ()))


class _Steps:
    """The steps of one publication, and what they did."""

    def __init__(self, ledger: Ledger, destination: Destination, waiting: Path) -> None:
        self._destination = destination
        self._waiting = waiting
        self._before = ledger.published()
        self.published: list[Published] = []
        self.written: list[str] = []
        self.removed: list[str] = []

    def place(self, part: str, tree: PartTree, *, anew: bool) -> None:
        """Put the files of a part in their places: those with a new name, or those that replace others."""
        for path, content in tree.contents.items():
            before = self._before.get(str(path))
            if (before is None) is not anew:
                continue
            there = self._destination.size(path)
            if before is None or (before.sha256, before.size) != (content.product, there):
                self._place(path, content)
                self.written.append(str(path))
                there = self._destination.size(path)
            self.published.append(Published(str(path), part, content.product, there or 0))

    def _place(self, path: PurePosixPath, content: Content) -> None:
        waiting = self._waiting / waiting_name(content.product, content.filename)
        if waiting.is_file():
            self._destination.place(path, waiting)
            return
        # A run that was killed may have put it there.
        there = self._destination.size(path)
        if there is None or content.size not in (None, there):
            message = "the ledger has it, and it is neither published nor waiting"
            raise InvalidInput(Code.UNREADABLE, message, subject=str(path))

    def write(self, part: str, pages: Mapping[PurePosixPath, bytes]) -> None:
        """Write the pages that are not as they should be, in their order."""
        for path, content in pages.items():
            sha256 = hashlib.sha256(content).hexdigest()
            before = self._before.get(str(path))
            if before is None or before.sha256 != sha256 or self._destination.size(path) != len(content):
                self._destination.write(path, content)
                self.written.append(str(path))
            self.published.append(Published(str(path), part, sha256, len(content)))

    def remove_rest(self, part: str, tree: PartTree) -> None:
        """Take away what a part had and has no longer: pages first, then what they listed."""
        wanted = {str(path) for path in (*tree.contents, *tree.pages)}
        rest = [path for path, each in self._before.items() if each.part == part and path not in wanted]
        for path in sorted(rest, key=lambda path: (not path.startswith(PAGES), path)):
            self._destination.remove(PurePosixPath(path))
            self.removed.append(path)
