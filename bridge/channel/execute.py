"""Carries a plan out: reads the payload once more and writes the wheel."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from bridge.channel.exact import check_exact
from bridge.errors import Code, InvalidInput
from bridge.formats.conda.artifact import CondaArtifact
from bridge.formats.wheel.compression import Compression
from bridge.formats.wheel.press import PayloadPress
from bridge.formats.wheel.writer import WheelDigest, WheelWriter
from bridge.model.payload import BytePatch, Member, MemberKind
from bridge.model.plan import (
    Edit,
    ElfPatch,
    FromPayload,
    Literal,
    Output,
    PlannedFile,
    ShebangEdit,
    TextEdit,
    WheelPlan,
)
from bridge.native.patcher import apply_elf_patch
from bridge.translate.to_wheel.text_edits import apply_text_edits

_CHUNK: Final = 1 << 20

#: conda's ncurses has terminal names that differ only in case; the platforms that it is for tell them apart.
_CASE_SENSITIVE: Final = "share/terminfo/"


class _Reader(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def write_wheel(
    plan: WheelPlan,
    artifact: CondaArtifact,
    provider: Callable[[str], CondaArtifact],
    directory: Path,
    *,
    press: PayloadPress | None = None,
    compression: Compression = Compression.BALANCED,
    threads: int = 1,
) -> Output:
    """Write `plan`'s wheel into `directory` under a temporary name, then rename it.

    Args:
        plan: the decision.
        artifact: the artifact that it was made from.
        provider: opens a providing package by its file name; the caller closes what it opens.
        press: holds the artifact's files compressed, as far as they were read through it.
        threads: workers that compress; the bytes do not depend on it.

    Raises:
        InvalidInput: the artifact changed between planning and writing (`CB113`, `CB118`).
        Unrepresentable: `CB336`, a restored wheel is one that no reader takes.
    """
    destination = directory / plan.filename
    directory.mkdir(parents=True, exist_ok=True)
    if plan.exact is None:
        digest = _write(plan, artifact, provider, destination, press, compression, threads)
    else:
        with tempfile.TemporaryDirectory(prefix=".conda-bridge-", dir=directory) as place:
            waiting = Path(place) / plan.filename
            digest = _write(plan, artifact, provider, waiting, press, compression, threads)
            check_exact(waiting, plan)
            waiting.replace(destination)
    return Output(str(destination), plan.filename, digest.sha256, digest.size, plan.origin, plan.variant)


def _write(
    plan: WheelPlan,
    artifact: CondaArtifact,
    provider: Callable[[str], CondaArtifact],
    destination: Path,
    press: PayloadPress | None,
    compression: Compression,
    threads: int,
) -> WheelDigest:
    trees = _case_sensitive_trees(plan)
    with WheelWriter(destination, compression=compression, threads=threads, case_sensitive_trees=trees) as writer:
        copied = _copy_pressed(writer, plan, press)
        for name, source in _sources(plan, artifact, provider):
            _copy_payload(writer, source, _by_path(plan, name, copied), plan.origin.filename)
        for planned in plan.files:
            if isinstance(planned.source, Literal):
                writer.add_bytes(planned.target, planned.source.data, executable=planned.executable)
        for name in () if plan.exact is None else plan.exact.empty_directories:
            writer.add_directory(name)
        return writer.finish(plan.dist_info, record=None if plan.exact is None else plan.exact.record)


def _case_sensitive_trees(plan: WheelPlan) -> tuple[str, ...]:
    """The directories of the wheel that hold such a tree of the prefix."""
    trees = {
        planned.target.removesuffix(planned.source.path) + _CASE_SENSITIVE
        for planned in plan.files
        if isinstance(planned.source, FromPayload)
        and planned.source.path.startswith(_CASE_SENSITIVE)
        and planned.target.endswith(planned.source.path)
    }
    return tuple(sorted(trees))


def _sources(
    plan: WheelPlan, artifact: CondaArtifact, provider: Callable[[str], CondaArtifact]
) -> Iterator[tuple[str | None, CondaArtifact]]:
    yield None, artifact
    used = {item.source.provider for item in plan.files if isinstance(item.source, FromPayload)}
    for name in sorted(name for name in used if name is not None):
        yield name, provider(name)


def _copy_pressed(writer: WheelWriter, plan: WheelPlan, press: PayloadPress | None) -> frozenset[str]:
    """Write the artifact's files that the plan leaves as they are and that are compressed already; their members."""
    if press is None:
        return frozenset()
    pressed = press.finish()
    copied = set()
    for planned in plan.files:
        if not isinstance(planned.source, FromPayload) or planned.source.provider is not None or planned.edits:
            continue
        if planned.sha256 is not None and (found := pressed.get(planned.source.path)) is not None:
            writer.add_pressed(
                planned.target, found, press.scratch, sha256=planned.sha256, executable=planned.executable
            )
            copied.add(planned.target)
    return frozenset(copied)


