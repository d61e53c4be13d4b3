"""`conda-bridge select`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click

from bridge.cli.host import host_settings
from bridge.cli.output import json_option, print_json
from bridge.cli.policy_options import channel_permits, index_permits, own_policy_option
from bridge.errors import BridgeError
from bridge.mapping.hosts import NAMES, Setting, with_settings
from bridge.select.detect import detect_host
from bridge.select.host_file import read_host
from bridge.select.intent import NO_INTENT, read_intent
from bridge.select.overlay import compile_intent, write_compiled
from bridge.select.select import select

_PYTHON: Final = re.compile(r"([0-9]{1,2})\.([0-9]{1,3})")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _python(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[int, int]:
    match = _PYTHON.fullmatch(value)
    if match is None:
        raise click.BadParameter(f"{value} is not like 3.12")
    return int(match[1]), int(match[2])


@click.command("select", short_help="Show which build conda and wheel clients take, and why.")
@click.argument("project")
@click.option(
    "--channel",
    "channels",
    multiple=True,
    metavar="CH",
    help="Channel (directory or address); needed without --policy.",
)
@click.option(
    "--index",
    metavar="IDX",
    help="Package index (directory or address). Default: those of the policy, or else the wheels that the channels' "
    "builds would become.",
)
@own_policy_option
@click.option("--host", type=_FILE, metavar="FILE", help="The machine, as `host --json` prints it. Default: this one.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    callback=host_settings,
    help=f"Change the machine; an empty value means absent. Names: {', '.join(NAMES)}.",
)
@click.option("--python", default="3.12", show_default=True, callback=_python, help="CPython to install for.")
@click.option("--intent", type=_FILE, metavar="FILE", help="What you want of variants (prefer, never, order).")
@click.option(
    "--compile",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="With --intent: write what servers can publish to make clients obey it.",
)
@click.option("--overlay", "overlays", multiple=True, type=_FILE, help="YAML file with name mappings of your own.")
@json_option
@click.pass_context
def select_command(
    context: click.Context,
    project: str,
    channels: tuple[str, ...],
    index: str | None,
    policy_file: Path | None,
    host: Path | None,
    settings: list[Setting],
    python: tuple[int, int],
    intent: Path | None,
    directory: Path | None,
    overlays: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Show which build of PROJECT (maybe NAME==VERSION) conda and wheel clients take, and whether it is the same."""
    if directory is not None and intent is None:
        raise click.UsageError("--compile is for --intent")
    if not channels and policy_file is None:
        raise click.UsageError("Missing option '--channel'.")
    wishes = NO_INTENT if intent is None else read_intent(intent)
    try:
        machine = detect_host(settings) if host is None else with_settings(read_host(host), settings)
    except BridgeError as error:
        raise click.UsageError(f"{error.subject}: {error.message}") from error
    found = select(
        project,
        channels,
        index,
        machine,
        python,
        intent=wishes,
        overlays=overlays,
        permits=channel_permits(policy_file, overlays),
        index_permits=index_permits(policy_file, overlays),
    )
    if directory is not None and found.release is not None:
        for line in write_compiled(compile_intent(found.release, wishes), found.release, directory):
            click.echo(line, err=True)
    if as_json:
        print_json(found.to_json())
    else:
        click.echo(f"conda  {found.conda or 'nothing'}")
        click.echo(f"wheel  {'nothing' if found.wheel is None else found.wheel.filename}")
        click.echo(f"       {found.verdict.value}")
        for line in found.why:
            click.echo(line)
    context.exit(0 if found.agree else 1)
