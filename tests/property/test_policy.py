"""Laws of the policy: parser and schema agree, the most specific claim decides, and a claimed name never leaks."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import jsonschema
import tomlkit
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from bridge.errors import InvalidInput
from bridge.model.conda import CondaName
from bridge.priority.decision import Availability, Decider, Outcome, Presence
from bridge.priority.policy import Claim, Ecosystem, Policy
from bridge.priority.policy_file import SCHEMA as SCHEMA_VERSION
from bridge.priority.policy_file import parse_policy
from bridge.priority.policy_rules import FEATURE_KEY, MARKER, NAMESPACE, PATTERN, PROJECT, PROPERTY, VALUE
from bridge.priority.policy_sources import AGE, CREDENTIALS, IDENTITY, ROLE, SOURCE_NAME, URL
from bridge.priority.schema import policy_schema
from bridge.priority.toml_lines import lines_of

NAMES = ("internal", "special", "public", "other-1")
PACKAGES = st.sampled_from(("acme", "acme-core", "Acme_Core-x", "a", "b.c", "_mutex", "torch", "acme-core-x-y"))
PATTERNS = st.one_of(PACKAGES, PACKAGES.map(lambda name: f"{name[:5]}*"), st.just("*"), st.just("acme-*"))
MARKERS = st.sampled_from(("sys_platform == 'linux'", "python_version >= '3.11'"))


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Policies that are right, but for ties and the like that a schema cannot see."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    sources = {}
    for name in names:
        faces = draw(st.sampled_from((("conda",), ("pypi",), ("conda", "pypi"))))
        source = {face: f"https://{name}.example/{face}" for face in faces}
        source["trust"] = draw(st.sampled_from(("first-party", "curated", "public")))
        for key, values in (
            ("role", ("normal", "claimed-only")),
            ("credentials", ("env:TOKEN", "netrc")),
            ("min-age", ("7d", "36h")),
            ("attest", ({"issuer": "https://i.example", "identity": "x"},)),
        ):
            if draw(st.booleans()):
                source[key] = draw(st.sampled_from(values))
        sources[name] = source
    document: dict[str, Any] = {"schema": "bridge-policy/1", "order": list(names), "sources": sources}
    if draw(st.booleans()):
        document["default"] = draw(st.sampled_from(("strict", "first-match", "best-match")))
    document["claims"] = [
        {
            "packages": draw(st.lists(PATTERNS, min_size=1, max_size=3, unique=True)),
            "from": draw(st.lists(st.sampled_from(names), min_size=1, unique=True)),
            **({"when": draw(MARKERS)} if draw(st.booleans()) else {}),
        }
        for _ in range(draw(st.integers(0, 3)))
    ]
    document["names"] = draw(
        st.dictionaries(
            st.sampled_from(("torch", "b.c", "acme-core")), st.sampled_from((False, "x", ["y", "z"])), max_size=2
        )
    )
    document["variants"] = {
        "namespaces": ["nvidia"],
        "features": {"nvidia": ["sm_arch"]},
        "values": {"blas_lapack :: library": ["mkl"]},
        "rules": [{"packages": ["numpy"], "intent": "prefer", "property": "a :: b :: c"}],
        "system": draw(st.sampled_from(({}, {"cuda": "12.8", "glibc": "2.28"}, {"subdir": "osx-arm64", "linux": ""}))),
    }
    return document


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from places(item, (*path, number))


@st.composite
def spoilt(draw: st.DrawFn) -> dict[str, Any]:
    """A policy with up to two things changed, which may leave it right."""
    document = copy.deepcopy(draw(documents()))
    for _ in range(draw(st.integers(0, 2))):
        path = draw(st.sampled_from([path for path in places(document) if path] or [("schema",)]))
        holder = document
        for part in path[:-1]:
            holder = holder[part]
        last = path[-1]
        match draw(st.sampled_from(("drop", "junk", "edit", "add", "repeat"))):
            case "drop":
                del holder[last]
            case "junk":
                junk = (True, False, 0, 1.5, "", "x", "*", "x y", [], ["x"], {}, {"x": 1}, "é", "mirror-of:internal")
                holder[last] = draw(st.sampled_from(junk))
            case "edit" if isinstance(holder[last], str) and holder[last]:
                at = draw(st.integers(0, len(holder[last])))
                extra = draw(
                    st.sampled_from(
                        ("\n", "*", "@", "é", "_", "-", ".", "/", "/../", "/t/", "?", "#", ":", "A", "9", " ", "$")
                    )
                )
                holder[last] = holder[last][:at] + extra + holder[last][at:]
            case "add" if isinstance(holder[last], dict):
                key = draw(st.sampled_from(("x", "order", "Conda", "a::b", "nvidia", "torch-x", "a b")))
                holder[last][key] = draw(st.sampled_from(("x", False, ["x"])))
            case "repeat" if isinstance(holder[last], list) and holder[last]:
                holder[last].append(holder[last][0])
            case _:
                pass
    return document


def for_python(value: Any) -> Any:
    """The schema with `$` as ECMAScript means it; Python's `$` also stands before a line end."""
    if isinstance(value, dict):
        return {for_python(key) if key.startswith("^") else key: for_python(item) for key, item in value.items()}
    if isinstance(value, list):
        return [for_python(item) for item in value]
    return value.replace("$", r"\Z") if isinstance(value, str) and value.startswith("^") else value


SCHEMA = policy_schema()
VALIDATOR = jsonschema.Draft202012Validator(for_python(SCHEMA))
#: what no schema can say.
BEYOND_SCHEMA = re.compile(
    "there is no source|leaves out|is the address of|is a mirror|has no (conda|pypi) address|is claimed on line"
    "|has a rule about|spelled in another way|is the conda package on line|is not an environment marker"
    "|says nothing about a machine|no processor of|belongs to another platform|is not the platform of a machine"
    "|is not an address|not a subdir|is there already"
)


