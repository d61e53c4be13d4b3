"""Channels made by hand: records only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bridge.channel.effective import HostRequirements
from bridge.channel.repodata import open_channel
from bridge.channel.universe import Universe
from tests.unit.channel.conftest import document, record, write_channel

LEVELS = {
    2: ("x86_64_v2", "nehalem"),
    3: ("x86_64_v3", "haswell", "zen2"),
    4: ("x86_64_v4", "skylake_avx512", "zen4"),
}


def microarchitectures() -> list[dict[str, Any]]:
    """Level packages as conda-forge makes them: one build per processor, and one with a list (CEP 29)."""
    found = [record("_x86_64-microarch-level", "1", build="0")]
    for level, names in LEVELS.items():
        every = [name for above in range(level, 5) for name in LEVELS[above]]
        found.extend(
            record(
                "_x86_64-microarch-level",
                str(level),
                f"__archspec[version='1.*', build='{name}']",
                build=f"0_{name}",
                track_features="x86_64_microarch_level",
            )
            for name in names
        )
        spec = f"__archspec[version='1.*', build='^({'|'.join(every)})$']"
        found.append(record("_x86_64-microarch-level", str(level), spec, build=f"1_level{level}", build_number=1))
    return found


def cuda_versions() -> list[dict[str, Any]]:
    return [
        record("cuda-version", version, build="h1_3", constrains=[f"cudatoolkit {version}", f"__cuda >={driver}"])
        for version, driver in (("11.8", 11), ("12.0", 12), ("12.6", 12), ("12.9", 12), ("13.0", 13))
    ]


@contextmanager
def universe(
    directory: Path, *records: dict[str, Any], complete: bool = False, subdir: str = "linux-64"
) -> Iterator[Universe]:
    write_channel(directory, {subdir: document(*records, subdir=subdir)})
    with Universe([open_channel(directory, subdirs=[subdir])], subdir=subdir, complete=complete) as found:
        yield found


def requirement(directory: Path, *records: dict[str, Any], complete: bool = False, subdir: str = "linux-64") -> Any:
    """Of the first record."""
    with universe(directory, *records, complete=complete, subdir=subdir) as found:
        (candidate,) = found.candidates(records[0]["name"])
        return HostRequirements(found).of(candidate)
