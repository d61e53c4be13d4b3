"""The project's own data say the same to libyaml, which reads them, as to the loader for files of others."""

from __future__ import annotations

import pytest

from bridge.mapping.yaml_file import data_directory, parse_yaml

FILES = sorted(path.name for path in data_directory().iterdir() if path.name.endswith((".yaml", ".yml")))


@pytest.mark.parametrize("name", FILES)
def test_both_loaders_read_the_same(name: str) -> None:
    content = data_directory().joinpath(name).read_bytes()
    assert parse_yaml(content, name, own=True) == parse_yaml(content, name)


def test_there_is_something_to_read() -> None:
    assert FILES
