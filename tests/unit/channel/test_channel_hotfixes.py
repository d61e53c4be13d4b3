"""The channel's record against the artifact's own metadata."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bridge.channel.records import check_digest, hotfixed
from bridge.channel.repodata import ChannelRecord, open_channel
from bridge.errors import Code, InvalidInput
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.index_json import parse_index
from bridge.limits import DEFAULT_LIMITS
from bridge.model.conda import IndexJson, Noarch, Origin

from .conftest import document, record, write_channel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def pair(tmp_path: Path) -> Callable[[dict[str, Any], dict[str, Any]], tuple[IndexJson, ChannelRecord]]:
    """index.json as in the artifact, and the channel's record."""

    def make(own: dict[str, Any], stated: dict[str, Any]) -> tuple[IndexJson, ChannelRecord]:
        channel = open_channel(write_channel(tmp_path, {"linux-64": document(stated)}), subdirs=["linux-64"])
        data = json.dumps(own).encode()
        return parse_index(data, DEFAULT_LIMITS, subject="a"), channel.records(stated["name"])[0]

    return make


def test_an_unchanged_record_changes_nothing(pair: Any) -> None:
    index, stated = pair(record("a", "1.0", "b", "c >=1"), record("a", "1.0", "c >=1", "b"))
    assert hotfixed(index, stated) == (index, ())


def test_the_channel_wins_and_every_difference_is_recorded(pair: Any) -> None:
    index, stated = pair(
        record("a", "1.0", "b >=1", "c", constrains=["x"], timestamp=1_600_000_000_000, license="MIT"),
        record(
            "a",
            "1.0",
            "c",
            "b >=1,<2",
            "d",
            timestamp=1_700_000_000_000,
            license="Apache-2.0",
            track_features="slow",
            build_number=3,
            extra_depends={"g": ["e"]},
        ),
    )
    fixed, losses = hotfixed(index, stated)
    assert fixed.depends == ("c", "b >=1,<2", "d")
    assert fixed.constrains == ()
    assert fixed.track_features == ("slow",)
    assert (fixed.timestamp, fixed.license, fixed.build_number) == (1_700_000_000_000, "Apache-2.0", 3)
    assert fixed.extra_depends == {"g": ("e",)}
    assert fixed.raw == index.raw
    assert {loss.code for loss in losses} == {Code.HOTFIX}
    assert {loss.subject: loss.detail for loss in losses} == {
        "depends": "b >=1 -> b >=1,<2; d",
        "constrains": "x -> none",
        "track_features": "none -> slow",
        "extra_depends": "none -> g: e",
        "build_number": "0 -> 3",
        "license": "MIT -> Apache-2.0",
        "timestamp": "1600000000000 -> 1700000000000",
    }


def test_what_a_record_leaves_out_is_kept(pair: Any) -> None:
    index, stated = pair(record("a", license="MIT", timestamp=1_600_000_000_000, noarch="generic"), record("a"))
    fixed, losses = hotfixed(index, stated)
    assert (fixed.license, fixed.timestamp, fixed.noarch) == ("MIT", 1_600_000_000_000, Noarch.GENERIC)
    assert losses == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "b"), ("version", "1.1"), ("build", "1"), ("subdir", "noarch"), ("noarch", "python")],
)
def test_a_record_of_something_else_is_refused(pair: Any, field: str, value: str) -> None:
    index, stated = pair(record("a"), record("a", noarch="generic"))
    index = replace(index, noarch=Noarch.GENERIC)
    changed = replace(index, **{field: Noarch(value) if field == "noarch" else value})
    assert hotfixed(index, stated)[1] == ()
    with pytest.raises(InvalidInput) as caught:
        hotfixed(changed, stated)
    assert (caught.value.code, caught.value.field) == (Code.IDENTITY, field)


@pytest.mark.parametrize(
    ("stated", "wrong"),
    [
        ({}, None),
        ({"sha256": "b" * 64}, "sha256"),
        ({"sha256": None, "md5": "b" * 32}, "md5"),
        ({"sha256": None}, None),
        ({"size": 8}, "size"),
    ],
)
def test_other_bytes_than_the_channel_means_are_refused(pair: Any, stated: dict[str, Any], wrong: str | None) -> None:
    values = {"sha256": "a" * 64, "md5": "a" * 32, "size": 7, **stated}
    _, found = pair(record("a"), record("a", **values))
    origin = Origin("a-1.0-0.conda", "a" * 64, "a" * 32, 7)
    if wrong is None:
        check_digest(found, origin)
        return
    with pytest.raises(InvalidInput) as caught:
        check_digest(found, origin)
    assert (caught.value.code, caught.value.field) == (Code.HASH, wrong)


@pytest.mark.corpus
def test_real_hotfixes_are_found_in_a_real_channel(miniforge: Path) -> None:
    channel = open_channel(miniforge, subdirs=["linux-64"])
    changed = {}
    for path in sorted(miniforge.glob("*/*-*")):
        stated = channel.find(path.name, subdir=path.parent.name)
        assert stated is not None
        with open_artifact(path) as artifact:
            check_digest(stated, artifact.origin())
            fixed, losses = hotfixed(artifact.metadata().index, stated)
        assert sorted(fixed.depends) == sorted(stated.index.depends)
        changed.update({path.name.rsplit("-", 2)[0]: losses} if losses else {})
    detail = "libzlib >=1.2.13,<1.3.0a0 -> libzlib >=1.2.13,<2.0.0a0"
    assert {name: [loss.detail for loss in losses] for name, losses in changed.items()} == {
        "tk": [detail],
        "zstd": [detail],
    }
