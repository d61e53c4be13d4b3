"""Which source does each client take a package from? Writes docs/priority-matrix.md.

    python benchmarks/priority_matrix.py [--output FILE] [--jobs N]

Every situation of tests/support/priority_scenarios_list.py, with the real clients: uv, pip, poetry and pdm, each in an
environment of its own (tests/support/client_venvs.py), and py-rattler in the place of pixi. Everything is on loopback.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.priority_scenarios_list import scenarios  # noqa: E402
from tests.support.priority_scenarios_page import page, versions  # noqa: E402
from tests.support.priority_scenarios_run import run_all  # noqa: E402
from tests.support.priority_scenarios_site import staged  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "priority-matrix.md")
    parser.add_argument("--jobs", type=int, default=4, help="clients that run at a time")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as work, staged(Path(work) / "site", scenarios()) as stages:
        cases = run_all(stages, Path(work) / "runs", jobs=chosen.jobs)
    chosen.output.write_text(page(cases, versions()), encoding="utf-8")
    right = sum(case.right(case.recommended) for case in cases)
    print(f"{len(cases)} runs as recommended, {right} of them as the policy says: {chosen.output}")


if __name__ == "__main__":
    main()
