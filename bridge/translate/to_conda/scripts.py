"""Programs of a wheel in a conda package: what installers of wheels would write, with the prefix left open."""

from __future__ import annotations

import re
from typing import Final

from bridge.formats.wheel.entry_points import Reference
from bridge.model.conda import FileMode
from bridge.model.conda_plan import Placeholder
from bridge.translate.to_conda.places import CondaPlaces

#: stands for the prefix until the package is installed. It does not exist, only root could make it, and it has the
#: length that conda's builders use.
PREFIX: Final = ("/opt/conda-bridge/" + "placehold_" * 24)[:255].rstrip("_")
PLACEHOLDER: Final = Placeholder(PREFIX, FileMode.TEXT)

#: what installers put their own interpreter for (binary distribution format).
_SHEBANG: Final = re.compile(rb"#!python(?P<gui>w?)[0-9.]*t?(?P<arguments>[ \t][^\r\n]*)?(?P<end>\r?\n|\Z)")
_WRAPPER: Final = """\
#!{prefix}/{python}
import sys

from {module} import {name}

if __name__ == "__main__":
    sys.exit({attribute}())
"""


def for_python(head: bytes) -> bool:
    """Whether installers rewrite the first line of a script that starts with `head`."""
    return _SHEBANG.match(head) is not None


def with_interpreter(content: bytes, places: CondaPlaces) -> bytes:
    """A script that starts with `#!python`, its interpreter at the placeholder of the prefix.

    Args:
        content: the script; `for_python` holds.
        places: where the interpreter is.
    """
    match = _SHEBANG.match(content)
    if match is None:
        raise ValueError("not a script that installers rewrite")
    python = "pythonw.exe" if match["gui"] and places.windows else places.python
    arguments = (match["arguments"] or b"").rstrip()
    # No system but Windows would find an interpreter whose name ends in a carriage return.
    end = match["end"] if places.windows else b"\n"
    return f"#!{PREFIX}/{python}".encode() + arguments + (end or b"\n") + content[match.end() :]


def wrapper(reference: Reference, places: CondaPlaces) -> bytes:
    """The program of an entry point.

    Args:
        reference: with an attribute.
        places: where the interpreter is.
    """
    attribute = reference.attribute or ""
    return _WRAPPER.format(
        prefix=PREFIX,
        python=places.python,
        module=reference.module,
        name=attribute.partition(".")[0],
        attribute=attribute,
    ).encode()
