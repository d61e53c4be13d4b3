"""What the text of configurations says: DC05, DC15, DC16 and DC21 to DC23."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from bridge.priority.audit.finding import Evidence, Finding, Rule, Severity
from bridge.priority.audit.scene import Scene
from bridge.priority.configs.addresses import cleaned, is_insecure, is_loopback
from bridge.priority.configs.config import ClientConfig, Place, Setting
from bridge.priority.policy import Ecosystem, Trust
from bridge.priority.report import Client

#: channels that everybody takes to be those of their owners.
_WELL_KNOWN: Final = frozenset({"conda-forge", "defaults", "main", "r", "msys2", "bioconda", "pytorch", "nvidia"})
_REDEFINING: Final = ("custom_channels.", "custom_multichannels.", "mirrored_channels.")
_UNVERIFIED: Final = ("allow-insecure-host", "trusted-host", "tls-no-verify", "ssl_verify")
_IGNORED_BY_MAMBA: Final = ("allowlist_channels", "denylist_channels")
#: settings that do not do what they seem to, and why (measured, but for those of pixi).
_OVERLOOKED: Final = {
    "unknown-key": "uv 0.13.8 does not know this key, and so leaves out the whole table, with the indexes in it",
    "unknown-index-key": "uv 0.13.8 does not know this key of an index, and passes over it",
    "replaced-key": "does not count in pyproject.toml, because there is a uv.toml",
    "pypi-config.": "pixi writes this into new workspaces, and does not use it",
}
#: those of them whose value is the name of the key.
_NAMED: Final = frozenset({"unknown-key", "unknown-index-key", "replaced-key"})
_LABEL: Final = "/label/"


def setting_findings(scene: Scene) -> Iterator[Finding]:
    """Findings that need neither sources nor an order."""
    for config in scene.configs:
        yield from _misread(config)
        yield from _redefined(config)
        yield from _unverified(config)
    yield from _labels(scene)
    yield from _insecure(scene)
    yield from _secrets(scene)
    yield from _ages(scene)


def _misread(config: ClientConfig) -> Iterator[Finding]:
    for setting in config.setting("ignored-index-url"):
        message = f"a later --index-url replaces this one, and {setting.value} is never asked"
        yield Finding(Rule.DC05, Severity.WARNING, message, Evidence(setting.place, setting.value))
    if config.client is Client.MAMBA:
        # in a .condarc the keys are meant for conda, which knows them
        for setting in (one for one in config.setting(*_IGNORED_BY_MAMBA) if "mambarc" in one.place.file):
            message = f"mamba does not know {setting.key}, and takes packages from any channel"
            yield Finding(Rule.DC05, Severity.WARNING, message, Evidence(setting.place), subject=setting.key)
    for key, why in _OVERLOOKED.items():
        for setting in config.setting(key):
            name = setting.value if key in _NAMED else setting.key
            message = f"{name}: {why}"
            yield Finding(Rule.DC05, Severity.WARNING, message, Evidence(setting.place), subject=f"{key} {name}")
    for setting in config.setting("ignore-error-codes"):
        message = f"an index that answers {setting.value} is taken for one that does not have the name"
        yield Finding(Rule.DC05, Severity.WARNING, message, Evidence(setting.place), subject=setting.value)


def _redefined(config: ClientConfig) -> Iterator[Finding]:
    for setting in config.setting(*_REDEFINING):
        name = setting.key.partition(".")[2]
        if name in _WELL_KNOWN:
            message = f"{name} is {setting.value or 'something else'} here, and not what everybody takes it for"
            yield Finding(Rule.DC15, Severity.WARNING, message, Evidence(setting.place, name), subject=setting.key)
    named = sorted({one.name for one in config.of(Ecosystem.CONDA) if "://" not in one.name and not one.implicit})
    for setting in config.setting("channel_alias"):
        if named:
            message = f"{', '.join(named)} is looked for below {setting.value}, as channel_alias says"
            yield Finding(Rule.DC15, Severity.WARNING, message, Evidence(setting.place), subject=setting.key)


def _unverified(config: ClientConfig) -> Iterator[Finding]:
    for setting in config.setting(*_UNVERIFIED):
        if _switches_off(setting):
            message = f"{setting.key}: who answers for {setting.value} is not verified"
            if setting.key in ("tls-no-verify", "ssl_verify"):
                message = f"{setting.key}: who answers is not verified"
            evidence = Evidence(setting.place)
            yield Finding(Rule.DC21, Severity.ERROR, message, evidence, subject=f"{setting.key} {setting.value}")
    for source in config.sources:
        if not source.verified and source.place.file and not is_loopback(_host(source.url)):
            message = f"who answers for {source.name} is not verified"
            yield Finding(Rule.DC21, Severity.ERROR, message, Evidence(source.place, source.name), subject="verify")


def _switches_off(setting: Setting) -> bool:
    if setting.key == "ssl_verify":
        return setting.value.lower() in ("false", "no", "off")
    if setting.key == "tls-no-verify":
        return True
    return bool(setting.value) and not is_loopback(setting.value.rpartition("@")[2].partition(":")[0].lower())


def _insecure(scene: Scene) -> Iterator[Finding]:
    places = [(one.url, one.name, one.place) for config in scene.configs for one in config.sources]
    if scene.policy is not None:
        places += [
            (source.url(ecosystem) or "", source.name, Place(scene.policy.filename, source.line))
            for source in scene.policy.sources.values()
            for ecosystem in Ecosystem
        ]
    for url, name, place in places:
        if is_insecure(url):
            message = f"{cleaned(url)} is read over a connection that anybody on the way can change"
            yield Finding(Rule.DC21, Severity.ERROR, message, Evidence(place, name), subject="http")


def _labels(scene: Scene) -> Iterator[Finding]:
    """Labels of one owner's channel: whoever may upload to it may move packages between them."""
    found: dict[str, set[str]] = {}
    evidence: dict[str, Evidence] = {}
    sources = [(one.url, Evidence(one.place, one.name)) for config in scene.configs for one in config.sources]
    if scene.policy is not None:
        file = scene.policy.filename
        sources += [
            (cleaned(source.url(ecosystem) or ""), Evidence(Place(file, source.line), source.name))
            for source in scene.policy.sources.values()
            for ecosystem in Ecosystem
        ]
    for url, where in sources:
        base, label, _ = url.partition(_LABEL)
        if url and "://" in url:
            found.setdefault(base, set()).add(url)
        if label:
            evidence.setdefault(url, where)
    for url, where in sorted(evidence.items()):
        base = url.partition(_LABEL)[0]
        others = sorted(found[base] - {url})
        severity = Severity.WARNING if others else Severity.NOTE
        message = f"{url} is a label of {base}, whose uploaders may move packages from one label to another"
        yield Finding(Rule.DC16, severity, message, where, subject=url)


