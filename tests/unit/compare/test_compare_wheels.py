"""Two wheels: every kind of difference shows and is judged; another archive of the same wheel is equal."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

import bridge
from bridge.compare.comparison import Difference
from bridge.errors import InvalidInput
from tests.support.hostile_samples import DATA, DIST_INFO, METADATA, VARIANT_JSON, WHEEL, Sample, recorded

POINTS = b"[console_scripts]\nx = a:b\n\n[plugins]\ny = c\n"
HEADERS = (
    b"Summary: s\nRequires-Python: >=3.8\nRequires-Dist: a>=1\nRequires-Dist: b; python_version < '3.9'\n"
    b"Requires-Dist: c; extra == 'more'\nProvides-Extra: more\n"
)
SAMPLE = Sample(
    payload={"demo/__init__.py": b"x = 1\n", f"{DATA}/scripts/run": b"#!python\n"},
    metadata=METADATA + HEADERS + b"\nText\n",
    entry_points=POINTS,
)


def wheel(directory: Path, sample: Sample = SAMPLE) -> Path:
    directory.mkdir(exist_ok=True)
    return sample.write(directory)


def differences(tmp_path: Path, other: Sample) -> list[Difference]:
    """Between the sample and another wheel; the same the other way round."""
    left, right = wheel(tmp_path / "left"), wheel(tmp_path / "right", other)
    found = list(bridge.diff(left, right).differences)
    assert sorted(map(str, found)) == sorted(str(each.swapped()) for each in bridge.diff(right, left).differences)
    return found


def that_matter(tmp_path: Path, other: Sample) -> list[str]:
    return [each.where for each in differences(tmp_path, other) if each.matters]


def with_headers(old: bytes, new: bytes) -> Sample:
    assert old in (SAMPLE.metadata or b"")
    return replace(SAMPLE, metadata=(SAMPLE.metadata or b"").replace(old, new))


def test_a_wheel_is_equal_to_itself(tmp_path: Path) -> None:
    assert differences(tmp_path, SAMPLE) == []


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_another_archive_of_the_same_members_is_equal(tmp_path: Path, method: int) -> None:
    original = wheel(tmp_path / "a")
    again = tmp_path / original.name
    with zipfile.ZipFile(original) as source, zipfile.ZipFile(again, "w", method) as archive:
        for member in reversed(source.infolist()):
            data = source.read(member)
            member.date_time = (2020, 1, 1, 0, 0, 0)
            archive.writestr(member, data, method)
    assert bridge.diff(original, again).differences == ()


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        (b"Summary: s", b"Summary: t", "METADATA: Summary"),
        (b">=3.8", b">=3.9", "METADATA: Requires-Python"),
        (b"Requires-Dist: a>=1", b"Requires-Dist: a>=2", "METADATA: Requires-Dist: a"),
        (b"Requires-Dist: a>=1\n", b"", "METADATA: Requires-Dist: a"),
        (b"python_version < '3.9'", b"python_version < '3.10'", "METADATA: Requires-Dist: b"),
        (b"extra == 'more'", b"extra == 'most'", "METADATA: Requires-Dist: c"),
        (b"Provides-Extra: more\n", b"Provides-Extra: more\nProvides-Extra: less\n", "METADATA: Provides-Extra"),
        (b"Text", b"Texts", "METADATA: Description"),
        (b"Summary: s\n", b"Summary: s\nClassifier: x\n", "METADATA: Classifier"),
        (b"Summary: s\n", b"Summary: s\nLicense: MIT\n", "METADATA: License"),
    ],
)
def test_metadata_is_compared_field_by_field(tmp_path: Path, old: bytes, new: bytes, where: str) -> None:
    assert set(that_matter(tmp_path, with_headers(old, new))) == {where}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Requires-Dist: a>=1\n", b"Requires-Dist: A >= 1.0\n"),
        (b"python_version < '3.9'", b"python_full_version < '3.9'"),
        (b"Summary: s\nRequires-Python: >=3.8\n", b"Requires-Python: >=3.8\nsummary:  s\n"),
        (b">=3.8", b">= 3.8.0"),
        (b"Name: demo", b"Name: Demo"),
        (b"Metadata-Version: 2.4", b"Metadata-Version: 2.1"),
        (b"Text\n", b"Text\r\n\n"),
        (b"Provides-Extra: more", b"Provides-Extra: More"),
        (b"Summary: s\n", b"Summary: s\nPlatform: UNKNOWN\n"),
    ],
)
def test_another_spelling_of_metadata_does_not_matter(tmp_path: Path, old: bytes, new: bytes) -> None:
    found = differences(tmp_path, with_headers(old, new))
    assert "METADATA (bytes)" in {each.where for each in found}
    assert not any(each.matters for each in found)


def test_the_old_and_the_new_licence_field_may_say_the_same(tmp_path: Path) -> None:
    one = wheel(tmp_path / "a", with_headers(b"Summary", b"License: MIT\nSummary"))
    other = wheel(tmp_path / "b", with_headers(b"Summary", b"License-Expression: mit\nSummary"))
    assert bridge.diff(one, other).equal


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"demo/__init__.py": b"x = 2\n"}, "payload: demo/__init__.py: content"),
        ({"demo/more.py": b""}, "payload: demo/more.py"),
        ({f"{DATA}/scripts/run": b"#!python -E\n"}, "payload: *.data/scripts/run: content"),
    ],
)
def test_members_matter(tmp_path: Path, change: dict[str, bytes], where: str) -> None:
    assert that_matter(tmp_path, replace(SAMPLE, payload={**SAMPLE.payload, **change})) == [where]


def test_the_executable_bit_matters_and_others_do_not_exist(tmp_path: Path) -> None:
    name = f"{DATA}/scripts/run"
    assert that_matter(tmp_path, replace(SAMPLE, modes={name: 0o100755})) == [
        f"payload: {name.replace(DATA, '*.data')}: executable"
    ]
    assert differences(tmp_path, replace(SAMPLE, modes={name: 0o100600})) == []


def test_empty_directories_do_not_matter(tmp_path: Path) -> None:
    (one,) = differences(tmp_path, replace(SAMPLE, directories=("demo", "demo/void")))
    assert (one.where, one.right, one.matters) == ("payload (empty directory)", "demo/void", False)


@pytest.mark.parametrize(
    ("points", "where"),
    [
        (POINTS.replace(b"a:b", b"a:c"), "entry points: console_scripts: x"),
        (POINTS.replace(b"y = c", b"z = c"), "entry points: plugins: y"),
        (None, "entry points: console_scripts: x"),
    ],
)
def test_entry_points_matter(tmp_path: Path, points: bytes | None, where: str) -> None:
    assert where in that_matter(tmp_path, replace(SAMPLE, entry_points=points))


def test_the_spelling_of_entry_points_does_not(tmp_path: Path) -> None:
    points = b"[plugins]\ny=c\n[console_scripts]\nx=a : b\n[empty]\n"
    found = differences(tmp_path, replace(SAMPLE, entry_points=points))
    assert [(each.where, each.matters) for each in found] == [("entry_points.txt (bytes)", False)]


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        (b"Generator: test", b"Generator: other", set()),
        (b"Wheel-Version: 1.0", b"Wheel-Version: 1.9", set()),
        (b"Root-Is-Purelib: true", b"Root-Is-Purelib: True", set()),
        (b"Root-Is-Purelib: true", b"Root-Is-Purelib: false", {"WHEEL: Root-Is-Purelib"}),
        (b"Generator: test", b"Generator: test\nBuild: 1", {"WHEEL: Build"}),
    ],
)
def test_what_matters_of_the_wheel_file(tmp_path: Path, old: bytes, new: bytes, where: set[str]) -> None:
    assert set(that_matter(tmp_path, replace(SAMPLE, wheel=WHEEL.replace(old, new)))) == where


@pytest.mark.parametrize(
    ("filename", "wheel_file", "where"),
    [
        ("demo-1.0-1-py3-none-any.whl", WHEEL, "file name: build tag"),
        ("demo-1.0-py2.py3-none-any.whl", WHEEL + b"Tag: py2-none-any\n", "file name: tags"),
        ("demo-1.0-py312-none-any.whl", WHEEL.replace(b"py3", b"py312"), "file name: tags"),
    ],
)
def test_parts_of_the_file_name_matter(tmp_path: Path, filename: str, wheel_file: bytes, where: str) -> None:
    assert set(that_matter(tmp_path, replace(SAMPLE, filename=filename, wheel=wheel_file))) == {where}


def test_another_spelling_of_the_file_name_does_not_matter(tmp_path: Path) -> None:
    other = replace(
        SAMPLE,
        filename="Demo-1.0.0-py3-none-any.whl",
        dist_info="Demo-1.0.0.dist-info",
        payload={"demo/__init__.py": b"x = 1\n", "Demo-1.0.0.data/scripts/run": b"#!python\n"},
    )
    found = differences(tmp_path, other)
    assert found
    assert not any(each.matters for each in found)


def test_another_version_does(tmp_path: Path) -> None:
    other = Sample(
        filename="demo-2.0-py3-none-any.whl",
        dist_info="demo-2.0.dist-info",
        metadata=METADATA.replace(b"1.0", b"2.0"),
    )
    found = that_matter(tmp_path, other)
    assert {"file name: version", "METADATA: Version"} <= set(found)
    assert not any(where.startswith("payload: *.dist-info") for where in found)


def test_variant_metadata_are_compared_by_what_they_say(tmp_path: Path) -> None:
    def variant(data: bytes, label: str = "one") -> Sample:
        return replace(SAMPLE, filename=f"demo-1.0-py3-none-any-{label}.whl", info={"variant.json": data})

    one = wheel(tmp_path / "a", variant(VARIANT_JSON))
    spaced = bridge.diff(one, wheel(tmp_path / "b", variant(VARIANT_JSON.replace(b", ", b",\n"))))
    assert [(each.where, each.matters) for each in spaced.differences] == [("variant.json (bytes)", False)]
    changed = bridge.diff(one, wheel(tmp_path / "b", variant(VARIANT_JSON.replace(b'{"f": ["a"]}', b'{"f": ["b"]}'))))
    assert [each.where for each in changed.differences if each.matters] == ["variant.json: variants: one"]
    plain = bridge.diff(one, wheel(tmp_path / "b"))
    assert {"file name: variant label", "variant.json: variants"} <= {each.where for each in plain.differences}


def test_record_is_compared_by_content(tmp_path: Path) -> None:
    backwards = replace(SAMPLE, record=lambda rows: rows[::-1])
    assert differences(tmp_path, backwards) == []

    def stronger(rows: list[list[str]]) -> list[list[str]]:
        digest = recorded(SAMPLE.payload["demo/__init__.py"], "sha512")
        return [[row[0], *digest] if row[0] == "demo/__init__.py" else row for row in rows]

    (one,) = differences(tmp_path, replace(SAMPLE, record=stronger))
    assert (one.where, one.left, one.right) == ("RECORD: demo/__init__.py", "sha256, size", "sha512, size")
    assert one.matters is False


def test_the_bridge_s_own_record_matters_where_the_way_back_needs_it(tmp_path: Path) -> None:
    def sample(text: bytes) -> Sample:
        return replace(SAMPLE, info={"conda/provenance.json": text})

    one = wheel(tmp_path / "a", sample(b'{"tool": 1, "restore": {"files": {}}}'))
    assert bridge.diff(one, wheel(tmp_path / "b", sample(b'{"tool": 2, "restore": {"files": {}}}'))).equal
    assert not bridge.diff(one, wheel(tmp_path / "b", sample(b'{"tool": 1, "restore": {"files": {"a": {}}}}'))).equal


def test_a_damaged_wheel_is_an_error(tmp_path: Path) -> None:
    bad = replace(SAMPLE, record=lambda rows: [[rows[0][0], *recorded(b"other")], *rows[1:]])
    with pytest.raises(InvalidInput, match="CB122"):
        bridge.diff(wheel(tmp_path / "a"), wheel(tmp_path / "b", bad))


def test_dist_info_has_one_name(tmp_path: Path) -> None:
    licence = replace(SAMPLE, info={"licenses/LICENSE": b"l"})
    assert that_matter(tmp_path, licence) == [f"payload: {DIST_INFO.replace('demo-1.0', '*')}/licenses/LICENSE"]


def test_requirements_of_the_past_are_compared_as_text(tmp_path: Path) -> None:
    old = b"Requires-Dist: a (>=1,<2.*)"
    one = wheel(tmp_path / "a", with_headers(b"Requires-Dist: a>=1", old))
    assert bridge.diff(one, wheel(tmp_path / "b", with_headers(b"Requires-Dist: a>=1", old))).differences == ()
    assert not bridge.diff(one, wheel(tmp_path / "b")).equal
