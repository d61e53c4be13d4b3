"""Planning what a wheel takes along, in an invented prefix."""

from __future__ import annotations

import hashlib
import random

import pytest

from bridge.errors import Code, Unrepresentable
from bridge.model.payload import ElfFacts, RpathEntry
from bridge.model.plan import ElfPatch
from bridge.native.policy import SystemPolicy
from bridge.native.prefix import PrefixFile, PrefixView
from bridge.native.vendor import Module, plan_vendoring, unique_name

POLICY = SystemPolicy.for_architecture("x86_64")
SITE = "lib/python3.12/site-packages"


def elf(*needed: str, soname: str | None = None, rpath: str | None = "$ORIGIN/.", machine: int = 62) -> ElfFacts:
    entry = None if rpath is None else RpathEntry(rpath, 0, runpath=False, shared=False)
    return ElfFacts(machine, 64, True, soname=soname, needed=needed, rpath=entry)


def digest(path: str) -> bytes:
    return hashlib.sha256(path.encode()).digest()


def new(path: str, soname: str) -> str:
    return unique_name(soname, digest(path))


def view(files: dict[str, ElfFacts | None], links: dict[str, str] | None = None) -> PrefixView:
    found = {path: PrefixFile(path, f"{path}.conda", digest(path), facts) for path, facts in files.items()}
    return PrefixView(found, links or {})


def module(name: str, *needed: str, rpath: str | None = None) -> Module:
    depth = name.count("/")
    rpath = "$ORIGIN" + "/.." * (depth + 2) if rpath is None else rpath
    return Module(name, f"{SITE}/{name}", elf(*needed, rpath=rpath))


def plan(modules: list[Module], prefix: PrefixView, **options: object):
    return plan_vendoring(modules, prefix, POLICY, libs_dir="spam.libs", **options)


CHAIN = {
    "lib/libfoo.so.1.2": elf("libbar.so.2", "libc.so.6", soname="libfoo.so.1"),
    "lib/libbar.so.2.0": elf("libstdc++.so.6", "libfoo.so.1", soname="libbar.so.2"),
    "lib/libstdc++.so.6": elf(soname="libstdc++.so.6"),
    "lib/libunused.so": elf(soname="libunused.so"),
}
CHAIN_LINKS = {"lib/libfoo.so.1": "libfoo.so.1.2", "lib/libbar.so.2": "libbar.so.2.0"}


def test_takes_what_is_needed_through_links_and_cycles_and_leaves_the_system_its_own():
    result = plan([module("spam/_spam.so", "libfoo.so.1", "libz.so.1")], view(CHAIN, CHAIN_LINKS))
    foo, bar = new("lib/libfoo.so.1.2", "libfoo.so.1"), new("lib/libbar.so.2.0", "libbar.so.2")
    assert [library.target for library in result.libraries] == [f"spam.libs/{bar}", f"spam.libs/{foo}"]
    assert [library.provider for library in result.libraries] == [
        "lib/libbar.so.2.0.conda",
        "lib/libfoo.so.1.2.conda",
    ]
    assert result.patches == {
        "spam/_spam.so": ElfPatch(needed={"libfoo.so.1": foo}, rpath="$ORIGIN/../spam.libs"),
        f"spam.libs/{foo}": ElfPatch(foo, {"libbar.so.2": bar}, "$ORIGIN"),
        f"spam.libs/{bar}": ElfPatch(bar, {"libfoo.so.1": foo}, "$ORIGIN"),
    }
    assert result.shipped == {"libfoo.so.1", "libbar.so.2"}
    assert result.system == {"libz.so.1", "libc.so.6", "libstdc++.so.6"}


def test_names_tell_the_original_bytes_and_keep_what_follows_so():
    assert unique_name("libfoo.so.1", bytes.fromhex("0123456789ab")) == "libfoo-01234567.so.1"
    assert unique_name("libfoo-3.12.so.1.0", bytes(8)) == "libfoo-3.12-00000000.so.1.0"
    assert unique_name("libfoo", bytes(8)) == "libfoo-00000000"


