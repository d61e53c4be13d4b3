"""poetry, pdm and hatch: their tables in a `pyproject.toml`, and the files beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from packaging.utils import canonicalize_name

from bridge.priority.configs.addresses import cleaned, holds_secret, is_secret
from bridge.priority.configs.config import ClientConfig, ConfiguredRequirement, ConfiguredSource, Place, Setting
from bridge.priority.configs.pip import PipOptions, config_of
from bridge.priority.configs.pip_lines import extras_of, group_requirements, project_requirements, requirement_of
from bridge.priority.configs.tree import Tree
from bridge.priority.configs.uv import STRATEGIES, uv_config
from bridge.priority.policy import Ecosystem, Semantics
from bridge.priority.report import Client

#: variable -> option of pip; those of uv that mean the same.
_VARIABLES: Final = {
    "PIP_INDEX_URL": "index-url",
    "PIP_EXTRA_INDEX_URL": "extra-index-url",
    "PIP_FIND_LINKS": "find-links",
    "PIP_TRUSTED_HOST": "trusted-host",
    "PIP_NO_INDEX": "no-index",
    "PIP_CONSTRAINT": "constraint",
    "PIP_UPLOADED_PRIOR_TO": "uploaded-prior-to",
}


def poetry_config(pyproject: Tree) -> ClientConfig:
    """A project of poetry.

    With `supplemental` sources poetry keeps an order: it asks those only where the primary ones have no version that
    will do. Among primary sources it takes the best version (measured).
    """
    poetry = pyproject.get("tool", "poetry")
    primary: list[ConfiguredSource] = []
    lower: list[ConfiguredSource] = []
    other: list[ConfiguredSource] = []
    for one in poetry.get("source").elements():
        url, name = one.get("url").text, one.get("name").text
        priority = one.get("priority").text.lower() or "primary"
        source = ConfiguredSource(
            name or cleaned(url),
            cleaned(url),
            Ecosystem.PYPI,
            one.get("url").place if url else one.place,
            explicit=priority == "explicit",
            secret=holds_secret(url),
        )
        {"primary": primary, "default": primary, "supplemental": lower, "secondary": lower}.get(priority, other).append(
            source
        )
    if not primary:
        primary.append(ConfiguredSource("pypi", "", Ecosystem.PYPI, poetry.place, implicit=True))
    requirements = [*_poetry_requirements(poetry)]
    pins = {one.name: one.source for one in requirements if one.source is not None}
    others = (*project_requirements(pyproject.get("project")), *group_requirements(pyproject))
    requirements += [replace(one, source=pins.get(one.name)) for one in others]
    semantics = Semantics.FIRST_MATCH if len(primary) == 1 else Semantics.BEST_MATCH
    sources = (*primary, *lower, *other)
    mode = sources[min(1, len(sources) - 1)].place
    return ClientConfig(Client.POETRY, (pyproject.file,), sources, semantics, mode, tuple(requirements))


def _poetry_requirements(poetry: Tree) -> Iterator[ConfiguredRequirement]:
    tables = [(poetry.get("dependencies"), False), (poetry.get("dev-dependencies"), True)]
    tables += [(group.get("dependencies"), True) for _, group in poetry.get("group").entries()]
    for table, optional in tables:
        for name, value in table.entries():
            if name == "python":
                continue
            for one in value.elements() if isinstance(value.value, list) else [value]:
                url = one.get("url").text or one.get("git").text
                yield ConfiguredRequirement(
                    canonicalize_name(name),
                    one.text or one.get("version").text,
                    Ecosystem.PYPI,
                    one.place,
                    source=one.get("source").text or None,
                    url=cleaned(url) if url else "file:" if one.get("path") else None,
                    optional=optional,
                    secret=holds_secret(url),
                    extras=extras_of(one.get("extras").texts),
                )


def pdm_config(pyproject: Tree, settings: Tree | None = None) -> ClientConfig:
    """A project of pdm, with its `pdm.toml`."""
    pdm = pyproject.get("tool", "pdm")
    resolution = pdm.get("resolution")
    aged = bool(resolution.get("exclude-newer")) or None
    sources: list[ConfiguredSource] = []
    for one in pdm.get("source").elements():
        url = one.get("url").text
        sources.append(
            ConfiguredSource(
                one.get("name").text or cleaned(url),
                cleaned(url),
                Ecosystem.PYPI,
                one.get("url").place if url else one.place,
                include=one.get("include_packages").texts,
                exclude=one.get("exclude_packages").texts,
                verified=not one.get("verify_ssl").false,
                secret=holds_secret(url) or is_secret(one.get("password").text),
                aged=aged,
                flat=one.get("type").text == "find_links",
                implicit=not url,
            )
        )
    # pdm puts PyPI, or what the user has in its place, before all others unless a source has that name
    if all(source.name != "pypi" for source in sources):
        stored = settings.get("pypi", "url") if settings is not None else None
        address = cleaned(stored.text) if stored else ""
        place = stored.place if stored else pdm.place
        secret = stored is not None and holds_secret(stored.text)
        sources.insert(
            0,
            ConfiguredSource("pypi", address, Ecosystem.PYPI, place, implicit=not address, secret=secret, aged=aged),
        )
    order = resolution.get("respect-source-order")
    requirements = [*project_requirements(pyproject.get("project")), *group_requirements(pyproject)]
    for _, group in pdm.get("dev-dependencies").entries():
        found = (requirement_of(one.text, one.place, optional=True) for one in group.elements())
        requirements += [one for one in found if one is not None]
    return ClientConfig(
        Client.PDM,
        tuple(one.file for one in (pyproject, settings) if one is not None),
        tuple(sources),
        Semantics.FIRST_MATCH if order.true else Semantics.BEST_MATCH,
        order.place if order else sources[-1].place,
        tuple(requirements),
    )


def hatch_configs(hatch: Tree, project: Tree | None, read: Callable[[str], Tree | None]) -> Iterator[ClientConfig]:
    """One configuration for each environment of hatch that says where packages come from.

    Args:
        hatch: `[tool.hatch]`, or the document of a `hatch.toml`.
        project: `[project]`.
        read: reads a TOML file of the project, for `UV_CONFIG_FILE`.
    """
    environments = dict(hatch.get("envs").entries())
    shared = environments.get("default", hatch.get("envs", "default"))
    for name, one in environments.items():
        template = environments.get(one.get("template").text, shared) if name != "default" else one
        variables = {**dict(template.get("env-vars").entries()), **dict(one.get("env-vars").entries())}
        installer = (one.get("installer") or template.get("installer") or shared.get("installer")).text
        texts = [*template.get("dependencies").elements()] if template is not one else []
        texts += [*one.get("dependencies").elements(), *one.get("extra-dependencies").elements()]
        found = [requirement_of(value.text, value.place) for value in texts]
        requirements = [requirement for requirement in found if requirement is not None]
        if project is not None and not one.get("skip-install").true:
            requirements += [two for two in project_requirements(project) if not two.optional]
        if not any(variable.startswith(("PIP_", "UV_")) for variable in variables):
            continue
        if installer == "uv":
            named = variables.get("UV_CONFIG_FILE")
            file = read(_in_project(named.text)) if named is not None else None
            if file is not None:
                config = uv_config(file, None, Client.UV_PIP)
                yield replace(
                    config,
                    client=Client.HATCH,
                    delegate=Client.UV_PIP,
                    files=(one.file, *config.files),
                    requirements=(*requirements, *config.requirements),
                )
            else:
                yield _uv_environment(one, variables, requirements)
        else:
            options = PipOptions(files=[one.file], requirements=requirements)
            for variable, value in variables.items():
                option = _VARIABLES.get(variable)
                for text in value.text.split() if option else []:
                    options.take(option or "", text, value.place)
            yield config_of(Client.HATCH, options, Client.PIP)


def _in_project(name: str) -> str:
    """A file that is named from the project's root on; no other is read."""
    inner = name.removeprefix("{root}").lstrip("/").removeprefix("./")
    return "" if ".." in inner.split("/") else inner


