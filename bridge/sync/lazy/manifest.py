"""What a planned index was made from: enough to serve it, and to plan it anew only where something changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from bridge.channel.files import replace_file
from bridge.errors import Code, InvalidInput
from bridge.limits import GIB

SCHEMA: Final = "conda-bridge/planned-index/1"
FILE: Final = "planned.json"
_LARGEST: Final = 1 * GIB


class Name(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A package name of the channel."""

    #: changes when a record of the name does.
    stamp: str
    #: whether some record of it is for Python.
    python: bool
    #: whose page has its packages; empty where they become no wheels.
    project: str = ""


class Manifest(msgspec.Struct, frozen=True, gc=False, rename="kebab"):
    """The document; nothing in it is secret."""

    schema: str
    #: address of the channel, without credentials.
    channel: str
    #: subdir -> `info.base_url` as the channel states it; None where it does not.
    subdirs: Mapping[str, str | None]
    #: sha256 of names, kinds and axes that were planned with.
    mapping: str
    reserved_prefix: str
    names: Mapping[str, Name]
    #: normalised names of the projects that have a page.
    projects: tuple[str, ...]
    #: packages that are required and that neither the channel nor the tables know.
    missing: tuple[str, ...] = ()

    def same_ground(self, other: Manifest) -> bool:
        """Whether what the two plan alike depends on nothing but records."""
        return (self.schema, self.channel, self.subdirs, self.mapping, self.reserved_prefix) == (
            other.schema,
            other.channel,
            other.subdirs,
            other.mapping,
            other.reserved_prefix,
        )


def read_manifest(directory: Path) -> Manifest | None:
    """The manifest of a planned index; None where there is none.

    Raises:
        InvalidInput: it cannot be read (`CB119`), is too large (`CB109`), or of another form or version (`CB111`).
    """
    path = directory / FILE
    try:
        if path.stat().st_size > _LARGEST:
            raise InvalidInput(Code.LIMIT, f"more than {_LARGEST} bytes", subject=FILE)
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidInput(Code.SOURCE, f"cannot read: {error.strerror}", subject=FILE) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInput(Code.BAD_METADATA, str(error), subject=FILE) from error
    if manifest.schema != SCHEMA:
        message = f"of version {manifest.schema!r}, not {SCHEMA!r}; plan into an empty directory"
        raise InvalidInput(Code.BAD_METADATA, message, subject=FILE, field="schema")
    return manifest


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Replace the manifest."""
    replace_file(directory / FILE, msgspec.json.encode(manifest, order="sorted"))
