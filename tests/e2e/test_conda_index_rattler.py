"""py-rattler reads what `index` writes: over HTTP by shards, from disk, and with its own index as the measure."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import threading
import time
import zipfile
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
import rattler
from rattler.index import index_fs

from bridge.channel.conda_index import write_conda_index
from bridge.channel.simple import write_index
from bridge.mapping.tables import load_tables
from tests.support.conda_archives import make_conda

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "conda"
#: sets of the corpus that rattler's index does not give up on.
SETS = (
    "conda-build-fixtures",
    "conda-pypi-local-channel",
    "cph-fixtures",
    "mamba-fixtures",
    "miniforge-linux-64-py312",
    "pixi-fixtures",
)
WITH_WHEELS = rattler.PackageFormatSelection.PREFER_CONDA_WITH_WHL


def index(directory: Path) -> None:
    report = write_conda_index(directory, write_index(directory).files, load_tables())
    assert report is not None
    assert report.rejected == ()
    assert report.losses == ()


def copies(source: Path, *targets: Path) -> None:
    """The packages of a channel, without its index files."""
    for path in source.rglob("*"):
        if path.name.endswith((".conda", ".tar.bz2")) and path.is_file():
            for target in targets:
                place = target / path.relative_to(source)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)


def by_rattler(directory: Path) -> None:
    (directory / "noarch").mkdir(exist_ok=True)
    asyncio.run(index_fs(directory, write_zst=False, write_shards=False))
    # rattler's threads must not end with the interpreter.
    time.sleep(0.05)


def canonical(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record with its specs in one spelling, and without what only one of the two indexes states."""
    ignored = ("indexed_timestamp", "run_exports", "schema_version")
    kept = {key: value for key, value in record.items() if key not in ignored}
    for key in ("depends", "constrains"):
        if key in kept:
            kept[key] = [rattler.MatchSpec(spec, strict=False).to_canonical_string() for spec in kept[key]]
    return kept


def records(path: Path) -> dict[str, dict[str, Any]]:
    """Every record, by section and key."""
    document = json.loads(path.read_bytes())
    sections = {name: document.get(name, {}) for name in ("packages", "packages.conda")}
    sections |= {f"v3.{name}": found for name, found in document.get("v3", {}).items()}
    return {f"{name}/{key}": canonical(record) for name, found in sections.items() for key, record in found.items()}


@pytest.mark.corpus
@pytest.mark.parametrize("name", SETS)
def test_records_are_those_of_rattler_s_index(tmp_path: Path, name: str) -> None:
    if not (CORPUS / name).is_dir():
        pytest.skip("the corpus is not beside the checkout")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    copies(CORPUS / name, ours, theirs)
    index(ours)
    by_rattler(theirs)
    compared = 0
    for path in sorted(theirs.rglob("repodata.json")):
        expected = records(path)
        assert records(ours / path.relative_to(theirs)) == expected
        compared += len(expected)
    listed = [path for path in ours.rglob("*") if path.name.endswith((".conda", ".tar.bz2"))]
    assert compared == sum(1 for path in listed if (path.parent / "repodata.json").is_file())


@pytest.mark.corpus
def test_run_exports_are_those_that_rattler_reads_in_the_packages(tmp_path: Path, miniforge: Path) -> None:
    copies(miniforge, tmp_path)
    index(tmp_path)
    kinds = ("noarch", "strong", "strong_constrains", "weak", "weak_constrains")
    some = 0
    for subdir in ("linux-64", "noarch"):
        document = json.loads((tmp_path / subdir / "run_exports.json").read_bytes())
        entries = {**document["packages"], **document["packages.conda"]}
        packages = [path for path in (tmp_path / subdir).iterdir() if path.name.endswith((".conda", ".tar.bz2"))]
        assert sorted(entries) == sorted(path.name for path in packages)
        for path in packages:
            try:
                read = rattler.RunExportsJson.from_package_archive(path)
            except rattler.exceptions.ExtractError:
                expected = {}  # the package has none
            else:
                expected = {kind: getattr(read, kind) for kind in kinds if getattr(read, kind)}
            assert entries[path.name] == {"run_exports": expected}
            some += bool(expected)
    assert some


