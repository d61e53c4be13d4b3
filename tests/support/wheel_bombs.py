"""Wheels that unpack to far more than they are, or that cost far more to parse."""

from __future__ import annotations

import zipfile
from collections.abc import Callable

from bridge.errors import Code
from tests.support.hostile_samples import METADATA, WHEEL, Sample


def zeros() -> Sample:
    return Sample(payload={"demo/zeros": bytes(200 << 20)})


def metadata() -> Sample:
    return Sample(metadata=METADATA + b"\n" + bytes(60 << 20))


def record() -> Sample:
    return Sample(record=lambda rows: [*rows, *[["demo/a" * 300, "sha256=" + "A" * 43, "1"]] * 20_000])


def record_of_empty_lines() -> Sample:
    return Sample(
        payload={f"demo/{number}": b"" for number in range(2000)}, record=lambda rows: [*rows, *[[]] * 200_000]
    )


def record_of_commas() -> Sample:
    return Sample(record=lambda rows: [*rows, [""] * 5_000_000])


def deep_names() -> Sample:
    """Directories that exist only as parents of one file each: names of names."""
    return Sample(payload={f"{number}/" + "a/" * 1000 + "f": b"" for number in range(300)}, record=None)


def longest_name() -> Sample:
    return Sample(payload={"a/" * 32_000 + "a": b""}, record=None)


def many_members() -> Sample:
    return Sample(payload={f"demo/{number}": b"" for number in range(20_000)})


def many_headers() -> Sample:
    return Sample(metadata=METADATA + b"Classifier: x\n" * 1_000_000)


def most_headers() -> Sample:
    return Sample(metadata=METADATA + b"a: b\n" * 800_000)


def tags() -> Sample:
    line = b"Tag: " + b"-".join([b".".join(b"py%d" % number for number in range(16))] * 3) + b"\n"
    return Sample(wheel=WHEEL + line * 500)


def most_tags() -> Sample:
    lines = (b"-".join([b".".join(b"py%d" % number for number in range(16))] * 2) + b"-p%d" % n for n in range(25))
    return Sample(wheel=WHEEL + b"".join(b"Tag: " + line + b"\n" for line in lines))


def entry_points() -> Sample:
    return Sample(entry_points=b"[console_scripts]\n" + b"".join(b"%d = x)\n" % n for n in range(24_000)))


def large_but_sound() -> Sample:
    """Below the bound of the ratio, and larger than the memory that there is."""
    block = bytes(range(256)) * 4096
    return Sample(payload={"demo/large": block * 250}, method=zipfile.ZIP_STORED)


def requiring(*requirements: str) -> Sample:
    return Sample(metadata=METADATA + "".join(f"Requires-Dist: {one}\n" for one in requirements).encode())


def extras_in_a_circle() -> Sample:
    circle = [f'demo[e{(number + 1) % 70}]; extra == "e{number}"' for number in range(70)]
    sample = requiring(*circle)
    sample.metadata = (sample.metadata or b"") + b"".join(b"Provides-Extra: e%d\n" % number for number in range(70))
    return sample


def many_pythons() -> Sample:
    return requiring(
        *(f'rich; python_full_version == "3.{minor}.{patch}"' for minor in range(3, 15) for patch in range(0, 400, 2))
    )


def long_marker() -> Sample:
    return requiring(
        "rich; " + " or ".join(f'python_full_version == "3.{number % 12}.{number}"' for number in range(20_000))
    )


#: bomb -> (wheel, code of the reader's refusal; None where it is read within bounds).
BOMBS: dict[str, tuple[Callable[[], Sample], Code | None]] = {
    "zeros": (zeros, Code.LIMIT),
    "metadata": (metadata, Code.LIMIT),
    "record": (record, Code.LIMIT),
    "deep names": (deep_names, Code.LIMIT),
    "longest name": (longest_name, Code.LIMIT),
    "many members": (many_members, None),
    "record of empty lines": (record_of_empty_lines, Code.LIMIT),
    "record of commas": (record_of_commas, Code.LIMIT),
    "many headers": (many_headers, Code.LIMIT),
    "most headers": (most_headers, None),
    "tags": (tags, Code.LIMIT),
    "most tags": (most_tags, Code.IDENTITY),
    "entry points": (entry_points, None),
    "large but sound": (large_but_sound, None),
    "extras in a circle": (extras_in_a_circle, None),
    "many Pythons": (many_pythons, None),
    "long marker": (long_marker, None),
}
