"""DC05, DC13 to DC16 and DC21 to DC24: configurations, names and lock files, each with and without a finding."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.mapping.tables import load_tables
from bridge.priority.audit.audit import audit
from bridge.priority.audit.finding import Rule, Severity
from bridge.priority.catalogue import Catalogue
from bridge.priority.identity import identities
from bridge.priority.policy import Ecosystem
from bridge.priority.policy_file import parse_policy
from tests.support.audit_projects import (
    CONDA_INTERNAL,
    CONDA_PUBLIC,
    INTERNAL,
    PUBLIC,
    SOURCES,
    audited,
    catalogue,
    listing,
    of_rule,
    policy,
    pyproject,
    write,
)

TWICE = "-i https://a.example/simple\n-i https://b.example/simple\nx\n"
UV = '[[tool.uv.index]]\nname = "a"\nurl = "{}"\ndefault = true\n'
CONDARC = f"channels: [{CONDA_INTERNAL}]\nchannel_priority: strict\n"
PIXI = f'[workspace]\nchannels = ["{CONDA_INTERNAL}"]\n'

FOUND = [
    ("two indexes", {"requirements.txt": TWICE}, Rule.DC05, Severity.WARNING, "requirements.txt:1"),
    ("mamba", {".mambarc": f"{CONDARC}allowlist_channels: [{CONDA_INTERNAL}]\n"}, Rule.DC05, Severity.WARNING,
     ".mambarc:3"),
    ("ignored errors", {"pyproject.toml": pyproject([], UV.format(INTERNAL) + "ignore-error-codes = [403]\n")},
     Rule.DC05, Severity.WARNING, "pyproject.toml:9"),
    ("misspelt key", {"pyproject.toml": pyproject([], f"[tool.uv]\nindex-stategy = 'x'\n{UV.format(INTERNAL)}")},
     Rule.DC05, Severity.WARNING, "pyproject.toml:6"),
    ("key of no index", {"pyproject.toml": pyproject([], UV.format(INTERNAL) + "priority = 10\n")}, Rule.DC05,
     Severity.WARNING, "pyproject.toml:9"),
    ("replaced table", {"pyproject.toml": pyproject([], UV.format(INTERNAL)), "uv.toml": "[pip]\n"}, Rule.DC05,
     Severity.WARNING, "pyproject.toml:5"),
    ("for new workspaces", {"pixi.toml": PIXI, ".pixi/config.toml": f"[pypi-config]\nindex-url = '{INTERNAL}'\n"},
     Rule.DC05, Severity.WARNING, ".pixi/config.toml:2"),
    ("custom channel", {".condarc": f"{CONDARC}custom_channels:\n  conda-forge: https://evil.example\n"}, Rule.DC15,
     Severity.WARNING, ".condarc:4"),
    ("alias", {".condarc": "channels: [stuff]\nchannel_alias: https://a.example\n"}, Rule.DC15, Severity.WARNING,
     ".condarc:2"),
    ("label beside its channel", {".condarc": f"channels: ['{CONDA_INTERNAL}/label/dev', '{CONDA_INTERNAL}']\n"},
     Rule.DC16, Severity.WARNING, ".condarc:1"),
    ("label alone", {".condarc": f"channels: ['{CONDA_INTERNAL}/label/dev']\n"}, Rule.DC16, Severity.NOTE,
     ".condarc:1"),
    ("http", {"pip.conf": "[global]\nindex-url = http://a.example/simple\n"}, Rule.DC21, Severity.ERROR, "pip.conf:2"),
    ("trusted host", {"pip.conf": f"[global]\nindex-url = {INTERNAL}\ntrusted-host = internal.example\n"}, Rule.DC21,
     Severity.ERROR, "pip.conf:3"),
    ("no verification", {".condarc": f"{CONDARC}ssl_verify: false\n"}, Rule.DC21, Severity.ERROR, ".condarc:3"),
    ("no tls", {"pixi.toml": PIXI, ".pixi/config.toml": "tls-no-verify = true\n"}, Rule.DC21, Severity.ERROR,
     ".pixi/config.toml:1"),
    ("password", {"pip.conf": "[global]\nindex-url = https://u:hunter2@a.example/simple\n"}, Rule.DC22,
     Severity.ERROR, "pip.conf:2"),
    ("token", {".condarc": "channels:\n- https://a.example/t/tk-hunter2/acme\n"}, Rule.DC22, Severity.ERROR,
     ".condarc:2"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "rule", "severity", "place"), [case[1:] for case in FOUND], ids=[case[0] for case in FOUND]
)
def test_what_a_configuration_says_is_found_with_its_line(
    tmp_path: Path, files: dict[str, str], rule: Rule, severity: Severity, place: str
) -> None:
    report = audited(tmp_path, files)
    assert (severity, place) in [(one.severity, str(one.evidence.place)) for one in of_rule(report, rule)]
    assert "hunter2" not in repr(report) + str(report.to_json())


QUIET = [
    ("one index", {"requirements.txt": "-i https://a.example/simple\nx\n"}, Rule.DC05),
    ("conda knows the list", {".condarc": f"{CONDARC}allowlist_channels: [{CONDA_INTERNAL}]\n"}, Rule.DC05),
    ("known keys", {"pyproject.toml": pyproject([], f"[tool.uv]\nno-build = true\n{UV.format(INTERNAL)}")}, Rule.DC05),
    ("no replaced table", {"pyproject.toml": pyproject([], "[tool.uv.sources]\nx = { path = 'x' }\n"),
                           "uv.toml": UV.format(INTERNAL).replace("tool.uv.", "")}, Rule.DC05),
    ("hosts of pixi", {"pixi.toml": PIXI, ".pixi/config.toml": "[pypi-config]\nkeyring-provider = 'disabled'\n"},
     Rule.DC05),
    ("own name", {".condarc": f"{CONDARC}custom_channels:\n  acme: https://a.example\n"}, Rule.DC15),
    ("addresses need no alias", {".condarc": f"{CONDARC}channel_alias: https://a.example\n"}, Rule.DC15),
    ("no label", {".condarc": CONDARC}, Rule.DC16),
    ("https", {"pip.conf": f"[global]\nindex-url = {INTERNAL}\n"}, Rule.DC21),
    ("this machine", {"pip.conf": "[global]\nindex-url = http://127.0.0.1:8/simple\ntrusted-host = 127.0.0.1:8\n"},
     Rule.DC21),
    ("verified", {".condarc": f"{CONDARC}ssl_verify: true\n"}, Rule.DC21),
    ("a variable", {"pip.conf": "[global]\nindex-url = https://u:${TOKEN}@a.example/simple\n"}, Rule.DC22),
]  # fmt: skip


@pytest.mark.parametrize(("files", "rule"), [case[1:] for case in QUIET], ids=[case[0] for case in QUIET])
def test_what_is_harmless_is_not_found(tmp_path: Path, files: dict[str, str], rule: Rule) -> None:
    assert of_rule(audited(tmp_path, files), rule) == []


def test_an_age_that_the_policy_wants_and_the_client_does_not_keep(tmp_path: Path) -> None:
    aged = parse_policy(SOURCES.replace('trust = "public"', 'trust = "public"\nmin-age = "7d"'), "bridge-policy.toml")
    young = {"pip.conf": f"[global]\nindex-url = {PUBLIC}\n", "requirements.txt": "x\n"}
    (finding,) = of_rule(audited(tmp_path / "young", young, aged), Rule.DC23)
    assert (finding.severity, str(finding.evidence.place)) == (Severity.WARNING, "pip.conf:2")
    old = {**young, "pip.conf": f"{young['pip.conf']}uploaded-prior-to = P7D\n"}
    assert of_rule(audited(tmp_path / "old", old, aged), Rule.DC23) == []
    (note,) = of_rule(audited(tmp_path, {}, policy()), Rule.DC23)
    assert (note.severity, note.evidence.source) == (Severity.NOTE, "public")


SHA = "a" * 64


def uv_lock(index: str, sha256: str = SHA, name: str = "acme-core") -> dict[str, str]:
    stem = f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
    wheel = f'{{ url = "{index}/{stem}"' + (f', hash = "sha256:{sha256}" }}' if sha256 else " }")
    return {
        "uv.lock": f'version = 1\n[[package]]\nname = "{name}"\nversion = "1.0"\n'
        f'source = {{ registry = "{index}" }}\nwheels = [{wheel}]\n'
    }


LOCKS = [
    ("uv", uv_lock(PUBLIC)),
    ("pixi", {"pixi.lock": f"version: 6\npackages:\n- conda: {CONDA_PUBLIC}/noarch/acme-core-99-0.conda\n"
              f"  sha256: {SHA}\n"}),
    ("conda-lock", {"conda-lock.yml": "version: 1\npackage:\n- name: acme-core\n  version: '99'\n  manager: conda\n"
                    f"  url: {CONDA_PUBLIC}/noarch/acme-core-99-0.conda\n  hash:\n    sha256: {SHA}\n"}),
    ("pylock", {"pylock.toml": 'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "acme-core"\n'
                f'version = "99"\nindex = "{PUBLIC}"\nwheels = [{{ url = "{PUBLIC}/acme_core-99-py3-none-any.whl", '
                f'hashes = {{ sha256 = "{SHA}" }} }}]\n'}),
    ("poetry", {"poetry.lock": '[[package]]\nname = "acme-core"\nversion = "99"\n'
                f'files = [{{file = "acme_core-99-py3-none-any.whl", hash = "sha256:{SHA}"}}]\n'
                f'[package.source]\ntype = "legacy"\nurl = "{PUBLIC}"\nreference = "public"\n'}),
    ("pdm", {"pdm.lock": '[[package]]\nname = "acme-core"\nversion = "99"\n'
             f'files = [{{url = "{PUBLIC}/acme_core-99-py3-none-any.whl", hash = "sha256:{SHA}"}}]\n'}),
]  # fmt: skip


@pytest.mark.parametrize("files", [case[1] for case in LOCKS], ids=[case[0] for case in LOCKS])
def test_a_lock_file_that_breaks_a_claim_is_an_error(tmp_path: Path, files: dict[str, str]) -> None:
    (finding,) = of_rule(audited(tmp_path / "bad", files, policy()), Rule.DC24)
    assert finding.severity is Severity.ERROR
    assert finding.message == "acme-core is locked from public; the policy gives it to internal"
    good = {name: text.replace("public.example", "internal.example") for name, text in files.items()}
    assert of_rule(audited(tmp_path / "good", good, policy()), Rule.DC24) == []


def test_a_lock_file_without_hashes_or_from_a_stranger_is_a_warning(tmp_path: Path) -> None:
    (bare,) = of_rule(audited(tmp_path / "bare", uv_lock(INTERNAL, "")), Rule.DC24)
    assert bare.severity is Severity.WARNING
    found = of_rule(audited(tmp_path / "s", uv_lock("https://else.example/simple", name="free"), policy()), Rule.DC24)
    assert [(one.severity, one.evidence.source) for one in found] == [(Severity.WARNING, "https://else.example/simple")]


def test_a_file_that_was_replaced_since_it_was_locked_is_an_error(tmp_path: Path) -> None:
    sources = catalogue()
    one = sources.of(Ecosystem.PYPI, INTERNAL)
    assert one is not None
    there = one.projects["acme-core"].files[0].sha256
    assert there is not None
    (found,) = of_rule(audited(tmp_path / "bad", uv_lock(INTERNAL), policy(), _named(sources)), Rule.DC24)
    assert found.severity is Severity.ERROR
    assert of_rule(audited(tmp_path / "good", uv_lock(INTERNAL, there), policy(), _named(sources)), Rule.DC24) == []


def _named(sources: Catalogue) -> Catalogue:
    """The same with the file names that wheels have."""
    internal = listing(INTERNAL, {"acme_core": ["1.0"]})
    (file,) = internal.projects["acme_core"].files
    project = type(internal.projects["acme_core"])("acme-core", (type(file)(
        file.filename, file.version, f"{INTERNAL} acme-core-1.0-py3-none-any.whl"
    ),))  # fmt: skip
    mine = type(internal)(INTERNAL, Ecosystem.PYPI, {"acme-core": project})
    return Catalogue(tuple(mine if each.url == INTERNAL else each for each in sources.listings))


def test_a_conda_package_that_is_another_project_is_told_where_both_are_used(tmp_path: Path) -> None:
    text = policy("[names]\npytorch = 'torch'\nacme-native = false\n")
    sources = catalogue(public={"pytorch": ["1"], "acme-native": ["1"], "torch": ["2"]}, internal={})
    found = of_rule(audited(tmp_path, {}, text, sources), Rule.DC13)
    assert {one.evidence.name: one.severity for one in found} == {
        "pytorch": Severity.WARNING, "acme-native": Severity.WARNING,
    }  # fmt: skip
    without = catalogue(public={"torch": ["2"]}, internal={})
    assert of_rule(audited(tmp_path, {}, text, without), Rule.DC13) == []


def test_a_project_of_several_conda_packages_is_told(tmp_path: Path) -> None:
    files = {"environment.yml": f"channels: [{CONDA_PUBLIC}]\ndependencies: [matplotlib, matplotlib-base]\n"}
    names = identities(policy(), load_tables())
    both = audit(write(tmp_path / "both", files), policy(), names=names)
    (note,) = of_rule(both, Rule.DC14)
    assert (note.severity, note.evidence.name) == (Severity.NOTE, "matplotlib")
    assert note.message == "matplotlib and matplotlib-base are both said to be the project matplotlib"
    asked = audit(write(tmp_path / "both", {"requirements.txt": "matplotlib\n"}), policy(), names=names)
    assert {one.severity for one in of_rule(asked, Rule.DC14)} == {Severity.WARNING}
    one = {"environment.yml": files["environment.yml"].replace("matplotlib, ", "")}
    alone = audit(write(tmp_path / "one", one), policy(), names=names)
    assert of_rule(alone, Rule.DC14) == []