def refusal(text: str) -> InvalidInput | None:
    try:
        parse_policy(text, "policy.toml")
    except InvalidInput as error:
        return error
    return None


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema"]["const"] == SCHEMA_VERSION


def test_the_schema_has_the_patterns_of_the_parser() -> None:
    text = str(SCHEMA)
    ours = (
        AGE,
        CREDENTIALS,
        FEATURE_KEY,
        IDENTITY,
        MARKER,
        NAMESPACE,
        PATTERN,
        PROJECT,
        PROPERTY,
        ROLE,
        SOURCE_NAME,
        URL,
        VALUE,
    )
    for pattern in ours:
        assert repr(f"^(?:{pattern.pattern})$".replace(r"\Z", "$")) in text


@given(spoilt())
def test_schema_and_parser_refuse_the_same(document: dict[str, Any]) -> None:
    text = tomlkit.dumps(document)
    assert tomllib.loads(text) == document
    allowed = VALIDATOR.is_valid(document)
    error = refusal(text)
    if error is None:
        assert allowed, [problem.message for problem in VALIDATOR.iter_errors(document)]
    else:
        assert not allowed or BEYOND_SCHEMA.search(error.message), error
        assert (error.field or "").startswith("line ")


@given(documents())
def test_every_value_of_a_file_has_a_line_with_its_key(document: dict[str, Any]) -> None:
    text = tomlkit.dumps(document)
    lines = lines_of(text, "policy.toml")
    rows = text.splitlines()
    for path in places(document):
        if not path or isinstance(path[-1], int):
            continue
        assert path[-1].split()[0].strip('"') in rows[lines[path] - 1]


def policies(draw: st.DrawFn) -> Policy | None:
    try:
        return parse_policy(tomlkit.dumps(draw(documents())), "policy.toml")
    except InvalidInput:
        return None


@st.composite
def questions(draw: st.DrawFn) -> tuple[Policy, str, Ecosystem, dict[str, Availability]]:
    """A policy, a name, and what the sources have of it."""
    policy = policies(draw)
    while policy is None:
        policy = policies(draw)
    version = st.lists(st.integers(1, 3), max_size=3).map(tuple)
    answers = st.one_of(
        st.sampled_from(
            (Availability(Presence.ABSENT), Availability(Presence.UNREACHABLE), Availability(Presence.KNOWN))
        ),
        version.map(lambda versions: Availability(Presence.KNOWN, versions)),
    )
    has = {name: draw(answers) for name in policy.sources}
    return policy, draw(PACKAGES).lower(), draw(st.sampled_from(list(Ecosystem))), has


def naive_claims(policy: Policy, name: str) -> list[Claim]:
    """The claims on a name without other names, most specific first, by trying all."""
    own = canonicalize_name(name)
    found = [(len(p.text), not p.wildcard, claim) for claim in policy.claims for p in claim.patterns if p.matches(own)]
    ranks = [entry[:2] for entry in found]
    assert len(ranks) == len(set(ranks)), "two claims are equally specific"
    return [entry[2] for entry in sorted(found, key=lambda entry: entry[:2], reverse=True)]


@given(questions())
def test_the_most_specific_claim_decides_and_nobody_else_provides(question: Any) -> None:
    policy, name, ecosystem, has = question
    decision = Decider(policy).decide(CondaName(name), ecosystem, lambda source: has[source.name])
    if any(not match.own for answer in decision.answers for match in answer.claims):
        return
    expected = []
    for claim in naive_claims(policy, name):
        expected.append(claim)
        if claim.when is None:
            break
    answers = decision.answers
    claimed = [answer for answer in answers if answer.claims]
    assert [answer.claims[0].claim for answer in claimed] == expected
    assert len(answers) == len(expected) + (not expected or expected[-1].when is not None)
    first = policy.claim_of(canonicalize_name(name))
    assert first == (expected[0] if expected else None)


@given(questions())
def test_no_answer_of_any_source_makes_a_claimed_name_come_from_elsewhere(question: Any) -> None:
    policy, name, ecosystem, has = question
    decision = Decider(policy).decide(CondaName(name), ecosystem, lambda source: has[source.name])
    for answer in decision.answers:
        provider = answer.source if answer.outcome is Outcome.PROVIDED else None
        if answer.claims and provider is not None:
            assert any(provider in match.claim.sources for match in answer.claims)
        if provider is not None:
            source = policy.sources[provider]
            assert source.url(ecosystem) is not None
            assert has[provider].presence is Presence.KNOWN
            assert has[provider].versions != ()
            assert answer.claims or not source.claimed_only
            # Whoever stands above and does not answer, might have had it.
            above = answer.allowed[: answer.allowed.index(provider)]
            assert all(has[other].presence is not Presence.UNREACHABLE for other in above)
        shown = {refusal.source for refusal in answer.refused}
        assert provider not in shown
        faces = {source.name for source in policy.faces(ecosystem)}
        assert faces <= shown | {provider}


@given(documents())
def test_the_digest_does_not_depend_on_the_order_of_tables(document: dict[str, Any]) -> None:
    other = {key: document[key] for key in reversed(document)}
    other["sources"] = {name: document["sources"][name] for name in reversed(document["sources"])}
    other["claims"] = list(reversed(document["claims"]))
    if refusal(tomlkit.dumps(document)) is None:
        one, two = (parse_policy(tomlkit.dumps(each), "policy.toml") for each in (document, other))
        assert one.digest == two.digest
