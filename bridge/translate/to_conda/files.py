"""Every file of a conda package: the wheel's members in their places, programs, and a true RECORD."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.formats.conda.paths import PathLedger
from bridge.formats.wheel.entry_points import parse_reference
from bridge.formats.wheel.tree import DATA_SUFFIX, destination
from bridge.limits import DEFAULT_LIMITS
from bridge.mapping.conda_target import CondaTarget
from bridge.model.conda_plan import CondaFile, FromWheel
from bridge.model.payload import FileFacts, Nature
from bridge.model.plan import Literal, Loss
from bridge.translate.to_conda.hostile import refuse_place, refuse_windows_name
from bridge.translate.to_conda.places import CondaPlaces, for_windows, places_of
from bridge.translate.to_conda.record import INSTALLER, OTHERS, SIGNATURES, record_of
from bridge.translate.to_conda.request import CondaRequest
from bridge.translate.to_conda.scripts import PLACEHOLDER, for_python, with_interpreter, wrapper

_EXECUTABLE: Final = 0o755
#: how setuptools once called what it generated for an entry point.
_LAUNCHER: Final = re.compile(r"(?:-script\.pyw?|\.exe)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CondaFiles:
    """The payload of one package."""

    #: sorted by path.
    files: tuple[CondaFile, ...]
    #: `name = module:attribute` of the programs that installers make, sorted; only of noarch python.
    entry_points: tuple[str, ...]
    losses: tuple[Loss, ...]
    places: CondaPlaces


def place_files(request: CondaRequest, target: CondaTarget) -> CondaFiles:
    """Put everything that an installer of wheels would install where conda wants it.

    Raises:
        Unrepresentable: `CB309`, two files for one place, or a place that belongs to conda; `CB330`, conda would
            execute the file; `CB331`, a name that Windows lacks; `CB333`, a script too large to be rewritten.
    """
    return _FilePlanner(request, target).plan()


def programs_of(request: CondaRequest) -> Mapping[str, str]:
    """The programs that installers make of entry points: name -> `module:attribute [extras]`, sorted by name."""
    groups = request.metadata.entry_points
    # Of a name in both groups, the console program is the one that installers make last.
    return dict(sorted({**groups.get("gui_scripts", {}), **groups.get("console_scripts", {})}.items()))


class _FilePlanner:
    def __init__(self, request: CondaRequest, target: CondaTarget) -> None:
        self._request = request
        self._target = target
        self._subject = request.origin.filename
        self._places = places_of(target, request.metadata.core.name)
        self._dist_info = request.metadata.dist_info
        self._data = self._dist_info.removesuffix(".dist-info") + DATA_SUFFIX
        self._programs = programs_of(request)
        self._files: dict[str, CondaFile] = {}
        self._ledger = PathLedger(subject=self._subject, subdir=target.subdir, limits=DEFAULT_LIMITS)
        self._losses: list[Loss] = []

    def plan(self) -> CondaFiles:
        left_out = {f"{self._dist_info}/{name}" for name in (*OTHERS, *SIGNATURES)}
        for member, facts in self._request.survey.survey.files.items():
            if member not in left_out:
                self._member(member, facts)
            elif member.rpartition("/")[2] in SIGNATURES:
                detail = "it signs the wheel's RECORD; the package has another one"
                self._losses.append(Loss(Code.WHEEL_SIGNATURE, member, detail))
        self._write_entry_points()
        self._metadata()
        self._losses.extend(self._windows_losses())
        files = sorted(self._files.values(), key=lambda file: file.path)
        return CondaFiles(tuple(files), self._linked_entry_points(), tuple(self._losses), self._places)

    def _member(self, member: str, facts: FileFacts) -> None:
        scheme, place = destination(member, self._data)
        path = self._places.path(scheme, place)
        program = self._shadowing(scheme, place, path)
        if program is not None:
            detail = f"the entry point {program} = {self._programs[program]} takes the place of this file"
            self._losses.append(Loss(Code.SHADOWED_SCRIPT, member, detail))
            return
        refuse_place(path, member, moved=self._target.linked and scheme == "data", subject=self._subject)
        if for_windows(self._target):
            refuse_windows_name(path, member, subject=self._subject)
        self._add(self._file(member, facts, scheme, path), member)

    def _shadowing(self, scheme: str, place: str, path: str) -> str | None:
        """The entry point that installers write over a file, or that the file was once generated for."""
        if scheme == "scripts" and "/" not in place:
            program = _LAUNCHER.sub("", place)
        elif scheme == "data" and posixpath.dirname(path) == self._places.programs:
            program = posixpath.basename(path)
        else:
            return None
        return program if program in self._programs else None

    def _file(self, member: str, facts: FileFacts, scheme: str, path: str) -> CondaFile:
        if scheme != "scripts":
            return CondaFile(path, FromWheel(member), facts.member.mode, facts.sha256)
        if facts.nature is Nature.SCRIPT:
            if facts.content is None:
                message = "the script is too large for its first line to be rewritten"
                raise Unrepresentable(Code.LARGE_SCRIPT, message, subject=self._subject, field=member)
            if for_python(facts.content):
                data = with_interpreter(facts.content, self._places)
                return CondaFile(path, Literal(data), _EXECUTABLE, placeholder=PLACEHOLDER)
        # Installers make everything executable that lies there.
        return CondaFile(path, FromWheel(member), _EXECUTABLE, facts.sha256)

    def _write_entry_points(self) -> None:
        """The programs themselves, where no installer makes them."""
        for name, text in self._programs.items():
            origin = f"the entry point {name}"
            if self._target.linked:
                self._claim(f"{self._places.programs}/{name}", origin)
                continue
            data = wrapper(parse_reference(text, self._subject), self._places)
            path = f"{self._places.scripts}/{name}"
            self._add(CondaFile(path, Literal(data), _EXECUTABLE, placeholder=PLACEHOLDER), origin)

    def _linked_entry_points(self) -> tuple[str, ...]:
        if not self._target.linked:
            return ()
        references = {name: parse_reference(text, self._subject) for name, text in self._programs.items()}
        return tuple(f"{name} = {each.module}:{each.attribute}" for name, each in references.items())

    def _metadata(self) -> None:
        """INSTALLER and RECORD, which an installer writes."""
        directory = f"{self._places.site_packages}/{self._dist_info}"
        self._add(CondaFile(f"{directory}/INSTALLER", Literal(INSTALLER)), "INSTALLER")
        record = f"{directory}/RECORD"
        sizes = {name: facts.member.size for name, facts in self._request.survey.survey.files.items()}
        content = record_of(self._files.values(), sizes, self._places.site_packages, record, linked=self._target.linked)
        self._add(CondaFile(record, Literal(content)), "RECORD")

    def _add(self, file: CondaFile, origin: str) -> None:
        self._claim(self._places.installed(file.path), origin)
        self._files[file.path] = file

    def _claim(self, place: str, origin: str) -> None:
        """Take the place where a file ends up, which need not be its path in the package."""
        try:
            self._ledger.add_file(place)
        except InvalidInput as error:
            if error.code is Code.LIMIT:
                raise
            message = f"{origin} is in the way of another file: {error.message}"
            raise Unrepresentable(Code.COLLISION, message, subject=self._subject, field=origin) from error

    def _windows_losses(self) -> Iterator[Loss]:
        if not for_windows(self._target):
            return
        groups = self._request.metadata.entry_points
        for name in sorted(groups.get("gui_scripts", {}).keys() - groups.get("console_scripts", {}).keys()):
            yield Loss(Code.LAUNCHER, name, "a program without a console; conda shows one on Windows")
        for file in self._files.values():
            if file.placeholder is not None and not file.path.casefold().endswith((".py", ".pyw")):
                name = posixpath.basename(file.path)
                yield Loss(Code.LAUNCHER, name, "a script that Windows does not start by its name")
