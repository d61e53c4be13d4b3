"""`conda-bridge demo`: the main job on a sample package, from nothing to an installed wheel."""

from __future__ import annotations

import os
import subprocess
import tempfile
import venv
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from bridge.channel.convert import convert
from bridge.channel.inspect import inspect
from bridge.channel.simple import write_index
from bridge.model.plan import Layout, Status

_SAMPLE = "hello"
_PROJECT = "bridge-hello"


@click.command("demo")
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Work in this directory and leave everything there. Default: a temporary one.",
)
def demo_command(keep: Path | None) -> None:
    """Build a sample conda package, convert it, index it, install it with pip, and run it."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        _demo(keep)
        return
    with tempfile.TemporaryDirectory(prefix="conda-bridge-demo-") as directory:
        _demo(Path(directory))


def _demo(work: Path) -> None:
    channel, wheels, environment = work / "channel", work / "wheels", work / "environment"
    _step(1, "build the sample conda package from its recipe (rattler-build)")
    package = _build_sample(channel)
    click.echo(f"    {package.relative_to(work)}")

    _step(2, "plan: what will become of it (conda-bridge inspect)")
    document = inspect(package, layout=Layout.VENDORED)
    click.echo(f"    {document['name']} {document['version']}  {', '.join(document['tags'])}")
    click.echo(f"    requires Python {document['requires_python']}, {len(document['losses'])} losses")

    _step(3, "convert (conda-bridge convert)")
    report = convert([package], wheels, layout=Layout.VENDORED)
    for outcome in report.outcomes:
        if outcome.status is not Status.CONVERTED:
            raise click.ClickException(f"{outcome.status.value}: {outcome.message}")
        for output in outcome.outputs:
            click.echo(f"    {Path(output.path).relative_to(work)}  sha256 {output.sha256[:16]}…")

    _step(4, "make a package index of it (conda-bridge index)")
    index = write_index(wheels)
    click.echo(f"    {(wheels / 'simple').relative_to(work)}: {len(index.files)} file")

    _step(5, "install it from that index, and from nowhere else (pip)")
    venv.create(environment, with_pip=True)
    programs = environment / ("Scripts" if os.name == "nt" else "bin")
    address = (wheels / "simple").resolve().as_uri()
    pip = [str(programs / "python"), "-m", "pip", "--isolated", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "--index-url", address, _PROJECT], check=True, stdin=subprocess.DEVNULL)

    _step(6, "run it")
    said = subprocess.run([str(programs / _PROJECT)], check=True, capture_output=True, text=True).stdout
    click.echo(f"    {said.strip()}")


def _step(number: int, text: str) -> None:
    click.echo(f"[{number}/6] {text}")


def _build_sample(channel: Path) -> Path:
    try:
        from rattler_build import RenderConfig, Stage0Recipe, ToolConfiguration, VariantConfig
    except ImportError:
        message = "the demo builds its sample with py-rattler-build: pip install 'conda-wheel-bridge[demo]'"
        raise click.ClickException(message) from None
    with resources.as_file(_recipes()) as recipes:
        recipe = Stage0Recipe.from_file(str(recipes / _SAMPLE / "recipe.yaml"))
        for rendered in recipe.render(VariantConfig(), RenderConfig()):
            tools = ToolConfiguration(test_strategy="skip")
            rendered.run_build(tool_config=tools, output_dir=str(channel), channels=[])
    return next(iter(sorted(channel.glob(f"noarch/{_PROJECT}-*.conda"))))


def _recipes() -> Traversable:
    """`bridge/_recipes` of an installed package, `recipes/` of a checkout."""
    installed = resources.files("bridge").joinpath("_recipes")
    return installed if installed.is_dir() else Path(__file__).resolve().parents[2] / "recipes"
