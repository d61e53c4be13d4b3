"""Filtered overlays: static channels and one index that list only what a policy permits (CEP 15, PEP 503, PEP 691).

```
DIR/conda/<source>/<subdir>/   repodata.json(.zst), shards, run_exports.json: one channel for each source
DIR/pypi/simple/               one index of all sources
DIR/offers/                    what each part offers, for the next refresh
DIR/manifest.json              sha256 of everything
```

All links lead to the original files. A client that has nothing but the overlay takes a claimed name from nobody but its
owner, whatever its own idea of priorities is. Names that the overlay of an index does not list do not exist in it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from packaging.utils import NormalizedName

from bridge._version import __version__
from bridge.errors import Code
from bridge.formats.conda.identifiers import parse_subdir
from bridge.mapping.tables import Tables
from bridge.priority.decision import Decider, Outcome
from bridge.priority.identity import identities
from bridge.priority.overlay_channels import Channels, make_channels
from bridge.priority.overlay_fetch import Fetch, Origins, fetch
from bridge.priority.overlay_pages import project_pages, root_pages
from bridge.priority.overlay_pypi import Asked, Index, ask, files_of, listed_names
from bridge.priority.overlay_report import Finding, Left, OverlayReport, summed
from bridge.priority.overlay_source import IndexFile
from bridge.priority.overlay_variants import Wishes
from bridge.priority.policy import Ecosystem, Policy, SourceName, Unreachable
from bridge.priority.refresh import Refresh, key_of, refreshing

_SIMPLE = "pypi/simple"


def build_overlays(
    policy: Policy,
    out: Path,
    *,
    now: datetime,
    names: Iterable[NormalizedName] = (),
    subdirs: Sequence[str] = (),
    tables: Tables | None = None,
    environment: Mapping[str, str] | None = None,
    cache: Path | None = None,
    offline: bool = False,
    ask_with: Fetch = fetch,
    credentials: Mapping[str, str] | None = None,
    accepted: Collection[str] = frozenset(),
    sign_command: Sequence[str] = (),
    jobs: int = 4,
) -> OverlayReport:
    """Make the overlays of a policy, or refresh them. Only what changed at the sources is fetched and made again.

    Args:
        policy: what decides.
        out: directory of the overlays: new, empty, or one that this function made.
        now: in UTC, for `min-age`.
        names: projects that the index is to list, besides those that are claimed by name and all projects of sources
            that are small; a client finds no other.
        subdirs: of the channels, for example `linux-64`; `noarch` is always one.
        tables: what packages are called in the other ecosystem, as claims hold under both names.
        environment: all marker variables, where the overlays are for one kind of machine; None for any machine, and
            claims that hold on some hold on all.
        cache: a private directory for what the sources said; None for one beside `out`, called `.{out}-origins`.
        offline: use only what the sources said last.
        ask_with: how sources are asked.
        credentials: the environment variables that credentials are found in; None for those of this process.
        accepted: sha256 of files that replace others of the same name.
        sign_command: a program and its arguments that leaves a signature beside the file that `{}` stands for.
        jobs: requests at a time.

    Returns:
        what was written, and what was left out and why. Nothing serious was found where it is `clean`.

    Raises:
        InvalidInput: CB460, a source does not answer and the policy wants that to be an error; CB461, a channel's
            packages lie elsewhere; CB469; CB1xx, what a source says is malformed. The overlays stay as they were.
        Unsupported: CB322 or CB469, something else is in the way, or another run is at work.
    """
    where = [parse_subdir(each, subject="subdirs", field=each) for each in sorted({*subdirs, "noarch"})]
    decider = Decider(policy, identities(policy, tables))
    origins = Origins(
        cache or out.with_name(f".{out.name}-origins"),
        offline=offline,
        stale=policy.on_unreachable is Unreachable.WARN,
        ask=ask_with,
        environment=credentials,
    )
    wishes = Wishes(policy.variants)
    made_from = (__version__, policy.digest, environment, sorted(accepted))
    with refreshing(out, now) as refresh:
        result = _Result()
        if policy.faces(Ecosystem.CONDA):
            channels = Channels(policy, decider, origins, now, environment, wishes, accepted, jobs)
            result.add_channels(make_channels(channels, where, refresh, made_from))
        if policy.faces(Ecosystem.PYPI):
            index = Index(policy, decider, origins, now, environment, wishes, accepted)
            result.findings += _make_index(index, names, refresh, made_from, result, jobs)
        refresh.drop_rest()
        result.findings += [*refresh.findings, *origins.findings, *_unverified(policy)]
        sha256, written, removed = refresh.publish(policy.filename, policy.digest, origins.answers, sign_command)
    offered = {(s.name, e): 0 for e in Ecosystem for s in policy.faces(e)}
    return OverlayReport(
        out, sha256, written, removed, {**offered, **result.offered}, result.left, summed(result.findings)
    )


class _Result:
    """What is summed up while overlays are made."""

    def __init__(self) -> None:
        self.offered: Counter[tuple[SourceName, Ecosystem]] = Counter()
        self.left: dict[tuple[SourceName, Ecosystem], Counter[Left]] = defaultdict(Counter)
        self.findings: list[Finding] = []

    def add(self, source: SourceName, ecosystem: Ecosystem, noted: Mapping[str, Any]) -> None:
        """Count what was noted about a part."""
        self.offered[source, ecosystem] += noted["offered"]
        self.left[source, ecosystem].update({Left(reason): count for reason, count in noted["left"].items()})
        self.findings += [
            Finding(_CODES[number], source, subject, detail) for number, subject, detail in noted["findings"]
        ]

    def add_channels(self, made: tuple[list[tuple[SourceName, Mapping[str, Any]]], list[Finding]]) -> None:
        for source, noted in made[0]:
            self.add(source, Ecosystem.CONDA, noted)
        self.findings += made[1]


_CODES = {code.number: code for code in Code}


def _make_index(
    index: Index, names: Iterable[NormalizedName], refresh: Refresh, made_from: object, result: _Result, jobs: int
) -> list[Finding]:
    wanted, findings = listed_names(index, names)
    with ThreadPoolExecutor(max(jobs, 1)) as pool:
        answers = list(pool.map(lambda name: ask(index, name), sorted(wanted)))
    for asked in answers:
        findings += asked.findings
        if asked.decision.outcome is Outcome.UNREACHABLE:
            error = next(iter(asked.failures.values()))
            if index.policy.on_unreachable is Unreachable.ERROR:
                raise error
            message = f"is left out: {error.message}"
            findings.append(Finding(Code.OVERLAY_SOURCE, asked.decision.source, asked.project, message))
    there = [asked for asked in answers if asked.pages]
    for asked in there:
        _make_project(index, asked, refresh, made_from, result)
    html, document = root_pages(asked.project for asked in there)
    refresh.put(f"{_SIMPLE}/index.html", html)
    refresh.put(f"{_SIMPLE}/index.json", document)
    return findings


def _make_project(index: Index, asked: Asked, refresh: Refresh, made_from: object, result: _Result) -> None:
    project, source = asked.project, asked.pages[0][0].name
    pages = [(source.name, via.name, answer.sha256) for source, via, answer in asked.pages]
    key = key_of(made_from, project, pages)
    if (noted := refresh.part(f"{project} {source}", key)) is not None:
        result.add(source, Ecosystem.PYPI, noted)
        return
    offered = refresh.offered(source, project)
    files: dict[str, IndexFile] = {}
    ripe: datetime | None = None
    left: Counter[Left] = Counter()
    found: list[tuple[str, str, str]] = []
    for provider, via, answer in asked.pages:
        some, tally, later = files_of(index, asked, provider, via, answer, offered)
        for file in some:
            known = files.setdefault(file.filename, file)
            if known.sha256 != file.sha256:
                tally.find(Code.OVERLAY_ENTRY, file.filename, "a higher source has other bytes under this name")
        left.update(tally.left)
        found += [(each.code.number, each.subject, each.detail) for each in tally.findings]
        ripe = later if ripe is None or (later is not None and later < ripe) else ripe
    ordered = sorted(files.values(), key=lambda file: (file.version, file.filename))
    paths = [f"{_SIMPLE}/{project}/index.html", f"{_SIMPLE}/{project}/index.json"]
    for path, content in zip(paths, project_pages(project, ordered), strict=True):
        refresh.put(path, content)
    counts = {"offered": len(ordered), "left": {r.value: n for r, n in left.items()}, "findings": found}
    offers = {file.filename: file.sha256 or "" for file in ordered if not file.is_variants}
    refresh.note(source, project, key, paths, offers, ripe, **counts)
    result.add(source, Ecosystem.PYPI, counts)


def _unverified(policy: Policy) -> list[Finding]:
    message = "the overlay passes provenance on, but does not verify who signed the files"
    return [
        Finding(Code.OVERLAY_UNSAID, name, "attest", message)
        for name, source in sorted(policy.sources.items())
        if source.attestation is not None
    ]
