"""pixi: the tables of its manifest (`pixi.toml`, or `[tool.pixi]` in `pyproject.toml`), and `.pixi/config.toml`.

What pixi does is inferred from rattler, which it is made of, and from uv, which resolves its Python packages; the keys
are those of pixi's published schema.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from bridge.errors import Code
from bridge.priority.channel_reports import (
    claim_rows,
    leak_reports,
    overlay_reports,
    relation_reports,
    source_reports,
    stops,
    variant_reports,
)
from bridge.priority.compile_rattler import config_text, mirror_reports
from bridge.priority.conda_side import ChannelClaim, CondaSide, conda_side
from bridge.priority.context import CompileContext
from bridge.priority.pixi_existing import Manifest, read_manifest
from bridge.priority.pixi_manifest import Pins, holds_on, manifest_text, platform_entry, workspace_age
from bridge.priority.policy import Policy
from bridge.priority.python_reports import Reports, overlay_order
from bridge.priority.python_side import ProjectClaim, PythonSide, python_side
from bridge.priority.report import Client, Compiled, CompiledFile, FileFormat, Rule, Verdict
from bridge.priority.toml_text import Value

CONFIG: Final = PurePosixPath(".pixi/config.toml")


def compile_pixi(policy: Policy, context: CompileContext) -> Compiled:
    """The configuration of a pixi workspace.

    Claimed packages in the graph become dependencies of the workspace with their channel or index, which holds for
    requirements of requirements too.

    Args:
        policy: the policy.
        context: overlays, the names in the graph, the platforms, and the manifest if there is one.

    Raises:
        InvalidInput: an address cannot be written, or the manifest requires a claimed package without its channel or
            index (`CB440`).
    """
    conda, python = conda_side(policy, context), python_side(policy, context)
    manifest = read_manifest(context.existing)
    subdirs = context.subdirs or tuple(filter(None, [policy.variants.system.get("subdir")]))
    reports = Reports(Client.PIXI)
    pins = Pins()
    _channel_reports(reports, conda)
    if not conda.overlaid:
        for claim in conda.claims:
            _pin_packages(reports, conda, claim, subdirs, manifest, pins)
    _index_reports(reports, python)
    if python.overlay is None:
        known = context.projects is not None or context.resolution is not None
        for project_claim in python.claims:
            _pin_projects(reports, python, project_claim, manifest, pins, known=known)
    _other_reports(reports, conda, python, subdirs)
    files = [
        CompiledFile(manifest.path, Client.PIXI, FileFormat.TOML, text, standalone=False)
        for text in (manifest_text(conda, python, pins, subdirs, manifest.prefix),)
        if text
    ]
    config = config_text(conda, _index_mirrors(python))
    if config:
        files.append(CompiledFile(CONFIG, Client.PIXI, FileFormat.TOML, config, standalone=False))
    return Compiled(tuple(files), reports.done)


def _channel_reports(reports: Reports, side: CondaSide) -> None:
    if side.overlaid:
        overlay_reports(reports, side)
    else:
        leak_reports(reports, side)
        for source in side.channels:
            if source.min_age is not None:
                reports.exact(Rule.MIN_AGE, source.name, "exclude-newer of the channel")
    relation_reports(reports, side)
    stops(reports, side, "pixi stops where a channel does not answer")


def _pin_packages(
    reports: Reports,
    side: CondaSide,
    claim: ChannelClaim,
    subdirs: tuple[str, ...],
    manifest: Manifest,
    pins: Pins,
) -> None:
    """Pin the claimed packages of the graph, and report what that comes to."""
    if not side.channels or (claim.sources and all(source in claim.sources for source in side.channels)):
        claim_rows(reports, claim, Verdict.EXACT, "no other channel is in the workspace")
        return
    if not claim.sources:
        detail = "no source of the claim is a channel, but other channels may have the claimed names"
        claim_rows(reports, claim, Verdict.IMPOSSIBLE, detail, Code.HIDDEN_OWNER)
        return
    holds = {subdir: holds_on(claim.claim.when, subdir) for subdir in subdirs}
    everywhere = claim.claim.when is None or not holds or None in holds.values() or all(holds.values())
    targets: list[str | None] = [None] if everywhere else [subdir for subdir, here in holds.items() if here]
    url = side.url(claim.sources[0])
    for name in claim.names or ():
        if manifest.requires(name, url, "channel"):
            continue
        for target in targets:
            pins.channels.setdefault(target, {})[name] = url
    if claim.names is None:
        detail = "packages of the graph were not listed, so that none is pinned to its channel"
        claim_rows(reports, claim, Verdict.WEAKER, detail, Code.CLAIM_NAMES)
    elif len(claim.sources) > 1:
        detail = "a package is pinned to one channel; the others of the claim are not asked"
        claim_rows(reports, claim, Verdict.STRICTER, detail, Code.CLAIM_REACH)
    elif claim.claim.when is not None and (not holds or None in holds.values()):
        detail = "the pin also holds where the condition of the claim does not"
        claim_rows(reports, claim, Verdict.STRICTER, detail, Code.CLAIM_REACH)
    else:
        shown = ", ".join(claim.names) or "none in the graph"
        claim_rows(reports, claim, Verdict.EXACT, f"pinned to {claim.sources[0].name}: {shown}")


def _index_reports(reports: Reports, side: PythonSide) -> None:
    if side.overlay is not None:
        overlay_order(reports, side, "indexes")
        for claim in side.claims:
            reports.claim(claim, Verdict.EXACT, "the overlay index lists no other source's files")
        return
    if not side.normal:
        detail = "no index provides names that nobody claims, but pixi asks PyPI for them"
        remedy = "host the overlay index and compile for it"
        reports.add(Rule.ORDER, "indexes", Verdict.WEAKER, detail, Code.SOURCE_ORDER, remedy=remedy)
    else:
        reports.exact(Rule.ORDER, "indexes", "index-strategy, with the indexes in the policy's order")
    if len(side.normal) > 1:
        detail = "an index that answers 404 altogether looks like one that lacks the name"
        reports.add(Rule.UNREACHABLE, "indexes", Verdict.WEAKER, detail, Code.SILENT_SOURCE)
    everywhere = workspace_age(side)
    for source in side.indexes:
        if source.min_age == everywhere and everywhere is not None:
            reports.exact(Rule.MIN_AGE, source.name, "exclude-newer of the workspace")
        elif everywhere is not None:
            detail = f"one age holds for all indexes: the greatest, of {everywhere}"
            remedy = "none needed; younger files of the other indexes are only taken of pinned names"
            reports.add(Rule.MIN_AGE, source.name, Verdict.STRICTER, detail, Code.AGE_UNSAYABLE, remedy=remedy)


def _pin_projects(
    reports: Reports, side: PythonSide, claim: ProjectClaim, manifest: Manifest, pins: Pins, *, known: bool
) -> None:
    """Pin the claimed projects of the graph, and report what that comes to."""
    if not claim.sources:
        # A claim without an index is about channels; one without both is refused when the policy is read.
        if side.indexes:
            detail = "no source of the claim is an index, but other indexes may have the claimed names"
            reports.claim(claim, Verdict.IMPOSSIBLE, detail, Code.CLAIM_REACH)
        return
    if known:
        for name in claim.names:
            source = side.chosen(claim, name) or claim.sources[0]
            if not manifest.requires(name, str(source.pypi), "index"):
                pins.indexes[name] = str(source.pypi)
            if source.min_age != workspace_age(side):
                pins.ages[name] = source.min_age
    if not known:
        detail = "projects of the graph were not listed, so that none is pinned to its index"
        reports.claim(claim, Verdict.WEAKER, detail, Code.CLAIM_NAMES)
    elif len(claim.sources) > 1 or claim.marker:
        what = "the others of the claim are not asked" if len(claim.sources) > 1 else "whatever the claim's condition"
        reports.claim(claim, Verdict.STRICTER, f"a project is pinned to one index, {what}", Code.CLAIM_REACH)
    else:
        reports.claim(claim, Verdict.EXACT, f"pinned to its index: {', '.join(claim.names) or 'none in the graph'}")


def _index_mirrors(side: PythonSide) -> dict[str, Value]:
    """Mirrors of indexes, which pixi takes from the same table."""
    mirrors: dict[str, Value] = {}
    for source in side.indexes:
        copies = [str(mirror.pypi) for mirror in side.mirrors if mirror.mirror_of == source.name]
        if copies:
            mirrors[str(source.pypi)] = [str(source.pypi), *copies]
    return mirrors


def _other_reports(reports: Reports, conda: CondaSide, python: PythonSide, subdirs: tuple[str, ...]) -> None:
    mirror_reports(reports, conda)
    for mirror in python.mirrors:
        detail = "holds for the pages of the index; files elsewhere are asked for there"
        remedy = "add the address of the files to [mirrors] by hand"
        code = Code.SOURCE_UNSAYABLE
        reports.add(Rule.MIRROR, f"{mirror.name} (pypi)", Verdict.IMPOSSIBLE, detail, code, remedy=remedy)
    source_reports(reports, conda, "use `pixi auth login`, or a netrc file")
    for source in python.indexes:
        if source.credentials is not None and source not in conda.channels:
            remedy = "use `pixi auth login`, or a netrc file"
            detail = f"cannot be read from {source.credentials}"
            if source.credentials.kind == "netrc":
                reports.exact(Rule.CREDENTIALS, source.name, "the client reads the netrc file")
            else:
                code = Code.CREDENTIALS_ELSEWHERE
                reports.add(Rule.CREDENTIALS, source.name, Verdict.IMPOSSIBLE, detail, code, remedy=remedy)
    for conda_name in sorted(conda.policy.names.projects):
        reports.exact(Rule.IDENTITY, conda_name, "conda-pypi-map of every channel")
    variant_reports(reports, conda)
    said = {key for subdir in subdirs for key in _said(subdir, conda.policy)}
    for name, value in conda.policy.variants.system.items():
        if name in said or (name == "subdir" and conda.policy.variants.system):
            reports.exact(Rule.SYSTEM, f"{name}={value}", "platforms of the workspace")
        else:
            detail = "no platform of the workspace was given that has it" if value else "a platform cannot lack it"
            remedy = "name the platforms when compiling"
            code = Code.VARIANT_UNSAYABLE
            reports.add(Rule.SYSTEM, f"{name}={value}", Verdict.IMPOSSIBLE, detail, code, remedy=remedy)


def _said(subdir: str, policy: Policy) -> set[str]:
    """The settings of the machine that a platform can say."""
    system = policy.variants.system
    entry = platform_entry(subdir, system)
    names = {"macos": "osx", "windows": "win"}
    said = {names.get(key, key) for key in entry if key != "platform"}
    return said | ({"cuda_arch"} if isinstance(entry.get("cuda"), dict) else set())
