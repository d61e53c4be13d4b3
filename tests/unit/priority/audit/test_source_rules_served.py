"""Rules about sources, on sources that answer on loopback: what is served is what is found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bridge.priority.audit.finding import Finding, Rule
from bridge.priority.audit.source_rules import source_findings
from bridge.priority.identity import identities
from bridge.priority.look import look, targets_of
from bridge.priority.overlay_fetch import Origins
from bridge.priority.policy import Ecosystem
from bridge.priority.policy_file import parse_policy
from tests.support.overlay_sources import Site, add_conda, add_wheel, policy, serving, set_records, write_index


def variant(bound: str) -> dict[str, object]:
    return {
        "$schema": "https://variants-schema.wheelnext.dev/peps/825/v0.1.1.json",
        "default-priorities": {"namespace": ["nvidia"]},
        "variants": {"cu12": {"nvidia": {"cuda_version_lower_bound": [bound]}}},
    }


def add_variant(root: Path, bound: str) -> None:
    add_wheel(root, "shared", "1.0", label="cu12", variant=variant(bound))
    (root / "files" / "shared-1.0-variants.json").write_text(json.dumps(variant(bound)))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Both sources have the same shared 1.0; `public` is a channel and an index without any weakness."""
    for name in ("internal", "public"):
        root = tmp_path / name
        add_wheel(root, "shared", "1.0")
        add_conda(root, "shared", "1.0")
    copy(tmp_path)
    with serving(tmp_path) as served:
        yield served


def copy(top: Path) -> None:
    """The same bytes in both sources."""
    for path in (top / "internal").rglob("*"):
        if path.is_file():
            other = top / "public" / path.relative_to(top / "internal")
            other.parent.mkdir(parents=True, exist_ok=True)
            other.write_bytes(path.read_bytes())
    for name in ("internal", "public"):
        write_index(top / name)


def found(site: Site, rule: Rule) -> list[Finding]:
    of = policy(site.address)
    catalogue = look(targets_of(of), dict.fromkeys(Ecosystem, ("shared",)), Origins())
    assert all(one.reachable and not one.problems for one in catalogue.listings)
    findings = source_findings(of, catalogue, identities(of))
    return [finding for finding in findings if finding.rule is rule]


def _page(top: Path) -> tuple[Path, dict[str, object]]:
    page = top / "public" / "simple" / "shared" / "index.json"
    return page, json.loads(page.read_text())


def _archived(top: Path) -> None:
    page, document = _page(top)
    page.write_text(json.dumps({**document, "project-status": {"status": "archived"}}))


def _removed(top: Path) -> None:
    page, document = _page(top)
    page.write_text(json.dumps({**document, "files": []}))


def _relation(top: Path) -> None:
    set_records(top / "public", {}, info={"subdir": "noarch", "channel_relations": {"overrides": "../anyone"}})


def _base(top: Path) -> None:
    set_records(top / "public", {}, info={"subdir": "noarch", "base_url": "file:///srv/packages"})


def _link(top: Path) -> None:
    add_wheel(top / "public", "shared", "1.0")
    entry = {"url": "ftp://files.example/shared-1.0-py3-none-any.whl", "core-metadata": False}
    write_index(top / "public", **{"shared-1.0-py3-none-any.whl": entry})


def _rebuilt_package(top: Path) -> None:
    add_conda(top / "public", "shared", "1.0")


def _rebuilt_wheel(top: Path) -> None:
    add_wheel(top / "public", "shared", "1.0")
    write_index(top / "public")


def _record(top: Path) -> None:
    path = top / "public" / "conda" / "noarch" / "repodata.json"
    record = json.loads(path.read_text())["packages.conda"]["shared-1.0-0.conda"]
    set_records(top / "public", {"shared-1.0-0.conda": {**record, "depends": ["evil"]}})


def _labels(top: Path) -> None:
    for name, bound in (("internal", "12.0"), ("public", "12.8")):
        add_variant(top / name, bound)
        write_index(top / name)


def _hidden(top: Path) -> None:
    add_variant(top / "public", "12.0")
    write_index(top / "public")


@pytest.mark.parametrize(
    ("rule", "change", "source", "words"),
    [(Rule.DC11, _relation, "public", "/public/anyone"), (Rule.DC12, _base, "public", "file:///srv/packages"),
     (Rule.DC12, _link, "public", "ftp://files.example"), (Rule.DC17, _rebuilt_package, "public", "not the same file"),
     (Rule.DC17, _rebuilt_wheel, "public", "not the same file"), (Rule.DC18, _record, "public", "different things"),
     (Rule.DC19, _labels, "public", "12.0 in internal"), (Rule.DC20, _hidden, "internal", "cu12 of public"),
     (Rule.DC26, _archived, "public", "archived")],
)  # fmt: skip
def test_a_weakness_that_is_served_is_found_once_and_no_more_when_it_is_gone(
    tmp_path: Path, site: Site, rule: Rule, change: Callable[[Path], None], source: str, words: str
) -> None:
    assert found(site, rule) == []
    change(tmp_path)
    (finding,) = found(site, rule)
    assert finding.evidence.source == source
    assert words in finding.message
    assert urlsplit(site.address).netloc not in finding.message.replace(f"{site.address}/public/anyone", "")


@pytest.mark.parametrize(("change", "count"), [(None, 0), (_rebuilt_wheel, 1), (_removed, 1), (_rebuilt_package, 1)])
def test_a_mirror_is_held_against_its_original(
    tmp_path: Path, site: Site, change: Callable[[Path], None] | None, count: int
) -> None:
    if change is not None:
        change(tmp_path)
    head = 'schema = "bridge-policy/1"\norder = ["internal"]\n'
    source = '[sources.{1}]\nconda = "{0}/{1}/conda"\npypi = "{0}/{1}/simple"\ntrust = "public"\n'
    both = [source.format(site.address, name) for name in ("internal", "public")]
    of = parse_policy(f'{head}{"".join(both)}role = "mirror-of:internal"\n', "bridge-policy.toml")
    catalogue = look(targets_of(of), dict.fromkeys(Ecosystem, ("shared",)), Origins())
    rules = [finding.rule for finding in source_findings(of, catalogue, identities(of))]
    assert rules.count(Rule.DC25) == count
