"""Asks libfoo."""

import sys

from pyfoo._foo import answer


def main() -> None:
    """Print what libfoo answers."""
    sys.stdout.write(f"{answer()}\n")
