"""The programs and other entry points of a conda package and a wheel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.compare.comparison import Difference, differ
from bridge.compare.installed import OWN, SCRIPTS, Item
from bridge.compare.packages import present
from bridge.compare.wheel_wheel import points_of, reference
from bridge.errors import BridgeError
from bridge.formats.wheel.entry_points import SCRIPT_GROUPS
from bridge.model.payload import FileFacts, Member, MemberKind, Nature
from bridge.translate.to_wheel.scripts import ScriptKind, classify_script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.compare.packages import CondaPackage, WheelPackage
    from bridge.compare.recorded import Recorded

#: the forms that builders give a program for an entry point; the others belong to Windows.
_LAUNCHERS: Final = ("", "-script.py", "-script.pyw", ".exe", ".exe.manifest")


@dataclass(frozen=True, slots=True)
class Programs:
    """What was found, and the places of files that entry points of the other side stand for."""

    differences: tuple[Difference, ...]
    places: frozenset[str]


def compare_programs(
    conda: CondaPackage, wheel: WheelPackage, ours: Mapping[str, Item], theirs: Mapping[str, Item], record: Recorded
) -> Programs:
    """Compare entry points, and the scripts that stand for them in packages for one Python.

    Raises:
        InvalidInput: CB117, entry_points.txt of one of them cannot be parsed.
    """
    made = _link_points(conda)
    metadata = ours.get(f"{OWN}entry_points.txt")
    content = None if metadata is None else metadata.entry.content
    stated = points_of(content, f"{conda.filename}: entry_points.txt")
    wanted = points_of(wheel.own("entry_points.txt"), wheel.name)
    # Installers leave out the extras of a reference when they make a program of it.
    programs = {name: text.partition(" [")[0] for (group, name), text in wanted.items() if group in SCRIPT_GROUPS}
    found: list[Difference] = []
    places: set[str] = set()
    for name in sorted(made.keys() | programs.keys()):
        where = f"programs: {name}"
        launchers = [place for end in _LAUNCHERS if (place := f"{SCRIPTS}{name}{end}") in ours]
        if name in programs and name in made:
            found += differ(where, made[name], programs[name])
        elif name in programs and launchers:
            places.update(launchers)
            found += _launcher(where, ours[launchers[0]], name, programs[name], record)
        elif name in programs:
            found += record.difference(where, None, programs[name], name)
        elif f"{SCRIPTS}{name}" in theirs:
            places.add(f"{SCRIPTS}{name}")
            script = present(theirs[f"{SCRIPTS}{name}"].entry)
            found.append(Difference(f"{where} (a script of its own, cannot be compared)", made[name], script, False))
        else:
            found += record.difference(where, made[name], None, f"{name} = {made[name]}", name)
    for group, name in sorted(stated.keys() | wanted.keys()):
        if group not in SCRIPT_GROUPS:
            found += differ(f"entry points: {group}: {name}", stated.get((group, name)), wanted.get((group, name)))
    return Programs(tuple(found), frozenset(places))


def _link_points(conda: CondaPackage) -> dict[str, str]:
    split = (text.partition("=") for text in conda.metadata.entry_points)
    return {name.strip(): reference(text.strip()).partition(" [")[0] for name, _, text in split}


def _launcher(where: str, item: Item, name: str, text: str, record: Recorded) -> list[Difference]:
    """A program in the conda package that installers of the wheel make of an entry point."""
    entry = item.entry
    member = Member(item.path, MemberKind.FILE, entry.mode, entry.size)
    facts = FileFacts(member, bytes.fromhex(entry.sha256), entry.nature, content=entry.content)
    try:
        script = classify_script(item.path, name, facts, {"console_scripts": {name: text}})
    except BridgeError:  # it would replace the interpreter
        return list(record.difference(where, present(entry), text, item.path))
    if item.path.endswith(f"/{name}") and (script.kind is not ScriptKind.ENTRY_POINT or script.loss is not None):
        reason = "a script of its own" if entry.nature is Nature.SCRIPT else "not a script"
        return list(
            record.difference(f"{where} ({reason}, cannot be compared)", present(entry), text, item.path, matters=False)
        )
    return []
