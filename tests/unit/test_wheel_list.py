"""The list of real wheels, and what pip is asked for."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name, parse_wheel_filename

from benchmarks import wheels as corpus
from benchmarks.wheels import Wheel, fetch, read_list

WHEELS = read_list()


def test_the_list_is_sorted_and_says_what_the_file_names_say() -> None:
    assert len(WHEELS) >= 320
    assert sorted(WHEELS) == WHEELS
    assert len({wheel.filename for wheel in WHEELS}) == len(WHEELS)
    for wheel in WHEELS:
        name, version, _, _ = parse_wheel_filename(wheel.filename)
        assert (wheel.name, wheel.version) == (name, str(version))
        assert re.fullmatch(r"[0-9a-f]{64}", wheel.sha256)
        assert wheel.size > 0


def test_the_list_names_no_address() -> None:
    assert not re.search(r"https?:|//|@", corpus.LIST.read_text())


@pytest.mark.parametrize(
    "project",
    [
        "numpy",
        "scipy",
        "pandas",
        "pyarrow",
        "cryptography",
        "pydantic-core",
        "lxml",
        "pillow",
        "psutil",
        "grpcio",
        "protobuf",
        "uvloop",
        "orjson",
        "polars",
        "black",
        "pyzmq",
        "ruff",
        "jupyterlab",
        "setuptools",
        "pip",
        "wheel",
        "tzdata",
        "zope-interface",
        "ruamel-yaml",
        "ruamel-yaml-clib",
    ],
)
def test_what_everybody_uses_is_in_the_list(project: str) -> None:
    assert any(wheel.name == canonicalize_name(project) for wheel in WHEELS)


@pytest.mark.parametrize(
    "tag",
    [
        r"py3-none-any",
        r"py2\.py3-none-any",
        r"py3-none-(many|win|mac)",
        r"cp312-manylinux",
        r"cp313t-",
        r"cp314t-",
        r"abi3-",
        r"pypy\w+-",
        r"musllinux_1_2_x86_64",
        r"universal2",
        r"macosx_\w+_x86_64",
        r"macosx_\w+_arm64",
        r"win_amd64",
        r"win32",
        r"win_arm64",
        r"_i686",
        r"_armv7l",
        r"_aarch64",
        r"_ppc64le",
        r"_s390x",
        r"-5\.15\.0-5\.15\.0-",
    ],
)
def test_every_kind_of_tag_is_in_the_list(tag: str) -> None:
    assert any(re.search(tag, wheel.filename) for wheel in WHEELS)


def test_pip_is_asked_for_each_project_once_at_a_time() -> None:
    batches = list(corpus._batches(WHEELS))
    assert sorted(wheel for batch in batches for wheel in batch) == WHEELS
    for batch in batches:
        assert len(batch) <= corpus.BATCH
        assert max(Counter(wheel.name for wheel in batch).values()) == 1
        assert len({wheel.python for wheel in batch}) == 1


def test_what_is_there_stays_and_what_differs_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wheel(name: str, content: bytes) -> Wheel:
        (tmp_path / f"{name}-1-py3-none-any.whl").write_bytes(content)
        return corpus.Wheel(
            f"{name}-1-py3-none-any.whl", name, "1", corpus.sha256(tmp_path / f"{name}-1-py3-none-any.whl"), 4
        )

    asked: list[str] = []
    here, other = wheel("here", b"here"), wheel("other", b"good")
    (tmp_path / other.filename).write_bytes(b"evil")
    monkeypatch.setattr(corpus, "_download", lambda batch, directory: asked.extend(one.name for one in batch))
    assert fetch([here, other], tmp_path) == [other]
    assert set(asked) == {"other"}
    assert (tmp_path / here.filename).read_bytes() == b"here"


def test_the_page_is_about_this_list_and_holds_what_was_promised() -> None:
    page = (Path(__file__).parents[2] / "docs" / "coverage-wheels.md").read_text()
    assert f"What became of {len(WHEELS)} real wheels" in page
    assert "Problems: none." in page
    shares = re.findall(r"^\| (\d) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|", page, re.MULTILINE)
    assert [schema for schema, *_ in shares] == ["1", "3"]
    for _, *counts in shares:
        converted, *_, internal = map(int, counts)
        assert (sum(map(int, counts)), internal) == (len(WHEELS), 0)
        assert converted >= 0.97 * len(WHEELS)
