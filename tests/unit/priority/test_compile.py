"""Compiling for several clients at once: written once, found unchanged, found edited, and all or nothing."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

import bridge
from bridge.errors import Code, InvalidInput
from bridge.priority.compilation import SCHEMA, CompileResult, FileState
from bridge.priority.compile import compile_policy, compiler
from bridge.priority.context import CompileContext
from bridge.priority.report import Client
from tests.support.channel_policies import OVERLAYS, policy

CLIENTS = (Client.CONDA, Client.MAMBA, Client.PIXI, Client.RATTLER, Client.UV, Client.PDM, Client.PIP)
CONTEXT = CompileContext(projects=(), packages=())

PYPROJECT = """\
# ours
[project]
name = 'x'   # odd spacing

[tool.uv]
package = false
[[tool.other]]
text = '''
# >>> conda-bridge policy: uv >>>
'''"""


def compiled(out: Path, *, check: bool = False, clients: tuple[Client, ...] = CLIENTS) -> CompileResult:
    return compile_policy(policy(), out, clients=clients, context=CONTEXT, check=check)


def content(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_twice_gives_the_same_bytes_and_check_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    first = compiled(tmp_path)
    assert {file.state for file in first.files} == {FileState.WRITTEN}
    before = content(tmp_path)
    assert {file.state for file in compiled(tmp_path).files} == {FileState.UNCHANGED}
    result = compiled(tmp_path, check=True)
    assert result.drift == ()
    assert result.report == first.report
    assert content(tmp_path) == before
    assert set(before) == {str(file.path) for file in first.files}


def test_order_and_choice_of_clients_do_not_matter(tmp_path: Path) -> None:
    compiled(tmp_path)
    before = content(tmp_path)
    for client in reversed(CLIENTS):
        assert compiled(tmp_path, clients=(client,), check=True).drift == ()
        compiled(tmp_path, clients=(client,))
    assert content(tmp_path) == before


def test_what_the_user_wrote_stays(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(PYPROJECT.replace("\n", "\r\n").encode())
    (tmp_path / ".condarc").write_text("ssl_verify: false # why\n")
    compiled(tmp_path)
    assert (tmp_path / ".condarc").read_text().startswith("ssl_verify: false # why\n# >>>")
    said = tomllib.loads((tmp_path / "pyproject.toml").read_text())
    assert said["project"] == {"name": "x"}
    assert said["tool"]["uv"]["package"] is False
    assert said["tool"]["uv"]["index-strategy"] == "first-index"


@pytest.mark.parametrize("name", [".condarc", "pixi.toml", "pyproject.toml", "rattler-config.toml"])
def test_an_edited_block_is_found_and_mended(tmp_path: Path, name: str) -> None:
    compiled(tmp_path)
    before = content(tmp_path)
    place = tmp_path / name
    place.write_text(place.read_text().replace("example/", "example.evil/", 1))
    result = compiled(tmp_path, check=True)
    (drift,) = result.drift
    assert (str(drift.path), drift.state) == (name, FileState.CHANGED)
    assert drift.line is not None
    assert b"evil" in place.read_bytes().splitlines()[drift.line - 1]
    assert not result.ok
    compiled(tmp_path)
    assert content(tmp_path) == before


def test_changes_outside_of_the_block_are_not_drift(tmp_path: Path) -> None:
    compiled(tmp_path)
    for name, line in ((".condarc", "more: 1"), ("pixi.toml", "[tasks]\nx = 'y'"), ("pyproject.toml", "[tool.z]")):
        place = tmp_path / name
        place.write_text(f"{place.read_text()}{line}\n")
    assert compiled(tmp_path, check=True).drift == ()


def test_a_missing_file_and_a_missing_block_are_drift(tmp_path: Path) -> None:
    compiled(tmp_path)
    (tmp_path / ".mambarc").unlink()
    (tmp_path / ".condarc").write_text("more: 1\n")
    states = {str(file.path): file.state for file in compiled(tmp_path, check=True).drift}
    assert states == {".mambarc": FileState.MISSING, ".condarc": FileState.CHANGED}
    assert not (tmp_path / ".mambarc").exists()


def test_what_a_client_no_longer_gets_is_taken_out(tmp_path: Path) -> None:
    compiled(tmp_path, clients=(Client.PIXI,))
    (tmp_path / "pyproject.toml").write_text("[tool.pixi.workspace]\nname = 'x'\n")
    (tmp_path / "pixi.toml").rename(tmp_path / "old.toml")
    compiled(tmp_path, clients=(Client.PIXI,))
    assert "# >>> conda-bridge policy: pixi >>>" in (tmp_path / "pyproject.toml").read_text()
    (tmp_path / "old.toml").rename(tmp_path / "pixi.toml")
    compiled(tmp_path, clients=(Client.PIXI,))
    assert (tmp_path / "pyproject.toml").read_text() == "[tool.pixi.workspace]\nname = 'x'\n"


def test_a_conflict_leaves_everything_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.uv]\nindex-strategy = 'unsafe-best-match'\n")
    before = content(tmp_path)
    with pytest.raises(InvalidInput, match=r"pyproject\.toml: line 2: tool\.uv\.index-strategy") as caught:
        compiled(tmp_path)
    assert caught.value.code is Code.BLOCK_CONFLICT
    assert content(tmp_path) == before


@pytest.mark.parametrize("kind", ["link", "linked directory", "directory"])
def test_only_plain_files_are_replaced(tmp_path: Path, kind: str) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    if kind == "link":
        (elsewhere / "file").write_text("")
        (out / ".condarc").symlink_to(elsewhere / "file")
    elif kind == "directory":
        (out / ".condarc").mkdir()
    else:
        (out / ".pixi").symlink_to(elsewhere)
    with pytest.raises(InvalidInput) as caught:
        compiled(out)
    assert caught.value.code is Code.OUTPUT_TAKEN
    assert content(elsewhere) in ({}, {"file": b""})


def test_permissions_of_a_file_stay(tmp_path: Path) -> None:
    (tmp_path / ".condarc").write_text("")
    (tmp_path / ".condarc").chmod(0o600)
    compiled(tmp_path)
    assert (tmp_path / ".condarc").stat().st_mode & 0o777 == 0o600


def test_weak_first_party_claims_fail_unless_allowed_by_code(tmp_path: Path) -> None:
    weak = compiled(tmp_path, clients=(Client.CONDA,))
    assert {(entry.subject, entry.code) for entry in weak.refused} == {("acme-*", Code.CHANNEL_CLAIM)}
    assert not weak.ok
    for code, good in ((Code.CHANNEL_CLAIM, True), (Code.HIDDEN_OWNER, False)):
        allowed = compile_policy(policy(), tmp_path, clients=(Client.CONDA,), context=CONTEXT, allow_weaker=(code,))
        assert allowed.ok is good
    assert compile_policy(policy(), tmp_path, clients=(Client.CONDA,), context=CONTEXT, overlays=OVERLAYS).ok


def test_report_as_text_and_as_json(tmp_path: Path) -> None:
    result = compiled(tmp_path, clients=(Client.CONDA, Client.PIXI))
    text = result.text()
    assert ["conda", "claim", "acme-*", "(first-party)", "weaker", "CB445"] in [
        row.split() for row in text.splitlines()
    ]
    assert text.count("holds for names that internal has") == 1
    assert "(allow by code: CB445)" in text
    assert len(result.text(all_rules=True)) > len(text)
    document = json.loads(json.dumps(result.to_json()))
    assert document["schema"] == SCHEMA
    assert document["ok"] is False
    assert document["policy"] == {"filename": "bridge-policy.toml", "digest": policy().digest}
    refused = [entry for entry in document["report"] if entry["refused"]]
    assert {entry["code"] for entry in refused} == {"CB445"}
    assert document["files"][0] == {
        "path": ".condarc",
        "clients": ["conda"],
        "state": "written",
        "code": None,
        "line": None,
    }


def test_every_client_has_a_compiler() -> None:
    assert bridge.compile_policy is compile_policy
    for client in CLIENTS:
        assert callable(compiler(client))


def test_a_file_of_the_users_is_not_replaced_by_one_that_is_made_whole(tmp_path: Path) -> None:
    mine = tmp_path / "rattler-config.toml"
    mine.write_text('default-channels = ["mine"]\n')
    with pytest.raises(InvalidInput) as error:
        compiled(tmp_path, clients=(Client.RATTLER, Client.CONDA))
    assert (error.value.code, error.value.subject) == (Code.OUTPUT_TAKEN, "rattler-config.toml")
    assert content(tmp_path) == {"rattler-config.toml": b'default-channels = ["mine"]\n'}, "nothing is written"
    mine.unlink()
    compiled(tmp_path, clients=(Client.RATTLER,))
    mine.write_text(mine.read_text() + "# edited\n")
    compiled(tmp_path, clients=(Client.RATTLER,))
    assert "# edited" not in mine.read_text()
