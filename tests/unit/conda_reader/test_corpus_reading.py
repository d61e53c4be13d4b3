"""Every artifact of the corpus: sound ones are read and verified, malformed ones refused for a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from bridge.errors import InvalidInput
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.survey import survey

CORPUS: Final = Path(__file__).parents[4] / "shared" / "corpus" / "conda"

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside the checkout"),
]

MALFORMED: Final = ("conda-verify-malformed", "scancode-odd", "unreadable")

#: artifacts of the other sets that are broken all the same, with what is wrong about them.
BROKEN: Final = {
    # metadata.json is empty
    "anaconda-client-fixtures/linux-64/conda_gc_test-2.2.1-py27_3.conda": "CB111",
    # an uncompressed tar
    "conda-build-fixtures/noarch/alt-096466b5/flask-0.11.1-py_0.tar.bz2": "CB101",
    # listed files were left out to keep the fixture small
    "conda-build-fixtures/noarch/flask-0.11.1-py_0.tar.bz2": "CB113",
    "conda-build-fixtures/noarch/spiffy-test-app-0.5-pyh6afbcc8_0.tar.bz2": "CB113",
    "conda-build-fixtures/osx-64/fly-2.5.2-0.tar.bz2": "CB113",
    # links have lost their targets
    "conda-fixtures/linux-64/zlib-1.2.11-h7b6447c_3.conda": "CB105",
    "conda-fixtures/osx-64/zlib-1.2.11-h1de35cc_3.conda": "CB105",
    # links have become empty files
    "conda-fixtures/linux-64/zlib-1.2.11-h7b6447c_3.tar.bz2": "CB113",
    "conda-fixtures/osx-64/zlib-1.2.11-h1de35cc_3.tar.bz2": "CB113",
    # a file that paths.json does not list
    "cph-fixtures/noarch/alt-c58cbc7c/cph_test_data-0.0.1-0.tar.bz2": "CB113",
    # the file name is not that of index.json
    "quetz-fixtures/linux-64/test-package-0.1-0_copy.tar.bz2": "CB112",
    # packed again with a directory in front, deflated, with data descriptors
    "rattler-fixtures/linux-64/ca-certificates-2024.7.4-hbcca054_0.conda": "CB102",
    # no metadata.json
    "rattler-fixtures/noarch/sparse-test-1.0.0-0.conda": "CB102",
    # the inner archives are named after another package
    "rattler-fixtures/noarch/zip64-extra-field-test.conda": "CB103",
}


def artifacts() -> list[Path]:
    return sorted(path for path in CORPUS.rglob("*") if path.name.endswith((".conda", ".tar.bz2")))


def is_malformed(path: Path) -> bool:
    return not set(MALFORMED).isdisjoint(path.relative_to(CORPUS).parts)


def read(path: Path, subdir: str | None = None) -> str | None:
    """The code of the refusal, or None."""
    try:
        with open_artifact(path, subdir=subdir) as artifact:
            artifact.origin()
            survey(artifact)
    except InvalidInput as error:
        return error.code.number if error.subject == path.name else str(error)
    return None


def test_sound_artifacts_are_accepted() -> None:
    outcomes = {}
    for path in artifacts():
        if not is_malformed(path):
            relative = path.relative_to(CORPUS)
            outcomes[relative.as_posix()] = read(path, subdir=relative.parts[1])
    refused = {path: code for path, code in outcomes.items() if code is not None}
    assert refused == BROKEN
    assert len(outcomes) - len(refused) >= 560


def test_malformed_artifacts_are_refused() -> None:
    outcomes = {path.relative_to(CORPUS).as_posix(): read(path) for path in artifacts() if is_malformed(path)}
    assert len(outcomes) >= 90
    assert [path for path, code in outcomes.items() if code is None or not code.startswith("CB1")] == []
