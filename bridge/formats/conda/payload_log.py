"""What has been put into a package that is being written, and whether it may be there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.formats.conda.identifiers import printable
from bridge.formats.conda.info_output import Link, link_entries
from bridge.formats.conda.paths import PathLedger, fold

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.limits import Limits
    from bridge.model.conda import PathEntry, Subdir

#: without a subdir, names have to suit every platform; this one is the strictest.
_STRICTEST: Final = "win-"
_NOT_INFO: Final = "is not a file that a package may bring along under info/"
_CLIENT_RECORDS: Final = frozenset({"info/repodata_record.json"})


class PayloadLog:
    """Every path of one package; what it cannot have raises `CB309` (Unrepresentable).

    Args:
        subject: the package's file name, for messages.
        subdir: the platform, where it is known.
        limits: bounds on paths and number of members.
    """

    def __init__(self, subject: str, subdir: Subdir | None, limits: Limits) -> None:
        self._subject = subject
        self._ledger = PathLedger(subject=subject, subdir=subdir or _STRICTEST, limits=limits)
        #: claimed, and its content is not there yet.
        self._open: str | None = None
        self.files: list[PathEntry] = []
        self.links: list[Link] = []
        #: path -> whether paths.json has it.
        self.directories: dict[str, bool] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing was added, or tried to be."""
        return self._open is None and not (self.files or self.links or self.directories)

    def claim_file(self, path: str) -> None:
        """Take the path of a file; until `add_file`, the package cannot be finished."""
        self._claim(path, self._ledger.add_file)

    def add_file(self, entry: PathEntry) -> None:
        """Note the file whose path was claimed."""
        self._open = None
        self.files.append(entry)

    def add_link(self, link: Link) -> None:
        """Note a symbolic link."""
        self._claim(link.path, lambda path: self._ledger.add_link(path, link.target))
        self._open = None
        self.links.append(link)

    def add_directory(self, path: str, *, listed: bool) -> None:
        """Note a directory."""
        self._claim(path, self._ledger.add_directory)
        self._open = None
        self.directories[path] = listed

    def adopt(self, other: PayloadLog) -> None:
        """Note all that another package has."""
        for entry in other.files:
            self.claim_file(entry.path)
            self.add_file(entry)
        for link in other.links:
            self.add_link(link)
        for path, listed in other.directories.items():
            self.add_directory(path, listed=listed)

    def entries(self) -> list[PathEntry]:
        """What `paths.json` has to say of files and links.

        Raises:
            ValueError: something was not added completely.
        """
        if self._open is not None:
            raise ValueError(f"{self._open!r} was not added completely")
        try:
            self._ledger.check_links()
        except InvalidInput as error:
            raise Unrepresentable(Code.COLLISION, error.message, subject=self._subject, field=error.field) from error
        return [*self.files, *link_entries(self.links, self.files, subject=self._subject)]

    def add_info(self, path: str, target: str | None = None) -> None:
        """Note a file under `info/`, or a link to `target`."""
        if path in _CLIENT_RECORDS or not path.startswith("info/"):
            raise self.unrepresentable(_NOT_INFO, path)
        ledger = self._ledger
        self._enter(path, ledger.add_file if target is None else lambda path: ledger.add_link(path, target))

    def unrepresentable(self, message: str, path: str) -> Unrepresentable:
        """The error about a path."""
        return Unrepresentable(Code.COLLISION, message, subject=self._subject, field=printable(path))

    def _claim(self, path: str, enter: Callable[[str], None]) -> None:
        self._open = path
        top = fold(path.partition("/")[0])
        if top == "info":
            raise self.unrepresentable("lies where the package's description is", path)
        if top == "conda-meta":
            raise self.unrepresentable("lies where clients note what is installed", path)
        self._enter(path, enter)

    def _enter(self, path: str, enter: Callable[[str], None]) -> None:
        try:
            enter(path)
        except InvalidInput as error:
            if error.code is Code.LIMIT:
                raise
            raise self.unrepresentable(error.message, path) from error
