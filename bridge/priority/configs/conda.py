"""`.condarc`, `.mambarc` and `environment.yml`: what conda and mamba read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from bridge.priority.configs.addresses import cleaned, holds_secret, is_address
from bridge.priority.configs.config import ClientConfig, ConfiguredRequirement, ConfiguredSource, Place, Setting
from bridge.priority.configs.pip_lines import requirement_of
from bridge.priority.configs.tree import Tree
from bridge.priority.policy import Ecosystem, Semantics
from bridge.priority.report import Client

_PRIORITY: Final = {
    "strict": Semantics.STRICT,
    "true": Semantics.FIRST_MATCH,  # before conda 4.6
    "flexible": Semantics.FIRST_MATCH,
    "disabled": Semantics.BEST_MATCH,
    "false": Semantics.BEST_MATCH,
}
_PLAIN: Final = (
    "channel_alias",
    "channel_priority",
    "solver",
    "experimental_solver",
    "ssl_verify",
    "exclude_newer",
    "allow_non_channel_urls",
    "override_channels_enabled",
    "channel_relations",
)
_LISTS: Final = ("pinned_packages", "disallow", "disallowed_packages", "allowlist_channels", "denylist_channels")
_MAPS: Final = ("custom_channels", "custom_multichannels", "mirrored_channels")
_SPEC: Final = re.compile(
    r"(?:(?P<channel>\S+?)(?:/(?:noarch|[a-z]+-[a-z0-9_]+))?::)?(?P<name>[A-Za-z0-9_.-]+)\s*(?P<rest>.*)", re.DOTALL
)
_BRACKET: Final = re.compile(r"channel\s*=\s*['\"]?([^'\",\]]+)")
_VERSION: Final = re.compile(r"\bversion\s*=\s*['\"]?([^'\"\]]+?)['\"]?\s*(?:,\s*\w+\s*=|\])")


class Condarc:
    """The rc files of conda or mamba, the nearest one first: lists are joined, the nearest value wins."""

    def __init__(self, client: Client, files: Sequence[Tree]) -> None:
        self.client = client
        self.files = tuple(files)

    def first(self, *keys: str) -> Tree | None:
        """The nearest value of the first of some keys that is set anywhere."""
        return next((file.get(key) for key in keys for file in self.files if file.get(key)), None)

    def config(self, environment: Tree | None = None) -> ClientConfig:
        """What the files say, with an `environment.yml` or without."""
        priority = self.first("channel_priority")
        semantics = _PRIORITY.get(priority.shown.lower(), Semantics.FIRST_MATCH) if priority else Semantics.FIRST_MATCH
        names = [*self._channels("channels")]
        requirements: list[ConfiguredRequirement] = []
        if environment is not None:
            own = list(environment.get("channels").listed())
            alone = any(one.text == "nodefaults" for one in own)
            names = [*own, *(one for one in names if not alone or one.text != "defaults")]
            requirements += environment_requirements(environment)
        sources = list(self._sources([one for one in names if one.text != "nodefaults"]))
        here = (environment or self.files[0]).file
        if not any(source.ecosystem is Ecosystem.CONDA for source in sources) and self.client is Client.CONDA:
            sources.append(ConfiguredSource("defaults", "", Ecosystem.CONDA, Place(here), implicit=True))
        if any(one.ecosystem is Ecosystem.PYPI for one in requirements):
            sources.append(ConfiguredSource("pypi", "", Ecosystem.PYPI, Place(here), implicit=True))
        return ClientConfig(
            self.client,
            tuple(file.file for file in (*([environment] if environment is not None else []), *self.files)),
            tuple(dict.fromkeys(sources)),
            semantics,
            priority.place if priority else Place(here),
            tuple(requirements),
            tuple(self._settings()),
            pypi_semantics=Semantics.BEST_MATCH,
        )

    def _channels(self, key: str) -> Iterator[Tree]:
        for file in self.files:
            yield from file.get(key).listed()

    def _sources(self, names: Sequence[Tree]) -> Iterator[ConfiguredSource]:
        seen: set[str] = set()
        aged = self.first("exclude_newer") is not None
        verify = self.first("ssl_verify")
        verified = verify is None or not verify.false
        for name in names:
            for text, place in self._expanded(name.text, name.place, 0):
                if not text or text in seen:
                    continue
                seen.add(text)
                url = text if is_address(text) or text.startswith(("/", "./")) else self._resolved(text)
                shown = cleaned(url)
                label = shown if is_address(text) else text
                secret = holds_secret(url)
                yield ConfiguredSource(
                    label, shown, Ecosystem.CONDA, place, verified=verified, secret=secret, aged=aged or None
                )

    def _expanded(self, name: str, place: Place, depth: int) -> Iterator[tuple[str, Place]]:
        """The channels that a name of several stands for."""
        several = self.first("default_channels") if name == "defaults" else None
        for file in self.files:
            several = several or file.get("custom_multichannels", name) or None
        if several is None or depth > 1:
            yield name, place
            return
        for one in several.listed():
            yield from self._expanded(one.text, one.place, depth + 1)

    def _resolved(self, name: str) -> str:
        """The address of a channel that is given by name; empty where the client's own default decides."""
        head, _, rest = name.partition("/")
        for file in self.files:
            for candidate, below in ((name, ""), (head, rest)):
                for table in ("mirrored_channels", "custom_channels"):
                    entry = file.get(table, candidate)
                    if texts := entry.texts:
                        base = texts[0].rstrip("/")
                        base = base if table == "mirrored_channels" else f"{base}/{candidate}"
                        return f"{base}/{below}".rstrip("/")
        alias = self.first("channel_alias")
        return f"{alias.text.rstrip('/')}/{name}" if alias is not None and alias.text else ""

    def _settings(self) -> Iterator[Setting]:
        for file in self.files:
            for key in _PLAIN:
                if value := file.get(key):
                    yield Setting(key, cleaned(value.shown), value.place)
            for key in _LISTS:
                for entry in file.get(key).listed():
                    yield Setting(key, cleaned(entry.shown), entry.place)
            for key in _MAPS:
                for name, entry in file.get(key).entries():
                    shown = ", ".join(cleaned(text) for text in entry.texts)
                    yield Setting(f"{key}.{name}", shown, entry.place)
            for one in file.get("channel_settings").elements():
                if one.get("exclude_newer"):
                    shown = f"{cleaned(one.get('channel').text)} {one.get('exclude_newer').shown}"
                    yield Setting("channel_settings.exclude_newer", shown, one.place)


