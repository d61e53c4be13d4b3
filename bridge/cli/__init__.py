"""The command line: parse, call, print. No logic."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

import click

from bridge._version import __version__
from bridge.cli.convert import convert_command
from bridge.cli.demo import demo_command
from bridge.cli.host import host_command
from bridge.cli.index import index_command
from bridge.cli.inspect import inspect_command
from bridge.cli.variant import variant_command
from bridge.errors import BridgeError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="conda-bridge")
def cli() -> None:
    """Convert conda packages to Python wheels, with nothing lost in silence."""


cli.add_command(convert_command)
cli.add_command(inspect_command)
cli.add_command(index_command)
cli.add_command(host_command)
cli.add_command(variant_command)
cli.add_command(demo_command)


def main() -> None:
    """Run the program: exit 0 all done, 1 some inputs not converted or findings, 2 usage, 3 internal error."""
    sys.exit(run())


def run(arguments: Sequence[str] | None = None, prog_name: str | None = None) -> int:
    """Run one command (by default that of `sys.argv`) and return its exit status; every error has been printed."""
    try:
        return int(cli.main(arguments, prog_name, standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return 2 if isinstance(error, click.UsageError) else 1
    except click.Abort:
        click.echo("interrupted", err=True)
        return 130
    except BridgeError as error:
        click.echo(f"error: {error}", err=True)
        return 1
    except Exception:
        traceback.print_exc()
        return 3
