"""Upper bounds on what a reader accepts, each with its reason; all of them adjustable.

Everything read from an artifact is hostile until checked, so every quantity that an archive can inflate has a bound.
The defaults are far above anything seen in conda-forge and far below what would hurt the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one read; sizes in bytes."""

    #: conda-forge's largest packages have about 100,000 files.
    members: int = 1_000_000
    #: the largest single files today (CUDA libraries) are about 1.5 GB.
    file_size: int = 16 * GIB
    #: the largest packages unpack to about 6 GB.
    total_size: int = 64 * GIB
    #: unpacked to packed; text compresses 20-fold, zeros 10,000-fold. Only counted beyond `ratio_floor`.
    ratio: int = 200
    #: small archives of repetitive data reach high ratios harmlessly.
    ratio_floor: int = 64 * MIB
    #: POSIX PATH_MAX is 4096, and a prefix comes before it.
    path_length: int = 2048
    #: one path component; NAME_MAX on all common file systems.
    name_length: int = 255
    #: all of info/ together; large test suites under info/test reach 20 MB.
    info_size: int = 256 * MIB
    #: one metadata file that is parsed (index.json, paths.json, METADATA ...).
    metadata_size: int = 64 * MIB
    #: one file of headers (a wheel's METADATA), which costs some thirty times its size to parse.
    headers_size: int = 4 * MIB
    #: nesting of a JSON document; real ones need 6.
    json_depth: int = 64
    #: a zstd window of 2^27 is what `--long=27` needs; larger ones cost that much memory at once.
    zstd_window: int = 128 * MIB
    #: a text file whose prefix is rewritten is held in memory.
    text_size: int = 64 * MIB
    #: one pax or GNU extension header.
    tar_header: int = 1 * MIB


DEFAULT_LIMITS: Final = Limits()
