"""Wheel file names: the one parser of the project, which knows the variant label (PEP 427, PEP 825).

`{distribution}-{version}(-{build})?-{python}-{abi}-{platform}(-{label})?.whl`. A build tag starts with a
digit and a Python tag never does, so that six fields are never ambiguous.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from packaging.utils import InvalidWheelFilename
from packaging.utils import parse_wheel_filename as parse_plain_filename

from bridge.errors import Code, InvalidInput
from bridge.model.plan import compress_tags

if TYPE_CHECKING:
    from packaging.tags import Tag
    from packaging.utils import BuildTag, NormalizedName
    from packaging.version import Version

_SUFFIX: Final = ".whl"
#: every character that any field may have: escaped name, PEP 440 version, tags, label.
_CHARACTERS: Final = re.compile(r"[A-Za-z0-9._+!-]+")
_LABEL: Final = re.compile(r"[0-9a-z._]+")
#: name, version and three tags; a build tag and a label may join them.
_LEAST_FIELDS: Final = 5
_MOST_FIELDS: Final = 7
_BUILD_FIELD: Final = 2
#: NAME_MAX of every common file system; also bounds the product of compressed tags.
_LONGEST: Final = 255


@dataclass(frozen=True, slots=True)
class WheelFilename:
    """A wheel's file name, taken apart."""

    name: NormalizedName
    version: Version
    #: `()` or the number and the rest of the build tag.
    build: BuildTag
    tags: frozenset[Tag]
    #: variant label (PEP 825).
    variant: str | None
    #: `{distribution}-{version}` as spelled; `.dist-info` and `.data` directories start with it.
    stem: str

    def __str__(self) -> str:
        build = "".join(map(str, self.build))
        fields = (self.stem, build, compress_tags(self.tags), self.variant)
        return "-".join(field for field in fields if field) + _SUFFIX

    def with_tags(self, tags: frozenset[Tag]) -> WheelFilename:
        """The same wheel with other compatibility tags."""
        return replace(self, tags=tags)

    def with_variant(self, label: str | None) -> WheelFilename:
        """The same wheel with another variant label, or with none."""
        return replace(self, variant=label)


def parse_wheel_filename(text: str) -> WheelFilename:
    """Take a file name (no directory) apart.

    Raises:
        InvalidInput: `CB123`.
    """
    if not text.endswith(_SUFFIX):
        raise _bad(text, "the name of a wheel ends in .whl")
    if len(text) > _LONGEST:
        raise _bad(text, f"the name is longer than {_LONGEST} characters")
    stem = text.removesuffix(_SUFFIX)
    if not _CHARACTERS.fullmatch(stem):
        raise _bad(text, "the name has a character that no field of it allows")
    fields = stem.split("-")
    if not _LEAST_FIELDS <= len(fields) <= _MOST_FIELDS:
        raise _bad(text, f"the name has {len(fields)} fields instead of {_LEAST_FIELDS} to {_MOST_FIELDS}")
    has_build = fields[_BUILD_FIELD][:1].isdigit()
    variant = fields.pop() if len(fields) > _LEAST_FIELDS + has_build else None
    if variant is not None and not _LABEL.fullmatch(variant):
        raise _bad(text, f"{variant!r} is not a variant label (lowercase letters, digits, `.` and `_`)")
    try:
        name, version, build, tags = parse_plain_filename("-".join(fields) + _SUFFIX)
    except InvalidWheelFilename as error:
        raise _bad(text, str(error)) from error
    return WheelFilename(name, version, build, tags, variant, "-".join(fields[:2]))


def add_label(text: str, label: str) -> str:
    """The name of a variant of a wheel, every other field spelled as it was.

    Args:
        text: file name of a wheel without a label.
        label: of the variant (PEP 825).

    Raises:
        InvalidInput: `CB123`, the name or the label is malformed; `CB133`, the name has a label already.
    """
    if (known := parse_wheel_filename(text).variant) is not None:
        message = f"the wheel is variant {known!r} already"
        raise InvalidInput(Code.VARIANT_LABEL, message, subject=text)
    labelled = f"{text.removesuffix(_SUFFIX)}-{label}{_SUFFIX}"
    if not _LABEL.fullmatch(label) or parse_wheel_filename(labelled).variant != label:
        raise _bad(labelled, f"{label!r} is not a variant label (lowercase letters, digits, `.` and `_`)")
    return labelled


def drop_label(text: str) -> tuple[str, str]:
    """The name without its label, and the label.

    Raises:
        InvalidInput: `CB123`, the name is malformed; `CB133`, it has no label.
    """
    label = parse_wheel_filename(text).variant
    if label is None:
        raise InvalidInput(Code.VARIANT_LABEL, "the wheel is not a variant", subject=text)
    return text.removesuffix(f"-{label}{_SUFFIX}") + _SUFFIX, label


def _bad(text: str, message: str) -> InvalidInput:
    return InvalidInput(Code.WHEEL_FILENAME, message, subject=text)
