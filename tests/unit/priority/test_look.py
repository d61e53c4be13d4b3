"""Looking at sources on loopback: what they have, what that requires, and who does not answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.version import Version

from bridge.priority.catalogue import Catalogue, Listing, Silence
from bridge.priority.configs.read import read_configs
from bridge.priority.decision import Presence
from bridge.priority.look import look, provider, targets_of
from bridge.priority.overlay_fetch import Origins
from bridge.priority.policy import Ecosystem, SourceName
from tests.support.overlay_sources import Site, add_conda, add_wheel, policy, serving, set_records, write_index

VARIANT = {
    "$schema": "https://variants-schema.wheelnext.dev/peps/825/v0.1.1.json",
    "default-priorities": {"namespace": ["nvidia"]},
    "variants": {"cu12": {"nvidia": {"cuda_version_lower_bound": ["12.0"]}}},
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """`internal` has acme-core 1.0, which needs shared; `public` has acme-core 99 and shared 1.0 and 2.0."""
    inner, outer = tmp_path / "internal", tmp_path / "public"
    add_wheel(inner, "acme-core", "1.0", "shared>=1", "only-extra ; extra == 'x'")
    add_conda(inner, "acme-core", "1.0", "shared >=1", "__glibc >=2.17")
    add_wheel(outer, "acme-core", "99")
    add_conda(outer, "acme-core", "99")
    for version in ("1.0", "2.0"):
        add_wheel(outer, "shared", version)
        add_conda(outer, "shared", version)
    for root in (inner, outer):
        write_index(root)
    with serving(tmp_path) as served:
        yield served


def looked(site: Site, *names: str, origins: Origins | None = None) -> Catalogue:
    asked = dict.fromkeys(Ecosystem, names)
    return look(targets_of(policy(site.address)), asked, origins or Origins())


def listing(catalogue: Catalogue, site: Site, source: str, ecosystem: Ecosystem) -> Listing:
    face = "conda" if ecosystem is Ecosystem.CONDA else "simple"
    found = catalogue.of(ecosystem, f"{site.address}/{source}/{face}")
    assert found is not None
    return found


def versions(one: Listing) -> dict[str, list[str]]:
    return {name: [file.version for file in project.files] for name, project in one.projects.items()}


@pytest.mark.parametrize("ecosystem", list(Ecosystem))
def test_requirements_are_followed_within_each_ecosystem(site: Site, ecosystem: Ecosystem) -> None:
    found = looked(site, "Acme-Core")
    assert versions(listing(found, site, "internal", ecosystem)) == {"acme-core": ["1.0"]}
    assert versions(listing(found, site, "public", ecosystem)) == {"acme-core": ["99"], "shared": ["1.0", "2.0"]}
    (file,) = listing(found, site, "internal", ecosystem).projects["acme-core"].files
    assert file.requires[0].replace(" ", "") == "shared>=1"
    assert file.sha256 is not None
    assert file.url.startswith(f"{site.address}/internal/")


def test_extras_and_virtual_packages_are_no_names_to_look_for(site: Site) -> None:
    looked(site, "acme-core")
    assert not [path for path, _ in site.asked if "only-extra" in path or "glibc" in path]


def test_what_an_extra_requires_is_looked_for_where_somebody_asks_for_the_extra(tmp_path: Path, site: Site) -> None:
    add_wheel(tmp_path / "public", "kit", "1", "acme-core[x]")
    write_index(tmp_path / "public")
    looked(site, "kit", "acme-core")  # the extra is asked for after the project was looked at
    assert [path for path, _ in site.asked if "only-extra" in path]
    assert len([path for path, _ in site.asked if path == "/internal/simple/acme-core/"]) == 1
    site.asked.clear()
    names = dict.fromkeys(Ecosystem, ("acme-core",))
    look(targets_of(policy(site.address)), names, Origins(), extras={"acme-core": {"x"}})
    assert [path for path, _ in site.asked if "simple/only-extra" in path]
    assert not [path for path, _ in site.asked if "conda" in path and "only-extra" in path]


def test_a_name_that_is_asked_for_and_not_there_is_absent_and_the_source_reachable(site: Site) -> None:
    found = looked(site, "nobody-has-it")
    assert all(one.reachable and not one.projects and not one.problems for one in found.listings)


def test_a_source_that_is_down_is_not_one_that_lacks_the_name(tmp_path: Path, site: Site) -> None:
    gone = policy(site.address, internal="").sources
    with serving(tmp_path / "nothing") as other:
        down = other.address
    found = look(targets_of(policy(down)), {Ecosystem.PYPI: ["acme-core"], Ecosystem.CONDA: ["acme-core"]}, Origins())
    assert [one.reachable for one in found.listings] == [False] * 4
    assert all(one.problems for one in found.listings)
    knows = provider(found)
    source = policy(down).sources[next(iter(gone))]
    assert knows(source, Ecosystem.PYPI, "acme-core").presence is Presence.UNREACHABLE


def test_what_explain_asks_is_answered_with_versions(site: Site) -> None:
    knows = provider(looked(site, "shared"))
    public, internal = (policy(site.address).sources[name] for name in ("public", "internal"))  # type: ignore[index]
    assert knows(public, Ecosystem.PYPI, "Shared").versions == (Version("1.0"), Version("2.0"))
    assert knows(internal, Ecosystem.PYPI, "shared").presence is Presence.ABSENT


def test_yanked_files_and_the_status_of_a_project_are_told(tmp_path: Path) -> None:
    root = tmp_path / "public"
    path = add_wheel(root, "shared", "1.0")
    write_index(root, **{path.name: {"yanked": "broken"}})
    page = root / "simple" / "shared" / "index.json"
    page.write_text(json.dumps({**json.loads(page.read_text()), "project-status": {"status": "archived"}}))
    with serving(tmp_path) as site:
        project = listing(looked(site, "shared"), site, "public", Ecosystem.PYPI).projects["shared"]
    assert (project.status, project.usable) == ("archived", ())


def test_labels_come_with_their_properties(tmp_path: Path) -> None:
    root = tmp_path / "public"
    add_wheel(root, "gpu", "1.0", label="cu12", variant=VARIANT)
    (root / "files" / "gpu-1.0-variants.json").write_text(json.dumps(VARIANT))
    write_index(root)
    with serving(tmp_path) as site:
        (file,) = listing(looked(site, "gpu"), site, "public", Ecosystem.PYPI).projects["gpu"].files
    assert (file.label, file.properties) == ("cu12", ("nvidia :: cuda_version_lower_bound :: 12.0",))


def test_relations_and_places_elsewhere_are_absolute(tmp_path: Path) -> None:
    add_conda(tmp_path / "public", "shared", "1.0")
    info = {"subdir": "noarch", "base_url": "https://files.example/x", "channel_relations": {"base": "../gpu"}}
    set_records(tmp_path / "public", {}, info=info)
    with serving(tmp_path) as site:
        one = listing(looked(site, "shared"), site, "public", Ecosystem.CONDA)
    assert one.relations == (f"{site.address}/public/gpu",)
    assert one.bases == ("https://files.example/x/",)
    assert one.projects["shared"].files[0].url == "https://files.example/x/shared-1.0-0.conda"


@pytest.mark.parametrize(
    "url",
    ["http://elsewhere.example/shared-1.0-py3-none-any.whl", "file:///etc/shared-1.0-py3-none-any.whl",
     "http://127.0.0.1:9/shared-1.0-py3-none-any.whl", "https://u:hunter2@h.example/shared-1.0-py3-none-any.whl"],
)  # fmt: skip
def test_metadata_is_not_fetched_from_where_a_page_must_not_lead(tmp_path: Path, url: str) -> None:
    root = tmp_path / "public"
    path = add_wheel(root, "shared", "1.0", "never>=1")
    write_index(root, **{path.name: {"url": url}})
    with serving(tmp_path) as site:
        one = listing(looked(site, "shared"), site, "public", Ecosystem.PYPI)
    assert "hunter2" not in repr(one)
    assert one.projects["shared"].files[0].requires == ()
    assert len(one.problems) == 1


def test_metadata_that_is_not_what_the_page_says_is_a_problem(tmp_path: Path) -> None:
    root = tmp_path / "public"
    path = add_wheel(root, "shared", "1.0", "a>=1")
    write_index(root)
    path.with_name(f"{path.name}.metadata").write_text("Metadata-Version: 2.1\nName: shared\nVersion: 1.0\n")
    with serving(tmp_path) as site:
        one = listing(looked(site, "shared"), site, "public", Ecosystem.PYPI)
    assert one.problems == (f"{path.name}: METADATA is not what the page says",)


def test_sources_of_configurations_are_looked_at_once_and_without_credentials(tmp_path: Path, site: Site) -> None:
    address = site.address.replace("http://", "http://user:hunter2@")
    project = tmp_path / "project"
    project.mkdir()
    (project / "pip.conf").write_text(
        f"[global]\nindex-url = {address}/public/simple\nextra-index-url = {site.address}/third/simple\n"
    )
    (project / "requirements.txt").write_text("shared\n")
    targets = targets_of(policy(site.address), read_configs(project))
    urls = [each.url for each in targets if each.ecosystem is Ecosystem.PYPI]
    assert urls == [f"{site.address}/{name}/simple/" for name in ("internal", "public", "third")]
    found = look(targets, {Ecosystem.PYPI: ["shared"]}, Origins())
    assert "hunter2" not in repr(found)
    assert [one.url for one in found.having(Ecosystem.PYPI, "shared")] == [f"{site.address}/public/simple"]


def test_the_answer_does_not_depend_on_the_number_of_jobs(site: Site) -> None:
    targets, names = targets_of(policy(site.address)), dict.fromkeys(Ecosystem, ("acme-core", "shared"))
    assert look(targets, names, Origins(), jobs=1) == look(targets, names, Origins(), jobs=8)


def test_a_page_that_cannot_be_read_leaves_open_whether_the_name_is_there(tmp_path: Path, site: Site) -> None:
    (tmp_path / "public" / "simple" / "shared" / "index.json").write_text("[")
    found = looked(site, "shared", "acme-core")
    one = listing(found, site, "public", Ecosystem.PYPI)
    assert (one.reachable, one.unread, list(one.projects)) == (True, {"shared"}, ["acme-core"])
    public = policy(site.address).sources[SourceName("public")]
    knows = provider(found)
    assert knows(public, Ecosystem.PYPI, "shared").presence is Presence.UNREACHABLE
    assert knows(public, Ecosystem.PYPI, "other").presence is Presence.ABSENT


def test_a_channel_that_cannot_be_read_has_no_known_names(tmp_path: Path, site: Site) -> None:
    (tmp_path / "public" / "conda" / "noarch" / "repodata.json").write_text("[")
    one = listing(looked(site, "shared"), site, "public", Ecosystem.CONDA)
    assert (one.reachable, one.projects, len(one.problems)) == (False, {}, 1)


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_a_status_that_is_no_answer_is_told(site: Site, status: int) -> None:
    site.statuses["internal"] = status
    found = looked(site, "acme-core")
    for ecosystem in Ecosystem:
        one = listing(found, site, "internal", ecosystem)
        assert not one.reachable
        assert one.silence is (Silence.DENIED if status in (401, 403) else Silence.REFUSED)
        assert f"the server answered {status}" in one.problems[0]


def test_a_channel_without_any_repodata_is_told(tmp_path: Path, site: Site) -> None:
    (tmp_path / "public" / "conda" / "noarch" / "repodata.json").unlink()
    one = listing(looked(site, "shared"), site, "public", Ecosystem.CONDA)
    assert (one.reachable, one.problems) == (False, ("has no repodata.json in any of noarch",))


@pytest.mark.parametrize("ecosystem", list(Ecosystem))
def test_requirements_without_end_are_followed_to_a_bound_and_that_is_told(site: Site, ecosystem: Ecosystem) -> None:
    found = look(targets_of(policy(site.address)), {ecosystem: ["acme-core"]}, Origins(), most=1)
    one = listing(found, site, "public", ecosystem)
    assert list(one.projects) == ["acme-core"]
    assert one.problems == ("requirements lead to more than 1 names; the rest was not looked for",)
    assert not [each.problems for each in found.listings if each.ecosystem is not ecosystem and each.problems]


def test_metadata_that_wheels_share_is_fetched_once(tmp_path: Path) -> None:
    root = tmp_path / "public"
    path = add_wheel(root, "shared", "1.0", "other>=1")
    for tag in ("py2-none-any", "cp311-none-any"):
        twin = path.with_name(path.name.replace("py3-none-any", tag))
        twin.write_bytes(path.read_bytes())
        twin.with_name(f"{twin.name}.metadata").write_bytes(path.with_name(f"{path.name}.metadata").read_bytes())
    write_index(root)
    with serving(tmp_path) as site:
        files = listing(looked(site, "shared"), site, "public", Ecosystem.PYPI).projects["shared"].files
    assert [file.requires for file in files] == [("other>=1",)] * 3
    assert len([asked for asked, _ in site.asked if asked.endswith(".metadata")]) == 1


def test_secrets_in_requirements_are_left_out(tmp_path: Path) -> None:
    root = tmp_path / "public"
    add_wheel(root, "shared", "1.0", "other @ https://u:hunter2@h.example/t/hunter2/other-1-py3-none-any.whl")
    add_conda(root, "shared", "1.0", "https://u:hunter2@h.example/t/hunter2/c::other >=1", "x[url='https://h?hunter2']")
    write_index(root)
    with serving(tmp_path) as site:
        found = looked(site, "shared")
        assert "hunter2" not in repr(found)
        assert {path for path, _ in site.asked} >= {"/public/simple/other/"}
    (file,) = listing(found, site, "public", Ecosystem.CONDA).projects["shared"].files
    assert file.requires == ("https://h.example/c::other >=1", "x[url='https://h']")
