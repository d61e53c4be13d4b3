"""Planning a whole channel from its repodata, and again what changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.channel.shards_output import DIRECTORY, INDEX, SUFFIX, shards
from bridge.errors import Code, InvalidInput, Unsupported
from bridge.sync.lazy import shelf
from bridge.sync.lazy.manifest import read_manifest
from bridge.sync.lazy.page import PlannedPage, read_page
from bridge.sync.lazy.planning import PlanReport, plan_index
from tests.support.loopback_index import served
from tests.support.sync_samples import SampleChannel, tree

PYTHON = ("python >=3.12,<3.13.0a0", "python_abi 3.12.* *_cp312")


def record(name: str, version: str = "1.0", build: str = "0", **fields: Any) -> tuple[str, dict[str, Any]]:
    """A record of linux-64 and its key."""
    stated = {"name": name, "version": version, "build": build, "build_number": 0, "subdir": "linux-64"}
    return f"{name}-{version}-{build}.conda", {**stated, "depends": [], "sha256": "0" * 64, "size": 1, **fields}


class Records:
    """A channel without packages."""

    def __init__(self, root: Path, *records: tuple[str, dict[str, Any]], sharded: bool = False) -> None:
        self.root = root
        self.records = dict(records)
        self._sharded = sharded
        self.write()

    def write(self) -> None:
        """Write the repodata, and shards of it."""
        document = {"info": {"subdir": "linux-64"}, "packages": {}, "packages.conda": self.records}
        directory = self.root / "linux-64"
        (directory / DIRECTORY).mkdir(parents=True, exist_ok=True)
        (directory / "repodata.json").write_text(json.dumps(document))
        (self.root / "noarch").mkdir(exist_ok=True)
        (self.root / "noarch/repodata.json").write_text("")
        if self._sharded:
            index, files = shards(document)
            for name, content in files.items():
                (directory / DIRECTORY / f"{name}{SUFFIX}").write_bytes(content)
            (directory / INDEX).write_bytes(index)
            index, _ = shards({"info": {"subdir": "noarch"}, "packages": {}, "packages.conda": {}})
            (self.root / "noarch" / INDEX).write_bytes(index)

    def plan(self, directory: Path, **more: Any) -> PlanReport:
        """Plan it."""
        return plan_index(self.root, directory, **more)


def page(directory: Path, project: str) -> PlannedPage:
    """A page as it lies there."""
    return read_page((directory / "pages" / f"{project}.json").read_bytes(), project)


def requires(directory: Path, project: str) -> Mapping[str, tuple[str, ...]]:
    """What the files of a project require, by version."""
    return {file.version: file.origin.requires_dist for file in page(directory, project).files if file.origin}


def test_a_page_says_what_records_say(tmp_path: Path) -> None:
    channel = Records(
        tmp_path / "channel",
        record("numpy", "2.1.0", "py312h0123456_0", depends=[*PYTHON, "libblas >=3.9.0,<4.0a0", "__glibc >=2.28"]),
        record("libblas", "3.9.0", "1_openblas"),
    )
    channel.plan(tmp_path / "planned")
    (file,) = page(tmp_path / "planned", "numpy").files
    assert msgspec.to_builtins(file) == {
        "filename": "numpy-2.1.0-cp312-cp312-manylinux_2_28_x86_64.whl",
        "url": "../../files/numpy/numpy-2.1.0-cp312-cp312-manylinux_2_28_x86_64.whl",
        "_version": "2.1.0",
        "hashes": {},
        "requires-python": "<3.13.0,>=3.12",
        "_origin": {
            "source": "linux-64/numpy-2.1.0-py312h0123456_0.conda",
            "sha256": "0" * 64,
            "size": 1,
            "requires-dist": ("conda-native-libblas<4.0,>=3.9.0",),
        },
    }


def test_several_processes_write_the_same_bytes(tmp_path: Path) -> None:
    names = [f"package{number}" for number in range(24)]
    records = [record(name, depends=[*PYTHON, f"{names[at - 1]} >=1"]) for at, name in enumerate(names)]
    channel = Records(tmp_path / "channel", *records)
    one, two = channel.plan(tmp_path / "one"), channel.plan(tmp_path / "two", jobs=2)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert (one.records, one.files) == (two.records, two.files) == ({"wheel": 24}, 24)


def test_every_record_is_accounted_for(tmp_path: Path) -> None:
    channel = Records(
        tmp_path / "channel",
        record("sound", depends=PYTHON),
        record("sound", build="1", build_number=1, depends=PYTHON),
        record("python", "3.12.0"),
        record("_openmp_mutex"),
        record("unreadable", depends=["broken >=1,,<2"]),
        record("malformed", depends="python"),
        record("windows", depends=["__win"]),
        ("other-1.0-0.conda", record("another")[1]),
        ("..-1.0-0.conda", record("..")[1]),
        ("../../x-1.0-0.conda", record("x")[1]),
        ("nothing.conda", record("nothing")[1]),
    )
    report = channel.plan(tmp_path / "planned")
    assert sum(report.records.values()) == 11
    assert report.records == {
        "CB111": 1,
        "CB112": 1,
        "CB115": 3,
        "CB116": 1,
        "CB302": 1,
        "CB303": 1,
        "CB310": 1,
        "CB316": 1,
        "wheel": 1,
    }
    assert page(tmp_path / "planned", "sound").left_out == {"CB316": ("linux-64/sound-1.0-0.conda",)}
    assert {path.parts[0] for path in map(Path, tree(tmp_path / "planned"))} == {
        "pages",
        "planned.json",
        "projects.json",
    }


def test_a_name_that_no_file_system_has_room_for_is_left_out(tmp_path: Path) -> None:
    name, version = "n" * 64, "0." + "1" * 60
    channel = Records(tmp_path / "channel", record("one"))
    _, long = record(name, version, subdir="noarch", noarch="python", depends=["python", "__unix"])
    document = {"packages.conda": {f"{name}-{version}-0.conda": long}}
    (tmp_path / "channel/noarch/repodata.json").write_text(json.dumps(document))
    assert channel.plan(tmp_path / "planned").records == {"CB109": 1, "wheel": 1}


def test_of_builds_that_differ_in_nothing_the_newest_is_listed(tmp_path: Path) -> None:
    channel = Records(
        tmp_path / "channel",
        record("numbered", build="a", build_number=1, depends=PYTHON),
        record("numbered", build="b", build_number=2, depends=PYTHON),
        record("numbered", build="c", build_number=3, depends=PYTHON, track_features="worse"),
        record("dated", build="a", timestamp=1_700_000_000_000, depends=PYTHON),
        record("dated", build="b", timestamp=1_700_000_001, depends=PYTHON),
    )
    channel.plan(tmp_path / "planned")
    sources = {
        name: [file.origin.source for file in page(tmp_path / "planned", name).files if file.origin]
        for name in ("numbered", "dated")
    }
    assert sources == {"numbered": ["linux-64/numbered-1.0-b.conda"], "dated": ["linux-64/dated-1.0-b.conda"]}


def test_an_unchanged_channel_rewrites_no_page(tmp_path: Path) -> None:
    channel = Records(tmp_path / "channel", record("one", depends=PYTHON), record("two", depends=PYTHON))
    channel.plan(tmp_path / "planned")
    before = tree(tmp_path / "planned")
    report = channel.plan(tmp_path / "planned")
    assert (report.projects, report.written, report.removed) == (2, 0, 0)
    assert tree(tmp_path / "planned") == before


@pytest.mark.parametrize("sharded", [False, True])
def test_changes_come_to_the_same_as_a_new_plan(tmp_path: Path, sharded: bool) -> None:
    records = [record(f"package{number}", depends=PYTHON) for number in range(16)]
    channel = Records(tmp_path / "channel", *records, sharded=sharded)
    channel.plan(tmp_path / "planned")
    key, changed = record("package3", "2.0", depends=[*PYTHON, "package4"])
    channel.records[key] = changed
    del channel.records["package5-1.0-0.conda"]
    channel.records.update([record("native")])
    channel.write()
    report = channel.plan(tmp_path / "planned")
    # a package for Python that is gone may change what others require
    assert report.removed == 1
    assert requires(tmp_path / "planned", "package3") == {"1.0": (), "2.0": ("package4",)}
    channel.plan(tmp_path / "again")
    assert tree(tmp_path / "planned") == tree(tmp_path / "again")


def test_only_shards_that_changed_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [record(f"package{number}", depends=PYTHON) for number in range(16)]
    channel = Records(tmp_path / "channel", *records, sharded=True)
    with served(channel.root) as address:
        plan_index(address, tmp_path / "planned")
        asked: list[str] = []
        get = shelf.read_address

        def noted(where: str, **more: Any) -> bytes | None:
            asked.append(where.removeprefix(f"{address}/linux-64/"))
            return get(where, **more)

        for module in ("shelf", "repodata"):
            monkeypatch.setattr(f"bridge.sync.lazy.{module}.read_address", noted)
        channel.records.update([record("package7", "2.0", depends=PYTHON)])
        channel.write()
        report = plan_index(address, tmp_path / "planned")
    assert report.written == 1
    assert sorted(requires(tmp_path / "planned", "package7")) == ["1.0", "2.0"]
    read = [each for each in asked if each.startswith(f"{DIRECTORY}/")]
    assert len(set(read)) == 1
    assert not any(each.startswith("repodata.json") for each in asked)


def test_a_shard_that_is_other_bytes_than_its_name_says_is_refused(tmp_path: Path) -> None:
    channel = Records(tmp_path / "channel", record("one", depends=PYTHON), sharded=True)
    (tmp_path / "channel/linux-64/repodata.json").unlink()
    (shard,) = (tmp_path / "channel/linux-64" / DIRECTORY).iterdir()
    shard.write_bytes(shard.read_bytes() + b"x")
    with pytest.raises(InvalidInput) as caught:
        channel.plan(tmp_path / "planned")
    assert caught.value.code is Code.HASH
    assert not (tmp_path / "planned").exists()


def test_a_package_for_python_that_others_have_waited_for_changes_them(tmp_path: Path) -> None:
    channel = Records(tmp_path / "channel", record("user", depends=[*PYTHON, "late >=1"]))
    channel.plan(tmp_path / "planned")
    assert requires(tmp_path / "planned", "user") == {"1.0": ("conda-native-late>=1",)}
    channel.records.update([record("late", depends=PYTHON)])
    channel.write()
    assert channel.plan(tmp_path / "planned").written == 2
    assert requires(tmp_path / "planned", "user") == {"1.0": ("late>=1",)}


def test_another_mapping_plans_everything_anew(tmp_path: Path) -> None:
    channel = Records(tmp_path / "channel", record("one", depends=[*PYTHON, "two"]), record("two", depends=PYTHON))
    channel.plan(tmp_path / "planned")
    overlay = tmp_path / "names.yaml"
    overlay.write_text("python:\n  two: second\n")
    report = channel.plan(tmp_path / "planned", overlays=(overlay,))
    assert (report.written, report.removed) == (2, 1)
    assert requires(tmp_path / "planned", "one") == {"1.0": ("second",)}
    assert not (tmp_path / "planned/pages/two.json").exists()


def test_planned_variants_are_those_that_conversion_makes(tmp_path: Path) -> None:
    from bridge.sync.lazy.index import LazyIndex

    channel = SampleChannel(tmp_path / "channel")
    for mpi in ("openmpi", "mpich"):
        channel.noarch(mpi, "5.0")
        channel.python("solver", "1.0", mpi, build=f"mpi_{mpi}_py312habcdef0_0")
    report = plan_index(channel.root, tmp_path / "planned")
    assert (report.families, report.variant_files) == (1, 3)
    planned = (tmp_path / "planned/variants/solver/solver-1.0-variants.json").read_bytes()
    with LazyIndex(tmp_path / "planned", tmp_path / "cache") as index:
        before = {file.filename: file.url for file in page(tmp_path / "planned", "solver").files}
        (first, *_) = before.values()
        index.answer("GET", f"/{first.removeprefix('../../')}")
        moved = index.answer("GET", f"/{before['solver-1.0-variants.json'].removeprefix('../../')}")
        made = index.answer("GET", f"/{moved.headers['Location'].removeprefix('../../')}")
        assert isinstance(made.body, Path)
        assert made.body.read_bytes() == planned
        labels = [file.filename.partition("x86_64")[2] for file in page(tmp_path / "planned", "solver").files]
        listed = json.loads(bytes(index.answer("GET", "/simple/solver/", "application/vnd.pypi.simple.v1+json").body))  # type: ignore[arg-type]
        assert sorted(file["filename"].partition("x86_64")[2] for file in listed["files"]) == sorted(labels)
        assert all(file["hashes"] for file in listed["files"])


def test_what_is_no_planned_index_is_not_replaced(tmp_path: Path) -> None:
    channel = Records(tmp_path / "channel", record("one"))
    (tmp_path / "planned").mkdir()
    (tmp_path / "planned/precious").write_text("")
    with pytest.raises(Unsupported) as caught:
        channel.plan(tmp_path / "planned")
    assert caught.value.code is Code.OUTPUT_TAKEN
    assert [path.name for path in (tmp_path / "planned").iterdir()] == ["precious"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ('{"packages": [', Code.BAD_METADATA),
        ('{"packages": 1}', Code.BAD_METADATA),
        ('{"info": {"subdir": "osx-64"}}', Code.IDENTITY),
        ('{"info": {"base_url": "https://elsewhere.example/../x?y"}}', Code.SOURCE),
        ("{}", Code.SOURCE_EMPTY),
    ],
)
def test_a_document_that_cannot_be_trusted_leaves_nothing(tmp_path: Path, content: str, code: Code) -> None:
    channel = Records(tmp_path / "channel", record("one"))
    (tmp_path / "channel/linux-64/repodata.json").write_text(content)
    for jobs in (1, 2):
        with pytest.raises(InvalidInput) as caught:
            channel.plan(tmp_path / "planned", jobs=jobs)
        assert caught.value.code is code
    assert sorted(path.name for path in tmp_path.iterdir()) == ["channel"]


def test_the_manifest_holds_no_credentials(tmp_path: Path) -> None:
    channel = Records(tmp_path / "channel", record("one"))
    with served(channel.root) as address:
        plan_index(address.replace("://", "://user:secret@"), tmp_path / "planned")
    manifest = read_manifest(tmp_path / "planned")
    assert manifest is not None
    assert manifest.channel == address
    assert not any(b"secret" in path.read_bytes() for path in (tmp_path / "planned").rglob("*") if path.is_file())


def test_stamps_follow_records_and_not_their_order(tmp_path: Path) -> None:
    records = [record("one", build=build) for build in "ab"]
    Records(tmp_path / "a", *records).plan(tmp_path / "planned-a")
    Records(tmp_path / "b", *reversed(records)).plan(tmp_path / "planned-b")
    stamps = []
    for name in "ab":
        manifest = read_manifest(tmp_path / f"planned-{name}")
        assert manifest is not None
        stamps.append(manifest.names["one"].stamp)
    assert stamps[0] == stamps[1]
    assert hashlib.sha256().hexdigest()[:32] not in stamps[0]
