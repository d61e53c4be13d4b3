"""uv, pip, poetry and pdm: how each is asked what it would take, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName
from packaging.utils import canonicalize_name

from bridge.errors import Code, InvalidInput
from bridge.priority.audit.locks.locked import LockedPackage
from bridge.priority.audit.locks.python_locks import pdm_lock, poetry_lock, pylock, uv_lock
from bridge.priority.configs.addresses import cleaned
from bridge.priority.configs.pip_lines import logical_lines
from bridge.priority.configs.tree import LARGEST_LOCK, Tree, read_text, toml_tree
from bridge.priority.report import Client
from bridge.priority.running.ran import Ran, RanPackage
from bridge.priority.running.workplace import Done, Workplace
from bridge.priority.toml_text import toml_table

#: a source that does not answer is an answer here, and not worth waiting for.
_RETRIES: Final = "0"
_PYPROJECT: Final = "pyproject.toml"
#: options of a requirements file that say where packages come from, and not what is required.
_SOURCES: Final = (
    "-i", "--index-url", "--pypi-url", "--extra-index-url", "-f", "--find-links", "--no-index", "--trusted-host", "-c",
    "--constraint", "--pre", "--prefer-binary",
)  # fmt: skip
#: what the clients of projects read of a `pyproject.toml`.
_TABLES: Final = ("project", "dependency-groups", "tool")

Runner = Callable[[Workplace, Sequence[str | Path], Sequence[str], Path | None], Ran]


def run_uv(place: Workplace, program: Sequence[str | Path], requirements: Sequence[str], python: Path | None) -> Ran:
    """`uv lock`."""
    _require(place.project, requirements)
    (place.project / "uv.lock").unlink(missing_ok=True)
    done = place.run([*program, "lock", "--no-build", *_python(python)], **_UV)
    return _locked(place, Client.UV, done, "uv.lock", uv_lock)


def run_uv_pip(
    place: Workplace, program: Sequence[str | Path], requirements: Sequence[str], python: Path | None
) -> Ran:
    """`uv pip compile`, which writes a `pylock.toml`."""
    command: list[str | Path] = [*program, "pip", "compile", "--no-build", "--format", "pylock.toml", *_python(python)]
    if (place.project / "uv-pip.toml").exists():
        command += ["--config-file", "uv-pip.toml"]
    lock = place.project / "pylock.toml"
    lock.unlink(missing_ok=True)
    done = place.run([*command, "--output-file", lock.name, *_inputs(place.project, requirements)], **_UV)
    return _locked(place, Client.UV_PIP, done, lock.name, pylock)


def run_pip(place: Workplace, program: Sequence[str | Path], requirements: Sequence[str], python: Path | None) -> Ran:
    """`pip install --dry-run`, which writes a report."""
    command: list[str | Path] = [*program]
    if python is not None:
        command += ["--python", python]
    command += ["install", "--dry-run", "--ignore-installed", "--only-binary", ":all:", "--quiet", "--no-cache-dir"]
    for name in _inputs(place.project, requirements):
        command += ["-r", name]
    variables = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_RETRIES": _RETRIES, "PIP_NO_INPUT": "1"}
    if (place.project / "pip.conf").exists():
        variables["PIP_CONFIG_FILE"] = "pip.conf"
    report = place.project / "report.json"
    report.unlink(missing_ok=True)
    done = place.run([*command, "--report", report.name], **variables)
    text = read_text(report, report.name, LARGEST_LOCK) if done.status == 0 else None
    if text is None:
        return Ran(Client.PIP, ok=False, message=place.message(done))
    return Ran(Client.PIP, ok=True, packages=_sorted(_reported(one) for one in json.loads(text).get("install", ())))


def run_poetry(
    place: Workplace, program: Sequence[str | Path], requirements: Sequence[str], _python: Path | None
) -> Ran:
    """`poetry lock`, for the Python that poetry itself runs with."""
    _require(place.project, requirements)
    (place.project / "poetry.lock").unlink(missing_ok=True)
    done = place.run([*program, "lock", "--no-interaction", "--no-ansi", "--no-plugins"], **_POETRY)
    return _locked(place, Client.POETRY, done, "poetry.lock", poetry_lock)


def run_pdm(place: Workplace, program: Sequence[str | Path], requirements: Sequence[str], python: Path | None) -> Ran:
    """`pdm lock` with the addresses of the files."""
    _require(place.project, requirements)
    (place.project / "pdm.lock").unlink(missing_ok=True)
    variables = {**_PDM, "PDM_PYTHON": str(python)} if python is not None else _PDM
    done = place.run([*program, "lock", "--strategy", "static_urls", "--no-cross-platform", "-q"], **variables)
    return _locked(place, Client.PDM, done, "pdm.lock", pdm_lock)


RUNNERS: Final[Mapping[Client, Runner]] = MappingProxyType(
    {
        Client.UV: run_uv,
        Client.UV_PIP: run_uv_pip,
        Client.PIP: run_pip,
        Client.POETRY: run_poetry,
        Client.PDM: run_pdm,
    }
)

_UV: Final = {"UV_PYTHON_DOWNLOADS": "never", "UV_HTTP_RETRIES": _RETRIES, "UV_NO_PROGRESS": "1"}
_POETRY: Final = {
    "POETRY_VIRTUALENVS_CREATE": "false",
    # of a project without wheels poetry would ask the build backend, in an environment that this keeps it from making
    "VIRTUALENV_CREATOR": "none",
    "POETRY_KEYRING_ENABLED": "false",
    "POETRY_INSTALLER_ONLY_BINARY": ":all:",
    "POETRY_REQUESTS_MAX_RETRIES": _RETRIES,
}
_PDM: Final = {"PDM_CHECK_UPDATE": "0", "PDM_USE_VENV": "0", "PDM_IGNORE_SAVED_PYTHON": "1", "PDM_ONLY_BINARY": ":all:"}


def _python(python: Path | None) -> list[str | Path]:
    return ["--python", python] if python is not None else []


def _locked(
    place: Workplace, client: Client, done: Done, name: str, read: Callable[[Tree], Iterable[LockedPackage]]
) -> Ran:
    """What a lock file has that was just made."""
    text = read_text(place.project / name, name, LARGEST_LOCK) if done.status == 0 else None
    if text is None:
        return Ran(client, ok=False, message=place.message(done))
    document = toml_tree(text, name)
    entries = (document.get("package") or document.get("packages")).elements()
    found = (
        RanPackage(one.name, one.version, one.urls[0] if one.urls else "", one.source, one.hashes)
        for entry, one in zip(entries, read(document), strict=True)
        if not one.local and _is_for_here(entry)
    )
    return Ran(client, ok=True, packages=_sorted(found))


def _is_for_here(entry: Tree) -> bool:
    """Whether an entry of a lock file for many machines is for this one: of a name that is resolved apart, one is."""
    texts = [entry.get(key).text for key in ("marker", "markers") if entry.get(key).text]
    several = [one.text for one in entry.get("resolution-markers").elements() if one.text]
    try:
        conditions = [any(Marker(text).evaluate() for text in group) for group in (texts, several) if group]
    except (InvalidMarker, UndefinedEnvironmentName):
        return True  # of a client that is newer than this: better one entry too many
    return all(conditions)


def _reported(one: Mapping[str, Any]) -> RanPackage:
    """An entry of pip's installation report, version 1."""
    metadata, info = one["metadata"], one["download_info"]
    hashes = info.get("archive_info", {}).get("hashes", {})
    listed = tuple(sorted(f"{key}:{value}" for key, value in hashes.items()))
    return RanPackage(canonicalize_name(metadata["name"]), metadata["version"], cleaned(info["url"]), hashes=listed)


