"""Reading a channel's records: what is found, what is set aside, what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from bridge.channel.repodata import open_channel
from bridge.errors import Code, InvalidInput

from .conftest import document, record, write_channel

if TYPE_CHECKING:
    from pathlib import Path


def test_records_of_both_formats_and_of_every_subdir_are_found(tmp_path: Path) -> None:
    linux = document(record("a", "2"))
    linux["packages"] = {"a-1-0.tar.bz2": record("a", "1")}
    noarch = document(record("b", subdir="noarch", noarch="python"), subdir="noarch")
    channel = open_channel(write_channel(tmp_path, {"linux-64": linux, "noarch": noarch}), subdirs=["linux-64"])
    assert [r.filename for r in channel.records("a")] == ["a-1-0.tar.bz2", "a-2-0.conda"]
    assert channel.names == ("a", "b")
    assert channel.records("c") == ()
    found = channel.find("b-1.0-0.conda")
    assert found is not None
    assert found.url == f"{tmp_path.as_uri()}/noarch/b-1.0-0.conda"
    assert found.channel == tmp_path.as_uri()
    assert found.index.noarch.value == "python"
    assert channel.find("b-1.0-0.tar.bz2") is None
    assert channel.rejected == ()


def test_a_file_url_is_the_same_channel_as_its_directory(tmp_path: Path) -> None:
    write_channel(tmp_path, {"noarch": document(record("a", subdir="noarch"), subdir="noarch")})
    by_path, by_text, by_url = (
        open_channel(where, subdirs=[]).records("a") for where in (tmp_path, str(tmp_path), tmp_path.as_uri() + "/")
    )
    assert by_path == by_text == by_url != ()


def test_an_empty_file_is_an_empty_channel_and_an_absent_subdir_an_empty_one(tmp_path: Path) -> None:
    channel = open_channel(write_channel(tmp_path, {"noarch": b""}), subdirs=["linux-64", "osx-arm64"])
    assert channel.names == ()


def test_a_directory_without_any_repodata_is_no_channel(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_channel(tmp_path, subdirs=["linux-64"])
    assert caught.value.code is Code.SOURCE


@pytest.mark.parametrize("where", ["/nonexistent-channel", "ftp://h/c", "https:///c", "file://host/c", "http://h/c?q"])
def test_an_address_that_is_no_channel_is_refused(where: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_channel(where, subdirs=[])
    assert caught.value.code is Code.SOURCE


def test_compressed_repodata_is_read(tmp_path: Path) -> None:
    (tmp_path / "noarch").mkdir()
    data = json.dumps(document(record("a", subdir="noarch"), subdir="noarch")).encode()
    (tmp_path / "noarch" / "repodata.json.zst").write_bytes(zstandard.compress(data))
    assert open_channel(tmp_path, subdirs=[]).names == ("a",)


def test_damaged_compressed_repodata_is_refused(tmp_path: Path) -> None:
    (tmp_path / "noarch").mkdir()
    (tmp_path / "noarch" / "repodata.json.zst").write_bytes(b"not zstd")
    with pytest.raises(InvalidInput) as caught:
        open_channel(tmp_path, subdirs=[])
    assert caught.value.code is Code.UNREADABLE


def test_a_compression_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.channel.document.DOCUMENT_SIZE", 1 << 20)
    (tmp_path / "noarch").mkdir()
    (tmp_path / "noarch" / "repodata.json.zst").write_bytes(zstandard.compress(b" " * (32 << 20)))
    with pytest.raises(InvalidInput) as caught:
        open_channel(tmp_path, subdirs=[])
    assert caught.value.code is Code.LIMIT


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"{",
        b'{"packages": []}',
        b'{"packages": {}, "packages": {}}',
        b'{"info": {"subdir": "linux-64"}}',
        b'{"v3": {"conda": 1}}',
        b"\xff{}",
        b'{"x": NaN}',
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
    ],
)
def test_a_document_that_cannot_be_trusted_is_refused_as_a_whole(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_channel(write_channel(tmp_path, {"noarch": data}), subdirs=[])
    assert caught.value.code in {Code.BAD_METADATA, Code.IDENTITY, Code.LIMIT, Code.DUPLICATE}
    assert "noarch/repodata.json" in str(caught.value)


BAD_RECORDS: list[tuple[str, Any, Code]] = [
    ("../../../x-1.0-0.conda", record("x"), Code.BAD_IDENTIFIER),
    ("/etc/x-1.0-0.conda", record("x"), Code.BAD_IDENTIFIER),
    ("x-1.0-0.zip", record("x"), Code.IDENTITY),
    ("x-1.0-0.tar.bz2", record("x"), Code.IDENTITY),
    ("x-1.0-0.conda", [], Code.BAD_METADATA),
    ("x-1.0-0.conda", record("y"), Code.IDENTITY),
    ("x-1.0-0.conda", record("x", "1.1"), Code.IDENTITY),
    ("x-1.0-0.conda", record("x", build="1"), Code.IDENTITY),
    ("x-1.0-0.conda", record("x", subdir="noarch"), Code.IDENTITY),
    ("x-1.0-0.conda", record("x", depends="y"), Code.BAD_METADATA),
    ("x-1.0-0.conda", record("x", "1.0", "y["), Code.BAD_SPEC),
    ("x-1.0-0.conda", record("x", sha256="ABC"), Code.BAD_METADATA),
    ("x-1.0-0.conda", record("x", md5=5), Code.BAD_METADATA),
    ("x-1.0-0.conda", record("x", size="5"), Code.BAD_METADATA),
    ("x-1.0-0.conda", record("x", build_number="5"), Code.BAD_METADATA),
    ("x-1.0-0.conda", {"name": "x"}, Code.BAD_METADATA),
    ("__cuda-12-0.conda", record("__cuda", "12"), Code.BAD_IDENTIFIER),
]


@pytest.mark.parametrize(("key", "value", "code"), BAD_RECORDS)
def test_a_bad_record_is_set_aside_with_its_key_and_the_others_stay(
    tmp_path: Path, key: str, value: Any, code: Code
) -> None:
    good = document(record("good"))
    good["packages.conda"][key] = value
    channel = open_channel(write_channel(tmp_path, {"linux-64": good}), subdirs=["linux-64"])
    assert [r.filename for r in channel.records("good")] == ["good-1.0-0.conda"]
    assert channel.records("x") == ()
    [(rejected, error)] = channel.rejected
    assert rejected == key
    assert error.code is code
    assert error.subject == f"{tmp_path.as_uri()}/linux-64/repodata.json"


def test_looking_up_a_file_whose_record_was_set_aside_says_so(tmp_path: Path) -> None:
    bad = document(record("x", depends="y"))
    channel = open_channel(write_channel(tmp_path, {"linux-64": bad}), subdirs=["linux-64"])
    with pytest.raises(InvalidInput) as caught:
        channel.find("x-1.0-0.conda")
    assert caught.value.code is Code.BAD_METADATA
    assert "x-1.0-0.conda" in str(caught.value)


def test_records_of_the_third_revision_have_keys_without_extension(tmp_path: Path) -> None:
    new = document()
    new["v3"] = {
        "conda": {"a-1.0-0": record("a", "1.0", 'b[when="__linux"]', extra_depends={"g": ["c"]}, flags=["cuda"])},
        "tar.bz2": {"b-1.0-0": record("b")},
        "whl": {"c-1.0-py3_none_any_0": record("c", build="py3_none_any_0", url="c.whl")},
    }
    channel = open_channel(write_channel(tmp_path, {"linux-64": new}), subdirs=["linux-64"])
    assert [r.filename for n in channel.names for r in channel.records(n)] == [
        "a-1.0-0.conda",
        "b-1.0-0.tar.bz2",
    ]
    assert channel.records("a")[0].index.flags == ("cuda",)
    assert channel.rejected == ()


def test_two_records_of_one_file_are_both_set_aside(tmp_path: Path) -> None:
    both = document(record("a"))
    both["v3"] = {"conda": {"a-1.0-0": record("a", "1.0", "other")}}
    channel = open_channel(write_channel(tmp_path, {"linux-64": both}), subdirs=["linux-64"])
    assert channel.records("a") == ()
    assert [(key, error.code) for key, error in channel.rejected] == [("a-1.0-0.conda", Code.DUPLICATE)]


def test_a_file_name_in_two_subdirs_needs_the_subdir(tmp_path: Path) -> None:
    documents = {s: document(record("a", subdir=s), subdir=s) for s in ("linux-64", "noarch")}
    channel = open_channel(write_channel(tmp_path, documents), subdirs=["linux-64"])
    found = channel.find("a-1.0-0.conda", subdir="noarch")
    assert found is not None
    assert found.index.subdir == "noarch"
    with pytest.raises(InvalidInput, match="several"):
        channel.find("a-1.0-0.conda")


@pytest.mark.corpus
def test_every_record_of_the_corpus_channel_is_sound(miniforge: Path) -> None:
    channel = open_channel(miniforge, subdirs=["linux-64"])
    assert len(channel.names) == 84
    assert channel.rejected == ()
    for subdir in ("linux-64", "noarch"):
        for path in (miniforge / subdir).glob("*-*"):
            found = channel.find(path.name)
            assert found is not None
            assert found.size == path.stat().st_size


@pytest.mark.parametrize("field", ["build_number", "timestamp"])
def test_a_number_that_no_solver_can_read_sets_only_its_record_aside(tmp_path: Path, field: str) -> None:
    documents = {"linux-64": document(record("a", **{field: 10**300}), record("b"))}
    channel = open_channel(write_channel(tmp_path, documents), subdirs=["linux-64"])
    assert [len(channel.records(name)) for name in ("a", "b")] == [0, 1]
    assert [error.code for _, error in channel.rejected] == [Code.BAD_METADATA]
