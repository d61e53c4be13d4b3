"""conda-wheel-bridge: one build for conda and for Python's package indexes.

What the commands call, for programs:

* `convert(inputs, out, ...)`: conda packages to wheels; a `Report` with one outcome per input;
* `inspect(source, ...)`: the plan of one conversion, or what a wheel says, as a document;
* `select(project, channels, ...)`: which build each ecosystem takes on a machine; a `Selection`;
* `diff(left, right, ...)`: what differs between two artifacts of any kind, and whether it matters; a `Comparison`;
* `compile_policy(policy, out, ...)`: the configuration of every client from one priority policy, which
  `bridge.priority.policy_file.read_policy(path)` reads; a `CompileResult`. `convert`, `inspect` and `select` obey
  what `bridge.priority.enforcement.permits_of(policy, ecosystem, ...)` makes of it;
* `Host`: a machine, for `select`; `bridge.select.detect.detect_host()` describes this one, and
  `bridge.select.host_file.read_host(path)` reads what `host --json` wrote.

What is wrong with one input of `convert` or `inspect` is its outcome. What concerns them all, and whatever `select` or
`diff` cannot answer, is raised as a `bridge.errors.BridgeError`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bridge._version import __version__

if TYPE_CHECKING:
    from bridge.channel.convert import convert
    from bridge.channel.inspect import inspect
    from bridge.compare.compare import compare as diff
    from bridge.model.host import Host
    from bridge.priority.compile import compile_policy
    from bridge.select.select import select

__all__ = ["Host", "__version__", "compile_policy", "convert", "diff", "inspect", "select"]

_HOMES = {
    "Host": "bridge.model.host",
    "compile_policy": "bridge.priority.compile",
    "convert": "bridge.channel.convert",
    "inspect": "bridge.channel.inspect",
}


def __getattr__(name: str) -> Any:
    # Deferred, so that `import bridge` costs nothing and modules below can be imported alone.
    if name == "select":
        return import_module("bridge.select")
    if name == "diff":
        return import_module("bridge.compare.compare").compare
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
