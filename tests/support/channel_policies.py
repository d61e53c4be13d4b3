"""A policy with everything in it that conda clients can be told."""

from __future__ import annotations

from bridge.priority.context import OverlayUrls
from bridge.priority.policy import Policy, SourceName
from bridge.priority.policy_file import parse_policy

POLICY = """
schema = "bridge-policy/1"
default = "strict"
order = ["internal", "gpu", "forge", "pypi"]

[sources.internal]
conda = "https://conda.example/acme"
pypi = "https://pypi.example/acme/simple"
trust = "first-party"
role = "claimed-only"
credentials = "env:ACME_TOKEN"
[sources.copy]
conda = "https://mirror.example/acme"
pypi = "https://mirror.example/acme/simple"
trust = "first-party"
role = "mirror-of:internal"
[sources.gpu]
pypi = "https://wheels.example/cu130"
trust = "curated"
role = "claimed-only"
[sources.forge]
conda = "https://conda.example/forge"
trust = "curated"
min-age = "7d"
[sources.pypi]
pypi = "https://pypi.example/simple"
trust = "public"
min-age = "36h"

[[claims]]
packages = ["acme-*"]
from = ["internal"]
[[claims]]
packages = ["torch"]
from = ["gpu"]

[names]
pytorch = "torch"
py-opencv = ["opencv-python", "opencv-python-headless"]
acme-native = false

[variants]
namespaces = ["nvidia"]
[[variants.rules]]
packages = ["numpy"]
intent = "forbid"
property = "blas_lapack :: library :: mkl"
[variants.system]
cuda = "12.8"
glibc = "2.28"
"""


def policy(*changes: tuple[str, str]) -> Policy:
    """The policy, with parts of its text replaced."""
    text = POLICY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_policy(text, "bridge-policy.toml")


OVERLAYS = OverlayUrls(
    {
        SourceName("internal"): "https://policy.example/conda/internal",
        SourceName("forge"): "https://policy.example/conda/forge",
    },
    "https://policy.example/simple/",
)
