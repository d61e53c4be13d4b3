"""What users do with a channel directory: index it, solve from it with py-rattler, install."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rattler import (
    BuildString,
    Channel,
    Gateway,
    GenericVirtualPackage,
    MatchSpec,
    PackageName,
    Subdir,
    Version,
    install,
    solve,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rattler import RepoDataRecord

ROOT = Path(__file__).parents[2]


def index_channel(channel: Path) -> None:
    """Write its repodata with the command that users have."""
    command = [sys.executable, "-m", "bridge", "index", channel]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def solved(
    channel: Path, specs: Sequence[str], *, subdir: str, virtual: Mapping[str, str], cache: Path
) -> list[RepoDataRecord]:
    """The packages that rattler picks.

    Args:
        channel: directory with repodata.
        specs: what the user asks for.
        subdir: the platform; `noarch` is searched too.
        virtual: virtual packages of the machine with their versions.
        cache: of repodata, none that others use.
    """
    packages = [
        GenericVirtualPackage(PackageName(name), Version(version), BuildString("0"))
        for name, version in virtual.items()
    ]

    async def run() -> list[RepoDataRecord]:
        return await solve(
            [Channel(channel.as_uri())],
            [MatchSpec(spec) for spec in specs],
            gateway=Gateway(cache_dir=cache),
            platforms=[subdir, "noarch"],
            virtual_packages=packages,
        )

    return asyncio.run(run())


def installed(records: Sequence[RepoDataRecord], prefix: Path, *, subdir: str, cache: Path) -> None:
    """Install packages into a new prefix, as on a machine of that platform; `cache` holds the unpacked packages."""
    asyncio.run(
        install(list(records), target_prefix=prefix, cache_dir=cache, platform=Subdir(subdir), show_progress=False)
    )