def with_ages(config: ClientConfig) -> ClientConfig:
    """Which channels refuse young files by a setting of their own."""
    aged = {setting.value.partition(" ")[0] for setting in config.setting("channel_settings.exclude_newer")}
    sources = tuple(replace(one, aged=True) if {one.name, one.url} & aged else one for one in config.sources)
    return replace(config, sources=sources)


def environment_requirements(environment: Tree) -> Iterator[ConfiguredRequirement]:
    """What an `environment.yml` requires, in both ecosystems."""
    for one in environment.get("dependencies").elements():
        if one.text:
            found = conda_requirement(one.text, one.place)
            if found is not None:
                yield found
        for key, value in one.entries():
            if key == "pip":
                for line in value.elements():
                    requirement = requirement_of(line.text, line.place)
                    if requirement is not None:
                        yield requirement


def conda_requirement(text: str, place: Place) -> ConfiguredRequirement | None:
    """What a match spec says about name, version and channel; None where it has no name."""
    match = _SPEC.match(text.strip())
    if match is None:
        return None
    rest = match["rest"].strip()
    bracket = _BRACKET.search(rest)
    version = _VERSION.search(rest)
    channel = match["channel"] or (bracket[1].strip() if bracket else None)
    plain = rest.partition("[")[0].strip()
    return ConfiguredRequirement(
        match["name"].lower(),
        version[1] if version else plain,
        Ecosystem.CONDA,
        place,
        source=cleaned(channel) if channel else None,
        secret=bool(channel) and holds_secret(channel or ""),
    )
