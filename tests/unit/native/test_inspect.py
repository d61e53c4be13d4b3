"""What a file is, by its bytes; Mach-O and PE facts."""

from __future__ import annotations

import contextlib
import random
import struct

import pytest

from bridge.errors import Code, InvalidInput
from bridge.model.payload import Nature
from bridge.native.inspect import HEAD_SIZE, inspect, nature
from bridge.native.macho import read_macho
from bridge.native.pe import read_pe
from tests.support.elf_files import (
    ARM64,
    X86_64,
    Elf,
    build_version,
    dylib,
    fat,
    macho,
    pe,
    replace_at,
    version_min,
)

JAVA_CLASS = b"\xca\xfe\xba\xbe" + struct.pack(">HH", 0, 52) + bytes(100)
OLDEST_JAVA_CLASS = b"\xca\xfe\xba\xbe" + struct.pack(">HH", 3, 45) + bytes(100)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (Elf().make(), Nature.ELF),
        (macho(X86_64), Nature.MACHO),
        (macho(7, bits=32), Nature.MACHO),
        (macho(18, bits=32, order=">"), Nature.MACHO),
        (fat([(X86_64, macho(X86_64)), (ARM64, macho(ARM64))]), Nature.MACHO),
        (fat([(X86_64, macho(X86_64))], wide=True), Nature.MACHO),
        (JAVA_CLASS, Nature.OTHER),
        (OLDEST_JAVA_CLASS, Nature.OTHER),
        (b"\xca\xfe\xba\xbe" + bytes(60), Nature.OTHER),
        (pe(), Nature.PE),
        (pe(header_at=64), Nature.PE),
        (b"MZ is how this text starts, and it goes on for more than the sixty-four bytes", Nature.OTHER),
        (b"MZ", Nature.OTHER),
        (b"#!/bin/sh\n", Nature.SCRIPT),
        (b"import os\n", Nature.OTHER),
        (b"", Nature.OTHER),
    ],
)
def test_nature_is_told_by_the_first_bytes(data, expected):
    assert nature(data[:HEAD_SIZE]) is expected
    assert inspect(data).nature is expected


def test_a_dos_program_looks_like_pe_until_all_of_it_is_seen():
    program = pe().replace(b"PE\0\0", b"NE\0\0")
    assert nature(program[:HEAD_SIZE]) is Nature.PE
    assert inspect(program).nature is Nature.OTHER


def test_inspection_carries_the_facts_of_the_format():
    assert inspect(Elf(soname="libspam.so").make()).elf.soname == "libspam.so"
    assert inspect(macho(ARM64)).macho.architectures == ("arm64",)
    assert inspect(pe(0xAA64)).pe.machine == 0xAA64
    assert inspect(b"text") == inspect(b"other text")


def test_load_commands_of_a_thin_file():
    data = macho(
        ARM64,
        dylib(0xD, "@rpath/libspam.1.dylib"),
        build_version(11, 3),
        dylib(0xC, "/usr/lib/libSystem.B.dylib"),
        dylib(0x80000018, "@rpath/libweak.dylib"),
    )
    facts = read_macho(data)
    assert facts.architectures == ("arm64",)
    assert facts.minimum_os == (11, 3)
    assert facts.install_name == "@rpath/libspam.1.dylib"
    assert facts.dylibs == ("/usr/lib/libSystem.B.dylib", "@rpath/libweak.dylib")


def test_a_big_endian_file_is_read():
    facts = read_macho(macho(18, version_min(10, 4, order=">"), bits=32, order=">"))
    assert (facts.architectures, facts.minimum_os) == (("ppc",), (10, 4))


def test_a_name_may_fill_its_command_without_a_nul():
    command = struct.pack("<IIIIII", 0xC, 32, 24, 0, 0, 0) + b"libabc.d"
    assert read_macho(macho(X86_64, command)).dylibs == ("libabc.d",)


@pytest.mark.parametrize("wide", [False, True])
def test_the_highest_minimum_of_the_slices_counts(wide):
    slices = [(X86_64, macho(X86_64, version_min(10, 9))), (ARM64, macho(ARM64, build_version(11, 0)))]
    facts = read_macho(fat(slices, wide=wide))
    assert (facts.architectures, facts.minimum_os) == (("x86_64", "arm64"), (11, 0))


def test_minimums_of_other_systems_do_not_count():
    assert read_macho(macho(ARM64, build_version(17, 0, platform=2))).minimum_os is None


def test_a_fat_static_archive_has_architectures_only():
    facts = read_macho(fat([(X86_64, b"!<arch>\n" + bytes(50)), (0x99, b"!<arch>\n")]))
    assert facts.architectures == ("x86_64", "cpu-153")


@pytest.mark.parametrize(
    "data",
    [
        macho(X86_64)[:20],
        macho(X86_64, version_min(10, 9))[:-4],
        replace_at(macho(X86_64, version_min(10, 9)), 16, struct.pack("<I", 1 << 31)),
        replace_at(macho(X86_64, version_min(10, 9)), 20, struct.pack("<I", 1 << 31)),
        replace_at(macho(X86_64, version_min(10, 9)), 36, struct.pack("<I", 0)),
        replace_at(macho(X86_64, version_min(10, 9)), 36, struct.pack("<I", 8)),
        replace_at(macho(X86_64, dylib(0xC, "libspam.dylib")), 40, struct.pack("<I", 4000)),
        macho(X86_64, dylib(0xC, "lib\nspam.dylib")),
        fat([(X86_64, macho(X86_64))])[:20],
        replace_at(fat([(X86_64, macho(X86_64))]), 16, struct.pack(">I", 1 << 31)),
        fat([(X86_64, macho(X86_64))]).replace(b"\x00\x00\x00\x01", b"\x00\x00\x00\x20", 1),
    ],
)
def test_damaged_macho_is_refused(data):
    with pytest.raises(InvalidInput) as caught:
        read_macho(data)
    assert caught.value.code is Code.BAD_BINARY


def test_pe_headers():
    assert (read_pe(pe()).machine, read_pe(pe()).dll, read_pe(pe(dll=False)).dll) == (0x8664, True, False)
    with pytest.raises(InvalidInput) as caught:
        read_pe(pe()[:-3])
    assert caught.value.code is Code.BAD_BINARY


def test_damage_of_any_kind_gives_the_one_error():
    source = random.Random(4)
    seeds = [
        fat(
            [
                (X86_64, macho(X86_64, dylib(0xC, "libspam.dylib"))),
                (ARM64, macho(ARM64, build_version(11, 0))),
            ]
        ),
        macho(ARM64, dylib(0xD, "libspam.dylib"), build_version(11, 0)),
        pe(),
    ]
    for data in seeds:
        for _ in range(1500):
            hostile = bytearray(data)
            for _ in range(source.randint(1, 3)):
                hostile[source.randrange(len(hostile))] = source.choice((0, 1, 0x7F, 0xFF))
            # Anything but this one exception fails the test.
            with contextlib.suppress(InvalidInput):
                inspect(bytes(hostile))
