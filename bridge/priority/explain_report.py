"""An explanation as a document and in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from bridge.errors import plain
from bridge.formats.conda.redaction import redact
from bridge.priority.check_text import table
from bridge.priority.checked import decided
from bridge.priority.decision import Decision, Presence
from bridge.priority.explain import Explanation, NameReport, Offer

SCHEMA: Final = "conda-bridge/priority-explain/1"
#: versions of one source that are shown before the rest is counted.
_SHOWN: Final = 5


def explanation_json(explanation: Explanation, *, looked: bool, problems: Sequence[str] = ()) -> dict[str, Any]:
    """The document `conda-bridge/priority-explain/1`.

    Args:
        explanation: of one package.
        looked: whether the sources were asked; otherwise presence and versions are assumptions, and left out.
        problems: what could not be read of sources.
    """
    return {
        "schema": SCHEMA,
        "asked": explanation.asked,
        "looked": looked,
        "identity": {"source": explanation.identity.value, "confidence": explanation.confidence},
        "names": [_name(report, looked=looked) for report in explanation.names],
        "remarks": list(explanation.remarks),
        "problems": list(problems),
    }


def explanation_text(explanation: Explanation, *, looked: bool, problems: Sequence[str] = ()) -> str:
    """What `priority explain` prints.

    Returns:
        lines with their ends; nothing in them steers a terminal.
    """
    lines = _lines(explanation, looked=looked, problems=problems)
    return "".join(f"{plain(line.replace(chr(10), '; ')).rstrip()}\n" for line in lines)


def _name(report: NameReport, *, looked: bool) -> dict[str, Any]:
    return {
        "name": report.name,
        "ecosystem": report.ecosystem.value,
        "offers": [
            {
                "source": offer.source,
                "presence": offer.presence.value if looked else "assumed",
                "versions": [str(version) for version in offer.versions] if looked else [],
            }
            for offer in report.offers
        ],
        "policy": [_decision(answer) for answer in report.decision.answers],
        "clients": [
            {
                "client": client.value,
                "disagrees": client in report.disagreeing,
                "answers": [
                    {
                        "configuration": answer.configuration,
                        "sources": [redact(source) for source in answer.sources],
                        "why": answer.why,
                        "disagrees": report.contradicts(answer),
                    }
                    for answer in answers
                ],
            }
            for client, answers in report.clients.items()
        ],
    }


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "outcome": decision.outcome.value,
        "source": decision.source,
        "via": decision.via,
        "rule": decision.rule,
        "when": str(decision.when) if decision.when is not None else None,
        "allowed": list(decision.allowed),
        "refused": [{"source": one.source, "reason": one.reason.value} for one in decision.refused],
    }


def _lines(explanation: Explanation, *, looked: bool, problems: Sequence[str]) -> Iterator[str]:
    if not looked:
        yield "no source was asked: as if each of them had the name, and the lower ones higher versions"
    if len(explanation.names) > 1 and explanation.confidence > 0:
        sure = f"{explanation.identity.value}, {explanation.confidence:.0%} sure"
        yield f"one package under {len(explanation.names)} names ({sure})"
    for report in explanation.names:
        yield ""
        rules = " and ".join(dict.fromkeys(answer.rule for answer in report.decision.answers))
        yield f"{report.name} ({report.ecosystem.value}): {decided(report.decision)}, by the policy's {rules}"
        refused = {one.source: one.reason.value for answer in report.decision.answers for one in answer.refused}
        yield from table([_offer(offer, refused, looked=looked) for offer in report.offers], "  ")
        yield from table(
            [
                (
                    "!" if report.contradicts(answer) else " ",
                    client.value,
                    answer.configuration,
                    ", ".join(redact(source) for source in answer.sources) or "nothing",
                    answer.why,
                )
                for client, answers in report.clients.items()
                for answer in answers
            ],
            "  ",
        )
    for remark in explanation.remarks:
        yield f"remark: {remark}"
    for problem in problems:
        yield f"could not be read: {problem}"


def _offer(offer: Offer, refused: dict[Any, str], *, looked: bool) -> tuple[str, ...]:
    if not looked:
        has = ""
    elif offer.presence is Presence.KNOWN:
        rest = len(offer.versions) - _SHOWN
        more = f" and {rest} more" if rest > 0 else ""
        has = ", ".join(str(version) for version in offer.versions[:_SHOWN]) + more
    else:
        has = {Presence.ABSENT: "does not have it", Presence.UNREACHABLE: "does not answer"}[offer.presence]
    reason = refused.get(offer.source, "")
    return offer.source, has, "" if reason in (has, "does not have the name") else reason
