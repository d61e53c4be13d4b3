"""The conda packages that a wheel becomes, by its tags, its Requires-Python and what its binaries are.

Sources: PEP 425, PEP 600 and PEP 656 for tags, CEP 20 for the stable ABI, CEP 30 for virtual packages, and the
conventions of conda-forge for `python_abi`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from bridge.errors import Code, Unrepresentable, Unsupported
from bridge.mapping.conda_target import CondaTarget
from bridge.mapping.marker_targets import EXISTING, exact_range
from bridge.mapping.pep508 import to_conda_spec
from bridge.mapping.requirements import simplify
from bridge.mapping.wheel_interpreters import Binding, Interpreter, bound, interpreter_of, merged
from bridge.mapping.wheel_natives import NativeFile, Natives, natives_of
from bridge.mapping.wheel_platforms import NOARCH, Place, glibc_place, wheel_places
from bridge.model.payload import Nature
from bridge.model.plan import Loss

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from packaging.tags import Tag

    from bridge.model.conda import Subdir

__all__ = ["CondaTarget", "NativeFile", "Natives", "TargetsAnswer", "natives_of", "wheel_targets"]

#: below every floor that a tag can promise.
_UNKNOWN_FLOOR = (1000, 0)


@dataclass(frozen=True, slots=True)
class TargetsAnswer:
    """The packages, at least one, by subdir and label; no two are for the same environment."""

    targets: tuple[CondaTarget, ...]
    losses: tuple[Loss, ...] = ()


def wheel_targets(
    tags: frozenset[Tag],
    requires_python: SpecifierSet | None,
    natives: Natives,
    *,
    has_programs: bool,
    subject: str,
) -> TargetsAnswer:
    """The packages that a wheel becomes.

    Args:
        tags: those of the file name.
        requires_python: of METADATA.
        natives: the wheel's binaries, which have the last word on what the tags promise.
        has_programs: whether the wheel has entry points or scripts: Windows needs a launcher for each, which only
            installers of `noarch: python` make.
        subject: the wheel's file name, for losses and errors.

    Returns:
        the packages, with `CB240` where binaries are carried as data, `CB241` for tags that no package stands for,
        `CB242` where the lowest glibc is not known, `CB204` and `CB205` for Requires-Python.

    Raises:
        InvalidInput: CB116, conda cannot hold a version as long as one of Requires-Python.
        Unrepresentable: CB326, the binaries are for others than the tags say; CB327, no Python is left.
        Unsupported: CB310, conda has no such platform; CB311, conda has no such Python.
    """
    return _Wheel(tags, requires_python or SpecifierSet(), natives, has_programs, subject).answer()


@dataclass(frozen=True, slots=True)
class _Claim:
    """One tag, understood."""

    tag: Tag
    interpreter: Interpreter
    place: Place


class _Wheel:
    def __init__(
        self, tags: frozenset[Tag], requires_python: SpecifierSet, natives: Natives, has_programs: bool, subject: str
    ) -> None:
        self._tags = sorted(tags, key=str)
        self._requires_python = requires_python
        self._natives = natives
        self._has_programs = has_programs
        self._subject = subject
        self._losses: list[Loss] = []

    def answer(self) -> TargetsAnswer:
        claims = self._served(self._claims())
        by_subdir: dict[Subdir, list[_Claim]] = {}
        for claim in claims:
            by_subdir.setdefault(claim.place.subdir, []).append(claim)
        everywhere = {claim.interpreter for claim in by_subdir.get(NOARCH, ())}
        portable = merged(everywhere)
        targets: list[CondaTarget] = []
        for subdir, found in sorted(by_subdir.items()):
            here = merged({claim.interpreter for claim in found} | everywhere)
            kept = [one for one in here if subdir == NOARCH or not any(other.covers(one) for other in portable)]
            targets.extend(self._target(one, here, found) for one in kept)
        usable = [target for target in targets if self._usable(target)]
        if not usable:
            message = f"no Python is both what the tags say and {self._requires_python}"
            raise Unrepresentable(Code.NO_PYTHON, message, subject=self._subject, field="Requires-Python")
        ordered = sorted(usable, key=lambda target: (target.subdir, target.label))
        return TargetsAnswer(tuple(ordered), tuple(dict.fromkeys(self._losses)))

    def _claims(self) -> list[_Claim]:
        claims: list[_Claim] = []
        pythons: dict[str, None] = {}
        platforms: dict[str, None] = {}
        for tag in self._tags:
            python = interpreter_of(tag.interpreter, tag.abi)
            places = wheel_places(tag.platform)
            if python.reason:
                pythons[python.reason] = None
            if places.reason:
                platforms[places.reason] = None
            # An ABI without a platform is one of the combinations that no installer knows.
            if python.interpreter is not None and (tag.abi == "none" or tag.platform != "any"):
                claims.extend(_Claim(tag, self._bound(python.interpreter), place) for place in places.places)
        if not claims:
            if platforms:
                raise Unsupported(Code.PLATFORM, "; ".join(platforms), subject=self._subject, field="tags")
            message = "; ".join(pythons) or "no Python installs a wheel with these tags"
            raise Unsupported(Code.PYTHON_TAG, message, subject=self._subject, field="tags")
        self._losses.extend(self._unserved(reason) for reason in (*pythons, *platforms))
        return claims

    def _bound(self, interpreter: Interpreter) -> Interpreter:
        """Extension modules are bound to an ABI even if the tag does not say so."""
        if interpreter.binding is Binding.CPYTHON and self._natives.extensions:
            return bound(interpreter)
        return interpreter

    def _served(self, claims: list[_Claim]) -> list[_Claim]:
        """The claims that the binaries do not contradict."""
        if not self._natives.files:
            return claims
        if any(claim.place.subdir == NOARCH for claim in claims):
            self._check_portable()
            return claims
        wanted = sorted({claim.place.subdir for claim in claims})
        served = {subdir for subdir in wanted if self._serves(subdir)}
        if not served and self._natives.extensions:
            file = self._natives.extensions[0]
            message = f"{file.path} is for {_platforms(file)}, and the tags say {', '.join(wanted)}"
            raise self._mislabelled(message, file.path)
        served = served or set(wanted)
        self._losses.extend(
            self._unserved(f"the binaries have no part for {subdir}") for subdir in wanted if subdir not in served
        )
        if any(subdir.startswith("linux-") for subdir in served) and self._musl():
            message = "the binaries are linked against musl, which no virtual package of conda names"
            raise Unsupported(Code.PLATFORM, message, subject=self._subject, field="tags")
        return self._importable([claim for claim in claims if claim.place.subdir in served])

    def _musl(self) -> bool:
        return any(file.musl for file in self._natives.extensions)

    def _check_portable(self) -> None:
        """Hold the platform `any` against the binaries."""
        natives, file = self._natives, self._natives.files[0]
        if not natives.portable:
            raise self._mislabelled(f"the tags say any platform, and {file.path} is for {_platforms(file)}", file.path)
        names = ", ".join(file.path for file in natives.files[:3])
        more = f" and {len(natives.files) - 3} more" if len(natives.files) > 3 else ""
        detail = f"binaries of a wheel for any platform were taken for data: {names}{more}"
        self._losses.append(Loss(Code.NATIVE_DATA, self._subject, detail))

    def _serves(self, subdir: Subdir) -> bool:
        """Whether the extension modules, or else any binary, are for a platform."""
        extensions = self._natives.extensions
        if subdir.startswith("osx-"):
            chosen = [one for one in extensions or self._natives.files if one.nature is Nature.MACHO]
            if extensions:
                return bool(chosen) and all(subdir in one.subdirs for one in chosen)
            return not chosen or any(subdir in one.subdirs for one in chosen)
        return not extensions or any(subdir in one.subdirs for one in extensions)

    def _importable(self, claims: list[_Claim]) -> list[_Claim]:
        """The claims for Pythons that can import an extension module, as far as those name an ABI."""
        named = {file.abi for file in self._natives.extensions}
        if not named or None in named:
            return claims
        kept = [
            claim
            for claim in claims
            if claim.interpreter.binding is Binding.ANY or _plain(claim.interpreter.abi) in map(_plain, named)
        ]
        if not kept:
            file = self._natives.extensions[0]
            said = ", ".join(sorted({f"{claim.tag.interpreter}-{claim.tag.abi}" for claim in claims}))
            raise self._mislabelled(f"{file.path} is for {file.abi}, and the tags say {said}", file.path)
        self._losses.extend(
            self._unserved(f"no extension module is for {claim.tag.interpreter}-{claim.tag.abi}")
            for claim in claims
            if claim not in kept
        )
        loose = sorted({claim.interpreter.label for claim in kept if claim.interpreter.binding is Binding.ANY})
        if loose:
            detail = f"the extension modules are for {', '.join(sorted(filter(None, named)))}, and the tags say more"
            self._losses.append(Loss(Code.NATIVE_DATA, self._subject, detail))
        return kept

    def _target(self, interpreter: Interpreter, beside: Iterable[Interpreter], found: Sequence[_Claim]) -> CondaTarget:
        """The package for an interpreter on one platform; those `beside` it have packages of their own."""
        claims = [claim for claim in found if interpreter.covers(claim.interpreter)] or list(found)
        place = self._lowest([claim.place for claim in claims])
        python = self._python(interpreter, beside)
        spec, losses = _python_spec(interpreter, python)
        self._losses.extend(Loss(code, self._subject, f"Requires-Python: {detail}") for code, detail in losses)
        loose = interpreter.binding is not Binding.ABI
        windows = place.subdir.startswith("win-")
        return CondaTarget(
            subdir=place.subdir,
            linked=loose or place.subdir == NOARCH or (windows and self._has_programs),
            python=python,
            python_spec=spec,
            tags=frozenset(claim.tag for claim in claims),
            label=f"{interpreter.label}_any" if place.subdir == NOARCH else interpreter.label,
            minor=interpreter.minor,
            abi=interpreter.abi,
            also=(*_interpreter_depends(interpreter), *place.depends),
            preference=_preference(place),
        )

    def _lowest(self, places: Sequence[Place]) -> Place:
        """Of the promises that the tags make for one platform, that which most machines keep."""
        promised = [place for place in places if place.floor is not None]
        if promised:
            return min(promised, key=lambda place: place.floor or _UNKNOWN_FLOOR)
        place = places[0]
        if not place.subdir.startswith("linux-") or not any(file.nature is Nature.ELF for file in self._natives.files):
            return place
        floor = self._natives.glibc()
        if floor is not None:
            return glibc_place(place.subdir, floor)
        detail = f"no tag and no binary says which glibc is needed on {place.subdir}"
        self._losses.append(Loss(Code.GLIBC_UNKNOWN, self._subject, detail))
        return place

    def _python(self, interpreter: Interpreter, beside: Iterable[Interpreter]) -> SpecifierSet:
        clauses = [*interpreter.python, *self._requires_python]
        if interpreter.binding is Binding.STABLE:
            # What a looser tag stands for has a package of its own.
            clauses.extend(
                clause
                for other in beside
                if other.binding is Binding.ANY and other.floors[-1][0] == interpreter.floors[0][0]
                for clause in SpecifierSet(f"<{'.'.join(map(str, other.floors[-1]))}")
            )
        return simplify(sorted(clauses, key=str))

    def _usable(self, target: CondaTarget) -> bool:
        return not exact_range(target.python).intersection(EXISTING).is_empty

    def _unserved(self, reason: str) -> Loss:
        return Loss(Code.UNSERVED, self._subject, reason)

    def _mislabelled(self, message: str, field: str) -> Unrepresentable:
        return Unrepresentable(Code.MISLABELLED, message, subject=self._subject, field=field)


def _plain(abi: str | None) -> str:
    """An ABI without the letters for memory allocators, which the names of modules do not have on Windows."""
    return (abi or "").rstrip("mu")


def _platforms(file: NativeFile) -> str:
    return ", ".join(file.subdirs) or f"an unknown machine ({file.nature.value})"


def _python_spec(interpreter: Interpreter, python: SpecifierSet) -> tuple[str, tuple[tuple[Code, str], ...]]:
    """The versions of Python in conda's words, for one minor version as conda-forge says it."""
    if interpreter.minor is None:
        answer = to_conda_spec(python)
        return answer.spec, answer.losses
    major, minor = interpreter.minor
    whole = exact_range(f"=={major}.{minor}.*")
    narrower = [one for one in python if not whole.is_subset(exact_range(str(one)))]
    rest = to_conda_spec(SpecifierSet(",".join(map(str, narrower))))
    low = () if any(one.operator in (">=", "~=", "==", "===") for one in narrower) else (f">={major}.{minor}",)
    clauses = [*low, *([rest.spec] if rest.spec else []), f"<{major}.{minor + 1}.0a0"]
    return ",".join(clauses), rest.losses


def _interpreter_depends(interpreter: Interpreter) -> tuple[str, ...]:
    if interpreter.minor is None:
        if interpreter.binding is Binding.ANY:
            return ()
        major, minor = interpreter.floors[0]
        return (f"cpython >={major}.{minor}", "_python_abi3_support 1.*")
    major, minor = interpreter.minor
    if interpreter.abi is None:
        return (f"cpython >={major}.{minor},<{major}.{minor + 1}.0a0",)
    return (f"python_abi {major}.{minor}.* *_{interpreter.abi}",)


def _preference(place: Place) -> tuple[int, ...]:
    """An older system is preferred, for such a package has more users."""
    if place.subdir == NOARCH or place.subdir.startswith("win-"):
        return (0, 0)
    major, minor = place.floor or _UNKNOWN_FLOOR
    return (-major, -minor)
