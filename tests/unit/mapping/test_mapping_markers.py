"""Markers as conditions: active exactly where `packaging` says that the requirement is."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from rattler import BuildString, Gateway, GenericVirtualPackage, MatchSpec, PackageName, solve
from rattler import Version as RattlerVersion

from bridge.errors import Code, InvalidInput, Unsupported
from bridge.mapping.marker_targets import Implementation, System, Target
from bridge.mapping.markers import conditions, evaluate, to_when
from bridge.mapping.versions import to_conda
from bridge.model.conda import Subdir
from tests.support.when_conditions import holds

if TYPE_CHECKING:
    from pathlib import Path

LINUX = ("__unix", "__linux")
NOARCH = Target(Subdir("noarch"))
MODERN = Target(Subdir("noarch"), SpecifierSet(">=3.9"))
PYTHONS = [f"3.{minor}.{patch}" for minor in range(9, 15) for patch in (0, 1, 7)] + ["3.11.0rc1", "3.14.0a7"]
PLATFORMS = {
    "linux-64": ("linux", "posix", "Linux", "x86_64", {"__linux", "__unix"}),
    "linux-aarch64": ("linux", "posix", "Linux", "aarch64", {"__linux", "__unix"}),
    "osx-64": ("darwin", "posix", "Darwin", "x86_64", {"__osx", "__unix"}),
    "osx-arm64": ("darwin", "posix", "Darwin", "arm64", {"__osx", "__unix"}),
    "win-64": ("win32", "nt", "Windows", "AMD64", {"__win"}),
    "win-arm64": ("win32", "nt", "Windows", "ARM64", {"__win"}),
}

#: as METADATA of wheels on PyPI has them, and the traps in them.
PRACTICE = """
python_version < "3.8"
python_version < "3.9"
python_version < "3.10"
python_version < "3.11"
python_version < "3.12"
python_version <= "3.9"
python_version <= "3.10"
python_version <= "3.12"
python_version > "3.9"
python_version > "3"
python_version > "3.13"
python_version >= "3"
python_version >= "3.0"
python_version >= "3.9"
python_version >= "3.10"
python_version >= "3.12"
python_version >= "3.14"
python_version == "3.9"
python_version == "3.10"
python_version == "3.1"
python_version == "3.10.*"
python_version == "3.*"
python_version != "3.9"
python_version != "3.10.*"
python_version != "3.4"
python_version ~= "3.9"
python_version ~= "3.10"
python_version === "3.11"
python_version < "3"
python_version < "4"
python_version < "4.0"
python_version == "2.7"
python_version < "3.9.1"
python_version >= "3.9.1"
python_version == "3.9.1"
python_version <= "3.10.5"
python_version in "3.9 3.10"
python_version in "3.8, 3.9, 3.11"
python_version in "3.10"
python_version not in "3.10"
python_version not in "2.6, 2.7, 3.0, 3.1"
python_version not in "3.9 3.12"
"3.9" <= python_version
"3.12" > python_version
"3.1" in python_version
"3.1" not in python_version
python_version >= "abc"
python_version < "3.9.*"
python_full_version < "3.11.0a7"
python_full_version < "3.11.0"
python_full_version <= "3.11.0a6"
python_full_version < "3.10.2"
python_full_version >= "3.9.1"
python_full_version >= "3.11"
python_full_version > "3.11.0"
python_full_version == "3.10.1"
python_full_version == "3.10.*"
python_full_version != "3.9.0"
python_full_version != "3.9.0" and python_full_version != "3.9.1"
python_full_version ~= "3.9.1"
python_full_version < "3.11a7"
python_full_version === "3.9.1"
python_full_version === "3.9"
"3.11.1" <= python_full_version
implementation_version >= "3.10"
sys_platform == "win32"
sys_platform != "win32"
sys_platform == "linux"
sys_platform == "darwin"
sys_platform != "darwin"
sys_platform == "linux2"
sys_platform == "cygwin"
sys_platform == "emscripten"
sys_platform != "emscripten"
sys_platform == "win32" or sys_platform == "cygwin"
sys_platform in "linux darwin"
sys_platform in "linux,win32"
sys_platform not in "darwin win32"
"linux" in sys_platform
"win" in sys_platform
"win32" == sys_platform
"bsd" not in sys_platform
platform_system == "Windows"
platform_system != "Windows"
platform_system == "Linux"
platform_system == "Darwin"
platform_system == "Java"
platform_system == "windows"
platform_system in "Linux Darwin"
os_name == "nt"
os_name != "nt"
os_name == "posix"
os_name == "posix" and sys_platform != "darwin"
os_name == "java"
os.name == "nt"
sys.platform == "win32"
platform_machine == "x86_64"
platform_machine != "x86_64"
platform_machine == "aarch64"
platform_machine == "arm64"
platform_machine == "AMD64"
platform_machine == "x86_64" or platform_machine == "AMD64"
platform_machine in "x86_64 X86_64 aarch64 AARCH64 ppc64le PPC64LE amd64 AMD64 win32 WIN32"
platform_machine not in "armv7l ppc64le"
platform_machine != "arm64" or sys_platform != "darwin"
platform_system == "Linux" and platform_machine == "x86_64"
platform_system == "Darwin" and platform_machine == "arm64" and python_version >= "3.12"
sys_platform == "linux" and platform_machine != "s390x" and python_version < "3.13"
platform_python_implementation == "CPython"
platform_python_implementation != "PyPy"
platform_python_implementation == "PyPy"
python_implementation == "CPython"
implementation_name == "cpython"
implementation_name != "pypy"
implementation_name == "pypy"
platform_python_implementation == "CPython" and python_version < "3.12"
platform_python_implementation != "PyPy" and sys_platform == "win32"
python_version >= "3.8" and python_version < "4.0"
python_version >= "3.9" and python_version < "3.12"
python_version < "3.10" or python_version >= "3.13"
python_version == "3.9" or python_version == "3.11" or python_version == "3.13"
python_version >= "3.9" and python_version != "3.10" and python_version != "3.12"
python_version < "3.11" and sys_platform == "win32"
python_version < "3.11" or sys_platform == "win32"
(python_version < "3.10" or sys_platform == "darwin") and os_name == "posix"
(python_version >= "3.12" and sys_platform == "linux") or (python_version < "3.10" and sys_platform == "win32")
sys_platform == "linux" and python_version < "3.10" or sys_platform == "darwin" and python_version < "3.12"
sys_platform == "win32" and python_version >= "3.10" or sys_platform != "win32" and python_version >= "3.12"
((sys_platform == "linux" or sys_platform == "win32") and (python_version == "3.9" or python_version == "3.10"))
(os_name == "nt" or sys_platform == "linux") and python_full_version >= "3.9.1"
sys_platform == "win32" and sys_platform == "linux"
sys_platform == "win32" or sys_platform != "win32"
python_version < "3.9" and python_version >= "3.12"
""".strip().splitlines()


def environment(platform: str, python: str, extra: str = "") -> dict[str, str]:
    sys_platform, os_name, platform_system, machine, _ = PLATFORMS[platform]
    release = Version(python).release
    return {
        "implementation_name": "cpython",
        "implementation_version": python,
        "os_name": os_name,
        "platform_machine": machine,
        "platform_release": "5.14.0",
        "platform_system": platform_system,
        "platform_version": "#1 SMP",
        "python_full_version": python,
        "platform_python_implementation": "CPython",
        "python_version": f"{release[0]}.{release[1]}",
        "sys_platform": sys_platform,
        "extra": extra,
    }


def active(marker: Marker, target: Target, platform: str, python: str) -> bool:
    """Whether the translated condition holds on a machine."""
    condition = evaluate(marker, target)
    if condition.never:
        return False
    answer = to_when(condition)
    assert answer.exact
    return holds(answer.when, to_conda(Version(python)), PLATFORMS[platform][4])


@pytest.mark.parametrize("text", PRACTICE)
def test_a_platform_package_requires_what_packaging_says(text: str) -> None:
    marker = Marker(text)
    for platform in PLATFORMS:
        target = Target(Subdir(platform))
        for python in PYTHONS:
            wanted = marker.evaluate(environment(platform, python))
            assert active(marker, target, platform, python) == wanted, (platform, python)


@pytest.mark.parametrize("target", [NOARCH, MODERN], ids=["any-python", "python-3.9"])
@pytest.mark.parametrize("text", PRACTICE)
def test_a_noarch_package_requires_what_packaging_says_or_is_known_not_to(text: str, target: Target) -> None:
    marker = Marker(text)
    condition = evaluate(marker, target)
    assert condition.exact
    if condition.needs_machine:
        assert "platform_machine" in text
        assert not to_when(condition).exact
        return
    for platform, python in itertools.product(PLATFORMS, PYTHONS):
        if python in target.python or not target.python:
            wanted = marker.evaluate(environment(platform, python))
            assert active(marker, target, platform, python) == wanted, (platform, python)


@pytest.mark.parametrize("text", [text for text in PRACTICE if "full" not in text and "implementation_v" not in text])
def test_nothing_is_left_open_for_one_minor_of_one_platform(text: str) -> None:
    for minor in range(9, 15):
        condition = evaluate(Marker(text), Target(Subdir("linux-64"), SpecifierSet(f"==3.{minor}.*")))
        wanted = Marker(text).evaluate(environment("linux-64", f"3.{minor}.1"))
        assert (condition.always, condition.never) == (wanted, not wanted), minor


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ('python_version < "3.10"', "python<3.10dev0"),
        ('python_version <= "3.9"', "python<3.10dev0"),
        ('python_version >= "3.12"', "python>=3.12dev0"),
        ('python_version > "3.11"', "python>=3.12dev0"),
        ('python_version != "3.10"', "python!=3.10.*"),
        ('python_version == "3.10"', "python>=3.10dev0 and python<3.11dev0"),
        ('python_full_version < "3.11.0a7"', "python<3.11.0a7"),
        ('sys_platform != "win32"', "__unix"),
        ('sys_platform == "linux" or os_name == "nt"', "__linux or __win"),
        ('os_name == "posix" and python_version < "3.12"', "python<3.12dev0 and __unix"),
        ('sys_platform != "darwin" and python_version < "3.12"', "python<3.12dev0 and (__linux or __win)"),
        ('sys_platform == "win32" or python_version < "3.12"', "python<3.12dev0 or __win"),
        ('platform_system == "Linux" or sys_platform == "darwin" or os_name == "nt"', ""),
        ('python_version >= "3.8" and python_version < "4"', ""),
    ],
)  # fmt: skip
def test_conditions_read_as_people_would_write_them(text: str, when: str) -> None:
    answer = to_when(evaluate(Marker(text), MODERN))
    assert answer.exact
    assert answer.when in (when, " or ".join(reversed(when.split(" or "))))


@pytest.mark.parametrize(
    "text",
    ['platform_release >= "5"', 'platform_version == "1"', 'python_full_version in "3.9.1 3.9.2"', '"a" in extras'],
)
def test_what_cannot_be_known_counts_as_true_and_is_reported(text: str) -> None:
    both = Marker(f'{text} and sys_platform == "win32"')
    condition = evaluate(both, MODERN)
    assert not condition.exact
    assert to_when(condition).when == "__win"
    assert evaluate(Marker(f'{text} and python_version < "3.8"'), MODERN).never


@pytest.mark.parametrize("variable", ["python_version", "python_full_version"])
def test_numbers_beyond_measure_are_unknown(variable: str) -> None:
    assert not evaluate(Marker(f'{variable} >= "{"9" * 5000}"'), MODERN).exact


def test_an_unknown_alternative_of_what_holds_anyway_is_no_loss() -> None:
    condition = evaluate(Marker('platform_release >= "5" or python_version >= "3.9"'), MODERN)
    assert condition.exact
    assert condition.always


def test_the_version_of_pypy_itself_is_unknown() -> None:
    target = Target(Subdir("linux-64"), implementations=(Implementation.PYPY,))
    assert not evaluate(Marker('implementation_version >= "7.3"'), target).exact
    assert evaluate(Marker('implementation_name == "pypy"'), target).always


def test_implementations_that_differ_cannot_share_a_condition() -> None:
    target = Target(Subdir("linux-64"), implementations=(Implementation.CPYTHON, Implementation.PYPY))
    condition = evaluate(Marker('implementation_name == "cpython"'), target)
    assert condition.needs_machine
    assert to_when(condition).exact is False


def test_a_noarch_package_for_some_systems_knows_only_those() -> None:
    target = Target(Subdir("noarch"), systems=(System.WIN,))
    assert evaluate(Marker('sys_platform == "win32"'), target).always
    assert evaluate(Marker('sys_platform == "linux"'), target).never


def test_pieces_of_single_versions_are_widened_and_said_to_be() -> None:
    text = 'python_full_version == "3.9.1" or python_full_version == "3.9.7"'
    answer = to_when(evaluate(Marker(text), NOARCH))
    assert not answer.exact
    assert holds(answer.when, "3.9.1", set())
    assert holds(answer.when, "3.9.7", set())


def test_a_condition_that_never_holds_has_no_when() -> None:
    with pytest.raises(ValueError, match="never holds"):
        to_when(evaluate(Marker('python_version < "3"'), MODERN))


def test_extras_become_groups_and_keep_the_rest_of_the_marker() -> None:
    marker = Requirement('x; extra == "Dev_Tools" and python_version < "3.11"').marker
    grouped = conditions(marker, MODERN, [canonicalize_name("dev.tools"), canonicalize_name("other")])
    assert grouped.base.never
    assert [(name, to_when(condition).when) for name, condition in grouped.groups] == [("dev-tools", "python<3.11dev0")]
    assert grouped.unsaid == ()


def test_an_extra_that_widens_a_condition_has_a_group_beside_the_base() -> None:
    marker = Requirement('x; extra == "all" or sys_platform == "win32"').marker
    grouped = conditions(marker, MODERN, [canonicalize_name("all"), canonicalize_name("b")])
    assert to_when(grouped.base).when == "__win"
    assert [(name, to_when(condition).when) for name, condition in grouped.groups] == [("all", "")]


def test_an_extra_that_takes_a_requirement_away_is_reported() -> None:
    grouped = conditions(Marker('extra != "slim"'), MODERN, [canonicalize_name("slim")])
    assert grouped.base.always
    assert grouped.groups == ()
    assert grouped.unsaid == ("slim",)


def test_no_marker_holds_everywhere() -> None:
    grouped = conditions(None, MODERN, [canonicalize_name("x")])
    assert grouped.base.always
    assert grouped.groups == ()


def test_unknown_platforms_are_refused() -> None:
    with pytest.raises(Unsupported) as caught:
        evaluate(None, Target(Subdir("zos-z")))
    assert caught.value.code is Code.PLATFORM


def test_deep_nesting_is_refused() -> None:
    text = "(" * 60 + 'os_name == "nt"' + ' or python_version < "3")' * 60
    with pytest.raises(InvalidInput) as caught:
        evaluate(Marker(text), NOARCH)
    assert caught.value.code is Code.BAD_METADATA


async def solved(channel: Path, python: str, names: list[str]) -> set[str]:
    virtual = [GenericVirtualPackage(PackageName(name), RattlerVersion("1"), BuildString("0")) for name in LINUX]
    records = await solve(
        [channel.as_uri()],
        [MatchSpec(f"python =={python}"), *map(MatchSpec, names)],
        gateway=Gateway(cache_dir=channel / "cache"),
        platforms=["linux-64", "noarch"],
        virtual_packages=virtual,
    )
    return {record.name.normalized for record in records}


def test_the_solver_follows_the_conditions(tmp_path: Path) -> None:
    texts = [
        'python_version < "3.10"',
        'python_version >= "3.12" and sys_platform != "win32"',
        'python_version < "3.12" or sys_platform == "darwin"',
        'python_version != "3.10" and sys_platform != "darwin"',
        'python_version == "3.9" and os_name == "posix" or python_version == "3.12" and os_name == "nt"',
    ]
    pythons = ["3.9.18", "3.10.4", "3.12.0rc1", "3.12.2"]

    def record(name: str, version: str, *depends: str, schema: int = 1) -> dict[str, Any]:
        plain = {"build": "0", "build_number": 0, "size": 1, "subdir": "noarch", "noarch": "generic", "timestamp": 1}
        digests = {"md5": "0" * 32, "sha256": "0" * 64}
        return {**plain, **digests, "name": name, "version": version, "depends": depends, "schema_version": schema}

    packages = {f"python-{python}-0.conda": record("python", python) for python in pythons}
    conditional = {}
    for number, text in enumerate(texts):
        packages[f"dep{number}-1-0.conda"] = record(f"dep{number}", "1")
        when = to_when(evaluate(Marker(text), NOARCH)).when
        conditional[f"user{number}-1-0"] = record(f"user{number}", "1", f'dep{number}[when="{when}"]', schema=3)
    for subdir, document in {
        "noarch": {"packages.conda": packages, "v3": {"conda": conditional}},
        "linux-64": {"packages.conda": {}},
    }.items():
        (tmp_path / subdir).mkdir()
        (tmp_path / subdir / "repodata.json").write_text(
            json.dumps({"info": {"subdir": subdir}, "packages": {}, "repodata_version": 1, **document})
        )
    for python in pythons:
        found = asyncio.run(solved(tmp_path, python, [f"user{number}" for number in range(len(texts))]))
        for number, text in enumerate(texts):
            wanted = Marker(text).evaluate(environment("linux-64", python))
            assert (f"dep{number}" in found) == wanted, (python, text)
