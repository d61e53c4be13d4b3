"""`pip.conf` and requirements files."""

from __future__ import annotations

import configparser
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bridge.errors import Code, InvalidInput
from bridge.priority.configs.addresses import cleaned, holds_secret
from bridge.priority.configs.config import ClientConfig, ConfiguredRequirement, ConfiguredSource, Place, Setting
from bridge.priority.configs.pip_lines import logical_lines, requirement_of
from bridge.priority.policy import Ecosystem, Semantics
from bridge.priority.report import Client

#: a file of the project by its name; None where there is none.
Reader = Callable[[str], str | None]

_SECTIONS: Final = ("global", "install", "download", "wheel", "lock")
_OPTION: Final = re.compile(r"\s*(?P<key>[^=:\s][^=:]*?)\s*[=:]\s*(?P<value>.*)$")
_SHORT: Final = {"-i": "index-url", "-f": "find-links", "-r": "requirement", "-c": "constraint"}
_LONG: Final = (
    "index-url", "pypi-url", "extra-index-url", "find-links", "trusted-host", "no-index", "requirement", "constraint",
    "require-hashes", "uploaded-prior-to",
)  # fmt: skip
_SPLIT: Final = frozenset({"extra-index-url", "find-links", "trusted-host", "constraint", "requirement"})
_DEEPEST: Final = 10


@dataclass(slots=True)
class PipOptions:
    """What was read so far, in pip's order: options of files are added to those of the configuration."""

    index: list[tuple[str, Place]] = field(default_factory=list)
    extra: list[tuple[str, Place]] = field(default_factory=list)
    links: list[tuple[str, Place]] = field(default_factory=list)
    no_index: Place | None = None
    requirements: list[ConfiguredRequirement] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    #: constraints files that are named and not yet read.
    constraints: list[str] = field(default_factory=list)

    def take(self, key: str, value: str, place: Place) -> None:
        """One option. An empty value takes earlier ones back, as pip has it."""
        match key:
            case "index-url" | "pypi-url":
                self.index.append((value, place))
            case "extra-index-url":
                self.extra.append((value, place))
            case "find-links":
                self.links.append((value, place))
            case "no-index":
                self.no_index = place if value.lower() not in ("false", "no", "0", "off") else None
            case _:
                self.settings.append(Setting(key, cleaned(value), place))


def pip_config(
    inis: Sequence[tuple[str, str]],
    requirements: Sequence[str],
    read: Reader,
    required: Sequence[ConfiguredRequirement] = (),
) -> ClientConfig:
    """One run of pip: its configuration files, and the requirements files that are given together.

    Args:
        inis: name and text of each `pip.conf`, the nearest last.
        requirements: names of the requirements files; those that they name are read too.
        read: reads a file of the project.
        required: what is required elsewhere.

    Raises:
        InvalidInput: CB111 a `pip.conf` is none.
    """
    options = PipOptions(requirements=list(required))
    for name, text in inis:
        options.files.append(name)
        for key, value, place in ini_values(text, name):
            if key == "constraint":
                options.constraints.append(value)
            options.take(key, value, place)
    pending = [(name, False) for name in requirements] + [(name, True) for name in options.constraints]
    seen: set[str] = set()
    while pending and len(seen) < _DEEPEST * _DEEPEST:
        name, constraint = pending.pop(0)
        content = read(name) if name not in seen else None
        seen.add(name)
        if content is not None:
            options.files.append(name)
            pending = [*_lines(content, name, options, constraint=constraint), *pending]
    return config_of(Client.PIP, options)


