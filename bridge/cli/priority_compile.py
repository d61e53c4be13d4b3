"""`conda-bridge priority compile`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from bridge.cli.output import json_option, print_json
from bridge.cli.priority_options import DIRECTORY, policy_option, policy_path
from bridge.errors import Code
from bridge.formats.conda.identifiers import parse_subdir
from bridge.mapping.tables import load_tables
from bridge.priority.compile import compile_policy
from bridge.priority.context import CompileContext, OverlayUrls, overlays_at
from bridge.priority.graph import locked_graph
from bridge.priority.identity import identities
from bridge.priority.policy_file import read_policy
from bridge.priority.report import Client
from bridge.priority.resolution import read_resolution

_CODES: Final = {code.number: code for code in Code if code.number.startswith("CB4")}


def _codes(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[Code, ...]:
    unknown = [value for value in values if value.upper() not in _CODES]
    if unknown:
        raise click.BadParameter(f"{unknown[0]} is no code of a finding about priorities")
    return tuple(_CODES[value.upper()] for value in values)


@click.command("compile", short_help="Write the policy into the configuration of every client.")
@click.argument("project", type=DIRECTORY, default=".")
@policy_option
@click.option(
    "-c",
    "--client",
    "clients",
    multiple=True,
    type=click.Choice([client.value for client in Client]),
    help="For this client; may be given several times.  [default: all]",
)
@click.option(
    "--overlays",
    "base",
    metavar="URL",
    help="Where the directory made by `priority overlays` is hosted: clients get the overlays as their only sources.",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="[conda:|pypi:]NAME",
    help="A package of the project's graph, besides those of its lock files; a plain name is one in both ecosystems.",
)
@click.option("--subdir", "subdirs", multiple=True, metavar="S", help="Platform of the project: linux-64.")
@click.option(
    "--resolution",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A pylock.toml (PEP 751) that was resolved under the policy: gives pip addresses and hashes of what is "
    "claimed, and is checked and written as the project's pylock.toml.",
)
@click.option(
    "--allow-weaker",
    "allowed",
    multiple=True,
    metavar="CODE",
    callback=_codes,
    help="Accept that a client keeps a first-party claim less than fully, by the code in the report.",
)
@click.option("--check", is_flag=True, help="Write nothing; say which files are not what the policy compiles to.")
@click.option("-v", "--verbose", is_flag=True, help="List the rules that are kept as well.")
@json_option
@click.pass_context
def compile_command(
    context: click.Context,
    project: Path,
    policy_file: Path | None,
    clients: tuple[str, ...],
    base: str | None,
    names: tuple[str, ...],
    subdirs: tuple[str, ...],
    resolution: Path | None,
    allowed: tuple[Code, ...],
    check: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Write the policy of PROJECT (default: here) into the configuration of every client.

    What else the files say stays as it is, byte for byte. The report tells for each client and rule whether the client
    keeps it exactly, refuses more, keeps it less than fully or cannot keep it, and what to do. Exit status 1: a
    first-party claim is not kept, or with --check a file has drifted.
    """
    policy = read_policy(policy_path(policy_file, project))
    graph = locked_graph(project).with_names(names)
    known = CompileContext(
        overlays=OverlayUrls() if base is None else overlays_at(policy, base),
        projects=graph.projects,
        packages=graph.packages,
        names=identities(policy, load_tables()),
        subdirs=tuple(parse_subdir(each, subject="--subdir", field=each) for each in subdirs),
        resolution=None if resolution is None else read_resolution(resolution, policy),
    )
    chosen = [Client(name) for name in clients] or list(Client)
    result = compile_policy(policy, project, clients=chosen, context=known, allow_weaker=allowed, check=check)
    if as_json:
        print_json(result.to_json())
    else:
        click.echo(result.text(all_rules=verbose), nl=False)
    context.exit(0 if result.ok else 1)
