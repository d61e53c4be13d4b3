"""What a RECORD says beyond the files that it describes: the order and the spelling of its lines.

Digests and sizes follow from the files. Builders differ in order, line ends and padding; those take a few numbers,
where the text of a large wheel takes megabytes.
"""

from __future__ import annotations

import csv
import io
import json
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any, Final

from bridge.errors import Code, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_LINE_ENDS: Final = ("\n", "\r\n")


def _by_directory(name: str) -> tuple[tuple[int, str], ...]:
    """As a walk over sorted directories meets them: the files of a directory, then what is below."""
    *parents, last = name.split("/")
    return (*((1, part) for part in parents), (0, last))


#: orders that builders use; most put the dist-info directory behind the rest, which makes two runs of one.
_ORDERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "name": lambda name: name,
    "parts": lambda name: name.split("/"),
    "walk": _by_directory,
    "fold": lambda name: (name.lower(), name),
}


def describe_record(data: bytes, files: Mapping[str, tuple[bytes, int] | None]) -> dict[str, Any]:
    """The least that `rebuild_record` needs to make `data` again.

    Args:
        data: RECORD, UTF-8.
        files: every member by name, with what RECORD says of it.

    Returns:
        `order`, `runs` (start and length, alternating; absent for all in order), `end` of lines, `last` (False where
        the last line has no end), `padded` digests; or the `text` itself, where it is odd or shorter.
    """
    text = data.decode("utf-8")
    listed = _paths(text)
    end = "\r\n" if "\r\n" in text else "\n"
    style: dict[str, Any] = {"end": end, "last": text.endswith(end), "padded": "=," in text}
    if listed is None or len(set(listed)) != len(listed) or not files.keys() >= set(listed):
        return {"text": text}
    candidates = [{**style, "order": order, **_runs(listed, sorted(files, key=key))} for order, key in _ORDERS.items()]
    best = min(candidates, key=lambda document: len(document.get("runs", ())))
    if len(json.dumps(best)) >= len(data) or rebuild_record(best, files, subject="RECORD") != data:
        return {"text": text}
    return best


def rebuild_record(
    document: Mapping[str, Any], files: Mapping[str, tuple[bytes, int] | None], *, subject: str
) -> bytes:
    """RECORD as it was.

    Args:
        document: what `describe_record` made; unchecked.
        files: as there.
        subject: for messages.

    Raises:
        InvalidInput: CB111, the document is malformed.
    """
    if "text" in document:
        text = document["text"]
        if not isinstance(text, str) or not _encodable(text):
            raise _bad(subject)
        return text.encode("utf-8")
    key, end = _ORDERS.get(str(document.get("order"))), document.get("end")
    if key is None or end not in _LINE_ENDS:
        raise _bad(subject)
    names = _select(sorted(files, key=key), document.get("runs"), subject)
    return _format(((name, files[name]) for name in names), str(end), document)


def _format(rows: Iterable[tuple[str, tuple[bytes, int] | None]], end: str, document: Mapping[str, Any]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=end)
    for name, described in rows:
        if described is None:
            writer.writerow((name, "", ""))
            continue
        digest = urlsafe_b64encode(described[0]).decode()
        writer.writerow((name, "sha256=" + (digest if document.get("padded") else digest.rstrip("=")), described[1]))
    content = text.getvalue()
    return (content if document.get("last") else content.removesuffix(end)).encode("utf-8")


def _paths(text: str) -> list[str] | None:
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        return None
    return [row[0] for row in rows if row]


def _runs(listed: Sequence[str], ordered: Sequence[str]) -> dict[str, list[int]]:
    """`listed` as stretches of `ordered`; empty where the two are the same."""
    place = {name: number for number, name in enumerate(ordered)}
    runs: list[int] = []
    following = -1
    for name in listed:
        number = place[name]
        if number == following:
            runs[-1] += 1
        else:
            runs += [number, 1]
        following = number + 1
    return {} if runs == [0, len(ordered)] else {"runs": runs}


def _select(ordered: Sequence[str], runs: object, subject: str) -> list[str]:
    if runs is None:
        return list(ordered)
    if not isinstance(runs, list) or len(runs) % 2 or not all(type(number) is int and number >= 0 for number in runs):
        raise _bad(subject)
    names: list[str] = []
    for start, length in zip(runs[::2], runs[1::2], strict=True):
        if start + length > len(ordered) or len(names) + length > len(ordered):
            raise _bad(subject)
        names += ordered[start : start + length]
    return names


def _encodable(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _bad(subject: str) -> InvalidInput:
    message = "what is noted of the wheel's RECORD is malformed"
    return InvalidInput(Code.BAD_METADATA, message, subject=subject, field="record")
