"""Asks libfoo."""

from pyfoo._foo import answer


def main() -> None:
    """Print what libfoo answers."""
    print(answer())
