"""Options that the commands about priorities share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import rattler

from bridge.formats.conda.identifiers import parse_subdir
from bridge.model.conda import Subdir

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


def subdir_option(command: _Command) -> _Command:
    """Add `--subdir`; the command gets the platforms of channels to look at, those of this machine by default."""
    return click.option(
        "--subdir",
        "subdirs",
        multiple=True,
        metavar="S",
        callback=_subdirs,
        help="Platform of the channels, besides noarch: linux-64.  [default: that of this machine]",
    )(command)


def _subdirs(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[Subdir, ...]:
    chosen = values or (str(rattler.Subdir.current()),)
    return tuple(parse_subdir(each, subject="--subdir", field=each) for each in chosen)
