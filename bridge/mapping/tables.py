"""The data under `mappings/` as one frozen snapshot, with the user's overlay files on top."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import translate
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from packaging.utils import NormalizedName, canonicalize_name

from bridge.errors import Code, InvalidInput
from bridge.mapping.yaml_file import data_directory, parse_yaml, read_overlay
from bridge.model.conda import CondaName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_DISTRIBUTION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_CONDA_NAME = re.compile(r"_{0,2}[a-z0-9](?:[a-z0-9._-]*)")
_GLOB = re.compile(r"(?=.*[*?\[])[a-z0-9._*?\[\]-]{2,64}")
_FILES: Final = ("kinds.yaml", "libraries.yaml", "names.yaml", "notes.yaml")


class DependencyKind(Enum):
    """What a conda dependency is on the wheel's side; only the first two become requirements."""

    PYTHON = "python"
    NATIVE = "native"
    #: `__glibc` ...: facts about the machine (CEP 30).
    VIRTUAL = "virtual"
    #: `python` itself and what marks its ABI.
    INTERPRETER = "interpreter"
    #: no files; only one build of it can be installed.
    MUTEX = "mutex"
    #: what a compiler's output needs on every machine.
    RUNTIME = "runtime"

    @property
    def requirable(self) -> bool:
        return self in (DependencyKind.PYTHON, DependencyKind.NATIVE)


@dataclass(frozen=True, slots=True)
class Preloaded:
    """A library that a Python process commonly has loaded before any wheel's code runs."""

    #: SONAME up to `.so`, for example `libssl`.
    stem: str
    #: conda packages that provide it.
    packages: tuple[CondaName, ...]
    #: the module of the standard library that loads it.
    because: str


@dataclass(frozen=True, slots=True)
class Note:
    """What planning must know about one conda package and cannot see in its files."""

    #: glob over what follows the install prefix in a binary -> the absolute path that stands for the whole.
    prefix_values: Mapping[str, str] = field(default_factory=dict)
    #: path globs of files that are loaded by name at run time, so that no NEEDED entry leads to them.
    dlopen: tuple[str, ...] = ()
    #: path globs of data files that are needed at run time.
    data: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tables:
    """One snapshot of the mapping data; the user's overlay is kept apart because it wins over every rule."""

    #: conda name -> distribution name, for Python packages; equal names included.
    python: Mapping[CondaName, str]
    #: conda packages that hold no Python project.
    native: frozenset[CondaName]
    native_patterns: tuple[re.Pattern[str], ...]
    #: exact names of kinds that never become requirements.
    kinds: Mapping[CondaName, DependencyKind]
    #: globs of the same, in the order in which they are tried.
    kind_patterns: tuple[tuple[re.Pattern[str], DependencyKind], ...]
    preloaded: tuple[Preloaded, ...]
    notes: Mapping[CondaName, Note]
    overlay: Mapping[CondaName, tuple[DependencyKind, str | None]]
    #: PyPI project -> which of several conda packages with its distribution stands for it, by convention.
    preferred: Mapping[NormalizedName, CondaName]
    #: the same, as the user says.
    chosen: Mapping[NormalizedName, CondaName]
    #: sha256 of the content, for provenance and caches.
    digest: str

    def fixed_kind(self, name: CondaName) -> DependencyKind | None:
        """The kind of a name of the fixed vocabulary, None for packages."""
        if name in self.kinds:
            return self.kinds[name]
        return next((kind for pattern, kind in self.kind_patterns if pattern.fullmatch(name)), None)

    def is_native(self, name: CondaName) -> bool:
        """Whether the name is known to hold no Python project."""
        return name in self.native or any(pattern.fullmatch(name) for pattern in self.native_patterns)

    def note(self, name: CondaName) -> Note:
        return self.notes.get(name, _NO_NOTE)


_NO_NOTE: Final = Note()


