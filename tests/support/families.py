"""Sample families as a channel would list them: records only, made at test time.

Each project stands for one way in which conda distinguishes builds of a release. `write_channel` writes the
repodata of all of them; `HOSTS` are the machines that they are tried on.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from bridge.channel.repodata import open_channel
from bridge.channel.universe import Universe
from bridge.formats.wheel.filename import drop_label
from bridge.formats.wheel.variant_edit import make_variant
from bridge.formats.wheel.variant_json import write_variant_json
from bridge.mapping.axes import load_axes
from bridge.model.conda import Subdir
from bridge.model.family import Build, Family, FamilyMember
from bridge.model.host import Host, Release
from bridge.select.plan import Planner, release_of

PYTHON = (3, 12)
_PYTHON_DEPENDS = ("python >=3.12,<3.13.0a0", "python_abi 3.12.* *_cp312")
_GLIBC = "__glibc >=2.17,<3.0.a0"
#: names of archspec that level packages of conda-forge list for each level, a few of each.
_LEVELS = {
    1: ("x86_64", "nocona", "core2"),
    2: ("x86_64_v2", "nehalem", "sandybridge", "bulldozer"),
    3: ("x86_64_v3", "haswell", "broadwell", "zen", "zen2", "zen3"),
    4: ("x86_64_v4", "skylake_avx512", "icelake", "zen4", "zen5"),
}


@dataclass
class Repodata:
    """Records by subdir, filled in steps."""

    subdirs: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    _time: int = 1_700_000_000_000

    def add(
        self,
        name: str,
        version: str,
        build: str,
        number: int = 0,
        depends: tuple[str, ...] = (),
        *,
        subdir: str = "linux-64",
        constrains: tuple[str, ...] = (),
        track_features: str = "",
        flags: tuple[str, ...] = (),
    ) -> str:
        """Add one record, newer than all before it; returns its file name."""
        self._time += 60_000
        filename = f"{name}-{version}-{build}.conda"
        record: dict[str, Any] = {
            "name": name,
            "version": version,
            "build": build,
            "build_number": number,
            "depends": list(depends),
            "constrains": list(constrains),
            "subdir": subdir,
            "timestamp": self._time,
            "sha256": f"{len(filename) * 7919 + self._time:064x}",
            "size": 1000,
        }
        if track_features:
            record["track_features"] = track_features
        if flags:
            record["flags"] = list(flags)
        if subdir == "noarch":
            record["noarch"] = "generic"
        self.subdirs.setdefault(subdir, {})[filename] = record
        return filename

    def project(self, name: str, version: str, build: str, number: int, *depends: str, **more: Any) -> str:
        """A build of a Python extension."""
        linux = more.get("subdir", "linux-64").startswith("linux")
        system = (_GLIBC,) if linux and "__glibc" not in " ".join(depends) else ()
        return self.add(name, version, build, number, (*depends, *_PYTHON_DEPENDS, *system), **more)

    def write(self, directory: Path) -> Path:
        """A channel directory without any artifact."""
        for subdir in ("noarch", *self.subdirs):
            folder = directory / subdir
            folder.mkdir(parents=True, exist_ok=True)
            document = {
                "info": {"subdir": subdir},
                "packages": {},
                "packages.conda": self.subdirs.get(subdir, {}),
                "repodata_version": 1,
            }
            (folder / "repodata.json").write_text(json.dumps(document))
        return directory


SUBDIRS = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64")


def repodata() -> Repodata:
    """Every family, and what they depend on."""
    data = Repodata()
    ground(data)
    for make in FAMILIES.values():
        make(data)
    return data


def ground(data: Repodata) -> Repodata:
    """Add what the families depend on: interpreters, CUDA and processor levels, mutexes."""
    for subdir in SUBDIRS:
        system = {"linux": (_GLIBC,), "osx": ("__osx >=10.13",), "win": ()}[subdir.partition("-")[0]]
        for minor in (11, 12, 13):
            data.add("python", f"3.{minor}.9", f"h{minor}_0_cp3{minor}", 0, system, subdir=subdir)
        for library, offset in (("openblas", 100), ("mkl", 0)):
            data.add(
                "libblas",
                "3.11.0",
                f"5_h1_{library}",
                5,
                system,
                subdir=subdir,
                track_features="" if offset else "blas_mkl",
            )
    for minor in (11, 12, 13):
        data.add(
            "python_abi",
            f"3.{minor}",
            f"8_cp3{minor}",
            8,
            constrains=(f"python 3.{minor}.* *_cp3{minor}",),
            subdir="noarch",
        )
    # conda-forge's records: all of a major version ask for the same driver.
    for version, floor in (("11.8", "11"), ("12.0", "12"), ("12.4", "12"), ("12.9", "12"), ("13.0", "13")):
        data.add(
            "cuda-version",
            version,
            "h1_3",
            3,
            constrains=(f"cudatoolkit {version}|{version}.*", f"__cuda >={floor}"),
            subdir="noarch",
        )
    for level, names in _LEVELS.items():
        listed = [name for above in range(level, 5) for name in _LEVELS[above]]
        for place, name in enumerate(names):
            data.add(
                "_x86_64-microarch-level", str(level), f"{place}_{name}", place, (f"__archspec 1.* {name}",),
                subdir="noarch", track_features="x86_64_microarch_level",
            )  # fmt: skip
        data.add(
            "_x86_64-microarch-level",
            str(level),
            f"9_level{level}",
            9,
            (f"__archspec 1.* ^({'|'.join(listed)})$",),
            subdir="noarch",
        )
    for implementation in ("openmpi", "mpich"):
        data.add("mpi", "1.0", implementation, 0, subdir="noarch")
        data.add(implementation, "5.0", "h1_0", 0, (f"mpi 1.0 {implementation}",))
    data.add("_openmp_mutex", "4.5", "20_gnu", 20, constrains=("openmp_impl <0.0a0",), track_features="")
    data.add("_openmp_mutex", "4.5", "7_kmp_llvm", 7, constrains=("openmp_impl <0.0a0",))
    return data


def _gpupkg(data: Repodata) -> None:
    """CUDA 11.8, 12.0 or none x BLAS x CPU level 1 or 3: twelve builds, ranked by build number offsets."""
    for (cuda, gpu), (blas, more), level in product(
        (("", 0), ("11.8", 100), ("12.0", 200)), (("openblas", 0), ("mkl", 10)), (1, 3)
    ):
        depends = [f"libblas * *{blas}"]
        if cuda:
            depends.append(f"__cuda >={cuda}")
        if level > 1:
            depends.append(f"_x86_64-microarch-level >={level}")
        head = f"cuda{cuda.replace('.', '')}" if cuda else "cpu"
        data.project("gpupkg", "1.0", f"{head}_{blas}_v{level}_py312_0", gpu + more + 300 * (level > 1), *depends)


def _cudaind(data: Repodata) -> None:
    """CUDA said through cuda-version, as in conda-forge, and one build that newer drivers may not take."""
    data.project("cudaind", "2.1", "cpu_py312_h1_0", 0)
    data.project("cudaind", "2.1", "cuda118_py312_h2_200", 200, "__cuda", "cuda-version >=11.8,<12", "__cuda <13")
    data.project("cudaind", "2.1", "cuda126_py312_h3_200", 200, "__cuda", "cuda-version >=12.0,<13")
    data.project("cudaind", "2.1", "cuda129_py312_h4_200", 200, "__cuda  >=12.4", "cuda-version >=12.9,<13")
    data.project("cudaind", "2.1", "cuda130_py312_h5_200", 200, "__cuda", "cuda-version >=13.0,<14")


def _simdpkg(data: Repodata) -> None:
    """x86-64 levels 1 to 4 through the level packages."""
    for level in _LEVELS:
        depends = (f"_x86_64-microarch-level >={level}",) if level > 1 else ()
        data.project("simdpkg", "0.3", f"v{level}_py312_h{level}_0", 100 * (level - 1), *depends)


def _smpkg(data: Repodata) -> None:
    """Compute capabilities by `__cuda_arch` (CEP 46), one of them with an upper bound."""
    data.project("smpkg", "4.0", "cpu_py312_h0_0", 0)
    for number, (build, spec) in enumerate(
        (("sm75", ">=7.5"), ("sm80", ">=8.0,<9.0"), ("sm90", ">=9.0"), ("sm120", ">=12.0")), 1
    ):
        data.project(
            "smpkg", "4.0", f"{build}_py312_h{number}_{number}", number, "__cuda >=12.0", f"__cuda_arch {spec}"
        )


def _choicepkg(data: Repodata) -> None:
    """BLAS x MPI x OpenMP: nothing that a machine has or has not decides."""
    for (blas, one), (mpi, two), (openmp, three) in product(
        (("openblas", 1), ("mkl", 0)), (("nompi", 100), ("openmpi", 0), ("mpich", 0)), (("gnu", 10), ("llvm", 0))
    ):
        depends = [f"libblas * *{blas}", f"_openmp_mutex * *_{openmp}"]
        flavour = mpi if mpi == "nompi" else f"mpi_{mpi}"
        if mpi != "nompi":
            depends += [f"mpi 1.0 {mpi}", mpi]
        data.project("choicepkg", "1.5", f"{flavour}_{blas}_{openmp}_py312_0", one + two + three, *depends)


def _osfloor(data: Repodata) -> None:
    """Builds for several systems, newer C libraries and macOS versions preferred."""
    data.project("osfloor", "1.0", "old_py312_0", 0, "__glibc >=2.17,<3.0.a0")
    data.project("osfloor", "1.0", "new_py312_1", 1, "__glibc >=2.28,<3.0.a0")
    data.project("osfloor", "1.0", "newest_py312_2", 2, "__glibc >=2.34,<3.0.a0", "__cuda >=12.0")
    data.project("osfloor", "1.0", "mac_py312_0", 0, "__osx >=10.13", subdir="osx-64")
    data.project("osfloor", "1.0", "mac12_py312_1", 1, "__osx >=12.0", subdir="osx-64")
    data.project("osfloor", "1.0", "arm_py312_0", 0, "__osx >=11.0", subdir="osx-arm64")
    data.project("osfloor", "1.0", "arm14_py312_1", 1, "__osx >=14.0", subdir="osx-arm64")
    data.project("osfloor", "1.0", "win_py312_0", 0, subdir="win-64")
    data.project("osfloor", "1.0", "wincuda_py312_1", 1, "__cuda >=12.0", subdir="win-64")


def _against(data: Repodata) -> None:
    """conda's preference against the natural one: the plain build has the higher number, a GPU build is marked down."""
    data.project("against", "3.0", "cpu_py312_h1_5", 5)
    data.project("against", "3.0", "cuda12_py312_h2_2", 2, "__cuda >=12.0")
    data.project("against", "3.0", "v3_py312_h3_9", 9, "_x86_64-microarch-level >=3", track_features="slow")
    data.project("against", "3.0", "cuda118v4_py312_h4_7", 7, "__cuda >=11.8", "_x86_64-microarch-level >=4")
    data.project("against", "3.0", "cpu_py312_h0_4", 4)