def test_the_plan_does_not_depend_on_the_order_of_modules_or_files():
    modules = [module(f"spam/{name}.so", "libfoo.so.1", "libbar.so.2") for name in "abcd"]
    expected = plan(modules, view(CHAIN, CHAIN_LINKS))
    source = random.Random(1)
    for _ in range(5):
        source.shuffle(modules)
        files = dict(sorted(CHAIN.items(), key=lambda _: source.random()))
        result = plan(modules, view(files, CHAIN_LINKS))
        assert result == expected
        assert list(result.patches) == list(expected.patches)


def test_a_module_that_needs_only_the_system_loses_its_rpath():
    result = plan([module("spam.so", "libc.so.6")], view({}))
    assert (result.libraries, result.patches) == ((), {"spam.so": ElfPatch(rpath="")})
    assert plan([Module("spam.so", f"{SITE}/spam.so", elf("libc.so.6", rpath=None))], view({})).patches == {}


def test_the_rpath_comes_before_lib():
    files = {
        "lib/private/libfoo.so.1": elf(soname="libfoo.so.1"),
        "lib/libfoo.so.1": elf(soname="libfoo.so.1"),
    }
    result = plan([module("spam.so", "libfoo.so.1", rpath="$ORIGIN/../../private")], view(files))
    assert [library.path for library in result.libraries] == ["lib/private/libfoo.so.1"]
    result = plan([module("spam.so", "libfoo.so.1", rpath="/dead/lib:$ORIGIN/../../other")], view(files))
    assert [library.path for library in result.libraries] == ["lib/libfoo.so.1"]


def test_files_that_the_loader_would_skip_are_skipped():
    files = {
        "lib/a/libfoo.so.1": None,
        "lib/b/libfoo.so.1": elf(machine=183),
        "lib/libfoo.so.1": elf(soname="libfoo.so.1"),
    }
    result = plan([module("spam.so", "libfoo.so.1", rpath="$ORIGIN/../../a:$ORIGIN/../../b")], view(files))
    assert [library.path for library in result.libraries] == ["lib/libfoo.so.1"]


def test_libraries_of_the_wheel_itself_stay_and_are_reached():
    own = Module("spam/lib/libown.so", f"{SITE}/spam/lib/libown.so", elf(soname="libown.so", rpath=None))
    zlib = Module("spam/lib/libz.so.1", f"{SITE}/spam/lib/libz.so.1", elf(soname="libz.so.1", rpath=None))
    user = module(
        "spam/sub/_spam.so",
        "libown.so",
        "libz.so.1",
        "libfoo.so.1",
        rpath="$ORIGIN/../lib:$ORIGIN/../../../..",
    )
    files = {**CHAIN, own.path: own.elf, zlib.path: zlib.elf, user.path: user.elf}
    result = plan([user, own, zlib], view(files, CHAIN_LINKS))
    foo = new("lib/libfoo.so.1.2", "libfoo.so.1")
    assert result.patches["spam/sub/_spam.so"] == ElfPatch(
        needed={"libfoo.so.1": foo}, rpath="$ORIGIN/../lib:$ORIGIN/../../spam.libs"
    )
    assert own.target not in result.patches
    assert "libz.so.1" in result.shipped


def test_libraries_loaded_at_run_time_keep_their_names_and_are_reached_from_everywhere():
    files = {**CHAIN, "lib/libplugin.so.3": elf("libfoo.so.1", soname="libplugin.so.3")}
    result = plan([module("spam.so", "libc.so.6")], view(files, CHAIN_LINKS), dlopened=["libplugin.so.3"])
    foo = new("lib/libfoo.so.1.2", "libfoo.so.1")
    assert "spam.libs/libplugin.so.3" in {library.target for library in result.libraries}
    assert result.patches["spam.so"] == ElfPatch(rpath="$ORIGIN/spam.libs")
    assert result.patches["spam.libs/libplugin.so.3"].needed == {"libfoo.so.1": foo}
    assert all(patch.rpath for patch in result.patches.values())


