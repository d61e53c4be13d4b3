"""What a conversion between the two artifacts wrote down about itself: a claim, used only to explain differences."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from bridge.compare.comparison import Difference, shown
from bridge.compare.conda_info import OWN_EXTRA
from bridge.compare.values import json_object
from bridge.errors import Code
from bridge.model.plan import Layout

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from bridge.compare.packages import CondaPackage, WheelPackage

_CODES: Final = {code.number: code for code in Code}


@dataclass(frozen=True, slots=True)
class Recorded:
    """The record of a conversion from one of the artifacts to the other; empty where neither has one."""

    #: (code, subject, detail).
    losses: tuple[tuple[Code, str, str], ...] = ()
    #: of the wheel, where the bridge made it.
    layout: Layout | None = None
    #: payload path -> member of the wheel that it became.
    members: Mapping[str, str] = field(default_factory=dict)
    #: payload path -> digest of the file before bytes of it were overwritten.
    originals: Mapping[str, str] = field(default_factory=dict)
    #: members of the wheel that came from other packages.
    vendored: frozenset[str] = frozenset()
    #: conda packages that those came from.
    providers: frozenset[str] = frozenset()
    #: whether the conda package was made of the wheel.
    made_conda: bool = False

    def difference(
        self,
        where: str,
        left: object,
        right: object,
        *subjects: str,
        matters: bool = True,
        names: Collection[str] = (),
    ) -> Iterator[Difference]:
        """One difference, explained by losses that were recorded.

        A loss that changes nothing for whoever installs does not matter; any other still does.

        Args:
            where, left, right, matters: of the difference.
            subjects: of losses that explain it.
            names: projects; a loss whose detail speaks of one of them explains it too.
        """
        word = re.compile(
            "|".join(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])" for name in names) or "(?!)", re.IGNORECASE
        )
        codes = sorted(
            {code.number for code, subject, detail in self.losses if subject in subjects or word.search(detail)}
        )
        if codes:
            where = f"{where} (recorded: {', '.join(codes)})"
            matters = matters and not all(_CODES[number].harmless for number in codes)
        yield Difference(where, shown(left), shown(right), matters)


def recorded(conda: CondaPackage, wheel: WheelPackage) -> Recorded:
    """The record of the conversion, if it says that one of the artifacts was made of the other."""
    document = json_object(wheel.own("conda/provenance.json"))
    if document is not None and _is_source(_object(document.get("source")), conda):
        return _of_wheel(document)
    extra = _object(_object(conda.metadata.about.raw.get("extra")).get(OWN_EXTRA))
    source = _object(extra.get("source"))
    if wheel.name == source.get("filename") or (wheel.sha256 is not None and wheel.sha256 == source.get("sha256")):
        return Recorded(losses=_losses(extra), made_conda=True)
    return Recorded()


def _is_source(source: Mapping[str, Any], conda: CondaPackage) -> bool:
    """Whether it names this build; archives may have been packed again since."""
    index = conda.metadata.index
    return (source.get("name"), source.get("version"), source.get("build"), source.get("subdir")) == (
        index.name,
        index.version,
        index.build,
        index.subdir,
    )


def _of_wheel(document: Mapping[str, Any]) -> Recorded:
    files = {path: _object(entry) for path, entry in _object(_object(document.get("restore")).get("files")).items()}
    return Recorded(
        losses=_losses(document),
        layout=next((layout for layout in Layout if layout.value == document.get("layout")), None),
        members={path: str(entry["member"]) for path, entry in files.items() if "member" in entry},
        originals={path: str(entry["sha256"]) for path, entry in files.items() if "sha256" in entry},
        vendored=frozenset(_object(document.get("vendored"))),
        providers=frozenset(str(_object(row).get("name")) for row in _rows(document.get("providers"))),
    )


def _losses(document: Mapping[str, Any]) -> tuple[tuple[Code, str, str], ...]:
    return tuple(
        (_CODES[code], str(_object(row).get("subject")), str(_object(row).get("detail")))
        for row in _rows(document.get("losses"))
        if (code := str(_object(row).get("code"))) in _CODES
    )


def _rows(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
