"""Reading ELF files: facts, hostile files, and pyelftools and readelf as oracles."""

from __future__ import annotations

import contextlib
import mmap
import random
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from bridge.errors import Code, InvalidInput
from bridge.native.elf import read_elf
from tests.support.elf_files import (
    HASH,
    NEEDED,
    RPATH,
    SONAME,
    STRSZ,
    STRTAB,
    SYMTAB,
    VERDEFNUM,
    VERNEED,
    VERNEEDNUM,
    Elf,
    replace_at,
    set_tag,
)

FULL = {
    "soname": "libspam.so.1",
    "needed": ("libfoo.so.2", "libc.so.6"),
    "rpath": "$ORIGIN/../..",
    "versions": {"libc.so.6": ("GLIBC_2.2.5", "GLIBC_2.17"), "libfoo.so.2": ("FOO_1",)},
    "defines": ("SPAM_1", "SPAM_2"),
    "imports": ("malloc", "foo_open"),
}


def refused(data: bytes) -> str:
    with pytest.raises(InvalidInput) as caught:
        read_elf(data, subject="lib/evil.so")
    assert caught.value.code is Code.BAD_BINARY
    assert caught.value.subject == "lib/evil.so"
    return caught.value.message


@pytest.mark.parametrize("hash_style", ["sysv", "gnu", "none"])
@pytest.mark.parametrize("little", [True, False], ids=["little", "big"])
@pytest.mark.parametrize("bits", [64, 32])
def test_reads_every_fact_in_each_word_size_and_byte_order(bits, little, hash_style):
    elf = Elf(**FULL, bits=bits, little=little, hash_style=hash_style, machine=21)
    data = elf.make()
    facts = read_elf(data)
    assert (facts.machine, facts.bits, facts.little_endian) == (21, bits, little)
    assert facts.soname == "libspam.so.1"
    assert facts.needed == ("libfoo.so.2", "libc.so.6")
    assert facts.versions == FULL["versions"]
    assert facts.defined_versions == ("SPAM_1", "SPAM_2")
    assert facts.interpreter is None
    assert facts.rpath is not None
    assert facts.rpath.value == "$ORIGIN/../.."
    assert not facts.rpath.runpath
    assert not facts.rpath.shared
    assert data[facts.rpath.offset :].startswith(b"$ORIGIN/../..\0")


def test_reads_the_same_from_bytes_memoryview_and_mmap(tmp_path):
    data = Elf(**FULL).make()
    path = tmp_path / "libspam.so"
    path.write_bytes(data)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert read_elf(mapped) == read_elf(memoryview(data)) == read_elf(data)


def test_static_executables_and_object_files_have_no_dynamic_facts():
    facts = read_elf(Elf(dynamic=False).make())
    assert facts.needed == ()
    assert facts.rpath is None
    header = Elf(dynamic=False).make()
    no_program_headers = replace_at(header, 32, bytes(8))
    assert read_elf(replace_at(no_program_headers, 56, bytes(2))).soname is None


def test_an_executable_names_its_interpreter():
    assert read_elf(Elf(interpreter="/lib64/ld-linux-x86-64.so.2").make()).interpreter == (
        "/lib64/ld-linux-x86-64.so.2"
    )


def test_runpath_hides_rpath():
    facts = read_elf(Elf(rpath="$ORIGIN/rpath", runpath="$ORIGIN/runpath").make())
    assert facts.rpath is not None
    assert (facts.rpath.value, facts.rpath.runpath, facts.rpath.shared) == ("$ORIGIN/runpath", True, False)


def test_rpath_and_runpath_may_be_one_string():
    facts = read_elf(Elf(rpath="$ORIGIN/a", runpath="$ORIGIN/a").make())
    assert facts.rpath is not None
    assert not facts.rpath.shared


@pytest.mark.parametrize("hash_style", ["sysv", "gnu", "none"])
@pytest.mark.parametrize(
    "users",
    [
        {"imports": ("malloc", "lib")},
        {"needed": ("lib",)},
        {"soname": "lib"},
        {"versions": {"libc.so.6": ("lib",)}},
        {"versions": {"lib": ("GLIBC_2.17",)}},
        {"defines": ("lib",)},
        {"imports": ("x$ORIGIN/../lib",)},
        {"runpath": "lib", "rpath": "$ORIGIN/../lib"},
    ],
    ids=["symbol", "needed", "soname", "version", "library", "definition", "inside-a-symbol", "other-rpath"],
)
def test_an_rpath_whose_bytes_serve_another_string_is_shared(users, hash_style):
    facts = read_elf(Elf(**{"rpath": "$ORIGIN/../lib", **users}, hash_style=hash_style).make())
    assert facts.rpath is not None
    assert facts.rpath.shared


