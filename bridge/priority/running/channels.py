"""rattler, which pixi is made of: the channels, pins and priority of a configuration, solved in a process of its own.

py-rattler 0.28 can crash when Python 3.11 ends, after the answer is there (measured); the process ends before that.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from bridge.errors import Code, InvalidInput
from bridge.priority.configs.addresses import cleaned
from bridge.priority.configs.conda import conda_requirement
from bridge.priority.configs.config import ClientConfig, ConfiguredRequirement, Place
from bridge.priority.configs.read import read_configs
from bridge.priority.policy import Ecosystem
from bridge.priority.report import Client
from bridge.priority.running.ran import Ran, RanPackage
from bridge.priority.running.workplace import Workplace

_SOLVER: Final = "bridge.priority.running.solver"


def run_channels(
    place: Workplace, client: Client, requirements: Sequence[str], *, platforms: Sequence[str] = ()
) -> Ran:
    """Solve with rattler's gateway as pixi does: every requirement with its channel, the workspace's priority.

    Args:
        place: with the copied configuration.
        client: pixi or rattler.
        requirements: match specs; none means those of the workspace. Packages that the workspace pins to a channel
            are required as well, as pixi requires them.
        platforms: subdirs besides `noarch`; none means that of this machine.

    Raises:
        InvalidInput: CB471, the project has no configuration of the client.
    """
    config = next((one for one in read_configs(place.project) if one.client is client), None)
    if config is None:
        raise InvalidInput(Code.CLIENT_RUN, "there is no configuration of this client", subject=client.value)
    question = {
        "channels": [source.url or source.name for source in config.of(Ecosystem.CONDA)],
        "specs": list(_specs(config, requirements)),
        "constraints": [_spec(one, channel=False) for one in config.requirements if _is_constraint(one)],
        "priority": config.rule(Ecosystem.CONDA).value,
        "platforms": list(platforms),
        "cache": str(place.home / "rattler"),
    }
    done = place.run([sys.executable, "-m", _SOLVER], text=json.dumps(question), PYTHONPATH=_path())
    answer = json.loads(done.output) if done.status == 0 else {}
    if "records" not in answer:
        return Ran(client, ok=False, message=place.message(done))
    found = (_package(record) for record in answer["records"])
    return Ran(client, ok=True, packages=tuple(sorted(found, key=lambda one: (one.name, one.version))))


def _path() -> str:
    """Where this package can be imported from, as the other process has another environment."""
    return str(Path(__file__).parents[3])


def _specs(config: ClientConfig, requirements: Sequence[str]) -> Iterator[str]:
    own = {
        one.name: one
        for one in config.requirements
        if one.ecosystem is Ecosystem.CONDA and not one.constraint and (not requirements or one.source is not None)
    }
    for text in requirements:
        wanted = conda_requirement(text, Place(""))
        pin = own.pop(wanted.name, None) if wanted is not None else None
        if wanted is None or pin is None or wanted.source is not None:
            yield text
        else:
            yield _spec(pin, version=wanted.version)
    for name in sorted(own):
        yield _spec(own[name])


def _is_constraint(one: ConfiguredRequirement) -> bool:
    return one.ecosystem is Ecosystem.CONDA and one.constraint


def _spec(one: ConfiguredRequirement, *, version: str = "", channel: bool = True) -> str:
    """A match spec; rattler ignores the channel of a constraint (measured)."""
    bounds = ",".join(text for text in (one.version.strip(), version.strip()) if text not in ("", "*"))
    source = f"{one.source}::" if channel and one.source is not None else ""
    return f"{source}{one.name} {bounds}".rstrip()


def _package(record: dict[str, Any]) -> RanPackage:
    hashes = (f"sha256:{record['sha256']}",) if record["sha256"] else ()
    return RanPackage(
        record["name"], record["version"], cleaned(record["url"]), cleaned(record["channel"] or ""), hashes
    )
