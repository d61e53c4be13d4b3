"""Asking the channels of a policy, deciding about every name in them, and writing what is left as channels."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from packaging.utils import NormalizedName

from bridge.channel import shards_output
from bridge.channel.document import DOCUMENT_SIZE, parse_repodata
from bridge.channel.known_index import REPODATA, RUN_EXPORTS
from bridge.channel.repodata_output import compress, encode
from bridge.errors import Code, InvalidInput
from bridge.mapping.axes import load_axes
from bridge.model.conda import CondaName, Subdir
from bridge.priority.decision import ABSENT, KNOWN, UNREACHABLE, Availability, Decider, Decision, Outcome
from bridge.priority.overlay_age import Ages
from bridge.priority.overlay_conda import Filter, Part, filtered, filtered_exports, offered_files, read_part
from bridge.priority.overlay_fetch import Answer, Origins
from bridge.priority.overlay_report import Finding
from bridge.priority.overlay_variants import Wishes
from bridge.priority.policy import Ecosystem, Policy, Semantics, Source, SourceName, Unreachable
from bridge.priority.refresh import Refresh, key_of

_ZST: Final = ".zst"


@dataclass(frozen=True, slots=True)
class Channels:
    """How overlays of channels are made; the arguments of its functions that never change."""

    policy: Policy
    decider: Decider
    origins: Origins
    now: datetime
    environment: Mapping[str, str] | None
    wishes: Wishes
    accepted: Collection[str]
    jobs: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a source said: for each subdir the repodata (its bytes and whether they are compressed) and run exports."""

    source: Source
    #: the mirror that answered, or the source itself.
    via: Source
    repodata: Mapping[Subdir, tuple[Answer, bool]]
    exports: Mapping[Subdir, tuple[Answer, bool]]


Made = tuple[list[tuple[SourceName, Mapping[str, Any]]], list[Finding]]


def make_channels(how: Channels, subdirs: Sequence[Subdir], refresh: Refresh, made_from: object) -> Made:
    """Write the overlays of all channels.

    Returns:
        what was noted about each part, and findings.

    Raises:
        InvalidInput: CB460, a channel does not answer and the policy wants that to be an error; CB461; CB1xx.
    """
    faces = how.policy.faces(Ecosystem.CONDA)
    findings: list[Finding] = []
    with ThreadPoolExecutor(max(how.jobs, 1)) as pool:
        answers = list(pool.map(partial(_ask, how, subdirs=subdirs), faces))
    asked: dict[SourceName, _Asked] = {}
    for source, answer in zip(faces, answers, strict=True):
        if isinstance(answer, _Asked):
            asked[source.name] = answer
        elif how.policy.on_unreachable is Unreachable.ERROR:
            raise answer
        else:
            message = f"is left out, and so is what it would decide about: {answer.message}"
            findings.append(Finding(Code.OVERLAY_SOURCE, source.name, source.conda or "", message))
    key = key_of(made_from, list(subdirs), [_said(asked.get(source.name)) for source in faces])
    parts = [(name, subdir) for name, answer in asked.items() for subdir in answer.repodata]
    kept = [refresh.part(f"{subdir} {name}", key) for name, subdir in parts]
    if all(noted is not None for noted in kept):
        return [(name, noted) for (name, _), noted in zip(parts, kept, strict=True) if noted is not None], findings
    made = _make(how, asked, refresh, key, findings)
    return made, findings


def _said(asked: _Asked | None) -> object:
    if asked is None:
        return None
    return (
        asked.source.name,
        asked.via.name,
        [
            sorted((subdir, answer.sha256) for subdir, (answer, _) in part.items())
            for part in (asked.repodata, asked.exports)
        ],
    )


def _ask(how: Channels, source: Source, *, subdirs: Sequence[Subdir]) -> _Asked | InvalidInput:
    """Ask a source, and where it does not answer its mirrors; the error where none does."""
    mirrors = [each for each in how.policy.sources.values() if each.mirror_of == source.name and each.conda]
    failure: InvalidInput | None = None
    for via in (source, *mirrors):
        try:
            repodata = {subdir: found for subdir in subdirs if (found := _document(how, via, subdir, REPODATA))}
            exports = {subdir: found for subdir in repodata if (found := _document(how, via, subdir, RUN_EXPORTS))}
        except InvalidInput as error:
            if error.code is not Code.OVERLAY_SOURCE:
                raise
            failure = failure or error
            continue
        if repodata:
            return _Asked(source, via, repodata, exports)
        message = f"has no {REPODATA} in any of {', '.join(subdirs)}"
        failure = failure or InvalidInput(Code.OVERLAY_SOURCE, message, subject=str(via.name))
    assert failure is not None  # noqa: S101 - the source itself was asked
    return failure


