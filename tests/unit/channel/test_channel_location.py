"""Addresses of channels: what they may point to, and that secrets in them are never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.channel.location import file_path, locate
from bridge.channel.repodata import ChannelRecord, open_channel
from bridge.errors import Code, InvalidInput
from bridge.formats.conda.redaction import redact

from .conftest import document, record, write_channel

if TYPE_CHECKING:
    from pathlib import Path

HOST = "https://conda.example"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://user:secret@conda.example/c", "https://conda.example/c"),
        (
            "https://conda.example/t/secret/c/linux-64/a-1-0.conda",
            "https://conda.example/c/linux-64/a-1-0.conda",
        ),
        ("https://secret@conda.example:8443/t/secret/c", "https://conda.example:8443/c"),
        ("https://conda.example/t/secret", "https://conda.example"),
        ("https://conda.example/c?token=secret#secret", "https://conda.example/c"),
        ("https://conda.example/t/secret/t/secret/c", "https://conda.example/c"),
        ("https://[secret", "(an address that cannot be parsed)"),
        ("https://user:sec/ret@conda.example/c", "(an address that cannot be parsed)"),
        ("file:///srv/c", "file:///srv/c"),
    ],
)
def test_what_is_shown_of_an_address_holds_no_secret(address: str, shown: str) -> None:
    assert redact(address) == shown


def test_a_record_can_be_printed_without_giving_its_token_away() -> None:
    where = locate("https://user:secret@conda.example/t/secret/c/")
    base = where.base_of("linux-64", None)
    made = ChannelRecord(None, "a-1-0.conda", where.shown, f"{base}a-1-0.conda")  # type: ignore[arg-type]
    assert made.address == "https://user:secret@conda.example/t/secret/c/linux-64/a-1-0.conda"
    assert made.url == "https://conda.example/c/linux-64/a-1-0.conda"
    assert "secret" not in f"{where!r} {made!r} {made.channel}"


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        (None, f"{HOST}/c/linux-64/"),
        ("./", f"{HOST}/c/linux-64/"),
        ("../files", f"{HOST}/c/files/"),
        ("/mirror/linux-64/", f"{HOST}/mirror/linux-64/"),
        (f"{HOST}/mirror", f"{HOST}/mirror/"),
        (f"{HOST}:443/mirror", f"{HOST}/mirror/"),
    ],
)
def test_a_base_url_on_the_same_host_is_followed(base_url: str | None, expected: str) -> None:
    assert locate(f"{HOST}/c").base_of("linux-64", base_url) == expected


@pytest.mark.parametrize(
    "base_url",
    [
        "http://conda.example/c",
        "https://other.example/c",
        "//other.example/c",
        "https://conda.example.other.example/c",
        "https://conda.example@other.example/c",
        "https://conda.example:444/c",
        "https://conda.example:x/c",
        "file:///etc",
        "http://169.254.169.254/latest",
        "x?token=1",
        "\\\\other\\share",
        "a\nb",
        "https://[",
        7,
    ],
)
def test_a_base_url_that_leaves_the_host_is_refused(base_url: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        locate(f"{HOST}/c").base_of("linux-64", base_url)
    assert caught.value.code is Code.SOURCE
    assert caught.value.field == "info.base_url"


def test_a_base_url_keeps_the_credentials_of_the_channel_and_takes_no_others() -> None:
    where = locate("https://me:secret@conda.example/c")
    assert where.base_of("noarch", "https://other:x@conda.example/d") == "https://me:secret@conda.example/d/"


def test_records_saved_from_a_server_may_point_back_to_it(tmp_path: Path) -> None:
    base = "https://conda.example/c/linux-64"
    assert locate(tmp_path).base_of("linux-64", base) == f"{base}/"


@pytest.mark.parametrize(
    "base_url",
    [
        "../..",
        "/etc",
        "file:///etc",
        "..%2f..%2f..",
        "http://conda.example/c",
        "https://localhost/c",
        "https://10.0.0.1/c",
        "https://me:secret@conda.example/c",
        "https://169.254.169.254/c",
    ],
)
def test_a_base_url_that_leaves_the_directory_is_refused(tmp_path: Path, base_url: str) -> None:
    content = document(record("a"))
    content["info"]["base_url"] = base_url
    write_channel(tmp_path / "c", {"linux-64": content})
    with pytest.raises(InvalidInput) as caught:
        open_channel(tmp_path / "c", subdirs=["linux-64"])
    assert caught.value.code is Code.SOURCE


def test_a_base_url_inside_the_directory_is_followed(tmp_path: Path) -> None:
    content = document(record("a"))
    content["info"]["base_url"] = "../files"
    channel = open_channel(write_channel(tmp_path, {"linux-64": content}), subdirs=["linux-64"])
    assert file_path(channel.records("a")[0].address) == tmp_path / "files" / "a-1.0-0.conda"
