"""YAML text for compiled files: the same values give the same bytes, whatever version of YAML the reader knows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bridge.priority.toml_text import Value

#: a string that is a string in every version of YAML without quotes; booleans of YAML 1.1 have quotes.
_PLAIN: Final = re.compile(r"(?!(?:y|n|yes|no|on|off|true|false|null)\Z)[a-z][a-z_-]*")


def yaml_mapping(values: Mapping[str, Value]) -> str:
    """A document whose top level is a mapping in block style, or nothing where it is empty."""
    return "".join(f"{line}\n" for line in _mapping(values))


def _mapping(values: Mapping[str, Value]) -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield f"{_scalar(key)}:"
            yield from (f"  {line}" for line in _mapping(value))
        elif isinstance(value, Sequence) and not isinstance(value, str) and value:
            yield f"{_scalar(key)}:"
            yield from (f"  {line}" for item in value for line in _item(item))
        else:
            yield f"{_scalar(key)}: {_scalar(value)}"


def _item(value: Value) -> Iterator[str]:
    lines = _mapping(value) if isinstance(value, Mapping) and value else iter([_scalar(value)])
    for number, line in enumerate(lines):
        yield f"  {line}" if number else f"- {line}"


def _scalar(value: Value) -> str:
    # JSON is YAML.
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else json.dumps(value)