def _document(how: Channels, via: Source, subdir: Subdir, name: str) -> tuple[Answer, bool] | None:
    for suffix in (_ZST, ""):
        address = f"{via.conda}/{subdir}/{name}{suffix}"
        answer = how.origins.get(via, Ecosystem.CONDA, address, limit=DOCUMENT_SIZE)
        if answer is not None:
            return answer, bool(suffix)
    return None


def _make(
    how: Channels, asked: Mapping[SourceName, _Asked], refresh: Refresh, key: str, findings: list[Finding]
) -> list[tuple[SourceName, Mapping[str, Any]]]:
    parts: dict[SourceName, list[Part]] = {}
    for name, answer in asked.items():
        parts[name] = [
            read_part(answer.source, answer.via.conda or "", subdir, _parsed(said, f"{name}: {subdir}"))
            for subdir, said in answer.repodata.items()
        ]
    owners = _owners(how, parts, asked, findings)
    made: list[tuple[SourceName, Mapping[str, Any]]] = []
    for name in sorted(parts):
        for part in parts[name]:
            exports = asked[name].exports.get(part.subdir)
            made.append((name, _write(how, part, owners, exports, refresh, key)))
    return made


def _parsed(said: tuple[Answer, bool], subject: str) -> Mapping[str, Any]:
    answer, compressed = said
    return parse_repodata(answer.body, subject, compressed=compressed)


def _owners(
    how: Channels,
    parts: Mapping[SourceName, Sequence[Part]],
    asked: Mapping[SourceName, _Asked],
    findings: list[Finding],
) -> dict[CondaName, frozenset[SourceName]]:
    """Which sources may offer each name.

    Where versions matter (`first-match`, `best-match`), every source that may provide the name offers it, and the
    client's own channel priority does the rest.
    """
    known = {name: frozenset().union(*(part.names for part in some)) for name, some in parts.items()}
    owners: dict[CondaName, frozenset[SourceName]] = {}
    open_claims: set[str] = set()
    for package in sorted(frozenset().union(*known.values())):

        def knows(source: Source, package: CondaName = package) -> Availability:
            if source.name in known:
                # A mirror may lag behind: what it does not have may still be there.
                mirrored = asked[source.name].via is not source
                return KNOWN if package in known[source.name] else UNREACHABLE if mirrored else ABSENT
            return UNREACHABLE

        decision = how.decider.decide(package, Ecosystem.CONDA, knows, how.environment).answers[0]
        if decision.when is not None:
            open_claims.add(f"the {decision.rule} is taken to hold everywhere, not only where {decision.when}")
        if decision.outcome is Outcome.CONTRADICTED:
            detail = "its names are claimed differently; nobody provides it"
            findings.append(Finding(Code.OVERLAY_UNSAID, None, package, detail))
        owners[package] = _providers(how.policy, decision)
    findings += [Finding(Code.OVERLAY_UNSAID, None, "claims", message) for message in sorted(open_claims)]
    return owners


def _providers(policy: Policy, decision: Decision) -> frozenset[SourceName]:
    if decision.outcome is not Outcome.PROVIDED or decision.source is None:
        return frozenset()
    if policy.semantics is Semantics.STRICT:
        return frozenset({decision.source})
    return frozenset(decision.allowed)


def _write(
    how: Channels,
    part: Part,
    owners: Mapping[CondaName, frozenset[SourceName]],
    exports: tuple[Answer, bool] | None,
    refresh: Refresh,
    key: str,
) -> Mapping[str, Any]:
    name, subdir = part.source.name, part.subdir
    rules = Filter(
        permits=lambda package: name in owners.get(package, ()),
        ages=Ages(how.now, part.source.min_age),
        wishes=how.wishes,
        axes=load_axes(),
        names=partial(_names, how),
        offered=refresh.offered(name, subdir),
        accepted=how.accepted,
    )
    document = filtered(part, rules)
    offers = offered_files(document)
    files: list[str] = []

    def put(path: str, content: bytes) -> None:
        files.append(f"conda/{name}/{subdir}/{path}")
        refresh.put(files[-1], content)

    index, shards = shards_output.shards(document)
    for digest, content in shards.items():
        put(f"{shards_output.DIRECTORY}/{digest}{shards_output.SUFFIX}", content)
    put(shards_output.INDEX, index)
    documents = {REPODATA: document}
    if exports is not None:
        documents[RUN_EXPORTS] = filtered_exports(_parsed(exports, f"{name}: {subdir}"), subdir, offers)
    for path, each in documents.items():
        content = encode(each)
        put(path, content)
        put(f"{path}{_ZST}", compress(content))
    tally = part.tally
    counts = {
        "offered": tally.offered,
        "left": {reason.value: count for reason, count in tally.left.items()},
        "findings": [(each.code.number, each.subject, each.detail) for each in tally.findings],
    }
    refresh.note(name, subdir, key, files, offers, rules.ages.ripe, **counts)
    return counts


def _names(how: Channels, package: CondaName) -> tuple[NormalizedName, ...]:
    return how.decider.names.pypi_names(package) or ()
