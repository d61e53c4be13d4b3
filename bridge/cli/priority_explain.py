"""`conda-bridge priority explain`."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.output import json_option, print_json
from bridge.cli.priority_options import DIRECTORY, policy_option, policy_path, subdir_option
from bridge.mapping.tables import load_tables
from bridge.model.conda import Subdir
from bridge.priority.client_rules import assumed, client_rules
from bridge.priority.configs.read import read_configurations
from bridge.priority.explain import explain, names_of
from bridge.priority.explain_report import explanation_json, explanation_text
from bridge.priority.identity import identities
from bridge.priority.look import extras_wanted, look, provider, targets_of
from bridge.priority.overlay_fetch import Origins
from bridge.priority.policy import Ecosystem
from bridge.priority.policy_file import read_policy


@click.command("explain", short_help="Say who may provide a package, and what every client would take.")
@click.argument("name")
@policy_option
@click.option(
    "--project", type=DIRECTORY, default=".", metavar="DIR", help="Whose configurations are answered for as well."
)
@subdir_option
@click.option(
    "--offline", is_flag=True, help="Ask no source: assume that each has the name, the lower ones a newer one."
)
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), default=4, show_default=True, help="Requests to sources at a time."
)
@json_option
def explain_command(
    name: str,
    policy_file: Path | None,
    project: Path,
    subdirs: tuple[Subdir, ...],
    offline: bool,
    jobs: int,
    as_json: bool,
) -> None:
    """Say who may provide NAME under the policy, by which rule, who has it, and what every client would take.

    NAME is a conda package, a Python project, or both; it is explained under all names that the package has. Clients
    are asked with what the policy compiles to, natively and for overlays, and with what stands in the project.
    """
    policy = read_policy(policy_path(policy_file, project))
    known = identities(policy, load_tables())
    asked = names_of(name, known)
    configs = read_configurations(project).configs
    if offline:
        catalogue = assumed(policy, asked)
    else:
        wanted = {each: [one for face, one in asked if face is each] for each in Ecosystem}
        catalogue = look(
            targets_of(policy, configs), wanted, Origins(), subdirs=subdirs, jobs=jobs, extras=extras_wanted(configs)
        )
    rules = client_rules(policy, catalogue, known, configs=configs)
    explanation = explain(policy, name, provider(catalogue), names=known, clients=rules)
    problems = [f"{one.url}: {problem}" for one in catalogue.listings for problem in one.problems]
    if as_json:
        print_json(explanation_json(explanation, looked=not offline, problems=problems))
    else:
        click.echo(explanation_text(explanation, looked=not offline, problems=problems), nl=False)
