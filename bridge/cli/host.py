"""`conda-bridge host`."""

from __future__ import annotations

import re
import sys
from typing import Any, Final

import click

from bridge.cli.output import json_option, print_json
from bridge.errors import BridgeError
from bridge.mapping.hosts import NAMES, Setting, parse_set, with_settings
from bridge.select.detect import detect
from bridge.select.host_file import host_document

_PYTHON: Final = re.compile(r"([0-9]{1,2})\.([0-9]{1,3})(t?)")
#: values of one feature that are shown before the rest is counted.
_SHOWN: Final = 6


def host_settings(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> list[Setting]:
    """The checked values of `--set`."""
    try:
        return [parse_set(value) for value in values]
    except BridgeError as error:
        raise click.BadParameter(f"{error.subject}: {error.message}") from error


def _python(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[tuple[int, int], str | None]:
    match = _PYTHON.fullmatch(value)
    if match is None:
        raise click.BadParameter(f"{value} is not like 3.12 or 3.13t")
    return (int(match[1]), int(match[2])), f"cp{match[1]}{match[2]}t" if match[3] else None


@click.command("host", short_help="Show what a machine offers to conda and to wheel clients.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    callback=host_settings,
    help=f"Describe another machine; an empty value means absent. Names: {', '.join(NAMES)}.",
)
@click.option(
    "--subdir", metavar="S", help="Platform; another one than this machine's starts from its plainest machine."
)
@click.option(
    "--python",
    default=f"{sys.version_info[0]}.{sys.version_info[1]}",
    show_default=True,
    callback=_python,
    help="CPython that the tags are for, for example 3.13t.",
)
@json_option
def host_command(
    settings: list[Setting], subdir: str | None, python: tuple[tuple[int, int], str | None], as_json: bool
) -> None:
    """Show what this (or the described) machine offers, to conda and to wheel clients."""
    found = detect()
    try:
        platform = [] if subdir is None else [parse_set(f"subdir={subdir}")]
        host = with_settings(found.host, [*settings, *platform])
    except BridgeError as error:
        raise click.UsageError(f"{error.subject}: {error.message}") from error
    version, abi = python
    document = host_document(host, version, abi=abi)
    for difference in found.differences if host == found.host else ():
        click.echo(f"note: {difference}", err=True)
    if as_json:
        print_json(document)
    else:
        _print(document)


def _print(document: dict[str, Any]) -> None:
    click.echo(document["subdir"])
    click.echo("virtual packages")
    for package in document["virtual_packages"]:
        click.echo(f"  {package['name']:<12} {package['version']:<12} {package['build']}")
    click.echo("properties, best first")
    for row in document["properties"]:
        click.echo(f"  {row['namespace']} :: {row['feature']} :: {_shortened(row['values'])}")
    click.echo("tags, best first")
    click.echo(f"  {_shortened(document['tags'])}")


def _shortened(values: list[str]) -> str:
    left = len(values) - _SHOWN
    return ", ".join(values[:_SHOWN]) + (f", and {left} more" if left > 0 else "")
