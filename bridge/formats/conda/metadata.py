"""From the files under `info/` to one checked `CondaMetadata`."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.about_json import ABOUT_PATH, parse_about
from bridge.formats.conda.identifiers import parse_filename
from bridge.formats.conda.index_json import INDEX_PATH, parse_index
from bridge.formats.conda.link_json import LINK_PATH, parse_entry_points
from bridge.formats.conda.paths_json import PATHS_PATH, listed_files, parse_legacy_paths, parse_paths
from bridge.model.conda import About, CondaMetadata
from bridge.model.payload import MemberKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bridge.formats.conda.members import PayloadReader
    from bridge.limits import Limits
    from bridge.model.conda import PathEntry
    from bridge.model.payload import Member


class InfoCollector:
    """Gathers the members under `info/` of one pass, bounded by `info_size`."""

    def __init__(self, limits: Limits, *, subject: str) -> None:
        self._limits = limits
        self._subject = subject
        self._total = 0
        self.files: dict[str, bytes] = {}
        self.links: dict[str, str] = {}

    def add(self, member: Member, reader: PayloadReader) -> None:
        """Keep one member.

        Raises:
            InvalidInput: CB105 for a link that leaves `info/`, CB109 beyond `info_size`, CB114 where `info`
                is a file.
        """
        if member.path == "info" and member.kind is not MemberKind.DIRECTORY:
            raise InvalidInput(Code.MISPLACED_INFO, "info is not a directory", subject=self._subject)
        if member.kind is MemberKind.SYMLINK and member.link_target is not None:
            where = posixpath.normpath(posixpath.join(posixpath.dirname(member.path), member.link_target))
            if not where.startswith("info/"):
                raise InvalidInput(
                    Code.UNSAFE_LINK,
                    f"a link that leaves info/: {member.link_target!r}",
                    subject=self._subject,
                    field=member.path,
                )
            self.links[member.path] = member.link_target
        elif member.kind is MemberKind.FILE:
            self._total += member.size
            if self._total > self._limits.info_size:
                raise InvalidInput(
                    Code.LIMIT,
                    f"info/ is larger than limit info_size, {self._limits.info_size}",
                    subject=self._subject,
                    field=member.path,
                )
            self.files[member.path] = reader.read()

    def add_all(self, members: Iterable[tuple[Member, PayloadReader]]) -> None:
        """Keep the members of an archive that is only for `info/`.

        Raises:
            InvalidInput: as `add`; CB114 for any other member.
        """
        for member, reader in members:
            if not is_info(member.path):
                raise InvalidInput(
                    Code.MISPLACED_INFO,
                    "a file of the payload lies in the archive of info/",
                    subject=self._subject,
                    field=member.path,
                )
            self.add(member, reader)


def is_info(path: str) -> bool:
    """Whether a path belongs to the package's description rather than to its payload."""
    return path.startswith("info/") or path == "info"


def build_metadata(
    files: Mapping[str, bytes],
    links: Mapping[str, str],
    limits: Limits,
    *,
    subject: str,
    filename: str | None,
    subdir: str | None,
) -> CondaMetadata:
    """Parse and cross-check what lies under `info/`.

    Args:
        files: contents by path.
        links: targets of symbolic links by path.
        limits: bounds.
        subject: for messages.
        filename: the published file name that `index.json` must agree with; None for an unpacked directory.
        subdir: the channel's subdir that `index.json` must agree with; None where it is unknown.

    Raises:
        InvalidInput: any code of the parsers; CB110 where index.json or both of paths.json and files are
            missing; CB112 where identities differ; CB113 where paths.json and files disagree.
    """
    if INDEX_PATH not in files:
        raise InvalidInput(Code.MISSING_METADATA, "info/index.json is not there", subject=subject)
    index = parse_index(files[INDEX_PATH], limits, subject=subject)
    if filename is not None:
        identity, _ = parse_filename(filename)
        if identity != index.identity:
            raise InvalidInput(
                Code.IDENTITY,
                f"index.json describes {index.identity.stem}",
                subject=subject,
                field=INDEX_PATH,
            )
    if subdir is not None and subdir != index.subdir:
        raise InvalidInput(
            Code.IDENTITY,
            f"index.json says subdir {index.subdir}, the channel says {subdir}",
            subject=subject,
            field=INDEX_PATH,
        )
    has_paths_json = PATHS_PATH in files
    if has_paths_json:
        paths = parse_paths(files[PATHS_PATH], limits, subject=subject)
        _check_agreement(paths, files, limits, subject)
    else:
        paths = parse_legacy_paths(files, limits, subject=subject)
    return CondaMetadata(
        index=index,
        paths=paths,
        about=parse_about(files[ABOUT_PATH], limits, subject=subject) if ABOUT_PATH in files else About(),
        entry_points=parse_entry_points(files[LINK_PATH], limits, subject=subject) if LINK_PATH in files else (),
        has_paths_json=has_paths_json,
        info_files=files,
        info_links=links,
    )


def _check_agreement(paths: tuple[PathEntry, ...], files: Mapping[str, bytes], limits: Limits, subject: str) -> None:
    listed = listed_files(files, limits, subject=subject)
    if listed is None:
        return
    different = listed.symmetric_difference(entry.path for entry in paths)
    if different:
        raise InvalidInput(
            Code.PAYLOAD_MISMATCH,
            f"paths.json and info/files disagree about {min(different)!r}",
            subject=subject,
            field=PATHS_PATH,
        )
