"""Detection: whose word counts, and what is said where the clients disagree."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import rattler

from bridge.errors import Code, InvalidInput
from bridge.mapping.hosts import parse_set, supported_features, virtual_packages
from bridge.model.host import Release, VirtualPackage
from bridge.select import detect as module
from bridge.select.detect import (
    detect,
    detect_host,
    libmamba_virtual_packages,
    parse_compute_capabilities,
    query_nvidia_smi,
    rattler_virtual_packages,
)

DRIVER = (VirtualPackage("__cuda", "12.8"), VirtualPackage("__archspec", "1", "aarch64"))


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("CONDA_OVERRIDE_", "NV_VARIANT_", "TPU_VARIANT_")):
            monkeypatch.delenv(name)


def with_gpu(capability: str) -> Sequence[VirtualPackage]:
    return (*DRIVER, VirtualPackage("__cuda_arch", capability))


def test_this_machine_is_what_rattler_says() -> None:
    host = detect(second_opinion=None, nvidia_smi=None).host
    assert host.subdir == str(rattler.Subdir.current())
    assert set(virtual_packages(host)) <= set(rattler_virtual_packages()) | {
        VirtualPackage("__archspec", "0", host.subdir)
    }
    assert detect_host() == host


def test_settings_apply_to_what_was_found() -> None:
    assert detect_host([parse_set("cuda=12.8"), parse_set("cuda_arch=9.0")]).cuda_arch == Release(9, 0)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("CONDA_OVERRIDE_CUDA", "new"), ("CONDA_OVERRIDE_CUDA_ARCH", "90"), ("CONDA_OVERRIDE_ARCHSPEC", "nosuch")],
)
def test_an_override_that_no_machine_has_is_refused(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDA_OVERRIDE_CUDA", "12.8")
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidInput) as caught:
        detect_host()
    assert caught.value.code is Code.HOST


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("9.0\n", [Release(9, 0)]),
        ("8.6\r\n7.5\n", [Release(8, 6), Release(7, 5)]),
        (" 12 . 1 \n", [Release(12, 1)]),
        ("[N/A]\nNVIDIA-SMI has failed\n90\n9.0a\n1.2.3\n", []),
        ("", []),
    ],
)
def test_output_of_nvidia_smi(output: str, expected: list[Release]) -> None:
    assert list(parse_compute_capabilities(output)) == expected


def test_the_least_able_gpu_counts_and_a_difference_is_said() -> None:
    found = detect(first=lambda: with_gpu("7.5"), second_opinion=None, nvidia_smi=lambda: "9.0\n7.5\n")
    assert found.host.cuda_arch == Release(7, 5)
    assert found.differences == ("the GPUs differ: conda goes by compute capability 7.5, uv by 9.0",)
    assert "75_real" in next(row.values for row in supported_features(found.host) if row.feature == "sm_arch")


def test_the_drivers_tool_fills_in_what_conda_does_not_know() -> None:
    assert detect(first=lambda: DRIVER, second_opinion=None, nvidia_smi=lambda: "8.9").host.cuda_arch == Release(8, 9)
    assert detect(first=lambda: DRIVER, second_opinion=None, nvidia_smi=lambda: None).host.cuda_arch is None


def test_the_drivers_tool_is_not_asked_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked() -> str:
        raise AssertionError

    assert detect(first=lambda: DRIVER[1:], second_opinion=None, nvidia_smi=asked).host.cuda is None
    monkeypatch.setenv("CONDA_OVERRIDE_CUDA_ARCH", "")
    assert detect(first=lambda: DRIVER, second_opinion=None, nvidia_smi=asked).host.cuda_arch is None


def test_a_second_opinion_that_differs_is_said() -> None:
    other = (VirtualPackage("__cuda", "12.4"), VirtualPackage("__archspec", "1", "aarch64"))
    found = detect(first=lambda: with_gpu("9.0"), second_opinion=lambda: other, nvidia_smi=None)
    assert found.host.cuda == Release(12, 8)
    # libmamba knows no __cuda_arch at all; that is no news.
    assert found.differences == ("__cuda is 12.8 for py-rattler and 12.4 for libmambapy",)
    agreed = detect(first=lambda: DRIVER, second_opinion=lambda: DRIVER, nvidia_smi=None)
    assert agreed.differences == ()
    broken = detect(first=lambda: DRIVER, second_opinion=lambda: [VirtualPackage("__cuda", "?")], nvidia_smi=None)
    assert len(broken.differences) == 1


def test_variables_that_steer_uv_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NV_VARIANT_PROVIDER_FORCE_SM_ARCH", "9.0")
    (said,) = detect(first=lambda: DRIVER, second_opinion=None, nvidia_smi=None).differences
    assert said.startswith("NV_VARIANT_PROVIDER_FORCE_SM_ARCH=9.0")


def test_a_missing_or_failing_program_is_no_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert query_nvidia_smi() is None
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: object())
    monkeypatch.setattr(module, "_ASK_LIBMAMBA", "raise SystemExit(1)")
    assert libmamba_virtual_packages() is None
    monkeypatch.setattr(module, "_ASK_LIBMAMBA", "print('no JSON')")
    assert libmamba_virtual_packages() is None


@pytest.mark.parametrize("takes_context", [True, False], ids=["version 2", "version 1"])
def test_libmambapy_is_asked_in_its_own_process(
    takes_context: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "libmambapy.py").write_text(
        "from types import SimpleNamespace\n"
        "class Context: pass\n"
        f"def get_virtual_packages({'context' if takes_context else ''}):\n"
        "    print('noise')\n"
        "    return [SimpleNamespace(name='__glibc', version='2.28', build_string='0')]\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    assert libmamba_virtual_packages() == (VirtualPackage("__glibc", "2.28"),)
    assert "libmambapy" not in sys.modules
