"""The document `conda-bridge/host/1`: a machine as `host --json` prints it and `--host FILE` reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.documents import load_document
from bridge.formats.conda.identifiers import parse_subdir, printable
from bridge.limits import DEFAULT_LIMITS, Limits
from bridge.mapping.hosts import KNOWN, baseline, host_of, host_tags, supported_features, virtual_packages
from bridge.model.host import Host, VirtualPackage

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA: Final = "conda-bridge/host/1"
_KEYS: Final = frozenset({"schema", "subdir", "virtual_packages", "properties", "tags"})
_PACKAGE_KEYS: Final = frozenset({"name", "version", "build"})


def host_document(host: Host, python: tuple[int, int], *, abi: str | None = None) -> dict[str, Any]:
    """What `host --json` prints.

    Args:
        host: the machine.
        python: the CPython that the tags are for.
        abi: its ABI, for example `cp313t`; the ordinary one where None.
    """
    return {
        "schema": SCHEMA,
        "subdir": host.subdir,
        "virtual_packages": [
            {"name": package.name, "version": package.version, "build": package.build}
            for package in virtual_packages(host)
        ],
        "properties": _properties(host),
        "tags": [str(tag) for tag in host_tags(host, python, abi=abi)],
    }


def read_host(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> Host:
    """Read the file of `--host`.

    Raises:
        InvalidInput: see `parse_host`; CB119 where the file cannot be read.
    """
    subject = printable(path.name)
    try:
        with path.open("rb") as stream:
            data = stream.read(limits.metadata_size + 1)
    except OSError as error:
        raise InvalidInput(Code.SOURCE, f"cannot be read: {error.strerror}", subject=subject) from error
    return parse_host(data, subject=subject, limits=limits)


def parse_host(data: bytes, *, subject: str, limits: Limits = DEFAULT_LIMITS) -> Host:
    """The machine that a document describes.

    The virtual packages decide. `properties` may be left out; where they are given they must be what follows from
    the virtual packages, so that no edit of one half is silently without effect. `tags` are for one Python only, and
    follow from the virtual packages anew for each.

    Raises:
        InvalidInput: CB109 or CB111, not a sound JSON document of this schema; CB126, no machine is like that.
    """
    document = load_document(data, limits, subject=subject, field="host")
    raw = document.raw
    if raw.get("schema") != SCHEMA:
        raise document.refuse("schema", f"is not {SCHEMA!r}")
    if unknown := sorted(set(raw) - _KEYS):
        raise document.refuse(printable(unknown[0]), "is not a key of this schema")
    subdir = baseline(parse_subdir(document.require("subdir"), subject=subject, field="subdir")).subdir
    packages = _packages(document.require("virtual_packages"), subject)
    host = host_of(subdir, packages, subject=subject)
    implied = {package.name: package for package in virtual_packages(host)}
    for package in packages:
        if implied.get(package.name) != package:
            said = f"{package.name}={package.version}={package.build}"
            raise InvalidInput(Code.HOST, f"a {subdir} machine cannot have {said}", subject=subject)
    if missing := sorted(implied.keys() - {package.name for package in packages}):
        raise InvalidInput(Code.HOST, f"every {subdir} machine has {missing[0]}", subject=subject)
    if "properties" in raw and raw["properties"] != _properties(host):
        raise document.refuse("properties", "do not follow from the virtual packages", Code.HOST)
    tags = raw.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise document.refuse("tags", "are not a list of strings")
    return host


def _properties(host: Host) -> list[dict[str, Any]]:
    return [
        {"namespace": feature.namespace, "feature": feature.feature, "values": list(feature.values)}
        for feature in supported_features(host)
    ]


def _packages(value: object, subject: str) -> tuple[VirtualPackage, ...]:
    def refuse(message: str) -> InvalidInput:
        return InvalidInput(Code.BAD_METADATA, message, subject=subject, field="virtual_packages")

    if not isinstance(value, list):
        raise refuse("is not a list")
    packages: dict[str, VirtualPackage] = {}
    for entry in value:
        if not isinstance(entry, dict) or entry.keys() != _PACKAGE_KEYS:
            raise refuse("has an entry that is not name, version and build")
        if not all(isinstance(text, str) for text in entry.values()):
            raise refuse("has an entry with something that is not text")
        name = entry["name"]
        if name not in KNOWN:
            raise refuse(f"{printable(name, 64)!r} is not a virtual package that a host can have")
        if name in packages:
            raise refuse(f"has {name} twice")
        packages[name] = VirtualPackage(**{key: printable(text, 64) for key, text in entry.items()})
    return tuple(packages.values())
