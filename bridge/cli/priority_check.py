"""`conda-bridge priority check`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from bridge.cli.output import json_option, print_json
from bridge.cli.priority_options import DIRECTORY, policy_if_any, policy_option, subdir_option
from bridge.mapping.tables import load_tables
from bridge.model.conda import Subdir
from bridge.priority.catalogue import Catalogue
from bridge.priority.check import Names, check, named, required
from bridge.priority.check_run import compared, run_clients, unpredicted
from bridge.priority.check_text import check_text
from bridge.priority.configs.read import read_configurations
from bridge.priority.identity import identities
from bridge.priority.look import extras_wanted, look, targets_of
from bridge.priority.overlay_fetch import Origins
from bridge.priority.policy import Ecosystem
from bridge.priority.policy_file import read_policy


@click.command("check", short_help="Say which source each client takes a package from.")
@click.argument("project", type=DIRECTORY, default=".")
@policy_option
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="[conda:|pypi:]NAME",
    help="Answer for this package, and for every client; a plain name is one in both ecosystems.  [default: what the "
    "configurations require, and what that requires]",
)
@subdir_option
@click.option(
    "--run",
    is_flag=True,
    help="Also have the clients resolve that are installed: uv, pip, poetry, pdm, and rattler in pixi's place. Each "
    "runs in a temporary copy of the configuration files, and is told to take wheels only. Nothing is installed.",
)
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=1), default=120, show_default=True, help="Of a run, in seconds."
)
@click.option("--user-config", is_flag=True, help="The configuration in your home directory counts as well.")
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), default=4, show_default=True, help="Requests to sources at a time."
)
@click.option("-v", "--verbose", is_flag=True, help="Show client by client what all agree about as well.")
@json_option
@click.pass_context
def check_command(
    context: click.Context,
    project: Path,
    policy_file: Path | None,
    names: tuple[str, ...],
    subdirs: tuple[Subdir, ...],
    run: bool,
    timeout_s: float,
    user_config: bool,
    jobs: int,
    verbose: bool,
    as_json: bool,
) -> None:
    """Say which source each client of PROJECT (default: here) takes each package from, and whether the policy agrees.

    The answers follow from the configurations, from what the sources have, and from rules that were measured for each
    client. Exit status 1: something disagrees with the policy or cannot be known; without a policy, the clients
    disagree with each other.
    """
    if run and user_config:
        raise click.UsageError("--run sees no configuration of the user; leave out --user-config")
    path = policy_if_any(policy_file, project)
    policy = None if path is None else read_policy(path)
    user = Path.home() if user_config else None
    configs = read_configurations(project, user=user).configs
    known = identities(policy, load_tables()) if policy is not None else None
    wanted = named(names) if names else required(configs)

    def looked(wanted: Names) -> Catalogue:
        return look(
            targets_of(policy, configs), wanted, Origins(), subdirs=subdirs, jobs=jobs, extras=extras_wanted(configs)
        )

    catalogue = looked(wanted)
    report = check(project, policy, catalogue, names, identities=known, user=user)
    if run:
        with tempfile.TemporaryDirectory() as home:
            attempts = run_clients(report, project, single=bool(names), home=Path(home), timeout_s=timeout_s)
        more = unpredicted(report, attempts) if not names else {}
        if more:
            catalogue = looked({each: {*wanted.get(each, ()), *more.get(each, ())} for each in Ecosystem})
            report = check(project, policy, catalogue, names, identities=known, user=user, also=more)
        report = compared(report, attempts, policy, catalogue)
    if as_json:
        print_json(report.to_json())
    else:
        click.echo(check_text(report, verbose=verbose), nl=False)
    context.exit(0 if report.ok else 1)
