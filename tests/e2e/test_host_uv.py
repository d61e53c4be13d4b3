"""What uv's built-in providers support, and in which order, is what `supported_features` says.

Every probe is a tiny project whose variants have one property each; uv picks one of them (or the null variant) on each
simulated machine. Neighbours in a chain of all words that a feature could have make up the probes, so that the picks
together tell both which values are supported and how they rank.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bridge.mapping.hosts import baseline, parse_set, supported_features, with_settings
from bridge.model.conda import Subdir
from bridge.model.host import Host
from bridge.model.variant import Property
from bridge.select.detect import detect_host

PROVIDERS: dict[str, dict[str, Any]] = {
    "nvidia": {
        "plugin-api": "nvidia_variant_provider.plugin:NvidiaVariantPlugin",
        "requires": ["nvidia-variant-provider>=0.0.1,<1.0"],
    },
    "tpu": {
        "plugin-api": "tpu_variant_provider.plugin:TpuVariantPlugin",
        "requires": ["tpu-variant-provider>=0.1.0,<1.0"],
    },
    "x86_64": {"requires": ["x86-64-variant-provider>=0.2.1,<1.0"]},
    "aarch64": {"requires": ["aarch64-variant-provider>=0.2.0,<1.0"]},
}
#: more than any provider accepts, which turns the one of NVIDIA off even where there is a GPU.
NO_DRIVER = "99999"
SELECTED = re.compile(r"Selecting: (probe[0-9]+)==1\.0 \[compatible\] \((\S+)\.whl\)")

PLATFORMS = {
    "x86_64-unknown-linux-gnu": "linux-64",
    "aarch64-unknown-linux-gnu": "linux-aarch64",
    "x86_64-apple-darwin": "osx-64",
    "aarch64-apple-darwin": "osx-arm64",
    "x86_64-pc-windows-msvc": "win-64",
    "aarch64-pc-windows-msvc": "win-arm64",
}
#: (CUDA, compute capability, platform for uv or None for this machine).
MACHINES: list[tuple[str | None, str | None, str | None]] = [
    (None, None, None),
    ("11.0", None, None),
    ("11.8", "5.0", None),
    ("12", "7.5", None),
    ("12.0", "8.0", None),
    ("12.4", "8.6", None),
    ("12.8", "3.7", None),
    ("12.9", "8.9", None),
    ("13.0", "9.0", None),
    ("13.1", "10.3", None),
    ("14.20", "12.0", None),
    ("15.20", "12.1", None),
    (None, "9.0", None),
    *((None, None, platform) for platform in PLATFORMS),
    ("12.6", "9.0", "aarch64-unknown-linux-gnu"),
    ("12.6", "8.9", "x86_64-pc-windows-msvc"),
]


def chains() -> Iterator[tuple[str, str, list[str]]]:
    """Namespace, feature and every word that could be a value, each in some order of preference."""
    bounds = [
        text
        for major in range(16, 9, -1)
        for text in (*(f"{major}.{minor}" for minor in range(21, -1, -1)), str(major))
    ]
    yield "nvidia", "cuda_version_lower_bound", bounds
    yield "nvidia", "cuda_version_upper_bound", bounds
    for major in (3, 5, 7, 8, 9, 10, 12):
        minors = range(9, -1, -1)
        yield (
            "nvidia",
            "sm_arch",
            [*(f"{major}{minor}_real" for minor in minors), *(f"{major}{minor}_virtual" for minor in minors)],
        )
    yield "nvidia", "sm_arch", ["90a_real", "100f_real", "sm_90", "90", "9.0", "90a_virtual"]
    yield "x86_64", "level", ["v5", "v4", "v3", "v2", "v1"]
    yield "aarch64", "version", ["9.0a", "8.6a", "8.5a", "8.4a", "8.3a", "8.2a", "8.1a", "8a", "8.0a"]
    yield "tpu", "present", ["true", "false"]


def probes() -> list[tuple[Property, ...]]:
    """Properties of one namespace that compete with each other."""
    found = [
        (Property(namespace, feature, better), Property(namespace, feature, worse))
        for namespace, feature, values in chains()
        for better, worse in itertools.pairwise(values)
    ]
    # Features rank as well: the worst value of the first against good values of the later ones.
    lower, upper = (
        Property("nvidia", f"cuda_version_{side}_bound", "11" if side == "lower" else "15.20")
        for side in ("lower", "upper")
    )
    real = [Property("nvidia", "sm_arch", value) for value in ("75_real", "80_real", "90_real", "120_real")]
    return [*found, (lower, upper, *real), (upper, *real), tuple(real)]


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the wheels and the index metadata of all probes."""
    directory = tmp_path_factory.mktemp("probes")
    for number, properties in enumerate(probes()):
        name = f"probe{number}"
        # Labels against the expected order, so that no tie between labels can look like a preference.
        variants: dict[str, Any] = {
            f"{len(properties) - position:03}": {each.namespace: {each.feature: [each.value]}}
            for position, each in enumerate(properties)
        }
        metadata = {
            "$schema": "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json",
            "default-priorities": {"namespace": [properties[0].namespace]},
            "providers": {properties[0].namespace: PROVIDERS[properties[0].namespace]},
            "variants": {**variants, "null": {}},
        }
        (directory / f"{name}-1.0-variants.json").write_text(json.dumps(metadata))
        for label, variant in {**variants, "null": {}}.items():
            write_wheel(directory, name, label, {**metadata, "variants": {label: variant}})
    (directory / "requirements.txt").write_text("".join(f"probe{number}\n" for number in range(len(probes()))))
    return directory


