"""`conda-bridge convert`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bridge.channel.convert import Report, convert
from bridge.channel.settings import PackageSettings
from bridge.cli.options import (
    compression_option,
    conversion_options,
    jobs_option,
    package_options,
    verbosity_options,
)
from bridge.cli.output import json_option, print_json, say
from bridge.cli.policy_options import channel_permits, own_policy_option, say_unanswered
from bridge.formats.wheel.compression import Compression
from bridge.model.plan import Layout, Outcome, Status


@click.command("convert")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("-o", "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Output directory.")
@conversion_options
@own_policy_option
@compression_option
@package_options
@jobs_option
@verbosity_options
@json_option
@click.pass_context
def convert_command(
    context: click.Context,
    inputs: tuple[str, ...],
    out: Path,
    layout: str | None,
    channels: tuple[str, ...],
    subdir: str,
    policy_file: Path | None,
    strict: bool,
    overlays: tuple[Path, ...],
    reserved_prefix: str,
    compression: str,
    packages: PackageSettings,
    jobs: int,
    quiet: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Convert conda packages to wheels, and wheels to conda packages.

    Wheels go to OUT, conda packages to the directory of their platform there, OUT/SUBDIR.

    INPUT is a .conda, .tar.bz2 or .whl file, a directory of them, an unpacked conda package, an address, or (with
    --channel or --policy) a MatchSpec.
    """
    console = Console(stderr=True)
    with Progress(
        TextColumn("converting"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.file.isatty(),
    ) as progress:
        task = progress.add_task("converting", total=None)
        report = convert(
            inputs,
            out,
            layout=None if layout is None else Layout(layout),
            channels=channels,
            subdir=subdir,
            strict=strict,
            overlays=overlays,
            reserved_prefix=reserved_prefix,
            compression=Compression(compression),
            packages=packages,
            jobs=jobs,
            permits=channel_permits(policy_file, overlays),
            on_outcome=lambda _: progress.advance(task),
            on_unanswered=say_unanswered,
        )
    if as_json:
        print_json(report.to_json())
    else:
        _print(report, quiet=quiet, verbose=verbose)
    context.exit(_exit_code(report))


def _exit_code(report: Report) -> int:
    if report.summary[Status.INTERNAL_ERROR.value]:
        return 3
    return 0 if report.summary[Status.CONVERTED.value] == len(report.outcomes) else 1


def _print(report: Report, *, quiet: bool, verbose: bool) -> None:
    for outcome in report.outcomes:
        if outcome.status is not Status.CONVERTED:
            say(f"{outcome.status.value}: {outcome.message}", err=True)
        elif not quiet:
            _print_converted(outcome, verbose=verbose)
    if not quiet:
        counts = ", ".join(f"{count} {status}" for status, count in report.summary.items() if count)
        click.echo(counts or "nothing to convert", err=True)


def _print_converted(outcome: Outcome, *, verbose: bool) -> None:
    for output in outcome.outputs:
        losses = f"  ({len(outcome.losses)} losses recorded)" if outcome.losses and not verbose else ""
        say(f"{output.path}{losses}")
    if verbose:
        for loss in outcome.losses:
            say(f"  {loss.code.number} {loss.subject}: {loss.detail}")
