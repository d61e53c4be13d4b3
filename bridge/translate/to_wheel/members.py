"""Where each payload file goes in the wheel, layout by layout (design, section 6)."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bridge.errors import Code, Unrepresentable
from bridge.model.conda import FileMode, PathEntry
from bridge.model.payload import FileFacts, Nature
from bridge.model.plan import Edit, FromPayload, Layout, Loss, PlannedFile, ShebangEdit
from bridge.translate.to_wheel.links import LinkPlan
from bridge.translate.to_wheel.places import Area, place_of
from bridge.translate.to_wheel.prefixes import (
    binary_edits,
    has_prefix,
    kept_binary,
    python_shebang,
    text_edits,
)
from bridge.translate.to_wheel.project import Project
from bridge.translate.to_wheel.request import SHARED_ROOT, Request
from bridge.translate.to_wheel.scripts import ScriptKind, classify_script

#: Written by whoever installed the project into the build prefix; a wheel must not carry them (PEP 376, PEP 610).
_INSTALLER_FILES: Final = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "RECORD.jws", "RECORD.p7s"})
#: What setuptools keeps for itself beside PKG-INFO.
_EGG_FILES: Final = frozenset(
    {"SOURCES.txt", "not-zip-safe", "zip-safe", "dependency_links.txt", "requires.txt", "installed-files.txt"}
    | {"native_libs.txt", "PKG-INFO"}
)
#: Rewritten by the bridge.
_REWRITTEN: Final = frozenset({"METADATA", "WHEEL", "entry_points.txt"})
#: Python runs these by itself when it starts (`site` module).
_AUTORUN: Final = ("sitecustomize.py", "usercustomize.py")


@dataclass(frozen=True, slots=True)
class Members:
    """The payload's share of a wheel."""

    files: tuple[PlannedFile, ...]
    #: payload paths whose bytes are not in the wheel as they are; kept aside for the way back.
    set_aside: tuple[str, ...]
    #: payload path -> member, where the name changed beyond the layout's rule (a library kept under its SONAME).
    renamed: Mapping[str, str]
    losses: tuple[Loss, ...]


@dataclass(slots=True)
class _Collector:
    files: list[PlannedFile]
    set_aside: list[str]
    losses: list[Loss]


#: Edits that a layout adds to a native file, given its payload path; () leaves it alone.
NativeEdits = Callable[[str, FileFacts], tuple[Edit, ...]]


def mirror_root(layout: Layout, escaped_name: str) -> str:
    """The directory in site-packages under which a layout mirrors the prefix; `prefix` has none."""
    return SHARED_ROOT if layout is Layout.SHARED else f"{escaped_name}.libs"


