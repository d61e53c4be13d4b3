"""Package an installed CPython as conda's `python`, with the small packages that stand beside it in a channel.

Usage: python recipes/package_python.py -o CHANNEL [--python INTERPRETER]
Needs: conda-wheel-bridge, Linux, and a CPython that lies in a directory of its own with its shared library or
without one. Libraries of the system that its modules use (OpenSSL, zlib ...) are not packaged: a stand-in for tests.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

# So that it works from a bare checkout too.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bridge.errors import BridgeError
from bridge.formats.conda.writer import CondaWriter
from bridge.model.conda import CondaIdentity, CondaName, CondaVersion, FileMode, Subdir
from bridge.model.payload import Nature
from bridge.native.inspect import inspect
from bridge.native.relocate import plan_rpath
from bridge.native.rpath import relative

#: 255 characters, as conda's build tools take, though text has no bound.
PLACEHOLDER: Final = "/opt/conda-bridge/" + ("placehold_" * 24)[: 255 - len("/opt/conda-bridge/")]
#: where a directory in a binary seems to lie, cut to the length of the real place: nobody but root can make it.
NOWHERE: Final = "/opt/conda-bridge/" + "-" * 255
_SYSTEM: Final = frozenset({"/", "/usr"})
#: tests of the standard library, and what is made again.
_LEFT_OUT: Final = frozenset({"__pycache__", "test", "tests", "idle_test", "site-packages"})
_MACHINES: Final = {"x86_64": "64", "aarch64": "aarch64", "ppc64le": "ppc64le"}
_LEVEL: Final = 3

_QUESTION: Final = """
import json, platform, sys, sysconfig
free = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
print(json.dumps({
    "implementation": sys.implementation.name, "system": sys.platform, "machine": platform.machine(),
    "prefix": sys.base_prefix, "version": "%d.%d.%d" % sys.version_info[:3], "final": sys.version_info[3] == "final",
    "free": free, "glibc": platform.libc_ver()[1],
    "paths": sysconfig.get_paths(vars={"base": sys.base_prefix, "platbase": sys.base_prefix}),
}))
"""


@dataclass(frozen=True, slots=True)
class Installed:
    """A CPython that is installed on this machine."""

    prefix: Path
    #: `3.12.1`
    version: str
    free_threaded: bool
    machine: str
    #: version of the C library that it runs with.
    glibc: str
    #: relative to the prefix.
    stdlib: str
    site_packages: str
    include: str

    @property
    def minor(self) -> str:
        """`3.12`"""
        return self.version.rpartition(".")[0]

    @property
    def abi(self) -> str:
        """`cp312`, `cp313t`"""
        return f"cp{self.minor.replace('.', '')}{'t' if self.free_threaded else ''}"

    @property
    def subdir(self) -> Subdir:
        return Subdir(f"linux-{_MACHINES[self.machine]}")


def installed(interpreter: str) -> Installed:
    """Ask an interpreter what it is and where it lies.

    Raises:
        SystemExit: it is not one that can be packaged.
    """
    try:
        command = [interpreter, "-I", "-c", _QUESTION]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"{interpreter} does not run") from error
    found: Mapping[str, Any] = json.loads(answer)
    prefix = Path(found["prefix"]).resolve()
    whole = found["implementation"] == "cpython" and found["system"] == "linux" and found["final"]
    if not whole or found["machine"] not in _MACHINES or str(prefix) in _SYSTEM or len(str(prefix)) < 5:
        raise SystemExit(f"{interpreter} is no released CPython for Linux in a directory of its own")
    paths = {name: Path(path).resolve().relative_to(prefix).as_posix() for name, path in found["paths"].items()
             if name in ("stdlib", "purelib", "include")}  # fmt: skip
    return Installed(
        prefix=prefix,
        version=found["version"],
        free_threaded=found["free"],
        machine=found["machine"],
        glibc=found["glibc"],
        stdlib=paths["stdlib"],
        site_packages=paths["purelib"],
        include=paths["include"],
    )


def package_python(python: Installed, channel: Path) -> list[Path]:
    """Write `python` and its companions to their directories of a channel.

    Returns:
        The packages. The channel is not indexed.

    Raises:
        BridgeError: the tree holds something that a package cannot.
    """
    minor, version, abi = python.minor, python.version, python.abi
    flavour = abi if python.free_threaded else "cpython"
    own = {"constrains": [f"python_abi {minor}.* *_{abi}"], "python_site_packages_path": python.site_packages}
    if python.free_threaded:
        # So that nobody gets it who did not ask for it.
        own["track_features"] = "py_freethreading"
    needs = [f"__glibc >={python.glibc}"]
    written = [
        _package(channel, _index("python", version, f"0_{flavour}", needs, python.subdir) | own, python),
        _package(channel, _index("python_abi", minor, f"0_{abi}", constrains=[f"python {minor}.* *_{flavour}"])),
    ]
    if not python.free_threaded:
        bound = f"python_abi {minor}.* *_{abi}"
        written += [
            _package(channel, _index("cpython", version, f"{abi}_0", [f"python {version}.*", bound])),
            _package(channel, _index("python-gil", version, f"{abi}_0", [f"cpython {version}.*", bound])),
            _package(channel, _index("_python_abi3_support", "1.0", "0", ["cpython", "python-gil"])),
        ]
    return written


def _index(
    name: str,
    version: str,
    build: str,
    depends: Sequence[str] = (),
    subdir: str = "noarch",
    constrains: Sequence[str] = (),
) -> dict[str, Any]:
    generic = {"noarch": "generic"} if subdir == "noarch" else {}
    return {
        "name": name,
        "version": version,
        "build": build,
        "build_number": 0,
        "subdir": subdir,
        "depends": list(depends),
        "constrains": list(constrains),
        "license": "Python-2.0",
        **generic,
    }


def _package(channel: Path, index: Mapping[str, Any], python: Installed | None = None) -> Path:
    identity = CondaIdentity(CondaName(index["name"]), CondaVersion(index["version"]), index["build"])
    directory = channel / index["subdir"]
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{identity.stem}.conda"
    with CondaWriter(path, identity, subdir=Subdir(index["subdir"]), level=_LEVEL) as writer:
        if python is not None:
            _add_tree(writer, python)
        writer.finish(index, {"summary": "A stand-in for tests", "license": "Python-2.0"})
    return path


def _add_tree(writer: CondaWriter, python: Installed) -> None:
    names = {f"bin/{name}": f"python{python.minor}" for name in ("python", "python3")}
    for path in _tree(python):
        name = path.relative_to(python.prefix).as_posix()
        if name in names:
            continue
        if path.is_symlink():
            target = path.resolve().relative_to(path.parent.resolve())
            writer.add_link(name, target.as_posix())
            continue
        data, placeholder = _relocatable(path.read_bytes(), name, str(python.prefix))
        writer.add(
            name,
            io.BytesIO(data),
            len(data),
            mode=0o755 if path.stat().st_mode & 0o100 else 0o644,
            prefix_placeholder=placeholder,
            file_mode=FileMode.TEXT if placeholder else None,
            sha256=hashlib.sha256(data).digest(),
        )
    for name, program in names.items():
        writer.add_link(name, program)
    readme = b"Packages are installed here.\n"
    writer.add(f"{python.site_packages}/README.txt", io.BytesIO(readme), len(readme))


def _tree(python: Installed) -> Iterator[Path]:
    """The interpreter, its libraries, headers and modules, sorted; nothing that others put beside them."""
    prefix, minor = python.prefix, re.escape(python.minor)
    top = re.compile(rf"bin/(python|python3|(python|pydoc){minor}t?(-config)?)|lib/libpython[^/]*\.so[^/]*")
    for path in sorted([*prefix.glob("bin/*"), *prefix.glob("lib/*")]):
        if top.fullmatch(path.relative_to(prefix).as_posix()) and path.is_file():
            yield path
    for directory in sorted({python.stdlib, python.include}):
        for path in sorted((prefix / directory).rglob("*")):
            inner = path.relative_to(prefix / directory).parts
            if path.is_file() and not _LEFT_OUT.intersection(inner) and path.suffix != ".a":
                yield path


def _relocatable(data: bytes, name: str, prefix: str) -> tuple[bytes, str | None]:
    """A file without the directory that its Python is installed in, and the placeholder that took its place."""
    old = prefix.encode()
    if old not in data:
        return data, None
    found = inspect(data, subject=name)
    if found.nature is not Nature.ELF:
        return data.replace(old, PLACEHOLDER.encode()), PLACEHOLDER
    # The directory in a binary is too short for the prefix of another machine. Python finds its modules beside
    # itself (getpath), and its library too once the RPATH is relative.
    if found.elf is not None and found.elf.rpath is not None:
        patch = plan_rpath(found.elf, relative("lib", origin=name.rpartition("/")[0]), subject=name)
        if patch is not None:
            end = patch.offset + len(patch.old)
            data = data[: patch.offset] + patch.new + data[end:]
    # The last directory stays: linkers let strings share their ends, and `3.12.1` may be one of them.
    parent, slash, last = old.rpartition(b"/")
    return data.replace(old, NOWHERE.encode()[: len(parent)] + slash + last), None


def main() -> int:
    """Package, print the packages, and return the exit status."""
    parser = argparse.ArgumentParser(description="Package an installed CPython and its companions into a channel.")
    parser.add_argument("--python", default=sys.executable, metavar="INTERPRETER", help="default: the running one")
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="CHANNEL")
    arguments = parser.parse_args()
    try:
        written = package_python(installed(arguments.python), arguments.out)
    except BridgeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.writelines(f"{path}\n" for path in written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
