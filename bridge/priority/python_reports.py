"""The reports that the compilers of Python clients have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from bridge.errors import Code
from bridge.priority.policy import Intent, Policy, Semantics, Source, Unreachable
from bridge.priority.python_side import ProjectClaim, PythonSide
from bridge.priority.report import Client, Rule, RuleReport, Verdict

#: how a client gets the credentials of a source: whether it can from where the policy says, and how.
CredentialsRule = Callable[[Source], tuple[bool, str]]


@dataclass(slots=True)
class Reports:
    """Collects the reports of one client."""

    client: Client
    entries: list[RuleReport] = field(default_factory=list)

    def add(
        self,
        rule: Rule,
        subject: str,
        verdict: Verdict,
        detail: str,
        code: Code | None = None,
        *,
        remedy: str = "",
        first_party: bool = False,
    ) -> None:
        self.entries.append(RuleReport(self.client, rule, subject, verdict, detail, code, remedy, first_party))

    def exact(self, rule: Rule, subject: str, detail: str, *, first_party: bool = False) -> None:
        self.add(rule, subject, Verdict.EXACT, detail, first_party=first_party)

    def claim(self, claim: ProjectClaim, verdict: Verdict, detail: str, code: Code | None = None) -> None:
        """The same verdict for what the project requires itself and what only its dependencies require."""
        for rule in (Rule.CLAIM_DIRECT, Rule.CLAIM_TRANSITIVE):
            self.add(rule, claim.subject, verdict, detail, code, first_party=claim.first_party)

    @property
    def done(self) -> tuple[RuleReport, ...]:
        return tuple(self.entries)


#: how every file begins that is made whole; such a file may be replaced.
MADE: Final = "# made by conda-bridge from "


def header(policy: Policy) -> str:
    """The first line of a file that is made whole."""
    name = "".join(letter if letter.isprintable() else "?" for letter in policy.filename)
    return f"{MADE}{name}, policy {policy.digest[:12]}; do not edit\n"


def overlay_reports(reports: Reports, side: PythonSide) -> None:
    """What holds because the client has one index, and that index lists only what the policy allows."""
    overlay_order(reports, side, "policy")
    for claim in side.claims:
        reports.claim(claim, Verdict.EXACT, "the overlay index lists no other source's files")
    reports.exact(Rule.CLOSED, "policy", "the overlay index is the only one in the configuration")
    reports.exact(Rule.UNREACHABLE, "policy", "there is no other index to fall back to")
    for source in side.indexes:
        if source.min_age is not None:
            reports.exact(Rule.MIN_AGE, source.name, "the overlay index lists no younger files")


def overlay_order(reports: Reports, side: PythonSide, subject: str) -> None:
    """Which source's files the overlay index lists; it cannot know which versions somebody will ask for."""
    if side.policy.semantics is Semantics.FIRST_MATCH and len(side.normal) > 1:
        detail = "the overlay index lists each project from the first source that has it, whatever version is required"
        remedy = "claim the name for the source that has the version"
        reports.add(Rule.ORDER, subject, Verdict.STRICTER, detail, Code.SOURCE_ORDER, remedy=remedy)
    else:
        reports.exact(Rule.ORDER, subject, "the overlay index lists each project from the source that decides")


def source_reports(reports: Reports, side: PythonSide, credentials: CredentialsRule) -> None:
    """What the client knows of mirrors, credentials and signatures."""
    for mirror in side.mirrors:
        reports.add(
            Rule.MIRROR,
            mirror.name,
            Verdict.IMPOSSIBLE,
            f"project files cannot name a mirror; the address of {mirror.mirror_of} itself is written",
            Code.SOURCE_UNSAYABLE,
        )
    for source in (*side.indexes, *side.mirrors):
        if source.credentials is not None:
            possible, how = credentials(source)
            if possible:
                reports.exact(Rule.CREDENTIALS, source.name, how)
            else:
                reports.add(
                    Rule.CREDENTIALS,
                    source.name,
                    Verdict.IMPOSSIBLE,
                    f"cannot be read from {source.credentials}",
                    Code.CREDENTIALS_ELSEWHERE,
                    remedy=how,
                )
        if source.attestation is not None:
            reports.add(
                Rule.ATTESTATION,
                source.name,
                Verdict.IMPOSSIBLE,
                "the client verifies no attestations",
                Code.SOURCE_UNSAYABLE,
                remedy="verify attestations with a program of their format (PEP 740) before the files are installed",
            )


def variant_reports(reports: Reports, side: PythonSide, *, knows_variants: bool, system: str) -> None:
    """What the client does about variants.

    Args:
        reports: gets the entries.
        side: the policy.
        knows_variants: whether the client takes variant wheels at all.
        system: how to tell the client what machine to resolve for.
    """
    intent = side.policy.variants
    for rule in intent.rules:
        subject = f"{', '.join(map(str, rule.patterns))}: {rule.intent.value} {rule.property}"
        binding = rule.intent in (Intent.REQUIRE, Intent.FORBID)
        if side.overlay is not None and binding:
            reports.exact(Rule.VARIANT, subject, "the overlay index leaves out the other variants")
        elif not knows_variants and rule.intent in (Intent.FORBID, Intent.AVOID):
            reports.exact(Rule.VARIANT, subject, "the client takes no variant wheels")
        else:
            said = "the client takes no variant wheels" if not knows_variants else "the client has no such setting"
            remedy = "" if binding else "pin the variant that is wanted by the address of its wheel"
            verdict = Verdict.WEAKER if binding else Verdict.IMPOSSIBLE
            reports.add(Rule.VARIANT, subject, verdict, said, Code.VARIANT_UNSAYABLE, remedy=remedy)
    if intent.namespaces or intent.features or intent.values:
        reports.add(
            Rule.VARIANT,
            "order",
            Verdict.IMPOSSIBLE,
            "the client has no order of properties of its user's",
            Code.VARIANT_UNSAYABLE,
            remedy="none; the order that the wheels themselves say is used",
        )
    for name, value in intent.system.items():
        reports.add(
            Rule.SYSTEM,
            f"{name}={value}",
            Verdict.IMPOSSIBLE,
            "project files cannot say it",
            Code.VARIANT_UNSAYABLE,
            remedy=system,
        )


def aborts(reports: Reports, side: PythonSide, detail: str) -> None:
    """For a client that stops where a source does not answer."""
    if side.policy.on_unreachable is Unreachable.ERROR:
        reports.exact(Rule.UNREACHABLE, "policy", detail)
    else:
        reports.add(
            Rule.UNREACHABLE,
            "policy",
            Verdict.STRICTER,
            f"{detail}, where the policy only warns",
            Code.SILENT_SOURCE,
            remedy="none needed; try again when the source answers",
        )
