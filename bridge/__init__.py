"""conda-wheel-bridge: one build for conda and for Python's package indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge._version import __version__

if TYPE_CHECKING:
    from bridge.channel.convert import convert
    from bridge.channel.inspect import inspect

__all__ = ["__version__", "convert", "inspect"]


def __getattr__(name: str) -> Any:
    # Deferred, so that `import bridge` costs nothing and modules below can be imported alone.
    if name == "convert":
        from bridge.channel.convert import convert

        return convert
    if name == "inspect":
        from bridge.channel.inspect import inspect

        return inspect
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
