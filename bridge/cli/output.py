"""What every command prints with `--json`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from bridge.errors import plain

_Command = TypeVar("_Command", bound=Callable[..., Any])


def json_option(command: _Command) -> _Command:
    """Add `--json`: one document on standard output, and nothing else there."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def print_json(document: Mapping[str, Any]) -> None:
    """Print one document in a form that is stable and readable, in ASCII: file names need not be Unicode."""
    click.echo(json.dumps(document, indent=2))


def say(text: str, *, err: bool = False) -> None:
    """Print one line about an artifact, whose own words cannot steer the terminal."""
    click.echo(plain(text), err=err)
