"""Axes are data: evidence and properties in both directions, and overlays of a user."""

from __future__ import annotations

from pathlib import Path

import pytest
import rattler

from bridge.errors import Code, InvalidInput
from bridge.mapping.axes import choices_of, label_parts, load_axes, properties_of
from bridge.mapping.statements import conda_terms, requirement_of
from bridge.model.family import Bounds, HostRequirement
from bridge.model.host import Release
from bridge.model.variant import PluginProvider, Property, StaticProvider
from tests.unit.families.builds import AXES, cuda, index


@pytest.mark.parametrize(
    ("build", "depends", "flags", "expected"),
    [
        ("cuda126_mkl_h76b5ff1_303", (), (), {"gpu": "cuda12.6", "blas": "mkl"}),
        ("cpu_generic_py312_h1", (), (), {"gpu": "cpu"}),
        ("py3.10_cuda11.6_cudnn8.3.2_0", (), (), {"gpu": "cuda11.6"}),
        ("py3.6_h29a9d5c_0_cuda9.2", (), (), {"gpu": "cuda9.2"}),
        ("cuda129py311h2e1fb5d_1", (), (), {"gpu": "cuda12.9"}),
        ("cuda120_py312h26b3cf7_301", (), (), {"gpu": "cuda12.0"}),
        ("h1_0", ("cudatoolkit >=10.1,<10.2",), (), {"gpu": "cuda10.1"}),
        ("h1_0", ("pytorch-mutex 1.0 cpu",), (), {"gpu": "cpu"}),
        ("h1_0", ("libblas * *mkl",), (), {"blas": "mkl"}),
        ("h1_0", ("blas * openblas",), (), {"blas": "openblas"}),
        ("h1_0", ("libblas >=3.9.0,<4.0a0",), (), {}),
        ("nompi_h2d575fe_109", (), (), {"mpi": "nompi"}),
        ("mpi_mpich_h2d575fe_9", (), (), {"mpi": "mpich"}),
        ("h1_0", ("mpi 1.0 openmpi",), (), {"mpi": "openmpi"}),
        ("h1_0", ("_openmp_mutex * *_llvm",), (), {"openmp": "llvm"}),
        ("h1_0", ("_openmp_mutex >=4.5",), (), {}),
        ("gpl_h4c12d27_707", (), (), {"license": "gpl"}),
        ("h1_0", ("arm-variant * sbsa",), (), {"arm_variant": "sbsa"}),
        ("h1_0", ("numpy >=1.23,<3",), (), {"numpy": "1.23"}),
        ("h1_0", ("rocm-core >=6.4,<6.5",), (), {"rocm": "6.4"}),
        ("h1_0", (), ("cuda", "blas:mkl", "mpi:openmpi"), {"gpu": "cuda", "blas": "mkl", "mpi": "openmpi"}),
    ],
)
def test_choices_come_from_flags_requirements_and_build_strings(
    build: str, depends: tuple[str, ...], flags: tuple[str, ...], expected: dict[str, str]
) -> None:
    assert choices_of(index(build, *depends, flags=flags), AXES) == expected


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        (HostRequirement(cuda=cuda("12.4")), ["nvidia :: cuda_version_lower_bound :: 12.4"]),
        (HostRequirement(cuda=cuda()), ["nvidia :: cuda_version_lower_bound :: 11.0"]),
        (
            HostRequirement(cuda=cuda("12.0", "13.0")),
            ["nvidia :: cuda_version_lower_bound :: 12.0", "nvidia :: cuda_version_upper_bound :: 13.0"],
        ),
        (HostRequirement(cuda=cuda("12.0", absent=True)), []),
        (HostRequirement(x86_64_level=3), ["x86_64 :: level :: v3"]),
        (HostRequirement(aarch64_version="8.2a"), ["aarch64 :: version :: 8.2a"]),
        (HostRequirement(glibc=cuda("2.28")), []),
        (
            HostRequirement(cuda_arch=cuda("12.0")),
            [f"nvidia :: sm_arch :: {major}0_real" for major in (12, 13, 14, 15)],
        ),
    ],
)
def test_host_requirements_as_properties(requirement: HostRequirement, expected: list[str]) -> None:
    assert sorted(map(str, properties_of(requirement, {}, AXES, subject="x")[0])) == expected


