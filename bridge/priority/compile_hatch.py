"""hatch: its environments are installed by uv, which reads a configuration that environment variables name."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from bridge.errors import Code
from bridge.priority.compile_uv import uv_pip_settings
from bridge.priority.context import CompileContext
from bridge.priority.policy import Policy
from bridge.priority.report import Client, Compiled, CompiledFile, FileFormat, Rule, Verdict
from bridge.priority.toml_text import toml_table

HATCH_UV_FILE: Final = PurePosixPath("hatch-uv.toml")

#: environments of the user take over what `default` says; hatch's own do not.
_ENVIRONMENTS: Final = (
    "default",
    "hatch-build",
    "hatch-check-code",
    "hatch-check-fmt",
    "hatch-check-types",
    "hatch-static-analysis",
    "hatch-test",
)


def compile_hatch(policy: Policy, context: CompileContext) -> Compiled:
    """Environment settings for `pyproject.toml`, and the file for uv that they name.

    Args:
        policy: the policy.
        context: the overlay index, if one is hosted, the names in the graph and the resolution.

    Raises:
        InvalidInput: an address cannot be written, or the resolution breaks the policy.
    """
    text, reports = uv_pip_settings(policy, context, Client.HATCH)
    reports.add(
        Rule.CLOSED,
        "uv",
        Verdict.WEAKER,
        "where uv is missing, hatch installs it with pip, as pip is configured on the machine",
        Code.SOURCE_UNSAYABLE,
        remedy="install uv, and set HATCH_ENV_TYPE_VIRTUAL_UV_PATH to it",
    )
    tables = [
        toml_table(
            f"[tool.hatch.envs.{environment}]",
            {"installer": "uv", "env-vars": {"UV_CONFIG_FILE": f"{{root}}/{HATCH_UV_FILE}"}},
        )
        for environment in _ENVIRONMENTS
    ]
    files = (
        CompiledFile(
            PurePosixPath("pyproject.toml"), Client.HATCH, FileFormat.TOML, "\n".join(tables), standalone=False
        ),
        CompiledFile(HATCH_UV_FILE, Client.HATCH, FileFormat.TOML, text, standalone=True),
    )
    return Compiled(files, reports.done)
