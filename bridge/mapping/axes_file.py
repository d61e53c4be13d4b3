"""`axes.yaml` and a user's overlays of it, read strictly: what is wrong is named by file and key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from bridge.errors import Code, InvalidInput
from bridge.mapping.yaml_file import parse_yaml
from bridge.model.variant import PluginProvider, Property, Provider, StaticProvider

if TYPE_CHECKING:
    from collections.abc import Iterator

#: the fields of a host requirement that an axis can state.
_HOST_FIELDS: Final = frozenset({"cuda", "cuda_arch", "x86_64_level", "aarch64_version"})
_HOST_KEYS: Final = frozenset({"conda", "namespace", "lower", "upper", "feature", "label"})
_CHOICE_KEYS: Final = frozenset(
    {"namespace", "feature", "provider", "distinct", "always", "evidence", "plain", "labels"}
)
_EVIDENCE_KINDS: Final = ("flag", "depends", "build", "name")
_EVIDENCE_KEYS: Final = frozenset({*_EVIDENCE_KINDS, "version", "value"})
_PROVIDER_KEYS: Final = frozenset({"static", "requires", "plugin-api"})
_LABEL: Final = re.compile(r"[0-9a-z_.]*")
_TEMPLATE: Final = re.compile(r"(?:[^{}]|\{(?:[0-9]|lower)\})+")


@dataclass(frozen=True, slots=True)
class HostAxis:
    """How a field of a host requirement is said in properties."""

    name: str
    #: the package that a build requires to enforce it.
    conda: str
    namespace: str
    #: features of the two bounds, or the feature of the value.
    lower: str | None
    upper: str | None
    feature: str | None
    label: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """One way in which a package shows its value on an axis."""

    #: `flag`, `depends`, `build` or `name`.
    kind: str
    #: a regular expression for `flag` and `build`, a glob over names for `name` and `depends`.
    pattern: str
    value: str
    #: globs over the version and the build of a requirement.
    version: str = "*"
    build: str = "*"


@dataclass(frozen=True, slots=True)
class ChoiceAxis:
    """An axis that no virtual package states."""

    name: str
    evidence: tuple[Evidence, ...]
    namespace: str | None = None
    feature: str | None = None
    #: None where the namespace is a known one.
    provider: Provider | None = None
    distinct: bool = True
    always: bool = False
    plain: frozenset[str] = frozenset()
    #: start of a value -> what stands for it in a label.
    labels: Mapping[str, str] = field(default_factory=dict)

    def property_of(self, value: str) -> Property | None:
        """The property that states a value; None for an axis without one."""
        if self.namespace is None or self.feature is None:
            return None
        return Property(self.namespace, self.feature, value)


@dataclass(slots=True)
class AxesDocument:
    """Axes by name, in the order of the files."""

    host: dict[str, HostAxis] = field(default_factory=dict)
    choices: dict[str, ChoiceAxis] = field(default_factory=dict)


def read_axes(into: AxesDocument, content: bytes, subject: str, *, own: bool = False) -> None:
    """Add the axes of a file; one of the same name is replaced and keeps its place.

    Args:
        into: where they go.
        content: of the file.
        subject: the file, for messages.
        own: as for `parse_yaml`.

    Raises:
        InvalidInput: CB111, it has another form.
    """
    reader = _Reader(subject)
    top = reader.mapping(parse_yaml(content, subject, own=own), "")  # other sections: bridge.mapping.tables
    axes = reader.mapping(top.get("axes", {}), "axes", frozenset({"host", "choices"}))
    for name, value in reader.mapping(axes.get("host", {}), "axes.host", _HOST_FIELDS).items():
        into.host[name] = reader.host(name, value, f"axes.host.{name}")
    for name, value in reader.mapping(axes.get("choices", {}), "axes.choices").items():
        into.choices[name] = reader.choice(name, value, f"axes.choices.{name}")


@dataclass(frozen=True, slots=True)
class _Reader:
    subject: str

    def host(self, name: str, value: Any, key: str) -> HostAxis:
        entry = self.mapping(value, key, _HOST_KEYS)
        return HostAxis(
            name,
            conda=self.text(entry, "conda", key),
            namespace=self.text(entry, "namespace", key),
            lower=self.optional_text(entry, "lower", key),
            upper=self.optional_text(entry, "upper", key),
            feature=self.optional_text(entry, "feature", key),
            label=self.label(entry.get("label", ""), f"{key}.label"),
        )

    def choice(self, name: str, value: Any, key: str) -> ChoiceAxis:
        entry = self.mapping(value, key, _CHOICE_KEYS)
        namespace, feature = self.optional_text(entry, "namespace", key), self.optional_text(entry, "feature", key)
        if (namespace is None) != (feature is None):
            raise self.error("needs both namespace and feature, or neither", key)
        if namespace is not None and feature is not None:
            self.property(namespace, feature, f"{key}.namespace")
        labels = self.mapping(entry.get("labels", {}), f"{key}.labels")
        return ChoiceAxis(
            name,
            evidence=tuple(
                self.evidence(each, f"{key}.evidence[{at}]")
                for at, each in enumerate(self.items(entry.get("evidence", []), f"{key}.evidence"))
            ),
            namespace=namespace,
            feature=feature,
            provider=self.provider(entry["provider"], feature, f"{key}.provider") if "provider" in entry else None,
            distinct=self.flag(entry, "distinct", key, default=True),
            always=self.flag(entry, "always", key, default=False),
            plain=frozenset(self.strings(entry.get("plain", []), f"{key}.plain")),
            labels={start: self.label(each, f"{key}.labels.{start}") for start, each in labels.items()},
        )

    def evidence(self, value: Any, key: str) -> Evidence:
        entry = self.mapping(value, key, _EVIDENCE_KEYS)
        kind = next((kind for kind in _EVIDENCE_KINDS if kind in entry), None)
        if kind is None:
            raise self.error(f"needs one of {', '.join(_EVIDENCE_KINDS)}", key)
        pattern = self.text(entry, kind, key)
        groups = 0
        if kind in {"flag", "build"}:
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise self.error(f"is not a regular expression: {error}", f"{key}.{kind}") from error
        template = self.text(entry, "value", key)
        used = re.findall(r"\{([0-9]|lower)\}", template)
        if not _TEMPLATE.fullmatch(template) or any(
            (each == "lower") != (kind == "depends") or (each != "lower" and int(each) > groups) for each in used
        ):
            raise self.error("names a group that the evidence does not have", f"{key}.value")
        return Evidence(
            kind,
            pattern,
            template,
            version=self.optional_text(entry, "version", key) or "*",
            build=(self.optional_text(entry, "build", key) or "*") if kind == "depends" else "*",
        )

    def provider(self, value: Any, feature: str | None, key: str) -> Provider:
        entry = self.mapping(value, key, _PROVIDER_KEYS)
        if feature is None:
            raise self.error("needs a namespace and a feature", key)
        if ("static" in entry) == ("requires" in entry):
            raise self.error("needs either static or requires", key)
        if "static" in entry:
            values = tuple(self.strings(entry["static"], f"{key}.static"))
            for at, each in enumerate(values):
                self.property("static", feature, f"{key}.static[{at}]", value=each)
            return StaticProvider({feature: values})
        return PluginProvider(self.text(entry, "requires", key), self.optional_text(entry, "plugin-api", key))

    def property(self, namespace: str, feature: str, key: str, value: str = "x") -> None:
        try:
            Property(namespace, feature, value)
        except ValueError as error:
            raise self.error(str(error), key) from error

    def label(self, value: Any, key: str) -> str:
        if not isinstance(value, str) or not _LABEL.fullmatch(value):
            raise self.error("is not part of a label (lowercase letters, digits, `.` and `_`)", key)
        return value

    def flag(self, entry: Mapping[str, Any], name: str, key: str, *, default: bool) -> bool:
        value = entry.get(name, default)
        if not isinstance(value, bool):
            raise self.error("must be true or false", f"{key}.{name}")
        return value

    def text(self, entry: Mapping[str, Any], name: str, key: str) -> str:
        value = entry.get(name)
        if not isinstance(value, str) or not value:
            raise self.error("must be text", f"{key}.{name}")
        return value

    def optional_text(self, entry: Mapping[str, Any], name: str, key: str) -> str | None:
        return self.text(entry, name, key) if name in entry else None

    def strings(self, value: Any, key: str) -> Iterator[str]:
        for at, each in enumerate(self.items(value, key)):
            if not isinstance(each, str):
                raise self.error("must be text", f"{key}[{at}]")
            yield each

    def items(self, value: Any, key: str) -> list[Any]:
        if not isinstance(value, list):
            raise self.error("must be a list", key)
        return value

    def mapping(self, value: Any, key: str, allowed: frozenset[str] | None = None) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.error("must be a mapping", key)
        for name in value:
            where = f"{key}.{name}" if key else str(name)
            if not isinstance(name, str):
                raise self.error("must be text", where)
            if allowed is not None and name not in allowed:
                raise self.error(f"is not known here (known: {', '.join(sorted(allowed))})", where)
        return value

    def error(self, message: str, key: str) -> InvalidInput:
        return InvalidInput(Code.BAD_METADATA, message, subject=self.subject, field=key or None)
