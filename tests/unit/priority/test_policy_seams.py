"""The bridge's own solves and look-ups under a policy: every package comes from whom the policy names."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from bridge.channel.convert import convert
from bridge.channel.governed import open_channels
from bridge.channel.permits import Unanswered
from bridge.channel.repodata import Channel, open_channel
from bridge.channel.solve import resolve, resolve_specs
from bridge.channel.universe import Universe
from bridge.errors import BridgeError, Code, InvalidInput, Unrepresentable, Unsupported
from bridge.model.plan import Layout, Status
from bridge.priority.enforcement import PolicyPermits, permits_of
from bridge.priority.policy import Ecosystem
from bridge.select.governed_index import GovernedIndex
from tests.support.overlay_sources import Site, add_conda, add_wheel, policy, serving, set_records, write_index

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SUBDIR = "linux-64"
WARN = 'on-unreachable = "warn"'
MIRROR = '[sources.copy]\nconda = "{}/copy/conda"\npypi = "{}/copy/simple"\ntrust = "first-party"\n'
MIRROR += 'role = "mirror-of:internal"\n'


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """`internal` has acme-core 1.0 and shared 1.0; `public` acme-core 0.5 and 99, shared 2.0 and user 1.0."""
    for source, name, version, *needs in (
        ("internal", "acme-core", "1.0"),
        ("internal", "shared", "1.0"),
        ("public", "acme-core", "0.5"),
        ("public", "acme-core", "99"),
        ("public", "shared", "2.0"),
        ("public", "user", "1.0", "acme-core", "shared"),
        ("public", "newer", "1.0", "acme-core >=2"),
    ):
        add_conda(tmp_path / source, name, version, *needs)
        add_wheel(tmp_path / source, name, version)
    write_index(tmp_path / "internal")
    write_index(tmp_path / "public")
    with serving(tmp_path) as served:
        yield served


def permits(site: Site, ecosystem: Ecosystem = Ecosystem.CONDA, **words: Any) -> PolicyPermits:
    environment = words.pop("environment", {})
    return permits_of(policy(site.address, **words), ecosystem, now=NOW, environment=environment)


def opened(site: Site, *listed: str, told: Callable[[Unanswered], None] | None = None, **words: Any) -> list[Channel]:
    return open_channels(listed, subdirs=[SUBDIR], permits=permits(site, **words), on_unanswered=told)


def taken(channels: Sequence[Channel], spec: str) -> list[tuple[str, str]]:
    """Version and source of what a spec gives."""
    found = resolve_specs(channels, [spec], subdir=SUBDIR)
    return [(str(record.index.version), record.channel.split("/")[-2]) for record in found]


def closure(channels: Sequence[Channel], name: str) -> dict[str, str]:
    """What a package is installed with, and from where."""
    (record,) = resolve_specs(channels, [name], subdir=SUBDIR)
    return {each.index.name: each.channel.split("/")[-2] for each in resolve(channels, record, subdir=SUBDIR)}


def test_a_claimed_package_comes_from_its_owner_wherever_a_newer_one_is(site: Site) -> None:
    assert taken(opened(site), "acme-core") == [("1.0", "internal")]
    assert closure(opened(site), "user") == {"acme-core": "internal", "shared": "internal"}


def test_a_claim_wins_over_the_order(site: Site) -> None:
    channels = opened(site, more='[[claims]]\npackages = ["shared"]\nfrom = ["public", "internal"]\n')
    assert taken(channels, "shared") == [("2.0", "public")]


def test_the_order_of_the_policy_counts_and_not_that_of_the_command_line(site: Site) -> None:
    listed = [f"{site.address}/public/conda", f"{site.address}/internal/conda"]
    assert taken(opened(site, *listed), "shared") == [("1.0", "internal")]
    assert taken([open_channel(each, subdirs=[SUBDIR]) for each in listed], "shared") == [("2.0", "public")]


@pytest.mark.parametrize("spec", ["acme-core <1", "acme-core >=2", "acme-core ==99"])
def test_a_bound_that_the_owner_cannot_meet_leads_to_nobody_else(site: Site, spec: str) -> None:
    with pytest.raises(Unsupported) as caught:
        resolve_specs(opened(site), [spec], subdir=SUBDIR)
    assert caught.value.code is Code.NO_MATCH


def test_a_requirement_that_the_owner_cannot_meet_fails(site: Site) -> None:
    with pytest.raises(Unrepresentable) as caught:
        resolve_specs(opened(site), ["newer"], subdir=SUBDIR)
    assert caught.value.code is Code.UNSOLVABLE
    (record,) = opened(site)[0].records("newer")
    with pytest.raises(Unrepresentable):
        resolve(opened(site), record, subdir=SUBDIR)


def test_a_channel_that_names_another_one_is_not_followed(site: Site) -> None:
    add_conda(site.root / "hidden", "acme-core", "500")
    add_conda(site.root / "hidden", "lone", "1.0")
    for source in ("internal", "public"):
        relations = {"base": "../../hidden/conda", "overrides": f"{site.address}/hidden/conda"}
        set_records(site.root / source, {}, info={"subdir": "noarch", "channel_relations": relations})
    assert taken(opened(site), "acme-core") == [("1.0", "internal")]
    with pytest.raises(Unsupported):
        resolve_specs(opened(site), ["lone"], subdir=SUBDIR)
    assert not any(path.startswith("/hidden") for path, _ in site.asked)


def test_a_source_of_claimed_packages_gives_nothing_else(site: Site) -> None:
    channels = opened(site, internal='role = "claimed-only"')
    assert taken(channels, "shared") == [("2.0", "public")]
    assert taken(channels, "acme-core") == [("1.0", "internal")]


@pytest.mark.parametrize(
    ("semantics", "found"),
    [
        ("strict", [("1.0", "internal")]),
        ("first-match", [("1.0", "internal")]),
        ("best-match", [("2.0", "public")]),
    ],
)
def test_what_nobody_claims_comes_from_where_the_default_says(
    site: Site, semantics: str, found: list[tuple[str, str]]
) -> None:
    channels = opened(site, head=f'default = "{semantics}"')
    assert taken(channels, "shared") == found
    assert taken(channels, "acme-core") == [("1.0", "internal")]


def test_the_best_version_of_all_is_looked_for_among_all_that_will_do(site: Site) -> None:
    channels = opened(site, head='default = "best-match"')
    assert taken(channels, "shared <2") == [("1.0", "internal")]
    assert [record.filename for record in channels[0].records("shared")] == ["shared-1.0-0.conda", "shared-2.0-0.conda"]


def test_of_two_files_with_one_name_that_of_the_preferred_source_is_meant(site: Site) -> None:
    add_conda(site.root / "public", "shared", "1.0")
    found = opened(site, head='default = "best-match"')[0].records("shared")
    assert [(each.index.version, each.channel.split("/")[-2]) for each in found] == [
        ("1.0", "internal"),
        ("2.0", "public"),
    ]


def test_a_claim_holds_under_the_name_of_the_other_ecosystem(site: Site) -> None:
    add_conda(site.root / "public", "core-native", "3.0")
    channels = opened(site, more='[names]\ncore-native = "acme-core"\n')
    assert "core-native" not in channels[0].names
    with pytest.raises(Unsupported):
        resolve_specs(channels, ["core-native"], subdir=SUBDIR)


def test_only_what_may_be_taken_has_a_name_and_a_record(site: Site) -> None:
    add_conda(site.root / "public", "acme-new", "1.0")
    (channel,) = opened(site)
    assert channel.names == ("acme-core", "newer", "shared", "user")
    assert channel.records("acme-new") == ()
    assert channel.find("acme-new-1.0-0.conda") is None
    assert channel.find("acme-core-99-0.conda", subdir="noarch") is None
    found = channel.find("acme-core-1.0-0.conda", subdir="noarch")
    assert found is not None
    assert found.channel == f"{site.address}/internal/conda"
    with Universe([channel], subdir=SUBDIR) as universe:
        assert [each.filename for each in universe.candidates("acme-core")] == ["acme-core-1.0-0.conda"]
        assert universe.candidates("acme-new") == ()


def test_a_channel_that_the_policy_does_not_name_is_refused_without_its_secrets(site: Site) -> None:
    with pytest.raises(InvalidInput) as caught:
        opened(site, "https://user:canary@conda.example/t/canary/other")
    assert caught.value.code is Code.POLICY_SOURCE
    assert "canary" not in str(caught.value)


def test_a_source_that_is_not_listed_provides_nothing_and_still_has_its_say(site: Site) -> None:
    (channel,) = opened(site, f"{site.address}/public/conda/")
    assert channel.names == ("newer", "user")
    assert channel.url == f"{site.address}/public/conda"


def test_a_source_that_does_not_answer_is_not_one_without_the_package(site: Site) -> None:
    site.down.add("internal")
    with pytest.raises(InvalidInput) as caught:
        opened(site)
    assert (caught.value.code, caught.value.subject) == (Code.SOURCE, "internal")

    told: list[Unanswered] = []
    (channel,) = opened(site, head=WARN, told=told.append)
    assert channel.names == ()
    assert [each.place for each in told] == ["internal"]
    assert "internal is left out" in str(told[0])


def test_a_lower_source_that_does_not_answer_decides_about_nothing_above_it(site: Site) -> None:
    site.down.add("public")
    told: list[Unanswered] = []
    (channel,) = opened(site, head=WARN, told=told.append)
    assert channel.names == ("acme-core", "shared")
    assert [each.place for each in told] == ["public"]


def test_a_channel_that_has_nothing_at_all_does_not_answer(site: Site) -> None:
    shutil.rmtree(site.root / "internal" / "conda")
    with pytest.raises(InvalidInput) as caught:
        opened(site)
    assert caught.value.code is Code.SOURCE


def test_what_cannot_be_trusted_is_an_error_even_where_the_policy_only_warns(site: Site) -> None:
    (site.root / "internal" / "conda" / "noarch" / "repodata.json").write_text('{"info": 1, "info": 2}')
    with pytest.raises(InvalidInput) as caught:
        opened(site, head=WARN)
    assert caught.value.code in (Code.DUPLICATE, Code.BAD_METADATA)


def test_a_copy_answers_for_its_source_but_only_for_what_it_has(site: Site) -> None:
    add_conda(site.root / "copy", "acme-core", "1.0")
    site.down.add("internal")
    (channel,) = opened(site, more=MIRROR.format(site.address, site.address))
    assert [record.channel for record in channel.records("acme-core")] == [f"{site.address}/copy/conda"]
    # the source itself may have all that the copy does not
    assert channel.names == ("acme-core",)


def test_a_copy_on_the_command_line_stands_for_its_source(site: Site) -> None:
    add_conda(site.root / "copy", "acme-core", "1.0")
    (channel,) = opened(site, f"{site.address}/copy/conda", more=MIRROR.format(site.address, site.address))
    assert channel.names == ("acme-core", "shared")


def test_files_that_are_too_young_or_of_unknown_age_are_not_taken(site: Site) -> None:
    young = int(datetime(2026, 10, 31, tzinfo=UTC).timestamp() * 1000)
    record = json.loads((site.root / "internal/conda/noarch/repodata.json").read_text())["packages.conda"]
    old = record["shared-1.0-0.conda"]
    timeless = {key: value for key, value in old.items() if key != "timestamp"}
    set_records(
        site.root / "internal",
        {
            "shared-1.1-0.conda": {**old, "version": "1.1", "indexed_timestamp": young},
            "shared-1.2-0.conda": {**timeless, "version": "1.2"},
        },
    )
    assert taken(opened(site), "shared") == [("1.2", "internal")]
    (channel,) = opened(site, internal='min-age = "7d"')
    assert taken([channel], "shared") == [("1.0", "internal")]
    assert channel.find("shared-1.1-0.conda") is None


@pytest.mark.parametrize("secret", ["robot:canary", "canary-token"])
def test_credentials_are_those_that_the_policy_refers_to_and_reach_their_own_source_only(
    site: Site, tmp_path: Path, secret: str
) -> None:
    basic = f"Basic {base64.b64encode(secret.encode()).decode()}"
    site.wanted["internal"] = basic if ":" in secret else f"Bearer {secret}"
    site.wanted["public"] = "nobody may send anything"
    with pytest.raises(InvalidInput) as caught:
        opened(site, internal='credentials = "env:TOKEN"')
    assert caught.value.code is Code.OVERLAY_SOURCE
    words: dict[str, Any] = {"internal": 'credentials = "env:TOKEN"', "environment": {"TOKEN": secret}, "head": WARN}
    (channel,) = opened(site, **words)
    (record,) = channel.records("acme-core")
    assert secret not in repr(record)
    assert "canary" not in repr(permits(site, **words))

    report = convert(["acme-core"], tmp_path / "out", permits=permits(site, **words), layout=Layout.PREFIX)
    assert [outcome.status for outcome in report.outcomes] == [Status.CONVERTED], report.outcomes
    assert not any("canary" in path.read_bytes().decode("latin-1") for path in (tmp_path / "out").rglob("*.whl"))


def test_credentials_in_an_address_win_over_those_of_the_policy(site: Site) -> None:
    site.wanted["internal"] = f"Basic {base64.b64encode(b'me:own').decode()}"
    own = f"{site.address}/internal/conda".replace("//", "//me:own@")
    words: dict[str, Any] = {"internal": 'credentials = "env:TOKEN"', "environment": {"TOKEN": "other"}}
    assert taken(opened(site, own, **words), "acme-core") == [("1.0", "internal")]


def test_a_conversion_in_several_processes_obeys_too(site: Site, tmp_path: Path) -> None:
    report = convert(
        ["acme-core", "shared", "acme-core ==99"],
        tmp_path / "out",
        permits=permits(site),
        layout=Layout.PREFIX,
        jobs=2,
    )
    names = [[output.filename.split("-py3")[0] for output in outcome.outputs] for outcome in report.outcomes]
    assert [name[0].rpartition("-")[2] for name in names[:2]] == ["1.0", "1.0"]
    assert (names[2], report.outcomes[2].status) == ([], Status.UNSUPPORTED)


def test_a_file_that_is_given_is_held_against_the_record_of_the_owner(site: Site, tmp_path: Path) -> None:
    add_conda(site.root / "public", "acme-core", "1.0")
    foreign = site.root / "public" / "conda" / "noarch" / "acme-core-1.0-0.conda"
    report = convert([foreign], tmp_path / "out", permits=permits(site), layout=Layout.PREFIX)
    assert report.outcomes[0].code is Code.HASH


def test_a_local_channel_is_the_one_of_the_policy_however_it_is_named(site: Site, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(site.root / "internal")
    made = policy(site.root.as_uri())
    given = permits_of(made, Ecosystem.CONDA, now=NOW)
    for listed in (site.root / "internal" / "conda", link / "conda", f"{link.as_uri()}/conda/"):
        (channel,) = open_channels([listed], subdirs=[SUBDIR], permits=given)
        assert channel.names == ("acme-core", "shared")


def index(site: Site, *given: str, told: list[Unanswered] | None = None, **words: Any) -> GovernedIndex:
    left_out = [] if told is None else told
    return GovernedIndex(permits(site, Ecosystem.PYPI, **words), given, left_out.append)


def versions(found: GovernedIndex, name: str) -> list[str]:
    return [str(release.version) for release in found.releases(canonicalize_name(name))]


def test_wheels_of_a_claimed_project_are_those_of_its_owner(site: Site) -> None:
    assert versions(index(site), "acme-core") == ["1.0"]
    assert versions(index(site), "shared") == ["1.0"]
    assert versions(index(site), "user") == ["1.0"]
    assert versions(index(site), "acme-other") == []
    assert versions(index(site, head='default = "best-match"'), "shared") == ["1.0", "2.0"]
    assert versions(index(site, internal='role = "claimed-only"'), "shared") == ["2.0"]


def test_an_index_is_known_with_and_without_the_last_part_of_its_address(site: Site) -> None:
    for given in (f"{site.address}/public", f"{site.address}/public/simple/"):
        assert versions(index(site, given), "user") == ["1.0"]
        assert versions(index(site, given), "shared") == []
    with pytest.raises(InvalidInput) as caught:
        index(site, f"{site.address}/other")
    assert caught.value.code is Code.POLICY_SOURCE


def test_an_index_that_does_not_answer_is_not_one_without_the_project(site: Site) -> None:
    site.down.add("internal")
    with pytest.raises(InvalidInput):
        versions(index(site), "shared")
    told: list[Unanswered] = []
    assert versions(index(site, head=WARN, told=told), "shared") == []
    assert [each.place for each in told] == ["internal"]


def test_a_copy_of_an_index_answers_for_what_it_has(site: Site) -> None:
    add_wheel(site.root / "copy", "acme-core", "1.0")
    write_index(site.root / "copy")
    site.down.add("internal")
    found = index(site, more=MIRROR.format(site.address, site.address))
    assert versions(found, "acme-core") == ["1.0"]
    assert versions(found, "shared") == []


def test_wheels_that_are_too_young_are_not_taken(site: Site) -> None:
    add_wheel(site.root / "internal", "shared", "1.1")
    shutil.rmtree(site.root / "internal" / "simple")
    write_index(site.root / "internal", **{"shared-1.1-py3-none-any.whl": {"upload-time": "2026-10-31T12:00:00Z"}})
    assert versions(index(site), "shared") == ["1.0", "1.1"]
    assert versions(index(site, internal='min-age = "7d"'), "shared") == ["1.0"]


def test_an_index_gets_the_credentials_that_the_policy_refers_to(site: Site) -> None:
    site.wanted["internal"] = "Bearer canary"
    site.wanted["public"] = "nobody may send anything"
    words: dict[str, Any] = {"internal": 'credentials = "env:TOKEN"', "environment": {"TOKEN": "canary"}}
    found = index(site, **words)
    assert versions(found, "acme-core") == ["1.0"]
    (release,) = found.releases(canonicalize_name("acme-core"))
    assert found.source_of(release.offers[0]) is None
    with pytest.raises(BridgeError):
        versions(index(site, **words), "user")
