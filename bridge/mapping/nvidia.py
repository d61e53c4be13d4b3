"""What the `nvidia` namespace answers for a driver and a GPU (`nvidia-variant-provider` 0.0.1, as uv 0.13.8 has it).

A driver runs every CUDA program built for its own version or an older one, so a build states a lower bound and,
rarely, an exclusive upper one. The provider enumerates all bounds that hold; values compare as words, not as numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.model.host import Release, SupportedFeature

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMESPACE: Final = "nvidia"
LOWER_BOUND: Final = "cuda_version_lower_bound"
UPPER_BOUND: Final = "cuda_version_upper_bound"
SM_ARCH: Final = "sm_arch"

#: the drivers that the provider speaks for; outside of them it says nothing at all.
OLDEST_DRIVER: Final = Release(11, 0)
NEWEST_DRIVER: Final = Release(15, 20)
#: the provider knows no GPU older than Maxwell.
OLDEST_GPU: Final = Release(5, 0)


def nvidia_features(cuda: Release | None, compute_capability: Release | None) -> tuple[SupportedFeature, ...]:
    """The features of namespace `nvidia`, in the provider's order; empty where it stays silent.

    Args:
        cuda: highest CUDA version that the driver supports; None without a driver.
        compute_capability: of the GPU; None without one, which leaves the bounds of the driver.
    """
    if cuda is None or not OLDEST_DRIVER <= cuda <= NEWEST_DRIVER:
        return ()
    features = [(LOWER_BOUND, lower_bounds(cuda)), (UPPER_BOUND, upper_bounds(cuda))]
    if compute_capability is not None:
        features.append((SM_ARCH, sm_archs(compute_capability)))
    return tuple(SupportedFeature(NAMESPACE, name, values) for name, values in features if values)


def lower_bounds(cuda: Release) -> tuple[str, ...]:
    """Bounds at or below the driver, best (highest) first; a bare major follows its own `M.0`."""
    return (
        *_series(cuda.major, cuda.minor),
        *(
            value
            for major in range(cuda.major - 1, OLDEST_DRIVER.major - 1, -1)
            for value in _series(major, NEWEST_DRIVER.minor)
        ),
    )


def upper_bounds(cuda: Release) -> tuple[str, ...]:
    """Exclusive bounds above the driver, highest first; its own major counts only with a minor."""
    return (
        *(
            value
            for major in range(NEWEST_DRIVER.major, cuda.major, -1)
            for value in _series(major, NEWEST_DRIVER.minor)
        ),
        *(f"{cuda.major}.{minor}" for minor in range(NEWEST_DRIVER.minor, cuda.minor, -1)),
    )


def sm_archs(compute_capability: Release) -> tuple[str, ...]:
    """Architectures whose machine code (`_real`) or PTX (`_virtual`) runs on the GPU, best first.

    Machine code runs on later minors of its own major. The provider says no more of PTX than that of the major's
    first architecture, although a GPU runs any older PTX.
    """
    if compute_capability < OLDEST_GPU:
        return ()
    major, minor = compute_capability
    return (*(f"{major}{lower}_real" for lower in range(minor, -1, -1)), f"{major}0_virtual")


def _series(major: int, highest_minor: int) -> Iterator[str]:
    for minor in range(highest_minor, -1, -1):
        yield f"{major}.{minor}"
    yield str(major)
