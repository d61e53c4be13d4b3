"""Says hello."""

from pathlib import Path


def main() -> None:
    """Print the greeting that lies beside this module."""
    print(Path(__file__).with_name("greeting.txt").read_text().strip())
