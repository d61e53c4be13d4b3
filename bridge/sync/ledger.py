"""What was done for a destination: SQLite in its private place, so that a run that was killed loses nothing.

Each unit is written in one transaction together with a note of the parts of the tree (projects, platform
directories) that it changes. These notes are the journal of publication: they are taken away, with the new list of
what is published, when all files are in their places. A run that finds notes publishes those parts again, whatever
became of the one before.

Nothing secret enters: neither addresses nor credentials.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from bridge.errors import Code, InvalidInput, Unsupported
from bridge.sync.destination import NO_SPACE
from bridge.sync.result import Product, Result

#: the file that it is, in the private place.
LEDGER: Final = "ledger.sqlite"
#: raised when the form of the tables or of the documents in them changes.
_VERSION: Final = "1"
#: seconds of work that a run which is killed may have to do again.
_SAVED: Final = 0.5
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (file TEXT PRIMARY KEY, identity TEXT NOT NULL, facts BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS units (
    name TEXT PRIMARY KEY, key TEXT NOT NULL, facets BLOB NOT NULL, result BLOB NOT NULL, gone TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS retired (unit TEXT, place TEXT, product BLOB NOT NULL, PRIMARY KEY (unit, place))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS published (
    path TEXT PRIMARY KEY, part TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (part TEXT PRIMARY KEY) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One unit as it was done last."""

    name: str
    #: of all that its result depends on (`bridge.sync.answers`).
    key: str
    #: the same in words, by subject.
    facets: Mapping[str, Any]
    result: Result
    #: why its files are retired, an empty text included; None while the source has them.
    gone: str | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """One file of the tree."""

    path: str
    #: the project or platform directory that it belongs to.
    part: str
    sha256: str
    size: int


