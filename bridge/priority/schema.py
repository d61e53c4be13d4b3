"""The JSON Schema of the policy file, for editors."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any, Final

#: stands beside this module.
SCHEMA_FILE: Final = "bridge-policy-1.schema.json"


def policy_schema() -> dict[str, Any]:
    """The schema (JSON Schema 2020-12) of version 1 of the format.

    What it refuses, `parse_policy` refuses. The other way round it cannot say all: references between tables, ties,
    markers, names that differ in spelling only, and what the machine in `variants.system` can be.
    """
    content = resources.files("bridge.priority").joinpath(SCHEMA_FILE).read_bytes()
    document: dict[str, Any] = json.loads(content)
    return document
