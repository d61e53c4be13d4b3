"""`conda-bridge priority overlays`."""

from __future__ import annotations

import os
import shlex
from datetime import UTC, datetime
from pathlib import Path

import click
from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from bridge.cli.output import json_option, print_json, say
from bridge.cli.priority_options import policy_option, policy_path
from bridge.mapping.tables import load_tables
from bridge.priority.manifest import verify_overlays
from bridge.priority.overlay import build_overlays
from bridge.priority.overlay_report import OverlayReport
from bridge.priority.policy_file import read_policy


def _projects(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> list[NormalizedName]:
    """`--name`, normalised."""
    try:
        return [canonicalize_name(value, validate=True) for value in values]
    except InvalidName:
        raise click.BadParameter("this is not the name of a project") from None


@click.command("overlays", short_help="Make a channel per source and one index with only what the policy permits.")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@policy_option
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="NAME",
    callback=_projects,
    help="A project that the index is to list besides those that are claimed by name and all of small sources.",
)
@click.option("--subdir", "subdirs", multiple=True, metavar="S", help="Platform of the channels, besides noarch.")
@click.option(
    "--accept",
    "accepted",
    multiple=True,
    metavar="SHA256",
    help="A file that replaces another one of its name, and is to be offered all the same.",
)
@click.option("--offline", is_flag=True, help="Use only what the sources said last.")
@click.option("--sign", "sign", metavar="COMMAND", help="Signs the manifest: `minisign -Sm {}`; {} is its path.")
@click.option("--verify", is_flag=True, help="Write nothing; check every file in DIRECTORY against its manifest.")
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), default=4, show_default=True, help="Requests to sources at a time."
)
@json_option
@click.pass_context
def overlays_command(
    context: click.Context,
    directory: Path,
    policy_file: Path | None,
    names: list[NormalizedName],
    subdirs: tuple[str, ...],
    accepted: tuple[str, ...],
    offline: bool,
    sign: str | None,
    verify: bool,
    jobs: int,
    as_json: bool,
) -> None:
    """Make or refresh the filtered overlays of a policy in DIRECTORY, static files for any web server.

    Clients that have nothing but the overlays take every package from the source that the policy names, whatever they
    understand by priorities. All links lead to the original files. Exit status 1: a source is not what it was.
    """
    if verify:
        found = verify_overlays(directory)
        if as_json:
            print_json({"schema": "conda-bridge/overlays-verify/1", "findings": [each.to_json() for each in found]})
        for each in () if as_json else found:
            say(str(each))
        context.exit(1 if found else 0)
    policy = read_policy(policy_path(policy_file, Path()))
    report = build_overlays(
        policy,
        directory,
        now=datetime.now(UTC),
        names=names,
        subdirs=subdirs,
        tables=load_tables(),
        offline=offline,
        accepted=frozenset(accepted),
        sign_command=shlex.split(sign, posix=os.name != "nt") if sign else (),
        jobs=jobs,
    )
    if as_json:
        print_json(report.to_json())
    else:
        _print(report)
    context.exit(0 if report.clean else 1)


def _print(report: OverlayReport) -> None:
    for (source, ecosystem), number in report.offered.items():
        left = report.left.get((source, ecosystem), {})
        why = ", ".join(
            f"{count} {reason.value}" for reason, count in sorted(left.items(), key=lambda one: one[0].value)
        )
        say(f"{source} ({ecosystem.value}): {number} files" + (f"; left out: {why}" if why else ""))
    for finding in report.findings:
        say(str(finding))
    say(f"{len(report.written)} written, {len(report.removed)} removed; manifest {report.manifest_sha256}")
