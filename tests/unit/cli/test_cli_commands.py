"""The command line's contracts (design, section 5): documents, streams and exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bridge.channel import pool
from bridge.cli import main
from tests.support.conda_archives import make_conda
from tests.support.sample_packages import SITE, channel_of, extension, noarch_package, python_package

ROOT = Path(__file__).parents[3]


class Result:
    """Exit code and streams of one call."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.out))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Call the console script in this process."""

    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["conda-bridge", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        streams = capsys.readouterr()
        return Result(int(caught.value.code or 0), streams.out, streams.err)

    return call


def test_convert_prints_exactly_the_documented_document(tmp_path: Path, run: Any) -> None:
    good, marker = python_package(tmp_path), make_conda(tmp_path, name="_some_mutex")
    result = run("convert", good, marker, "-o", tmp_path / "out", "--layout", "prefix", "--json")
    assert result.code == 1
    assert result.err == ""
    document = result.document
    assert list(document) == ["schema", "outcomes", "summary"]
    assert document["schema"] == "conda-bridge/convert/1"
    assert document["summary"] == {
        "converted": 1,
        "unsupported": 1,
        "invalid": 0,
        "unrepresentable": 0,
        "internal_error": 0,
    }
    first, second = document["outcomes"]
    keys = ["input", "status", "code", "message", "outputs", "losses"]
    assert list(first) == list(second) == keys
    (output,) = first["outputs"]
    assert list(output) == ["path", "filename", "sha256", "size", "variant", "source"]
    assert output["variant"] is None
    assert list(output["source"]) == ["filename", "sha256"]
    assert Path(output["path"]).stat().st_size == output["size"]
    assert (first["status"], first["code"], first["message"]) == ("converted", None, None)
    assert all(list(loss) == ["code", "subject", "detail"] for loss in first["losses"])
    assert (second["status"], second["code"], second["outputs"]) == ("unsupported", "CB302", [])


def test_inspect_prints_exactly_the_documented_document(tmp_path: Path, run: Any) -> None:
    package = python_package(tmp_path, depends=("libx >=1",), files={f"{SITE}/_demo.so": extension("libx.so.1")})
    result = run("inspect", package, "--layout", "prefix", "--json")
    assert (result.code, result.err) == (0, "")
    document = result.document
    documented = [
        "schema",
        "input",
        "kind",
        "name",
        "version",
        "tags",
        "requires_python",
        "requires_dist",
        "depends",
        "properties",
        "native_files",
        "entry_points",
        "losses",
        "outcome",
    ]
    assert set(documented) <= document.keys()
    assert document["schema"] == "conda-bridge/inspect/1"
    assert document["kind"] == "conda"
    assert document["outcome"] == {"status": "converted", "code": None, "message": None}
    assert document["requires_dist"] == ["conda-native-libx>=1"]
    assert document["native_files"][0]["needed"] == ["libx.so.1", "libc.so.6"]
    assert list(tmp_path.iterdir()) == [package]


@pytest.mark.parametrize("given", ["missing.conda", "directory"])
def test_inspect_of_what_is_no_single_package_has_the_same_shape(tmp_path: Path, run: Any, given: str) -> None:
    (tmp_path / "directory").mkdir()
    python_package(tmp_path / "directory")
    noarch_package(tmp_path / "directory", "other")
    package = python_package(tmp_path)
    good = run("inspect", package, "--json").document
    result = run("inspect", tmp_path / given, "--json")
    assert result.code == 1
    assert list(result.document) == list(good)
    assert result.document["outcome"]["status"] == "invalid"


def test_exit_codes(tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    package, out = python_package(tmp_path), tmp_path / "out"
    assert run("convert", package, "-o", out).code == 0
    assert run("convert", package, "-o", tmp_path / "prefix", "--strict", "--layout", "prefix").code == 0
    assert run("convert", tmp_path / "missing.conda", "-o", out).code == 1
    assert run("inspect", package).code == 0
    assert run("--version").code == 0
    assert run("convert", package, "-o", out, "--channel", tmp_path / "none").code == 1

    def failing(*_: object, **__: object) -> None:
        raise RuntimeError("a fault of the bridge")

    monkeypatch.setattr(pool.Workshop, "convert", failing)
    monkeypatch.setattr(pool.Workshop, "plan", failing)
    result = run("convert", package, "-o", out, "--json")
    assert result.code == 3
    assert result.document["outcomes"][0]["status"] == "internal_error"
    result = run("inspect", package, "--json")
    assert result.code == 3
    assert result.document["outcome"]["status"] == "internal_error"
    monkeypatch.setattr("bridge.cli.convert.convert", failing)
    result = run("convert", package, "-o", out)
    assert result.code == 3
    assert "RuntimeError" in result.err
    assert result.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["convert"],
        ["convert", "x.conda"],
        ["convert", "x.conda", "-o", "out", "--layout", "other"],
        ["convert", "x.conda", "-o", "out", "--jobs", "0"],
        ["convert", "x.conda", "-o", "out", "--subdir", "No Where"],
        ["convert", "x.conda", "-o", "out", "--reserved-prefix", "Conda_"],
        ["convert", "x.conda", "-o", "out", "--overlay", "missing.yaml"],
        ["convert", "x.conda", "-o", "out", "--compression", "best"],
        ["inspect"],
        ["index", "missing"],
        ["no-such-command"],
        ["--no-such-option"],
    ],
)
def test_usage_errors_are_exit_2_and_print_nothing_on_stdout(
    tmp_path: Path, run: Any, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert "Error" in result.err
    assert list(tmp_path.iterdir()) == []


def test_quiet_prints_nothing_but_errors(tmp_path: Path, run: Any) -> None:
    package = python_package(tmp_path)
    result = run("convert", package, "-o", tmp_path / "out", "-q")
    assert (result.out, result.err) == ("", "")
    result = run("convert", package, tmp_path / "missing.conda", "-o", tmp_path / "out", "-q")
    assert result.out == ""
    assert result.err.startswith("invalid: CB119 ")
    assert result.err.count("\n") == 1


def test_verbose_prints_every_loss(tmp_path: Path, run: Any) -> None:
    package = python_package(tmp_path, index={"constrains": ["other >=2"]})
    short = run("convert", package, "-o", tmp_path / "out", "--layout", "prefix")
    assert re.search(r"\.whl  \(\d+ losses recorded\)\n", short.out)
    assert short.err == "1 converted\n"
    assert "  CB206 other >=2: " in run("convert", package, "-o", tmp_path / "other", "-v").out


def test_inspect_for_people(tmp_path: Path, run: Any) -> None:
    package = noarch_package(tmp_path, entry_points=("demo = demo:main",))
    result = run("inspect", package)
    assert "demo 1.0 (conda)" in result.out
    assert "demo = demo:main" in result.out
    broken = run("inspect", tmp_path / "missing.conda")
    assert broken.out == ""
    assert broken.err.startswith("invalid: CB119")


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}, {"TTY_COMPATIBLE": "1"}])
def test_no_progress_and_no_colour_where_there_is_no_terminal(tmp_path: Path, variables: dict[str, str]) -> None:
    package = python_package(tmp_path)
    plain = {key: value for key, value in os.environ.items() if key not in ("FORCE_COLOR", "NO_COLOR")}
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "convert", package, "-o", tmp_path / "out", "--json"],
        capture_output=True,
        text=True,
        check=True,
        env={**plain, **variables, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert json.loads(done.stdout)["summary"]["converted"] == 1


def test_index_lists_wheels_and_tells_what_it_left_out(tmp_path: Path, run: Any) -> None:
    assert run("convert", python_package(tmp_path), "-o", tmp_path / "out", "--layout", "prefix").code == 0
    result = run("index", tmp_path / "out", "--json")
    assert result.code == 0
    assert result.document["schema"] == "conda-bridge/index/1"
    assert result.document["projects"] == 1
    (tmp_path / "out" / "broken-1-py3-none-any.whl").write_bytes(b"x")
    result = run("index", tmp_path / "out", "--json")
    assert result.code == 1
    assert [Path(item["path"]).name for item in result.document["rejected"]] == ["broken-1-py3-none-any.whl"]


def test_errors_of_a_channel_are_told_in_one_line(tmp_path: Path, run: Any) -> None:
    result = run("convert", "x >=1", "-o", tmp_path / "out", "--channel", tmp_path / "none")
    assert result.out == ""
    assert result.err.startswith("error: CB119 ")
    assert "Traceback" not in result.err


def test_a_channel_s_specs_are_inputs(tmp_path: Path, run: Any) -> None:
    python = make_conda(tmp_path, name="python", version="3.12.0", build="0_cpython", files={"bin/python3.12": b""})
    channel = channel_of(tmp_path / "channel", python, noarch_package(tmp_path))
    result = run("convert", "demo", "-o", tmp_path / "out", "--channel", channel, "--json")
    assert result.code == 0
    assert result.document["outcomes"][0]["outputs"][0]["filename"] == "demo-1.0-py3-none-any.whl"


_OUTPUTS = {
    "index": ("index", "{wheels}", "--for-host", "{host}", "-o"),
    "variant": ("variant", "make", "{wheel}", "--label", "v3", "--property", "x86_64 :: level :: v3", "-o"),
    "demo": ("demo", "--keep"),
}


@pytest.mark.parametrize("command", _OUTPUTS)
def test_an_output_that_cannot_be_written_is_told_in_one_line(tmp_path: Path, run: Any, command: str) -> None:
    wheels, host, taken = tmp_path / "wheels", tmp_path / "host.json", tmp_path / "file"
    taken.write_text("")
    assert run("convert", noarch_package(tmp_path), "-o", wheels).code == 0
    (wheel,) = wheels.glob("*.whl")
    host.write_text(run("host", "--json").out)
    given = (argument.format(wheels=wheels, wheel=wheel, host=host) for argument in _OUTPUTS[command])
    result = run(*given, taken / "sub")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: ")
    assert str(taken / "sub") in result.err
    assert result.err.count("\n") == 1


def test_an_error_of_the_system_that_names_no_file_is_an_internal_one(
    tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr("bridge.cli.index.write_index", fail)
    result = run("index", tmp_path)
    assert result.code == 3
    assert "Traceback" in result.err


def test_variant_check_of_nothing_that_it_knows_is_a_usage_error(tmp_path: Path, run: Any) -> None:
    (tmp_path / "notes.txt").write_text("")
    result = run("variant", "check", tmp_path, tmp_path / "notes.txt")
    assert result.code == 2
    assert "no wheel" in result.err


def test_a_wrong_label_is_said_to_be_the_label(tmp_path: Path, run: Any) -> None:
    run("convert", noarch_package(tmp_path), "-o", tmp_path / "out")
    (wheel,) = (tmp_path / "out").glob("*.whl")
    made = ("variant", "make", wheel, "-o", tmp_path / "new", "--property", "x86_64 :: level :: v3", "--label")
    result = run(*made, "Bad!")
    assert result.code == 2
    assert "--label" in result.err.splitlines()[-1]
    assert run(*made, "v3").code == 0
    (variant,) = (tmp_path / "new").glob("*.whl")
    assert "  label            v3\n" in run("inspect", variant).out


def test_every_command_is_described_in_one_line(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert "..." not in run("--help").out.partition("Commands:")[2]
    assert "..." not in run("variant", "--help").out.partition("Commands:")[2]


def test_a_package_s_words_cannot_steer_the_terminal(tmp_path: Path, run: Any) -> None:
    escape = "\x1b[2J\x07"
    files = {f"{SITE}/demo-1.0.dist-info/entry_points.txt": f"[console_scripts]\nx = {escape}\n".encode()}
    (tmp_path / "a").mkdir()
    packages = [
        python_package(tmp_path, index={"track_features": f"a{escape}"}),
        python_package(tmp_path / "a", files=files),
    ]
    for package in packages:
        for command in (["convert", str(package), "-o", str(tmp_path / "out"), "-v"], ["inspect", str(package)]):
            result = run(*command)
            assert "\\x1b[2J" in result.out + result.err
            assert "\x1b" not in result.out + result.err


def test_the_steps_of_the_demo_are_no_part_of_its_document(
    tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bridge.cli import demo

    def steps(work: Path) -> dict[str, Any]:
        assert work.is_absolute()
        print("[1/6] build")
        return {"schema": "conda-bridge/demo/1"}

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "_demo", steps)
    result = run("demo", "--keep", "work", "--json")
    assert result.document == {"schema": "conda-bridge/demo/1"}
    assert result.err == "[1/6] build\n"
