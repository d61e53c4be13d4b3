"""The policy file: what is read, and what is refused where."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bridge.errors import Code, InvalidInput
from bridge.model.variant import Property
from bridge.priority.policy import (
    Attestation,
    Credentials,
    Ecosystem,
    Intent,
    NamePattern,
    Policy,
    Semantics,
    Trust,
    Unreachable,
)
from bridge.priority.policy_file import LARGEST_POLICY, parse_policy, read_policy

FULL = """\
# who may provide what
schema = "bridge-policy/1"
default = "first-match"
on-unreachable = "warn"
order = ["internal", "torch-wheels", "community", "pypi"]

[sources.internal]
conda = "https://conda.example/acme/"
pypi = "https://Wheels.example:443/acme/simple"
trust = "first-party"
role = "claimed-only"
credentials = "env:ACME_TOKEN"
attest = { issuer = "https://token.example", identity = "https://forge.example/acme/*" }
[sources.community]
conda = "https://conda.example/community"
trust = "curated"
[sources.community-copy]
conda = "https://copy.example/community"
trust = "curated"
role = "mirror-of:community"
credentials = "netrc"
[sources.pypi]
pypi = "https://pypi.example/simple/"
trust = "public"
min-age = "7d"
[sources.torch-wheels]
pypi = "https://torch.example/whl/cu130"
trust = "curated"
role = "claimed-only"

[[claims]]
packages = ["Acme_*"]
from = ["internal"]
[[claims]]
packages = [
    "torch",
    "torchvision",
]
from = ["torch-wheels"]
when = "sys_platform == 'linux'"

[names]
pytorch = "Torch"
py-opencv = ["opencv-python", "opencv_python_headless"]
acme-native = false