def _secrets(scene: Scene) -> Iterator[Finding]:
    for secret in scene.secrets:
        severity = Severity.NOTE if secret.guarded else Severity.ERROR
        what = "an address holds a password or token" if secret.key == "address" else f"{secret.key} is a secret"
        yield Finding(Rule.DC22, severity, what, Evidence(secret.place), subject=f"{secret.key} {secret.place.line}")
    for package in scene.locks:
        if package.secret:
            message = f"an address of {package.name} holds a password or token"
            yield Finding(Rule.DC22, Severity.ERROR, message, Evidence(package.place, name=package.name))


def _ages(scene: Scene) -> Iterator[Finding]:
    for source in scene.policy.sources.values() if scene.policy is not None else ():
        if source.trust is Trust.PUBLIC and source.min_age is None:
            place = Place(scene.policy.filename, source.line) if scene.policy is not None else None
            message = f"files of {source.name} are taken the minute they appear"
            yield Finding(Rule.DC23, Severity.NOTE, message, Evidence(place, source.name))
    for config in scene.configs:
        for one in config.sources:
            owner = scene.source_of(one.url, one.ecosystem)
            if owner is not None and owner.min_age is not None and not one.aged:
                message = f"{config.client.value} takes files of {owner.name} younger than the policy permits"
                evidence = Evidence(one.place, owner.name)
                yield Finding(Rule.DC23, Severity.WARNING, message, evidence, subject=config.client.value)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
