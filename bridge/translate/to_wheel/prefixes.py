"""Prefix placeholders: conda rewrites them when it installs; a wheel has no such moment."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

from bridge.errors import Code
from bridge.model.conda import FileMode, PathEntry
from bridge.model.payload import FileFacts
from bridge.model.plan import Edit, Loss, ShebangEdit, TextEdit
from bridge.native.placeholder import patch_for
from bridge.native.relocate import outside_rpath
from bridge.translate.to_wheel.request import FIXED_PREFIX

_SHEBANG: Final = re.compile(rb"#![ \t]*(?P<program>[^ \t\r\n]+)[ \t]*(?P<arguments>[^\r\n]*)")
_PYTHON: Final = re.compile(rb"(?:python|pypy)(?P<gui>w?)[\d.]*t?(?:\.exe)?")


def python_shebang(content: bytes) -> bytes | None:
    """The first line that installers rewrite (`#!python`, PEP 427), where `content` is a script for Python.

    Returns:
        The new line without its end, arguments kept; None where the script is for another interpreter.
    """
    if (match := _SHEBANG.match(content)) is None:
        return None
    # The last part of a path of any system.
    program, arguments = re.split(rb"[/\\]", match["program"])[-1], match["arguments"].strip()
    if program == b"env" and arguments:
        program, _, arguments = arguments.removeprefix(b"-S").strip().partition(b" ")
    if (python := _PYTHON.fullmatch(program)) is None:
        return None
    line = b"#!pythonw" if python["gui"] else b"#!python"
    return line + (b" " + arguments if arguments else b"")


def shebang_program(content: bytes) -> str | None:
    """The interpreter that a script names, where it is not a Python that installers put their own in place of."""
    match = _SHEBANG.match(content)
    if match is None or python_shebang(content) is not None:
        return None
    return match["program"].decode("utf-8", "replace")


def text_edits(path: str, content: bytes, placeholder: str, *, up: str | None) -> tuple[tuple[Edit, ...], Loss]:
    """Make a text file independent of the prefix where its format has a word for "here", else use a fixed path.

    Args:
        path: of the file in the prefix.
        content: the file as packaged.
        placeholder: the build prefix that stands in it.
        up: relative path from the file's directory to the prefix; None where it has none.
    """
    old = placeholder.encode()
    edits: list[Edit] = []
    shebang = _SHEBANG.match(content)
    if shebang is not None and shebang["program"].startswith(old + b"/bin/") and not shebang["arguments"]:
        edits.append(ShebangEdit(b"#!/usr/bin/env " + posixpath.basename(shebang["program"])))
        if content.count(old) == 1:
            return tuple(edits), Loss(Code.TEXT_PREFIX, path, "the interpreter is looked up on PATH")
    if up is not None and path.endswith(".pc"):
        new, how = f"${{pcfiledir}}/{up}", "made relative to the file"
    elif up is not None and path.endswith(".cmake"):
        new, how = f"${{CMAKE_CURRENT_LIST_DIR}}/{up}", "made relative to the file"
    else:
        new, how = FIXED_PREFIX, f"replaced by {FIXED_PREFIX}"
    edits.append(TextEdit(old, new.encode()))
    return tuple(edits), Loss(Code.TEXT_PREFIX, path, f"the install prefix was {how}")


def binary_edits(facts: FileFacts, entry: PathEntry, values: Mapping[str, str]) -> tuple[tuple[Edit, ...], Loss | None]:
    """Overwrite every placeholder of a binary, same length.

    Args:
        facts: of the file, with the places of its placeholders.
        entry: its entry in paths.json.
        values: glob over the text behind the placeholder -> what stands for the whole (`mappings/notes.yaml`).

    Raises:
        Unrepresentable: a replacement is longer than what it replaces.
    """
    placeholder = (entry.prefix_placeholder or "").encode()
    edits: list[Edit] = []
    replacements: set[str] = set()
    # An RPATH is rewritten as a whole by the layout.
    occurrences = facts.occurrences if facts.elf is None else outside_rpath(facts.occurrences, facts.elf)
    for occurrence in occurrences:
        tail = occurrence.text[len(placeholder) :].decode("utf-8", "surrogateescape")
        value = next((value for pattern, value in values.items() if fnmatchcase(tail, pattern)), None)
        replacements.add(value or FIXED_PREFIX)
        if value is not None:
            edits.append(patch_for(occurrence, occurrence.text, value.encode(), subject=entry.path))
        else:
            edits.append(patch_for(occurrence, placeholder, FIXED_PREFIX.encode(), subject=entry.path))
    if not edits:
        return (), None
    detail = f"the install prefix was replaced by {', '.join(sorted(replacements))}"
    return tuple(edits), Loss(Code.BINARY_PREFIX, entry.path, detail)


def kept_binary(entry: PathEntry) -> Loss:
    """The loss of a placeholder that stays because the layout changes no byte of a binary."""
    return Loss(Code.BINARY_PREFIX, entry.path, "the build prefix stays in the file; no such directory exists")


def unread_text(entry: PathEntry) -> Loss:
    """The loss of a placeholder in a binary that is listed as text; conda's replacement would move its bytes."""
    return Loss(Code.TEXT_PREFIX, entry.path, "the build prefix stays in the file, which is no text")


def has_prefix(entry: PathEntry | None, mode: FileMode) -> bool:
    """Whether conda would rewrite the file in this mode."""
    return entry is not None and entry.file_mode is mode and bool(entry.prefix_placeholder)
