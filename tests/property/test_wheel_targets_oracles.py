"""Targets of wheels against packaging's own idea of which machine may install which tags."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging import tags
from packaging.tags import Tag
from rattler import MatchSpec, Version, VersionSpec

from bridge.errors import Unrepresentable, Unsupported
from bridge.mapping.wheel_targets import CondaTarget, Natives, wheel_targets

MANYLINUX = [f"manylinux_2_{minor}" for minor in range(28, 4, -1)] + ["manylinux2014", "manylinux2010", "manylinux1"]
SYSTEMS = {
    "linux-64": ([f"{name}_x86_64" for name in MANYLINUX] + ["linux_x86_64"], {"__glibc": "2.28"}),
    "linux-aarch64": ([f"{name}_aarch64" for name in MANYLINUX[:12]] + ["linux_aarch64"], {"__glibc": "2.28"}),
    "osx-arm64": (list(tags.mac_platforms((12, 0), "arm64")), {"__osx": "12.0"}),
    "osx-64": (list(tags.mac_platforms((12, 0), "x86_64")), {"__osx": "12.0"}),
    "win-64": (["win_amd64"], {}),
}


@dataclass(frozen=True)
class Machine:
    """One CPython on one platform."""

    subdir: str
    minor: int
    abi: str

    def supports(self, wanted: frozenset[Tag]) -> bool:
        platforms = SYSTEMS[self.subdir][0]
        offered = {
            *tags.cpython_tags((3, self.minor), abis=[self.abi], platforms=platforms),
            *tags.compatible_tags((3, self.minor), f"cp3{self.minor}", platforms),
        }
        return not offered.isdisjoint(wanted)

    def installs(self, target: CondaTarget) -> bool:
        virtual = SYSTEMS[self.subdir][1]
        return target.subdir in ("noarch", self.subdir) and all(self._has(spec, virtual) for spec in target.depends)

    def _has(self, text: str, virtual: dict[str, str]) -> bool:
        spec = MatchSpec(text, strict=True)
        name = str(spec.name.normalized)
        if name == "_python_abi3_support":
            return not self.abi.endswith("t")
        if name == "python_abi" and str(spec.build) != f"*_{self.abi}":
            return False
        version = virtual[name] if name.startswith("__") else f"3.{self.minor}.2"
        return spec.version is None or VersionSpec(spec.version, strict=True).matches(Version(version))


MACHINES = [
    Machine(subdir, minor, f"cp3{minor}{threads}")
    for subdir in SYSTEMS
    for minor in range(8, 15)
    for threads in ("", "t")
    if not threads or minor >= 13
]
PLATFORMS = [
    "any", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_28_x86_64", "manylinux_2_34_x86_64",
    "manylinux_2_17_aarch64", "linux_x86_64", "musllinux_1_2_x86_64", "macosx_10_9_x86_64", "macosx_11_0_arm64",
    "macosx_10_9_universal2", "macosx_14_0_arm64", "win_amd64", "win32", "ios_13_0_arm64_iphoneos",
]  # fmt: skip
INTERPRETERS = ["py2", "py3", "py39", "py312", "cp39", "cp310", "cp312", "cp313", "cp314", "pp310"]
ABIS = ["none", "abi3", "cp39", "cp310", "cp312", "cp313", "cp313t", "cp314t", "pypy310_pp73"]


@st.composite
def tag_sets(draw: st.DrawFn) -> frozenset[Tag]:
    """Compressed tag sets: every combination of what the three fields have, sensible or not."""
    interpreters = draw(st.lists(st.sampled_from(INTERPRETERS), min_size=1, max_size=3))
    abis = draw(st.lists(st.sampled_from(ABIS), min_size=1, max_size=3))
    platforms = draw(st.lists(st.sampled_from(PLATFORMS), min_size=1, max_size=3))
    return frozenset(Tag(one, abi, platform) for one in interpreters for abi in abis for platform in platforms)


def threaded_beside_stable(wanted: frozenset[Tag], machine: Machine) -> bool:
    """`cp313-none` beside `abi3` is also for free-threaded Pythons, which nobody means."""
    return machine.abi.endswith("t") and {"none", "abi3"} <= {tag.abi for tag in wanted}


def promises_beside_none(wanted: frozenset[Tag], machine: Machine) -> bool:
    """`linux_x86_64` promises no glibc; beside a manylinux tag, that one's promise is taken for the truth."""
    platforms = {tag.platform for tag in wanted}
    return machine.subdir == "linux-64" and "linux_x86_64" in platforms and any("manylinux" in one for one in platforms)


@settings(deadline=None, max_examples=150)
@given(tag_sets())
def test_exactly_one_package_is_installable_where_pip_installs_the_wheel(wanted: frozenset[Tag]) -> None:
    try:
        targets = wheel_targets(wanted, None, Natives(), has_programs=False, subject="w.whl").targets
    except (Unsupported, Unrepresentable):
        targets = ()
    for machine in MACHINES:
        found = [target for target in targets if machine.installs(target)]
        assert len(found) <= 1, (machine, [target.label for target in found])
        if not (threaded_beside_stable(wanted, machine) or promises_beside_none(wanted, machine)):
            assert bool(found) == machine.supports(wanted), (machine, sorted(map(str, wanted)))


@given(tag_sets())
def test_every_package_has_a_file_of_its_own(wanted: frozenset[Tag]) -> None:
    try:
        targets = wheel_targets(wanted, None, Natives(), has_programs=True, subject="w.whl").targets
    except (Unsupported, Unrepresentable):
        return
    assert len({(target.subdir, target.label) for target in targets}) == len(targets)
    assert all(target.tags <= wanted and target.tags for target in targets)
