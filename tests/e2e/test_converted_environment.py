"""A conda environment of converted wheels: solved and installed by py-rattler, used by a real Python."""

from __future__ import annotations

import json
import os
import platform
import posixpath
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from rattler.exceptions import SolverError

import bridge
from benchmarks.wheels import read_list
from tests.e2e.conftest import Run
from tests.support.conda_clients import index_channel, installed, solved
from tests.support.hostile_samples import METADATA, Sample
from tests.support.pypi_downloads import cache_directory, downloaded

ROOT = Path(__file__).parents[2]
LIST = read_list(Path(__file__).with_name("environment_wheels.csv"))
#: of the list, those for this test's environment.
LINUX = [wheel for wheel in LIST if not re.search("-win_|macosx", wheel.filename)]
#: longer than a first line of a script may be (Linux cuts it off at 255 bytes).
LONG = "/".join(["a-long-name-of-a-directory"] * 11)
#: programs whose version is asked for in another way than by `--version`.
ASK = {
    "f2py": ["-v"],
    "idna": ["example.org"],
    "jp.py": ["--help"],
    "pygmentize": ["-V"],
    "markdown-it": ["--help"],
    "cffi-gen-src": ["--help"],
}
#: programs that need an extra that nobody asked for; what they say then.
LACKING = {"blackd": "aiohttp"}
#: virtual packages of the machine that the environment is for.
MACHINE = {"__unix": "0", "__linux": "5.10", "__glibc": platform.libc_ver()[1], "__archspec": "1"}
#: packages of the environment that were no wheels.
COMPANIONS = {"python", "python_abi", "cpython", "python-gil", "_python_abi3_support"}
#: files that `index` writes.
INDEX = shutil.ignore_patterns("repodata*", "run_exports*", "shards", "simple")
#: projects with requirements that are not the same everywhere, and what they require.
CONDITIONAL = {
    *("attrs", "black", "click", "colorama", "mypy-extensions", "packaging", "pathspec", "platformdirs"),
    *("pytokens", "referencing", "rpds-py", "tqdm", "typing-extensions"),
}
#: distributions that are not asked for, because others require them.
REQUIRED = {"numpy", "pydantic-core", "cffi", "pycparser", "markupsafe", "rpds-py", "referencing", "attrs", "mpmath"}

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine != "x86_64", reason="the wheels are for Linux on x86-64"
)

USE = """
import datetime, greenlet, io, jinja2, jsonschema, lxml.etree, numpy, orjson, pandas, psutil, pydantic, requests, rich
import scipy.linalg, scipy.special, sympy, yaml, zope.interface, charset_normalizer, docutils.core, black
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import ed25519

matrix = numpy.array([[4.0, 1.0], [1.0, 3.0]])
assert numpy.allclose(scipy.linalg.inv(matrix) @ matrix, numpy.eye(2))
assert abs(scipy.special.gamma(5) - 24) < 1e-9
frame = pandas.DataFrame({"at": pandas.date_range("2026-01-01", periods=3, tz="Europe/Vienna"), "n": [1, 2, 3]})
assert frame.set_index("at").resample("2D").n.sum().tolist() == [3, 3]
box = Fernet(Fernet.generate_key())
assert box.decrypt(box.encrypt(b"text")) == b"text"
key = ed25519.Ed25519PrivateKey.generate()
key.public_key().verify(key.sign(b"text"), b"text")
assert lxml.etree.fromstring("<a><b x='1'/></a>").xpath("//b/@x") == ["1"]

class Model(pydantic.BaseModel):
    when: datetime.date
    many: list[int]

assert Model.model_validate_json('{"when": "2026-11-01", "many": ["1", 2]}').many == [1, 2]
assert yaml.load("a: [1, 2]", Loader=yaml.CSafeLoader) == {"a": [1, 2]}
assert orjson.loads(orjson.dumps({"a": numpy.arange(2)}, option=orjson.OPT_SERIALIZE_NUMPY)) == {"a": [0, 1]}
assert psutil.Process().memory_info().rss > 0
assert greenlet.greenlet(lambda: 7).switch() == 7
jsonschema.validate({"a": 1}, {"type": "object", "required": ["a"]})
assert jinja2.Template("{{ a | e }}").render(a="<") == "&lt;"
assert sympy.integrate(sympy.Symbol("x") * 2) == sympy.Symbol("x") ** 2
assert black.format_str("a = {  'b':1}", mode=black.Mode()) == 'a = {"b": 1}\\n'
assert "<em>" in docutils.core.publish_string("*a*", writer="html5").decode()
assert zope.interface.Interface.__module__ == "zope.interface"
assert len(__import__("zoneinfo").available_timezones()) > 400
print("used")
"""

