"""`conda-bridge sync`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from bridge.channel.settings import PackageSettings
from bridge.cli.options import compression_option, jobs_option, package_options, verbosity_options
from bridge.cli.output import json_option, print_json, say
from bridge.cli.policy_options import channel_permits, index_permits, say_unanswered
from bridge.errors import BridgeError, plain
from bridge.formats.conda.identifiers import parse_subdir
from bridge.formats.wheel.compression import Compression
from bridge.mapping.names import RESERVED_PREFIX
from bridge.model.plan import Layout, Status
from bridge.sync.detect import open_destination, open_source
from bridge.sync.engine import open_engine
from bridge.sync.estimate import plan_document
from bridge.sync.governed_source import GovernedSource
from bridge.sync.plan import SyncPlan, Wishes
from bridge.sync.report import SyncReport, meaning
from bridge.sync.report_page import check_name, write_report
from bridge.sync.selection import Selection
from bridge.sync.source import Source, SourceKind
from bridge.sync.sync import Progress as Done
from bridge.sync.sync import plan_sync, sync

_AGE: Final = re.compile(r"(\d{1,5})([hdw])")
_UNITS: Final = {"h": "hours", "d": "days", "w": "weeks"}
_PYTHON: Final = re.compile(r"([23])\.(\d{1,2})")


def _age(_context: click.Context, _parameter: click.Parameter, value: str | None) -> timedelta | None:
    if value is None:
        return None
    if (match := _AGE.fullmatch(value)) is None:
        raise click.BadParameter("an age is a number of hours, days or weeks: 12h, 30d, 4w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _python(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    if (match := _PYTHON.fullmatch(value)) is None:
        raise click.BadParameter("a minor version of Python: 3.12")
    return int(match[1]), int(match[2])


def _subdirs(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(parse_subdir(value, subject="--subdir", field=value) for value in values)
    except BridgeError as error:
        raise click.BadParameter(error.message) from error


def _report(_context: click.Context, _parameter: click.Parameter, value: Path | None) -> Path | None:
    try:
        if value is not None:
            check_name(value)
    except BridgeError as error:
        raise click.BadParameter(error.message) from error
    return value


@click.command("sync", short_help="Keep an index of a channel, or a channel of an index.")
@click.argument("source")
@click.argument("destination")
@click.argument("specs", nargs=-1, metavar="[SPEC]...")
@click.option(
    "--from",
    "kind",
    type=click.Choice([kind.value for kind in SourceKind]),
    help="What SOURCE is. Default: what it looks like.",
)
@click.option("--subdir", "subdirs", multiple=True, callback=_subdirs, help="Platforms to take. Default: all.")
@click.option("--python", callback=_python, metavar="X.Y", help="Take only what that Python can use.")
@click.option(
    "--newest", type=click.IntRange(min=1), metavar="N", help="Of each name, take only the newest N versions."
)
@click.option("--since", callback=_age, metavar="AGE", help="Take only what is younger: 12h, 30d, 4w.")
@click.option("--older-than", callback=_age, metavar="AGE", help="Take only what is older: 12h, 30d, 4w.")
@click.option(
    "--layout",
    type=click.Choice([layout.value for layout in Layout]),
    default=Layout.SHARED.value,
    show_default=True,
    help="Where native files go in wheels.",
)
@click.option(
    "--channel", "channels", multiple=True, metavar="CH", help="Further channel that SOURCE needs packages of."
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Convert only what this policy takes from SOURCE, which is one of its sources, and what that needs from its "
    "other channels.",
)
@click.option("--strict", is_flag=True, help="Refuse what cannot be converted without loss.")
@click.option(
    "--overlay",
    "overlays",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file with name mappings of your own; they win over the built-in ones.",
)
@click.option("--reserved-prefix", default=RESERVED_PREFIX, show_default=True, help="As for `convert`.")
@compression_option
@package_options
@jobs_option
@click.option(
    "--engine",
    "engine_name",
    default="processes",
    show_default=True,
    metavar="ENGINE",
    help="Who converts: processes, serial, dask (a cluster on this machine) or dask:ADDRESS (of a scheduler).",
)
@click.option("--retry", is_flag=True, help="Convert again what failed before, though nothing changed.")
@click.option("--delete", is_flag=True, help="Take away what SOURCE has no longer, or what is not wanted any longer.")
@click.option("-n", "--dry-run", is_flag=True, help="Print what would be done.")
@click.option(
    "--report",
    "report_file",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_report,
    metavar="FILE",
    help="Write outcomes and losses there: .html, .md or .json.",
)
@verbosity_options
@json_option
@click.pass_context
def sync_command(
    context: click.Context,
    source: str,
    destination: str,
    specs: tuple[str, ...],
    kind: str | None,
    subdirs: tuple[str, ...],
    python: tuple[int, int] | None,
    newest: int | None,
    since: timedelta | None,
    older_than: timedelta | None,
    layout: str,
    channels: tuple[str, ...],
    policy_file: Path | None,
    strict: bool,
    overlays: tuple[Path, ...],
    reserved_prefix: str,
    compression: str,
    packages: PackageSettings,
    jobs: int,
    engine_name: str,
    retry: bool,
    delete: bool,
    dry_run: bool,
    report_file: Path | None,
    quiet: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Bring the index or channel in DESTINATION up to date with SOURCE.

    SOURCE is a conda channel, which becomes an index of wheels, or an index, which becomes a channel, or a directory of
    packages. With SPECs (MatchSpecs for a channel, requirements for an index), only what they name and what that needs.
    """
    selection = Selection(specs, subdirs, python, newest, since, older_than, datetime.now(UTC))
    wishes = Wishes(
        selection=selection,
        layout=Layout(layout),
        channels=channels,
        overlays=overlays,
        reserved_prefix=reserved_prefix,
        compression=Compression(compression),
        packages=packages,
        permits=channel_permits(policy_file, overlays),
        strict=strict,
        retry=retry,
        delete=delete,
    )
    try:
        engine = open_engine(engine_name, jobs)
    except BridgeError as error:
        raise click.BadParameter(error.message, param_hint="--engine") from error
    opened = open_source(source, kind=None if kind is None else SourceKind(kind), subdirs=subdirs)
    governed = _governed(opened, source, policy_file, overlays) if policy_file is not None else None
    opened = opened if governed is None else governed
    target = open_destination(destination)
    if dry_run:
        plan = plan_sync(opened, target, wishes)
        if as_json:
            print_json(plan_document(plan))
        else:
            _print_plan(plan, quiet=quiet, verbose=verbose)
        return
    with _shown(quiet=quiet) as on_progress:
        report = sync(opened, target, wishes, engine, on_progress=on_progress)
    if governed is not None and governed.left_out and not quiet:
        say(f"{governed.left_out} files are left out, as the policy wants it", err=True)
    if report_file is not None:
        write_report(report, report_file)
    if as_json:
        print_json(report.to_json())
    else:
        _print(report, quiet=quiet, verbose=verbose)
    context.exit(_exit_code(report))


