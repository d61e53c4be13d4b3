"""`conda-bridge index`."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.channel.conda_index import ChannelReport, write_conda_index
from bridge.channel.simple import IndexReport, write_index
from bridge.cli.options import jobs_option
from bridge.cli.output import json_option, print_json, say
from bridge.mapping.tables import load_tables
from bridge.select.for_host import ForHostReport, write_for_host
from bridge.select.host_file import read_host
from bridge.select.intent import NO_INTENT, read_intent

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("index", short_help="Write DIRECTORY/simple/, and repodata for conda packages.")
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
@click.option(
    "--overlay",
    "overlays",
    multiple=True,
    type=_FILE,
    metavar="FILE",
    help="YAML file with name mappings of your own, for wheels in a conda channel; they win over the built-in ones.",
)
@click.option(
    "--same-names", is_flag=True, help="Take a project that no table knows for the conda package of the same name."
)
@jobs_option
@json_option
@click.pass_context
def index_command(
    context: click.Context,
    directory: Path,
    host: Path | None,
    intent: Path | None,
    output: Path | None,
    overlays: tuple[Path, ...],
    same_names: bool,
    jobs: int,
    as_json: bool,
) -> None:
    """Write DIRECTORY/simple/, a package index of the wheels in DIRECTORY.

    Where DIRECTORY is a conda channel (noarch/, linux-64/ ... with packages), write its repodata too, with shards and
    run exports. Pure wheels that lie in DIRECTORY itself are offered there as they are.
    """
    if host is None and (intent is not None or output is not None):
        raise click.UsageError("--intent and --output are for --for-host")
    made, channel = None, None
    if host is None:
        tables = load_tables(overlays)
        report = write_index(directory)
        channel = write_conda_index(directory, report.files, tables, same_names=same_names, jobs=jobs)
    else:
        wishes = NO_INTENT if intent is None else read_intent(intent)
        made = write_for_host(directory, read_host(host), out=output, intent=wishes)
        report = made.index
    rejected = (*report.rejected, *(() if channel is None else channel.rejected))
    if as_json:
        print_json(_document(report, made, channel))
    else:
        _print(report, made, channel)
    context.exit(1 if rejected or (made is not None and made.without) else 0)


def _document(report: IndexReport, made: ForHostReport | None, channel: ChannelReport | None) -> dict[str, object]:
    rejected = (*report.rejected, *(() if channel is None else channel.rejected))
    document: dict[str, object] = {
        "schema": "conda-bridge/index/1",
        "projects": len(report.projects),
        "files": [file.filename for file in report.files],
        "rejected": [{"path": path, "code": error.code.number, "message": str(error)} for path, error in rejected],
    }
    if made is not None:
        document["for_host"] = {
            "wheels": [
                {"filename": wheel.filename, "original": wheel.original, "label": wheel.label} for wheel in made.wheels
            ],
            "without": list(made.without),
        }
    if channel is not None:
        document["channel"] = {
            "subdirs": {
                one.subdir: {"packages": one.packages, "v3": one.later, "wheels": one.wheels} for one in channel.subdirs
            },
            "losses": [
                {"code": loss.code.number, "subject": loss.subject, "detail": loss.detail} for loss in channel.losses
            ],
        }
    return document


def _print(report: IndexReport, made: ForHostReport | None, channel: ChannelReport | None) -> None:
    for path, error in (*report.rejected, *(() if channel is None else channel.rejected)):
        say(f"not listed: {path}: {error}", err=True)
    for release in () if made is None else made.without:
        click.echo(f"not listed: {release}: no wheel of it runs on this machine", err=True)
    for wheel in () if made is None else made.wheels:
        if wheel.label is not None:
            click.echo(f"  {wheel.filename} is {wheel.label} of {wheel.project} {wheel.version}")
    for loss in () if channel is None else channel.losses:
        say(f"note: {loss.code} {loss.subject}: {loss.detail}", err=True)
    click.echo(f"{report.directory}: {len(report.files)} files of {len(report.projects)} projects")
    for subdir in () if channel is None else channel.subdirs:
        wheels = f", {subdir.wheels} wheels" if subdir.wheels else ""
        click.echo(f"{report.directory.parent / subdir.subdir}: {subdir.packages} packages{wheels}")
