"""The payload's share of a wheel: every file with its place and its edits."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from bridge.errors import Code, Unrepresentable
from bridge.model.conda import FileMode, Noarch, PathEntry
from bridge.model.payload import FileFacts
from bridge.model.plan import Edit, FromPayload, Layout, Loss, PlannedFile, ShebangEdit
from bridge.translate.to_wheel.destinations import Destination, Destinations, Dropped
from bridge.translate.to_wheel.links import LinkPlan
from bridge.translate.to_wheel.places import Area, place_of
from bridge.translate.to_wheel.prefixes import (
    binary_edits,
    has_prefix,
    kept_binary,
    python_shebang,
    text_edits,
    unread_text,
)
from bridge.translate.to_wheel.request import Request


@dataclass(frozen=True, slots=True)
class Members:
    """The payload's share of a wheel."""

    files: tuple[PlannedFile, ...]
    #: payload paths whose bytes are not in the wheel as they are; kept aside for the way back.
    set_aside: tuple[str, ...]
    losses: tuple[Loss, ...]


#: Edits that a layout adds to a native file: prefix path, facts, entry in paths.json; () leaves it alone.
NativeEdits = Callable[[str, FileFacts, PathEntry | None], tuple[Edit, ...]]


@dataclass(slots=True)
class _Collector:
    losses: list[Loss]
    files: list[PlannedFile] = field(default_factory=list)
    set_aside: dict[str, None] = field(default_factory=dict)
    dropped: defaultdict[Dropped, list[str]] = field(default_factory=lambda: defaultdict(list))


class MemberPlanner:
    """Maps one payload into a wheel."""

    def __init__(self, request: Request, destinations: Destinations, links: LinkPlan, native: NativeEdits) -> None:
        self._request = request
        self._destinations = destinations
        self._links = links
        self._native = native
        self._layout = request.options.layout
        self._entries: Mapping[str, PathEntry] = {entry.path: entry for entry in request.metadata.paths}
        self._values = request.tables.note(request.index.name).prefix_values

    def plan(self) -> Members:
        """Place every file.

        Raises:
            Unrepresentable: two files would share a place (`CB309`), an edit does not fit (`CB304`, `CB321`), or a file
                would replace the interpreter (`CB312`).
        """
        out = _Collector(list(self._links.losses))
        for path in self._request.survey.order:
            facts = self._request.survey.files[path]
            for name in self._names(path):
                self._place(path, name, facts, out)
        self._refuse_collisions(out.files)
        out.losses.extend(self._off_path(out.files))
        if self._layout is Layout.VENDORED:
            out.losses.extend(_regenerated(out.dropped))
            return Members(tuple(out.files), (), tuple(out.losses))
        return Members(tuple(out.files), tuple(out.set_aside), tuple(out.losses))

    def _names(self, path: str) -> Iterator[str]:
        """The prefix paths under which a file is needed: its own or its SONAME's, and copies for links."""
        yield self._links.renamed.get(path, path)
        yield from self._links.copies.get(path, ())

    def _place(self, path: str, name: str, facts: FileFacts, out: _Collector) -> None:
        destination = self._destinations.of(name, facts)
        if destination.loss is not None:
            out.losses.append(destination.loss)
        if destination.dropped is not None:
            out.dropped[destination.dropped].append(name)
            out.set_aside.setdefault(path)
        if destination.member is None:
            return
        edits = self._edits(path, name, facts, destination, out)
        if edits and facts.content is not None:  # text, whose edits cannot be taken back
            out.set_aside.setdefault(path)
        out.files.append(
            PlannedFile(
                target=destination.member,
                source=FromPayload(path),
                executable=bool(facts.member.mode & 0o111),
                edits=edits,
                sha256=None if edits else facts.sha256,
                size=None if edits else facts.member.size,
            )
        )

    def _edits(
        self, path: str, name: str, facts: FileFacts, destination: Destination, out: _Collector
    ) -> tuple[Edit, ...]:
        edits: list[Edit] = []
        content = facts.content or b""
        if destination.script and (line := python_shebang(content)) is not None:
            edits.append(ShebangEdit(line))
            content = content.partition(b"\n")[2]
        entry = self._entries.get(path)
        if entry is not None:
            more, loss = self._prefix_edits(entry, name, facts, content)
            edits.extend(more)
            if loss is not None:
                out.losses.append(loss)
        edits.extend(self._native(name, facts, entry))
        return tuple(edits)

    def _prefix_edits(
        self, entry: PathEntry, name: str, facts: FileFacts, content: bytes
    ) -> tuple[tuple[Edit, ...], Loss | None]:
        if has_prefix(entry, FileMode.TEXT):
            if facts.content is None:
                return (), unread_text(entry)
            placeholder = entry.prefix_placeholder or ""
            if placeholder.encode() not in content:
                return (), None
            return text_edits(name, content, placeholder, up=self._way_up(name))
        if has_prefix(entry, FileMode.BINARY) and facts.occurrences:
            if self._layout is Layout.PREFIX:
                return (), kept_binary(entry)
            return binary_edits(facts, entry, self._values)
        return (), None

    def _way_up(self, name: str) -> str | None:
        """From a file's directory to the prefix; None where that depends on the Python or the layout."""
        index = self._request.index
        in_site_packages = place_of(name, index.noarch).area is Area.SITE_PACKAGES
        if in_site_packages and (index.noarch is Noarch.PYTHON or self._layout is not Layout.PREFIX):
            return None
        return "/".join([".."] * name.count("/"))

    def _off_path(self, files: list[PlannedFile]) -> Iterator[Loss]:
        mirrored = (item.target for item in files if item.target.startswith(f"{self._destinations.root}/"))
        programs = {
            posixpath.basename(name) for name in mirrored if posixpath.basename(posixpath.dirname(name)) == "bin"
        }
        if programs:
            detail = f"not on PATH in this layout: {', '.join(sorted(programs))}"
            yield Loss(Code.PATH_EXECUTABLE, "bin", detail)

    def _refuse_collisions(self, files: list[PlannedFile]) -> None:
        taken = dict.fromkeys(self._destinations.programs(), "the entry point of this name")
        for planned in files:
            place = self._destinations.installed(planned.target)
            source = planned.source.path if isinstance(planned.source, FromPayload) else planned.target
            if place in taken:
                raise Unrepresentable(
                    Code.COLLISION,
                    f"{taken[place]} and {source} would be installed to one place",
                    subject=self._request.origin.filename,
                    field=planned.target,
                )
            taken[place] = source


def _regenerated(dropped: Mapping[Dropped, list[str]]) -> Iterator[Loss]:
    """What a wheel without a way back loses with the files that others make again."""
    for reason, paths in sorted(dropped.items(), key=lambda item: item[0].name):
        names = sorted({posixpath.basename(path) for path in paths})
        shown = ", ".join(names[:8]) + (" ..." if len(names) > 8 else "")
        yield Loss(Code.REGENERATED, reason.name.lower(), f"{len(paths)} left out ({shown}): {reason.value}")
