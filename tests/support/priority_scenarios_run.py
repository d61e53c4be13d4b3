"""Every situation with every client: the policy compiled as recommended, and what people write by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bridge.priority.audit.audit import audit, look_for
from bridge.priority.audit.finding import Rule as AuditRule
from bridge.priority.compilation import CompileResult
from bridge.priority.compile import compile_policy
from bridge.priority.context import OverlayUrls
from bridge.priority.identity import Identities
from bridge.priority.overlay_fetch import Origins
from bridge.priority.policy import Ecosystem, SourceName
from bridge.priority.report import Client, Rule, Verdict
from bridge.priority.running.ran import Ran
from bridge.priority.running.run import SOLVED, run_client
from tests.support.client_venvs import client as program
from tests.support.priority_scenarios import Answer, Origin, Scenario, answer, owner
from tests.support.priority_scenarios_hand import Style, listed, styles
from tests.support.priority_scenarios_site import Stage

#: pixi's solver is py-rattler's.
CLIENTS: Final = (Client.UV, Client.UV_PIP, Client.PIP, Client.POETRY, Client.PDM, Client.PIXI)
#: the rules of a report that say where packages come from.
DECIDING: Final = frozenset(
    {Rule.ORDER, Rule.CLAIM_DIRECT, Rule.CLAIM_TRANSITIVE, Rule.CLOSED, Rule.UNREACHABLE, Rule.MIN_AGE}
)
#: the audit's rules about what clients take; the others are about texts, names and files.
RESOLVING: Final = frozenset(
    {
        AuditRule.DC01, AuditRule.DC03, AuditRule.DC04, AuditRule.DC06, AuditRule.DC07, AuditRule.DC08, AuditRule.DC09,
        AuditRule.DC10,
    }
)  # fmt: skip


def ecosystem_of(client: Client) -> Ecosystem:
    return Ecosystem.CONDA if client in SOLVED else Ecosystem.PYPI


@dataclass(frozen=True, slots=True)
class Tried:
    """One run."""

    #: what was taken; None where the client, or the building of its overlays, refused.
    taken: Answer
    message: str = ""
    #: whether the report on its configuration says that it refuses more than the policy.
    stricter: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One situation with one client."""

    scenario: Scenario
    client: Client
    #: the policy's.
    expected: Answer
    #: worst verdict of the native configuration about where packages come from.
    verdict: Verdict
    #: of the entries that are not exact, sorted.
    codes: tuple[str, ...]
    native: Tried
    overlay: Tried
    hand: Tried
    #: the way in which it was written by hand.
    style: str
    #: codes of the audit's failing findings about what was written by hand, sorted.
    audit: tuple[str, ...]
    #: names that its failing findings of the rules about resolution are about.
    blamed: frozenset[str]

    @property
    def recommended(self) -> Tried:
        """The native configuration where it keeps the policy, and else the overlays."""
        return self.native if self.verdict.keeps else self.overlay

    def right(self, tried: Tried) -> bool:
        """Whether the client takes what the policy says, or refuses where it says so."""
        if self.expected is None or tried.taken is None:
            return self.expected is tried.taken
        return {name: tried.taken.get(name) for name in self.expected} == self.expected and not self.wrong(tried)

    @property
    def refuses_as_reported(self) -> bool:
        """Whether nothing is taken with what is recommended, and the report says that the client is stricter."""
        return self.recommended.taken is None and self.recommended.stricter

    @property
    def found(self) -> bool:
        """Whether the audit blames one of the names that come from a wrong source by hand."""
        return bool(self.blamed.intersection(self.wrong(self.hand)))

    def wrong(self, tried: Tried) -> tuple[str, ...]:
        """The names that come from a source that the policy does not give them to."""
        found = []
        for name, origin in (tried.taken or {}).items():
            allowed = self._allowed(name)
            if origin.source != allowed:
                found.append(name)
        return tuple(found)

    def _allowed(self, name: str) -> str | None:
        if self.expected is not None and name in self.expected:
            return self.expected[name].source
        return owner(self.scenario, ecosystem_of(self.client), name)


def run_all(stages: Sequence[Stage], work: Path, *, clients: Sequence[Client] = CLIENTS, jobs: int = 4) -> list[Case]:
    """Run everything, in the order of the situations and clients."""
    for one in clients:
        if one not in SOLVED:
            _program(one)
    for stage in stages:
        _ = stage.overlays, stage.origins
    wanted = [(stage, one) for stage in stages for one in clients if ecosystem_of(one) in stage.scenario.faces]
    with ThreadPoolExecutor(jobs) as pool:
        # what is written by hand does not depend on the claims of the policy, so that many situations share a run
        by_hand: dict[object, tuple[Style, Future[Answer]]] = {}
        turns: Counter[Client] = Counter()
        for stage, one in wanted:
            key = _written(stage, one)
            if key not in by_hand:
                ways = styles(one)
                style = ways[turns[one] % len(ways)]
                turns[one] += 1
                by_hand[key] = style, pool.submit(_run_by_hand, stage, one, work, style)
        compiled = [pool.submit(_run_compiled, stage, one, work) for stage, one in wanted]
        return [
            _case(stage, one, work, future.result(), *by_hand[_written(stage, one)])
            for (stage, one), future in zip(wanted, compiled, strict=True)
        ]


