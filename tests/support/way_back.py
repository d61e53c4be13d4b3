"""Sample families as real packages, their wheels, and the channel that the wheels become again."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.channel.convert import convert
from bridge.model.plan import Layout, Outcome, Status
from tests.support.conda_archives import make_conda
from tests.support.families import FAMILIES, Repodata, repodata
from tests.support.sample_packages import dist_info, extension


@dataclass(frozen=True)
class WayBack:
    """A family channel there, back and there again; directories."""

    channel: Path
    wheels: Path
    returned: Path
    again: Path
    first: tuple[Outcome, ...]
    second: tuple[Outcome, ...]


def there_and_back(directory: Path, layout: Layout) -> WayBack:
    """Channel -> wheels -> channel -> wheels."""
    channel, wheels, returned, again = (directory / name for name in ("channel", "wheels", "returned", "again"))
    data = repodata()
    data.write(channel)
    for subdir, records in data.subdirs.items():
        for record in records.values():
            if record["name"] in FAMILIES:
                _package(channel / subdir, record)
    _listed(data, channel)
    first = convert(_packages(channel), wheels, layout=layout, channels=[channel]).outcomes
    back = convert(sorted(wheels.glob("*.whl")), returned).outcomes
    assert all(outcome.status is Status.CONVERTED and not outcome.losses for outcome in back)
    _listed(data, returned)
    second = convert(_packages(returned), again, layout=layout, channels=[returned]).outcomes
    return WayBack(channel, wheels, returned, again, first, second)


def _package(directory: Path, record: dict[str, Any]) -> None:
    """The package of a record: a module that says which build it is, and on Linux an extension."""
    name, build, subdir = record["name"], record["build"], record["subdir"]
    site, info = _site(record), {}
    if subdir == "noarch":
        record["noarch"] = "python"
        link = {"package_metadata_version": 1, "noarch": {"type": "python", "entry_points": []}}
        info["info/link.json"] = json.dumps(link).encode()
    files = {
        f"{site}/{name}.py": f"SOURCE = {name!r}, {build!r}\n".encode(),
        **dist_info(name, record["version"], site=site),
    }
    if subdir == "linux-64":
        files[f"{site}/_{name}.so"] = extension()
    index = {key: value for key, value in record.items() if key not in {"sha256", "size"}}
    make_conda(
        directory, name=name, version=record["version"], build=build, subdir=subdir, files=files, index=index, info=info
    )


def _site(record: dict[str, Any]) -> str:
    if record["subdir"] == "noarch":
        return "site-packages"
    if record["subdir"] == "win-64":
        return "Lib/site-packages"
    python = next(spec for spec in record["depends"] if spec.startswith("python >="))
    return f"lib/python{python.removeprefix('python >=').partition(',')[0]}/site-packages"


def _packages(channel: Path) -> list[str]:
    return [str(path) for path in sorted(channel.rglob("*.conda"))]


def _listed(data: Repodata, channel: Path) -> None:
    """Write repodata for the packages that lie in a channel, and for what they depend on."""
    found = Repodata(copy.deepcopy(data.subdirs))
    for subdir, records in found.subdirs.items():
        for filename, record in list(records.items()):
            if record["name"] not in FAMILIES:
                continue
            package = channel / subdir / filename
            if package.is_file():
                content = package.read_bytes()
                record |= {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            else:
                del records[filename]
    found.write(channel)
