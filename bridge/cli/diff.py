"""`conda-bridge diff`."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from bridge.cli.output import json_option, print_json, say
from bridge.compare.compare import compare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.compare.comparison import Comparison, Difference

#: differences of one part that are shown before the rest is counted.
_SHOWN: Final = 20
#: characters of a value.
_WIDTH: Final = 100
_ABSENT: Final = "-"


@click.command("diff", short_help="Say what differs between two artifacts, and whether it matters.")
@click.argument("left", metavar="A", type=click.Path(path_type=Path))
@click.argument("right", metavar="B", type=click.Path(path_type=Path))
@click.option(
    "--overlay",
    "overlays",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file with name mappings of your own; they win over the built-in ones.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show every difference, and values in full.")
@json_option
@click.pass_context
def diff_command(
    context: click.Context, left: Path, right: Path, overlays: tuple[Path, ...], verbose: bool, as_json: bool
) -> None:
    """Say what differs between two artifacts, and whether it matters.

    A and B are conda packages (.conda, .tar.bz2, or unpacked) or wheels, in any combination. Exit status 0: nothing
    that matters differs; 1: something does, or one of them cannot be read.
    """
    found = compare(left, right, overlays=overlays)
    if as_json:
        print_json(found.to_json())
    else:
        _print(found, verbose=verbose)
    context.exit(0 if found.equal else 1)


def _print(found: Comparison, *, verbose: bool) -> None:
    """What matters first, each part of the artifacts under a heading of its own."""
    for matters, title in ((True, "matters"), (False, "does not matter")):
        chosen = [each for each in found.differences if each.matters is matters]
        if chosen:
            click.echo(f"{title}: {len(chosen)}")
        for part, group in groupby(chosen, key=lambda each: each.part):
            _print_part(part, list(group), verbose=verbose)
    click.echo("equal" if found.equal else "different")


def _print_part(part: str, group: Sequence[Difference], *, verbose: bool) -> None:
    shown = group if verbose else group[:_SHOWN]
    say(_line(f"  {part}"))
    for each in shown:
        rest = each.where.removeprefix(part).removeprefix(": ")
        if rest:
            say(_line(f"    {rest}"))
        for sign, value in (("<", each.left), (">", each.right)):
            say(_line(f"      {sign} {_value(value, verbose=verbose)}"))
    if len(shown) < len(group):
        click.echo(f"    and {len(group) - len(shown)} more")


def _value(value: str | None, *, verbose: bool) -> str:
    if value is None:
        return _ABSENT
    return value if verbose or len(value) <= _WIDTH else f"{value[:_WIDTH]}..."


def _line(text: str) -> str:
    # One line each, whatever an artifact's own words hold.
    return text.replace("\n", "\\n")
