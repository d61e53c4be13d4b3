"""What a worker is given, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.channel.settings import Settings
from bridge.sync.result import Result
from bridge.sync.source import Source, SourceFile

#: seconds before a source that failed is asked again, each time.
PATIENCE: Final = (0.5, 2.0, 5.0)
#: ends the name of what a wheel says about itself (PEP 658).
METADATA_SUFFIX: Final = ".metadata"


@dataclass(frozen=True, slots=True)
class Work:
    """What all tasks of a run share."""

    source: Source
    settings: Settings
    #: losses are refusals.
    strict: bool = False
    patience: tuple[float, ...] = PATIENCE


@dataclass(frozen=True, slots=True)
class Task:
    """One unit to be converted."""

    unit: str
    files: tuple[SourceFile, ...]
    #: for its files, each under its own digest; other tasks may have it too.
    directory: Path


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a task."""

    unit: str
    #: None where it could not be done for want of space, which concerns all tasks.
    result: Result | None
    #: directory with the files of the result, each called by its sha256, and METADATA of a wheel `{sha256}.metadata`.
    outputs: Path


def waiting_name(sha256: str, filename: str) -> str:
    """What a file is called while it waits: its own digest, or for METADATA the digest of its wheel."""
    return f"{sha256}{METADATA_SUFFIX if filename.endswith(METADATA_SUFFIX) else ''}"
