"""What a sound wheel may hold and yet should not be installed unseen: reported, never executed, never refused here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.entry_points import SCRIPT_GROUPS, EntryPoints, check_script, parse_entry_points, read_groups
from bridge.formats.wheel.tree import destination, site_members

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.formats.wheel.archive import WheelArchive
    from bridge.formats.wheel.filename import WheelFilename

_INTERPRETER: Final = re.compile(r"(?:python|pythonw|pypy)(?:[0-9]+(?:\.[0-9]+)?)?t?(?:\.exe)?", re.IGNORECASE)
#: below the scheme `data`, case ignored: what tells Python where its modules are, its library, and its own modules
#: (getpath and sys.path of CPython).
_PYTHONS_OWN: Final = re.compile(
    r"(?:(?:bin|scripts)/)?(?:pyvenv\.cfg|python[0-9.]*t?\._pth)"
    r"|(?:lib/)?python[0-9.]+t?\.(?:zip|dll)"
    r"|lib/libpython[^/]*"
    r"|lib/python[0-9.]+t?/(?!site-packages/).+"
    r"|lib/(?:[^/]+\.pyc?|(?:collections|encodings|importlib)/.+)"
    r"|dlls/.+",
    re.IGNORECASE,
)
#: where an environment has its programs, below the scheme `data`.
_PROGRAM_DIRECTORIES: Final = frozenset({"", "bin", "scripts"})
_STARTUP_MODULES: Final = frozenset({"sitecustomize", "usercustomize"})
#: import packages of the tools that install wheels, and the project that each belongs to.
_INSTALLER_PACKAGES: Final = {
    "_distutils_hack": "setuptools",
    "conda": "conda",
    "pip": "pip",
    "pkg_resources": "setuptools",
    "setuptools": "setuptools",
    "wheel": "wheel",
}
#: an installer writes these about what it has done; a wheel cannot know it.
_INSTALLERS_OWN: Final = frozenset({"INSTALLER", "REQUESTED", "direct_url.json"})
_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])", re.IGNORECASE)
_FORBIDDEN_ON_WINDOWS: Final = frozenset('<>"|?*')
#: site executes lines that start so.
_IMPORT_LINE: Final = re.compile(rb"^import[ \t]", re.MULTILINE)
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
#: single bytes of whatever `str.splitlines` takes for a line end, in any encoding.
_LINE_ENDS: Final = re.compile(rb"[\r\x0b\x0c\x1c-\x1e\x85\xa8\xa9]")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a user may want to refuse; `--strict` does."""

    code: Code
    #: member of the wheel, or entry point.
    subject: str
    #: one sentence without a final stop.
    detail: str


def name_findings(archive: WheelArchive, dist_info: str, stated: WheelFilename) -> tuple[Finding, ...]:
    """What the names of the members give away, in archive order by kind."""
    data = f"{dist_info.removesuffix('.dist-info')}.data"
    return (
        *_site_findings(archive, data, stated),
        *_program_findings(archive, data),
        *_windows_findings(archive),
        *(
            Finding(Code.REGENERATED, name, "an installer writes this file itself; the wheel's copy is not to be used")
            for name in archive.members
            if name.partition("/")[0] == dist_info and name.partition("/")[2] in _INSTALLERS_OWN
        ),
    )


def pth_finding(name: str, content: bytes) -> Finding | None:
    """A `.pth` file with code in it; `content` is the file."""
    lines = _LINE_ENDS.sub(b"\n", content.removeprefix(_BYTE_ORDER_MARK))
    if _IMPORT_LINE.search(lines) is None:
        return None
    return Finding(Code.EXECUTABLE_METADATA, name, "Python runs code in this file whenever it starts")


def is_interpreter(path: str) -> bool:
    """Whether a file, `path` being relative to an environment, is a program called like the Python interpreter."""
    directory, _, program = path.rpartition("/")
    return directory.casefold() in _PROGRAM_DIRECTORIES and _INTERPRETER.fullmatch(program) is not None


