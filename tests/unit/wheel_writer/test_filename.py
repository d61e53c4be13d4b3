"""Wheel file names, with and without variant labels; packaging is the oracle for the plain ones."""

from __future__ import annotations

import pytest
from packaging.tags import parse_tag
from packaging.utils import parse_wheel_filename as parse_with_packaging
from packaging.version import Version

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.filename import parse_wheel_filename

PLAIN = [
    "demo-1.0-py3-none-any.whl",
    "Demo.Pkg-1.0.post1-py2.py3-none-any.whl",
    "demo_pkg-2!1.0+local.1-3build-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "torch-2.13.0-cp312-cp312-macosx_14_0_arm64.whl",
]


@pytest.mark.parametrize("text", PLAIN)
def test_plain_names_are_read_as_packaging_reads_them(text: str) -> None:
    parsed = parse_wheel_filename(text)
    assert (parsed.name, parsed.version, parsed.build, parsed.tags) == parse_with_packaging(text)
    assert parsed.variant is None


@pytest.mark.parametrize("text", PLAIN)
@pytest.mark.parametrize("label", ["null", "cu12_mkl_v3", "00000000", "x86.v3"])
def test_a_label_is_the_last_field_with_or_without_a_build_tag(text: str, label: str) -> None:
    parsed = parse_wheel_filename(f"{text.removesuffix('.whl')}-{label}.whl")
    assert parsed.variant == label
    assert parsed.with_variant(None) == parse_wheel_filename(text)


@pytest.mark.parametrize(
    "text",
    [text for text in PLAIN if "py2" not in text and "2014" not in text] + ["a-1-1-py3-none-any-x.whl"],
)
def test_text_and_value_correspond(text: str) -> None:
    assert str(parse_wheel_filename(text)) == text


def test_parts_can_be_replaced() -> None:
    parsed = parse_wheel_filename("Demo-1.0-7_a-py3-none-any.whl")
    changed = parsed.with_tags(parse_tag("py3-none-win_amd64.linux_x86_64")).with_variant("v3")
    assert str(changed) == "Demo-1.0-7_a-py3-none-linux_x86_64.win_amd64-v3.whl"
    assert changed.stem == "Demo-1.0"
    assert changed.version == Version("1.0")


@pytest.mark.parametrize(
    "text",
    [
        "demo.whl",
        "demo-1.0-py3-none-any.zip",
        "demo-1.0-py3-none-any.WHL",
        "demo-1.0-py3-none.whl",
        "demo-1.0-1-py3-none-any-label-more.whl",
        "demo-1.0-py3-none-any-.whl",
        "demo-1.0-py3-none-any-Label.whl",
        "demo-1.0-py3-none-any-a+b.whl",
        "demo-x-py3-none-any.whl",
        "-1.0-py3-none-any.whl",
        "de__mo-1.0-py3-none-any.whl",
        "../demo-1.0-py3-none-any.whl",
        "demo-1.0-py3-none-any/x.whl",
        "demo-1.0-py3-none-a\nny.whl",
        "dëmo-1.0-py3-none-any.whl",
        "demo-1.0-py3..py2-none-any.whl",
        "demo-1.0-py3-none-any-none-any-x.whl",
        "d" * 300 + "-1.0-py3-none-any.whl",
    ],
)
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_wheel_filename(text)
    assert caught.value.code is Code.WHEEL_FILENAME
