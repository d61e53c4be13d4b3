"""What every command prints with `--json`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def json_option(command: _Command) -> _Command:
    """Add `--json`: one document on standard output, and nothing else there."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def print_json(document: Mapping[str, Any]) -> None:
    """Print one document in a form that is stable and readable."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
