"""Do both ecosystems choose the same build? Writes docs/equivalence.md.

    python benchmarks/equivalence.py [--corpus DIR] [--output FILE]

1. The matrix: every sample family of tests/support/families.py on every machine there.
2. The way back: the same families as packages, converted to wheels and back to a channel; and variant releases of other
   builders (tests/support/foreign_variants.py), as packages against the wheels that they are made of.
3. Real metadata: every release in the corpus' snapshots of conda-forge (linux-64, win-64) and of the pytorch channel
   that has two or more builds for one Python and one platform, on the same machines. Wheels are planned, not made.

The conda side is py-rattler's solver with exactly the virtual packages of the machine; the wheel side is PEP 825 by
variantlib's sorter over the planned family, after filtering by tags. What a snapshot lacks counts as installable, so
that only the machine decides.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import zstandard
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bridge.channel.candidate import Candidate  # noqa: E402
from bridge.channel.repodata import open_channel  # noqa: E402
from bridge.channel.simple import write_index  # noqa: E402
from bridge.channel.universe import Universe  # noqa: E402
from bridge.errors import BridgeError, Unrepresentable  # noqa: E402
from bridge.mapping.python import python_support  # noqa: E402
from bridge.mapping.versions import to_pep440  # noqa: E402
from bridge.model.family import Build  # noqa: E402
from bridge.model.host import Host  # noqa: E402
from bridge.model.plan import Layout  # noqa: E402
from bridge.model.variant import VariantMetadata  # noqa: E402
from bridge.select.conda_side import builds_for, pythons  # noqa: E402
from bridge.select.plan import Planner  # noqa: E402
from bridge.select.selection import Selection, Verdict, WheelPick  # noqa: E402
from bridge.select.selector import Question, Selector, Wheels  # noqa: E402
from bridge.select.wheel_index import WheelIndex  # noqa: E402
from bridge.translate.to_conda.variant_order import release_order  # noqa: E402
from tests.support.families import FAMILIES, PYTHON, SUBDIRS, hosts, repodata  # noqa: E402
from tests.support.foreign_variants import RELEASES, alone, choices, some_release  # noqa: E402
from tests.support.way_back import there_and_back  # noqa: E402

#: title -> document in the corpus.
SNAPSHOTS = {
    "conda-forge, linux-64": "repodata/conda-forge-linux-64.json.zst",
    "conda-forge, win-64": "repodata/conda-forge-win-64.json.zst",
    "pytorch, linux-64": "repodata/pytorch/linux-64/repodata.json.zst",
}
#: disagreements that are listed one by one.
_MOST_LISTED = 40
#: layouts that lead back to the package.
_EXACT = (Layout.PREFIX, Layout.SHARED)
#: releases that are put together by chance.
_MANY = 40
_AXES = ("cuda", "cuda_arch", "x86_64_level", "aarch64_version", "glibc", "osx")


@dataclass
class Tally:
    """Cells (a project or release on a machine) by verdict."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)

    @property
    def cells(self) -> int:
        return sum(self.verdicts.values())

    @property
    def decided(self) -> int:
        """Cells in which there is something to choose."""
        return self.cells - self.verdicts[Verdict.NO_BUILD]

    @property
    def same(self) -> int:
        return self.verdicts[Verdict.SAME] + self.verdicts[Verdict.NEITHER]

    @property
    def share(self) -> str:
        return f"{100 * self.same / self.decided:.2f} %" if self.decided else "-"

    def add(self, verdict: Verdict) -> None:
        self.verdicts[verdict] += 1

    def row(self) -> str:
        no_build, different = self.verdicts[Verdict.NO_BUILD], self.decided - self.same
        return f"{self.cells} | {self.same} | {no_build} | {different} | {self.share}"


