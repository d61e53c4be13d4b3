"""From the wheel alone, every payload file of the conda package comes back: bytes, mode and links."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from bridge.formats.conda.artifact import open_artifact
from bridge.model.payload import MemberKind
from bridge.model.plan import Layout, Status
from tests.support.conda_archives import Content, make_conda
from tests.support.odd_package import INFO, everything, text
from tests.support.sample_packages import PYTHON, Wheel, converted, metadata, noarch_package, outcome_of

ROOT = Path(__file__).parents[3]

#: path -> (kind, content or target, mode)
Tree = dict[str, tuple[str, bytes, int]]


def restored(wheel: Wheel) -> Tree:
    """The payload, made of the members of the wheel and of nothing else."""
    restore = wheel.provenance["restore"]
    tree: Tree = {}
    for path, entry in restore["files"].items():
        data = bytearray(wheel[entry["member"]])
        for patch in entry.get("patches", ()):
            old, new = bytes.fromhex(patch["old"]), bytes.fromhex(patch["new"])
            end = patch["offset"] + len(new)
            assert data[patch["offset"] : end] == new
            data[patch["offset"] : end] = old
        mode = int(entry["mode"], 8) if "mode" in entry else wheel.modes[entry["member"]]
        tree[path] = ("file", bytes(data), mode)
    for path in restore["set_aside"]:
        tree[path] = ("file", wheel.own(f"conda/files/{path}"), int(restore["modes"][path], 8))
    for path, target in restore["symlinks"].items():
        tree[path] = ("link", target.encode(), 0)
    for path in restore["empty_directories"]:
        tree[path] = ("directory", b"", 0)
    return tree


def restored_info(wheel: Wheel) -> dict[str, bytes]:
    """What lay under `info/`."""
    root = f"{wheel.dist_info}/conda/"
    found = {name.removeprefix(root): data for name, data in wheel.members.items() if name.startswith(f"{root}info/")}
    for path, member in wheel.provenance["restore"]["licenses"].items():
        found[path] = wheel[member]
    return found


def original(package: Path) -> Tree:
    tree: Tree = {}
    with open_artifact(package) as artifact:
        for member, reader in artifact.members():
            if member.kind is MemberKind.FILE:
                tree[member.path] = ("file", reader.read(), member.mode)
            elif member.kind is MemberKind.SYMLINK:
                tree[member.path] = ("link", (member.link_target or "").encode(), 0)
            else:
                tree[member.path] = ("directory", b"", 0)
    return tree


def original_info(package: Path) -> dict[str, bytes]:
    with open_artifact(package) as artifact:
        for _ in artifact.members():  # some licences lie with the payload
            pass
        return {**artifact.metadata().info_files, **artifact.late_info()}


def compare(wheel: Wheel, package: Path) -> None:
    expected, found = original(package), restored(wheel)
    assert sorted(found) == sorted(expected)
    for path, entry in expected.items():
        assert found[path] == entry, path
    assert restored_info(wheel) == original_info(package)


@pytest.mark.parametrize("layout", [Layout.PREFIX, Layout.SHARED])
def test_a_python_package_comes_back(tmp_path: Path, layout: Layout) -> None:
    package = make_conda(tmp_path, files=everything(), index={"depends": PYTHON}, info=INFO)
    compare(converted(package, tmp_path / "out", layout), package)


@pytest.mark.parametrize("layout", [Layout.PREFIX, Layout.SHARED])
@pytest.mark.parametrize("format", [".conda", ".tar.bz2"])
def test_a_native_package_comes_back(tmp_path: Path, layout: Layout, format: str) -> None:  # noqa: A002 - as in make_conda
    files = {
        path: content for path, content in everything().items() if "site-packages" not in path and path != "bin/demo"
    }
    package = make_conda(tmp_path, name="libdemo", files=files, info=INFO, format=format)
    compare(converted(package, tmp_path / "out", layout), package)


@pytest.mark.parametrize("layout", [Layout.PREFIX, Layout.SHARED])
def test_a_noarch_package_comes_back(tmp_path: Path, layout: Layout) -> None:
    files: dict[str, Content] = {
        "site-packages/demo-1.0-py3.9.egg-info/PKG-INFO": metadata("demo", "1.0"),
        "python-scripts/run": text("#!@/bin/python\n", 0o755),
        "share/man/man1/demo.1": b"m",
    }
    package = noarch_package(tmp_path, files=files, entry_points=("demo = demo:main",), info=INFO)
    compare(converted(package, tmp_path / "out", layout), package)


def test_the_prefix_layout_changes_no_binary(tmp_path: Path) -> None:
    package = make_conda(tmp_path, files=everything(), index={"depends": PYTHON})
    wheel = converted(package, tmp_path / "out", Layout.PREFIX)
    with open_artifact(package) as artifact:
        stated = {entry.path: entry.sha256 for entry in artifact.metadata().paths}
    binaries = {path: data for path, (kind, data, _) in original(package).items() if data.startswith(b"\x7fELF")}
    assert len(binaries) == 3
    files: dict[str, Any] = wheel.provenance["restore"]["files"]
    for path in binaries:
        assert "patches" not in files[path]
        assert hashlib.sha256(wheel[files[path]["member"]]).hexdigest() == stated[path]


def test_the_vendored_layout_keeps_no_way_back(tmp_path: Path) -> None:
    package = noarch_package(tmp_path)
    wheel = converted(package, tmp_path / "out", Layout.VENDORED)
    assert "restore" not in wheel.provenance
    assert json.loads(wheel.own("conda/info/index.json"))["name"] == "demo"


@pytest.mark.corpus
@pytest.mark.parametrize("layout", [Layout.PREFIX, Layout.SHARED])
def test_real_packages_come_back(tmp_path: Path, layout: Layout) -> None:
    corpus = ROOT.parent / "shared" / "corpus" / "conda" / "miniforge-linux-64-py312"
    if not corpus.is_dir():
        pytest.skip("the corpus is not beside the checkout")
    small = sorted(path for path in corpus.rglob("*.conda") if path.stat().st_size < 60_000)
    assert len(small) > 15
    for package in small:
        outcome = outcome_of(package, tmp_path, layout, channels=[corpus])
        if outcome.status is Status.CONVERTED:
            compare(Wheel(outcome), package)
