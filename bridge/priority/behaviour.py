"""What clients do with several sources, whatever their settings are called (measured, see docs/priority-matrix.md)."""

from __future__ import annotations

from typing import Final

from bridge.priority.catalogue import Silence
from bridge.priority.configs.config import ClientConfig
from bridge.priority.policy import Ecosystem, Semantics
from bridge.priority.report import Client

#: clients with a solver that loses strict priority for requirements with a bound.
RATTLER: Final = frozenset({Client.PIXI, Client.RATTLER})
#: clients of libmamba and of conda's own solvers.
CONDA: Final = frozenset({Client.CONDA, Client.MAMBA})
#: clients that can read the file names of variants (PEP 825); to the others such a wheel is no wheel.
READING_VARIANTS: Final = frozenset({Client.UV, Client.UV_PIP})


def rule_of(config: ClientConfig, ecosystem: Ecosystem) -> Semantics:
    """What the client really does with several sources, whatever its setting is called."""
    semantics = config.rule(ecosystem)
    if ecosystem is Ecosystem.CONDA and semantics is Semantics.FIRST_MATCH and uses_rattler(config):
        return Semantics.BEST_MATCH
    return semantics


def uses_rattler(config: ClientConfig) -> bool:
    """Whether conda solves with rattler."""
    return config.program is Client.CONDA and any(
        one.value == "rattler" for one in config.setting("solver", "experimental_solver")
    )


def goes_on(config: ClientConfig, ecosystem: Ecosystem, silence: Silence) -> bool:
    """Whether a client goes on with the other sources where one does not answer (measured)."""
    match config.program:
        case Client.PIP:
            return True
        case Client.PDM:
            return silence is not Silence.UNREACHED
        case Client.POETRY:
            return silence is Silence.DENIED
        case Client.UV | Client.UV_PIP:
            return silence is Silence.DENIED and rule_of(config, ecosystem) is not Semantics.STRICT
        case _:
            return False
