"""Knows which build it is."""

import sys
from pathlib import Path

BACKEND = Path(__file__).with_name("backend.txt").read_text().strip()


def main() -> None:
    """Print the build's name."""
    sys.stdout.write(f"{BACKEND}\n")
