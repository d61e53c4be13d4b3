"""`pixi.lock` (versions 4 to 7) and `conda-lock.yml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from bridge.priority.audit.locks.locked import LockedPackage
from bridge.priority.configs.addresses import cleaned, holds_secret, is_address
from bridge.priority.configs.tree import Tree
from bridge.priority.policy import Ecosystem

_ARCHIVES: Final = (".conda", ".tar.bz2")


def pixi_lock(document: Tree) -> Iterator[LockedPackage]:
    """The packages of a `pixi.lock`, each once."""
    indexes = _indexes(document)
    for one in document.get("packages").elements():
        kind = one.get("kind").text or ("conda" if one.get("conda") else "pypi" if one.get("pypi") else "")
        address = (one.get(kind) if kind and one.get(kind) else one.get("url")).text
        if not address or kind not in ("conda", "pypi"):
            continue
        if kind == "conda":
            yield _conda(one, address, one.get("channel").text)
        else:
            yield _pypi(one, address, indexes.get(address, frozenset()))


def conda_lock(document: Tree) -> Iterator[LockedPackage]:
    """The packages of a `conda-lock.yml`, one for each platform."""
    for one in document.get("package").elements():
        address = one.get("url").text
        if one.get("manager").text == "pip":
            yield _pypi(one, address, frozenset())
        else:
            yield _conda(one, address, "")


def _conda(one: Tree, address: str, channel: str) -> LockedPackage:
    filename = unquote(urlsplit(cleaned(address)).path.rpartition("/")[2])
    stem = next((filename.removesuffix(end) for end in _ARCHIVES if filename.endswith(end)), "")
    name, version, _build = stem.rsplit("-", 2) if stem.count("-") > 1 else ("", "", "")
    local = not stem or not is_address(address)
    hashes = _hashes(one)
    return LockedPackage(
        one.get("name").text.lower() or name.lower(),
        one.get("version").shown or version,
        Ecosystem.CONDA,
        one.place,
        source=cleaned(channel) if is_address(channel) else cleaned(address).rsplit("/", 2)[0] if not local else "",
        urls=(cleaned(address),),
        hashes=hashes,
        hashed=any(text.startswith("sha256:") for text in hashes),
        local=local,
        secret=holds_secret(address),
    )


def _pypi(one: Tree, address: str, indexes: frozenset[str]) -> LockedPackage:
    index = one.get("index").text or one.get("index_url").text
    filename = unquote(urlsplit(cleaned(address)).path.rpartition("/")[2])
    name, version = _identity(filename)
    hashes = _hashes(one)
    known = cleaned(index) if index else min(indexes) if len(indexes) == 1 else ""
    return LockedPackage(
        canonicalize_name(one.get("name").text) if one.get("name").text else name,
        one.get("version").shown or version,
        Ecosystem.PYPI,
        one.place,
        source=known,
        urls=(cleaned(address),),
        hashes=hashes,
        hashed=any(text.startswith("sha256:") for text in hashes),
        local=not is_address(address) or address.startswith(("git+", "file:")) or bool(one.get("editable").true),
        secret=holds_secret(address),
    )


def _hashes(one: Tree) -> tuple[str, ...]:
    holders = (one, one.get("hash"), one.get("hashes"))
    found = {f"{kind}:{holder.get(kind).text}" for holder in holders for kind in ("sha256", "md5") if holder.get(kind)}
    return tuple(sorted(found, reverse=True))


def _indexes(document: Tree) -> Mapping[str, frozenset[str]]:
    """The indexes of the environments that each file belongs to."""
    found: dict[str, set[str]] = {}
    for _, environment in document.get("environments").entries():
        indexes = {cleaned(text) for text in environment.get("indexes").texts}
        for _, packages in environment.get("packages").entries():
            for package in packages.elements():
                if address := package.get("pypi").text:
                    found.setdefault(address, set()).update(indexes)
    return {address: frozenset(indexes) for address, indexes in found.items()}


def _identity(filename: str) -> tuple[str, str]:
    try:
        if filename.endswith(".whl"):
            name, version, _, _ = parse_wheel_filename(filename)
        else:
            name, version = parse_sdist_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename):
        return "", ""
    return name, str(version)
