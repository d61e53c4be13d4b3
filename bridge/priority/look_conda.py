"""One channel as an audit sees it: the records of the names in question, as they are and whatever they are worth."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from threading import Lock
from typing import Any, Final, TypeGuard
from urllib.parse import quote, urljoin

from bridge.channel.document import DOCUMENT_SIZE, parse_repodata
from bridge.channel.known_index import REPODATA
from bridge.channel.solve import required_name
from bridge.errors import BridgeError
from bridge.formats.conda.identifiers import printable
from bridge.model.conda import Subdir
from bridge.priority.catalogue import CataloguedFile, CataloguedProject, Listing, Silence, silence_of, worse
from bridge.priority.configs.addresses import cleaned, same_address
from bridge.priority.overlay_fetch import Origins
from bridge.priority.policy import Ecosystem, Source

_NOARCH: Final = Subdir("noarch")
_SECTIONS: Final = ("packages", "packages.conda")
#: sections of `v3` (CEP 48), and what their keys lack.
_LATER: Final = {"tar.bz2": ".tar.bz2", "conda": ".conda"}
_RELATIONS: Final = ("base", "overrides")
#: characters of an address.
_LONGEST: Final = 2048
_ADDRESS: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s\"'\[\],]+")
#: fields of a record that decide what is installed with it; where sources differ in them, one of them is wrong.
_STATED: Final = (
    *("version", "build", "build_number", "depends", "constrains"),
    *("track_features", "features", "noarch", "extra_depends", "flags"),
)


class ChannelLook:
    """Reads a channel once, when it is first asked."""

    ecosystem: Final = Ecosystem.CONDA

    def __init__(self, source: Source, origins: Origins, subdirs: Sequence[Subdir]) -> None:
        self._source = source
        self._origins = origins
        self._subdirs = sorted({*subdirs, _NOARCH})
        self._lock = Lock()
        self._read = False
        self._silence: Silence | None = None
        self._problems: list[str] = []
        self._relations: set[str] = set()
        self._bases: set[str] = set()
        self._records: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = defaultdict(list)
        self._found: dict[str, CataloguedProject] = {}

    def find(self, name: str, _extras: frozenset[str] = frozenset()) -> frozenset[tuple[str, frozenset[str]]]:
        """Look for a name, in lowercase; gives what it requires."""
        self._open()
        records = self._records.get(name, ())
        files = tuple(_file(name, filename, base, record) for filename, base, record in records)
        if files:
            self._found[name] = CataloguedProject(name, files)
        names = required_names({spec for file in files for spec in file.requires})
        return frozenset((name, frozenset()) for name in names)

    def listing(self) -> Listing:
        """What was found."""
        self._open()
        return Listing(
            cleaned(self._source.conda or ""),
            Ecosystem.CONDA,
            dict(sorted(self._found.items())),
            self._silence is None,
            tuple(sorted(self._relations)),
            tuple(sorted(self._bases)),
            tuple(self._problems),
            silence=self._silence or Silence.UNREACHED,
        )

    def _open(self) -> None:
        """Read the channel, unless that has been done."""
        with self._lock:
            if self._read:
                return
            self._read = True
            documents = 0
            for subdir in self._subdirs:
                try:
                    document = self._document(subdir)
                except BridgeError as error:
                    # what cannot be read may say anything, so that nothing is known of any name
                    self._silence = worse(self._silence, silence_of(error))
                    self._problems.append(f"{subdir}: {error.message}")
                    continue
                if document is not None:
                    documents += 1
                    self._index(document, subdir)
            if not documents and self._silence is None:
                # no client takes such an address for a channel (CEP 26)
                self._silence = Silence.REFUSED
                self._problems.append(f"has no {REPODATA} in any of {', '.join(self._subdirs)}")

    def _document(self, subdir: Subdir) -> Mapping[str, Any] | None:
        for suffix in (".zst", ""):
            address = f"{self._source.conda}/{subdir}/{REPODATA}{suffix}"
            answer = self._origins.get(self._source, Ecosystem.CONDA, address, limit=DOCUMENT_SIZE)
            if answer is not None:
                return parse_repodata(answer.body, f"{subdir}/{REPODATA}", compressed=bool(suffix))
        return None

    def _index(self, document: Mapping[str, Any], subdir: Subdir) -> None:
        here = f"{cleaned(self._source.conda or '')}/{subdir}/"
        info = _object(document, "info")
        base = here
        if _is_reference(stated := info.get("base_url")):
            base = f"{cleaned(_joined(here, stated))}/"
            if not same_address(base, here):
                self._bases.add(base)
        relations = _object(info, "channel_relations")
        for value in (relations.get(key) for key in _RELATIONS):
            # a list is not what CEP 42 says, and read all the same
            for reference in value if isinstance(value, list) else [value]:
                if _is_reference(reference):
                    channel = f"{cleaned(self._source.conda or '')}/"
                    self._relations.add(cleaned(_joined(channel, reference)))
        for filename, record in _entries(document):
            name = record.get("name")
            if isinstance(name, str):
                self._records[name.lower()].append((filename, base, record))


def _entries(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for section in _SECTIONS:
        for key, record in _object(document, section).items():
            if isinstance(record, dict):
                yield key, record
    later = _object(document, "v3")
    for section, extension in _LATER.items():
        for key, record in _object(later, section).items():
            if isinstance(record, dict):
                yield f"{key}{extension}", record


def _file(name: str, filename: str, base: str, record: Mapping[str, Any]) -> CataloguedFile:
    sha256 = record.get("sha256")
    size = record.get("size")
    depends = record.get("depends")
    flags = record.get("flags")
    return CataloguedFile(
        printable(filename),
        printable(str(record.get("version") or "")),
        sha256.lower() if isinstance(sha256, str) else None,
        f"{base}{quote(filename)}",
        tuple(_spec(spec) for spec in depends if isinstance(spec, str)) if isinstance(depends, list) else (),
        stated=said_by(name, record),
        size=size if isinstance(size, int) and not isinstance(size, bool) else None,
        properties=tuple(printable(str(flag)) for flag in flags) if isinstance(flags, list) else None,
    )


def said_by(name: str, record: Mapping[str, Any]) -> str:
    """Something that is equal where two records, or a record and an `index.json`, say the same about a package."""
    said = {key: record[key] for key in _STATED if record.get(key)}
    return hashlib.sha256(json.dumps([name, said], sort_keys=True).encode()).hexdigest()


def required_names(specs: Iterable[str]) -> frozenset[str]:
    """The packages that match specs name, without virtual ones."""
    found = {required_name(spec) for spec in specs}
    return frozenset(name for name in found if name is not None and not name.startswith("__"))


def _spec(text: str) -> str:
    """A match spec, without the secrets of an address in it."""
    return _ADDRESS.sub(lambda match: cleaned(match[0]), text)


def _is_reference(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= _LONGEST and value.isprintable()


def _joined(base: str, reference: str) -> str:
    try:
        return urljoin(base, reference)
    except ValueError:
        return reference


def _object(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}
