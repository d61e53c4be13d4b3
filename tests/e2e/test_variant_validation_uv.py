"""uv and the bridge accept and refuse the same variant metadata, and uv installs the variants that the bridge makes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from packaging.tags import parse_tag

from bridge.errors import InvalidInput
from bridge.formats.wheel.edit import rewrite_wheel
from bridge.formats.wheel.variant_edit import make_variant
from bridge.formats.wheel.variant_json import parse_variant_json, write_variant_json
from bridge.formats.wheel.wheel_file import format_wheel_file
from bridge.formats.wheel.writer import WheelWriter
from bridge.model.variant import Property, StaticProvider, VariantMetadata
from tests.support.variant_cases import BROKEN, REPEATED, SOUND, encoded

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = "foo-1.0-py3-none-any.whl"
INDEX = "foo-1.0-variants.json"
DIST_INFO = "foo-1.0.dist-info"
METADATA = VariantMetadata(
    ("blas",),
    {"blas": StaticProvider({"library": ("mkl", "openblas")})},
    {
        "null": frozenset(),
        "mkl": frozenset({Property("blas", "library", "mkl")}),
        "openblas": frozenset({Property("blas", "library", "openblas")}),
    },
)


@pytest.fixture(scope="module")
def variant_uv(uv: str) -> str:
    """A uv that knows every provider of PEP 850's examples."""
    version = subprocess.run([uv, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", version)
    if found is None or tuple(map(int, found.groups())) < (0, 13, 8):
        pytest.skip(f"variants need uv 0.13.8, this is {version.strip()}")
    return uv


def install(uv: str, target: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("UV_", "PIP_", "NV_"))}
    options = ("--no-config", "--no-cache", "--offline", "--no-index", "--python", sys.executable)
    command = [uv, "--preview-features", "wheel-variants", "pip", "install", *options, "--target", str(target)]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, env=environment, check=False)


def accepts(uv: str, directory: Path, metadata: bytes) -> bool:
    """Whether uv can use the release of this variants file; a bad one spoils even its plain wheel."""
    (directory / INDEX).write_bytes(metadata)
    result = install(uv, directory / "target", "--dry-run", "--find-links", str(directory), "foo")
    assert (result.returncode == 0) != ("Failed to parse variant metadata" in result.stderr), result.stderr
    return result.returncode == 0


def believes(metadata: bytes) -> bool:
    try:
        parse_variant_json(metadata, INDEX)
    except InvalidInput:
        return False
    return True


def make_plain(directory: Path) -> Path:
    path = directory / PLAIN
    with WheelWriter(path) as writer:
        writer.add_bytes("foo.py", b"x = 1\n")
        writer.add_bytes(f"{DIST_INFO}/METADATA", b"Metadata-Version: 2.1\nName: foo\nVersion: 1.0\n")
        wheel = format_wheel_file(generator="test", root_is_purelib=True, tags=parse_tag("py3-none-any"))
        writer.add_bytes(f"{DIST_INFO}/WHEEL", wheel)
        writer.finish(DIST_INFO)
    return path


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain wheel and one variant, so that clients read the variants file."""
    directory = tmp_path_factory.mktemp("release")
    make_variant(make_plain(directory), directory, "mkl", METADATA)
    return directory


@pytest.mark.parametrize("name", SOUND)
def test_uv_reads_what_we_read(variant_uv: str, release: Path, name: str) -> None:
    case = encoded(SOUND[name])
    assert accepts(variant_uv, release, case)
    assert believes(case)


@pytest.mark.parametrize("name", BROKEN)
def test_uv_refuses_what_we_refuse(variant_uv: str, release: Path, name: str) -> None:
    case = encoded(BROKEN[name][1])
    assert not accepts(variant_uv, release, case)
    assert not believes(case)


@pytest.mark.parametrize("name", REPEATED)
def test_only_repeated_names_are_refused_by_us_alone(variant_uv: str, release: Path, name: str) -> None:
    """A signature or a proxy that believes the first of two equal names would vouch for other metadata."""
    assert accepts(variant_uv, release, REPEATED[name].encode())
    assert not believes(REPEATED[name].encode())


@pytest.mark.parametrize(("left_out", "expected"), [((), "mkl"), (("mkl",), "openblas"), (("mkl", "openblas"), "null")])
def test_uv_installs_the_best_variant_that_we_made(
    variant_uv: str, tmp_path: Path, left_out: tuple[str, ...], expected: str
) -> None:
    source = make_plain(tmp_path)
    (tmp_path / INDEX).write_bytes(write_variant_json(METADATA))
    for label in METADATA.variants.keys() - set(left_out):
        make_variant(source, tmp_path, label, METADATA)
    target = tmp_path / "target"
    result = install(variant_uv, target, "--find-links", str(tmp_path), "foo")
    assert result.returncode == 0, result.stderr
    own = (target / DIST_INFO / "variant.json").read_bytes()
    assert set(parse_variant_json(own, "installed").variants) == {expected}
    assert f"{DIST_INFO}/variant.json," in (target / DIST_INFO / "RECORD").read_text()
    assert (target / "foo.py").is_file()


def test_uv_refuses_a_wheels_copy_that_we_refuse(variant_uv: str, tmp_path: Path) -> None:
    path, _ = make_variant(make_plain(tmp_path), tmp_path, "mkl", METADATA)
    for own in (
        write_variant_json(METADATA),
        write_variant_json(VariantMetadata(METADATA.namespaces, METADATA.providers, {"null": frozenset()})),
        b"{}",
    ):
        rewrite_wheel(path, path, replace={f"{DIST_INFO}/variant.json": own})
        result = install(variant_uv, tmp_path / "target", "--dry-run", str(path))
        assert result.returncode != 0, result.stderr
        with pytest.raises(InvalidInput):
            parse_variant_json(own, path.name, label="mkl")
