"""The command line: parse, call, print. No logic."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Final

import click

from bridge._version import __version__
from bridge.errors import BridgeError, plain

#: in the order of `--help`; `bridge.cli.NAME` holds `NAME_command`.
_COMMANDS: Final = ("convert", "inspect", "index", "sync", "host", "select", "diff", "variant", "priority", "demo")


class _Commands(click.Group):
    """Imports a command when it is called: what one of them needs may take longer to import than another runs."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"bridge.cli.{cmd_name}"), f"{cmd_name}_command")
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="conda-bridge")
def cli() -> None:
    """Convert conda packages to Python wheels and back, with nothing lost in silence."""


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
    except OSError as error:
        if error.filename is None:
            traceback.print_exc()
            return 3
        click.echo(f"error: {plain(os.fsdecode(error.filename))}: {error.strerror}", err=True)
        return 1
    except Exception:
        traceback.print_exc()
        return 3
