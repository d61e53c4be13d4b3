"""Changing a wheel's metadata without touching its payload: compressed members are copied as they are."""

from __future__ import annotations

from dataclasses import replace as changed
from typing import TYPE_CHECKING

from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.compression import Compression, compress_whole, crc32
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.formats.wheel.member_names import MemberNames
from bridge.formats.wheel.record import RecordEntry, format_record, parse_record
from bridge.formats.wheel.wheel_file import parse_wheel_file
from bridge.formats.wheel.writer import WheelDigest, digest_of
from bridge.formats.wheel.zip_format import Entry, new_entry
from bridge.formats.wheel.zip_output import ZipOutput
from bridge.formats.zip_records import DEFLATED, STORED, UTF8_FLAG
from bridge.limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from packaging.tags import Tag

    from bridge.formats.wheel.zip_directory import ArchiveMember

#: deprecated signatures of RECORD, which it does not list.
_SIGNATURES = (".jws", ".p7s")


def rewrite_wheel(
    source: Path,
    destination: Path,
    *,
    replace: Mapping[str, bytes],
    remove: Collection[str] = (),
    limits: Limits = DEFAULT_LIMITS,
) -> WheelDigest:
    """Write `source` again with some small members replaced, added or removed, and RECORD brought up to date.

    All other members keep their compressed bytes, headers and order. Replaced members keep place, date and
    mode; new ones stand before RECORD, sorted by name.

    Args:
        source: the wheel.
        destination: the new wheel, which may be `source` itself; its directory must exist.
        replace: member name to content.
        remove: names of members that must exist.
        limits: bounds on what is read.

    Raises:
        InvalidInput: what `WheelArchive` raises; `CB110`, a member to remove does not exist; `CB122`, RECORD
            and the members disagree, or the wheel is signed.
        Unrepresentable: `CB309`, the name of a new member is unsafe or clashes.
    """
    with WheelArchive(source, limits) as archive:
        _rewrite(archive, destination, replace, remove)
    return digest_of(destination)


def retag(source: Path, out_dir: Path, tags: frozenset[Tag]) -> tuple[Path, WheelDigest]:
    """Write the same wheel for other compatibility tags: a new file name and WHEEL file.

    Args:
        source: the wheel.
        out_dir: existing directory for the result.
        tags: all tags of the new wheel; must be a full product, as the file name can say no other set.

    Returns:
        The new wheel and its digest.

    Raises:
        InvalidInput: as `rewrite_wheel`; `CB123` for the file name; `CB121` for the WHEEL file.
    """
    filename = parse_wheel_filename(source.name).with_tags(tags)
    if parse_wheel_filename(str(filename)).tags != tags:
        raise ValueError("the tags are not a product of Python, ABI and platform tags")
    with WheelArchive(source) as archive:
        name = f"{archive.dist_info}/WHEEL"
        wheel = parse_wheel_file(archive.read(name), source.name)
        destination = out_dir / str(filename)
        _rewrite(archive, destination, {name: wheel.with_tags(tags).to_bytes()}, ())
    return destination, digest_of(destination)


def _rewrite(archive: WheelArchive, destination: Path, replace: Mapping[str, bytes], remove: Collection[str]) -> None:
    record_name = f"{archive.dist_info}/RECORD"
    record = checked_record(archive)
    for name in remove:
        if name not in archive.members or name == record_name:
            raise InvalidInput(
                Code.MISSING_METADATA, "there is no such file to remove", subject=archive.subject, field=name
            )
    added = sorted(replace.keys() - archive.members.keys())
    _check_names(archive, remove, added)
    contents = {**replace, record_name: _new_record(record, record_name, replace, remove, added)}
    with ZipOutput(destination) as output:
        run: list[ArchiveMember] = []
        for name, member in archive.members.items():
            if name in remove:
                _copy_run(output, archive, run)
            elif name in contents:
                _copy_run(output, archive, run)
                for new in added if name == record_name else ():
                    blank = new_entry(new, executable=False, offset=0, size=0)
                    _put(output, blank, contents[new])
                _put(output, member.entry, contents[name])
            else:
                run.append(member)
        _copy_run(output, archive, run)
        output.commit()


def checked_record(archive: WheelArchive) -> tuple[RecordEntry, ...]:
    """The entries of a RECORD that may be edited.

    Raises:
        InvalidInput: `CB121`; `CB122`, there is none, it does not list exactly the members, or it is signed.
    """
    record_name = f"{archive.dist_info}/RECORD"
    if record_name not in archive.members:
        raise InvalidInput(Code.RECORD, "there is no RECORD", subject=archive.subject, field=record_name)
    if any(record_name + suffix in archive.members for suffix in _SIGNATURES):
        raise InvalidInput(
            Code.RECORD, "the wheel is signed, and an edit breaks the signature", subject=archive.subject
        )
    record = parse_record(archive.read(record_name), archive.subject)
    listed = {entry.path for entry in record}
    present = {name for name, member in archive.members.items() if not member.is_directory}
    for path in sorted(listed ^ present):
        where = "in RECORD but not in the wheel" if path in listed else "in the wheel but not in RECORD"
        raise InvalidInput(Code.RECORD, f"{path!r} is {where}", subject=archive.subject, field=path)
    return record


def _check_names(archive: WheelArchive, remove: Collection[str], added: list[str]) -> None:
    names = MemberNames()
    for name, member in archive.members.items():
        if name not in remove and not member.is_directory:
            names.claim(name)
    for name in added:
        objection = names.claim(name)
        if objection is not None:
            raise Unrepresentable(Code.COLLISION, f"{name!r} {objection.reason}", subject=archive.subject, field=name)


def _new_record(
    record: tuple[RecordEntry, ...],
    record_name: str,
    replace: Mapping[str, bytes],
    remove: Collection[str],
    added: list[str],
) -> bytes:
    entries: list[RecordEntry] = []
    for entry in record:
        if entry.path == record_name:
            entries.extend(RecordEntry.of(name, replace[name]) for name in added)
        if entry.path in replace and entry.path != record_name:
            entries.append(RecordEntry.of(entry.path, replace[entry.path]))
        elif entry.path not in remove:
            entries.append(entry)
    return format_record(entries)


def _copy_run(output: ZipOutput, archive: WheelArchive, run: list[ArchiveMember]) -> None:
    if run:
        start = run[0].entry.offset
        output.copy_members(archive.file, start, run[-1].end - start, [member.entry for member in run])
        run.clear()


def _put(output: ZipOutput, entry: Entry, data: bytes) -> None:
    packed = compress_whole(data, Compression.BALANCED)
    payload = data if packed is None else packed
    output.put(
        changed(
            entry,
            method=STORED if packed is None else DEFLATED,
            crc=crc32(data),
            compressed_size=len(payload),
            size=len(data),
            offset=output.position,
            flags=entry.flags & UTF8_FLAG,
            extra=b"",
        ),
        payload,
    )
