"""`open_wheel`: sound wheels are read as zipfile reads them, in pieces, and with everything parsed."""

from __future__ import annotations

import hashlib
import random
import stat
import zipfile
from typing import TYPE_CHECKING

import pytest

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.payload import BLOCK
from bridge.formats.wheel.reader import open_wheel
from bridge.limits import Limits
from bridge.model.payload import MemberKind
from bridge.model.variant import Property
from tests.support.hostile_samples import DATA, DIST_INFO, METADATA, VARIANT_JSON, WHEEL, Sample, recorded

if TYPE_CHECKING:
    from pathlib import Path

#: larger than a block, and neither all alike nor all noise.
BIG = b"".join(random.Random(0).randbytes(500) + bytes(700) for _ in range(2500))

SOUND = {
    "plain": Sample(),
    "stored": Sample(method=zipfile.ZIP_STORED),
    "empty files": Sample(payload={"demo/__init__.py": b"", "demo/py.typed": b""}),
    "empty files, stored": Sample(payload={"demo/__init__.py": b""}, method=zipfile.ZIP_STORED),
    "large files": Sample(payload={"demo/a.bin": BIG, "demo/b.bin": BIG[::-1]}),
    "large files, stored": Sample(payload={"demo/a.bin": BIG}, method=zipfile.ZIP_STORED),
    "names outside ASCII": Sample(payload={"demo/caf\u00e9.txt": b"x", 'demo/\u4e2d, "quoted".txt': b"y"}),
    "every scheme": Sample(
        payload={f"{DATA}/{scheme}/x{scheme}": b"x" for scheme in ("purelib", "platlib", "headers", "scripts", "data")}
    ),
    "directory entries": Sample(directories=("demo", "empty")),
    "no payload": Sample(payload={}),
    "name spelled otherwise": Sample(
        filename="Zope_Demo-1.0-py3-none-any.whl",
        dist_info="zope.demo-1.0.0.dist-info",
        metadata=METADATA.replace(b"demo", b"zope-demo"),
    ),
    "two tags": Sample(
        filename="demo-1.0-py2.py3-none-any.whl", wheel=WHEEL.replace(b"Tag: py3", b"Tag: py2-none-any\nTag: py3")
    ),
    "build tag": Sample(filename="demo-1.0-3abc-py3-none-any.whl", wheel=WHEEL + b"Build: 3abc\n"),
    "local version": Sample(
        filename="demo-1.0+cpu.2-py3-none-any.whl",
        dist_info="demo-1.0+cpu.2.dist-info",
        metadata=METADATA.replace(b"1.0", b"1.0+cpu.2"),
    ),
    "variant": Sample(filename="demo-1.0-py3-none-any-one.whl", info={"variant.json": VARIANT_JSON}),
    "signature without a digest": Sample(
        info={"RECORD.jws": b"{}"},
        record=lambda rows: [[row[0], "", ""] if row[0].endswith(".jws") else row for row in rows],
    ),
    "signature outside RECORD": Sample(
        info={"RECORD.p7s": b"x"}, record=lambda rows: [row for row in rows if not row[0].endswith(".p7s")]
    ),
    "RECORD outside RECORD": Sample(record=lambda rows: rows[:-1]),
    "RECORD without sizes": Sample(record=lambda rows: [[path, digest, ""] for path, digest, _ in rows]),
    "longer digests": Sample(
        payload={"demo/__init__.py": BIG},
        record=lambda rows: [
            [row[0], *recorded(BIG, "sha512")] if row[0] == "demo/__init__.py" else row for row in rows
        ],
    ),
    "nested metadata of others": Sample(payload={"demo/_vendor/other-2.dist-info/METADATA": b"Name: other\n"}),
}


@pytest.mark.parametrize("case", SOUND)
def test_a_sound_wheel_is_read_as_zipfile_reads_it(tmp_path: Path, case: str) -> None:
    path = SOUND[case].write(tmp_path)
    with zipfile.ZipFile(path) as archive:
        expected = [(each.filename, archive.read(each)) for each in archive.infolist() if not each.is_dir()]
    with open_wheel(path) as wheel:
        whole = [(member.path, reader.read()) for member, reader in wheel.members()]
        pieces = []
        for member, reader in wheel.members():
            read = b""
            while block := reader.read1(777 if member.size < BLOCK else 300_000):
                read += block
            pieces.append((member.path, read))
            assert reader.sha256 == hashlib.sha256(read).digest()
            assert reader.size == member.size == len(read)
            assert member.kind is MemberKind.FILE
    assert whole == expected
    assert pieces == expected


def test_metadata_are_parsed_and_agree(tmp_path: Path) -> None:
    sample = Sample(
        filename="demo-1.0-py3-none-any-one.whl",
        entry_points=b"[console_scripts]\ndemo = demo:main [fast]\n\n[demo.plugins]\nx = demo.x\n",
        info={"variant.json": VARIANT_JSON},
    )
    path = sample.write(tmp_path)
    with open_wheel(path) as wheel:
        found = wheel.metadata()
        assert str(wheel.filename) == path.name
    assert (found.core.name, str(found.core.version)) == ("demo", "1.0")
    assert found.wheel.root_is_purelib
    assert [entry.path for entry in found.record] == list(sample.members())
    assert found.entry_points == {"console_scripts": {"demo": "demo:main [fast]"}, "demo.plugins": {"x": "demo.x"}}
    assert found.label == "one"
    assert found.variant is not None
    assert found.variant.variants == {"one": frozenset({Property("x", "f", "a")})}
    assert found.dist_info == DIST_INFO
    assert found.findings == ()


