"""All records that a solver may choose from on one platform, opened once and solved over many times.

Asking hundreds of questions of one channel ("can this build be installed on a machine with CUDA 12.4?") must not
write and read its repodata hundreds of times. Nothing of the machine enters: no cache, no configuration, no virtual
package that is not given.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rattler
from rattler.exceptions import SolverError

from bridge.channel.candidate import Candidate
from bridge.channel.engine import package_record, repodata, run_solver, solver_record
from bridge.channel.solve import required_name
from bridge.channel.wellknown import WELL_KNOWN, well_known
from bridge.errors import Code, Unrepresentable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from bridge.channel.repodata import Channel
    from bridge.model.conda import IndexJson, Subdir
    from bridge.model.host import VirtualPackage

_URL: Final = "https://universe.invalid/"
_EXPLANATION_LENGTH: Final = 600


class Universe:
    """The candidates of a platform: by name, those of the first channel that has it (strict channel priority).

    A context manager: solving needs temporary files.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        *,
        subdir: Subdir | str,
        extra: Iterable[Candidate] = (),
        complete: bool = False,
    ) -> None:
        """Gather the candidates.

        Args:
            channels: in order of priority.
            subdir: the platform; `noarch` records are always there too.
            extra: builds that are in no channel; they are the only ones of their names.
            complete: requirements that no candidate meets count as met. A snapshot of a channel lacks many
                packages, and what it lacks should not decide which build a machine gets.
        """
        self.subdir = str(subdir)
        self.complete = complete
        self._by_name: dict[str, tuple[Candidate, ...]] = {}
        for candidate in extra:
            self._by_name[candidate.index.name] = (*self._by_name.get(candidate.index.name, ()), candidate)
        for channel in channels:
            for each in channel.names:
                if each not in self._by_name and (found := self._found(channel, each)):
                    self._by_name[each] = found
        if complete:
            for name in WELL_KNOWN:
                present = self._by_name.get(name, ())
                versions = {candidate.index.version for candidate in present}
                added = [each for each in well_known(name) if each.index.version not in versions]
                self._by_name[name] = (*present, *added)
        self._by_place: dict[tuple[str, str], Candidate] = {
            (candidate.index.subdir, candidate.filename): candidate
            for candidates in self._by_name.values()
            for candidate in candidates
        }
        self._matches: dict[str, tuple[Candidate, ...]] = {}
        self._packages: dict[str, rattler.PackageRecord] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the temporary files back."""
        self._stack.close()
        self.__dict__.pop("_sources", None)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all packages, sorted."""
        return tuple(sorted(self._by_name))

    def candidates(self, name: str) -> tuple[Candidate, ...]:
        """Every candidate of a name, in the order of the channel."""
        return self._by_name.get(name, ())

    def matching(self, spec: str) -> tuple[Candidate, ...]:
        """The candidates that meet a requirement; none for one that cannot be read or has no exact name."""
        if spec not in self._matches:
            name = required_name(spec)
            found = () if name is None else self.candidates(name)
            if found:
                matcher = rattler.MatchSpec(spec, strict=False)
                found = tuple(each for each in found if matcher.matches(self._package(each)))
            self._matches[spec] = found
        return self._matches[spec]

    def depends(self, index: IndexJson) -> tuple[str, ...]:
        """The requirements that count: all, or in a completed universe those that some candidate meets."""
        if not self.complete:
            return index.depends
        return tuple(spec for spec in index.depends if self._known(spec))

    def solve(self, specs: Sequence[str], machine: Iterable[VirtualPackage]) -> tuple[Candidate, ...]:
        """What a conda client installs for these MatchSpecs on a machine, sorted by name.

        Raises:
            Unrepresentable: nothing can be installed (`CB307`), with the solver's explanation.
        """
        wanted = [rattler.MatchSpec(spec, strict=False) for spec in specs]
        try:
            records = run_solver(wanted, self._sources, machine)
        except SolverError as error:
            explanation = " ".join(str(error).split())[:_EXPLANATION_LENGTH]
            raise Unrepresentable(Code.UNSOLVABLE, explanation, subject=", ".join(specs)) from error
        chosen = [self._by_place[record.subdir, record.file_name] for record in records]
        return tuple(sorted(chosen, key=lambda candidate: candidate.index.name))

    @cached_property
    def _sources(self) -> list[rattler.SparseRepoData]:
        directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-universe-")))
        sources: list[rattler.SparseRepoData] = []
        for subdir, document in self.documents().items():
            path = directory / f"{subdir}.json"
            path.write_text(json.dumps(document), encoding="utf-8")
            source = rattler.SparseRepoData(rattler.Channel(_URL), subdir, path)
            self._stack.callback(source.close)
            sources.append(source)
        return sources

    def documents(self, only: Sequence[Candidate] = ()) -> Mapping[str, Mapping[str, Any]]:
        """The candidates as repodata by subdir, for other solvers.

        Args:
            only: the only candidates of their name; all where empty.
        """
        left_out = {each.index.name for each in only}
        found: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
        for (subdir, filename), candidate in self._by_place.items():
            if candidate.index.name not in left_out or candidate in only:
                record = solver_record(candidate.index, depends=self.depends(candidate.index))
                found.setdefault(subdir, []).append((filename, record))
        return {subdir: repodata(subdir, records) for subdir, records in sorted(found.items())}

    def _found(self, channel: Channel, name: str) -> tuple[Candidate, ...]:
        return tuple(
            Candidate(record.filename, record.index)
            for record in channel.records(name)
            if record.index.subdir in {self.subdir, "noarch"}
        )

    def _known(self, spec: str) -> bool:
        name = required_name(spec)
        return name is None or name.startswith("__") or bool(self.matching(spec))

    def _package(self, candidate: Candidate) -> rattler.PackageRecord:
        key = f"{candidate.index.subdir}/{candidate.filename}"
        if key not in self._packages:
            self._packages[key] = package_record(candidate.index)
        return self._packages[key]


def exact_spec(index: IndexJson) -> str:
    """A MatchSpec that only this build meets."""
    return f'{index.name}[version="=={index.version}",build="{index.build}",subdir="{index.subdir}"]'
