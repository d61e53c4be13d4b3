"""A restored wheel, read as any other before it gets its name."""

from __future__ import annotations

from pathlib import Path

from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.formats.wheel.reader import open_wheel
from bridge.model.plan import WheelPlan


def check_exact(path: Path, plan: WheelPlan) -> None:
    """Read a restored wheel completely.

    Raises:
        Unrepresentable: `CB336`, it is none that would be accepted as an input; `CB312`, a program in it would replace
            the interpreter.
    """
    try:
        with open_wheel(path) as wheel:
            for finding in wheel.metadata().findings:
                if finding.code is Code.REPLACES_PYTHON:
                    raise Unrepresentable(finding.code, finding.detail, subject=plan.origin.filename)
            for _ in wheel.members():
                pass
    except InvalidInput as error:
        message = f"the wheel that it describes is none: {error.message}"
        raise Unrepresentable(
            Code.RESTORE_MALFORMED, message, subject=plan.origin.filename, field=error.field
        ) from error
