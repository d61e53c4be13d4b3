"""The software bill of materials of a wheel (PEP 770): which conda package each native file came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from bridge._version import __version__
from bridge.formats.conda.identifiers import parse_filename
from bridge.model.conda import ArchiveFormat, CondaIdentity, Origin, Subdir


def artifact_of(origin: Origin) -> tuple[CondaIdentity, ArchiveFormat]:
    """What the name of an artifact says; that of an unpacked package has no ending."""
    if origin.filename.endswith((ArchiveFormat.CONDA.value, ArchiveFormat.TAR_BZ2.value)):
        return parse_filename(origin.filename)
    identity, _ = parse_filename(origin.filename + ArchiveFormat.CONDA.value)
    return identity, ArchiveFormat.DIRECTORY


def purl(origin: Origin, subdir: Subdir) -> str:
    """The package URL of a conda artifact (purl type `conda`), with build, channel, subdir and type as qualifiers."""
    identity, archive = artifact_of(origin)
    qualifiers = {
        "build": identity.build,
        "channel": origin.channel,
        "subdir": subdir,
        "type": archive.value.lstrip("."),
    }
    text = "&".join(f"{key}={quote(value, safe='')}" for key, value in sorted(qualifiers.items()) if value)
    return f"pkg:conda/{quote(identity.name)}@{quote(identity.version)}?{text}"


def format_bill(
    name: str,
    version: str,
    source: tuple[Origin, Subdir],
    providers: Mapping[str, tuple[Origin, Subdir]],
    vendored: Mapping[str, tuple[str, str]],
) -> bytes:
    """A CycloneDX 1.6 document, without time stamp or serial number so that it is reproducible.

    Args:
        name: of the wheel.
        version: of the wheel.
        source: the artifact that was converted.
        providers: file name -> artifact that vendored files were taken from.
        vendored: member name -> (provider's file name, sha256 hex of the file in the provider).
    """
    main: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl(*source),
        "name": name,
        "version": version,
        "purl": purl(*source),
        "hashes": [{"alg": "SHA-256", "content": source[0].sha256}],
    }
    components = []
    for filename, (origin, subdir) in sorted(providers.items()):
        identity, _ = parse_filename(filename)
        files = sorted(member for member, (provider, _) in vendored.items() if provider == filename)
        components.append(
            {
                "type": "library",
                "bom-ref": purl(origin, subdir),
                "name": str(identity.name),
                "version": str(identity.version),
                "purl": purl(origin, subdir),
                "hashes": [{"alg": "SHA-256", "content": origin.sha256}],
                "components": [
                    {
                        "type": "file",
                        "bom-ref": f"file:{member}",
                        "name": member,
                        "properties": [{"name": "conda-bridge:original-sha256", "value": vendored[member][1]}],
                    }
                    for member in files
                ],
            }
        )
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": main,
            "tools": {"components": [{"type": "application", "name": "conda-wheel-bridge", "version": __version__}]},
        },
        "components": components,
        "dependencies": [{"ref": main["bom-ref"], "dependsOn": [item["bom-ref"] for item in components]}],
    }
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