def belongs_to_python(path: str) -> bool:
    """Whether a file of an environment is part of Python itself, or tells it where its modules are."""
    return _PYTHONS_OWN.fullmatch(path) is not None


def windows_reason(name: str) -> str | None:
    """Why Windows cannot have a file of this name (`/` between components), as a sentence; None where it can."""
    for part in name.rstrip("/").split("/"):
        if _DEVICE.fullmatch(part.partition(".")[0].rstrip(" ")):
            return f"{part!r} is the name of a device on Windows"
        if part.endswith((".", " ")) or not _FORBIDDEN_ON_WINDOWS.isdisjoint(part):
            return f"{part!r} cannot be the name of a file on Windows"
    return None


def read_entry_points(data: bytes, member: str, subject: str) -> tuple[EntryPoints, tuple[Finding, ...]]:
    """The entry points that can be used, and what is wrong with the others.

    Args:
        data: entry_points.txt.
        member: its name in the wheel.
        subject: the wheel, for messages.

    Returns:
        Group to name to reference in the order of the file, without entries whose reference must not be written into
        a program; each of those is a finding (`CB117`), and so is a program called like the interpreter (`CB312`).

    Raises:
        InvalidInput: `CB117`, a file that cannot be parsed, or a program whose name is a path.
    """
    usable: EntryPoints = {}
    findings: list[Finding] = []
    for group, entries in read_groups(data, subject).items():
        kept = usable.setdefault(group, {})
        for name, reference in entries.items():
            if group in SCRIPT_GROUPS:
                # Only the name: a bad one escapes from the directory of programs.
                check_script(name, "module:function", subject)
            finding = _entry_finding(group, name, reference, member)
            if finding is None or finding.code is not Code.BAD_ENTRY_POINT:
                kept[name] = reference
            if finding is not None:
                findings.append(finding)
    return usable, tuple(findings)


def _entry_finding(group: str, name: str, reference: str, member: str) -> Finding | None:
    try:
        parse_entry_points(f"[{group}]\n{name} = {reference}\n", member)
    except InvalidInput as error:
        return Finding(Code.BAD_ENTRY_POINT, member, error.message)
    if group in SCRIPT_GROUPS and _INTERPRETER.fullmatch(name):
        return Finding(Code.REPLACES_PYTHON, member, f"the program {name} would replace the Python interpreter")
    return None


def _site_findings(archive: WheelArchive, data: str, stated: WheelFilename) -> Iterator[Finding]:
    for name, place in site_members(archive, data):
        head = place.partition("/")[0]
        if head.partition(".")[0] in _STARTUP_MODULES:
            yield Finding(Code.EXECUTABLE_METADATA, name, "Python runs this file whenever it starts")
        owner = _INSTALLER_PACKAGES.get(head.partition(".")[0] if head == place else head)
        if owner not in {None, stated.name}:
            yield Finding(Code.UNSAFE_PATH, name, f"the file belongs to {owner}, which installs packages")


def _program_findings(archive: WheelArchive, data: str) -> Iterator[Finding]:
    for name in archive.members:
        scheme, place = destination(name, data)
        if scheme not in {"data", "scripts"}:
            continue
        path = place if scheme == "data" else f"bin/{place}"
        if is_interpreter(path):
            message = f"the program {path.rpartition('/')[2]} would replace the Python interpreter"
            yield Finding(Code.REPLACES_PYTHON, name, message)
        elif belongs_to_python(path):
            yield Finding(Code.REPLACES_PYTHON, name, "the file belongs to the Python interpreter, or directs it")


def _windows_findings(archive: WheelArchive) -> Iterator[Finding]:
    for name in archive.members:
        if (reason := windows_reason(name)) is not None:
            yield Finding(Code.UNSAFE_PATH, name, reason)
