"""Says hello."""

import sys
from pathlib import Path


def main() -> None:
    """Print the greeting that lies beside this module."""
    sys.stdout.write(Path(__file__).with_name("greeting.txt").read_text())
