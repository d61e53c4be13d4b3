"""Options that the commands about priorities share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])

#: of the policy file, where no other is named.
POLICY_FILE: Final = "bridge-policy.toml"
DIRECTORY: Final = click.Path(exists=True, file_okay=False, path_type=Path)


def policy_option(command: _Command) -> _Command:
    """Add `--policy`; the command gets None where the user names none."""
    return click.option(
        "--policy",
        "policy_file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help=f"The policy.  [default: {POLICY_FILE} of the project]",
    )(command)


def policy_path(chosen: Path | None, project: Path) -> Path:
    """The policy file of a command that needs one.

    Raises:
        click.UsageError: none is named, and the project has none.
    """
    path = project / POLICY_FILE if chosen is None else chosen
    if not path.is_file():
        raise click.UsageError(f"{project} has no {POLICY_FILE}; name one with --policy")
    return path


def policy_if_any(chosen: Path | None, project: Path) -> Path | None:
    """The policy file of a command that also works without one; None where neither user nor project name one."""
    path = project / POLICY_FILE if chosen is None else chosen
    return path if path.is_file() else None
