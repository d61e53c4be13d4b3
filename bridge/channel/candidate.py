"""A package file that a solver can choose."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.model.conda import IndexJson


@dataclass(frozen=True, slots=True)
class Candidate:
    """One package file and its record in force."""

    filename: str
    index: IndexJson
