"""A conda package and a wheel: what the one installs, requires and is for, against the other."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bridge
from bridge.compare.comparison import Difference
from tests.support.conda_archives import Content, Directory, File, Link, make_conda
from tests.support.elf_files import Elf
from tests.support.hostile_samples import DATA, METADATA, VARIANT_JSON, Sample
from tests.support.sample_packages import PLACEHOLDER, SITE, extension

PURE = "site-packages"
PLATFORM = "demo-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"
BOUND = ["python >=3.12,<3.13.0a0", "python_abi 3.12.* *_cp312", "__glibc >=2.17,<3.0.a0"]
MODULE = extension()


def conda(directory: Path, **changes: Any) -> Path:
    """A noarch package of one module."""
    files = {f"{PURE}/demo/__init__.py": b"x = 1\n", f"{PURE}/demo-1.0.dist-info/METADATA": METADATA}
    files |= changes.pop("files", {})
    index = {"depends": ["python"], "noarch": "python", **changes.pop("index", {})}
    points = changes.pop("entry_points", None)
    info = dict(changes.pop("info", {}))
    if points is not None:
        link = {"package_metadata_version": 1, "noarch": {"type": "python", "entry_points": points}}
        info["info/link.json"] = json.dumps(link).encode()
    directory.mkdir(exist_ok=True)
    return make_conda(directory, subdir="noarch", files=files, index=index, info=info, **changes)


def bound(directory: Path, files: dict[str, Content] | None = None, depends: list[str] | None = None) -> Path:
    """A package for Python 3.12 on linux-64, with an extension module."""
    payload: dict[str, Content] = {
        f"{SITE}/demo/__init__.py": b"x = 1\n",
        f"{SITE}/demo/_ext.so": MODULE,
        f"{SITE}/demo-1.0.dist-info/METADATA": METADATA,
        **(files or {}),
    }
    return make_conda(directory, files=payload, index={"depends": BOUND if depends is None else depends})


def platform_wheel(directory: Path, filename: str = PLATFORM, **payload: bytes) -> Path:
    """The same as a wheel."""
    tags = filename.removesuffix(".whl").removeprefix("demo-1.0-")
    headers = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: {tags}\n".encode()
    members = {"demo/__init__.py": b"x = 1\n", "demo/_ext.so": MODULE, **payload}
    return Sample(filename=filename, wheel=headers, payload=members).write(directory)


def requires(*lines: str) -> Sample:
    return Sample(metadata=METADATA + "".join(f"{line}\n" for line in lines).encode())


def found(one: Path, other: Path) -> list[Difference]:
    """The differences; the same the other way round."""
    differences = bridge.diff(one, other).differences
    back = bridge.diff(other, one).differences
    assert sorted(map(str, differences)) == sorted(str(each.swapped()) for each in back)
    return list(differences)


def judged(one: Path, other: Path) -> dict[str, bool]:
    return {each.where: each.matters for each in found(one, other)}


def test_a_noarch_package_and_a_pure_wheel_may_be_the_same(tmp_path: Path) -> None:
    assert judged(conda(tmp_path), Sample().write(tmp_path)) == {}


def test_a_package_for_one_python_and_a_platform_wheel_may_be_the_same(tmp_path: Path) -> None:
    assert judged(bound(tmp_path), platform_wheel(tmp_path)) == {}


@pytest.mark.parametrize(
    ("files", "where"),
    [
        ({f"{PURE}/demo/__init__.py": b"x = 2\n"}, f"payload: {PURE}/demo/__init__.py: content"),
        ({f"{PURE}/demo/__init__.py": File(b"x = 1\n", mode=0o755)}, f"payload: {PURE}/demo/__init__.py: mode"),
        ({f"{PURE}/demo/more.py": b""}, f"payload: {PURE}/demo/more.py"),
        ({"share/data": b""}, "payload: share/data"),
    ],
)
def test_files_matter(tmp_path: Path, files: dict[str, Content], where: str) -> None:
    assert judged(conda(tmp_path, files=files), Sample().write(tmp_path)) == {where: True}


def test_a_file_that_only_the_wheel_has_matters(tmp_path: Path) -> None:
    wheel = replace(Sample(), payload={**Sample().payload, "demo/more.py": b""}).write(tmp_path)
    assert judged(conda(tmp_path), wheel) == {"payload: demo/more.py": True}


def test_what_one_side_has_by_nature_is_no_difference(tmp_path: Path) -> None:
    own = dict.fromkeys(("INSTALLER", "RECORD", "REQUESTED", "direct_url.json"), b"x")
    files: dict[str, Content] = {f"{PURE}/demo-1.0.dist-info/{name}": data for name, data in own.items()}
    package = conda(tmp_path, files=files, info={"info/licenses/L": b"licence", "info/recipe/meta.yaml": b"r"})
    wheel = replace(Sample(), info={"licenses/LICENSE": b"licence", "conda/provenance.json": b"{}"}).write(tmp_path)
    assert judged(package, wheel) == {}


def test_another_licence_is_one(tmp_path: Path) -> None:
    package = conda(tmp_path, info={"info/licenses/L": b"licence"})
    wheel = replace(Sample(), info={"licenses/LICENSE": b"another"}).write(tmp_path)
    assert judged(package, wheel) == {
        "info: licenses/L": True,
        "payload: demo-1.0.dist-info/licenses/LICENSE": True,
    }


def test_modules_that_are_compiled_anyway_do_not_matter(tmp_path: Path) -> None:
    cached: dict[str, Content] = {
        f"{SITE}/demo/__pycache__/{name}.cpython-312.pyc": b"c" for name in ("__init__", "lost")
    }
    differences = judged(bound(tmp_path, cached), platform_wheel(tmp_path))
    assert sorted(differences.values()) == [False, True]


def test_every_scheme_has_its_place(tmp_path: Path) -> None:
    files: dict[str, Content] = {
        "include/python3.12/demo/x.h": b"h",
        "share/d": b"d",
        f"{SITE}/pure.py": b"p",
        "bin/run": File(f"#!{PLACEHOLDER}/bin/python\nrun\n".encode(), mode=0o755, placeholder=PLACEHOLDER),
        "bin/shell": File(b"#!/bin/sh\n", mode=0o755),
    }
    payload = {
        f"{DATA}/headers/x.h": b"h",
        f"{DATA}/data/share/d": b"d",
        f"{DATA}/purelib/pure.py": b"p",
        f"{DATA}/scripts/run": b"#!python\nrun\n",
        f"{DATA}/data/bin/shell": b"#!/bin/sh\n",
    }
    assert judged(bound(tmp_path, files), platform_wheel(tmp_path, **payload)) == {}
    changed = {**payload, f"{DATA}/scripts/run": b"#!python\nwalk\n"}
    assert judged(bound(tmp_path, files), platform_wheel(tmp_path, **changed)) == {"payload: bin/run: content": True}


def test_windows_has_places_of_its_own(tmp_path: Path) -> None:
    files: dict[str, Content] = {
        "Lib/site-packages/demo/__init__.py": b"x = 1\n",
        "Lib/site-packages/demo-1.0.dist-info/METADATA": METADATA,
        "Scripts/x.exe": b"MZ",
        "Scripts/x-script.py": b"#!python\nimport a; a.b()\n",
        "Scripts/run": b"#!python\n",
        "Include/demo/x.h": b"h",
    }
    package = make_conda(tmp_path, subdir="win-64", files=files, index={"depends": ["python >=3"]})
    payload = {**Sample().payload, f"{DATA}/scripts/run": b"#!python\n", f"{DATA}/headers/x.h": b"h"}
    wheel = Sample(payload=payload, entry_points=b"[console_scripts]\nx = a:b\n").write(tmp_path)
    assert judged(package, wheel) == {"platform (nothing in it is bound to one)": False}


def test_links_and_empty_directories_cannot_be_in_a_wheel(tmp_path: Path) -> None:
    files: dict[str, Content] = {
        "share/file": b"f",
        "share/link": Link("file"),
        "share/other": Link("file"),
        "share/void": Directory(),
    }
    names = ("file", "link")
    wheel = replace(Sample(), payload={**Sample().payload, **{f"{DATA}/data/share/{each}": b"f" for each in names}})
    assert judged(conda(tmp_path, files=files), wheel.write(tmp_path)) == {
        "payload: share/link (a wheel cannot hold links)": False,
        "payload: share/other": True,
        "payload: share/void (a wheel cannot hold empty directories)": False,
    }


def test_files_behind_a_linked_directory_are_the_same_files(tmp_path: Path) -> None:
    files: dict[str, Content] = {"share/real/f": b"f", "share/alias": Link("real")}
    members = {f"{DATA}/data/share/{name}/f": b"f" for name in ("real", "alias")}
    wheel = replace(Sample(), payload={**Sample().payload, **members}).write(tmp_path)
    differences = judged(conda(tmp_path, files=files), wheel)
    assert differences["payload: demo-1.0.data/data/share/alias/f (behind a link in the conda package)"] is False


@pytest.mark.parametrize(
    ("header", "where"),
    [("Summary: other", "METADATA: Summary"), ("Classifier: x", "METADATA: Classifier")],
)
def test_metadata_matters(tmp_path: Path, header: str, where: str) -> None:
    assert judged(conda(tmp_path), requires(header).write(tmp_path)) == {where: True}


def test_a_package_without_python_metadata_cannot_be_compared_there(tmp_path: Path) -> None:
    package = make_conda(
        tmp_path,
        subdir="noarch",
        files={f"{PURE}/demo/__init__.py": b"x = 1\n"},
        index={"noarch": "python", "depends": ["python"]},
    )
    differences = judged(package, Sample().write(tmp_path))
    assert any(where.startswith("METADATA (") for where in differences)
    assert not any(differences.values())


def test_egg_info_is_metadata_too(tmp_path: Path) -> None:
    files = {"site-packages/demo/__init__.py": b"x = 1\n"}
    eggs = {
        f"{PURE}/demo-1.0-py3.12.egg-info/{name}": data
        for name, data in (("PKG-INFO", METADATA), ("SOURCES.txt", b"s"))
    }
    package = make_conda(
        tmp_path, subdir="noarch", files={**files, **eggs}, index={"noarch": "python", "depends": ["python"]}
    )
    assert judged(package, Sample().write(tmp_path)) == {}


@pytest.mark.parametrize(
    ("depends", "lines"),
    [
        (["numpy >=1.20,<3"], ["Requires-Dist: NumPy<3.0,>=1.20"]),
        (["numpy >=1.20,<3.0a0"], ["Requires-Dist: numpy<3,>=1.20"]),
        (["numpy >=1.4.2,1.4.*"], ["Requires-Dist: numpy~=1.4.2"]),
        (["numpy >1"], ["Requires-Dist: numpy>1"]),
        (["numpy >=1", "numpy <2"], ["Requires-Dist: numpy<2,>=1"]),
        (["pytorch"], ["Requires-Dist: torch"]),
        (["unheard-of"], ["Requires-Dist: unheard_of"]),
        ([], ["Requires-Dist: tomli; python_version < '3'"]),
        (["colorama", "__win"], ["Requires-Dist: colorama; sys_platform == 'win32'"]),
        (["__unix"], ["Requires-Dist: colorama; sys_platform == 'win32'"]),
        (['colorama[when="__win"]'], ["Requires-Dist: colorama; platform_system == 'Windows'"]),
        (['tomli[when="python <3.11"]'], ["Requires-Dist: tomli; python_version < '3.11'"]),
    ],
)
def test_requirements_are_compared_by_what_they_ask_for(tmp_path: Path, depends: list[str], lines: list[str]) -> None:
    package = conda(tmp_path, index={"depends": ["python", *depends], "schema_version": 3})
    differences = judged(package, requires(*lines).write(tmp_path))
    assert {where for where in differences if not where.startswith("platform")} == set()


@pytest.mark.parametrize(
    ("depends", "lines", "where"),
    [
        (["numpy >=1.20"], ["Requires-Dist: numpy>=1.21"], "requirements: numpy"),
        (["numpy"], [], "requirements: numpy"),
        ([], ["Requires-Dist: numpy"], "requirements: numpy"),
        (["numpy"], ["Requires-Dist: pandas"], "requirements: pandas"),
        (["numpy"], ["Requires-Dist: numpy[x]"], "requirements: numpy"),
        (["colorama"], ["Requires-Dist: colorama; sys_platform == 'win32'"], "requirements: colorama"),
        (['tomli[when="python <3.12"]'], ["Requires-Dist: tomli; python_version < '3.11'"], "requirements: tomli"),
        (["libfoo"], [], "requirements: conda-native-libfoo"),
    ],
)
def test_requirements_that_differ_matter(tmp_path: Path, depends: list[str], lines: list[str], where: str) -> None:
    package = conda(tmp_path, index={"depends": ["python", *depends], "schema_version": 3})
    assert judged(package, requires(*lines).write(tmp_path)).get(where) is True


def test_names_that_nobody_knows_cannot_be_compared(tmp_path: Path) -> None:
    package = conda(tmp_path, index={"depends": ["python", "unheard-of-a"]})
    differences = found(package, requires("Requires-Dist: unheard-of-b").write(tmp_path))
    reasons = {each.where: each.matters for each in differences if "nothing is known" in each.where}
    assert list(reasons.values()) == [False]


def test_extras_need_groups(tmp_path: Path) -> None:
    wheel = requires("Provides-Extra: more", "Requires-Dist: numpy; extra == 'more'").write(tmp_path)
    assert judged(conda(tmp_path), wheel) == {"extras: more (the conda package has no groups for extras)": False}
    grouped = {"schema_version": 3, "extra_depends": {"more": ["numpy"]}}
    assert judged(conda(tmp_path, index=grouped), wheel) == {}
    grouped = {"schema_version": 3, "extra_depends": {"more": ["numpy >=1"]}}
    assert judged(conda(tmp_path, index=grouped), wheel) == {"extras: more: numpy": True}


def test_constraints_have_no_word_in_a_wheel(tmp_path: Path) -> None:
    assert judged(conda(tmp_path, index={"constrains": ["a <1"]}), Sample().write(tmp_path)) == {"constrains": True}


@pytest.mark.parametrize(
    ("python", "header", "same"),
    [
        ("python >=3.9", "Requires-Python: >=3.9", True),
        ("python >=3.9,<4", "Requires-Python: >=3.9", True),
        ("python >=3.9,!=3.9.1", "Requires-Python: >=3.9, !=3.9.1", True),
        ("python >=3.9", "Requires-Python: >=3.8", False),
        ("python >=3.9", "Requires-Python: >=3.9, !=3.9.1", False),
        ("python >=3.12,<3.13.0a0", "Requires-Python: ==3.12.*", True),
    ],
)
def test_versions_of_python(tmp_path: Path, python: str, header: str, same: bool) -> None:
    package = conda(tmp_path, index={"depends": [python]})
    differences = judged(package, requires(header).write(tmp_path))
    assert differences == ({} if same else {"python": True})


@pytest.mark.parametrize(
    ("filename", "where", "matters"),
    [
        (PLATFORM.replace("cp312", "cp313"), "python", True),
        (PLATFORM.replace("cp312-cp312", "cp312-abi3"), "python abi", True),
        (PLATFORM.replace("x86_64", "aarch64"), "platform", True),
        (PLATFORM.replace("manylinux_2_17_x86_64", "win_amd64"), "platform", True),
        (PLATFORM.replace("manylinux_2_17_x86_64", "any"), "platform", True),
        (PLATFORM.replace("2_17", "2_12"), "platform: oldest system", True),
        (
            PLATFORM.replace("2_17", "2_28"),
            "platform: oldest system (a tag may say more than the package requires)",
            False,
        ),
        (
            PLATFORM.replace("manylinux_2_17", "musllinux_1_2"),
            "platform (no conda platform is known for the tag, cannot be compared)",
            False,
        ),
    ],
)
def test_tags_are_what_the_wheel_is_for(tmp_path: Path, filename: str, where: str, matters: bool) -> None:
    assert judged(bound(tmp_path), platform_wheel(tmp_path, filename)).get(where) is matters


def test_a_machine_that_only_the_conda_package_demands_matters(tmp_path: Path) -> None:
    differences = judged(bound(tmp_path, depends=[*BOUND, "__cuda >=12"]), platform_wheel(tmp_path))
    assert differences == {"platform": True}


def test_name_and_version(tmp_path: Path) -> None:
    other = conda(tmp_path, name="unheard-of")
    differences = judged(other, Sample().write(tmp_path))
    assert differences == {}, "the metadata inside say what it is"
    files = {f"{PURE}/demo-1.0.dist-info/METADATA": METADATA.replace(b"demo", b"other")}
    assert judged(conda(tmp_path, files=files), Sample().write(tmp_path))["name"] is True
    assert judged(conda(tmp_path, version="1.1"), Sample().write(tmp_path)) == {"version": True}
    local = Sample(
        filename="demo-1.0+cu12-py3-none-any.whl",
        dist_info="demo-1.0+cu12.dist-info",
        metadata=METADATA.replace(b"1.0", b"1.0+cu12"),
    ).write(tmp_path)
    assert [each.matters for each in found(conda(tmp_path), local) if each.where.startswith("version (")] == [False]


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (["x = a:b"], b"[console_scripts]\nx = a:b\n", {}),
        (["x = a:b"], b"[gui_scripts]\nx = a : b\n", {}),
        (["x = a:b"], b"[console_scripts]\nx = a:b [more]\n", {}),
        (["x = a:b"], b"[console_scripts]\nx = a:c\n", {"programs: x": True}),
        (["x = a:b"], None, {"programs: x": True}),
        ([], b"[console_scripts]\nx = a:b\n", {"programs: x": True}),
        ([], b"[plugins]\nx = a:b\n", {"entry points: plugins: x": True}),
    ],
)
def test_programs_of_noarch_packages(
    tmp_path: Path, ours: list[str], theirs: bytes | None, expected: dict[str, bool]
) -> None:
    package = conda(tmp_path, entry_points=ours)
    assert judged(package, Sample(entry_points=theirs).write(tmp_path)) == expected


def test_scripts_stand_for_entry_points(tmp_path: Path) -> None:
    wrapper = f"#!{PLACEHOLDER}/bin/python3.12\nimport sys\nfrom a import b\nsys.exit(b())\n".encode()
    wheel = platform_wheel(tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        assert not any(name.endswith("entry_points.txt") for name in archive.namelist())
    script = File(wrapper, mode=0o755, placeholder=PLACEHOLDER)
    assert judged(bound(tmp_path, {"bin/x": script}), wheel) == {"payload: bin/x": True}
    tags = b"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: false\nTag: cp312-cp312-manylinux_2_17_x86_64\n"
    payload = {"demo/__init__.py": b"x = 1\n", "demo/_ext.so": MODULE}
    with_program = Sample(PLATFORM, wheel=tags, payload=payload, entry_points=b"[console_scripts]\nx = a:b\n")
    assert judged(bound(tmp_path, {"bin/x": script}), with_program.write(tmp_path)) == {}
    own = File(b"#!/bin/sh\n", mode=0o755)
    differences = judged(bound(tmp_path, {"bin/x": own}), with_program.write(tmp_path))
    assert differences == {"programs: x (a script of its own, cannot be compared)": False}


def test_a_variant_cannot_be_compared_with_a_build_string(tmp_path: Path) -> None:
    wheel = Sample("demo-1.0-py3-none-any-one.whl", info={"variant.json": VARIANT_JSON}).write(tmp_path)
    differences = judged(conda(tmp_path), wheel)
    assert [where.partition(" ")[0] for where in differences] == ["variant"]
    assert not any(differences.values())


def provenance(**changes: Any) -> bytes:
    source = {"name": "demo", "version": "1.0", "build": "0", "subdir": "noarch"}
    return json.dumps({"layout": "prefix", "source": source, "losses": [], **changes}).encode()


def loss(code: str, subject: str, detail: str = "") -> dict[str, Any]:
    return {"code": code, "subject": subject, "detail": detail}


def test_recorded_losses_explain_differences(tmp_path: Path) -> None:
    package = conda(tmp_path, files={"share/data": b"", "share/link": Link("data")}, index={"constrains": ["a <1"]})
    losses = [loss("CB210", "share/link"), loss("CB206", "a <1"), loss("CB999", "share/data")]
    wheel = replace(Sample(), info={"conda/provenance.json": provenance(losses=losses)}).write(tmp_path)
    assert judged(package, wheel) == {
        "constrains (recorded: CB206)": True,
        "payload: share/data": True,
        "payload: share/link (recorded: CB210)": False,
    }


def test_a_record_about_another_build_explains_nothing(tmp_path: Path) -> None:
    package = conda(tmp_path, files={"share/data": b"", "share/link": Link("data")}, build="1")
    record = provenance(losses=[loss("CB210", "share/link")])
    wheel = replace(Sample(), info={"conda/provenance.json": record}).write(tmp_path)
    assert judged(package, wheel) == {"payload: share/data": True, "payload: share/link": True}


@pytest.mark.parametrize(
    "record",
    [
        b"[]",
        b"{",
        b'{"source": 1, "losses": 2, "restore": 3}',
        provenance(restore={"files": {"x": 1}}, providers=[1], losses=[1, {"code": 1}], vendored=[]),
    ],
)
def test_a_malformed_record_is_no_record(tmp_path: Path, record: bytes) -> None:
    wheel = replace(Sample(), info={"conda/provenance.json": record}).write(tmp_path)
    assert judged(conda(tmp_path), wheel) == {}


def test_binaries_that_a_conversion_relocated_cannot_be_compared(tmp_path: Path) -> None:
    source = {"name": "demo", "version": "1.0", "build": "0", "subdir": "linux-64"}
    other = Elf(needed=["libother.so.1"]).make()
    tags = b"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: false\nTag: cp312-cp312-manylinux_2_17_x86_64\n"
    vendored = {"demo.libs/libother-1.so": {"provider": "other-1-0.conda", "sha256": "0"}}
    record = provenance(source=source, layout="vendored", vendored=vendored, providers=[{"name": "other"}])
    wheel = Sample(
        PLATFORM,
        wheel=tags,
        payload={"demo/__init__.py": b"x = 1\n", "demo/_ext.so": other, "demo.libs/libother-1.so": other},
        info={"conda/provenance.json": record},
    ).write(tmp_path)
    differences = judged(bound(tmp_path, depends=[*BOUND, "other >=1"]), wheel)
    assert len(differences) == 3
    assert not any(differences.values())


def test_one_of_several_packages_that_a_wheel_became_is_for_fewer_pythons(tmp_path: Path) -> None:
    wheel = Sample().write(tmp_path)
    record = {"conda-wheel-bridge": {"source": {"filename": wheel.name}}}
    about = {"info/about.json": json.dumps({"extra": record}).encode()}
    index = {"depends": ["python >=3.9,<3.11"]}
    assert judged(conda(tmp_path, index=index, info=about), wheel) == {
        "python (one of the packages that the wheel became)": False
    }
    assert judged(conda(tmp_path, index=index), wheel) == {"python": True}
