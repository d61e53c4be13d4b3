"""One pass over a wheel in which every file is looked at once, as far as planning needs."""

from __future__ import annotations

import mmap
import tempfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.findings import Finding, pth_finding
from bridge.formats.wheel.payload import BLOCK
from bridge.formats.wheel.tree import destination, site_place
from bridge.limits import MIB
from bridge.model.payload import FileFacts, Nature, Survey
from bridge.native.inspect import HEAD_SIZE, glance, glance_size, inspect, nature

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from bridge.formats.wheel.payload import MemberReader
    from bridge.formats.wheel.reader import WheelFileReader
    from bridge.model.payload import Member
    from bridge.native.inspect import Inspection
    from bridge.native.view import Buffer

#: larger binaries are looked at in a file, smaller ones in memory.
_SPOOL_FLOOR: Final = 8 * MIB
#: a script whose first line may be rewritten; longer ones are data with a script in front.
_SCRIPT_SIZE: Final = 1 * MIB
_BINARIES: Final = frozenset({Nature.ELF, Nature.MACHO, Nature.PE})


@dataclass(frozen=True, slots=True)
class WheelSurvey:
    """What one pass over a wheel found."""

    #: paths are names in the wheel; there are no links. Content is kept of dist-info (of binaries only below
    #: `conda/info/`), of scripts with a `#!` line in the schemes `scripts` and `data` (`bin/`, `Scripts/`), and of
    #: `.pth` files in site-packages.
    survey: Survey
    #: those of the metadata, and what the content of files adds to them.
    findings: tuple[Finding, ...]


def survey_wheel(
    reader: WheelFileReader, *, essential: Container[str] | None = None, quick: bool = False
) -> WheelSurvey:
    """Look at every file of a wheel once.

    Args:
        reader: the wheel.
        essential: the binaries that must be understood, and are looked into whatever that takes; None for all. Of
            others that are damaged further in, only what their first bytes say is found.
        quick: leave it at the first bytes of everything else. What is not read is not verified, and has the SHA-256
            that RECORD says: whoever uses it has to make a whole pass later (`WheelFileReader.members`).

    Raises:
        InvalidInput: any code of `WheelFileReader.members`; `CB109`, more to keep in memory than the limits
            `metadata_size` (a file of dist-info) and `info_size` (all) allow; `CB124`, a damaged binary.
    """
    return _Surveyor(reader, essential, quick).run()


class _Surveyor:
    def __init__(self, reader: WheelFileReader, essential: Container[str] | None, quick: bool) -> None:
        self._reader = reader
        self._essential = essential
        self._quick = quick
        self._dist_info = reader.metadata().dist_info
        self._data = f"{self._dist_info.removesuffix('.dist-info')}.data"
        #: files of a conda package's own description, which are looked at like any other and still needed whole.
        self._described = f"{self._dist_info}/conda/info/"
        self._kept = 0

    def run(self) -> WheelSurvey:
        files: dict[str, FileFacts] = {}
        findings = list(self._reader.metadata().findings)
        for member, reader in self._reader.heads():
            facts = self._file(member, reader)
            files[member.path] = facts
            if self._is_pth(member.path) and facts.content is not None:
                finding = pth_finding(member.path, facts.content)
                findings += [] if finding is None else [finding]
        survey = Survey(
            files=files, symlinks={}, empty_directories=self._reader.empty_directories(), order=tuple(files)
        )
        return WheelSurvey(survey, tuple(findings))

    def _file(self, member: Member, reader: MemberReader) -> FileFacts:
        head = reader.read(min(HEAD_SIZE, member.size))
        found = nature(head)
        if found in _BINARIES:
            return self._binary(member, head, reader)
        if self._is_wanted(member, found):
            return self._kept_whole(member, head, reader, found)
        return FileFacts(member, self._digest(reader), found)

    def _digest(self, reader: MemberReader) -> bytes:
        """The SHA-256 of a member of which no more is needed."""
        if self._quick and reader.recorded is not None:
            return reader.recorded
        reader.drain()
        return reader.sha256

    def _binary(self, member: Member, head: bytes, reader: MemberReader) -> FileFacts:
        if member.path.startswith(self._described):
            kept = self._kept_whole(member, head, reader, Nature.OTHER)
            return replace(self._inspected(member, kept.content or b"", reader), content=kept.content)
        wanted = glance_size(head)
        if self._quick and wanted is not None and not self._is_essential(member):
            start = head + reader.read(max(0, wanted - len(head)))
            return self._understood(member, start, reader, glance)
        if member.size <= _SPOOL_FLOOR:
            return self._inspected(member, head + reader.read(), reader)
        with tempfile.TemporaryFile() as file:
            file.write(head)
            while block := reader.read1(BLOCK):
                file.write(block)
            file.flush()
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
                return self._inspected(member, view, reader)

    def _is_essential(self, member: Member) -> bool:
        return self._essential is None or member.path in self._essential

    def _inspected(self, member: Member, data: Buffer, reader: MemberReader) -> FileFacts:
        """The facts of a binary that was read whole."""
        try:
            return self._understood(member, data, reader, inspect)
        except InvalidInput:
            wanted = glance_size(bytes(data[:HEAD_SIZE]))
            if wanted is None or self._is_essential(member):
                raise
            return self._understood(member, data[:wanted], reader, glance)

    def _understood(
        self, member: Member, data: Buffer, reader: MemberReader, how: Callable[[Buffer], Inspection]
    ) -> FileFacts:
        try:
            found = how(data)
        except InvalidInput as error:
            raise InvalidInput(error.code, error.message, subject=self._reader.subject, field=member.path) from error
        return FileFacts(member, self._digest(reader), found.nature, elf=found.elf, macho=found.macho, pe=found.pe)

    def _kept_whole(self, member: Member, head: bytes, reader: MemberReader, found: Nature) -> FileFacts:
        limits = self._reader.limits
        self._kept += member.size
        if member.size > limits.metadata_size or self._kept > limits.info_size:
            message = f"{member.size} bytes to hold in memory; see limits metadata_size, info_size"
            raise InvalidInput(Code.LIMIT, message, subject=self._reader.subject, field=member.path)
        content = head + reader.read()
        return FileFacts(member, reader.sha256, found, content=content)

    def _is_wanted(self, member: Member, found: Nature) -> bool:
        if member.path.partition("/")[0] == self._dist_info:
            return True
        if self._is_pth(member.path):
            return True
        scheme, place = destination(member.path, self._data)
        program = scheme == "scripts" or (scheme == "data" and place.startswith(("bin/", "Scripts/")))
        return program and found is Nature.SCRIPT and member.size < _SCRIPT_SIZE

    def _is_pth(self, path: str) -> bool:
        place = site_place(*destination(path, self._data))
        return place is not None and "/" not in place and place.casefold().endswith(".pth")
