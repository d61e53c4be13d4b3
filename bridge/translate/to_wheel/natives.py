"""What each layout does to binaries, and what the binaries demand of the system."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bridge.errors import Code, Unrepresentable, Unsupported
from bridge.model.conda import Noarch, PathEntry
from bridge.model.payload import ElfFacts, FileFacts, Nature
from bridge.model.plan import Edit, FromPayload, Layout, Loss, PlannedFile
from bridge.native.policy import SystemPolicy
from bridge.native.relocate import plan_rpath, relocated_rpath
from bridge.translate.to_wheel.places import Area, place_of
from bridge.translate.to_wheel.request import SHARED_ROOT, Request

#: Libraries of compiler runtimes, by the part of their names before `.so`. The packages that hold them never become
#: requirements (design, section 7), so a requirement on some other native package does not provide them.
_RUNTIME_LIBRARIES = frozenset({"libgomp", "libgfortran", "libquadmath", "libomp", "libiomp5", "libc++", "libc++abi"})

#: Libraries that come with a device's driver; no package holds them, and whether a machine has them is a matter of
#: virtual packages and variant properties, not of manylinux.
_DRIVER_LIBRARIES = frozenset({"libcuda", "libnvidia-ml", "libnvcuvid", "libnvidia-encode", "libnvoptix"})

#: Machine part of a subdir -> the architecture's name in manylinux policies.
_POLICY_ARCHITECTURES: Mapping[str, str] = {
    "64": "x86_64",
    "32": "i686",
    "aarch64": "aarch64",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "armv7l": "armv7l",
    "riscv64": "riscv64",
}


@dataclass(frozen=True, slots=True)
class SystemDemand:
    """What a wheel's binaries need of the machine that it is installed on."""

    glibc: tuple[int, int] | None = None
    macos: tuple[int, int] | None = None
    #: a library is neither in the wheel, nor in a requirement, nor promised by the manylinux policy.
    external: bool = False
    has_binaries: bool = False
    losses: tuple[Loss, ...] = ()


def policy_for(subdir: str) -> SystemPolicy | None:
    """The manylinux policies of a subdir; None off Linux and for machines without one."""
    system, _, machine = subdir.partition("-")
    architecture = _POLICY_ARCHITECTURES.get(machine)
    return SystemPolicy.for_architecture(architecture) if system == "linux" and architecture else None


#: System part of a subdir -> the binaries that run there; others in a package are data (launchers for Windows, say).
_RUNNABLE: Mapping[str, Nature] = {"linux": Nature.ELF, "osx": Nature.MACHO, "win": Nature.PE}

#: Machine part of a subdir -> e_machine of its ELF files; those of other machines are data (samples, device code).
_MACHINES: Mapping[str, int] = {
    "64": 62,
    "32": 3,
    "aarch64": 183,
    "ppc64le": 21,
    "s390x": 22,
    "armv6l": 40,
    "armv7l": 40,
    "riscv64": 243,
}


def is_binary(facts: FileFacts, subdir: str) -> bool:
    """Whether a file is a program or library of the platform that its package is for."""
    system, _, machine = subdir.partition("-")
    if facts.nature is not _RUNNABLE.get(system):
        return False
    return facts.elf is None or facts.elf.machine == _MACHINES.get(machine, facts.elf.machine)


def refuse_platform(request: Request) -> None:
    """Refuse layouts that would have to patch what the bridge cannot patch.

    Raises:
        Unsupported: Mach-O or PE binaries in a layout other than prefix (`CB301`), or ELF of another class
            than 64-bit little-endian (`CB314`).
    """
    layout = request.options.layout
    if layout is Layout.PREFIX:
        return
    for path, facts in request.survey.files.items():
        if not is_binary(facts, request.index.subdir):
            continue
        if facts.nature is not Nature.ELF:
            raise Unsupported(
                Code.LAYOUT_PLATFORM,
                f"the {layout.value} layout is made for ELF, and this is a {facts.nature.value} file",
                subject=request.origin.filename,
                field=path,
            )
        if facts.elf is not None and not (facts.elf.bits == 64 and facts.elf.little_endian):
            raise Unsupported(
                Code.BINARY_FORMAT,
                f"the {layout.value} layout is made for 64-bit little-endian ELF",
                subject=request.origin.filename,
                field=path,
            )


