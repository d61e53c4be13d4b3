"""What has been converted, by what it was made from: written once, found again by every later process.

```
DIR/units/{key}.json                  what became of the files that are made together
DIR/wheels/{sha256}/{file name}       a wheel, or the -variants.json of a release
DIR/wheels/{sha256}/{file name}.metadata
```
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import msgspec

from bridge.channel.files import replace_file
from bridge.errors import Code, InvalidInput
from bridge.sync.lazy.page import Origin
from bridge.sync.result import Result
from bridge.sync.task import METADATA_SUFFIX, Done, waiting_name

_UNITS: Final = "units"
_WHEELS: Final = "wheels"
_SHA256: Final = re.compile("[0-9a-f]{64}")
_RESULT: Final = msgspec.json.Decoder(Result)


def unit_key(ground: Sequence[str], origins: Iterable[Origin]) -> str:
    """The name of a conversion, which is another one where its inputs or what the bridge knows differ.

    Args:
        ground: what holds for all conversions of an index.
        origins: of the files that are made together.
    """
    stated = sorted((each.source, each.sha256, each.size) for each in origins)
    return hashlib.sha256(msgspec.json.encode([ground, stated])).hexdigest()


class Store:
    """The directory. Several processes may use one: what they write under one name is the same.

    Args:
        directory: made where absent.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        for name in (_UNITS, _WHEELS):
            (directory / name).mkdir(parents=True, exist_ok=True)
        self._known: dict[str, Result] = {}

    def result(self, key: str) -> Result | None:
        """What became of a unit; None where it has not been converted.

        Raises:
            InvalidInput: the note about it is damaged (`CB111`).
        """
        found = self._known.get(key)
        if found is None:
            try:
                found = _RESULT.decode((self._directory / _UNITS / f"{key}.json").read_bytes())
            except FileNotFoundError:
                return None
            except msgspec.MsgspecError as error:
                raise InvalidInput(Code.BAD_METADATA, f"delete it: {error}", subject=f"{_UNITS}/{key}.json") from error
            self._known[key] = found
        return found

    def scratch(self) -> AbstractContextManager[str]:
        """A directory on the same file system for one conversion, which is gone afterwards."""
        return tempfile.TemporaryDirectory(prefix=".conversion-", dir=self._directory)

    def keep(self, key: str, done: Done) -> Result:
        """Keep what a conversion made: files first, then the note that leads to them.

        Raises:
            OSError: it cannot be written.
        """
        if done.result is None:
            raise ValueError("there is nothing to be kept")
        for sha256, filename in _files(done.result):
            place = self._directory / _WHEELS / sha256
            place.mkdir(exist_ok=True)
            (done.outputs / waiting_name(sha256, filename)).replace(place / filename)
        replace_file(self._directory / _UNITS / f"{key}.json", msgspec.json.encode(done.result))
        self._known[key] = done.result
        return done.result

    def file(self, sha256: str, filename: str) -> Path | None:
        """A file by its address; None where there is none, whatever the two may look like."""
        if not _SHA256.fullmatch(sha256):
            return None
        try:
            return next(
                (path for path in (self._directory / _WHEELS / sha256).iterdir() if path.name == filename), None
            )
        except FileNotFoundError:
            return None


def _files(result: Result) -> Iterator[tuple[str, str]]:
    """Digest and name of all files of a result; METADATA has the digest of its wheel."""
    made = {product.sha256: product for item in result.items for product in item.products}
    for sha256, product in made.items():
        yield sha256, product.filename
        yield sha256, f"{product.filename}{METADATA_SUFFIX}"
    if result.variants is not None:
        yield result.variants.sha256, result.variants.filename
