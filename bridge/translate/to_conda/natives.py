"""The binaries of a wheel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.translate.to_conda.request import CondaRequest


def native_rows(request: CondaRequest) -> tuple[Mapping[str, Any], ...]:
    """The binaries, for `inspect`: path in the wheel, format, what they need, and names of their own."""
    rows: list[Mapping[str, Any]] = []
    for path, facts in request.survey.survey.files.items():
        row = {"path": path, "format": facts.nature.value}
        if facts.elf is not None:
            rpath = None if facts.elf.rpath is None else facts.elf.rpath.value
            rows.append({**row, "needed": list(facts.elf.needed), "soname": facts.elf.soname, "rpath": rpath})
        elif facts.macho is not None:
            own = {"install_name": facts.macho.install_name, "architectures": list(facts.macho.architectures)}
            rows.append({**row, "needed": list(facts.macho.dylibs), **own})
        elif facts.pe is not None:
            rows.append({**row, "needed": []})
    return tuple(rows)
