"""The reports that the compilers of conda clients have in common."""

from __future__ import annotations

from datetime import timedelta

from bridge.errors import Code
from bridge.priority.conda_side import ChannelClaim, CondaSide
from bridge.priority.policy import Intent, Semantics, Unreachable
from bridge.priority.python_reports import Reports
from bridge.priority.report import Rule, Verdict

#: the channel priority that means what a policy says about names that nobody claims.
PRIORITY = {
    Semantics.STRICT: "strict",
    Semantics.FIRST_MATCH: "flexible",
    Semantics.BEST_MATCH: "disabled",
}


def claim_rows(
    reports: Reports, claim: ChannelClaim, verdict: Verdict, detail: str, code: Code | None = None, *, remedy: str = ""
) -> None:
    """The same verdict for what the project requires itself and what only its dependencies require."""
    for rule in (Rule.CLAIM_DIRECT, Rule.CLAIM_TRANSITIVE):
        reports.add(rule, claim.subject, verdict, detail, code, remedy=remedy, first_party=claim.first_party)


def overlay_reports(reports: Reports, side: CondaSide) -> None:
    """What holds because each channel is one that lists only what the policy allows."""
    reports.exact(Rule.ORDER, "policy", "each overlay channel lists only the names that its source decides about")
    for claim in side.claims:
        claim_rows(reports, claim, Verdict.EXACT, "no other overlay channel lists the claimed names")
    for source in side.channels:
        if source.min_age is not None:
            reports.exact(Rule.MIN_AGE, source.name, "the overlay channel lists no younger files")


def claimed_only_reports(reports: Reports, side: CondaSide) -> None:
    """Sources that provide claimed names only, in a client that cannot say so."""
    for source in side.channels:
        if source.claimed_only:
            detail = "the channel is in the list, and provides names that nobody claims as well"
            reports.add(Rule.ORDER, source.name, Verdict.WEAKER, detail, Code.CLAIMED_ONLY)


def claim_by_order(reports: Reports, side: CondaSide, claim: ChannelClaim, *, leaks: bool = False) -> None:
    """A claim that nothing but the order of channels keeps.

    Measured with conda (classic, libmamba): a name goes to the first channel that has it; where a higher channel has
    it, `channel::name` cannot be satisfied, and `pinned_packages` is not followed.

    Args:
        reports: gets the entries.
        side: the policy.
        claim: the claim.
        leaks: whether strict priority does not hold for required packages with a bound (measured: rattler's gateway).
    """
    owners = [source.name for source in claim.sources]
    others = [source.name for source in side.channels if source not in claim.sources]
    if not side.channels or (owners and not others):
        claim_rows(reports, claim, Verdict.EXACT, "there is no other channel")
    elif not owners:
        detail = "no source of the claim is a channel, but other channels may have the claimed names"
        claim_rows(reports, claim, Verdict.IMPOSSIBLE, detail, Code.HIDDEN_OWNER)
    elif [source.name for source in side.channels[: len(owners)]] != owners:
        above = ", ".join(name for name in others if _above(side, name, owners[-1])) or owners[-1]
        hidden = owners[0] if above == owners[-1] else owners[-1]
        detail = f"{above} above {hidden} would hide it, and a channel pin cannot be satisfied then"
        claim_rows(reports, claim, Verdict.WEAKER, detail, Code.HIDDEN_OWNER)
    elif side.policy.semantics is Semantics.STRICT and not leaks:
        detail = f"holds for names that {owners[0]} has; a name that it lacks comes from {others[0]}"
        claim_rows(reports, claim, Verdict.WEAKER, detail, Code.CHANNEL_CLAIM)
    else:
        detail = f"where no version that {owners[0]} has will do, one comes from {others[0]}"
        claim_rows(reports, claim, Verdict.WEAKER, detail, Code.BOUNDED_ROOT if leaks else Code.CHANNEL_CLAIM)


