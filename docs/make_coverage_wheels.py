"""Write docs/coverage-wheels.md: what became of every wheel of the corpus, and whether the packages are true.

usage: python docs/make_coverage_wheels.py DIR [JOBS]   (DIR: where `python benchmarks/wheels.py fetch DIR` put them)
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.wheels import Wheel, read_list  # noqa: E402
from bridge.channel.convert import convert  # noqa: E402
from bridge.channel.settings import PackageSettings  # noqa: E402
from bridge.errors import Code  # noqa: E402
from bridge.mapping.pypi_names import PypiNames, PypiNameSource  # noqa: E402
from bridge.mapping.tables import load_tables  # noqa: E402
from bridge.model.plan import Outcome, Status  # noqa: E402
from bridge.translate.to_conda.request import CondaOptions  # noqa: E402
from tests.support import marker_grid  # noqa: E402
from tests.support.package_checks import Package, asked_by, problems, read_package  # noqa: E402

PAGE = ROOT / "docs" / "coverage-wheels.md"
SCHEMAS = (1, 3)
#: of zstd; the outcome does not depend on it.
LEVEL = 3


@dataclass
class Result:
    """One wheel, converted with one schema version."""

    wheel: Wheel
    schema: int
    outcome: Outcome
    packages: int = 0
    files: int = 0
    #: MatchSpecs in index.json.
    specs: frozenset[str] = frozenset()
    problems: list[str] = field(default_factory=list)


def run(wheel: Wheel, schema: int, directory: Path) -> Result:
    """Convert a wheel by itself, and look at what came of it."""
    path = directory / wheel.filename
    settings = PackageSettings(CondaOptions(conditional=schema == max(SCHEMAS)), level=LEVEL, same_names=True)
    with tempfile.TemporaryDirectory(prefix="coverage-") as out:
        (outcome,) = convert([path], out, packages=settings).outcomes
        packages = [read_package(Path(output.path)) for output in outcome.outputs]
        left = [entry.name for entry in Path(out).rglob("*") if entry.is_file()]
        result = Result(wheel, schema, outcome, len(packages), sum(len(one.payload) for one in packages))
        result.specs = frozenset(spec for package in packages for spec in package.specs)
        result.problems = _problems(packages, path, [str(ROOT), str(directory), out, str(Path.home()), sys.prefix])
        if len(left) != len(packages):
            result.problems.append(f"{wheel.filename}: {len(left)} files are left for {len(packages)} packages")
    return result


def _problems(packages: Sequence[Package], wheel: Path, foreign: Iterable[str]) -> list[str]:
    if not packages:
        return []
    texts = [text for text in foreign if text.count("/") > 1]
    found = [problem for package in packages for problem in problems(package, wheel, texts)]
    names = PypiNames(load_tables(), assume_same=True)
    asked = asked_by(wheel, lambda project: names.lookup(project).conda)
    whole = wheel.name.endswith("-any.whl") and "py3" in wheel.name.split("-")[-3].split(".")
    grid = marker_grid.disagreements(asked, [package.index for package in packages], whole=whole)
    return [*found, *(f"{wheel.name}: {problem}" for problem in grid)]


def kind_of(wheel: Wheel) -> tuple[str, str]:
    """What the tags say: the binding to Python, and the platform."""
    tag = min(wheel.tags, key=str)
    binding = tag.abi
    if binding == "none":
        binding = "pure" if tag.platform == "any" else "any Python 3"
    platform = re.sub(
        r"^(manylinux|musllinux|macosx)[0-9_]*?_?(?=[a-z])", r"\1 ", re.sub(r"linux\d+_", "linux_", tag.platform)
    )
    return binding, platform


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return [*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows), ""]


def link(code: Code) -> str:
    return f"[{code.number} {code.slug}](codes.md#{code.anchor.partition('#')[2]})"


def by_code(results: Iterable[Result], codes_of: Callable[[Outcome], Iterable[Code]]) -> list[str]:
    """How many wheels have a code, one column for each schema version."""
    counts: dict[int, Counter[Code]] = {schema: Counter() for schema in SCHEMAS}
    for result in results:
        counts[result.schema].update(set(codes_of(result.outcome)))
    codes = sorted(set().union(*counts.values()), key=lambda code: code.number)
    heads = ("code", *(f"schema version {schema}" for schema in SCHEMAS))
    return table(heads, ((link(code), *(counts[schema][code] for schema in SCHEMAS)) for code in codes))


def reason(outcome: Outcome, name: str) -> str:
    """The message without code, file name and remedy."""
    message = (outcome.message or "").removeprefix(f"{outcome.code} ").removeprefix(f"{name}: ")
    if outcome.code is not None:
        message = message.removesuffix(f" ({outcome.code.remedy})")
    return message.replace("|", "\\|").replace("\n", " ")


def names_section(directory: Path, wheels: Sequence[Wheel]) -> list[str]:
    """What the projects are called that the wheels require, without `--same-names`."""
    names = PypiNames(load_tables())
    required: dict[bool, set[str]] = {False: set(), True: set()}
    for wheel in wheels:
        for one in asked_by(directory / wheel.filename, lambda _: None).requires:
            required["extra" in str(one.marker)].add(canonicalize_name(one.name))
    required[True] -= required[False]
    lines = [
        "## Names",
        "",
        "Projects that the wheels require, by where the name in conda comes from, without `--same-names`:",
        "",
    ]
    answers = {extra: [names.lookup(name) for name in sorted(required[extra])] for extra in (False, True)}
    counts = {extra: Counter(answer.source for answer in found) for extra, found in answers.items()}
    sources = [source for source in PypiNameSource if counts[False][source] or counts[True][source]]
    rows = [(source.value, counts[False][source], counts[True][source]) for source in sources]
    lines += table(("source", "required", "only by extras"), rows)
    unsettled = [answer for answer in answers[False] if answer.conda is None]
    lines += [
        f"The {len(unsettled)} that are required and not settled, each a [CB215](codes.md#cb215-unmapped-name):",
        "",
    ]
    return [*lines, *(f"* {answer.question}" for answer in unsettled), ""]


def write(results: Sequence[Result], directory: Path, absent: int) -> str:
    """The page."""
    wheels = [result.wheel for result in results if result.schema == SCHEMAS[0]]
    size = sum(wheel.size for wheel in wheels)
    lines = [
        "# Coverage of wheels",
        "",
        f"What became of {len(wheels)} real wheels ({size / 1e9:.1f} GB): much used projects, and what is difficult.",
        "`benchmarks/wheels.csv` lists them by name, version and hash; `python benchmarks/wheels.py fetch DIR` brings",
        "them. Made by `python docs/make_coverage_wheels.py DIR`; do not edit.",
        "",
        "Each wheel is converted by itself with `--same-names`, with `--schema-version` 1 and 3.",
        "",
        *([f"{absent} wheels of the list were not at hand.", ""] if absent else []),
    ]
    statuses = [status.value for status in Status]
    rows = []
    for schema in SCHEMAS:
        counts = Counter(result.outcome.status.value for result in results if result.schema == schema)
        share = counts[Status.CONVERTED.value] / len(wheels)
        rows.append((schema, *(counts[status] for status in statuses), f"{share:.1%}"))
    lines += table(("schema version", *statuses, "share converted"), rows)
    lines += ["## Not converted", ""]
    refused = [result for result in results if result.outcome.status is not Status.CONVERTED]
    stated = {(one.wheel.filename, one.outcome.code, reason(one.outcome, one.wheel.filename)): one for one in refused}
    lines += table(
        ("wheel", "status", "code", "reason"),
        (
            (f"`{name}`", stated[key].outcome.status.value, link(code) if code else "", why)
            for key in sorted(stated, key=str)
            for name, code, why in [key]
        ),
    )
    lines += ["## By kind", ""]
    done = {(result.wheel.filename, result.schema): result.outcome.status is Status.CONVERTED for result in results}
    for part, head in enumerate(("binding", "platform")):
        groups: dict[str, list[Wheel]] = {}
        for wheel in wheels:
            groups.setdefault(kind_of(wheel)[part], []).append(wheel)
        lines += table(
            (head, "wheels", *(f"converted, {schema}" for schema in SCHEMAS)),
            (
                (group, len(some), *(sum(done[one.filename, schema] for one in some) for schema in SCHEMAS))
                for group, some in sorted(groups.items())
            ),
        )
    lines += ["## Losses", "", "Wheels whose packages record them:", ""]
    lines += by_code(results, lambda outcome: (loss.code for loss in outcome.losses))
    lines += ["## Packages", "", "How many packages a wheel becomes:", ""]
    numbers = {schema: Counter(one.packages for one in results if one.schema == schema) for schema in SCHEMAS}
    heads = ("packages", *(f"wheels, schema version {schema}" for schema in SCHEMAS))
    rows = [
        (number, *(numbers[schema][number] for schema in SCHEMAS)) for number in sorted(set().union(*numbers.values()))
    ]
    lines += table(heads, [row for row in rows if row[0]])
    lines += names_section(directory, wheels)
    return "\n".join([*lines, *verified(results)]).rstrip() + "\n"


def verified(results: Sequence[Result]) -> list[str]:
    """What was looked at in the packages, with other tools than the project's own."""
    found = [problem for result in results for problem in result.problems]
    packages, files = sum(one.packages for one in results), sum(one.files for one in results)
    specs = frozenset().union(*(one.specs for one in results))
    environments = len(marker_grid.GRID)
    return [
        "## Verified",
        "",
        f"In {packages} packages with {files} files, read by other tools:",
        "",
        f"* py-rattler parses every MatchSpec, strictly ({len(specs)} different ones);",
        "* RECORD lists every installed file once, with the hash and size that it has, and nothing that is not there;",
        "* paths.json lists exactly what is there, as it is; METADATA is the wheel's, byte for byte;",
        "* nothing that the bridge wrote holds a path of the machine that it ran on;",
        f"* in {environments} environments (CPython 3.9 to 3.14 on Linux, macOS and Windows, two machines each)",
        "  exactly one package of a portable wheel is installable, and no two of any. What it requires, without extras",
        "  and (version 3) with each, is what `packaging` finds in METADATA.",
        "",
        f"Problems: {len(found) or 'none'}.",
        "",
        *(f"* {problem}" for problem in found[:100]),
    ]


def main() -> int:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    directory, jobs = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 2
    wanted = read_list()
    wheels = [wheel for wheel in wanted if (directory / wheel.filename).is_file()]
    work = [(wheel, schema) for schema in SCHEMAS for wheel in wheels]
    with ProcessPoolExecutor(jobs) as pool:
        results = list(pool.map(partial(_run, directory=directory), work))
    PAGE.write_text(write(results, directory, len(wanted) - len(wheels)))
    failed = any(result.problems or result.outcome.status is Status.INTERNAL_ERROR for result in results)
    return 1 if failed else 0


def _run(work: tuple[Wheel, int], directory: Path) -> Result:
    return run(*work, directory)


if __name__ == "__main__":
    sys.exit(main())