def _gpuonly(data: Repodata) -> None:
    """No build for machines without a GPU."""
    data.project("gpuonly", "1.0", "cuda12_py312_0", 0, "__cuda >=12.0")
    data.project("gpuonly", "1.0", "cuda13_py312_1", 1, "__cuda >=13.0")


def _ties(data: Repodata) -> None:
    """Equal build numbers: solvers look at the versions of dependencies, then at the time."""
    data.project("ties", "1.0", "h_new_0", 0, "cuda-version >=13.0,<14", "__cuda")
    data.project("ties", "1.0", "h_old_0", 0, "cuda-version >=12.0,<12.1", "__cuda")
    data.project("ties", "1.0", "h_mid_0", 0, "cuda-version >=12.4,<13", "__cuda")
    data.project("ties", "1.0", "h_mkl_0", 0, "libblas * *mkl")
    data.project("ties", "1.0", "h_openblas_0", 0, "libblas * *openblas")


def _absent(data: Repodata) -> None:
    """A build that a machine without a GPU can have, and one with a new driver, but not one with an old driver."""
    data.project("absent", "1.0", "both_py312_5", 5, constrains=("__cuda >=12.4",))
    data.project("absent", "1.0", "gpu_py312_3", 3, "__cuda >=11.8")
    data.project("absent", "1.0", "plain_py312_0", 0)


