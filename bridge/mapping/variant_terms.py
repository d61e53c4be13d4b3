"""What the properties of a variant wheel say in conda's terms: the reverse of `bridge.mapping.axes`.

A variant can be used where a client supports one value of each feature that it names (PEP 825). A feature that a
virtual package states becomes a requirement on it, the same for every machine; a static one holds everywhere and
requires nothing. Of every other feature nobody on the conda side can say where it holds.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, Unrepresentable
from bridge.mapping.axes import load_axes
from bridge.mapping.microarchitectures import AARCH64_VERSIONS, names_at_least, names_claiming
from bridge.mapping.nvidia import NEWEST_DRIVER, OLDEST_DRIVER, OLDEST_GPU, lower_bounds, upper_bounds
from bridge.mapping.platforms import subdirs_of
from bridge.mapping.variant_rank import build_offset, provider_of
from bridge.model.host import Release
from bridge.model.plan import Loss
from bridge.model.variant import Provider, StaticProvider

if TYPE_CHECKING:
    from packaging.tags import Tag

    from bridge.mapping.axes import Axes
    from bridge.mapping.axes_file import HostAxis
    from bridge.model.variant import VariantMetadata

#: solvers take a build with a track feature only where no other of any version will do.
UNCHECKED: Final = "variant_unchecked"
_LEVELS: Final = {"v1": 1, "v2": 2, "v3": 3, "v4": 4}
_CAPABILITY: Final = re.compile(r"[1-9][0-9]{1,2}")
#: capabilities are written with one digit after the major.
_LAST_MINOR: Final = 9
_LAST_MAJOR: Final = NEWEST_DRIVER.major


@dataclass(frozen=True, slots=True)
class VariantTerms:
    """What a variant adds to the conda package that is made of it."""

    #: for the build string.
    label: str
    #: requirements that hold on exactly the machines on which a client can use the variant.
    depends: tuple[str, ...]
    #: one for each property (CEP 45), sorted; repodata v3 only.
    flags: tuple[str, ...]
    #: what keeps solvers from a build whose condition could not be said.
    track_features: tuple[str, ...]
    #: to add to the build number: more for what PEP 825 prefers, a multiple of 100. A wheel without a label has 0.
    build_offset: int
    losses: tuple[Loss, ...]


def variant_terms(
    metadata: VariantMetadata, label: str, tags: Iterable[Tag], *, subject: str, axes: Axes | None = None
) -> VariantTerms:
    """What one variant says, in conda's terms.

    Args:
        metadata: of the wheel or of its release.
        label: of the variant.
        tags: of the wheel; a platform says by itself what its least processor can.
        subject: file name, for losses.
        axes: the project's where None.

    Raises:
        Unrepresentable: `CB340`, no machine has all that the properties ask for.
    """
    reader = _Reader(load_axes() if axes is None else axes, tuple(tags), subject)
    features: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for each in sorted(metadata.variants[label]):
        features[each.namespace, each.feature].add(each.value)
    for (namespace, feature), values in features.items():
        reader.read(namespace, feature, values, provider_of(metadata, namespace))
    depends = reader.depends()
    offset, exact = build_offset(metadata, label)
    if not exact:
        reader.lose(Code.VARIANT_ORDER, "the release has more features than a build number can rank")
    return VariantTerms(
        label=label,
        depends=depends,
        flags=_flags(features, reader),
        track_features=(UNCHECKED,) if reader.unchecked else (),
        build_offset=offset,
        losses=tuple(reader.losses),
    )


def flag_of(namespace: str, feature: str, value: str) -> str:
    """A property as a flag (CEP 45), which has no dots: `blas_lapack_library:mkl`."""
    return f"{namespace}_{feature}:{value}".replace(".", "_")


def _flags(features: Mapping[tuple[str, str], Iterable[str]], reader: _Reader) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for (namespace, feature), values in features.items():
        for value in sorted(values):
            flag, said = flag_of(namespace, feature, value), f"{namespace} :: {feature} :: {value}"
            if found.setdefault(flag, said) != said:
                reader.lose(Code.VARIANT_FLAG, f"{said} and {found[flag]} are both the flag {flag}")
    return tuple(sorted(found))


@dataclass(slots=True)
class _Reader:
    """Collects what the features of one variant ask of a machine."""

    axes: Axes
    tags: tuple[Tag, ...]
    subject: str
    lower: Release = OLDEST_DRIVER
    upper: Release | None = None
    #: major -> least minor of the capabilities that will do; None: not asked.
    capabilities: dict[int, int] | None = None
    level: int | None = None
    arm: str | None = None
    #: whether a driver is asked for.
    driver: bool = False
    #: whether some feature could not be said at all.
    unchecked: bool = False
    losses: list[Loss] = field(default_factory=list)

    def read(self, namespace: str, feature: str, values: set[str], provider: Provider | None) -> None:
        """Take in one feature, of which a machine must support one value."""
        if isinstance(provider, StaticProvider):
            known = values.intersection(provider.features.get(feature, ()))
        elif provider is not None:
            known = self._host(namespace, feature, values)
        else:
            known = set()
        if not known:
            self.unchecked = True
        for value in sorted(values - known):
            if not known:
                detail = "nothing on the conda side says where it holds; the build comes after all others"
            else:
                detail = "no machine is known to have it; the other values of the feature were said"
            self.lose(Code.VARIANT_CONDITION, f"{namespace} :: {feature} :: {value}: {detail}")

    def lose(self, code: Code, detail: str) -> None:
        self.losses.append(Loss(code, self.subject, detail))

    def depends(self) -> tuple[str, ...]:
        """Requirements for what was read.

        Raises:
            Unrepresentable: `CB340`.
        """
        host = self.axes.host
        found: list[str] = []
        if self.driver:
            if self.upper is not None and self.upper <= self.lower:
                raise self._impossible(f"a driver of CUDA {self.lower} or newer that is older than {self.upper}")
            found.append(f"{host['cuda'].conda} >={self.lower}" + (f",<{self.upper}" if self.upper else ""))
        if self.capabilities is not None:
            found.append(f"{host['cuda_arch'].conda} {_capability_spec(self.capabilities)}")
        if self.level is not None and self.arm is not None:
            raise self._impossible("an x86-64 and an Arm processor")
        if self.level is not None and (self.level > 1 or not self._only("64")):
            found.append(_processor(host["x86_64_level"], str(self.level), names_at_least(self.level)))
        if self.arm is not None and (self.arm != AARCH64_VERSIONS[-1] or not self._only("aarch64", "arm64")):
            names = names_claiming(self.arm)
            found.append(_processor(host["aarch64_version"], self.arm.removesuffix("a"), names))
        return tuple(found)

    def _host(self, namespace: str, feature: str, values: set[str]) -> set[str]:
        """Take in a feature that an axis states; returns the values that were understood."""
        for name, axis in self.axes.host.items():
            if axis.namespace != namespace or feature not in (axis.lower, axis.upper, axis.feature):
                continue
            match name:
                case "cuda":
                    return self._bound(values, upper=feature == axis.upper)
                case "cuda_arch":
                    return self._architectures(values)
                case "x86_64_level":
                    known = values.intersection(_LEVELS)
                    self.level = min((_LEVELS[each] for each in known), default=None)
                    return known
                case _:
                    known = values.intersection(AARCH64_VERSIONS)
                    self.arm = max(known, key=AARCH64_VERSIONS.index, default=None)
                    return known
        return set()

    def _bound(self, values: set[str], *, upper: bool) -> set[str]:
        """A bound of the driver; of several the weakest. The provider is silent about drivers that it does not know."""
        known = values.intersection(upper_bounds(OLDEST_DRIVER) if upper else lower_bounds(NEWEST_DRIVER))
        releases = [_release(value) for value in known]
        if releases:
            self.driver = True
            if upper:
                self.upper = max(releases)
            else:
                self.lower = min(releases)
        return known

    def _architectures(self, values: set[str]) -> set[str]:
        """Machine code runs on its own and later minors of its major; PTX is known for the first of a major only."""
        found: dict[int, int] = {}
        known: set[str] = set()
        for value in values:
            code, _, kind = value.partition("_")
            if not _CAPABILITY.fullmatch(code):
                continue
            major, minor = divmod(int(code), 10)
            if OLDEST_GPU.major <= major <= _LAST_MAJOR and (kind == "real" or (kind == "virtual" and not minor)):
                known.add(value)
                found[major] = min(minor, found.get(major, minor))
        if found:
            self.driver = True
            self.capabilities = found
        return known

    def _only(self, *machines: str) -> bool:
        """Whether the platforms of the wheel are all of one kind of processor."""
        subdirs = {subdir for tag in self.tags for subdir in subdirs_of(tag.platform)}
        return bool(subdirs) and all(subdir.partition("-")[2] in machines for subdir in subdirs)

    def _impossible(self, what: str) -> Unrepresentable:
        message = f"the properties ask for {what}, which no machine is"
        return Unrepresentable(Code.VARIANT_IMPOSSIBLE, message, subject=self.subject, field="variant.json")


def _release(value: str) -> Release:
    major, _, minor = value.partition(".")
    return Release(int(major), int(minor or 0))


def _capability_spec(least: Mapping[int, int]) -> str:
    """Bounds where the capabilities have no hole up to some major, else their list.

    Alternatives of a list hold no comma: solvers disagree which of the two binds stronger.
    """
    majors = sorted(least)
    first, last = majors[0], majors[-1]
    if len(majors) == last - first + 1 and not any(least[major] for major in majors[1:]):
        bound = "" if last == _LAST_MAJOR else f",<{last + 1}.0"
        return f">={first}.{least[first]}{bound}"
    return "|".join(
        spec
        for major in majors
        for spec in (
            [f"{major}.*"]
            if least[major] == 0
            else [f"{major}.{minor}.*" for minor in range(least[major], _LAST_MINOR + 1)]
        )
    )


def _processor(axis: HostAxis, number: str, names: Iterable[str]) -> str:
    """A package that depends on the processor in turn, or the names that `__archspec` may have (CEP 29: a regex).

    In the names a dot is a dot or, as nobody is called otherwise, any character.
    """
    if not axis.conda.startswith("__"):
        return f"{axis.conda} >={number}"
    return f"{axis.conda} 1.* ^({'|'.join(names)})$"
