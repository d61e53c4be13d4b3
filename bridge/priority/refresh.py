"""Replacing overlays while clients read them: parts that nothing changed are kept, and the rest is put in place file by
file, each whole, the indexes after what they lead to and the manifest last.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

from bridge.errors import Code, Unsupported
from bridge.priority.manifest import NAME, Manifest, is_intact, read_manifest, sign, signatures
from bridge.priority.overlay_report import Finding
from bridge.priority.policy import SourceName

_LOCK: Final = ".publishing"


class Refresh:
    """One run over the overlays of a directory; made by `refreshing`.

    Args:
        directory: of the overlays.
        stage: an empty directory beside it.
        old: what is there now; an empty manifest where there is nothing.
        now: in UTC.
    """

    def __init__(self, directory: Path, stage: Path, old: Manifest, now: datetime) -> None:
        self.directory = directory
        self.old = old
        self._stage = stage
        self._now = now
        self._files: dict[str, tuple[str, int]] = {}
        self._kept: set[str] = set()
        self._parts: dict[str, Mapping[str, Any]] = {}
        self._withdrawn: dict[str, str] = dict(old.withdrawn)
        self.findings: list[Finding] = []

    def part(self, name: str, key: str) -> Mapping[str, Any] | None:
        """Keep a part of the overlay as it is, with its files, where it was made from the same.

        Args:
            name: of the part.
            key: digest of all that it is made from.

        Returns:
            what was noted about it; None where it has to be made.
        """
        known = self.old.parts.get(name)
        if known is None or known.get("key") != key:
            return None
        if (ripe := known.get("ripe")) and datetime.fromisoformat(ripe) <= self._now:
            return None
        files = known.get("files", [])
        if not all(is_intact(self.directory, self.old, file) for file in files):
            return None
        self._files.update({file: self.old.files[file] for file in files})
        self._kept.update(files)
        self._parts[name] = known
        return known

    def offered(self, source: SourceName, part: str) -> dict[str, str]:
        """File name -> sha256 of all that a part ever offered of a source."""
        prefix = f"{source} {part} "
        known = {
            key.removeprefix(prefix): sha256 for key, sha256 in self.old.withdrawn.items() if key.startswith(prefix)
        }
        noted = self.old.parts.get(f"{part} {source}", {}).get("offers")
        path = self.directory / str(noted)
        if isinstance(noted, str) and is_intact(self.directory, self.old, noted):
            known.update(json.loads(path.read_bytes()))
        return known

    def put(self, path: str, content: bytes) -> None:
        """Write a file of the next overlay."""
        target = self._stage / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        self._files[path] = hashlib.sha256(content).hexdigest(), len(content)

    def note(
        self,
        source: SourceName,
        part: str,
        key: str,
        files: Sequence[str],
        offers: Mapping[str, str],
        ripe: datetime | None,
        **more: Any,
    ) -> None:
        """Remember what a part was made from, and compare what it offers with what it offered before.

        Args:
            source: that provides it.
            part: subdir of a channel, or project.
            key: see `part`.
            files: its files.
            offers: file name -> sha256.
            ripe: when a file that is too young now is old enough.
            more: counts.
        """
        before = self.offered(source, part)
        ledger = f"offers/{hashlib.sha256(f'{part} {source}'.encode()).hexdigest()[:32]}.json"
        self.put(ledger, (json.dumps(dict(sorted(offers.items())), indent=0) + "\n").encode())
        for filename, sha256 in sorted(before.items()):
            name = f"{source} {part} {filename}"
            if filename in offers:
                self._withdrawn.pop(name, None)
            else:
                if name not in self.old.withdrawn:
                    self._miss(source, part, filename)
                self._withdrawn[name] = sha256
        self._parts[f"{part} {source}"] = {
            "key": key, "files": [*files, ledger], "offers": ledger, "source": source, "part": part,
            "ripe": ripe.isoformat() if ripe is not None else "", **more,
        }  # fmt: skip

    def drop_rest(self) -> None:
        """What belonged to parts that the next overlay does not have is withdrawn."""
        for name, known in self.old.parts.items():
            if name in self._parts:
                continue
            source, part = SourceName(str(known.get("source"))), str(known.get("part"))
            for filename, sha256 in sorted(self.offered(source, part).items()):
                key = f"{source} {part} {filename}"
                if key not in self._withdrawn:
                    self._miss(source, part, filename)
                self._withdrawn[key] = sha256

    def publish(
        self, policy: str, digest: str, origins: Mapping[tuple[str, str], str | None], sign_command: Sequence[str]
    ) -> tuple[str, tuple[PurePosixPath, ...], tuple[PurePosixPath, ...]]:
        """Put everything in place.

        Returns:
            sha256 of the manifest, the files that were written, and those that were removed.

        Raises:
            InvalidInput: CB469, the manifest could not be signed; nothing has been changed then.
            Unsupported: CB322, something else is in the way.
        """
        manifest = Manifest(policy, digest, self._files, origins, self._parts, self._withdrawn)
        content = manifest.to_bytes()
        staged = self._stage / NAME
        staged.write_bytes(content)
        same = (self.directory / NAME).is_file() and (self.directory / NAME).read_bytes() == content
        if sign_command and not (same and signatures(self.directory / NAME)):
            sign(staged, sign_command)
        changed = [name for name in self._files if self.old.files.get(name) != self._files[name] or self._damaged(name)]
        written = [name for name in sorted(changed, key=_order) if name not in self._kept]
        gone = sorted(set(self.old.files) - set(self._files))
        for name in written:
            _place(self._stage / name, self.directory / name)
        if not same or sign_command:
            fresh = signatures(staged)
            for signature in fresh:
                _place(signature, self.directory / signature.name)
            if not same:
                _place(staged, self.directory / NAME)
                for signature in signatures(self.directory / NAME):
                    if signature.name not in {each.name for each in fresh}:
                        signature.unlink()
                written.append(NAME)
        for name in gone:
            (self.directory / name).unlink(missing_ok=True)
            _prune((self.directory / name).parent, self.directory)
        paths = tuple(sorted(PurePosixPath(name) for name in written))
        return hashlib.sha256(content).hexdigest(), paths, tuple(PurePosixPath(name) for name in gone)

    def _miss(self, source: SourceName, part: str, filename: str) -> None:
        self.findings.append(Finding(Code.OVERLAY_GONE, source, f"{part}: {filename}", "was offered before"))

    def _damaged(self, name: str) -> bool:
        return name not in self._kept and not is_intact(self.directory, self.old, name)


@contextmanager
def refreshing(directory: Path, now: datetime) -> Iterator[Refresh]:
    """Begin a run; nothing in the directory changes before `Refresh.publish`.

    Raises:
        InvalidInput: CB469, the manifest that is there is malformed.
        Unsupported: CB469, another run is at work, or the directory holds something else.
    """
    old = read_manifest(directory)
    if old is None and directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        message = "holds something else than overlays"
        raise Unsupported(Code.OVERLAY_INTEGRITY, message, subject=str(directory))
    directory.mkdir(parents=True, exist_ok=True)
    lock = directory.with_name(f".{directory.name}{_LOCK}")
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        message = f"another run is at work here; if there is none, remove {lock.name}"
        raise Unsupported(Code.OVERLAY_INTEGRITY, message, subject=str(directory)) from error
    stage = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        yield Refresh(directory, stage, old or Manifest(), now)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        lock.unlink(missing_ok=True)


def _order(name: str) -> tuple[int, str]:
    """Shards before what names them; the list of projects last."""
    if "/shards/" in name:
        return 0, name
    return (2 if name.startswith("pypi/simple/index.") else 1), name


def _place(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.chmod(0o644)
        source.replace(target)
    except (IsADirectoryError, NotADirectoryError, FileExistsError) as error:
        raise Unsupported(Code.OUTPUT_TAKEN, "something else is in the way", subject=str(target)) from error


def _prune(directory: Path, root: Path) -> None:
    while directory != root and directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()
        directory = directory.parent


def key_of(*parts: object) -> str:
    """A digest of what a part is made from."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
