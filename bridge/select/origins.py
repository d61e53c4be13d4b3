"""Which wheel a conda package was made of, by what the package itself says: the other way of a wheel's source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bridge.channel.locate import local_path
from bridge.channel.repodata import Channel, ChannelRecord
from bridge.errors import BridgeError
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.remote import open_remote
from bridge.model.conda import CondaName, Subdir
from bridge.model.conda_plan import ABOUT_KEY
from bridge.select.explain import NOT_COMPARED
from bridge.select.selection import Selection, Verdict


def recognised(selection: Selection, channels: Sequence[Channel], name: CondaName, subdir: Subdir) -> Selection:
    """The same selection, decided where the wheel does not say what it is made from but the package does.

    Args:
        selection: of both sides.
        channels: that the conda side was asked of.
        name: of the package.
        subdir: of the machine.
    """
    if selection.verdict is not Verdict.UNKNOWN_SOURCE or selection.wheel is None:
        return selection
    record = _record(channels, name, subdir, selection.conda)
    wheel = None if record is None else _made_of(record)
    if wheel is None:
        return selection
    verdict = Verdict.SAME if wheel == selection.wheel.filename else Verdict.DIFFERENT
    why = [line for line in selection.why if line != NOT_COMPARED]
    return replace(selection, verdict=verdict, why=(*why, f"{selection.conda} is made from {wheel}."))


def _record(channels: Iterable[Channel], name: CondaName, subdir: Subdir, filename: str | None) -> ChannelRecord | None:
    """What was chosen: it comes from the first channel that has the name."""
    for channel in channels:
        records = channel.records(name)
        if records:
            return next(
                (each for each in records if each.filename == filename and each.index.subdir in {subdir, "noarch"}),
                None,
            )
    return None


def _made_of(record: ChannelRecord) -> str | None:
    """File name of the wheel; None for packages that were not made of one, or cannot be read."""
    path = local_path(record)
    try:
        opened = (
            open_remote(record.address, authorization=record.authorization) if path is None else open_artifact(path)
        )
        with opened as package:
            about = package.metadata().about.raw
    except BridgeError:
        return None
    try:
        filename = about["extra"][ABOUT_KEY]["source"]["filename"]
    except (KeyError, TypeError):
        return None
    return filename if isinstance(filename, str) else None
