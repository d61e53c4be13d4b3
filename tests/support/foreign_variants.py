"""Variant releases of other builders, and what a conda solver and a variant-aware client each take of them.

The packages are records alone, with what `bridge.mapping.variant_terms` says of each variant. The conda side is
py-rattler's solver over them, the wheel side PEP 825 by variantlib's sorter.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path

from packaging.tags import parse_tag

from bridge.channel.repodata import open_channel
from bridge.channel.universe import Universe
from bridge.mapping.hosts import supported_features, virtual_packages
from bridge.mapping.providers import known_provider
from bridge.mapping.variant_terms import VariantTerms, variant_terms
from bridge.model.conda import Subdir
from bridge.model.host import Host, Release
from bridge.model.variant import Property, Provider, StaticProvider, VariantMetadata
from bridge.select.conda_side import CondaSide
from bridge.select.wheel_side import usable_labels
from tests.support.families import Repodata, ground

NVIDIA = "nvidia :: cuda_version_lower_bound :: "
NVIDIA_BELOW = "nvidia :: cuda_version_upper_bound :: "
SM = "nvidia :: sm_arch :: "
LEVEL = "x86_64 :: level :: "
ARM = "aarch64 :: version :: "
BLAS = "blas_lapack :: library :: "
ORDER = "priority :: order :: "
#: the wheel without a label.
PLAIN = "plain"

_TAGS = {"linux-64": "cp312-cp312-manylinux_2_17_x86_64", "linux-aarch64": "cp312-cp312-manylinux_2_17_aarch64"}
_DRIVERS = (None, (10, 2), (11, 0), (11, 8), (12, 0), (12, 4), (12, 9), (13, 0))
_GPUS = (None, (7, 5), (8, 0), (8, 6), (8, 9), (9, 0), (10, 3), (12, 0), (12, 1))


def release(
    namespaces: str, variants: Mapping[str, Iterable[str]], providers: Mapping[str, Provider] | None = None
) -> VariantMetadata:
    """The metadata of a release.

    Args:
        namespaces: separated by spaces, most important first.
        variants: label -> properties.
        providers: other than the known ones; static ones list the values that are known.
    """
    names = tuple(namespaces.split())
    known = {name: known_provider(name) for name in names}
    found = {name: provider for name, provider in known.items() if provider is not None}
    parsed = {label: frozenset(map(Property.parse, properties)) for label, properties in variants.items()}
    return VariantMetadata(names, found | dict(providers or {}), parsed)


def cuda_level_blas(namespaces: str) -> VariantMetadata:
    """CUDA x processor x BLAS, with every combination and with none of each."""
    parts = product(("", "11.8", "12.0", "12.4"), ("", "v2", "v3", "v4"), ("", "mkl", "openblas"))
    variants = {
        "_".join(filter(None, (cuda and f"cu{cuda}", level, blas))) or "null": [
            *([NVIDIA + cuda] if cuda else []),
            *([LEVEL + level] if level else []),
            *([BLAS + blas] if blas else []),
        ]
        for cuda, level, blas in parts
    }
    static = StaticProvider({"library": ("mkl", "openblas")})
    return release(namespaces, variants, {"blas_lapack": static})


def some_release(seed: int) -> VariantMetadata:
    """A release with a few properties of each kind, put together by chance."""
    choose = random.Random(seed)
    namespaces = choose.sample(["nvidia", "x86_64", "blas_lapack"], 3)
    pools = {
        "nvidia": [
            [NVIDIA + choose.choice(("11.0", "11.8", "12", "12.0", "12.4", "13", "13.0"))],
            [NVIDIA_BELOW + choose.choice(("13", "13.0", "14.0"))],
            [SM + each for each in choose.sample(("75_real", "80_real", "80_virtual", "86_real", "90_real"), 1)],
            [SM + each for each in ("80_real", "90_real", "100_real", "120_virtual")],
        ],
        "x86_64": [[LEVEL + level] for level in ("v1", "v2", "v3", "v4")],
        "blas_lapack": [[BLAS + library] for library in ("mkl", "openblas", "blis")],
    }
    variants = {
        f"l{number}": [
            each
            for namespace in namespaces
            for group in choose.sample(
                pools[namespace], choose.choice((0, 1, 1, 2) if namespace == "nvidia" else (0, 1))
            )
            for each in group
        ]
        for number in range(choose.randint(2, 9))
    }
    found: dict[frozenset[str], str] = {}
    for label, properties in variants.items():
        found.setdefault(frozenset(properties), "null" if not properties else label)
    return release(" ".join(namespaces), {label: sorted(properties) for properties, label in found.items()})


def machines(subdir: str) -> Iterator[Host]:
    """Drivers x GPUs x processors of a platform."""
    processors = {
        "linux-64": ("x86_64", "nehalem", "haswell", "x86_64_v3", "zen4"),
        "linux-aarch64": ("aarch64", "thunderx2", "neoverse_n1", "neoverse_v2", "olympus"),
    }[subdir]
    for driver, gpu, processor in product(_DRIVERS, _GPUS, processors):
        if driver is not None or gpu is None:
            cuda, arch = (None if each is None else Release(*each) for each in (driver, gpu))
            yield Host(Subdir(subdir), cuda, arch, processor, Release(2, 28), "6.1")


def terms_of(metadata: VariantMetadata, subdir: str) -> dict[str, VariantTerms]:
    """What each variant says, converted one at a time: its own properties and no other wheel's."""
    return {
        label: variant_terms(alone(metadata, label), label, parse_tag(_TAGS[subdir]), subject=label)
        for label in metadata.variants
    }