def config_of(client: Client, found: PipOptions, delegate: Client | None = None) -> ClientConfig:
    """A configuration: pip takes the best version of all indexes, whatever their order.

    Args:
        client: in whose name.
        found: the options.
        delegate: the client that does the work, where that is another one.
    """
    here = Place(found.files[0])
    settings = list(found.settings)
    aged = any(setting.key == "uploaded-prior-to" for setting in settings) or None
    sources: list[ConfiguredSource] = []
    # a file of requirements overrules the configuration on purpose; one option overrules another by mistake
    given = [(url, place) for url, place in found.index if not place.file.endswith((".conf", ".ini"))]
    settings += [Setting("ignored-index-url", cleaned(url), place) for url, place in given[:-1]]
    if found.no_index is None:
        if found.index:
            sources.append(_source(*found.index[-1], aged))
        else:
            sources.append(ConfiguredSource("pypi", "", Ecosystem.PYPI, here, implicit=True, aged=aged))
        sources += [_source(url, place, aged) for url, place in found.extra]
    else:
        settings.append(Setting("no-index", "true", found.no_index))
    sources += [_source(url, place, aged, flat=True) for url, place in found.links]
    mode = next((place for _, place in (*found.extra, *found.index[-1:])), here)
    return ClientConfig(
        client,
        tuple(found.files),
        tuple(sources),
        Semantics.BEST_MATCH,
        mode,
        tuple(found.requirements),
        tuple(settings),
        delegate=delegate,
    )


def _source(url: str, place: Place, aged: bool | None, *, flat: bool = False) -> ConfiguredSource:
    shown = cleaned(url)
    secret = holds_secret(url)
    return ConfiguredSource(shown, shown, Ecosystem.PYPI, place, secret=secret, aged=aged, flat=flat)


def ini_values(text: str, name: str) -> Iterator[tuple[str, str, Place]]:
    """The options of a `pip.conf` in pip's order of sections, each value of a list by itself.

    Raises:
        InvalidInput: CB111, it is no such file.
    """
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text, source=name)
    except (configparser.Error, ValueError) as error:
        message = f"is not an INI file: {type(error).__name__}"
        raise InvalidInput(Code.BAD_METADATA, message, subject=name) from error
    lines = _ini_lines(text)
    for section in _SECTIONS:
        if not parser.has_section(section):
            continue
        for key, value in parser.items(section):
            option = key.lower().replace("_", "-").removeprefix("--")
            start = lines.get((section, key), 0)
            values = value.split() if option in _SPLIT else [" ".join(value.split())]
            for number, one in enumerate(values):
                yield option, one, Place(name, _line_of(text, start, one, number))


def _ini_lines(text: str) -> Mapping[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("[") and "]" in line:
            section = line[1 : line.index("]")]
        elif line[:1].strip() and line[0] not in "#;" and (match := _OPTION.match(line)) is not None:
            found.setdefault((section, match["key"].lower()), number)
    return found


def _line_of(text: str, start: int, value: str, number: int) -> int:
    """The line of one value of a list that goes on over several lines."""
    lines = text.splitlines()
    for line in range(start, min(start + number + 2, len(lines)) + 1):
        if line and value in lines[line - 1]:
            return line
    return start


def _lines(text: str, name: str, options: PipOptions, *, constraint: bool) -> list[tuple[str, bool]]:
    """Take the lines of a requirements file; returns the files that it names."""
    others: list[tuple[str, bool]] = []
    folder = name.rpartition("/")[0]
    for number, line in logical_lines(text):
        place = Place(name, number)
        if not line.startswith("-"):
            requirement = requirement_of(line, place, constraint=constraint)
            if requirement is not None:
                options.requirements.append(requirement)
            continue
        for key, value in line_options(line):
            if key in ("requirement", "constraint"):
                joined = _inside(folder, value)
                if joined is not None:
                    others.append((joined, constraint or key == "constraint"))
            else:
                options.take(key, value, place)
    return others


def line_options(line: str) -> Iterator[tuple[str, str]]:
    """The options on a line, as `-i URL`, `-iURL`, `--index-url URL` or `--index-url=URL`."""
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    while words:
        word = words.pop(0)
        if word[:2] in _SHORT and not word.startswith("--"):
            value = word[2:].lstrip("=") or (words.pop(0) if words else "")
            yield _SHORT[word[:2]], value
        elif word.startswith("--"):
            key, separator, value = word[2:].partition("=")
            if key in _LONG:
                flag = key in ("no-index", "require-hashes")
                yield key, "true" if flag else value if separator else (words.pop(0) if words else "")


def _inside(folder: str, name: str) -> str | None:
    """A file that another one names, relative to the project; None where it is outside of it."""
    if "://" in name or name.startswith(("/", "~")) or "\\" in name or ":" in name:
        return None
    parts: list[str] = [part for part in folder.split("/") if part]
    for part in name.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts) or None
