"""`conda-bridge priority audit`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click

from bridge.channel.files import replace_file
from bridge.cli.output import json_option
from bridge.cli.priority_options import DIRECTORY, policy_if_any, policy_option
from bridge.formats.conda.identifiers import parse_subdir
from bridge.mapping.tables import load_tables
from bridge.priority.audit.audit import audit, look_for
from bridge.priority.audit.baseline import read_baseline, with_baseline, write_baseline
from bridge.priority.audit.sarif import sarif
from bridge.priority.audit.text import text
from bridge.priority.identity import Identities
from bridge.priority.policy import NameIdentities
from bridge.priority.policy_file import read_policy

_FORMATS: Final = ("text", "json", "sarif")
_BASELINE: Final = "bridge-audit-baseline.toml"


@click.command("audit", short_help="Find what is wrong with where a project's packages come from.")
@click.argument("project", type=DIRECTORY, default=".")
@policy_option
@click.option("--offline", is_flag=True, help="Ask no source; rules about sources are not applied.")
@click.option("--inside", is_flag=True, help="Look into small files too: do they say what their source says?")
@click.option(
    "--user-config/--no-user-config", default=False, help="Count the configuration in the home directory too."
)
@click.option("--subdir", "subdirs", multiple=True, metavar="S", help="Platform of channels to look at: linux-64.")
@click.option(
    "--baseline",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help=f"Accepted findings.  [default: {_BASELINE} of the project, if there]",
)
@click.option("--write-baseline", "accept", is_flag=True, help="Accept all that is found now, keeping earlier reasons.")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the report to this file.")
@click.option("-v", "--verbose", is_flag=True, help="List notes as well.")
@json_option
@click.pass_context
def audit_command(
    context: click.Context,
    project: Path,
    policy_file: Path | None,
    offline: bool,
    inside: bool,
    user_config: bool,
    subdirs: tuple[str, ...],
    baseline: Path | None,
    accept: bool,
    form: str,
    output: Path | None,
    verbose: bool,
    as_json: bool,
) -> None:
    """Find what is wrong with where the packages of PROJECT (default: here) come from.

    Looks at the configurations of all clients, the lock files, the policy if there is one, and the sources, of which
    only names in use are asked. Exit status 1: an error or warning that nobody has accepted.
    """
    path = policy_if_any(policy_file, project)
    policy = None if path is None else read_policy(path)
    names = Identities(policy.names if policy is not None else NameIdentities(), load_tables())
    user = Path.home() if user_config else None
    where = tuple(parse_subdir(each, subject="--subdir", field=each) for each in subdirs)
    catalogue = None if offline else look_for(project, policy, names, user=user, subdirs=where, inside=inside)
    report = audit(project, policy, catalogue, user=user, names=names)
    file = project / _BASELINE if baseline is None else baseline
    if baseline is not None and not accept and not baseline.is_file():
        raise click.UsageError(f"there is no baseline {baseline}; --write-baseline makes one")
    known = read_baseline(file) if file.is_file() else ()
    if accept:
        write_baseline(file, report.findings, known)
        known = read_baseline(file)
    report = with_baseline(report, known)
    form = "json" if as_json else form
    if form == "text":
        said = text(report, notes=verbose)
    else:
        said = json.dumps(report.to_json() if form == "json" else sarif(report), indent=2) + "\n"
    if output is None:
        click.echo(said, nl=False)
    else:
        replace_file(output, said.encode())
    context.exit(1 if report.failed else 0)
