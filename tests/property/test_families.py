"""Random families: on every machine a client takes the build that conda takes, and metadata is always sound."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.tags import parse_tag
from variantlib.models.variant import VariantDescription, VariantProperty
from variantlib.resolver.lib import sort_and_filter_supported_variants

from bridge.errors import BridgeError
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.mapping.hosts import supported_features
from bridge.model.conda import Subdir
from bridge.model.family import Bounds, Build, Family, HostRequirement
from bridge.model.host import Host, Release
from bridge.model.variant import Property, StaticProvider, VariantMetadata
from bridge.translate.families.contexts import contexts_of
from bridge.translate.families.machines import hosts, installable
from bridge.translate.families.order import supported, variant_order
from tests.unit.families.builds import build, plan

_DRIVERS = (Release(11, 8), Release(12, 0), Release(12, 4), Release(13, 0))
#: tried in one family.
_MACHINES = 10
_GPUS = (Release(7, 5), Release(8, 0), Release(9, 0))


def _bounds(values: tuple[Release, ...], *, absent: bool) -> st.SearchStrategy[Bounds | None]:
    lower = st.sampled_from(values).map(Bounds)
    ranges = (
        st.tuples(st.sampled_from(values), st.sampled_from(values)).map(sorted).filter(lambda two: two[0] != two[1])
    )
    both = ranges.map(lambda two: Bounds(two[0], two[1]))
    content = st.sampled_from(values).map(lambda value: Bounds(value, absent=True))
    return st.one_of(st.none(), st.none(), lower, both, *([content] if absent else []))


@st.composite
def _requirements(draw: st.DrawFn) -> HostRequirement:
    cuda = draw(_bounds(_DRIVERS, absent=True))
    gpu = draw(_bounds(_GPUS, absent=False)) if cuda is not None and not cuda.absent else None
    return HostRequirement(
        cuda=cuda,
        # A GPU runs the code of all earlier minors of its major, so bounds inside a major are inexact by nature.
        cuda_arch=gpu if gpu is None or gpu.upper is None or gpu.upper.minor == 0 else Bounds(gpu.lower),
        x86_64_level=draw(st.sampled_from((None, None, 2, 3, 4))),
        glibc=draw(st.sampled_from((None, Bounds(Release(2, 28))))),
    )


@st.composite
def _families(draw: st.DrawFn) -> list[Build]:
    pythons = draw(st.sampled_from((("cp312",), ("cp311", "cp312"))))
    count = draw(st.integers(1, 7))
    return [
        build(
            f"h{at}",
            draw(_requirements()),
            {
                axis: value
                for axis, values in (("blas", ("mkl", "openblas")), ("gpu", ("cpu", "cuda12.6", "cuda12.9")))
                if (value := draw(st.sampled_from((*values, ""))))
            },
            tags=f"{(python := draw(st.sampled_from(pythons)))}-{python}-manylinux_2_17_x86_64",
        )
        for at in range(count)
    ]


def _choice(family: Family, python: str, host: Host) -> str | None:
    """What a client takes, by the reference library's order."""
    glibc = host.glibc or Release(0, 0)
    usable = {}
    for member in family.members:
        (tag,) = member.tags
        floor = Release(*map(int, tag.platform.split("_")[1:3]))
        if tag.interpreter == python and floor <= glibc:
            best = usable.get(member.label)
            if best is None or best[0] < floor:
                usable[member.label] = floor, member.source
    order = _reference_order(family.metadata, host, [label for label in usable if label is not None])
    return next((usable[label][1] for label in (*order, None) if label in usable), None)


def _reference_order(metadata: VariantMetadata, host: Host, labels: list[str]) -> list[str]:
    offered = []
    for namespace in metadata.namespaces:
        provider = metadata.providers[namespace]
        if isinstance(provider, StaticProvider):
            offered += [
                (namespace, feature, value) for feature, values in provider.features.items() for value in values
            ]
        else:
            offered += [
                (each.namespace, each.feature, value)
                for each in supported_features(host)
                if each.namespace == namespace
                for value in each.values
            ]
    features: dict[str, list[str]] = {}
    for namespace, feature, _ in offered:
        if feature not in features.setdefault(namespace, []):
            features[namespace].append(feature)
    described = [
        VariantDescription(
            [VariantProperty(p.namespace, p.feature, p.value) for p in sorted(metadata.variants[label])], label
        )
        for label in sorted(labels)
    ]
    if not described:
        return []
    found = sort_and_filter_supported_variants(
        described,
        [VariantProperty(*each) for each in offered],
        namespace_priorities=list(metadata.namespaces),
        feature_priorities=features,
    )
    return [each.label for each in found if each.label in labels]


