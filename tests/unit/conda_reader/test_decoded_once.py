"""A `.tar.bz2` package, which takes long to decode, is decoded once however often it is read."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import Code, InvalidInput
from bridge.formats.conda import archives, decoding
from bridge.formats.conda.artifact import CondaArtifact, open_artifact
from bridge.limits import MIB
from tests.support.conda_archives import make_conda

FILES = {"lib/a.txt": b"a" * 3 * MIB, "lib/b.txt": b"b" * 3 * MIB}


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[object]:
    """What was decoded so far; temporary files go to `scratch`."""
    passes: list[object] = []
    real = decoding.bz2_blocks

    def counted(chunks: Any, packed: Any) -> Any:
        passes.append(packed)
        return real(chunks, packed)

    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(decoding, "bz2_blocks", counted)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    return passes


def contents(artifact: CondaArtifact) -> dict[str, bytes]:
    return {member.path: reader.read() for member, reader in artifact.members()}


def test_all_passes_give_the_same_and_only_one_decodes(tmp_path: Path, decoded: list[object]) -> None:
    path = make_conda(tmp_path, files=FILES, format=".tar.bz2")
    with open_artifact(path) as artifact:
        assert artifact.metadata().index.name == "demo"
        assert contents(artifact) == contents(artifact) == FILES
    assert len(decoded) == 1
    assert not list((tmp_path / "scratch").iterdir())


def test_more_than_may_be_kept_is_decoded_again(
    tmp_path: Path, decoded: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "_KEPT", 5 * MIB)
    path = make_conda(tmp_path, files=FILES, format=".tar.bz2")
    with open_artifact(path) as artifact:
        artifact.metadata()
        assert contents(artifact) == FILES
    assert len(decoded) == 2


def test_where_there_is_no_room_it_is_decoded_again(
    tmp_path: Path, decoded: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    path = make_conda(tmp_path, files=FILES, format=".tar.bz2")
    with open_artifact(path) as artifact:
        artifact.metadata()
        assert contents(artifact) == FILES
    assert len(decoded) == 2


def test_what_is_damaged_is_not_kept(tmp_path: Path, decoded: list[object]) -> None:
    path = make_conda(tmp_path, files=FILES, format=".tar.bz2")
    path.write_bytes(path.read_bytes()[:-9])
    with open_artifact(path) as artifact:
        for _ in range(2):
            with pytest.raises(InvalidInput) as caught:
                artifact.metadata()
            assert caught.value.code is Code.UNREADABLE
    assert len(decoded) == 2
    assert not list((tmp_path / "scratch").iterdir())
