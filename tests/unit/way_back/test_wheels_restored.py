"""wheel -> conda -> wheel: the same wheel, or a refusal; never something in between."""

from __future__ import annotations

import hashlib
import io
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.channel.convert import convert
from bridge.channel.inspect import inspect
from bridge.errors import Code
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.writer import CondaWriter
from bridge.model.conda import ArchiveFormat, FileMode
from bridge.model.payload import MemberKind
from bridge.model.plan import Layout, Outcome, Status
from tests.support.converted_wheels import sample
from tests.support.elf_files import Elf
from tests.support.hostile_samples import DATA, DIST_INFO, VARIANT_JSON, Sample, recorded
from tests.support.independent_looks import executables, look_at_wheel

SCRIPT = b"#!python -E\r\nprint('run')\n"
ENTRY_POINTS = "[console_scripts]\ndemo = demo:main\n[gui_scripts]\ndemow = demo:main\n[x.plugins]\na = demo\n"
Document = dict[str, Any]


def everything(tag: str = "py3-none-any", **parts: Any) -> Sample:
    """A wheel with one file of each kind that a conda package has elsewhere, otherwise, or not at all."""
    payload = {
        "demo/__init__.py": b"def main(): ...\n",
        "demo/data.bin": bytes(range(256)),
        "demo/tool.sh": b"#!/bin/sh\n",
        "demo.pth": b"demo\n",
        f"{DATA}/purelib/extra.py": b"",
        f"{DATA}/platlib/other.py": b"x = 1\n",
        f"{DATA}/headers/demo.h": b"#pragma once\n",
        f"{DATA}/scripts/run": SCRIPT,
        f"{DATA}/scripts/shell": b"#!/bin/sh\necho\n",
        f"{DATA}/scripts/demo": b"#!python\nold wrapper\n",
        f"{DATA}/data/share/demo/x": b"x",
        f"{DATA}/data/bin/go": b"#!python\nprint('go')\n",
        **parts.pop("payload", {}),
    }
    info = {
        "INSTALLER": b"pip\n",
        "REQUESTED": b"",
        "direct_url.json": b"{}",
        "RECORD.p7s": b"\xff\x00signature",
        "top_level.txt": b"demo\n",
        "licenses/LICENSE": b"free",
    }
    modes = {"demo/tool.sh": stat.S_IFREG | 0o755, f"{DATA}/scripts/run": stat.S_IFREG | 0o755}
    return sample(
        tag,
        payload=payload,
        entry_points=ENTRY_POINTS,
        info=info,
        modes=modes,
        directories=("demo", "demo/hollow"),
        **parts,
    )


def forward(wheel: Path, channel: Path) -> list[Path]:
    (outcome,) = convert([wheel], channel).outcomes
    assert outcome.status is Status.CONVERTED, outcome.message
    return [Path(output.path) for output in outcome.outputs]


def back(package: Path, out: Path, layout: Layout | None = None) -> Outcome:
    (outcome,) = convert([package], out, layout=layout).outcomes
    return outcome


def assert_comes_back(directory: Path, made: Sample, layout: Layout | None = None) -> list[Outcome]:
    wheel = made.write(directory)
    packages = forward(wheel, directory / "channel")
    outcomes = []
    for number, package in enumerate(packages):
        outcome = back(package, directory / f"wheels-{number}", layout)
        assert outcome.status is Status.CONVERTED, outcome.message
        (output,) = outcome.outputs
        assert output.filename == made.filename
        assert look_at_wheel(Path(output.path)) == look_at_wheel(wheel)
        assert executables(Path(output.path)) == executables(wheel)
        outcomes.append(outcome)
    return outcomes


@pytest.mark.parametrize("layout", list(Layout), ids=lambda layout: layout.value)
@pytest.mark.parametrize(
    "tag",
    ["py3-none-any", "py2.py3-none-any", "cp312-cp312-manylinux_2_17_x86_64", "cp39-abi3-manylinux_2_17_x86_64"],
)
def test_a_wheel_comes_back_in_any_layout(tmp_path: Path, tag: str, layout: Layout) -> None:
    extension = {} if tag.endswith("any") else {"demo/_ext.so": Elf(needed=["libc.so.6"]).make()}
    (outcome,) = assert_comes_back(tmp_path, everything(tag, payload=extension), layout)
    assert outcome.losses == ()


def test_every_package_of_a_split_wheel_leads_back(tmp_path: Path) -> None:
    made = everything(metadata=b'Requires-Dist: colorama; sys_platform == "win32"\n')
    outcomes = assert_comes_back(tmp_path, made)
    assert len(outcomes) == 2
    assert len({outcome.outputs[0].sha256 for outcome in outcomes}) == 1


