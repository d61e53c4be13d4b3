"""Variants files, sound and broken, each with what the reader must say of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bridge.errors import Code
from bridge.formats.wheel.variant_schema import SCHEMA_825, SCHEMA_850

if TYPE_CHECKING:
    from collections.abc import Mapping

STATIC = {"static-properties": {"library": ["openblas", "mkl"]}}
PLUGIN = {"requires": ["some-provider>=1,<2"]}
TWO_FEATURES = {"library": ["mkl"], "threads": ["one"]}

#: the name of the only namespace of `document`.
NAMESPACE = "blas"


def document(**changes: Any) -> dict[str, Any]:
    """A sound file; keys of the top level are replaced, or removed where the new value is Ellipsis."""
    base: dict[str, Any] = {
        "$schema": SCHEMA_850,
        "default-priorities": {"namespace": [NAMESPACE]},
        "providers": {NAMESPACE: STATIC},
        "variants": {"mkl": {NAMESPACE: {"library": ["mkl"]}}, "null": {}},
    }
    names = {"schema": "$schema", "priorities": "default-priorities"}
    base.update((names.get(key, key), value) for key, value in changes.items())
    return {key: value for key, value in base.items() if value is not ...}


def provider(value: Any) -> dict[str, Any]:
    """A file whose one provider is this."""
    return document(providers={NAMESPACE: value})


def variant(value: Any) -> dict[str, Any]:
    """A file in which the variant `x` is this."""
    return document(variants={"x": value})


def values(listed: Any, *, namespace: str = NAMESPACE, feature: str = "library") -> dict[str, Any]:
    """A file in which the variant `x` has these values of one feature."""
    return variant({namespace: {feature: listed}})


def label(text: str) -> dict[str, Any]:
    """A file with this label."""
    return document(variants={text: {NAMESPACE: {"library": ["mkl"]}}})


def namespaces(listed: Any) -> dict[str, Any]:
    """A file with this list of namespaces; its one provider stays."""
    return document(priorities={"namespace": listed})


def static(features: Any, **beside: Any) -> dict[str, Any]:
    """A file whose one provider is static."""
    return provider({"static-properties": features, **{key.replace("_", "-"): each for key, each in beside.items()}})


def plugin(requires: Any, **beside: Any) -> dict[str, Any]:
    """A file whose one provider is a plugin."""
    return provider({"requires": requires, **{key.replace("_", "-"): each for key, each in beside.items()}})


TEXT = json.dumps(document())

SOUND: Mapping[str, Any] = {
    "sound": document(),
    "schema 825 with providers": document(schema=SCHEMA_825),
    "schema 825 without providers": document(schema=SCHEMA_825, providers=...),
    "schema 825 with providers null": document(schema=SCHEMA_825, providers=None),
    "schema 825, null only": document(schema=SCHEMA_825, providers=..., variants={"null": {}}),
    "schema unknown": document(schema="https://example.org/v9.0.0.json"),
    "schema of variantlib": document(schema="https://variants-schema.wheelnext.dev/v0.2.0.json"),
    "schema unknown without providers": document(schema="x", providers=...),
    "schema empty": document(schema=""),
    "schema with a slash more, no providers": document(schema=SCHEMA_850 + "/", providers=...),
    "no variants": document(variants={}),
    "label of dots": label("..."),
    "label of a hundred characters": label("x" * 100),
    "null with an empty namespace": document(variants={"null": {NAMESPACE: {}}}),
    "label without properties": variant({}),
    "label with an empty namespace": variant({NAMESPACE: {}}),
    "label with an empty namespace that is not listed": variant({"other": {}}),
    "values not sorted": values(["openblas", "mkl"]),
    "two labels, same properties": document(
        variants={each: {NAMESPACE: {"library": ["mkl"]}} for each in ("first", "second")}
    ),
    "value that the static provider lacks": values(["blis"]),
    "static with one feature in its order": static({"library": ["mkl"]}, feature_order=["library"]),
    "static with order null": static({"library": ["mkl"]}, feature_order=None),
    "static with two features": static(TWO_FEATURES, feature_order=["threads", "library"]),
    "static without features": static({}),
    "static without values": static({"library": []}),
    "static, not optional": static({"library": ["mkl"]}, optional=False),
    "static, optional": static({"library": ["mkl"]}, optional=True),
    "plugin": provider(PLUGIN),
    "plugin with plugin-api": plugin(["a>=1"], plugin_api="a.plugin:Plugin"),
    "plugin with plugin-api null": plugin(["a"], plugin_api=None),
    "plugin with odd plugin-api": plugin(["a"], plugin_api="a b!"),
    "plugin with empty plugin-api": plugin(["a"], plugin_api=""),
    "plugin, optional": plugin(["a"], optional=True),
    "plugin without requirements": plugin([]),
    "plugin with two requirements": plugin(["a", "b"]),
    "plugin with a marker": plugin(["a; python_version > '3'"]),
    "plugin with an extra": plugin(["a[b]"]),
    "plugin with a URL": plugin(["a @ https://example.org/a.whl"]),
    "plugin with what is no requirement": plugin(["a b c ==="]),
    "builtin": provider({"builtin": "abi_dependency"}),
    "builtin of any name": provider({"builtin": "\u00fc nknown"}),
    "builtin, optional": provider({"builtin": "abi_dependency", "optional": True}),
    "key with an escape": TEXT.replace('"variants"', '"\\u0076ariants"'),
    "white space at the end": TEXT + " \n\n",
}

BROKEN: Mapping[str, tuple[Code, Any]] = {
    "not JSON": (Code.VARIANT_SCHEMA, TEXT[:-1]),
    "empty file": (Code.VARIANT_SCHEMA, ""),
    "a list": (Code.VARIANT_SCHEMA, "[]"),
    "null alone": (Code.VARIANT_SCHEMA, "null"),
    "text after the object": (Code.VARIANT_SCHEMA, TEXT + "x"),
    "comment": (Code.VARIANT_SCHEMA, "/* */" + TEXT),
    "trailing comma": (Code.VARIANT_SCHEMA, TEXT[:-1] + ",}"),
    "single quotes": (Code.VARIANT_SCHEMA, TEXT.replace('"', "'")),
    "NaN": (Code.VARIANT_SCHEMA, TEXT.replace('["mkl"]', "[NaN]")),
    "byte order mark": (Code.VARIANT_SCHEMA, b"\xef\xbb\xbf" + TEXT.encode()),
    "UTF-16": (Code.VARIANT_SCHEMA, TEXT.encode("utf-16")),
    "invalid UTF-8": (Code.VARIANT_SCHEMA, TEXT.encode().replace(b'"https', b'"\xffhttps')),
    "half a surrogate pair": (Code.VARIANT_SCHEMA, TEXT.replace('"https', '"\\ud800https')),
    "control character in text": (Code.VARIANT_SCHEMA, TEXT.replace('"https', '"\thttps')),
    "deep nesting": (Code.VARIANT_SCHEMA, '{"$schema":' + "[" * 5000 + "]" * 5000 + "}"),
    "schema missing": (Code.VARIANT_SCHEMA, document(schema=...)),
    "schema null": (Code.VARIANT_SCHEMA, document(schema=None)),
    "schema a number": (Code.VARIANT_SCHEMA, document(schema=1)),
    "schema twice": (Code.VARIANT_SCHEMA, TEXT[:-1] + ', "$schema": "x"}'),
    "unknown key": (Code.VARIANT_SCHEMA, document(provenance={})),
    "comment key": (Code.VARIANT_SCHEMA, {**document(), "$comment": "x"}),
    "variants missing": (Code.VARIANT_SCHEMA, document(variants=...)),
    "variants null": (Code.VARIANT_SCHEMA, document(variants=None)),
    "variants a list": (Code.VARIANT_SCHEMA, document(variants=[])),
    "variants twice": (Code.VARIANT_SCHEMA, TEXT[:-1] + ', "variants": {}}'),
    "variant null": (Code.VARIANT_SCHEMA, variant(None)),
    "variant a list": (Code.VARIANT_SCHEMA, variant([])),
    "features null": (Code.VARIANT_SCHEMA, variant({NAMESPACE: None})),
    "values null": (Code.VARIANT_SCHEMA, values(None)),
    "values a text": (Code.VARIANT_SCHEMA, values("mkl")),
    "value a number": (Code.VARIANT_SCHEMA, values([1])),
    "value a list": (Code.VARIANT_SCHEMA, values([["mkl"]])),
    "priorities missing": (Code.VARIANT_SCHEMA, document(priorities=...)),
    "priorities null": (Code.VARIANT_SCHEMA, document(priorities=None)),
    "priorities empty": (Code.VARIANT_SCHEMA, document(priorities={})),
    "priorities of features": (
        Code.VARIANT_SCHEMA,
        document(priorities={"namespace": [NAMESPACE], "feature": {NAMESPACE: ["library"]}}),
    ),
    "priorities of properties": (
        Code.VARIANT_SCHEMA,
        document(priorities={"namespace": [NAMESPACE], "property": {}}),
    ),
    "priorities twice": (
        Code.VARIANT_SCHEMA,
        TEXT.replace('{"namespace": ["blas"]}', '{"namespace": ["blas"], "namespace": ["blas"]}'),
    ),
    "namespaces null": (Code.VARIANT_SCHEMA, namespaces(None)),
    "namespaces a text": (Code.VARIANT_SCHEMA, namespaces(NAMESPACE)),
    "namespace a number": (Code.VARIANT_SCHEMA, namespaces([1])),
    "namespaces empty": (Code.VARIANT_NAMESPACES, namespaces([])),
    "namespaces and providers empty": (
        Code.VARIANT_NAMESPACES,
        document(priorities={"namespace": []}, providers={}, variants={"null": {}}),
    ),
    "namespaces empty, schema 825": (
        Code.VARIANT_NAMESPACES,
        document(schema=SCHEMA_825, priorities={"namespace": []}, providers=..., variants={"null": {}}),
    ),
    "namespace twice": (Code.VARIANT_NAMESPACES, namespaces([NAMESPACE, NAMESPACE])),
    "namespace in capitals": (
        Code.VARIANT_PROPERTIES,
        document(priorities={"namespace": ["Blas"]}, providers={"Blas": STATIC}, variants={"null": {}}),
    ),
    "namespace of no characters": (
        Code.VARIANT_PROPERTIES,
        document(priorities={"namespace": [""]}, providers={"": STATIC}, variants={"null": {}}),
    ),
    "namespace without provider": (Code.VARIANT_NAMESPACES, namespaces([NAMESPACE, "other"])),
    "provider without namespace": (
        Code.VARIANT_NAMESPACES,
        document(providers={NAMESPACE: STATIC, "other": STATIC}),
    ),
    "provider without namespace, schema unknown": (
        Code.VARIANT_NAMESPACES,
        document(schema="x", providers={NAMESPACE: STATIC, "other": STATIC}),
    ),
    "providers missing": (Code.VARIANT_NAMESPACES, document(providers=...)),
    "providers null": (Code.VARIANT_NAMESPACES, document(providers=None)),
    "providers empty": (Code.VARIANT_NAMESPACES, document(providers={})),
    "providers empty, schema 825": (Code.VARIANT_NAMESPACES, document(schema=SCHEMA_825, providers={})),
    "providers empty, schema unknown": (Code.VARIANT_NAMESPACES, document(schema="x", providers={})),
    "providers a list": (Code.VARIANT_SCHEMA, document(providers=[])),
    "namespace used and not listed": (Code.VARIANT_NAMESPACES, values(["mkl"], namespace="other")),
    "namespace used and not listed, schema 825": (
        Code.VARIANT_NAMESPACES,
        document(schema=SCHEMA_825, providers=..., priorities={"namespace": ["other"]}),
    ),
    "provider null": (Code.VARIANT_SCHEMA, provider(None)),
    "provider a list": (Code.VARIANT_SCHEMA, provider([])),
    "provider of no kind": (Code.VARIANT_SCHEMA, provider({})),
    "provider of two kinds": (Code.VARIANT_SCHEMA, provider({**STATIC, **PLUGIN})),
    "provider static and builtin": (Code.VARIANT_SCHEMA, provider({**STATIC, "builtin": "x"})),
    "provider with plugin-api alone": (Code.VARIANT_SCHEMA, provider({"plugin-api": "a:b"})),
    "provider with an unknown key": (Code.VARIANT_SCHEMA, plugin(["a"], enable_if="platform_machine == 'x'")),
    "static with plugin-api": (Code.VARIANT_SCHEMA, static({"library": ["mkl"]}, plugin_api="a:b")),
    "static with plugin-api null": (Code.VARIANT_SCHEMA, static({"library": ["mkl"]}, plugin_api=None)),
    "static with requires null": (Code.VARIANT_SCHEMA, static({"library": ["mkl"]}, requires=None)),
    "static null": (Code.VARIANT_SCHEMA, static(None)),
    "static a list": (Code.VARIANT_SCHEMA, static([])),
    "static twice": (Code.VARIANT_SCHEMA, TEXT.replace('"static-prop', '"static-properties": {}, "static-prop')),
    "static with a value in capitals": (Code.VARIANT_PROPERTIES, static({"library": ["MKL"]})),
    "static with a feature in capitals": (Code.VARIANT_PROPERTIES, static({"Library": ["mkl"]})),
    "static with a value twice": (Code.VARIANT_PROPERTIES, static({"library": ["mkl", "mkl"]})),
    "static with values as text": (Code.VARIANT_SCHEMA, static({"library": "mkl"})),
    "static with two features, no order": (Code.VARIANT_SCHEMA, static(TWO_FEATURES)),
    "static with two features, order null": (Code.VARIANT_SCHEMA, static(TWO_FEATURES, feature_order=None)),
    "order without a feature": (Code.VARIANT_SCHEMA, static(TWO_FEATURES, feature_order=["library"])),
    "order with a feature more": (
        Code.VARIANT_SCHEMA,
        static(TWO_FEATURES, feature_order=["library", "threads", "x"]),
    ),
    "order with a feature twice": (
        Code.VARIANT_SCHEMA,
        static(TWO_FEATURES, feature_order=["library", "threads", "threads"]),
    ),
    "order empty": (Code.VARIANT_SCHEMA, static({"library": ["mkl"]}, feature_order=[])),
    "order empty, no features": (Code.VARIANT_SCHEMA, static({}, feature_order=[])),
    "order of a plugin": (Code.VARIANT_SCHEMA, plugin(["a"], feature_order=["x"])),
    "optional null": (Code.VARIANT_SCHEMA, plugin(["a"], optional=None)),
    "optional a text": (Code.VARIANT_SCHEMA, plugin(["a"], optional="yes")),
    "optional a number": (Code.VARIANT_SCHEMA, plugin(["a"], optional=1)),
    "requires null": (Code.VARIANT_SCHEMA, plugin(None)),
    "requires a text": (Code.VARIANT_SCHEMA, plugin("a")),
    "requires a list of null": (Code.VARIANT_SCHEMA, plugin([None])),
    "plugin-api a list": (Code.VARIANT_SCHEMA, plugin(["a"], plugin_api=["x"])),
    "builtin null": (Code.VARIANT_SCHEMA, provider({"builtin": None})),
    "builtin with plugin-api": (Code.VARIANT_SCHEMA, provider({"builtin": "x", "plugin-api": "a:b"})),
    "label in capitals": (Code.VARIANT_LABEL, label("MKL")),
    "label with a dash": (Code.VARIANT_LABEL, label("a-b")),
    "label of no characters": (Code.VARIANT_LABEL, label("")),
    "label with a letter that is not ASCII": (Code.VARIANT_LABEL, label("\u00e9")),
    "label with a digit that is not ASCII": (Code.VARIANT_LABEL, label("x\u0661")),
    "label with a line end": (Code.VARIANT_LABEL, label("x\n")),
    "null with properties": (Code.VARIANT_PROPERTIES, label("null")),
    "feature without values": (Code.VARIANT_PROPERTIES, values([])),
    "value twice": (Code.VARIANT_PROPERTIES, values(["mkl", "mkl"])),
    "value in capitals": (Code.VARIANT_PROPERTIES, values(["MKL"])),
    "value with a dash": (Code.VARIANT_PROPERTIES, values(["a-b"])),
    "value with a plus": (Code.VARIANT_PROPERTIES, values(["a+b"])),
    "value with a space": (Code.VARIANT_PROPERTIES, values([" mkl"])),
    "value of no characters": (Code.VARIANT_PROPERTIES, values([""])),
    "value with a digit that is not ASCII": (Code.VARIANT_PROPERTIES, values(["\u0661"])),
    "feature with a dot": (Code.VARIANT_PROPERTIES, values(["mkl"], feature="a.b")),
    "feature with a dash": (Code.VARIANT_PROPERTIES, values(["mkl"], feature="a-b")),
    "feature in capitals": (Code.VARIANT_PROPERTIES, values(["mkl"], feature="Library")),
    "namespace of a property in capitals": (Code.VARIANT_PROPERTIES, values(["mkl"], namespace="Blas")),
    "empty namespace in capitals": (Code.VARIANT_PROPERTIES, variant({"Blas": {}})),
}

#: uv reads these, and believes the last of the repeated names; other readers may believe the first.
REPEATED: Mapping[str, str] = {
    "label twice": TEXT.replace('"null": {}', '"null": {}, "null": {}'),
    "namespace of a variant twice": TEXT.replace(
        '{"blas": {"library": ["mkl"]}}', '{"blas": {"library": ["mkl"]}, "blas": {"library": ["openblas"]}}'
    ),
    "feature of a variant twice": TEXT.replace('{"library": ["mkl"]}', '{"library": ["mkl"], "library": ["openblas"]}'),
    "provider twice": TEXT.replace('"providers": {', '"providers": {"blas": {"requires": ["a"]}, '),
    "static feature twice": TEXT.replace('{"library": ["openblas", "mkl"]}', '{"library": ["mkl"], "library": ["x"]}'),
}


def encoded(case: Any) -> bytes:
    """A case as the bytes of a file."""
    if isinstance(case, bytes):
        return case
    return (case if isinstance(case, str) else json.dumps(case)).encode()
