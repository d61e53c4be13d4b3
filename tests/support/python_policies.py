"""Policies about indexes, for tests of what is compiled for Python clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from bridge.priority.context import Resolution, ResolvedFile, ResolvedPackage
from bridge.priority.policy import SourceName
from bridge.priority.policy_file import parse_policy

if TYPE_CHECKING:
    from bridge.priority.policy import Policy
    from bridge.priority.report import Compiled, Rule, Verdict

#: a source that provides claimed names only, and one for the rest.
SOURCES = """
[sources.internal]
pypi = "https://index.example/internal"
trust = "first-party"
role = "claimed-only"
[sources.world]
pypi = "https://index.example/world"
trust = "public"
"""
CURATED = """
[sources.curated]
pypi = "https://index.example/curated"
trust = "curated"
"""
CLAIM = """
[[claims]]
packages = ["acme-core"]
from = ["internal"]
"""


def policy_of(
    rest: str = SOURCES + CLAIM,
    *,
    order: tuple[str, ...] = ("internal", "world"),
    default: str = "strict",
    on_unreachable: str = "error",
) -> Policy:
    """A policy with the tables that are given."""
    quoted = ", ".join(f'"{name}"' for name in order)
    top = (
        f'schema = "bridge-policy/1"\ndefault = "{default}"\non-unreachable = "{on_unreachable}"\norder = [{quoted}]\n'
    )
    return parse_policy(top + rest, "bridge-policy.toml")


def resolved(
    name: str, source: str, *filenames: str, version: str = "1.0", base: str = "https://f.example"
) -> Resolution:
    """One package; a plain wheel unless file names are given."""
    names = filenames or (f"{name.replace('-', '_')}-{version}-py3-none-any.whl",)
    files = tuple(ResolvedFile(file, f"{base}/{file}", f"{number:064x}", 10) for number, file in enumerate(names, 1))
    index = f"https://index.example/{source}/"
    package = ResolvedPackage(canonicalize_name(name), Version(version), SourceName(source), index, files)
    return Resolution((package,))


def verdicts(compiled: Compiled, rule: Rule) -> dict[str, tuple[Verdict, str | None]]:
    """Subject -> verdict and number of its code."""
    return {
        entry.subject: (entry.verdict, entry.code.number if entry.code else None)
        for entry in compiled.report
        if entry.rule is rule
    }


def text_of(compiled: Compiled, path: str) -> str:
    """What one of the files says."""
    return next(file.text for file in compiled.files if str(file.path) == path)
