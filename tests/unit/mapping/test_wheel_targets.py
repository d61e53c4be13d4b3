"""Tags, Requires-Python and binaries of a wheel as the conda packages that it becomes."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet
from packaging.tags import parse_tag
from rattler import MatchSpec

from bridge.errors import Code, Unrepresentable, Unsupported
from bridge.mapping.wheel_targets import CondaTarget, NativeFile, Natives, TargetsAnswer, natives_of, wheel_targets
from bridge.model.conda import Subdir
from bridge.model.payload import (
    ElfFacts,
    FileFacts,
    MachOFacts,
    Member,
    MemberKind,
    Nature,
    PeFacts,
    Survey,
)

X86_64 = ElfFacts(machine=62, bits=64, little_endian=True)
AARCH64 = ElfFacts(machine=183, bits=64, little_endian=True)
EXE = PeFacts(machine=0x8664, dll=False)
DLL = PeFacts(machine=0x8664, dll=True)
ABI3 = ("cpython >=3.9", "_python_abi3_support 1.*")


def elf(machine: ElfFacts = X86_64, *, needs: dict[str, tuple[str, ...]] | None = None, **more: object) -> ElfFacts:
    return ElfFacts(machine.machine, machine.bits, machine.little_endian, versions=needs or {}, **more)  # type: ignore[arg-type]


def survey(files: dict[str, ElfFacts | MachOFacts | PeFacts | None]) -> Survey:
    facts = {}
    for path, what in files.items():
        member = Member(path, MemberKind.FILE)
        match what:
            case ElfFacts():
                facts[path] = FileFacts(member, b"", Nature.ELF, elf=what)
            case MachOFacts():
                facts[path] = FileFacts(member, b"", Nature.MACHO, macho=what)
            case PeFacts():
                facts[path] = FileFacts(member, b"", Nature.PE, pe=what)
            case _:
                facts[path] = FileFacts(member, b"", Nature.OTHER)
    return Survey(facts, {}, (), tuple(facts))


def answer(
    tags: str,
    requires_python: str | None = None,
    files: dict[str, ElfFacts | MachOFacts | PeFacts | None] | None = None,
    *,
    has_programs: bool = False,
) -> TargetsAnswer:
    found = wheel_targets(
        parse_tag(tags),
        None if requires_python is None else SpecifierSet(requires_python),
        natives_of(survey(files or {})),
        has_programs=has_programs,
        subject="w.whl",
    )
    for target in found.targets:
        for spec in target.depends:
            MatchSpec(spec, strict=True)
    return found


def only(tags: str, requires_python: str | None = None, **more: bool) -> CondaTarget:
    (target,) = answer(tags, requires_python, **more).targets
    return target


@pytest.mark.parametrize(
    ("tags", "requires_python", "depends", "label"),
    [
        ("py3-none-any", ">=3.9", ("python >=3.9",), "py3_none_any"),
        ("py3-none-any", None, ("python >=3",), "py3_none_any"),
        ("py3-none-any", ">=2.7", ("python >=3",), "py3_none_any"),
        ("py2.py3-none-any", None, ("python",), "py2.py3_none_any"),
        ("py2.py3-none-any", ">=2.7,!=3.0.*", ("python >=2.7,!=3.0.*",), "py2.py3_none_any"),
        ("py2-none-any", None, ("python <3dev0",), "py2_none_any"),
        ("py27.py31-none-any", None, ("python >=2.7,!=3.0.*",), "py27.py31_none_any"),
        ("py312-none-any", ">=3.8", ("python >=3.12",), "py312_none_any"),
        ("py39.py310.py311-none-any", None, ("python >=3.9",), "py39_none_any"),
        ("cp312-none-any", ">=3.8", ("python >=3.12,<3.13.0a0", "cpython >=3.12,<3.13.0a0"), "cp312_none_any"),
        ("py3.cp39-none.abi3-any", None, ("python >=3",), "py3_none_any"),
        ("py3-none-any", ">=3.6,<4,!=3.7.*", ("python >=3.6,<4dev0,!=3.7.*",), "py3_none_any"),
    ],
)
def test_pure_wheels_are_noarch(tags: str, requires_python: str | None, depends: tuple[str, ...], label: str) -> None:
    target = only(tags, requires_python)
    assert (target.subdir, target.linked, target.depends, target.label) == ("noarch", True, depends, label)
    assert target.abi is None


@pytest.mark.parametrize(
    ("tags", "abi", "python"),
    [
        ("cp312-cp312-win_amd64", "cp312", "python >=3.12,<3.13.0a0"),
        ("cp313-cp313t-win_amd64", "cp313t", "python >=3.13,<3.14.0a0"),
        ("cp37-cp37m-win_amd64", "cp37m", "python >=3.7,<3.8.0a0"),
        ("cp27-cp27mu-win_amd64", "cp27mu", "python >=2.7,<2.8.0a0"),
        ("pp310-pypy310_pp73-win_amd64", "pypy310_pp73", "python >=3.10,<3.11.0a0"),
    ],
)
def test_an_abi_is_bound_by_python_abi(tags: str, abi: str, python: str) -> None:
    target = only(tags)
    major, minor = target.minor or (0, 0)
    assert target.depends == (python, f"python_abi {major}.{minor}.* *_{abi}")
    assert (target.abi, target.linked, target.label) == (abi, False, "_".join(tags.split("-")[:2]))


def test_requires_python_narrows_a_bound_python_only_where_it_says_more() -> None:
    assert only("cp312-cp312-win_amd64", ">=3.9").depends[0] == "python >=3.12,<3.13.0a0"
    assert only("cp312-cp312-win_amd64", ">=3.12.4").depends[0] == "python >=3.12.4,<3.13.0a0"
    assert only("cp312-cp312-win_amd64", "!=3.12.1").depends[0] == "python >=3.12,!=3.12.1,<3.13.0a0"


def test_windows_packages_with_programs_are_linked_for_their_launchers() -> None:
    assert only("cp312-cp312-win_amd64", has_programs=True).linked
    assert not only("cp312-cp312-manylinux_2_17_x86_64", has_programs=True).linked


def test_the_stable_abi_is_one_linked_package_for_each_platform() -> None:
    found = answer("cp39-abi3-macosx_10_12_universal2", ">=3.10").targets
    assert [(one.subdir, one.linked, one.depends) for one in found] == [
        ("osx-64", True, ("python >=3.10", *ABI3, "__osx >=10.12")),
        ("osx-arm64", True, ("python >=3.10", *ABI3, "__osx >=11.0")),
    ]
    assert {one.label for one in found} == {"cp39_abi3"}
    assert all(one.minor is None and one.abi is None for one in found)


@pytest.mark.parametrize(
    ("platform", "subdir", "virtual"),
    [
        ("manylinux1_x86_64", "linux-64", "__glibc >=2.5,<3.0.a0"),
        ("manylinux2010_i686", "linux-32", "__glibc >=2.12,<3.0.a0"),
        ("manylinux2014_aarch64.manylinux_2_17_aarch64", "linux-aarch64", "__glibc >=2.17,<3.0.a0"),
        ("manylinux_2_28_x86_64.manylinux_2_27_x86_64", "linux-64", "__glibc >=2.27,<3.0.a0"),
        ("manylinux_2_31_armv7l", "linux-armv7l", "__glibc >=2.31,<3.0.a0"),
        ("manylinux_2_17_ppc64le", "linux-ppc64le", "__glibc >=2.17,<3.0.a0"),
        ("manylinux_2_17_s390x", "linux-s390x", "__glibc >=2.17,<3.0.a0"),
        ("manylinux_2_39_riscv64", "linux-riscv64", "__glibc >=2.39,<3.0.a0"),
        ("macosx_10_9_x86_64", "osx-64", "__osx >=10.9"),
        ("macosx_10_13_intel", "osx-64", "__osx >=10.13"),
        ("macosx_10_6_universal", "osx-64", "__osx >=10.6"),
        ("macosx_10_9_x86_64.macosx_11_0_x86_64", "osx-64", "__osx >=10.9"),
        ("macosx_10_16_arm64", "osx-arm64", "__osx >=11.0"),
        ("macosx_14_0_arm64", "osx-arm64", "__osx >=14.0"),
        ("win32", "win-32", None),
        ("win_amd64", "win-64", None),
        ("win_arm64", "win-arm64", None),
    ],
)
def test_platform_tags_become_one_package_with_the_lowest_promise(
    platform: str, subdir: str, virtual: str | None
) -> None:
    target = only(f"py3-none-{platform}", ">=3.8")
    assert (target.subdir, target.linked, target.label) == (subdir, True, "py3_none")
    assert target.depends == ("python >=3.8", *([virtual] if virtual else []))


def test_several_interpreters_are_several_packages() -> None:
    found = answer("cp310.cp311-cp310.cp311-win_amd64").targets
    assert [one.abi for one in found] == ["cp310", "cp311"]
    (left,) = answer("cp310.cp311-cp310.cp311-win_amd64", ">=3.11").targets
    assert left.abi == "cp311"


def test_looser_tags_swallow_stricter_ones() -> None:
    assert [one.label for one in answer("cp310.cp312-abi3.cp312-win_amd64").targets] == ["cp310_abi3"]
    assert [one.label for one in answer("py3.cp312-none.cp312-win_amd64").targets] == ["py3_none"]
    assert [one.subdir for one in answer("py3-none-any.win_amd64").targets] == ["noarch"]
    free = answer("cp310.cp313-abi3.cp313t-win_amd64").targets
    assert [one.label for one in free] == ["cp310_abi3", "cp313_cp313t"]
    stable, loose = answer("py312.cp39-none.abi3-win_amd64").targets
    assert (stable.depends[0], loose.depends) == ("python >=3.9,<3.12dev0", ("python >=3.12",))


def test_an_older_system_is_preferred() -> None:
    old, new = (only(f"cp312-cp312-manylinux_2_{glibc}_x86_64") for glibc in (17, 28))
    assert old.preference > new.preference


@pytest.mark.parametrize(
    ("tags", "code", "said"),
    [
        ("cp312-cp312-musllinux_1_2_x86_64", Code.PLATFORM, "musl"),
        ("py3-none-ios_13_0_arm64_iphoneos", Code.PLATFORM, "iOS"),
        ("cp313-cp313-android_24_arm64_v8a", Code.PLATFORM, "Android"),
        ("cp313-cp313-pyodide_2025_0_wasm32", Code.PLATFORM, "Pyodide"),
        ("cp38-cp38-linux_armv6l", Code.PLATFORM, "linux_armv6l"),
        ("py3-none-manylinux_2_17_loongarch64", Code.PLATFORM, "loongarch64"),
        ("cp27-cp27m-macosx_10_6_ppc", Code.PLATFORM, "ppc"),
        ("py3-none-win_ia64", Code.PLATFORM, "win_ia64"),
        ("py3-none-freebsd_14_x86_64", Code.PLATFORM, "freebsd"),
        ("cp315-abi3t-win_amd64", Code.PYTHON_TAG, "cp315-abi3t"),
        ("cp312-cp312d-win_amd64", Code.PYTHON_TAG, "cp312d"),
        ("graalpy312-graalpy250_312_native-win_amd64", Code.PYTHON_TAG, "graalpy"),
        ("cp38-pyston_23-win_amd64", Code.PYTHON_TAG, "pyston"),
        ("cp311-cp312-win_amd64", Code.PYTHON_TAG, "no Python"),
        ("cp39-abi3-any", Code.PYTHON_TAG, "no Python"),
        ("jy27-none-any", Code.PYTHON_TAG, "jy27"),
    ],
)
def test_what_conda_does_not_have_is_refused_with_a_reason(tags: str, code: Code, said: str) -> None:
    with pytest.raises(Unsupported, match=said) as refusal:
        answer(tags)
    assert refusal.value.code is code


def test_no_python_left_is_refused() -> None:
    with pytest.raises(Unrepresentable, match="no Python") as refusal:
        answer("cp312-cp312-win_amd64", "<3.12")
    assert refusal.value.code is Code.NO_PYTHON


def test_musl_beside_glibc_is_recorded() -> None:
    found = answer("cp312-cp312-musllinux_1_2_x86_64.manylinux_2_17_x86_64")
    assert [one.subdir for one in found.targets] == ["linux-64"]
    assert [loss.code for loss in found.losses] == [Code.UNSERVED]


def test_a_plain_linux_tag_takes_its_glibc_from_the_symbols() -> None:
    needs = {"libc.so.6": ("GLIBC_2.4", "GLIBC_2.2.5"), "libm.so.6": ("GLIBC_2.29",)}
    found = answer("cp312-cp312-linux_x86_64", None, {"x.cpython-312-x86_64-linux-gnu.so": elf(needs=needs)})
    assert found.targets[0].depends[-1] == "__glibc >=2.29,<3.0.a0"
    assert found.losses == ()
    unknown = answer("cp312-cp312-linux_x86_64", None, {"x.so": elf()})
    assert [loss.code for loss in unknown.losses] == [Code.GLIBC_UNKNOWN]
    with pytest.raises(Unsupported, match="musl"):
        answer("cp312-cp312-linux_x86_64", None, {"x.so": elf(needed=("libc.musl-x86_64.so.1",))})


@pytest.mark.parametrize(
    "files",
    [
        {"x.cpython-312-x86_64-linux-gnu.so": X86_64},
        {"p/x.pyd": DLL, "p/y.exe": EXE},
        {"p/libx.so": X86_64},
        {"p/x.dylib": MachOFacts(("arm64",))},
    ],
)
def test_binaries_of_one_system_in_a_wheel_for_any_are_refused(files: dict[str, ElfFacts | None]) -> None:
    with pytest.raises(Unrepresentable) as refusal:
        answer("py3-none-any", None, {**files, "p/__init__.py": None})
    assert refusal.value.code is Code.MISLABELLED


@pytest.mark.parametrize(
    "files",
    [
        {"setuptools/cli-64.exe": EXE, "setuptools/gui-arm64.exe": PeFacts(0xAA64, dll=False)},
        {"d/attach_amd64.dll": DLL, "d/attach_linux_amd64.so": X86_64, "d/attach.dylib": MachOFacts(("x86_64",))},
        {"firmware/stub.elf": ElfFacts(machine=94, bits=32, little_endian=True)},
    ],
)
def test_launchers_and_files_for_several_systems_are_data(files: dict[str, ElfFacts | None]) -> None:
    found = answer("py3-none-any", None, files)
    assert [one.subdir for one in found.targets] == ["noarch"]
    assert [loss.code for loss in found.losses] == [Code.NATIVE_DATA]


def test_extension_modules_for_another_machine_are_refused() -> None:
    files = {"x.abi3.so": AARCH64, "x.libs/libz.so": X86_64}
    with pytest.raises(Unrepresentable, match="linux-aarch64") as refusal:
        answer("cp39-abi3-manylinux_2_17_x86_64", None, files)
    assert refusal.value.code is Code.MISLABELLED
    assert answer("cp39-abi3-manylinux_2_17_aarch64", None, files).losses == ()


def test_extension_modules_for_another_python_are_refused() -> None:
    with pytest.raises(Unrepresentable, match="cp311"):
        answer("cp312-cp312-win_amd64", None, {"p/x.cp311-win_amd64.pyd": DLL})
    with pytest.raises(Unrepresentable, match="cp311"):
        answer("cp39-abi3-manylinux_2_17_x86_64", None, {"x.cpython-311-x86_64-linux-gnu.so": X86_64})
    # Names of modules have no letter for the memory allocator on Windows.
    assert answer("cp37-cp37m-win_amd64", None, {"p/x.cp37-win_amd64.pyd": DLL}).losses == ()


def test_a_slice_that_the_binaries_lack_is_not_promised() -> None:
    tag = "cp312-cp312-macosx_11_0_universal2"
    both, intel = MachOFacts(("x86_64", "arm64")), MachOFacts(("x86_64",))
    assert [one.subdir for one in answer(tag, None, {"x.cpython-312-darwin.so": both}).targets] == [
        "osx-64",
        "osx-arm64",
    ]
    found = answer(tag, None, {"x.cpython-312-darwin.so": both, "y.cpython-312-darwin.so": intel})
    assert [one.subdir for one in found.targets] == ["osx-64"]
    assert [loss.code for loss in found.losses] == [Code.UNSERVED]


def test_programs_for_another_machine_are_left_alone() -> None:
    files = {"w-1.data/scripts/tool": MachOFacts(("x86_64",))}
    assert [one.subdir for one in answer("py3-none-macosx_11_0_arm64", None, files).targets] == ["osx-arm64"]


def test_extension_modules_bind_a_python_whose_tag_has_no_abi() -> None:
    found = answer("cp39-none-win_amd64", None, {"orjson.cp39-win_amd64.pyd": DLL}).targets
    assert [(one.abi, one.linked, one.label) for one in found] == [("cp39", False, "cp39_none")]


@pytest.mark.parametrize(
    ("path", "extension", "abi"),
    [
        ("p/x.cpython-312-x86_64-linux-gnu.so", True, "cp312"),
        ("p/x.cpython-313t-darwin.so", True, "cp313t"),
        ("x.pypy310-pp73-x86_64-linux-gnu.so", True, "pypy310_pp73"),
        ("p/x.cp312-win_amd64.pyd", True, "cp312"),
        ("p/x.abi3.so", True, None),
        ("x.so", True, None),
        ("p/x.so", True, None),
        ("w-1.data/platlib/x.so", True, None),
        ("q/x.so", False, None),
        ("p/libx.so", False, None),
        ("p/x.so.1", False, None),
        ("w-1.data/scripts/x.so", False, None),
        ("w-1.data/data/lib/x.abi3.so", False, None),
    ],
)
def test_extension_modules_are_told_by_their_names(path: str, extension: bool, abi: str | None) -> None:
    natives = natives_of(survey({"p/__init__.py": None, path: X86_64}))
    assert natives == Natives((NativeFile(path, Nature.ELF, (Subdir("linux-64"),), extension, abi),))