class Ledger:
    """An open ledger; a context manager.

    Args:
        directory: the private place of a destination, which the caller has locked; None to keep nothing.

    Raises:
        InvalidInput: it is damaged, or of another version of the bridge (`CB111`).
    """

    def __init__(self, directory: Path | None) -> None:
        self._subject = LEDGER
        self._begun = 0.0
        # A rollback journal: whatever instant a run is killed at, the next one finds the last whole transaction.
        self._database = sqlite3.connect(":memory:" if directory is None else directory / LEDGER, isolation_level=None)
        try:
            with self._told():
                self._database.executescript(f"PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL; {_TABLES}")
            self._check_version()
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what is done inside, or nothing.

        Raises:
            Unsupported: the disk is full (`CB342`).
        """
        with self._told():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    @contextmanager
    def saving(self) -> Iterator[None]:
        """A transaction that `save` ends and begins again, and that counts however it is left: what was done was done.

        Raises:
            Unsupported: the disk is full (`CB342`).
        """
        with self._told():
            self._database.execute("BEGIN IMMEDIATE")
            self._begun = time.monotonic()
            try:
                yield
            finally:
                if self._database.in_transaction:
                    self._database.execute("COMMIT")

    def save(self) -> None:
        """Inside `saving`, and between two changes that belong together: commit, unless that was done just now.

        Each commit waits for the disk, as long as a few small packages take.
        """
        if time.monotonic() - self._begun > _SAVED:
            self._database.execute("COMMIT")
            self._database.execute("BEGIN IMMEDIATE")
            self._begun = time.monotonic()

    def about(self, name: str, value: str) -> str:
        """What was said first about the destination, which is `value` in a new one."""
        with self._told():
            self._database.execute("INSERT OR IGNORE INTO about VALUES (?, ?)", (name, value))
            (said,) = self._database.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return str(said)

    def recall(self, key: str, identity: str) -> Mapping[str, Any] | None:
        """As `bridge.sync.source.Memory`."""
        row = self._database.execute("SELECT identity, facts FROM seen WHERE file = ?", (key,)).fetchone()
        if row is None or row[0] != identity:
            return None
        facts: Mapping[str, Any] = msgspec.json.decode(row[1])
        return facts

    def remember(self, key: str, identity: str, facts: Mapping[str, Any]) -> None:
        """As `bridge.sync.source.Memory`."""
        with self._told():
            self._database.execute(
                "INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (key, identity, msgspec.json.encode(facts))
            )

    def forget(self, keys: Iterable[str]) -> None:
        """Files that the source has no longer."""
        self._database.executemany("DELETE FROM seen WHERE file = ?", [(key,) for key in keys])

    def seen(self) -> frozenset[str]:
        """The files about which something is remembered."""
        return frozenset(row[0] for row in self._database.execute("SELECT file FROM seen"))

    def entries(self) -> dict[str, Entry]:
        """All units, by name."""
        rows = self._database.execute("SELECT name, key, facets, result, gone FROM units ORDER BY name")
        with self._told():
            return {
                name: Entry(name, key, msgspec.json.decode(facets), _RESULT.decode(result), gone)
                for name, key, facets, result, gone in rows
            }

    def record(self, entry: Entry, parts: Iterable[str]) -> None:
        """Write down a unit and the parts of the tree that change with it; inside a transaction."""
        self._database.execute(
            "INSERT OR REPLACE INTO units VALUES (?, ?, ?, ?, ?)",
            (entry.name, entry.key, msgspec.json.encode(entry.facets), msgspec.json.encode(entry.result), entry.gone),
        )
        self.disturb(parts)

    def drop(self, unit: str, parts: Iterable[str]) -> None:
        """Take a unit out, with all that it ever made; inside a transaction."""
        self._database.execute("DELETE FROM units WHERE name = ?", (unit,))
        self._database.execute("DELETE FROM retired WHERE unit = ?", (unit,))
        self.disturb(parts)

    def retire(self, unit: str, place: str, product: Product) -> None:
        """Keep a file of a unit that the unit does not make any longer; inside a transaction."""
        self._database.execute(
            "INSERT OR REPLACE INTO retired VALUES (?, ?, ?)", (unit, place, msgspec.json.encode(product))
        )

    def forget_retired(self, unit: str, place: str) -> None:
        """Take a single retired file out; inside a transaction."""
        self._database.execute("DELETE FROM retired WHERE unit = ? AND place = ?", (unit, place))

    def retired(self) -> list[tuple[str, Product]]:
        """Single retired files with their units, in a fixed order."""
        rows = self._database.execute("SELECT unit, product FROM retired ORDER BY unit, place")
        return [(unit, _PRODUCT.decode(product)) for unit, product in rows]

    def disturb(self, parts: Iterable[str]) -> None:
        """Note in the journal that parts of the tree have to be published again; inside a transaction."""
        self._database.executemany("INSERT OR IGNORE INTO journal VALUES (?)", [(part,) for part in sorted(parts)])

    def disturbed(self) -> tuple[str, ...]:
        """The parts in the journal, sorted."""
        return tuple(row[0] for row in self._database.execute("SELECT part FROM journal ORDER BY part"))

    def published(self, part: str | None = None) -> dict[str, Published]:
        """What the last complete publication put into the tree, or into one part of it; by path."""
        where, values = ("", ()) if part is None else (" WHERE part = ?", (part,))
        rows = self._database.execute(f"SELECT path, part, sha256, size FROM published{where} ORDER BY path", values)  # noqa: S608
        return {row[0]: Published(*row) for row in rows}

    def settle(self, removed: Iterable[str], written: Sequence[Published]) -> None:
        """A publication is complete: what it took away and put there, and an empty journal; inside a transaction."""
        self._database.executemany("DELETE FROM published WHERE path = ?", [(path,) for path in removed])
        self._database.executemany(
            "INSERT OR REPLACE INTO published VALUES (?, ?, ?, ?)",
            [(each.path, each.part, each.sha256, each.size) for each in written],
        )
        self._database.execute("DELETE FROM journal")

    def _check_version(self) -> None:
        if self.about("version", _VERSION) != _VERSION:
            raise InvalidInput(Code.BAD_METADATA, "another version of the bridge wrote it", subject=self._subject)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname in ("SQLITE_FULL", "SQLITE_IOERR_WRITE"):
                raise Unsupported(Code.NO_SPACE, NO_SPACE, subject=self._subject) from error
            raise InvalidInput(Code.UNREADABLE, f"cannot be used: {error}", subject=self._subject) from error
        except (sqlite3.DatabaseError, msgspec.MsgspecError) as error:
            raise InvalidInput(Code.UNREADABLE, f"is damaged: {error}", subject=self._subject) from error


_RESULT: Final = msgspec.json.Decoder(Result)
_PRODUCT: Final = msgspec.json.Decoder(Product)
