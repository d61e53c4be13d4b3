"""The manifest of overlays: the sha256 of every file, of the policy, and of what each source said.

The manifest is a root of trust: whoever checks it and its signature needs to trust neither the web server nor the way.
It is signed by a program of the user's (`ssh-keygen -Y sign`, `cosign sign-blob`, `minisign`), as a detached signature
beside it; the bridge has no keys.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from bridge.errors import Code, InvalidInput
from bridge.formats.strict_json import NotStrict, load_strictly
from bridge.limits import MIB
from bridge.priority.overlay_report import Finding

NAME: Final = "manifest.json"
SCHEMA: Final = "conda-bridge/overlay-manifest/1"
_LIMIT: Final = 256 * MIB
_PATIENCE: Final = 600


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an overlay consists of, and what it was made from."""

    #: of the policy: its file name and digest.
    policy: str = ""
    digest: str = ""
    #: relative path -> (sha256, size in bytes).
    files: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    #: source, address -> sha256 of what it said; None where it said that there is nothing.
    origins: Mapping[tuple[str, str], str | None] = field(default_factory=dict)
    #: part of the overlay -> (key of what it was made from, when it is out of date though nothing has changed: ISO
    #: time, or empty, number of its source).
    parts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: source and file -> sha256 of what was offered once, and is not any more.
    withdrawn: Mapping[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The same content gives the same bytes."""
        document = {
            "schema": SCHEMA,
            "policy": {"file": self.policy, "sha256": self.digest},
            "files": {path: {"sha256": sha256, "size": size} for path, (sha256, size) in self.files.items()},
            "origins": [
                {"source": source, "address": address, "sha256": sha256}
                for (source, address), sha256 in sorted(self.origins.items())
            ],
            "parts": self.parts,
            "withdrawn": self.withdrawn,
        }
        return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode("ascii")


def read_manifest(directory: Path) -> Manifest | None:
    """The manifest of overlays in a directory; None where there is none.

    Raises:
        InvalidInput: CB469, it is malformed.
    """
    path = directory / NAME
    try:
        if path.stat().st_size > _LIMIT:
            raise _broken("is too large", path)
        document = load_strictly(path.read_bytes())
        if document["schema"] != SCHEMA:
            raise _broken("has another schema", path)
        manifest = Manifest(
            str(document["policy"]["file"]),
            str(document["policy"]["sha256"]),
            {
                str(_inside(name, path)): (str(each["sha256"]), int(each["size"]))
                for name, each in document["files"].items()
            },
            {(str(each["source"]), str(each["address"])): each["sha256"] for each in document["origins"]},
            {str(name): dict(part) for name, part in document["parts"].items()},
            {str(name): str(sha256) for name, sha256 in document["withdrawn"].items()},
        )
    except FileNotFoundError:
        return None
    except (OSError, NotStrict, KeyError, TypeError, ValueError, AttributeError) as error:
        raise _broken("is malformed", path) from error
    return manifest


def verify_overlays(directory: Path, *, verify_command: Sequence[str] = ()) -> tuple[Finding, ...]:
    """Compare overlays with their manifest.

    Args:
        directory: of the overlays.
        verify_command: a program and its arguments that checks the signature; `{}` stands for the manifest. It is
            run without a shell, with the manifest as its input, and says yes by ending with 0.

    Returns:
        CB469 for every file that is missing, changed or not in the manifest, and for a signature that is refused.

    Raises:
        InvalidInput: CB469, there is no manifest, or it is malformed.
    """
    manifest = read_manifest(directory)
    if manifest is None:
        raise _broken("is missing", directory / NAME)
    found: list[Finding] = []
    if verify_command and _run(verify_command, directory / NAME) != 0:
        found.append(_finding(NAME, "the signature is refused"))
    for name, (sha256, size) in sorted(manifest.files.items()):
        found += [_finding(name, problem) for problem in _problems(directory / name, sha256, size)]
    listed = {*manifest.files, NAME}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if path.is_file() and name not in listed and not name.startswith(f"{NAME}."):
            found.append(_finding(name, "is not in the manifest"))
    return tuple(found)


def sign(path: Path, command: Sequence[str]) -> None:
    """Have a manifest signed: the program is to leave its signature beside it, under a longer name.

    Raises:
        InvalidInput: CB469, the program failed, or left nothing.
    """
    if _run(command, path) != 0:
        raise _broken(f"{command[0]} did not sign it", path)
    if not signatures(path):
        raise _broken(f"{command[0]} left no signature beside it", path)


def signatures(path: Path) -> tuple[Path, ...]:
    """The signatures beside a manifest."""
    return tuple(sorted(path.parent.glob(f"{path.name}.?*")))


def is_intact(directory: Path, manifest: Manifest, name: str) -> bool:
    """Whether a file is the one that the manifest names."""
    return name in manifest.files and not any(_problems(directory / name, *manifest.files[name]))


def _problems(path: Path, sha256: str, size: int) -> Iterator[str]:
    if path.is_symlink() or not path.is_file():
        yield "is missing"
    elif path.stat().st_size != size or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        yield "is not the file that the manifest names"


def _run(command: Sequence[str], manifest: Path) -> int:
    try:
        with manifest.open("rb") as file:
            done = subprocess.run(
                [part.replace("{}", str(manifest)) for part in command],
                stdin=file,
                capture_output=True,
                timeout=_PATIENCE,
                check=False,
            )
    except (OSError, subprocess.SubprocessError) as error:
        raise _broken(f"{command[0]} cannot be run", manifest) from error
    return done.returncode


def _inside(name: str, path: Path) -> PurePosixPath:
    inner = PurePosixPath(name)
    if inner.is_absolute() or ".." in inner.parts or "\\" in name or not inner.parts:
        raise _broken("names a file outside", path)
    return inner


def _finding(name: str, detail: str) -> Finding:
    return Finding(Code.OVERLAY_INTEGRITY, None, name, detail)


def _broken(message: str, path: Path) -> InvalidInput:
    return InvalidInput(Code.OVERLAY_INTEGRITY, message, subject=path.name)
