"""Malformed conda archives, one per rule, made here: each is refused with its code, and leaves nothing."""

from __future__ import annotations

import bz2
import json
import struct
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bridge.errors import InvalidInput
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.survey import survey
from bridge.limits import KIB, Limits
from tests.support.conda_archives import (
    FORMAT_DOCUMENT,
    Directory,
    File,
    Link,
    Package,
    TarEntry,
    ZipMember,
    gnu_long,
    pax_record,
    tar_bytes,
    zip_bytes,
    zstd,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FORMATS = (".conda", ".tar.bz2")
SOUND = {"lib/a": b"alpha", "lib/b": b"beta"}
PLACEHOLDER = "/opt/anaconda1anaconda2anaconda3"
TIGHT = Limits(members=64, file_size=64 * KIB, total_size=256 * KIB, info_size=64 * KIB, metadata_size=16 * KIB)


def read(path: Path, options: dict[str, Any]) -> None:
    with open_artifact(path, **options) as artifact:
        artifact.metadata()
        survey(artifact, limits=options.get("limits", Limits()))


def refused(path: Path, **options: Any) -> InvalidInput:
    """The error that reading everything gives; also that nothing else exists afterwards."""
    before = sorted(path.parent.rglob("*"))
    threads = threading.active_count()
    with pytest.raises(InvalidInput) as caught:
        read(path, options)
    assert caught.value.subject
    assert sorted(path.parent.rglob("*")) == before
    assert threading.active_count() == threads
    return caught.value


# --- members of the tar archives, in both formats ---------------------------------------------------------


def payload(*entries: TarEntry | bytes, files: Any = None, **options: Any) -> Callable[[], Package]:
    return lambda: Package(files=SOUND if files is None else files, more_payload=list(entries), **options)


TAR_CASES: dict[str, tuple[str, Callable[[], Package]]] = {
    "parent-directory": ("CB104", payload(TarEntry("../x", b"1"))),
    "parent-directory-deep": ("CB104", payload(TarEntry("lib/../../x", b"1"))),
    "absolute-path": ("CB104", payload(TarEntry("/tmp/x", b"1"))),
    "drive-letter": ("CB104", payload(TarEntry("C:/x", b"1"))),
    "backslash": ("CB104", payload(TarEntry("..\\x", b"1"))),
    "unc-path": ("CB104", payload(TarEntry("//server/x", b"1"))),
    "dot-prefix": ("CB104", payload(TarEntry("./lib/c", b"1"))),
    "double-slash": ("CB104", payload(TarEntry("lib//c", b"1"))),
    "empty-name": ("CB104", payload(TarEntry("", b"1"))),
    "file-with-final-slash": ("CB104", payload(TarEntry("lib/c/", b"1"))),
    "control-character": ("CB104", payload(TarEntry("lib/\x1b[2J", b"1"))),
    "newline": ("CB104", payload(TarEntry("lib/a\nb", b"1"))),
    "name-not-utf8": ("CB104", payload(TarEntry(b"lib/\xff\xfe", b"1"))),
    "pax-path-escapes": ("CB104", payload(TarEntry("lib/c", b"1", pax={"path": "../x"}))),
    "pax-path-with-nul": ("CB104", payload(TarEntry("lib/c", b"1", pax={"path": b"lib/c\x00/../../x"}))),
    "gnu-long-name-escapes": ("CB104", payload(gnu_long(b"L", "../x"), TarEntry("lib/c", b"1"))),
    "ustar-prefix-escapes": ("CB104", payload(TarEntry("x", b"1", prefix=b".."))),
    "symlink-absolute": ("CB105", payload(TarEntry("lib/l", kind=b"2", link="/etc/passwd"))),
    "symlink-leaves": ("CB105", payload(TarEntry("lib/l", kind=b"2", link="../../x"))),
    "symlink-empty-target": ("CB105", payload(TarEntry("lib/l", kind=b"2"))),
    "symlink-backslash": ("CB105", payload(TarEntry("lib/l", kind=b"2", link="..\\..\\x"))),
    "symlink-pax-target-leaves": (
        "CB105",
        payload(TarEntry("lib/l", kind=b"2", link="a", pax={"linkpath": "../../../x"})),
    ),
    "symlink-loop": (
        "CB105",
        payload(
            TarEntry("lib/l", kind=b"2", link="m"),
            TarEntry("lib/m", kind=b"2", link="l"),
            files={},
            paths=[{"_path": path, "path_type": "softlink"} for path in ("lib/l", "lib/m")],
        ),
    ),
    "symlinks-leave-together": ("CB105", payload(files={"a/b/up": Link("../.."), "out": Link("a/b/up/..")})),
    "written-through-outside-symlink": (
        "CB105",
        payload(TarEntry("lib/l", kind=b"2", link="/tmp"), TarEntry("lib/l/x", b"1")),
    ),
    "written-through-inside-symlink": (
        "CB105",
        payload(files={"lib/a": b"", "lib/l": Link("."), "lib/l/x": b"1"}),
    ),
    "symlink-over-directory": ("CB105", payload(TarEntry("lib", kind=b"2", link="share"))),
    "hard-link-outside": ("CB105", payload(TarEntry("lib/h", kind=b"1", link="../../etc/passwd"))),
    "hard-link-absolute": ("CB105", payload(TarEntry("lib/h", kind=b"1", link="/etc/passwd"))),
    "hard-link-then-member": (
        "CB105",
        payload(TarEntry("lib/h", kind=b"1", link="/etc/passwd"), TarEntry("lib/h", b"1")),
    ),
    "hard-link-forward": ("CB105", payload(TarEntry("lib/h", kind=b"1", link="lib/z"), TarEntry("lib/z"))),
    "hard-link-to-symlink": (
        "CB105",
        payload(TarEntry("lib/h", kind=b"1", link="lib/l"), files={"lib/a": b"", "lib/l": Link("a")}),
    ),
    "fifo": ("CB106", payload(TarEntry("lib/f", kind=b"6"))),
    "character-device": ("CB106", payload(TarEntry("lib/d", kind=b"3"))),
    "block-device": ("CB106", payload(TarEntry("lib/d", kind=b"4"))),
    "contiguous-file": ("CB106", payload(TarEntry("lib/c", kind=b"7"))),
    "sparse-file": ("CB106", payload(TarEntry("lib/s", kind=b"S"))),
    "sparse-file-pax": ("CB106", payload(TarEntry("lib/s", b"1", pax={"GNU.sparse.major": "1"}))),
    "unknown-type": ("CB106", payload(TarEntry("lib/q", kind=b"Q"))),
    "setuid": ("CB106", payload(TarEntry("lib/s", b"1", mode=0o4755))),
    "setgid": ("CB106", payload(TarEntry("lib/s", b"1", mode=0o2755))),
    "sticky-directory": ("CB106", payload(TarEntry("lib/s/", kind=b"5", mode=0o1777))),
    "data-behind-symlink": ("CB106", payload(TarEntry("lib/l", b"x" * 512, kind=b"2", link="a"))),
    "data-behind-hard-link": ("CB106", payload(TarEntry("lib/h", b"x" * 512, kind=b"1", link="lib/a"))),
    "duplicate-file": ("CB107", payload(TarEntry("lib/a", b"alpha"))),
    "duplicate-directory": ("CB107", payload(TarEntry("d/", kind=b"5"), TarEntry("d", kind=b"5"))),
    "case-clash": ("CB108", payload(files={"lib/a": b"", "lib/A": b""})),
    "case-clash-of-directories": ("CB108", payload(files={"lib/a/x": b"", "lib/A/y": b""})),
    "case-clash-beyond-ascii": ("CB108", payload(files={"lib/straße": b"", "lib/STRASSE": b""})),
    "unicode-form-clash": ("CB108", payload(files={"lib/e\u0301": b"", "lib/\u00e9": b""})),
    "file-then-directory": ("CB108", payload(files={"lib/a": b"", "lib/a/b": b""})),
    "directory-then-file": ("CB108", payload(files={"lib/a/b": b"", "lib/a": b""})),
    "terminfo-clash-off-linux": (
        "CB108",
        payload(files={"share/terminfo/n": b"", "share/terminfo/N": b""}, subdir="osx-64"),
    ),
    "colon-on-windows": ("CB104", payload(files={"Library/x.txt:stream": b""}, subdir="win-64")),
    "header-checksum": ("CB101", payload(TarEntry("lib/c", b"1", checksum=1))),
    "header-without-magic": ("CB101", payload(TarEntry("lib/c", b"1", magic=bytes(8)))),
    "gnu-header-with-prefix": ("CB101", payload(TarEntry("c", magic=b"ustar  \x00", prefix=b"lib"))),
    "size-not-octal": ("CB101", payload(TarEntry("lib/c", b"").encode()[:124] + b"-1".ljust(388, b" "))),
    "two-pax-headers": (
        "CB101",
        payload(
            TarEntry("p", pax_record("path", "lib/c"), b"x"),
            TarEntry("p", pax_record("path", "lib/d"), b"x"),
            TarEntry("lib/e", b"1"),
        ),
    ),
    "pax-and-gnu-header": (
        "CB101",
        payload(TarEntry("p", pax_record("path", "lib/c"), b"x"), gnu_long(b"L", "lib/d"), TarEntry("lib/e", b"1")),
    ),
    "pax-key-twice": (
        "CB101",
        payload(TarEntry("c", pax_raw=pax_record("path", "lib/c") + pax_record("path", "lib/d"))),
    ),
    "pax-malformed-length": ("CB101", payload(TarEntry("lib/c", pax_raw=b"99 path=lib/c\n"))),
    "pax-other-charset": ("CB101", payload(TarEntry("lib/c", pax={"hdrcharset": "BINARY"}))),
    "pax-unknown-key": ("CB106", payload(TarEntry("lib/c", pax={"VENDOR.realname": "x"}))),
    "pax-size-not-a-number": ("CB101", payload(TarEntry("lib/c", pax={"size": "-1"}))),
    "global-pax-path": ("CB101", payload(TarEntry("g", pax_record("path", "lib/c"), b"g"))),
    "extended-header-at-the-end": (
        "CB101",
        payload(TarEntry("p", pax_record("path", "lib/c"), b"x")),
    ),
    "data-after-the-end": ("CB101", payload(bytes(1024), TarEntry("lib/c", b"hidden"))),
    "member-longer-than-archive": (
        "CB101",
        payload(TarEntry("lib/c", b"", size=10**6), files={}, paths=[{"_path": "lib/c", "path_type": "hardlink"}]),
    ),
    "wrong-sha256": (
        "CB113",
        payload(
            files={"lib/a": b"alpha"},
            paths=[{"_path": "lib/a", "path_type": "hardlink", "sha256": "0" * 64, "size_in_bytes": 5}],
        ),
    ),
    "wrong-size": (
        "CB113",
        payload(files={"lib/a": b"alpha"}, paths=[{"_path": "lib/a", "path_type": "hardlink", "size_in_bytes": 4}]),
    ),
    "wrong-type": (
        "CB113",
        payload(files={"lib/a": b"alpha"}, paths=[{"_path": "lib/a", "path_type": "softlink"}]),
    ),
    "link-with-wrong-sha256": (
        "CB113",
        payload(
            files={"lib/a": b"alpha", "lib/l": Link("a")},
            paths=[
                {"_path": "lib/a", "path_type": "hardlink"},
                {"_path": "lib/l", "path_type": "softlink", "sha256": "0" * 64},
            ],
        ),
    ),
    "listed-but-missing": ("CB113", payload(paths=[{"_path": "lib/zz", "path_type": "hardlink"}], files={})),
    "packed-but-not-listed": ("CB113", payload(TarEntry("lib/extra", b"1"))),
    "symlink-not-listed": ("CB113", payload(TarEntry("lib/l", kind=b"2", link="a"))),
    "placeholder-not-in-file": (
        "CB120",
        payload(files={"bin/x": File(b"#!/bin/sh\n", placeholder=PLACEHOLDER)}),
    ),
    "binary-placeholder-not-in-file": (
        "CB120",
        payload(files={"bin/x": File(b"\x00\x01", placeholder=PLACEHOLDER, file_mode="binary")}),
    ),
    "damaged-elf": ("CB124", payload(files={"lib/x.so": b"\x7fELF\x02\x01\x01" + bytes(20)})),
}


@pytest.mark.parametrize("archive", FORMATS)
@pytest.mark.parametrize("case", TAR_CASES)
def test_malformed_payload_is_refused(tmp_path: Path, case: str, archive: str) -> None:
    code, make = TAR_CASES[case]
    assert refused(make().write(tmp_path, archive)).code.number == code


# --- info/, in both formats -------------------------------------------------------------------------------


def described(index: Any = None, info: Any = None, **options: Any) -> Callable[[], Package]:
    return lambda: Package(files=SOUND, index=index or {}, info=dict(info or {}), **options)


def listed(*entries: Any) -> Callable[[], Package]:
    return lambda: Package(files={"lib/a": b"alpha"}, paths=list(entries))


def listed_a(**more: Any) -> Callable[[], Package]:
    return listed({"_path": "lib/a", "path_type": "hardlink", **more})


def linked(entry_point: str) -> Callable[[], Package]:
    document = {"package_metadata_version": 1, "noarch": {"type": "python", "entry_points": [entry_point]}}
    return described(info={"info/link.json": json.dumps(document).encode()})


INDEX = b'{"name":"demo","version":"1.0","build":"0","build_number":0,"subdir":"linux-64"'

INFO_CASES: dict[str, tuple[str, Callable[[], Package]]] = {
    "index-absent": ("CB110", described(info={"info/index.json": None})),
    "paths-and-files-absent": ("CB110", described(info={"info/paths.json": None})),
    "index-is-a-symlink": (
        "CB110",
        lambda: Package(
            files=SOUND,
            info={"info/index.json": None, "info/real.json": INDEX + b"}"},
            more_info=[TarEntry("info/index.json", kind=b"2", link="real.json")],
        ),
    ),
    "duplicate-index": (
        "CB107",
        lambda: Package(files=SOUND, more_info=[TarEntry("info/index.json", INDEX + b"}")]),
    ),
    "info-symlink-leaves": (
        "CB105",
        lambda: Package(files=SOUND, more_info=[TarEntry("info/x", kind=b"2", link="../lib/a")]),
    ),
    "info-is-a-file": ("CB108", lambda: Package(files=SOUND, more_info=[TarEntry("info", b"")])),
    "name-differs": ("CB112", described({"name": "other"})),
    "version-differs": ("CB112", described({"version": "2.0"})),
    "build-differs": ("CB112", described({"build": "1"})),
    "name-escapes": ("CB115", described({"name": "../../x"})),
    "name-not-ascii": ("CB115", described({"name": "tor\u0441h"})),
    "version-with-hyphen": ("CB115", described({"version": "1-0"})),
    "build-with-slash": ("CB115", described({"build": "../x"})),
    "subdir-escapes": ("CB115", described({"subdir": "../linux-64"})),
    "subdir-absent": ("CB111", described({"subdir": None})),
    "name-is-a-list": ("CB111", described({"name": ["demo"]})),
    "depends-is-a-string": ("CB111", described({"depends": "python"})),
    "depends-holds-null": ("CB111", described({"depends": [None]})),
    "depends-not-a-spec": ("CB116", described({"depends": ["python 3.6@**&*"]})),
    "depends-empty-spec": ("CB116", described({"depends": [""]})),
    "constrains-not-a-spec": ("CB116", described({"constrains": ["../x >=1"]})),
    "spec-too-long": ("CB116", described({"depends": ["python " + "|".join(["1.0"] * 5000)]})),
    "build-number-negative": ("CB111", described({"build_number": -1})),
    "build-number-boolean": ("CB111", described({"build_number": True})),
    "build-number-text": ("CB111", described({"build_number": "0"})),
    "noarch-unknown": ("CB111", described({"noarch": "ruby"})),
    "schema-from-the-future": ("CB111", described({"schema_version": 9})),
    "site-packages-escapes": ("CB104", described({"python_site_packages_path": "../../lib"})),
    "flag-malformed": ("CB111", described({"flags": ["cuda:12:4"]})),
    "extra-group-malformed": ("CB111", described({"extra_depends": {"a b": []}})),
    "license-is-a-list": ("CB111", described({"license": ["MIT"]})),
    "json-repeated-key": ("CB111", described(info={"info/index.json": INDEX + b',"name":"evil"}'})),
    "json-byte-order-mark": ("CB111", described(info={"info/index.json": b"\xef\xbb\xbf" + INDEX + b"}"})),
    "json-not-utf8": ("CB111", described(info={"info/index.json": INDEX + b',"license":"\xff"}'})),
    "json-nan": ("CB111", described(info={"info/index.json": INDEX + b',"timestamp":NaN}'})),
    "json-half-surrogate": ("CB111", described(info={"info/index.json": INDEX + b',"license":"\\ud800"}'})),
    "json-too-deep": ("CB111", described(info={"info/about.json": b'{"a":' + b"[" * 99 + b"]" * 99 + b"}"})),
    "json-far-too-deep": (
        "CB111",
        described(info={"info/about.json": b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"}),
    ),
    "json-huge-number": ("CB111", described(info={"info/about.json": b'{"a":' + b"9" * 5000 + b"}"})),
    "json-not-an-object": ("CB111", described(info={"info/about.json": b"[]"})),
    "json-empty": ("CB111", described(info={"info/link.json": b""})),
    "about-url-is-a-number": ("CB111", described(info={"info/about.json": b'{"home": 1}'})),
    "paths-version-2": ("CB111", described(info={"info/paths.json": b'{"paths_version":2,"paths":[]}'})),
    "paths-not-a-list": ("CB111", described(info={"info/paths.json": b'{"paths":{}}'})),
    "path-escapes": ("CB104", listed({"_path": "../../x", "path_type": "hardlink"})),
    "path-absolute": ("CB104", listed({"_path": "/x", "path_type": "hardlink"})),
    "path-twice": ("CB107", listed(*[{"_path": "lib/a", "path_type": "hardlink"}] * 2)),
    "path-in-info": ("CB114", listed({"_path": "info/index.json", "path_type": "hardlink"})),
    "path-type-unknown": ("CB111", listed({"_path": "lib/a", "path_type": "device"})),
    "sha256-malformed": ("CB111", listed_a(sha256="xyz")),
    "sha256-uppercase": ("CB111", listed_a(sha256="A" * 64)),
    "size-negative": ("CB111", listed_a(size_in_bytes=-1)),
    "no-link-is-text": ("CB111", listed_a(no_link="yes")),
    "placeholder-empty": ("CB120", listed_a(prefix_placeholder="", file_mode="text")),
    "placeholder-short": ("CB120", listed_a(prefix_placeholder="/", file_mode="text")),
    "placeholder-relative": ("CB120", listed_a(prefix_placeholder="opt/anaconda1", file_mode="text")),
    "placeholder-newline": ("CB120", listed_a(prefix_placeholder="/opt/anaconda1\n", file_mode="text")),
    "placeholder-mode-unknown": ("CB120", listed_a(prefix_placeholder=PLACEHOLDER, file_mode="magic")),
    "placeholder-without-mode": ("CB120", listed_a(prefix_placeholder=PLACEHOLDER)),
    "paths-and-files-disagree": ("CB113", described(info={"info/files": b"lib/a\n"})),
    "legacy-prefix-mode": (
        "CB120",
        described(
            info={
                "info/paths.json": None,
                "info/files": b"lib/a\nlib/b\n",
                "info/has_prefix": f"{PLACEHOLDER} wrong lib/a\n".encode(),
            }
        ),
    ),
    "legacy-prefix-of-unlisted-file": (
        "CB113",
        described(
            info={
                "info/paths.json": None,
                "info/files": b"lib/a\nlib/b\n",
                "info/has_prefix": f"{PLACEHOLDER} text lib/c\n".encode(),
            }
        ),
    ),
    "legacy-file-missing": (
        "CB113",
        described(info={"info/paths.json": None, "info/files": b"lib/a\nlib/b\nlib/c\n"}),
    ),
    "legacy-file-not-listed": ("CB113", described(info={"info/paths.json": None, "info/files": b"lib/a\n"})),
    "entry-point-escapes": ("CB117", linked("../../../x = a:b")),
    "entry-point-absolute": ("CB117", linked("/bin/x = a:b")),
    "entry-point-dots": ("CB117", linked(".. = a:b")),
    "entry-point-backslash": ("CB117", linked("a\\b = a:b")),
    "entry-point-newline": ("CB117", linked("x\ny = a:b")),
    "entry-point-code": ("CB117", linked("x = pkg:f);import os")),
    "entry-point-without-attribute": ("CB117", linked("x = pkg")),
    "entry-points-not-a-list": (
        "CB111",
        described(info={"info/link.json": b'{"noarch":{"type":"python","entry_points":"x = a:b"}}'}),
    ),
}


@pytest.mark.parametrize("archive", FORMATS)
@pytest.mark.parametrize("case", INFO_CASES)
def test_malformed_description_is_refused(tmp_path: Path, case: str, archive: str) -> None:
    code, make = INFO_CASES[case]
    package = make()
    path = package.write(tmp_path, archive)
    assert refused(path).code.number == code


@pytest.mark.parametrize("archive", FORMATS)
def test_subdir_of_another_channel_is_refused(tmp_path: Path, archive: str) -> None:
    path = Package(files=SOUND).write(tmp_path, archive)
    assert refused(path, subdir="osx-64").code.number == "CB112"


@pytest.mark.parametrize("filename", ["x.zip", "demo.conda", "demo-1.0.conda", "Demo-1.0-0.conda", "..-1.0-0.conda"])
def test_file_name_that_no_package_may_have_is_refused(tmp_path: Path, filename: str) -> None:
    path = Package(files=SOUND).write(tmp_path, filename=filename)
    assert refused(path).code.number == "CB115"


# --- .conda alone -----------------------------------------------------------------------------------------


def outer(change: Callable[[list[ZipMember]], Any] = lambda _: None, **options: Any) -> Callable[[], bytes]:
    def make() -> bytes:
        members = Package(files=SOUND).zip_members()
        changed = change(members)
        return zip_bytes(changed if isinstance(changed, list) else members, **options)

    return make


def with_member(number: int, **changes: Any) -> Callable[[], bytes]:
    return outer(lambda members: [*members[:number], replace(members[number], **changes), *members[number + 1 :]])


def with_frame(change: Callable[[bytes], bytes], number: int = 1) -> Callable[[], bytes]:
    return outer(
        lambda members: [
            *members[:number],
            replace(members[number], data=change(members[number].data)),
            *members[number + 1 :],
        ]
    )


def with_tars(info: bytes | None = None, pkg: bytes | None = None) -> Callable[[], bytes]:
    def make() -> bytes:
        package = Package(files=SOUND)
        return zip_bytes(
            [
                ZipMember("metadata.json", FORMAT_DOCUMENT),
                ZipMember(f"pkg-{package.stem}.tar.zst", zstd(package.payload_tar() if pkg is None else pkg)),
                ZipMember(f"info-{package.stem}.tar.zst", zstd(package.info_tar() if info is None else info)),
            ]
        )

    return make


def with_payload(*entries: TarEntry) -> Callable[[], bytes]:
    return lambda: Package(files=SOUND, more_payload=list(entries)).encode()


ZIP64_FIELD = struct.pack("<2H2Q", 1, 16, 7, 7)

CONTAINER_CASES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "not-a-zip": ("CB101", lambda: b"hello"),
    "empty-file": ("CB101", lambda: b""),
    "cut-off": ("CB102", lambda: Package(files=SOUND).encode()[:-30]),
    "no-metadata-json": ("CB102", outer(lambda members: members[1:])),
    "no-payload-archive": ("CB102", outer(lambda members: [members[0], members[2]])),
    "two-payload-archives": ("CB102", outer(lambda m: [*m, ZipMember("pkg-other-1.0-0.tar.zst", m[1].data)])),
    "payload-archive-instead-of-metadata": (
        "CB102",
        outer(lambda m: [ZipMember("pkg-other-1.0-0.tar.zst", m[1].data), *m[1:]]),
    ),
    "extra-member": ("CB102", outer(lambda members: [*members, ZipMember("README", b"")])),
    "extra-member-escapes": ("CB102", outer(lambda members: [*members, ZipMember("../x", b"")])),
    "duplicate-member": ("CB102", outer(lambda members: [members[0], *members[:2]])),
    "stem-of-payload": ("CB103", with_member(1, name="pkg-other-1.0-0.tar.zst")),
    "stem-of-info": ("CB103", with_member(2, name="info-other-1.0-0.tar.zst")),
    "deflated": ("CB102", with_member(1, method=8)),
    "data-descriptor": ("CB102", with_member(1, flags=8, after=b"PK\x07\x08" + bytes(12))),
    "encrypted": ("CB102", with_member(1, flags=1)),
    "member-comment": ("CB102", with_member(1, comment=b"x")),
    "archive-comment": ("CB102", outer(comment=b"x")),
    "prefix-bytes": ("CB102", outer(before=b"#!/bin/sh\n")),
    "trailing-bytes": ("CB102", outer(after=b"x")),
    "two-archives": ("CB102", lambda: Package(files=SOUND).encode() * 2),
    "gap-before-directory": ("CB102", outer(gap=b"hidden")),
    "gap-between-members": ("CB102", with_member(0, after=b"hidden")),
    "member-without-directory-entry": (
        "CB102",
        outer(lambda m: [*m, ZipMember("pkg-demo-1.0-0.tar.zst", m[1].data, listed=False)]),
    ),
    "count-too-small": ("CB102", outer(count=2)),
    "local-name-differs": ("CB102", with_member(1, local_name="pkg-evil-1.0-0.tar.zst")),
    "local-size-differs": ("CB102", with_member(1, local_size=1)),
    "local-checksum-differs": ("CB102", with_member(1, local_crc=1)),
    "unknown-extra-field": ("CB102", with_member(1, extra=struct.pack("<2H", 0x7075, 0))),
    "repeated-zip64-field": ("CB102", with_member(1, extra=ZIP64_FIELD * 2)),
    "contradicting-zip64-field": ("CB102", with_member(1, extra=ZIP64_FIELD)),
    "extra-field-cut-off": ("CB102", with_member(1, extra=b"\x01\x00\x10")),
    "checksum-of-payload": ("CB101", with_member(1, crc=1, local_crc=1)),
    "checksum-of-metadata": ("CB101", with_member(0, crc=1, local_crc=1)),
    "format-version-3": ("CB102", with_member(0, data=b'{"conda_pkg_format_version": 3}')),
    "format-version-absent": ("CB102", with_member(0, data=b"{}")),
    "format-document-malformed": ("CB111", with_member(0, data=b"")),
    "format-document-large": ("CB102", with_member(0, data=b" " * 100_000)),
    "index-in-payload": ("CB114", with_payload(TarEntry("info/index.json", INDEX + b"}"))),
    "paths-in-payload": ("CB114", with_payload(TarEntry("info/paths.json", b"{}"))),
    "info-in-other-case-in-payload": ("CB108", with_payload(TarEntry("Info/index.json", b"{}"))),
    "licence-link-in-payload": (
        "CB114",
        with_payload(TarEntry("info/licenses/x", kind=b"2", link="../index.json")),
    ),
    "payload-in-info": (
        "CB114",
        lambda: Package(files=SOUND, more_info=[TarEntry("lib/c", b"1")]).encode(),
    ),
    "licence-with-two-contents": (
        "CB107",
        lambda: Package(
            files=SOUND,
            info={"info/licenses/LICENSE": b"MIT"},
            more_payload=[TarEntry("info/licenses/LICENSE", b"GPL")],
        ).encode(),
    ),
    "zstd-garbage": ("CB101", with_frame(lambda _: b"not zstd at all, but long enough")),
    "zstd-cut-off": ("CB101", with_frame(lambda data: data[:-5])),
    "zstd-followed-by-bytes": ("CB101", with_frame(lambda data: data + b"x")),
    "zstd-second-frame": ("CB101", with_frame(lambda data: data + zstd(b"hidden"))),
    "zstd-skippable-frame": ("CB101", with_frame(lambda data: b"\x50\x2a\x4d\x18\x01\x00\x00\x00x" + data)),
    "zstd-empty": ("CB101", with_frame(lambda _: b"")),
    "tar-empty": ("CB101", with_tars(pkg=b"")),
    "tar-without-end": ("CB101", with_tars(pkg=TarEntry("lib/a", b"alpha").encode())),
    "tar-cut-in-header": ("CB101", with_tars(pkg=tar_bytes([TarEntry("lib/a", b"x")])[:300])),
}


@pytest.mark.parametrize("case", CONTAINER_CASES)
def test_malformed_container_is_refused(tmp_path: Path, case: str) -> None:
    code, make = CONTAINER_CASES[case]
    path = tmp_path / "demo-1.0-0.conda"
    path.write_bytes(make())
    assert refused(path).code.number == code


# --- .tar.bz2 alone ---------------------------------------------------------------------------------------

BZ2_CASES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "not-bzip2": ("CB101", lambda tar: tar),
    "empty-file": ("CB101", lambda _: b""),
    "cut-off": ("CB101", lambda tar: bz2.compress(tar)[:-10]),
    "cut-off-second-stream": ("CB101", lambda tar: bz2.compress(tar[:512]) + bz2.compress(tar[512:])[:-10]),
    "followed-by-bytes": ("CB101", lambda tar: bz2.compress(tar) + b"hidden"),
    "empty-streams": ("CB101", lambda tar: bz2.compress(b"") * 3 + bz2.compress(tar)),
    "checksum": ("CB101", lambda tar: _flip(bz2.compress(tar), 12)),
}


def _flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


@pytest.mark.parametrize("case", BZ2_CASES)
def test_malformed_bzip2_is_refused(tmp_path: Path, case: str) -> None:
    code, change = BZ2_CASES[case]
    path = tmp_path / "demo-1.0-0.tar.bz2"
    path.write_bytes(change(Package(files=SOUND).whole_tar()))
    assert refused(path).code.number == code


# --- limits -----------------------------------------------------------------------------------------------

LIMIT_CASES: dict[str, Callable[[], Package]] = {
    "members": lambda: Package(files={f"lib/{number}": b"" for number in range(65)}),
    "directories": lambda: Package(files={f"lib/{number}": Directory() for number in range(65)}),
    "file-size": lambda: Package(files={"lib/a": bytes(65 * KIB)}),
    "total-size": lambda: Package(files={f"lib/{number}": bytes(60 * KIB) for number in range(5)}),
    "claimed-size": lambda: Package(more_payload=[TarEntry("lib/a", size=1 << 40, binary_size=True)]),
    "hard-link-copies": lambda: Package(
        files={"lib/a": bytes(60 * KIB)},
        more_payload=[TarEntry(f"lib/{number}", kind=b"1", link="lib/a") for number in range(9)],
        paths=[{"_path": path, "path_type": "hardlink"} for path in ["lib/a", *(f"lib/{n}" for n in range(9))]],
    ),
    "info-size": lambda: Package(info={f"info/recipe/{number}": bytes(15 * KIB) for number in range(5)}),
    "metadata-size": lambda: Package(info={"info/about.json": b"{" + b" " * (17 * KIB) + b"}"}),
    "path-length": lambda: Package(files={"/".join(["d" * 100] * 21): b""}),
    "name-length": lambda: Package(files={"lib/" + "n" * 256: b""}),
    "extended-header": lambda: Package(more_payload=[TarEntry("x", size=2 << 20, kind=b"x")]),
    "kept-text": lambda: Package(files={"a.dist-info/METADATA": bytes(20 * KIB)}),
}


@pytest.mark.parametrize("archive", FORMATS)
@pytest.mark.parametrize("case", LIMIT_CASES)
def test_limit_is_enforced(tmp_path: Path, case: str, archive: str) -> None:
    error = refused(LIMIT_CASES[case]().write(tmp_path, archive), limits=TIGHT)
    assert error.code.number == "CB109"
    assert "limit" in error.message


def test_zstd_window_is_limited(tmp_path: Path) -> None:
    package = Package(files={"lib/a": bytes(range(256)) * 4096})
    path = package.write(tmp_path)
    assert refused(path, limits=Limits(zstd_window=64 * KIB)).code.number == "CB109"