def write_wheel(directory: Path, name: str, label: str, metadata: Mapping[str, Any]) -> None:
    info = f"{name}-1.0.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/variant.json": json.dumps(metadata),
    }
    rows = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},{len(text)}\n"
        for path, text in files.items()
    ]
    files[f"{info}/RECORD"] = "".join(rows) + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(directory / f"{name}-1.0-py3-none-any-{label}.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)


def described(cuda: str | None, gpu: str | None, platform: str | None, monkeypatch: pytest.MonkeyPatch) -> Host:
    for name in [name for name in os.environ if name.startswith("CONDA_OVERRIDE_")]:
        monkeypatch.delenv(name)
    settings = [f"cuda={cuda or ''}", f"cuda_arch={gpu or ''}"]
    if platform is None:
        return detect_host(map(parse_set, settings))
    base = baseline(Subdir(PLATFORMS[platform]))
    if platform.startswith("x86_64"):
        # What uv takes for granted of a machine that it cannot look at.
        settings.append("archspec=x86_64_v2")
    return with_settings(base, map(parse_set, settings))


def expected_label(properties: Sequence[Property], host: Host) -> str:
    rank = {
        Property(row.namespace, row.feature, value): (position, index)
        for position, row in enumerate(supported_features(host))
        for index, value in enumerate(row.values)
    }
    best = min((each for each in properties if each in rank), key=lambda each: rank[each], default=None)
    return "null" if best is None else f"{len(properties) - properties.index(best):03}"


@pytest.mark.parametrize(("cuda", "gpu", "platform"), MACHINES)
def test_uv_supports_what_the_host_says_in_the_same_order(
    cuda: str | None,
    gpu: str | None,
    platform: str | None,
    links: Path,
    uv: str,
    environment: Mapping[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = described(cuda, gpu, platform, monkeypatch)
    command = [uv, "pip", "install", "--dry-run", "-v", "--no-index", "--find-links", str(links)]
    command += ["--preview-features", "wheel-variants", "--python", sys.executable, "--target", str(tmp_path)]
    command += ["-r", str(links / "requirements.txt")]
    command += [] if platform is None else ["--python-platform", platform]
    forced = {
        "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": cuda or NO_DRIVER,
        "NV_VARIANT_PROVIDER_FORCE_SM_ARCH": gpu or "",
        "TPU_VARIANT_PROVIDER_FORCE_PRESENT": "false",
    }
    done = subprocess.run(command, env={**environment, **forced}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    picked = {name: stem.rpartition("-")[2] for name, stem in SELECTED.findall(done.stderr)}
    wrong = [
        f"{' / '.join(map(str, properties))}: uv {picked.get(f'probe{number}')}, expected {label}"
        for number, properties in enumerate(probes())
        if picked.get(f"probe{number}") != (label := expected_label(properties, host))
    ]
    assert not wrong, "\n".join(wrong[:20])
