"""requires.txt of an `.egg-info`: where setuptools kept requirements before PKG-INFO had them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from bridge.errors import Code, InvalidInput

#: `[extra]`, `[extra:marker]`, `[:marker]`.
_SECTION: Final = re.compile(r"\[(?P<extra>[^\]:]*)(?::(?P<marker>.*))?\]")


def parse_egg_requirements(data: bytes, subject: str) -> tuple[Requirement, ...]:
    """Requirements with the markers that their sections stand for.

    Args:
        data: the file.
        subject: for messages.

    Raises:
        InvalidInput: `CB121` for a line that is neither a requirement nor a section.
    """
    return tuple(_parse(data.decode("utf-8", "replace"), subject))


def _parse(text: str, subject: str) -> Iterator[Requirement]:
    markers: tuple[str, ...] = ()
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith("#"):
            continue
        try:
            if section := _SECTION.fullmatch(line):
                markers = _markers(section["extra"].strip(), (section["marker"] or "").strip())
                continue
            requirement = Requirement(line)
            own = () if requirement.marker is None else (str(requirement.marker),)
            requirement.marker = _all((*own, *markers))
        except (InvalidRequirement, InvalidMarker, RecursionError) as error:
            raise InvalidInput(
                Code.BAD_DIST_INFO, f"{line[:200]!r} is not a requirement", subject=subject, field="requires.txt"
            ) from error
        yield requirement


def _markers(extra: str, marker: str) -> tuple[str, ...]:
    named = (f'extra == "{canonicalize_name(extra)}"',) if extra else ()
    return (*((marker,) if marker else ()), *named)


def _all(markers: tuple[str, ...]) -> Marker | None:
    parts = [f"({marker})" if " or " in marker else marker for marker in markers]
    return Marker(" and ".join(parts)) if parts else None
