"""Why a machine gets a build and not a better one, axis by axis, in words that a person can act on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from bridge.channel.candidate import Candidate
from bridge.mapping.microarchitectures import x86_64_level
from bridge.model.family import Bounds, Build, HostRequirement
from bridge.model.host import Host, Release
from bridge.select.conda_side import builds_for
from bridge.select.intent import Intent
from bridge.select.selection import Selection, Verdict

#: where neither side says what it was made from.
NOT_COMPARED: Final = "The wheel does not say which conda artifact it was made from, so the two cannot be compared."
#: builds that conda would rather take, of which it is said why it cannot.
_MOST_BETTER: Final = 4
#: characters of what no axis says.
_LONGEST: Final = 80


def reasons(selection: Selection, refusal: str, host: Host, python: tuple[int, int], intent: Intent) -> Iterator[str]:
    """Both decisions and what led to them, line by line.

    Args:
        selection: without its reasons.
        refusal: the solver's explanation where conda installs nothing.
        host: the machine.
        python: that was asked for.
        intent: what the user wants.
    """
    release, pick = selection.release, selection.wheel
    build = None if release is None or selection.conda is None else release.build(selection.conda)
    yield f"Machine: {describe_host(host)}; Python {python[0]}.{python[1]}."
    if selection.conda is None:
        yield f"conda installs nothing: {refusal}"
    else:
        yield f"conda takes {selection.conda}" + ("." if build is None else f" ({traits(build)}).")
    if pick is None:
        yield "No wheel can be used on this machine."
    else:
        kind = "the wheel without a label" if pick.label is None else f"variant {pick.label}"
        origin = f", made from {pick.source}" if pick.source is not None else ""
        yield f"A wheel client takes {kind}: {pick.filename}{origin}."
    if release is not None:
        usable = {
            each.filename for each in builds_for([Candidate(b.filename, b.index) for b in release.builds], python)
        }
        yield from _passed_over([each for each in release.builds if each.filename in usable], selection, host, intent)
        other = None if pick is None or pick.source is None else release.build(pick.source)
        if selection.verdict is Verdict.DIFFERENT and build is not None and other is not None:
            yield f"The two builds differ: {'; '.join(differences(build, other)) or 'in no axis'}."
        for rule in intent.idle(chain.from_iterable(release.properties().values())):
            yield f"Nothing in this release is {rule}, which the intent file names."
    if selection.verdict is Verdict.NO_BUILD:
        yield "No build is for this machine, which wheels cannot say: one wheel of a release fits every machine."
    if selection.verdict is Verdict.UNKNOWN_SOURCE:
        yield NOT_COMPARED


def describe_host(host: Host) -> str:
    """One line about a machine."""
    parts = [str(host.subdir)]
    if host.glibc is not None:
        parts.append(f"glibc {host.glibc}")
    if host.osx is not None:
        parts.append(f"macOS {host.osx}")
    if host.win is not None:
        parts.append(f"Windows {host.win}")
    parts.append(f"processor {host.archspec}" if host.archspec else "unknown processor")
    parts.append("no CUDA driver" if host.cuda is None else f"CUDA driver {host.cuda}")
    if host.cuda_arch is not None:
        parts.append(f"compute capability {host.cuda_arch}")
    return ", ".join(parts)


def unmet(requires: HostRequirement, host: Host) -> tuple[str, ...]:
    """What a machine lacks for a build, one phrase per axis; nothing where all is met."""
    found = [
        *_bounds("a CUDA driver", requires.cuda, host.cuda, "there is none"),
        *_bounds("a GPU of compute capability", requires.cuda_arch, host.cuda_arch, "it is not known"),
        *_bounds("glibc", requires.glibc, host.glibc, "there is none"),
        *_bounds("macOS", requires.osx, host.osx, "this is another system"),
    ]
    level = x86_64_level(host.archspec or "") or 1
    if requires.x86_64_level is not None and requires.x86_64_level > level:
        found.append(f"an x86-64 processor of level v{requires.x86_64_level} (this one has v{level})")
    return tuple(found)


def needs(requires: HostRequirement) -> tuple[str, ...]:
    """What a build asks of a machine, one phrase per axis."""
    found = [
        *_range("CUDA driver", requires.cuda),
        *_range("compute capability", requires.cuda_arch),
        *_range("glibc", requires.glibc),
        *_range("macOS", requires.osx),
    ]
    if requires.x86_64_level is not None:
        found.append(f"x86-64 level v{requires.x86_64_level}")
    if requires.aarch64_version is not None:
        found.append(f"Arm version {requires.aarch64_version}")
    return (*found, *(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..." for text in requires.unsaid))


def traits(build: Build) -> str:
    """A build's requirements and choices in one phrase."""
    chosen = [f"{axis} {value}" for axis, value in sorted(build.choices.items())]
    return "; ".join([*needs(build.requires), *chosen]) or "asks for nothing special"


def differences(one: Build, other: Build) -> tuple[str, ...]:
    """The axes on which two builds of a release differ."""
    mine, theirs = (", ".join(needs(each.requires)) or "nothing special" for each in (one, other))
    axes = sorted(one.choices.keys() | other.choices.keys())
    pairs = ((axis, *(each.choices.get(axis, "not stated") for each in (one, other))) for axis in axes)
    return (
        *([f"one needs {mine}, the other {theirs}"] if mine != theirs else []),
        *(f"{axis} {this} against {that}" for axis, this, that in pairs if this != that),
    )


def _passed_over(preferred: Sequence[Build], selection: Selection, host: Host, intent: Intent) -> Iterator[str]:
    """Why builds that conda tries before the chosen one were not taken."""
    properties = {} if selection.release is None else selection.release.properties()
    told = 0
    for build in preferred:
        if build.filename == selection.conda:
            return
        lacking = unmet(build.requires, host)
        unwanted = intent.forbids(properties.get(build.filename, frozenset()))
        if not lacking and not unwanted:
            continue
        if told == _MOST_BETTER:
            yield "There are more builds that come first and do not fit."
            return
        told += 1
        what = "is never wanted" if unwanted else f"needs {' and '.join(lacking)}"
        yield f"{build.filename} comes first, but {what}."


def _bounds(what: str, bounds: Bounds | None, offered: Release | None, absent: str) -> Iterator[str]:
    if bounds is None:
        return
    if offered is None:
        if not bounds.absent:
            yield f"{what}{_words(bounds)} ({absent})"
    elif (bounds.lower is not None and offered < bounds.lower) or (
        bounds.upper is not None and offered >= bounds.upper
    ):
        yield f"{what}{_words(bounds)} (this machine has {offered})"


def _range(what: str, bounds: Bounds | None) -> Iterator[str]:
    if bounds is not None:
        yield f"{what}{_words(bounds)}" + (" or none" if bounds.absent else "")


def _words(bounds: Bounds) -> str:
    said = []
    if bounds.lower is not None:
        said.append(f"{bounds.lower} or newer")
    if bounds.upper is not None:
        said.append(f"older than {bounds.upper}")
    return " " + " and ".join(said) if said else ""
