"""What `CondaWriter` refuses, with which code, and that nothing is left behind."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from package_samples import ABOUT, INDEX, PLACEHOLDER, Content, Directory, File, Link, write

from bridge.errors import BridgeError, Code, InvalidInput, Unrepresentable
from bridge.formats.conda.identifiers import parse_filename
from bridge.formats.conda.writer import CondaWriter
from bridge.limits import Limits
from bridge.model.conda import ArchiveFormat, CondaIdentity, CondaName, CondaVersion, FileMode, Subdir

if TYPE_CHECKING:
    from pathlib import Path

CONDA = "demo-1.0-h1_0.conda"
IDENTITY = parse_filename(CONDA)[0]


def refused(
    directory: Path, kind: type[BridgeError], code: Code, tree: dict[str, Content], **options: Any
) -> BridgeError:
    """The error of writing `tree`, after which the directory is empty."""
    with pytest.raises(kind) as caught:
        write(directory / CONDA, tree, **options)
    assert caught.value.code is code
    assert list(directory.iterdir()) == []
    return caught.value


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../up",
        "a/../b",
        "a//b",
        "./a",
        "a/",
        "C:/a",
        "a\\b",
        "a\nb",
        "a\x00b",
        "half\ud800",
        "ends:stream",
        "info/index.json",
        "info",
        "INFO/x",
        "conda-meta/history",
        "Conda-Meta/demo-1.0-h1_0.json",
    ],
)
def test_unsafe_and_reserved_paths(tmp_path: Path, path: str) -> None:
    refused(tmp_path, Unrepresentable, Code.COLLISION, {path: File(b"x")})
    refused(tmp_path, Unrepresentable, Code.COLLISION, {path: Link("x")})
    refused(tmp_path, Unrepresentable, Code.COLLISION, {path: Directory()})


@pytest.mark.parametrize(
    ("one", "other"),
    [("a", "a"), ("lib/a", "lib/A"), ("\u00e9", "e\u0301"), ("a", "a/b"), ("a/b", "a"), ("Lib/a", "lib/b")],
)
def test_clashing_paths(tmp_path: Path, one: str, other: str) -> None:
    with CondaWriter(tmp_path / CONDA, IDENTITY) as writer:
        writer.add(one, io.BytesIO(), 0)
        with pytest.raises(Unrepresentable) as caught:
            writer.add(other, io.BytesIO(), 0)
        with pytest.raises(ValueError, match="not added completely"):
            writer.finish(INDEX, ABOUT)
    assert caught.value.code is Code.COLLISION
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "tree",
    [
        {"a": Link("../outside")},
        {"a": Link("/absolute")},
        {"a": Link("")},
        {"a": Link("a")},
        {"a": Link("b"), "b": Link("a")},
        {"d": Link("e/f"), "x": Link("d/../../.."), "e/f": File()},
        {"d": Link("e"), "d/x": File()},
        {"d/x": File(), "d": Link("e")},
        {"d": Directory(), "D/x": File()},
        {"d": Link("e"), "d/x": Directory()},
    ],
    ids=str,
)
def test_links_that_leave_never_end_or_hide_members(tmp_path: Path, tree: dict[str, Content]) -> None:
    refused(tmp_path, Unrepresentable, Code.COLLISION, tree)


def test_a_colon_is_no_problem_where_no_windows_is(tmp_path: Path) -> None:
    write(tmp_path / CONDA, {"man/a::b.3": File()}, subdir=Subdir("linux-64"))
    assert (tmp_path / CONDA).exists()


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o1777, 0o100644])
def test_special_mode_bits(tmp_path: Path, mode: int) -> None:
    refused(tmp_path, InvalidInput, Code.MEMBER_TYPE, {"a": File(b"x", mode)})
    refused(tmp_path, InvalidInput, Code.MEMBER_TYPE, {"a": Directory(mode)})


def test_content_that_ends_early(tmp_path: Path) -> None:
    with (
        pytest.raises(InvalidInput) as caught,
        CondaWriter(tmp_path / CONDA, IDENTITY) as writer,
    ):
        writer.add("a", io.BytesIO(b"abc"), 4)
    assert caught.value.code is Code.UNREADABLE
    assert caught.value.field == "a"


def test_content_with_another_digest(tmp_path: Path) -> None:
    with (
        pytest.raises(InvalidInput) as caught,
        CondaWriter(tmp_path / CONDA, IDENTITY) as writer,
    ):
        writer.add("a", io.BytesIO(b"abc"), 3, sha256=bytes(32))
    assert caught.value.code is Code.PAYLOAD_MISMATCH


def test_a_link_to_content_with_another_digest(tmp_path: Path) -> None:
    with CondaWriter(tmp_path / CONDA, IDENTITY) as writer:
        writer.add("a", io.BytesIO(b"abc"), 3)
        writer.add_link("b", "a", sha256=bytes(32))
        with pytest.raises(InvalidInput) as caught:
            writer.finish(INDEX, ABOUT)
    assert caught.value.code is Code.PAYLOAD_MISMATCH


def test_an_incomplete_member_cannot_be_finished(tmp_path: Path) -> None:
    with CondaWriter(tmp_path / CONDA, IDENTITY) as writer:
        with pytest.raises(InvalidInput):
            writer.add("a", io.BytesIO(b"abc"), 4)
        with pytest.raises(ValueError, match="not added completely"):
            writer.finish(INDEX, ABOUT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("data", [b"", b"something else", PLACEHOLDER.encode()[:-1]])
def test_content_without_its_placeholder(tmp_path: Path, data: bytes) -> None:
    refused(tmp_path, InvalidInput, Code.BAD_PLACEHOLDER, {"a": File(data, 0o644, PLACEHOLDER, FileMode.TEXT)})


@pytest.mark.parametrize("placeholder", ["/", "relative/placeholder", "/with\ncontrol/characters"])
def test_placeholders_that_no_reader_takes(tmp_path: Path, placeholder: str) -> None:
    content = File(placeholder.encode() * 3, 0o644, placeholder, FileMode.TEXT)
    refused(tmp_path, InvalidInput, Code.BAD_PLACEHOLDER, {"a": content})


def test_a_placeholder_and_a_mode_come_together(tmp_path: Path) -> None:
    with CondaWriter(tmp_path / CONDA, IDENTITY) as writer:
        for options in ({"prefix_placeholder": PLACEHOLDER}, {"file_mode": FileMode.TEXT}):
            with pytest.raises(ValueError, match="placeholder"):
                writer.add("a", io.BytesIO(), 0, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "path", ["info/index.json", "info/files", "info/repodata_record.json", "lib/x", "info/../x", "info"]
)
def test_further_files_that_are_not_the_callers(tmp_path: Path, path: str) -> None:
    refused(tmp_path, Unrepresentable, Code.COLLISION, {}, info={path: b""})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": "other"}, Code.IDENTITY),
        ({"version": "2"}, Code.IDENTITY),
        ({"build": "0"}, Code.IDENTITY),
        ({"version": "1.0-1"}, Code.BAD_IDENTIFIER),
        ({"subdir": "linux"}, Code.BAD_IDENTIFIER),
        ({"depends": ["==="]}, Code.BAD_SPEC),
        ({"depends": "python"}, Code.BAD_METADATA),
        ({"build_number": -1}, Code.BAD_METADATA),
        ({"license": "\ud800"}, Code.BAD_METADATA),
        ({"extra": float("nan")}, Code.BAD_METADATA),
    ],
    ids=str,
)
def test_an_index_that_no_reader_takes(tmp_path: Path, change: dict[str, Any], code: Code) -> None:
    refused(tmp_path, InvalidInput, code, {}, index=INDEX | change)


def test_an_index_of_another_subdir(tmp_path: Path) -> None:
    refused(tmp_path, InvalidInput, Code.IDENTITY, {}, subdir=Subdir("osx-64"))


@pytest.mark.parametrize("entry_point", ["../x = m:f", "x = m", "x"])
def test_entry_points_that_no_reader_takes(tmp_path: Path, entry_point: str) -> None:
    link = {"package_metadata_version": 1, "noarch": {"type": "python", "entry_points": [entry_point]}}
    refused(tmp_path, InvalidInput, Code.BAD_ENTRY_POINT, {}, link=link)


@pytest.mark.parametrize(
    ("limits", "tree"),
    [
        (Limits(members=1), {"a": File(), "b": File()}),
        (Limits(path_length=10), {"a" * 11: File()}),
        (Limits(info_size=10), {}),
    ],
    ids=str,
)
def test_limits_hold_for_writers_too(tmp_path: Path, limits: Limits, tree: dict[str, Content]) -> None:
    refused(tmp_path, InvalidInput, Code.LIMIT, tree, limits=limits)


@pytest.mark.parametrize(
    ("filename", "name", "version", "build", "code"),
    [
        (CONDA, "demo", "1.0", "h1_1", Code.IDENTITY),
        ("demo-1.0-h1_0.tar.bz2", "demo", "1.0", "h1_0", Code.IDENTITY),
        ("demo-1.0-py3-none.conda", "demo", "1.0", "py3-none", Code.IDENTITY),
        ("Demo-1.0-0.conda", "Demo", "1.0", "0", Code.BAD_IDENTIFIER),
        ("__demo-1.0-0.conda", "__demo", "1.0", "0", Code.BAD_IDENTIFIER),
        ("demo-1.0-0.zip", "demo", "1.0", "0", Code.BAD_IDENTIFIER),
        (f"demo-1.0-{'0' * 65}.conda", "demo", "1.0", "0" * 65, Code.BAD_IDENTIFIER),
    ],
)
def test_identities(tmp_path: Path, filename: str, name: str, version: str, build: str, code: Code) -> None:
    identity = CondaIdentity(CondaName(name), CondaVersion(version), build)
    with pytest.raises(InvalidInput) as caught:
        CondaWriter(tmp_path / filename, identity)
    assert caught.value.code is code
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".conda", {"level": 0}),
        (".conda", {"level": 23}),
        (".conda", {"threads": 0}),
        (".conda", {"timestamp": -1}),
        (".tar.bz2", {"level": 0}),
        (".tar.bz2", {"timestamp": 1 << 33}),
    ],
    ids=str,
)
def test_settings_that_do_not_exist(tmp_path: Path, suffix: str, options: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        CondaWriter(tmp_path / (IDENTITY.stem + suffix), IDENTITY, format=ArchiveFormat(suffix), **options)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
