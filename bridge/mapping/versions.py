"""One version at a time: conda's spelling to PEP 440 and back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from packaging.version import Version

from bridge.errors import Code, InvalidInput
from bridge.model.conda import CondaVersion

#: `1.1.1w`, `9e`: a letter after the release counts patch releases, whatever PEP 440 reads into `a` or `c`.
_LETTER = re.compile(r"((?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*)([a-z])")
#: `2023c`: the n-th release of a year.
_YEAR = re.compile(r"([0-9]{4})([a-z])")


class VersionRule(Enum):
    """How a conda version became a PEP 440 version."""

    DIRECT = "direct"  # the same string
    NORMALIZED = "normalized"  # the same version in PEP 440's normal form
    UNDERSCORE = "underscore"  # `_` separates segments, as `.` does
    YEAR_LETTER = "year-letter"  # 2023c -> 2023.3
    LETTER = "letter"  # 1.1.1w -> 1.1.1.post23
    OPAQUE = "opaque"  # no order that PEP 440 knows: 0+conda.<what it was>


@dataclass(frozen=True, slots=True)
class VersionAnswer:
    """A PEP 440 version and how it was found.

    `exact` is True where the spelling did not change; otherwise the caller records `CB219`.
    """

    version: Version
    exact: bool
    rule: VersionRule

    @property
    def same_meaning(self) -> bool:
        """Whether conda and PEP 440 read the two spellings alike."""
        return self.rule in (VersionRule.DIRECT, VersionRule.NORMALIZED, VersionRule.UNDERSCORE)


def to_pep440(version: CondaVersion, *, subject: str | None = None) -> VersionAnswer:
    """The PEP 440 version of a conda version.

    `packaging` alone is not to be trusted here: it reads `2023c` as a release candidate of 2023.

    Args:
        version: as in index.json or in a spec, without operators.
        subject: the file that it comes from, for the error.

    Raises:
        InvalidInput: CB115, it has no letter or digit, or a number beyond all measure.
    """
    answer = _answer(version.strip().lower())
    if answer is None:
        message = f"{version[:64]!r} is not a version"
        raise InvalidInput(Code.BAD_IDENTIFIER, message, subject=subject, field="version")
    return answer


def to_conda(version: Version) -> CondaVersion:
    """The conda version of a PEP 440 version, such that versions of equal release length keep their order.

    A development release is attached (`1.0dev1`): conda sorts `1.0.dev1` above `1.0a1`. The local label is
    left out, because conda sorts `1.0+cu118` below `1.0`; it belongs in the build string.
    """
    public = version.public
    if version.dev is not None and version.pre is None and version.post is None:
        public = public.replace(".dev", "dev")
    return CondaVersion(public)


@lru_cache(maxsize=65536)
def _answer(text: str) -> VersionAnswer | None:
    if match := _YEAR.fullmatch(text):
        return VersionAnswer(Version(f"{match[1]}.{_ordinal(match[2])}"), False, VersionRule.YEAR_LETTER)
    if match := _LETTER.fullmatch(text):
        version = _parse(f"{match[1]}.post{_ordinal(match[2])}")
        if version is not None:
            return VersionAnswer(version, False, VersionRule.LETTER)
    version = _parse(text)
    if version is not None:
        same = str(version) == text
        return VersionAnswer(version, same, VersionRule.DIRECT if same else VersionRule.NORMALIZED)
    if "_" in text:
        version = _parse(text.strip("_").replace("_", "."))
        if version is not None:
            return VersionAnswer(version, False, VersionRule.UNDERSCORE)
    local = re.sub(r"[^a-z0-9]+", ".", text).strip(".")
    version = _parse(f"0+conda.{local}")
    return None if version is None else VersionAnswer(version, False, VersionRule.OPAQUE)


def _ordinal(letter: str) -> int:
    return ord(letter) - ord("a") + 1


def _parse(text: str) -> Version | None:
    try:
        return Version(text)
    except ValueError:  # InvalidVersion, or more digits than int() accepts
        return None
