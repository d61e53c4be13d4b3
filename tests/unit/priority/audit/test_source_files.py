"""DC18 against the files themselves: sources on loopback that tell the truth, and that lie."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.priority.audit.finding import Finding, Rule, Severity
from bridge.priority.audit.source_files import look_inside
from bridge.priority.audit.source_rules import source_findings
from bridge.priority.catalogue import Catalogue
from bridge.priority.identity import identities
from bridge.priority.look import look, targets_of
from bridge.priority.overlay_fetch import Origins
from bridge.priority.policy import Ecosystem
from tests.support.conda_archives import make_conda
from tests.support.overlay_sources import Site, add_conda, add_wheel, policy, serving, set_records, write_index

NAMES = dict.fromkeys(Ecosystem, ("shared",))


def looked(site: Site, **more: int) -> Catalogue:
    targets, origins = targets_of(policy(site.address)), Origins()
    return look_inside(look(targets, NAMES, origins), targets, origins, NAMES, **more)


def lies(catalogue: Catalogue, site: Site) -> list[Finding]:
    of = policy(site.address)
    findings = source_findings(of, catalogue, identities(of))
    return [finding for finding in findings if finding.rule is Rule.DC18]


def record(root: Path) -> dict[str, object]:
    document = json.loads((root / "conda" / "noarch" / "repodata.json").read_text())
    found: dict[str, object] = document["packages.conda"]["shared-1.0-0.conda"]
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """`public` has shared 1.0 in both forms, which needs other."""
    found = tmp_path / "public"
    add_wheel(found, "shared", "1.0", "other>=1", "more ; extra == 'x'")
    add_conda(found, "shared", "1.0", "other >=1", "__glibc >=2.17")
    return write_index(found)


def test_sources_that_tell_the_truth(tmp_path: Path, root: Path) -> None:
    with serving(tmp_path) as site:
        found = looked(site)
    files = [one.projects["shared"].files[0] for one in found.listings if one.projects]
    assert [file.inside.stated for file in files if file.inside is not None] == [file.stated for file in files]
    assert len(files) == 2
    assert lies(found, site) == []
    assert not any(one.problems for one in found.listings if one.projects)


def test_what_is_large_is_not_looked_into(tmp_path: Path, root: Path) -> None:
    write_index(root, **{"shared-1.0-py3-none-any.whl": {"size": None}})
    with serving(tmp_path) as site:
        found = looked(site, limit=100)
    assert not any(file.inside for one in found.listings for each in one.projects.values() for file in each.files)
    asked = [path for path, _ in site.asked if path.endswith((".conda", ".whl"))]
    assert asked == ["/public/files/shared-1.0-py3-none-any.whl"], "whose size the page does not state"
    assert not any(one.problems for one in found.listings if one.projects)


def _repaired(root: Path) -> None:
    set_records(root, {"shared-1.0-0.conda": {**record(root), "depends": ["other >=1,<3"]}})


def _adding(root: Path) -> None:
    set_records(root, {"shared-1.0-0.conda": {**record(root), "depends": ["other >=1", "evil"]}})


def _renumbered(root: Path) -> None:
    set_records(root, {"shared-1.0-0.conda": {**record(root), "version": "99"}})


def _exchanged(root: Path) -> None:
    make_conda(root / "conda" / "noarch", name="shared", version="1.0", build="0", subdir="noarch", files={"x": b"y"})


def _described(root: Path) -> None:
    wheel = root / "files" / "shared-1.0-py3-none-any.whl"
    lie = b"Metadata-Version: 2.1\nName: shared\nVersion: 1.0\nRequires-Dist: evil\n"
    wheel.with_name(f"{wheel.name}.metadata").write_bytes(lie)
    write_index(root)


def _replaced(root: Path) -> None:
    wheel = root / "files" / "shared-1.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes() + b"x")


@pytest.mark.parametrize(
    ("change", "severity", "words"),
    [(_repaired, Severity.NOTE, "does not say"), (_adding, Severity.WARNING, "that it requires evil"),
     (_renumbered, Severity.ERROR, "as shared 99"), (_exchanged, Severity.ERROR, "sha256"),
     (_described, Severity.ERROR, "that it requires evil"), (_replaced, Severity.ERROR, "sha256")],
)  # fmt: skip
def test_sources_that_say_something_else(
    tmp_path: Path, root: Path, change: Callable[[Path], None], severity: Severity, words: str
) -> None:
    change(root)
    with serving(tmp_path) as site:
        (finding,) = lies(looked(site), site)
    assert (finding.severity, finding.evidence.source, finding.evidence.name) == (severity, "public", "shared")
    assert words in finding.message


@pytest.mark.parametrize("kind", ["conda", "wheel"])
def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path, root: Path, kind: str) -> None:
    rubbish = b"PK rubbish"
    sha256 = hashlib.sha256(rubbish).hexdigest()
    if kind == "conda":
        (root / "conda" / "noarch" / "shared-1.0-0.conda").write_bytes(rubbish)
        set_records(root, {"shared-1.0-0.conda": {**record(root), "sha256": sha256}})
    else:
        (root / "files" / "shared-1.0-py3-none-any.whl").write_bytes(rubbish)
        write_index(root)
    with serving(tmp_path) as site:
        found = looked(site)
    problems = [problem for one in found.listings for problem in one.problems if problem.startswith("shared-1.0")]
    assert len(problems) == 1
    assert lies(found, site) == []


def test_a_file_that_redirects_to_another_host_is_held_against_its_hash(tmp_path: Path, root: Path) -> None:
    with serving(tmp_path) as site, serving(tmp_path) as elsewhere:
        path = "/public/files/shared-1.0-py3-none-any.whl"
        site.redirects[path] = f"{elsewhere.address}{path}"
        found = looked(site)
        index = next(one for one in found.listings if one.projects and one.ecosystem is Ecosystem.PYPI)
    assert index.projects["shared"].files[0].inside is not None
    assert (path, 200) in elsewhere.asked