def test_an_unused_longer_string_around_the_rpath_does_not_make_it_shared():
    facts = read_elf(Elf(rpath="$ORIGIN/lib", unused=("x$ORIGIN/lib",)).make())
    assert facts.rpath is not None
    assert not facts.rpath.shared


def test_a_symbol_table_without_an_end_makes_the_rpath_shared():
    elf = Elf(rpath="$ORIGIN", hash_style="none")
    data = elf.make()
    facts = read_elf(set_tag(elf, data, SYMTAB, 0x7FFFFFFF))
    assert facts.rpath is not None
    assert facts.rpath.shared


def test_forbidden_symbols_of_the_system_zlib_are_found():
    elf = Elf(needed=("libz.so.1",), imports=("inflate", "inflate_table", "_length_code"), hash_style="gnu")
    assert read_elf(elf.make()).forbidden_imports == {"libz.so.1": ("_length_code", "inflate_table")}
    other = Elf(needed=("libspam.so.1",), imports=("inflate_table",))
    assert read_elf(other.make()).forbidden_imports == {}


@pytest.mark.parametrize("size", [0, 3, 4, 15, 16, 40, 63, 64, 100, 175, 200])
def test_a_cut_file_is_refused(size):
    refused(Elf(**FULL).make()[:size])


@pytest.mark.parametrize(
    "edit",
    [
        lambda elf, data: replace_at(data, 4, b"\x03"),
        lambda elf, data: replace_at(data, 5, b"\x00"),
        lambda elf, data: replace_at(data, 32, struct.pack("<Q", 1 << 63)),
        lambda elf, data: replace_at(data, 54, struct.pack("<H", 1)),
        lambda elf, data: replace_at(data, 56, struct.pack("<H", 0xFFFF)),
        lambda elf, data: replace_at(data, 56, struct.pack("<H", 0xFFFE)),
        lambda elf, data: replace_at(data, 64 + 32, bytes(8)),
        lambda elf, data: set_tag(elf, data, STRTAB, 1 << 62),
        lambda elf, data: set_tag(elf, data, STRTAB, 0),
        lambda elf, data: set_tag(elf, data, STRSZ, (1 << 64) - 1),
        lambda elf, data: set_tag(elf, data, STRSZ, 2),
        lambda elf, data: set_tag(elf, data, NEEDED, 1 << 40),
        lambda elf, data: set_tag(elf, data, SONAME, (1 << 64) - 1),
        lambda elf, data: set_tag(elf, data, RPATH, 5000),
        lambda elf, data: set_tag(elf, data, HASH, 1),
        lambda elf, data: set_tag(elf, data, VERNEED, 12),
        lambda elf, data: replace_at(data, elf.offsets["strings"] + 1, b"\xff\xfe"),
        lambda elf, data: replace_at(data, elf.offsets["strings"] + 1, b"\n"),
        lambda elf, data: replace_at(data, elf.offsets["hash"] + 4, struct.pack("<I", 1 << 20)),
        lambda elf, data: replace_at(data, elf.offsets["verneed"] + 8, struct.pack("<I", 1 << 31)),
        lambda elf, data: replace_at(data, elf.offsets["verneed"] + 12, struct.pack("<I", 1)),
        lambda elf, data: replace_at(data, elf.offsets["verdef"] + 16, struct.pack("<I", 1 << 31)),
    ],
)
def test_a_damaged_file_is_refused(edit):
    # The longest string comes first in the table, and is the RPATH here.
    elf = Elf(**{**FULL, "rpath": "$ORIGIN/../../../../../.."})
    refused(edit(elf, elf.make()))


def test_lying_counts_do_not_prolong_the_walk():
    elf = Elf(**FULL)
    data = elf.make()
    for tag in (VERNEEDNUM, VERDEFNUM):
        data = set_tag(elf, data, tag, (1 << 64) - 1)
    assert read_elf(data).versions == FULL["versions"]