def _by_path(plan: WheelPlan, provider: str | None, copied: frozenset[str]) -> Mapping[str, Sequence[PlannedFile]]:
    wanted: defaultdict[str, list[PlannedFile]] = defaultdict(list)
    for planned in plan.files:
        if (
            isinstance(planned.source, FromPayload)
            and planned.source.provider == provider
            and planned.target not in copied
        ):
            wanted[planned.source.path].append(planned)
    return wanted


def _copy_payload(
    writer: WheelWriter, source: CondaArtifact, wanted: Mapping[str, Sequence[PlannedFile]], subject: str
) -> None:
    left = set(wanted)
    if not left:
        return
    for member, reader in source.members():
        if not left:
            break
        if member.kind is MemberKind.FILE and member.path in left:
            left.discard(member.path)
            _copy_member(writer, member, reader, wanted[member.path])
    if left:
        raise InvalidInput(
            Code.HASH,
            "the package changed while it was converted",
            subject=subject,
            field=min(left),
        )


def _copy_member(writer: WheelWriter, member: Member, reader: _Reader, planned: Sequence[PlannedFile]) -> None:
    """Write one payload file under all its names; equal ones share their compressed bytes."""
    groups: list[tuple[PlannedFile, list[str]]] = []
    for item in planned:
        for first, names in groups:
            if (first.executable, first.edits) == (item.executable, item.edits):
                names.append(item.target)
                break
        else:
            groups.append((item, []))
    if len(groups) == 1 and not planned[0].edits:
        first, also = groups[0]
        writer.add(first.target, reader, member.size, executable=first.executable, also=also, sha256=first.sha256)
        return
    with _spooled(reader, member.size) as original:
        for first, also in groups:
            original.seek(0)
            with _edited(original, member.size, first.edits) as (stream, size):
                writer.add(first.target, stream, size, executable=first.executable, also=also, sha256=first.sha256)


@contextlib.contextmanager
def _spooled(reader: _Reader, size: int) -> Iterator[io.BufferedIOBase]:
    with tempfile.SpooledTemporaryFile(max_size=8 * _CHUNK) as spool:
        left = size
        while left:
            chunk = reader.read(min(left, _CHUNK))
            if not chunk:
                break
            spool.write(chunk)
            left -= len(chunk)
        spool.seek(0)
        yield spool  # type: ignore[misc]


@contextlib.contextmanager
def _edited(original: io.BufferedIOBase, size: int, edits: tuple[Edit, ...]) -> Iterator[tuple[_Reader, int]]:
    """The file after its edits: patches first, at the offsets of the original, then what may move bytes."""
    patches = [edit for edit in edits if isinstance(edit, BytePatch)]
    texts = [edit for edit in edits if isinstance(edit, TextEdit | ShebangEdit)]
    elf = [edit for edit in edits if isinstance(edit, ElfPatch)]
    if texts:
        data = apply_text_edits(original.read(), texts)
        yield io.BytesIO(data), len(data)
        return
    patched = PatchedReader(original, patches)
    if not elf:
        yield patched, size
        return
    with tempfile.TemporaryDirectory(prefix="conda-bridge-") as directory:
        path = Path(directory) / "binary"
        with path.open("xb") as file:
            while chunk := patched.read(_CHUNK):
                file.write(chunk)
        for patch in elf:
            apply_elf_patch(path, patch)
        with path.open("rb") as result:
            yield result, os.fstat(result.fileno()).st_size


class PatchedReader:
    """Reads a file with same-length overwrites laid over it."""

    def __init__(self, source: _Reader, patches: Sequence[BytePatch]) -> None:
        self._source = source
        self._patches = sorted(patches, key=lambda patch: patch.offset)
        #: so many lie behind; a file may have a hundred thousand.
        self._done = 0
        self._position = 0

    def read(self, size: int = -1, /) -> bytes:
        """The next `size` bytes.

        Raises:
            InvalidInput: the bytes under a patch are not the ones that it was planned for (`CB118`).
        """
        chunk = self._source.read(size)
        start, end = self._position, self._position + len(chunk)
        self._position = end
        while self._done < len(self._patches) and _end_of(self._patches[self._done]) <= start:
            self._done += 1
        ahead = (self._patches[place] for place in range(self._done, len(self._patches)))
        touched = [
            patch for patch in itertools.takewhile(lambda patch: patch.offset < end, ahead) if _end_of(patch) > start
        ]
        if not touched:
            return chunk
        data = bytearray(chunk)
        for patch in touched:
            low, high = max(patch.offset, start), min(patch.offset + len(patch.new), end)
            span = slice(low - patch.offset, high - patch.offset)
            if data[low - start : high - start] != patch.old[span]:
                raise InvalidInput(Code.HASH, "the package changed while it was converted")
            data[low - start : high - start] = patch.new[span]
        return bytes(data)


def _end_of(patch: BytePatch) -> int:
    return patch.offset + len(patch.new)
