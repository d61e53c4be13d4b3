"""Writing a Simple index over a directory of wheels: `DIR/simple/`, static files for any web server.

```
DIR/**/*.whl                  listed; simple/, for-host/ and hidden directories are not searched
DIR/**/*.whl.metadata         written: METADATA of the wheel beside it (PEP 658, PEP 714)
DIR/**/*-*-variants.json      listed: {name}-{version}-variants.json (PEP 825)
DIR/yanked.toml               read: "file name" = "reason" (PEP 592)
DIR/simple/index.html, index.json
DIR/simple/<project>/index.html, index.json
```

Links are relative, so the tree can be moved, served by any static web server (`python -m http.server` is
enough) and used from disk: pip and uv both take `--index-url http://HOST/simple/` and `--index-url
file:///DIR/simple/`. They are given the HTML pages, since a static server does not negotiate; `index.json`
is for readers that ask for it by name and is to be served as `application/vnd.pypi.simple.v1+json`.

The same files give the same bytes: nothing is taken from a clock, and PEP 700's optional upload time is left
out.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import tomllib
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from bridge.channel.completed import missing_variants_files
from bridge.channel.files import replace_file
from bridge.channel.listing import VARIANTS_SUFFIX, ListedFile, Project, read_variants, read_wheel
from bridge.channel.pages import project_html, project_json, root_html, root_json
from bridge.errors import BridgeError, Code, InvalidInput, Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packaging.utils import NormalizedName

_SIMPLE: Final = "simple"
#: wheels that `bridge.select.for_host` made; listed only where it says so.
FOR_HOST: Final = "for-host"
_EVERYWHERE: Final = PurePosixPath()
_YANKED: Final = "yanked.toml"
_PAGES: Final = frozenset({"index.html", "index.json"})


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What an index came to hold: `rejected` has the path below the directory and the reason, sorted."""

    directory: Path
    projects: tuple[Project, ...]
    rejected: tuple[tuple[str, BridgeError], ...] = ()

    @property
    def files(self) -> tuple[ListedFile, ...]:
        return tuple(file for project in self.projects for file in project.files)


