"""Whatever lies in a wheel for one Python: its conda package has the files that an installer of wheels makes."""

from __future__ import annotations

import csv
import posixpath
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import installer
import installer.destinations
import installer.sources
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import BridgeError
from tests.support.converted_wheels import extension, paths_of, plan_of, sample, text_of
from tests.support.hostile_samples import DATA, DIST_INFO

EXTENSION: Final = "demo/_x.cpython-312-x86_64-linux-gnu.so"
SITE: Final = "lib/python3.12/site-packages"

NAMES = st.sampled_from(["a", "b", "B", "a.py", "ü", "x y", "bin", "lib", "python3.12", "tool"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PLACES = st.one_of(
    PATHS,
    st.builds("{}/{}/{}".format, st.just(DATA), st.sampled_from(["purelib", "platlib", "headers", "data"]), PATHS),
    st.builds("{}/scripts/{}".format, st.just(DATA), NAMES),
)
CONTENTS = st.sampled_from([b"", b"x", b"#!python\nx\n", b"#!python -u\n", b"#!/bin/sh\n"])
PROGRAMS = st.sets(st.sampled_from(["tool", "other", "b"]))


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(PLACES, CONTENTS, max_size=8), PROGRAMS)
def test_the_package_has_what_an_installer_makes(payload: dict[str, bytes], programs: set[str]) -> None:
    points = "".join(f"{name} = demo:main\n" for name in sorted(programs))
    made = sample(
        "cp312-cp312-manylinux_2_17_x86_64",
        payload={EXTENSION: extension(), **payload},
        entry_points=f"[console_scripts]\n{points}" if points else "",
    )
    with tempfile.TemporaryDirectory() as directory:
        try:
            plan = plan_of(Path(directory), made)
        except BridgeError:
            # Clashes and the like: refused, so that there is nothing to compare.
            return
        expected, record = _installed(Path(directory) / made.filename, Path(directory) / "prefix")
    files = paths_of(plan)
    assert files.keys() == expected
    assert _recorded(text_of(files[f"{SITE}/{DIST_INFO}/RECORD"]).splitlines()) == record


def _installed(wheel: Path, prefix: Path) -> tuple[set[str], set[str]]:
    """The files that are made, and the paths in RECORD."""
    site = prefix / SITE
    destination = installer.destinations.SchemeDictionaryDestination(
        {
            "purelib": str(site),
            "platlib": str(site),
            "scripts": str(prefix / "bin"),
            "headers": str(prefix / "include/python3.12/demo"),
            "data": str(prefix),
        },
        interpreter="/usr/bin/python3.12",
        script_kind="posix",
        bytecode_optimization_levels=[],
        overwrite_existing=True,
    )
    with installer.sources.WheelFile.open(wheel) as source:
        installer.install(source, destination, {"INSTALLER": b"conda\n"})
    files = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()}
    with (site / DIST_INFO / "RECORD").open(newline="") as file:
        return files, _recorded(file)


def _recorded(lines: Iterable[str]) -> set[str]:
    """The paths of RECORD, relative to the prefix: there are several ways to say one."""
    return {posixpath.normpath(f"{SITE}/{row[0]}") for row in csv.reader(lines)}
