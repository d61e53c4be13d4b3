"""One requirement of a conda package (a MatchSpec), read by py-rattler and held as a value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from rattler import MatchSpec
from rattler.exceptions import InvalidMatchSpecError

from bridge.errors import Code, InvalidInput
from bridge.model.conda import CondaName
from bridge.model.plan import Loss

if TYPE_CHECKING:
    from collections.abc import Iterator

#: a canonical form without any other key than those that py-rattler gives by themselves.
_USUAL: Final = re.compile(r'[a-z0-9._-]+(?:\[(?:version="[^"\\]*")?,?(?:build="[^"\\]*")?\])?')
#: bracket keys that say which file or from where, and that no requirement can say.
_QUALIFIERS = ("channel", "subdir", "namespace", "fn", "url", "md5", "sha256", "license", "license_family")
#: addresses may hold credentials, so their values are not repeated.
_ADDRESSES = frozenset({"channel", "url"})


@dataclass(frozen=True, slots=True)
class CondaSpec:
    """A MatchSpec's parts (CEP 29; CEPs 43 to 45 for `when`, `extras` and `flags`); empty is absent."""

    name: CondaName
    #: version spec in py-rattler's normal form.
    version: str = ""
    build: str = ""
    build_number: str = ""
    #: bracket keys without an equivalent, sorted as `_QUALIFIERS`.
    qualifiers: tuple[tuple[str, str], ...] = ()
    track_features: str = ""
    flags: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    when: str = ""

    def __str__(self) -> str:
        """Name, version and build, for messages; never an address."""
        parts = (
            self.name,
            self.version or ("*" if self.pins_build else ""),
            self.build if self.pins_build else "",
        )
        return " ".join(part for part in parts if part)

    @property
    def pins_build(self) -> bool:
        return self.build not in ("", "*")

    def unsayable(self, subject: str, *, build: bool = True) -> Iterator[Loss]:
        """Losses for what no PEP 508 requirement can say; `build=False` where a tag says the build."""
        if build and self.pins_build:
            yield Loss(Code.BUILD_STRING, subject, f"{self}: the build was dropped")
        if self.build_number:
            yield Loss(Code.BUILD_NUMBER, subject, f"{self}: build number {self.build_number} was dropped")
        for key, value in self.qualifiers:
            shown = key if key in _ADDRESSES else f"{key} {value}"
            yield Loss(Code.QUALIFIER, subject, f"{self}: {shown} was dropped")
        if self.track_features:
            yield Loss(Code.FEATURES, subject, f"{self}: track_features {self.track_features} was dropped")
        if self.flags:
            yield Loss(Code.FEATURES, subject, f"{self}: flags {', '.join(self.flags)} were dropped")


def parse_spec(text: str, *, subject: str | None = None, field: str = "depends") -> CondaSpec:
    """Read a MatchSpec in any dialect that solvers read (lenient, with the v3 extensions).

    Args:
        text: for example `numpy >=1.23,<3`, `x=1.2=py_0`, `x[version=">=1", when="python>=3.10"]`.
        subject: the file that it comes from, for the error.
        field: where in the file.

    Raises:
        InvalidInput: CB116, py-rattler does not read it.
    """
    try:
        return _parse(text)
    except InvalidMatchSpecError as error:
        raise InvalidInput(Code.BAD_SPEC, f"{text!r}: {error}", subject=subject, field=field) from error


@lru_cache(maxsize=65536)
def _parse(text: str) -> CondaSpec:
    spec = MatchSpec(text, strict=False)
    canonical = spec.to_canonical_string()
    keys = {} if _USUAL.fullmatch(canonical) else dict(_bracket_items(canonical))
    return CondaSpec(
        name=CondaName(spec.name.normalized),
        version=spec.version or "",
        build=spec.build or "",
        build_number=keys.get("build_number", ""),
        qualifiers=tuple((key, keys[key]) for key in _QUALIFIERS if key in keys),
        track_features=keys.get("track_features", ""),
        flags=tuple(part.strip().strip("\"'") for part in keys.get("flags", "").strip("[]").split(",") if part.strip()),
        extras=tuple(spec.extras or ()),
        when=spec.condition or "",
    )


def _bracket_items(canonical: str) -> Iterator[tuple[str, str]]:
    """Keys and values of `name[key="value",list=[a,b]]`, as `to_canonical_string` prints it (CEP 48)."""
    _, bracket, inside = canonical.partition("[")
    if not bracket:
        return
    start = depth = 0
    quoted = escaped = False
    inside = inside.removesuffix("]") + ","
    for position, character in enumerate(inside):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = quoted
        elif character == '"':
            quoted = not quoted
        elif not quoted:
            depth += (character == "[") - (character == "]")
            if character == "," and depth == 0:
                key, _, value = inside[start:position].partition("=")
                start = position + 1
                yield key, value[1:-1].replace('\\"', '"') if value.startswith('"') else value
