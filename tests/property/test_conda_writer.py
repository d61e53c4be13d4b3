"""Any tree that `CondaWriter` takes, the reader gives back; what it refuses leaves nothing behind."""

from __future__ import annotations

import io
import posixpath
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import Unrepresentable
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.identifiers import parse_filename, printable
from bridge.formats.conda.survey import survey
from bridge.formats.conda.writer import CondaDigest, CondaWriter
from bridge.model.payload import MemberKind

NAMES = st.one_of(
    st.sampled_from(["lib", "bin", "share", "Lib", "a.py", "é", "info", ".hidden", "n" * 99, "long" * 40]),
    st.text(
        st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="/\\:"),
        min_size=1,
        max_size=12,
    ),
)
PATHS = st.lists(NAMES, min_size=1, max_size=5).map("/".join)
#: nothing that looks like a program: the survey refuses damaged ones.
CONTENTS = st.binary(max_size=2000).map(lambda data: b" " * bool(data) + data)
#: content and mode of a file, the path that a link leads to, or the mode of a directory.
MEMBERS = st.one_of(
    st.sampled_from([0o755, 0o700]), st.tuples(CONTENTS, st.sampled_from([0o644, 0o755, 0o600, 0o444])), PATHS
)
FILENAMES = st.sampled_from(["demo-1.0-0.conda", "demo-1.0-0.tar.bz2"])
INDEX = {"name": "demo", "version": "1.0", "build": "0", "build_number": 0, "depends": [], "subdir": "linux-64"}

Member = tuple[bytes, int] | str | int


def target_of(path: str, end: str) -> str:
    return posixpath.relpath("/" + end, "/" + posixpath.dirname(path))


def write(path: Path, members: dict[str, Member], threads: int) -> CondaDigest:
    identity, archive = parse_filename(path.name)
    with CondaWriter(path, identity, format=archive, level=1, threads=threads) as writer:
        for name, member in members.items():
            if isinstance(member, str):
                writer.add_link(name, target_of(name, member))
            elif isinstance(member, int):
                writer.add_directory(name, mode=member)
            else:
                writer.add(name, io.BytesIO(member[0]), len(member[0]), mode=member[1])
        return writer.finish(INDEX, {})


def write_what_is_taken(path: Path, members: dict[str, Member]) -> tuple[CondaDigest, dict[str, Member]]:
    """Leave out one refused member after the other; returns those that stay."""
    kept = dict(members)
    while True:
        try:
            return write(path, kept, 1), kept
        except Unrepresentable as error:
            assert list(path.parent.iterdir()) == []
            # Messages cut long names.
            del kept[next(name for name in kept if error.field in (name, printable(name)))]


@settings(max_examples=150, deadline=None)
@given(filename=FILENAMES, members=st.dictionaries(PATHS, MEMBERS, max_size=8))
def test_any_tree_reads_back(filename: str, members: dict[str, Member]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / filename
        digest, kept = write_what_is_taken(path, members)
        first = path.read_bytes()
        assert write(path, kept, 2) == digest
        assert path.read_bytes() == first
        found: dict[str, Member] = {}
        with open_artifact(path, subdir="linux-64") as artifact:
            for member, reader in artifact.members():
                if member.kind is MemberKind.SYMLINK:
                    found[member.path] = member.link_target or ""
                elif member.kind is MemberKind.DIRECTORY:
                    found[member.path] = member.mode
                else:
                    found[member.path] = reader.read(), member.mode
            survey(artifact)
        expected = {
            name: target_of(name, member) if isinstance(member, str) else member for name, member in kept.items()
        }
        assert list(found.items()) == list(expected.items())
