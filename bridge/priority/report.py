"""What compiling a policy gives: files for a client, and for each rule how well the client can keep it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath
from typing import Any

from bridge.errors import Code


class Client(Enum):
    """A program, or a lock file, that a policy is compiled for."""

    CONDA = "conda"
    MAMBA = "mamba"
    PIXI = "pixi"
    RATTLER = "rattler"
    UV = "uv"
    UV_PIP = "uv-pip"
    PIP = "pip"
    POETRY = "poetry"
    PDM = "pdm"
    HATCH = "hatch"
    PYLOCK = "pylock"


class Verdict(Enum):
    """How well a client keeps a rule, best first; `<` is better."""

    EXACT = "exact"
    #: refuses more than the policy does; never takes what the policy forbids.
    STRICTER = "stricter"
    #: takes something that the policy forbids, in the case that the report tells.
    WEAKER = "weaker"
    #: nothing in the client's configuration says anything of the kind.
    IMPOSSIBLE = "impossible"

    def __lt__(self, other: Verdict) -> bool:
        order = list(Verdict)
        return order.index(self) < order.index(other)

    @property
    def keeps(self) -> bool:
        """Whether nothing that the policy forbids can come through."""
        return self in (Verdict.EXACT, Verdict.STRICTER)


class Rule(Enum):
    """The kinds of rules that a policy has."""

    #: which source decides about a name that nobody claims.
    ORDER = "order"
    #: a claimed name that the project itself requires.
    CLAIM_DIRECT = "claim-direct"
    #: a claimed name that only a dependency requires.
    CLAIM_TRANSITIVE = "claim-transitive"
    #: no source but those of the policy.
    CLOSED = "closed"
    UNREACHABLE = "unreachable"
    MIN_AGE = "min-age"
    MIRROR = "mirror"
    CREDENTIALS = "credentials"
    ATTESTATION = "attestation"
    IDENTITY = "identity"
    VARIANT = "variant"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class RuleReport:
    """How well one client keeps one rule of the policy.

    `subject` is what the rule is about: the source, the patterns of the claim, the property, or `policy`.
    """

    client: Client
    rule: Rule
    subject: str
    verdict: Verdict
    #: what the configuration says, or what goes wrong; one sentence without a final stop.
    detail: str
    #: None where the verdict is exact.
    code: Code | None = None
    #: what to do about it; empty means what the code says.
    remedy: str = ""
    #: whether the rule protects what a first-party source provides.
    first_party: bool = False

    def __post_init__(self) -> None:
        if (self.code is None) != (self.verdict is Verdict.EXACT):
            raise ValueError(f"a verdict has a code where it is not exact, and only there: {self}")

    @property
    def advice(self) -> str:
        """What the user can do; empty where nothing is needed."""
        return self.remedy or (self.code.remedy if self.code else "")

    def to_json(self) -> dict[str, Any]:
        return {
            "client": self.client.value,
            "rule": self.rule.value,
            "subject": self.subject,
            "verdict": self.verdict.value,
            "code": self.code.number if self.code else None,
            "detail": self.detail,
            "remedy": self.advice,
            "first_party": self.first_party,
        }


class FileFormat(Enum):
    """What a compiled file is written in; says how it is merged into an existing file and what begins a comment."""

    TOML = "toml"
    YAML = "yaml"
    INI = "ini"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class CompiledFile:
    """A file, or a part of one, for one client.

    Where `standalone`, `text` is the whole file, its header included. Otherwise it is a document of its own in
    `format`, without a header, that belongs into a marked block of a file that may have other content.
    """

    #: relative to the directory of the project.
    path: PurePosixPath
    client: Client
    format: FileFormat
    #: ends with a line end.
    text: str
    standalone: bool

    @property
    def content(self) -> bytes:
        return self.text.encode()


@dataclass(frozen=True, slots=True)
class Compiled:
    """What one client gets."""

    files: tuple[CompiledFile, ...] = ()
    report: tuple[RuleReport, ...] = ()

    def worst(self) -> Verdict:
        """The worst verdict; exact where nothing is reported."""
        return max((entry.verdict for entry in self.report), default=Verdict.EXACT)


def joined(parts: Iterable[Compiled]) -> Compiled:
    """Several results as one, in the order given."""
    listed = tuple(parts)
    return Compiled(
        files=tuple(file for part in listed for file in part.files),
        report=tuple(entry for part in listed for entry in part.report),
    )
