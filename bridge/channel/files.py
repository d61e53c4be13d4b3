"""Replacing files that others may be reading."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def replace_file(path: Path, data: bytes) -> bool:
    """Write a whole file or nothing; an unchanged one keeps its time.

    Returns:
        whether the file was written.

    Raises:
        OSError: it cannot be written; `IsADirectoryError` where a directory is in the way.
    """
    if path.is_file() and not path.is_symlink() and path.read_bytes() == data:
        return False
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        # mkstemp makes it private; a web server must be able to read it.
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return True
