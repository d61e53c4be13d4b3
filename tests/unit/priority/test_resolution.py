"""Lock files (PEP 751) as resolutions under a policy."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.errors import Code, InvalidInput
from bridge.priority.compile import compiler
from bridge.priority.context import CompileContext
from bridge.priority.report import Client
from bridge.priority.resolution import read_resolution
from tests.support.python_policies import policy_of

SHA = "a" * 64
LOCK = f"""
lock-version = "1.0"
created-by = "somebody"
requires-python = ">=3.11"
[[packages]]
name = "acme-core"
version = "1.0"
index = "https://INDEX.example/internal"
wheels = [
  {{ name = "acme_core-1.0-py3-none-any.whl", url = "https://files.example/acme_core-1.0-py3-none-any.whl", size = 3, \
upload-time = 2026-01-02T03:04:05, hashes = {{ sha256 = "{SHA}" }} }},
]
"""


def write(tmp_path: Path, text: str = LOCK) -> Path:
    path = tmp_path / "locked.toml"
    path.write_text(text)
    return path


def test_packages_come_with_the_source_their_index_is(tmp_path: Path) -> None:
    (package,) = read_resolution(write(tmp_path), policy_of()).packages
    assert (package.name, str(package.version), package.source) == ("acme-core", "1.0", "internal")
    assert package.index == "https://INDEX.example/internal/"
    (file,) = package.files
    assert (file.filename, file.sha256, file.size) == ("acme_core-1.0-py3-none-any.whl", SHA, 3)
    assert file.upload_time == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_what_is_compiled_of_it_is_read_back_alike(tmp_path: Path) -> None:
    policy = policy_of()
    first = read_resolution(write(tmp_path), policy)
    (file,) = compiler(Client.PYLOCK)(policy, CompileContext(resolution=first)).files
    assert read_resolution(write(tmp_path, file.text), policy) == first


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("lock-version", "version", Code.BAD_METADATA),
        ("[[packages]]", "[[packages", Code.BAD_METADATA),
        ("INDEX.example/internal", "other.example/internal", Code.RESOLUTION_REFUSED),
        ('index = "https://INDEX.example/internal"', "", Code.RESOLUTION_REFUSED),
        ("https://INDEX.example", "https://user:hunter2@INDEX.example", Code.RESOLUTION_REFUSED),
        ("url = ", "path = ", Code.RESOLUTION_REFUSED),
        ("sha256 =", "md5 =", Code.RESOLUTION_REFUSED),
    ],
)
def test_what_no_policy_can_answer_for_is_refused(tmp_path: Path, old: str, new: str, code: Code) -> None:
    assert old in LOCK
    with pytest.raises(InvalidInput) as error:
        read_resolution(write(tmp_path, LOCK.replace(old, new)), policy_of())
    assert error.value.code is code
    assert "hunter2" not in str(error.value)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as error:
        read_resolution(tmp_path / "locked.toml", policy_of())
    assert error.value.code is Code.UNREADABLE
