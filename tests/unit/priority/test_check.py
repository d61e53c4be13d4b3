"""What a check answers: the clients of a project against the policy, and against each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from packaging.markers import default_environment

from bridge.errors import Code, InvalidInput
from bridge.priority.catalogue import Catalogue, Listing
from bridge.priority.check import check
from bridge.priority.check_text import check_text
from bridge.priority.checked import Answer, CheckedName, CheckReport, Standing
from bridge.priority.policy import Ecosystem
from bridge.priority.policy_file import parse_policy
from bridge.priority.report import Client
from bridge.priority.taking import Why
from tests.support.catalogues import (
    CLAIM,
    CONDA_INTERNAL,
    CONDA_PUBLIC,
    INTERNAL,
    PUBLIC,
    SOURCES,
    confused,
    listing,
    sources,
    write_files,
)

UV = f"""\
[project]
name = "p"
version = "0"
dependencies = ["onlypub"]
[[tool.uv.index]]
name = "internal"
url = "{INTERNAL}"
[[tool.uv.index]]
name = "public"
url = "{PUBLIC}"
default = true
"""
PIP = {
    "pip.conf": f"[global]\nindex-url = {INTERNAL}\nextra-index-url = {PUBLIC}\n",
    "requirements.txt": "onlypub\n",
}
PIXI = f"""\
[workspace]
channels = ["{CONDA_INTERNAL}", "{CONDA_PUBLIC}"]
[workspace.pypi-options]
index-url = "{PUBLIC}"
extra-index-urls = ["{INTERNAL}"]
index-strategy = "unsafe-best-match"
[dependencies]
acme-core = "*"
[pypi-dependencies]
acme-core = "*"
"""


def row(report: CheckReport, name: str, ecosystem: Ecosystem = Ecosystem.PYPI) -> CheckedName:
    (found,) = (one for one in report.names if (one.name, one.ecosystem) == (name, ecosystem))
    return found


def answers(found: CheckedName) -> dict[Client, Answer]:
    return {answer.client: answer for answer in found.answers}


def test_a_client_that_takes_a_claimed_name_elsewhere_disagrees(tmp_path: Path) -> None:
    write_files(tmp_path, {"pyproject.toml": UV, **PIP})
    report = check(tmp_path, sources(), confused())
    found = answers(row(report, "acme-core"))
    assert {client: answer.standing for client, answer in found.items()} == {
        Client.UV: Standing.AGREES,
        Client.PIP: Standing.OTHER_SOURCE,
    }
    assert (found[Client.PIP].why, found[Client.PIP].version) == (Why.BEST, "99")
    assert not row(report, "onlypub").wrong
    assert not report.ok


def test_without_a_policy_clients_are_compared_with_each_other(tmp_path: Path) -> None:
    write_files(tmp_path, {"pyproject.toml": UV, **PIP})
    report = check(tmp_path, None, confused())
    assert row(report, "acme-core").divided
    assert not row(report, "onlypub").divided
    assert {answer.standing for name in report.names for answer in name.answers} == {None}
    assert not report.ok
    (tmp_path / "requirements.txt").unlink()
    (tmp_path / "pip.conf").unlink()
    assert check(tmp_path, None, confused()).ok


def test_a_client_of_both_ecosystems_answers_in_both(tmp_path: Path) -> None:
    report = check(write_files(tmp_path, {"pixi.toml": PIXI}), sources(), confused())
    conda, pypi = row(report, "acme-core", Ecosystem.CONDA), row(report, "acme-core")
    assert answers(conda)[Client.PIXI].standing is Standing.AGREES
    assert answers(pypi)[Client.PIXI].standing is Standing.OTHER_SOURCE


def test_environments_of_hatch_that_say_the_same_are_one_answer(tmp_path: Path) -> None:
    environment = '[tool.hatch.envs.{}]\ninstaller = "uv"\nenv-vars = {{ UV_DEFAULT_INDEX = "{}" }}\n'
    text = '[project]\nname = "p"\nversion = "0"\ndependencies = ["acme-core"]\n'
    text += environment.format("default", INTERNAL) + environment.format("docs", INTERNAL)
    report = check(write_files(tmp_path, {"pyproject.toml": text}), sources(), confused())
    assert [(one.client, one.standing) for one in row(report, "acme-core").answers] == [(Client.HATCH, Standing.AGREES)]
    text += environment.format("test", PUBLIC)
    report = check(write_files(tmp_path, {"pyproject.toml": text}), sources(), confused())
    assert len(row(report, "acme-core").answers) == 2
    assert len(report.configurations) == 1


def test_named_packages_are_answered_by_every_client(tmp_path: Path) -> None:
    write_files(tmp_path, {"pyproject.toml": UV, **PIP})
    report = check(tmp_path, sources(), confused(), ["pypi:Shared"])
    assert [(one.name, one.ecosystem) for one in report.names] == [("shared", Ecosystem.PYPI)]
    found = answers(report.names[0])
    assert {client: answer.required for client, answer in found.items()} == {Client.UV: False, Client.PIP: False}
    assert found[Client.PIP].standing is Standing.OTHER_SOURCE


def test_a_client_that_requires_nothing_answers_for_what_the_others_need(tmp_path: Path) -> None:
    write_files(tmp_path, {"pixi.toml": PIXI, ".condarc": f"channels: [{CONDA_PUBLIC}, {CONDA_INTERNAL}]\n"})
    found = answers(row(check(tmp_path, sources(), confused()), "acme-core", Ecosystem.CONDA))
    assert found[Client.CONDA].standing is Standing.OTHER_SOURCE
    assert not found[Client.CONDA].required


def test_names_known_from_elsewhere_are_answered_too(tmp_path: Path) -> None:
    write_files(tmp_path, {"pyproject.toml": UV})
    report = check(tmp_path, sources(), confused(), also={Ecosystem.PYPI: {"shared"}})
    assert not answers(row(report, "shared"))[Client.UV].required


def test_the_policy_is_asked_for_the_versions_that_the_client_needs(tmp_path: Path) -> None:
    write_files(tmp_path, {"pyproject.toml": UV.replace('"onlypub"', '"acme-core>=2"')})
    (found,) = row(check(tmp_path, sources(), confused()), "acme-core").answers
    # the owner has 1.0 only: the client refuses, as the policy does
    assert (found.why, found.standing) == (Why.UNSATISFIABLE, Standing.AGREES)


def test_a_constraint_that_refuses_a_name_is_seen_as_a_refusal(tmp_path: Path) -> None:
    constrained = {**PIP, "requirements.txt": "-c c.txt\nacme-core\n", "c.txt": "acme-core<0\n"}
    (found,) = row(check(write_files(tmp_path, constrained), sources(), confused()), "acme-core").answers
    assert found.standing is Standing.REFUSES


@pytest.mark.parametrize(
    ("address", "standing"),
    [
        (f"{INTERNAL}/acme-core-1.0-py3-none-any.whl", Standing.AGREES),
        (f"{PUBLIC}/acme-core-99-py3-none-any.whl", Standing.OTHER_SOURCE),
        ("https://elsewhere.example/acme-core-1.0-py3-none-any.whl", Standing.OTHER_SOURCE),
    ],
)
def test_an_address_counts_as_the_source_that_lists_it(tmp_path: Path, address: str, standing: Standing) -> None:
    constrained = {**PIP, "requirements.txt": "-c c.txt\nacme-core\n", "c.txt": f"acme-core @ {address}\n"}
    (found,) = row(check(write_files(tmp_path, constrained), sources(), confused()), "acme-core").answers
    assert (found.why, found.standing) == (Why.URL, standing)


def test_a_directory_of_the_project_is_no_other_source(tmp_path: Path) -> None:
    text = UV.replace("onlypub", "acme-core") + '[tool.uv.sources]\nacme-core = { path = "libs/core" }\n'
    (found,) = row(check(write_files(tmp_path, {"pyproject.toml": text}), sources(), confused()), "acme-core").answers
    assert found.standing is Standing.AGREES


def test_a_mirror_counts_as_what_it_is_a_copy_of(tmp_path: Path) -> None:
    mirror = "https://mirror.example/simple"
    policy = parse_policy(
        SOURCES + f'[sources.copy]\npypi = "{mirror}"\ntrust = "public"\nrole = "mirror-of:public"\n' + CLAIM, "p.toml"
    )
    catalogue = confused(listing(mirror, {"onlypub": ["1.0"]}))
    write_files(tmp_path, {"pip.conf": f"[global]\nindex-url = {mirror}\n", "requirements.txt": "onlypub\n"})
    (found,) = row(check(tmp_path, policy, catalogue), "onlypub").answers
    assert found.standing is Standing.AGREES


@pytest.mark.parametrize(("required", "standing"), [("acme-core", Standing.AGREES), ("onlypub", Standing.UNKNOWN)])
def test_a_source_without_a_known_address_leaves_open_what_it_may_decide(
    tmp_path: Path, required: str, standing: Standing
) -> None:
    # uv adds its own default index below the others
    text = UV.replace("onlypub", required).partition('[[tool.uv.index]]\nname = "public"')[0]
    (found,) = row(check(write_files(tmp_path, {"pyproject.toml": text}), sources(), confused()), required).answers
    assert found.standing is standing
    # pip asks all of its indexes, whoever has the name
    pip = {"requirements.txt": f"--extra-index-url {INTERNAL}\n{required}\n"}
    (found,) = row(check(write_files(tmp_path / "pip", pip), sources(), confused()), required).answers
    assert (found.standing, found.unseen) == (Standing.UNKNOWN, "pypi")
    assert "asks pypi, at which nobody could look" in check_text(check(tmp_path / "pip", sources(), confused()))


def test_a_source_that_does_not_answer_stops_policy_and_client_alike(tmp_path: Path) -> None:
    down = Catalogue((Listing(INTERNAL, Ecosystem.PYPI, reachable=False), listing(PUBLIC, {"onlypub": ["1.0"]})))
    write_files(tmp_path, {"pyproject.toml": UV, **PIP})
    found = answers(row(check(tmp_path, sources(), down), "onlypub"))
    assert (found[Client.UV].why, found[Client.UV].standing) == (Why.UNREACHABLE, Standing.AGREES)
    # pip goes on with the other index
    assert found[Client.PIP].standing is Standing.OTHER_SOURCE


@pytest.mark.parametrize(("platform", "standing"), [("linux", Standing.AGREES), ("win32", Standing.OTHER_SOURCE)])
def test_a_claim_counts_where_it_holds(tmp_path: Path, platform: str, standing: Standing) -> None:
    claim = '[[claims]]\npackages = ["onlyint"]\nfrom = ["public"]\nwhen = "sys_platform == \'win32\'"\n'
    catalogue = Catalogue((listing(INTERNAL, {"onlyint": ["1.0"]}), listing(PUBLIC, {"onlyint": ["1.0"]})))
    write_files(tmp_path, {"pip.conf": f"[global]\nindex-url = {INTERNAL}\n", "requirements.txt": "onlyint\n"})
    environment = {key: str(value) for key, value in default_environment().items()} | {"sys_platform": platform}
    report = check(tmp_path, sources(claim), catalogue, environment=environment)
    assert row(report, "onlyint").answers[0].standing is standing


def test_a_source_whose_answer_cannot_be_read_does_not_lack_the_name(tmp_path: Path) -> None:
    garbled = Listing(INTERNAL, Ecosystem.PYPI, unread=frozenset({"onlypub"}))
    write_files(tmp_path, {"pyproject.toml": UV})
    (found,) = row(
        check(tmp_path, sources(), Catalogue((garbled, listing(PUBLIC, {"onlypub": ["1"]})))), "onlypub"
    ).answers
    assert (found.why, found.standing) == (Why.UNREACHABLE, Standing.AGREES)


def test_what_cannot_be_read_is_told_and_the_rest_is_checked(tmp_path: Path) -> None:
    write_files(tmp_path, {"pyproject.toml": UV, "pixi.toml": "[[["})
    report = check(tmp_path, sources(), confused())
    assert row(report, "acme-core")
    assert [problem for problem in report.problems if "pixi.toml" in problem]
    assert not report.ok


def test_no_configuration_is_no_disagreement(tmp_path: Path) -> None:
    report = check(tmp_path, sources(), confused())
    assert report.ok
    assert "no configuration" in check_text(report)


@pytest.mark.parametrize("name", ["a b", "../x", "npm:left-pad", "\x1b[31m"])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(tmp_path, None, confused(), [name])
    assert caught.value.code is Code.POLICY_NAME


def test_the_document_is_stable_and_says_all_of_it(tmp_path: Path) -> None:
    write_files(tmp_path, {"pyproject.toml": UV, **PIP})
    document = check(tmp_path, sources(), confused()).to_json()
    assert json.dumps(document) == json.dumps(check(tmp_path, sources(), confused()).to_json())
    assert (document["schema"], document["ok"]) == ("conda-bridge/priority-check/1", False)
    (acme,) = (one for one in document["names"] if one["name"] == "acme-core")
    assert acme["policy"] == {
        "outcome": "provided", "source": "internal", "via": None, "rule": "claim on line 11"
    }  # fmt: skip
    (pip,) = (one for one in acme["clients"] if one["client"] == "pip")
    assert (pip["takes"], pip["standing"], pip["why"]) == (
        {"source": "public", "address": PUBLIC},
        "other-source",
        "best",
    )


def test_text_shows_disagreements_client_by_client_and_the_rest_in_short(tmp_path: Path) -> None:
    write_files(tmp_path, {"pyproject.toml": UV, **PIP})
    lines = check_text(check(tmp_path, sources(), confused())).splitlines()
    assert lines == [
        "acme-core (pypi): internal, by the policy's claim on line 11",
        "     uv   pyproject.toml              internal 1.0  the first source that has the name",
        "  !  pip  pip.conf, requirements.txt  public 99     the best version of all sources",
        "in agreement:",
        "  onlypub  pypi  public  uv, pip",
        "2 names, 2 configurations: 1 from another source than the policy's",
    ]


def test_no_secret_and_no_escape_sequence_gets_out(tmp_path: Path) -> None:
    secret = "https://user:hunter2@internal.example/t/tk-hunter2/simple"
    write_files(
        tmp_path,
        {
            "pip.conf": f"[global]\nindex-url = {secret}?token=hunter2\n",
            "requirements.txt": "onlypub\nacme-core @ https://x:hunter2@evil.example/a-1-py3-none-any.whl\n",
            "requirements-\x1b[31m\n.txt": "onlypub\n",
        },
    )
    report = check(tmp_path, sources(), confused())
    text = check_text(report, verbose=True)
    assert "hunter2" not in text + json.dumps(report.to_json())
    assert "\x1b" not in text
    assert "evil.example" in text
