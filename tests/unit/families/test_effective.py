"""What a build needs of its host is what its closure enforces, not what its build string says."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.channel.effective import HostRequirements
from bridge.errors import Unrepresentable
from bridge.model.family import HostRequirement
from tests.unit.channel.conftest import record
from tests.unit.families.builds import cuda
from tests.unit.families.channels import cuda_versions, microarchitectures, requirement, universe


@pytest.mark.parametrize(
    ("depends", "expected"),
    [
        ((), HostRequirement()),
        (("__glibc >=2.28,<3.0.a0",), HostRequirement(glibc=cuda("2.28"))),
        (("__cuda",), HostRequirement(cuda=cuda())),
        (("__cuda  >=12.4",), HostRequirement(cuda=cuda("12.4"))),
        (("__cuda >=12.4,<13",), HostRequirement(cuda=cuda("12.4", "13.0"))),
        (("__cuda ==12.*",), HostRequirement(cuda=cuda("12.0", "13.0"))),
        (("__cuda >=12", "__cuda_arch >=8.6"), HostRequirement(cuda=cuda("12.0"), cuda_arch=cuda("8.6"))),
        (("cuda-version >=12.6,<13",), HostRequirement(cuda=cuda("12.0", absent=True))),
        (("__cuda", "cuda-version >=12.6,<13"), HostRequirement(cuda=cuda("12.0"))),
        (("__cuda", "cuda-version >=12.6"), HostRequirement(cuda=cuda("12.0"))),
        (("__cuda >=12.4", "cuda-version >=12.6,<13"), HostRequirement(cuda=cuda("12.4"))),
        (("_x86_64-microarch-level >=3",), HostRequirement(x86_64_level=3)),
        (("_x86_64-microarch-level >=1",), HostRequirement()),
        (("__unix",), HostRequirement()),
    ],
)
def test_direct_and_indirect_requirements(tmp_path: Path, depends: tuple[str, ...], expected: HostRequirement) -> None:
    found = requirement(tmp_path, record("foo", "1.0", *depends), *cuda_versions(), *microarchitectures())
    # The short lists of processors lack many that archspec knows; said, and of no concern here.
    assert [text for text in found.unsaid if not text.startswith("__archspec")] == []
    assert HostRequirement(found.cuda, found.cuda_arch, found.x86_64_level, glibc=found.glibc) == expected


def test_a_level_said_by_the_name_of_a_processor(tmp_path: Path) -> None:
    found = requirement(tmp_path, record("foo", "1.0", "__archspec 1.* zen4"))
    assert found.x86_64_level == 4
    assert found.unsaid == ("__archspec is one of zen4",)


def test_every_processor_of_a_list_is_known_exactly(tmp_path: Path) -> None:
    found = requirement(tmp_path, record("foo", "1.0", "__archspec[version='1.*', build='^(x86_64_v3|x86_64_v4)$']"))
    assert found.x86_64_level == 3
    assert "haswell" in found.unsaid[0]


def test_the_weakest_of_several_providers_counts(tmp_path: Path) -> None:
    found = requirement(
        tmp_path,
        record("foo", "1.0", "bar"),
        record("bar", "1.0", "__cuda >=12.0", "__glibc >=2.17", build="cuda"),
        record("bar", "1.0", "__glibc >=2.28", build="cpu"),
    )
    # No bound says "CUDA 12 or glibc 2.28": what holds for sure is stated, and that there is more.
    assert found.unsaid == ("needs a combination that no set of bounds says",)


def test_conflicts_inside_the_closure_count(tmp_path: Path) -> None:
    found = requirement(
        tmp_path,
        record("foo", "1.0", "a", "b"),
        record("a", "1.0", "c 1.*", "__glibc >=2.17"),
        record("b", "1.0", "c 1.*", build="old"),
        record("b", "2.0", "c 2.*"),
        record("c", "1.0", "__glibc >=2.34"),
        record("c", "2.0"),
    )
    assert found == HostRequirement(glibc=cuda("2.34"))


def test_mutexes_are_followed(tmp_path: Path) -> None:
    found = requirement(
        tmp_path,
        record("foo", "1.0", "mutex * gpu", "runtime"),
        record("mutex", "1.0", build="gpu"),
        record("mutex", "1.0", build="cpu"),
        record("runtime", "1.0", "mutex * cpu", build="cpu"),
        record("runtime", "1.0", "mutex * gpu", "__cuda >=12.0", build="gpu"),
    )
    assert found == HostRequirement(cuda=cuda("12.0"))


def test_a_build_that_nothing_can_satisfy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unrepresentable):
        requirement(tmp_path, record("foo", "1.0", "nowhere"))
    with pytest.raises(Unrepresentable):
        requirement(tmp_path / "b", record("foo", "1.0", "__win"))


def test_what_a_snapshot_lacks_counts_as_there(tmp_path: Path) -> None:
    records = [
        record("foo", "1.0", "nowhere >=2", "bar >=9", "baz"),
        record("bar", "1.0"),
        record("baz", "1.0", "__cuda >=12"),
    ]
    found = requirement(tmp_path, *records, complete=True)
    assert found == HostRequirement(cuda=cuda("12.0"))


def test_other_systems_and_virtual_packages(tmp_path: Path) -> None:
    found = requirement(tmp_path, record("foo", "1.0", "__osx >=12.0", subdir="osx-arm64"), subdir="osx-arm64")
    assert found == HostRequirement(osx=cuda("12.0"))
    found = requirement(tmp_path / "b", record("foo", "1.0", "__linux >=5.4", "__amdgpu"))
    assert [text.split()[0] for text in found.unsaid] == ["__amdgpu", "__linux"]


def test_arm_versions(tmp_path: Path) -> None:
    spec = "__archspec[version='1.*', build='^(armv8.2a|armv8.4a|neoverse_n1|neoverse_v1|m1)$']"
    found = requirement(tmp_path, record("foo", "1.0", spec, subdir="linux-aarch64"), subdir="linux-aarch64")
    assert found.aarch64_version == "8.2a"


def test_builds_with_the_same_requirements_are_asked_about_once(tmp_path: Path) -> None:
    with universe(tmp_path, record("foo", "1.0", "__cuda"), record("foo", "1.1", "__cuda")) as found:
        requirements = HostRequirements(found)
        one, other = found.candidates("foo")
        assert requirements.of(one) is requirements.of(other)
