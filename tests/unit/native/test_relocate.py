"""RPATHs of the shared layout, and overwriting them in place."""

from __future__ import annotations

import pytest

from bridge.errors import Code, Unrepresentable
from bridge.native import rpath
from bridge.native.elf import read_elf
from bridge.native.placeholder import find
from bridge.native.relocate import outside_rpath, plan_rpath, relocated_rpath
from tests.support.elf_files import Elf, replace_at

SITE = "lib/python3.12/site-packages"


def moved(path: str, old: str, **options: str) -> str:
    return relocated_rpath(path, old, **{"site_packages": SITE, "libs_dir": "_/lib", **options})


@pytest.mark.parametrize("depth", range(6))
def test_the_new_rpath_of_a_module_is_exactly_as_long_as_the_old_one(depth):
    folders = "".join(f"/d{index}" for index in range(depth))
    old = "$ORIGIN" + "/.." * (depth + 2)
    new = moved(f"{SITE}{folders}/spam.so", old)
    assert new == "$ORIGIN" + "/.." * depth + "/_/lib"
    assert len(new) == len(old)


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        # what stays inside the mirrored prefix, or inside site-packages, is kept as spelled
        ("lib/libfoo.so.1", "$ORIGIN/.", "$ORIGIN/."),
        ("lib/libfoo.so.1", "$ORIGIN/", "$ORIGIN/"),
        ("lib/krb5/plugins/tls/k5tls.so", "$ORIGIN/../../../../lib", "$ORIGIN/../../../../lib"),
        ("bin/tool", "$ORIGIN/../lib", "$ORIGIN/../lib"),
        (f"{SITE}/spam/_spam.so", "$ORIGIN", "$ORIGIN"),
        (f"{SITE}/spam/_spam.so", "${ORIGIN}/../spam.libs", "${ORIGIN}/../spam.libs"),
        # several entries, repeated ones once, empty ones (the working directory) never
        (f"{SITE}/spam.so", "$ORIGIN/../..:$ORIGIN/../../.", "$ORIGIN/_/lib"),
        (
            f"{SITE}/spam.so",
            "$ORIGIN/../..:$ORIGIN/../../spam:$ORIGIN",
            "$ORIGIN/_/lib:$ORIGIN/_/lib/spam:$ORIGIN",
        ),
        ("lib/libfoo.so.1", "$ORIGIN/.::$ORIGIN:$ORIGIN/.:", "$ORIGIN/.:$ORIGIN"),
        # other directories of the prefix are beside the mirrored lib
        (f"{SITE}/spam.so", "$ORIGIN/../../../bin", "$ORIGIN/_/bin"),
        (f"{SITE}/spam.so", "$ORIGIN/..", "$ORIGIN/_/lib/python3.12"),
        # from native files into site-packages
        ("lib/libfoo.so.1", "$ORIGIN/python3.12/site-packages/torch/lib", "$ORIGIN/../../torch/lib"),
        ("lib/libfoo.so.1", "", ""),
    ],
)
def test_rpaths_lead_to_the_same_place_from_the_new_one(path, old, new):
    assert moved(path, old) == new


def test_the_directory_of_libraries_is_a_parameter():
    assert moved(f"{SITE}/spam/_spam.so", "$ORIGIN/../../..", libs_dir="_n/lib") == "$ORIGIN/../_n/lib"


@pytest.mark.parametrize(
    "entry",
    [
        "/usr/lib",
        "/home/builder/lib",
        "lib",
        "../lib",
        ".",
        "$ORIGIN/../../../../..",
        "$LIB/x",
        "$ORIGINAL",
        "$ORIGIN/$LIB",
    ],
)
def test_entries_that_leave_the_prefix_are_refused(entry):
    with pytest.raises(Unrepresentable) as caught:
        moved(f"{SITE}/spam.so", f"$ORIGIN/../..:{entry}")
    assert caught.value.code is Code.RPATH
    assert entry in caught.value.message


def test_the_build_prefix_is_the_prefix_and_what_was_beside_it_is_gone():
    placeholder = "/home/builder/spam_17/_h_env_placehold_placehold"
    old = f"{placeholder}/lib:/home/builder/spam_17/_build_env/lib"
    assert moved("lib/libtcl.so", old, placeholder=placeholder) == "$ORIGIN"
    assert moved(f"{SITE}/spam.so", old, placeholder=placeholder) == "$ORIGIN/_/lib"
    with pytest.raises(Unrepresentable):
        moved("lib/libtcl.so", f"{placeholder}er/lib/../../../../..:/usr/lib", placeholder=placeholder)


def overwritten(data: bytes, new: str) -> bytes:
    facts = read_elf(data)
    patch = plan_rpath(facts, new)
    assert patch is not None
    assert data[patch.offset : patch.offset + len(patch.old)] == patch.old
    assert len(patch.old) == len(patch.new)
    return replace_at(data, patch.offset, patch.new)


@pytest.mark.parametrize("new", ["$ORIGIN/../_/lib", "$ORIGIN", ""])
def test_an_rpath_is_overwritten_and_nothing_else_changes(new):
    data = Elf(soname="libspam.so", needed=("libc.so.6",), rpath="$ORIGIN/../../..", imports=("malloc",)).make()
    before, after = read_elf(data), read_elf(overwritten(data, new))
    assert after.rpath is not None
    assert after.rpath.value == new
    assert (after.soname, after.needed) == (before.soname, before.needed)


def test_a_placeholder_inside_the_rpath_is_overwritten_with_it():
    placeholder = b"/home/builder/_h_env_placehold"
    data = Elf(rpath=f"{placeholder.decode()}/lib", needed=(f"{placeholder.decode()}/lib/libx.so",)).make()
    elf = read_elf(data)
    occurrences = find(data, placeholder)
    assert len(occurrences) == 2
    (left,) = outside_rpath(occurrences, elf)
    assert left.text.endswith(b"libx.so")
    assert outside_rpath(occurrences, read_elf(Elf().make())) == occurrences


def test_an_equal_rpath_needs_no_patch():
    assert plan_rpath(read_elf(Elf(rpath="$ORIGIN").make()), "$ORIGIN") is None
    assert plan_rpath(read_elf(Elf().make()), "") is None


@pytest.mark.parametrize(
    ("elf", "why"),
    [
        (Elf(rpath="$ORIGIN"), "no room"),
        (Elf(), "no RPATH"),
        (Elf(rpath="$ORIGIN/../../../lib", imports=("lib",)), "other names"),
    ],
)
def test_what_cannot_be_overwritten_is_refused(elf, why):
    with pytest.raises(Unrepresentable) as caught:
        plan_rpath(read_elf(elf.make()), "$ORIGIN/_/lib", subject="spam.so")
    assert caught.value.code is Code.RPATH
    assert caught.value.subject == "spam.so"
    assert why in caught.value.message


def test_directories_of_entries():
    assert rpath.directory("$ORIGIN/../..", origin="lib/a/b") == "lib"
    assert rpath.directory("${ORIGIN}", origin="lib/a") == "lib/a"
    assert rpath.directory("$ORIGIN/../..", origin="lib/a") == ""
    assert rpath.directory("$ORIGIN/../../..", origin="lib/a") is None
    assert rpath.directory("/ph/lib", origin="lib", placeholder="/ph/") == "lib"
    assert rpath.directory("/phantom/lib", origin="lib", placeholder="/ph") is None
    assert rpath.relative("", origin="") == "$ORIGIN"
