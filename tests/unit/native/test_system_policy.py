"""What systems have, and the oldest system that a set of binaries runs on."""

from __future__ import annotations

import pytest

from bridge.errors import Code, Unsupported
from bridge.model.payload import ElfFacts
from bridge.native.manylinux import ARCHITECTURES
from bridge.native.policy import SystemPolicy, architecture_of


def elf(*needed: str, machine: int = 62, forbidden=None, **versions: tuple[str, ...]) -> ElfFacts:
    names = {
        "libc": "libc.so.6",
        "libstdcxx": "libstdc++.so.6",
        "libgcc": "libgcc_s.so.1",
        "libz": "libz.so.1",
    }
    return ElfFacts(
        machine=machine,
        bits=64,
        little_endian=True,
        needed=needed or tuple(names.get(name, name) for name in versions),
        versions={names.get(name, name): value for name, value in versions.items()},
        forbidden_imports=forbidden or {},
    )


POLICY = SystemPolicy.for_architecture("x86_64")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_with_manylinux_tags_has_policies_in_order(architecture):
    policies = SystemPolicy.for_architecture(architecture).policies
    assert [policy.glibc for policy in policies] == sorted({policy.glibc for policy in policies})
    assert all("GLIBC" in policy.versions for policy in policies)


def test_other_architectures_are_unsupported():
    with pytest.raises(Unsupported) as caught:
        SystemPolicy.for_architecture("sparc64")
    assert caught.value.code is Code.PLATFORM


@pytest.mark.parametrize(
    ("soname", "provided"),
    [
        ("libc.so.6", True),
        ("libstdc++.so.6", True),
        ("libz.so.1", True),
        ("libX11.so.6", True),
        ("ld-linux-x86-64.so.2", True),
        ("ld-linux-aarch64.so.1", True),
        ("ld64.so.2", True),
        ("libssl.so.3", False),
        ("libgomp.so.1", False),
        ("libffi.so.8", False),
    ],
)
def test_what_systems_provide(soname, provided):
    assert POLICY.provided_by_system(soname) is provided


def test_the_floor_is_the_oldest_system_with_every_version():
    assert POLICY.floor([]).glibc == (2, 5)
    floor = POLICY.floor([elf(libc=("GLIBC_2.2.5", "GLIBC_2.14")), elf(libc=("GLIBC_2.26",))])
    assert (floor.glibc, floor.reasons, floor.external) == ((2, 26), ("libc.so.6: GLIBC_2.26",), ())


def test_the_floor_counts_what_is_needed_of_the_compiler_runtimes():
    binaries = [elf(libc=("GLIBC_2.17",), libstdcxx=("GLIBCXX_3.4.30", "CXXABI_1.3.9"))]
    assert POLICY.floor(binaries).glibc == (2, 35)
    assert POLICY.floor(binaries).reasons == ("libstdc++.so.6: GLIBCXX_3.4.30",)
    assert POLICY.floor(binaries, shipped={"libstdc++.so.6"}).glibc == (2, 17)
    assert POLICY.floor([elf(libgcc=("GCC_12.0.0",))]).glibc == (2, 35)
    assert POLICY.floor([elf(libz=("ZLIB_1.2.9",))]).glibc > (2, 17)


def test_versions_of_libraries_that_no_policy_speaks_of_do_not_count():
    floor = POLICY.floor([elf(**{"libssl.so.3": ("OPENSSL_3.0.0",)})])
    assert floor.glibc == (2, 5)
    assert floor.external == ("libssl.so.3",)
    assert POLICY.floor([elf(**{"libssl.so.3": ("OPENSSL_3.0.0",)})], shipped=["libssl.so.3"]).external == ()


def test_no_system_has_private_or_unknown_versions():
    floor = POLICY.floor([elf(libc=("GLIBC_PRIVATE",))])
    assert (floor.glibc, floor.reasons) == (None, ("libc.so.6: GLIBC_PRIVATE",))
    assert POLICY.floor([elf(libc=("GLIBC_2.99",))]).glibc is None


def test_a_library_that_only_newer_systems_have_raises_the_floor():
    assert POLICY.floor([elf("libexpat.so.1")]).glibc == (2, 12)
    assert POLICY.floor([elf("libmvec.so.1")]).glibc > (2, 17)


def test_forbidden_symbols_of_zlib_keep_a_binary_off_systems():
    inner = elf("libz.so.1", forbidden={"libz.so.1": ("inflate_table",)})
    assert POLICY.floor([inner]).glibc is None
    newer = elf("libz.so.1", forbidden={"libz.so.1": ("uncompress2",)})
    assert POLICY.floor([newer]).glibc > (2, 5)


def test_binaries_for_other_machines_are_data():
    assert POLICY.floor([elf(machine=183, libc=("GLIBC_2.38",)), elf(libc=("GLIBC_2.5",))]).glibc == (2, 5)
    assert architecture_of(elf(machine=183)) == "aarch64"
    assert architecture_of(ElfFacts(machine=62, bits=32, little_endian=True)) is None
