"""A pure wheel as a record of a conda channel, served unconverted (`v3.whl`).

No accepted CEP describes the section; py-rattler 0.28 reads this form, from shards over HTTP and with
`PackageFormatSelection.PREFER_CONDA_WITH_WHL`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from bridge.channel.package_record import REVISION, bracketed
from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.formats.conda.identifiers import parse_build, parse_name, parse_version
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.core_metadata import parse_core_metadata
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.limits import MIB
from bridge.mapping.target_requirements import target_requirements
from bridge.mapping.versions import to_conda
from bridge.mapping.wheel_natives import Natives
from bridge.mapping.wheel_targets import wheel_targets
from bridge.model.conda import CondaIdentity, Subdir
from bridge.translate.to_conda.build_string import build_string

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from bridge.channel.listing import ListedFile
    from bridge.formats.wheel.core_metadata import CoreMetadata
    from bridge.formats.wheel.filename import WheelFilename
    from bridge.mapping.conda_target import CondaTarget
    from bridge.mapping.pypi_names import PypiNames
    from bridge.mapping.target_requirements import TargetRequirements
    from bridge.model.plan import Loss

NOARCH: Final = Subdir("noarch")
_CHUNK: Final = 1 * MIB


@dataclass(frozen=True, slots=True)
class WheelRecord:
    """A wheel that lies one directory above the platform directories."""

    filename: str
    identity: CondaIdentity
    #: JSON values; digests are hexadecimal.
    fields: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Its key in `v3.whl`."""
        return self.identity.stem


def is_pure(filename: WheelFilename) -> bool:
    """Whether it is for every platform and ABI."""
    return all((tag.abi, tag.platform) == ("none", "any") for tag in filename.tags)


def wheel_record(source: Path, listed: ListedFile, names: PypiNames) -> WheelRecord:
    """What a conda channel can say about a pure wheel.

    Args:
        source: the wheel.
        listed: what the package index says about it; the file must still be the same.
        names: PyPI projects to conda packages.

    Raises:
        InvalidInput: the file is not what `listed` says (CB118), or malformed (CB1xx).
        Unrepresentable: the channel cannot say exactly what the wheel says (CB250, CB3xx).
        Unsupported: conda has no Python that the wheel is for (CB311).
    """
    stated = parse_wheel_filename(listed.filename)
    md5, data = _read(source, listed)
    core = parse_core_metadata(data, listed.filename)
    target = _target(core, stated)
    identity = _identity(core, stated, target, names)
    requirements = _requirements(core, target, names)
    fields: dict[str, Any] = {
        "name": identity.name,
        "version": identity.version,
        "build": identity.build,
        "build_number": stated.build[0] if stated.build else 0,
        "subdir": NOARCH,
        "noarch": "python",
        "depends": bracketed(requirements.specs, subject=core.subject, field="depends"),
        "schema_version": REVISION,
        "fn": listed.filename,
        "md5": md5,
        "sha256": listed.sha256,
        "size": listed.size,
        "url": f"../{quote(listed.filename)}",
    }
    extras = {
        extra: bracketed(specs, subject=core.subject, field=f"extra_depends.{extra}")
        for extra, specs in requirements.extra_specs.items()
    }
    if extras:
        fields["extra_depends"] = extras
    if core.license_expression:
        fields["license"] = core.license_expression
    return WheelRecord(listed.filename, identity, fields)


def _read(source: Path, listed: ListedFile) -> tuple[str, bytes]:
    """md5 and METADATA, of one open file."""
    with WheelArchive(source) as archive:
        md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
        archive.file.seek(0)
        while chunk := archive.file.read(_CHUNK):
            md5.update(chunk)
            sha256.update(chunk)
        if sha256.hexdigest() != listed.sha256:
            raise InvalidInput(Code.HASH, "the file changed while it was indexed", subject=listed.filename)
        return md5.hexdigest(), archive.read(f"{archive.dist_info}/METADATA")


def _target(core: CoreMetadata, stated: WheelFilename) -> CondaTarget:
    """The one package that stands for the wheel; what its files are does not matter, for they are not unpacked."""
    answer = wheel_targets(stated.tags, core.requires_python, Natives(), has_programs=False, subject=core.subject)
    _refuse_losses(answer.losses)
    if len(answer.targets) != 1:
        message = f"it would be {len(answer.targets)} conda packages, each for some Pythons"
        raise Unrepresentable(Code.NOT_OFFERED, message, subject=core.subject)
    return answer.targets[0]


def _identity(core: CoreMetadata, stated: WheelFilename, target: CondaTarget, names: PypiNames) -> CondaIdentity:
    """Name, version and build string; a local version label stands in the build, for conda has none."""
    answer = names.own(core.name)
    if answer.conda is None:
        raise Unrepresentable(Code.NOT_OFFERED, answer.question, subject=core.subject)
    number, rest = stated.build or (0, "")
    build = build_string((target.label, stated.version.local, rest), number)
    return CondaIdentity(
        parse_name(answer.conda, subject=core.subject, field="name"),
        parse_version(to_conda(stated.version), subject=core.subject, field="version"),
        parse_build(build, subject=core.subject, field="build"),
    )


def _requirements(core: CoreMetadata, target: CondaTarget, names: PypiNames) -> TargetRequirements:
    """All of them, in one package for every machine."""
    found = target_requirements(
        target,
        core.requires_dist,
        names,
        extras=core.provides_extra,
        conditional=True,
        subject=core.subject,
        project=core.normalized_name,
    )
    for one in found:
        _refuse_losses(one.losses)
    if len(found) != 1:
        message = f"it would be {len(found)} conda packages, for its requirements differ from machine to machine"
        raise Unrepresentable(Code.NOT_OFFERED, message, subject=core.subject)
    return found[0]


def _refuse_losses(losses: Iterable[Loss]) -> None:
    """A record has no place for losses, and nobody would read them: only what is said exactly is offered."""
    for loss in losses:
        if not loss.code.harmless:
            raise Unrepresentable(Code.NOT_OFFERED, loss.detail, subject=loss.subject)
