"""Good packages: what the reader hands out agrees with other readers, streams, and leaves nothing open."""

from __future__ import annotations

import bz2
import hashlib
import io
import tarfile
import threading
import zipfile
from typing import IO, TYPE_CHECKING, Any

import conda_package_handling.api
import pytest
import rattler
import zstandard

from bridge.errors import InvalidInput
from bridge.formats.conda import archives
from bridge.formats.conda.artifact import open_artifact
from bridge.limits import Limits
from bridge.model.conda import ArchiveFormat, FileMode, Noarch, PathType
from bridge.model.payload import MemberKind
from tests.support.conda_archives import (
    Directory,
    File,
    HardLink,
    Link,
    Package,
    TarEntry,
    ZipMember,
    gnu_long,
    make_conda,
    zip_bytes,
    zstd,
)

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.formats.conda.artifact import CondaArtifact

FORMATS = [".conda", ".tar.bz2"]
FILES: dict[str, Any] = {
    "lib/libx.so.1.0": b"\x00" * 3000,
    "lib/libx.so.1": Link("libx.so.1.0"),
    "bin/tool": File(b"#!/opt/anaconda1anaconda2anaconda3/bin/python\n", 0o755, "/opt/anaconda1anaconda2anaconda3"),
    "lib/" + "long/" * 40 + "name": b"far away",
    "share/\u03bb": b"lambda",
    "lib/copy": HardLink("lib/libx.so.1.0"),
    "lib/copy2": HardLink("lib/copy"),
}


def contents(artifact: CondaArtifact) -> list[tuple[str, str, int, str | None, bytes]]:
    return [
        (member.path, member.kind.value, member.mode, member.link_target, reader.read())
        for member, reader in artifact.members()
    ]


def by_tarfile(path: Path) -> list[tuple[str, str, int, str | None, bytes]]:
    """The same through the standard library and zstandard."""
    if path.suffix == ".conda":
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.startswith("pkg-"))
            data = zstandard.ZstdDecompressor().decompressobj().decompress(archive.read(name))
        file: IO[bytes] = io.BytesIO(data)
    else:
        file = io.BytesIO(bz2.decompress(path.read_bytes()))
    with tarfile.open(fileobj=file) as tar:
        result = []
        for member in tar:
            if member.name.startswith("info/"):
                continue
            source = tar.getmember(member.linkname) if member.islnk() else member
            source = tar.getmember(source.linkname) if source.islnk() else source
            kind = "symlink" if source.issym() else "directory" if source.isdir() else "file"
            stream = tar.extractfile(source) if source.isreg() else None
            data = stream.read() if stream is not None else b""
            result.append((member.name, kind, source.mode, member.linkname if source.issym() else None, data))
        return result


@pytest.mark.parametrize("archive", FORMATS)
def test_members_agree_with_tarfile(tmp_path: Path, archive: str) -> None:
    path = make_conda(tmp_path, files=FILES, format=archive)
    with open_artifact(path) as artifact:
        assert contents(artifact) == by_tarfile(path)
        assert contents(artifact) == contents(artifact)


@pytest.mark.parametrize("archive", FORMATS)
def test_tree_agrees_with_conda_package_handling(tmp_path: Path, archive: str) -> None:
    path = make_conda(tmp_path, files=FILES, format=archive)
    tree = tmp_path / "tree"
    conda_package_handling.api.extract(str(path), str(tree))
    with open_artifact(path) as packed, open_artifact(tree, filename=path.name) as unpacked:
        expected = sorted((name, kind, link, data) for name, kind, _, link, data in contents(packed))
        assert sorted((name, kind, link, data) for name, kind, _, link, data in contents(unpacked)) == expected
        assert unpacked.metadata() == packed.metadata()
        assert unpacked.format is ArchiveFormat.DIRECTORY


