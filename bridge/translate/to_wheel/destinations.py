"""Where in a wheel a file of a conda prefix belongs, layout by layout (design, section 6)."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from enum import Enum
from typing import Final

from bridge.errors import Code, InvalidInput
from bridge.model.conda import Noarch
from bridge.model.payload import FileFacts, Nature
from bridge.model.plan import Layout, Loss
from bridge.translate.to_wheel.places import Area, Place, place_of
from bridge.translate.to_wheel.project import Project
from bridge.translate.to_wheel.request import SHARED_ROOT, Request
from bridge.translate.to_wheel.scripts import ScriptKind, classify_script

#: Written by whoever installed the project into the build prefix; a wheel must not carry them (PEP 376, PEP 610).
_INSTALLER_FILES: Final = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "RECORD.jws", "RECORD.p7s"})
#: Rewritten by the bridge.
_REWRITTEN: Final = frozenset({"METADATA", "WHEEL", "entry_points.txt", "variant.json"})
#: What these hold at the root of a wheel is for the installer: metadata of the one project, and files for any place of
#: an environment, programs among them.
_INSTALLERS_OWN: Final = (".dist-info", ".data")
#: What setuptools keeps for itself in an `.egg-info`; the empty name is an `.egg-info` that is a file.
_EGG_FILES: Final = frozenset(
    {"", "PKG-INFO", "SOURCES.txt", "not-zip-safe", "zip-safe", "dependency_links.txt", "requires.txt"}
    | {"installed-files.txt", "native_libs.txt"}
)
#: Python runs these by itself when it starts (`site` module).
_AUTORUN: Final = ("sitecustomize.py", "usercustomize.py")


class Dropped(Enum):
    """Why a file has no place in the wheel: who makes it again."""

    METADATA = "the installer and the bridge write the metadata"
    COMPILED = "Python compiles its modules itself"
    PROGRAM = "the installer makes a program of each entry point"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where one file goes: a member of the wheel, or nowhere."""

    member: str | None = None
    #: where `member` is None.
    dropped: Dropped | None = None
    #: installers put their own interpreter into the first line (`.data/scripts`, PEP 427).
    script: bool = False
    loss: Loss | None = None


def mirror_root(layout: Layout, escaped_name: str) -> str:
    """The directory in site-packages under which a layout mirrors the prefix; `prefix` has none."""
    return SHARED_ROOT if layout is Layout.SHARED else f"{escaped_name}.libs"


class Destinations:
    """The places of one wheel."""

    def __init__(self, request: Request, project: Project, stem: str) -> None:
        """Prepare.

        Args:
            stem: `{escaped name}-{version}`, the first half of `.data` and `.dist-info`.
        """
        self._request = request
        self._project = project
        self._stem = stem
        self._layout = request.options.layout
        own = project.metadata
        self._license_files = frozenset[str]() if own is None else frozenset(own.license_files)
        self.root = mirror_root(self._layout, stem.partition("-")[0])

    def of(self, name: str, facts: FileFacts) -> Destination:
        """The destination of the file `name` of the prefix.

        Raises:
            Unrepresentable: it would replace the interpreter (`CB312`).
            InvalidInput: an installer would take it for something else than a file in site-packages (`CB121`).
        """
        place = place_of(name, self._request.index.noarch)
        match place.area:
            case Area.SITE_PACKAGES:
                return self._in_site_packages(name, place.relative)
            case Area.SCRIPTS:
                return self._program(name, place, facts)
            case Area.PREFIX:
                return Destination(self._outside(name, facts))

    def installed(self, member: str) -> str:
        """A name that two members share where an installer would put them into one place."""
        scripts = f"{self._stem}.data/scripts/"
        if member.startswith(scripts):
            return f"{self._stem}.data/data/bin/{member.removeprefix(scripts)}"
        return member

    def programs(self) -> tuple[str, ...]:
        """What installers make of the entry points, in the terms of `installed`."""
        groups = self._project.entry_points
        names = (*groups.get("console_scripts", {}), *groups.get("gui_scripts", {}))
        return tuple(self.installed(f"{self._stem}.data/scripts/{name}") for name in names)

    def _program(self, name: str, place: Place, facts: FileFacts) -> Destination:
        script = classify_script(name, place.relative, facts, self._project.entry_points)
        on_path = f"{self._stem}.data/scripts/{place.relative}"
        if script.kind is ScriptKind.ENTRY_POINT:
            return Destination(dropped=Dropped.PROGRAM, loss=script.loss)
        if script.kind is ScriptKind.PYTHON:
            return Destination(on_path, script=True)
        # No prefix has `python-scripts/`; conda moves its files to where programs are.
        moved = self._request.index.noarch is Noarch.PYTHON and name.startswith("python-scripts/")
        text = script.kind is ScriptKind.TEXT and self._project.python and self._layout is not Layout.PREFIX
        return Destination(on_path if moved or text else self._outside(name, facts))

    def _in_site_packages(self, name: str, relative: str) -> Destination:
        directory, _, rest = relative.partition("/")
        if directory in self._project.superseded:
            return Destination(dropped=Dropped.METADATA)
        if directory == self._project.info_directory:
            return self._in_own_metadata(rest, egg=directory.endswith(".egg-info"))
        if directory.casefold().endswith(_INSTALLERS_OWN):
            raise InvalidInput(
                Code.BAD_DIST_INFO,
                "installers would not put the file there: such a directory holds a project's METADATA, "
                "or tells them what to put elsewhere",
                subject=self._request.origin.filename,
                field=name,
            )
        if relative.endswith(".pyc") and self._layout is Layout.VENDORED and self._has_source(name):
            return Destination(dropped=Dropped.COMPILED)
        loss = None
        if relative in _AUTORUN or (not rest and relative.endswith(".pth")):
            loss = Loss(Code.EXECUTABLE_METADATA, name, "Python runs this file whenever it starts")
        return Destination(relative, loss=loss)

    def _in_own_metadata(self, rest: str, *, egg: bool) -> Destination:
        if rest in _INSTALLER_FILES | _REWRITTEN or (egg and rest in _EGG_FILES):
            return Destination(dropped=Dropped.METADATA)
        if rest in self._license_files:  # PEP 639 moved them; older metadata has them beside METADATA
            rest = f"licenses/{rest}"
        return Destination(f"{self._stem}.dist-info/{rest}")

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
        return f"{self.root}/{name}"
