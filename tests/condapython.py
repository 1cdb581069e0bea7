"""The running interpreter as the files of a conda package: smaller, and good in any prefix."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from condapackage import PLACEHOLDER, File

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
VERSION = ".".join(map(str, sys.version_info[:3]))

_LEFT_OUT = frozenset(
    {
        *("__pycache__", "dist-packages", "ensurepip", "idle_test", "idlelib", "lib2to3", "pydoc_data"),
        *("site-packages", "test", "tests", "tkinter", "turtledemo"),
    }
)
_LEFT_OUT_EXTENSIONS = re.compile(
    r"_test|xxlimited|_ctypes_test|_tkinter|_xx|_codecs_|ossaudiodev|nis|_crypt|_dbm"
)
_LEFT_OUT_ENCODINGS = re.compile(
    r"(cp(?!437|1252)|mac_|iso8859_(?!1\.|15)|big5|euc_|gb|hz|iso2022|johab|koi8|kz|tis)"
)
_OF_GLIBC = re.compile(r"ld-linux|linux-vdso|lib(c|m|pthread|dl|rt|util|nsl|resolv|crypt)\.so")


@functools.cache
def python_files() -> dict[str, File]:
    """The members of a package `python` for this machine's platform; made once in a process.

    Its binaries find their libraries by `$ORIGIN`, which works in any prefix. `bin/fp-which-python` is a
    script whose first line is relocated; `_sysconfigdata` is a text that is.
    """
    base = Path(sys.base_prefix)
    stdlib = Path(sysconfig.get_path("stdlib", vars={"base": str(base), "installed_base": str(base)}))
    lib = f"lib/python{MINOR}"
    files = {f"{lib}/{path.relative_to(stdlib)}": _member(path) for path in _modules(stdlib)}
    interpreter = Path(os.path.realpath(base / "bin" / f"python{MINOR}"))
    files[f"bin/python{MINOR}"] = _member(interpreter)
    binaries = {f"bin/python{MINOR}": interpreter}
    binaries |= {path: stdlib / path.removeprefix(f"{lib}/") for path in files if path.endswith(".so")}
    for name, library in _libraries(binaries.values()).items():
        binaries[f"lib/{name}"] = library
    with tempfile.TemporaryDirectory() as folder:
        for path, source in binaries.items():
            files[path] = _relocatable(path, source, base, Path(folder))
    for alias in ("python", "python3"):
        files[f"bin/{alias}"] = File(link=f"python{MINOR}")
    files["bin/fp-which-python"] = File(
        f"#!{PLACEHOLDER}/bin/python\nimport sys\nprint(sys.prefix)\n".encode(), 0o755
    )
    files[f"{lib}/site-packages/README.txt"] = File(b"site-packages\n")
    for path in [path for path in files if "/_sysconfigdata" in path]:
        files[path] = File(files[path].content.replace(str(base).encode(), PLACEHOLDER.encode()))
    return files


def _modules(stdlib: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(stdlib):
        folders[:] = sorted(f for f in folders if f not in _LEFT_OUT and not f.startswith("config-"))
        where = os.path.basename(folder)
        for name in sorted(names):
            left_out = name.endswith((".a", ".pyc"))
            left_out |= where == "lib-dynload" and bool(_LEFT_OUT_EXTENSIONS.match(name))
            left_out |= where == "encodings" and bool(_LEFT_OUT_ENCODINGS.match(name))
            if not left_out:
                yield Path(folder, name)


def _member(path: Path) -> File:
    return File(path.read_bytes(), 0o755 if os.access(path, os.X_OK) else 0o644)


def _libraries(binaries: Iterable[Path]) -> dict[str, Path]:
    """The shared libraries that `binaries` need beside glibc's, with what those need in turn."""
    found: dict[str, Path] = {}
    waiting = list(binaries)
    while waiting:
        told = subprocess.run(["ldd", waiting.pop()], capture_output=True, text=True, check=False).stdout
        for name, path in re.findall(r"^\s*(\S+) => (/\S+)", told, re.MULTILINE):
            if not _OF_GLIBC.match(name) and name not in found:
                found[name] = Path(os.path.realpath(path))
                waiting.append(found[name])
    return found


def _relocatable(path: str, source: Path, base: Path, folder: Path) -> File:
    """`source` without its symbols, its search path overwritten by a shorter one that moves with it."""
    content = source.read_bytes()
    here = {"bin": b"$ORIGIN/../lib", "lib": b"$ORIGIN"}.get(os.path.dirname(path), b"$ORIGIN/../..")
    for old in {str(base / "lib"), os.path.realpath(base / "lib")}:
        known = old.encode() + b"\0"
        if len(here) < len(known):
            content = content.replace(known, here.ljust(len(known), b"\0"))
    if shutil.which("strip"):
        copy = folder / "binary"
        copy.write_bytes(content)
        subprocess.run(["strip", "--strip-unneeded", copy], capture_output=True, check=False)
        content = copy.read_bytes()
    return File(content, 0o755)