IMPORT = """
import importlib, importlib.metadata, json, sys
names = sorted({name for name in importlib.metadata.packages_distributions() if name.isidentifier()} - {"blackd"})
for name in names:
    importlib.import_module(name)
print(json.dumps(names))
"""

INSTALLED = """
import base64, csv, hashlib, importlib.metadata, io, json
found = {}
for each in importlib.metadata.distributions():
    name = each.metadata["Name"]
    assert name not in found, name
    wrong = []
    for path, digest, size in csv.reader(io.StringIO(each.read_text("RECORD"))):
        file = each.locate_file(path)
        if not file.is_file():
            wrong.append([path, "is not there"])
        elif digest:
            algorithm, _, value = digest.partition("=")
            data = file.read_bytes()
            real = base64.urlsafe_b64encode(hashlib.new(algorithm, data).digest()).rstrip(b"=").decode()
            if (real, len(data)) != (value, int(size)):
                wrong.append([path, "has another content"])
    points = [[point.group, point.name, point.value] for point in each.entry_points]
    found[name] = {"version": each.version, "files": len(each.files), "wrong": wrong, "entry_points": points,
                   "installer": each.read_text("INSTALLER"), "metadata": each.read_text("METADATA"),
                   "outside": [str(path) for path in each.files if ".." in path.parts]}
print(json.dumps(found))
"""


SCHEME = "import sysconfig; print(sysconfig.get_path('include'))"


@dataclass(frozen=True)
class Environment:
    """A prefix, and how to run its programs as an activated environment does."""

    prefix: Path
    variables: Mapping[str, str]

    def call(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(argument) for argument in arguments],
            env=self.variables,
            cwd=self.prefix,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def python(self, *arguments: object) -> str:
        result = self.call(self.prefix / "bin" / "python", *arguments)
        assert result.returncode == 0, result.stderr[-4000:]
        return result.stdout


def gui_wheel(directory: Path) -> Path:
    """A pure project with everything that the real ones here lack: a gui script, a data file, a script of a shell."""
    sample = Sample(
        filename="bridge_gui_demo-1.0-py3-none-any.whl",
        dist_info="bridge_gui_demo-1.0.dist-info",
        metadata=METADATA.replace(b"demo", b"bridge-gui-demo") + b"Requires-Dist: rich\nRequires-Python: >=3.9\n",
        payload={
            "bridge_gui_demo.py": b"import rich\ndef main():\n    print('shown')\n",
            "bridge_gui_demo-1.0.data/data/share/bridge-gui-demo/colours.txt": b"blue\n",
            "bridge_gui_demo-1.0.data/scripts/bridge-gui-shell": b"#!/bin/sh\necho shown\n",
        },
        entry_points=b"[gui_scripts]\nbridge-gui-demo = bridge_gui_demo:main\n",
        modes={"bridge_gui_demo-1.0.data/scripts/bridge-gui-shell": 0o100755},
    )
    return sample.write(directory)


@pytest.fixture(scope="session")
def downloads() -> Mapping[str, Path]:
    """The wheels by file name, about 120 MB; downloaded once."""
    return {path.name: path for path in downloaded(LINUX)}


