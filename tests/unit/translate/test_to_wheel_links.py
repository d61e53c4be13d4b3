"""Symbolic links: the SONAME stays, other files are copied, the rest is dropped and recorded."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING

import pytest

from bridge.errors import InvalidInput
from bridge.model.conda import Noarch
from bridge.model.payload import ElfFacts, FileFacts, Member, MemberKind, Nature, Survey
from bridge.model.plan import Layout
from bridge.translate.to_wheel.links import plan_links
from tests.support.conda_archives import File, Link, make_conda
from tests.support.sample_packages import PLACEHOLDER, SITE, converted, library, outcome_of, python_package

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def survey(sonames: Mapping[str, str | None], links: Mapping[str, str], size: int = 1) -> Survey:
    files = {
        path: FileFacts(
            Member(path, MemberKind.FILE, size=size),
            b"",
            Nature.ELF if soname else Nature.OTHER,
            elf=ElfFacts(62, 64, little_endian=True, soname=soname) if soname else None,
        )
        for path, soname in sonames.items()
    }
    return Survey(files, links, (), tuple(files))


LIBRARY = {"lib/libz.so.1.3": "libz.so.1"}


@pytest.mark.parametrize(
    ("files", "links", "renamed", "copies", "lost"),
    [
        # the loader's name is kept, the developer's is not
        (
            LIBRARY,
            {"lib/libz.so": "libz.so.1", "lib/libz.so.1": "libz.so.1.3"},
            {"lib/libz.so.1.3": "lib/libz.so.1"},
            {},
            {"lib/libz.so": "CB210"},
        ),
        # nobody has the loader's name: every name may be asked for
        (LIBRARY, {"lib/libz.so": "libz.so.1.3"}, {}, {"lib/libz.so.1.3": ("lib/libz.so",)}, {}),
        # the file has the loader's name itself
        ({"lib/libz.so.1": "libz.so.1"}, {"lib/libz.so": "libz.so.1"}, {}, {}, {"lib/libz.so": "CB210"}),
        # by its SONAME in another directory, where an RPATH may lead
        (
            {"lib/libz.so.1": "libz.so.1"},
            {"lib/sub/libz.so.1": "../libz.so.1"},
            {},
            {"lib/libz.so.1": ("lib/sub/libz.so.1",)},
            {},
        ),
        # Python opens files in site-packages by any name
        (
            {"lib/libz.so.1": "libz.so.1"},
            {f"{SITE}/a/z.so": "../../../libz.so.1"},
            {},
            {"lib/libz.so.1": (f"{SITE}/a/z.so",)},
            {},
        ),
        # other files are copied, through chains
        (
            {"share/a": None},
            {"share/b": "a", "share/c": "b"},
            {},
            {"share/a": ("share/b", "share/c")},
            {},
        ),
        # through a link to a directory
        ({"share/d/a": None}, {"e": "share/d", "f": "e/a"}, {}, {"share/d/a": ("f",)}, {"e": "CB210"}),
        # directories: their files are in the wheel once, except where Python looks
        ({"share/t/a": None}, {"lib/t": "../share/t"}, {}, {}, {"lib/t": "CB210"}),
        (
            {f"{SITE}/a/x.py": None},
            {f"{SITE}/b": "a", f"{SITE}/a/y.py": "x.py"},
            {},
            {f"{SITE}/a/x.py": (f"{SITE}/a/y.py", f"{SITE}/b/x.py", f"{SITE}/b/y.py")},
            {},
        ),
        ({f"{SITE}/a/x.py": None}, {f"{SITE}/a/self": "."}, {}, {}, {f"{SITE}/a/self": "CB210"}),
        # another package's file, and a circle
        ({}, {"lib/libgomp.so.1": "libgomp.so.1.0.0"}, {}, {}, {"lib/libgomp.so.1": "CB237"}),
        ({}, {"a": "b", "b": "a"}, {}, {}, {"a": "CB237", "b": "CB237"}),
    ],
)
def test_rules(
    files: dict[str, str | None],
    links: dict[str, str],
    renamed: dict[str, str],
    copies: dict[str, tuple[str, ...]],
    lost: dict[str, str],
) -> None:
    plan = plan_links(survey(files, links), Noarch.NO)
    assert dict(plan.renamed) == renamed
    assert {path: tuple(sorted(names)) for path, names in plan.copies.items()} == copies
    assert {loss.subject: loss.code.number for loss in plan.losses} == lost


def test_links_cannot_inflate_a_wheel_beyond_what_a_package_may_hold() -> None:
    links = {f"l{number}": "big" for number in range(100)}
    with pytest.raises(InvalidInput, match="CB109"):
        plan_links(survey({"big": None}, links, size=1 << 30), Noarch.NO)


@pytest.mark.parametrize("layout", [Layout.PREFIX, Layout.SHARED])
def test_links_are_recorded_for_the_way_back(tmp_path: Path, layout: Layout) -> None:
    files = {
        "lib/libz.so": Link("libz.so.1"),
        "lib/libz.so.1": Link("libz.so.1.3"),
        "lib/libz.so.1.3": library("libz.so.1", "libc.so.6"),
    }
    wheel = converted(make_conda(tmp_path, name="libzlib", files=files), tmp_path / "out", layout)
    root = "_" if layout is Layout.SHARED else f"{wheel.dist_info.removesuffix('.dist-info')}.data/data"
    assert wheel.payload == [f"{root}/lib/libz.so.1"]
    assert wheel.provenance["restore"]["symlinks"] == {"lib/libz.so": "libz.so.1", "lib/libz.so.1": "libz.so.1.3"}


def test_a_copy_in_another_directory_is_made_relative_from_there(tmp_path: Path) -> None:
    pc = File(f"prefix={PLACEHOLDER}\n".encode(), placeholder=PLACEHOLDER)
    files = {"lib/pkgconfig/x.pc": pc, "share/deep/er/y.pc": Link("../../../lib/pkgconfig/x.pc")}
    wheel = converted(make_conda(tmp_path, name="x", files=files), tmp_path / "out")
    data = f"{wheel.dist_info.removesuffix('.dist-info')}.data/data"
    assert wheel[f"{data}/lib/pkgconfig/x.pc"] == b"prefix=${pcfiledir}/../..\n"
    assert wheel[f"{data}/share/deep/er/y.pc"] == b"prefix=${pcfiledir}/../../..\n"


def test_a_dropped_link_to_another_package_is_refused_in_strict_mode(tmp_path: Path) -> None:
    package = python_package(tmp_path, files={"share/x": Link("../lib/other")})
    outcome = outcome_of(package, tmp_path / "out", strict=True)
    assert outcome.code is not None
    assert outcome.code.number == "CB308"


def test_links_to_directories_are_bounded_before_they_fill_the_memory() -> None:
    files: dict[str, str | None] = {f"{SITE}/d/{number}": None for number in range(2000)}
    with pytest.raises(InvalidInput, match="CB109"):
        plan_links(survey(files, {f"{SITE}/l{number}": "d" for number in range(2000)}), Noarch.NO)


def test_planning_links_takes_time_in_proportion_to_them() -> None:
    files: dict[str, str | None] = {f"{SITE}/d{number % 50}/{number}": None for number in range(20_000)}
    links = {f"{SITE}/l/{number}": f"../no{number}" for number in range(5000)}
    start = process_time()
    plan = plan_links(survey(files, links), Noarch.NO)
    assert process_time() - start < 2
    assert len(plan.losses) == 5000
