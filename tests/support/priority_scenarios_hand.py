"""What people write by hand when they add a source of their own to a project: the usual ways for each client."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.priority.policy import Ecosystem, Policy, Source
from bridge.priority.report import Client

#: file -> text.
Files = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Style:
    """One way to write it."""

    name: str
    write: Callable[[Sequence[str], Sequence[str]], Files]

    def files(self, policy: Policy, ecosystem: Ecosystem, required: Sequence[str]) -> Files:
        """The configuration for the sources of a policy, the most wanted first.

        Args:
            policy: only its sources and their order count; people write down no claims.
            ecosystem: of the client.
            required: what the project requires.
        """
        addresses = [str(source.url(ecosystem)) for source in listed(policy, ecosystem)]
        return self.write(addresses, required)


def listed(policy: Policy, ecosystem: Ecosystem) -> Sequence[Source]:
    """The sources that somebody would write down, in order."""
    return [source for source in policy.faces(ecosystem) if source.mirror_of is None]


def styles(client: Client) -> Sequence[Style]:
    """The usual ways of one client."""
    return _STYLES[client]


def _project(required: Sequence[str]) -> str:
    texts = ", ".join(f'"{text}"' for text in required)
    return f'[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = [{texts}]\n'


def _uv(strategy: str) -> Callable[[Sequence[str], Sequence[str]], Files]:
    def write(addresses: Sequence[str], required: Sequence[str]) -> Files:
        text = _project(required) + f'[tool.uv]\nindex-strategy = "{strategy}"\n'
        for number, url in enumerate(addresses, 1):
            last = "default = true\n" if number == len(addresses) else ""
            text += f'[[tool.uv.index]]\nname = "index-{number}"\nurl = "{url}"\n{last}'
        return {"pyproject.toml": text}

    return write


def _uv_pip(strategy: str) -> Callable[[Sequence[str], Sequence[str]], Files]:
    def write(addresses: Sequence[str], required: Sequence[str]) -> Files:
        text = f'index-strategy = "{strategy}"\n'
        for number, url in enumerate(addresses, 1):
            text += f'[[index]]\nurl = "{url}"\n' + ("default = true\n" if number == len(addresses) else "")
        return {"pyproject.toml": _project(required), "uv-pip.toml": text}

    return write


def _pip_conf(addresses: Sequence[str], required: Sequence[str]) -> Files:
    extra = "".join(f"\n    {url}" for url in addresses[1:])
    text = f"[global]\nindex-url = {addresses[0]}\n" + (f"extra-index-url ={extra}\n" if extra else "")
    return {"pip.conf": text, "requirements.txt": "".join(f"{line}\n" for line in required)}


def _pip_requirements(addresses: Sequence[str], required: Sequence[str]) -> Files:
    # the public index is the main one, as pip's documentation has it, and the company's an extra
    *extra, main = addresses
    lines = [f"--index-url {main}", *(f"--extra-index-url {url}" for url in extra), *required]
    return {"requirements.txt": "".join(f"{line}\n" for line in lines)}


def _poetry(*priorities: str) -> Callable[[Sequence[str], Sequence[str]], Files]:
    def write(addresses: Sequence[str], required: Sequence[str]) -> Files:
        text = _project(required)
        for number, url in enumerate(addresses):
            priority = priorities[min(number, len(priorities) - 1)]
            text += f'[[tool.poetry.source]]\nname = "source-{number}"\nurl = "{url}"\npriority = "{priority}"\n'
        return {"pyproject.toml": text}

    return write


def _pdm(*, ordered: bool) -> Callable[[Sequence[str], Sequence[str]], Files]:
    def write(addresses: Sequence[str], required: Sequence[str]) -> Files:
        text = _project(required)
        if ordered:
            text += "[tool.pdm.resolution]\nrespect-source-order = true\n"
        for number, url in enumerate(addresses, 1):
            name = "pypi" if number == len(addresses) else f"source-{number}"
            text += f'[[tool.pdm.source]]\nname = "{name}"\nurl = "{url}"\n'
        return {"pyproject.toml": text}

    return write


def _pixi(priority: str) -> Callable[[Sequence[str], Sequence[str]], Files]:
    def write(addresses: Sequence[str], required: Sequence[str]) -> Files:
        urls = ", ".join(f'"{url}"' for url in addresses)
        text = f'[workspace]\nname = "demo"\nchannels = [{urls}]\nplatforms = ["linux-64"]\n'
        text += f'channel-priority = "{priority}"\n[dependencies]\n'
        for spec in required:
            name, _, version = spec.partition(" ")
            text += f'{name} = "{version or "*"}"\n'
        return {"pixi.toml": text}

    return write


_STYLES: Final[Mapping[Client, Sequence[Style]]] = {
    Client.UV: (Style("indexes in order", _uv("first-index")), Style("unsafe-best-match", _uv("unsafe-best-match"))),
    Client.UV_PIP: (
        Style("indexes in order", _uv_pip("first-index")),
        Style("unsafe-first-match", _uv_pip("unsafe-first-match")),
    ),
    Client.PIP: (Style("extra-index-url in pip.conf", _pip_conf), Style("--extra-index-url", _pip_requirements)),
    Client.POETRY: (
        Style("primary, supplemental", _poetry("primary", "supplemental")),
        Style("primary", _poetry("primary")),
    ),
    Client.PDM: (Style("two sources", _pdm(ordered=False)), Style("respect-source-order", _pdm(ordered=True))),
    Client.PIXI: (Style("strict", _pixi("strict")), Style("disabled", _pixi("disabled"))),
}