@pytest.mark.parametrize("options", [{}, {"dlopened": ["libgone.so"]}])
def test_a_missing_library_is_named_with_the_file_that_needs_it(options):
    needed = () if options else ("libgone.so",)
    with pytest.raises(Unrepresentable) as caught:
        plan([module("spam.so", *needed)], view(CHAIN), **options)
    assert caught.value.code is Code.LIBRARY_NOT_FOUND
    assert "libgone.so" in caught.value.message
    assert caught.value.field == "libgone.so"
    if not options:
        assert caught.value.subject == f"{SITE}/spam.so"


def test_python_itself_is_never_taken_along():
    files = {"lib/libpython3.12.so.1.0": elf(soname="libpython3.12.so.1.0")}
    with pytest.raises(Unrepresentable) as caught:
        plan([module("spam.so", "libpython3.12.so.1.0")], view(files))
    assert caught.value.code is Code.LIBRARY_NOT_FOUND


def test_a_file_outside_site_packages_cannot_reach_the_libraries():
    tool = Module("spam-1.data/scripts/tool", "bin/tool", elf("libfoo.so.1", rpath="$ORIGIN/../lib"))
    with pytest.raises(Unrepresentable) as caught:
        plan([tool], view(CHAIN, CHAIN_LINKS))
    assert caught.value.code is Code.RPATH


def test_one_copy_serves_where_two_packages_bring_the_same_bytes():
    same = digest("same")
    files = {
        path: PrefixFile(path, path, same, elf(soname="libfoo.so.1"))
        for path in ("lib/libfoo.so.1", "lib/b/libfoo.so.1")
    }
    modules = [module("a.so", "libfoo.so.1"), module("b.so", "libfoo.so.1", rpath="$ORIGIN/../../b")]
    assert len(plan(modules, PrefixView(files)).libraries) == 1


def test_a_soname_is_not_a_path():
    files = {"lib/libfoo.so.1": elf(soname="../../../libevil.so")}
    (library,) = plan([module("spam.so", "libfoo.so.1")], view(files)).libraries
    assert library.target == f"spam.libs/{new('lib/libfoo.so.1', 'libfoo.so.1')}"


@pytest.mark.parametrize("name", ["/etc/libfoo.so.1", "../lib/libfoo.so.1", "", "..", "a/libfoo.so.1"])
def test_what_is_needed_by_a_path_is_not_found(name):
    files = {"lib/libfoo.so.1": elf(), "lib/a/libfoo.so.1": elf()}
    for modules, options in (([module("spam.so", name)], {}), ([], {"dlopened": [name]})):
        with pytest.raises(Unrepresentable) as caught:
            plan(modules, view(files), **options)
        assert caught.value.code is Code.LIBRARY_NOT_FOUND


def test_two_libraries_with_one_name_are_refused():
    digests = {"lib/libfoo.so.1": b"12345678", "lib/b/libfoo.so.1": b"1234567x"}
    files = {path: PrefixFile(path, path, sha256, elf(soname="libfoo.so.1")) for path, sha256 in digests.items()}
    modules = [module("a.so", "libfoo.so.1"), module("b.so", "libfoo.so.1", rpath="$ORIGIN/../../b")]
    with pytest.raises(Unrepresentable) as caught:
        plan(modules, PrefixView(files))
    assert caught.value.code is Code.COLLISION


def test_links_are_followed_as_in_a_file_system():
    files = {"lib/libfoo.so.1": None, "share/doc/x": None}
    links = {
        "lib64": "lib",
        "usr": ".",
        "lib/libfoo.so": "../lib64/libfoo.so.1",
        "loop": "pool",
        "pool": "loop",
        "out": "../../etc",
        "absolute": "/lib",
    }
    prefix = view(files, links)
    for path in (
        "lib/libfoo.so.1",
        "lib64/libfoo.so",
        "usr/usr/lib/libfoo.so",
        "share/doc/../../lib/./libfoo.so",
    ):
        assert prefix.find(path) == prefix.files["lib/libfoo.so.1"]
    for path in ("loop", "out/passwd", "absolute/libfoo.so.1", "lib", "", "lib/gone", "../lib/libfoo.so.1"):
        assert prefix.find(path) is None
