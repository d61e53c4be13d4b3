"""Small channels that change, and what a destination holds after a run."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bridge.sync.detect import open_source
from bridge.sync.directory import DirectoryDestination
from bridge.sync.engine import Engine, Serial
from bridge.sync.plan import Wishes
from bridge.sync.report import SyncReport
from bridge.sync.sync import sync
from tests.support.sample_packages import index_of, noarch_package, python_package

SUBDIRS = ("linux-64", "noarch")


class SampleChannel:
    """A channel in a directory, listed anew after each change."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.records: dict[str, dict[str, dict[str, Any]]] = {subdir: {} for subdir in SUBDIRS}
        self._scratch = root.parent / f"{root.name}-scratch"
        self.write()

    def python(self, name: str, version: str = "1.0", *depends: str, **more: Any) -> str:
        """Add a package for Python 3.12 on linux-64; returns its key."""
        return self._add(python_package, name, version, depends=depends, **more)

    def noarch(self, name: str, version: str = "1.0", *depends: str, **more: Any) -> str:
        """Add a noarch python package; returns its key."""
        index = {"depends": ["python >=3.8", *depends], **more.pop("index", {})}
        return self._add(noarch_package, name, version, index=index, **more)

    def remove(self, key: str) -> None:
        """Take a package out of the channel, its file too."""
        subdir, _, filename = key.partition("/")
        del self.records[subdir][filename]
        (self.root / key).unlink()
        self.write()

    def hotfix(self, key: str, **fields: Any) -> None:
        """Change the record of a package, and not the package."""
        subdir, _, filename = key.partition("/")
        self.records[subdir][filename].update(fields)
        self.write()

    def write(self) -> None:
        """Write the repodata."""
        for subdir, records in self.records.items():
            directory = self.root / subdir
            directory.mkdir(parents=True, exist_ok=True)
            document = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": records}
            (directory / "repodata.json").write_text(json.dumps(document))

    def _add(self, make: Any, name: str, version: str, **more: Any) -> str:
        self._scratch.mkdir(exist_ok=True)
        package: Path = make(self._scratch, name, version, **more)
        index = index_of(package)
        data = package.read_bytes()
        record = {**index, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        self.records[index["subdir"]][package.name] = record
        package.replace(self.root / index["subdir"] / package.name)
        self.write()
        return f"{index['subdir']}/{package.name}"


def run(source: Path | str, destination: Path, *, engine: Engine | None = None, **wishes: Any) -> SyncReport:
    """One run, without patience."""
    target = DirectoryDestination(destination)
    subdirs = wishes["selection"].subdirs if "selection" in wishes else ()
    opened = open_source(source, subdirs=subdirs)
    return sync(opened, target, Wishes(**wishes), engine or Serial(), patience=(0.0,))


def tree(destination: Path) -> dict[str, str]:
    """What is published: path -> sha256."""
    return {
        path.relative_to(destination).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(destination.rglob("*"))
        if path.is_file() and ".conda-bridge" not in path.relative_to(destination).parts
    }


def listed(destination: Path, project: str) -> Mapping[str, Mapping[str, Any]]:
    """What the page of a project lists, by file name."""
    page = json.loads((destination / "simple" / project / "index.json").read_bytes())
    return {file["filename"]: file for file in page["files"]}


def projects(destination: Path) -> Sequence[str]:
    """What the root page lists."""
    return [each["name"] for each in json.loads((destination / "simple" / "index.json").read_bytes())["projects"]]


def check_pages(destination: Path) -> int:
    """Every page lists only files that are there, with the hash that it states; returns how many it lists."""
    count = 0
    for page in sorted((destination / "simple").glob("*/index.json")):
        for file in json.loads(page.read_bytes())["files"]:
            path = (page.parent / file["url"]).resolve()
            assert hashlib.sha256(path.read_bytes()).hexdigest() == file["hashes"]["sha256"], file["filename"]
            if "core-metadata" in file:
                beside = path.with_name(f"{path.name}.metadata")
                assert hashlib.sha256(beside.read_bytes()).hexdigest() == file["core-metadata"]["sha256"]
            count += 1
    for repodata in sorted(destination.glob("*/repodata.json")):
        document = json.loads(repodata.read_bytes())
        for section in ("packages", "packages.conda"):
            for filename, record in document[section].items():
                data = (repodata.parent / filename).read_bytes()
                assert hashlib.sha256(data).hexdigest() == record["sha256"], filename
                count += 1
    return count


def add_wheel(root: Path, name: str, version: str, *requires: str, text: str = "") -> Path:
    """Put a sound wheel into `root/simple/name/`, and list it there and in the root page."""
    directory = root / "simple" / name
    directory.mkdir(parents=True, exist_ok=True)
    stem = f"{name}-{version}"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    members = {
        f"{name}.py": f"TEXT = {text!r}\n",
        f"{stem}.dist-info/METADATA": metadata + "".join(f"Requires-Dist: {line}\n" for line in requires),
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{member},sha256={_unpadded(content)},{len(content)}\n" for member, content in members.items()]
    members[f"{stem}.dist-info/RECORD"] = "".join([*rows, f"{stem}.dist-info/RECORD,,\n"])
    path = directory / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(zipfile.ZipInfo(member), content)
    write_pages(root)
    return path


def write_pages(root: Path) -> None:
    """List what is there."""
    names = sorted(path.name for path in (root / "simple").iterdir() if path.is_dir())
    for name in names:
        files = sorted((root / "simple" / name).glob("*.whl"))
        links = (
            f'<a href="{file.name}#sha256={hashlib.sha256(file.read_bytes()).hexdigest()}">{file.name}</a>'
            for file in files
        )
        _page(root / "simple" / name, links)
    _page(root / "simple", (f'<a href="{name}/">{name}</a>' for name in names))


def _page(directory: Path, links: Iterable[str]) -> None:
    (directory / "index.html").write_text(f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>")


def _unpadded(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