def test_converting_the_same_package_again_changes_nothing(tmp_path: Path) -> None:
    packages = forward(everything().write(tmp_path), tmp_path / "channel")
    outcomes = [back(packages[0], tmp_path / "wheels") for _ in range(2)]
    assert [outcome.status for outcome in outcomes] == [Status.CONVERTED] * 2
    assert outcomes[0].outputs == outcomes[1].outputs


def test_spelling_and_build_tag_of_the_file_name_are_kept(tmp_path: Path) -> None:
    made = sample("py3-none-any", build="7x")
    made.filename = made.filename.replace("demo-", "Demo-")
    made.dist_info = "Demo-1.0.dist-info"
    assert_comes_back(tmp_path, made)


def test_a_variant_comes_back(tmp_path: Path) -> None:
    made = sample(info={"variant.json": VARIANT_JSON})
    made.filename = made.filename.replace(".whl", "-one.whl")
    wheel = made.write(tmp_path)
    (outcome,) = convert([wheel], tmp_path / "channel").outcomes
    if outcome.status is not Status.CONVERTED:
        pytest.skip(f"the sample has no conda package: {outcome.message}")
    again = back(Path(outcome.outputs[0].path), tmp_path / "wheels").outputs[0]
    assert again.filename == made.filename
    assert again.variant is not None
    assert again.variant.to_json() == {"label": "one", "properties": ["x :: f :: a"]}
    assert look_at_wheel(Path(again.path)) == look_at_wheel(wheel)


@pytest.mark.parametrize(
    "record",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.rstrip("\n"),
        lambda text: "\n".join(reversed(text.splitlines())) + "\n",
        lambda text: text.replace("\n", "\n\n"),
        lambda text: "".join(f'"{line.partition(",")[0]}",{line.partition(",")[2]}\n' for line in text.splitlines()),
        lambda text: "".join(
            line.replace(",", "=,").replace("=,", ",", 1) + "\n" if "sha256" in line else line + "\n"
            for line in text.splitlines()
        ),
        lambda text: "".join(sorted(text.splitlines(keepends=True))),
        lambda text: text.replace(f"{DIST_INFO}/RECORD,,\n", ""),
    ],
    ids=["CRLF", "no end", "reversed", "empty lines", "quoted", "padded", "sorted", "without itself"],
)
def test_record_comes_back_as_it_was_spelled(tmp_path: Path, record: Callable[[str], str]) -> None:
    made = everything()
    text = record(made.members()[f"{DIST_INFO}/RECORD"].decode())
    own = f"{DIST_INFO}/RECORD"
    parts = {name: data for name, data in made.members().items() if name != own}
    plain = Sample(
        payload={**parts, own: text.encode()},
        metadata=None,
        wheel=None,
        record=None,
        modes=made.modes,
        directories=made.directories,
    )
    assert_comes_back(tmp_path, plain)


def test_a_hotfix_is_told_and_changes_nothing(tmp_path: Path) -> None:
    wheel = everything().write(tmp_path)
    (package,) = forward(wheel, tmp_path / "channel")
    with open_artifact(package) as artifact:
        index = dict(artifact.metadata().index.raw)
    record = {
        **index,
        "depends": ["python >=3.9", "other"],
        "sha256": hashlib.sha256(package.read_bytes()).hexdigest(),
        "size": package.stat().st_size,
    }
    for subdir in ("noarch", "linux-64"):
        (tmp_path / "channel" / subdir).mkdir(exist_ok=True)
        packages = {package.name: record} if subdir == "noarch" else {}
        document = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": packages}
        (tmp_path / "channel" / subdir / "repodata.json").write_text(json.dumps(document))
    report = convert([package], tmp_path / "wheels", channels=[tmp_path / "channel"])
    (outcome,) = report.outcomes
    assert outcome.status is Status.CONVERTED, outcome.message
    assert {loss.code for loss in outcome.losses} == {Code.HOTFIX_LEFT}
    assert look_at_wheel(Path(outcome.outputs[0].path)) == look_at_wheel(wheel)


def test_what_the_package_cannot_hold_is_told(tmp_path: Path) -> None:
    made = everything(payload={f"{DATA}/scripts/demo.exe": b"MZ not kept"})
    (outcome,) = convert([made.write(tmp_path)], tmp_path / "channel").outcomes
    assert outcome.status is Status.CONVERTED, outcome.message
    assert any(loss.code is Code.NO_WAY_BACK for loss in outcome.losses)
    again = back(Path(outcome.outputs[0].path), tmp_path / "wheels")
    assert again.status is Status.CONVERTED, again.message
    assert again.outputs[0].filename.startswith("demo-1.0-")


