"""What an audit prints and writes: text, JSON, SARIF and baselines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sarif_pydantic import Sarif

from bridge.cli import cli
from bridge.errors import Code, InvalidInput
from bridge.priority.audit.audit import audit
from bridge.priority.audit.baseline import Accepted, read_baseline, with_baseline, write_baseline
from bridge.priority.audit.finding import AuditReport, Evidence, Finding, Rule, Severity
from bridge.priority.audit.sarif import sarif
from bridge.priority.audit.text import text
from bridge.priority.configs.config import Place
from tests.support.audit_projects import INTERNAL, PUBLIC, write
from tests.support.overlay_sources import add_wheel, policy_text, serving, write_index

FILES = {
    "pip.conf": f"[global]\nindex-url = {INTERNAL}\nextra-index-url = {PUBLIC}\n",
    "requirements.txt": "acme-core\n",
}
HOSTILE = "<script>\x1b[31m\nDC99 error: other.py:1: forged"


def finding(name: str = "x", severity: Severity = Severity.ERROR, place: Place | None = None) -> Finding:
    return Finding(Rule.DC04, severity, f"about {name}", Evidence(place or Place("dir/pip.conf", 3), "s", name))


def test_sarif_is_what_its_readers_read() -> None:
    report = AuditReport((finding(), finding("y", Severity.NOTE, Place("", 0))), accepted=(finding("z"),))
    read = Sarif.model_validate(sarif(report))
    (run,) = read.runs
    results = run.results or []
    assert [(one.rule_id, one.level.value if one.level else None) for one in results] == [
        ("CB404", "error"), ("CB404", "note"), ("CB404", "error"),
    ]  # fmt: skip
    assert run.tool.driver.rules is not None
    assert [rule.id for rule in run.tool.driver.rules] == ["CB404"]
    location = (results[0].locations or [])[0].physical_location
    assert location is not None
    assert location.artifact_location is not None
    assert location.region is not None
    assert (location.artifact_location.uri, location.region.start_line) == ("dir/pip.conf", 3)
    suppressed = [one.get("suppressions") for one in sarif(report)["runs"][0]["results"]]
    assert suppressed == [None, None, [{"kind": "external"}]]


def test_fingerprints_are_the_same_after_lines_have_moved() -> None:
    moved = finding(place=Place("dir/pip.conf", 99))
    assert moved.fingerprint == finding().fingerprint
    assert finding("other").fingerprint != finding().fingerprint


def test_hostile_names_cannot_forge_findings_or_steer_a_terminal() -> None:
    report = AuditReport((finding(HOSTILE, place=Place(HOSTILE, 1)),), problems=(HOSTILE,))
    shown = text(report)
    assert "\x1b" not in shown
    assert not [line for line in shown.splitlines() if line.startswith("DC99")]
    for document in (report.to_json(), sarif(report)):
        assert "\x1b" not in json.dumps(document)
    assert "<" not in json.dumps(sarif(report)["runs"][0]["results"][0]["locations"])


def test_a_baseline_accepts_by_fingerprint_and_forgets_nothing(tmp_path: Path) -> None:
    path = tmp_path / "baseline.toml"
    first, second = finding(), finding("y")
    write_baseline(path, [first, finding("note", Severity.NOTE)], [Accepted(first.fingerprint, 'said "yes"\n')])
    known = read_baseline(path)
    assert known == (Accepted(first.fingerprint, 'said "yes"\n'),)
    report = with_baseline(AuditReport((first, second)), known)
    assert (report.findings, report.accepted, report.stale) == ((second,), (first,), ())
    assert with_baseline(AuditReport((second,)), known).stale == (first.fingerprint,)
    before = path.read_bytes()
    write_baseline(path, [first], known)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    ["", "[[accepted", 'schema = "other"', 'schema = "conda-bridge/audit-baseline/1"\naccepted = 3',
     'schema = "conda-bridge/audit-baseline/1"\naccepted = [3]',
     'schema = "conda-bridge/audit-baseline/1"\n[[accepted]]\nfingerprint = "../../x"',
     f'schema = "conda-bridge/audit-baseline/1"\n[[accepted]]\nfingerprint = "{"0" * 32}"\nreason = 1'],
)  # fmt: skip
def test_what_is_no_baseline_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "baseline.toml"
    path.write_text(content)
    with pytest.raises(InvalidInput) as error:
        read_baseline(path)
    assert error.value.code is Code.BAD_METADATA


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["priority", "audit", *map(str, arguments)])


def test_the_command_fails_until_its_findings_are_accepted(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    found = invoke(tmp_path, "--offline")
    assert found.exit_code == 1
    assert "DC04 CB404" in found.stdout
    assert invoke(tmp_path, "--offline", "--write-baseline").exit_code == 0
    accepted = invoke(tmp_path, "--offline")
    assert (accepted.exit_code, "1 accepted" in accepted.stdout) == (0, True)
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {INTERNAL}\n")
    assert "not found any more" in invoke(tmp_path, "--offline").stdout


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_documents_are_the_only_thing_on_standard_output_or_go_to_a_file(tmp_path: Path, form: str) -> None:
    write(tmp_path, FILES)
    printed = invoke(tmp_path, "--offline", "--format", form)
    document = json.loads(printed.stdout)
    assert document.get("schema") == ("conda-bridge/priority-audit/1" if form == "json" else None)
    written = tmp_path / "report"
    assert invoke(tmp_path, "--offline", "--format", form, "-o", written).stdout == ""
    assert json.loads(written.read_text()) == document


def test_an_audit_of_the_same_project_is_the_same_wherever_it_lies(tmp_path: Path) -> None:
    reports = [audit(write(tmp_path / name, FILES)).to_json() for name in ("one", "two")]
    assert reports[0] == reports[1]


def test_the_sources_are_asked_unless_the_user_says_no(tmp_path: Path) -> None:
    root, project = tmp_path / "site", tmp_path / "project"
    for source, version in (("internal", "1.0"), ("public", "99")):
        add_wheel(root / source, "acme-core", version)
        write_index(root / source)
        (root / source / "conda" / "noarch").mkdir(parents=True)
        (root / source / "conda" / "noarch" / "repodata.json").write_text('{"packages": {}}')
    with serving(root) as site:
        address = site.address
        files = {
            "pip.conf": f"[global]\nindex-url = {address}/internal/simple\nextra-index-url = {address}/public/simple\n",
            "requirements.txt": "acme-core\n",
            "bridge-policy.toml": policy_text(address),
        }
        write(project, files)
        found = json.loads(invoke(project, "--json").stdout)
    messages = [one["message"] for one in found["findings"] if one["rule"] == "DC04" and one["severity"] == "error"]
    assert messages == [
        "pip takes acme-core 99 from public (the best version of all sources); the policy gives it to internal"
    ]


def test_names_of_files_that_are_not_unicode_are_told_in_every_form() -> None:
    report = AuditReport((finding(place=Place("requirements-\udcff.txt", 1)),))
    (result,) = sarif(report)["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "requirements-%FF.txt"
    for said in (text(report), json.dumps(report.to_json()), json.dumps(sarif(report))):
        assert said.encode()


def test_a_baseline_that_is_named_and_not_there_is_a_mistake_unless_it_is_to_be_written(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    named = tmp_path / "accepted.toml"
    assert invoke(tmp_path, "--offline", "--baseline", named).exit_code == 2
    assert invoke(tmp_path, "--offline", "--baseline", named, "--write-baseline").exit_code == 0
    assert invoke(tmp_path, "--offline", "--baseline", named).exit_code == 0