def test_version_records_that_share_one_list_are_bounded():
    # 3,000 records that each claim the same 3,000 names: 9 million strings from 100 kB.
    elf = Elf(versions={"libc.so.6": ["GLIBC_2.17"] * 3000})
    data = bytearray(elf.make())
    at = len(data)
    records = b"".join(
        struct.pack("<HHIII", 1, 3000, 1, elf.offsets["verneed"] + 16 - (at + 16 * i) & 0xFFFFFFFF, 16)
        for i in range(3000)
    )
    data += records
    data[64 + 32 : 64 + 40] = struct.pack("<Q", len(data))
    hostile = set_tag(elf, bytes(data), VERNEED, at + 0x10000)
    hostile = set_tag(elf, hostile, VERNEEDNUM, 3000)
    refused(hostile)


def test_one_long_string_named_many_times_is_bounded():
    elf = Elf(needed=["x" * 60_000] * 10_000)
    assert "too long" in refused(elf.make())


def test_too_many_dynamic_entries_are_refused():
    assert "too many" in refused(Elf(needed=["libc.so.6"] * 20_000).make())


def test_damage_of_any_kind_gives_the_one_error():
    source = random.Random(20)
    elves = [Elf(**FULL, hash_style=style, bits=bits) for style in ("sysv", "gnu") for bits in (32, 64)]
    for elf in elves:
        data = elf.make()
        for _ in range(1500):
            hostile = bytearray(data)
            for _ in range(source.randint(1, 4)):
                at = source.randrange(len(hostile))
                hostile[at] = source.choice((0, 1, 0x7F, 0xFF, source.randrange(256)))
            # Anything but this one exception fails the test.
            with contextlib.suppress(InvalidInput):
                read_elf(bytes(hostile))


def corpus_binaries() -> list[Path]:
    return [
        path
        for folder in ("/usr/bin", "/usr/lib/x86_64-linux-gnu")
        for path in sorted(Path(folder).glob("*"))[:150]
        if path.is_file() and path.stat().st_size < 5_000_000 and path.read_bytes()[:4] == b"\x7fELF"
    ]


def test_agrees_with_pyelftools_on_the_binaries_of_this_system():
    elffile = pytest.importorskip("elftools.elf.elffile")
    dynamic = pytest.importorskip("elftools.elf.dynamic")
    gnuversions = pytest.importorskip("elftools.elf.gnuversions")
    for path in corpus_binaries():
        facts = read_elf(path.read_bytes())
        with path.open("rb") as file:
            elf = elffile.ELFFile(file)
            needed, soname, rpath, versions = [], None, None, {}
            for section in elf.iter_sections():
                if isinstance(section, dynamic.DynamicSection):
                    for tag in section.iter_tags():
                        match tag.entry.d_tag:
                            case "DT_NEEDED":
                                needed.append(tag.needed)
                            case "DT_SONAME":
                                soname = tag.soname
                            case "DT_RPATH":
                                rpath = tag.rpath
                            case "DT_RUNPATH":
                                rpath = tag.runpath
                if isinstance(section, gnuversions.GNUVerNeedSection):
                    for version, names in section.iter_versions():
                        versions[version.name] = tuple(name.name for name in names)
        assert facts.needed == tuple(needed), path
        assert facts.soname == soname, path
        assert (facts.rpath.value if facts.rpath else None) == rpath, path
        assert facts.versions == versions, path


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_reads_what_a_linker_writes(tmp_path):
    source = tmp_path / "spam.c"
    source.write_text('#include <stdio.h>\nint spam(void) { return puts("spam"); }\n')
    library = tmp_path / "libspam.so"
    flags = ["-Wl,-soname,libspam.so.3", "-Wl,-rpath,$ORIGIN/../../..", "-Wl,--disable-new-dtags"]
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source, *flags], check=True, timeout=60)
    facts = read_elf(library.read_bytes())
    assert facts.soname == "libspam.so.3"
    assert "libc.so.6" in facts.needed
    assert facts.rpath is not None
    assert (facts.rpath.value, facts.rpath.runpath, facts.rpath.shared) == ("$ORIGIN/../../..", False, False)
    # A symbol called like the end of the RPATH: the linker lets both use the same bytes.
    source.write_text("int tail(void) { return 1; }\n")
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O2", "-o", library, source, "-Wl,-rpath,$ORIGIN/tail"],
        check=True,
        timeout=60,
    )
    facts = read_elf(library.read_bytes())
    assert facts.rpath is not None
    assert facts.rpath.shared
