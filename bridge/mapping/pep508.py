"""Requirements of a wheel (PEP 440, PEP 508) to requirements of a conda package (MatchSpecs)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from packaging.specifiers import Specifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version
from rattler import MatchSpec, VersionSpec
from rattler.exceptions import InvalidMatchSpecError, InvalidVersionSpecError

from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.mapping.markers import Condition, Grouped, conditions, to_when
from bridge.mapping.pypi_names import CondaNameAnswer, PypiNames
from bridge.mapping.versions import to_conda
from bridge.model.conda import CondaName
from bridge.model.plan import Loss

if TYPE_CHECKING:
    from collections.abc import Collection

    from packaging.requirements import Requirement

    from bridge.mapping.marker_targets import Target

Detail = tuple[Code, str]

#: lower bounds first, exclusions last, whatever the order in which they were written.
_ORDER: Final = ("===", "==", "~=", ">=", ">", "<", "<=", "!=")


@dataclass(frozen=True, slots=True)
class CondaVersionAnswer:
    """A conda version spec for PEP 440 specifiers; `spec` is empty where any version will do.

    The spec accepts what the specifiers accept, and no more unless `losses` says so, with two exceptions that
    conda has no words for: `>1.0` also accepts 1.0.post1, and pre-releases are not left out by default.
    """

    spec: str
    losses: tuple[Detail, ...] = ()


@dataclass(frozen=True, slots=True)
class CondaDependency:
    """One requirement of a conda package; `version`, `extras` and `when` are empty where nothing is asked."""

    name: CondaName
    version: str = ""
    extras: tuple[NormalizedName, ...] = ()
    when: str = ""
    #: the group of `extra_depends` (CEP 44) that it belongs to; None for `depends`.
    group: NormalizedName | None = None

    def __str__(self) -> str:
        """The MatchSpec in the form that all solvers read, or with brackets where only those can say it."""
        if self.extras or self.when:
            return self.bracketed
        return f"{self.name} {self.version}".rstrip()

    @property
    def bracketed(self) -> str:
        """The MatchSpec in the only form that records of repodata v3 may have (CEP 48)."""
        keys = []
        if self.version:
            keys.append(f'version="{self.version}"')
        if self.extras:
            keys.append(f"extras=[{','.join(self.extras)}]")
        if self.when:
            keys.append(f'when="{self.when}"')
        return f"{self.name}[{','.join(keys)}]" if keys else self.name


@dataclass(frozen=True, slots=True)
class CondaRequirementAnswer:
    """What one requirement of a wheel becomes on a target.

    `dependencies` is empty where the requirement is never in force on the target (`name` is None then), or where
    `name` is not settled: a question to the user that `losses` repeats.
    """

    name: CondaNameAnswer | None
    dependencies: tuple[CondaDependency, ...]
    losses: tuple[Loss, ...]


def to_conda_spec(specifiers: SpecifierSet) -> CondaVersionAnswer:
    """Translate PEP 440 specifiers into conda's portable subset: no `|`, no brackets, no `~=`, no `=`.

    Args:
        specifiers: for example `>=1.2,<2` or `~=1.4.2`.

    Returns:
        the spec, with `CB204` where a local label was left out, so that more is accepted, and `CB205` where a
        clause could not be said at all.

    Raises:
        InvalidInput: CB116, conda cannot hold a version as long as one of these.
    """
    return _to_conda_spec(str(specifiers))


def conda_requirement(
    requirement: Requirement,
    names: PypiNames,
    target: Target,
    *,
    extras: Collection[NormalizedName] = (),
    subject: str = "",
) -> CondaRequirementAnswer:
    """Translate one Requires-Dist.

    Args:
        requirement: as `packaging` reads it.
        names: PyPI projects to conda packages.
        target: what the conda package is made for.
        extras: the extras that the wheel provides; each becomes a group.
        subject: the wheel's file name, for losses and errors.

    Returns:
        one dependency, and one for each group where it is in force only there; with `CB232` where a condition
        became weaker, `CB203` where extras could not be said, `CB204` and `CB205` for versions, `CB215` where the
        name is unknown or ambiguous.

    Raises:
        InvalidInput: CB111 or CB116, the marker or a version is beyond measure.
        Unrepresentable: CB320, the requirement names a file by its address; the bare name could be another's.
        Unsupported: CB310, nothing is known of the target's markers.
    """
    grouped = conditions(requirement.marker, target, extras)
    if grouped.never:
        return CondaRequirementAnswer(None, (), ())
    if requirement.url is not None:
        raise Unrepresentable(
            Code.NAME_REFUSED,
            f"{requirement.name} is asked for by the address of a file; a conda package cannot ask for that, and "
            "its bare name may be another project's",
            subject=subject,
            field="Requires-Dist",
        )
    answer = names.lookup(requirement.name)
    if answer.conda is None:
        return CondaRequirementAnswer(answer, (), (Loss(Code.UNMAPPED_NAME, subject, answer.question),))
    version = to_conda_spec(requirement.specifier)
    losses = [Loss(code, subject, f"{requirement.name}: {detail}") for code, detail in version.losses]
    wanted = tuple(sorted(map(canonicalize_name, requirement.extras)))
    if wanted and not target.conditional:
        losses.append(Loss(Code.QUALIFIER, subject, f"{requirement.name}: the extras {', '.join(wanted)} were dropped"))
        wanted = ()
    dependencies = []
    for group, condition in _in_force(grouped):
        when, detail = _when(condition, target)
        if detail:
            losses.append(Loss(Code.CONDITION, subject, f"{requirement}: {detail}"))
        dependency = CondaDependency(answer.conda, version.spec, wanted, when, group)
        _check(dependency, subject)
        dependencies.append(dependency)
    losses.extend(
        Loss(Code.CONDITION, subject, f"{requirement}: required even where the extra {extra} is asked for")
        for extra in grouped.unsaid
    )
    return CondaRequirementAnswer(answer, tuple(dependencies), tuple(losses))


def _in_force(grouped: Grouped) -> list[tuple[NormalizedName | None, Condition]]:
    base: list[tuple[NormalizedName | None, Condition]] = [] if grouped.base.never else [(None, grouped.base)]
    return [*base, *grouped.groups]


def _when(condition: Condition, target: Target) -> tuple[str, str]:
    """The condition as the target can say it, and how it became weaker."""
    if not target.conditional:
        sayable = condition.exact and condition.always
        return "", "" if sayable else "the condition was dropped, because this package cannot carry one"
    answer = to_when(condition)
    if answer.exact:
        return answer.when, ""
    return answer.when, f"a part of the condition has no equivalent; it became {answer.when or 'no condition'}"


@lru_cache(maxsize=16384)
def _to_conda_spec(specifiers: str) -> CondaVersionAnswer:
    losses: list[Detail] = []
    ordered = sorted(SpecifierSet(specifiers), key=lambda one: (_ORDER.index(one.operator), one.version))
    try:
        spec = ",".join(dict.fromkeys(clause for one in ordered for clause in _clauses(one, losses)))
        VersionSpec(spec or "*", strict=True)
    except (ValueError, InvalidVersionSpecError) as error:  # ValueError: more digits than int() reads
        message = f"{specifiers[:200]} has no form that conda reads"
        raise InvalidInput(Code.BAD_SPEC, message, field="Requires-Dist") from error
    return CondaVersionAnswer(spec, tuple(losses))


def _clauses(one: Specifier, losses: list[Detail]) -> tuple[str, ...]:
    """Conda's words for one specifier."""
    operator, text = one.operator, one.version
    if operator == "===":
        return _arbitrary(text, losses)
    if text.endswith(".*"):
        prefix = f"{to_conda(Version(text.removesuffix('.*')))}.*"
        return (prefix if operator == "==" else f"!={prefix}",)
    version = Version(text)
    conda = to_conda(version)
    match operator:
        case "==" if version.local:
            losses.append((Code.HULL, f"=={version} became =={conda}; conda packages have no local labels"))
            return (f"=={conda}",)
        case "!=" if version.local:
            losses.append((Code.HULL, f"!={version} was dropped; conda packages have no local labels"))
            return ()
        case "<" if not (version.is_prerelease or version.is_postrelease):
            return (f"<{_before(version)}",)
        case "~=":
            return f">={conda}", f"{_series(version)}.*"
        case _:
            return (f"{operator}{conda}",)


