"""A planned index that converts files when they are first asked for (WSGI, PEP 3333).

```
/simple/, /simple/{project}/                       pages (PEP 503, PEP 691), by `Accept`
/files/{project}/{file name}                       a planned file: converted, and then found at
/wheels/{sha256}/{file name}, ….metadata           what was made
```

A request can ask for what the manifest lists and for what was made of it, and for nothing else: no part of a path
becomes one of the file system before it was found in one of the two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

from packaging.utils import canonicalize_name

from bridge.channel.location import locate
from bridge.channel.settings import Settings
from bridge.errors import BridgeError, Code, InvalidInput
from bridge.formats.wheel.compression import Compression
from bridge.limits import DEFAULT_LIMITS, MIB
from bridge.model.plan import Layout
from bridge.sync.lazy import served
from bridge.sync.lazy.conversion import PATIENCE, Busy, CheckedSource, Converter
from bridge.sync.lazy.manifest import FILE, Manifest, read_manifest
from bridge.sync.lazy.page import PlannedFile, PlannedPage, read_page
from bridge.sync.lazy.part import page_path, variants_path
from bridge.sync.lazy.planning import ROOT, mapping_digest
from bridge.sync.lazy.store import Store, unit_key
from bridge.sync.lazy.substitute import substitute
from bridge.sync.result import Result
from bridge.sync.source import SourceFile
from bridge.sync.task import METADATA_SUFFIX, Work
from bridge.translate.to_wheel.request import Options

JSON: Final = "application/vnd.pypi.simple.v1+json"
HTML: Final = "text/html; charset=utf-8"
_TEXT: Final = "text/plain; charset=utf-8"
_BINARY: Final = "application/octet-stream"
_CHUNK: Final = 1 * MIB
#: what lies under its own digest never changes.
_FOREVER: Final = "public, max-age=31536000, immutable"
#: seconds after which somebody who was sent away may ask again.
_AGAIN: Final = "10"
_TITLE: Final = "Simple index"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; the body is bytes, or a file to be sent."""

    status: HTTPStatus
    content_type: str = _TEXT
    body: bytes | Path = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class LazyIndex:
    """The application; a context manager. May be called by several threads.

    Args:
        directory: a planned index (`plan_index`).
        cache: where what is made is kept, made where absent.
        channel: the address that the index was planned from, if it takes credentials to fetch from there.
        overlays: those that the index was planned with.
        compression: of wheels.
        jobs: conversions at a time.
        patience: seconds that a request waits for its conversion.

    Raises:
        InvalidInput: there is no planned index (`CB119`), it is malformed (`CB111`), or planned from another channel or
            with other mapping files (`CB343`).
    """

    def __init__(
        self,
        directory: Path,
        cache: Path,
        *,
        channel: str | Path | None = None,
        overlays: Sequence[Path] = (),
        compression: Compression = Compression.BALANCED,
        jobs: int = 1,
        patience: float = PATIENCE,
    ) -> None:
        manifest = read_manifest(directory)
        if manifest is None:
            raise InvalidInput(Code.SOURCE, f"there is no {FILE}", subject=str(directory))
        self._location = locate(manifest.channel if channel is None else channel)
        self._ground = _ground(manifest, self._location.shown, overlays, compression)
        self._directory = directory
        self._manifest = manifest
        self._projects = frozenset(manifest.projects)
        self._store = Store(cache)
        source = CheckedSource(self._location.address, tuple(manifest.subdirs))
        settings = Settings(
            options=Options(Layout.SHARED, manifest.reserved_prefix),
            channels=source.channels,
            subdirs=tuple(manifest.subdirs),
            overlays=tuple(overlays),
            compression=compression,
            limits=DEFAULT_LIMITS,
        )
        self._converter = Converter(Work(source, settings, patience=()), self._store, jobs=jobs, patience=patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._converter.__exit__(kind, error, trace)

    def __call__(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request of a WSGI server."""
        # WSGI hands over the bytes of the path as latin-1.
        path = str(environ.get("PATH_INFO", "")).encode("latin-1").decode("utf-8", "replace")
        method = str(environ.get("REQUEST_METHOD", "GET"))
        answer = self.answer(method, path, str(environ.get("HTTP_ACCEPT", "")))
        size = len(answer.body) if isinstance(answer.body, bytes) else answer.body.stat().st_size
        headers = {"Content-Type": answer.content_type, "Content-Length": str(size), **answer.headers}
        tag = headers.get("ETag")
        if tag is not None and tag == environ.get("HTTP_IF_NONE_MATCH"):
            start_response("304 Not Modified", [("ETag", tag), ("Cache-Control", headers["Cache-Control"])])
            return ()
        start_response(f"{answer.status.value} {answer.status.phrase}", list(headers.items()))
        if method == "HEAD":
            return ()
        return (answer.body,) if isinstance(answer.body, bytes) else _chunks(answer.body)

    def answer(self, method: str, path: str, accept: str = "") -> Answer:
        """Answer one request.

        Args:
            method: `GET` or `HEAD`; nothing else is done.
            path: decoded, from the root of the index.
            accept: value of that header.
        """
        if method not in ("GET", "HEAD"):
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "GET, HEAD"})
        try:
            match path.split("/"):
                case ["", "simple", ""]:
                    return self._root(accept)
                case ["", "simple", project, ""]:
                    return self._page(project, accept)
                case ["", "simple"] | ["", "simple", _]:
                    return Answer(HTTPStatus.MOVED_PERMANENTLY, headers={"Location": f"{_last(path)}/"})
                case ["", "files", project, filename]:
                    return self._planned(project, filename)
                case ["", "wheels", sha256, filename]:
                    return self._made(sha256, filename)
                case _:
                    return _missing("no such page")
        except Busy:
            return _again("the conversion takes longer; ask again")
        except OSError as error:
            return _again(f"cannot be done now: {error.strerror}")
        except BridgeError as error:
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, body=f"{error}\n".encode())

    def _root(self, accept: str) -> Answer:
        if _wants_json(accept):
            return _document(JSON, (self._directory / ROOT).read_bytes())
        return _document(HTML, served.root_html(self._manifest.projects, _TITLE))

    def _page(self, project: str, accept: str) -> Answer:
        normalized = canonicalize_name(project)
        if normalized not in self._projects:
            return _missing("no such project")
        if normalized != project:
            return Answer(HTTPStatus.MOVED_PERMANENTLY, headers={"Location": f"../{normalized}/"})
        files = self._listed(self._read(project))
        if _wants_json(accept):
            return _document(JSON, served.page_json(project, files))
        return _document(HTML, served.page_html(project, files))

    def _read(self, project: str) -> PlannedPage:
        path = page_path(self._directory, project)
        return read_page(path.read_bytes(), path.name)

    def _listed(self, page: PlannedPage) -> list[served.ServedFile]:
        """What is known now: of each file what was made of it, or else what is planned."""
        found: dict[str, served.ServedFile] = {}
        done: set[str] = set()
        for file in page.files:
            unit = _unit(page, file)
            key = self._key(unit) if unit else ""
            result = self._store.result(key) if unit else None
            if result is None:
                found.setdefault(file.filename, served.planned(file))
            elif key not in done:
                done.add(key)
                for each in _products(result, page.name):
                    found[each.filename] = each
        return list(found.values())

    def _planned(self, project: str, filename: str) -> Answer:
        if project not in self._projects:
            return _missing("no such project")
        page = self._read(project)
        file = next((each for each in page.files if each.filename == filename), None)
        if file is None:
            return _missing("the page of the project does not list it")
        unit = _unit(page, file)
        if file.origin is None:
            return self._variants(page, file, self._store.result(self._key(unit)) if unit else None)
        result = self._converter.convert(self._key(unit), [self._source_file(each) for each in unit])
        product = substitute(filename, result.items, file.origin.source)
        if product is not None:
            return _moved(product.sha256, product.filename)
        item = next(each for each in result.items if each.key == file.origin.source)
        if item.passing:
            return _again(item.message or "the channel did not give the package")
        made = ", ".join(each.filename for each in item.products)
        return _missing(f"it became {made}; see the page" if made else item.message or "it became no wheel")

    def _variants(self, page: PlannedPage, file: PlannedFile, result: Result | None) -> Answer:
        if result is None:
            content = (variants_path(self._directory, page.name) / file.filename).read_bytes()
            return _document("application/json", content)
        if result.variants is None:
            return _missing("the release has no variants")
        return _moved(result.variants.sha256, result.variants.filename)

    def _made(self, sha256: str, filename: str) -> Answer:
        path = self._store.file(sha256, filename)
        if path is None:
            return _missing("no such file")
        content_type = _TEXT if filename.endswith(METADATA_SUFFIX) else _BINARY
        return Answer(HTTPStatus.OK, content_type, path, {"Cache-Control": _FOREVER, "ETag": f'"{sha256}"'})

    def _key(self, unit: Sequence[PlannedFile]) -> str:
        return unit_key(self._ground, [file.origin for file in unit if file.origin is not None])

    def _source_file(self, file: PlannedFile) -> SourceFile:
        if file.origin is None:
            raise ValueError("the file is made of nothing")
        subdir, _, filename = file.origin.source.partition("/")
        base = self._location.base_of(subdir, self._manifest.subdirs[subdir])
        return SourceFile(
            file.origin.source, filename, f"{base}{quote(filename)}", file.origin.sha256, file.origin.size
        )


def _ground(manifest: Manifest, shown: str, overlays: Sequence[Path], compression: Compression) -> tuple[str, ...]:
    """What holds for all conversions, if the arguments are those of the plan."""
    if shown != manifest.channel:
        message = f"was planned from {manifest.channel}"
        raise InvalidInput(Code.OTHER_SOURCE, message, subject=FILE, field="channel")
    if mapping_digest(overlays) != manifest.mapping:
        message = "was planned with other mapping files, or by another version of the bridge; plan it again"
        raise InvalidInput(Code.OTHER_SOURCE, message, subject=FILE, field="mapping")
    return manifest.channel, manifest.mapping, manifest.reserved_prefix, compression.value


def _unit(page: PlannedPage, file: PlannedFile) -> Sequence[PlannedFile]:
    """The planned files that are made together with one, each package once; empty where there is nothing to be made."""
    if file.origin is not None and not file.origin.family:
        return (file,)
    members = {each.origin.source: each for each in page.of_release(file.version) if each.origin is not None}
    return tuple(members[source] for source in sorted(members))


def _products(result: Result, project: str) -> Iterator[served.ServedFile]:
    """What a page lists of a result. A package that turned out to be another project is on no page."""
    for item in result.items:
        for product in item.products:
            if product.wheel is not None and canonicalize_name(product.wheel.project) == project:
                yield served.converted(product)
    if result.variants is not None and result.variants.project == project:
        yield served.of_release(result.variants)


def _wants_json(accept: str) -> bool:
    """Clients list JSON first; a browser does not know it."""
    return JSON in accept or "application/vnd.pypi.simple.latest+json" in accept


def _document(content_type: str, body: bytes) -> Answer:
    tag = f'"{hashlib.sha256(content_type.encode() + body).hexdigest()}"'
    return Answer(HTTPStatus.OK, content_type, body, {"Cache-Control": "no-cache", "ETag": tag, "Vary": "Accept"})


def _moved(sha256: str, filename: str) -> Answer:
    location = f"{served.WHEELS}/{sha256}/{quote(filename, safe='')}"
    return Answer(HTTPStatus.FOUND, headers={"Location": location, "Cache-Control": "no-cache"})


def _missing(message: str) -> Answer:
    return Answer(HTTPStatus.NOT_FOUND, body=f"{message}\n".encode(), headers={"Cache-Control": "no-cache"})


def _again(message: str) -> Answer:
    headers = {"Retry-After": _AGAIN, "Cache-Control": "no-store"}
    return Answer(HTTPStatus.SERVICE_UNAVAILABLE, body=f"{message}\n".encode(), headers=headers)


def _last(path: str) -> str:
    return quote(path.rpartition("/")[2], safe="")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
