"""METADATA and PKG-INFO: reading any version of core metadata (PEP 566, PEP 639, PEP 685)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from bridge.formats.wheel.headers import Header, bad, parse_headers, split_headers
from bridge.formats.wheel.metadata_fields import one_line, spdx

if TYPE_CHECKING:
    from packaging.utils import NormalizedName

_FIELD: Final = "METADATA"
#: from this version on the file is UTF-8 (PEP 566); older ones were written in the encoding of the machine.
_FIRST_UTF8_VERSION: Final = (2, 1)
_METADATA_VERSION: Final = re.compile(r"([0-9])\.([0-9]{1,2})")
_NEWEST_MAJOR: Final = 2

#: fields that occur once; two of them would let two readers see two projects.
_SINGLE_USE: Final = frozenset(
    {
        "metadata-version",
        "name",
        "version",
        "summary",
        "description",
        "description-content-type",
        "keywords",
        "home-page",
        "download-url",
        "author",
        "author-email",
        "maintainer",
        "maintainer-email",
        "license",
        "license-expression",
        "requires-python",
    }
)
#: continuation lines of an old Description header start with eight spaces, or with seven and a bar.
_FOLD: Final = re.compile(r"(?:       \||[ ]{8}|[ \t]+)")


@dataclass(frozen=True, slots=True)
class CoreMetadata:
    """One METADATA or PKG-INFO file: its headers in order, and the description."""

    name: str
    version: Version
    #: major and minor.
    metadata_version: tuple[int, int]
    #: every header but Description; folded values keep their line breaks and indentation.
    headers: tuple[Header, ...]
    #: the description, UTF-8, exactly as in the body (or unfolded from an old Description header).
    body: bytes
    #: the artifact, for messages.
    subject: str

    @property
    def normalized_name(self) -> NormalizedName:
        return canonicalize_name(self.name)

    @property
    def description(self) -> str:
        return self.body.decode("utf-8")

    @property
    def summary(self) -> str:
        return one_line(self.get("Summary") or "")

    @property
    def requires_python(self) -> SpecifierSet | None:
        """Raises: InvalidInput: `CB121` for a value that PEP 440 does not allow."""
        value = self.get("Requires-Python")
        if value is None:
            return None
        try:
            return SpecifierSet(value)
        except InvalidSpecifier as error:
            raise bad(self.subject, "Requires-Python", f"{value!r} is not a version specifier") from error

    @property
    def requires_dist(self) -> tuple[Requirement, ...]:
        """Raises: InvalidInput: `CB121` for a value that PEP 508 does not allow."""
        requirements = []
        for value in self.get_all("Requires-Dist"):
            try:
                requirements.append(Requirement(value))
            except (InvalidRequirement, RecursionError) as error:
                raise bad(self.subject, "Requires-Dist", f"{value[:200]!r} is not a requirement") from error
        return tuple(requirements)

    @property
    def provides_extra(self) -> tuple[NormalizedName, ...]:
        """Raises: InvalidInput: `CB121` for a name that PEP 685 does not allow."""
        try:
            return tuple(canonicalize_name(value, validate=True) for value in self.get_all("Provides-Extra"))
        except InvalidName as error:
            raise bad(self.subject, "Provides-Extra", str(error)) from error

    @property
    def license(self) -> str | None:
        return self.get("License")

    @property
    def license_expression(self) -> str | None:
        """The SPDX expression in canonical spelling; None where there is none or it is not valid."""
        value = self.get("License-Expression")
        return None if value is None else spdx(value)

    @property
    def license_files(self) -> tuple[str, ...]:
        return self.get_all("License-File")

    @property
    def classifiers(self) -> tuple[str, ...]:
        return self.get_all("Classifier")

    @property
    def project_urls(self) -> tuple[tuple[str, str], ...]:
        """Label and URL, as given."""
        split = (value.partition(",") for value in self.get_all("Project-URL"))
        return tuple((label.strip(), url.strip()) for label, _, url in split)

    def get(self, field: str) -> str | None:
        """The first value of a header, by name without regard to case."""
        return next(iter(self.get_all(field)), None)

    def get_all(self, field: str) -> tuple[str, ...]:
        """Every value of a header, in order."""
        wanted = field.lower()
        return tuple(value for name, value in self.headers if name.lower() == wanted)


def parse_core_metadata(data: bytes, subject: str) -> CoreMetadata:
    """Parse METADATA or PKG-INFO of any version.

    Args:
        data: the file.
        subject: the artifact, for messages.

    Raises:
        InvalidInput: `CB121` for malformed headers, a repeated single-use field, an encoding other than UTF-8
            where the version wants UTF-8, and a missing or invalid Metadata-Version, Name or Version. Other
            fields are checked by their accessors.
    """
    block, body = split_headers(data)
    try:
        text, utf8 = block.decode("utf-8"), True
    except UnicodeDecodeError:
        text, utf8 = block.decode("latin-1"), False
    headers = parse_headers(text, subject, _FIELD)
    _check_single_use(headers, subject)
    version = _metadata_version(headers, subject)
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        body, utf8 = body.decode("latin-1").encode("utf-8"), False
    if not utf8 and version >= _FIRST_UTF8_VERSION:
        raise bad(subject, _FIELD, "the file is not UTF-8")
    headers, body = _take_description(headers, body, subject)
    return CoreMetadata(
        name=_name(headers, subject),
        version=_version(headers, subject),
        metadata_version=version,
        headers=headers,
        body=body,
        subject=subject,
    )


def _check_single_use(headers: tuple[Header, ...], subject: str) -> None:
    seen: set[str] = set()
    for name, _ in headers:
        key = name.lower()
        if key in _SINGLE_USE and key in seen:
            raise bad(subject, name, "the field is there twice")
        seen.add(key)


def _find(headers: tuple[Header, ...], field: str, subject: str) -> str:
    for name, value in headers:
        if name.lower() == field.lower():
            return value
    raise bad(subject, field, "the field is missing")


def _metadata_version(headers: tuple[Header, ...], subject: str) -> tuple[int, int]:
    text = _find(headers, "Metadata-Version", subject)
    match = _METADATA_VERSION.fullmatch(text)
    if match is None:
        raise bad(subject, "Metadata-Version", f"{text!r} is not a version of core metadata")
    version = int(match[1]), int(match[2])
    if version[0] > _NEWEST_MAJOR:
        raise bad(subject, "Metadata-Version", f"version {text} of core metadata is not supported")
    return version


def _name(headers: tuple[Header, ...], subject: str) -> str:
    name = _find(headers, "Name", subject)
    try:
        canonicalize_name(name, validate=True)
    except InvalidName as error:
        raise bad(subject, "Name", f"{name!r} is not the name of a project") from error
    return name


def _version(headers: tuple[Header, ...], subject: str) -> Version:
    text = _find(headers, "Version", subject)
    try:
        return Version(text)
    except InvalidVersion as error:
        raise bad(subject, "Version", f"{text!r} is not a PEP 440 version") from error


def _take_description(headers: tuple[Header, ...], body: bytes, subject: str) -> tuple[tuple[Header, ...], bytes]:
    """Move a Description header, where versions before 2.1 had it, into the body."""
    rest = tuple(header for header in headers if header[0].lower() != "description")
    if len(rest) == len(headers):
        return rest, body
    if body.strip():
        raise bad(subject, "Description", "there is a description in the headers and another in the body")
    first, *lines = _find(headers, "Description", subject).split("\n")
    text = "\n".join([first, *(_FOLD.sub("", line, count=1) for line in lines)])
    return rest, f"{text}\n".encode()