def alone(metadata: VariantMetadata, label: str) -> VariantMetadata:
    """What the wheel of one variant holds."""
    return VariantMetadata(metadata.namespaces, metadata.providers, {label: metadata.variants[label]})


def choices(
    metadata: VariantMetadata, subdir: str, offsets: Mapping[str, int] | None = None
) -> Iterator[tuple[Host, str, str]]:
    """On every machine: what the solver takes, and what a client takes (labels, or `PLAIN`).

    Args:
        metadata: of the release; a wheel without a label is there too.
        subdir: of the machines.
        offsets: of the whole release, in place of those of each wheel.
    """
    data = ground(Repodata())
    data.add("pkg", "1.0", f"{PLAIN}_0", 0, subdir=subdir)
    for label, terms in terms_of(metadata, subdir).items():
        number = terms.build_offset if offsets is None else offsets[label]
        features = " ".join(terms.track_features)
        data.add("pkg", "1.0", f"{label}_0", number, terms.depends, subdir=subdir, track_features=features)
    with tempfile.TemporaryDirectory() as directory:
        channel = open_channel(data.write(Path(directory)), subdirs=[subdir])
        with Universe([channel], subdir=subdir) as universe:
            side = CondaSide(universe, universe.candidates("pkg"), (3, 12))
            for host in machines(subdir):
                chosen = side.choose(virtual_packages(host)).build
                conda = "nothing" if chosen is None else chosen.index.build.removesuffix("_0")
                wheel = next(iter(usable_labels(metadata, supported_features(host))), PLAIN)
                yield host, conda, wheel


def toolkits(newest_first: bool) -> VariantMetadata:
    """As PyTorch builds: many architectures each, ranked by a static tie-breaker."""
    rank = ("3", "2", "1") if newest_first else ("1", "2", "3")
    old = [SM + f"{code}_real" for code in (50, 60, 70, 75, 80, 86, 90)]
    new = [*(SM + f"{code}_real" for code in (75, 80, 86, 90, 100, 120)), SM + "120_virtual"]
    variants = {
        "cu126": [NVIDIA + "12.0", *old, ORDER + rank[0]],
        "cu128": [NVIDIA + "12.0", *new, ORDER + rank[1]],
        "cu130": [NVIDIA + "13.0", *new, ORDER + rank[2]],
        "null": [],
    }
    return release("nvidia priority", variants, {"priority": StaticProvider({"order": ("1", "2", "3")})})


#: title -> release, and the platform of the machines that it is tried on.
RELEASES = {
    "nvidia first": (cuda_level_blas("nvidia x86_64 blas_lapack"), "linux-64"),
    "level first": (cuda_level_blas("x86_64 blas_lapack nvidia"), "linux-64"),
    "blas first": (cuda_level_blas("blas_lapack nvidia x86_64"), "linux-64"),
    "newest toolkit": (toolkits(newest_first=True), "linux-64"),
    "oldest toolkit": (toolkits(newest_first=False), "linux-64"),
    "arm": (
        release(
            "aarch64 blas_lapack",
            {f"{v}_{b}": [ARM + v, BLAS + b] for v in ("8a", "8.1a", "8.2a", "8.4a") for b in ("mkl", "openblas")},
        ),
        "linux-aarch64",
    ),
    "unchecked": (
        release(
            "amd x86_64",
            {
                "rocm": ["amd :: rocm_version :: 6.4"],
                "rocm_v3": ["amd :: rocm_version :: 6.4", LEVEL + "v3"],
                "v3": [LEVEL + "v3"],
                "avx": ["x86_64 :: avx2 :: on"],
            },
        ),
        "linux-64",
    ),
}
