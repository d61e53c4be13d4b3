"""METADATA and PKG-INFO: reading any version of core metadata, writing 2.4 (PEP 566, PEP 639, PEP 685)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from bridge.formats.wheel.headers import Header, bad, format_headers, parse_headers, split_headers
from bridge.formats.wheel.metadata_fields import (
    BREAKS,
    licence_headers,
    license_file,
    one_line,
    spdx,
    url_headers,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.utils import NormalizedName

_FIELD: Final = "METADATA"
_WRITTEN_VERSION: Final = (2, 4)
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


def rewrite(
    meta: CoreMetadata,
    *,
    requires_dist: Sequence[Requirement],
    requires_python: SpecifierSet | None,
    license_files: Sequence[str],
    version: Version | None = None,
    provides_extra: Sequence[str] = (),
) -> bytes:
    """METADATA 2.4 with these requirements and licence files instead of the old ones, all else kept.

    Args:
        meta: the metadata to keep.
        requires_dist: the whole new list, conditional requirements of extras included.
        requires_python: None or empty for no such header.
        license_files: paths below `.dist-info/licenses/`.
        version: in place of the old version.
        provides_extra: normalised names of extras to add to those that are there.

    Raises:
        InvalidInput: `CB121` for a licence file path that core metadata does not allow.
    """
    replaced: dict[str, list[Header]] = {
        "requires-python": [("Requires-Python", str(requires_python))] if requires_python else [],
        "requires-dist": [("Requires-Dist", str(requirement)) for requirement in requires_dist],
        "license-file": [("License-File", license_file(path, meta.subject)) for path in license_files],
    }
    written = max(meta.metadata_version, _WRITTEN_VERSION)
    headers: list[Header] = [("Metadata-Version", ".".join(map(str, written)))]
    for name, value in meta.headers:
        match name.lower():
            case "metadata-version":
                pass
            case "description-content-type" if value == "UNKNOWN":
                pass  # how old setuptools said that there is none; as a content type it is invalid
            case "version" if version is not None:
                headers.append((name, str(version)))
            case "summary":
                headers.append((name, one_line(value) if BREAKS.search(value) else value))
            case "license-expression":
                headers.extend(licence_headers(value, keep_invalid=meta.license is None))
            case key if key in replaced:
                headers.extend(replaced[key])
                replaced[key] = []
            case _:
                headers.append((name, value))
    for rest in replaced.values():
        headers.extend(rest)
    present = set(meta.provides_extra)
    headers.extend(("Provides-Extra", extra) for extra in provides_extra if extra not in present)
    return _assemble(headers, meta.body)


def build(
    *,
    name: str,
    version: Version,
    summary: str = "",
    description: str = "",
    description_content_type: str | None = None,
    home_page: str = "",
    license: str = "",  # noqa: A002 - the name of the field
    project_urls: Mapping[str, str] | None = None,
    requires_dist: Sequence[Requirement] = (),
    requires_python: SpecifierSet | None = None,
    license_files: Sequence[str] = (),
    keywords: Sequence[str] = (),
    classifiers: Sequence[str] = (),
    provides_extra: Sequence[str] = (),
) -> bytes:
    """METADATA 2.4 for a package that has none of its own.

    Line breaks in one-line fields become spaces and control characters are left out, so that no value can add
    a header.

    Args:
        name: of the project.
        version: of the release.
        summary: one line.
        description: the long description.
        description_content_type: of `description`, for example `text/markdown`.
        home_page: URL; becomes the project URL `Homepage`.
        license: an SPDX expression becomes License-Expression, anything else License.
        project_urls: label to URL, in the order to be written.
        requires_dist: requirements.
        requires_python: None or empty for no such header.
        license_files: paths below `.dist-info/licenses/`.
        keywords: search terms.
        classifiers: trove classifiers.
        provides_extra: names of extras.

    Raises:
        InvalidInput: `CB121` for a name or a licence file path that core metadata does not allow.
    """
    try:
        canonicalize_name(name, validate=True)
    except InvalidName as error:
        raise bad(name, "Name", "the name is not one that a Python project can have") from error
    headers: list[Header] = [
        ("Metadata-Version", ".".join(map(str, _WRITTEN_VERSION))),
        ("Name", name),
        ("Version", str(version)),
    ]
    if one_line(summary):
        headers.append(("Summary", one_line(summary)))
    headers.extend(url_headers({"Homepage": home_page, **(project_urls or {})}))
    terms = [term for keyword in keywords if (term := one_line(keyword).replace(",", " "))]
    if terms:
        headers.append(("Keywords", ",".join(terms)))
    if one_line(license):
        headers.extend(licence_headers(license, keep_invalid=True))
    headers.extend(("License-File", license_file(path, name)) for path in license_files)
    headers.extend(("Classifier", one_line(value)) for value in classifiers)
    if requires_python:
        headers.append(("Requires-Python", str(requires_python)))
    headers.extend(("Requires-Dist", str(requirement)) for requirement in requires_dist)
    headers.extend(("Provides-Extra", one_line(extra)) for extra in provides_extra)
    if description_content_type:
        headers.append(("Description-Content-Type", one_line(description_content_type)))
    return _assemble(headers, description.replace("\x00", "").encode("utf-8", "replace"))


def _assemble(headers: list[Header], body: bytes) -> bytes:
    return format_headers(headers).encode("utf-8") + (b"\n" + body if body else b"")


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
