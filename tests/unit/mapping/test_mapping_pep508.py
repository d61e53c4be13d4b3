"""Requirements of wheels as requirements of conda packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from rattler import MatchSpec, Version, VersionSpec

from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.mapping.marker_targets import Target
from bridge.mapping.pep508 import CondaRequirementAnswer, conda_requirement, to_conda_spec
from bridge.mapping.pypi_names import PypiNames, PypiNameSource
from bridge.mapping.tables import load_tables
from bridge.model.conda import Subdir

if TYPE_CHECKING:
    from pathlib import Path

OVERLAY = """
same: [numpy, requests]
python: {ruamel.yaml: ruamel-yaml, left-gpu: twins, right-cpu: twins}
native: [openssl]
"""
V3 = Target(Subdir("noarch"), SpecifierSet(">=3.9"))
V1 = Target(Subdir("noarch"), SpecifierSet(">=3.9"), conditional=False)
LINUX = Target(Subdir("linux-64"), SpecifierSet("==3.12.*"), conditional=False)


@pytest.fixture(scope="module")
def overlay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("overlay") / "names.yaml"
    path.write_text(OVERLAY)
    return path


@pytest.fixture
def names(overlay: Path) -> PypiNames:
    return PypiNames(load_tables([overlay]))


def translate(
    text: str, names: PypiNames, target: Target, *extras: str
) -> tuple[list[tuple[str | None, str]], list[Code]]:
    answer = conda_requirement(
        Requirement(text), names, target, extras=[canonicalize_name(extra) for extra in extras], subject="w.whl"
    )
    return said(answer), [loss.code for loss in answer.losses]


def said(answer: CondaRequirementAnswer) -> list[tuple[str | None, str]]:
    return [(dependency.group, str(dependency)) for dependency in answer.dependencies]


@pytest.mark.parametrize(
    ("specifiers", "spec"),
    [
        ("", ""),
        ("==1.2", "==1.2"),
        ("==1.2.*", "1.2.*"),
        ("!=1.2", "!=1.2"),
        ("!=1.2.*", "!=1.2.*"),
        (">=1.2,<2", ">=1.2,<2dev0"),
        ("<2.0", "<2dev0"),
        ("<2.0.0", "<2dev0"),
        ("<2.1.0", "<2.1dev0"),
        ("<0", "<0dev0"),
        ("<1!2.0", "<1!2dev0"),
        ("<2.0a1", "<2.0a1"),
        ("<2.0.dev3", "<2.0dev3"),
        ("<2.0.post1", "<2.0.post1"),
        ("<=2.0", "<=2.0"),
        (">1.0", ">1.0"),
        ("~=1.4", ">=1.4,1.*"),
        ("~=1.4.2", ">=1.4.2,1.4.*"),
        ("~=1.4.2rc1", ">=1.4.2rc1,1.4.*"),
        ("~=2!1.4", ">=2!1.4,2!1.*"),
        (">=1.0.dev1", ">=1.0dev1"),
        (">=1.0-ALPHA.1", ">=1.0a1"),
        ("==1!1.0", "==1!1.0"),
        ("<3,>=1,!=2.1,!=2.0.*", ">=1,<3dev0,!=2.0.*,!=2.1"),
    ],
)
def test_specifiers_in_condas_words(specifiers: str, spec: str) -> None:
    answer = to_conda_spec(SpecifierSet(specifiers))
    assert (answer.spec, answer.losses) == (spec, ())


def test_the_order_in_which_clauses_were_written_does_not_matter() -> None:
    assert to_conda_spec(SpecifierSet("!=2,>=1,<3")) == to_conda_spec(SpecifierSet("<3,!=2,>=1"))


@pytest.mark.parametrize(
    ("specifiers", "spec", "code"),
    [
        ("===1.0", "==1.0", Code.HULL),
        ("===1.0+cu118", "==1.0", Code.HULL),
        ("==2.1+cu118", "==2.1", Code.HULL),
        ("!=2.1+cu118", "", Code.HULL),
        ("===whatever", "", Code.VERSION_DROPPED),
    ],
)
def test_what_conda_cannot_say_is_a_loss(specifiers: str, spec: str, code: Code) -> None:
    answer = to_conda_spec(SpecifierSet(specifiers))
    assert answer.spec == spec
    assert [found for found, _ in answer.losses] == [code]


@pytest.mark.parametrize("digits", [60, 5000])
def test_versions_beyond_measure_are_refused(digits: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        to_conda_spec(SpecifierSet(f">={'9' * digits}"))
    assert caught.value.code is Code.BAD_SPEC


def test_an_upper_bound_keeps_pre_releases_of_any_spelling_out() -> None:
    spec = VersionSpec(to_conda_spec(SpecifierSet("<2.0")).spec)
    for version in ("2a1", "2.0a1", "2.0.0rc1", "2dev0", "2.0dev1", "2.0"):
        assert not spec.matches(Version(version)), version
    assert spec.matches(Version("1.99.99"))


def test_a_plain_requirement_reads_the_same_everywhere(names: PypiNames) -> None:
    for target in (V3, V1, LINUX):
        assert translate("Requests>=2,<3", names, target) == ([(None, "requests >=2,<3dev0")], [])
        assert translate("requests", names, target) == ([(None, "requests")], [])


def test_a_condition_goes_into_when_only_where_it_may(names: PypiNames) -> None:
    text = 'numpy>=1.26; python_version >= "3.12" and sys_platform != "win32"'
    assert translate(text, names, V3) == (
        [(None, 'numpy[version=">=1.26",when="python>=3.12dev0 and __unix"]')],
        [],
    )
    assert translate(text, names, V1) == ([(None, "numpy >=1.26")], [Code.CONDITION])
    assert translate(text, names, LINUX) == ([(None, "numpy >=1.26")], [])


def test_a_requirement_of_other_environments_is_left_out_without_loss(names: PypiNames) -> None:
    for text in (
        'numpy; sys_platform == "win32"',
        'numpy; python_version < "3.8"',
        'nobody-knows; sys_platform == "win32"',
        'x @ https://example.org/x.whl ; sys_platform == "win32"',
    ):
        answer = conda_requirement(Requirement(text), names, LINUX)
        assert (answer.name, answer.dependencies, answer.losses) == (None, (), ()), text


def test_machines_cannot_be_told_apart_by_a_noarch_package(names: PypiNames) -> None:
    text = 'numpy; platform_machine == "aarch64"'
    assert translate(text, names, V3) == ([(None, 'numpy[when="__linux"]')], [Code.CONDITION])
    assert translate(text, names, LINUX) == ([], [])


def test_extras_of_a_requirement_need_repodata_v3(names: PypiNames) -> None:
    assert translate("requests[Socks,use_chardet]>=2", names, V3) == (
        [(None, 'requests[version=">=2",extras=[socks,use-chardet]]')],
        [],
    )
    assert translate("requests[socks]>=2", names, V1) == ([(None, "requests >=2")], [Code.QUALIFIER])


def test_extras_of_the_wheel_are_groups(names: PypiNames) -> None:
    text = 'numpy>=1; extra == "fast" and python_version < "3.11"'
    assert translate(text, names, V3, "fast", "slow") == (
        [("fast", 'numpy[version=">=1",when="python<3.11dev0"]')],
        [],
    )
    assert translate(text, names, V3, "slow") == ([], [])


def test_an_extra_that_takes_away_is_a_loss(names: PypiNames) -> None:
    assert translate('numpy; extra != "slim"', names, V3, "slim") == ([(None, "numpy")], [Code.CONDITION])


@pytest.mark.parametrize("address", ["https://user:secret@example.org/x-1.whl", "git+https://example.org/x"])
def test_addresses_are_refused_and_not_repeated(address: str, names: PypiNames) -> None:
    with pytest.raises(Unrepresentable) as caught:
        conda_requirement(Requirement(f"numpy @ {address}"), names, V3, subject="w.whl")
    assert caught.value.code is Code.NAME_REFUSED
    assert "example.org" not in str(caught.value)
    assert caught.value.subject == "w.whl"


def test_several_candidates_are_a_question(names: PypiNames) -> None:
    answer = conda_requirement(Requirement("Twins>=1"), names, V3)
    assert answer.name is not None
    assert answer.name.source is PypiNameSource.AMBIGUOUS
    assert answer.name.candidates == ("left-gpu", "right-cpu")
    assert answer.dependencies == ()
    assert [loss.code for loss in answer.losses] == [Code.UNMAPPED_NAME]
    assert "left-gpu, right-cpu" in answer.losses[0].detail


def test_names_come_with_source_and_confidence(names: PypiNames) -> None:
    overlaid = names.lookup("RUAMEL.yaml")
    assert (overlaid.conda, overlaid.source, overlaid.confidence) == ("ruamel.yaml", PypiNameSource.OVERLAY, 1.0)
    known = names.lookup("torch")
    assert (known.conda, known.source) == ("pytorch", PypiNameSource.PREFERRED)
    unknown = names.lookup("nobody-knows-this")
    assert (unknown.conda, unknown.source, unknown.confidence) == (None, PypiNameSource.UNMAPPED, 0.0)


def test_the_same_name_is_assumed_only_where_allowed_and_free(overlay: Path) -> None:
    names = PypiNames(load_tables([overlay]), assume_same=True)
    answer = names.lookup("Nobody_Knows")
    assert (answer.conda, answer.source) == ("nobody-knows", PypiNameSource.SAME_NAME)
    assert answer.confidence < 0.5
    for taken in ("openssl", "python", "left-gpu", "blas", "n" * 65):
        assert names.lookup(taken).conda is None, taken


def test_a_user_who_calls_a_package_native_takes_it_from_python(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("native: [pytorch]\n")
    plain, changed = PypiNames(load_tables()).lookup("torch"), PypiNames(load_tables([path])).lookup("torch")
    assert plain.conda == "pytorch" or "pytorch" in plain.candidates
    assert changed.conda != "pytorch"
    assert "pytorch" not in changed.candidates


@pytest.mark.parametrize(
    "text",
    [
        "numpy",
        "numpy>=1.2,!=1.5.*,<2",
        "numpy~=1.4.2; python_version >= '3.10'",
        "requests[a,b]==2.*; sys_platform != 'darwin'",
        "requests; python_version in '3.9 3.11 3.13' or os_name == 'nt'",
    ],
)
def test_every_spec_is_read_by_the_solver_as_it_was_meant(text: str, names: PypiNames) -> None:
    answer = conda_requirement(Requirement(text), names, V3)
    for dependency in answer.dependencies:
        spec = MatchSpec(str(dependency), strict=True)
        assert spec.name.normalized == dependency.name
        bracketed = MatchSpec(dependency.bracketed, strict=True)
        assert bracketed.to_canonical_string() == spec.to_canonical_string()
        assert list(spec.extras or []) == list(dependency.extras)
        assert bool(spec.condition) == bool(dependency.when)
        if dependency.version:
            assert VersionSpec(spec.version or "") == VersionSpec(dependency.version)
