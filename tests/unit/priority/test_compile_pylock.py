"""Lock files of resolutions."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from packaging.markers import Marker
from packaging.pylock import Pylock
from packaging.specifiers import SpecifierSet

from bridge.errors import InvalidInput
from bridge.priority.compile_pylock import compile_pylock
from bridge.priority.context import CompileContext, Resolution
from bridge.priority.report import Verdict
from tests.support.python_policies import policy_of, resolved, text_of


def lock(resolution: Resolution) -> Pylock:
    compiled = compile_pylock(policy_of(), CompileContext(resolution=resolution))
    return Pylock.from_dict(tomllib.loads(text_of(compiled, "pylock.toml")))


def test_without_a_resolution_there_is_nothing() -> None:
    assert compile_pylock(policy_of(), CompileContext()).files == ()


def test_the_lock_is_one() -> None:
    names = ("acme_core-1.0.tar.gz", "acme_core-1.0-cp311-cp311-win_amd64.whl", "acme_core-1.0-py3-none-any.whl")
    (package,) = resolved("acme-core", "internal", *names).packages
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1)))
    files = (replace(package.files[0], upload_time=moment), *package.files[1:])
    package = replace(package, files=files, marker=Marker("os_name == 'posix'"), requires_python=SpecifierSet(">=3.11"))
    (other,) = resolved("numpy", "world", version="2").packages
    found = lock(Resolution((other, package), SpecifierSet(">=3.11")))
    assert [entry.name for entry in found.packages] == ["acme-core", "numpy"]
    first = found.packages[0]
    assert first.index == "https://index.example/internal/"
    assert first.sdist is not None
    assert first.sdist.upload_time == datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert [wheel.name for wheel in first.wheels or ()] == sorted(names[1:])
    assert {hash_ for wheel in first.wheels or () for hash_ in wheel.hashes} == {"sha256"}
    assert str(first.marker) == 'os_name == "posix"'


def test_the_order_of_the_resolution_does_not_matter() -> None:
    packages = (*resolved("b", "world").packages, *resolved("a", "world").packages)
    one, other = (
        compile_pylock(policy_of(), CompileContext(resolution=Resolution(listed)))
        for listed in (packages, packages[::-1])
    )
    assert one == other
    assert one.worst() is Verdict.EXACT


@pytest.mark.parametrize(
    "filename", ["other-1.0-py3-none-any.whl", "acme_core-2.0-py3-none-any.whl", "acme_core-1.0.exe", "../x.whl"]
)
def test_files_of_other_packages_are_refused(filename: str) -> None:
    with pytest.raises(InvalidInput):
        lock(resolved("acme-core", "internal", filename))
