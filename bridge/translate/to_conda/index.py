"""info/index.json and info/link.json of a package that is made of a wheel (CEPs 26, 34, 43 to 45, 48)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rattler import MatchSpec

from bridge.model.conda import CondaIdentity, Subdir

#: subdirs whose machine has another name in index.json.
_MACHINES: Final = {"64": "x86_64", "32": "x86"}
#: the revision that has `when`, `extra_depends` and `flags`.
_REVISION: Final = 3


@dataclass(frozen=True, slots=True)
class IndexFields:
    """What index.json says."""

    identity: CondaIdentity
    build_number: int
    subdir: Subdir
    #: installers move site-packages and make programs.
    noarch_python: bool
    depends: tuple[str, ...]
    extra_depends: Mapping[str, Sequence[str]]
    flags: tuple[str, ...]
    track_features: tuple[str, ...]
    license: str | None
    #: whether something is said that only repodata v3 has.
    uses_v3: bool

    def document(self) -> dict[str, Any]:
        """index.json; without a timestamp, which would have to come from a clock."""
        spell = _bracketed if self.uses_v3 else str
        arch, platform = arch_and_platform(self.subdir)
        fields: dict[str, Any] = {
            "name": self.identity.name,
            "version": self.identity.version,
            "build": self.identity.build,
            "build_number": self.build_number,
            "depends": _specs(map(spell, self.depends)),
            "constrains": [],
            "subdir": self.subdir,
            "arch": arch,
            "platform": platform,
        }
        if self.noarch_python:
            fields["noarch"] = "python"
        if self.license:
            fields["license"] = self.license
        if self.track_features:
            fields["track_features"] = " ".join(self.track_features)
        if self.uses_v3:
            fields |= {"schema_version": _REVISION, "repodata_revision": _REVISION}
        if self.extra_depends:
            fields["extra_depends"] = {
                group: _specs(map(spell, specs)) for group, specs in sorted(self.extra_depends.items())
            }
        if self.flags:
            fields["flags"] = sorted(self.flags)
        return fields


def link_document(entry_points: Iterable[str]) -> dict[str, Any]:
    """link.json of noarch python.

    Args:
        entry_points: `name = module:attribute`.
    """
    return {"package_metadata_version": 1, "noarch": {"type": "python", "entry_points": list(entry_points)}}


def arch_and_platform(subdir: Subdir) -> tuple[str | None, str | None]:
    """`arch` and `platform` as conda's builders write them: `x86_64` and `linux` for `linux-64`."""
    platform, _, machine = subdir.partition("-")
    return (_MACHINES.get(machine, machine), platform) if machine else (None, None)


def _specs(specs: Iterable[str]) -> list[str]:
    return sorted(dict.fromkeys(specs))


def _bracketed(spec: str) -> str:
    """The only forms that CEP 48 has: a name, or a name and brackets."""
    return spec if spec.endswith("]") else MatchSpec(spec).to_canonical_string()
