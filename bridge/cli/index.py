"""`conda-bridge index`."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.channel.simple import IndexReport, write_index
from bridge.cli.output import json_option, print_json, say
from bridge.select.for_host import ForHostReport, write_for_host
from bridge.select.host_file import read_host
from bridge.select.intent import NO_INTENT, read_intent

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("index", short_help="Write DIRECTORY/simple/, a package index of its wheels.")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--for-host",
    "host",
    type=_FILE,
    metavar="FILE",
    help="Of every release, list only the wheel for the machine in FILE (as `host --json` prints it), without label.",
)
@click.option(
    "--intent", type=_FILE, metavar="FILE", help="With --for-host: what its user wants (prefer, never, order)."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="With --for-host: where to write. Default: DIRECTORY.",
)
@json_option
@click.pass_context
def index_command(
    context: click.Context,
    directory: Path,
    host: Path | None,
    intent: Path | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Write DIRECTORY/simple/, a package index of the wheels in DIRECTORY."""
    if host is None and (intent is not None or output is not None):
        raise click.UsageError("--intent and --output are for --for-host")
    if host is None:
        report, made = write_index(directory), None
    else:
        wishes = NO_INTENT if intent is None else read_intent(intent)
        made = write_for_host(directory, read_host(host), out=output, intent=wishes)
        report = made.index
    if as_json:
        print_json(_document(report, made))
    else:
        _print(report, made)
    context.exit(1 if report.rejected or (made is not None and made.without) else 0)


def _document(report: IndexReport, made: ForHostReport | None) -> dict[str, object]:
    document: dict[str, object] = {
        "schema": "conda-bridge/index/1",
        "projects": len(report.projects),
        "files": [file.filename for file in report.files],
        "rejected": [
            {"path": path, "code": error.code.number, "message": str(error)} for path, error in report.rejected
        ],
    }
    if made is not None:
        document["for_host"] = {
            "wheels": [
                {"filename": wheel.filename, "original": wheel.original, "label": wheel.label} for wheel in made.wheels
            ],
            "without": list(made.without),
        }
    return document


def _print(report: IndexReport, made: ForHostReport | None) -> None:
    for path, error in report.rejected:
        say(f"not listed: {path}: {error}", err=True)
    for release in () if made is None else made.without:
        click.echo(f"not listed: {release}: no wheel of it runs on this machine", err=True)
    for wheel in () if made is None else made.wheels:
        if wheel.label is not None:
            click.echo(f"  {wheel.filename} is {wheel.label} of {wheel.project} {wheel.version}")
    click.echo(f"{report.directory}: {len(report.files)} files of {len(report.projects)} projects")
