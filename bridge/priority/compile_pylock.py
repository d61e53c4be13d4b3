"""`pylock.toml` (PEP 751): what was resolved under the policy, with addresses and hashes, for every installer."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from bridge.errors import Code, InvalidInput
from bridge.priority.context import CompileContext, ResolvedFile, ResolvedPackage
from bridge.priority.policy import Policy
from bridge.priority.python_reports import Reports, header, source_reports
from bridge.priority.python_side import PythonSide, python_side
from bridge.priority.report import Client, Compiled, CompiledFile, FileFormat, Rule, Verdict
from bridge.priority.toml_text import Value, toml_table, toml_value

PYLOCK_FILE: Final = PurePosixPath("pylock.toml")
_CREATED_BY: Final = "conda-bridge"


def compile_pylock(policy: Policy, context: CompileContext) -> Compiled:
    """The lock file of a resolution; nothing where none is given.

    Args:
        policy: the policy.
        context: the resolution.

    Raises:
        InvalidInput: the resolution breaks the policy, or a file in it is not one of its package.
    """
    side = python_side(policy, context)
    if side.resolution is None:
        return Compiled()
    reports = Reports(Client.PYLOCK)
    reports.exact(Rule.ORDER, "policy", "every package of the resolution has its addresses and hashes")
    for claim in side.claims:
        reports.claim(claim, Verdict.EXACT, "claimed names have the addresses and hashes of the claim's sources")
    reports.exact(Rule.CLOSED, "policy", "installers ask no index")
    reports.exact(Rule.UNREACHABLE, "policy", "a file that cannot be downloaded is an error")
    for source in side.indexes:
        if source.min_age is not None:
            reports.exact(Rule.MIN_AGE, source.name, "the resolution was made of files that are old enough")
    source_reports(reports, side, lambda source: (True, f"the installer's own, for {source.name}"))
    for rule in policy.variants.rules:
        subject = f"{', '.join(map(str, rule.patterns))}: {rule.intent.value} {rule.property}"
        reports.add(
            Rule.VARIANT,
            subject,
            Verdict.IMPOSSIBLE,
            "PEP 751 has no variants",
            Code.VARIANT_UNSAYABLE,
            remedy="install variant wheels from the overlay index",
        )
    for name, value in policy.variants.system.items():
        reports.exact(Rule.SYSTEM, f"{name}={value}", "the resolution was made for it")
    file = CompiledFile(PYLOCK_FILE, Client.PYLOCK, FileFormat.TOML, _text(side), standalone=True)
    return Compiled((file,), reports.done)


def _text(side: PythonSide) -> str:
    assert side.resolution is not None  # noqa: S101 - only asked then
    top: dict[str, Value] = {"lock-version": "1.0", "created-by": _CREATED_BY}
    if side.resolution.requires_python is not None:
        top["requires-python"] = str(side.resolution.requires_python)
    packages = sorted(
        side.resolution.packages, key=lambda package: (package.name, package.version, str(package.marker or ""))
    )
    return "\n".join([header(side.policy) + toml_table("", top), *(_package(side, package) for package in packages)])


def _package(side: PythonSide, package: ResolvedPackage) -> str:
    values: dict[str, Value] = {"name": package.name, "version": str(package.version)}
    if package.marker is not None:
        values["marker"] = str(package.marker)
    if package.requires_python is not None:
        values["requires-python"] = str(package.requires_python)
    values["index"] = package.index
    wheels: list[str] = []
    sdist = ""
    for file in sorted(package.files, key=lambda file: file.filename):
        if file.filename.endswith(".whl"):
            wheels.append(_file(side, package, file))
        elif sdist:
            raise _odd(side, package, f"{file.filename} is a second source distribution")
        else:
            sdist = _file(side, package, file)
    text = toml_table("[[packages]]", values)
    if sdist:
        text += f"sdist = {sdist}\n"
    if wheels:
        text += "wheels = [\n" + "".join(f"  {wheel},\n" for wheel in wheels) + "]\n"
    if not (sdist or wheels):
        raise _odd(side, package, "it has no files")
    return text


def _file(side: PythonSide, package: ResolvedPackage, file: ResolvedFile) -> str:
    try:
        parse = parse_wheel_filename if file.filename.endswith(".whl") else parse_sdist_filename
        name, version = parse(file.filename)[:2]
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        raise _odd(side, package, f"{file.filename!r} is not the name of a wheel or source distribution") from error
    if name != package.name or version.public != package.version.public:
        raise _odd(side, package, f"{file.filename} is a file of another package or version")
    values: dict[str, Value] = {"name": file.filename}
    if file.upload_time is not None:
        values["upload-time"] = file.upload_time
    values["url"] = file.url
    if file.size is not None:
        values["size"] = file.size
    values["hashes"] = {"sha256": file.sha256}
    return toml_value(values)


def _odd(side: PythonSide, package: ResolvedPackage, message: str) -> InvalidInput:
    field = f"{package.name} {package.version}"
    return InvalidInput(Code.RESOLUTION_REFUSED, message, subject=side.policy.filename, field=field)
