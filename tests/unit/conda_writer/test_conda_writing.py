"""`CondaWriter`: our own reader gives everything back, the layout is as said, and the bytes are always the same."""

from __future__ import annotations

import bz2
import hashlib
import json
import struct
import tarfile
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING

import conda_package_handling.api
import pytest
import zstandard
from package_samples import (
    ABOUT,
    INDEX,
    LONG,
    PLACEHOLDER,
    TREE,
    Content,
    Directory,
    File,
    Link,
    Trickle,
    mixed,
    read,
    write,
)

from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.identifiers import parse_filename
from bridge.formats.conda.survey import survey
from bridge.formats.conda.writer import FILE_DATE, CondaWriter
from bridge.model.conda import FileMode, PathType, Subdir

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CONDA = "demo-1.0-h1_0.conda"
TAR_BZ2 = "demo-1.0-h1_0.tar.bz2"
BOTH = pytest.mark.parametrize("filename", [CONDA, TAR_BZ2])
INFO = {"info/licenses/LICENSE": b"free", "info/hash_input.json": b"{}"}


def tars(path: Path) -> dict[str, bytes]:
    """The uncompressed tar archives of a package by role."""
    if path.name.endswith(".conda"):
        with zipfile.ZipFile(path) as archive:
            return {
                name.partition("-")[0]: zstandard.ZstdDecompressor().decompressobj().decompress(archive.read(name))
                for name in archive.namelist()[1:]
            }
    return {"both": bz2.decompress(path.read_bytes())}


def headers(data: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=BytesIO(data)) as archive:
        return archive.getmembers()


@BOTH
def test_the_reader_gives_everything_back_in_order(tmp_path: Path, filename: str) -> None:
    path = tmp_path / filename
    write(path, TREE, run_exports={"weak": ["demo >=1"]}, info=INFO)
    expected = {name: (0o777 if isinstance(content, Link) else content.mode, content) for name, content in TREE.items()}
    assert list(read(path).items()) == list(expected.items())
    with open_artifact(path, subdir="linux-64") as artifact:
        metadata = artifact.metadata()
        found = survey(artifact)
    assert dict(metadata.index.raw) == INDEX
    assert dict(metadata.about.raw) == ABOUT
    assert json.loads(metadata.info_files["info/run_exports.json"]) == {"weak": ["demo >=1"]}
    assert INFO.items() <= metadata.info_files.items()
    assert found.order == tuple(name for name, content in TREE.items() if isinstance(content, File))
    assert found.empty_directories == ("share/nothing",)
    assert [entry.path for entry in metadata.paths] == sorted(
        name for name, content in TREE.items() if not isinstance(content, Directory)
    )


@BOTH
def test_entry_points_of_noarch_python_come_back(tmp_path: Path, filename: str) -> None:
    link = {"package_metadata_version": 1, "noarch": {"type": "python", "entry_points": ["x = m:f"]}}
    path = tmp_path / filename
    write(path, {}, index=INDEX | {"subdir": "noarch", "noarch": "python"}, link=link)
    with open_artifact(path) as artifact:
        assert artifact.metadata().entry_points == ("x = m:f",)
        assert json.loads(artifact.metadata().info_files["info/link.json"]) == link


def test_links_have_digest_and_size_of_the_file_at_their_end(tmp_path: Path) -> None:
    path = tmp_path / CONDA
    write(path, TREE)
    with open_artifact(path) as artifact:
        entries = {entry.path: entry for entry in artifact.metadata().paths}
    end = entries["lib/libx.so.1"]
    for name in ("lib/libx.so", "lib/chain.so"):
        assert entries[name].path_type is PathType.SOFTLINK
        assert (entries[name].sha256, entries[name].size) == (end.sha256, end.size)
    nothing = hashlib.sha256(b"").hexdigest(), 0
    for name in ("lib64", "lib/elsewhere.so"):
        assert (entries[name].sha256, entries[name].size) == nothing


def test_what_is_known_about_the_end_of_a_link_is_kept(tmp_path: Path) -> None:
    path = tmp_path / CONDA
    known = hashlib.sha256(b"content").digest()
    with CondaWriter(path, parse_filename(CONDA)[0]) as writer:
        writer.add("a", BytesIO(b"content"), 7)
        writer.add_link("inside", "a", sha256=known, size=1)
        writer.add_link("outside", "b", sha256=bytes(32), size=5)
        writer.finish(INDEX, ABOUT)
    with open_artifact(path) as artifact:
        entries = {entry.path: (entry.sha256, entry.size) for entry in artifact.metadata().paths}
    assert entries == {"a": (known.hex(), 7), "inside": (known.hex(), 1), "outside": ("0" * 64, 5)}