def write_python(python: Path, channel: Path) -> None:
    program = ROOT / "recipes" / "package_python.py"
    subprocess.run([sys.executable, program, "--python", python, "-o", channel], check=True, capture_output=True)


@pytest.fixture(scope="session")
def channel(downloads: Mapping[str, Path], python312: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python itself and every wheel of the list as conda packages, indexed."""
    directory = tmp_path_factory.mktemp("converted") / "channel"
    write_python(python312, directory)
    wheels = [downloads[wheel.filename] for wheel in LINUX]
    report = bridge.convert([*wheels, gui_wheel(tmp_path_factory.mktemp("gui"))], directory, jobs=2)
    assert report.summary["converted"] == len(wheels) + 1, [
        (outcome.input, outcome.message) for outcome in report.outcomes if outcome.status.value != "converted"
    ]
    index_channel(directory)
    return directory


@pytest.fixture(scope="session")
def environments(channel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Environment]:
    scratch = tmp_path_factory.mktemp("conda")
    # What conda-forge calls a project; all others have their own name.
    renamed = {
        "mypy-extensions": "mypy_extensions",
        "typing-extensions": "typing_extensions",
        "tzdata": "python-tzdata",
        "zope-interface": "zope.interface",
    }
    asked = {wheel.name for wheel in LINUX} - REQUIRED | {"bridge-gui-demo"}
    specs = ["python 3.12.*", *sorted(renamed.get(name, name) for name in asked)]
    records = solved(channel, specs, subdir="linux-64", virtual=MACHINE, cache=scratch / "gateway")
    made: dict[str, Environment] = {}

    def make(name: str) -> Environment:
        if name not in made:
            prefix = scratch / name / (LONG if name == "long" else "env")
            installed(records, prefix, subdir="linux-64", cache=scratch / "packages")
            variables = {"PATH": f"{prefix / 'bin'}:{os.defpath}", "HOME": str(scratch), "LC_ALL": "C.UTF-8"}
            made[name] = Environment(prefix, variables)
        return made[name]

    return make


@pytest.fixture(scope="session", params=["short", "long"])
def environment_of_both_lengths(
    request: pytest.FixtureRequest, environments: Callable[[str], Environment]
) -> Environment:
    return environments(request.param)


@pytest.fixture(scope="session")
def short(environments: Callable[[str], Environment]) -> Environment:
    return environments("short")


def distributions(environment: Environment) -> Mapping[str, dict]:
    return json.loads(environment.python("-c", INSTALLED))


def with_placeholder(prefix: Path) -> set[str]:
    """Files that the installer wrote the prefix into."""
    records = [json.loads(path.read_text()) for path in (prefix / "conda-meta").glob("*.json")]
    return {
        path["_path"]
        for record in records
        for path in record["paths_data"]["paths"]
        if path.get("prefix_placeholder") is not None
    }


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_solver_takes_every_converted_package(channel: Path, short: Environment) -> None:
    records = [json.loads(path.read_text()) for path in (short.prefix / "conda-meta").glob("*.json")]
    converted = {record["fn"] for record in records if record["name"] not in COMPANIONS}
    assert len(converted) == len(LINUX) + 1
    # What CEP 20 has for many Pythons, what is bound to one, and what is bound to none but to the platform.
    by_name = {record["name"]: record for record in records}
    for name in ("cryptography", "psutil", "ruff"):
        assert (by_name[name]["noarch"], by_name[name]["subdir"]) == ("python", "linux-64"), name
    assert by_name["numpy"].get("noarch") is None
    assert (by_name["rich"]["noarch"], by_name["rich"]["subdir"]) == ("python", "noarch")


def test_every_distribution_is_seen_as_pip_would_have_installed_it(
    environment_of_both_lengths: Environment, downloads: Mapping[str, Path]
) -> None:
    found = distributions(environment_of_both_lengths)
    rewritten = with_placeholder(environment_of_both_lengths.prefix)

    def resolved(path: str) -> str:
        return posixpath.normpath(f"lib/python3.12/site-packages/{path}")

    versions = {normalised(name): each["version"] for name, each in found.items()}
    expected = {wheel.name: wheel.version for wheel in LINUX}
    assert versions == {**expected, "bridge-gui-demo": "1.0"}
    for wheel in LINUX:
        each = next(each for name, each in found.items() if normalised(name) == wheel.name)
        with zipfile.ZipFile(downloads[wheel.filename]) as archive:
            (member,) = [name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)]
            assert each["metadata"] == archive.read(member).decode()
        assert each["files"] > 3
        # What installers write the prefix into has another content afterwards.
        wrong = [
            problem for problem in each["wrong"] if resolved(problem[0]) not in rewritten or "not there" in problem[1]
        ]
        assert wrong == [], wheel.filename
        assert each["installer"].strip() == "conda"


def test_everything_can_be_imported_and_used(environment_of_both_lengths: Environment) -> None:
    names = json.loads(environment_of_both_lengths.python("-W", "ignore", "-c", IMPORT))
    assert len(names) >= len(LINUX)
    assert environment_of_both_lengths.python("-W", "ignore", "-c", USE) == "used\n"


def test_every_program_runs(environment_of_both_lengths: Environment) -> None:
    environment = environment_of_both_lengths
    points = {
        name
        for each in distributions(environment).values()
        for group, name, _ in each["entry_points"]
        if group in ("console_scripts", "gui_scripts")
    }
    programs = sorted(points | {"ruff", "jp.py", "bridge-gui-shell"})
    assert len(programs) > 25

    def run(name: str) -> tuple[str, int, str]:
        # By its own path: the first line has to lead to this prefix.
        result = environment.call(environment.prefix / "bin" / name, *ASK.get(name, ["--version"]))
        return name, result.returncode, result.stdout + result.stderr

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, programs))
    failed = [result for result in results if result[1] != 0 and LACKING.get(result[0], "\0") not in result[2]]
    assert failed == []
    assert all(output for name, _, output in results)


def test_pip_is_content(environment_of_both_lengths: Environment) -> None:
    assert environment_of_both_lengths.python("-m", "pip", "check") == "No broken requirements found.\n"


def test_uv_is_content_too(environment_of_both_lengths: Environment, uv: str, run: Run) -> None:
    python = environment_of_both_lengths.prefix / "bin" / "python"
    run(uv, "pip", "check", "--python", python)
    listed = json.loads(run(uv, "pip", "list", "--python", python, "--format", "json"))
    assert {each["name"]: each["version"] for each in listed} == {
        **{wheel.name: wheel.version for wheel in LINUX},
        "bridge-gui-demo": "1.0",
    }


def test_pip_leaves_alone_what_is_there(short: Environment) -> None:
    """A requirement that a converted package meets is met for pip: nothing is asked of any index."""
    output = short.python("-m", "pip", "install", "--no-index", "numpy>=2", "scipy", "pydantic", "zope.interface")
    assert output.count("Requirement already satisfied") >= 4


def test_data_files_and_headers_are_where_their_schemes_are(short: Environment) -> None:
    prefix = short.prefix
    assert (prefix / "share" / "bridge-gui-demo" / "colours.txt").read_bytes() == b"blue\n"
    assert (prefix / "share" / "man" / "man1" / "isympy.1").is_file()
    (header,) = prefix.glob("include/**/greenlet/greenlet.h")
    assert header.is_relative_to(Path(short.python("-c", SCHEME).strip()))


def test_no_file_knows_another_directory(short: Environment, channel: Path) -> None:
    """Neither where the packages were made, nor the placeholder of a prefix."""
    foreign = (str(channel).encode(), str(ROOT).encode(), b"placehold_placehold", str(cache_directory()).encode())
    listed = [
        short.prefix / path
        for record in (short.prefix / "conda-meta").glob("*.json")
        for path in json.loads(record.read_text())["files"]
    ]
    assert len(listed) > 5000
    for path in listed:
        data = path.read_bytes() if path.is_file() else b""
        assert not [text for text in foreign if text in data], path


def test_what_is_bound_to_no_python_works_with_another(channel: Path, tmp_path: Path) -> None:
    """The same packages that Python 3.12 has, pure and abi3, in an environment with Python 3.13."""
    found = [*sorted(Path.home().glob(".pyenv/versions/3.13.*/bin/python")), shutil.which("python3.13")]
    runs = [each for each in found if each and not subprocess.call([each, "-c", "1"], stderr=subprocess.DEVNULL)]
    if not runs:
        pytest.skip("CPython 3.13 is not here")
    other = tmp_path / "channel"
    shutil.copytree(channel, other, copy_function=os.link, ignore=INDEX)
    write_python(runs[0], other)
    index_channel(other)
    specs = ["python 3.13.*", "pip", "psutil", "pydantic", "requests", "rich", "ruff", "tqdm"]
    with pytest.raises(SolverError, match="python"):
        solved(other, specs, subdir="linux-64", virtual=MACHINE, cache=tmp_path / "gateway")
    specs = [spec for spec in specs if not spec.startswith(("pydantic", "requests"))]
    records = solved(other, specs, subdir="linux-64", virtual=MACHINE, cache=tmp_path / "gateway")
    installed(records, tmp_path / "env", subdir="linux-64", cache=tmp_path / "packages")
    environment = Environment(tmp_path / "env", {"PATH": os.defpath, "LC_ALL": "C.UTF-8"})
    assert environment.python("-c", "import psutil, rich, tqdm; print(psutil.cpu_count() > 0)") == "True\n"
    assert environment.python("-m", "pip", "check") == "No broken requirements found.\n"
    assert environment.call(environment.prefix / "bin" / "ruff", "--version").returncode == 0


@pytest.fixture(scope="session")
def later(channel: Path, downloads: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A channel whose packages say in repodata v3 what depends on Python and the system, and what extras need."""
    directory = tmp_path_factory.mktemp("later") / "channel"
    wheels = [downloads[wheel.filename] for wheel in LINUX if wheel.name in CONDITIONAL]
    command = [sys.executable, "-m", "bridge", "convert", *wheels, "-o", directory, "--schema-version", "3", "--json"]
    result = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    assert json.loads(result.stdout)["summary"]["converted"] == len(wheels) == len(CONDITIONAL)
    for path in channel.rglob("*.conda"):
        if path.name.startswith(("python-3", "python_abi", "cpython", "python-gil", "_python_abi3")):
            (directory / path.parent.name / path.name).hardlink_to(path)
    index_channel(directory)
    return directory


def test_one_package_for_all_environments_in_repodata_v3(later: Path, tmp_path: Path) -> None:
    assert len(list(later.rglob("tqdm-*.conda"))) == len(list(later.rglob("referencing-*.conda"))) == 1

    def names(spec: str, subdir: str = "linux-64") -> set[str]:
        virtual = MACHINE if subdir == "linux-64" else {"__win": "10"}
        records = solved(later, ["python 3.12.*", spec], subdir=subdir, virtual=virtual, cache=tmp_path / "cache")
        return {record.name.normalized for record in records}

    assert "typing_extensions" in names("referencing")
    assert "colorama" not in names("tqdm")
    plain, coloured = names("black"), names("black[extras=[colorama]]")
    assert coloured - plain == {"colorama"}


def test_an_environment_of_repodata_v3_works(later: Path, tmp_path: Path) -> None:
    specs = ["python 3.12.*", "black[extras=[colorama]]", "referencing", "tqdm"]
    records = solved(later, specs, subdir="linux-64", virtual=MACHINE, cache=tmp_path / "gateway")
    installed(records, tmp_path / "env", subdir="linux-64", cache=tmp_path / "packages")
    environment = Environment(tmp_path / "env", {"PATH": os.defpath, "LC_ALL": "C.UTF-8"})
    environment.python("-c", "import black, colorama, referencing, rpds, tqdm")
    assert environment.call(environment.prefix / "bin" / "black", "--version").returncode == 0
