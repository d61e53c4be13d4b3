"""`conda-bridge inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from bridge.channel.inspect import inspect
from bridge.channel.settings import PackageSettings
from bridge.cli.options import conversion_options, package_options
from bridge.cli.output import json_option, print_json, say
from bridge.cli.policy_options import channel_permits, own_policy_option, say_unanswered
from bridge.model.plan import Layout, Status

#: every other status is 1, an input that would not be converted.
_EXIT_CODES: Final = {Status.CONVERTED.value: 0, Status.INTERNAL_ERROR.value: 3}


@click.command("inspect")
@click.argument("source", metavar="INPUT")
@conversion_options
@own_policy_option
@package_options
@json_option
@click.pass_context
def inspect_command(
    context: click.Context,
    source: str,
    layout: str | None,
    channels: tuple[str, ...],
    subdir: str,
    policy_file: Path | None,
    strict: bool,
    overlays: tuple[Path, ...],
    reserved_prefix: str,
    packages: PackageSettings,
    as_json: bool,
) -> None:
    """Show what would become of INPUT, without writing anything.

    INPUT is what `convert` takes. Of a wheel it also tells the variant properties, and whether every client can use it.
    """
    document = inspect(
        source,
        layout=None if layout is None else Layout(layout),
        channels=channels,
        subdir=subdir,
        strict=strict,
        overlays=overlays,
        reserved_prefix=reserved_prefix,
        packages=packages,
        permits=channel_permits(policy_file, overlays),
        on_unanswered=say_unanswered,
    )
    if as_json:
        print_json(document)
    else:
        _print(document)
    context.exit(_EXIT_CODES.get(document["outcome"]["status"], 1))


def _print(document: dict[str, Any]) -> None:
    outcome = document["outcome"]
    if outcome["status"] != "converted":
        say(f"{outcome['status']}: {outcome['message']}", err=True)
        return
    say(f"{document['name']} {document['version']} ({document['kind']})")
    say(f"  tags             {', '.join(document['tags'])}")
    say(f"  requires python  {document['requires_python'] or 'any'}")
    for title, key in (("requires", "requires_dist"), ("conda depends", "depends")):
        for line in document[key]:
            say(f"  {title:<16} {line}")
    for group, entries in document["entry_points"].items():
        for name, reference in entries.items():
            say(f"  {group:<16} {name} = {reference}")
    if document.get("label") is not None:
        say(f"  label            {document['label']}")
    for text in document["properties"]:
        say(f"  property         {text}")
    for package in document.get("packages", ()):
        say(f"  conda package    {package['subdir']}/{package['filename']}")
    for row in document["native_files"]:
        say(f"  native file      {row['path']}  needs {', '.join(row['needed']) or 'nothing'}")
    for loss in document["losses"]:
        say(f"  loss {loss['code']}       {loss['subject']}: {loss['detail']}")