@dataclass(slots=True)
class _Draft:
    """Sections of one or more files while they are read."""

    python: dict[CondaName, str] = field(default_factory=dict)
    native: dict[str, None] = field(default_factory=dict)
    kinds: dict[str, DependencyKind] = field(default_factory=dict)
    preloaded: dict[str, Preloaded] = field(default_factory=dict)
    notes: dict[CondaName, Note] = field(default_factory=dict)
    preferred: dict[NormalizedName, CondaName] = field(default_factory=dict)


def load_tables(overlays: Sequence[Path] = ()) -> Tables:
    """Read the project's data and lay the user's files over it; later files win.

    An overlay has the same sections as the project's own files: `python` (conda name: distribution),
    `same` (list), `preferred` (project: conda name), `native` (list), `kinds` (kind: list of names), `preloaded`,
    `notes`. Lists of `native` and `kinds` may hold globs. A list may also be one text, split at white space.

    Raises:
        InvalidInput: CB101 an overlay cannot be read, CB109 it is too large, CB111 it has another form; the
            error names the file and the key.
    """
    return _tables(tuple((str(path), read_overlay(path)) for path in overlays))


@lru_cache(maxsize=8)
def _tables(overlays: tuple[tuple[str, bytes], ...]) -> Tables:
    base, over = _Draft(), _Draft()
    directory = data_directory()
    digest = hashlib.sha256()
    for name in _FILES:
        content = directory.joinpath(name).read_bytes()
        digest.update(b"%d:%b" % (len(content), content))
        _merge(base, parse_yaml(content, name, own=True), name)
    for name, content in overlays:
        digest.update(b"%d:%b" % (len(content), content))
        _merge(over, parse_yaml(content, name), name)
    return Tables(
        python={**base.python, **over.python},
        native=frozenset(
            CondaName(name)
            for name in (*(name for name in base.native if name not in over.python), *over.native)
            if not _is_glob(name)
        ),
        native_patterns=tuple(re.compile(translate(name)) for name in (*over.native, *base.native) if _is_glob(name)),
        kinds={CondaName(name): kind for name, kind in base.kinds.items() if not _is_glob(name)},
        kind_patterns=tuple(
            (re.compile(translate(name)), kind) for name, kind in {**over.kinds, **base.kinds}.items() if _is_glob(name)
        ),
        preloaded=tuple({**base.preloaded, **over.preloaded}.values()),
        notes={**base.notes, **over.notes},
        overlay=_overlay(over),
        preferred=base.preferred,
        chosen=over.preferred,
        digest=digest.hexdigest(),
    )


def _overlay(draft: _Draft) -> dict[CondaName, tuple[DependencyKind, str | None]]:
    answers: dict[CondaName, tuple[DependencyKind, str | None]] = {
        CondaName(name): (kind, None) for name, kind in draft.kinds.items() if not _is_glob(name)
    }
    answers.update((CondaName(name), (DependencyKind.NATIVE, None)) for name in draft.native)
    answers.update((name, (DependencyKind.PYTHON, distribution)) for name, distribution in draft.python.items())
    return answers


def _merge(draft: _Draft, document: Any, subject: str) -> None:
    for section, value in _mapping(document, subject, "").items():
        match section:
            case "python":
                for name, distribution in _mapping(value, subject, section).items():
                    key = f"{section}.{name}"
                    draft.python[_conda_name(name, subject, key)] = _distribution(distribution, subject, key)
            case "same":
                for key, name in _strings(value, subject, section):
                    draft.python[_conda_name(name, subject, key)] = _distribution(name, subject, key)
            case "preferred":
                for project, name in _mapping(value, subject, section).items():
                    key = f"{section}.{project}"
                    chosen = canonicalize_name(_distribution(project, subject, key))
                    draft.preferred[chosen] = _conda_name(name, subject, key)
            case "native":
                for key, name in _strings(value, subject, section):
                    draft.native[_name_or_glob(name, subject, key)] = None
            case "kinds":
                for kind, names in _mapping(value, subject, section).items():
                    found = _kind(kind, subject, f"{section}.{kind}")
                    for key, name in _strings(names, subject, f"{section}.{kind}"):
                        draft.kinds[_name_or_glob(name, subject, key)] = found
            case "preloaded":
                for stem, entry in _mapping(value, subject, section).items():
                    draft.preloaded[stem] = _preloaded(stem, entry, subject, f"{section}.{stem}")
            case "notes":
                for name, entry in _mapping(value, subject, section).items():
                    key = f"{section}.{name}"
                    draft.notes[_conda_name(name, subject, key)] = _note(entry, subject, key)
            case "axes":
                pass  # bridge.mapping.axes_file reads it from the same files
            case _:
                raise _malformed("is not a section of a mapping file", subject, str(section))


