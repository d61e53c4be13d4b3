"""Secrets in every place where a project may have them, and what must not have them afterwards."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

#: addresses as people write them; `{user}` is `user:secret@`, `{secret}` the secret, both as addresses have them.
ADDRESSES: Mapping[str, str] = {
    "password": "https://{user}{host}/{path}",
    "token as user": "https://{secret}@{host}/{path}",
    "token in the path": "https://{host}/t/{secret}/{path}",
    "query": "https://{host}/{path}?token={secret}",
    "fragment": "https://{host}/{path}#{secret}",
    "plain": "http://{user}{host}/{path}",
    "not quoted": "https://robot:{raw}@{host}/{path}",
    "no address": "https://{user}[{host}/{path}",
    "port": "https://{host}:{secret}/{path}",
}


@dataclass(frozen=True)
class Canary:
    """One secret, in all the forms that it may be told in."""

    secret: str
    user: str = "robot"

    @property
    def quoted(self) -> str:
        """As addresses have it."""
        return quote(self.secret, safe="")

    @property
    def pair(self) -> str:
        """As the header Authorization has it."""
        return base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()

    def address(self, form: str, host: str, path: str) -> str:
        """An address with the secret in it."""
        text = ADDRESSES[form]
        return text.format(
            user=f"{self.user}:{self.quoted}@", secret=self.quoted, raw=self.secret, host=host, path=path
        )

    def forms(self) -> frozenset[str]:
        """The secret raw, quoted, and in base64 wherever it may start; all in small letters."""
        shifted = [base64.b64encode(b"x" * shift + self.secret.encode())[4 * (shift > 0) : -4] for shift in range(3)]
        core = max(re.split(r"[^A-Za-z0-9]", self.secret), key=len)
        return frozenset(
            form.lower() for form in (self.secret, self.quoted, self.pair, core, *(each.decode() for each in shifted))
        )

    def found_in(self, text: str) -> str:
        """Where a text has the secret, with what stands around it; empty where it does not have it."""
        small = text.lower()
        for form in sorted(self.forms()):
            if (at := small.find(form)) >= 0:
                return text[max(0, at - 80) : at + len(form) + 40]
        return ""


def project_files(canary: Canary, form: str) -> Iterator[tuple[str, str]]:
    """Name and content of files of all clients, each with the secret in every place that may have one."""

    def at(path: str, host: str = "secret.example") -> str:
        return canary.address(form, host, path)

    simple, channel, file = at("simple"), at("conda"), at("files/acme_core-1.0-py3-none-any.whl")
    package = at("conda/noarch/acme-core-1.0-0.conda")
    digest = "a" * 64
    yield (
        "pip.conf",
        f"""[global]
index-url = {simple}
extra-index-url = {at("extra")}
  {at("more")}
find-links = {at("links")}
proxy = {at("proxy")}
password = {canary.secret}
trusted-host = secret.example
[install]
constraint = {at("constraints.txt")}
""",
    )
    yield (
        "requirements.txt",
        f"""--index-url {simple}
--extra-index-url={at("extra")}
-f {at("links")}
acme-core @ {file}
shared[extra] @ git+{at("repository.git")}@main
-e git+{at("tool.git")}#egg=tool
{file}
plain ; python_version > '3'
-r {at("other.txt")}
--config-settings password={canary.secret}
""",
    )
    yield (
        "pyproject.toml",
        f"""
[project]
name = "own"
version = "1"
dependencies = ["acme-core", "shared @ {file}"]
[build-system]
requires = ["builder @ {at("builder.tar.gz")}"]
[tool.uv]
find-links = ["{at("links")}"]
index-url = "{simple}"
extra-index-url = ["{at("extra")}"]
index = [{{ name = "one", url = "{simple}", explicit = true }}, {{ url = "{at("two")}", default = true }}]
[tool.uv.sources]
acme-core = {{ url = "{file}" }}
tool = {{ git = "{at("tool.git")}" }}
[[tool.poetry.source]]
name = "one"
url = "{simple}"
priority = "explicit"
[tool.poetry.dependencies]
python = ">=3.11"
acme-core = {{ version = "*", source = "one" }}
shared = {{ url = "{file}" }}
tool = {{ git = "{at("tool.git")}" }}
[[tool.pdm.source]]
name = "one"
url = "{simple}"
username = "{canary.user}"
password = "{canary.secret}"
include_packages = ["acme-*"]
[tool.hatch.envs.default]
dependencies = ["acme-core", "shared @ {file}"]
[tool.hatch.envs.default.env-vars]
PIP_INDEX_URL = "{simple}"
UV_INDEX = "{at("extra")}"
API_TOKEN = "{canary.secret}"
""",
    )
    yield "uv.toml", f'index-url = "{simple}"\nextra-index-url = ["{at("extra")}"]\n[[index]]\nurl = "{at("two")}"\n'
    yield "pdm.toml", f'[pypi]\nurl = "{simple}"\nusername = "{canary.user}"\npassword = "{canary.secret}"\n'
    yield "poetry.toml", f'[http-basic.one]\nusername = "{canary.user}"\npassword = "{canary.secret}"\n'
    yield (
        "pixi.toml",
        f"""
[workspace]
name = "own"
channels = ["{channel}", {{ channel = "{at("second")}", priority = 3 }}]
platforms = ["linux-64"]
[workspace.conda-pypi-map]
"{channel}" = "{at("map.json")}"
[workspace.pypi-options]
index-url = "{simple}"
extra-index-urls = ["{at("extra")}"]
find-links = [{{ url = "{at("links")}" }}]
[dependencies]
acme-core = {{ version = ">=1", channel = "{channel}" }}
shared = {{ url = "{package}" }}
[pypi-dependencies]
tool = {{ version = "*", index = "{simple}" }}
other = {{ url = "{file}" }}
more = {{ git = "{at("more.git")}" }}
[feature.gpu]
channels = ["{at("gpu")}"]
""",
    )
    yield (
        ".pixi/config.toml",
        f"""default-channels = ["{channel}"]
