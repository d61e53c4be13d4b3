"""The hash of what a policy means: comments, order of tables and spelling do not count."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from bridge.priority.policy import Policy, Source


def policy_digest(policy: Policy) -> str:
    """sha256 over the meaning, in hex; `filename`, `digest` and lines are no part of it."""
    text = json.dumps(_meaning(policy), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _meaning(policy: Policy) -> dict[str, Any]:
    variants = policy.variants
    return {
        "format": 1,
        "semantics": policy.semantics.value,
        "on_unreachable": policy.on_unreachable.value,
        "order": policy.order,
        "sources": {name: _source(source) for name, source in policy.sources.items()},
        # How patterns are grouped into claims and rules means nothing.
        "claims": {
            str(pattern): [claim.sources, None if claim.when is None else str(claim.when)]
            for claim in policy.claims
            for pattern in claim.patterns
        },
        "names": policy.names.projects,
        "variants": {
            "namespaces": variants.namespaces,
            "features": variants.features,
            "values": {f"{namespace} :: {feature}": values for (namespace, feature), values in variants.values.items()},
            "rules": sorted(
                [str(pattern), str(rule.property), rule.intent.value]
                for rule in variants.rules
                for pattern in rule.patterns
            ),
            "system": variants.system,
        },
    }


def _source(source: Source) -> dict[str, Any]:
    attestation, age = source.attestation, source.min_age
    return {
        "trust": source.trust.value,
        "conda": source.conda,
        "pypi": source.pypi,
        "claimed_only": source.claimed_only,
        "mirror_of": source.mirror_of,
        "credentials": None if source.credentials is None else str(source.credentials),
        "attestation": None if attestation is None else [attestation.issuer, attestation.identity],
        "min_age": None if age is None else int(age.total_seconds()),
    }
