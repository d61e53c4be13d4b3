"""Names: the order of evidence, and that nothing is guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.utils import NormalizedName, canonicalize_name, is_normalized_name

from bridge.errors import Code, InvalidInput
from bridge.mapping.names import DependencyKind, Evidence, NameMapper, NameSource
from bridge.mapping.tables import Note, load_tables
from bridge.model.conda import CondaName

if TYPE_CHECKING:
    from pathlib import Path


def lookup(name: str, evidence: Evidence | None = None) -> tuple[str | None, DependencyKind, NameSource]:
    answer = NameMapper(load_tables(), evidence).lookup(CondaName(name))
    return answer.distribution, answer.kind, answer.source


@pytest.mark.parametrize(
    ("name", "distribution"),
    [
        ("pytorch", "torch"),
        ("brotli-python", "Brotli"),
        ("opencv", "opencv-python"),
        ("msgpack-python", "msgpack"),
        ("pyqt", "PyQt5"),
        ("pytables", "tables"),
        ("matplotlib-base", "matplotlib"),
        ("dask-core", "dask"),
        ("python-build", "build"),
        ("numpy", "numpy"),
        ("requests", "requests"),
    ],
)
def test_well_known_python_packages_need_no_channel(name: str, distribution: str) -> None:
    assert lookup(name) == (distribution, DependencyKind.PYTHON, NameSource.TABLE)


@pytest.mark.parametrize(
    "name", ["zstd", "fmt", "openssl", "libprotobuf", "brotli", "r-base", "libzlib", "yaml", "attr"]
)
def test_libraries_that_share_a_name_with_a_project_never_become_it(name: str) -> None:
    distribution, kind, _ = lookup(name)
    assert (distribution, kind) == (f"conda-native-{name}", DependencyKind.NATIVE)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("__glibc", DependencyKind.VIRTUAL),
        ("__anything_new", DependencyKind.VIRTUAL),
        ("python", DependencyKind.INTERPRETER),
        ("python_abi", DependencyKind.INTERPRETER),
        ("cpython", DependencyKind.INTERPRETER),
        ("pypy3.9", DependencyKind.INTERPRETER),
        ("python-gil", DependencyKind.INTERPRETER),
        ("_python_abi3_support", DependencyKind.INTERPRETER),
        ("_libgcc_mutex", DependencyKind.MUTEX),
        ("_openmp_mutex", DependencyKind.MUTEX),
        ("_r-mutex", DependencyKind.MUTEX),
        ("pytorch-mutex", DependencyKind.MUTEX),
        ("blas", DependencyKind.MUTEX),
        ("mpi", DependencyKind.MUTEX),
        ("_x86_64-microarch-level", DependencyKind.MUTEX),
        ("libgcc", DependencyKind.RUNTIME),
        ("libstdcxx-ng", DependencyKind.RUNTIME),
        ("libgfortran5", DependencyKind.RUNTIME),
        ("libcxx", DependencyKind.RUNTIME),
        ("vc14_runtime", DependencyKind.RUNTIME),
        ("ucrt", DependencyKind.RUNTIME),
    ],
)
def test_the_fixed_vocabulary_never_becomes_a_requirement_whatever_the_evidence(
    name: str, kind: DependencyKind
) -> None:
    everything = Evidence(
        artifacts={CondaName(name): name},
        own_requires=frozenset({canonicalize_name(name)}),
        channel={CondaName(name): True},
    )
    assert lookup(name, everything) == (None, kind, NameSource.RULE)


def test_evidence_is_taken_in_order_of_strength() -> None:
    name = CondaName("some_thing")
    own: frozenset[NormalizedName] = frozenset({canonicalize_name("some-thing")})
    assert lookup(name, Evidence({name: "Other"}, own, {name: False})) == (
        "Other",
        DependencyKind.PYTHON,
        NameSource.ARTIFACT,
    )
    assert lookup(name, Evidence({}, own, {name: False})) == (
        "some-thing",
        DependencyKind.PYTHON,
        NameSource.OWN_METADATA,
    )
    assert lookup(name, Evidence({}, frozenset(), {name: True})) == (
        "some-thing",
        DependencyKind.PYTHON,
        NameSource.CHANNEL,
    )
    assert lookup(name, Evidence({}, frozenset(), {name: False})) == (
        "conda-native-some-thing",
        DependencyKind.NATIVE,
        NameSource.CHANNEL,
    )


def test_a_name_that_nobody_knows_gets_a_reserved_one_with_low_confidence() -> None:
    answer = NameMapper(load_tables()).lookup(CondaName("surely_not_in_any_table"))
    assert answer.distribution == "conda-native-surely-not-in-any-table"
    assert answer.source is NameSource.RESERVED
    assert answer.confidence < 0.5


@pytest.mark.parametrize("name", ["a", "_a", "a_", "a.", "a.b_c-d", "_libarchive_static_for_cph"])
def test_reserved_names_are_valid_normalised_names(name: str) -> None:
    mapper = NameMapper(load_tables(), reserved_prefix="acme-lib-")
    assert is_normalized_name(mapper.native_distribution(CondaName(name)))


@pytest.mark.parametrize("prefix", ["", "x", "-", "Conda-", "a_b-", "a b-"])
def test_a_prefix_that_cannot_start_a_name_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="cannot start"):
        NameMapper(load_tables(), reserved_prefix=prefix)


def test_an_overlay_wins_over_everything(tmp_path: Path) -> None:
    overlay = tmp_path / "names.yaml"
    overlay.write_text(
        "python: {zstd: my-zstd, fmt: Fmt}\nnative: [numpy, 'acme-*']\n"
        "kinds: {mutex: [acme_switch, 'acme_*_mutex']}\n"
        "notes: {acme: {prefix_values: {/share/acme: /usr/share/acme}}}\n"
    )
    tables = load_tables([overlay])
    mapper = NameMapper(tables, Evidence(artifacts={CondaName("zstd"): "other"}))
    assert mapper.lookup(CondaName("zstd")).distribution == "my-zstd"
    assert mapper.lookup(CondaName("zstd")).source is NameSource.OVERLAY
    assert mapper.lookup(CondaName("numpy")).distribution == "conda-native-numpy"
    assert mapper.lookup(CondaName("acme-core")).source is NameSource.TABLE
    assert mapper.lookup(CondaName("acme_switch")).kind is DependencyKind.MUTEX
    assert mapper.lookup(CondaName("acme_1_mutex")).kind is DependencyKind.MUTEX
    assert tables.note(CondaName("acme")).prefix_values == {"/share/acme": "/usr/share/acme"}
    assert tables.digest != load_tables().digest


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("python: [a]", "python"),
        ("python: {a: 1}", "python.a"),
        ("python: {A B: x}", "python.A B"),
        ("python: {a: '-x'}", "python.a"),
        ("same: {a: b}", "same"),
        ("native: [1]", "native[0]"),
        ("native: ['A*']", "native[0]"),
        ("kinds: {python: [a]}", "kinds.python"),
        ("kinds: {nonsense: [a]}", "kinds.nonsense"),
        ("nonsense: {}", "nonsense"),
        ("1: {}", None),
        ("- a", None),
        ("notes: {a: {prefix_values: {ssl: relative}}}", "notes.a.prefix_values.ssl"),
        ("notes: {a: {surprise: []}}", "notes.a.surprise"),
        ("preloaded: {libx: {packages: [a], because: 1}}", "preloaded.libx.because"),
        ("{unclosed", None),
        ("!!python/object:os.system {}", None),
    ],
)
def test_a_malformed_overlay_is_refused_by_file_and_key(text: str, key: str | None, tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        load_tables([overlay])
    assert caught.value.code is Code.BAD_METADATA
    assert caught.value.subject == str(overlay)
    assert caught.value.field == key


def test_an_overlay_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_tables([tmp_path / "absent.yaml"])
    assert caught.value.code is Code.UNREADABLE


def test_the_data_covers_what_planning_relies_on() -> None:
    tables = load_tables()
    assert load_tables() is tables
    stems = {library.stem for library in tables.preloaded}
    common = "libssl libcrypto libsqlite3 libffi libz liblzma libbz2 libncursesw libreadline libexpat libstdc++"
    assert stems >= set(common.split())
    assert tables.note(CondaName("openssl")).prefix_values["/ssl/certs"] == "/etc/ssl/certs"
    assert "/lib/engines-3" not in tables.note(CondaName("openssl")).prefix_values
    assert tables.note(CondaName("ncurses")).prefix_values["/share/terminfo"] == "/usr/share/terminfo"
    assert tables.note(CondaName("unknown")) == Note()
    assert sum(canonicalize_name(name) != canonicalize_name(other) for name, other in tables.python.items()) >= 200
    assert not tables.native & tables.python.keys()
    assert not [name for name in tables.python if tables.fixed_kind(name) is not None]