@pytest.fixture(scope="module", autouse=True)
def _quiet_reference() -> None:
    logging.getLogger("variantlib").setLevel(logging.CRITICAL)


@settings(max_examples=40, deadline=None)
@given(_families(), st.integers(0, 30))
def test_every_machine_gets_the_build_that_conda_takes(builds: list[Build], start: int) -> None:
    family = plan(*builds)
    assert not [loss for loss in family.losses if loss.code.number == "CB239"]
    for context in contexts_of([each.tags for each in builds], ()):
        mine = [each for each in builds if context.accepts(each.tags)]
        # The plan was verified on all of them; the reference library is slow, so it sees a few.
        machines = list(hosts(mine, Subdir("linux-64")))
        for host in machines[start % len(machines) :: len(machines) // _MACHINES + 1]:
            conda = next((each.filename for each in mine if installable(each.requires, host)), None)
            if conda is not None and host.glibc is not None and host.glibc >= Release(2, 17):
                assert _choice(family, context.interpreter, host) == family.shadowed.get(conda, conda)


@settings(max_examples=40, deadline=None)
@given(_families())
def test_labels_and_metadata_are_sound(builds: list[Build]) -> None:
    family = plan(*builds)
    metadata = family.metadata
    sets = list(metadata.variants.values())
    assert len(set(sets)) == len(sets)
    assert all(len(label) <= 16 for label in metadata.variants)
    assert all((label == "null") == (not found) for label, found in metadata.variants.items())
    assert set(metadata.namespaces) == set(metadata.providers) == {p.namespace for found in sets for p in found}
    names = [member.filename for member in family.members]
    assert len(set(names)) == len(names)
    for member in family.members:
        parsed = parse_wheel_filename(member.filename)
        assert (parsed.variant, parsed.tags) == (member.label, member.tags)
        assert member.label is None or metadata.variants[member.label] == member.properties
    assert {member.label for member in family.members} - {None} == set(metadata.variants)
    contexts = {next(iter(each.tags)).interpreter for each in builds}
    assert {next(iter(m.tags)).interpreter for m in family.members if m.label is None} == contexts
    assert {each.filename for each in builds} == {m.source for m in family.members} | set(family.shadowed)


@settings(max_examples=10, deadline=None)
@given(_families())
def test_plans_depend_on_nothing_but_the_builds(builds: list[Build]) -> None:
    again = [build(each.index.build, each.requires, dict(each.choices), tags=each.tags) for each in builds]
    assert plan(*builds) == plan(*again)


_PROPERTIES = st.builds(
    Property, st.sampled_from(("a", "b", "c")), st.sampled_from(("f", "g")), st.sampled_from(("1", "2", "3"))
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.frozensets(_PROPERTIES, min_size=1, max_size=5), min_size=1, max_size=8, unique=True),
    st.permutations(("a", "b", "c")),
)
def test_the_order_is_that_of_the_reference_library(sets: list[frozenset[Property]], namespaces: list[str]) -> None:
    provider = StaticProvider({"g": ("2", "1"), "f": ("3", "1")})
    variants = {f"l{at}": found for at, found in enumerate(sets)}
    metadata = VariantMetadata(tuple(namespaces), dict.fromkeys(namespaces, provider), variants)
    mine = variant_order(variants, supported(metadata, ()))
    assert list(mine) == _reference_order(metadata, Host(Subdir("linux-64")), list(variants))


_REQUIREMENTS = st.sampled_from(("", ">=3.8", ">=3.9", ">=3.10", ">=3.9,<3.12", ">=3.12"))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_REQUIREMENTS, st.sampled_from(("", "mkl"))), min_size=1, max_size=5))
def test_generic_builds_for_several_pythons_get_unique_files_or_are_refused(builds: list[tuple[str, str]]) -> None:
    made = [
        build(f"h{at}", None, {"blas": blas} if blas else {}, tags=parse_tag("py3-none-any"))
        for at, (_, blas) in enumerate(builds)
    ]
    try:
        family = plan(*made, python={f"h{at}": text for at, (text, _) in enumerate(builds)})
    except BridgeError as error:
        assert error.code.number == "CB325"  # noqa: PT017
        return
    names = [member.filename for member in family.members]
    assert len(set(names)) == len(names)
