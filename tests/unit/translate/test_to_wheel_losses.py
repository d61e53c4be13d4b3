"""What a wheel cannot say is recorded, and in strict mode refused unless it is harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bridge.errors import Code
from bridge.model.plan import Layout, Status
from tests.support.conda_archives import Content, Directory, File, Link, make_conda
from tests.support.elf_files import X86_64, Elf, dylib, macho, pe
from tests.support.sample_packages import (
    SITE,
    converted,
    extension,
    library,
    noarch_package,
    outcome_of,
    python_package,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("files", "index", "number", "subject"),
    [
        ({"bin/.demo-post-link.sh": b"x"}, {}, "CB207", "bin/.demo-post-link.sh"),
        ({"bin/.demo-pre-unlink.sh": b"x"}, {}, "CB207", "bin/.demo-pre-unlink.sh"),
        ({"Scripts/.demo-pre-link.bat": b"x"}, {}, "CB207", "Scripts/.demo-pre-link.bat"),
        ({"etc/conda/activate.d/a.sh": b"x"}, {}, "CB208", "etc/conda/activate.d/a.sh"),
        ({"etc/conda/deactivate.d/a.sh": b"x"}, {}, "CB208", "etc/conda/deactivate.d/a.sh"),
        ({"etc/conda/env_vars.d/a.json": b"x"}, {}, "CB208", "etc/conda/env_vars.d/a.json"),
        (
            {"share/a.sh": b"x", "etc/conda/activate.d/l.sh": Link("../../../share/a.sh")},
            {},
            "CB208",
            "etc/conda/activate.d/l.sh",
        ),
        ({"Menu/demo.json": b"{}"}, {}, "CB209", "Menu/demo.json"),
        ({}, {"constrains": ["other >=2"]}, "CB206", "other >=2"),
        ({}, {"track_features": "slow"}, "CB220", "track_features"),
        ({}, {"schema_version": 3, "flags": ["gpu"]}, "CB220", "gpu"),
        ({f"{SITE}/demo.pth": b"import demo"}, {}, "CB226", f"{SITE}/demo.pth"),
        ({f"{SITE}/sitecustomize.py": b""}, {}, "CB226", f"{SITE}/sitecustomize.py"),
        ({f"{SITE}/usercustomize.py": b""}, {}, "CB226", f"{SITE}/usercustomize.py"),
        ({"share/x": Link("../lib/other")}, {}, "CB237", "share/x"),
    ],
)
def test_serious_losses_are_recorded_and_refused_in_strict_mode(
    tmp_path: Path, files: dict[str, Content], index: dict[str, Any], number: str, subject: str
) -> None:
    package = python_package(tmp_path, files=files, index=index)
    assert subject in [found for found, _ in converted(package, tmp_path / "out").loss(number)]
    outcome = outcome_of(package, tmp_path / "strict", strict=True)
    assert (outcome.status, outcome.code) == (Status.UNREPRESENTABLE, Code.STRICT)
    assert number in (outcome.message or "")
    assert list((tmp_path / "strict").iterdir()) == []


def test_nested_pth_files_run_nothing(tmp_path: Path) -> None:
    package = python_package(tmp_path, files={f"{SITE}/demo/x.pth": b"", f"{SITE}/demo/sitecustomize.py": b""})
    assert "CB226" not in converted(package, tmp_path / "out").codes


def test_harmless_losses_pass_strict_mode(tmp_path: Path) -> None:
    files: dict[str, Content] = {
        "lib/libx.so": Link("libx.so.1"),
        "lib/libx.so.1": library("libx.so.1", "libc.so.6"),
        "share/empty": Directory(),
        "share/odd": File(b"", mode=0o600),
    }
    package = make_conda(tmp_path, name="libx", version="1.0a", files=files, index={"depends": ["libgcc >=13"]})
    wheel = converted(package, tmp_path / "out", Layout.SHARED, strict=True)
    assert wheel.codes == ["CB210", "CB217", "CB219", "CB227", "CB228"]
    assert all(loss.code.harmless for loss in wheel.losses)


@pytest.mark.parametrize("layout", [Layout.PREFIX, Layout.SHARED])
def test_libraries_that_python_has_loaded_are_a_loss_where_names_are_kept(tmp_path: Path, layout: Layout) -> None:
    ext = extension("libssl.so.3", rpath="$ORIGIN/../..")
    package = python_package(
        tmp_path,
        files={f"{SITE}/_demo.so": ext},
        depends=("openssl >=3", "libsqlite >=3"),
    )
    subjects = [subject for subject, _ in converted(package, tmp_path / "out", layout).loss("CB214")]
    assert subjects[0] == "libssl.so.3"
    assert "libsqlite" in subjects


def test_binaries_in_the_data_scheme_are_a_loss_of_the_prefix_layout(tmp_path: Path) -> None:
    package = make_conda(tmp_path, name="libx", files={"lib/libx.so.1": library("libx.so.1", "libc.so.6")})
    ((subject, detail),) = converted(package, tmp_path / "out", Layout.PREFIX).loss("CB224")
    assert subject == "lib"
    assert detail.startswith("1 binaries")
    assert "CB224" not in converted(package, tmp_path / "two", Layout.SHARED).codes


def test_search_paths_of_the_build_machine_are_a_loss(tmp_path: Path) -> None:
    data = library("libx.so.1", "libc.so.6", rpath="$ORIGIN:/home/builder/work/lib:/usr/lib/x")
    package = make_conda(tmp_path, name="libx", files={"lib/libx.so.1": data})
    wheel = converted(package, tmp_path / "out", Layout.PREFIX)
    assert wheel.loss("CB213") == [("lib/libx.so.1", "it refers to /home/builder/work/lib")]


def test_install_names_of_the_build_machine_are_a_loss(tmp_path: Path) -> None:
    data = macho(
        X86_64,
        dylib(0xD, "@rpath/libx.1.dylib"),
        dylib(0xC, "/usr/lib/libSystem.B.dylib"),
        dylib(0xC, "/Users/b/liby.dylib"),
    )
    package = make_conda(tmp_path, name="libx", subdir="osx-64", files={"lib/libx.1.dylib": data})
    wheel = converted(package, tmp_path / "out", Layout.PREFIX)
    assert wheel.loss("CB213") == [("lib/libx.1.dylib", "it refers to /Users/b/liby.dylib")]


FOREIGN = {
    f"{SITE}/demo/cli.exe": pe(),
    f"{SITE}/demo/sample.dylib": macho(X86_64, dylib(0xC, "/usr/lib/libSystem.B.dylib")),
    f"{SITE}/demo/sample-arm.so": Elf(machine=183, needed=["libnowhere.so"]).make(),
}


@pytest.mark.parametrize("layout", list(Layout))
def test_binaries_of_other_platforms_are_data(tmp_path: Path, layout: Layout) -> None:
    wheel = converted(python_package(tmp_path, files=FOREIGN), tmp_path / "out", layout)
    for path, data in FOREIGN.items():
        assert wheel[path.removeprefix(f"{SITE}/")] == data
    assert not {"CB223", "CB224"} & set(wheel.codes)


def test_a_noarch_package_with_binaries_stays_for_every_platform(tmp_path: Path) -> None:
    package = noarch_package(tmp_path, files={"site-packages/demo/cli.exe": pe()})
    assert converted(package, tmp_path / "out").filename == "demo-1.0-py3-none-any.whl"


@pytest.mark.parametrize("layout", [Layout.VENDORED, Layout.SHARED])
@pytest.mark.parametrize(
    ("subdir", "data", "number"),
    [
        ("osx-64", macho(X86_64, dylib(0xD, "@rpath/libx.dylib")), "CB301"),
        ("win-64", pe(), "CB301"),
        ("linux-32", Elf(bits=32, machine=3, soname="libx.so", needed=["libc.so.6"]).make(), "CB314"),
        ("linux-s390x", Elf(little=False, machine=22, soname="libx.so", needed=["libc.so.6"]).make(), "CB314"),
    ],
)
def test_what_cannot_be_patched_yet_is_refused(
    tmp_path: Path, layout: Layout, subdir: str, data: bytes, number: str
) -> None:
    package = make_conda(tmp_path, name="libx", subdir=subdir, files={"lib/libx": data})
    outcome = outcome_of(package, tmp_path / "out", layout)
    assert outcome.status is Status.UNSUPPORTED
    assert outcome.code is not None
    assert outcome.code.number == number
    assert converted(package, tmp_path / "two", Layout.PREFIX)


def test_every_harmless_code_is_a_loss() -> None:
    assert all(code.number.startswith("CB2") for code in Code if code.harmless)
