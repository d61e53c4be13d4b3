"""mamba and micromamba: `.mambarc`, which libmamba reads beside `.condarc`, or is given with `--rc-file`."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from bridge.errors import Code
from bridge.priority.channel_reports import source_reports, variant_reports
from bridge.priority.compile_conda import channel_settings, order_reports
from bridge.priority.conda_side import CondaSide, conda_side
from bridge.priority.context import CompileContext
from bridge.priority.policy import Policy
from bridge.priority.python_reports import Reports
from bridge.priority.report import Client, Compiled, CompiledFile, FileFormat, Rule, Verdict
from bridge.priority.yaml_text import yaml_mapping

MAMBARC: Final = PurePosixPath(".mambarc")


def compile_mamba(policy: Policy, context: CompileContext) -> Compiled:
    """The configuration of mamba, which ignores keys that it does not know: no list of allowed channels, no ages.

    A channel that has mirrors goes by the source's name, which `mirrored_channels` resolves; the others are addresses.

    Args:
        policy: the policy.
        context: the overlay channels, if they are hosted.

    Raises:
        InvalidInput: an address cannot be written.
    """
    side = conda_side(policy, context)
    reports = Reports(Client.MAMBA)
    values = channel_settings(side)
    mirrored = {} if side.overlaid else {source: side.mirrors_of(source) for source in side.channels}
    if any(mirrored.values()):
        values["channels"] = [str(source.name) if mirrored[source] else side.url(source) for source in side.channels]
        values["mirrored_channels"] = {
            str(source.name): [side.url(source), *mirrors] for source, mirrors in mirrored.items() if mirrors
        }
    _reports(reports, side)
    file = CompiledFile(MAMBARC, Client.MAMBA, FileFormat.YAML, yaml_mapping(values), standalone=False)
    return Compiled((file,) if side.channels else (), reports.done)


def _reports(reports: Reports, side: CondaSide) -> None:
    order_reports(reports, side)
    reports.add(
        Rule.CLOSED,
        "policy",
        Verdict.IMPOSSIBLE,
        "mamba knows no allowlist_channels; channels of the command line and of environment files are added",
        Code.CHANNEL_SETTING,
        remedy="give no channels on the command line or in environment files",
    )
    detail = "what mamba does with a channel that answers 404 was not measured"
    remedy = "run `priority check` before installing"
    reports.add(Rule.UNREACHABLE, "policy", Verdict.WEAKER, detail, Code.SILENT_SOURCE, remedy=remedy)
    for source in side.channels:
        if source.min_age is not None and not side.overlaid:
            detail, remedy = "there is no such setting", "host the overlay channels, which hold no young files"
            reports.add(Rule.MIN_AGE, source.name, Verdict.IMPOSSIBLE, detail, Code.AGE_UNSAYABLE, remedy=remedy)
    for mirror in side.mirrors:
        if side.overlaid:
            detail = "overlay channels lead to the files of the source itself"
            reports.add(Rule.MIRROR, mirror.name, Verdict.IMPOSSIBLE, detail, Code.SOURCE_UNSAYABLE)
        else:
            reports.exact(Rule.MIRROR, mirror.name, f"mirrored_channels names it after {mirror.mirror_of} itself")
    source_reports(reports, side, "use `mamba auth login`, or a netrc file")
    variant_reports(reports, side)
    for name, value in side.policy.variants.system.items():
        detail, remedy = "there is no such setting", f"set CONDA_OVERRIDE_{name.upper()}={value}"
        reports.add(Rule.SYSTEM, f"{name}={value}", Verdict.IMPOSSIBLE, detail, Code.VARIANT_UNSAYABLE, remedy=remedy)
