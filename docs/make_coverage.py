"""Write docs/coverage.md: what became of every package of the corpus.

usage: python docs/make_coverage.py [CORPUS] (default: ../shared/corpus beside the checkout)
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from bridge.channel.convert import convert
from bridge.errors import Code
from bridge.model.plan import Layout, Outcome, Status

ROOT = Path(__file__).resolve().parents[1]
ORDER = [status.value for status in Status]


def leaves(directory: Path) -> list[Path]:
    """Every directory below `directory` that holds packages itself."""
    packages = [path for path in directory.rglob("*") if path.name.endswith((".conda", ".tar.bz2"))]
    return sorted({path.parent for path in packages})


def outcomes_of(directory: Path, layout: Layout, channels: list[Path], out: Path) -> list[Outcome]:
    """Convert the packages that lie in `directory` itself."""
    packages = sorted(path for path in directory.iterdir() if path.name.endswith((".conda", ".tar.bz2")))
    return list(convert(packages, out, layout=layout, channels=channels, jobs=2).outcomes)


def run(corpus: Path, layout: Layout) -> dict[str, list[tuple[str, Outcome]]]:
    """Set -> (path below the set, outcome) of each of its packages."""
    found: dict[str, list[tuple[str, Outcome]]] = {}
    for group in sorted(path for path in (corpus / "conda").iterdir() if path.is_dir()):
        channels = [group] if list(group.glob("*/repodata.json")) else []
        rows = found.setdefault(group.name, [])
        for leaf in leaves(group):
            with tempfile.TemporaryDirectory() as out:
                for outcome in outcomes_of(leaf, layout, channels, Path(out)):
                    rows.append((str(Path(outcome.input).relative_to(group)), outcome))
    return found


def reason(outcome: Outcome, name: str) -> str:
    """The message without code, file name and remedy, which stand in columns of their own."""
    message = (outcome.message or "").removeprefix(f"{outcome.code} ").removeprefix(f"{Path(name).name}: ")
    if outcome.code is not None:
        message = message.removesuffix(f" ({outcome.code.remedy})")
    return message.replace("|", "\\|").replace("\n", " ")


def write(found: dict[str, list[tuple[str, Outcome]]], layout: Layout) -> str:
    """The page."""
    rows = [(group, name, outcome) for group, items in found.items() for name, outcome in items]
    total = Counter(outcome.status.value for _, _, outcome in rows)
    lines = [
        "# Coverage",
        "",
        f"What became of the {len(rows)} packages of the corpus with `--layout {layout.value}`. Made by",
        "`python docs/make_coverage.py`; do not edit. The sets `conda-verify-malformed` and `scancode-odd` and every",
        "directory `unreadable` hold packages that are malformed and have to be refused.",
        "",
        "## By set",
        "",
        "| set | " + " | ".join(ORDER) + " | all |",
        "|---|" + "---|" * (len(ORDER) + 1),
    ]
    for group, items in found.items():
        counts = Counter(outcome.status.value for _, outcome in items)
        cells = " | ".join(str(counts[status]) for status in ORDER)
        lines.append(f"| {group} | {cells} | {len(items)} |")
    cells = " | ".join(str(total[status]) for status in ORDER)
    lines += [f"| **all** | {cells} | {len(rows)} |", "", "## By code", "", "| code | packages |", "|---|---|"]
    codes = Counter(outcome.code for _, _, outcome in rows if outcome.code is not None)
    for code in sorted(codes, key=lambda code: code.number):
        lines.append(f"| [{code.number} {code.slug}](codes.md#{code.anchor.partition('#')[2]}) | {codes[code]} |")
    losses: Counter[Code] = Counter()
    for _, _, outcome in rows:
        losses.update({loss.code for loss in outcome.losses})
    lines += ["", "Losses recorded in converted packages:", "", "| code | packages |", "|---|---|"]
    for code in sorted(losses, key=lambda code: code.number):
        lines.append(f"| [{code.number} {code.slug}](codes.md#{code.anchor.partition('#')[2]}) | {losses[code]} |")
    lines += ["", "## Not converted", ""]
    for group, items in found.items():
        refused = [(name, outcome) for name, outcome in items if outcome.status is not Status.CONVERTED]
        if not refused:
            continue
        lines += [f"### {group}", "", "| package | status | code | reason |", "|---|---|---|---|"]
        for name, outcome in sorted(refused, key=lambda item: item[0]):
            number = outcome.code.number if outcome.code else ""
            lines.append(f"| {name} | {outcome.status.value} | {number} | {reason(outcome, name)} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    corpus = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "corpus"
    layout = Layout.PREFIX
    (ROOT / "docs" / "coverage.md").write_text(write(run(corpus, layout), layout))


if __name__ == "__main__":
    main()
