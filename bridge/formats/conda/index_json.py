"""`info/index.json` (CEP 34; CEP 17, 43, 44 and 45 for the newer keys)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from rattler import MatchSpec
from rattler.exceptions import InvalidMatchSpecError

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.documents import Document, load_document
from bridge.formats.conda.identifiers import parse_build, parse_name, parse_subdir, parse_version, printable
from bridge.formats.conda.paths import check_path
from bridge.model.conda import IndexJson, Noarch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.limits import Limits

INDEX_PATH: Final = "info/index.json"

#: CEP 43 defines 3; a later version may say things that this reader would miss.
_NEWEST_SCHEMA: Final = 3
#: conda-forge's longest (microarchitecture lists) have about 400 characters.
_SPEC_LENGTH: Final = 4096
#: 31 December 9999 in seconds: smaller timestamps were written in seconds, as clients assume too.
_LAST_SECOND: Final = 253_402_300_799

#: integers beyond it are no numbers to the solver's parser, which would refuse the whole channel.
_LARGEST: Final = 2**63 - 1

_FLAG: Final = re.compile(r"[a-z0-9_]+(?::[a-z0-9_]+)?")
_GROUP: Final = re.compile(r"[a-z0-9_.+-]{1,64}")


def parse_index(data: bytes, limits: Limits, *, subject: str) -> IndexJson:
    """The parsed and checked `info/index.json`.

    Raises:
        InvalidInput: CB109, CB111 (missing keys, wrong types), CB115 (identifiers), CB116 (a requirement).
    """
    return index_from_document(load_document(data, limits, subject=subject, field=INDEX_PATH), limits)


def index_from_document(document: Document, limits: Limits) -> IndexJson:
    """The same for an object that is already parsed, such as a record of a channel.

    Raises:
        InvalidInput: CB111, CB115, CB116.
    """
    subject, field = document.subject, document.field
    schema = document.integer("schema_version", 1)
    if not 1 <= schema <= _NEWEST_SCHEMA:
        raise document.refuse("schema_version", f"is {schema}; versions 1 to {_NEWEST_SCHEMA} are known")
    extras = document.nested(document.raw.get("extra_depends", {}), "extra_depends")
    site_packages = document.text("python_site_packages_path")
    if site_packages is not None:
        check_path(site_packages, limits, subject=subject, field=f"{field}: python_site_packages_path")
    return IndexJson(
        name=parse_name(document.require("name"), subject=subject, field=f"{field}: name"),
        version=parse_version(document.require("version"), subject=subject, field=f"{field}: version"),
        build=parse_build(document.require("build"), subject=subject, field=f"{field}: build"),
        build_number=_number(document, "build_number"),
        subdir=parse_subdir(document.require("subdir"), subject=subject, field=f"{field}: subdir"),
        depends=_specs(document, document.texts("depends"), "depends"),
        constrains=_specs(document, document.texts("constrains"), "constrains"),
        noarch=_noarch(document),
        track_features=_features(document),
        timestamp=_timestamp(document),
        license=document.text("license"),
        python_site_packages_path=site_packages,
        flags=_flags(document),
        extra_depends={
            _group(document, group): _specs(document, extras.texts(group), f"extra_depends.{group}")
            for group in extras.raw
        },
        schema_version=schema,
        raw=document.raw,
    )


def _specs(document: Document, specs: Iterable[str], key: str) -> tuple[str, ...]:
    checked = tuple(specs)
    for spec in checked:
        try:
            if len(spec) > _SPEC_LENGTH:
                raise document.refuse(key, f"holds a spec of {len(spec)} characters", Code.BAD_SPEC)
            _check_spec(spec)
        except InvalidMatchSpecError as error:
            raise InvalidInput(
                Code.BAD_SPEC,
                f"not a requirement: {printable(spec)!r} ({printable(str(error))})",
                subject=document.subject,
                field=f"{document.field}: {key}",
            ) from error
    return checked


@lru_cache(maxsize=16384)
def _check_spec(spec: str) -> None:
    """Raises what py-rattler does; packages of a channel have most of their requirements in common."""
    MatchSpec(spec, strict=False)


def _noarch(document: Document) -> Noarch:
    value = document.raw.get("noarch")
    # conda-build 2 wrote booleans, for what is called generic now.
    if value is None or value is False:
        return Noarch.NO
    if value is True or value == "generic":
        return Noarch.GENERIC
    if value == "python":
        return Noarch.PYTHON
    raise document.refuse("noarch", "is neither 'generic' nor 'python'")


def _features(document: Document) -> tuple[str, ...]:
    value = document.raw.get("track_features")
    if isinstance(value, list):
        return document.strings(value, "track_features")
    return tuple((document.text("track_features") or "").replace(",", " ").split())


def _number(document: Document, key: str) -> int:
    value = document.integer(key)
    if value > _LARGEST:
        raise document.refuse(key, "is no 64-bit number")
    return value


def _timestamp(document: Document) -> int | None:
    if document.raw.get("timestamp") is None:
        return None
    value = _number(document, "timestamp")
    return value * 1000 if value <= _LAST_SECOND else value


def _flags(document: Document) -> tuple[str, ...]:
    flags = document.texts("flags")
    if not all(_FLAG.fullmatch(flag) for flag in flags):
        raise document.refuse("flags", "holds something that CEP 45 does not allow")
    return flags


def _group(document: Document, group: str) -> str:
    if _GROUP.fullmatch(group) is None:
        raise document.refuse("extra_depends", "has a group name that CEP 44 does not allow")
    return group
