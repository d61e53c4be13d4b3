"""The configurations in a project's directory, for every client that finds one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bridge.errors import Code, InvalidInput
from bridge.priority.configs.conda import Condarc, with_ages
from bridge.priority.configs.config import ClientConfig, Place
from bridge.priority.configs.pip import pip_config
from bridge.priority.configs.pip_lines import project_requirements
from bridge.priority.configs.pixi import pixi_config, rattler_config
from bridge.priority.configs.projects import hatch_configs, pdm_config, poetry_config
from bridge.priority.configs.secrets import literal_secrets, netrc_secrets, readable_by_others
from bridge.priority.configs.tree import Tree, read_text, toml_tree, yaml_tree
from bridge.priority.configs.uv import uv_config
from bridge.priority.report import Client

#: of one kind in one directory; a project has a handful.
_MOST: Final = 200
_CONDARC: Final = (".condarc", "condarc", ".conda/.condarc")
_CONDARC_D: Final = ("condarc.d", ".condarc.d", ".conda/condarc.d")
_SECRET_FILES: Final = (
    "pyproject.toml", "pixi.toml", "uv.toml", "uv-pip.toml", "pdm.toml", "poetry.toml", "hatch.toml", "pip.conf",
    "pip.ini", ".pypirc", ".condarc", "condarc", ".mambarc", ".env", ".pixi/config.toml", ".rattler/config.toml",
    "rattler-config.toml", "hatch-uv.toml",
    "bridge-policy.toml", ".gitlab-ci.yml", "Dockerfile",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Secret:
    """A place where a secret stands in a file."""

    place: Place
    #: the key that it is the value of; `address` where it is part of one.
    key: str
    #: the file is made for secrets, and only its owner may read it.
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Configurations:
    """What was found in a project."""

    configs: tuple[ClientConfig, ...]
    #: files that cannot be read; no client reads them either.
    problems: tuple[InvalidInput, ...] = ()
    secrets: tuple[Secret, ...] = ()


def read_configs(project: Path, *, user: Path | None = None) -> tuple[ClientConfig, ...]:
    """What each client would be told in a project's directory.

    Args:
        project: the directory.
        user: a home directory, whose configuration counts as well; None leaves it out.

    Raises:
        InvalidInput: a file cannot be read (CB101, CB109, CB111).
    """
    found = read_configurations(project, user=user)
    if found.problems:
        raise found.problems[0]
    return found.configs


def read_configurations(project: Path, *, user: Path | None = None) -> Configurations:
    """As `read_configs`, with the files that cannot be read and the places of secrets beside what was found.

    Raises:
        InvalidInput: CB101, the project is no directory.
    """
    if not project.is_dir():
        raise InvalidInput(Code.UNREADABLE, "is not a directory", subject=str(project))
    reader = _Reader(project, user)
    configs = [
        config
        for part in (reader.conda, reader.pixi, reader.uv, reader.pip, reader.poetry, reader.pdm, reader.hatch)
        for config in reader.guarded(part)
    ]
    secrets = tuple(sorted(reader.secrets(), key=lambda secret: (secret.place, secret.key)))
    problems = {str(problem): problem for problem in reader.problems}
    return Configurations(tuple(configs), tuple(problems[text] for text in sorted(problems)), secrets)


@dataclass(slots=True)
class _Reader:
    """Files of one project, each parsed once."""

    project: Path
    user: Path | None
    problems: list[InvalidInput] = field(default_factory=list)
    _trees: dict[str, Tree | None] = field(default_factory=dict)

    def guarded(self, part: Callable[[], Iterator[ClientConfig]]) -> list[ClientConfig]:
        """What a part finds; a broken file ends that part alone."""
        found: list[ClientConfig] = []
        try:
            found.extend(part())
        except InvalidInput as error:
            self.problems.append(error)
        return found

    def text(self, name: str) -> str | None:
        """A file by its name as it is shown; one of the user's only where it is asked for."""
        if name.startswith("~/") and self.user is None:
            return None
        try:
            return read_text(self._path(name), name)
        except InvalidInput as error:
            self.problems.append(error)
            return None

    def conda(self) -> Iterator[ClientConfig]:
        names = [name for name in _CONDARC if self._exists(name)]
        for folder in _CONDARC_D:
            names += reversed(self._files(folder, (".yml", ".yaml")))
        names += [name for name in ("~/.condarc", "~/.conda/.condarc") if self._exists(name)]
        mamba = [name for name in (".mambarc", "~/.mambarc") if self._exists(name)]
        environments = self._environments()
        conda_rc = [tree for name in names if (tree := self._yaml(name)) is not None]
        mamba_rc = [*(tree for name in mamba if (tree := self._yaml(name)) is not None), *conda_rc]
        for client, files in ((Client.CONDA, conda_rc), (Client.MAMBA, mamba_rc)):
            condarc = Condarc(client, files)
            for environment in environments:
                yield with_ages(condarc.config(environment))
            if files and not environments:
                yield with_ages(condarc.config())

    def pixi(self) -> Iterator[ClientConfig]:
        config = self._toml(".pixi/config.toml") or self._toml("~/.pixi/config.toml")
        pyproject = self._toml("pyproject.toml")
        manifest = self._toml("pixi.toml")
        if manifest is not None:
            yield pixi_config(manifest, None, config)
        elif pyproject is not None and pyproject.get("tool", "pixi"):
            yield pixi_config(pyproject.get("tool", "pixi"), pyproject, config)
        rattler = self._toml("rattler-config.toml") or self._toml(".rattler/config.toml")
        if rattler is not None:
            yield rattler_config(rattler)

    def uv(self) -> Iterator[ClientConfig]:
        pyproject = self._toml("pyproject.toml")
        settings = self._toml("uv.toml")
        table = pyproject.get("tool", "uv") if pyproject is not None else None
        own = settings if settings is not None else table or None
        if own is None and self._exists("uv.lock") and pyproject is not None:
            own = pyproject.get("tool", "uv")
        if own is not None:
            yield uv_config(own, pyproject)
            if own.get("pip"):
                yield uv_config(own, pyproject, Client.UV_PIP)
        pip = self._toml("uv-pip.toml")
        if pip is not None:
            yield uv_config(pip, pyproject, Client.UV_PIP)
        user = self._toml("~/.config/uv/uv.toml")
        if user is not None and own is None:
            yield uv_config(user, pyproject)

    def pip(self) -> Iterator[ClientConfig]:
        names = ["~/.pip/pip.conf", "~/.config/pip/pip.conf", ".venv/pip.conf", "pip.ini", "pip.conf"]
        inis = [(name, text) for name in names if (text := self.text(name)) is not None]
        files = [name for name in self._files("", (".txt", ".in")) if "requirements" in name.lower()]
        files += self._files("requirements", (".txt", ".in"))
        for name in (name for name in files if self.text(name) is not None):
            yield pip_config(inis, [name], self.text)
        if inis and not files:
            pyproject = self._toml("pyproject.toml")
            found = [*project_requirements(pyproject.get("project"))] if pyproject is not None else []
            yield pip_config(inis, [], self.text, found)

    def poetry(self) -> Iterator[ClientConfig]:
        pyproject = self._toml("pyproject.toml")
        if pyproject is not None and (pyproject.get("tool", "poetry") or self._exists("poetry.lock")):
            yield poetry_config(pyproject)

    def pdm(self) -> Iterator[ClientConfig]:
        pyproject = self._toml("pyproject.toml")
        if pyproject is not None and (
            pyproject.get("tool", "pdm") or self._exists("pdm.lock") or self._exists("pdm.toml")
        ):
            yield pdm_config(pyproject, self._toml("pdm.toml"))

    def hatch(self) -> Iterator[ClientConfig]:
        pyproject = self._toml("pyproject.toml")
        project = pyproject.get("project") if pyproject is not None else None
        hatch = self._toml("hatch.toml")
        if hatch is None and pyproject is not None:
            hatch = pyproject.get("tool", "hatch")
        if hatch is not None:
            yield from hatch_configs(hatch, project, self._toml)

    def secrets(self) -> Iterator[Secret]:
        """Where secrets stand, in the order of the files."""
        names = [*_SECRET_FILES, *self._files("requirements", (".txt", ".in"))]
        names += [name for name in self._files("", (".txt", ".in", ".yml", ".yaml")) if name not in names]
        for name in names:
            for place, key in literal_secrets(self.text(name) or "", name):
                yield Secret(place, key)
        for name in (".netrc", "_netrc", "~/.netrc"):
            guarded = name.startswith("~/") and not readable_by_others(self._path(name))
            for place, key in netrc_secrets(self.text(name) or "", name):
                yield Secret(place, key, guarded)

    def _environments(self) -> list[Tree]:
        names = [name for name in self._files("", (".yml", ".yaml")) if name.lower().startswith("environment")]
        trees = [tree for name in names if (tree := self._yaml(name)) is not None]
        return [tree for tree in trees if tree.get("dependencies") or tree.get("channels")]

    def _path(self, name: str) -> Path:
        return (self.user or self.project) / name[2:] if name.startswith("~/") else self.project / name

    def _exists(self, name: str) -> bool:
        if name.startswith("~/") and self.user is None:
            return False
        return self._path(name).is_file()

    def _files(self, folder: str, endings: tuple[str, ...]) -> list[str]:
        """The files of a directory by name, sorted."""
        try:
            found = sorted(path.name for path in (self.project / folder).iterdir() if path.name.endswith(endings))
        except OSError:
            return []
        return [f"{folder}/{name}" if folder else name for name in found[:_MOST]]

    def _toml(self, name: str) -> Tree | None:
        return self._tree(name, toml_tree)

    def _yaml(self, name: str) -> Tree | None:
        return self._tree(name, yaml_tree)

    def _tree(self, name: str, parse: Callable[[str, str], Tree]) -> Tree | None:
        """A file, parsed once; None where it is missing, or broken, which is remembered."""
        if name not in self._trees:
            self._trees[name] = None
            text = self.text(name) if self._exists(name) else None
            if text is not None:
                try:
                    self._trees[name] = parse(text, name)
                except InvalidInput as error:
                    self.problems.append(error)
        return self._trees[name]
