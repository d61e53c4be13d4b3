"""Running one client, whichever it is."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from bridge.errors import Code, Unsupported
from bridge.priority.report import Client
from bridge.priority.running.channels import run_channels
from bridge.priority.running.python_clients import RUNNERS
from bridge.priority.running.ran import Ran
from bridge.priority.running.workplace import workplace

#: what the clients' programs are called; pixi's solver is rattler, which this package brings along.
_PROGRAMS: Final[Mapping[Client, str]] = MappingProxyType(
    {Client.UV: "uv", Client.UV_PIP: "uv", Client.PIP: "pip", Client.POETRY: "poetry", Client.PDM: "pdm"}
)
#: clients whose solver is rattler.
SOLVED: Final = (Client.PIXI, Client.RATTLER)
#: all that can be run.
RUNNABLE: Final = (*_PROGRAMS, *SOLVED)


def program_of(client: Client) -> Path | None:
    """The client's program on PATH; None where it is not installed, or is not a program that can be run here."""
    found = shutil.which(_PROGRAMS[client]) if client in _PROGRAMS else None
    return Path(found) if found else None


def run_client(
    client: Client,
    project: Path,
    requirements: Sequence[str] = (),
    *,
    home: Path,
    program: Path | None = None,
    python: Path | None = None,
    timeout_s: float = 120,
    variables: Mapping[str, str] | None = None,
) -> Ran:
    """What a client would take, under the configuration files that stand in a project.

    Nothing is installed or built. The project's directory is only read; the client works in a copy of its configuration
    files below `home`, sees no configuration of the user, and no lock file.

    Args:
        client: one of `RUNNABLE`; pixi is stood in for by rattler, which resolves its conda packages.
        project: the directory with the configuration files.
        requirements: what to resolve (PEP 508, for pixi and rattler match specs) in the place of what the project
            requires itself; none means the project's own. Dependency groups and pins of the project stay.
        home: a directory for copies and caches; a second run with it is faster.
        program: the executable; None for the one on PATH.
        python: the interpreter to resolve for; None for the client's own choice.
        timeout_s: in seconds.
        variables: further environment variables for the client, such as credentials; their values are kept out of the
            message.

    Raises:
        Unsupported: CB470, the client cannot be run here, or is not installed.
        InvalidInput: CB471, it cannot be started or has no configuration; CB101, CB109, CB111, a file cannot be read.
    """
    if client not in RUNNABLE:
        raise Unsupported(Code.CLIENT_MISSING, "cannot be run by the bridge", subject=client.value)
    found = program or program_of(client)
    if found is None and client not in SOLVED:
        raise Unsupported(Code.CLIENT_MISSING, "is not installed", subject=client.value)
    place = workplace(project, home, timeout_s=timeout_s, variables=variables)
    if found is None or client in SOLVED:
        return run_channels(place, client, requirements)
    return RUNNERS[client](place, [found], requirements, python)
