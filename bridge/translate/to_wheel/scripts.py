"""Programs of a package: entry points, scripts for Python, and everything else in `bin/`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from bridge.errors import Code, Unrepresentable
from bridge.model.payload import FileFacts, Nature
from bridge.model.plan import Loss
from bridge.translate.to_wheel.prefixes import python_shebang

#: uv refuses wheels that would replace the interpreter of the environment that they are installed into.
_INTERPRETER: Final = re.compile(r"(?:python|pypy|pythonw)(?:\d+(?:\.\d+)?)?t?(?:\.exe)?", re.IGNORECASE)


class ScriptKind(Enum):
    """What a file in `bin/` or `Scripts/` becomes."""

    #: installers make it from the entry point of the same name.
    ENTRY_POINT = "entry point"
    PYTHON = "python"
    TEXT = "text"
    BINARY = "binary"


@dataclass(frozen=True, slots=True)
class Script:
    """One program and what is lost about it."""

    kind: ScriptKind
    loss: Loss | None = None


def refuse_interpreter(name: str, subject: str) -> None:
    """Refuse a program that would replace the interpreter.

    Raises:
        Unrepresentable: `CB312`.
    """
    if _INTERPRETER.fullmatch(name):
        message = f"the program {name} would replace the Python interpreter"
        raise Unrepresentable(Code.REPLACES_PYTHON, message, subject=subject)


def classify_script(path: str, name: str, facts: FileFacts, entry_points: Mapping[str, Mapping[str, str]]) -> Script:
    """Tell what kind of program `path` is.

    Raises:
        Unrepresentable: it would replace the interpreter (`CB312`).
    """
    refuse_interpreter(name, path)
    programs = {**entry_points.get("console_scripts", {}), **entry_points.get("gui_scripts", {})}
    launcher = re.sub(r"(?:-script\.pyw?|\.exe)$", "", name)
    content = facts.content or b""
    if launcher in programs:
        if launcher != name or _is_wrapper(content, programs[launcher]):
            return Script(ScriptKind.ENTRY_POINT)
        if facts.nature is Nature.SCRIPT:
            detail = f"the entry point {launcher} = {programs[launcher]} takes the place of this script"
            return Script(ScriptKind.ENTRY_POINT, Loss(Code.SHADOWED_SCRIPT, path, detail))
    if facts.nature is not Nature.SCRIPT:
        return Script(ScriptKind.TEXT if facts.nature is Nature.OTHER else ScriptKind.BINARY)
    return Script(ScriptKind.TEXT if python_shebang(content) is None else ScriptKind.PYTHON)


def _is_wrapper(content: bytes, reference: str) -> bool:
    """Whether a script does what installers generate for `reference`: import it and call it."""
    module, _, attribute = reference.partition("[")[0].strip().partition(":")
    return (
        python_shebang(content) is not None
        and module.strip().encode() in content
        and attribute.split(".")[0].strip().encode() in content
        and len(content) < 2048
    )
