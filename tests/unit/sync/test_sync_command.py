"""`conda-bridge sync`: what it prints, writes and returns."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bridge.cli import cli
from bridge.errors import Code, InvalidInput
from bridge.model.plan import Status
from bridge.sync.plan import Reason
from bridge.sync.report import ReportedUnit, SyncReport
from bridge.sync.report_page import html_report, markdown_report
from bridge.sync.result import Item, Lost
from tests.support.sync_samples import SampleChannel, projects


@pytest.fixture
def channel(tmp_path: Path) -> SampleChannel:
    made = SampleChannel(tmp_path / "channel")
    made.noarch("alpha", "1.0", "beta")
    made.noarch("beta", "1.0")
    return made


def call(*arguments: object) -> Result:
    command = [str(argument) for argument in ("sync", *arguments)]
    return CliRunner().invoke(cli, command, catch_exceptions=False)


def test_it_prints_one_document(channel: SampleChannel, tmp_path: Path) -> None:
    done = call(channel.root, tmp_path / "out", "--json", "--engine", "serial")
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert document["schema"] == "conda-bridge/sync/1"
    assert document["summary"]["converted"] == 2
    assert document["units"] == {"converted": 2, "failed": 0, "unchanged": 0}
    assert {outcome["input"] for outcome in document["outcomes"]} == {
        "noarch/alpha-1.0-0.conda",
        "noarch/beta-1.0-0.conda",
    }
    assert "simple/alpha/index.json" in document["written"]
    again = json.loads(call(channel.root, tmp_path / "out", "--json", "-j", "1").stdout)
    assert (again["units"], again["written"]) == ({"converted": 0, "failed": 0, "unchanged": 2}, [])
    assert again["outcomes"] == document["outcomes"]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(channel: SampleChannel, tmp_path: Path) -> None:
    document = json.loads(call(channel.root, tmp_path / "out", "--dry-run", "--json").stdout)
    assert document["summary"] == {"new": 2}
    (alpha, _) = document["units"]
    assert (alpha["unit"], alpha["reason"], alpha["names"]["beta"]) == ("release alpha 1.0", "new", "python beta")
    assert not (tmp_path / "out").exists()
    call(channel.root, tmp_path / "out", "--engine", "serial")
    channel.noarch("gamma", "1.0", index={"build_number": 1})
    channel.noarch("gamma", "1.0", build="cuda_1", index={"depends": ["python >=3.8", "__cuda >=12"]})
    channel.remove("noarch/alpha-1.0-0.conda")
    document = json.loads(call(channel.root, tmp_path / "out", "-n", "--json").stdout)
    assert document["summary"] == {"new": 1, "unchanged": 1}
    assert document["gone"] == ["release alpha 1.0"]
    (gamma,) = [unit for unit in document["units"] if "gamma" in unit["unit"]]
    assert gamma["estimates"] == ["2 builds of gamma: those that compete on a machine become variants"]
    assert projects(tmp_path / "out") == ["alpha", "beta"]
    text = call(channel.root, tmp_path / "out", "-n").output
    assert "new: release gamma 1.0" in text
    assert "to be retired: release alpha 1.0" in text


def test_what_failed_is_printed_and_shows_in_the_exit_status(channel: SampleChannel, tmp_path: Path) -> None:
    (channel.root / "noarch/beta-1.0-0.conda").unlink()
    done = call(channel.root, tmp_path / "out", "--engine", "serial", "--report", tmp_path / "report.md")
    assert done.exit_code == 1
    assert "invalid: noarch/beta-1.0-0.conda: CB119" in done.stderr
    assert "1 units converted, 1 failed" in done.stdout
    assert "CB119" in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--python", "three"),
        ("--since", "30"),
        ("--older-than", "1y"),
        ("--subdir", "../x"),
        ("--engine", "steam"),
        ("--report", "report.pdf"),
        ("--newest", "0"),
    ],
)
def test_wrong_options_are_refused_before_anything_happens(
    channel: SampleChannel, tmp_path: Path, arguments: tuple[str, str]
) -> None:
    done = call(channel.root, tmp_path / "out", *arguments)
    assert done.exit_code == 2
    assert not (tmp_path / "out").exists()


def hostile() -> SyncReport:
    """A report whose every text tries to be more than text."""
    evil = "<script>alert(1)</script>|`x`\n# a [b](https://example.org) \x1b[31m &amp;"
    item = Item(evil, Status.INVALID, "CB101", evil, (Lost("CB201", evil, evil),))
    error = InvalidInput(Code.SOURCE, evil, subject=evil)
    return SyncReport(
        evil, evil, 1, (ReportedUnit(evil, Reason.NEW, (evil,), (item,)),), (evil,), (evil,), notes=((evil, error),)
    )


def test_names_cannot_break_out_of_a_page() -> None:
    page = html_report(hostile()).decode()
    assert "<script" not in page
    assert "\x1b" not in page
    assert page.count("&lt;script&gt;") >= 8
    assert "default-src 'none'" in page.replace("&#x27;", "'")


def test_names_cannot_break_out_of_a_table() -> None:
    text = markdown_report(hostile()).decode()
    assert "\x1b" not in text
    for line in text.splitlines():
        if line.startswith("|"):
            assert not re.search(r"(?<!\\)[<`\[]", line), line
            cells = len(re.findall(r"(?<!\\)\|", line)) - 1
            assert cells in (2, 3, 4), line
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings[0] == "# Conversion report"
    assert all(line.removeprefix("## ")[0].isupper() for line in headings[1:])


def test_a_report_is_the_same_every_time(channel: SampleChannel, tmp_path: Path) -> None:
    for name in ("one", "two"):
        call(channel.root, tmp_path / "out", "--engine", "serial", "--report", tmp_path / f"{name}.json")
    one, two = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("one", "two"))
    assert one["outcomes"] == two["outcomes"]
    assert one["codes"] == two["codes"]
