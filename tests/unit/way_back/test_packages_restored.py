"""conda -> wheel -> conda: the same package, or a refusal; never something in between."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.channel.convert import convert
from bridge.channel.execute_conda import write_condas
from bridge.channel.inspect import inspect
from bridge.formats.wheel.edit import rewrite_wheel
from bridge.formats.wheel.reader import open_wheel
from bridge.formats.wheel.variant_edit import make_variant
from bridge.model.conda import ArchiveFormat
from bridge.model.plan import Layout, Outcome, Status
from bridge.model.variant import Property, StaticProvider, VariantMetadata
from bridge.translate.to_conda.plan import plan_conda
from tests.support.conda_archives import Content, make_conda
from tests.support.converted_wheels import request_of
from tests.support.hostile_samples import Sample
from tests.support.independent_looks import look_at_package
from tests.support.odd_package import INFO, everything, text
from tests.support.sample_packages import PLACEHOLDER, PYTHON, Wheel, converted, metadata, noarch_package, outcome_of

LEADING_BACK = pytest.mark.parametrize("layout", [Layout.PREFIX, Layout.SHARED])
Edit = Callable[[Wheel], dict[str, bytes]]


def back(wheel: Path, out: Path) -> Outcome:
    (outcome,) = convert([wheel], out).outcomes
    return outcome


def restored(package: Path, directory: Path, layout: Layout) -> Path:
    """The package again, through a wheel."""
    there = outcome_of(package, directory / "wheels", layout)
    assert there.status is Status.CONVERTED, there.message
    outcome = back(Path(there.outputs[0].path), directory / "channel")
    assert outcome.status is Status.CONVERTED, outcome.message
    (output,) = outcome.outputs
    assert Path(output.path).parent.parent == directory / "channel"
    return Path(output.path)


def assert_same(package: Path, other: Path) -> None:
    stems = {path.name.removesuffix(".tar.bz2").removesuffix(".conda") for path in (package, other)}
    assert len(stems) == 1
    expected, found = look_at_package(package), look_at_package(other)
    assert found.payload == expected.payload
    assert found.info == expected.info


@LEADING_BACK
def test_a_python_package_comes_back(tmp_path: Path, layout: Layout) -> None:
    package = make_conda(tmp_path, files=everything(), index={"depends": PYTHON}, info=INFO)
    again = restored(package, tmp_path, layout)
    assert again.parent.name == "linux-64"
    assert_same(package, again)


@LEADING_BACK
@pytest.mark.parametrize("format", [".conda", ".tar.bz2"])
def test_a_native_package_comes_back(tmp_path: Path, layout: Layout, format: str) -> None:  # noqa: A002 - as in make_conda
    files = {
        path: content for path, content in everything().items() if "site-packages" not in path and path != "bin/demo"
    }
    package = make_conda(tmp_path, name="libdemo", files=files, info=INFO, format=format)
    again = restored(package, tmp_path, layout)
    assert again.name == "libdemo-1.0-0.conda"
    assert_same(package, again)


@LEADING_BACK
def test_a_noarch_package_comes_back(tmp_path: Path, layout: Layout) -> None:
    files: dict[str, Content] = {
        "site-packages/demo-1.0-py3.9.egg-info/PKG-INFO": metadata("demo", "1.0"),
        "python-scripts/run": text("#!@/bin/python\n", 0o755),
        "share/man/man1/demo.1": b"m",
    }
    package = noarch_package(tmp_path, files=files, entry_points=("demo = demo:main",), info=INFO)
    again = restored(package, tmp_path, layout)
    assert again.parent.name == "noarch"
    assert_same(package, again)


@LEADING_BACK
def test_a_package_older_than_paths_json_comes_back(tmp_path: Path, layout: Layout) -> None:
    files: dict[str, Content] = {"bin/tool": text("#!/bin/sh\necho @\n", 0o755), "share/x": b"x", "share/same": b"x"}
    older = {
        "info/paths.json": None,
        "info/files": b"bin/tool\nshare/same\nshare/x\n",
        "info/has_prefix": f"{PLACEHOLDER} text bin/tool\n".encode(),
        "info/no_link": b"share/x\n",
    }
    package = make_conda(tmp_path, name="tool", files=files, info=older, format=".tar.bz2")
    assert_same(package, restored(package, tmp_path, layout))


def test_a_package_that_came_back_converts_to_the_same_wheel(tmp_path: Path) -> None:
    package = make_conda(tmp_path, files=everything(), index={"depends": PYTHON}, info=INFO)
    again = restored(package, tmp_path, Layout.PREFIX)
    first = converted(package, tmp_path / "first").members
    second = converted(again, tmp_path / "second").members
    provenance = "demo-1.0.dist-info/conda/provenance.json"
    # The archive is another one, and so are the digests of it.
    differing = {name for name in first if first[name] != second[name]}
    assert provenance in differing
    assert differing <= {provenance, "demo-1.0.dist-info/RECORD", "demo-1.0.dist-info/sboms/conda-bridge.cdx.json"}


def test_the_same_wheel_gives_the_same_bytes(tmp_path: Path) -> None:
    package = make_conda(tmp_path, files=everything(), index={"depends": PYTHON}, info=INFO)
    digests = {
        hashlib.sha256(restored(package, tmp_path / name, Layout.SHARED).read_bytes()).hexdigest() for name in "ab"
    }
    assert len(digests) == 1


def test_a_variant_of_a_family_comes_back(tmp_path: Path) -> None:
    package = make_conda(tmp_path, files=everything(), index={"depends": PYTHON}, info=INFO)
    wheel = converted(package, tmp_path / "wheels")
    release = VariantMetadata(
        ("x",), {"x": StaticProvider({"f": ("a",)})}, {"one": frozenset({Property("x", "f", "a")}), "null": frozenset()}
    )
    labelled, _ = make_variant(Path(wheel.outcome.outputs[0].path), tmp_path, "one", release)
    outcome = back(labelled, tmp_path / "channel")
    assert outcome.status is Status.CONVERTED, outcome.message
    variant = outcome.outputs[0].variant
    assert variant is not None
    assert variant.properties == ("x :: f :: a",)
    assert_same(package, Path(outcome.outputs[0].path))


def test_a_vendored_wheel_is_an_ordinary_wheel(tmp_path: Path) -> None:
    wheel = converted(noarch_package(tmp_path), tmp_path / "wheels", Layout.VENDORED)
    outcome = back(Path(wheel.outcome.outputs[0].path), tmp_path / "channel")
    assert outcome.status is Status.CONVERTED
    assert [loss.code.number for loss in outcome.losses if "demo-1.0-0.conda" in loss.detail] == ["CB254"]
    assert outcome.outputs[0].filename == "demo-1.0-py3_none_any_0.conda"


def edited(wheel: Wheel, changes: dict[str, bytes], remove: tuple[str, ...] = ()) -> Path:
    """The wheel as somebody changed it, RECORD included."""
    path = Path(wheel.outcome.outputs[0].path)
    rewrite_wheel(path, path, replace=changes, remove=remove)
    return path


def refused(path: Path, directory: Path) -> tuple[str | None, str]:
    """Code and message of a wheel that is not converted, and that nothing is left."""
    outcome = back(path, directory / "channel")
    assert outcome.status is Status.UNREPRESENTABLE, outcome
    assert outcome.outputs == ()
    assert list((directory / "channel").iterdir()) == []
    return None if outcome.code is None else outcome.code.number, outcome.message or ""


@pytest.mark.parametrize(
    "name",
    [
        "demo/__init__.py",
        "demo/added.py",
        "demo/paths.py",
        "demo-1.0.data/scripts/tool",
        "demo-1.0.data/data/share/data",
        "demo-1.0.dist-info/licenses/LICENSE",
        "demo-1.0.dist-info/conda/info/index.json",
        "demo-1.0.dist-info/conda/info/recipe/added",
        "demo-1.0.dist-info/conda/files/bin/tool",
        "demo-1.0.dist-info/conda/files/added",
        "demo-1.0.dist-info/added",
    ],
)
def test_a_wheel_with_a_changed_file_is_refused(tmp_path: Path, name: str) -> None:
    package = make_conda(tmp_path, files=everything(), index={"depends": PYTHON}, info=INFO)
    wheel = converted(package, tmp_path / "wheels")
    code, _ = refused(edited(wheel, {name: b"changed"}), tmp_path)
    assert code == "CB335"


@pytest.mark.parametrize("name", ["demo/__init__.py", "demo-1.0.dist-info/conda/files/bin/tool"])
def test_a_wheel_without_one_of_its_files_is_refused(tmp_path: Path, name: str) -> None:
    package = make_conda(tmp_path, files=everything(), index={"depends": PYTHON}, info=INFO)
    wheel = converted(package, tmp_path / "wheels")
    code, _ = refused(edited(wheel, {}, (name,)), tmp_path)
    assert code == "CB335"


def test_a_binary_that_was_changed_after_its_patches_is_refused(tmp_path: Path) -> None:
    package = make_conda(tmp_path, files=everything(), index={"depends": PYTHON}, info=INFO)
    wheel = converted(package, tmp_path / "wheels", Layout.SHARED)
    (name,) = (name for name in wheel.members if name.endswith("_ext.so"))
    for number, data in enumerate((wheel[name] + b"x", bytes(len(wheel[name])))):
        place = tmp_path / str(number)
        place.mkdir()
        code, message = refused(edited(wheel, {name: data}), place)
        assert code == "CB335"
        assert "_ext.so" in message


@pytest.mark.parametrize(
    ("line", "told"), [(b"Requires-Python: >=3.12.1", False), (b"Requires-Dist: other", True)], ids=["family", "hand"]
)
def test_metadata_that_were_changed_are_told(tmp_path: Path, line: bytes, told: bool) -> None:
    package = make_conda(tmp_path, files=everything(), index={"depends": PYTHON}, info=INFO)
    wheel = converted(package, tmp_path / "wheels")
    lines = [each for each in wheel.own("METADATA").split(b"\n") if not each.startswith(line.partition(b":")[0])]
    lines.insert(3, line)
    outcome = back(edited(wheel, {"demo-1.0.dist-info/METADATA": b"\n".join(lines)}), tmp_path / "channel")
    assert outcome.status is Status.CONVERTED, outcome.message
    assert any(loss.code.number == "CB255" for loss in outcome.losses) is told
    assert_same(package, Path(outcome.outputs[0].path))


def lied(wheel: Wheel, change: Callable[[dict[str, Any]], None]) -> Path:
    """The wheel with another `restore`."""
    document = wheel.provenance
    change(document["restore"])
    return edited(wheel, {"demo-1.0.dist-info/conda/provenance.json": json.dumps(document).encode()})


@pytest.mark.parametrize(
    "change",
    [
        lambda restore: restore.pop("files"),
        lambda restore: restore.update(files=[]),
        lambda restore: restore.update(files={"x": {}}),
        lambda restore: restore.update(symlinks={"x": 1}),
        lambda restore: restore.update(set_aside="bin/tool"),
        lambda restore: restore["files"]["share/data"].update(mode="7777"),
        lambda restore: restore["files"]["share/data"].update(mode="rw"),
        lambda restore: restore["files"]["share/data"].update(patches={}, sha256=""),
        lambda restore: restore["files"]["share/data"].update(patches=[{"offset": -1, "old": "", "new": ""}]),
        lambda restore: restore["files"]["share/data"].update(patches=[{"offset": 0, "old": "zz", "new": ""}]),
        lambda restore: restore["files"]["share/data"].update(patches=[{"offset": 0, "old": "00", "new": ""}]),
        lambda restore: restore.pop("payload"),
        lambda restore: restore.update(symlinks={"../out": "/etc/passwd"}),
        lambda restore: restore.update(symlinks={"share/out": "../../../etc/passwd"}),
        lambda restore: restore.update(empty_directories=["../../out"]),
        lambda restore: restore.update(empty_directories=["info"]),
        lambda restore: restore.update(info_symlinks={"info/x": "../share/data"}),
        lambda restore: restore.update(info_symlinks={"share/x": "data"}),
        lambda restore: restore.update(licenses={}),
    ],
)
def test_what_cannot_be_followed_is_refused(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    package = make_conda(tmp_path, files=everything(), index={"depends": PYTHON}, info=INFO)
    outcome = back(lied(converted(package, tmp_path / "wheels"), change), tmp_path / "channel")
    assert outcome.status in (Status.UNREPRESENTABLE, Status.INVALID), outcome
    assert outcome.outputs == ()
    assert list((tmp_path / "channel").iterdir()) == []


def test_no_wheel_becomes_a_package_of_another_project(tmp_path: Path) -> None:
    wheel = converted(make_conda(tmp_path, name="openssl", files={"lib/x": b"x"}), tmp_path / "wheels")
    assert wheel.filename.startswith("conda_native_openssl-")
    other = {
        name.replace("conda_native_openssl", "evil"): data.replace(b"conda-native-openssl", b"evil")
        for name, data in wheel.members.items()
        if not name.endswith("/RECORD")
    }
    info = "evil-1.0.dist-info/"
    document = json.loads(other[f"{info}conda/provenance.json"])
    document["restore"]["files"]["lib/x"]["member"] = "evil-1.0.data/data/lib/x"
    members = {"evil-1.0.data/data/lib/x": hashlib.sha256(b"x").digest()}
    lines = "".join(f"{digest.hex()}  {name}\n" for name, digest in members.items())
    document["restore"]["members"] = hashlib.sha256(lines.encode()).hexdigest()
    other[f"{info}conda/provenance.json"] = json.dumps(document).encode()
    own = {name.removeprefix(info): data for name, data in other.items() if name.startswith(info)}
    sample = Sample(
        filename=wheel.filename.replace("conda_native_openssl", "evil"),
        dist_info=info.rstrip("/"),
        payload={"evil-1.0.data/data/lib/x": b"x"},
        metadata=own.pop("METADATA"),
        wheel=own.pop("WHEEL"),
        info=own,
    )
    code, message = refused(sample.write(tmp_path), tmp_path)
    assert code == "CB337", message
    assert "openssl" in message


def test_what_conda_would_execute_is_told(tmp_path: Path) -> None:
    package = make_conda(tmp_path, files=everything(), index={"depends": PYTHON}, info=INFO)
    wheel = converted(package, tmp_path / "wheels")
    outcome = back(Path(wheel.outcome.outputs[0].path), tmp_path / "channel")
    told = [loss.subject for loss in outcome.losses if loss.code.number == "CB226"]
    assert told == ["etc/conda/activate.d/demo.sh"]


def test_inspect_says_what_will_be_restored(tmp_path: Path) -> None:
    package = make_conda(tmp_path, files=everything(), index={"depends": PYTHON, "build_number": 3}, info=INFO)
    wheel = converted(package, tmp_path / "wheels")
    document = inspect(wheel.outcome.outputs[0].path)
    assert document["outcome"]["status"] == "converted"
    (described,) = document["packages"]
    assert (described["filename"], described["build_number"]) == ("demo-1.0-0.conda", 3)
    assert described["depends"] == PYTHON


def test_the_archive_format_is_a_matter_of_choice(tmp_path: Path) -> None:
    package = make_conda(tmp_path, files=everything(), index={"depends": PYTHON}, info=INFO, format=".tar.bz2")
    path = converted(package, tmp_path / "wheels").outcome.outputs[0].path
    with open_wheel(Path(path)) as wheel:
        plans = plan_conda(request_of(wheel, format=ArchiveFormat.TAR_BZ2))
        (output,) = write_condas(plans, wheel, tmp_path / "channel")
    assert output.filename == package.name
    assert_same(package, Path(output.path))
