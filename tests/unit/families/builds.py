"""Builds made by hand, as small as they can be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, parse_tag
from packaging.version import Version

from bridge.mapping.axes import load_axes
from bridge.model.conda import CondaName, CondaVersion, IndexJson, Subdir
from bridge.model.family import Bounds, Build, Family, HostRequirement
from bridge.model.host import Release
from bridge.translate.families.plan import plan_family

AXES = load_axes()
LINUX = "cp312-cp312-manylinux_2_17_x86_64"


def index(
    build: str = "0",
    *depends: str,
    name: str = "foo",
    number: int = 0,
    flags: Iterable[str] = (),
    subdir: str = "linux-64",
) -> IndexJson:
    return IndexJson(
        name=CondaName(name),
        version=CondaVersion("1.0"),
        build=build,
        build_number=number,
        subdir=Subdir(subdir),
        depends=depends,
        flags=tuple(flags),
    )


def cuda(lower: str | None = None, upper: str | None = None, *, absent: bool = False) -> Bounds:
    return Bounds(release(lower), release(upper), absent)


def release(text: str | None) -> Release | None:
    if text is None:
        return None
    major, minor = text.split(".")
    return Release(int(major), int(minor))


def build(
    name: str,
    requires: HostRequirement | None = None,
    choices: Mapping[str, str] | None = None,
    *,
    tags: str | Iterable[Tag] = LINUX,
) -> Build:
    return Build(
        filename=f"foo-1.0-{name}.conda",
        index=index(name),
        requires=requires or HostRequirement(),
        choices=choices or {},
        tags=frozenset(parse_tag(tags) if isinstance(tags, str) else tags),
    )


def plan(*builds: Build, python: Mapping[str, str] | None = None) -> Family:
    """Builds in conda's order; `python`: build -> Requires-Python."""
    return plan_family(
        builds,
        name="foo",
        version=Version("1.0"),
        requires_python={f"foo-1.0-{name}.conda": SpecifierSet(text) for name, text in (python or {}).items()},
        axes=AXES,
    )


def wheels(family: Family) -> dict[str, str]:
    """File name of a wheel without what all have in common -> build string of its source."""
    return {
        member.filename.removeprefix("foo-1.0-").removesuffix(".whl"): member.source.removeprefix(
            "foo-1.0-"
        ).removesuffix(".conda")
        for member in family.members
    }


def properties(family: Family) -> dict[str, list[str]]:
    """Label -> properties, readable."""
    return {label: sorted(map(str, found)) for label, found in family.metadata.variants.items()}
