"""Variant metadata are read as strictly as the strictest client reads them, and written in one way."""

from __future__ import annotations

import json
import logging
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.variant_json import (
    for_label,
    parse_variant_json,
    read_variant_json,
    write_variant_json,
)
from bridge.formats.wheel.variant_schema import LARGEST_FILE, SCHEMA_825, SCHEMA_850
from bridge.model.variant import InertProvider, PluginProvider, Property, StaticProvider, VariantMetadata
from tests.support.variant_cases import BROKEN, NAMESPACE, REPEATED, SOUND, document, encoded

GOLDEN = Path(__file__).parents[3].parent / "shared" / "facts" / "golden"


@pytest.mark.parametrize("name", SOUND)
def test_sound_files_are_read(name: str) -> None:
    parse_variant_json(encoded(SOUND[name]), "foo-1.0-variants.json")


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused_with_the_code_of_their_fault(name: str) -> None:
    code, case = BROKEN[name]
    with pytest.raises(InvalidInput) as caught:
        parse_variant_json(encoded(case), "foo-1.0-variants.json")
    assert caught.value.code is code
    assert caught.value.subject == "foo-1.0-variants.json"


@pytest.mark.parametrize("name", REPEATED)
def test_a_name_that_is_there_twice_is_refused_wherever_it_stands(name: str) -> None:
    with pytest.raises(InvalidInput, match="twice in one object") as caught:
        parse_variant_json(REPEATED[name].encode(), "x")
    assert caught.value.code is Code.VARIANT_SCHEMA


def test_errors_name_the_key_and_shorten_what_a_stranger_wrote() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_variant_json(encoded(document(variants={"x": {NAMESPACE: {"library": ["A" * 100_000]}}})), "x")
    assert caught.value.field == "variants.x.blas.library"
    assert len(str(caught.value)) < 400


def test_a_file_that_is_too_large_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_variant_json(b" " * (LARGEST_FILE + 1), "x")
    assert caught.value.code is Code.LIMIT


@pytest.mark.parametrize("many", ["variants", "namespaces", "repeated"])
def test_the_largest_file_is_read_in_reasonable_time(many: str) -> None:
    count = 150_000
    match many:
        case "variants":
            case: Any = document(variants={f"l{number}": {} for number in range(count)})
        case "namespaces":
            names = [f"n{number}" for number in range(count)]
            case = document(schema=SCHEMA_825, providers=..., priorities={"namespace": names})
            case["variants"] = {"x": {name: {} for name in names[:50_000]}}
        case _:
            case = "{" + ",".join(f'"k{number}":1' for number in range(count)) + ',"k149999":1}'
    if many == "repeated":
        with pytest.raises(InvalidInput, match="k149999"):
            parse_variant_json(encoded(case), "x")
    else:
        parse_variant_json(encoded(case), "x")


def test_the_metadata_are_those_of_the_file() -> None:
    file = document(
        priorities={"namespace": ["nvidia", NAMESPACE]},
        providers={
            NAMESPACE: {"static-properties": {"b": ["2", "1"], "a": ["x"]}, "feature-order": ["b", "a"]},
            "nvidia": {"requires": ["nvidia-variant-provider>=0.0.1,<1.0"], "plugin-api": "m:C"},
        },
        variants={"null": {}, "x": {NAMESPACE: {"b": ["1", "2"]}, "nvidia": {"lower": ["12.0"]}}},
    )
    assert parse_variant_json(encoded(file), "x") == VariantMetadata(
        ("nvidia", NAMESPACE),
        {
            "nvidia": PluginProvider("nvidia-variant-provider>=0.0.1,<1.0", "m:C"),
            NAMESPACE: StaticProvider({"b": ("2", "1"), "a": ("x",)}),
        },
        {
            "null": frozenset(),
            "x": frozenset(
                {Property(NAMESPACE, "b", "1"), Property(NAMESPACE, "b", "2"), Property("nvidia", "lower", "12.0")}
            ),
        },
    )
    provider = parse_variant_json(encoded(file), "x").providers[NAMESPACE]
    assert isinstance(provider, StaticProvider)
    assert list(provider.features) == ["b", "a"]


@pytest.mark.parametrize(
    "name",
    [
        "plugin without requirements",
        "plugin with two requirements",
        "plugin with a marker",
        "plugin with an extra",
        "plugin with a URL",
        "plugin with what is no requirement",
        "plugin, optional",
        "static, optional",
        "builtin",
        "builtin, optional",
    ],
)
def test_a_provider_that_clients_skip_is_reported_and_kept(name: str) -> None:
    reading = read_variant_json(encoded(SOUND[name]), "x")
    assert isinstance(reading.metadata.providers[NAMESPACE], InertProvider)
    assert len(reading.warnings) == 1
    assert NAMESPACE in reading.warnings[0]
    assert json.loads(write_variant_json(reading.metadata))["providers"] == SOUND[name]["providers"]


@pytest.mark.parametrize("schema", [SCHEMA_825, "https://variants-schema.wheelnext.dev/v0.0.3.json"])
def test_files_without_providers_are_read_and_reported(schema: str) -> None:
    reading = read_variant_json(encoded(document(schema=schema, providers=...)), "x")
    assert reading.schema == schema
    assert reading.metadata.providers == {}
    assert reading.metadata.namespaces == (NAMESPACE,)
    assert any("null" in warning for warning in reading.warnings)
    assert any("not known" in warning for warning in reading.warnings) == (schema != SCHEMA_825)


def test_sound_files_of_the_current_schema_give_no_warning() -> None:
    assert read_variant_json(encoded(document()), "x").warnings == ()
    assert read_variant_json(encoded(document()), "x").schema == SCHEMA_850


@pytest.mark.parametrize("labels", [["null"], ["mkl", "null"], [], ["other"]])
def test_a_wheels_own_file_describes_its_own_label_alone(labels: list[str]) -> None:
    variants = {label: {} if label == "null" else {NAMESPACE: {"library": ["mkl"]}} for label in labels}
    with pytest.raises(InvalidInput) as caught:
        parse_variant_json(encoded(document(variants=variants)), "x", label="mkl")
    assert caught.value.code is Code.VARIANT_LABEL


def test_metadata_that_could_not_be_read_are_not_written() -> None:
    with pytest.raises(InvalidInput) as caught:
        write_variant_json(VariantMetadata((NAMESPACE,), {}, {"null": frozenset()}))
    assert caught.value.code is Code.VARIANT_NAMESPACES


def test_a_label_that_the_release_lacks_has_no_metadata() -> None:
    with pytest.raises(InvalidInput) as caught:
        for_label(VariantMetadata(), "mkl")
    assert caught.value.code is Code.VARIANT_LABEL


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="the golden files are not beside the checkout")
def test_golden_files_are_reproduced_byte_for_byte() -> None:
    data = (GOLDEN / "foo-1.0-variants.json").read_bytes()
    metadata = parse_variant_json(data, "foo-1.0-variants.json")
    assert write_variant_json(metadata) == data
    wheels = sorted(GOLDEN.glob("foo-1.0-py3-none-any-*.whl"))
    assert len(wheels) == len(metadata.variants)
    for path in wheels:
        label = path.stem.rpartition("-")[2]
        with zipfile.ZipFile(path) as wheel:
            own = wheel.read("foo-1.0.dist-info/variant.json")
        assert parse_variant_json(own, path.name, label=label) == for_label(metadata, label)
        assert write_variant_json(for_label(metadata, label)) == own


def test_reading_does_not_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        parse_variant_json(encoded(document()), "x")
    assert not caplog.records