@dataclass
class Findings:
    """What one part of the run found."""

    total: Tally = field(default_factory=Tally)
    groups: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    releases: Counter[str] = field(default_factory=Counter)
    #: (what, why) -> machines.
    different: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    no_build: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, what: str, machine: str, groups: Iterable[str], selection: Selection) -> None:
        self.total.add(selection.verdict)
        for group in groups:
            self.groups[group].add(selection.verdict)
        if selection.verdict is Verdict.NO_BUILD:
            self.no_build[what].append(machine)
        elif not selection.agree:
            wheel = "nothing" if selection.wheel is None else selection.wheel.source or selection.wheel.filename
            self.different[what, f"conda {selection.conda or 'nothing'}, wheel {wheel}"].append(machine)


def matrix(channel: Path | None = None, wheels: Path | None = None) -> Findings:
    """Every sample family on every machine.

    Args:
        channel: that has the families; records of packages that do not exist where None.
        wheels: directory that is indexed; the planned wheels where None.
    """
    found = Findings()
    index = None if wheels is None else WheelIndex(wheels)
    with tempfile.TemporaryDirectory() as directory:
        location = repodata().write(Path(directory)) if channel is None else channel
        for subdir in SUBDIRS:
            with Universe([open_channel(location, subdirs=[subdir])], subdir=subdir) as universe:
                planner = Planner(universe)
                for name in FAMILIES:
                    if not universe.candidates(name):
                        continue
                    selector = Selector(universe, planner, name)
                    offered = None if index is None else _indexed(index, name)
                    found.releases[name] += 1
                    for machine, host in hosts():
                        if host.subdir == subdir:
                            found.add(name, machine, [name], cell(selector, Question(host, PYTHON), offered))
    return found


def _indexed(index: WheelIndex, name: str) -> Wheels:
    releases = index.releases(canonicalize_name(name))
    return Wheels(releases, cache(index.source_of))


def way_back(layout: Layout) -> Findings:
    """Every sample family on every machine: the wheels of its packages against the channel that the wheels become."""
    with tempfile.TemporaryDirectory() as directory:
        way = there_and_back(Path(directory), layout)
        write_index(way.wheels)
        return matrix(way.returned, way.wheels)


def foreign() -> Findings:
    """Releases of other builders: what the solver takes of their packages, and what a client takes of the wheels."""
    found = Findings()
    for title, (metadata, subdir) in RELEASES.items():
        _foreign(found, title, metadata, subdir)
    for seed in range(_MANY):
        _foreign(found, "put together by chance", some_release(seed), "linux-64")
    return found


def returned() -> dict[str, Findings]:
    """All of the way back, by the title of its section."""
    return {
        **{f"The way back of the sample families, layout {layout.value}": way_back(layout) for layout in _EXACT},
        "Variant wheels of other builders as packages": foreign(),
    }


def _foreign(found: Findings, title: str, metadata: VariantMetadata, subdir: str) -> None:
    try:
        order = release_order([(label, alone(metadata, label)) for label in metadata.variants])
        decided = list(choices(metadata, subdir, order.offsets))
    except Unrepresentable:
        return  # a variant whose properties exclude each other
    found.releases[title] += 1
    for host, conda, wheel in decided:
        verdict = Verdict.SAME if conda == wheel else Verdict.DIFFERENT
        machine = f"{subdir} {host.archspec}{f' cuda{host.cuda}' if host.cuda else ''}"
        found.add(title, machine, [title], Selection(conda, WheelPick(wheel, wheel, wheel), verdict))


def real(document: Path) -> Findings:
    """Every release of a snapshot that has several builds for one Python, on every machine of its platform."""
    found = Findings()
    with tempfile.TemporaryDirectory() as directory:
        subdir = _unpack(document, Path(directory))
        channel = open_channel(directory, subdirs=[subdir])
        machines = [(name, host) for name, host in hosts() if host.subdir == subdir]
        with Universe([channel], subdir=subdir, extra=pythons(), complete=True) as universe:
            planner = Planner(universe)
            for name in sorted(set(universe.names) - {each.index.name for each in pythons()}):
                selector = Selector(universe, planner, name)
                releases = list(_several(universe, name, selector.versions))
                compared = {version for version, _ in releases}
                builds = [each for each in universe.candidates(name) if _version(each) in compared]
                for _, error in planner.builds(builds)[1]:
                    found.left_out[f"{error.code.number} {error.code.slug}"] += 1
                for version, python in releases:
                    _release(found, selector, version, python, name, machines)
    return found


