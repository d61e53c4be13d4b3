"""What about.json and `info/licenses/` say of a wheel (CEP 34, PEP 639, PEP 753)."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from typing import Any, Final

from bridge.formats.wheel.core_metadata import CoreMetadata
from bridge.formats.wheel.member_names import MemberNames
from bridge.translate.to_conda.request import CondaRequest

_ADDRESS: Final = re.compile(r"https?://[^\s<>\"\\^`{|}\x00-\x20\x7f]+", re.IGNORECASE)
_INSIGNIFICANT: Final = str.maketrans("", "", string.punctuation + string.whitespace)
#: label without punctuation, white space and case -> key of about.json, in order of preference (PEP 753).
_LABELS: Final = {
    "homepage": "home",
    "source": "dev_url",
    "sourcecode": "dev_url",
    "repository": "dev_url",
    "github": "dev_url",
    "documentation": "doc_url",
    "docs": "doc_url",
}
#: how licence files were called before PEP 639 gave them a directory.
_LICENSE_NAME: Final = re.compile(r"(?:LICEN[CS]E|COPYING|NOTICE|AUTHORS)(?:[.-].*)?", re.IGNORECASE)
_LICENSES: Final = "info/licenses/"


def about_fields(core: CoreMetadata, license: str | None, license_files: Mapping[str, bytes]) -> dict[str, Any]:  # noqa: A002
    """about.json without `extra`; the description stays in METADATA, which the package holds.

    Args:
        core: METADATA.
        license: in one line.
        license_files: as `license_files` gives them.
    """
    fields: dict[str, Any] = {"summary": core.summary, "license": license or "", **_addresses(core)}
    if license_files:
        fields["license_file"] = [path.removeprefix(_LICENSES) for path in sorted(license_files)]
    return {key: value for key, value in fields.items() if value}


def license_files(request: CondaRequest) -> dict[str, bytes]:
    """Path under `info/licenses/` -> content, for the licence files that METADATA names or that are called so."""
    directory = f"{request.metadata.dist_info}/"
    contents = {
        name.removeprefix(directory): facts.content
        for name, facts in request.survey.survey.files.items()
        if name.startswith(directory) and facts.content is not None
    }
    named = request.metadata.core.license_files
    found: dict[str, bytes] = {}
    names = MemberNames()
    # Where two would clash, the one that METADATA speaks of keeps its name.
    for name in sorted(contents, key=lambda name: not name.startswith("licenses/")):
        stated = name.removeprefix("licenses/").removeprefix("license_files/")
        if stated == name and ("/" in name or not (_LICENSE_NAME.fullmatch(name) or name in named)):
            continue
        if names.claim(stated) is None:
            found[_LICENSES + stated] = contents[name]
        elif contents[name] not in found.values() and names.claim(f"dist-info/{name}") is None:
            found[f"{_LICENSES}dist-info/{name}"] = contents[name]
    return found


def _addresses(core: CoreMetadata) -> dict[str, str]:
    labelled: dict[str, str] = {}
    for label, url in core.project_urls:
        labelled.setdefault(label.translate(_INSIGNIFICANT).lower(), url)
    found: dict[str, str] = {}
    for url, key in [
        (core.get("Home-page") or "", "home"),
        *((labelled.get(each, ""), _LABELS[each]) for each in _LABELS),
    ]:
        if _ADDRESS.fullmatch(url):
            found.setdefault(key, url)
    # Sites show a link to the home page first.
    return found if "home" in found or "dev_url" not in found else {"home": found["dev_url"], **found}
