"""The rules of a policy file: claims, names, and what the user wants of variants."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from packaging.markers import InvalidMarker, Marker
from packaging.utils import NormalizedName, canonicalize_name

from bridge.errors import BridgeError, Code, InvalidInput
from bridge.formats.conda.identifiers import parse_name
from bridge.mapping.host_settings import NAMES, baseline, parse_set, with_settings
from bridge.model.conda import CondaName, Subdir
from bridge.model.variant import Property
from bridge.priority.node import Node, shown
from bridge.priority.policy import (
    Claim,
    Intent,
    NameIdentities,
    NamePattern,
    Source,
    SourceName,
    VariantIntent,
    VariantRule,
)
from bridge.priority.policy_sources import source_names

#: a name of PyPI or of conda (CEP 26; a `_` may come first).
NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_])?")
#: the same, or the beginning of one and `*`.
PATTERN: Final = re.compile(rf"(?:[A-Za-z0-9_][A-Za-z0-9._-]{{0,126}})?\*|{NAME.pattern}")
PROJECT: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
NAMESPACE: Final = re.compile(r"[a-z0-9_]{1,128}")
FEATURE_KEY: Final = re.compile(r"[a-z0-9_]{1,128} *:: *[a-z0-9_]{1,128}")
VALUE: Final = re.compile(r"[a-z0-9_.]{1,128}")
PROPERTY: Final = re.compile(r"[a-z0-9_]{1,128} *:: *[a-z0-9_]{1,128} *:: *[a-z0-9_.]{1,128}")
MARKER: Final = re.compile(r"[ -~]{1,1000}")
SYSTEM: Final = re.compile(r"[a-z0-9._-]{0,64}")

_GLOB: Final = "a package name in ASCII, or the beginning of one and *"
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
#: what only the requirements of a package can be asked about.
_NOT_OF_MACHINES: Final = ("extra", "extras", "dependency_groups")
#: any machine would do; a policy without `subdir` says nothing about others.
_SOME_MACHINE: Final = Subdir("linux-64")


def read_claims(node: Node, sources: Mapping[SourceName, Source]) -> tuple[Claim, ...]:
    """The claims, in the order of the file.

    Raises:
        InvalidInput: CB452-CB457.
    """
    claims: list[Claim] = []
    taken: dict[NamePattern, int] = {}
    for item in node.items(least=0):
        table = item.table(("packages", "from", "when"), ("packages", "from"))
        patterns = _patterns(table["packages"])
        for number, pattern in enumerate(patterns):
            if pattern in taken:
                where = table["packages"].child(number)
                raise where.fail(Code.POLICY_TIE, f"{pattern} is claimed on line {taken[pattern]} too")
            taken[pattern] = table["packages"].child(number).line
        when = _marker(table["when"]) if "when" in table else None
        claims.append(Claim(patterns, source_names(table["from"], sources), when, item.line))
    return tuple(claims)


def read_names(node: Node) -> NameIdentities:
    """What conda packages are called on Python's indexes.

    Raises:
        InvalidInput: CB453, CB456.
    """
    projects: dict[CondaName, tuple[NormalizedName, ...]] = {}
    lines: dict[CondaName, int] = {}
    spelled: dict[NormalizedName, Node] = {}
    owners: dict[NormalizedName, Node] = {}
    for name, entry in node.entries().items():
        try:
            conda = parse_name(name, subject=node.filename, field=name)
        except BridgeError:
            # It repeats the name, which may be an address in the wrong place.
            raise entry.fail(Code.POLICY_NAME, "is not the name of a conda package (CEP 26)") from None
        other = spelled.setdefault(canonicalize_name(conda), entry)
        if other is not entry:
            raise entry.fail(Code.POLICY_NAME, f"is the name on line {other.line}, spelled in another way")
        projects[conda] = _projects(entry)
        lines[conda] = entry.line
        for project in projects[conda]:
            if (owner := owners.setdefault(project, entry)) is not entry:
                message = f"the project {project} is the conda package on line {owner.line} already"
                raise entry.fail(Code.POLICY_NAME, message)
    return NameIdentities(projects, lines)


def read_variants(node: Node) -> VariantIntent:
    """What the user wants of variants.

    Raises:
        InvalidInput: CB452, CB453, CB456, CB457.
    """
    table = node.table(("namespaces", "features", "values", "rules", "system"))
    features = {
        _key(entry, NAMESPACE, "a namespace"): tuple(entry.texts(NAMESPACE, "the name of a feature"))
        for entry in (table["features"].entries().values() if "features" in table else ())
    }
    values: dict[tuple[str, str], tuple[str, ...]] = {}
    for entry in table["values"].entries().values() if "values" in table else ():
        key = _key(entry, FEATURE_KEY, "namespace :: feature")
        namespace, _, feature = key.partition("::")
        if (namespace.strip(), feature.strip()) in values:
            raise entry.fail(Code.POLICY_NAME, "is there already, spelled in another way")
        values[namespace.strip(), feature.strip()] = tuple(entry.texts(VALUE, "the value of a property"))
    return VariantIntent(
        tuple(table["namespaces"].texts(NAMESPACE, "a namespace", least=0)) if "namespaces" in table else (),
        features,
        values,
        _variant_rules(table["rules"]) if "rules" in table else (),
        _system(table["system"]) if "system" in table else {},
    )


def _patterns(node: Node) -> tuple[NamePattern, ...]:
    found: dict[NamePattern, None] = {}
    for item, text in zip(node.items(), node.texts(PATTERN, _GLOB, code=Code.POLICY_NAME), strict=True):
        wildcard = text.endswith("*")
        pattern = NamePattern(canonicalize_name(text.removesuffix("*")), wildcard)
        if pattern in found:
            raise item.fail(Code.POLICY_NAME, f"{pattern} is listed twice, spelled in another way")
        found[pattern] = None
    return tuple(found)


def _marker(node: Node) -> Marker:
    text = node.text(MARKER, "an environment marker (PEP 508) in ASCII")
    try:
        marker = Marker(text)
    except (InvalidMarker, RecursionError) as error:
        raise node.fail(Code.POLICY_VALUE, f"{shown(text)} is not an environment marker (PEP 508)") from error
    words = set(re.findall(r"[a-z_]+", _QUOTED.sub("", str(marker))))
    for word in _NOT_OF_MACHINES:
        if word in words:
            raise node.fail(Code.POLICY_VALUE, f"{word} says nothing about a machine")
    return marker


def _projects(node: Node) -> tuple[NormalizedName, ...]:
    """One project, several, or `false` for none."""
    if node.value is False:
        return ()
    if isinstance(node.value, list):
        texts = node.texts(PROJECT, "the name of a project", code=Code.POLICY_NAME)
    elif isinstance(node.value, str):
        texts = [node.text(PROJECT, "the name of a project", code=Code.POLICY_NAME)]
    else:
        raise node.fail(Code.POLICY_VALUE, "must be a project, a list of projects, or false")
    names = tuple(dict.fromkeys(canonicalize_name(text) for text in texts))
    if len(names) != len(texts):
        raise node.fail(Code.POLICY_NAME, "lists a project twice, spelled in another way")
    return names


def _variant_rules(node: Node) -> tuple[VariantRule, ...]:
    rules: list[VariantRule] = []
    taken: dict[tuple[NamePattern, Property], int] = {}
    for item in node.items(least=0):
        table = item.table(("packages", "intent", "property"), ("packages", "intent", "property"))
        patterns = _patterns(table["packages"])
        text = table["property"].text(PROPERTY, "namespace :: feature :: value", code=Code.POLICY_VALUE)
        rule = VariantRule(patterns, table["intent"].choice(Intent), Property.parse(text), item.line)
        for pattern in patterns:
            if (key := (pattern, rule.property)) in taken:
                raise item.fail(Code.POLICY_TIE, f"{pattern} has a rule about {rule.property} on line {taken[key]} too")
            taken[key] = item.line
        rules.append(rule)
    return tuple(rules)


def _system(node: Node) -> dict[str, str]:
    table = node.table(NAMES)
    settings = []
    for name, entry in table.items():
        text = entry.text(SYSTEM, f"what --set {name}= takes, in quotes")
        try:
            settings.append(parse_set(f"{name}={text}"))
        except InvalidInput as error:
            raise entry.fail(Code.POLICY_VALUE, error.message) from error
    try:
        with_settings(baseline(_SOME_MACHINE), settings)
    except InvalidInput as error:
        raise node.fail(Code.POLICY_VALUE, f"{error.subject}: {error.message}") from error
    return {name: entry.value for name, entry in table.items()}


def _key(node: Node, pattern: re.Pattern[str], expected: str) -> str:
    key = str(node.path[-1])
    if pattern.fullmatch(key) is None:
        raise node.fail(Code.POLICY_NAME, f"must be {expected}")
    return key
