"""What sources have, from small descriptions, and projects in which names could come from the wrong one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bridge.priority.catalogue import Catalogue, CataloguedFile, CataloguedProject, Listing
from bridge.priority.policy import Ecosystem, Policy
from bridge.priority.policy_file import parse_policy

INTERNAL: Final = "https://internal.example/simple"
PUBLIC: Final = "https://public.example/simple"
CONDA_INTERNAL: Final = "https://internal.example/conda"
CONDA_PUBLIC: Final = "https://public.example/conda"

SOURCES: Final = f"""\
schema = "bridge-policy/1"
order = ["internal", "public"]
[sources.internal]
conda = "{CONDA_INTERNAL}"
pypi = "{INTERNAL}"
trust = "first-party"
[sources.public]
conda = "{CONDA_PUBLIC}"
pypi = "{PUBLIC}"
trust = "public"
"""
CLAIM: Final = """\
[[claims]]
packages = ["acme-*"]
from = ["internal"]
"""
#: versions of each name; a version may have requirements after semicolons.
Versions = Mapping[str, Sequence[str]]
#: the public source has a higher version of everything that the internal one has.
CONFUSED_INTERNAL: Final[Versions] = {"acme-core": ["1.0"], "shared": ["1.0"], "onlyint": ["1.0;shared>=2"]}
CONFUSED_PUBLIC: Final[Versions] = {"acme-core": ["99"], "shared": ["2.0"], "onlypub": ["1.0;acme-core"]}


def sources(rest: str = CLAIM) -> Policy:
    """`internal` above `public`, with some claims."""
    return parse_policy(SOURCES + rest, "bridge-policy.toml")


def listing(url: str, versions: Versions, ecosystem: Ecosystem = Ecosystem.PYPI, *, files: str = "") -> Listing:
    """A source with one file for each version, below `files` where they lie elsewhere."""
    projects = {}
    ending = "py3-none-any.whl" if ecosystem is Ecosystem.PYPI else "0.conda"
    for name, texts in versions.items():
        found = []
        for version, *requires in (text.split(";") for text in texts):
            filename = f"{name}-{version}-{ending}"
            found.append(CataloguedFile(filename, version, url=f"{files or url}/{filename}", requires=tuple(requires)))
        projects[name] = CataloguedProject(name, tuple(found))
    return Listing(url, ecosystem, projects)


def confused(*more: Listing) -> Catalogue:
    """`internal` and `public` in both ecosystems, and further sources."""
    return Catalogue(
        (
            listing(CONDA_INTERNAL, CONFUSED_INTERNAL, Ecosystem.CONDA),
            listing(CONDA_PUBLIC, CONFUSED_PUBLIC, Ecosystem.CONDA),
            listing(INTERNAL, CONFUSED_INTERNAL),
            listing(PUBLIC, CONFUSED_PUBLIC),
            *more,
        )
    )


def write_files(project: Path, files: Mapping[str, str]) -> Path:
    """The files of a project."""
    for name, text in files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return project
