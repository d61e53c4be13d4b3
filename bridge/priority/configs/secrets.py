"""Files that hold credentials: where secrets stand, never what they are."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bridge.priority.configs.addresses import holds_secret, is_secret
from bridge.priority.configs.config import Place

_KEY: Final = re.compile(
    r"""^\s*(?:export\s+|-\s+)?["']?(?P<key>[\w.-]*(?:password|passwd|token|api[_-]?key|secret)[\w.-]*)["']?\s*[:=]\s*"""
    r"""["']?(?P<value>[^"'\s,#]+)""",
    re.IGNORECASE,
)
_NO_SECRET: Final = re.compile(r"[\d.*<>=~^!]+|true|false|null|[{\[(].*", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"""[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"'<>,\]]+""")
_NETRC_PASSWORD: Final = re.compile(r"\bpassword\s+(\S+)")
#: keys that only look like secrets: what says where they are found.
_HARMLESS: Final = frozenset({"keyring-provider", "token_file", "password_file", "token-file", "password-file"})


def literal_secrets(text: str, shown: str) -> Iterator[tuple[Place, str]]:
    """Where a configuration file holds secrets, and under which key; found without understanding the file."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith(("#", ";", "//")):
            continue
        match = _KEY.match(line)
        if match is not None and _is_literal(match["key"], match["value"]):
            yield Place(shown, number), match["key"]
            continue
        for address in _ADDRESS.finditer(line):
            if holds_secret(address[0]):
                yield Place(shown, number), "address"
                break


def _is_literal(key: str, value: str) -> bool:
    """Whether a value is a secret; one of a dependency that is called like one (`python-secrets = "1.0"`) is not."""
    return key.lower() not in _HARMLESS and is_secret(value) and _NO_SECRET.fullmatch(value) is None


def netrc_secrets(text: str, shown: str) -> Iterator[tuple[Place, str]]:
    """Where a `.netrc` holds passwords."""
    for number, line in enumerate(text.splitlines(), start=1):
        for match in _NETRC_PASSWORD.finditer(line.partition("#")[0]):
            if is_secret(match[1]):
                yield Place(shown, number), "password"


def readable_by_others(path: Path) -> bool:
    """Whether others than the owner may read a file; never on systems without such permissions."""
    if os.name != "posix":
        return False
    try:
        return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False
