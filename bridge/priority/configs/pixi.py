"""pixi: `pixi.toml`, `[tool.pixi]` of a `pyproject.toml`, and its `config.toml`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from packaging.utils import canonicalize_name

from bridge.priority.configs.addresses import cleaned, holds_secret, is_address
from bridge.priority.configs.config import ClientConfig, ConfiguredRequirement, ConfiguredSource, Setting
from bridge.priority.configs.pip_lines import extras_of, project_requirements
from bridge.priority.configs.tree import Tree
from bridge.priority.configs.uv import STRATEGIES
from bridge.priority.policy import Ecosystem, Semantics
from bridge.priority.report import Client

_PRIORITY: Final = {
    "strict": Semantics.STRICT,
    "flexible": Semantics.FIRST_MATCH,
    "disabled": Semantics.BEST_MATCH,
}
_TABLES: Final = ("dependencies", "host-dependencies", "build-dependencies")
_PLAIN: Final = ("channel-priority", "exclude-newer", "requires-pixi")


def pixi_config(manifest: Tree, pyproject: Tree | None = None, config: Tree | None = None) -> ClientConfig:
    """A workspace of pixi.

    Args:
        manifest: the document of a `pixi.toml`, or `[tool.pixi]`.
        pyproject: the document that `[tool.pixi]` is in, whose `[project]` holds requirements too.
        config: the workspace's `config.toml`.
    """
    workspace = manifest.get("workspace") or manifest.get("project")
    mode = workspace.get("channel-priority")
    strategies = [table.get("index-strategy") for table in _pypi_options(manifest, workspace)]
    strategy = next((one for one in strategies if one), None)
    requirements = [*_conda(manifest), *_pypi(manifest)]
    if pyproject is not None:
        requirements += project_requirements(pyproject.get("project"))
    aged = bool(workspace.get("exclude-newer")) or None
    sources = [*_channels(manifest, workspace, aged)]
    if any(one.ecosystem is Ecosystem.PYPI for one in requirements) or strategies:
        sources += _indexes(manifest, workspace, aged)
    named = [one.file for one in (manifest, pyproject, config) if one is not None]
    return ClientConfig(
        Client.PIXI,
        tuple(dict.fromkeys(named)),
        tuple(dict.fromkeys(sources)),
        _PRIORITY.get(mode.text, Semantics.STRICT),
        mode.place if mode else workspace.place,
        tuple(requirements),
        tuple(_settings(manifest, workspace, config)),
        pypi_semantics=STRATEGIES.get(strategy.text, Semantics.STRICT) if strategy else Semantics.STRICT,
    )


def rattler_config(config: Tree) -> ClientConfig:
    """A `config.toml` of rattler without a workspace."""
    channels = [source for one in config.get("default-channels").elements() if (source := _channel(one, None))]
    return ClientConfig(
        Client.RATTLER,
        (config.file,),
        tuple(channels),
        Semantics.STRICT,
        config.place,
        settings=tuple(_settings(Tree({}, config.file, config.lines), Tree({}, config.file, config.lines), config)),
    )


def _features(manifest: Tree) -> Iterator[Tree]:
    """The manifest, its features, and the tables of both for some platforms."""
    for holder in (manifest, *(feature for _, feature in manifest.get("feature").entries())):
        yield holder
        for _, target in holder.get("target").entries():
            yield target


def _channels(manifest: Tree, workspace: Tree, aged: bool | None) -> Iterator[ConfiguredSource]:
    """Higher numbers first, those of features before the workspace's, then as listed."""
    found: list[tuple[int, ConfiguredSource]] = []
    features = [feature.get("channels") for _, feature in manifest.get("feature").entries()]
    for listed in (*features, workspace.get("channels")):
        for one in listed.elements():
            source = _channel(one, aged)
            priority = one.get("priority").value
            if source is not None:
                found.append((priority if isinstance(priority, int) else 0, source))
    yield from (source for _, source in sorted(found, key=lambda pair: -pair[0]))


def _channel(one: Tree, aged: bool | None) -> ConfiguredSource | None:
    text = one.text or one.get("channel").text
    if not text:
        return None
    shown = cleaned(text)
    own = True if one.get("exclude-newer") else aged
    url = shown if is_address(text) or text.startswith(("/", "./")) else ""
    return ConfiguredSource(shown, url, Ecosystem.CONDA, one.place, secret=holds_secret(text), aged=own)


