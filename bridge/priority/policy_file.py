"""`bridge-policy.toml`: the one file that says which source may provide which name, and in which order.

Everything is checked here, and an unknown key is an error: a misspelt one would weaken the policy in silence.
`bridge-policy-1.schema.json` says the same to editors, as far as a schema can.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bridge.errors import Code, InvalidInput
from bridge.limits import MIB
from bridge.priority.digest import policy_digest
from bridge.priority.node import Node
from bridge.priority.policy import NameIdentities, Policy, Semantics, Unreachable, VariantIntent
from bridge.priority.policy_rules import read_claims, read_names, read_variants
from bridge.priority.policy_sources import read_order, read_sources
from bridge.priority.toml_lines import lines_of

#: the version of the format that this module reads.
SCHEMA: Final = "bridge-policy/1"
#: of a policy file, in bytes; the largest names every package of an organisation.
LARGEST_POLICY: Final = 1 * MIB

_KEYS: Final = ("schema", "default", "on-unreachable", "order", "sources", "claims", "names", "variants")
_WHERE: Final = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", re.DOTALL)


def read_policy(path: Path) -> Policy:
    """Read and check a policy file.

    Args:
        path: the file.

    Raises:
        InvalidInput: CB101 it cannot be read, CB109 it is too large or too deep, CB450-CB457 something in it is
            wrong; the error names file, line and key.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_POLICY + 1)
    except OSError as error:
        raise InvalidInput(Code.UNREADABLE, f"cannot be read: {error.strerror}", subject=str(path)) from error
    if len(content) > LARGEST_POLICY:
        raise InvalidInput(Code.LIMIT, f"is larger than a policy's {LARGEST_POLICY} bytes", subject=str(path))
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput(Code.POLICY_SYNTAX, "is not UTF-8", subject=str(path), field=f"line {line}") from error
    return parse_policy(text, str(path))


def parse_policy(text: str, filename: str) -> Policy:
    """Check the text of a policy file.

    Args:
        text: the content.
        filename: for errors; its last part is the policy's `filename`.

    Raises:
        InvalidInput: as `read_policy`.
    """
    lines = lines_of(text, filename)
    root = Node(_document(text, filename), (), filename, lines)
    _check_version(root)
    table = root.table(_KEYS, ("sources",))
    sources = read_sources(table["sources"], set(_KEYS))
    if "order" not in table:
        raise root.fail(Code.POLICY_KEY, "the key order is missing")
    policy = Policy(
        filename=Path(filename).name,
        digest="",
        semantics=table["default"].choice(Semantics) if "default" in table else Semantics.STRICT,
        on_unreachable=table["on-unreachable"].choice(Unreachable) if "on-unreachable" in table else Unreachable.ERROR,
        order=read_order(table["order"], sources),
        sources=sources,
        claims=read_claims(table["claims"], sources) if "claims" in table else (),
        names=read_names(table["names"]) if "names" in table else NameIdentities(),
        variants=read_variants(table["variants"]) if "variants" in table else VariantIntent(),
    )
    return replace(policy, digest=policy_digest(policy))


def _document(text: str, filename: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _WHERE.fullmatch(str(error))
        message = found[1] if found else str(error)
        line = found[2] if found and found[2] else text.count("\n") + 1
        field = f"line {line}"
        raise InvalidInput(Code.POLICY_SYNTAX, f"is not TOML: {message}", subject=filename, field=field) from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits
        raise InvalidInput(Code.POLICY_SYNTAX, "is not TOML that can be read", subject=filename) from error


def _check_version(root: Node) -> None:
    """Of another version nothing else is said: its keys may be other ones."""
    if "schema" not in root.value:
        raise root.fail(Code.POLICY_VERSION, f'the first line must be schema = "{SCHEMA}"')
    version = root.child("schema")
    if version.value != SCHEMA:
        raise version.fail(Code.POLICY_VERSION, f"is not {SCHEMA}, the version that this bridge reads")