def _written(stage: Stage, client: Client) -> object:
    """What a configuration by hand and its outcome depend on, but for the names of the sources."""
    ecosystem = ecosystem_of(client)
    contents = [(source, stage.scenario.sources[source.name]) for source in listed(stage.policy, ecosystem)]
    world = tuple((source.name, content) for source, content in contents)
    return client, world, stage.scenario.requirements(ecosystem)


def _run_by_hand(stage: Stage, client: Client, work: Path, style: Style) -> Answer:
    place = work / stage.slug / client.value / "hand"
    _write_by_hand(stage, client, place, style)
    return _run(stage, client, place, ()).taken


def _write_by_hand(stage: Stage, client: Client, place: Path, style: Style) -> Path:
    project = place / "project"
    project.mkdir(parents=True)
    ecosystem = ecosystem_of(client)
    for name, text in style.files(stage.policy, ecosystem, stage.scenario.requirements(ecosystem)).items():
        (project / name).write_text(text)
    return project


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What came of the policy's own configurations."""

    verdict: Verdict
    codes: tuple[str, ...]
    native: Tried
    overlay: Tried


def _run_compiled(stage: Stage, client: Client, work: Path) -> _Compiled:
    place = work / stage.slug / client.value
    result, native = _compile(stage, client, place / "native", OverlayUrls())
    entries = [entry for entry in result.report if entry.rule in DECIDING and entry.subject != "indexes"]
    verdict = max((entry.verdict for entry in entries), default=Verdict.EXACT)
    codes = sorted({entry.code.number for entry in entries if entry.code is not None})
    overlays = stage.overlays[ecosystem_of(client)]
    if isinstance(overlays, str):
        overlay = Tried(None, f"the overlays are not made: {overlays}")
    elif verdict.keeps:
        overlay = native
    else:
        report, overlay = _compile(stage, client, place / "overlay", overlays)
        worst = max((entry.verdict for entry in report.report if entry.rule in DECIDING), default=Verdict.EXACT)
        overlay = replace(overlay, stricter=worst is Verdict.STRICTER)
    return _Compiled(verdict, tuple(codes), replace(native, stricter=verdict is Verdict.STRICTER), overlay)


def _compile(stage: Stage, client: Client, place: Path, overlays: OverlayUrls) -> tuple[CompileResult, Tried]:
    project = place / "project"
    project.mkdir(parents=True)
    ecosystem = ecosystem_of(client)
    required = stage.scenario.requirements(ecosystem)
    if ecosystem is Ecosystem.PYPI:
        text = ", ".join(f'"{text}"' for text in required)
        (project / "pyproject.toml").write_text(
            f'[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = [{text}]\n'
        )
    context = stage.context(ecosystem, overlays)
    result = compile_policy(stage.policy_for(ecosystem), project, clients=[client], context=context)
    return result, _run(stage, client, place, required if ecosystem is Ecosystem.CONDA else ())


def _case(stage: Stage, client: Client, work: Path, compiled: _Compiled, style: Style, by_hand: Future[Answer]) -> Case:
    place = work / stage.slug / client.value / "audit"
    codes, blamed = _audited(stage, _write_by_hand(stage, client, place, style), place / "asked")
    return Case(
        stage.scenario,
        client,
        answer(stage.scenario, ecosystem_of(client)),
        compiled.verdict,
        compiled.codes,
        compiled.native,
        compiled.overlay,
        Tried(by_hand.result()),
        style.name,
        codes,
        blamed,
    )


def _audited(stage: Stage, project: Path, cache: Path) -> tuple[tuple[str, ...], frozenset[str]]:
    """What fails in an audit: the codes, and the names that the rules about resolution are about."""
    names = Identities(stage.policy.names)
    catalogue = look_for(project, stage.policy, names, origins=Origins(cache, environment={}))
    failing = [one for one in audit(project, stage.policy, catalogue).findings if one.severity.fails]
    blamed = frozenset(one.evidence.name for one in failing if one.rule in RESOLVING)
    return tuple(sorted({one.code.number for one in failing if one.rule in RESOLVING})), blamed


def _run(stage: Stage, client: Client, place: Path, asked: Sequence[str]) -> Tried:
    executable = None if client in SOLVED else _program(client)
    ran = run_client(client, place / "project", asked, home=place / "home", program=executable, timeout_s=60)
    return Tried(_answer(stage, ran), ran.message)


def _program(client: Client) -> Path:
    return program(client.value.partition("-")[0])


def _answer(stage: Stage, ran: Ran) -> Answer:
    """Where each package is from, told by the bytes of its file."""
    if not ran.ok:
        return None
    found: dict[str, Origin] = {}
    for one in ran.packages:
        known = [stage.origins[text[7:]] for text in one.hashes if text[7:] in stage.origins]
        origins = [origin for name, origin in known if name == one.name]
        # a lock of pdm's accepts the files of all sources that have the version: the lowest of them counts
        ranks = {source: rank for rank, source in enumerate(stage.policy.order)}
        origin = max(origins, key=lambda each: ranks.get(SourceName(each.source), -1), default=None)
        if origin is None:
            raise AssertionError(f"a file of {one} is of no source")
        found[one.name] = origin if origin.version == one.version else Origin(origin.source, one.version)
    return dict(sorted(found.items()))
