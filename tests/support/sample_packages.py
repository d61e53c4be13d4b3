"""Sound conda packages for conversions, as small as they can be, and what to ask of the result."""

from __future__ import annotations

import hashlib
import json
import zipfile
from typing import TYPE_CHECKING, Any

from bridge.channel.convert import convert
from bridge.model.plan import Layout, Outcome, Status
from tests.support.conda_archives import Content, make_conda
from tests.support.elf_files import Elf

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SITE = "lib/python3.12/site-packages"
#: as long as conda's.
PLACEHOLDER = "/home/builder/env_" + "placehold_" * 23
PYTHON = ["python >=3.12,<3.13.0a0", "python_abi 3.12.* *_cp312"]


def metadata(name: str, version: str, *headers: str, body: str = "") -> bytes:
    """A METADATA file of version 2.1."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *headers]
    return ("\n".join(lines) + "\n" + (f"\n{body}" if body else "")).encode()


def dist_info(
    name: str = "demo",
    version: str = "1.0",
    *headers: str,
    site: str = SITE,
    body: str = "",
    **files: bytes,
) -> dict[str, Content]:
    """The `.dist-info` that pip leaves in a build prefix; `files` by name with `__` for the dot."""
    directory = f"{site}/{name}-{version}.dist-info"
    content = {
        "METADATA": metadata(name, version, *headers, body=body),
        "WHEEL": b"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": b"",
        "INSTALLER": b"conda",
        "REQUESTED": b"",
        "direct_url.json": b'{"dir_info": {}, "url": "file:///build"}',
    }
    content |= {key.replace("__", "."): data for key, data in files.items()}
    return {f"{directory}/{key}": data for key, data in content.items()}


def python_package(
    directory: Path,
    name: str = "demo",
    version: str = "1.0",
    *,
    files: Mapping[str, Content] | None = None,
    headers: tuple[str, ...] = (),
    depends: tuple[str, ...] = (),
    index: Mapping[str, Any] | None = None,
    **more: Any,
) -> Path:
    """A package for Python 3.12 on linux-64, with one module and its own metadata."""
    payload = {f"{SITE}/{name}.py": b"answer = 42\n", **dist_info(name, version, *headers), **(files or {})}
    merged = {"depends": [*PYTHON, *depends], **(index or {})}
    return make_conda(directory, name=name, version=version, files=payload, index=merged, **more)


def noarch_package(
    directory: Path,
    name: str = "demo",
    version: str = "1.0",
    *,
    files: Mapping[str, Content] | None = None,
    entry_points: tuple[str, ...] = (),
    headers: tuple[str, ...] = (),
    index: Mapping[str, Any] | None = None,
    **more: Any,
) -> Path:
    """A noarch python package."""
    site = "site-packages"
    payload = {f"{site}/{name}.py": b"", **dist_info(name, version, *headers, site=site), **(files or {})}
    link = {
        "package_metadata_version": 1,
        "noarch": {"type": "python", "entry_points": list(entry_points)},
    }
    merged = {"depends": ["python >=3.8"], "noarch": "python", **(index or {})}
    info = {"info/link.json": json.dumps(link).encode(), **more.pop("info", {})}
    return make_conda(
        directory, name=name, version=version, subdir="noarch", files=payload, index=merged, info=info, **more
    )


def library(name: str, *needed: str, placeholder: bool = False, **elf: Any) -> bytes:
    """A shared library of that SONAME, perhaps with a placeholder behind its last byte."""
    data = Elf(soname=name, needed=needed, **elf).make()
    return data + (f"{PLACEHOLDER}/share/x".encode() + b"\0tail" if placeholder else b"")


def extension(*needed: str, rpath: str | None = "$ORIGIN/../..", **elf: Any) -> bytes:
    """A Python extension module."""
    return Elf(needed=[*needed, "libc.so.6"], rpath=rpath, versions={"libc.so.6": ["GLIBC_2.17"]}, **elf).make()


def channel_of(directory: Path, *packages: Path) -> Path:
    """A channel of packages, which are moved into it."""
    documents: dict[str, dict[str, Any]] = {}
    for package in packages:
        with zipfile.ZipFile(package):
            pass
        index = index_of(package)
        folder = directory / index["subdir"]
        folder.mkdir(parents=True, exist_ok=True)
        data = package.read_bytes()
        record = {**index, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        documents.setdefault(index["subdir"], {})[package.name] = record
        package.rename(folder / package.name)
    for subdir in ("linux-64", "noarch"):
        (directory / subdir).mkdir(parents=True, exist_ok=True)
        document = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": documents.get(subdir, {})}
        (directory / subdir / "repodata.json").write_text(json.dumps(document))
    return directory


def index_of(package: Path) -> dict[str, Any]:
    """index.json of a package."""
    from bridge.formats.conda.artifact import open_artifact

    with open_artifact(package) as artifact:
        return dict(artifact.metadata().index.raw)


def outcome_of(package: Path, out: Path, layout: Layout = Layout.PREFIX, **options: Any) -> Outcome:
    """Convert one package."""
    (outcome,) = convert([package], out, layout=layout, **options).outcomes
    return outcome


def converted(package: Path, out: Path, layout: Layout = Layout.PREFIX, **options: Any) -> Wheel:
    """Convert one package, which must work."""
    outcome = outcome_of(package, out, layout, **options)
    assert outcome.status is Status.CONVERTED, outcome.message
    return Wheel(outcome)


class Wheel:
    """A converted package: its members and losses."""

    def __init__(self, outcome: Outcome) -> None:
        (output,) = outcome.outputs
        self.outcome = outcome
        self.filename = output.filename
        self.losses = outcome.losses
        self.modes: dict[str, int] = {}
        self.members: dict[str, bytes] = {}
        with zipfile.ZipFile(output.path) as archive:
            for info in archive.infolist():
                self.members[info.filename] = archive.read(info)
                self.modes[info.filename] = info.external_attr >> 16 & 0o7777
        (self.dist_info,) = {
            name.partition("/")[0] for name in self.members if name.partition("/")[0].endswith(".dist-info")
        }

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def __getitem__(self, name: str) -> bytes:
        return self.members[name]

    def own(self, name: str) -> bytes:
        """A member of the dist-info."""
        return self.members[f"{self.dist_info}/{name}"]

    @property
    def payload(self) -> list[str]:
        """Members outside the dist-info, sorted."""
        return sorted(name for name in self.members if not name.startswith(f"{self.dist_info}/"))

    @property
    def headers(self) -> list[str]:
        """Header lines of METADATA."""
        return self.own("METADATA").decode().partition("\n\n")[0].splitlines()

    @property
    def provenance(self) -> dict[str, Any]:
        return dict(json.loads(self.own("conda/provenance.json")))

    @property
    def codes(self) -> list[str]:
        """Codes of the losses, sorted, each once."""
        return sorted({loss.code.number for loss in self.losses})

    def loss(self, number: str) -> list[tuple[str, str]]:
        """Subject and detail of the losses with a code."""
        return [(loss.subject, loss.detail) for loss in self.losses if loss.code.number == number]
