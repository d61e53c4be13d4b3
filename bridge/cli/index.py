"""`conda-bridge index`."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.channel.simple import write_index
from bridge.cli.options import json_option, print_json


@click.command("index")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
@click.pass_context
def index_command(context: click.Context, directory: Path, as_json: bool) -> None:
    """Write DIRECTORY/simple/, a package index of the wheels in DIRECTORY."""
    report = write_index(directory)
    if as_json:
        print_json(
            {
                "schema": "conda-bridge/index/1",
                "projects": len(report.projects),
                "files": [file.filename for file in report.files],
                "rejected": [
                    {"path": path, "code": error.code.number, "message": str(error)} for path, error in report.rejected
                ],
            }
        )
    else:
        for path, error in report.rejected:
            click.echo(f"not listed: {path}: {error}", err=True)
        click.echo(f"{directory / 'simple'}: {len(report.files)} files of {len(report.projects)} projects")
    context.exit(1 if report.rejected else 0)