def _governed(source: Source, address: str, policy_file: Path, overlays: tuple[Path, ...]) -> GovernedSource:
    """What the policy takes from the source."""
    index = source.kind is SourceKind.INDEX
    permits = index_permits(policy_file, overlays) if index else channel_permits(policy_file, overlays)
    if permits is None:
        raise ValueError("there is a policy file, and no policy")
    return GovernedSource(source, address, permits, say_unanswered)


@contextmanager
def _shown(*, quiet: bool) -> Iterator[Callable[[Done], None]]:
    """Progress on a terminal, with rate and remaining time."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("converting"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.file.isatty(),
    ) as progress:
        task = progress.add_task("converting", total=None, rate="")

        def show(done: Done) -> None:
            elapsed = progress.tasks[0].elapsed or 0.0
            rate = f"{done.done / elapsed:.1f}/s, {done.done_size / elapsed / 1e6:.1f} MB/s" if elapsed > 1 else ""
            progress.update(task, total=done.total, completed=done.done, rate=rate)

        yield show


def _exit_code(report: SyncReport) -> int:
    if report.summary[Status.INTERNAL_ERROR.value]:
        return 3
    return 0 if report.summary[Status.CONVERTED.value] == len(report.items) and not report.notes else 1


def _print(report: SyncReport, *, quiet: bool, verbose: bool) -> None:
    for item in report.items:
        if item.status is not Status.CONVERTED:
            say(f"{item.status.value}: {item.key}: {item.message}", err=True)
        elif verbose:
            for loss in item.losses:
                say(f"{item.key}: {loss.code} {loss.subject}: {loss.detail}")
    for subject, error in report.notes:
        say(f"note: {subject}: {error}", err=True)
    if quiet:
        return
    if verbose:
        for unit in report.attempted:
            because = f": {', '.join(unit.because)}" if unit.because else ""
            say(f"done: {unit.name} ({'' if unit.reason is None else unit.reason.value}{because})")
    console = Console()
    # As text: a path may look like rich's markup.
    table = Table(title=Text(plain(f"{report.source} to {report.destination}")), title_justify="left")
    for head in ("", "files", ""):
        table.add_column(head, justify="right" if head else "left")
    for status, count in report.summary.items():
        if count:
            table.add_row(status, str(count), "")
    for code, count in report.codes.items():
        table.add_row(code, str(count), meaning(code))
    console.print(table)
    failed, unchanged = len(report.attempted) - len(report.converted), len(report.units) - len(report.attempted)
    click.echo(
        f"{len(report.converted)} units converted, {failed} failed, {unchanged} unchanged, "
        f"{len(report.retired)} retired, {len(report.deleted)} deleted; "
        f"{len(report.changes.written)} files written, {len(report.changes.removed)} removed"
    )


def _print_plan(plan: SyncPlan, *, quiet: bool, verbose: bool) -> None:
    document = plan_document(plan)
    for unit in document["units"]:
        if verbose or unit["reason"] is not None:
            because = f" ({', '.join(unit['because'])})" if unit["because"] else ""
            say(f"{unit['reason'] or 'unchanged'}: {unit['unit']}: {', '.join(unit['files'])}{because}")
            for estimate in unit["estimates"]:
                say(f"  {estimate}")
    for note in document["notes"]:
        say(f"note: {note['subject']}: {note['message']}", err=True)
    for name in document["gone"]:
        say(f"to be retired: {name}")
    if not quiet:
        counts = ", ".join(f"{count} {reason}" for reason, count in document["summary"].items())
        click.echo(counts or "nothing to do", err=True)
