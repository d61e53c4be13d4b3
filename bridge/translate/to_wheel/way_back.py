"""What a wheel has to say so that the conda package can be made of it again (design, section 9)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from bridge.model.payload import BytePatch, FileFacts
from bridge.model.plan import FromPayload, PlannedFile
from bridge.translate.contents import content_digest
from bridge.translate.to_wheel.members import Members
from bridge.translate.to_wheel.request import Request
from bridge.translate.to_wheel.text_edits import apply_text_edits

#: a family has one Requires-Python for all its wheels.
_FAMILYS_OWN: Final = b"requires-python:"


def restore_document(
    request: Request,
    members: Members,
    licenses: Mapping[str, tuple[str, bytes]],
    vendored: Mapping[str, tuple[str, str]],
    metadata: bytes,
) -> dict[str, Any]:
    """Links, modes, names and patched bytes of the payload, as they were in the conda package.

    Args:
        members: the payload's share of the wheel.
        licenses: member name -> (path, content) of the package's licences.
        vendored: member name -> (provider, SHA-256 in hex) of libraries of other packages.
        metadata: METADATA of the wheel.

    Returns:
        `restore` of provenance.json. Its digests tell whether a wheel is still the one that was made: `payload` and
        `info` of the package as it was, `members` of the wheel without its own metadata, `metadata` of METADATA.
    """
    files: dict[str, dict[str, Any]] = {}
    contents: dict[str, bytes] = {name: bytes.fromhex(sha256) for name, (_, sha256) in vendored.items()}
    patched: set[str] = set()
    for planned in members.files:
        if not isinstance(planned.source, FromPayload):
            continue
        facts = request.survey.files[planned.source.path]
        entry: dict[str, Any] = {"member": planned.target}
        if facts.member.mode != (0o755 if planned.executable else 0o644):
            entry["mode"] = f"{facts.member.mode:o}"
        patches = [edit for edit in planned.edits if isinstance(edit, BytePatch)]
        if patches:
            entry["sha256"] = facts.sha256.hex()
            entry["patches"] = [
                {"offset": patch.offset, "old": patch.old.hex(), "new": patch.new.hex()} for patch in patches
            ]
            patched.add(planned.target)
        files.setdefault(planned.source.path, entry)
        contents[planned.target] = b"" if patches else _content(planned, facts)
    info = {path: hashlib.sha256(data).digest() for path, data in request.metadata.info_files.items()}
    return {
        "files": dict(sorted(files.items())),
        "set_aside": sorted(members.set_aside),
        "licenses": {path: member for member, (path, _) in sorted(licenses.items())},
        "symlinks": dict(sorted(request.survey.symlinks.items())),
        "info_symlinks": dict(sorted(request.metadata.info_links.items())),
        "empty_directories": sorted(request.survey.empty_directories),
        "modes": {path: f"{request.survey.files[path].member.mode:o}" for path in sorted(members.set_aside)},
        "patched": sorted(patched),
        "payload": content_digest({path: facts.sha256 for path, facts in request.survey.files.items()}),
        "info": content_digest(info),
        "members": content_digest(contents),
        "metadata": metadata_digest(metadata),
    }


def metadata_digest(metadata: bytes) -> str:
    """SHA-256 in hex of METADATA without Requires-Python, which all wheels of a family share."""
    lines = metadata.splitlines(keepends=True)
    return hashlib.sha256(b"".join(line for line in lines if not line.lower().startswith(_FAMILYS_OWN))).hexdigest()


def _content(planned: PlannedFile, facts: FileFacts) -> bytes:
    """SHA-256 of a member whose edits, if there are any, are edits of text."""
    if not planned.edits or facts.content is None:
        return facts.sha256
    return hashlib.sha256(apply_text_edits(facts.content, planned.edits)).digest()
