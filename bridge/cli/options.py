"""Options that several commands share."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import click

from bridge.channel.settings import PackageSettings
from bridge.errors import BridgeError
from bridge.formats.conda.identifiers import parse_subdir
from bridge.formats.wheel.compression import Compression
from bridge.mapping.names import RESERVED_PREFIX
from bridge.model.conda import ArchiveFormat
from bridge.model.plan import Layout
from bridge.translate.to_conda.request import CondaOptions
from bridge.translate.to_wheel.request import Options

#: the `schema_version` of packages with conditions, extras or flags (CEPs 43 to 45).
_CONDITIONAL: Final = "3"

_Command = TypeVar("_Command", bound=Callable[..., Any])


def conversion_options(command: _Command) -> _Command:
    """Add what decides about a conversion."""
    for decorate in reversed(
        (
            click.option(
                "--layout",
                type=click.Choice([layout.value for layout in Layout]),
                help="Where native files go. Default: vendored for files, shared for a directory of packages.",
            ),
            click.option(
                "--channel",
                "channels",
                multiple=True,
                metavar="CH",
                help="Channel (directory or address) that the packages come from; its records win over the files'.",
            ),
            click.option(
                "--subdir",
                default="linux-64",
                show_default=True,
                callback=_checked_subdir,
                help="Platform that MatchSpecs are resolved for.",
            ),
            click.option("--strict", is_flag=True, help="Refuse what cannot be converted without loss."),
            click.option(
                "--overlay",
                "overlays",
                multiple=True,
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                help="YAML file with name mappings of your own; they win over the built-in ones.",
            ),
            click.option(
                "--reserved-prefix",
                default=RESERVED_PREFIX,
                show_default=True,
                callback=_checked_prefix,
                help="Begins the names of wheels made of packages that are no Python projects.",
            ),
        )
    ):
        command = decorate(command)
    return command


def package_options(command: _Command) -> _Command:
    """Add what concerns the conda packages that wheels become; the command gets it as `packages`."""

    @functools.wraps(command)
    def gathered(*args: Any, **values: Any) -> Any:
        options = CondaOptions(
            conditional=values.pop("schema_version") == _CONDITIONAL, format=ArchiveFormat(values.pop("archive_format"))
        )
        packages = PackageSettings(options, level=values.pop("level"), same_names=values.pop("same_names"))
        return command(*args, packages=packages, **values)

    for decorate in reversed(
        (
            click.option(
                "--schema-version",
                type=click.Choice(["1", _CONDITIONAL]),
                default="1",
                show_default=True,
                help="What conda packages may use: 3 allows conditions, extras and flags (repodata v3), which older "
                "clients do not read; with 1, what depends on Python or the system becomes several packages.",
            ),
            click.option(
                "--same-names",
                is_flag=True,
                help="Take a project that no table knows for the conda package of the same name.",
            ),
            click.option(
                "--zstd-level",
                "level",
                type=click.IntRange(1, 22),
                help="Of conda packages.  [default: 3 for fast, 9 for balanced, 19 for small]",
            ),
            click.option(
                "--archive-format",
                type=click.Choice([ArchiveFormat.CONDA.value, ArchiveFormat.TAR_BZ2.value]),
                default=ArchiveFormat.CONDA.value,
                show_default=True,
                help="Of conda packages.",
            ),
        )
    ):
        gathered = decorate(gathered)
    return cast("_Command", gathered)


def _checked_subdir(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        return parse_subdir(value, subject="--subdir", field=value)
    except BridgeError as error:
        raise click.BadParameter(error.message) from error


def _checked_prefix(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        return Options(reserved_prefix=value).reserved_prefix
    except BridgeError as error:
        raise click.BadParameter(error.message) from error


def verbosity_options(command: _Command) -> _Command:
    """Add `-q` and `-v`."""
    command = click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")(command)
    return click.option("-v", "--verbose", is_flag=True, help="Print every loss.")(command)


def jobs_option(command: _Command) -> _Command:
    """Add `--jobs`."""
    return click.option(
        "-j",
        "--jobs",
        type=click.IntRange(min=1),
        default=os.cpu_count() or 1,
        help="Processes (threads for a single package).  [default: number of processors]",
    )(command)


def compression_option(command: _Command) -> _Command:
    """Add `--compression`."""
    return click.option(
        "--compression",
        type=click.Choice([level.value for level in Compression]),
        default=Compression.BALANCED.value,
        show_default=True,
        help="Size against speed of what is written.",
    )(command)
