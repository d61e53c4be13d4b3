"""Build sample recipes into a channel, without any other channel.

Usage: python recipes/build.py [RECIPE...] -o CHANNEL
Needs: conda-wheel-bridge[demo]. Without names every recipe is built that this machine can build.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

# So that it works from a bare checkout too.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bridge.cli.demo_samples import (
    SampleError,
    build_samples,
    lacking,
    recipe_names,
)


def main() -> int:
    """Build, print the packages, and return the exit status."""
    parser = argparse.ArgumentParser(description="Build sample recipes into an indexed channel, offline.")
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help=f"of {', '.join(recipe_names())}; default: all")
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="CHANNEL")
    arguments = parser.parse_args()
    names = arguments.recipes
    if not names:
        missing = {name: lacking(name) for name in recipe_names()}
        names = [name for name, need in missing.items() if need is None]
        for name in sorted(missing.keys() - set(names)):
            sys.stderr.write(f"{name} is left out: {missing[name]} is not here\n")
    try:
        built = build_samples(names, arguments.out)
    except SampleError as error:
        error.show()
        return 1
    for packages in built.values():
        sys.stdout.writelines(f"{package}\n" for package in packages)
    return 0


if __name__ == "__main__":
    sys.exit(main())