def _preloaded(stem: str, value: Any, subject: str, key: str) -> Preloaded:
    entry = _mapping(value, subject, key, {"packages", "because"})
    because = entry.get("because", "")
    if not isinstance(because, str):
        raise _malformed("must be text", subject, f"{key}.because")
    packages = _strings(entry.get("packages", []), subject, f"{key}.packages")
    return Preloaded(stem, tuple(_conda_name(name, subject, where) for where, name in packages), because)


def _note(value: Any, subject: str, key: str) -> Note:
    entry = _mapping(value, subject, key, {"prefix_values", "dlopen", "data"})
    values = _mapping(entry.get("prefix_values", {}), subject, f"{key}.prefix_values")
    for path, replacement in values.items():
        if not (isinstance(replacement, str) and replacement.startswith("/") and "\0" not in replacement):
            raise _malformed("must be an absolute path", subject, f"{key}.prefix_values.{path}")
    return Note(
        prefix_values=dict(values),
        dlopen=tuple(glob for _, glob in _strings(entry.get("dlopen", []), subject, f"{key}.dlopen")),
        data=tuple(glob for _, glob in _strings(entry.get("data", []), subject, f"{key}.data")),
    )


def _mapping(value: Any, subject: str, key: str, allowed: set[str] | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _malformed("must be a mapping", subject, key)
    for name in value:
        if not isinstance(name, str):
            raise _malformed(f"has a key that is not text: {json.dumps(name, default=str)}", subject, key)
        if allowed is not None and name not in allowed:
            raise _malformed(f"has an unknown key (known: {', '.join(sorted(allowed))})", subject, f"{key}.{name}")
    return value


def _strings(value: Any, subject: str, key: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, list | str):
        raise _malformed("must be a list", subject, key)
    for number, item in enumerate(value.split() if isinstance(value, str) else value):
        if not isinstance(item, str):
            raise _malformed("must be text", subject, f"{key}[{number}]")
        yield f"{key}[{number}]", item


def _conda_name(name: Any, subject: str, key: str) -> CondaName:
    if not isinstance(name, str) or not _CONDA_NAME.fullmatch(name) or len(name) > 64:
        raise _malformed(f"{name!r} is not a conda package name", subject, key)
    return CondaName(name)


def _name_or_glob(name: str, subject: str, key: str) -> str:
    return name if _GLOB.fullmatch(name) else _conda_name(name, subject, key)


def _distribution(name: Any, subject: str, key: str) -> str:
    if not isinstance(name, str) or not _DISTRIBUTION.fullmatch(name):
        raise _malformed(f"{name!r} is not a distribution name", subject, key)
    return name


def _kind(kind: str, subject: str, key: str) -> DependencyKind:
    try:
        found = DependencyKind(kind)
    except ValueError:
        found = DependencyKind.PYTHON
    if found.requirable:
        raise _malformed("is not virtual, interpreter, mutex or runtime", subject, key)
    return found


def _is_glob(name: str) -> bool:
    return any(character in name for character in "*?[")


def _malformed(message: str, subject: str, key: str) -> InvalidInput:
    return InvalidInput(Code.BAD_METADATA, message, subject=subject, field=key or None)