def _uv_environment(
    environment: Tree, variables: Mapping[str, Tree], requirements: list[ConfiguredRequirement]
) -> ClientConfig:
    aged = "UV_EXCLUDE_NEWER" in variables or None
    sources: list[ConfiguredSource] = []
    for variable in ("UV_INDEX", "UV_EXTRA_INDEX_URL"):
        if variable in variables:
            value = variables[variable]
            sources += [_variable_index(text, value.place, aged) for text in value.text.split()]
    default = next((variables[key] for key in ("UV_DEFAULT_INDEX", "UV_INDEX_URL") if key in variables), None)
    if default is not None:
        sources.append(_variable_index(default.text, default.place, aged))
    else:
        sources.append(ConfiguredSource("pypi", "", Ecosystem.PYPI, environment.place, implicit=True, aged=aged))
    strategy = variables.get("UV_INDEX_STRATEGY")
    hosts = variables.get("UV_INSECURE_HOST")
    allowed = [(host, hosts.place) for host in hosts.text.split()] if hosts is not None else []
    return ClientConfig(
        Client.HATCH,
        (environment.file,),
        tuple(sources),
        STRATEGIES.get(strategy.text, Semantics.STRICT) if strategy is not None else Semantics.STRICT,
        strategy.place if strategy is not None else environment.place,
        tuple(requirements),
        tuple(Setting("allow-insecure-host", host, place) for host, place in allowed),
        delegate=Client.UV_PIP,
    )


def _variable_index(text: str, place: Place, aged: bool | None) -> ConfiguredSource:
    name, separator, url = text.partition("=")
    if not separator or "/" in name:
        name, url = "", text
    shown = cleaned(url)
    return ConfiguredSource(name or shown, shown, Ecosystem.PYPI, place, secret=holds_secret(url), aged=aged)