@pytest.mark.parametrize("archive", FORMATS)
def test_metadata_agrees_with_rattler(tmp_path: Path, archive: str) -> None:
    index = {
        "depends": ["python >=3.12,<3.13.0a0", "libx 1.* *_cpython"],
        "constrains": ["other <2"],
        "build_number": 7,
        "license": "MIT",
        "timestamp": 1_700_000_000_000,
        "track_features": "one, two",
    }
    path = make_conda(tmp_path, name="demo-x", build="h1_7", files=FILES, index=index, format=archive)

    record = rattler.IndexJson.from_package_archive(path)
    paths = rattler.PathsJson.from_package_archive(path)
    with open_artifact(path, subdir="linux-64") as artifact:
        metadata = artifact.metadata()
    assert metadata.index.name == record.name.normalized == "demo-x"
    assert metadata.index.version == str(record.version)
    assert (metadata.index.build, metadata.index.build_number) == (str(record.build), record.build_number)
    assert list(metadata.index.depends) == record.depends
    assert list(metadata.index.constrains) == record.constrains
    assert metadata.index.subdir == record.subdir
    assert metadata.index.timestamp == 1_700_000_000_000
    assert metadata.index.track_features == ("one", "two")
    assert [entry.path for entry in metadata.paths] == [str(entry.relative_path) for entry in paths.paths]
    assert [entry.sha256 for entry in metadata.paths] == [entry.sha256.hex() for entry in paths.paths]


def test_origin_is_that_of_the_file(tmp_path: Path) -> None:
    path = make_conda(tmp_path)
    data = path.read_bytes()
    with open_artifact(path, channel="https://example.org/ch") as artifact:
        origin = artifact.origin()
    assert origin.filename == "demo-1.0-0.conda"
    assert origin.sha256 == hashlib.sha256(data).hexdigest()
    assert origin.md5 == hashlib.md5(data).hexdigest()
    assert (origin.size, origin.channel) == (len(data), "https://example.org/ch")


def test_renamed_file_is_read_under_its_published_name(tmp_path: Path) -> None:
    path = make_conda(tmp_path).rename(tmp_path / "download.tmp")
    with open_artifact(path, filename="demo-1.0-0.conda") as artifact:
        assert artifact.metadata().index.identity.stem == "demo-1.0-0"


def test_metadata_of_conda_does_not_touch_the_payload(tmp_path: Path) -> None:
    members = Package().zip_members()
    members[1] = ZipMember(members[1].name, b"no archive at all")
    path = tmp_path / "demo-1.0-0.conda"
    path.write_bytes(zip_bytes(members))
    with open_artifact(path) as artifact:
        assert artifact.metadata().index.name == "demo"


@pytest.mark.parametrize("archive", FORMATS)
def test_package_without_paths_json_is_read_from_older_files(tmp_path: Path, archive: str) -> None:
    info = {
        "info/paths.json": None,
        "info/files": b"bin/tool\r\nbin/other\n",
        "info/has_prefix": b'"C:\\bld\\_h_env" binary "bin/other"\nbin/tool\n',
        "info/no_link": b"bin/tool\n",
    }
    path = make_conda(tmp_path, files={"bin/tool": b"x", "bin/other": b"y"}, info=info, format=archive)
    with open_artifact(path) as artifact:
        metadata = artifact.metadata()
    assert not metadata.has_paths_json
    tool, other = metadata.paths
    assert (tool.prefix_placeholder, tool.file_mode) == ("/opt/anaconda1anaconda2anaconda3", FileMode.TEXT)
    assert (other.prefix_placeholder, other.file_mode) == ("C:\\bld\\_h_env", FileMode.BINARY)
    assert (tool.no_link, other.no_link) == (True, False)
    assert {entry.path_type for entry in metadata.paths} == {PathType.HARDLINK}
    assert {entry.sha256 for entry in metadata.paths} == {None}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, Noarch.NO),
        (False, Noarch.NO),
        (True, Noarch.GENERIC),
        ("generic", Noarch.GENERIC),
        ("python", Noarch.PYTHON),
    ],
)
def test_noarch_spellings(tmp_path: Path, value: object, expected: Noarch) -> None:
    with open_artifact(make_conda(tmp_path, index={"noarch": value})) as artifact:
        assert artifact.metadata().index.noarch is expected


def test_timestamp_in_seconds_becomes_milliseconds(tmp_path: Path) -> None:
    with open_artifact(make_conda(tmp_path, index={"timestamp": 1_613_117_294})) as artifact:
        assert artifact.metadata().index.timestamp == 1_613_117_294_000


def test_newest_index_keys_are_read(tmp_path: Path) -> None:
    index = {
        "schema_version": 3,
        "flags": ["cuda", "blas:mkl"],
        "extra_depends": {"test": ["pytest", 'foo[when="python >=3.10"]']},
    }
    with open_artifact(make_conda(tmp_path, index=index)) as artifact:
        parsed = artifact.metadata().index
    assert parsed.schema_version == 3
    assert parsed.flags == ("cuda", "blas:mkl")
    assert parsed.extra_depends == {"test": ("pytest", 'foo[when="python >=3.10"]')}


