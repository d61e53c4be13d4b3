"""Losses, outcomes and plans: the full decision about one conversion, as data, before a byte is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from bridge.errors import Code
from bridge.model.conda import CondaIdentity, Origin
from bridge.model.payload import BytePatch


class Layout(Enum):
    """Where native files go in a wheel (design, section 6)."""

    VENDORED = "vendored"
    SHARED = "shared"
    PREFIX = "prefix"


class Status(Enum):
    """What became of one input."""

    CONVERTED = "converted"
    UNSUPPORTED = "unsupported"
    INVALID = "invalid"
    UNREPRESENTABLE = "unrepresentable"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that the input says and the output cannot say."""

    code: Code
    subject: str
    detail: str

    def to_json(self) -> dict[str, str]:
        return {"code": self.code.number, "subject": self.subject, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class TextEdit:
    """Replace every `old` by `new` in a text file (a prefix placeholder)."""

    old: bytes
    new: bytes


@dataclass(frozen=True, slots=True)
class ShebangEdit:
    """Replace the first line of a script."""

    new: bytes


@dataclass(frozen=True, slots=True)
class ElfPatch:
    """Rewrite dynamic entries, which may move sections: done by the patcher on a copy."""

    soname: str | None = None
    #: NEEDED name -> new name.
    needed: Mapping[str, str] = field(default_factory=dict)
    rpath: str | None = None


Edit = BytePatch | TextEdit | ShebangEdit | ElfPatch


@dataclass(frozen=True, slots=True)
class FromPayload:
    """A file of an artifact's payload: of the input itself, or of a providing package."""

    path: str
    #: None: the input; otherwise the file name of the provider in `Plan.providers`.
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class Literal:
    """Bytes that the plan itself made."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One member of the wheel to be."""

    #: path in the wheel.
    target: str
    source: FromPayload | Literal
    executable: bool = False
    edits: tuple[Edit, ...] = ()
    #: digest of the bytes as they will be in the wheel, where no edit changes them; None otherwise.
    sha256: bytes | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """Which variant of its release a wheel is (PEP 825)."""

    label: str
    #: `namespace :: feature :: value`, sorted.
    properties: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"label": self.label, "properties": list(self.properties)}


@dataclass(frozen=True, slots=True)
class ExactWheel:
    """What a wheel that is restored has of its own, and others get from the bridge."""

    filename: str
    #: names of the dist-info directory and of directories that hold nothing.
    dist_info: str
    empty_directories: tuple[str, ...]
    #: RECORD.
    record: bytes
    variant: Variant | None = None


@dataclass(frozen=True, slots=True)
class WheelPlan:
    """How one conda artifact becomes one wheel."""

    origin: Origin
    source: CondaIdentity
    layout: Layout
    #: as spelled in METADATA.
    name: str
    version: Version
    tags: frozenset[Tag]
    requires_python: SpecifierSet
    requires_dist: tuple[Requirement, ...]
    #: MatchSpecs that were in force (hotfixed where a channel was given).
    depends: tuple[str, ...]
    #: group -> {name: object reference}.
    entry_points: Mapping[str, Mapping[str, str]]
    files: tuple[PlannedFile, ...]
    losses: tuple[Loss, ...]
    #: native files by path, with what they need, for `inspect`.
    native_files: tuple[Mapping[str, Any], ...] = ()
    #: file name -> origin of packages that vendored files come from.
    providers: Mapping[str, Origin] = field(default_factory=dict)
    #: for a wheel that becomes again what it was.
    exact: ExactWheel | None = None

    @property
    def variant(self) -> Variant | None:
        """Which variant of its release a restored wheel is; others become variants later."""
        return None if self.exact is None else self.exact.variant

    @property
    def normalized_name(self) -> NormalizedName:
        return canonicalize_name(self.name)

    @property
    def dist_info(self) -> str:
        """`{name}-{version}.dist-info` with the escaping of the binary distribution format."""
        if self.exact is not None:
            return self.exact.dist_info
        return f"{self.escaped_name}-{self.version}.dist-info"

    @property
    def escaped_name(self) -> str:
        return self.normalized_name.replace("-", "_")

    @property
    def filename(self) -> str:
        """The wheel's file name, with compressed tag sets in sorted order."""
        if self.exact is not None:
            return self.exact.filename
        return f"{self.escaped_name}-{self.version}-{compress_tags(self.tags)}.whl"


@dataclass(frozen=True, slots=True)
class Output:
    """One file that a conversion wrote."""

    path: str
    filename: str
    sha256: str
    size: int
    source: Origin
    variant: Variant | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "filename": self.filename,
            "sha256": self.sha256,
            "size": self.size,
            "variant": None if self.variant is None else self.variant.to_json(),
            "source": {"filename": self.source.filename, "sha256": self.source.sha256},
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one input: exactly one per input."""

    input: str
    status: Status
    code: Code | None = None
    message: str | None = None
    outputs: tuple[Output, ...] = ()
    losses: tuple[Loss, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "input": self.input,
            "status": self.status.value,
            "code": None if self.code is None else self.code.number,
            "message": self.message,
            "outputs": [output.to_json() for output in self.outputs],
            "losses": [loss.to_json() for loss in self.losses],
        }


def compress_tags(tags: frozenset[Tag]) -> str:
    """`{python}-{abi}-{platform}` of a compressed tag set, each part sorted (binary distribution format)."""
    parts = (
        {tag.interpreter for tag in tags},
        {tag.abi for tag in tags},
        {tag.platform for tag in tags},
    )
    return "-".join(".".join(sorted(part)) for part in parts)
