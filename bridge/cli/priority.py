"""`conda-bridge priority`: the group; each of its commands has a file of its own."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

#: in the order of `--help`; `bridge.cli.priority_NAME` holds `NAME_command`.
_COMMANDS: Final = ("compile", "overlays", "check", "audit", "explain")


class _Commands(click.Group):
    """Imports a command when it is called."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"bridge.cli.priority_{cmd_name}"), f"{cmd_name}_command")
        return command


@click.group("priority", cls=_Commands, short_help="One policy about sources for every client.")
def priority_command() -> None:
    """Say once which source may provide which package, and have every client keep to it."""
