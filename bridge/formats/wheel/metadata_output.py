"""METADATA of the wheels that are written: core metadata 2.4 (PEP 566, PEP 639, PEP 685)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from packaging.utils import InvalidName, canonicalize_name

from bridge.formats.wheel.headers import Header, bad, format_headers
from bridge.formats.wheel.metadata_fields import BREAKS, licence_headers, license_file, one_line, url_headers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    from bridge.formats.wheel.core_metadata import CoreMetadata

_WRITTEN_VERSION: Final = (2, 4)


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
    terms = [term for keyword in keywords if (term := one_line(keyword).replace(",", " ").strip())]
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
