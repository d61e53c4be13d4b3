"""Secrets stay secret and strangers' words stay words, whatever the commands about policies read, say and write."""

from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from bridge.cli import cli
from tests.support.canaries import ADDRESSES, Canary, project_files, write_project
from tests.support.echoing_server import echoing
from tests.support.overlay_sources import Site, add_conda, add_wheel, serving, set_records, write_index

#: with characters that addresses quote, and that base64 has.
CANARY = Canary("Kn4ryS3cr3t9/+xQz7wV2m")
POLICY = """
schema = "bridge-policy/1"
order = ["internal", "public"]
on-unreachable = "{unreachable}"
[sources.internal]
{faces}
trust = "first-party"
credentials = "{credentials}"
[sources.public]
conda = "{public}/conda"
pypi = "{public}/simple"
trust = "public"
[[claims]]
packages = ["acme-*", "acme-core"]
from = ["internal"]
"""
ANSWERS = ["refuse", "fail", "redirect", "elsewhere", "nonsense", "names"]
FACES = {"both": ("conda", "simple"), "channel": ("conda",), "index": ("simple",)}
#: files that a compilation writes into.
COMPILED = [
    *("pip.conf", "pyproject.toml", "uv.toml", "pdm.toml", "poetry.toml", "pixi.toml", ".condarc", ".mambarc"),
    *("requirements.txt", "pylock.toml", "environment.yml", ".pixi/config.toml"),
]
#: what strangers call things to be taken for something else on a terminal or in a page.
WORDS = ['<script>alert("x")</script>', "\x1b[2J\x1b[31mred", "a\nerror: b", "'\"><img src=x onerror=y>", "\u202egnp"]


def policy(
    address: str, *, faces: str = "both", unreachable: str = "error", credentials: str = "env:ACME_TOKEN"
) -> str:
    keys = {"conda": "conda", "simple": "pypi"}
    lines = "\n".join(f'{keys[face]} = "{address}/{face}"' for face in FACES[faces])
    public = "https://public.example" if "127.0.0.1" not in address else f"{address}/public"
    return POLICY.format(faces=lines, unreachable=unreachable, credentials=credentials, public=public)


def said(secret: str, *arguments: object, netrc: Path = Path("/dev/null")) -> str:
    """All that a command tells, its exception with the causes included."""
    variables = {"ACME_TOKEN": secret, "NETRC": str(netrc), "HOME": str(netrc.parent / "nobody")}
    done = CliRunner(env=variables).invoke(cli, [str(each) for each in arguments])
    assert done.exit_code in (0, 1), done.output
    error = done.exception
    raised = "" if error is None or isinstance(error, SystemExit) else "".join(traceback.format_exception(error))
    return done.stdout + done.stderr + raised


def untold(text: str) -> None:
    assert CANARY.found_in(text) == ""


def unwritten(root: Path) -> None:
    for path in root.rglob("*"):
        if path.is_file():
            assert CANARY.found_in(path.read_bytes().decode("latin-1")) == "", path


def test_a_canary_is_found_in_whatever_form_it_is_told() -> None:
    secret = CANARY.secret
    for text in (secret, CANARY.quoted, secret.upper(), f"x{CANARY.pair}y", *(
        base64.b64encode(f"{before}{secret}{after}".encode()).decode() for before in ("", "x", "xy") for after in "ab"
    )):  # fmt: skip
        assert CANARY.found_in(f"before {text} after"), text
    assert CANARY.found_in("nothing here, not even robot") == ""


