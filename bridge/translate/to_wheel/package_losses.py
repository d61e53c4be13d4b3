"""What a package does or demands beyond its files and requirements, none of which a wheel can say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from bridge.errors import Code
from bridge.mapping.matchspec import parse_spec
from bridge.mapping.names import NameMapper
from bridge.model.payload import Nature
from bridge.model.plan import Layout, Loss
from bridge.translate.to_wheel.natives import is_binary
from bridge.translate.to_wheel.places import Area, place_of
from bridge.translate.to_wheel.prefixes import shebang_program
from bridge.translate.to_wheel.request import Request

_LINK_SCRIPT: Final = re.compile(r"(?:bin|Scripts)/\.(?P<package>.+)-(?:pre|post)-(?:un)?link\.(?:sh|bat)")
_ACTIVATION: Final = re.compile(r"etc/conda/(?:activate|deactivate|env_vars)\.d/[^/]+")
#: 644 and 755, with any umask's idea of what others may.
_USUAL_MODES: Final = frozenset({0o644, 0o755, 0o664, 0o775, 0o666, 0o777, 0o444, 0o555})
#: where systems keep programs and libraries; paths there mean the same on every machine.
_SYSTEM_PATHS: Final = ("/bin/", "/usr/bin/", "/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "/System/")
_MENU: Final = re.compile(r"Menu/[^/]+\.json", re.IGNORECASE)


def package_losses(request: Request) -> Iterator[Loss]:
    """Scripts that conda would run, constraints on packages that are not required, and solver hints."""
    index = request.index
    for path in (*request.survey.order, *sorted(request.survey.symlinks)):
        if (script := _LINK_SCRIPT.fullmatch(path)) is not None and script["package"] == index.name:
            yield Loss(Code.LINK_SCRIPT, path, "conda runs this script when it links the package; nobody runs it now")
        elif _ACTIVATION.fullmatch(path):
            yield Loss(Code.ACTIVATION, path, "conda reads this file when an environment is activated")
        elif _MENU.fullmatch(path):
            yield Loss(Code.MENU, path, "menuinst makes a menu entry of this file")
    for spec in index.constrains:
        yield Loss(Code.CONSTRAINS, spec, "a constraint on a package that is not required has no equivalent")
    if index.track_features:
        detail = f"the build has lower priority (track_features: {', '.join(index.track_features)})"
        yield Loss(Code.FEATURES, "track_features", detail)
    for flag in index.flags:
        yield Loss(Code.FEATURES, flag, "a flag of the build (CEP 45)")
    for path in request.survey.empty_directories:
        yield Loss(Code.EMPTY_DIRECTORY, path, "a wheel cannot hold an empty directory")
    yield from _modes(request)
    yield from _hard_coded_paths(request)


def _modes(request: Request) -> Iterator[Loss]:
    modes = {path: facts.member.mode for path, facts in request.survey.files.items()}
    unusual = sorted(path for path, mode in modes.items() if mode not in _USUAL_MODES)
    if unusual:
        shown = ", ".join(f"{path} {modes[path]:o}" for path in unusual[:4]) + (" ..." if unusual[4:] else "")
        yield Loss(Code.FILE_MODE, "mode", f"{len(unusual)} files have other permissions: {shown}")


def _hard_coded_paths(request: Request) -> Iterator[Loss]:
    """Absolute paths outside the system's own directories that nobody rewrites: neither conda nor the bridge."""
    placeholders = {entry.path: entry.prefix_placeholder for entry in request.metadata.paths}
    for path, facts in request.survey.files.items():
        named: list[str] = []
        if facts.nature is Nature.SCRIPT and (program := shebang_program(facts.content or b"")):
            named.append(program)
        if request.options.layout is Layout.PREFIX and facts.elf is not None and facts.elf.rpath is not None:
            named.extend(facts.elf.rpath.value.split(":"))
        if facts.macho is not None:
            named.extend(facts.macho.dylibs)
        own = placeholders.get(path)
        foreign = [
            name
            for name in dict.fromkeys(named)
            if name.startswith("/") and not name.startswith(_SYSTEM_PATHS) and not (own and name.startswith(own))
        ]
        if foreign:
            yield Loss(Code.HARD_CODED_PATH, path, f"it refers to {', '.join(foreign)}")


def soname_clashes(request: Request, mapper: NameMapper) -> Iterator[Loss]:
    """Libraries that keep their SONAME although Python has commonly loaded its own copy before.

    The loader matches by SONAME, so whichever copy comes first serves everybody: an older libssl of the interpreter
    then stands in for conda's, and symbols are missing.
    """
    if request.options.layout is Layout.VENDORED:
        return
    preloaded = {entry.stem: entry for entry in request.tables.preloaded}
    needed = {name for facts in request.survey.files.values() if facts.elf for name in facts.elf.needed}
    own = {facts.elf.soname for facts in request.survey.files.values() if facts.elf and facts.elf.soname}
    for soname in sorted(needed | own):
        if soname.partition(".so")[0] in preloaded:
            detail = f"{soname} keeps its name; where Python has loaded its own copy, that one is used"
            yield Loss(Code.SONAME_CLASH, soname, detail)
    named = {soname.partition(".so")[0] for soname in needed | own}
    for name in dict.fromkeys(parse_spec(spec).name for spec in request.index.depends):
        libraries = [stem for stem, entry in preloaded.items() if name in entry.packages and stem not in named]
        if libraries and mapper.lookup(name).distribution is not None:
            detail = (
                f"{', '.join(libraries)} of {name} keep their names; where Python has loaded its own, those are used"
            )
            yield Loss(Code.SONAME_CLASH, str(name), detail)


def data_scheme(request: Request) -> Iterator[Loss]:
    """Libraries in the data scheme: only a whole environment puts them where RPATHs look for them."""
    if request.options.layout is not Layout.PREFIX:
        return
    index = request.index
    outside = [
        path
        for path, facts in request.survey.files.items()
        if is_binary(facts, index.subdir) and place_of(path, index.noarch).area is not Area.SITE_PACKAGES
    ]
    if outside:
        detail = (
            f"{len(outside)} binaries lie in the data scheme: `pip install --target` drops them, and in a conda "
            "environment they would replace conda's own files"
        )
        yield Loss(Code.DATA_SCHEME, "lib", detail)