class MemberPlanner:
    """Maps one payload into a wheel."""

    def __init__(self, request: Request, project: Project, links: LinkPlan, stem: str, native: NativeEdits) -> None:
        """Prepare.

        Args:
            stem: `{escaped name}-{version}`, the first half of `.data` and `.dist-info`.
            native: the layout's own edits of binaries.
        """
        self._request = request
        self._project = project
        self._links = links
        self._stem = stem
        self._native = native
        self._layout = request.options.layout
        self._root = mirror_root(self._layout, stem.partition("-")[0])
        self._entries: Mapping[str, PathEntry] = {entry.path: entry for entry in request.metadata.paths}
        self._values = request.tables.note(request.index.name).prefix_values
        self._scripted = project.entry_points

    def plan(self) -> Members:
        """Place every file.

        Raises:
            Unrepresentable: two files would share a member name (`CB309`), or an edit does not fit (`CB304`).
        """
        out = _Collector([], [], list(self._links.losses))
        off_path: list[str] = []
        for path in self._request.survey.order:
            facts = self._request.survey.files[path]
            for name in self._names(path):
                target, script, dropped = self._target(path, name, facts, out)
                if dropped:
                    if self._layout is not Layout.VENDORED:
                        out.set_aside.append(path)
                    continue
                if target.startswith(f"{self._root}/") and posixpath.basename(posixpath.dirname(name)) == "bin":
                    off_path.append(posixpath.basename(name))
                self._add(path, target, facts, script, out)
        if off_path:
            detail = f"not on PATH in this layout: {', '.join(sorted(set(off_path)))}"
            out.losses.append(Loss(Code.PATH_EXECUTABLE, "bin", detail))
        self._refuse_collisions(out.files)
        renamed = {path: name for path, name in self._links.renamed.items() if path in self._request.survey.files}
        return Members(tuple(out.files), tuple(dict.fromkeys(out.set_aside)), renamed, tuple(out.losses))

    def _names(self, path: str) -> Iterator[str]:
        """The prefix paths under which a file is needed: its own or its SONAME's, and copies for links."""
        yield self._links.renamed.get(path, path)
        yield from self._links.copies.get(path, ())

    def _target(self, path: str, name: str, facts: FileFacts, out: _Collector) -> tuple[str, bool, bool]:
        """`(member name, is a script for Python, dropped)`."""
        place = place_of(name, self._request.index.noarch)
        if place.area is Area.SITE_PACKAGES:
            return self._site_packages(path, place.relative, out)
        if place.area is Area.SCRIPTS:
            script = classify_script(name, place.relative, facts, self._scripted)
            if script.loss is not None:
                out.losses.append(script.loss)
            if script.kind is ScriptKind.ENTRY_POINT:
                return "", False, True
            if script.kind is ScriptKind.PYTHON:
                return f"{self._stem}.data/scripts/{place.relative}", True, False
            if script.kind is ScriptKind.TEXT and self._project.python and self._layout is not Layout.PREFIX:
                return f"{self._stem}.data/scripts/{place.relative}", False, False
        return self._outside(name, facts), False, False

    def _site_packages(self, path: str, relative: str, out: _Collector) -> tuple[str, bool, bool]:
        directory, _, rest = relative.partition("/")
        if directory == self._project.info_directory:
            if rest in _INSTALLER_FILES or rest in _REWRITTEN or (directory.endswith(".egg-info") and rest in _EGG_FILES | {""}):
                return "", False, True
            return f"{self._stem}.dist-info/{rest}", False, False
        if relative.endswith(".pyc") and self._layout is Layout.VENDORED and self._has_source(path):
            return "", False, True
        if relative in _AUTORUN or (not rest and relative.endswith(".pth")):
            out.losses.append(Loss(Code.EXECUTABLE_METADATA, path, "Python runs this file whenever it starts"))
        return relative, False, False

    def _has_source(self, path: str) -> bool:
        directory, name = posixpath.split(path)
        source = posixpath.join(posixpath.dirname(directory), name.partition(".")[0] + ".py")
        return posixpath.basename(directory) == "__pycache__" and source in self._request.survey.files

    def _outside(self, name: str, facts: FileFacts) -> str:
        """A file outside site-packages that is no Python script."""
        if self._layout is Layout.PREFIX:
            return f"{self._stem}.data/data/{name}"
        native = facts.nature in (Nature.ELF, Nature.MACHO, Nature.PE) or name.startswith("lib/")
        if self._project.python and not native:
            return f"{self._stem}.data/data/{name}"
        return f"{self._root}/{name}"

    def _add(self, path: str, target: str, facts: FileFacts, script: bool, out: _Collector) -> None:
        edits = self._edits(path, facts, script, out)
        out.files.append(
            PlannedFile(
                target=target,
                source=FromPayload(path),
                executable=bool(facts.member.mode & 0o111),
                edits=edits,
                sha256=None if edits else facts.sha256,
                size=None if edits else facts.member.size,
            )
        )
        if edits and facts.content is not None and self._layout is not Layout.VENDORED:
            out.set_aside.append(path)

    def _edits(
        self, path: str, facts: FileFacts, script: bool, out: _Collector
    ) -> tuple[Edit, ...]:
        edits: list[Edit] = []
        entry = self._entries.get(path)
        content = facts.content or b""
        if script and (line := python_shebang(content)) is not None:
            edits.append(ShebangEdit(line))
            content = content.partition(b"\n")[2]
        if entry is not None and has_prefix(entry, FileMode.TEXT):
            placeholder = entry.prefix_placeholder or ""
            if placeholder.encode() in content:
                more, loss = text_edits(path, content, placeholder)
                edits.extend(more)
                out.losses.append(loss)
        elif entry is not None and has_prefix(entry, FileMode.BINARY) and facts.occurrences:
            if self._layout is Layout.PREFIX:
                out.losses.append(kept_binary(entry))
            else:
                more, loss = binary_edits(facts, entry, self._values)
                edits.extend(more)
                out.losses.append(loss)
        edits.extend(self._native(path, facts))
        return tuple(edits)

    def _refuse_collisions(self, files: list[PlannedFile]) -> None:
        seen: dict[str, PlannedFile] = {}
        for planned in files:
            if (other := seen.setdefault(planned.target, planned)) is not planned:
                raise Unrepresentable(
                    Code.COLLISION,
                    f"{_source(other)} and {_source(planned)} would both become {planned.target}",
                    subject=self._request.origin.filename,
                )


def _source(planned: PlannedFile) -> str:
    return planned.source.path if isinstance(planned.source, FromPayload) else planned.target