def _sorted(packages: Iterable[RanPackage]) -> tuple[RanPackage, ...]:
    return tuple(sorted(packages, key=lambda one: (one.name, one.version, one.source)))


def _inputs(project: Path, requirements: Sequence[str]) -> list[str]:
    """The files that say what is required; options about sources are kept whatever is required."""
    name = "requirements.txt"
    path = project / name
    text = path.read_text(encoding="utf-8") if path.exists() else None
    if requirements or text is None:
        options = [line for _, line in logical_lines(text or "") if line.startswith(_SOURCES)]
        wanted = list(requirements) or _project_dependencies(project)
        path.write_text("".join(f"{line}\n" for line in [*options, *wanted]), encoding="utf-8")
    return [name]


def _project_dependencies(project: Path) -> list[str]:
    table = _pyproject(project).get("project", {}).get("dependencies", [])
    return [text for text in table if isinstance(text, str)] if isinstance(table, list) else []


def _require(project: Path, requirements: Sequence[str]) -> None:
    """Make the copied project require these and nothing else, if there are any; its groups and pins stay as they are.

    What only its build backend would say is left out in any case, and the backend too: it is a package like others.
    """
    document = _pyproject(project)
    table = document.get("project")
    known = table if isinstance(table, dict) else {"name": "bridge-check"}
    if not requirements and "dynamic" not in known:
        return
    dropped = {"dynamic", "readme", *(("optional-dependencies",) if requirements else ())}
    document["project"] = {
        "version": "0",
        "requires-python": ">=3.9",
        **{key: value for key, value in known.items() if key not in dropped},
        **({"dependencies": list(requirements)} if requirements else {}),
    }
    kept = {key: document[key] for key in _TABLES if key in document}
    try:
        text = toml_table("", _plain(kept))
    except TypeError as error:
        message = f"holds a value that cannot be copied: {error}"
        raise InvalidInput(Code.BAD_METADATA, message, subject=_PYPROJECT) from error
    (project / _PYPROJECT).write_text(text, encoding="utf-8")


def _pyproject(project: Path) -> dict[str, Any]:
    path = project / _PYPROJECT
    if not path.exists():
        return {}
    value: dict[str, Any] = toml_tree(path.read_text(encoding="utf-8"), _PYPROJECT).value
    return value


def _plain(value: Any) -> Any:
    """Values that can be written as TOML; of those that cannot, clients of Python projects read none."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str | bool | int) or (isinstance(value, datetime) and value.tzinfo is not None):
        return value
    raise TypeError(type(value).__name__)
