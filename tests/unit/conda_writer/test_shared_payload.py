"""Packages with one payload: compressed once, and every one the same as if it had been written alone."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from package_samples import INDEX, TREE, Content, File, add, read

from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.formats.conda.identifiers import parse_filename
from bridge.formats.conda.writer import CondaDigest, CondaWriter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

FIRST = "demo-1.0-h1_0.conda"
SECOND = "demo-1.0-h1_1.conda"


def writer(path: Path, **options: Any) -> CondaWriter:
    identity, format_ = parse_filename(path.name)
    return CondaWriter(path, identity, format=format_, **options)


def finish(made: CondaWriter, name: str) -> CondaDigest:
    build = parse_filename(name)[0].build
    return made.finish({**INDEX, "build": build, "build_number": int(build[-1])}, {})


def written(directory: Path, name: str, tree: Mapping[str, Content], like: CondaWriter | None = None) -> CondaWriter:
    with writer(directory / name) as made:
        if like is None:
            add(made, tree)
        else:
            made.adopt(like)
        finish(made, name)
    return made


def test_the_bytes_are_those_of_a_package_written_alone(tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    like = written(tmp_path, FIRST, TREE)
    second = written(tmp_path, SECOND, TREE, like)
    third = written(tmp_path, "demo-1.0-h1_2.conda", TREE, second)
    assert third is not second
    written(tmp_path / "alone", SECOND, TREE)
    assert (tmp_path / SECOND).read_bytes() == (tmp_path / "alone" / SECOND).read_bytes()
    assert read(tmp_path / SECOND) == read(tmp_path / FIRST)


def test_only_like_packages_share(tmp_path: Path) -> None:
    like = written(tmp_path, FIRST, TREE)
    with writer(tmp_path / SECOND) as used:
        used.add("a", io.BytesIO(b""), 0)
        with pytest.raises(ValueError, match="take over"):
            used.adopt(like)
    for options in ({"level": 3}, {"timestamp": 5}):
        with writer(tmp_path / SECOND, **options) as made, pytest.raises(ValueError, match=r"level|take over"):
            made.adopt(like)
    with writer(tmp_path / "demo-1.0-h1_1.tar.bz2") as made, pytest.raises(ValueError, match="share"):
        made.adopt(like)
    with (
        writer(tmp_path / SECOND) as unfinished,
        writer(tmp_path / "demo-1.0-h1_2.conda") as made,
        pytest.raises(ValueError, match="take over"),
    ):
        made.adopt(unfinished)
    assert [path.name for path in tmp_path.iterdir()] == [FIRST]


def test_a_file_that_has_changed_is_noticed(tmp_path: Path) -> None:
    like = written(tmp_path, FIRST, TREE)
    data = bytearray((tmp_path / FIRST).read_bytes())
    data[len(data) // 3] ^= 1
    (tmp_path / FIRST).write_bytes(data)
    with writer(tmp_path / SECOND) as made, pytest.raises(InvalidInput) as caught:
        made.adopt(like)
    assert caught.value.code is Code.HASH
    assert not (tmp_path / SECOND).exists()


def test_names_are_checked_for_the_platform_of_the_other_package(tmp_path: Path) -> None:
    tree = {"share/a:b": File(b"x")}
    with writer(tmp_path / FIRST, subdir="linux-64") as like:
        add(like, tree)
        like.finish({**INDEX, "subdir": "linux-64"}, {})
    with writer(tmp_path / SECOND, subdir="win-64") as made, pytest.raises(Unrepresentable) as caught:
        made.adopt(like)
    assert caught.value.code is Code.COLLISION