def test_entry_points_are_read(tmp_path: Path) -> None:
    link = b'{"package_metadata_version":1,"noarch":{"type":"python","entry_points":["x = a.b:c.d","y.z=e:f"]}}'
    with open_artifact(make_conda(tmp_path, info={"info/link.json": link})) as artifact:
        assert artifact.metadata().entry_points == ("x = a.b:c.d", "y.z=e:f")


def test_licences_in_the_payload_archive_are_handed_over_after_a_pass(tmp_path: Path) -> None:
    package = Package(more_payload=[TarEntry("info/licenses/LICENSE", b"MIT")])
    with open_artifact(package.write(tmp_path)) as artifact:
        assert artifact.late_info() == {}
        assert list(artifact.members()) == []
        assert artifact.late_info() == {"info/licenses/LICENSE": b"MIT"}


def test_terminal_database_may_hold_both_cases_on_linux(tmp_path: Path) -> None:
    files = {"share/terminfo/n/x": b"", "share/terminfo/N/x": b""}
    with open_artifact(make_conda(tmp_path, files=files)) as artifact:
        assert [member.path for member, _ in artifact.members()] == list(files)


def test_directory_members_and_gnu_names_are_read(tmp_path: Path) -> None:
    long_name, long_target = "lib/" + "n" * 200, "t" * 150
    package = Package(
        files={"lib/empty": Directory()},
        more_payload=[
            gnu_long(b"L", long_name),
            gnu_long(b"K", long_target),
            TarEntry("lib/cut", kind=b"2", magic=b"ustar  \x00"),
            TarEntry("tail", b"1", prefix=b"lib"),
            TarEntry("lib/big", b"12345", binary_size=True),
        ],
    )
    with open_artifact(package.write(tmp_path)) as artifact:
        members = [(member.path, member.kind, member.link_target) for member, _ in artifact.members()]
    assert members == [
        ("lib/empty", MemberKind.DIRECTORY, None),
        (long_name, MemberKind.SYMLINK, long_target),
        ("lib/tail", MemberKind.FILE, None),
        ("lib/big", MemberKind.FILE, None),
    ]


def test_zip64_container_is_read(tmp_path: Path) -> None:
    path = tmp_path / "demo-1.0-0.conda"
    path.write_bytes(zip_bytes(Package(files=FILES).zip_members(), zip64=True))
    with open_artifact(path) as artifact:
        assert len(contents(artifact)) == len(FILES)


def test_concatenated_bzip2_streams_are_read(tmp_path: Path) -> None:
    tar = Package(files=FILES).whole_tar()
    path = tmp_path / "demo-1.0-0.tar.bz2"
    path.write_bytes(bz2.compress(tar[:700]) + bz2.compress(tar[700:]))
    with open_artifact(path) as artifact:
        assert len(contents(artifact)) == len(FILES)


