"""The page of the matrix: one table for each client, the same text for the same results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Final

from bridge.priority.report import Client
from tests.support.client_venvs import REQUIREMENTS
from tests.support.priority_scenarios import Answer
from tests.support.priority_scenarios_run import Case, Tried

_TITLES: Final[Mapping[Client, str]] = {
    Client.UV: "uv, project (`uv lock`)",
    Client.UV_PIP: "uv pip (`uv pip compile`)",
    Client.PIP: "pip (`pip install --dry-run`)",
    Client.POETRY: "poetry (`poetry lock`)",
    Client.PDM: "pdm (`pdm lock`)",
    Client.PIXI: "pixi's conda side (py-rattler's solver)",
}
_HEAD: Final = """\
# Which source each client takes a package from

Made by `python benchmarks/priority_matrix.py`; do not edit. A test compares this page with what the clients do.

Every situation below is served on one machine: an index and a channel for each source, with the same names. The
policy's answer is computed by `bridge.priority.decision`. The real clients then resolve it
({versions}),

* **native**: with the configuration that `priority compile` makes of the policy. The verdict is the worst that its
  report gives about order, claims, closedness, outages and ages, with the codes of what is not exact. Where it is
  *weaker*, what the client takes all the same stands behind it;
* **used**: with the configuration that is recommended: the native one where the verdict is *exact* or *stricter*, and
  else the one for the filtered overlays, which list only what the policy allows. pip and uv pip are given the
  resolution that the policy allows, as a lock file would give it;
* **by hand**: with what people write, without looking at claims: the policy's sources, highest first. Beside it are
  the codes of failing findings of `priority audit` about what clients take.

`=` is the policy's answer, and *refused* is no answer. **Bold** is a package from a source that the policy does not
give it to, or that nobody may provide; a lock file of pdm's accepts the files of every source that has the version,
and the lowest of them counts.
"""


def versions() -> Mapping[str, str]:
    """Program -> version."""
    programs = {name: REQUIREMENTS[name][0].partition("==")[2] for name in ("uv", "pip", "poetry", "pdm")}
    return {**programs, "py-rattler": version("py-rattler")}


def page(cases: Sequence[Case], programs: Mapping[str, str]) -> str:
    """The whole page.

    Args:
        cases: of all situations and clients.
        programs: their versions.
    """
    listed = ", ".join(f"{name} {version}" for name, version in programs.items())
    parts = [_HEAD.format(versions=listed), *_summary(cases)]
    for client, title in _TITLES.items():
        parts += ["", f"## {title}", "", *_table([case for case in cases if case.client is client])]
    return "\n".join(parts) + "\n"


def _summary(cases: Sequence[Case]) -> Iterator[str]:
    names = {case.scenario.name for case in cases}
    yield f"## Summary of {len(names)} situations"
    yield ""
    yield (
        "| client | situations | native kept | as the policy, with what is recommended | stricter | wrong "
        "| native: wrong where reported weaker | by hand: wrong | of these found by audit | right, but found by audit |"
    )
    yield "|---" + "|---:" * 9 + "|"
    for client, title in _TITLES.items():
        own = [case for case in cases if case.client is client]
        hand_wrong = [case for case in own if case.wrong(case.hand)]
        cells = [
            len(own),
            sum(case.verdict.keeps for case in own),
            sum(case.right(case.recommended) for case in own),
            sum(not case.right(case.recommended) and case.recommended.taken is None for case in own),
            sum(bool(case.wrong(case.recommended)) for case in own),
            sum(bool(case.wrong(case.native)) for case in own),
            len(hand_wrong),
            sum(case.found for case in hand_wrong),
            sum(case.right(case.hand) and bool(case.audit) for case in own),
        ]
        yield f"| {title.partition(' (')[0]} | {' | '.join(map(str, cells))} |"


def _table(cases: Sequence[Case]) -> Iterator[str]:
    yield "| situation | the policy | native | used | taken | by hand | audit |"
    yield "|---|---|---|---|---|---|---|"
    for case in cases:
        native = case.verdict.value + (f" ({', '.join(case.codes)})" if case.codes else "")
        if not case.verdict.keeps:
            native += f": {_told(case, case.native)}"
        recommended = case.recommended
        used = "native" if case.verdict.keeps else "overlay"
        hand = f"{case.style}: {_told(case, case.hand)}"
        audit = ", ".join(case.audit) or "-"
        cells = (case.scenario.name, _shown(case.expected), native, used, _told(case, recommended), hand, audit)
        yield f"| {' | '.join(cells)} |"


def _told(case: Case, tried: Tried) -> str:
    if case.right(tried):
        return "="
    wrong = case.wrong(tried)
    if not wrong:
        return _shown(tried.taken)
    return ", ".join(f"**{name} {tried.taken[name]}**" for name in wrong) if tried.taken else "refused"


def _shown(taken: Answer) -> str:
    return "*refused*" if taken is None else ", ".join(f"{name} {origin}" for name, origin in taken.items())
