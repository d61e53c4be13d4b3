"""entry_points.txt (the entry points specification): groups of names that refer to objects."""

from __future__ import annotations

import configparser
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

#: groups whose entries installers turn into programs on PATH.
SCRIPT_GROUPS: Final = frozenset({"console_scripts", "gui_scripts"})

_REFERENCE: Final = re.compile(r"(?P<module>[\w.]+)\s*(?::\s*(?P<attribute>[\w.]+)\s*)?(?:\[(?P<extras>[^\[\]]*)\])?")
_EXTRA: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
#: a section that no file can have: entries of `[DEFAULT]` must not leak into every group.
_NO_DEFAULT: Final = "\n"

EntryPoints = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Reference:
    """An object reference, `module:attribute [extras]`."""

    module: str
    #: dotted; None: the module itself.
    attribute: str | None = None
    extras: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = self.module if self.attribute is None else f"{self.module}:{self.attribute}"
        return f"{text} [{','.join(self.extras)}]" if self.extras else text


def parse_reference(text: str, subject: str) -> Reference:
    """Parse an object reference.

    Raises:
        InvalidInput: `CB117`.
    """
    match = _REFERENCE.fullmatch(text.strip())
    if match is None:
        raise _bad(subject, text, f"{text!r} is not an object reference (module:attribute)")
    module, attribute = match["module"], match["attribute"]
    names = module.split(".") + ([] if attribute is None else attribute.split("."))
    if not all(name.isidentifier() for name in names):
        raise _bad(subject, text, f"{text!r} is not an object reference (module:attribute)")
    extras = tuple(extra.strip() for extra in (match["extras"] or "").split(",") if extra.strip())
    if not all(_EXTRA.fullmatch(extra) for extra in extras):
        raise _bad(subject, text, f"{text!r} names an extra that cannot exist")
    return Reference(module, attribute, extras)


def parse_entry_points(text: str | bytes, subject: str) -> EntryPoints:
    """Group to name to object reference, in the order of the file; references as written.

    Entries of the script groups are checked strictly, because installers make programs of them; others only
    for what would break the file.

    Args:
        text: the file; bytes are UTF-8.
        subject: the artifact, for messages.

    Raises:
        InvalidInput: `CB117` for a file that cannot be parsed, a name given twice, and a script with a name
            or a reference that an installer must not use.
    """
    groups = read_groups(text, subject)
    _check(groups, subject)
    return groups


def read_groups(text: str | bytes, subject: str) -> EntryPoints:
    """The same without looking at names and references.

    Args:
        text: the file; bytes are UTF-8.
        subject: the artifact, for messages.

    Raises:
        InvalidInput: `CB117` for a file that cannot be parsed, and a name given twice.
    """
    parser = configparser.ConfigParser(
        delimiters=("=",),
        comment_prefixes=("#", ";"),
        default_section=_NO_DEFAULT,
        interpolation=None,
        strict=True,
    )
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(text if isinstance(text, str) else text.decode("utf-8"))
    except configparser.Error as error:
        raise _bad(subject, "entry_points.txt", error.message.replace("\n", " ")) from error
    except UnicodeDecodeError as error:
        raise _bad(subject, "entry_points.txt", "the file is not UTF-8") from error
    return {group: dict(parser.items(group)) for group in parser.sections()}


def format_entry_points(groups: Mapping[str, Mapping[str, str]], subject: str = "entry_points.txt") -> bytes:
    """entry_points.txt with groups and names sorted; groups without entries are left out.

    Raises:
        InvalidInput: `CB117` for what `parse_entry_points` would refuse or read back differently.
    """
    _check(groups, subject)
    sections = []
    for group in sorted(groups):
        lines = [f"{name} = {groups[group][name]}" for name in sorted(groups[group])]
        if lines:
            sections.append("\n".join([f"[{group}]", *lines]) + "\n")
    return "\n".join(sections).encode("utf-8")


def check_script(name: str, reference: str, subject: str) -> Reference:
    """Check one console or GUI script.

    Raises:
        InvalidInput: `CB117` for a name that is not a plain file name on every system, or a reference that is
            not `module:attribute`.
    """
    if not name or name in {".", ".."}:
        raise _bad(subject, name, f"{name!r} cannot be the name of a program")
    if any(character in name for character in "/\\:") or _CONTROLS.search(name):
        raise _bad(subject, name, f"{name!r} is not a plain file name")
    if name.startswith("-"):
        raise _bad(subject, name, f"{name!r} starts like an option")
    parsed = parse_reference(reference, subject)
    if parsed.attribute is None:
        raise _bad(subject, name, f"the script {name!r} refers to a module, not to a function in it")
    return parsed


def _check(groups: Mapping[str, Mapping[str, str]], subject: str) -> None:
    for group, entries in groups.items():
        if not group or group != group.strip() or "]" in group or _CONTROLS.search(group):
            raise _bad(subject, group, f"{group!r} cannot be a group of entry points")
        for name, reference in entries.items():
            if group in SCRIPT_GROUPS:
                check_script(name, reference, subject)
            if not name or name != name.strip() or name[0] in "[#;" or "=" in name or _CONTROLS.search(name):
                raise _bad(subject, name, f"{name!r} cannot be the name of an entry point")
            if reference != reference.strip() or _CONTROLS.search(reference):
                raise _bad(subject, name, f"the reference of {name!r} is not one line")


def _bad(subject: str, field: str, message: str) -> InvalidInput:
    return InvalidInput(Code.BAD_ENTRY_POINT, message, subject=subject, field=field)