def _release(
    found: Findings,
    selector: Selector,
    version: Version,
    python: tuple[int, int],
    name: str,
    machines: Sequence[tuple[str, Host]],
) -> None:
    what = f"{name} {version} for Python {python[0]}.{python[1]}"
    planned = selector.planned(version)
    if planned is None:
        found.left_out[f"{what}: no build of it becomes a wheel"] += 1
        return
    builds = [each for each in planned.builds if _is_for(each, python)]
    axes = differing_axes(builds)
    for axis in axes:
        found.releases[axis] += 1
    found.releases["all"] += 1
    for machine, host in machines:
        found.add(what, machine, axes, cell(selector, Question(host, python, version)))


def cell(selector: Selector, question: Question, wheels: Wheels | None = None) -> Selection:
    """Both decisions, without their reasons."""
    choice, pick, verdict = selector.decide(question, wheels)
    return Selection(None if choice.build is None else choice.build.filename, pick, verdict)


def differing_axes(builds: Sequence[Build]) -> list[str]:
    """What tells the builds apart: axes of the machine, then choices, else only build number, time and file name."""
    axes = [axis for axis in _AXES if len({getattr(build.requires, axis) for build in builds}) > 1]
    names = sorted({name for build in builds for name in build.choices})
    axes += [name for name in names if len({build.choices.get(name) for build in builds}) > 1]
    return axes or ["build number only"]


def _several(universe: Universe, name: str, versions: Sequence[Version]) -> Iterator[tuple[Version, tuple[int, int]]]:
    """Releases with two or more builds for one Python."""
    by_version = defaultdict(list)
    for candidate in universe.candidates(name):
        by_version[_version(candidate)].append(candidate)
    for version in reversed(versions):
        candidates = by_version[version]
        pythons: set[tuple[int, int]] = set()
        for candidate in candidates:
            try:
                support = python_support(candidate.index, candidate.index.depends)
            except BridgeError:
                continue
            pythons.update(support.minors if support.needed and len(support.minors) == 1 else ())
        for python in sorted(pythons or {PYTHON}):
            if len(builds_for(candidates, python)) > 1:
                yield version, python


def _version(candidate: Candidate) -> Version:
    return to_pep440(candidate.index.version).version


def _is_for(build: Build, python: tuple[int, int]) -> bool:
    support = python_support(build.index, build.index.depends)
    return not support.needed or python in support.minors


def _unpack(document: Path, directory: Path) -> str:
    """The snapshot as a channel; its `base_url` points to where the packages were, which are not wanted here."""
    data = zstandard.ZstdDecompressor().stream_reader(document.read_bytes(), read_across_frames=True).read()
    content: dict[str, Any] = json.loads(data)
    content["info"].pop("base_url", None)
    subdir = str(content["info"]["subdir"])
    (directory / subdir).mkdir()
    (directory / subdir / "repodata.json").write_text(json.dumps(content))
    return subdir


_HEAD = """# Do both ecosystems choose the same build?

Generated by `python benchmarks/equivalence.py`; do not edit.

A cell is one project (or release) on one machine. The conda side is py-rattler's solver with exactly the virtual
packages of the machine and strict channel priority. The wheel side filters the planned wheels by tags and orders what
is left as PEP 825 says, with variantlib's sorter. *Same*: the chosen wheel is made from the very build that the solver
installs. *No build*: see below. Everything else is *different*.

Machines: {machines}. Linux in every combination of CUDA driver (none, 11.8, 12.0, 12.4, 12.9, 13.0), compute capability
(unknown, 7.5, 8.0, 9.0, 12.0), x86-64 level (1 to 4) and glibc (2.17, 2.28, 2.39); some of macOS, Windows and Linux on
Arm.

*The way back*: the sample families as packages are converted to wheels, and these wheels to a channel again; what the
solver takes of that channel is held against what a client takes of the wheels. *Variant wheels of other builders* are
packages with the requirements and numbers that [their properties become](variants.md), on other machines (8 drivers, 9
GPUs, 5 processors), against the order of the wheels.

## What cannot be the same

* **No build for this machine.** Where no build of a release can be installed, conda refuses. A wheel client cannot: it
  takes the wheel without a label, which every release has for clients that know no variants. The same goes for a build
  whose need no property can state (`__cuda >=12.4` in `constrains`: no driver at all, or a new one): machines that it
  excludes are offered it where nothing else is there. The last column leaves these cells out.
* **Several GPUs of different kinds.** conda goes by the least able one (CEP 46), uv by the ablest; every machine here
  has one kind. **Processors that uv does not know**: an Arm core that is in neither of uv's lists counts as `8a`.
* **A Python that only a dependency names.** A build without a Python of its own that needs another package's exact
  build for one Python (the metapackage bullet) is for that Python; no tag says so.
* **ROCm.** conda has no virtual package for it, so that builds are chosen by their numbers alone; wheel clients have no
  provider for it and skip such variants.

"""
_COLUMNS = "cells | same | no build | different | same where there is a build |"