class SharedEdits:
    """Points binaries at the mirrored prefix; inside the mirror relative RPATHs hold as they are."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._site_packages = _site_packages(request)
        self._siblings = frozenset(posixpath.basename(name) for name in request.survey.files)

    def __call__(self, path: str, facts: FileFacts, entry: PathEntry | None) -> tuple[Edit, ...]:
        """The edits of the file at `path` of the prefix.

        Raises:
            Unrepresentable: the RPATH leads elsewhere or does not fit in place (`CB304`).
        """
        elf = facts.elf
        if elf is None or not elf.needed or not is_binary(facts, self._request.index.subdir):
            return ()
        if elf.rpath is None:
            if place_of(path, self._request.index.noarch).area is Area.SITE_PACKAGES:
                self._refuse_unreachable(path, elf)
            return ()
        try:
            new = relocated_rpath(
                path,
                elf.rpath.value,
                site_packages=self._site_packages,
                libs_dir=f"{SHARED_ROOT}/lib",
                placeholder=None if entry is None else entry.prefix_placeholder,
            )
            patch = plan_rpath(elf, new)
        except Unrepresentable as error:
            raise self._refusal(error.message, path) from error
        return () if patch is None else (patch,)

    def _refuse_unreachable(self, path: str, elf: ElfFacts) -> None:
        policy = policy_for(self._request.index.subdir)
        for name in elf.needed:
            if policy is not None and not policy.provided_by_system(name) and name not in self._siblings:
                raise self._refusal(f"it needs {name} but has no RPATH that could be pointed at it", path)

    def _refusal(self, message: str, path: str) -> Unrepresentable:
        return Unrepresentable(Code.RPATH, message, subject=self._request.origin.filename, field=path)


def _site_packages(request: Request) -> str:
    """The package's site-packages, relative to the prefix; where it has none, any path does."""
    for path in request.survey.order:
        place = place_of(path, request.index.noarch)
        if place.area is Area.SITE_PACKAGES:
            return path.removesuffix(place.relative).rstrip("/")
    return "site-packages"


def demand(
    request: Request,
    files: tuple[PlannedFile, ...],
    vendored: Mapping[str, ElfFacts],
    *,
    native_requirements: bool,
) -> SystemDemand:
    """Measure what the wheel's binaries need.

    Args:
        files: the wheel's members, to know which payload files it carries.
        vendored: member name -> facts of files taken from other packages.
        native_requirements: the wheel requires packages of native files, which provide what is not the system's.
    """
    carried = {planned.source.path for planned in files if isinstance(planned.source, FromPayload)}
    facts = [request.survey.files[path] for path in sorted(carried) if path in request.survey.files]
    facts = [item for item in facts if is_binary(item, request.index.subdir)]
    elfs = [item.elf for item in facts if item.elf is not None] + [vendored[name] for name in sorted(vendored)]
    programs = [elf for elf in elfs if elf.interpreter is not None and elf.soname is None]
    has_binaries = bool(vendored or facts)
    minimums = [item.macho.minimum_os for item in facts if item.macho is not None and item.macho.minimum_os]
    macos = max(minimums, default=None)
    policy = policy_for(request.index.subdir)
    if policy is None or not elfs:
        return SystemDemand(macos=macos, has_binaries=has_binaries)
    shipped = {posixpath.basename(planned.target) for planned in files}
    shipped |= {elf.soname for elf in elfs if elf.soname is not None}
    losses = []
    floor = policy.floor(elfs, shipped=shipped)
    libraries = [elf for elf in elfs if elf not in programs]
    if programs and libraries and request.options.layout is not Layout.VENDORED:
        # What Python loads decides the tag: a tool beside a library must not keep the library from older systems.
        loaded = policy.floor(libraries, shipped=shipped)
        if loaded.glibc != floor.glibc:
            detail = f"programs of the package need {', '.join(floor.reasons)}, more than the wheel's tag promises"
            losses.append(Loss(Code.PROGRAM_DEMAND, "bin", detail))
        floor = replace(loaded, external=floor.external)
    unmet = floor.glibc is None
    if unmet:
        detail = f"no manylinux policy has {', '.join(floor.reasons)}"
        losses.append(Loss(Code.SYSTEM_LIBRARY, "manylinux", detail))
    for name in floor.external:
        stem = name.partition(".so")[0]
        if stem in _DRIVER_LIBRARIES:
            losses.append(Loss(Code.SYSTEM_LIBRARY, name, f"{name} comes with the driver of the device"))
        elif not native_requirements or stem in _RUNTIME_LIBRARIES:
            detail = f"{name} is neither in the wheel, nor in what it requires, nor promised by manylinux"
            losses.append(Loss(Code.SYSTEM_LIBRARY, name, detail))
            unmet = True
    return SystemDemand(glibc=floor.glibc, macos=macos, external=unmet, has_binaries=has_binaries, losses=tuple(losses))


def native_rows(request: Request) -> tuple[Mapping[str, Any], ...]:
    """The binaries of the payload, for `inspect`: path, format, what they need, and names of their own."""
    rows: list[Mapping[str, Any]] = []
    for path in request.survey.order:
        facts = request.survey.files[path]
        row = {"path": path, "format": facts.nature.value}
        if facts.elf is not None:
            rpath = None if facts.elf.rpath is None else facts.elf.rpath.value
            rows.append({**row, "needed": list(facts.elf.needed), "soname": facts.elf.soname, "rpath": rpath})
        elif facts.macho is not None:
            own = {
                "install_name": facts.macho.install_name,
                "architectures": list(facts.macho.architectures),
            }
            rows.append({**row, "needed": list(facts.macho.dylibs), **own})
        elif facts.pe is not None:
            rows.append({**row, "needed": []})
    return tuple(rows)


def has_extensions(request: Request) -> bool:
    """Whether site-packages holds binaries, so that the Python ABI matters."""
    if request.index.noarch is Noarch.GENERIC:
        return False
    return any(
        is_binary(facts, request.index.subdir) and place_of(path, request.index.noarch).area is Area.SITE_PACKAGES
        for path, facts in request.survey.files.items()
    )
