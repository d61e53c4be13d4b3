"""The planned page of one project: a PEP 691 document that also says how each file is to be made.

What is not known before a file is converted is not stated: neither its hash nor its size, and no metadata beside it.
Hence version 1.0 of the API (PEP 691), which asks for neither. Keys that start with an underscore are the server's own,
by the same PEP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from bridge.errors import Code, InvalidInput

API_VERSION: Final = "1.0"
#: from `simple/<project>/` to where files are asked for.
FILES: Final = "../../files"


class Origin(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="kebab"):
    """What a file will be made of."""

    #: path below the channel.
    source: str
    #: of the conda package; None where the channel does not state it.
    sha256: str | None = None
    #: of the conda package, in bytes.
    size: int | None = None
    requires_dist: tuple[str, ...] = ()
    #: whether all such files of the release are made together, as variants.
    family: bool = False


class PlannedFile(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="kebab"):
    """One file of the page. A `-variants.json` has no origin."""

    filename: str
    url: str
    version: str = msgspec.field(name="_version")
    #: PEP 691 wants the key; empty, because nobody knows them yet.
    hashes: Mapping[str, str]
    requires_python: str | None = None
    origin: Origin | None = msgspec.field(default=None, name="_origin")


class Meta(msgspec.Struct, frozen=True, gc=False, rename={"version": "api-version"}):
    """`meta` of PEP 691."""

    version: str = API_VERSION


class PlannedPage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A page; files by version and name, as text."""

    meta: Meta
    name: str
    files: tuple[PlannedFile, ...]
    #: number of a code -> packages that become no file for that reason.
    left_out: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict, name="_left-out")

    def of_release(self, version: str) -> tuple[PlannedFile, ...]:
        """The files of the family of one release."""
        return tuple(file for file in self.files if file.version == version and file.origin and file.origin.family)


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(PlannedPage)


def write_page(page: PlannedPage) -> bytes:
    """The document."""
    return _ENCODER.encode(page)


def read_page(data: bytes, subject: str) -> PlannedPage:
    """A document that `write_page` made.

    Raises:
        InvalidInput: it is of another form (`CB111`).
    """
    try:
        return _DECODER.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInput(Code.BAD_METADATA, str(error), subject=subject) from error


def root_page(names: Sequence[str]) -> bytes:
    """The document of all projects (PEP 691)."""
    document: dict[str, Any] = {"meta": Meta(), "projects": [{"name": name} for name in names]}
    return _ENCODER.encode(document)
