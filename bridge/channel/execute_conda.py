"""Carries plans of conda packages out: reads the wheel once more and writes them."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Final

from bridge.channel.exact import restoring
from bridge.channel.execute import PatchedReader
from bridge.errors import Code, InvalidInput
from bridge.formats.conda.content_output import SupportsRead
from bridge.formats.conda.writer import CondaDigest, CondaWriter
from bridge.formats.wheel.payload import MemberReader
from bridge.formats.wheel.reader import WheelFileReader
from bridge.limits import MIB
from bridge.model.conda import ArchiveFormat
from bridge.model.conda_plan import CondaFile, CondaPlan, FromWheel, MadeInfo, RestoredInfo
from bridge.model.payload import Member
from bridge.model.plan import Literal, Output

_CHUNK: Final = 1 * MIB
#: a member that becomes several files waits in memory up to this size.
_SPOOL: Final = 8 * MIB


def write_conda(
    plan: CondaPlan, wheel: WheelFileReader, directory: Path, *, level: int = 9, threads: int = 1
) -> Output:
    """Write `plan`'s package into `directory` under a temporary name, then rename it.

    Args:
        plan: the decision.
        wheel: the wheel that it was made from.
        directory: made where it does not exist; usually the subdir of a channel.
        level: of zstd, 1 to 22.
        threads: that compress; the bytes do not depend on it.

    Raises:
        InvalidInput: the wheel changed between planning and writing (`CB113`, `CB118`), or any code of
            `WheelFileReader.members` and `CondaWriter`.
        Unrepresentable: `CB309`, paths that a conda package cannot have; `CB335`, the wheel is not what is restored.
    """
    return _write(plan, wheel, directory, None, level=level, threads=threads)[0]


def write_condas(
    plans: Sequence[CondaPlan], wheel: WheelFileReader, directory: Path, *, level: int = 9, threads: int = 1
) -> tuple[Output, ...]:
    """Write all packages of one wheel, each into `directory/<subdir>`; what they share is compressed once.

    Args:
        plans: as `plan_conda` gives them.
        wheel: the wheel that they were made from.
        directory: of the channel.
        level: as for `write_conda`.
        threads: as for `write_conda`.

    Raises:
        InvalidInput, Unrepresentable: as `write_conda`; none of the packages is left then.
    """
    outputs: list[Output] = []
    written: list[tuple[CondaPlan, CondaWriter]] = []
    try:
        for plan in plans:
            like = next((writer for other, writer in written if _same_payload(plan, other)), None)
            output, writer = _write(plan, wheel, directory / plan.subdir, like, level=level, threads=threads)
            outputs.append(output)
            if like is None:
                written.append((plan, writer))
    except BaseException:
        for output in outputs:
            Path(output.path).unlink(missing_ok=True)
        raise
    return tuple(outputs)


def _same_payload(one: CondaPlan, other: CondaPlan) -> bool:
    """Whether two packages have the same compressed payload, which only `.conda` keeps apart."""
    return (one.format, one.files, one.links, one.empty_directories) == (
        ArchiveFormat.CONDA,
        other.files,
        other.links,
        other.empty_directories,
    )


def _write(
    plan: CondaPlan, wheel: WheelFileReader, directory: Path, like: CondaWriter | None, *, level: int, threads: int
) -> tuple[Output, CondaWriter]:
    """Write one package; `like` has written one of the same payload."""
    directory.mkdir(parents=True, exist_ok=True)
    destination = directory / plan.filename
    with (
        restoring(plan),
        CondaWriter(
            destination, plan.identity, format=plan.format, level=level, threads=threads, subdir=plan.subdir
        ) as writer,
    ):
        if like is not None:
            writer.adopt(like)
        else:
            _add_payload(writer, plan, wheel)
        digest = _finish(writer, plan.info)
    output = Output(str(destination), plan.filename, digest.sha256, digest.size, plan.origin, plan.variant)
    return output, writer


def _add_payload(writer: CondaWriter, plan: CondaPlan, wheel: WheelFileReader) -> None:
    _copy_members(writer, plan, wheel)
    for file in plan.files:
        if isinstance(file.source, Literal):
            _add(writer, file, io.BytesIO(file.source.data), len(file.source.data))
    for link in plan.links:
        writer.add_link(link.path, link.target, sha256=link.sha256, size=link.size)
    for path, mode in sorted(plan.empty_directories.items()):
        writer.add_directory(path, mode=mode)


def _finish(writer: CondaWriter, info: MadeInfo | RestoredInfo) -> CondaDigest:
    match info:
        case MadeInfo():
            return writer.finish(info.index, info.about, link=info.link, info=info.files)
        case RestoredInfo():
            return writer.finish_restored(info.files, info.links)


def _copy_members(writer: CondaWriter, plan: CondaPlan, wheel: WheelFileReader) -> None:
    wanted: defaultdict[str, list[CondaFile]] = defaultdict(list)
    for file in plan.files:
        if isinstance(file.source, FromWheel):
            wanted[file.source.member].append(file)
    # The whole wheel is read: what is not copied is verified all the same.
    for member, reader in wheel.members():
        files = wanted.pop(member.path, ())
        if len(files) == 1:
            source = _patched(files[0], reader)
            _add(writer, files[0], source, member.size, partial(_digest, reader) if source is reader else None)
        elif files:
            _add_several(writer, files, member, reader)
    if wanted:
        message = "the wheel changed while it was converted"
        raise InvalidInput(Code.HASH, message, subject=plan.origin.filename, field=min(wanted))


def _add_several(writer: CondaWriter, files: Sequence[CondaFile], member: Member, reader: MemberReader) -> None:
    with SpooledTemporaryFile(max_size=_SPOOL) as spool:
        while data := reader.read(_CHUNK):
            spool.write(data)
        for file in files:
            spool.seek(0)
            _add(writer, file, _patched(file, spool), member.size)


def _patched(file: CondaFile, reader: MemberReader | SpooledTemporaryFile[bytes]) -> SupportsRead:
    source = file.source
    return PatchedReader(reader, source.patches) if isinstance(source, FromWheel) and source.patches else reader


def _digest(reader: MemberReader) -> bytes:
    # An empty member has not been read.
    reader.drain()
    return reader.sha256


def _add(
    writer: CondaWriter,
    file: CondaFile,
    reader: SupportsRead,
    size: int,
    digest: Callable[[], bytes] | None = None,
) -> None:
    placeholder = file.placeholder
    writer.add(
        file.path,
        reader,
        size,
        mode=file.mode,
        prefix_placeholder=None if placeholder is None else placeholder.text,
        file_mode=None if placeholder is None else placeholder.file_mode,
        no_link=file.no_link,
        sha256=file.sha256,
        digest=digest,
    )