def test_the_origin_is_of_the_file_that_was_opened(tmp_path: Path) -> None:
    path = Sample().write(tmp_path)
    data = path.read_bytes()
    with open_wheel(path) as wheel:
        path.unlink()
        origin = wheel.origin()
        assert wheel.origin() is origin
    assert (origin.filename, origin.size, origin.channel) == (path.name, len(data), None)
    assert origin.sha256 == hashlib.sha256(data).hexdigest()
    assert origin.md5 == hashlib.md5(data).hexdigest()


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (stat.S_IFREG | 0o755, 0o755),
        (stat.S_IFREG | 0o711, 0o755),
        (stat.S_IFREG | 0o666, 0o644),
        (stat.S_IFREG | 0o000, 0o644),
        (0o755, 0o755),
        (0, 0o644),
    ],
)
def test_only_the_executable_bit_of_a_mode_counts(tmp_path: Path, mode: int, expected: int) -> None:
    with open_wheel(Sample(modes={"demo/__init__.py": mode}).write(tmp_path)) as wheel:
        modes = {member.path: member.mode for member, _ in wheel.members()}
    assert modes["demo/__init__.py"] == expected


def test_empty_directories_are_those_without_a_file(tmp_path: Path) -> None:
    with open_wheel(Sample(directories=("demo", "z/y", "z", "demo/sub")).write(tmp_path)) as wheel:
        assert wheel.empty_directories() == ("demo/sub", "z", "z/y")


def test_what_was_not_read_is_verified_nevertheless(tmp_path: Path) -> None:
    wrong = recorded(b"other")[0]
    sample = Sample(
        payload={"demo/a": b"x", "demo/b": BIG},
        record=lambda rows: [[row[0], wrong, row[2]] if row[0] == "demo/b" else row for row in rows],
    )
    with open_wheel(sample.write(tmp_path)) as wheel:
        members = wheel.members()
        for path in ("demo/a", "demo/b"):
            member, reader = next(members)
            assert member.path == path
            assert len(reader.read(10)) == min(10, member.size)
        with pytest.raises(InvalidInput) as caught:
            next(members)
    assert (caught.value.code, caught.value.field) == (Code.RECORD, "demo/b")


def test_the_last_bytes_never_arrive_unverified(tmp_path: Path) -> None:
    wrong = recorded(b"other")[0]
    sample = Sample(
        payload={"demo/b": BIG},
        record=lambda rows: [[row[0], wrong, row[2]] if row[0] == "demo/b" else row for row in rows],
    )
    with open_wheel(sample.write(tmp_path)) as wheel:
        _, reader = next(iter(wheel.members()))
        assert reader.read(len(BIG) - 1) == BIG[:-1]
        with pytest.raises(ValueError, match="not been read"):
            _ = reader.sha256
        with pytest.raises(InvalidInput) as caught:
            reader.read1(1)
    assert caught.value.code is Code.RECORD


def test_passes_over_one_wheel_do_not_disturb_each_other(tmp_path: Path) -> None:
    sample = Sample(payload={"demo/a": BIG, "demo/b": BIG[::-1]})
    with open_wheel(sample.write(tmp_path)) as wheel:
        for (one, first), (other, second) in zip(wheel.members(), wheel.members(), strict=True):
            assert one == other
            left, right = b"", b""
            while len(left) < one.size:
                left += first.read(100_001)
                right += second.read(100_001)
                wheel.origin()
            assert left == right == sample.members()[one.path]


def test_a_block_bounds_what_is_inflated_at_once(tmp_path: Path) -> None:
    with open_wheel(Sample(payload={"demo/a": BIG}).write(tmp_path)) as wheel:
        _, reader = next(iter(wheel.members()))
        assert len(reader.read1(1 << 40)) <= BLOCK


@pytest.mark.parametrize(
    "limits",
    [
        Limits(members=3),
        Limits(file_size=20),
        Limits(total_size=60),
        Limits(metadata_size=20),
        Limits(headers_size=20),
        Limits(info_size=30),
        Limits(path_length=20),
        Limits(name_length=10),
        Limits(ratio=1, ratio_floor=100),
    ],
    ids=lambda limits: next(name for name in Limits.__slots__ if getattr(limits, name) != getattr(Limits(), name)),
)
def test_every_limit_is_kept(tmp_path: Path, limits: Limits) -> None:
    path = Sample(payload={"demo/__init__.py": bytes(2000)}).write(tmp_path)
    with pytest.raises(InvalidInput) as caught:
        open_wheel(path, limits=limits)
    assert caught.value.code is Code.LIMIT


def test_a_wheel_that_was_refused_is_closed(tmp_path: Path) -> None:
    path = Sample(wheel=None).write(tmp_path)
    with pytest.raises(InvalidInput):
        open_wheel(path)
    # An open file would be reported by the interpreter, and that is an error in these tests.
    path.unlink()
