"""`conda-bridge/host/1`: what is written is read back, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import BridgeError, Code, InvalidInput
from bridge.mapping.hosts import baseline, parse_set, with_settings
from bridge.model.conda import Subdir
from bridge.model.host import Host, Release
from bridge.select.host_file import host_document, parse_host, read_host

GPU = with_settings(baseline(Subdir("linux-64")), map(parse_set, ("cuda=12.8", "cuda_arch=9.0", "archspec=zen4")))


def document() -> dict[str, Any]:
    return host_document(GPU, (3, 12))


def parse(value: object) -> Host:
    return parse_host(json.dumps(value).encode(), subject="h.json")


releases = st.builds(Release, st.integers(1, 20), st.integers(0, 30))


@st.composite
def hosts(draw: st.DrawFn) -> Host:
    base = baseline(Subdir(draw(st.sampled_from(["linux-64", "linux-aarch64", "osx-arm64", "osx-64", "win-64"]))))
    cuda = draw(st.none() | releases)
    return Host(
        base.subdir,
        cuda=cuda,
        cuda_arch=None if cuda is None else draw(st.none() | releases),
        archspec=draw(st.sampled_from([None, base.archspec, "newer_than_the_database"])),
        glibc=base.glibc and draw(st.none() | releases),
        linux=base.linux and draw(st.sampled_from([None, "6.1", "5.15.90.1"])),
        osx=base.osx and draw(st.none() | releases),
        win=base.win and draw(st.none() | releases),
    )


@given(hosts())
def test_what_is_written_is_read_back(host: Host) -> None:
    assert parse(host_document(host, (3, 12))) == host


def test_keys_of_the_document() -> None:
    found = document()
    assert list(found) == ["schema", "subdir", "virtual_packages", "properties", "tags"]
    assert found["schema"] == "conda-bridge/host/1"
    assert {"name": "__cuda", "version": "12.8", "build": "0"} in found["virtual_packages"]
    assert found["properties"][0]["namespace"] == "nvidia"
    assert found["properties"][0]["values"][:2] == ["12.8", "12.7"]
    assert found["tags"][0] == "cp312-cp312-linux_x86_64"


def test_virtual_packages_alone_describe_a_machine() -> None:
    found = document()
    del found["properties"], found["tags"]
    assert parse(found) == GPU


def edited(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    found = document()
    change(found)
    return found


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda d: d.update(schema="conda-bridge/host/2"), Code.BAD_METADATA),
        (lambda d: d.pop("schema"), Code.BAD_METADATA),
        (lambda d: d.update(comment="x"), Code.BAD_METADATA),
        (lambda d: d.pop("subdir"), Code.BAD_METADATA),
        (lambda d: d.update(subdir="../x"), Code.BAD_IDENTIFIER),
        (lambda d: d.update(subdir="noarch"), Code.HOST),
        (lambda d: d.update(subdir="osx-64"), Code.HOST),
        (lambda d: d.pop("virtual_packages"), Code.BAD_METADATA),
        (lambda d: d.update(virtual_packages={}), Code.BAD_METADATA),
        (lambda d: d["virtual_packages"].append(d["virtual_packages"][0]), Code.BAD_METADATA),
        (lambda d: d["virtual_packages"].append("__cuda=12.8"), Code.BAD_METADATA),
        (lambda d: d["virtual_packages"][0].pop("build"), Code.BAD_METADATA),
        (lambda d: d["virtual_packages"][0].update(version=0), Code.BAD_METADATA),
        (lambda d: d["virtual_packages"][0].update(name="__mygpu"), Code.BAD_METADATA),
        (lambda d: d["virtual_packages"].pop(0), Code.HOST),
        (lambda d: d["virtual_packages"].pop(), Code.HOST),
        (lambda d: d["virtual_packages"].pop(3), Code.HOST),
        (lambda d: d["virtual_packages"][2].update(version="2.17.1"), Code.HOST),
        (lambda d: d["virtual_packages"][2].update(build="1"), Code.HOST),
        (lambda d: d["virtual_packages"][3].update(version="13.0"), Code.HOST),
        (lambda d: d["virtual_packages"][-1].update(build="a\nb" * 40), Code.HOST),
        (lambda d: d["properties"][-1].update(values=["v4", "v3"]), Code.HOST),
        (lambda d: d.update(properties=None), Code.HOST),
        (lambda d: d.update(tags="py3-none-any"), Code.BAD_METADATA),
        (lambda d: d.update(tags=[1]), Code.BAD_METADATA),
    ],
)
def test_a_document_that_says_anything_else_is_refused(change: Callable[[dict[str, Any]], object], code: Code) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(edited(change))
    assert caught.value.code is code
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b'{"schema": 1, "schema": 2}', b"[" * 5000])
def test_a_file_that_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_host(data, subject="h.json")


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=5))
def test_any_value_in_any_place_is_an_answer_or_an_error_of_ours(value: object) -> None:
    for key in ("schema", "subdir", "virtual_packages", "properties", "tags"):
        try:
            parse({**document(), key: value})
        except BridgeError:
            continue
        # Tags are for one Python only, so no more is asked of them than their form.
        assert key == "tags"
        assert isinstance(value, list)


def test_reading_a_file(tmp_path: Path) -> None:
    path = tmp_path / "h.json"
    with pytest.raises(InvalidInput) as caught:
        read_host(path)
    assert caught.value.code is Code.SOURCE
    path.write_text(json.dumps(document()))
    assert read_host(path) == GPU
