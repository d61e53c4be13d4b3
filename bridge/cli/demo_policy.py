"""The demo's last step: one policy about where its packages come from, in the words of three clients."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from packaging.utils import canonicalize_name

from bridge.model.conda import CondaName
from bridge.priority.compilation import CompileResult
from bridge.priority.compile import compile_policy
from bridge.priority.context import CompileContext
from bridge.priority.policy_file import SCHEMA, read_policy
from bridge.priority.report import Client
from bridge.priority.toml_text import toml_table

_OF_WHEELS: Final = (Client.UV,)
_OF_PACKAGES: Final = (Client.PIXI, Client.CONDA)


@dataclass(frozen=True, slots=True)
class Workspace:
    """A project with the compiled policy."""

    root: Path
    results: tuple[CompileResult, ...]
    #: what a user types, by client.
    commands: Mapping[Client, str]


def make_workspace(
    root: Path, channel: Path, index: Path, *, package: str, names: Sequence[str], subdir: str
) -> Workspace:
    """Write a policy and a small project, and compile the one into the other.

    Args:
        root: directory to make.
        channel: of the conda packages.
        index: the `simple/` directory of the wheels.
        package: what the project requires, as wheel from uv and as package from the others.
        names: all that the policy claims; packages and projects have the same names.
        subdir: platform of the project.

    Raises:
        click.ClickException: the policy cannot be kept by one of the clients.
    """
    root.mkdir()
    policy_file = root / "bridge-policy.toml"
    policy_file.write_text(_policy(channel, index, names), encoding="utf-8")
    values = {"name": "demo", "version": "0", "requires-python": ">=3.9", "dependencies": [package]}
    project = toml_table("[project]", values)
    workspace = toml_table("[workspace]", {"name": "demo", "platforms": [subdir]})
    (root / "pyproject.toml").write_text(project, encoding="utf-8")
    (root / "pixi.toml").write_text(f"{workspace}\n{toml_table('[dependencies]', {package: '*'})}", encoding="utf-8")
    policy = read_policy(policy_file)
    wheels = CompileContext(projects=tuple(sorted(canonicalize_name(name) for name in names)), packages=())
    packages = CompileContext(projects=(), packages=tuple(sorted(CondaName(name) for name in names)), subdirs=(subdir,))
    results = tuple(
        compile_policy(policy, root, clients=clients, context=context)
        for clients, context in ((_OF_WHEELS, wheels), (_OF_PACKAGES, packages))
    )
    for result in results:
        if not result.ok:
            raise click.ClickException(result.text())
    return Workspace(root, results, _commands(root, package))


def _policy(channel: Path, index: Path, names: Sequence[str]) -> str:
    source = {"conda": channel.resolve().as_uri(), "pypi": index.resolve().as_uri(), "trust": "first-party"}
    tables = (
        toml_table("", {"schema": SCHEMA, "order": ["demo"]}),
        toml_table("[sources.demo]", source),
        toml_table("[[claims]]", {"packages": sorted(names), "from": ["demo"]}),
        toml_table("[names]", {name: name for name in sorted(names)}),
    )
    return "\n".join(tables)


def _commands(root: Path, package: str) -> dict[Client, str]:
    def inside(*words: str, variables: Sequence[str] = ()) -> str:
        return " ".join((*variables, shlex.join(words)))

    project = str(root)
    return {
        Client.UV: inside("uv", "sync", "--project", project, "--preview-features", "wheel-variants"),
        Client.PIXI: inside("pixi", "install", "--manifest-path", str(root / "pixi.toml")),
        Client.CONDA: inside(
            "conda", "create", "--name", "demo", package, variables=[f"CONDARC={shlex.quote(str(root / '.condarc'))}"]
        ),
    }