@BOTH
def test_directories_can_be_listed(tmp_path: Path, filename: str) -> None:
    tree: Mapping[str, Content] = {"a": Directory(listed=True), "a/b": Directory(0o700, listed=True), "c": Directory()}
    write(tmp_path / filename, tree)
    assert {name: content for name, (_, content) in read(tmp_path / filename).items()} == tree
    with open_artifact(tmp_path / filename) as artifact:
        assert survey(artifact).empty_directories == ("a/b", "c")
        assert [(entry.path, entry.sha256) for entry in artifact.metadata().paths] == [("a", None), ("a/b", None)]
    conda_package_handling.api.extract(str(tmp_path / filename), str(tmp_path / "tree"))
    assert (tmp_path / "tree" / "a" / "b").is_dir()


@BOTH
@pytest.mark.parametrize("options", [{"threads": 2}, {"stream": Trickle}], ids=str)
def test_bytes_depend_on_the_content_alone(tmp_path: Path, filename: str, options: dict[str, object]) -> None:
    # More than one job of zstd's workers at this level, and more than is compressed in one piece.
    tree: dict[str, Content] = {**TREE, "lib/large": File(mixed(12_000_000))}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = write(tmp_path / "a" / filename, tree, level=1)
    two = write(tmp_path / "b" / filename, tree, level=1, **options)
    assert one == two
    assert (tmp_path / "a" / filename).read_bytes() == (tmp_path / "b" / filename).read_bytes()


def test_order_of_keys_and_of_further_files_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / CONDA
    one = write(path, TREE, info=INFO)
    two = write(
        path,
        TREE,
        index=dict(reversed(INDEX.items())),
        about=dict(reversed(ABOUT.items())),
        info=dict(sorted(INFO.items())),
    )
    assert one == two


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, (1 << 20) - 512, 1 << 20, (1 << 20) + 1, 9_000_000])
def test_every_size_is_padded_to_whole_records(tmp_path: Path, size: int) -> None:
    tree: Mapping[str, Content] = {"lib/a": File(mixed(size)), "lib/b": File(b"after")}
    write(tmp_path / CONDA, tree, level=1)
    assert {name: content for name, (_, content) in read(tmp_path / CONDA).items()} == tree


@BOTH
def test_the_digest_is_that_of_the_file(tmp_path: Path, filename: str) -> None:
    digest = write(tmp_path / filename, TREE)
    data = (tmp_path / filename).read_bytes()
    assert digest.sha256 == hashlib.sha256(data).hexdigest()
    assert digest.size == len(data)


def test_add_returns_the_digest_of_the_content(tmp_path: Path) -> None:
    with CondaWriter(tmp_path / CONDA, parse_filename(CONDA)[0]) as writer:
        expected = hashlib.sha256(b"abc").digest()
        assert writer.add("a", BytesIO(b"abcdef"), 3, sha256=expected) == expected


def test_outer_archive_is_stored_dated_1980_and_ends_with_info(tmp_path: Path) -> None:
    write(tmp_path / CONDA, TREE)
    with zipfile.ZipFile(tmp_path / CONDA) as archive:
        members = archive.infolist()
        assert archive.testzip() is None
        assert json.loads(archive.read("metadata.json")) == {"conda_pkg_format_version": 2}
    assert [member.filename for member in members] == [
        "metadata.json",
        "pkg-demo-1.0-h1_0.tar.zst",
        "info-demo-1.0-h1_0.tar.zst",
    ]
    for member in members:
        assert member.compress_type == zipfile.ZIP_STORED
        assert member.date_time == (1980, 1, 1, 0, 0, 0)
        assert not member.flag_bits
        assert member.external_attr >> 16 == 0o100644


@BOTH
def test_tar_headers_say_nothing_about_the_writer(tmp_path: Path, filename: str) -> None:
    write(tmp_path / filename, TREE)
    members = [member for data in tars(tmp_path / filename).values() for member in headers(data)]
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {(0, 0, "", "", FILE_DATE)}


