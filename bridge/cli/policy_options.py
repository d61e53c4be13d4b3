"""`--policy` of the commands that solve and look packages up themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from bridge.channel.permits import Permits, Unanswered
from bridge.cli.output import say

_Command = TypeVar("_Command", bound=Callable[..., Any])


def own_policy_option(command: _Command) -> _Command:
    """Add `--policy`; the command gets it as `policy_file`, None where the user names none."""
    return click.option(
        "--policy",
        "policy_file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Take every package that is looked for from the source that this policy names; without --channel, all "
        "channels of the policy are used.",
    )(command)


def channel_permits(policy_file: Path | None, overlays: Sequence[Path]) -> Permits | None:
    """What a policy file says about channels; None without one.

    Raises:
        InvalidInput: it cannot be read (`CB45x`), or the credentials that it refers to are not there (`CB460`).
    """
    return _permits(policy_file, overlays, conda=True)


def index_permits(policy_file: Path | None, overlays: Sequence[Path]) -> Permits | None:
    """The same for indexes."""
    return _permits(policy_file, overlays, conda=False)


def say_unanswered(left_out: Unanswered) -> None:
    """Warn of a source that is left out."""
    say(f"warning: {left_out}", err=True)


def _permits(policy_file: Path | None, overlays: Sequence[Path], *, conda: bool) -> Permits | None:
    if policy_file is None:
        return None
    # What reads policies takes longer to import than a conversion without one may take.
    from bridge.mapping.tables import load_tables
    from bridge.priority.enforcement import permits_of
    from bridge.priority.policy import Ecosystem
    from bridge.priority.policy_file import read_policy

    ecosystem = Ecosystem.CONDA if conda else Ecosystem.PYPI
    tables = load_tables(tuple(overlays))
    return permits_of(read_policy(policy_file), ecosystem, now=datetime.now(UTC), tables=tables)
