"""`conda-bridge variant make|undo|check`."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import foreign_wheels
import pytest
from click.testing import CliRunner
from foreign_wheels import NAME

from bridge.cli.variant import variant_command
from bridge.formats.wheel.variant_json import parse_variant_json

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

MKL = ("--label", "mkl", "--property", "blas_lapack :: library :: mkl")


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return foreign_wheels.write(tmp_path / NAME)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(variant_command, [str(argument) for argument in arguments])


def test_make_check_and_undo(tmp_path: Path, wheel: Path) -> None:
    out, back = tmp_path / "out", tmp_path / "back"
    made = call("make", wheel, "-o", out, *MKL, "--json")
    assert made.exit_code == 0, made.output
    (outcome,) = json.loads(made.stdout)["outcomes"]
    assert outcome["output"]["filename"] == "odd-1.0-py3-none-any-mkl.whl"
    checked = call("check", out, "--json")
    assert checked.exit_code == 1
    assert [problem["code"] for problem in json.loads(checked.stdout)["problems"]] == ["CB134", "CB135"]
    undone = call("undo", outcome["output"]["path"], "-o", back)
    assert undone.exit_code == 0
    assert (back / NAME).read_bytes() == wheel.read_bytes()


def test_variants_made_one_by_one_agree(tmp_path: Path, wheel: Path) -> None:
    out = tmp_path / "out"
    call("make", wheel, "-o", out, *MKL)
    call("make", wheel, "-o", out, "--label", "blis", "--property", "blas_lapack :: library :: blis")
    problems = json.loads(call("check", out, "--json").stdout)["problems"]
    assert [problem["code"] for problem in problems] == ["CB134", "CB135"]


def test_the_null_variant_takes_the_providers_of_the_others(tmp_path: Path, wheel: Path) -> None:
    like = tmp_path / "like-variants.json"
    like.write_text(
        json.dumps(
            {
                "$schema": "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json",
                "default-priorities": {"namespace": ["own"]},
                "providers": {"own": {"static-properties": {"kind": ["a"]}}},
                "variants": {},
            }
        )
    )
    result = call("make", wheel, "-o", tmp_path, "--null", "--providers", like)
    assert result.exit_code == 0, result.output
    with zipfile.ZipFile(tmp_path / "odd-1.0-py3-none-any-null.whl") as archive:
        own = parse_variant_json(archive.read(f"{foreign_wheels.DIST_INFO}/variant.json"), "x", label="null")
    assert own.namespaces == ("own",)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--null",),
        ("--null", *MKL),
        ("--label", "null", *MKL[2:]),
        ("--label", "x", "--null"),
        MKL[2:],
        ("--label", "x", "--property", "not a property"),
        ("--label", "x", "--property", "unknown :: a :: b"),
        ("--label", "x", "--property", "blas_lapack :: library :: unheard_of"),
        ("--label", "NOT A LABEL", *MKL[2:]),
    ],
)
def test_wrong_use_is_a_usage_error(tmp_path: Path, wheel: Path, arguments: tuple[str, ...]) -> None:
    result = call("make", wheel, "-o", tmp_path / "out", *arguments)
    assert result.exit_code == 2, result.output
    assert not (tmp_path / "out").exists()


def test_one_bad_wheel_does_not_stop_the_others(tmp_path: Path, wheel: Path) -> None:
    bad = tmp_path / "bad-1.0-py3-none-any.whl"
    bad.write_bytes(b"")
    result = call("make", bad, wheel, "-o", tmp_path / "out", *MKL, "--json")
    assert result.exit_code == 1
    outcomes = json.loads(result.stdout)["outcomes"]
    assert [outcome["code"] for outcome in outcomes] == ["CB101", None]


def test_check_prints_one_line_per_problem(tmp_path: Path, wheel: Path) -> None:
    assert call("check", wheel).output == ""
    bad = tmp_path / "bad-1.0-py3-none-any.whl"
    bad.write_bytes(b"")
    result = call("check", wheel, bad)
    assert result.exit_code == 1
    assert result.output.startswith("CB101 bad-1.0-py3-none-any.whl: ")
