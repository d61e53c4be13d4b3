"""Object storage as a source: its objects are copied beside, and what lies there then is a source like any directory.

Only objects that changed since the last time are fetched. A channel's conversion asks for many small parts of many
packages, for which the copy is faster than the service.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from bridge.channel.files import replace_file
from bridge.errors import BridgeError, Code, InvalidInput, Unsupported
from bridge.formats.conda.identifiers import printable
from bridge.formats.conda.redaction import redact
from bridge.limits import GIB
from bridge.sync.bucket import open_bucket
from bridge.sync.destination import PRIVATE
from bridge.sync.source import Facts, Memory, Source, SourceFile, SourceKind

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_NOTES: Final = ".objects.json"
#: of one object; the largest packages have some GiB.
_LARGEST: Final = 16 * GIB
_CHUNK: Final = 1 << 20
_MOST: Final = 5_000_000


@dataclass(frozen=True, slots=True)
class BucketSource:
    """A source whose files were copied from object storage, under the address that they came from."""

    copy: Source
    #: without credentials.
    shown: str

    @property
    def kind(self) -> SourceKind:
        """That of the copy."""
        return self.copy.kind

    @property
    def channels(self) -> tuple[str, ...]:
        """The copy is one, where it is a channel."""
        return self.copy.channels

    def files(self, memory: Memory) -> Iterable[SourceFile]:
        """What was copied."""
        return self.copy.files(memory)

    def look(self, files: Sequence[SourceFile], memory: Memory) -> Mapping[str, Facts]:
        """Into what was copied."""
        return self.copy.look(files, memory)

    def rejected(self) -> tuple[tuple[str, BridgeError], ...]:
        """Of what was copied."""
        return self.copy.rejected()

    def fetch(self, file: SourceFile, directory: Path) -> Path:
        """The copy."""
        return self.copy.fetch(file, directory)


def copied(address: str, directory: Path) -> Path:
    """Copy the objects below a prefix that changed, and take away those that are gone.

    Args:
        address: as for `bridge.sync.bucket.open_bucket`.
        directory: for the copies; made where absent, and only ever used for this address.

    Returns:
        the directory.

    Raises:
        InvalidInput: an object has a name that no file may have (`CB104`), or is too large (`CB109`); the service
            cannot be asked (`CB119`).
        Unsupported: the directory holds something else (`CB322`).
    """
    store, shown = open_bucket(address), redact(address)
    directory.mkdir(parents=True, exist_ok=True)
    known = _known(directory, shown)
    found = _listed(store, shown)
    for name in sorted(found):
        if known.get(name) != found[name] or not (directory / name).is_file():
            known.pop(name, None)
            _copy(store, name, directory / name, shown)
            known[name] = found[name]
    for name in sorted(known.keys() - found.keys()):
        del known[name]
        _remove(directory, name)
    _note(directory, shown, known)
    return directory


def _listed(store: ObjectStore, shown: str) -> dict[str, str]:
    """Name -> what changes when the object does."""
    from obstore.exceptions import BaseError

    found: dict[str, str] = {}
    try:
        for batch in store.list():
            for one in batch:
                name = one["path"]
                if PurePosixPath(name).parts[:1] == (PRIVATE,):
                    continue
                found[_checked(name, shown)] = f"{one['size']} {one['e_tag'] or one['last_modified'].isoformat()}"
                if len(found) > _MOST:
                    raise InvalidInput(Code.LIMIT, f"more than {_MOST} objects", subject=shown)
    except BaseError as error:
        message = f"cannot be listed: {printable(str(error).partition(chr(10))[0])}"
        raise InvalidInput(Code.SOURCE, redact(message), subject=shown) from error
    return found


def _checked(name: str, shown: str) -> str:
    """A name that stays below the directory on every system."""
    parts = name.split("/")
    plain = name.isprintable() and not any(char in name for char in '\\:*?"<>|')
    if not plain or any(part in ("", ".", "..") or part.startswith(_NOTES) for part in parts):
        message = "an object has a name that no file may have"
        raise InvalidInput(Code.UNSAFE_PATH, message, subject=shown, field=printable(name))
    return name


def _copy(store: ObjectStore, name: str, place: Path, shown: str) -> None:
    from obstore.exceptions import BaseError

    place.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=".new-", dir=place.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            total = 0
            for chunk in store.get(name).stream(min_chunk_size=_CHUNK):
                total += len(chunk)
                if total > _LARGEST:
                    raise InvalidInput(Code.LIMIT, f"more than {_LARGEST} bytes", subject=shown, field=name)
                file.write(chunk)
        Path(temporary).replace(place)
    except (BaseError, FileNotFoundError) as error:
        message = f"cannot be fetched: {printable(str(error).partition(chr(10))[0])}"
        raise InvalidInput(Code.SOURCE, redact(message), subject=shown, field=name) from error
    finally:
        with suppress(FileNotFoundError):
            Path(temporary).unlink()


def _remove(directory: Path, name: str) -> None:
    place = directory / name
    place.unlink(missing_ok=True)
    for parent in PurePosixPath(name).parents[:-1]:
        with suppress(OSError):
            (directory / parent).rmdir()


def _known(directory: Path, shown: str) -> dict[str, str]:
    """What was copied before; nothing where the notes are damaged."""
    try:
        document: Mapping[str, Any] = json.loads((directory / _NOTES).read_bytes())
    except FileNotFoundError:
        if any(directory.iterdir()):
            message = "holds something else than copies of objects"
            raise Unsupported(Code.OUTPUT_TAKEN, message, subject=str(directory)) from None
        return {}
    except ValueError:
        document = {}
    if not isinstance(document, dict) or document.get("address") != shown:
        shutil.rmtree(directory)
        directory.mkdir()
        return {}
    objects = document.get("objects")
    return {str(name): str(stamp) for name, stamp in objects.items()} if isinstance(objects, dict) else {}


def _note(directory: Path, shown: str, known: Mapping[str, str]) -> None:
    document = {"address": shown, "objects": dict(sorted(known.items()))}
    replace_file(directory / _NOTES, json.dumps(document, indent=0).encode())