def _manypy(data: Repodata) -> None:
    """Builds for several Pythons that differ in their GPU support, and one that any Python can use."""
    for minor, cuda in ((11, "12.0"), (12, "12.4"), (13, "13.0")):
        python = (f"python >=3.{minor},<3.{minor + 1}.0a0", f"python_abi 3.{minor}.* *_cp3{minor}", _GLIBC)
        data.add("manypy", "1.0", f"cpu_py3{minor}_0", 0, python)
        data.add("manypy", "1.0", f"cuda_py3{minor}_200", 200, (*python, f"__cuda >={cuda}"))
    data.add("manypy", "1.0", "pyh_1", 1, ("python >=3.9",), subdir="noarch")


def _armpkg(data: Repodata) -> None:
    """Arm architecture versions, by the names that reach them."""
    names = "armv8.2a|armv8.3a|armv8.4a|neoverse_n1|neoverse_v1"
    data.project("armpkg", "1.0", "base_py312_0", 0, subdir="linux-aarch64")
    data.project("armpkg", "1.0", "v82_py312_1", 1, f"__archspec 1.* ^({names})$", subdir="linux-aarch64")


#: project -> what adds its builds.
FAMILIES = {
    "gpupkg": _gpupkg,
    "cudaind": _cudaind,
    "simdpkg": _simdpkg,
    "smpkg": _smpkg,
    "choicepkg": _choicepkg,
    "osfloor": _osfloor,
    "against": _against,
    "gpuonly": _gpuonly,
    "ties": _ties,
    "absent": _absent,
    "manypy": _manypy,
    "armpkg": _armpkg,
}