@pytest.fixture(params=ADDRESSES)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A project with the secret in the configurations and lock files of all clients."""
    root = write_project(tmp_path / "project", CANARY, request.param)
    written = dict(project_files(CANARY, request.param))
    yield root
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if path.is_file() and name not in written:
            untold(path.read_text())


@pytest.mark.parametrize("governed", [True, False])
def test_an_audit_tells_where_secrets_are_and_not_what_they_are(project: Path, governed: bool) -> None:
    if governed:
        (project / "bridge-policy.toml").write_text(policy("https://secret.example"))
    for options in (["-v"], ["--format", "json"], ["--format", "sarif"], ["-o", project / "report.txt"]):
        untold(said(CANARY.secret, "priority", "audit", project, "--offline", *options))
    found = json.loads(said(CANARY.secret, "priority", "audit", project, "--offline", "--json"))
    assert [each for each in found["findings"] if each["code"] == "CB422"]
    untold(said(CANARY.secret, "priority", "audit", project, "--offline", "--write-baseline"))


def test_an_explanation_tells_none(project: Path) -> None:
    (project / "bridge-policy.toml").write_text(policy("https://secret.example"))
    rest = ["--offline", "--project", project, "--policy", project / "bridge-policy.toml"]
    for options in ([], ["--json"]):
        untold(said(CANARY.secret, "priority", "explain", "acme-core", *rest, *options))


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("form", ["password", "not quoted"])
def test_a_compilation_leaves_secrets_where_they_were_and_tells_none(tmp_path: Path, form: str, name: str) -> None:
    content = dict(project_files(CANARY, form))[name]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    (tmp_path / "bridge-policy.toml").write_text(policy("https://secret.example"))
    untold(said(CANARY.secret, "priority", "compile", tmp_path, "--name", "acme-core", "-v"))
    for form_of_it in (CANARY.secret, CANARY.quoted):
        assert path.read_text().count(form_of_it) == content.count(form_of_it)
    path.unlink()
    unwritten(tmp_path)


@pytest.mark.parametrize("form", ADDRESSES)
def test_no_message_about_what_a_user_writes_repeats_a_secret(tmp_path: Path, form: str) -> None:
    channel, file = (CANARY.address(form, "127.0.0.1:9", path) for path in ("conda", "a-1-0.conda"))
    given = tmp_path / "bridge-policy.toml"
    given.write_text(policy("https://secret.example"))
    out = ["-o", tmp_path / "out"]
    for arguments in (
        ["convert", "x", "--channel", channel, *out],
        ["convert", "x", "--channel", channel, "--policy", given, *out],
        ["convert", file, "--json", *out],
        ["convert", f"{channel}::x", f"x[url='{file}']", "--channel", tmp_path, "--json", *out],
        ["inspect", file],
        ["select", "x", "--channel", channel],
        ["select", channel, "--channel", tmp_path],
        ["priority", "explain", channel, "--policy", given, "--offline"],
        ["priority", "compile", tmp_path, "--overlays", channel],
        ["priority", "compile", tmp_path, "--name", channel],
        ["priority", "check", tmp_path, "--name", f"conda:{channel}"],
    ):
        untold(said(CANARY.secret, *arguments))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("https://secret.example/conda", "{address}"),
        ("env:ACME_TOKEN", "{secret}"),
        ('["acme-*", "acme-core"]', '["{address}"]'),
        ('"public"\n[[', '"{address}"\n[['),
        ('trust = "public"', 'password = "{secret}"'),
        ("[[claims]]", '[names]\n"{address}" = "{secret}"\n[[claims]]'),
        ('from = ["internal"]', 'from = ["{address}"]'),
        ('from = ["internal"]', 'from = ["{address}'),
        ('trust = "public"', '"{address}" = 1'),
    ],
)
@pytest.mark.parametrize("form", ["password", "token in the path", "query", "not quoted", "no address"])
def test_an_error_in_a_policy_does_not_repeat_the_secret_in_it(tmp_path: Path, form: str, old: str, new: str) -> None:
    text = policy("https://secret.example")
    assert old in text
    address = CANARY.address(form, "secret.example", "conda")
    given = tmp_path / "bridge-policy.toml"
    given.write_text(text.replace(old, new.replace("{address}", address).replace("{secret}", CANARY.secret)))
    told = said("", "priority", "explain", "acme-core", "--offline", "--policy", given)
    assert "CB45" in told
    untold(told)


@pytest.mark.parametrize(
    ("faces", "kind"), [("channel", "pair"), ("channel", "netrc"), ("index", "token"), ("index", "netrc")]
)
@pytest.mark.parametrize("answer", ANSWERS)
def test_what_a_server_repeats_of_its_credentials_goes_nowhere(
    tmp_path: Path, answer: str, faces: str, kind: str
) -> None:
    secret = CANARY.secret if kind == "token" else f"{CANARY.user}:{CANARY.secret}"
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login {CANARY.user} password {CANARY.secret}\n")
    project = tmp_path / "project"
    project.mkdir()
    with echoing(answer) as host:
        address = f"http://{host}"
        own = CANARY.address("plain", host, "conda")
        (project / "requirements.txt").write_text("acme-core\nother\n")
        files = {"pip.conf": f"[global]\nindex-url = {own.replace('conda', 'simple')}\n"}
        files["environment.yml"] = f"channels: ['{own}']\ndependencies: [acme-core]\n"
        for name, content in files.items():
            (project / name).write_text(content)
        given = project / "bridge-policy.toml"
        for unreachable in ("error", "warn"):
            credentials = "netrc" if kind == "netrc" else "env:ACME_TOKEN"
            text = policy(address, faces=faces, unreachable=unreachable, credentials=credentials)
            given.write_text(text.replace(f'conda = "{address}/public/conda"\n', ""))
            for arguments in (
                ["priority", "audit", project, "-v"],
                ["priority", "audit", project, "--inside", "--format", "sarif"],
                ["priority", "check", project, "--json"],
                ["priority", "explain", "acme-core", "--policy", given, "--json"],
                ["priority", "overlays", tmp_path / "overlays", "--policy", given, "--name", "other", "--json"],
                ["convert", "acme-core", "--policy", given, "-o", tmp_path / "out"],
                ["select", "acme-core", "--policy", given],
            ):
                untold(said(secret, *arguments, netrc=netrc))
        for arguments in (
            ["convert", "acme-core", "--channel", own, "-o", tmp_path / "out"],
            ["convert", f"{own}/noarch/a-1-0.conda", f"{own}/a-1-py3-none-any.whl", "-o", tmp_path / "out", "--json"],
            ["select", "acme-core", "--channel", own, "--index", own],
        ):
            untold(said(secret, *arguments, netrc=netrc))
    for made in ("overlays", "out"):
        unwritten(tmp_path / made)


class Page(HTMLParser):
    """The tags of a page, and the values of its anchors' attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.values: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.values += [value or "" for _, value in attrs]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Two sources of one package each, and a policy for them."""
    for source in ("internal", "public"):
        add_wheel(tmp_path / source, "acme-core", "1.0")
        add_conda(tmp_path / source, "acme-core", "1.0")
        write_index(tmp_path / source)
    with serving(tmp_path) as served:
        text = policy(f"{served.address}/internal").replace("/internal/public", "/public")
        (tmp_path / "bridge-policy.toml").write_text(text.replace('credentials = "env:ACME_TOKEN"\n', ""))
        yield served


