"""Any sound wheel that becomes conda packages comes back from each of them, or was told not to."""

from __future__ import annotations

import stat
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.channel.convert import convert
from bridge.errors import Code
from bridge.model.plan import Status
from tests.support.converted_wheels import sample
from tests.support.elf_files import Elf
from tests.support.hostile_samples import DATA, DIST_INFO, Sample
from tests.support.independent_looks import executables, look_at_wheel

ROOTS = (
    "", "demo/", f"{DIST_INFO}/", f"{DIST_INFO}/licenses/", f"{DATA}/purelib/", f"{DATA}/platlib/demo/",
    f"{DATA}/scripts/", f"{DATA}/headers/", f"{DATA}/data/share/", f"{DATA}/data/bin/",
)  # fmt: skip
NAMES = st.sampled_from(["a", "b.py", "c.txt", "run", "é", "with space", "demo", "x.pth", "INSTALLER", "REQUESTED"])
CONTENTS = st.sampled_from(
    [b"", b"x = 1\n", b"#!python\nprint()\n", b"#!python -E\r\n", b"#!pythonw\nx", b"#!/bin/sh\n", bytes(range(256))]
)
TAGS = ("py3-none-any", "cp312-cp312-manylinux_2_17_x86_64", "cp39-abi3-manylinux_2_17_x86_64", "cp312-cp312-win_amd64")
POINTS = (
    "",
    "[console_scripts]\nrun = demo:main\n",
    "[console_scripts]\ndemo=demo:a.b [x]\n[gui_scripts]\nrun=demo:m\n",
)
REQUIREMENTS = (b"", b'Requires-Dist: tomli; python_version < "3.11"\n', b'Requires-Dist: idna; os_name == "nt"\n')


@st.composite
def wheels(draw: st.DrawFn) -> Sample:
    payload = {"demo/__init__.py": b"def main(): ...\n"}
    for root, name, content in draw(st.lists(st.tuples(st.sampled_from(ROOTS), NAMES, CONTENTS), max_size=8)):
        payload[root + name] = content
    tag = draw(st.sampled_from(TAGS))
    if "linux" in tag:
        payload["demo/_ext.so"] = Elf(needed=["libc.so.6"]).make()
    mode = stat.S_IFREG | 0o755
    return sample(
        tag,
        payload=payload,
        entry_points=draw(st.sampled_from(POINTS)),
        metadata=draw(st.sampled_from(REQUIREMENTS)),
        modes=dict.fromkeys(draw(st.sets(st.sampled_from(sorted(payload)), max_size=3)), mode),
        directories=draw(st.sampled_from([(), ("demo/hollow",), ("demo", "hollow", "hollow/deep")])),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(wheels())
def test_any_wheel_comes_back(made: Sample) -> None:
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        wheel = made.write(place)
        (there,) = convert([wheel], place / "channel").outcomes
        assert there.status is not Status.INTERNAL_ERROR, there.message
        for number, output in enumerate(there.outputs):
            (back,) = convert([output.path], place / str(number)).outcomes
            if any(loss.code is Code.NO_WAY_BACK for loss in there.losses):
                assert back.status is not Status.INTERNAL_ERROR, back.message
                continue
            assert back.status is Status.CONVERTED, back.message
            assert back.losses == ()
            result = Path(back.outputs[0].path)
            assert result.name == made.filename
            assert look_at_wheel(result) == look_at_wheel(wheel)
            assert executables(result) == executables(wheel)
