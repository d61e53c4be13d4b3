"""`python -m bridge.priority.running.solver`: one question to rattler's solver, in JSON, and its answer."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

import rattler
from rattler.exceptions import FetchRepoDataError, GatewayError, SolverError

_PRIORITY: Final = {
    "strict": rattler.ChannelPriority.Strict,
    "first-match": rattler.ChannelPriority.Flexible,
    "best-match": rattler.ChannelPriority.Disabled,
}


async def solve(question: dict[str, Any]) -> list[dict[str, Any]]:
    """Solve with the gateway.

    Args:
        question: `channels`, `specs`, `constraints`, `priority`, `platforms` and `cache`.

    Returns:
        for each record its name, version, url, channel and sha256 (None where the channel does not state it).
    """
    records = await rattler.solve(
        [rattler.Channel(url) for url in question["channels"]],
        [rattler.MatchSpec(spec) for spec in question["specs"]],
        gateway=rattler.Gateway(cache_dir=Path(question["cache"])),
        platforms=[*(question["platforms"] or [str(rattler.Subdir.current())]), "noarch"],
        constraints=[rattler.MatchSpec(spec) for spec in question["constraints"]],
        virtual_packages=rattler.VirtualPackage.detect(),
        channel_priority=_PRIORITY[question["priority"]],
    )
    return [
        {
            "name": record.name.normalized,
            "version": str(record.version),
            "url": str(record.url),
            "channel": record.channel,
            "sha256": record.sha256.hex() if record.sha256 is not None else None,
        }
        for record in records
    ]


def main() -> None:
    """Answer, and end the process before Python's own end."""
    try:
        records = asyncio.run(solve(json.load(sys.stdin)))
    except (SolverError, GatewayError, FetchRepoDataError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()
        os._exit(1)
    json.dump({"records": records}, sys.stdout)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
