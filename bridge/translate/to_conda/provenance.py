"""What a conda package says of the wheel that it was made of: `extra` of about.json, and in it the way back.

Only what cannot be derived travels: the payload has most members of the wheel as they are.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bridge._version import __version__
from bridge.formats.wheel.record import UNRECORDED
from bridge.formats.wheel.record_style import describe_record
from bridge.formats.wheel.tree import DATA_SUFFIX, destination
from bridge.model.conda_plan import ABOUT_KEY, CondaFile, FromWheel
from bridge.model.payload import FileFacts
from bridge.model.plan import Literal, Loss
from bridge.translate.contents import content_digest
from bridge.translate.to_conda.request import CondaRequest

SCHEMA: Final = "conda-bridge/wheel-provenance/1"
_DIST_INFO_SUFFIX: Final = ".dist-info"


def about_extra(request: CondaRequest, files: Sequence[CondaFile], losses: Sequence[Loss]) -> dict[str, Any]:
    """The value of `extra` in about.json.

    Args:
        request: the wheel.
        files: every file of the package to be, those that the plan made included.
        losses: all of them.

    Returns:
        One object under `ABOUT_KEY`. Its `restore` is None where the package does not hold enough to make the wheel
        again, which is a loss (`CB254`).
    """
    origin = request.origin
    return {
        ABOUT_KEY: {
            "schema": SCHEMA,
            "tool": {"name": "conda-wheel-bridge", "version": __version__},
            "mappings": request.mappings,
            "source": {
                "filename": origin.filename,
                "sha256": origin.sha256,
                "md5": origin.md5,
                "size": origin.size,
            },
            "losses": [loss.to_json() for loss in losses],
            "variant": _variant(request),
            "restore": _restore(request, files),
        }
    }


@dataclass(frozen=True, slots=True)
class DefaultPlaces:
    """Where in a wheel a file of the prefix comes from, unless something else is noted.

    Below `site_packages` it is a member at the root, elsewhere one of the scheme `data`.
    """

    #: relative to the prefix, with a final slash.
    site_packages: str
    #: name of the dist-info directory.
    dist_info: str

    def member(self, path: str) -> str:
        """The name in the wheel of the file at `path` of the prefix."""
        if path.startswith(self.site_packages):
            return path.removeprefix(self.site_packages)
        return f"{self.data}/data/{path}"

    @property
    def data(self) -> str:
        """Name of the directory of schemes."""
        return self.dist_info.removesuffix(_DIST_INFO_SUFFIX) + DATA_SUFFIX


def _variant(request: CondaRequest) -> dict[str, Any] | None:
    variant, label = request.metadata.variant, request.metadata.label
    if variant is None or label is None:
        return None
    return {"label": label, "properties": sorted(map(str, variant.variants[label]))}


def _restore(request: CondaRequest, files: Sequence[CondaFile]) -> dict[str, Any] | None:
    members = request.survey.survey.files
    dist_info = request.metadata.dist_info
    contents = {file.path: _content(file, members) for file in files}
    payload = {path: sha256 for path, sha256 in contents.items() if sha256 is not None}
    kept = _kept(request, files)
    record = members[f"{dist_info}/RECORD"].content
    # Nothing here computes other digests, so a RECORD with them could not be verified.
    comparable = all(entry.digest is None or entry.algorithm == "sha256" for entry in request.metadata.record)
    if len(payload) != len(contents) or kept is None or record is None or not comparable:
        return None
    sources = _sources(files)
    places = DefaultPlaces(_site_packages(sources), dist_info)
    modes = {file.path: file.mode for file in files}
    return {
        "dist_info": dist_info,
        "site_packages": places.site_packages,
        "moved": {path: member for path, member in sorted(sources.items()) if places.member(path) != member},
        "made": sorted(contents.keys() - sources.keys()),
        "kept": kept,
        "modes": sorted(
            member
            for path, member in sources.items()
            if bool(modes[path] & 0o111) is not bool(members[member].member.mode & 0o111)
        ),
        "record": describe_record(record, described(_sizes(members), dist_info)),
        "directories": sorted(request.survey.survey.empty_directories),
        "payload": content_digest(payload),
        "members": content_digest({name: facts.sha256 for name, facts in members.items()}),
    }


def _sizes(members: Mapping[str, FileFacts]) -> dict[str, tuple[bytes, int]]:
    return {name: (facts.sha256, facts.member.size) for name, facts in members.items()}


def _content(file: CondaFile, members: Mapping[str, FileFacts]) -> bytes | None:
    """SHA-256 of a file of the package; None where it is not known."""
    if isinstance(file.source, Literal):
        return hashlib.sha256(file.source.data).digest()
    return file.sha256 if file.source.patches else members[file.source.member].sha256


def _sources(files: Sequence[CondaFile]) -> dict[str, str]:
    """The paths that have a member of the wheel as it is; one path for each member."""
    sources: dict[str, str] = {}
    taken: set[str] = set()
    for file in sorted(files, key=lambda file: file.path):
        if isinstance(file.source, FromWheel) and not file.source.patches and file.source.member not in taken:
            sources[file.path] = file.source.member
            taken.add(file.source.member)
    return sources


def _site_packages(sources: Mapping[str, str]) -> str:
    """Where most members lie that are installed under their own names."""
    found = Counter(path.removesuffix(member) for path, member in sources.items() if path.endswith(f"/{member}"))
    return min(found, key=lambda prefix: (-found[prefix], prefix), default="site-packages/")


def _kept(request: CondaRequest, files: Sequence[CondaFile]) -> dict[str, dict[str, Any]] | None:
    """The members that the payload does not have as they are: what makes them again; None where nothing does."""
    members = request.survey.survey.files
    there = set(_sources(files).values())
    rests = dict(_rests(files))
    kept: dict[str, dict[str, Any]] = {}
    for name, facts in sorted(members.items()):
        if name in there or name == f"{request.metadata.dist_info}/RECORD":
            continue
        if facts.content is None:
            return None
        entry = _from_script(name, facts.content, rests, request) or _text(facts.content)
        kept[name] = {**entry, "executable": True} if facts.member.mode & 0o111 else entry
    return kept


def _rests(files: Sequence[CondaFile]) -> Iterator[tuple[bytes, str]]:
    """Everything behind the first line of a file that the plan made, and its path."""
    for file in sorted(files, key=lambda file: file.path, reverse=True):
        if isinstance(file.source, Literal):
            yield file.source.data.partition(b"\n")[2], file.path


def _from_script(name: str, content: bytes, rests: Mapping[bytes, str], request: CondaRequest) -> dict[str, Any] | None:
    """A script of which only the first line was changed."""
    scheme, _ = destination(name, request.metadata.dist_info.removesuffix(_DIST_INFO_SUFFIX) + DATA_SUFFIX)
    line, _, rest = content.partition(b"\n")
    if scheme not in {"scripts", "data"} or not rest or rest not in rests:
        return None
    return {"path": rests[rest], "line": line.decode("latin-1")}


def _text(content: bytes) -> dict[str, Any]:
    try:
        return {"text": content.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": b64encode(content).decode()}


def described(contents: Mapping[str, tuple[bytes, int]], dist_info: str) -> dict[str, tuple[bytes, int] | None]:
    """What a RECORD usually says of the members of a wheel.

    Args:
        contents: name -> SHA-256 and size in bytes.
        dist_info: name of the directory.
    """
    bare = {f"{dist_info}/{name}" for name in UNRECORDED}
    return {name: None if name in bare else content for name, content in contents.items()}
