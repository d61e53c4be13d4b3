"""What a destination's tree looks like: which files a part of it has, and the pages that list them. Pure.

```
files/<2 hex>/<sha256>/<file name>             wheels, with METADATA beside them, and variants files
simple/<project>/index.html, index.json        pages of projects (PEP 503, PEP 691)
simple/index.html, index.json                  the root pages
<subdir>/<file name>                           conda packages
<subdir>/repodata.json ...                     as `bridge.channel.conda_index` writes them
```

A wheel's place follows from its content, so that a page never leads to other bytes than it says, whatever is published
after it. Conda clients want packages beside their repodata, so there a file can change under its name.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from bridge.channel.index_files import write_index_files
from bridge.channel.listing import ListedFile, Project
from bridge.channel.package_record import PackageRecord
from bridge.channel.pages import project_html, project_json, root_html, root_json
from bridge.channel.repodata_output import repodata, run_exports
from bridge.channel.shards_output import DIRECTORY as SHARDS
from bridge.formats.conda.identifiers import parse_filename
from bridge.model.conda import Subdir
from bridge.sync.result import Variants, WheelListing
from bridge.sync.settlement import Offer

_SIMPLE: Final = PurePosixPath("simple")
_FILES: Final = PurePosixPath("files")
#: begins the path of every page of a project.
PAGES: Final = f"{_SIMPLE}/"
_METADATA: Final = ".metadata"
#: what repodata lists comes before repodata.
_INDEX_ORDER: Final = (
    *("repodata_shards.msgpack.zst", "run_exports.json.zst", "run_exports.json"),
    *("repodata.json.zst", "repodata.json"),
)


@dataclass(frozen=True, slots=True)
class Content:
    """A file that was made, by the digest under which it waits."""

    #: hex, of the product that it belongs to: its directory among the waiting files.
    product: str
    filename: str
    #: in bytes; None for what comes with a product.
    size: int | None = None


@dataclass(frozen=True, slots=True)
class PartTree:
    """Everything below one part."""

    contents: Mapping[PurePosixPath, Content]
    #: in the order in which they may be written.
    pages: Mapping[PurePosixPath, bytes]


def project_tree(project: str, offers: Iterable[Offer], variants: Iterable[Variants]) -> PartTree:
    """The files and pages of a project; neither where it has no file."""
    contents: dict[PurePosixPath, Content] = {}
    listed: list[ListedFile] = []
    name = canonicalize_name(project)
    for offer in offers:
        product, wheel = offer.product, offer.product.wheel
        if wheel is None:
            continue
        place = _place(product.sha256, product.filename)
        contents[place] = Content(product.sha256, product.filename, product.size)
        beside = place.with_name(f"{place.name}{_METADATA}")
        contents[beside] = Content(product.sha256, beside.name)
        listed.append(_listed(offer, wheel, place))
    for each in variants:
        place = _place(each.sha256, each.filename)
        contents[place] = Content(each.sha256, each.filename, each.size)
        listed.append(ListedFile(name, Version(each.version), place, each.sha256, each.size))
    if not listed:
        return PartTree({}, {})
    page = Project(name, tuple(sorted(listed, key=lambda file: (file.version, file.filename))))
    pages = {
        _SIMPLE / project / "index.html": project_html(page),
        _SIMPLE / project / "index.json": project_json(page),
    }
    return PartTree(contents, pages)


def root_tree(projects: Iterable[str], title: str) -> Mapping[PurePosixPath, bytes]:
    """The root pages."""
    pages = [Project(canonicalize_name(project), ()) for project in sorted(projects)]
    return {_SIMPLE / "index.html": root_html(pages, title=title), _SIMPLE / "index.json": root_json(pages)}


def subdir_tree(subdir: str, offers: Iterable[Offer]) -> PartTree:
    """The packages and index files of a platform directory; a retired package is kept and not listed."""
    contents: dict[PurePosixPath, Content] = {}
    records: list[PackageRecord] = []
    place = PurePosixPath(subdir)
    for offer in offers:
        product, package = offer.product, offer.product.package
        if package is None:
            continue
        contents[place / product.filename] = Content(product.sha256, product.filename, product.size)
        if offer.yanked is None:
            identity, _ = parse_filename(product.filename)
            records.append(
                PackageRecord(product.filename, identity, package.fields, package.run_exports, package.revision)
            )
    records.sort(key=lambda record: record.filename)
    with tempfile.TemporaryDirectory(prefix="conda-bridge-") as scratch:
        directory = Path(scratch)
        write_index_files(directory, repodata(Subdir(subdir), records, ()), run_exports(Subdir(subdir), records))
        shards = sorted(path for path in (directory / SHARDS).iterdir() if path.is_file())
        files = [*shards, *(directory / name for name in _INDEX_ORDER)]
        return PartTree(contents, {place / path.relative_to(directory): path.read_bytes() for path in files})


def _place(sha256: str, filename: str) -> PurePosixPath:
    return _FILES / sha256[:2] / sha256 / filename


def _listed(offer: Offer, wheel: WheelListing, place: PurePosixPath) -> ListedFile:
    return ListedFile(
        project=canonicalize_name(wheel.project),
        version=Version(wheel.version),
        path=place,
        sha256=offer.product.sha256,
        size=offer.product.size,
        requires_python=None if wheel.requires_python is None else SpecifierSet(wheel.requires_python),
        metadata_sha256=wheel.metadata_sha256,
        yanked=offer.yanked,
        summary=wheel.summary,
    )
