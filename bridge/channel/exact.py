"""Restored artifacts as they are written: a wheel is read as any other before it gets its name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.formats.wheel.reader import open_wheel
from bridge.model.conda_plan import CondaPlan, RestoredInfo
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


@contextmanager
def restoring(plan: CondaPlan) -> Iterator[None]:
    """What it means that a package that is restored does not hold what it promises.

    Raises:
        Unrepresentable: `CB335`, a file of the wheel, or what is overwritten in it, is not what it was.
    """
    try:
        yield
    except InvalidInput as error:
        if not isinstance(plan.info, RestoredInfo) or error.code not in (Code.HASH, Code.PAYLOAD_MISMATCH):
            raise
        message = "the wheel was changed since it was made of a conda package"
        raise Unrepresentable(Code.RESTORE_CHANGED, message, subject=plan.origin.filename, field=error.field) from error
