"""No secret reaches what is said about sources, wherever a source, a policy or a configuration has it."""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.transport import Absent
from bridge.priority.audit.audit import audit, look_for
from bridge.priority.audit.finding import AuditReport, sorted_findings
from bridge.priority.audit.sarif import sarif
from bridge.priority.audit.source_files import look_inside
from bridge.priority.audit.source_rules import source_findings
from bridge.priority.audit.text import text
from bridge.priority.catalogue import Catalogue
from bridge.priority.identity import identities
from bridge.priority.look import look, targets_of
from bridge.priority.overlay_fetch import Answer, Origins, Question
from bridge.priority.policy import Ecosystem, Policy
from bridge.priority.policy_file import parse_policy

NAMES = dict.fromkeys(Ecosystem, ("shared",))
#: addresses as sources and people write them, with `{}` for the secret.
SHAPES = [
    "https://u:{}@h.example/p", "https://{}@h.example/p", "https://h.example/p?token={}", "https://h.example/p#{}",
    "https://h.example/t/{}/p", "//u:{}@h.example/p", "https://u:{}@[h.example/p", "https://h.example:{}/p",
    "file:///p?{}", "?{}", "../../p?x={}",
]  # fmt: skip
#: what a source has an address in.
PLACES = ["file", "variants", "requirement", "base", "base relation", "overrides relation", "spec", "none"]
HASH = "a" * 64

secrets = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHJKLM0123456789", min_size=12, max_size=24).map(
    lambda rest: f"Canary{rest}"
)


def of_kind(credentials: str) -> Policy:
    return parse_policy(
        f"""
schema = "bridge-policy/1"
order = ["one", "two"]
[sources.one]
conda = "https://one.example/conda"
pypi = "https://one.example/simple"
trust = "first-party"
credentials = "{credentials}"
[sources.two]
conda = "https://two.example/conda"
pypi = "https://two.example/simple"
trust = "public"
""",
        "bridge-policy.toml",
    )


def page(place: str, address: str) -> bytes:
    entry = {"filename": "shared-1.0-py3-none-any.whl", "url": "shared-1.0-py3-none-any.whl", "core-metadata": True}
    listed = {"filename": "shared-1.0-variants.json", "url": "shared-1.0-variants.json"}
    if place == "file":
        entry["url"] = address
    if place == "variants":
        listed["url"] = address
    return json.dumps({"meta": {"api-version": "1.1"}, "name": "shared", "files": [entry, listed]}).encode()


def repodata(place: str, address: str) -> bytes:
    kind, _, relation = place.partition(" ")
    info = {"base_url": address} if place == "base" else {"channel_relations": {kind: address}} if relation else {}
    depends = [f"{address}::other", f"other[url='{address}']"] if place == "spec" else []
    record = {"name": "shared", "version": "1.0", "build": "0", "depends": depends, "sha256": HASH}
    return json.dumps({"info": info, "packages.conda": {"shared-1.0-0.conda": record}}).encode()


def said(policy: Policy, catalogue: Catalogue) -> str:
    """All that anybody gets to see."""
    findings = sorted_findings(list(source_findings(policy, catalogue, identities(policy))))
    report = AuditReport(findings, problems=tuple(problem for one in catalogue.listings for problem in one.problems))
    return "\n".join(
        (
            repr(catalogue),
            repr(report),
            json.dumps(report.to_json()),
            json.dumps(sarif(report)),
            text(report, notes=True),
        )
    )


@given(secrets, st.sampled_from(SHAPES), st.sampled_from(PLACES), st.sampled_from(["env", "netrc"]), st.booleans())
def test_no_secret_is_told(secret: str, shape: str, place: str, kind: str, silent: bool) -> None:
    assume(place != "spec" or "://" in shape)  # anything else before `::` is the name of a channel
    headers: set[str | None] = set()

    def ask(question: Question) -> Answer:
        parts = urlsplit(question.address)
        if parts.hostname == "one.example":
            headers.add(question.authorization)
            if silent:
                raise InvalidInput(Code.SOURCE, "the server answered 403", subject=parts.path)
        else:
            assert question.authorization is None
        address = shape.format(secret)
        if parts.path.endswith("/shared/"):
            return Answer(question.address, page(place, address), "application/vnd.pypi.simple.v1+json")
        if parts.path.endswith("/noarch/repodata.json"):
            return Answer(question.address, repodata(place, address))
        if parts.path.endswith(".metadata"):
            requirement = f"Requires-Dist: other @ {address}\n" if place == "requirement" else ""
            head = f"Metadata-Version: 2.1\nName: shared\nVersion: 1.0\n{requirement}"
            return Answer(question.address, head.encode())
        raise Absent(Code.SOURCE, "the server answered 404", subject=parts.path)

    with tempfile.TemporaryDirectory() as directory:
        netrc = Path(directory) / "netrc"
        netrc.write_text(f"machine one.example login u password {secret}\n")
        policy = of_kind("env:TOKEN" if kind == "env" else "netrc")
        origins = Origins(ask=ask, environment={"TOKEN": secret, "NETRC": str(netrc)})
        targets = targets_of(policy)
        found = look_inside(look(targets, NAMES, origins), targets, origins, NAMES)
    pair = base64.b64encode(f"u:{secret}".encode()).decode()
    assert headers == {f"Bearer {secret}" if kind == "env" else f"Basic {pair}"}, "the secret was in use"
    everything = said(policy, found)
    assert secret.lower() not in everything.lower()
    assert pair not in everything


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.startswith("https://")])
def test_secrets_of_configurations_are_neither_told_nor_sent(tmp_path: Path, shape: str) -> None:
    secret = "Canary" + hashlib.sha256(shape.encode()).hexdigest()[:16]
    address = shape.format(secret)
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {address}\n")
    (tmp_path / "requirements.txt").write_text("shared\n")
    (tmp_path / ".condarc").write_text(f"channels:\n- '{address}'\n")
    asked: list[str] = []

    def ask(question: Question) -> Answer:
        asked.append(f"{question.address} {question.authorization}")
        raise Absent(Code.SOURCE, "the server answered 404", subject="")

    policy = of_kind("env:TOKEN")
    names = identities(policy)
    found = look_for(tmp_path, policy, names, origins=Origins(ask=ask, environment={"TOKEN": "x"}))
    report = audit(tmp_path, policy, found, names=names)
    everything = "\n".join((repr(found), repr(report), json.dumps(report.to_json()), json.dumps(sarif(report)), *asked))
    assert secret not in everything
    assert asked