@pytest.mark.parametrize(
    "requirement",
    [
        HostRequirement(cuda=cuda("12.4")),
        HostRequirement(cuda=cuda("12.4", "13.0")),
        HostRequirement(cuda=cuda("12.0"), cuda_arch=cuda("8.6")),
        HostRequirement(cuda=cuda("12.0"), cuda_arch=cuda("8.0", "10.0")),
        HostRequirement(x86_64_level=2),
        HostRequirement(aarch64_version="8.4a"),
    ],
)
def test_properties_of_a_requirement_lead_back_to_it(requirement: HostRequirement) -> None:
    said, losses = properties_of(requirement, {"blas": "mkl", "mpi": "openmpi"}, AXES, subject="x")
    back = requirement_of(said, AXES, subject="x")
    assert back.requirement == requirement
    assert back.choices == {"blas": "mkl", "mpi": "openmpi"}
    assert not losses
    assert not back.losses


def test_requirements_as_match_specs() -> None:
    requirement = HostRequirement(
        cuda=cuda("12.4", "13.0"), cuda_arch=cuda("8.6"), x86_64_level=3, glibc=cuda("2.28"), osx=cuda("12.0")
    )
    assert conda_terms(requirement, AXES).depends == (
        "__cuda >=12.4,<13.0",
        "__cuda_arch >=8.6",
        "_x86_64-microarch-level >=3",
        "__glibc >=2.28",
        "__osx >=12.0",
    )
    assert conda_terms(HostRequirement(cuda=cuda("12.0", absent=True)), AXES).constrains == ("__cuda >=12.0",)
    (listed,) = conda_terms(HostRequirement(aarch64_version="8.4a"), AXES).depends
    matcher = rattler.MatchSpec(listed, strict=False)
    for name, expected in (("neoverse_v1", True), ("armv8.4a", True), ("neoverse_n1", False)):
        machine = rattler.PackageRecord("__archspec", "1", rattler.BuildString(name), 0, "noarch")
        assert matcher.matches(machine) == expected


def test_what_has_no_meaning_in_conda_is_a_loss() -> None:
    back = requirement_of(
        [
            Property("nvidia", "sm_arch", "75_real"),
            Property("nvidia", "sm_arch", "90_virtual"),
            Property("nvidia", "sm_arch", "100_real"),
            Property("tpu", "present", "true"),
        ],
        AXES,
        subject="x",
    )
    assert back.requirement.cuda_arch == Bounds(Release(7, 5))
    assert len(back.losses) == 3


def test_bounds_that_clients_do_not_know_are_clamped_and_recorded() -> None:
    said, losses = properties_of(HostRequirement(cuda=cuda("10.2")), {}, AXES, subject="x")
    assert sorted(map(str, said)) == ["nvidia :: cuda_version_lower_bound :: 11.0"]
    assert losses[0].code is Code.VIRTUAL_PACKAGE
    _, losses = properties_of(HostRequirement(cuda_arch=cuda("8.0", "8.6")), {}, AXES, subject="x")
    assert "8.x" in losses[0].detail
    _, losses = properties_of(HostRequirement(aarch64_version="9.0a"), {}, AXES, subject="x")
    assert "9.0a" in losses[0].detail