def write_index(
    directory: Path,
    *,
    title: str = "Simple index",
    yanked: Mapping[str, str] | None = None,
    below: PurePosixPath = _EVERYWHERE,
) -> IndexReport:
    """Write `directory/simple/` from the wheels below `directory`.

    Releases whose variant wheels have no `-variants.json` beside them get one, merged from the wheels' own.
    The pages are made in a hidden directory beside and moved into place when they are complete.

    Args:
        title: heading of the root page.
        yanked: file name -> reason, added to what `yanked.toml` says.
        below: list only the wheels below this part of `directory`.

    Returns:
        what is listed, and every wheel that is not, with the reason.

    Raises:
        InvalidInput: `directory` is none (`CB119`), or `yanked.toml` is malformed (`CB111`).
        Unsupported: something else than an index is in the way at `directory/simple` (`CB322`).
    """
    if not directory.is_dir():
        raise InvalidInput(Code.SOURCE, "there is no such directory", subject=str(directory))
    target = directory / _SIMPLE
    _refuse_foreign(target)
    reasons = {**_read_yanked(directory / _YANKED), **(yanked or {})}
    listed, rejected = collect(directory, below)
    made, refused = missing_variants_files(directory, listed)
    rejected.update(refused)
    for path, content in made.items():
        replace_file(directory / path, content)
    listed = [file for file in listed if str(file.path) not in refused]
    listed += [_read(directory, path) for path in made]
    projects = _projects([replace(file, yanked=reasons.get(file.filename)) for file in listed])
    fresh = Path(tempfile.mkdtemp(prefix=f".{_SIMPLE}-", dir=directory))
    try:
        # mkdtemp makes it private; a web server must be able to read it.
        fresh.chmod(0o755)
        _write_pages(fresh, projects, title)
        _swap(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return IndexReport(target, projects, tuple(sorted(rejected.items())))


def collect(directory: Path, below: PurePosixPath = _EVERYWHERE) -> tuple[list[ListedFile], dict[str, BridgeError]]:
    """The wheels and variants files below a directory, and those that an index cannot list with the reason."""
    listed: dict[str, list[ListedFile]] = defaultdict(list)
    rejected: dict[str, BridgeError] = {}
    for path in _walk(directory, below):
        try:
            listed[path.name].append(_read(directory, path))
        except BridgeError as error:
            rejected[str(path)] = error
    kept: list[ListedFile] = []
    for filename, files in listed.items():
        kept.extend(_one_of(filename, files, rejected))
    releases = {(f.project, f.version) for f in kept if f.metadata_sha256 is not None}
    for file in kept:
        if (file.project, file.version) not in releases:
            message = "no wheel of this release is listed"
            rejected[str(file.path)] = InvalidInput(Code.IDENTITY, message, subject=file.filename)
    return [file for file in kept if str(file.path) not in rejected], rejected


def _one_of(filename: str, files: list[ListedFile], rejected: dict[str, BridgeError]) -> list[ListedFile]:
    """A file name means one sequence of bytes on an index: the first of equal files, or none."""
    same = len({file.sha256 for file in files}) == 1
    for file in files[1:] if same else files:
        message = "another file of this name is listed" if same else "files of this name have different contents"
        rejected[str(file.path)] = InvalidInput(Code.DUPLICATE, message, subject=filename)
    return files[:1] if same else []


def _walk(directory: Path, below: PurePosixPath) -> Iterator[PurePosixPath]:
    """Wheels and variants files in a fixed order; links to directories are not followed."""
    passed = {Path(_SIMPLE), Path(FOR_HOST)}
    for root, directories, files in os.walk(directory / below):
        here = Path(root).relative_to(directory)
        directories[:] = sorted(
            name for name in directories if not name.startswith(".") and (here / name) not in passed
        )
        for name in sorted(files):
            if name.endswith((".whl", VARIANTS_SUFFIX)) and not name.startswith("."):
                yield PurePosixPath((here / name).as_posix())


def _read(directory: Path, path: PurePosixPath) -> ListedFile:
    if not str(path).isprintable():
        raise InvalidInput(Code.UNSAFE_PATH, "the path has unprintable characters", subject=ascii(path.name))
    source = directory / path
    if not source.is_file():
        raise InvalidInput(Code.UNREADABLE, "not a regular file", subject=path.name)
    try:
        if path.name.endswith(VARIANTS_SUFFIX):
            return read_variants(source, path)
        listed, metadata = read_wheel(source, path)
    except OSError as error:
        raise InvalidInput(Code.UNREADABLE, f"cannot be read: {error.strerror}", subject=path.name) from error
    beside = source.with_name(f"{path.name}.metadata")
    try:
        replace_file(beside, metadata)
    except IsADirectoryError as error:
        raise Unsupported(Code.OUTPUT_TAKEN, "a directory is in the way", subject=beside.name) from error
    return listed


def _projects(files: list[ListedFile]) -> tuple[Project, ...]:
    by_name: dict[NormalizedName, list[ListedFile]] = defaultdict(list)
    for file in sorted(files, key=lambda f: (f.version, f.filename)):
        by_name[file.project].append(file)
    return tuple(Project(name, tuple(by_name[name])) for name in sorted(by_name))


def _write_pages(directory: Path, projects: tuple[Project, ...], title: str) -> None:
    (directory / "index.html").write_bytes(root_html(projects, title=title))
    (directory / "index.json").write_bytes(root_json(projects))
    for project in projects:
        page = directory / project.name
        page.mkdir()
        (page / "index.html").write_bytes(project_html(project))
        (page / "index.json").write_bytes(project_json(project))


def _swap(fresh: Path, target: Path) -> None:
    """Put `fresh` in the place of `target`, which is whole before and after."""
    old = Path(tempfile.mkdtemp(prefix=f".{_SIMPLE}-old-", dir=target.parent))
    try:
        if target.exists():
            target.rename(old / _SIMPLE)
        try:
            fresh.rename(target)
        except OSError:
            if (old / _SIMPLE).exists():
                (old / _SIMPLE).rename(target)
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _refuse_foreign(target: Path) -> None:
    """Only what this module wrote may be replaced."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise Unsupported(Code.OUTPUT_TAKEN, "not a directory", subject=str(target))
    for root, _, files in os.walk(target):
        for name in files:
            if name not in _PAGES:
                message = "holds a file that is no index page, and would be replaced"
                raise Unsupported(Code.OUTPUT_TAKEN, message, subject=str(target), field=str(Path(root, name)))


def _read_yanked(path: Path) -> dict[str, str]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InvalidInput(Code.SOURCE, f"cannot be read: {error.strerror}", subject=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(Code.BAD_METADATA, f"not TOML: {error}", subject=str(path)) from error
    for filename, reason in document.items():
        if not isinstance(reason, str):
            message = 'every line is "file name" = "reason"'
            raise InvalidInput(Code.BAD_METADATA, message, subject=str(path), field=filename)
    return document
