"""A second opinion on the conda side: libmambapy's solver (libsolv), where it is installed.

libmambapy is not on PyPI, so nothing here is imported before it is known to be there.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from bridge.channel.candidate import Candidate
from bridge.channel.universe import Universe
from bridge.errors import Code, Unrepresentable
from bridge.model.host import VirtualPackage

_URL: Final = "https://universe.invalid"


def is_available() -> bool:
    """Whether libmambapy 2 can be imported."""
    if importlib.util.find_spec("libmambapy") is None:
        return False
    return hasattr(importlib.import_module("libmambapy"), "solver")


class LibmambaSolver:
    """libsolv over the candidates of a universe, which are already one per name and channel."""

    name = "libmambapy"

    def __init__(self, universe: Universe) -> None:
        """Prepare.

        Raises:
            ModuleNotFoundError: libmambapy is not installed; ask `is_available` first.
        """
        self._mamba: Any = importlib.import_module("libmambapy")
        self._universe = universe

    def install(self, builds: Sequence[Candidate], more: Sequence[str], machine: Iterable[VirtualPackage]) -> Candidate:
        """The one of the builds that is installed; see `bridge.select.conda_side.Solver`."""
        name = str(builds[0].index.name)
        with tempfile.TemporaryDirectory(prefix="bridge-libmamba-") as directory:
            outcome, database = self._solve([name, *more], builds, machine, Path(directory))
        solver = self._mamba.solver
        if not isinstance(outcome, solver.Solution):
            explanation = str(outcome.explain_problems(database, solver.ProblemsMessageFormat()))
            raise Unrepresentable(Code.UNSOLVABLE, " ".join(explanation.split()), subject=name)
        installed = [action.install for action in outcome.actions if hasattr(action, "install")]
        chosen = next(each for each in installed if each.name == name)
        return next(each for each in builds if each.filename == chosen.filename)

    def _solve(
        self, specs: Sequence[str], builds: Sequence[Candidate], machine: Iterable[VirtualPackage], directory: Path
    ) -> tuple[Any, Any]:
        mamba, specs_module = self._mamba, self._mamba.specs
        libsolv = mamba.solver.libsolv
        # Only this parser knows the regular expressions of the microarchitecture packages.
        parser = libsolv.MatchSpecParser.Mixed
        parameters = specs_module.ChannelResolveParams(
            platforms={self._universe.subdir, "noarch"}, channel_alias=specs_module.CondaURL.parse(_URL)
        )
        database = libsolv.Database(parameters, matchspec_parser=parser)
        for subdir, document in self._universe.documents(builds).items():
            path = directory / subdir / "repodata.json"
            path.parent.mkdir()
            path.write_text(json.dumps(document), encoding="utf-8")
            database.add_repo_from_repodata_json(
                path=str(path),
                url=f"{_URL}/{subdir}",
                channel_id=_URL,
                package_types=libsolv.PackageTypes.CondaOrElseTarBz2,
                repodata_parser=libsolv.RepodataParser.Mamba,
            )
        offered = [specs_module.PackageInfo(each.name, each.version, each.build, 0) for each in machine]
        database.set_installed_repo(database.add_repo_from_packages(offered, name="installed"))
        request = mamba.solver.Request(
            jobs=[mamba.solver.Request.Install(specs_module.MatchSpec.parse(spec)) for spec in specs],
            flags=mamba.solver.Request.Flags(strict_repo_priority=True),
        )
        return libsolv.Solver().solve(database, request, parser), database
