"""What the last index of a platform directory said, so far as the next one keeps it.

A record says which bytes it is about; an entry of `run_exports.json` does not. So that file names the `repodata.json`
that it was written with, and is believed only beside that one: another tool may have replaced one of the two.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bridge.channel.document import read_document
from bridge.channel.location import locate
from bridge.errors import Code, InvalidInput, Unsupported
from bridge.formats.conda.documents import load_document
from bridge.limits import DEFAULT_LIMITS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bridge.model.conda import Subdir

REPODATA: Final = "repodata.json"
RUN_EXPORTS: Final = "run_exports.json"
#: key of `info` in `run_exports.json`: sha256 of the `repodata.json` beside it.
COMPANION: Final = "repodata_sha256"
#: keys of `channel_relations` (CEP 42).
_RELATIONS: Final = ("base", "overrides")


@dataclass(frozen=True, slots=True)
class KnownIndex:
    """Records and run exports by file name, and relations to other channels; JSON values that nobody has checked."""

    records: Mapping[str, Any]
    run_exports: Mapping[str, Any]
    relations: Mapping[str, str]


def read_known(directory: Path, subdir: Subdir) -> KnownIndex:
    """Read the index files of `directory/subdir`; what is missing or malformed says nothing.

    Raises:
        Unsupported: CB339, the packages of the index lie elsewhere (CEP 15), so that it must not be replaced.
    """
    try:
        repodata = read_document(locate(directory), subdir) or {}
    except InvalidInput:
        repodata = {}
    info = _object(repodata, "info")
    if info.get("base_url"):
        message = "its info.base_url says that the packages lie elsewhere"
        raise Unsupported(Code.ELSEWHERE, message, subject=f"{subdir}/{REPODATA}")
    relations = _object(info, "channel_relations")
    return KnownIndex(
        records=_by_filename(repodata),
        run_exports=_run_exports(directory / subdir),
        relations={key: relations[key] for key in _RELATIONS if isinstance(relations.get(key), str)},
    )


def _run_exports(directory: Path) -> dict[str, Any]:
    try:
        companion = hashlib.sha256((directory / REPODATA).read_bytes()).hexdigest()
        data = (directory / RUN_EXPORTS).read_bytes()
        document = load_document(data, DEFAULT_LIMITS, subject=directory.name, field=RUN_EXPORTS).raw
    except (OSError, InvalidInput):
        return {}
    if _object(document, "info").get(COMPANION) != companion:
        return {}
    return {
        filename: entry["run_exports"]
        for section in ("packages", "packages.conda")
        for filename, entry in _object(document, section).items()
        if isinstance(entry, dict) and isinstance(entry.get("run_exports"), dict)
    }


def _by_filename(repodata: Mapping[str, Any]) -> dict[str, Any]:
    later = _object(repodata, "v3")
    records = {**_object(repodata, "packages"), **_object(repodata, "packages.conda")}
    for extension in ("tar.bz2", "conda"):
        records.update({f"{stem}.{extension}": record for stem, record in _object(later, extension).items()})
    return {filename: record for filename, record in records.items() if isinstance(record, dict)}


def _object(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}
