"""Which build each ecosystem takes on a host, and why.

The package itself can be called: `bridge.select("pytorch", channels=[...])` is `bridge.select.select.select`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.select.selection import Selection


class _Callable(ModuleType):
    """`bridge.select` is the name of both the function that users call and the package that it is in."""

    def __call__(self, *arguments: Any, **options: Any) -> Selection:
        from bridge.select.select import select

        return select(*arguments, **options)


sys.modules[__name__].__class__ = _Callable
