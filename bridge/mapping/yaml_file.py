"""YAML files of the mapping data and of users."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from bridge.errors import Code, InvalidInput
from bridge.limits import DEFAULT_LIMITS

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def data_directory() -> Traversable:
    """`bridge/_mappings` of an installed package, `mappings/` of a checkout."""
    package = resources.files("bridge")
    installed = package.joinpath("_mappings")
    if installed.is_dir():
        return installed
    return Path(__file__).resolve().parents[2] / "mappings"


def read_overlay(path: Path) -> bytes:
    """The content of a user's file.

    Raises:
        InvalidInput: CB101 it cannot be read, CB109 it is too large.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(DEFAULT_LIMITS.metadata_size + 1)
    except OSError as error:
        raise InvalidInput(Code.UNREADABLE, f"cannot be read: {error.strerror}", subject=str(path)) from error
    if len(content) > DEFAULT_LIMITS.metadata_size:
        raise InvalidInput(Code.LIMIT, "is larger than the limit metadata_size", subject=str(path))
    return content


#: several times faster where libyaml is there; it recurses without a limit, so it gets no file of others.
_OWN_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_yaml(content: bytes, subject: str, *, own: bool = False) -> Any:
    """The document of a file; an empty mapping for an empty file.

    Args:
        subject: the file, for messages.
        own: it is one of `data_directory`.

    Raises:
        InvalidInput: CB111, it is not YAML.
    """
    try:
        document = yaml.load(content, _OWN_LOADER if own else yaml.SafeLoader)  # noqa: S506 - both are safe
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where is not None else ""
        raise InvalidInput(Code.BAD_METADATA, f"is not valid YAML{line}", subject=subject) from error
    return {} if document is None else document
