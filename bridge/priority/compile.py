"""Compiling a policy for several clients at once, into a project's files."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Final

from bridge.errors import Code, InvalidInput
from bridge.priority.blocks import clients_with_blocks, has_blocks, put_block, take_block
from bridge.priority.compilation import CompileResult, FileResult, FileState
from bridge.priority.context import CompileContext, OverlayUrls
from bridge.priority.policy import Policy
from bridge.priority.python_reports import MADE
from bridge.priority.report import Client, Compiled, CompiledFile, FileFormat, joined

Compiler = Callable[[Policy, CompileContext], Compiled]

#: files that users have for reasons of their own, and that may hold blocks.
_SHARED: Final[Mapping[PurePosixPath, FileFormat]] = MappingProxyType(
    {
        PurePosixPath("pyproject.toml"): FileFormat.TOML,
        PurePosixPath("pixi.toml"): FileFormat.TOML,
        PurePosixPath(".pixi/config.toml"): FileFormat.TOML,
        PurePosixPath(".condarc"): FileFormat.YAML,
        PurePosixPath(".mambarc"): FileFormat.YAML,
        PurePosixPath("pip.conf"): FileFormat.INI,
        PurePosixPath("pdm.toml"): FileFormat.TOML,
        PurePosixPath("poetry.toml"): FileFormat.TOML,
    }
)
#: of a configuration file; far more than any has.
_LARGEST: Final = 8 << 20


def compile_policy(
    policy: Policy,
    out: Path,
    *,
    clients: Collection[Client] = tuple(Client),
    context: CompileContext | None = None,
    overlays: OverlayUrls | None = None,
    allow_weaker: Collection[Code] = (),
    check: bool = False,
) -> CompileResult:
    """Write the policy into the configuration of every client, or see whether that was done.

    Files that exist keep what is not from the policy, byte for byte. Nothing is written unless everything can be.

    Args:
        policy: what `bridge.priority.policy_file.read_policy` gives.
        out: the directory of the project.
        clients: for which; their order does not matter.
        context: names in the graph, platforms and so on; `existing` is read from `out`.
        overlays: where the overlays are hosted; None for what the context says.
        allow_weaker: codes with which a first-party claim may be kept less than fully.
        check: whether to compare and to write nothing.

    Returns:
        The files, the reports, and whether all is well.

    Raises:
        InvalidInput: a file cannot be read (`CB442`), has damaged blocks (`CB441`), says something else (`CB440`) or is
            no plain file (`CB322`); or the policy cannot be written at all.
        OSError: a file cannot be read or written.
    """
    known = context or CompileContext()
    before = {path: content for path in _SHARED if (content := _content(out, path)) is not None}
    known = replace(known, existing=before, overlays=known.overlays if overlays is None else overlays)
    chosen = [client for client in Client if client in clients]
    compiled = joined(compiler(client)(policy, known) for client in chosen)
    after, owners = _contents(out, policy, compiled.files, chosen)
    results = []
    for path in sorted(after):
        old = _content(out, path)
        results.append(FileResult(path, owners[path], *_state(old, after[path], check=check)))
    if not check:
        for result in results:
            if result.state is FileState.WRITTEN:
                _write(out.joinpath(result.path), after[result.path])
    return CompileResult(policy.filename, policy.digest, tuple(results), compiled.report, frozenset(allow_weaker))


def compiler(client: Client) -> Compiler:
    """What compiles for one client."""
    name = client.value.replace("-", "_")
    home = "uv" if client is Client.UV_PIP else name
    function: Any = getattr(import_module(f"bridge.priority.compile_{home}"), f"compile_{name}")
    found: Compiler = function
    return found


def _contents(
    out: Path, policy: Policy, files: Collection[CompiledFile], chosen: Collection[Client]
) -> tuple[dict[PurePosixPath, bytes], dict[PurePosixPath, tuple[Client, ...]]]:
    """What the files should be, and whose configuration is in each."""
    after: dict[PurePosixPath, bytes] = {}
    owners: dict[PurePosixPath, tuple[Client, ...]] = {}
    for file in files:
        if file.standalone or not has_blocks(file.format):
            _refuse_foreign(out, file)
            if after.setdefault(file.path, file.content) != file.content:
                raise ValueError(f"two clients want different files of one name: {file.path}")
        else:
            content = after.get(file.path)
            if content is None:
                content = _content(out, file.path) or b""
            after[file.path] = put_block(
                content, file.text, file.format, file.client, filename=str(file.path), note=_note(policy)
            )
        owners[file.path] = (*owners.get(file.path, ()), file.client)
    # What a client no longer gets is taken out again.
    for path, form in _SHARED.items():
        content = after.get(path) if path in after else _content(out, path)
        if content is None or path in {file.path for file in files if file.standalone}:
            continue
        for client in sorted(clients_with_blocks(content, form, filename=str(path)), key=list(Client).index):
            if client in chosen and client not in owners.get(path, ()):
                content = take_block(content, form, client, filename=str(path))
                after[path] = content
                owners[path] = (*owners.get(path, ()), client)
    return after, owners


def _refuse_foreign(out: Path, file: CompiledFile) -> None:
    """A file that is made whole replaces only what was made like it, or what is the same."""
    there = _content(out, file.path)
    if there and not there.startswith(MADE.encode()) and there != file.content:
        message = "the file is not one that a policy was compiled to, and would be replaced"
        raise InvalidInput(Code.OUTPUT_TAKEN, message, subject=str(file.path))


def _note(policy: Policy) -> str:
    """What a block begins with: where it comes from."""
    name = "".join(letter if letter.isprintable() else "?" for letter in policy.filename)
    return f"made by conda-bridge from {name}, policy {policy.digest[:12]}; do not edit"


def _state(old: bytes | None, new: bytes, *, check: bool) -> tuple[FileState, int | None]:
    """What is to be done about a file, and the line of the first difference."""
    if old == new:
        return FileState.UNCHANGED, None
    if old is None:
        return (FileState.MISSING if check else FileState.WRITTEN), None
    pairs = enumerate(zip(old.split(b"\n"), new.split(b"\n"), strict=False), start=1)
    shorter = min(old.count(b"\n"), new.count(b"\n")) + 1
    line = next((number for number, (one, other) in pairs if one != other), shorter)
    return (FileState.CHANGED if check else FileState.WRITTEN), line


def _content(out: Path, path: PurePosixPath) -> bytes | None:
    """A file of the project; None where there is none."""
    place = out.joinpath(path)
    for part in (place, *(out.joinpath(parent) for parent in path.parents if parent.name)):
        if part.is_symlink():
            # What it leads to may be anybody's, and to replace the link would surprise.
            raise InvalidInput(Code.OUTPUT_TAKEN, "a link stands where a file is to be written", subject=str(path))
    if not place.exists():
        return None
    if not place.is_file():
        raise InvalidInput(Code.OUTPUT_TAKEN, "something else than a file stands there", subject=str(path))
    if place.stat().st_size > _LARGEST:
        raise InvalidInput(Code.EDITED_FILE, f"larger than {_LARGEST} bytes", subject=str(path))
    return place.read_bytes()


def _write(place: Path, content: bytes) -> None:
    """Replace a file as a whole, or not at all; an existing one keeps its permissions."""
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".{place.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
            file.write(content)
        if place.exists():
            temporary.chmod(place.stat().st_mode & 0o777)
        temporary.replace(place)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
