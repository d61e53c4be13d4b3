"""Object storage (S3 and what speaks like it, GCS, Azure) as a destination, and copied beside as a source.

Credentials and endpoints are found where obstore looks for them: the environment variables of each service's own
tools, and the machine's identity. The bridge neither reads nor stores them.

Two publishers exclude each other by a lease: an object that is only ever written under the condition that nobody else
has written it meanwhile. The ledger is written under the same condition, so that whoever lost a lease without noticing
is told at the end.
"""

from __future__ import annotations

import json
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from bridge.errors import Code, InvalidInput, Unsupported
from bridge.formats.conda.identifiers import printable
from bridge.formats.conda.redaction import redact
from bridge.sync.destination import PRIVATE
from bridge.sync.ledger import LEDGER

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_LEASE: Final = PurePosixPath(PRIVATE) / "lease.json"
#: seconds for which a publisher that says nothing any more still has the destination.
PATIENCE: Final = 600.0
_SCHEMES: Final = frozenset({"s3", "gs", "az"})
#: of what is shown of an error, which has the service's whole answer.
_LONGEST: Final = 300
_MEDIA: Final = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".metadata": "text/plain; charset=utf-8",
    ".whl": "application/zip",
}
_SIMPLE_JSON: Final = "application/vnd.pypi.simple.v1+json"


def is_bucket(address: str) -> bool:
    """Whether an address is one of object storage."""
    return address.partition("://")[0] in _SCHEMES and "://" in address


def open_bucket(address: str) -> ObjectStore:
    """The store at an address.

    Args:
        address: `s3://bucket/prefix`, or with `gs` or `az`; without credentials.

    Raises:
        InvalidInput: the address is malformed or holds credentials (`CB119`).
        Unsupported: obstore is not installed (`CB345`).
    """
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError as error:
        message = "object storage needs obstore: pip install 'conda-wheel-bridge[storage]'"
        raise Unsupported(Code.EXTRA_MISSING, message, subject=redact(address)) from error
    try:
        parts = urlsplit(address)
        secret = parts.username is not None or parts.password is not None or bool(parts.query)
    except ValueError as error:
        raise InvalidInput(Code.SOURCE, "not an address", subject=redact(address)) from error
    if not is_bucket(address) or not parts.netloc or secret:
        message = "an address of object storage is like s3://bucket/prefix, without credentials"
        raise InvalidInput(Code.SOURCE, message, subject=redact(address))
    try:
        store: ObjectStore = from_url(address)
    except (BaseError, ValueError) as error:
        raise InvalidInput(Code.SOURCE, _shown(error), subject=redact(address)) from error
    return store


class BucketDestination:
    """Objects below a prefix.

    Args:
        address: as for `open_bucket`.
        clock: seconds since 1970.
    """

    def __init__(self, address: str, *, clock: Callable[[], float] = time.time) -> None:
        self.shown = redact(address)
        self._store = open_bucket(address)
        self._clock = clock
        self._private: Path | None = None
        self._ledger: str | None = None

    @contextmanager
    def opened(self) -> Iterator[Path]:
        """A temporary directory with the ledger of the last run that ended.

        What a run that was killed has put up stays there, and is put up again under the same names.
        """
        with tempfile.TemporaryDirectory(prefix="conda-bridge-") as directory:
            private = Path(directory)
            with _Lease(self._store, self.shown, self._clock):
                self._ledger = self._fetch_ledger(private)
                self._private = private
                try:
                    yield private
                finally:
                    self._private = None

    def exists(self) -> bool:
        """Whether there is any object below the prefix."""
        with self._told(PurePosixPath()):
            return any(len(batch) for batch in self._store.list(chunk_size=1))

    def lost(self, files: Mapping[PurePosixPath, int]) -> frozenset[PurePosixPath]:
        """By one listing of everything below the prefix."""
        with self._told(PurePosixPath()):
            there = {one["path"]: int(one["size"]) for batch in self._store.list() for one in batch}
        return frozenset(path for path, size in files.items() if there.get(str(path)) != size)

    def size(self, path: PurePosixPath) -> int | None:
        """Of an object."""
        try:
            with self._told(path):
                return int(self._store.head(str(path))["size"])
        except FileNotFoundError:
            return None

    def place(self, path: PurePosixPath, file: Path) -> None:
        """An object appears when all of it is there."""
        with self._told(path):
            self._store.put(str(path), file, attributes=_attributes(path))

    def write(self, path: PurePosixPath, content: bytes) -> None:
        """An object is replaced as a whole."""
        with self._told(path):
            self._store.put(str(path), content, attributes=_attributes(path))

    def remove(self, path: PurePosixPath) -> None:
        """There are no directories."""
        with self._told(path):
            try:
                self._store.delete(str(path))
            except FileNotFoundError:
                return

    def settled(self) -> None:
        """Put up the ledger, unless somebody else has."""
        if self._private is None:
            raise ValueError("the destination is not open")
        path = PurePosixPath(PRIVATE) / LEDGER
        self._ledger = _put_if(self._store, path, (self._private / LEDGER).read_bytes(), self._ledger, self.shown)

    def _fetch_ledger(self, private: Path) -> str | None:
        path = PurePosixPath(PRIVATE) / LEDGER
        try:
            with self._told(path):
                found = self._store.get(str(path))
                (private / LEDGER).write_bytes(found.bytes())
                return found.meta["e_tag"]
        except FileNotFoundError:
            return None

    @contextmanager
    def _told(self, path: PurePosixPath) -> Iterator[None]:
        with _in_words(f"{self.shown}/{path}"):
            yield


