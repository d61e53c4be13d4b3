"""Finding out what this machine offers: py-rattler decides, libmambapy and the driver's own tool are asked too.

The environment variables `CONDA_OVERRIDE_*` are honoured as conda honours them (CEP 30, CEP 46).
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final

import rattler
from rattler.exceptions import DetectVirtualPackageError

from bridge.errors import BridgeError, Code, InvalidInput
from bridge.mapping.hosts import host_of, with_settings
from bridge.model.conda import Subdir
from bridge.model.host import Host, Release, VirtualPackage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bridge.mapping.hosts import Setting

#: variables with which uv is told what to answer, whatever the machine has.
_UV_VARIABLES: Final = (
    "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION",
    "NV_VARIANT_PROVIDER_FORCE_SM_ARCH",
    "TPU_VARIANT_PROVIDER_FORCE_PRESENT",
)
_OVERRIDE_GPU: Final = "CONDA_OVERRIDE_CUDA_ARCH"
_TIMEOUT: Final = 30
_COMPUTE_CAPABILITY: Final = re.compile(r"\s*([0-9]{1,3})\s*\.\s*([0-9]{1,3})\s*")

# Versions 1 and 2 of libmambapy differ in whether a context is passed. A process can have only one context, so a
# process of its own is asked.
_ASK_LIBMAMBA: Final = """
import json, libmambapy
context = libmambapy.Context()
try:
    packages = libmambapy.get_virtual_packages(context)
except TypeError:
    packages = libmambapy.get_virtual_packages()
print(json.dumps([[package.name, package.version, package.build_string] for package in packages]))
"""


@dataclass(frozen=True, slots=True)
class Detection:
    """What was found, and where those who were asked disagree (one sentence each, for a person)."""

    host: Host
    differences: tuple[str, ...] = ()


def detect_host(settings: Iterable[Setting] = ()) -> Host:
    """This machine, or the one that differs from it by the settings.

    Raises:
        InvalidInput: CB126, a `CONDA_OVERRIDE_*` variable or a setting that no machine has.
    """
    return with_settings(detect(second_opinion=None).host, settings)


def rattler_virtual_packages() -> tuple[VirtualPackage, ...]:
    """What py-rattler detects, with the overrides of the environment.

    Raises:
        InvalidInput: CB126, an override that it refuses.
    """
    try:
        found = rattler.VirtualPackage.detect(overrides=rattler.VirtualPackageOverrides.from_env())
    except DetectVirtualPackageError as error:
        raise InvalidInput(Code.HOST, str(error), subject="CONDA_OVERRIDE_*") from error
    generic = (package.into_generic() for package in found)
    return tuple(
        VirtualPackage(package.name.normalized, str(package.version), str(package.build_string)) for package in generic
    )


def libmamba_virtual_packages() -> tuple[VirtualPackage, ...] | None:
    """What libmambapy detects; None where it is not installed or does not answer."""
    if importlib.util.find_spec("libmambapy") is None:
        return None
    output = _output([sys.executable, "-c", _ASK_LIBMAMBA])
    try:
        return None if output is None else tuple(VirtualPackage(*row) for row in json.loads(output.splitlines()[-1]))
    except (ValueError, TypeError, IndexError):
        return None


def query_nvidia_smi() -> str | None:
    """The compute capabilities that the driver's own tool prints, a line for each GPU; None where it is missing."""
    return _output(["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"])


def parse_compute_capabilities(output: str) -> tuple[Release, ...]:
    """One for each GPU; lines that are not `MAJOR.MINOR` are passed over, as the `nvidia` provider does."""
    matches = (_COMPUTE_CAPABILITY.fullmatch(line) for line in output.splitlines())
    return tuple(Release(int(match[1]), int(match[2])) for match in matches if match is not None)


def detect(
    *,
    first: Callable[[], Sequence[VirtualPackage]] = rattler_virtual_packages,
    second_opinion: Callable[[], Sequence[VirtualPackage] | None] | None = libmamba_virtual_packages,
    nvidia_smi: Callable[[], str | None] | None = query_nvidia_smi,
) -> Detection:
    """This machine, and where the clients would see it differently.

    Args:
        first: whose virtual packages are taken.
        second_opinion: whose are compared; None asks nobody.
        nvidia_smi: asked only where there is a CUDA driver; None asks nobody.

    Raises:
        InvalidInput: CB126, a `CONDA_OVERRIDE_*` variable that no machine has.
    """
    subdir = Subdir(str(rattler.Subdir.current()))
    host = host_of(subdir, first(), subject="this machine")
    differences: list[str] = []
    if host.cuda is not None and nvidia_smi is not None and _OVERRIDE_GPU not in os.environ:
        host, said = _with_gpus(host, parse_compute_capabilities(nvidia_smi() or ""))
        differences.extend(said)
    if second_opinion is not None and (packages := second_opinion()) is not None:
        differences.extend(_compared(host, packages))
    differences.extend(
        f"{name}={os.environ[name]} makes uv answer by it, not by the machine"
        for name in _UV_VARIABLES
        if os.environ.get(name)
    )
    return Detection(host, tuple(differences))


def _with_gpus(host: Host, capabilities: Sequence[Release]) -> tuple[Host, tuple[str, ...]]:
    """conda goes by the least able GPU (CEP 46), the `nvidia` provider by the ablest."""
    if not capabilities:
        return host, ()
    least, ablest = min(capabilities), max(capabilities)
    if host.cuda_arch is None:
        host = replace(host, cuda_arch=least)
    if host.cuda_arch == ablest:
        return host, ()
    return host, (f"the GPUs differ: conda goes by compute capability {host.cuda_arch}, uv by {ablest}",)


def _compared(host: Host, packages: Sequence[VirtualPackage]) -> tuple[str, ...]:
    try:
        other = host_of(host.subdir, packages, subject="libmambapy")
    except BridgeError as error:
        return (f"libmambapy: {error.message}",)
    return tuple(
        f"__{name} is {_shown(host, name)} for py-rattler and {_shown(other, name)} for libmambapy"
        for name in (field.name for field in fields(Host))
        # libmamba knows no __cuda_arch (CEP 46 only recommends it).
        if name != "cuda_arch" and getattr(host, name) != getattr(other, name)
    )


def _shown(host: Host, name: str) -> str:
    value = getattr(host, name)
    return "absent" if value is None else str(value)


def _output(command: Sequence[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout if done.returncode == 0 else None