def overlays(site: Site) -> str:
    given = site.root / "bridge-policy.toml"
    return said("", "priority", "overlays", site.root / "overlays", "--policy", given, "--name", "acme-core")


def harmless(text: str) -> None:
    """A terminal shows it as it is, and no line of it was written by a stranger."""
    assert all(char.isprintable() or char == "\n" for char in text), repr(text)
    assert not any(line.startswith("error: b") for line in text.splitlines())


@pytest.mark.parametrize("word", WORDS)
def test_words_of_an_index_are_text_in_the_page_that_is_made_of_them(site: Site, word: str) -> None:
    wheel = "acme_core-1.0-py3-none-any.whl"
    write_index(site.root / "internal", **{wheel: {"yanked": word, "requires-python": f">=3 {word}"}})
    harmless(overlays(site))
    page = site.root / "overlays" / "pypi" / "simple" / "acme-core"
    parsed = Page((page / "index.html").read_text())
    assert set(parsed.tags) <= {"html", "head", "meta", "title", "style", "body", "h1", "a", "br"}
    (file,) = json.loads((page / "index.json").read_text())["files"]
    assert file["yanked"] == (word if word.isprintable() else True)
    assert (word in parsed.values) == word.isprintable()


@pytest.mark.parametrize("word", WORDS)
def test_names_that_strangers_give_are_shown_as_they_are(site: Site, tmp_path: Path, word: str) -> None:
    record = {"name": word, "version": word, "build": word, "depends": [word], "sha256": "a" * 64}
    set_records(
        site.root / "internal", {f"{word}-1-0.conda": record, "acme-core-2.0-0.conda": {**record, "name": "acme-core"}}
    )
    write_index(site.root / "internal", **{"acme_core-1.0-py3-none-any.whl": {"filename": word}})
    harmless(overlays(site))
    project = tmp_path / "project"
    project.mkdir()
    text = json.dumps(word)  # a string of JSON is one of YAML and of TOML
    files = {
        "environment.yml": f"name: x\nchannels: [{text}]\ndependencies: [{text}, acme-core]\n",
        "pixi.toml": f"[workspace]\nchannels = [{text}]\nplatforms = []\n"
        f"[dependencies]\n{text} = {text}\nacme-core = '*'\n",
        "pyproject.toml": f"[project]\nname = 'x'\ndependencies = [{text}, 'acme-core']\n"
        f"[[tool.uv.index]]\nname = {text}\nurl = {text}\n",
        "requirements.txt": f"{word}\nacme-core\n",
    }
    for name, content in files.items():
        (project / name).write_text(content)
    rest = ["--policy", site.root / "bridge-policy.toml"]
    for arguments in (
        ["priority", "audit", project, "-v", *rest],
        ["priority", "check", project, "-v", *rest],
        ["priority", "explain", "acme-core", "--project", project, *rest],
        ["priority", "compile", project, "-v", *rest],
        ["convert", "acme-core ==2.0", word, "-o", tmp_path / "out", *rest],
        ["select", "acme-core", *rest],
        ["select", word, *rest],
    ):
        harmless(said("", *arguments).partition("Traceback")[0])
