"""Every way in which a wheel can be malformed: how to make it so, and the code of the rule that it breaks."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from typing import TYPE_CHECKING

from bridge.errors import Code
from tests.support.hostile_samples import (
    DATA,
    DIST_INFO,
    METADATA,
    VARIANT_JSON,
    WHEEL,
    Sample,
    recorded,
    renamed,
    zip64_lie,
)

if TYPE_CHECKING:
    from collections.abc import Callable

INIT = "demo/__init__.py"
LABELLED = "demo-1.0-py3-none-any-one.whl"
#: placeholder for names that zipfile would not write; the same length as what replaces it.
PLACE = "demo/@@@@@@@@"


def with_file(name: str, **more: object) -> Sample:
    return Sample(payload={INIT: b"", name: b"x"}, **more)  # type: ignore[arg-type]


def without(path: str) -> Callable[[list[list[str]]], list[list[str]]]:
    return lambda rows: [row for row in rows if row[0] != path]


def adding(*row: str) -> Callable[[list[list[str]]], list[list[str]]]:
    return lambda rows: [*rows, list(row)]


def column(path: str, index: int, value: str) -> Callable[[list[list[str]]], list[list[str]]]:
    return lambda rows: [[*row[:index], value, *row[index + 1 :]] if row[0] == path else row for row in rows]


def placed(name: bytes) -> Callable[[bytes], bytes]:
    """Put a name into all headers, and leave RECORD (deflated) as it was."""
    return lambda data: renamed(data, PLACE.encode(), name.ljust(len(PLACE), b"x"))


def hidden_member(data: bytes) -> bytes:
    """A local file that the directory does not mention, between the last member and the directory."""
    at = data.index(b"PK\1\2")
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("secret.py", b"")
    local = raw.getvalue()[: raw.getvalue().index(b"PK\1\2")]
    end = bytearray(data[-22:])
    struct.pack_into("<L", end, 16, at + len(local))
    return data[:at] + local + data[at:-22] + bytes(end)


def data_descriptor(data: bytes) -> bytes:
    """Bit 3 in every header."""
    out = bytearray(data)
    for magic, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.find(magic)
        while at >= 0:
            out[at + offset] |= 8
            at = data.find(magic, at + 4)
    return bytes(out)


def local_name(data: bytes) -> bytes:
    return data.replace(INIT.encode(), b"demo/__evil__.py", 1)


def directory_name(data: bytes) -> bytes:
    at = data.index(b"PK\1\2")
    return data[:at] + data[at:].replace(INIT.encode(), b"demo/__evil__.py", 1)


def smaller_size(data: bytes) -> bytes:
    """Both headers of the payload promise fewer bytes than the stream holds."""
    return data.replace(struct.pack("<L", 5000), struct.pack("<L", 4000))


def larger_size(data: bytes) -> bytes:
    return data.replace(struct.pack("<L", 5000), struct.pack("<L", 6000))


def wrong_crc(data: bytes) -> bytes:
    local, central = data.index(b"PK\3\4") + 14, data.index(b"PK\1\2") + 16
    out = bytearray(data)
    for at in (local, central):
        out[at] ^= 0xFF
    return bytes(out)


def damaged_stream(data: bytes) -> bytes:
    at = data.index(b"PK\3\4") + 30 + len(INIT)
    return data[:at] + b"\xff\xff" + data[at + 2 :]


def nothing(data: bytes) -> bytes:
    return data


SOUND = Sample()
LONG = Sample(payload={INIT: bytes(5000)})
METADATA_60_MB = METADATA + b"\n" + b"".join(b"%032x" % number for number in range(60 << 15))

#: case -> (wheel, what is done to its bytes, code).
MALFORMED: dict[str, tuple[Sample, Callable[[bytes], bytes], Code]] = {
    # --- 7: paths
    "path: parent directory": (with_file("../x"), nothing, Code.UNSAFE_PATH),
    "path: deep parent directory": (with_file("demo/../../x"), nothing, Code.UNSAFE_PATH),
    "path: parent directory inside": (with_file("demo/../demo/x"), nothing, Code.UNSAFE_PATH),
    "path: dot": (with_file("./demo/x"), nothing, Code.UNSAFE_PATH),
    "path: absolute": (with_file("/etc/x"), nothing, Code.UNSAFE_PATH),
    "path: double slash": (with_file("demo//x"), nothing, Code.UNSAFE_PATH),
    "path: backslashes": (with_file(PLACE), placed(b"..\\..\\x"), Code.UNSAFE_PATH),
    "path: network share": (with_file(PLACE), placed(b"\\\\host\\x"), Code.UNSAFE_PATH),
    "path: drive": (with_file("C:/x"), nothing, Code.UNSAFE_PATH),
    "path: drive and backslash": (with_file(PLACE), placed(b"C:\\x"), Code.UNSAFE_PATH),
    "path: alternate data stream": (with_file("demo/x.txt:stream"), nothing, Code.UNSAFE_PATH),
    "path: newline": (with_file("demo/a\nb"), nothing, Code.UNSAFE_PATH),
    "path: escape sequence": (with_file("demo/\x1b[2J"), nothing, Code.UNSAFE_PATH),
    "path: NUL": (with_file(PLACE), placed(b"demo/a\0.py"), Code.UNSAFE_PATH),
    "path: empty": (with_file(""), nothing, Code.UNSAFE_PATH),
    "path: too long": (with_file("demo/" + "/".join(["d" * 200] * 11)), nothing, Code.LIMIT),
    "path: component too long": (with_file("demo/" + "d" * 256), nothing, Code.LIMIT),
    "path: not UTF-8": (
        with_file("demo/é@@"),
        lambda data: renamed(data, b"\xc3\xa9@@", b"\xff\xfe@@"),
        Code.ZIP_STRUCTURE,
    ),
    "data: purelib escapes": (with_file(f"{DATA}/purelib/../../../x"), nothing, Code.UNSAFE_PATH),
    "data: data escapes": (with_file(f"{DATA}/data/../../x"), nothing, Code.UNSAFE_PATH),
    "data: unknown scheme": (with_file(f"{DATA}/stdlib/os.py"), nothing, Code.UNSAFE_PATH),
    "data: scheme in another case": (with_file(f"{DATA}/Scripts/x"), nothing, Code.UNSAFE_PATH),
    "data: no scheme": (with_file(f"{DATA}/x"), nothing, Code.UNSAFE_PATH),
    "data: scheme is a file": (with_file(f"{DATA}/scripts"), nothing, Code.UNSAFE_PATH),
    "data: of another project": (with_file("other-1.0.data/scripts/x"), nothing, Code.BAD_DIST_INFO),
    "data: in another case": (with_file("demo-1.0.DATA/scripts/x"), nothing, Code.BAD_DIST_INFO),
    "data: brings a dist-info": (with_file(f"{DATA}/purelib/pip-1.dist-info/RECORD"), nothing, Code.BAD_DIST_INFO),
    "data: two files for one place": (with_file(f"{DATA}/platlib/{INIT}"), nothing, Code.NAME_CLASH),
    "data: two schemes for one place": (
        Sample(payload={f"{DATA}/platlib/a/b": b"", f"{DATA}/purelib/A": b""}),
        nothing,
        Code.NAME_CLASH,
    ),
    "entry point: parent directory": (
        Sample(entry_points=b"[console_scripts]\n../../x = demo:f\n"),
        nothing,
        Code.BAD_ENTRY_POINT,
    ),
    "entry point: absolute": (Sample(entry_points=b"[gui_scripts]\n/bin/x = demo:f\n"), nothing, Code.BAD_ENTRY_POINT),
    "entry point: backslash": (
        Sample(entry_points=b"[console_scripts]\n..\\x = demo:f\n"),
        nothing,
        Code.BAD_ENTRY_POINT,
    ),
    # --- 8: kinds of member
    "kind: symlink": (with_file("demo/x", modes={"demo/x": stat.S_IFLNK | 0o777}), nothing, Code.MEMBER_TYPE),
    "kind: fifo": (with_file("demo/x", modes={"demo/x": stat.S_IFIFO | 0o644}), nothing, Code.MEMBER_TYPE),
    "kind: device": (with_file("demo/x", modes={"demo/x": stat.S_IFCHR | 0o644}), nothing, Code.MEMBER_TYPE),
    "kind: set-user-ID": (with_file("demo/x", modes={"demo/x": stat.S_IFREG | 0o4755}), nothing, Code.MEMBER_TYPE),
    "kind: set-group-ID": (with_file("demo/x", modes={"demo/x": stat.S_IFREG | 0o2755}), nothing, Code.MEMBER_TYPE),
    # --- 9: two readings of one archive
    "zip: duplicate member": (
        with_file("demo/x_______.py"),
        lambda data: renamed(data, b"demo/x_______.py", INIT.encode()),
        Code.DUPLICATE,
    ),
    "zip: duplicate METADATA": (
        Sample(info={"METADATB": METADATA}),
        lambda data: renamed(data, b"METADATB", b"METADATA"),
        Code.DUPLICATE,
    ),
    "zip: duplicate directory": (
        Sample(directories=("demo", "dem0")),
        lambda data: renamed(data, b"dem0/", b"demo/"),
        Code.DUPLICATE,
    ),
    "zip: local name differs": (SOUND, local_name, Code.ZIP_STRUCTURE),
    "zip: directory name differs": (SOUND, directory_name, Code.ZIP_STRUCTURE),
    "zip: hidden member": (SOUND, hidden_member, Code.ZIP_STRUCTURE),
    "zip: trailing bytes": (SOUND, lambda data: data + b"#", Code.ZIP_STRUCTURE),
    "zip: archive comment": (SOUND, lambda data: data[:-2] + b"\2\0hi", Code.ZIP_STRUCTURE),
    "zip: two archives": (SOUND, lambda data: data + data, Code.ZIP_STRUCTURE),
    "zip: bytes before": (SOUND, lambda data: b"#!/bin/sh\n" + data, Code.UNREADABLE),
    "zip: cut short": (SOUND, lambda data: data[:-30], Code.ZIP_STRUCTURE),
    "zip: data descriptor": (SOUND, data_descriptor, Code.ZIP_STRUCTURE),
    "zip: two end records disagree": (SOUND, zip64_lie, Code.ZIP_STRUCTURE),
    "zip: bzip2": (Sample(method=zipfile.ZIP_BZIP2), nothing, Code.ZIP_STRUCTURE),
    "zip: lzma": (Sample(method=zipfile.ZIP_LZMA), nothing, Code.ZIP_STRUCTURE),
    "zip: not a zip": (SOUND, lambda data: b"\x1f\x8b" + data[2:], Code.UNREADABLE),
    "zip: empty file": (SOUND, lambda data: b"", Code.UNREADABLE),
    "content: damaged": (SOUND, damaged_stream, Code.UNREADABLE),
    "content: wrong checksum": (SOUND, wrong_crc, Code.UNREADABLE),
    "content: more than the headers say": (LONG, smaller_size, Code.UNREADABLE),
    "content: less than the headers say": (LONG, larger_size, Code.UNREADABLE),
    # --- 11: bombs
    "bomb: zeros": (Sample(payload={INIT: bytes(70 << 20)}), nothing, Code.LIMIT),
    "bomb: METADATA": (Sample(metadata=METADATA_60_MB, method=zipfile.ZIP_STORED), nothing, Code.LIMIT),
    # --- 12: RECORD
    "RECORD: absent": (Sample(record=None), nothing, Code.RECORD),
    "RECORD: wrong hash": (Sample(record=column(INIT, 1, recorded(b"y")[0])), nothing, Code.RECORD),
    "RECORD: wrong size": (Sample(record=column(INIT, 2, "7")), nothing, Code.RECORD),
    "RECORD: wrong hash of METADATA": (
        Sample(record=column(f"{DIST_INFO}/METADATA", 1, recorded(b"y")[0])),
        nothing,
        Code.RECORD,
    ),
    "RECORD: wrong longer hash": (Sample(record=column(INIT, 1, recorded(b"y", "sha512")[0])), nothing, Code.RECORD),
    "RECORD: no hash": (Sample(record=column(INIT, 1, "")), nothing, Code.RECORD),
    "RECORD: weak hash": (Sample(record=column(INIT, 1, recorded(b"x = 1\n", "md5")[0])), nothing, Code.RECORD),
    "RECORD: hash cut short": (Sample(record=column(INIT, 1, "sha256=AAAA")), nothing, Code.RECORD),
    "RECORD: a file is not listed": (Sample(record=without(INIT)), nothing, Code.RECORD),
    "RECORD: METADATA is not listed": (Sample(record=without(f"{DIST_INFO}/METADATA")), nothing, Code.RECORD),
    "RECORD: lists what is not there": (Sample(record=adding("demo/y.py", *recorded(b""))), nothing, Code.RECORD),
    "RECORD: parent directory": (Sample(record=adding("../y.py", *recorded(b""))), nothing, Code.RECORD),
    "RECORD: a line twice": (Sample(record=adding(INIT, *recorded(b"x = 1\n"))), nothing, Code.RECORD),
    "RECORD: two columns": (Sample(record=adding(INIT, "")), nothing, Code.RECORD),
    "RECORD: negative size": (Sample(record=column(INIT, 2, "-6")), nothing, Code.RECORD),
    # --- 5: identity
    "name: METADATA": (Sample(metadata=METADATA.replace(b"demo", b"other")), nothing, Code.IDENTITY),
    "version: METADATA": (Sample(metadata=METADATA.replace(b"1.0", b"1.1")), nothing, Code.IDENTITY),
    "name: dist-info": (Sample(dist_info="other-1.0.dist-info"), nothing, Code.IDENTITY),
    "version: dist-info": (Sample(dist_info="demo-1.1.dist-info"), nothing, Code.IDENTITY),
    "name: file": (Sample(filename="other-1.0-py3-none-any.whl"), nothing, Code.IDENTITY),
    "version: file": (Sample(filename="demo-1.0.1-py3-none-any.whl"), nothing, Code.IDENTITY),
    "name: not a wheel's": (Sample(filename="demo.whl"), nothing, Code.WHEEL_FILENAME),
    "dist-info: two": (with_file("other-1.0.dist-info/METADATA"), nothing, Code.BAD_DIST_INFO),
    "dist-info: two of the same project": (with_file("Demo-1.0.0.dist-info/x"), nothing, Code.BAD_DIST_INFO),
    "dist-info: two, one in another case": (with_file("evil-1.0.DIST-INFO/METADATA"), nothing, Code.BAD_DIST_INFO),
    "dist-info: none": (Sample(dist_info="demo"), nothing, Code.BAD_DIST_INFO),
    "dist-info: without a version": (Sample(dist_info="demo.dist-info"), nothing, Code.BAD_DIST_INFO),
    "METADATA: absent": (Sample(metadata=None), nothing, Code.MISSING_METADATA),
    "METADATA: two names": (Sample(metadata=METADATA + b"Name: other\n"), nothing, Code.BAD_DIST_INFO),
    "METADATA: not UTF-8": (Sample(metadata=METADATA + b"Summary: \xff\n"), nothing, Code.BAD_DIST_INFO),
    "METADATA: version 3": (Sample(metadata=METADATA.replace(b"2.4", b"3.0")), nothing, Code.BAD_DIST_INFO),
    "METADATA: byte order mark": (Sample(metadata=b"\xef\xbb\xbf" + METADATA), nothing, Code.BAD_DIST_INFO),
    "METADATA: hostile name": (Sample(metadata=METADATA.replace(b"demo", b"../../x")), nothing, Code.BAD_DIST_INFO),
    "WHEEL: absent": (Sample(wheel=None), nothing, Code.MISSING_METADATA),
    "WHEEL: version 2.0": (Sample(wheel=WHEEL.replace(b"1.0", b"2.0")), nothing, Code.BAD_DIST_INFO),
    "WHEEL: other tag": (Sample(wheel=WHEEL.replace(b"py3", b"cp313")), nothing, Code.IDENTITY),
    "WHEEL: one tag more": (Sample(wheel=WHEEL + b"Tag: py2-none-any\n"), nothing, Code.IDENTITY),
    "WHEEL: tag bomb": (
        Sample(wheel=WHEEL + b"Tag: " + b"-".join([b".".join(b"a%d" % n for n in range(99))] * 3) + b"\n"),
        nothing,
        Code.BAD_DIST_INFO,
    ),
    "WHEEL: Root-Is-Purelib is neither": (
        Sample(wheel=WHEEL.replace(b"Root-Is-Purelib: true", b"Root-Is-Purelib: maybe")),
        nothing,
        Code.BAD_DIST_INFO,
    ),
    "entry points: not UTF-8": (Sample(entry_points=b"[x]\na = \xff\n"), nothing, Code.BAD_ENTRY_POINT),
    "entry points: no group": (Sample(entry_points=b"a = demo:f\n"), nothing, Code.BAD_ENTRY_POINT),
    "entry points: a name twice": (
        Sample(entry_points=b"[console_scripts]\na = demo:f\na = demo:g\n"),
        nothing,
        Code.BAD_ENTRY_POINT,
    ),
    # --- 14: names that some file systems do not tell apart
    "clash: case": (Sample(payload={"A.txt": b"", "a.txt": b""}), nothing, Code.NAME_CLASH),
    "clash: Unicode form": (Sample(payload={"caf\u00e9": b"", "cafe\u0301": b""}), nothing, Code.NAME_CLASH),
    "clash: case of a directory": (Sample(payload={"A/b": b"", "a": b""}), nothing, Code.NAME_CLASH),
    "clash: file and directory": (Sample(payload={"a": b"", "a/b": b""}), nothing, Code.NAME_CLASH),
    "clash: metadata in another case": (Sample(info={"metadata": METADATA}), nothing, Code.NAME_CLASH),
    # --- 4: variants
    "variant: label without variant.json": (Sample(filename=LABELLED), nothing, Code.VARIANT_LABEL),
    "variant: variant.json without label": (Sample(info={"variant.json": VARIANT_JSON}), nothing, Code.VARIANT_LABEL),
    "variant: another label": (
        Sample(filename=LABELLED, info={"variant.json": VARIANT_JSON.replace(b'"one"', b'"two"')}),
        nothing,
        Code.VARIANT_LABEL,
    ),
    "variant: two labels": (
        Sample(filename=LABELLED, info={"variant.json": VARIANT_JSON.replace(b'{"one"', b'{"null": {}, "one"')}),
        nothing,
        Code.VARIANT_LABEL,
    ),
    "variant: duplicate keys": (
        Sample(filename=LABELLED, info={"variant.json": VARIANT_JSON.replace(b'"one"', b'"one": {}, "one"')}),
        nothing,
        Code.VARIANT_SCHEMA,
    ),
    "variant: deep JSON": (
        Sample(filename=LABELLED, info={"variant.json": b"[" * 100_000}),
        nothing,
        Code.VARIANT_SCHEMA,
    ),
    "variant: label in capitals": (Sample(filename="demo-1.0-py3-none-any-ONE.whl"), nothing, Code.WHEEL_FILENAME),
    # --- 22 and binaries
    "binary: damaged": (Sample(payload={"demo/x.so": b"\x7fELF" + b"\xff" * 100}), nothing, Code.BAD_BINARY),
}