[variants]
namespaces = ["nvidia", "blas_lapack"]
features.nvidia = ["sm_arch", "cuda_version_lower_bound"]
values."blas_lapack :: library" = ["mkl", "openblas"]
[[variants.rules]]
packages = ["numpy", "scipy"]
intent = "prefer"
property = "blas_lapack :: library :: mkl"
[variants.system]
cuda = "12.8"
glibc = "2.28"
"""

SMALL = """\
schema = "bridge-policy/1"
order = ["pypi"]
[sources.pypi]
pypi = "https://pypi.example/simple"
trust = "public"
"""


def read(text: str) -> Policy:
    return parse_policy(text, "bridge-policy.toml")


def refused(text: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        read(text)
    return caught.value


def changed(old: str, new: str) -> str:
    assert FULL.count(old) >= 1
    return FULL.replace(old, new, 1)


def test_a_full_policy_is_read() -> None:
    policy = read(FULL)
    assert policy.filename == "bridge-policy.toml"
    assert (policy.semantics, policy.on_unreachable) == (Semantics.FIRST_MATCH, Unreachable.WARN)
    assert policy.order == ("internal", "torch-wheels", "community", "pypi")
    internal = policy.sources[policy.order[0]]
    assert (internal.conda, internal.pypi) == ("https://conda.example/acme", "https://wheels.example/acme/simple/")
    assert (internal.trust, internal.claimed_only, internal.line) == (Trust.FIRST_PARTY, True, 7)
    assert internal.credentials == Credentials("env", "ACME_TOKEN")
    assert internal.attestation == Attestation("https://token.example", "https://forge.example/acme/*")
    assert policy.sources[policy.order[3]].min_age == timedelta(days=7)
    (copy,) = [source for source in policy.sources.values() if source.mirror_of]
    assert (copy.name, copy.mirror_of, copy.credentials) == ("community-copy", "community", Credentials("netrc"))
    acme, torch = policy.claims
    assert (acme.patterns, acme.sources, acme.when, acme.line) == (
        (NamePattern("acme-", True),),
        ("internal",),
        None,
        31,
    )
    assert torch.patterns == (NamePattern("torch"), NamePattern("torchvision"))
    assert str(torch.when) == 'sys_platform == "linux"'
    assert policy.names.projects == {
        "pytorch": ("torch",),
        "py-opencv": ("opencv-python", "opencv-python-headless"),
        "acme-native": (),
    }
    variants = policy.variants
    assert variants.namespaces == ("nvidia", "blas_lapack")
    assert variants.features == {"nvidia": ("sm_arch", "cuda_version_lower_bound")}
    assert variants.values == {("blas_lapack", "library"): ("mkl", "openblas")}
    (rule,) = variants.rules
    assert (rule.intent, rule.property) == (Intent.PREFER, Property("blas_lapack", "library", "mkl"))
    assert variants.system == {"cuda": "12.8", "glibc": "2.28"}


def test_the_smallest_policy_is_strict() -> None:
    policy = read(SMALL)
    assert (policy.semantics, policy.on_unreachable) == (Semantics.STRICT, Unreachable.ERROR)
    assert [source.name for source in policy.faces(Ecosystem.PYPI)] == ["pypi"]
    assert policy.faces(Ecosystem.CONDA) == ()


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "message"),
    [
        ('"bridge-policy/1"', '"bridge-policy/2"', Code.POLICY_VERSION, 2, "is not bridge-policy/1"),
        ('schema = "bridge-policy/1"\n', "", Code.POLICY_VERSION, 1, "the first line must be"),
        ("default =", "defualt =", Code.POLICY_KEY, 3, "did you mean default?"),
        ("trust =", "truts =", Code.POLICY_KEY, 10, "did you mean trust?"),
        ('trust = "first-party"\n', "", Code.POLICY_KEY, 7, "the key trust is missing"),
        ('"7d"\n', '"7d"\norder = []\n', Code.POLICY_KEY, 26, "above the first table"),
        ("order = [", "# order = [", Code.POLICY_KEY, 1, "the key order is missing"),
        ('"first-match"', '"loose"', Code.POLICY_VALUE, 3, "must be strict or first-match or best-match"),
        ('"first-match"', "true", Code.POLICY_VALUE, 3, "must be text, not a boolean"),
        ('"first-match"', "1979-05-27", Code.POLICY_VALUE, 3, "must be text, not a date or time"),
        ('["internal", "t', '"internal" #', Code.POLICY_VALUE, 5, "must be a list, not text"),
        ('["internal", ', "[", Code.POLICY_SOURCE, 5, "leaves out internal (line 7)"),
        ('"pypi"]', '"pipy"]', Code.POLICY_SOURCE, 5, "did you mean pypi?"),
        ('"pypi"]', '"pypi", "pypi"]', Code.POLICY_VALUE, 5, "'pypi' is listed twice"),
        ('"pypi"]', '"pypi", "community-copy"]', Code.POLICY_SOURCE, 5, "name community, which it counts as"),
        ("mirror-of:community", "mirror-of:comunity", Code.POLICY_SOURCE, 20, "there is no source comunity"),
        ("mirror-of:community", "mirror-of:community-copy", Code.POLICY_SOURCE, 20, "is a mirror itself"),
        ("mirror-of:community", "mirror-of:pypi", Code.POLICY_SOURCE, 20, "pypi has no conda address"),
        ("copy.example", "conda.example", Code.POLICY_SOURCE, 18, "is the address of community too (line 14)"),
        ("[sources.pypi]", "[sources.PyPI]", Code.POLICY_NAME, 22, "a source's name has lowercase letters"),
        ('pypi = "https://torch', '#"', Code.POLICY_KEY, 26, "under conda, under pypi, or both"),
        ('"env:ACME_TOKEN"', '"s3cret"', Code.POLICY_VALUE, 12, "never the secret itself"),
        ('issuer = "https://token.example", ', "", Code.POLICY_KEY, 13, "the key issuer is missing"),
        ('"7d"', '"7 days"', Code.POLICY_VALUE, 25, "36h, 7d or 2w"),
        ('"7d"', '"2026-01-01"', Code.POLICY_VALUE, 25, "36h, 7d or 2w"),
        ('"7d"', "7", Code.POLICY_VALUE, 25, "must be text, not a number"),
        ('["Acme_*"]', '["*-acme"]', Code.POLICY_NAME, 32, "the beginning of one and *"),
        ('["Acme_*"]', '["аcme-*"]', Code.POLICY_NAME, 32, "in ASCII"),  # noqa: RUF001 - that is the attack
        ('["Acme_*"]', "[]", Code.POLICY_VALUE, 32, "must not be empty"),
        ('["Acme_*"]', '["acme-*", "acme.*"]', Code.POLICY_NAME, 32, "spelled in another way"),
        ('    "torchvision"', '    "ACME-*"', Code.POLICY_TIE, 37, "acme-* is claimed on line 32 too"),
        ('["torch-wheels"]', '["torch-wheel"]', Code.POLICY_SOURCE, 39, "did you mean torch-wheels?"),
        ('["torch-wheels"]', '["community-copy"]', Code.POLICY_SOURCE, 39, "is a mirror"),
        ("sys_platform ==", "sys_platform =", Code.POLICY_VALUE, 40, "is not an environment marker"),
        ("sys_platform", "extra", Code.POLICY_VALUE, 40, "extra says nothing about a machine"),
        ("pytorch =", "PyTorch =", Code.POLICY_NAME, 43, "CEP 26"),
        ("acme-native = false", 'py_opencv = "x"', Code.POLICY_NAME, 45, "is the name on line 44"),
        ("acme-native = false", 'acme = "torch"', Code.POLICY_NAME, 45, "torch is the conda package on line 43"),
        ("acme-native = false", "acme-native = true", Code.POLICY_VALUE, 45, "or false"),
        ("acme-native = false", "acme-native = []", Code.POLICY_VALUE, 45, "must not be empty"),
        ("acme-native = false", 'acme-native = ["A", "a"]', Code.POLICY_NAME, 45, "twice"),
        ("features.nvidia", "features.Nvidia", Code.POLICY_NAME, 49, "must be a namespace"),
        ('"blas_lapack :: library" =', '"blas_lapack" =', Code.POLICY_NAME, 50, "namespace :: feature"),
        (":: mkl", "mkl", Code.POLICY_VALUE, 54, "namespace :: feature :: value"),
        ('"prefer"', '"like"', Code.POLICY_VALUE, 53, "must be require or prefer"),
        ('"12.8"', "12.8", Code.POLICY_VALUE, 56, "must be text, not a number"),
        ('"12.8"', '"twelve"', Code.POLICY_VALUE, 56, "MAJOR.MINOR"),
        ("glibc =", "glbc =", Code.POLICY_KEY, 57, "did you mean glibc?"),
        ('glibc = "2.28"', 'glibc = "2.28"\nosx = "14.0"', Code.POLICY_VALUE, 55, "another platform"),
        ("default", "default = ", Code.POLICY_SYNTAX, 3, "is not TOML"),
        ("[names]", "[[claims", Code.POLICY_SYNTAX, 42, "is not TOML"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(old: str, new: str, code: Code, line: int, message: str) -> None:
    error = refused(changed(old, new))
    assert error.code is code
    assert message in error.message
    assert error.subject == "bridge-policy.toml"
    assert error.field is not None
    assert error.field.split(":")[0] == f"line {line}"


@pytest.mark.parametrize(
    "url",
    [
        "https://user:s3cret@conda.example/acme",
        "https://s3cret@conda.example/acme",
        "https://conda.example/t/s3cret/acme",
        "https://conda.example/acme?token=s3cret",
        "https://conda.example/acme#s3cret",
        "https://conda.example:s3cret/acme",
        "https://conda.example/a/../s3cret",
        "https://conda.example/$s3cret",
        "https://conda.example/s3cret\\n",
        "ftp://conda.example/s3cret",
        "//conda.example/s3cret",
        "conda.example/s3cret",
        "file:s3cret",
        "file://host/s3cret",
        "https://[s3cret]/",
        "https://conda.example:99999/s3cret",
        "https://conda.exаmple/s3cret",  # noqa: RUF001 - that is the attack
    ],
)
def test_an_address_that_is_not_plain_is_refused_and_never_shown(url: str) -> None:
    error = refused(changed("https://conda.example/acme/", url))
    assert error.code is Code.POLICY_URL
    assert error.field == "line 8: sources.internal.conda"
    assert "s3cret" not in str(error)


@pytest.mark.parametrize(
    "line",
    ['password = "s3cret"', 'credentials = { token = "s3cret" }', 'credentials = "bearer s3cret"', "token = s3cret"],
)
def test_a_secret_in_the_wrong_place_is_never_shown(line: str) -> None:
    error = refused(changed('credentials = "env:ACME_TOKEN"', line))
    assert "s3cret" not in str(error)
    assert (error.field or "").startswith("line 12")


@pytest.mark.parametrize(
    ("url", "conda"),
    [
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:80/a//", "http://[::1]/a"),
        ("file:///srv/channel/", "file:///srv/channel"),
        ("https://H.example:443/A/b", "https://h.example/A/b"),
    ],
)
def test_addresses_have_one_spelling(url: str, conda: str) -> None:
    policy = read(changed("https://conda.example/acme/", url))
    assert policy.sources[policy.order[0]].conda == conda


def test_the_digest_is_of_the_meaning() -> None:
    digest = read(FULL).digest
    assert len(digest) == 64
    same = FULL.replace("# who", "# nobody").replace("Acme_*", "acme.*").replace('"7d"', '"168h"').replace("443", "443")
    assert read(same).digest == digest
    split = changed('    "torchvision",\n', "").replace(
        "[names]",
        '[[claims]]\npackages = ["torchvision"]\nfrom = ["torch-wheels"]\nwhen = "sys_platform==\'linux\'"\n[names]',
    )
    assert read(split).digest == digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"first-match"', '"strict"'),
        ('"warn"', '"error"'),
        ('"internal", "torch-wheels"', '"torch-wheels", "internal"'),
        ('"claimed-only"', '"normal"'),
        ("env:ACME_TOKEN", "keyring"),
        ('"7d"', '"8d"'),
        ('"Acme_*"', '"Acme_"'),
        ("'linux'", "'win32'"),
        ("acme-native = false", ""),
        ('"mkl", "openblas"', '"openblas", "mkl"'),
        ('"prefer"', '"require"'),
        ('"12.8"', '"12.9"'),
        ("forge.example", "forges.example"),
    ],
)
def test_the_digest_changes_with_the_meaning(old: str, new: str) -> None:
    assert read(changed(old, new)).digest != read(FULL).digest


def test_conda_names_may_begin_with_an_underscore() -> None:
    policy = read(SMALL + '[[claims]]\npackages = ["_openmp_mutex", "*"]\nfrom = ["pypi"]\n')
    assert policy.claims[0].patterns == (NamePattern("-openmp-mutex"), NamePattern("", True))


def test_the_file_is_named_in_errors_and_only_its_name_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "bridge-policy.toml"
    path.write_text(FULL)
    assert read_policy(path).filename == "bridge-policy.toml"
    path.write_text(FULL + "x = 1\n")
    with pytest.raises(InvalidInput) as caught:
        read_policy(path)
    assert str(caught.value).startswith(f"CB452 {path}: line 58: variants.system.x: is not a key of the policy")


@pytest.mark.parametrize(
    ("content", "code", "field"),
    [
        (b'schema = "bridge-policy/1"\n\xff', Code.POLICY_SYNTAX, "line 2"),
        (b"#" * (LARGEST_POLICY + 1), Code.LIMIT, None),
        (b"\n" + b"a." * 300_000 + b"a = 1", Code.LIMIT, "line 2"),
        (b"x = " + b"[" * 300_000, Code.LIMIT, "line 1"),
        (b"[" + b"a." * 300_000 + b"a]", Code.LIMIT, "line 1"),
        (b"x = " + b"9" * 10_000, Code.POLICY_SYNTAX, None),
        (b"", Code.POLICY_VERSION, "line 1"),
        (b"\xef\xbb\xbf" + SMALL.encode(), Code.POLICY_SYNTAX, "line 1"),
    ],
    ids=["not-utf8", "too-large", "deep-key", "deep-array", "deep-header", "long-number", "empty", "byte-order-mark"],
)
def test_hostile_files_end_in_one_error(tmp_path: Path, content: bytes, code: Code, field: str | None) -> None:
    path = tmp_path / "policy.toml"
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        read_policy(path)
    assert (caught.value.code, caught.value.field) == (code, field)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read") as caught:
        read_policy(tmp_path / "policy.toml")
    assert caught.value.code is Code.UNREADABLE


def test_the_example_of_the_documentation_is_a_policy() -> None:
    page = (Path(__file__).parents[3] / "docs" / "policy.md").read_text(encoding="utf-8")
    example = page.partition("```toml\n")[2].partition("```")[0]
    assert read(example).order == ("internal", "community", "pypi")
