"""The `when` of a repodata v3 requirement (CEP 43) as an environment marker (PEP 508)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from packaging.version import Version

from bridge.errors import InvalidInput
from bridge.mapping.matchspec import parse_spec
from bridge.mapping.precedence import MAX_DEPTH
from bridge.mapping.version_specs import Accepted, Either, Every, Meaning, meaning

if TYPE_CHECKING:
    from packaging.specifiers import Specifier

#: a bracket belongs to its spec, whatever it holds.
_TOKEN = re.compile(r"\s*(?P<token>[()]|(?:[^\s()\[\]]|\[(?:\"(?:[^\"\\]|\\.)*\"|[^\]\"])*\])+)\s*")

_PLATFORM: Final = {
    "__win": 'sys_platform == "win32"',
    "__osx": 'sys_platform == "darwin"',
    "__linux": 'sys_platform == "linux"',
    "__unix": 'os_name == "posix"',
}
_IMPLEMENTATION: Final = {
    "cpython": 'implementation_name == "cpython"',
    "pypy": 'implementation_name == "pypy"',
}


@dataclass(frozen=True, slots=True)
class MarkerAnswer:
    """A marker that holds wherever the condition holds; `marker` None is always.

    `exact` is False where the marker holds more often than the condition; the caller records `CB232`.
    """

    marker: str | None
    exact: bool


_ALWAYS: Final = MarkerAnswer(None, False)


@lru_cache(maxsize=4096)
def to_marker(condition: str) -> MarkerAnswer:
    """Translate the value of `when`; what has no marker counts as true, so that no requirement is lost."""
    tokens = []
    position = 0
    while position < len(condition):
        match = _TOKEN.match(condition, position)
        if match is None:
            return _ALWAYS
        tokens.append(match["token"])
        position = match.end()
    try:
        answer, rest = _alternatives(tokens, 0, 0)
    except ValueError:
        return _ALWAYS
    return answer if rest == len(tokens) else _ALWAYS


def _alternatives(tokens: list[str], start: int, depth: int) -> tuple[MarkerAnswer, int]:
    if depth > MAX_DEPTH:
        raise ValueError("condition is nested too deeply")
    answer, position = _conjunction(tokens, start, depth)
    parts = [answer]
    while position < len(tokens) and tokens[position] == "or":
        answer, position = _conjunction(tokens, position + 1, depth)
        parts.append(answer)
    return _join(parts, "or"), position


def _conjunction(tokens: list[str], start: int, depth: int) -> tuple[MarkerAnswer, int]:
    answer, position = _term(tokens, start, depth)
    parts = [answer]
    while position < len(tokens) and tokens[position] == "and":
        answer, position = _term(tokens, position + 1, depth)
        parts.append(answer)
    return _join(parts, "and"), position


def _term(tokens: list[str], start: int, depth: int) -> tuple[MarkerAnswer, int]:
    if start >= len(tokens) or tokens[start] in (")", "and", "or"):
        raise ValueError("condition has no term where one is due")
    if tokens[start] == "(":
        answer, position = _alternatives(tokens, start + 1, depth + 1)
        if position >= len(tokens) or tokens[position] != ")":
            raise ValueError("condition has an open parenthesis")
        return answer, position + 1
    end = start + 1
    while end < len(tokens) and tokens[end] not in ("(", ")", "and", "or"):
        end += 1
    return _spec(" ".join(tokens[start:end])), end


def _spec(text: str) -> MarkerAnswer:
    try:
        spec = parse_spec(text)
        wanted, losses = meaning(spec.version)
    except InvalidInput:
        return _ALWAYS
    bare = not (spec.pins_build or next(spec.unsayable(""), None) or spec.extras or spec.when or losses)
    if spec.name in _PLATFORM:
        return MarkerAnswer(_PLATFORM[spec.name], bare and wanted == Accepted(()))
    if spec.name == "python":
        answer = _python(wanted)
    elif spec.name in _IMPLEMENTATION:
        answer = _join([MarkerAnswer(_IMPLEMENTATION[spec.name], True), _python(wanted)], "and")
    else:
        return _ALWAYS
    return MarkerAnswer(answer.marker, answer.exact and bare)


def _python(wanted: Meaning) -> MarkerAnswer:
    match wanted:
        case Accepted(specifiers):
            return _join([MarkerAnswer(_compare(specifier), True) for specifier in specifiers], "and")
        case Every(parts):
            return _join([_python(part) for part in parts], "and")
        case Either(parts):
            return _join([_python(part) for part in parts], "or")


def _compare(specifier: Specifier) -> str:
    version = Version(specifier.version.removesuffix(".*"))
    minor = len(version.release) <= 2 and not (version.is_prerelease or version.is_postrelease)
    if minor and specifier.version.endswith(".*") and len(version.release) == 2:
        return f'python_version {specifier.operator} "{version}"'
    if minor and specifier.operator in (">=", "<"):
        return f'python_version {specifier.operator} "{version}"'
    return f'python_full_version {specifier.operator} "{specifier.version}"'


def _join(parts: list[MarkerAnswer], word: str) -> MarkerAnswer:
    """`and` may leave out what has no marker; one such part makes a whole `or` true."""
    exact = all(part.exact for part in parts)
    said = list(dict.fromkeys(part.marker for part in parts if part.marker is not None))
    if not said or (word == "or" and len(said) < len({part.marker for part in parts})):
        return MarkerAnswer(None, exact)
    if len(said) == 1:
        return MarkerAnswer(said[0], exact)
    return MarkerAnswer(f" {word} ".join(f"({one})" if _compound(one) else one for one in said), exact)


def _compound(marker: str) -> bool:
    return " and " in marker or " or " in marker
