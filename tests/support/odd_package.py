"""A package with one file of each kind that is hard to bring back."""

from __future__ import annotations

from tests.support.conda_archives import Content, Directory, File, HardLink, Link
from tests.support.elf_files import Elf
from tests.support.sample_packages import PLACEHOLDER, SITE, dist_info, extension, library, metadata


def text(content: str, mode: int = 0o644) -> File:
    return File(content.replace("@", PLACEHOLDER).encode(), mode=mode, placeholder=PLACEHOLDER)


def binary(data: bytes, mode: int = 0o644) -> File:
    return File(data, mode=mode, placeholder=PLACEHOLDER, file_mode="binary")


def everything() -> dict[str, Content]:
    """One file of each kind that some layout renames, edits, drops or cannot hold."""
    wrapper = "#!@/bin/python3.12\nimport sys\nfrom demo import main\nsys.exit(main())\n"
    return {
        **dist_info(entry_points__txt=b"[console_scripts]\ndemo = demo:main\n"),
        f"{SITE}/demo/__init__.py": b"def main(): ...\n",
        f"{SITE}/demo/__pycache__/__init__.cpython-312.pyc": b"compiled",
        f"{SITE}/demo/_ext.so": File(extension("libdemo.so.1", rpath="$ORIGIN/../../../.."), mode=0o775),
        f"{SITE}/demo/paths.py": text("ROOT = '@/share'\n"),
        f"{SITE}/demo/also.py": Link("__init__.py"),
        f"{SITE}/demo/_vendor/x-1.dist-info/METADATA": metadata("x", "1"),
        "bin/demo": text(wrapper, 0o755),
        "bin/tool": text("#!@/bin/python -E\nprint('@')\n", 0o775),
        "bin/shell": text("#!@/bin/bash\necho @\n", 0o700),
        "bin/native": File(Elf(interpreter="/lib64/ld-linux-x86-64.so.2", needed=["libc.so.6"]).make(), mode=0o755),
        "lib/libdemo.so": Link("libdemo.so.1"),
        "lib/libdemo.so.1": Link("libdemo.so.1.2.3"),
        "lib/libdemo.so.1.2.3": binary(
            library("libdemo.so.1", "libc.so.6", placeholder=True, rpath="$ORIGIN/."), 0o755
        ),
        "lib/plugins/libdemo.so.1": Link("../libdemo.so.1.2.3"),
        "lib/pkgconfig/demo.pc": text("prefix=@\n"),
        "lib/terminfo": Link("../share/terminfo"),
        "lib/other.so": Link("libother.so.9"),
        "share/terminfo/x/xterm": b"t",
        "share/data": b"d",
        "share/hard": HardLink("share/data"),
        "share/secret": File(b"s", mode=0o600),
        "share/read-only": File(b"r", mode=0o444),
        "share/void": Directory(),
        "etc/conda/activate.d/demo.sh": b"export X=1\n",
    }


INFO = {"info/licenses/LICENSE": b"text", "info/recipe/meta.yaml": b"recipe", "info/about.json": b'{"home": "x"}'}
