"""`--set NAME=VALUE`: what it accepts, and which machine it describes."""

from __future__ import annotations

import pytest

from bridge.errors import Code, InvalidInput
from bridge.mapping.hosts import Setting, baseline, parse_set, with_settings
from bridge.model.conda import Subdir
from bridge.model.host import Host, Release

LINUX = Host(
    Subdir("linux-64"),
    cuda=Release(12, 4),
    cuda_arch=Release(8, 6),
    archspec="zen4",
    glibc=Release(2, 39),
    linux="6.8",
)


def apply(*texts: str, base: Host = LINUX) -> Host:
    return with_settings(base, map(parse_set, texts))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("cuda=12.8", Release(12, 8)),
        ("cuda=12", Release(12, 0)),
        (" cuda = 12.8 ", Release(12, 8)),
        ("cuda=", None),
        ("cuda_arch=9.0", Release(9, 0)),
        ("archspec=x86_64_v3", "x86_64_v3"),
        ("archspec=", None),
        ("glibc=2.28", Release(2, 28)),
        ("osx=14.0", Release(14, 0)),
        ("win=10", Release(10, 0)),
        ("linux=5.4.0", "5.4.0"),
        ("subdir=osx-arm64", "osx-arm64"),
    ],
)
def test_a_setting_is_read(text: str, value: object) -> None:
    assert parse_set(text) == Setting(text.partition("=")[0].strip(), value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cuda",
        "=12.8",
        "CUDA=12.8",
        "__cuda=12.8",
        "mpi=openmpi",
        "cuda=12.8.1",
        "cuda=v12",
        "cuda=-1",
        "cuda=1\u0661",
        "cuda=12.8=0",
        "cuda_arch=9999999999",
        "cuda_arch=sm_90",
        "linux=6",
        "linux=6.1-generic",
        "subdir=",
        "subdir=noarch",
        "subdir=../linux-64",
        "archspec=nosuch\x1b[31m",
    ],
)
def test_what_is_no_setting_is_refused_with_the_text_as_subject(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_set(text)
    assert caught.value.code is Code.HOST
    assert caught.value.subject is not None
    assert caught.value.subject.isprintable()
    assert text.partition("\x1b")[0] in caught.value.subject


@pytest.mark.parametrize(("text", "hint"), [("archspec=v3", "x86_64_v3"), ("archspec=hasswell", "haswell")])
def test_an_unknown_processor_gets_a_hint(text: str, hint: str) -> None:
    with pytest.raises(InvalidInput, match=f"did you mean {hint}"):
        parse_set(text)


def test_only_what_is_set_changes() -> None:
    assert apply() == LINUX
    assert apply("cuda=13.0").cuda == Release(13, 0)
    assert apply("cuda=13.0").archspec == "zen4"
    assert apply("cuda=13.0", "cuda=12.0").cuda == Release(12, 0)
    assert apply("glibc=").glibc is None


def test_without_a_driver_there_is_no_gpu() -> None:
    assert apply("cuda=").cuda_arch is None
    assert apply("cuda=", "cuda_arch=9.0").cuda_arch is None


@pytest.mark.parametrize(
    ("texts", "subdir"),
    [
        (["osx=14.0"], "osx-64"),
        (["osx=14.0", "archspec=m1"], "osx-arm64"),
        (["win=10"], "win-64"),
        (["win=10", "archspec=aarch64"], "win-arm64"),
        (["archspec=neoverse_n1"], "linux-aarch64"),
        (["archspec=power9le"], "linux-ppc64le"),
        (["archspec=i686"], "linux-32"),
        (["subdir=linux-s390x"], "linux-s390x"),
    ],
)
def test_another_platform_keeps_nothing_of_this_machine(texts: list[str], subdir: str) -> None:
    host = apply(*texts)
    assert host.subdir == subdir
    assert (host.cuda, host.cuda_arch) == (None, None)
    assert host.glibc in (None, baseline(Subdir(subdir)).glibc)


def test_arm_is_spelled_as_each_system_does() -> None:
    mac = baseline(Subdir("osx-arm64"))
    assert apply("glibc=2.28", base=mac).subdir == "linux-aarch64"
    assert apply("osx=13.0", base=baseline(Subdir("linux-aarch64"))).subdir == "osx-arm64"
    assert apply("archspec=m2", base=mac) == Host(mac.subdir, archspec="m2", osx=mac.osx)


@pytest.mark.parametrize(
    "texts",
    [
        ["subdir=linux-64", "osx=14.0"],
        ["subdir=osx-64", "glibc=2.28"],
        ["subdir=win-64", "linux=6.1"],
        ["osx=14.0", "win=10"],
        ["osx=14.0", "glibc=2.28"],
        ["subdir=linux-64", "archspec=m1"],
    ],
    ids=" ".join,
)
def test_values_of_two_machines_are_refused(texts: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        apply(*texts)
    assert caught.value.code is Code.HOST
    assert any(text.rpartition("=")[0] in str(caught.value) for text in texts)


def test_taking_away_what_the_platform_never_has_changes_nothing() -> None:
    assert apply("osx=", "win=") == LINUX