def test_parts_of_labels_are_short_and_plain_values_step_back() -> None:
    requirement = HostRequirement(cuda=cuda("12.0"), x86_64_level=3, cuda_arch=cuda("9.0"))
    strong, weak = label_parts(requirement, {"gpu": "cuda12.9", "blas": "mkl", "mpi": "nompi"}, AXES)
    assert (strong, weak) == (("cu129", "sm90", "v3", "mkl"), ("nompi",))
    assert label_parts(HostRequirement(), {"gpu": "cpu"}, AXES) == ((), ("cpu",))
    assert label_parts(HostRequirement(cuda=cuda("12.0")), {"gpu": "cuda"}, AXES) == (("cu120",), ())
    assert label_parts(HostRequirement(cuda=cuda()), {}, AXES) == (("cu",), ())
    assert label_parts(HostRequirement(cuda=cuda(None, "12.0")), {}, AXES) == (("lt120",), ())


OVERLAY = """
axes:
  choices:
    fft:
      namespace: fft
      feature: library
      provider: {static: [fftw, pocketfft]}
      evidence:
        - {depends: fftw, value: fftw}
        - {name: "*-pocket", value: pocketfft}
    blas:
      evidence: []
"""


def test_a_user_adds_and_replaces_axes_without_code(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(OVERLAY)
    axes = load_axes([path])
    assert choices_of(index("mkl_h1_0", "fftw >=3"), axes) == {"fft": "fftw"}
    assert choices_of(index("h1_0", name="foo-pocket"), axes) == {"fft": "pocketfft"}
    assert axes.choices["fft"].provider == StaticProvider({"library": ("fftw", "pocketfft")})
    assert properties_of(HostRequirement(), {"fft": "fftw"}, axes, subject="x")[0] == {
        Property("fft", "library", "fftw")
    }
    assert list(axes.choices)[-1] == "fft"


def test_a_user_names_a_plugin(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "axes: {choices: {npu: {namespace: npu, feature: kind, evidence: [],"
        " provider: {requires: 'npu-provider>=1', plugin-api: 'npu:Plugin'}}}}"
    )
    assert load_axes([path]).choices["npu"].provider == PluginProvider("npu-provider>=1", "npu:Plugin")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("axes: []", "axes"),
        ("axes: {choices: {a: {evidence: [{build: '('  , value: x}]}}}", "axes.choices.a.evidence[0].build"),
        ("axes: {choices: {a: {evidence: [{build: 'x', value: '{1}'}]}}}", "axes.choices.a.evidence[0].value"),
        ("axes: {choices: {a: {evidence: [{flag: 'x', value: '{lower}'}]}}}", "axes.choices.a.evidence[0].value"),
        ("axes: {choices: {a: {evidence: [{value: x}]}}}", "axes.choices.a.evidence[0]"),
        ("axes: {choices: {a: {namespace: x}}}", "axes.choices.a"),
        ("axes: {choices: {a: {namespace: X, feature: y}}}", "axes.choices.a.namespace"),
        ("axes: {choices: {a: {distinct: 3}}}", "axes.choices.a.distinct"),
        ("axes: {choices: {a: {labels: {x: A-B}}}}", "axes.choices.a.labels.x"),
        ("axes: {choices: {a: {namespace: n, feature: f, provider: {}}}}", "axes.choices.a.provider"),
        ("axes: {choices: {a: {provider: {static: []}}}}", "axes.choices.a.provider"),
        ("axes: {choices: {a: {unknown: 1}}}", "axes.choices.a.unknown"),
        ("axes: {choices: {1: {}}}", "axes.choices.1"),
        ("axes: {host: {__cuda: {}}}", "axes.host.__cuda"),
        ("axes: {host: {cuda: {conda: __cuda, namespace: 3}}}", "axes.host.cuda.namespace"),
        ("axes: [", None),
    ],
)
def test_an_overlay_of_another_form_is_refused_by_file_and_key(tmp_path: Path, text: str, key: str | None) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        load_axes([path])
    assert caught.value.code is Code.BAD_METADATA
    assert (caught.value.subject, caught.value.field) == (str(path), key)


def test_an_overlay_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_axes([tmp_path / "none.yaml"])
    assert caught.value.code is Code.UNREADABLE
