"""Interpreter and ABI tags, and Requires-Python."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet

from bridge.errors import Code, InvalidInput, Unsupported
from bridge.mapping.python import PythonTags, python_support, python_tags
from bridge.model.conda import CondaName, CondaVersion, IndexJson, Noarch, Subdir


def tags(
    *depends: str,
    extensions: bool = True,
    subdir: str = "linux-64",
    noarch: Noarch = Noarch.NO,
    native_only: bool = False,
) -> PythonTags:
    index = IndexJson(CondaName("x"), CondaVersion("1"), "0", 0, Subdir(subdir), depends, noarch=noarch)
    return python_tags(index, depends, has_extensions=extensions, native_only=native_only)


def pure(*depends: str) -> PythonTags:
    return tags(*depends, extensions=False, subdir="noarch", noarch=Noarch.PYTHON)


@pytest.mark.parametrize(
    ("depends", "interpreter", "abi", "requires"),
    [
        (["python >=3.12,<3.13.0a0", "python_abi 3.12.* *_cp312"], "cp312", "cp312", ">=3.12,<3.13.0"),
        (["python >=3.13,<3.14.0a0", "python_abi 3.13.* *_cp313t"], "cp313", "cp313t", ">=3.13,<3.14.0"),
        (["python_abi 3.9 *_pypy39_pp73"], "pp39", "pypy39_pp73", "==3.9.*"),
        (["pypy3.6 >=7.3.1", "python_abi 3.6 *_pypy36_pp73"], "pp36", "pypy36_pp73", "==3.6.*"),
        (["pypy3.7 >=7.3.3"], "pp37", "pypy37_pp73", "==3.7.*"),
        (["python >=3.6,<3.7.0a0", "python_abi 3.6.* *_cp36m"], "cp36", "cp36m", ">=3.6,<3.7.0"),
        (["python >=3.6,<3.7.0a0"], "cp36", "cp36m", ">=3.6,<3.7.0"),
        (["python >=3.8,<3.9.0a0"], "cp38", "cp38", ">=3.8,<3.9.0"),
        (["python 3.5*"], "cp35", "cp35m", "==3.5.*"),
        (["python_abi 2.7.* *_cp27mu"], "cp27", "cp27mu", "==2.7.*"),
        (["python 2.7*"], "cp27", "cp27mu", "==2.7.*"),
        (["python >=3.9,<3.10.0a0 *_cpython"], "cp39", "cp39", ">=3.9,<3.10.0"),
        (["python >=3.10", "python_abi * *_cp314"], "cp314", "cp314", ">=3.10"),
        (
            ["python >=3.12.0rc3,<3.13.0a0", "python_abi 3.12.* *_cp312"],
            "cp312",
            "cp312",
            ">=3.12.0rc3,<3.13.0",
        ),
    ],
)
def test_extension_modules_get_the_tag_of_the_one_python_that_they_are_for(
    depends: list[str], interpreter: str, abi: str, requires: str
) -> None:
    answer = tags(*depends)
    assert (answer.interpreters, answer.abis) == ((interpreter,), (abi,))
    assert answer.requires_python == SpecifierSet(requires)
    assert answer.losses == ()


@pytest.mark.parametrize("subdir", ["osx-64", "win-64"])
def test_python_2_is_narrow_outside_linux(subdir: str) -> None:
    assert tags("python 2.7*", subdir=subdir).abis == ("cp27m",)


def test_a_package_without_extensions_that_is_bound_to_an_abi_keeps_the_bond() -> None:
    answer = tags("python >=3.13,<3.14.0a0", "python_abi 3.13.* *_cp313t", extensions=False)
    assert (answer.interpreters, answer.abis) == (("cp313",), ("cp313t",))


@pytest.mark.parametrize(
    ("depends", "interpreter"),
    [
        (["python >=3.9", "cpython >=3.9", "_python_abi3_support 1.*"], "cp39"),
        (["python", "cpython >=3.10", "_python_abi3_support 1.*"], "cp310"),
        (["python >=3.8", "python-gil"], "cp38"),
    ],
)
def test_noarch_python_in_a_platform_subdir_is_the_stable_abi(depends: list[str], interpreter: str) -> None:
    answer = tags(*depends, noarch=Noarch.PYTHON)
    assert (answer.interpreters, answer.abis, answer.losses) == ((interpreter,), ("abi3",), ())


@pytest.mark.parametrize(
    ("spec", "interpreters", "requires"),
    [
        ("python", ("py3",), ""),
        ("python >=3.9", ("py3",), ">=3.9"),
        ("python >=2.7", ("py2", "py3"), ">=2.7"),
        ("python <3", ("py2",), "<3"),
        ("python 2.7.*|>=3.4", ("py2", "py3"), ">=2.7,!=3.0.*,!=3.1.*,!=3.2.*,!=3.3.*"),
        ("python >=3.10,<3.11", ("py310",), ">=3.10,<3.11"),
    ],
)
def test_pure_packages_get_tags_by_their_range(spec: str, interpreters: tuple[str, ...], requires: str) -> None:
    answer = pure(spec)
    assert (answer.interpreters, answer.abis) == (interpreters, ("none",))
    assert answer.requires_python == SpecifierSet(requires)
    assert answer.losses == ()


@pytest.mark.parametrize(
    ("depends", "codes"),
    [
        (["python >=3.9", "cpython"], [Code.IMPLEMENTATION]),
        (["python >=3.9", "python-gil"], [Code.IMPLEMENTATION]),
        (["python >=3.9", "python-freethreading"], [Code.IMPLEMENTATION]),
        (["python 2.7|>=3.6"], [Code.HULL]),
        (["python 3.9.* py39_foo"], [Code.BUILD_STRING]),
        (["conda-forge::python >=3.9"], [Code.QUALIFIER]),
        (['python >=3.9[when="__win"]'], [Code.CONDITION]),
    ],
)
def test_what_no_tag_says_is_recorded(depends: list[str], codes: list[Code]) -> None:
    assert [loss.code for loss in pure(*depends).losses] == codes


def test_packages_without_python_are_for_any() -> None:
    answer = tags("openssl", native_only=True, extensions=False)
    assert (answer.interpreters, answer.abis, str(answer.requires_python)) == (("py3",), ("none",), "")


@pytest.mark.parametrize(
    "depends",
    [
        [],
        ["python"],
        ["python >=3.8"],
        ["python_abi 3.8.* *_graalpy23"],
        ["python_abi 3.9.* *_cp39", "python_abi 3.10.* *_cp310"],
        ["pypy"],
        ["python >=3.14", "_python_abi3_support", "python-freethreading"],
    ],
)
def test_a_python_that_no_tag_can_say_is_refused(depends: list[str]) -> None:
    with pytest.raises(Unsupported) as caught:
        tags(*depends)
    assert caught.value.code is Code.PYTHON_TAG


def test_a_stable_abi_without_a_floor_is_refused() -> None:
    with pytest.raises(Unsupported, match="unknown Python"):
        tags("python", "_python_abi3_support 1.*", noarch=Noarch.PYTHON)


def test_a_python_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Unsupported, match="does not exist"):
        pure("python >=3.3,<3.0a0")


def test_a_spec_that_cannot_be_read_names_the_package() -> None:
    with pytest.raises(InvalidInput) as caught:
        pure("python ===3")
    assert (caught.value.code, caught.value.subject) == (Code.BAD_SPEC, "x-1-0")


def test_what_is_not_about_python_is_left_alone() -> None:
    index = IndexJson(CondaName("x"), CondaVersion("1"), "0", 0, Subdir("linux-64"))
    support = python_support(index, ["openssl >=3", "__glibc >=2.17"])
    assert not support.needed
    assert str(support.requires_python) == ""