[mirrors]
"{channel}" = ["{at("mirror")}"]
[pypi-config]
index-url = "{simple}"
extra-index-urls = ["{at("extra")}"]
[proxy-config]
https = "{at("proxy")}"
[s3-options.bucket]
endpoint-url = "{at("s3")}"
region = "x"
""",
    )
    yield "rattler-config.toml", f'default-channels = ["{channel}"]\n[mirrors]\n"{channel}" = ["{at("mirror")}"]\n'
    yield (
        ".condarc",
        f"""
channels:
  - {channel}
  - acme
default_channels:
  - {at("defaults")}
channel_alias: {at("alias")}
custom_channels:
  acme: {at("custom")}
custom_multichannels:
  many:
    - {at("many")}
migrated_channel_aliases:
  - {at("old")}
allowlist_channels:
  - {channel}
denylist_channels:
  - {at("bad")}
proxy_servers:
  https: {at("proxy")}
pinned_packages:
  - {channel}::acme-core=1.0
disallow:
  - {at("bad")}::other
anaconda_upload: false
token: {canary.secret}
""",
    )
    yield ".mambarc", f"channels:\n  - {channel}\nmirrored_channels:\n  acme:\n    - {at('mirror')}\n"
    yield (
        "environment.yml",
        f"""
name: own
channels:
  - {channel}
dependencies:
  - {channel}::acme-core=1.0
  - {package}
  - acme-core[url={package}]
  - shared[channel='{at("bracket")}']
  - pip
  - pip:
      - --index-url {simple}
      - --extra-index-url {at("extra")}
      - tool @ {file}
      - git+{at("repository.git")}
variables:
  API_TOKEN: {canary.secret}
""",
    )
    yield ".netrc", f"machine secret.example login {canary.user} password {canary.secret}\n"
    yield ".env", f"PIP_INDEX_URL={simple}\nexport ACME_TOKEN='{canary.secret}'\nAuthorization: Basic {canary.pair}\n"
    yield (
        ".pypirc",
        f"[distutils]\nindex-servers = one\n[one]\nrepository = {at('upload')}\npassword = {canary.secret}\n",
    )
    yield ".gitlab-ci.yml", f"variables:\n  PIP_EXTRA_INDEX_URL: {simple}\n  TOKEN: {canary.secret}\n"
    yield "Dockerfile", f"FROM x\nRUN pip install -i {simple} acme-core\nENV API_TOKEN={canary.secret}\n"
    yield (
        "pixi.lock",
        f"""
version: 6
environments:
  default:
    channels:
      - url: {channel}/
    indexes:
      - {simple}
    packages:
      linux-64:
        - conda: {package}
        - pypi: {file}
packages:
  - conda: {package}
    sha256: {digest}
    depends:
      - {channel}::other
  - pypi: {file}
    name: acme-core
    version: "1.0"
    sha256: {digest}
    requires_dist:
      - other @ {file}
""",
    )
    yield (
        "conda-lock.yml",
        f"""
version: 1
metadata:
  channels:
    - url: {channel}
      used_env_vars: []
  platforms: [linux-64]
  sources: [environment.yml]
package:
  - name: acme-core
    version: "1.0"
    manager: conda
    platform: linux-64
    dependencies:
      other: "{channel}::*"
    url: {package}
    hash:
      sha256: {digest}
    category: main
    optional: false
""",
    )
    yield (
        "uv.lock",
        f"""
version = 1
revision = 3
requires-python = ">=3.11"
[[package]]
name = "acme-core"
version = "1.0"
source = {{ registry = "{simple}" }}
wheels = [{{ url = "{file}", hash = "sha256:{digest}" }}]
[[package]]
name = "tool"
version = "1.0"
source = {{ git = "{at("tool.git")}" }}
[[package]]
name = "shared"
version = "1.0"
source = {{ url = "{file}" }}
""",
    )
    yield (
        "poetry.lock",
        f"""
[[package]]
name = "acme-core"
version = "1.0"
files = [{{ file = "acme_core-1.0-py3-none-any.whl", hash = "sha256:{digest}" }}]
[package.source]
type = "legacy"
url = "{simple}"
reference = "one"
[[package]]
name = "tool"
version = "1.0"
files = []
[package.source]
type = "git"
url = "{at("tool.git")}"
reference = "main"
[metadata]
lock-version = "2.1"
content-hash = "{digest}"
""",
    )
    yield (
        "pdm.lock",
        f"""
[metadata]
lock_version = "4.5.0"
content_hash = "sha256:{digest}"
[[package]]
name = "acme-core"
version = "1.0"
url = "{file}"
files = [{{ url = "{file}", hash = "sha256:{digest}" }}]
""",
    )
    yield (
        "pylock.toml",
        f"""
lock-version = "1.0"
created-by = "test"
[[packages]]
name = "acme-core"
version = "1.0"
index = "{simple}"
[[packages.wheels]]
name = "acme_core-1.0-py3-none-any.whl"
url = "{file}"
hashes = {{ sha256 = "{digest}" }}
[[packages]]
name = "tool"
vcs = {{ type = "git", url = "{at("tool.git")}", commit-id = "{digest[:40]}" }}
[[packages]]
name = "shared"
archive = {{ url = "{file}", hashes = {{ sha256 = "{digest}" }} }}
""",
    )


def write_project(root: Path, canary: Canary, form: str) -> Path:
    """A project with all these files."""
    for name, content in project_files(canary, form):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root