def _pypi_options(manifest: Tree, workspace: Tree) -> list[Tree]:
    tables = [workspace.get("pypi-options"), manifest.get("pypi-options")]
    tables += [feature.get("pypi-options") for _, feature in manifest.get("feature").entries()]
    return [table for table in tables if table]


def _indexes(manifest: Tree, workspace: Tree, aged: bool | None) -> Iterator[ConfiguredSource]:
    """Extra indexes come before the one that replaces PyPI."""
    aged = True if workspace.get("pypi-exclude-newer") else aged
    options = _pypi_options(manifest, workspace)
    for table in options:
        for one in table.get("extra-index-urls").elements():
            yield _index(one, aged)
    main = next((table.get("index-url") for table in options if table.get("index-url")), None)
    if main is not None:
        yield _index(main, aged)
    else:
        yield ConfiguredSource("pypi", "", Ecosystem.PYPI, workspace.place, implicit=True, aged=aged)
    for table in options:
        for one in table.get("find-links").elements():
            if one.get("url"):
                yield replace(_index(one.get("url"), aged), flat=True)
    for requirement in _pypi(manifest):
        if requirement.source is not None:
            url = requirement.source
            yield ConfiguredSource(
                url, url, Ecosystem.PYPI, requirement.place, explicit=True, secret=requirement.secret, aged=aged
            )


def _index(one: Tree, aged: bool | None) -> ConfiguredSource:
    url = cleaned(one.text)
    return ConfiguredSource(url, url, Ecosystem.PYPI, one.place, secret=holds_secret(one.text), aged=aged)


def _conda(manifest: Tree) -> Iterator[ConfiguredRequirement]:
    for holder in _features(manifest):
        for table in _TABLES:
            for name, one in holder.get(table).entries():
                yield _requirement(name, one)
        for name, one in holder.get("constraints").entries():
            yield replace(_requirement(name, one), constraint=True)


def _requirement(name: str, one: Tree) -> ConfiguredRequirement:
    channel = one.get("channel").text
    return ConfiguredRequirement(
        name.lower(),
        one.text or one.get("version").text,
        Ecosystem.CONDA,
        one.place,
        source=cleaned(channel) if channel else None,
        url=cleaned(one.get("url").text) if one.get("url") else None,
        secret=holds_secret(channel) or holds_secret(one.get("url").text),
    )


def _pypi(manifest: Tree) -> Iterator[ConfiguredRequirement]:
    for holder in _features(manifest):
        for name, one in holder.get("pypi-dependencies").entries():
            index = one.get("index").text
            url = one.get("url").text or one.get("git").text
            yield ConfiguredRequirement(
                canonicalize_name(name),
                one.text or one.get("version").text,
                Ecosystem.PYPI,
                one.place,
                source=cleaned(index) if index else None,
                url=cleaned(url) if url else "file:" if one.get("path") else None,
                secret=holds_secret(index) or holds_secret(url),
                extras=extras_of(one.get("extras").texts),
            )


def _settings(manifest: Tree, workspace: Tree, config: Tree | None) -> Iterator[Setting]:
    for key in _PLAIN:
        if value := workspace.get(key):
            yield Setting(key, value.shown, value.place)
    for channel, value in workspace.get("conda-pypi-map").entries():
        yield Setting(f"conda-pypi-map.{cleaned(channel)}", value.shown, value.place)
        if value.get("same-name-heuristic"):
            heuristic = value.get("same-name-heuristic")
            yield Setting("same-name-heuristic", heuristic.shown, heuristic.place)
    for _, feature in manifest.get("feature").entries():
        if value := feature.get("channel-priority"):
            yield Setting("channel-priority", value.shown, value.place)
    if config is None:
        return
    for address, value in config.get("mirrors").entries():
        yield Setting(f"mirrors.{cleaned(address)}", ", ".join(cleaned(text) for text in value.texts), value.place)
    if config.get("tls-no-verify").true:
        yield Setting("tls-no-verify", "true", config.get("tls-no-verify").place)
    for key in ("index-url", "extra-index-urls"):
        if value := config.get("pypi-config", key):
            yield Setting(f"pypi-config.{key}", ", ".join(cleaned(text) for text in value.texts), value.place)
    for host in config.get("pypi-config", "allow-insecure-host").listed():
        yield Setting("allow-insecure-host", host.text, host.place)
    if value := config.get("run-post-link-scripts"):
        yield Setting("run-post-link-scripts", value.shown, value.place)
