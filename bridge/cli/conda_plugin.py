"""`conda bridge`: the same program as a subcommand of conda (its plugin system loads this module)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from conda import plugins


def _run(arguments: Sequence[str]) -> int:
    from bridge.cli import run  # conda imports this module at every start

    return run(list(arguments), prog_name="conda bridge")


@plugins.hookimpl  # type: ignore[untyped-decorator]
def conda_subcommands() -> Iterator[Any]:
    """Register the subcommand (conda's hook of the same name)."""
    yield plugins.CondaSubcommand(
        name="bridge", action=_run, summary="Convert conda packages to Python wheels and back."
    )
