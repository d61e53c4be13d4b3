"""What conda would execute or obey, and what the reader has found in the wheel: refused, or passed on as losses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from bridge.errors import Code, Unrepresentable
from bridge.formats.wheel.findings import windows_reason
from bridge.model.plan import Loss
from bridge.translate.to_conda.request import CondaRequest

#: scripts that run when a package is linked, or when an environment is activated, and menu entries (CEP 34).
_EXECUTED: Final = re.compile(
    r"(?:bin|scripts|python-scripts)/\.[^/]*-(?:pre|post)-(?:un)?link\.(?:sh|bat)"
    r"|etc/conda/(?:activate|deactivate|env_vars)\.d/.+"
    r"|menu/[^/]+\.json"
)
#: configuration of conda that it reads in every environment.
_OBEYED: Final = re.compile(r"\.?condarc|\.mambarc|condarc\.d/.+")
_CLIENTS_OWN: Final = re.compile(r"(?:info|conda-meta)(?:/.+)?")
_MOVED: Final = re.compile(r"(?:site-packages|python-scripts)(?:/.+)?")


def refuse_place(path: str, member: str, *, moved: bool, subject: str) -> None:
    """Refuse a file that would mean something else in conda than in a wheel.

    Args:
        path: of the file in the package.
        member: its name in the wheel.
        moved: whether installers would move it, were it below `site-packages` or `python-scripts`.
        subject: the wheel, for messages.

    Raises:
        Unrepresentable: `CB330`, conda would execute or obey it; `CB309`, the place belongs to conda.
    """
    folded = path.casefold()
    if is_obeyed(path):
        message = f"conda would execute or obey {path}, which installers of wheels only put there"
        raise Unrepresentable(Code.CONDA_EXECUTES, message, subject=subject, field=member)
    if _CLIENTS_OWN.fullmatch(folded) or (moved and _MOVED.fullmatch(folded)):
        message = f"conda keeps {path.partition('/')[0]}/ for itself, and the wheel has a file for it"
        raise Unrepresentable(Code.COLLISION, message, subject=subject, field=member)


def is_obeyed(path: str) -> bool:
    """Whether conda would execute or obey a file of a package, told by its path."""
    folded = path.casefold()
    return _EXECUTED.fullmatch(folded) is not None or _OBEYED.fullmatch(folded) is not None


def finding_losses(request: CondaRequest) -> tuple[Loss, ...]:
    """What the reader found, as losses, but for names that only Windows lacks: `refuse_windows_name`.

    Raises:
        Unrepresentable: `CB312`, a program that would replace the interpreter.
    """
    return tuple(_finding_losses(request))


def refuse_windows_name(path: str, member: str, *, subject: str) -> None:
    """Refuse a file that Windows cannot have, in a package that may be installed there.

    Raises:
        Unrepresentable: `CB331`.
    """
    if (reason := windows_reason(path)) is not None:
        message = f"{reason}, where the package may be installed"
        raise Unrepresentable(Code.WINDOWS_NAME, message, subject=subject, field=member)


def _finding_losses(request: CondaRequest) -> Iterator[Loss]:
    for finding in request.survey.findings:
        match finding.code:
            case Code.REPLACES_PYTHON:
                raise Unrepresentable(
                    finding.code, finding.detail, subject=request.origin.filename, field=finding.subject
                )
            case Code.BAD_ENTRY_POINT:
                yield Loss(Code.ENTRY_POINT_LEFT_OUT, finding.subject, finding.detail)
            case Code.UNSAFE_PATH:
                if finding.detail != windows_reason(finding.subject):
                    yield Loss(Code.INSTALLERS_FILE, finding.subject, finding.detail)
            case _:
                yield Loss(finding.code, finding.subject, finding.detail)
