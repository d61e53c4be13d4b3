"""The sources of a policy file, and their order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from bridge.errors import Code
from bridge.priority.node import Node
from bridge.priority.policy import Attestation, Credentials, Ecosystem, Source, SourceName, Trust

SOURCE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
#: neither `.` nor `..` as a part of the path, which clients resolve differently, nor `/t/<token>`; and no `$`, which
#: some expand.
URL: Final = re.compile(
    r"(?!.*/(?:\.{1,2}(?:/|\Z)|t/))"
    r"(?:https?://(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?=/|\Z)|file://(?=/))"
    r"[A-Za-z0-9._~+,=:@%/-]*"
)
AGE: Final = re.compile(r"([1-9][0-9]{0,3})([hdw])")
CREDENTIALS: Final = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]{0,127}|netrc|keyring")
ROLE: Final = re.compile(r"normal|claimed-only|mirror-of:([a-z0-9][a-z0-9-]{0,63})")
IDENTITY: Final = re.compile(r"[!-~]{1,1024}")

_KEYS: Final = ("conda", "pypi", "trust", "role", "credentials", "attest", "min-age")
_HOURS: Final = {"h": 1, "d": 24, "w": 168}
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def read_sources(node: Node, root_keys: Iterable[str]) -> dict[SourceName, Source]:
    """The sources, in the order of the file.

    Args:
        node: the table `sources`.
        root_keys: keys of the top of the file, for those who write one of them into a source.

    Raises:
        InvalidInput: CB452-CB456.
    """
    sources: dict[SourceName, Source] = {}
    taken: dict[tuple[Ecosystem, str], SourceName] = {}
    entries = node.entries()
    if not entries:
        raise node.fail(Code.POLICY_VALUE, "there must be a source")
    for name, entry in entries.items():
        if SOURCE_NAME.fullmatch(name) is None:
            raise entry.fail(Code.POLICY_NAME, "a source's name has lowercase letters, digits and -, at most 64")
        source = _source(SourceName(name), entry, root_keys)
        for ecosystem in Ecosystem:
            url = source.url(ecosystem)
            if url is not None and (other := taken.setdefault((ecosystem, url), source.name)) != name:
                where = entry.child(ecosystem.value)
                raise where.fail(Code.POLICY_SOURCE, f"is the address of {other} too (line {sources[other].line})")
        sources[source.name] = source
    for source in sources.values():
        if source.mirror_of is not None:
            _check_mirror(source, sources, entries[source.name].child("role"))
    return sources


def read_order(node: Node, sources: Mapping[SourceName, Source]) -> tuple[SourceName, ...]:
    """The order: every source but the mirrors, once.

    Raises:
        InvalidInput: CB453, CB454.
    """
    order = source_names(node, sources)
    named = set(order)
    missing = [name for name, source in sources.items() if source.mirror_of is None and name not in named]
    if missing:
        raise node.fail(Code.POLICY_SOURCE, f"leaves out {', '.join(missing)} (line {sources[missing[0]].line})")
    return order


def source_names(node: Node, sources: Mapping[SourceName, Source]) -> tuple[SourceName, ...]:
    """A list of sources that are no mirrors.

    Raises:
        InvalidInput: CB453, CB454.
    """
    names = node.texts(SOURCE_NAME, "the name of a source")
    for number, name in enumerate(names):
        source = sources.get(SourceName(name))
        if source is None:
            near = get_close_matches(name, sources, 1, 0.5)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise node.child(number).fail(Code.POLICY_SOURCE, f"there is no source {name}{hint}")
        if source.mirror_of is not None:
            message = f"{name} is a mirror (line {source.line}); name {source.mirror_of}, which it counts as"
            raise node.child(number).fail(Code.POLICY_SOURCE, message)
    return tuple(SourceName(name) for name in names)


def _source(name: SourceName, node: Node, root_keys: Iterable[str]) -> Source:
    table = node.table(_KEYS, ("trust",), elsewhere=root_keys)
    if "conda" not in table and "pypi" not in table:
        raise node.fail(Code.POLICY_KEY, "a source has an address under conda, under pypi, or both")
    role = ROLE.fullmatch(
        table["role"].text(ROLE, "normal, claimed-only or mirror-of:SOURCE") if "role" in table else "normal"
    )
    assert role is not None  # noqa: S101 - Node.text has just matched it
    return Source(
        name,
        table["trust"].choice(Trust),
        conda=_address(table["conda"]) if "conda" in table else None,
        pypi=f"{_address(table['pypi'])}/" if "pypi" in table else None,
        claimed_only=role[0] == "claimed-only",
        mirror_of=SourceName(role[1]) if role[1] else None,
        credentials=_credentials(table["credentials"]) if "credentials" in table else None,
        attestation=_attestation(table["attest"]) if "attest" in table else None,
        min_age=_age(table["min-age"]) if "min-age" in table else None,
        line=node.line,
    )


def _address(node: Node) -> str:
    """The address, its scheme and host in lowercase, without a final slash and a port that goes without saying."""
    text = node.text(
        URL, "an address: https://, http:// or file://, no user, token, query or fragment", code=Code.POLICY_URL
    )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        # The text of such an error can hold a part of a password.
        raise node.fail(Code.POLICY_URL, "is not an address") from None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    if port is not None and port != _DEFAULT_PORTS[parts.scheme]:
        host = f"{host}:{port}"
    return urlunsplit((parts.scheme, host, parts.path, "", "")).rstrip("/")


def _credentials(node: Node) -> Credentials:
    text = node.text(CREDENTIALS, "env:VARIABLE, netrc or keyring, never the secret itself")
    kind, _, name = text.partition(":")
    return Credentials(kind, name)


def _attestation(node: Node) -> Attestation:
    table = node.table(("issuer", "identity"), ("issuer", "identity"))
    issuer, identity = (table[key].text(IDENTITY, "printable ASCII without spaces") for key in ("issuer", "identity"))
    return Attestation(issuer, identity)


def _age(node: Node) -> timedelta:
    text = node.text(AGE, "a number and a unit: 36h, 7d or 2w")
    return timedelta(hours=int(text[:-1]) * _HOURS[text[-1]])


def _check_mirror(source: Source, sources: Mapping[SourceName, Source], role: Node) -> None:
    original = sources.get(source.mirror_of) if source.mirror_of is not None else None
    if original is None:
        raise role.fail(Code.POLICY_SOURCE, f"there is no source {source.mirror_of}")
    if original.mirror_of is not None:
        message = f"{original.name} is a mirror itself (line {original.line}); name what it is a copy of in the end"
        raise role.fail(Code.POLICY_SOURCE, message)
    for ecosystem in Ecosystem:
        if source.url(ecosystem) is not None and original.url(ecosystem) is None:
            raise role.fail(Code.POLICY_SOURCE, f"{original.name} has no {ecosystem.value} address to be a copy of")
