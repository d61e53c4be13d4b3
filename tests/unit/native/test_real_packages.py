"""Real conda-forge binaries through every layout, with pyelftools, ldd and auditwheel as oracles."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bridge.native.elf import read_elf
from bridge.native.patcher import apply_elf_patch
from bridge.native.policy import SystemPolicy
from bridge.native.relocate import plan_rpath, relocated_rpath
from bridge.native.vendor import plan_vendoring
from tests.support.elf_files import replace_at
from tests.unit.native.corpus import SITE_PACKAGES, needs_corpus, prefix

pytestmark = [
    needs_corpus,
    pytest.mark.corpus,
    pytest.mark.skipif(sys.platform != "linux" or shutil.which("ldd") is None, reason="needs ldd"),
]

POLICY = SystemPolicy.for_architecture("x86_64")
PACKAGES = {
    "libmambapy-1.5.12-py312hbaee817_0": (2, 35),
    "cffi-1.17.1-py312h06ac9bb_0": (2, 17),
    "zstandard-0.23.0-py312hef9b889_1": (2, 17),
    "brotli-python-1.1.0-py312h2ec8cdc_2": (2, 17),
    "pycosat-0.6.6-py312h66e93f0_2": (2, 5),
    "ruamel.yaml.clib-0.2.8-py312h66e93f0_1": (2, 17),
}


def loaded_from_outside(binary: Path, root: Path) -> list[str]:
    """What the loader finds for a binary outside `root`, or not at all."""
    result = subprocess.run(["ldd", binary], capture_output=True, text=True, check=True, timeout=60)
    return [line.split()[0] for line in result.stdout.splitlines() if str(root) not in line]


def of_the_system(name: str) -> bool:
    return name.startswith(("linux-vdso", "/lib64/ld-linux")) or POLICY.provided_by_system(name)


def wheel_of(root: Path) -> Path:
    """A wheel, valid enough for auditwheel, of everything below `root`."""
    wheel = root.with_name("spam-1.0-cp312-cp312-linux_x86_64.whl")
    info = "spam-1.0.dist-info"
    members = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    members[f"{info}/METADATA"] = b"Metadata-Version: 2.1\nName: spam\nVersion: 1.0\n"
    members[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp312-cp312-linux_x86_64\n"
    record = io.StringIO()
    csv.writer(record, lineterminator="\n").writerows([name, "", ""] for name in [*members, f"{info}/RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.writestr(f"{info}/RECORD", record.getvalue())
    return wheel


def tag_by_auditwheel(wheel: Path) -> str:
    auditwheel = shutil.which("auditwheel", path=str(Path(sys.executable).parent))
    if auditwheel is None:
        pytest.skip("needs auditwheel")
    command = [auditwheel, "show", "--json", str(wheel)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return json.loads(result.stdout)["overall_tag"]


def test_facts_agree_with_pyelftools():
    elffile = pytest.importorskip("elftools.elf.elffile")
    for path, data in prefix().content.items():
        facts = prefix().view.files[path].elf
        dynamic = next(iter(elffile.ELFFile(io.BytesIO(data)).iter_segments("PT_DYNAMIC")), None)
        tags = [] if dynamic is None else list(dynamic.iter_tags())
        assert facts.needed == tuple(tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED"), path
        soname = next((tag.soname for tag in tags if tag.entry.d_tag == "DT_SONAME"), None)
        assert facts.soname == soname, path
        rpath = next((tag.rpath for tag in tags if tag.entry.d_tag == "DT_RPATH"), None)
        assert (facts.rpath.value if facts.rpath else None) == rpath, path
        if facts.rpath is not None:
            assert data[facts.rpath.offset :].startswith(rpath.encode() + b"\0"), path
            assert not facts.rpath.shared, path


@pytest.mark.parametrize(("package", "glibc"), PACKAGES.items(), ids=[name.partition("-")[0] for name in PACKAGES])
def test_a_vendored_package_stands_alone_and_gets_the_tag_that_auditwheel_shows(tmp_path, package, glibc):
    root = tmp_path / "wheel"
    modules = prefix().modules(package)
    plan = plan_vendoring(modules, prefix().view, POLICY, libs_dir="spam.libs")
    binaries = [*modules, *plan.libraries]
    for item in binaries:
        place = root / item.target
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(prefix().content[item.path])
    for target, patch in plan.patches.items():
        apply_elf_patch(root / target, patch)
    for item in binaries:
        outside = loaded_from_outside(root / item.target, root)
        assert [name for name in outside if not of_the_system(name)] == []
    floor = POLICY.floor([item.elf for item in binaries], shipped=plan.shipped)
    assert (floor.glibc, floor.external) == (glibc, ())
    assert tag_by_auditwheel(wheel_of(root)) == "manylinux_{}_{}_x86_64".format(*glibc)


def test_vendored_libmambapy_takes_its_whole_closure_and_nothing_of_the_systems():
    modules = prefix().modules("libmambapy-1.5.12-py312hbaee817_0")
    plan = plan_vendoring(modules, prefix().view, POLICY, libs_dir="spam.libs")
    assert len(plan.libraries) == 26
    assert {"libcrypto.so.3", "libmamba.so.2", "libsolv.so.1", "libarchive.so.13"} <= plan.shipped
    assert {"libz.so.1", "libstdc++.so.6", "libgcc_s.so.1"} <= plan.system


def test_shared_modules_find_the_mirrored_libraries_after_an_overwrite_in_place(tmp_path):
    root = tmp_path / "site-packages"
    modules = [module for package in PACKAGES for module in prefix().modules(package)]
    places = {module.path: module.target for module in modules}
    for path, data in prefix().content.items():
        facts = prefix().view.files[path].elf
        if path in places:
            old = facts.rpath.value
            new = relocated_rpath(path, old, site_packages=SITE_PACKAGES, libs_dir="_/lib")
            patch = plan_rpath(facts, new)
            assert len(new) == len(old)
            data = replace_at(data, patch.offset, patch.new)
            assert read_elf(data).rpath.value == new
        place = root / places.get(path, f"_/{path}")
        if path not in places and facts.soname is not None:
            place = place.with_name(facts.soname)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    for module in modules:
        outside = loaded_from_outside(root / module.target, root)
        assert [name for name in outside if not of_the_system(name)] == []
        assert not {"libstdc++.so.6", "libz.so.1"} & set(outside)