def test_a_record_with_other_digests_is_told(tmp_path: Path) -> None:
    made = sample(record=lambda rows: [[rows[0][0], *recorded(b"x = 1\n", "sha512")], *rows[1:]])
    (outcome,) = convert([made.write(tmp_path)], tmp_path / "channel").outcomes
    assert outcome.status is Status.CONVERTED, outcome.message
    assert [loss.code for loss in outcome.losses] == [Code.NO_WAY_BACK]


def repacked(
    package: Path,
    directory: Path,
    *,
    extra: Callable[[Document], None] = lambda _: None,
    payload: Callable[[dict[str, bytes]], None] = lambda _: None,
) -> Path:
    """The package as somebody changed it: `restore`, or the payload with a true paths.json."""
    with open_artifact(package) as artifact:
        files = {member.path: (member, reader.read()) for member, reader in artifact.members()}
        metadata = artifact.metadata()
    contents = {path: data for path, (_, data) in files.items()}
    payload(contents)
    about = json.loads(metadata.info_files["info/about.json"])
    extra(about["extra"]["conda-wheel-bridge"])
    placeholders = {entry.path: entry.prefix_placeholder for entry in metadata.paths}
    destination = directory / package.name
    directory.mkdir(exist_ok=True)
    made = ("info/index.json", "info/paths.json", "info/about.json", "info/link.json", "info/files")
    with CondaWriter(destination, metadata.index.identity, format=ArchiveFormat.CONDA) as writer:
        for path, data in contents.items():
            placeholder = placeholders.get(path)
            member = files[path][0] if path in files else None
            assert member is None or member.kind is MemberKind.FILE
            writer.add(
                path,
                io.BytesIO(data),
                len(data),
                mode=0o644 if member is None else member.mode,
                prefix_placeholder=placeholder,
                file_mode=None if placeholder is None else FileMode.TEXT,
            )
        link = metadata.info_files.get("info/link.json")
        writer.finish(
            metadata.index.raw,
            about,
            link=None if link is None else json.loads(link),
            info={path: data for path, data in metadata.info_files.items() if path not in made},
        )
    return destination


def assert_refused(package: Path, directory: Path, *codes: str) -> None:
    outcome = back(package, directory / "refused")
    assert outcome.status is Status.UNREPRESENTABLE, outcome
    assert outcome.code is not None
    assert outcome.code.number in codes, outcome.message
    assert outcome.outputs == ()
    assert list((directory / "refused").iterdir()) == []


def test_an_unchanged_package_that_was_packed_again_leads_back(tmp_path: Path) -> None:
    wheel = everything().write(tmp_path)
    (package,) = forward(wheel, tmp_path / "channel")
    outcome = back(repacked(package, tmp_path / "other"), tmp_path / "wheels")
    assert outcome.status is Status.CONVERTED, outcome.message
    assert look_at_wheel(Path(outcome.outputs[0].path)) == look_at_wheel(wheel)


