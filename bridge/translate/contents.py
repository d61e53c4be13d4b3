"""One digest for many files, whatever archive they lie in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping


def content_digest(contents: Mapping[str, bytes]) -> str:
    """SHA-256 in lowercase hex over the sorted names of files and their digests.

    Args:
        contents: name -> SHA-256 of the file; empty where only the name counts.
    """
    digest = hashlib.sha256()
    for name, sha256 in sorted(contents.items()):
        digest.update(f"{sha256.hex()}  {name}\n".encode())
    return digest.hexdigest()