def source_reports(reports: Reports, side: CondaSide, credentials: str) -> None:
    """What the client knows of credentials and signatures.

    Args:
        reports: gets the entries.
        side: the policy.
        credentials: how the client is given those that are not in a netrc file.
    """
    for source in (*side.channels, *side.mirrors):
        if source.credentials is not None:
            if source.credentials.kind == "netrc":
                reports.exact(Rule.CREDENTIALS, source.name, "the client reads the netrc file")
            else:
                detail = f"cannot be read from {source.credentials}"
                code = Code.CREDENTIALS_ELSEWHERE
                reports.add(Rule.CREDENTIALS, source.name, Verdict.IMPOSSIBLE, detail, code, remedy=credentials)
        if source.attestation is not None:
            reports.add(
                Rule.ATTESTATION,
                source.name,
                Verdict.IMPOSSIBLE,
                "the client verifies no attestations",
                Code.SOURCE_UNSAYABLE,
                remedy="verify attestations with a program of their format (CEP 27) before the files are installed",
            )


def leak_reports(reports: Reports, side: CondaSide) -> None:
    """What the order means to rattler, and so to pixi, without overlays (measured: py-rattler 0.28)."""
    priority = PRIORITY[side.policy.semantics]
    if side.policy.semantics is Semantics.STRICT and len(side.channels) > 1:
        detail = "a required package whose bound the first channel that has it cannot meet comes from the next one"
        remedy = "host the overlay channels, or pin the package with channel"
        reports.add(Rule.ORDER, "policy", Verdict.WEAKER, detail, Code.BOUNDED_ROOT, remedy=remedy)
    else:
        reports.exact(Rule.ORDER, "policy", f"channel priority is {priority}")
    claimed_only_reports(reports, side)


def relation_reports(reports: Reports, side: CondaSide) -> None:
    """Whether rattler uses channels that nobody listed."""
    if side.overlaid:
        reports.exact(Rule.CLOSED, "policy", "the overlay channels are the only ones, and have no relations")
    else:
        detail = "channels that a listed channel names as relations (CEP 42) are used as well, by default"
        reports.add(Rule.CLOSED, "policy", Verdict.WEAKER, detail, Code.CHANNEL_RELATIONS)


def unsayable_mirrors(reports: Reports, side: CondaSide) -> None:
    """Mirrors, in a client that has no setting for them."""
    for mirror in side.mirrors:
        detail = f"there is no setting for mirrors; the address of {mirror.mirror_of} itself is written"
        reports.add(Rule.MIRROR, mirror.name, Verdict.IMPOSSIBLE, detail, Code.SOURCE_UNSAYABLE)


def stops(reports: Reports, side: CondaSide, detail: str) -> None:
    """For a client that stops where a channel does not answer."""
    if side.policy.on_unreachable is Unreachable.ERROR:
        reports.exact(Rule.UNREACHABLE, "policy", detail)
    else:
        remedy = "none needed; try again when the channel answers"
        detail = f"{detail}, where the policy only warns"
        reports.add(Rule.UNREACHABLE, "policy", Verdict.STRICTER, detail, Code.SILENT_SOURCE, remedy=remedy)


def variant_reports(reports: Reports, side: CondaSide) -> None:
    """What the client does about variants: nothing by itself, everything through overlays."""
    intent = side.policy.variants
    for rule in intent.rules:
        subject = f"{', '.join(map(str, rule.patterns))}: {rule.intent.value} {rule.property}"
        binding = rule.intent in (Intent.REQUIRE, Intent.FORBID)
        if side.overlaid:
            does = "leave out the other builds" if binding else "mark the builds to avoid with track_features"
            reports.exact(Rule.VARIANT, subject, f"the overlay channels {does}")
        else:
            verdict = Verdict.WEAKER if binding else Verdict.IMPOSSIBLE
            remedy = "host the overlay channels and compile for them, or ask for the build by its build string"
            detail = "the client knows build strings, and no properties"
            reports.add(Rule.VARIANT, subject, verdict, detail, Code.VARIANT_UNSAYABLE, remedy=remedy)
    if intent.namespaces or intent.features or intent.values:
        if side.overlaid:
            reports.exact(Rule.VARIANT, "order", "the overlay channels mark the builds to avoid with track_features")
        else:
            remedy = "host the overlay channels and compile for them"
            detail = "the client has no order of properties"
            reports.add(Rule.VARIANT, "order", Verdict.IMPOSSIBLE, detail, Code.VARIANT_UNSAYABLE, remedy=remedy)


def duration(age: timedelta) -> str:
    """An age as conda and pixi read it, in the largest unit that divides it: `7d`, `36h`; rounded up to seconds."""
    seconds = -(-age // timedelta(seconds=1))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _above(side: CondaSide, one: str, other: str) -> bool:
    names = [str(source.name) for source in side.channels]
    return names.index(one) < names.index(other)