@pytest.mark.parametrize(
    "change",
    [
        lambda files: files.update({"site-packages/demo/added.py": b""}),
        lambda files: files.update({"site-packages/demo/__init__.py": b"changed"}),
        lambda files: files.pop("site-packages/demo/data.bin"),
        lambda files: files.update({f"site-packages/{DIST_INFO}/INSTALLER": b"me"}),
        lambda files: files.update({"python-scripts/run": files["python-scripts/run"] + b"more"}),
    ],
    ids=["added", "changed", "removed", "made", "script"],
)
def test_a_changed_payload_is_refused(tmp_path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    (package,) = forward(everything().write(tmp_path), tmp_path / "channel")
    assert_refused(repacked(package, tmp_path / "other", payload=change), tmp_path, "CB335")


def set_to(**values: Any) -> Callable[[Document], None]:
    return lambda provenance: provenance["restore"].update(values)


def of_source(**values: Any) -> Callable[[Document], None]:
    return lambda provenance: provenance["source"].update(values)


LIES: dict[str, Callable[[Document], None]] = {
    "no object": lambda provenance: provenance.update(restore=[]),
    "no source": lambda provenance: provenance.pop("source"),
    "no payload": lambda provenance: provenance["restore"].pop("payload"),
    "no members": lambda provenance: provenance["restore"].pop("members"),
    "another project": of_source(filename="numpy-1.0-py3-none-any.whl"),
    "another version": of_source(filename="demo-2.0-py3-none-any.whl"),
    "other tags": of_source(filename="demo-1.0-cp312-cp312-win_amd64.whl"),
    "a label": of_source(filename="demo-1.0-py3-none-any-one.whl"),
    "a directory": of_source(filename="../demo-1.0-py3-none-any.whl"),
    "no name": of_source(filename=None),
    "dist-info elsewhere": set_to(dist_info="../demo-1.0.dist-info"),
    "other dist-info": set_to(dist_info="numpy-1.0.dist-info"),
    "site-packages elsewhere": set_to(site_packages="share/"),
    "site-packages above": set_to(site_packages=""),
    "moved into metadata": lambda provenance: provenance["restore"]["moved"].update(
        {"share/demo/x": f"{DIST_INFO}/METADATA"}
    ),
    "moved over a module": lambda provenance: provenance["restore"]["moved"].update(
        {"share/demo/x": "demo/__init__.py"}
    ),
    "moved out": lambda provenance: provenance["restore"]["moved"].update({"share/demo/x": "../x"}),
    "moved to another name": lambda provenance: provenance["restore"]["moved"].update(
        {"share/demo/x": f"{DATA}/scripts/evil"}
    ),
    "twice": lambda provenance: provenance["restore"]["moved"].update(
        {"site-packages/demo/data.bin": f"{DATA}/purelib/demo/data.bin", "share/demo/x": f"{DATA}/data/x"}
    ),
    "hidden module": lambda provenance: provenance["restore"]["made"].append("site-packages/demo/data.bin"),
    "added module": lambda provenance: provenance["restore"]["kept"].update({"demo/evil.py": {"text": "evil"}}),
    "added metadata": lambda provenance: provenance["restore"]["kept"].update(
        {f"{DIST_INFO}/METADATA": {"text": "Name: numpy"}}
    ),
    "added outside": lambda provenance: provenance["restore"]["kept"].update({"../../evil": {"text": "evil"}}),
    "interpreter": lambda provenance: provenance["restore"]["kept"].update(
        {f"{DATA}/scripts/python": {"text": "#!python\n"}}
    ),
    "kept badly": lambda provenance: provenance["restore"]["kept"].update({f"{DATA}/scripts/x": {"base64": "*"}}),
    "kept of nothing": lambda provenance: provenance["restore"]["kept"].update(
        {f"{DATA}/scripts/x": {"path": "bin/none", "line": "#!python"}}
    ),
    "kept without": lambda provenance: provenance["restore"]["kept"].update({f"{DATA}/scripts/x": {}}),
    "record of nothing": set_to(record={"text": ""}),
    "record of others": set_to(record={"text": "demo/other.py,,\n"}),
    "record without order": set_to(record={"order": "none", "end": "\n", "last": True}),
    "record with runs": set_to(record={"order": "name", "end": "\n", "last": True, "runs": [0, 10**9]}),
    "record with half runs": set_to(record={"order": "name", "end": "\n", "last": True, "runs": [0]}),
    "record with odd ends": set_to(record={"order": "name", "end": ";", "last": True}),
    "directory outside": set_to(directories=["../out"]),
    "directory over a file": set_to(directories=["demo/data.bin"]),
    "directories that are none": set_to(directories="demo"),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_lie_makes_no_wheel(tmp_path: Path, lie: Callable[[Document], None]) -> None:
    (package,) = forward(everything().write(tmp_path), tmp_path / "channel")
    outcome = back(repacked(package, tmp_path / "plain", extra=lie), tmp_path / "refused")
    assert outcome.status in (Status.UNREPRESENTABLE, Status.INVALID), outcome
    assert outcome.outputs == ()
    assert list((tmp_path / "refused").iterdir()) == []


@pytest.mark.parametrize(
    "lie",
    [
        "another project",
        "another version",
        "other tags",
        "a label",
        "interpreter",
        "directory outside",
        "directory over a file",
        "record of nothing",
    ],
)
def test_a_lie_with_fitting_digests_makes_no_wheel(tmp_path: Path, lie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (package,) = forward(everything().write(tmp_path), tmp_path / "channel")
    # As if the liar had computed every digest.
    monkeypatch.setattr("bridge.translate.to_wheel.restored.content_digest", lambda _: "fits")

    def fitting(provenance: Document) -> None:
        provenance["restore"].update(payload="fits", members="fits")
        LIES[lie](provenance)

    assert_refused(repacked(package, tmp_path / "plain", extra=fitting), tmp_path, "CB336", "CB312", "CB309")


def test_inspect_says_what_will_be_restored(tmp_path: Path) -> None:
    made = everything("cp39-abi3-manylinux_2_17_x86_64")
    (package,) = forward(made.write(tmp_path), tmp_path / "channel")
    document = inspect(package)
    assert document["outcome"]["status"] == "converted"
    assert document["filename"] == made.filename
    assert document["tags"] == ["cp39-abi3-manylinux_2_17_x86_64"]
    assert document["entry_points"]["x.plugins"] == {"a": "demo"}