@pytest.mark.corpus
def test_the_hotfixes_of_a_mirrored_channel_stay(tmp_path: Path, miniforge: Path) -> None:
    copies(miniforge, tmp_path)
    shutil.copyfile(miniforge / "linux-64" / "repodata.json", tmp_path / "linux-64" / "repodata.json")
    published = json.loads((tmp_path / "linux-64" / "repodata.json").read_bytes())
    index(tmp_path)
    kept = json.loads((tmp_path / "linux-64" / "repodata.json").read_bytes())
    for section in ("packages", "packages.conda"):
        assert kept[section]
        assert kept[section] == {key: published[section][key] for key in kept[section]}


@pytest.fixture
def channel(tmp_path: Path) -> Path:
    """Packages of both revisions in both archives, and two wheels beside them."""
    place = tmp_path / "channel"
    for subdir in ("noarch", "linux-64"):
        (place / subdir).mkdir(parents=True)
    platform, noarch = place / "linux-64", place / "noarch"
    make_conda(platform, name="python", version="3.12.0")
    make_conda(platform, name="plain", index={"depends": ["python >=3.8"]})
    make_conda(platform, name="plain", version="0.9", format=".tar.bz2")
    conditions = {"depends": ['plain[when="python >=3.10"]', 'missing[when="python <3"]'], "noarch": "generic"}
    make_conda(noarch, name="later", subdir="noarch", index={**conditions, "flags": ["cuda"]})
    make_conda(noarch, name="grouped", subdir="noarch", index={"noarch": "generic", "extra_depends": {"x": ["later"]}})
    write_wheel(place, "six", "1.16.0", "Requires-Python: >=3.9\n")
    write_wheel(place, "idna", "3.10", "")
    write_wheel(
        place,
        "tool_of_ours",
        "1.0+local.1",
        "Provides-Extra: More\nRequires-Dist: six>=1\n"
        'Requires-Dist: colorama; sys_platform == "win32"\nRequires-Dist: idna; extra == "more"\n',
    )
    index(place)
    return place


