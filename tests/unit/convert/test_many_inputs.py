"""Many small inputs, which workers take several at a time."""

import zipfile
from pathlib import Path

import pytest

from bridge.channel.convert import convert
from bridge.errors import Code
from bridge.model.plan import Outcome, Status
from tests.support.sample_packages import noarch_package

#: more than a worker takes at once, in more batches than there are workers.
COUNT = 36


def digests(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_the_outcomes_of_many_are_those_of_each_alone(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    inputs = [noarch_package(tmp_path / "in", f"p{number}") for number in range(COUNT)]
    inputs[7].write_bytes(inputs[7].read_bytes()[:-9])
    inputs[20] = tmp_path / "in" / "absent-1.0-0.conda"
    told: list[Outcome] = []
    one = convert(inputs, tmp_path / "one")
    two = convert(inputs, tmp_path / "two", jobs=2, on_outcome=told.append)
    assert [outcome.input for outcome in two.outcomes] == [str(path) for path in inputs]
    assert [(each.status, each.message) for each in two.outcomes] == [
        (each.status, each.message) for each in one.outcomes
    ]
    assert two.summary == {**dict.fromkeys(two.summary, 0), "converted": COUNT - 2, "invalid": 2}
    assert sorted(outcome.input for outcome in told) == sorted(map(str, inputs))
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert two.outcomes[7].status is two.outcomes[20].status is Status.INVALID


@pytest.mark.parametrize("jobs", [1, 2])
def test_neighbours_that_want_one_name_do_not_get_into_each_others_way(tmp_path: Path, jobs: int) -> None:
    (tmp_path / "in").mkdir()
    site = "site-packages"
    inputs = [
        noarch_package(
            tmp_path / "in",
            f"p{number // 2}",
            files={f"{site}/own.py": f"{number}".encode()},
            build=f"b_{number % 2}",
            index={"build_number": number % 2},
        )
        for number in range(COUNT)
    ]
    report = convert(inputs, tmp_path / "out", jobs=jobs)
    assert {outcome.code for outcome in report.outcomes[::2]} == {Code.SHADOWED}
    kept = [outcome.outputs[0] for outcome in report.outcomes[1::2]]
    assert [output.source.filename for output in kept] == [path.name for path in inputs[1::2]]
    for number, output in enumerate(kept):
        with zipfile.ZipFile(tmp_path / "out" / output.filename) as wheel:
            assert wheel.read("own.py") == f"{2 * number + 1}".encode()
    assert len(list((tmp_path / "out").iterdir())) == COUNT // 2
