"""Edits of text files, carried out."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.model.plan import Edit, ShebangEdit, TextEdit


def apply_text_edits(data: bytes, edits: Iterable[Edit]) -> bytes:
    """Apply those of the edits that concern text, in their order."""
    for edit in edits:
        if isinstance(edit, TextEdit | ShebangEdit):
            data = _applied(data, edit)
    return data


def _applied(data: bytes, edit: TextEdit | ShebangEdit) -> bytes:
    if isinstance(edit, TextEdit):
        return data.replace(edit.old, edit.new)
    line, separator, rest = data.partition(b"\n")
    ending = b"\r" if line.endswith(b"\r") else b""
    return edit.new + ending + separator + rest