class _Lease:
    """The right to publish, kept alive by a thread until it is given back; a context manager."""

    def __init__(self, store: ObjectStore, shown: str, clock: Callable[[], float]) -> None:
        self._store = store
        self._shown = shown
        self._clock = clock
        self._token = secrets.token_hex(16)
        self._etag: str | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> _Lease:
        try:
            self._etag = self._write(None)
        except Unsupported as error:
            if error.code is not Code.BUSY:
                raise
            self._etag = self._take_over()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        with _in_words(self._shown):
            try:
                if json.loads(bytes(self._store.get(str(_LEASE)).bytes())).get("token") == self._token:
                    self._store.delete(str(_LEASE))
            except (FileNotFoundError, ValueError):
                return

    def _take_over(self) -> str | None:
        """Of a publisher that has not been heard of for too long."""
        with _in_words(self._shown):
            try:
                found = self._store.get(str(_LEASE))
                until = float(json.loads(bytes(found.bytes()))["until"])
            except FileNotFoundError:
                return self._write(None)
            except (ValueError, KeyError, TypeError):
                until = 0.0
        if until > self._clock():
            time = datetime.fromtimestamp(until, tz=UTC).isoformat(timespec="seconds")
            message = f"another run is at work there, or was stopped; its lease ends at {time}"
            raise Unsupported(Code.BUSY, message, subject=self._shown)
        return self._write(found.meta["e_tag"])

    def _write(self, etag: str | None) -> str | None:
        document = {"token": self._token, "until": self._clock() + PATIENCE}
        return _put_if(self._store, _LEASE, json.dumps(document).encode(), etag, self._shown)

    def _keep(self) -> None:
        while not self._done.wait(PATIENCE / 3):
            try:
                self._etag = self._write(self._etag)
            except Unsupported:
                return  # whoever has it now has written the ledger too, which is found out at the end


def _put_if(store: ObjectStore, path: PurePosixPath, content: bytes, etag: str | None, shown: str) -> str | None:
    """Write an object that is still as it was last seen; None is for one that was not there.

    Returns:
        its new ETag.

    Raises:
        Unsupported: somebody else has written it (`CB341`).
    """
    from obstore.exceptions import AlreadyExistsError, PreconditionError

    # some services (Ceph) compare an If-Match only without the quotes that HTTP wants
    mode: Any = "create" if etag is None else {"e_tag": etag.strip('"')}
    with _in_words(f"{shown}/{path}"):
        try:
            return store.put(str(path), content, mode=mode)["e_tag"]
        except (AlreadyExistsError, PreconditionError, FileNotFoundError) as error:
            if isinstance(error, FileNotFoundError) and etag is None:
                raise Unsupported(Code.OUTPUT_TAKEN, "there is no such bucket", subject=shown) from error
            message = "another run has published there meanwhile"
            raise Unsupported(Code.BUSY, message, subject=shown) from error


@contextmanager
def _in_words(subject: str) -> Iterator[None]:
    """Errors of the service in the words of the bridge; that an object is missing stays what it is."""
    from obstore.exceptions import BaseError

    try:
        yield
    except BaseError as error:
        raise Unsupported(Code.OUTPUT_TAKEN, _shown(error), subject=subject) from error


def _shown(error: Exception) -> str:
    first = str(error).partition("\n")[0]
    return f"object storage failed: {printable(redact(first))[:_LONGEST]}"


def _attributes(path: PurePosixPath) -> dict[str, str]:
    """What a web server in front of the bucket says about an object."""
    if path.name == "index.json":
        return {"Content-Type": _SIMPLE_JSON}
    media = _MEDIA.get(path.suffix)
    return {"Content-Type": media} if media else {}
