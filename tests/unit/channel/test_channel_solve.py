"""What a build is installed with, by rattler's solver."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from bridge.channel.repodata import Channel, ChannelRecord, open_channel
from bridge.channel.solve import required_name, resolve, resolve_specs
from bridge.channel.virtual import VirtualPackage, machines
from bridge.errors import Code, InvalidInput, Unrepresentable, Unsupported

from .conftest import document, record, write_channel

if TYPE_CHECKING:
    from pathlib import Path

MakeChannel = Callable[..., Channel]


@pytest.fixture
def make_channel(tmp_path: Path) -> MakeChannel:
    counter = iter(range(100))

    def make(*records: dict[str, Any], subdir: str = "linux-64") -> Channel:
        documents = {
            where: document(*(r for r in records if r["subdir"] == where), subdir=where) for where in (subdir, "noarch")
        }
        return open_channel(write_channel(tmp_path / str(next(counter)), documents), subdirs=[subdir])

    return make


def build(channel: Channel, filename: str) -> ChannelRecord:
    found = channel.find(filename)
    assert found is not None
    return found


def names(records: Sequence[ChannelRecord]) -> list[str]:
    return [found.filename for found in records]


def test_the_closure_holds_every_requirement_and_not_the_build_itself(make_channel: MakeChannel) -> None:
    channel = make_channel(
        record("a", "1.0", "b >=2", "__glibc >=2.17"),
        record("b", "1.0"),
        record("b", "2.0", "c"),
        record("c", subdir="noarch", noarch="generic"),
        record("unrelated"),
    )
    found = resolve([channel], build(channel, "a-1.0-0.conda"), subdir="linux-64")
    assert names(found) == ["b-2.0-0.conda", "c-1.0-0.conda"]
    assert found == tuple(channel.records("b")[1:] + channel.records("c"))


def test_the_exact_build_is_solved_for_though_better_ones_exist(make_channel: MakeChannel) -> None:
    channel = make_channel(record("a", "1.0", "old"), record("a", "2.0", "new"), record("old"), record("new"))
    assert names(resolve([channel], build(channel, "a-1.0-0.conda"), subdir="linux-64")) == ["old-1.0-0.conda"]


@pytest.mark.parametrize("version", ["1!2.0", "1.0+local.1", "2024a", "1.0_1"])
def test_versions_that_need_care_in_a_spec_are_no_trouble(make_channel: MakeChannel, version: str) -> None:
    channel = make_channel(record("a", version, "b"), record("b"))
    [target] = channel.records("a")
    assert names(resolve([channel], target, subdir="linux-64")) == ["b-1.0-0.conda"]


def test_an_artifact_that_no_channel_has_is_solved_by_its_own_metadata(make_channel: MakeChannel) -> None:
    elsewhere = make_channel(record("a", "1.0", "b", constrains=["c <2"]))
    channel = make_channel(record("a", "9.0"), record("b", "1.0", "c"), record("c", "1.0"), record("c", "2.0"))
    own = build(elsewhere, "a-1.0-0.conda").index
    assert names(resolve([channel], own, subdir="linux-64")) == ["b-1.0-0.conda", "c-1.0-0.conda"]


def test_an_earlier_channel_hides_the_packages_of_later_ones(make_channel: MakeChannel) -> None:
    first = make_channel(record("a", "1.0", "b"), record("b", "1.0"))
    second = make_channel(record("b", "2.0"))
    assert resolve([first, second], build(first, "a-1.0-0.conda"), subdir="linux-64") == first.records("b")
    assert resolve([second, first], build(first, "a-1.0-0.conda"), subdir="linux-64") == second.records("b")


def test_a_hidden_version_does_not_help(make_channel: MakeChannel) -> None:
    first = make_channel(record("a", "1.0", "b >=2"), record("b", "1.0"))
    second = make_channel(record("b", "2.0"))
    with pytest.raises(Unrepresentable) as caught:
        resolve([first, second], build(first, "a-1.0-0.conda"), subdir="linux-64")
    assert caught.value.code is Code.UNSOLVABLE
    assert "b >=2" in caught.value.message
    assert second.url not in caught.value.message or "strict" in caught.value.message
    assert ".invalid" not in caught.value.message


def test_a_missing_requirement_is_explained_shortly(make_channel: MakeChannel) -> None:
    channel = make_channel(
        record("a", "1.0", *(f"b{i}" for i in range(40))),
        *(record(f"b{i}", "1.0", "gone") for i in range(40)),
    )
    with pytest.raises(Unrepresentable) as caught:
        resolve([channel], build(channel, "a-1.0-0.conda"), subdir="linux-64")
    assert caught.value.subject == "a-1.0-0.conda"
    assert "gone" in caught.value.message
    assert len(caught.value.message.splitlines()) < 20


def test_a_record_that_was_set_aside_is_never_chosen(make_channel: MakeChannel) -> None:
    channel = make_channel(record("a", "1.0", "b"), record("b", "1.0"), record("b", "2.0", size=-1))
    assert names(resolve([channel], build(channel, "a-1.0-0.conda"), subdir="linux-64")) == ["b-1.0-0.conda"]


def test_track_features_and_build_numbers_decide_as_in_conda(make_channel: MakeChannel) -> None:
    channel = make_channel(
        record("a", "1.0", "b", "c"),
        record("b", build="plain"),
        record("b", build="special", build_number=5, track_features="special"),
        record("c", build="0"),
        record("c", build="1", build_number=1),
    )
    found = resolve([channel], build(channel, "a-1.0-0.conda"), subdir="linux-64")
    assert names(found) == ["b-1.0-plain.conda", "c-1.0-1.conda"]


def test_conditions_extras_and_flags_of_newer_repodata_are_solved(make_channel: MakeChannel) -> None:
    channel = make_channel(
        record(
            "a",
            "1.0",
            'linux[when="__linux"]',
            'windows[when="__win"]',
            "b[extras=[gui]]",
            'c[flags=["cuda"]]',
        ),
        record("linux"),
        record("b", extra_depends={"gui": ["qt"], "docs": ["sphinx"]}),
        record("qt"),
        record("c", build="cpu", build_number=9),
        record("c", build="cuda", flags=["cuda"]),
    )
    found = resolve([channel], build(channel, "a-1.0-0.conda"), subdir="linux-64")
    assert names(found) == ["b-1.0-0.conda", "c-1.0-cuda.conda", "linux-1.0-0.conda", "qt-1.0-0.conda"]


@pytest.mark.parametrize(
    ("subdir", "virtual"),
    [("linux-64", "__linux"), ("linux-aarch64", "__glibc"), ("osx-arm64", "__osx"), ("win-64", "__win")],
)
def test_the_target_platform_is_imagined_and_not_this_machine(
    make_channel: MakeChannel, monkeypatch: pytest.MonkeyPatch, subdir: str, virtual: str
) -> None:
    for name in ("LINUX", "GLIBC", "OSX", "WIN"):
        monkeypatch.setenv(f"CONDA_OVERRIDE_{name}", "")
    others = {"__linux", "__osx", "__win"} - {virtual, "__linux" if "linux" in subdir else ""}
    channel = make_channel(
        record("a", "1.0", "b", subdir=subdir),
        record("b", build="here", subdir=subdir, depends=[virtual]),
        *(record("b", build=f"n{i}", subdir=subdir, build_number=9, depends=[o]) for i, o in enumerate(sorted(others))),
        subdir=subdir,
    )
    assert names(resolve([channel], build(channel, "a-1.0-0.conda"), subdir=subdir)) == ["b-1.0-here.conda"]


def test_a_gpu_and_a_newer_processor_are_imagined_only_where_the_build_needs_them(
    make_channel: MakeChannel,
) -> None:
    channel = make_channel(
        record("plain", "1.0", "lib"),
        record("gpu", "1.0", "lib", "__cuda >=12"),
        record("fast", "1.0", "lib", "level >=3"),
        record("level", "3", "__archspec 1.* x86_64_v3"),
        record("level", "4", "__archspec 1.* x86_64_v4"),
        record("lib", build="plain"),
        record("lib", build="cuda", build_number=9, depends=["__cuda"]),
        record("lib", build="v4", build_number=99, depends=["__archspec 1.* x86_64_v4"]),
    )

    def closure(name: str) -> list[str]:
        return names(resolve([channel], build(channel, f"{name}-1.0-0.conda"), subdir="linux-64"))

    assert closure("plain") == ["lib-1.0-plain.conda"]
    assert closure("gpu") == ["lib-1.0-cuda.conda"]
    assert closure("fast") == ["level-3-0.conda", "lib-1.0-plain.conda"]


def test_a_given_machine_replaces_the_imagined_one(make_channel: MakeChannel) -> None:
    channel = make_channel(record("a", "1.0", "__glibc >=2.28"))
    target = build(channel, "a-1.0-0.conda")
    assert resolve([channel], target, subdir="linux-64", virtual_packages=[VirtualPackage("__glibc", "2.28")]) == ()
    with pytest.raises(Unrepresentable):
        resolve([channel], target, subdir="linux-64", virtual_packages=[VirtualPackage("__glibc", "2.17")])


def test_there_is_one_machine_unless_something_asks_for_more() -> None:
    assert len(list(machines("linux-64", needed=["__glibc"]))) == 1
    assert len(list(machines("linux-64", needed=["__archspec"]))) == 4
    assert len(list(machines("linux-64", needed=["__cuda"]))) == 2
    [unknown] = machines("zos-z", needed=[])
    assert VirtualPackage("__archspec", "1", "z") in unknown


def test_solving_works_in_threads_and_inside_a_running_loop(make_channel: MakeChannel) -> None:
    channel = make_channel(record("a", "1.0", "b"), record("b"))
    target = build(channel, "a-1.0-0.conda")

    def closure(_: int = 0) -> list[str]:
        return names(resolve([channel], target, subdir="linux-64"))

    async def inside() -> list[str]:
        return closure()

    assert asyncio.run(inside()) == ["b-1.0-0.conda"]
    with ThreadPoolExecutor(4) as executor:
        assert list(executor.map(closure, range(8))) == [["b-1.0-0.conda"]] * 8


def test_each_spec_gives_the_best_build_that_can_be_installed(make_channel: MakeChannel) -> None:
    channel = make_channel(record("a", "1.0"), record("a", "2.0"), record("a", "3.0", "gone"), record("b", build="x"))
    found = resolve_specs([channel], ["a", "a <2", "b[build=x]", "a ==2.0"], subdir="linux-64")
    assert names(found) == ["a-2.0-0.conda", "a-1.0-0.conda", "b-1.0-x.conda"]


@pytest.mark.parametrize(
    ("spec", "kind", "code"),
    [
        ("zzz", Unsupported, Code.NO_MATCH),
        ("a >9", Unsupported, Code.NO_MATCH),
        ("a 3.*", Unrepresentable, Code.UNSOLVABLE),
        ("a[", InvalidInput, Code.BAD_SPEC),
        ("*", InvalidInput, Code.BAD_SPEC),
        ("a*", InvalidInput, Code.BAD_SPEC),
        ("conda-forge::a", InvalidInput, Code.BAD_SPEC),
    ],
)
def test_a_spec_without_an_answer_is_refused(
    make_channel: MakeChannel, spec: str, kind: type[Exception], code: Code
) -> None:
    channel = make_channel(record("a", "1.0"), record("a", "3.0", "gone"))
    with pytest.raises(kind) as caught:
        resolve_specs([channel], [spec], subdir="linux-64")
    assert getattr(caught.value, "code", None) is code


def test_the_name_in_a_spec() -> None:
    assert required_name("Numpy >=1.2,<2") == "numpy"
    assert required_name('a[when="python >=3"]') == "a"
    assert required_name("a[") is None


@pytest.mark.corpus
def test_a_real_package_is_resolved_over_the_channel_that_it_came_from(miniforge: Path) -> None:
    channel = open_channel(miniforge, subdirs=["linux-64"])
    target = build(channel, "libmambapy-1.5.12-py312hbaee817_0.conda")
    found = resolve([channel], target, subdir="linux-64")
    assert len(found) == 46
    assert {"libmamba", "fmt", "openssl", "yaml-cpp", "python", "krb5"} < {r.index.name for r in found}
    assert found == resolve([channel], target.index, subdir="linux-64")


@pytest.mark.corpus
def test_every_package_of_a_whole_environment_resolves(miniforge: Path) -> None:
    channel = open_channel(miniforge, subdirs=["linux-64"])
    for name in channel.names:
        for found in channel.records(name):
            resolve([channel], found, subdir="linux-64")
