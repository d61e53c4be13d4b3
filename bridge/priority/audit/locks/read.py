"""The lock files in a project's directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from bridge.errors import InvalidInput
from bridge.priority.audit.locks.conda_locks import conda_lock, pixi_lock
from bridge.priority.audit.locks.locked import LockedPackage
from bridge.priority.audit.locks.python_locks import pdm_lock, poetry_lock, pylock, uv_lock
from bridge.priority.configs.tree import LARGEST_LOCK, Tree, read_text, toml_tree, yaml_tree

_LockReader = Callable[[Tree], Iterator[LockedPackage]]
_READERS: Final[Mapping[str, tuple[Callable[[str, str], Tree], _LockReader]]] = MappingProxyType(
    {
        "pixi.lock": (yaml_tree, pixi_lock),
        "conda-lock.yml": (yaml_tree, conda_lock),
        "conda-lock.yaml": (yaml_tree, conda_lock),
        "uv.lock": (toml_tree, uv_lock),
        "pylock.toml": (toml_tree, pylock),
        "poetry.lock": (toml_tree, poetry_lock),
        "pdm.lock": (toml_tree, pdm_lock),
    }
)


def read_locks(project: Path) -> tuple[tuple[LockedPackage, ...], tuple[InvalidInput, ...]]:
    """The packages of all lock files of a project, and the files that cannot be read.

    Args:
        project: the directory; `pylock.<name>.toml` is read as well (PEP 751).
    """
    packages: list[LockedPackage] = []
    problems: list[InvalidInput] = []
    names = [*_READERS, *sorted(path.name for path in project.glob("pylock.*.toml"))]
    for name in names:
        parse, read = _READERS.get(name, _READERS["pylock.toml"])
        try:
            text = read_text(project / name, name, LARGEST_LOCK)
            if text is not None:
                packages += [one for one in read(parse(text, name)) if one.name]
        except InvalidInput as error:
            problems.append(error)
    return tuple(packages), tuple(problems)