def hosts() -> Iterator[tuple[str, Host]]:
    """The machines of the matrix with their names: every combination that there can be."""
    drivers = (None, Release(11, 8), Release(12, 0), Release(12, 4), Release(12, 9), Release(13, 0))
    capabilities = (None, Release(7, 5), Release(8, 0), Release(9, 0), Release(12, 0))
    gpus = [(None, None), *((driver, capability) for driver in drivers[1:] for capability in capabilities)]
    for (driver, capability), level, glibc in product(gpus, _LEVELS, (17, 28, 39)):
        name = f"linux glibc2.{glibc} v{level}{_gpu_name(driver, capability)}"
        yield name, Host(Subdir("linux-64"), driver, capability, _archspec(level), Release(2, glibc), "6.1")
    for subdir, release in (("osx-64", (10, 15)), ("osx-64", (12, 0)), ("osx-arm64", (11, 0)), ("osx-arm64", (15, 0))):
        archspec = "m1" if subdir == "osx-arm64" else "haswell"
        yield f"{subdir} {release[0]}.{release[1]}", Host(Subdir(subdir), archspec=archspec, osx=Release(*release))
    for archspec, glibc in product(("aarch64", "neoverse_n1", "neoverse_v1"), (17, 28)):
        yield (
            f"linux-aarch64 glibc2.{glibc} {archspec}",
            Host(Subdir("linux-aarch64"), archspec=archspec, glibc=Release(2, glibc), linux="6.1"),
        )
    for driver in (None, Release(11, 8), Release(12, 4), Release(13, 0)):
        for level in (1, 3):
            yield (
                f"win-64 v{level}{_gpu_name(driver, None)}",
                Host(Subdir("win-64"), driver, archspec=_archspec(level), win=Release(10, 0)),
            )


def _gpu_name(driver: Release | None, capability: Release | None) -> str:
    return (f" cuda{driver}" if driver else "") + (f" sm{capability}" if capability else "")


def _archspec(level: int) -> str:
    return "x86_64" if level == 1 else f"x86_64_v{level}"


def wheel_bytes(member: FamilyMember, family: Family) -> bytes:
    """A small wheel as a family plans it, but without label; its module says what it is."""
    stem = f"{family.name}-{family.version}"
    tags = "".join(f"Tag: {tag}\n" for tag in sorted(map(str, member.tags)))
    requires = f"Requires-Python: {family.requires_python}\n" if str(family.requires_python) else ""
    files = {
        f"{family.name}.py": f"SOURCE = {member.source!r}\n",
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {family.name}\nVersion: {family.version}\n"
        + requires,
        f"{stem}.dist-info/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: false\n{tags}",
        f"{stem}.dist-info/conda/provenance.json": json.dumps({"source": {"filename": member.source}}),
    }
    record = ""
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(text.encode())}\n"
    files[f"{stem}.dist-info/RECORD"] = f"{record}{stem}.dist-info/RECORD,,\n"
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return output.getvalue()


def write_wheels(family: Family, directory: Path) -> None:
    """All wheels of a family and its variants file, for `write_index`."""
    plain = directory / ".plain"
    plain.mkdir(parents=True)
    for member in family.members:
        data = wheel_bytes(member, family)
        if member.label is None:
            (directory / member.filename).write_bytes(data)
        else:
            source = plain / drop_label(member.filename)[0]
            source.write_bytes(data)
            make_variant(source, directory, member.label, family.metadata)
    shutil.rmtree(plain)
    if family.metadata.namespaces:
        variants = write_variant_json(family.metadata)
        (directory / f"{family.name}-{family.version}-variants.json").write_bytes(variants)


def planned_families(channel: Path) -> dict[str, Family]:
    """Every family of a written channel, of all its platforms together."""
    builds: dict[str, list[Build]] = {}
    for subdir in SUBDIRS:
        with Universe([open_channel(channel, subdirs=[subdir])], subdir=subdir) as universe:
            planner = Planner(universe)
            for name in FAMILIES:
                found, left_out = planner.builds(universe.candidates(name))
                assert not left_out
                builds.setdefault(name, []).extend(found)
    return {name: release_of(found, name, load_axes()).family for name, found in builds.items()}