def write_wheel(directory: Path, name: str, version: str, headers: str) -> None:
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(directory / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{headers}")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


@contextmanager
def served(directory: Path) -> Iterator[tuple[str, list[str]]]:
    """The address of a directory over HTTP on loopback, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(directory))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


PLATFORMS: list[rattler.Subdir] = ["linux-64", "noarch"]
MACHINE = [
    rattler.GenericVirtualPackage(rattler.PackageName(name), rattler.Version("0"), rattler.BuildString("0"))
    for name in ("__unix", "__linux")
]


def solved(address: str, cache: Path, *specs: str) -> dict[str, str]:
    """Name and file name of what rattler picks over HTTP."""

    async def run() -> list[rattler.RepoDataRecord]:
        return await rattler.solve(
            [rattler.Channel(address)],
            [rattler.MatchSpec(spec) for spec in specs],
            gateway=rattler.Gateway(cache_dir=cache),
            platforms=PLATFORMS,
            virtual_packages=MACHINE,
        )

    return {record.name.normalized: record.url.rpartition("/")[2] for record in asyncio.run(run())}


def test_a_gateway_reads_shards_over_http_and_sees_wheels_there(channel: Path, tmp_path: Path) -> None:
    async def query(address: str) -> list[rattler.RepoDataRecord]:
        gateway = rattler.Gateway(cache_dir=tmp_path / "cache")
        names = ["plain", "later", "grouped", "six", "tool-of-ours"]
        specs = [rattler.MatchSpec(name) for name in names]
        found = await gateway.query([rattler.Channel(address)], PLATFORMS, specs, recursive=False)
        return [record for records in found for record in records]

    with served(channel) as (address, asked):
        found = asyncio.run(query(address))
        names = sorted(record.url.removeprefix(address) for record in found)
        digests = {record.url.removeprefix(address): record.sha256 for record in found}
    assert names == [
        "linux-64/plain-0.9-0.tar.bz2",
        "linux-64/plain-1.0-0.conda",
        "noarch/grouped-1.0-0.conda",
        "noarch/later-1.0-0.conda",
        "six-1.16.0-py3-none-any.whl",
        "tool_of_ours-1.0%2Blocal.1-py3-none-any.whl",
    ]
    for name, digest in digests.items():
        assert digest is not None
        assert digest.hex() == hashlib.sha256((channel / unquote(name)).read_bytes()).hexdigest()
    assert not [path for path in asked if path.endswith(("repodata.json", "repodata.json.zst"))]


def test_rattler_solves_over_http_with_conditions_groups_flags_and_wheels(channel: Path, tmp_path: Path) -> None:
    with served(channel) as (address, _):
        assert solved(address, tmp_path / "a", 'later[flags=["cuda"]]', "python") == {
            "python": "python-3.12.0-0.conda",
            "later": "later-1.0-0.conda",
            "plain": "plain-1.0-0.conda",
        }
        assert set(solved(address, tmp_path / "b", "grouped[extras=[x]]", "python")) == {
            *("grouped", "later", "plain", "python")
        }
        assert solved(address, tmp_path / "c", "tool-of-ours[extras=[more]]") == {
            "tool-of-ours": "tool_of_ours-1.0%2Blocal.1-py3-none-any.whl",
            "six": "six-1.16.0-py3-none-any.whl",
            "idna": "idna-3.10-py3-none-any.whl",
            "python": "python-3.12.0-0.conda",
        }


def test_rattler_solves_from_the_whole_document_too(channel: Path) -> None:
    sources = [
        rattler.SparseRepoData(rattler.Channel(channel.as_uri()), subdir, channel / subdir / "repodata.json")
        for subdir in PLATFORMS
    ]

    async def run(selection: rattler.PackageFormatSelection) -> list[rattler.RepoDataRecord]:
        return await rattler.solve_with_sparse_repodata(
            [rattler.MatchSpec("tool-of-ours")],
            sources,
            virtual_packages=MACHINE,
            package_format_selection=selection,
        )

    assert {record.name.normalized for record in asyncio.run(run(WITH_WHEELS))} == {"tool-of-ours", "six", "python"}
    with pytest.raises(rattler.exceptions.SolverError):
        asyncio.run(run(rattler.PackageFormatSelection.PREFER_CONDA))
    assert {source.subdir: source.record_count(rattler.PackageFormatSelection.BOTH) for source in sources}


def test_whole_documents_are_fetched_over_http(channel: Path, tmp_path: Path) -> None:
    async def fetch(address: str) -> list[rattler.SparseRepoData]:
        return await rattler.fetch_repo_data(
            channels=[rattler.Channel(address)],
            platforms=[rattler.Subdir(subdir) for subdir in PLATFORMS],
            cache_path=tmp_path / "cache",
            callback=None,
        )

    with served(channel) as (address, asked):
        documents = asyncio.run(fetch(address))
        found = sorted(
            record.url.removeprefix(address)
            for document in documents
            for record in document.load_all_records(WITH_WHEELS)
            if record.name.normalized != "python"
        )
    assert "/noarch/repodata.json.zst" in asked
    assert found == [
        "idna-3.10-py3-none-any.whl",
        "linux-64/plain-0.9-0.tar.bz2",
        "linux-64/plain-1.0-0.conda",
        "noarch/grouped-1.0-0.conda",
        "noarch/later-1.0-0.conda",
        "six-1.16.0-py3-none-any.whl",
        "tool_of_ours-1.0%2Blocal.1-py3-none-any.whl",
    ]


def test_rattler_indexes_the_channel_too_and_we_after_it(channel: Path) -> None:
    before = records(channel / "noarch" / "repodata.json")
    by_rattler(channel)
    index(channel)
    assert records(channel / "noarch" / "repodata.json") == before
    for subdir in PLATFORMS:
        (channel / subdir / "repodata.json").unlink()
    by_rattler(channel)
    index(channel)
    assert records(channel / "noarch" / "repodata.json") == before
    document = json.loads((channel / "noarch" / "repodata.json").read_bytes())
    stamped = [record["indexed_timestamp"] for record in document["v3"]["conda"].values()]
    assert len(stamped) == 2
    assert document["info"]["repodata_revisions"] == {
        "v3": {"n_packages": 5, "oldest": min(stamped), "newest": max(stamped)}
    }
