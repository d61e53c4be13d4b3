"""`conda-bridge variant`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bridge.cli.output import json_option, print_json
from bridge.errors import BridgeError
from bridge.formats.wheel.variant_edit import make_variant, undo_variant
from bridge.formats.wheel.variant_json import parse_variant_json
from bridge.formats.wheel.variant_rules import validate
from bridge.mapping.providers import known_provider, ordered_namespaces
from bridge.model.variant import NULL_LABEL, Property, VariantMetadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bridge.formats.wheel.writer import WheelDigest

_WHEELS = click.argument(
    "wheels", nargs=-1, required=True, metavar="WHEEL...", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
_OUTPUT = click.option(
    "-o",
    "--output",
    required=True,
    metavar="OUT",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for the new wheels.",
)


@click.group("variant", short_help="Make, undo and check variant wheels (PEP 825).")
def variant_command() -> None:
    """Make wheels variants (PEP 825), undo that, and check variant metadata."""


@variant_command.command("make", short_help="Write each WHEEL as a variant of its release.")
@_WHEELS
@_OUTPUT
@click.option("--label", help="Label of the variant.  [default: null with --null]")
@click.option(
    "--property",
    "properties",
    multiple=True,
    metavar='"NS :: FEATURE :: VALUE"',
    help="A property of the variant; may be given several times.",
)
@click.option("--null", "is_null", is_flag=True, help="Make the variant that has no properties; needs --providers.")
@click.option(
    "--providers",
    "like",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A variants file whose namespaces and providers are used; needed for namespaces that are not known.",
)
@json_option
@click.pass_context
def make_command(
    context: click.Context,
    wheels: tuple[Path, ...],
    output: Path,
    label: str | None,
    properties: tuple[str, ...],
    is_null: bool,
    like: Path | None,
    as_json: bool,
) -> None:
    """Write each WHEEL as a variant of its release; no file in it is compressed again."""
    if is_null == bool(properties):
        raise click.UsageError("give either --property, once or more, or --null")
    label = NULL_LABEL if is_null and label is None else label
    if label is None or is_null != (label == NULL_LABEL):
        raise click.UsageError(f"--label is needed with --property, and {NULL_LABEL!r} is the label of --null alone")
    metadata = _metadata(label, frozenset(map(_property, properties)), like)
    fatal = [problem for problem in validate(metadata, "--label, --property", reference=False) if problem.fatal]
    if fatal:
        raise click.UsageError(str(fatal[0]))
    _run(context, wheels, output, lambda wheel: make_variant(wheel, output, label, metadata), as_json, "make")


@variant_command.command("undo", short_help="Write the plain wheel that each WHEEL was.")
@_WHEELS
@_OUTPUT
@json_option
@click.pass_context
def undo_command(context: click.Context, wheels: tuple[Path, ...], output: Path, as_json: bool) -> None:
    """Write each variant WHEEL as the plain wheel that it was, byte for byte."""
    _run(context, wheels, output, lambda wheel: undo_variant(wheel, output), as_json, "undo")


@variant_command.command("check", short_help="Check wheels and -variants.json files.")
@click.argument("paths", nargs=-1, required=True, metavar="WHEEL...", type=click.Path(exists=True, path_type=Path))
@json_option
@click.pass_context
def check_command(context: click.Context, paths: tuple[Path, ...], as_json: bool) -> None:
    """Check wheels, -variants.json files, and directories of both, as strictly as the strictest client."""
    from bridge.formats.wheel.variant_check import check_files  # needs more than the other two commands

    files = [file for path in paths for file in (path.iterdir() if path.is_dir() else (path,))]
    if not any(file.name.endswith((".whl", "-variants.json")) for file in files):
        raise click.UsageError(f"no wheel and no -variants.json file in {', '.join(map(str, paths))}")
    problems = check_files(files)
    if as_json:
        print_json({"schema": "conda-bridge/variant-check/1", "problems": [problem.to_json() for problem in problems]})
    else:
        for problem in problems:
            click.echo(str(problem))
    context.exit(1 if any(problem.fatal for problem in problems) else 0)


def _property(text: str) -> Property:
    try:
        return Property.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--property") from error


def _metadata(label: str, properties: frozenset[Property], like: Path | None) -> VariantMetadata:
    if like is not None:
        pattern = parse_variant_json(like.read_bytes(), like.name)
        return VariantMetadata(pattern.namespaces, pattern.providers, {label: properties})
    if not properties:
        raise click.UsageError("--null needs --providers: the metadata must name the namespaces of the other variants")
    namespaces = ordered_namespaces(each.namespace for each in properties)
    # All values that are known, not only those used, so that wheels made one at a time agree about their providers.
    providers = {namespace: known_provider(namespace) for namespace in namespaces}
    known = {namespace: provider for namespace, provider in providers.items() if provider is not None}
    if missing := sorted(providers.keys() - known.keys()):
        raise click.UsageError(f"no provider is known for {', '.join(missing)}; give --providers")
    return VariantMetadata(namespaces, known, {label: properties})


def _run(
    context: click.Context,
    wheels: Iterable[Path],
    output: Path,
    convert: Callable[[Path], tuple[Path, WheelDigest]],
    as_json: bool,
    verb: str,
) -> None:
    output.mkdir(parents=True, exist_ok=True)
    outcomes: list[dict[str, Any]] = []
    for wheel in wheels:
        try:
            path, digest = convert(wheel)
        except BridgeError as error:
            outcomes.append({"input": str(wheel), "output": None, "code": error.code.number, "message": str(error)})
            if not as_json:
                click.echo(f"error: {error}", err=True)
            continue
        written = {"path": str(path), "filename": path.name, "sha256": digest.sha256, "size": digest.size}
        outcomes.append({"input": str(wheel), "output": written, "code": None, "message": None})
        if not as_json:
            click.echo(str(path))
    if as_json:
        print_json({"schema": f"conda-bridge/variant-{verb}/1", "outcomes": outcomes})
    context.exit(1 if any(each["output"] is None for each in outcomes) else 0)
