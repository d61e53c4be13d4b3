"""uv: `uv.toml`, `[tool.uv]` of a `pyproject.toml`, and what the project requires."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from packaging.utils import canonicalize_name

from bridge.priority.configs import uv_keys
from bridge.priority.configs.addresses import cleaned, holds_secret
from bridge.priority.configs.config import ClientConfig, ConfiguredRequirement, ConfiguredSource, Place, Setting
from bridge.priority.configs.pip_lines import group_requirements, project_requirements, requirement_of
from bridge.priority.configs.tree import Tree
from bridge.priority.policy import Ecosystem, Semantics
from bridge.priority.report import Client

STRATEGIES: Final = {
    "first-index": Semantics.STRICT,
    "unsafe-first-match": Semantics.FIRST_MATCH,
    "unsafe-best-match": Semantics.BEST_MATCH,
}
_PLAIN: Final = ("index-strategy", "exclude-newer", "keyring-provider", "no-index", "prerelease")
_LISTS: Final = ("allow-insecure-host", "trusted-host")
#: keys of `[tool.uv]` about where packages come from; a `uv.toml` beside it takes their place, even an empty one.
_REPLACED: Final = (
    "index",
    "index-url",
    "extra-index-url",
    "no-index",
    "find-links",
    "index-strategy",
    "exclude-newer",
)
#: whether pins of sources reach what stands there (measured).
_LIMITS: Final = {"override-dependencies": True, "constraint-dependencies": False}


def uv_config(settings: Tree, pyproject: Tree | None, client: Client = Client.UV) -> ClientConfig:
    """A project of uv, or the configuration of `uv pip`.

    Args:
        settings: `[tool.uv]`, or the document of a `uv.toml`, which replaces that table.
        pyproject: the document that requirements and sources are in; None where there is none.
        client: `uv` or `uv-pip`, which knows no sources of single requirements.
    """
    place = settings.place
    pip = settings.get("pip") if client is Client.UV_PIP else settings.get()
    sources = tuple(_sources(settings, pip, place))
    tables = (pip, settings) if client is Client.UV_PIP else (settings,)
    strategy = next((one.get("index-strategy") for one in tables if one.get("index-strategy")), None)
    pins: dict[str, Tree] = {}
    if pyproject is not None and client is Client.UV:
        pins = {canonicalize_name(key): value for key, value in pyproject.get("tool", "uv", "sources").entries()}
    requirements = list(_requirements(settings, pyproject, client))
    verified = frozenset(host for key in _LISTS for host in settings.get(key).texts)
    return ClientConfig(
        client,
        tuple(dict.fromkeys(one.file for one in (settings, pyproject) if one is not None)),
        tuple(replace(one, verified=not _is_allowed(one.url, verified)) for one in sources),
        STRATEGIES.get(strategy.text, Semantics.STRICT) if strategy else Semantics.STRICT,
        strategy.place if strategy else place,
        tuple(_pinned(requirements, pins)),
        (*_settings(tables), *_overlooked(settings, pyproject, client)),
    )


def _overlooked(settings: Tree, pyproject: Tree | None, client: Client) -> Iterator[Setting]:
    """What stands there and does not count."""
    table = pyproject.get("tool", "uv") if pyproject is not None else settings.get()
    if settings.file == table.file and client is Client.UV:
        for key, value in settings.entries():
            if key not in uv_keys.TABLE:
                yield Setting("unknown-key", key, value.place)
    elif settings.file == "uv.toml" and client is Client.UV:
        for key in _REPLACED:
            if value := table.get(key):
                yield Setting("replaced-key", key, value.place)
    for one in settings.get("index").elements():
        for key, value in one.entries():
            if key not in uv_keys.INDEX:
                yield Setting("unknown-index-key", key, value.place)


def _sources(settings: Tree, pip: Tree, place: Place) -> Iterator[ConfiguredSource]:
    """The indexes in the order in which uv asks them; the default one is last, whatever its place."""
    aged = bool(settings.get("exclude-newer")) or bool(pip.get("exclude-newer")) or None
    if settings.get("no-index").true or pip.get("no-index").true:
        yield from _links(settings, pip, aged)
        return
    default: ConfiguredSource | None = None
    for one in settings.get("index").elements():
        url = one.get("url")
        source = ConfiguredSource(
            one.get("name").text or cleaned(url.text),
            cleaned(url.text),
            Ecosystem.PYPI,
            url.place if url else one.place,
            explicit=one.get("explicit").true,
            secret=holds_secret(url.text),
            aged=False if one.get("exclude-newer").false else True if one.get("exclude-newer") else aged,
            flat=one.get("format").text == "flat",
        )
        if one.get("default").true:
            default = default or source
        else:
            yield source
    for table in dict.fromkeys((pip.path, settings.path)):
        tree = pip if table == pip.path else settings
        for one in tree.get("extra-index-url").listed():
            yield _plain(one, aged)
    if default is None:
        urls = [tree.get("index-url") for tree in (pip, settings) if tree.get("index-url")]
        default = (
            _plain(urls[0], aged)
            if urls
            else ConfiguredSource("pypi", "", Ecosystem.PYPI, place, implicit=True, aged=aged)
        )
    yield default
    yield from _links(settings, pip, aged)


def _links(settings: Tree, pip: Tree, aged: bool | None) -> Iterator[ConfiguredSource]:
    for tree in (settings,) if pip.path == settings.path else (settings, pip):
        for one in tree.get("find-links").listed():
            yield replace(_plain(one, aged), flat=True)


def _plain(one: Tree, aged: bool | None) -> ConfiguredSource:
    url = cleaned(one.text)
    return ConfiguredSource(url, url, Ecosystem.PYPI, one.place, secret=holds_secret(one.text), aged=aged)


def _requirements(settings: Tree, pyproject: Tree | None, client: Client) -> Iterator[ConfiguredRequirement]:
    if pyproject is not None:
        yield from project_requirements(pyproject.get("project"))
    if pyproject is not None and client is Client.UV:
        yield from group_requirements(pyproject)
        for one in settings.get("dev-dependencies").elements():
            found = requirement_of(one.text, one.place, optional=True)
            if found is not None:
                yield found
    for key, pinned in _LIMITS.items():
        for one in settings.get(key).elements():
            found = requirement_of(one.text, one.place, constraint=not pinned, optional=pinned)
            if found is not None:
                yield found


def _pinned(requirements: list[ConfiguredRequirement], pins: dict[str, Tree]) -> Iterator[ConfiguredRequirement]:
    """Requirements with the index that `[tool.uv.sources]` names; constraints have none (measured)."""
    for one in requirements:
        pin = pins.get(one.name)
        if pin is None or one.constraint:
            yield one
            continue
        # a list has an index for each marker; where they all name the same one, that is the pin
        entries = list(pin.elements()) if isinstance(pin.value, list) else [pin]
        indexes = {entry.get("index").text for entry in entries if entry.get("index").text}
        address = next((entry.get(key).text for entry in entries for key in ("url", "git") if entry.get(key)), None)
        local = any(entry.get("path") or entry.get("workspace") for entry in entries)
        if len(indexes) == 1 and len(entries) == 1:
            yield replace(one, source=indexes.pop())
        elif address is not None or local:
            yield replace(one, url=cleaned(address) if address else "file:", secret=holds_secret(address or ""))
        else:
            yield replace(one, source=min(indexes)) if indexes else one


def _settings(tables: tuple[Tree, ...]) -> Iterator[Setting]:
    for settings in tables:
        for key in _PLAIN:
            if value := settings.get(key):
                yield Setting(key, value.shown, value.place)
        for key in _LISTS:
            for one in settings.get(key).listed():
                yield Setting("allow-insecure-host", one.text, one.place)
        for one in settings.get("index").elements():
            for code in one.get("ignore-error-codes").elements():
                yield Setting("ignore-error-codes", code.shown, code.place)


def _is_allowed(url: str, hosts: frozenset[str]) -> bool:
    """Whether a host of an address is one whose certificate is not verified."""
    host = url.partition("://")[2].partition("/")[0].lower()
    return any(host == one.lower() or host.partition(":")[0] == one.lower() for one in hosts)