def incompressible(size: int) -> bytes:
    return b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(size // 32))


@pytest.mark.parametrize("archive", FORMATS)
@pytest.mark.parametrize("end", ["close", "drop", "exit"])
def test_abandoned_pass_leaves_no_thread(
    tmp_path: Path, archive: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Large enough to be decoded by a thread that runs ahead, and not kept from the pass before.
    monkeypatch.setattr(archives, "_KEPT", 0)
    files = {f"lib/{number}": incompressible(1 << 20) for number in range(8)}
    path = make_conda(tmp_path, files=files, format=archive)
    before = threading.active_count()
    with open_artifact(path) as artifact:
        members = artifact.members()
        _, reader = next(members)
        assert reader.read(10) == files["lib/0"][:10]
        assert threading.active_count() == before + 1
        if end == "close":
            members.close()  # type: ignore[attr-defined]
            assert threading.active_count() == before
        elif end == "drop":
            del members
            assert threading.active_count() == before
    assert threading.active_count() == before


@pytest.mark.parametrize("archive", FORMATS)
def test_unread_and_half_read_members_are_passed_over(tmp_path: Path, archive: str) -> None:
    files = {f"lib/{number}": incompressible(1 << 20) + bytes([number]) for number in range(5)}
    with open_artifact(make_conda(tmp_path, files=files, format=archive)) as artifact:
        for number, (member, reader) in enumerate(artifact.members()):
            assert reader.size == member.size == (1 << 20) + 1
            if number == 2:
                assert len(reader.read(12345)) == 12345
            if number == 4:
                assert reader.read() == files["lib/4"]
                assert reader.read() == reader.read(5) == reader.read1(5) == b""


def test_read1_gives_everything_in_pieces(tmp_path: Path) -> None:
    data = incompressible(3 << 20)
    with open_artifact(make_conda(tmp_path, files={"lib/x": data})) as artifact:
        for _, reader in artifact.members():
            pieces = []
            while piece := reader.read1(1 << 16):
                pieces.append(piece)
            assert b"".join(pieces) == data


def test_two_passes_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    files = {f"lib/{number}": incompressible(1 << 18) + bytes([number]) for number in range(8)}
    with open_artifact(make_conda(tmp_path, files=files)) as artifact:
        pairs = zip(artifact.members(), artifact.members(), strict=True)
        assert all(first.read() == files[one.path] == second.read() for (one, first), (_, second) in pairs)


def test_file_that_changes_between_passes_is_refused(tmp_path: Path) -> None:
    path = make_conda(tmp_path, files=FILES)
    with open_artifact(path) as artifact:
        artifact.metadata()
        with path.open("ab") as file:
            file.write(b"x")
        with pytest.raises(InvalidInput) as caught:
            artifact.origin()
    assert caught.value.code.number == "CB119"


def test_replaced_file_does_not_change_what_is_read(tmp_path: Path) -> None:
    path = make_conda(tmp_path, files={"lib/a": b"first"})
    with open_artifact(path) as artifact:
        other = make_conda(tmp_path, name="other", files={"lib/a": b"second"})
        other.replace(path)
        assert [data for *_, data in contents(artifact)] == [b"first"]


def test_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_artifact(tmp_path / "demo-1.0-0.conda")
    assert caught.value.code.number == "CB119"


def test_directory_is_refused_for_what_an_archive_is_refused_for(tmp_path: Path) -> None:
    tree = tmp_path / "demo"
    (tree / "info").mkdir(parents=True)
    for name, data in Package().info_files().items():
        (tree / name).write_bytes(data)
    (tree / "link").symlink_to("/etc/passwd")
    with open_artifact(tree) as artifact, pytest.raises(InvalidInput) as caught:
        list(artifact.members())
    assert caught.value.code.number == "CB105"


def test_directory_whose_info_is_a_link_is_refused(tmp_path: Path) -> None:
    outside, tree = tmp_path / "outside", tmp_path / "demo"
    outside.mkdir()
    tree.mkdir()
    for name, data in Package().info_files().items():
        (outside / name.removeprefix("info/")).write_bytes(data)
    (tree / "info").symlink_to(outside)
    with pytest.raises(InvalidInput) as caught:
        open_artifact(tree)
    assert caught.value.code.number == "CB114"


def test_directory_without_description_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_artifact(tmp_path)
    assert caught.value.code.number == "CB110"


def test_directory_identity_does_not_depend_on_where_it_lies(tmp_path: Path) -> None:
    path = make_conda(tmp_path, files=FILES)
    for tree in ("one", "two"):
        conda_package_handling.api.extract(str(path), str(tmp_path / tree))
    with open_artifact(tmp_path / "one") as one, open_artifact(tmp_path / "two") as two:
        assert one.origin() == two.origin()
        assert one.filename == "demo-1.0-0"


def test_limits_are_adjustable(tmp_path: Path) -> None:
    path = make_conda(tmp_path, files={"lib/a": bytes(5000)})
    with open_artifact(path, limits=Limits(ratio=2, ratio_floor=0)) as artifact, pytest.raises(InvalidInput):
        list(artifact.members())
    with open_artifact(path, limits=Limits(ratio=1000, ratio_floor=0)) as artifact:
        assert len(list(artifact.members())) == 1


def test_frames_with_checksum_and_without_size_are_read(tmp_path: Path) -> None:
    package = Package(files=FILES)
    compressor = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    payload = compressor.compress(package.payload_tar()) + compressor.flush()
    members = package.zip_members()
    members[1] = ZipMember(members[1].name, payload)
    members[2] = ZipMember(members[2].name, zstd(package.info_tar(), write_checksum=True))
    path = tmp_path / "demo-1.0-0.conda"
    path.write_bytes(zip_bytes(members))
    with open_artifact(path) as artifact:
        assert len(contents(artifact)) == len(FILES)