def report(samples: Findings, back: Mapping[str, Findings], snapshots: Mapping[str, Findings]) -> str:
    """The page.

    Args:
        samples: of `matrix`.
        back: title -> findings about the way back.
        snapshots: title -> findings about real channels.
    """
    lines = [
        *_HEAD.format(machines=len(list(hosts()))).splitlines(),
        "## Sample families",
        "",
        f"| family | {_COLUMNS}",
        "|---|---|---|---|---|---|",
        *(f"| {name} | {tally.row()} |" for name, tally in samples.groups.items()),
        f"| **all** | {samples.total.row()} |",
        "",
        *_listing(samples),
    ]
    for title, found in back.items():
        lines += [
            f"## {title}",
            "",
            f"| release | {_COLUMNS}",
            "|---|---|---|---|---|---|",
            *(f"| {name} | {tally.row()} |" for name, tally in found.groups.items()),
            f"| **all** | {found.total.row()} |",
            "",
            *_listing(found),
        ]
    for title, found in snapshots.items():
        lines += [
            f"## Real metadata: {title}",
            "",
            f"{found.releases['all']} releases with several builds for one Python (a release counts once for each).",
            "What the snapshot lacks counts as installable. A release counts for every axis on which builds differ.",
            "",
            f"| axis | releases | {_COLUMNS}",
            "|---|---|---|---|---|---|---|",
            *(f"| {axis} | {found.releases[axis]} | {tally.row()} |" for axis, tally in sorted(found.groups.items())),
            f"| **all** | {found.releases['all']} | {found.total.row()} |",
            "",
            *_listing(found),
        ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _listing(found: Findings) -> Iterator[str]:
    if found.no_build:
        yield "No build for some machines:"
        yield ""
        for what, on in found.no_build.items():
            yield f"* {what}: {len(on)} machines, for example {on[0]}"
        yield ""
    if found.left_out:
        yield "Builds that nothing can install from the snapshot, or that become no wheel, and so are on neither side:"
        yield ""
        for reason, count in sorted(found.left_out.items()):
            yield f"* {reason}: {count}"
        yield ""
    if found.different:
        yield "Different:"
        yield ""
        for (what, how), on in list(found.different.items())[:_MOST_LISTED]:
            yield f"* {what}: {how}; on {len(on)} machines, for example {on[0]}"
        if len(found.different) > _MOST_LISTED:
            yield f"* and {len(found.different) - _MOST_LISTED} more"
        yield ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=ROOT.parent / "shared" / "corpus")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "equivalence.md")
    arguments = parser.parse_args()
    samples = matrix()
    print(f"sample families: {samples.total.row()}", file=sys.stderr)
    back = returned()
    for title, found in back.items():
        print(f"{title}: {found.total.row()}", file=sys.stderr)
    snapshots = {}
    for title, name in SNAPSHOTS.items():
        if (arguments.corpus / name).is_file():
            snapshots[title] = real(arguments.corpus / name)
            print(f"{title}: {snapshots[title].total.row()}", file=sys.stderr)
    arguments.output.write_text(report(samples, back, snapshots), encoding="utf-8")


if __name__ == "__main__":
    main()
