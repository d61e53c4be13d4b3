"""What a client's configuration says, in one form for all clients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bridge.priority.policy import Ecosystem, Semantics
from bridge.priority.report import Client


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands."""

    #: relative to the project, with slashes; `~/...` for a file of the user's.
    file: str
    #: counted from 1; 0 where the file as a whole is meant.
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class ConfiguredSource:
    """A source as the configuration has it."""

    #: as the configuration calls it; the address where it has no other name.
    name: str
    #: without credentials, and without a slash at the end; empty where only the name is known (`conda-forge`, and
    #: sources that a client adds by itself).
    url: str
    ecosystem: Ecosystem
    place: Place
    #: only for requirements that name it.
    explicit: bool = False
    #: the client adds it because nothing in the configuration says otherwise.
    implicit: bool = False
    #: globs of names that come from here and nowhere else (pdm).
    include: tuple[str, ...] = ()
    #: globs of names that do not come from here, unless they are included.
    exclude: tuple[str, ...] = ()
    #: whether certificates are verified.
    verified: bool = True
    #: whether the address holds a password or token.
    secret: bool = False
    #: whether young files are refused; None where the configuration as a whole decides.
    aged: bool | None = None
    #: a directory or page of files, not an index.
    flat: bool = False

    def includes(self, name: str) -> bool:
        """Whether a glob gives the name to this source, and so to no other."""
        return any(fnmatchcase(name, glob) for glob in self.include)

    def offers(self, name: str) -> bool:
        """Whether the client asks this source for a name that no source includes, or that this one does."""
        return self.includes(name) or not any(fnmatchcase(name, glob) for glob in self.exclude)


@dataclass(frozen=True, slots=True)
class ConfiguredRequirement:
    """Something that the project requires itself, or that it constrains."""

    #: as the ecosystem normalises it.
    name: str
    #: the version part as written; empty where any version will do.
    version: str
    ecosystem: Ecosystem
    place: Place
    #: the name or address of the source that it must come from.
    source: str | None = None
    #: a URL that replaces all sources; without credentials.
    url: str | None = None
    hashed: bool = False
    #: only limits the version, and requires nothing.
    constraint: bool = False
    #: in a group or environment that is locked with everything else but need not be installed.
    optional: bool = False
    #: whether the URL holds a password or token.
    secret: bool = False
    #: normalised and sorted.
    extras: tuple[str, ...] = ()

    @property
    def bounded(self) -> bool:
        """Whether some versions will not do."""
        return self.version.strip() not in ("", "*")


@dataclass(frozen=True, slots=True)
class Setting:
    """A key of the configuration that is not one of the above; never a secret."""

    #: as the client calls it, with dots: `channel_priority`, `custom_channels.acme`.
    key: str
    value: str
    place: Place


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """All files of a project that one run of one client reads, taken together."""

    client: Client
    #: the file that it is named after, and the others.
    files: tuple[str, ...]
    #: in the order in which the client asks them; of sources of different ecosystems only the order among their own
    #: kind counts.
    sources: tuple[ConfiguredSource, ...]
    #: what the client does with several sources.
    semantics: Semantics
    #: what says so; the first file where it is the client's own default.
    mode: Place
    requirements: tuple[ConfiguredRequirement, ...] = ()
    settings: tuple[Setting, ...] = ()
    #: the client that does the work (hatch).
    delegate: Client | None = None
    #: how the client finds Python projects for a conda environment, where that differs: pixi takes them as uv does.
    pypi_semantics: Semantics | None = None

    @property
    def program(self) -> Client:
        """The client whose rules hold."""
        return self.delegate or self.client

    def of(self, ecosystem: Ecosystem) -> tuple[ConfiguredSource, ...]:
        """The sources of one ecosystem, in order."""
        return tuple(source for source in self.sources if source.ecosystem is ecosystem)

    def rule(self, ecosystem: Ecosystem) -> Semantics:
        """What the client does with several sources of an ecosystem."""
        if ecosystem is Ecosystem.PYPI and self.pypi_semantics is not None:
            return self.pypi_semantics
        return self.semantics

    def named(self, reference: str) -> ConfiguredSource | None:
        """The source that a pin refers to by name or address."""
        wanted = reference.rstrip("/")
        return next((one for one in self.sources if wanted in (one.name.rstrip("/"), one.url)), None)

    def setting(self, *keys: str) -> Iterator[Setting]:
        """The settings of some keys; a key that ends in a dot stands for all below it."""
        for setting in self.settings:
            if any(setting.key == key or (key.endswith(".") and setting.key.startswith(key)) for key in keys):
                yield setting
