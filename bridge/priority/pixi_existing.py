"""What a pixi manifest requires already: a claimed package there needs its channel or index beside its version."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from packaging.utils import canonicalize_name

from bridge.errors import Code, InvalidInput
from bridge.priority.blocks import take_block
from bridge.priority.report import Client, FileFormat
from bridge.priority.toml_layout import statements
from bridge.priority.toml_text import toml_key, toml_value

PIXI_TOML: Final = PurePosixPath("pixi.toml")
PYPROJECT: Final = PurePosixPath("pyproject.toml")
#: what a requirement says besides its version.
_TABLES: Final = {"channel": "dependencies", "index": "pypi-dependencies"}


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest without what was compiled into it."""

    path: PurePosixPath
    #: of all tables.
    prefix: str
    text: str = ""
    tables: Mapping[str, Any] = field(default_factory=dict)

    def requires(self, name: str, url: str, key: str) -> bool:
        """Whether the workspace itself requires a package, with the right channel or index.

        Args:
            name: of the package or project.
            url: of the channel or index.
            key: `channel` or `index`.

        Raises:
            InvalidInput: `CB440`, it requires the package without.
        """
        found = False
        for path, written, value in self._requirements(_TABLES[key]):
            if canonicalize_name(written) != canonicalize_name(name):
                continue
            if not (isinstance(value, dict) and value.get(key) == url):
                raise self._refused(path, value, key, url)
            found = found or path == (_TABLES[key], written)
        return found

    def _requirements(self, table: str) -> Iterator[tuple[tuple[str, ...], str, Any]]:
        """All requirements with the path of their keys: of the workspace, its features and its platforms."""
        pending: list[tuple[tuple[str, ...], Mapping[str, Any]]] = [((), self.tables)]
        while pending:
            path, scope = pending.pop()
            for name, value in _items(scope.get(table)):
                yield (*path, table, name), name, value
            for group in ("feature", "target"):
                pending += [
                    ((*path, group, name), value) for name, value in _items(scope.get(group)) if isinstance(value, dict)
                ]

    def _refused(self, path: tuple[str, ...], value: Any, key: str, url: str) -> InvalidInput:
        full = (*filter(None, self.prefix.split(".")), *path)
        line = next(
            (self.text.count("\n", 0, s.start) + 1 for s in statements(self.text) if s.full[: len(full)] == full), 1
        )
        said: dict[str, Any] = value if isinstance(value, dict) else {"version": str(value)}
        wanted = f"{toml_key(path[-1])} = {toml_value({**said, key: url})}"
        message = f"{'.'.join(path)}: the name is claimed; write {wanted}"
        return InvalidInput(Code.BLOCK_CONFLICT, message, subject=str(self.path), field=f"line {line}")


def read_manifest(existing: Mapping[PurePosixPath, bytes]) -> Manifest:
    """The manifest of a project: `pixi.toml`, or a `pyproject.toml` with `[tool.pixi]`; a new `pixi.toml` otherwise.

    Raises:
        InvalidInput: it cannot be read (`CB442`), or its blocks are damaged (`CB441`).
    """
    if PIXI_TOML in existing:
        text, tables = _read(existing[PIXI_TOML], PIXI_TOML)
        return Manifest(PIXI_TOML, "", text, tables)
    if PYPROJECT in existing:
        text, tables = _read(existing[PYPROJECT], PYPROJECT)
        tool = tables.get("tool")
        pixi = tool.get("pixi") if isinstance(tool, dict) else None
        if isinstance(pixi, dict):
            return Manifest(PYPROJECT, "tool.pixi.", text, pixi)
    return Manifest(PIXI_TOML, "")


def _read(content: bytes, path: PurePosixPath) -> tuple[str, Mapping[str, Any]]:
    rest = take_block(content, FileFormat.TOML, Client.PIXI, filename=str(path)).decode().removeprefix("\ufeff")
    try:
        return rest, tomllib.loads(rest)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(Code.EDITED_FILE, str(error), subject=str(path)) from None


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    return iter(value.items() if isinstance(value, dict) else ())
