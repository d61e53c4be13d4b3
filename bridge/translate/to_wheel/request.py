"""What planning one wheel starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from packaging.utils import is_normalized_name

from bridge.errors import Code, InvalidInput
from bridge.mapping.names import RESERVED_PREFIX, Evidence
from bridge.mapping.tables import Tables
from bridge.model.conda import CondaMetadata, IndexJson, Origin
from bridge.model.payload import Survey
from bridge.model.plan import Layout, Loss
from bridge.translate.to_wheel.closure import Closure

#: Stands for the build prefix where a path has to stay absolute. Root owns /opt, so no ordinary user can create it
#: and lay files there for a program to find (design, section 6).
FIXED_PREFIX: Final = "/opt/conda-bridge/prefix"

#: The directory in site-packages that mirrors the prefix in the shared layout. One character, because `/_/lib` is
#: exactly as long as the `/../..` of conda's RPATHs that it replaces, so that nothing in a binary has to move.
SHARED_ROOT: Final = "_"


@dataclass(frozen=True, slots=True)
class Options:
    """What the user decides about a conversion.

    Raises:
        InvalidInput: no distribution name can start with the reserved prefix (`CB115`).
    """

    layout: Layout = Layout.VENDORED
    #: begins the names of packages that are no Python projects: `zstd` on PyPI is not conda's (design, section 7).
    reserved_prefix: str = RESERVED_PREFIX

    def __post_init__(self) -> None:
        if not (self.reserved_prefix.endswith("-") and is_normalized_name(f"{self.reserved_prefix}x")):
            raise InvalidInput(
                Code.BAD_IDENTIFIER,
                "a reserved prefix has lower case letters, digits and single hyphens, and ends in a hyphen",
                subject=self.reserved_prefix,
            )


@dataclass(frozen=True, slots=True)
class Request:
    """One artifact, read and surveyed, with everything that planning may look at."""

    origin: Origin
    metadata: CondaMetadata
    #: the index.json in force: the channel's record where a channel is given.
    index: IndexJson
    survey: Survey
    tables: Tables
    evidence: Evidence
    options: Options
    #: what the channel changed, and other losses met before planning.
    losses: tuple[Loss, ...] = ()
    #: the packages that this one needs at run time; only the vendored layout asks for them.
    closure: Closure | None = None