def _arbitrary(text: str, losses: list[Detail]) -> tuple[str, ...]:
    try:
        version = Version(text)
    except InvalidVersion:
        losses.append((Code.VERSION_DROPPED, f"==={text} was dropped; it is not a version"))
        return ()
    losses.append((Code.HULL, f"==={text} became =={to_conda(version)}, which compares versions and not their text"))
    return (f"=={to_conda(version)}",)


def _before(version: Version) -> str:
    """What precedes every pre-release of a release, however many zeros follow in its spelling."""
    release = list(version.release)
    while len(release) > 1 and release[-1] == 0:
        release.pop()
    return f"{_epoch(version)}{'.'.join(map(str, release))}dev0"


def _series(version: Version) -> str:
    return f"{_epoch(version)}{'.'.join(map(str, version.release[:-1]))}"


def _epoch(version: Version) -> str:
    return f"{version.epoch}!" if version.epoch else ""


def _check(dependency: CondaDependency, subject: str) -> None:
    """No spec is written that a solver cannot read."""
    try:
        MatchSpec(str(dependency), strict=True)
    except InvalidMatchSpecError as error:
        message = f"{dependency} is not a MatchSpec: {error}"
        raise InvalidInput(Code.BAD_SPEC, message, subject=subject, field="Requires-Dist") from error
