"""`conda-bridge demo`: the main job on sample packages, from nothing to an installed variant."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from bridge.channel.convert import convert
from bridge.channel.simple import write_index
from bridge.cli.demo_installs import Environment, install_with_pip, install_with_uv
from bridge.cli.demo_policy import Workspace, make_workspace
from bridge.cli.demo_samples import build_samples
from bridge.cli.output import json_option, print_json
from bridge.mapping.hosts import baseline, parse_set, with_settings
from bridge.model.conda import Subdir
from bridge.model.host import Host
from bridge.model.plan import Layout, Outcome, Status
from bridge.select.detect import detect_host
from bridge.select.select import select
from bridge.select.selection import Selection

_PLAIN: Final = "hello"
_PLAIN_PROJECT: Final = "bridge-hello"
_FAMILY: Final = "gpu-demo"
_MODULE: Final = "gpu_demo"
#: of the driver that uv is told of.
_DRIVER: Final = "12.8"
_PYTHON: Final = (sys.version_info[0], sys.version_info[1])
_STEPS: Final = 7
_NO_LABEL: Final = "(no label)"
#: platform of the machines that are only described.
_SUBDIR: Final = "linux-64"


@dataclass(frozen=True, slots=True)
class _Machine:
    """A machine that is only described."""

    name: str
    cuda: str
    archspec: str

    @property
    def host(self) -> Host:
        settings = (parse_set(f"cuda={self.cuda}"), parse_set(f"archspec={self.archspec}"))
        return with_settings(baseline(Subdir(_SUBDIR)), settings)


_MACHINES: Final = (
    _Machine("laptop", "", "x86_64"),
    _Machine("workstation", _DRIVER, "x86_64_v3"),
    _Machine("server", "13.0", "x86_64_v3"),
)


@click.command("demo", short_help="Do all of it on sample packages.")
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Work in this directory and leave everything there. Default: a temporary one.",
)
@json_option
def demo_command(keep: Path | None, as_json: bool) -> None:
    """Build sample conda packages, convert and index them, let both sides choose, install with uv and pip."""
    if keep is not None:
        if keep.is_dir() and any(keep.iterdir()):
            raise click.UsageError(f"{keep} is not empty")
        keep.mkdir(parents=True, exist_ok=True)
        _show(keep.resolve(), as_json=as_json)
        return
    with tempfile.TemporaryDirectory(prefix="conda-bridge-demo-", ignore_cleanup_errors=True) as directory:
        click.echo(f"working in {directory}, which is taken away in the end; --keep DIR leaves everything", err=True)
        _show(Path(directory), as_json=as_json)


def _show(work: Path, *, as_json: bool) -> None:
    """Run the demo; with `--json` its steps go to standard error, as progress."""
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        document = _demo(work)
    if as_json:
        print_json(document)


def _demo(work: Path) -> dict[str, Any]:
    channel, wheels = work / "channel", work / "wheels"
    number = count(1)

    def step(text: str) -> None:
        click.echo(f"[{next(number)}/{_STEPS}] {text}")

    step("build sample conda packages from their recipes (rattler-build)")
    packages = [path for built in build_samples((_PLAIN, _FAMILY), channel).values() for path in built]
    for package in packages:
        click.echo(f"    {package.relative_to(work)}")

    step("convert them; the builds of one release become a family of variants (conda-bridge convert)")
    for outcome in convert(packages, wheels, layout=Layout.VENDORED).outcomes:
        _show_outcome(outcome)

    step("make a package index of the wheels (conda-bridge index)")
    index = write_index(wheels)
    if index.rejected:
        path, error = index.rejected[0]
        raise click.ClickException(f"the index cannot list {path}: {error}")
    simple = wheels / "simple"
    click.echo(f"    {simple.relative_to(work)}: {len(index.files)} files of {len(index.projects)} projects")

    step(f"choose {_FAMILY} on three machines, as conda and as a wheel client (conda-bridge select)")
    chosen = [_select(machine.host, channel, wheels) for machine in _MACHINES]
    _show_choices(chosen)
    for machine, selection in zip(_MACHINES, chosen, strict=True):
        _require_agreement(machine.name, selection)
    click.echo(f"    why, on the {_MACHINES[1].name}:")
    for line in chosen[1].why:
        click.echo(f"      {line}")

    step(f"install {_FAMILY} with uv, as if this machine had a driver for CUDA {_DRIVER}")
    expected = _select(detect_host([parse_set(f"cuda={_DRIVER}")]), channel, wheels)
    _require_agreement("this machine", expected)
    with_uv = Environment.create(work / "with-uv", with_pip=False)
    install_with_uv(with_uv, simple, _FAMILY, driver=_DRIVER, cache=work / "uv-cache")
    _require_source("uv (0.13.8 or newer is needed)", with_uv, expected.conda)
    click.echo(f"    conda would take  {expected.conda}")
    click.echo(f"    uv took the wheel made of it, and {_MODULE}.BACKEND is: {_backend(with_uv)}")

    step("install with pip, which knows no variants and gets the wheel without a label")
    with_pip = Environment.create(work / "with-pip", with_pip=True)
    install_with_pip(with_pip, simple, _FAMILY, _PLAIN_PROJECT)
    click.echo(f"    {_MODULE}.BACKEND is: {_backend(with_pip)}")
    _require_source("pip", with_pip, chosen[0].conda)
    click.echo(f"    {_PLAIN_PROJECT} says: {with_pip.run(_PLAIN_PROJECT)}")

    step("say once where these packages may come from, to uv, pixi and conda (conda-bridge priority compile)")
    names = (_PLAIN_PROJECT, _FAMILY)
    workspace = make_workspace(work / "project", channel, simple, package=_FAMILY, names=names, subdir=_SUBDIR)
    _show_workspace(workspace, work)
    return {
        "schema": "conda-bridge/demo/1",
        "machines": [
            {"name": machine.name, "cuda": machine.cuda, "archspec": machine.archspec, "selection": each.to_json()}
            for machine, each in zip(_MACHINES, chosen, strict=True)
        ],
        "installed": {"uv": with_uv.source_of(_FAMILY), "pip": with_pip.source_of(_FAMILY)},
        "policy": [result.to_json() for result in workspace.results],
        "commands": {client.value: command for client, command in workspace.commands.items()},
    }


def _select(host: Host, channel: Path, wheels: Path) -> Selection:
    return select(_FAMILY, [channel], wheels, host, _PYTHON)


def _backend(environment: Environment) -> str:
    return environment.run("python", "-c", f"import {_MODULE}; print({_MODULE}.BACKEND)")


def _show_outcome(outcome: Outcome) -> None:
    if outcome.status is not Status.CONVERTED:
        raise click.ClickException(f"{outcome.status.value}: {outcome.message}")
    for output in outcome.outputs:
        label = _NO_LABEL if output.variant is None else output.variant.label
        click.echo(f"    {label:<10}  made of {output.source.filename}")


def _show_choices(chosen: Sequence[Selection]) -> None:
    """Print what each side takes, one machine beside the other."""
    table = Table(header_style="bold")
    for heading in ("", *(machine.name for machine in _MACHINES)):
        table.add_column(heading, overflow="fold")
    table.add_row("CUDA driver", *(machine.cuda or "none" for machine in _MACHINES))
    table.add_row("processor", *(machine.archspec for machine in _MACHINES))
    table.add_row("conda takes build", *(_build(each.conda) for each in chosen))
    picks = [each.wheel for each in chosen]
    table.add_row("wheel client takes", *("nothing" if each is None else each.label or _NO_LABEL for each in picks))
    table.add_row("which is made of", *(_build(None if each is None else each.source) for each in picks))
    table.add_row("the same", *("yes" if each.agree else "NO" for each in chosen))
    Console(file=sys.stdout, highlight=False).print(table)


def _show_workspace(workspace: Workspace, work: Path) -> None:
    """Print what was compiled, what of the policy each client keeps, and what a user types now."""
    for file in (file for result in workspace.results for file in result.files):
        clients = ", ".join(client.value for client in file.clients)
        click.echo(f"    {(workspace.root / file.path).relative_to(work)} ({clients})")
    verdicts = Counter(entry.verdict.value for result in workspace.results for entry in result.report)
    click.echo(f"    rules of the policy: {', '.join(f'{count} {verdict}' for verdict, count in verdicts.items())}")
    click.echo(f"    now {_FAMILY} comes from the demo's own sources, whoever else has one, with")
    for command in workspace.commands.values():
        click.echo(f"      {command}")


def _build(filename: str | None) -> str:
    """The build string of a file name."""
    return "nothing" if filename is None else filename.removesuffix(".conda").rpartition("-")[2]


def _require_agreement(machine: str, selection: Selection) -> None:
    if not selection.agree or selection.conda is None:
        reasons = "\n".join(selection.why)
        raise click.ClickException(f"{machine}: {selection.verdict.value}\n{reasons}")


def _require_source(installer: str, environment: Environment, expected: str | None) -> None:
    source = environment.source_of(_FAMILY)
    if source != expected:
        raise click.ClickException(f"{installer} installed the wheel made of {source}; expected the one of {expected}")
