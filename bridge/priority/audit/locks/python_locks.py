"""`uv.lock`, `pylock.toml` (PEP 751), `poetry.lock` and `pdm.lock`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from packaging.utils import canonicalize_name

from bridge.priority.audit.locks.locked import LockedPackage
from bridge.priority.configs.addresses import cleaned, holds_secret, is_address
from bridge.priority.configs.tree import Tree
from bridge.priority.policy import Ecosystem


def uv_lock(document: Tree) -> Iterator[LockedPackage]:
    """The packages of a `uv.lock`; the project itself is local."""
    for one in document.get("package").elements():
        source = one.get("source")
        registry = source.get("registry").text
        files = [*one.get("wheels").elements(), *([one.get("sdist")] if one.get("sdist") else [])]
        yield _package(one, registry, files, local=not registry)


def pylock(document: Tree) -> Iterator[LockedPackage]:
    """The packages of a `pylock.toml`."""
    for one in document.get("packages").elements():
        files = [*one.get("wheels").elements(), *([one.get("sdist")] if one.get("sdist") else [])]
        archive = one.get("archive")
        local = bool(one.get("vcs") or one.get("directory"))
        yield _package(one, one.get("index").text, [*files, *([archive] if archive else [])], local=local)


def poetry_lock(document: Tree) -> Iterator[LockedPackage]:
    """The packages of a `poetry.lock`; those without a source are from PyPI."""
    for one in document.get("package").elements():
        source = one.get("source")
        kind = source.get("type").text
        # a source of the type `legacy` is an index; the others are repositories, directories and archives
        index = source.get("url").text if kind == "legacy" else "" if source else "pypi"
        files = list(one.get("files").elements()) or list(
            document.get("metadata", "files", one.get("name").text).elements()
        )
        yield _package(one, index, files, local=bool(source) and kind not in ("legacy", "url"))


def pdm_lock(document: Tree) -> Iterator[LockedPackage]:
    """The packages of a `pdm.lock`, which tells no index, only addresses with the strategy `static_urls`."""
    for one in document.get("package").elements():
        local = any(bool(one.get(key)) for key in ("path", "git", "hg", "svn", "bzr"))
        yield _package(one, "", list(one.get("files").elements()), local=local)


def _package(one: Tree, index: str, files: Iterable[Tree], *, local: bool) -> LockedPackage:
    listed = list(files)
    addresses = [file.get("url").text for file in listed if file.get("url").text]
    hashes = [_hash(file) for file in listed]
    return LockedPackage(
        canonicalize_name(one.get("name").text),
        one.get("version").text,
        Ecosystem.PYPI,
        one.place,
        source=cleaned(index) if is_address(index) else index,
        urls=tuple(dict.fromkeys(cleaned(address) for address in addresses)),
        hashes=tuple(sorted({text for text in hashes if text})),
        hashed=bool(hashes) and all(hashes),
        local=local,
        secret=any(holds_secret(address) for address in (index, *addresses)),
    )


def _hash(file: Tree) -> str:
    """`sha256:...` of a file, or a hash of another kind; empty where it has none."""
    if file.get("hash").text:
        return file.get("hash").text
    hashes = {key: value.text for key, value in file.get("hashes").entries() if value.text}
    if "sha256" in hashes:
        return f"sha256:{hashes['sha256']}"
    return next((f"{key}:{value}" for key, value in sorted(hashes.items())), "")
