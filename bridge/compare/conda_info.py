"""`info/` of two conda packages, field by field (CEP 34)."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from bridge.compare.comparison import Difference, differ
from bridge.compare.values import fields, json_object, json_value, members, specs
from bridge.formats.conda.about_json import ABOUT_PATH
from bridge.formats.conda.index_json import INDEX_PATH
from bridge.formats.conda.link_json import LINK_PATH
from bridge.formats.conda.paths_json import FILES_PATH, HAS_PREFIX_PATH, NO_LINK_PATH, PATHS_PATH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bridge.compare.packages import CondaPackage

RUN_EXPORTS_PATH: Final = "info/run_exports.json"
#: where about.json has the bridge's own record (`extra`).
OWN_EXTRA: Final = "conda-wheel-bridge"

_LICENCE: Final = re.compile(r"info/(?:licenses?/.+|(?:LICEN[CS]E|COPYING|NOTICE|AUTHORS)[^/]*)", re.IGNORECASE)
#: compared by their meaning, or with the payload, or said better by paths.json.
_READ: Final = frozenset(
    {ABOUT_PATH, INDEX_PATH, LINK_PATH, PATHS_PATH, RUN_EXPORTS_PATH, FILES_PATH, HAS_PREFIX_PATH, NO_LINK_PATH}
)

#: parsed before they are compared: two spellings of one value are no difference.
_INDEX_PARSED: Final = ("depends", "constrains", "extra_depends", "flags", "noarch", "timestamp", "track_features")
#: when it was built, what `subdir` says again, and what channels add to their records.
_INDEX_IDLE: Final = frozenset({"arch", "platform", "license_family", "fn", "url", "channel", "md5", "sha256", "size"})
#: a schema that nothing in the document needs is the first one.
_FIRST_SCHEMA: Final = 1
#: how the package was built, by which tools and under which names; nothing of it concerns who installs it.
_ABOUT_IDLE: Final = frozenset(
    {
        "channels",
        "conda_build_version",
        "conda_env_version",
        "conda_private",
        "conda_version",
        "env_vars",
        "identifiers",
        "keywords",
        "license_family",
        "rattler_build_version",
        "root_pkgs",
        "tags",
    }
)
#: of the bridge's record: who converted, and with which data.
_RECORD_IDLE: Final = frozenset({"tool", "mappings", "losses", "schema"})


def compare_info(left: CondaPackage, right: CondaPackage) -> Iterator[Difference]:
    """Everything under `info/` but paths.json, which `compare_payload` reads."""
    yield from _index(left, right)
    yield from _about(left, right)
    yield from _link(json_object(left.info.get(LINK_PATH)), json_object(right.info.get(LINK_PATH)))
    yield from _run_exports(json_value(left.info.get(RUN_EXPORTS_PATH)), json_value(right.info.get(RUN_EXPORTS_PATH)))
    yield from _files(left.info, right.info)
    one, other = left.metadata.info_links, right.metadata.info_links
    for path in sorted(one.keys() | other.keys()):
        yield from differ(f"{info_part(path)}: link target", one.get(path), other.get(path), matters=False)


def _index(left: CondaPackage, right: CondaPackage) -> Iterator[Difference]:
    one, other = left.metadata.index, right.metadata.index
    where = "index.json"
    yield from fields(
        where, one.raw, other.raw, aside=(*_INDEX_PARSED, "schema_version"), idle=_INDEX_IDLE, unordered=("features",)
    )
    yield from specs(f"{where}: depends", one.depends, other.depends)
    yield from specs(f"{where}: constrains", one.constrains, other.constrains)
    for group in sorted(one.extra_depends.keys() | other.extra_depends.keys()):
        if group in one.extra_depends and group in other.extra_depends:
            yield from specs(f"{where}: extra_depends: {group}", one.extra_depends[group], other.extra_depends[group])
        else:
            ours, theirs = (each.extra_depends.get(group) for each in (one, other))
            yield from differ(
                f"{where}: extra_depends: {group}",
                None if ours is None else sorted(ours),
                None if theirs is None else sorted(theirs),
            )
    yield from members(f"{where}: flags", one.flags, other.flags)
    yield from members(f"{where}: track_features", one.track_features, other.track_features)
    yield from differ(f"{where}: noarch", one.noarch.value, other.noarch.value)
    # It breaks ties between builds that are alike in all else, so a rebuild differs in nothing else.
    yield from differ(f"{where}: timestamp", one.timestamp, other.timestamp, matters=False)
    schemas = one.schema_version, other.schema_version
    yield from differ(f"{where}: schema_version", *schemas, matters=max(schemas) > _FIRST_SCHEMA)


def _about(left: CondaPackage, right: CondaPackage) -> Iterator[Difference]:
    one, other = left.metadata.about.raw, right.metadata.about.raw
    yield from fields("about.json", one, other, aside=("extra",), idle=_ABOUT_IDLE)
    ours, theirs = _object(one.get("extra")), _object(other.get("extra"))
    yield from fields("about.json: extra", ours, theirs, aside=(OWN_EXTRA,), idle=ours.keys() | theirs.keys())
    yield from fields(
        f"about.json: extra: {OWN_EXTRA}",
        _object(ours.get(OWN_EXTRA)),
        _object(theirs.get(OWN_EXTRA)),
        idle=_RECORD_IDLE,
    )


def _link(left: dict[str, Any] | None, right: dict[str, Any] | None) -> Iterator[Difference]:
    one, other = left or {}, right or {}
    # Without link.json a package says what an empty one of version 1 says.
    yield from fields(
        "link.json", {"package_metadata_version": 1, **one}, {"package_metadata_version": 1, **other}, aside=("noarch",)
    )
    ours, theirs = _object(one.get("noarch")), _object(other.get("noarch"))
    yield from fields("link.json: noarch", ours, theirs, aside=("entry_points",))
    yield from members("link.json: noarch: entry_points", _points(ours), _points(theirs))


def _points(section: Mapping[str, Any]) -> list[str]:
    found = section.get("entry_points") or []
    return [" = ".join(part.strip() for part in str(text).split("=", 1)) for text in found]


def _run_exports(left: Any, right: Any) -> Iterator[Difference]:
    one, other = _exports(left), _exports(right)
    for kind in sorted(one.keys() | other.keys()):
        ours, theirs = one.get(kind) or [], other.get(kind) or []
        where = f"run_exports.json: {kind}"
        if all(isinstance(each, list) and all(isinstance(text, str) for text in each) for each in (ours, theirs)):
            yield from specs(where, ours, theirs)
        else:
            yield from differ(where, ours, theirs)


def _exports(value: Any) -> dict[str, Any]:
    # A plain list stood for the weak ones before there were others.
    return {"weak": value} if isinstance(value, list) else _object(value)


def _files(left: Mapping[str, bytes], right: Mapping[str, bytes]) -> Iterator[Difference]:
    """Licences, which must come along, and recipes, tests and logs, which installers do not look at."""
    for path in sorted((left.keys() | right.keys()) - _READ):
        one, other = left.get(path), right.get(path)
        if one == other or (path.endswith(".json") and _same_json(one, other)):
            continue
        yield from differ(info_part(path), _content(one), _content(other), matters=is_licence(path))


def _same_json(one: bytes | None, other: bytes | None) -> bool:
    ours = json_value(one)
    return ours is not None and next(differ("", ours, json_value(other)), None) is None


def _content(data: bytes | None) -> str | None:
    return None if data is None else described(data)


def info_part(path: str) -> str:
    """`where` of a file under `info/`."""
    return f"info: {path.removeprefix('info/')}"


def is_licence(path: str) -> bool:
    """Whether a path under `info/` is that of a licence."""
    return _LICENCE.fullmatch(path) is not None


def described(data: bytes) -> str:
    """A file as the value of a difference."""
    return f"file of {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}"


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
