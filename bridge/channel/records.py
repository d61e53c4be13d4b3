"""A channel's record against the artifact's own index.json: the record wins, and what differs is recorded.

Channels mend requirements after publication (hotfixes, CEP 36); clients solve with the mended ones. What
identifies a package cannot be mended: there a difference means that the record is about something else.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput
from bridge.model.conda import IndexJson, Noarch, Origin
from bridge.model.plan import Loss

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bridge.channel.repodata import ChannelRecord

#: a record without one of these leaves what the artifact says; in every other field absence means "none".
_KEPT_WHERE_ABSENT: Final = frozenset({"license", "timestamp", "python_site_packages_path"})
_LISTS: Final = ("depends", "constrains", "track_features", "flags")
_NONE: Final = "none"


def hotfixed(index: IndexJson, record: ChannelRecord) -> tuple[IndexJson, tuple[Loss, ...]]:
    """The metadata in force for an artifact that a channel has a record of.

    Args:
        index: from the artifact.
        record: the channel's, of the same file.

    Returns:
        `index` with the record's requirements and attributes (`raw` stays the artifact's), and one `CB218`
        for each field that the record changed. The order of a list means nothing.

    Raises:
        InvalidInput: name, version, build, subdir or noarch disagree (`CB112`).
    """
    patched = record.index
    _check_identity(index, record)
    changes: dict[str, object] = {}
    losses: list[Loss] = []
    for name in _LISTS:
        old, new = getattr(index, name), getattr(patched, name)
        if Counter(old) != Counter(new):
            changes[name] = new
            removed, added = Counter(old) - Counter(new), Counter(new) - Counter(old)
            losses.append(_loss(name, removed.elements(), added.elements()))
    if _flat(index.extra_depends) != _flat(patched.extra_depends):
        changes["extra_depends"] = patched.extra_depends
        removed = _flat(index.extra_depends) - _flat(patched.extra_depends)
        added = _flat(patched.extra_depends) - _flat(index.extra_depends)
        losses.append(_loss("extra_depends", removed.elements(), added.elements()))
    for name in ("build_number", *sorted(_KEPT_WHERE_ABSENT)):
        old, new = getattr(index, name), getattr(patched, name)
        if old != new and not (new is None and name in _KEPT_WHERE_ABSENT):
            changes[name] = new
            losses.append(_loss(name, [] if old is None else [str(old)], [str(new)]))
    return replace(index, **changes), tuple(losses)  # type: ignore[arg-type]


def check_digest(record: ChannelRecord, origin: Origin) -> None:
    """Refuse an artifact that is not the file which the channel's record is about.

    Raises:
        InvalidInput: sha256, md5 or size are in the record and disagree (`CB118`).
    """
    for field, stated, found in (
        ("sha256", record.sha256, origin.sha256),
        ("md5", record.md5, origin.md5),
        ("size", record.size, origin.size),
    ):
        if stated is not None and stated != found:
            message = f"{field} is {found}, but the channel's record says {stated}"
            raise InvalidInput(Code.HASH, message, subject=origin.filename, field=field)


def _check_identity(index: IndexJson, record: ChannelRecord) -> None:
    patched = record.index
    pairs = [(name, getattr(index, name), getattr(patched, name)) for name in ("name", "version", "build", "subdir")]
    if patched.noarch is not Noarch.NO:
        # It says how the payload is laid out, which no record can change; some indexers leave it out.
        pairs.append(("noarch", index.noarch.value, patched.noarch.value))
    for name, own, stated in pairs:
        if own != stated:
            message = f"index.json says {own!r}, the channel's record {stated!r}"
            raise InvalidInput(Code.IDENTITY, message, subject=record.filename, field=name)


def _flat(groups: Mapping[str, tuple[str, ...]]) -> Counter[str]:
    return Counter(f"{group}: {spec}" for group, specs in groups.items() for spec in specs)


def _loss(name: str, old: Iterable[str], new: Iterable[str]) -> Loss:
    before, after = ("; ".join(sorted(items)) or _NONE for items in (old, new))
    return Loss(Code.HOTFIX, name, f"{before} -> {after}")