def test_timestamp_is_that_of_every_file(tmp_path: Path) -> None:
    write(tmp_path / CONDA, TREE, timestamp=0)
    assert {member.mtime for data in tars(tmp_path / CONDA).values() for member in headers(data)} == {0}


def test_pax_headers_stand_only_where_ustar_cannot_say_it(tmp_path: Path) -> None:
    write(tmp_path / CONDA, TREE)
    extended = {member.name: set(member.pax_headers) for member in headers(tars(tmp_path / CONDA)["pkg"])}
    assert {name: keys for name, keys in extended.items() if keys} == {
        "share/ünïcode name.txt": {"path"},
        "share/link to ünïcode": {"path", "linkpath"},
        "share/" + "n" * 200: {"path"},
        "share/long link": {"linkpath"},
    }
    assert len(LONG) > 100


def test_info_stands_in_a_fixed_order_and_before_the_payload_of_tar_bz2(tmp_path: Path) -> None:
    link = {"package_metadata_version": 1}
    write(tmp_path / TAR_BZ2, {"a": File()}, link=link, run_exports={}, info=INFO)
    assert [member.name for member in headers(tars(tmp_path / TAR_BZ2)["both"])] == [
        "info/index.json",
        "info/paths.json",
        "info/about.json",
        "info/link.json",
        "info/files",
        "info/run_exports.json",
        "info/hash_input.json",
        "info/licenses/LICENSE",
        "a",
    ]


def test_tar_bz2_is_one_stream(tmp_path: Path) -> None:
    write(tmp_path / TAR_BZ2, TREE)
    decoder = bz2.BZ2Decompressor()
    decoder.decompress((tmp_path / TAR_BZ2).read_bytes())
    assert decoder.eof
    assert not decoder.unused_data


def test_small_payloads_need_no_large_window(tmp_path: Path) -> None:
    write(tmp_path / CONDA, TREE)
    with zipfile.ZipFile(tmp_path / CONDA) as archive:
        for name in archive.namelist()[1:]:
            frame = zstandard.get_frame_parameters(archive.read(name)[:18])
            assert frame.window_size <= 1 << 20


def test_levels_make_different_sizes(tmp_path: Path) -> None:
    tree: Mapping[str, Content] = {"a": File(json.dumps(list(range(60_000))).encode())}
    sizes = [write(tmp_path / CONDA, tree, level=level).size for level in (1, 9, 19)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1]


def test_a_placeholder_is_found_across_blocks(tmp_path: Path) -> None:
    data = b"x" * ((1 << 20) - 7) + PLACEHOLDER.encode() + b"y" * 100
    tree: Mapping[str, Content] = {"a": File(data, 0o644, PLACEHOLDER, FileMode.TEXT)}
    write(tmp_path / CONDA, tree)
    with open_artifact(tmp_path / CONDA) as artifact:
        assert survey(artifact).files["a"].content == data


def test_names_that_differ_in_case_alone_are_for_linux_terminfo(tmp_path: Path) -> None:
    tree: Mapping[str, Content] = {"share/terminfo/N/x": File(b"1"), "share/terminfo/n/x": File(b"2")}
    write(tmp_path / CONDA, tree, subdir=Subdir("linux-64"))
    assert {name: content for name, (_, content) in read(tmp_path / CONDA).items()} == tree


def test_an_existing_file_is_replaced_only_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / CONDA
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="surprise"):
        write(path, {"a": File(b"x")}, stream=_Failing)
    assert path.read_bytes() == b"old"
    write(path, TREE)
    assert path.read_bytes() != b"old"
    assert [each.name for each in tmp_path.iterdir()] == [CONDA]


def test_a_package_without_files_is_written(tmp_path: Path) -> None:
    write(tmp_path / CONDA, {})
    assert read(tmp_path / CONDA) == {}


def test_local_and_central_headers_agree(tmp_path: Path) -> None:
    write(tmp_path / CONDA, {"a": Link("b")})
    data = (tmp_path / CONDA).read_bytes()
    with zipfile.ZipFile(tmp_path / CONDA) as archive:
        for member in archive.infolist():
            crc, packed, size = struct.unpack_from("<3L", data, member.header_offset + 14)
            assert crc == member.CRC
            if member.filename.startswith("pkg-"):
                assert packed == size == 0xFFFFFFFF
            else:
                assert packed == size == member.file_size


class _Failing(BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise ValueError("surprise")
