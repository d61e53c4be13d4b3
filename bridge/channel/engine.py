"""Rattler's solver: what it is told about packages and machines, and how it is run."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import rattler

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bridge.model.conda import IndexJson
    from bridge.model.host import VirtualPackage


def repodata(subdir: str, records: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """The repodata document of a platform directory.

    Args:
        records: file name and record (`solver_record`) of each package.
    """
    sections: dict[str, dict[str, Any]] = {"packages": {}, "packages.conda": {}}
    for filename, record in records:
        sections["packages.conda" if filename.endswith(".conda") else "packages"][filename] = record
    return {"info": {"subdir": subdir}, **sections, "repodata_version": 1}


def solver_record(index: IndexJson, *, depends: Sequence[str] | None = None) -> dict[str, Any]:
    """The fields that decide a solution, from the checked values and not from the document.

    Args:
        depends: the requirements that count, where these are not all.
    """
    record: dict[str, Any] = {
        "name": index.name,
        "version": index.version,
        "build": index.build,
        "build_number": index.build_number,
        "subdir": index.subdir,
        "depends": list(index.depends if depends is None else depends),
        "constrains": list(index.constrains),
        "track_features": list(index.track_features),
        "extra_depends": {group: list(specs) for group, specs in index.extra_depends.items()},
        "flags": list(index.flags),
    }
    if index.noarch.value is not None:
        record["noarch"] = index.noarch.value
    if index.timestamp is not None:
        record["timestamp"] = index.timestamp
    return record


def package_record(index: IndexJson) -> rattler.PackageRecord:
    """What a MatchSpec is matched against."""
    return rattler.PackageRecord(
        name=index.name,
        version=index.version,
        build=rattler.BuildString(index.build),
        build_number=index.build_number,
        subdir=index.subdir,
        flags=list(index.flags),
    )


def virtual_record(package: VirtualPackage) -> rattler.PackageRecord:
    """What a MatchSpec of a virtual package is matched against."""
    return rattler.PackageRecord(
        name=package.name,
        version=package.version,
        build=rattler.BuildString(package.build),
        build_number=0,
        subdir="noarch",
    )


def run_solver(
    specs: Sequence[rattler.MatchSpec],
    sources: Sequence[rattler.SparseRepoData],
    machine: Iterable[VirtualPackage],
) -> list[rattler.RepoDataRecord]:
    """Solve once, under strict channel priority; also where the caller is a coroutine itself.

    Args:
        machine: the virtual packages, and no others.

    Raises:
        rattler.exceptions.SolverError: there is no solution.
    """
    virtual_packages = [
        rattler.GenericVirtualPackage(
            rattler.PackageName(package.name), rattler.Version(package.version), rattler.BuildString(package.build)
        )
        for package in machine
    ]

    async def solve() -> list[rattler.RepoDataRecord]:
        return await rattler.solve_with_sparse_repodata(
            list(specs),
            list(sources),
            virtual_packages=virtual_packages,
            channel_priority=rattler.ChannelPriority.Strict,
        )

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(solve())
    # A loop cannot run inside another one.
    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(asyncio.run, solve()).result()
