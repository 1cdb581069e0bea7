"""A small conda channel that the tests build from nothing, and need no network for.

    channel = small_channel(tmp_path / "channel")      # 0.1 s, plus 3 s once in a process for `python`
    channel.url                                        # file:///…, to be named as a channel
    channel.add("mine", "1.0", depends=["fp-core"])    # any package; the index is rewritten
    channel.add_python("mine", "1.0")                  # noarch: python, with a module and a dist-info
    with serve_channel(channel.folder) as server:      # channelserver.py: ranges, credentials, faults
        server.url

The fixture `channel` (conftest.py) is one of these for the whole session: read it, add to your own copy.
What `small_channel` holds, for linux-64, linux-aarch64 and osx-arm64 unless it says otherwise:

- `python` of the running version, real and relocatable on this machine's platform; elsewhere, and for the
  other versions (3.10.13, 3.12.1, 3.13.0), a stub that solves and installs but does not run
- `fp-core` 1.0.0, 1.1.0, 2.0.0; `fp-hello` 0.3.0 (a command, needs fp-core <2); `fp-old` (a .tar.bz2, needs
  fp-core <2) and `fp-new` (needs fp-core >=2), which exclude each other: all noarch python
- `fp-num` 1.26.4, 2.1.0: one build for each Python, a dist-info in `lib/pythonX.Y/site-packages`
- `fp-cv` 4.0: noarch python, whose distribution is called `fp-opencv-python` 4.0.0.1
- `fp-torch` 2.1.0: `cpu_0` and, on Linux, `cuda118_200`, which needs `__cuda >=11.8` and `fp-cudart`
- `fp-newglibc` (linux-64), which needs `__glibc >=2.99`
- `fp-prefix` (linux-64): a script, a text and a binary file with a prefix to relocate
- `fp-data`: noarch generic, with an `etc/conda/activate.d` script
- `fp-postlink` (linux-64): a post-link script
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import zstandard
from condapackage import PLACEHOLDER, File, Files, make_package
from condapython import MINOR, VERSION, python_files

from fpack.packager.platforms import host_platform

PLATFORMS = ("linux-64", "linux-aarch64", "osx-arm64")
PYTHONS = {"3.10": "3.10.13", "3.12": "3.12.1", "3.13": "3.13.0", MINOR: VERSION}


class Channel:
    """A channel in a folder; every package that is added is in its index at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in ("noarch", *PLATFORMS)}
        self._write_index()

    @property
    def url(self) -> str:
        return self.folder.as_uri()

    def add(self, name: str, version: str, *, subdir: str = "noarch", **package: Any) -> Path:
        """Add a package; the other arguments are those of `make_package`."""
        path = self._make(name, version, subdir=subdir, **package)
        self._write_index()
        return path

    def add_python(self, name: str, version: str, **package: Any) -> Path:
        """Add a pure Python package; the arguments are those of `python_package`."""
        return self.add(name, version, **python_package(name, version, **package))

    def remove(self, path: Path) -> None:
        """Take a package out of the folder and the index."""
        path.unlink()
        del self.entries[path.parent.name][path.name]
        self._write_index()

    def _make(self, name: str, version: str, **package: Any) -> Path:
        path, entry = make_package(self.folder, name, version, **package)
        self.entries[path.parent.name][path.name] = entry
        return path

    def _write_index(self) -> None:
        for subdir, entries in self.entries.items():
            content = {
                "info": {"subdir": subdir},
                "packages": {name: entry for name, entry in entries.items() if name.endswith(".tar.bz2")},
                "packages.conda": {name: entry for name, entry in entries.items() if name.endswith(".conda")},
                "repodata_version": 1,
            }
            text = json.dumps(content, sort_keys=True).encode()
            path = self.folder / subdir / "repodata.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            for target, data in ((path, text), (path.with_suffix(".json.zst"), zstandard.compress(text))):
                target.with_suffix(".new").write_bytes(data)
                os.replace(target.with_suffix(".new"), target)


def python_package(
    name: str,
    version: str,
    *,
    needs: Sequence[str] = (),
    distribution: tuple[str, str] | None = None,
    commands: Sequence[str] = (),
    body: str = "",
    kind: Literal[".conda", ".tar.bz2"] = ".conda",
    site: str = "site-packages",
) -> dict[str, Any]:
    """The arguments for a package with one module, `name` with underscores, that has `main` and a dist-info.

    `distribution` is the name and version on PyPI where they differ. `commands` call `main`. With another
    `site` than a noarch package's, the caller names `subdir`, `build` and the Python to depend on.
    """
    module = name.replace("-", "_")
    title, number = distribution or (name, version)
    info = f"{title.replace('-', '_')}-{number}.dist-info"
    entry_points = [f"{command} = {module}:main" for command in commands]
    files = {
        f"{module}/__init__.py": body
        or f"__version__ = {version!r}\n\ndef main():\n    print(__version__)\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {title}\nVersion: {number}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/INSTALLER": "conda\n",
        f"{info}/direct_url.json": '{"dir_info": {}, "url": "file:///home/conda/work"}',
    }
    if commands:
        files[f"{info}/entry_points.txt"] = "[console_scripts]\n" + "\n".join(entry_points) + "\n"
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    package: dict[str, Any] = {
        "files": {f"{site}/{path}": text for path, text in files.items()},
        "depends": ["python >=3.8", *needs],
        "kind": kind,
    }
    if site == "site-packages":
        package |= {"noarch": "python", "build": "pyh_0", "entry_points": entry_points}
    return package


def small_channel(folder: Path) -> Channel:
    """The channel that the module describes, in `folder`."""
    channel = Channel(folder)
    _add_pythons(channel)
    _add_pure(channel)
    _add_native(channel)
    channel._write_index()
    return channel


def _add_pythons(channel: Channel) -> None:
    for platform in PLATFORMS:
        for minor, version in PYTHONS.items():
            is_real = platform == host_platform() and minor == MINOR
            stub: Files = {f"bin/python{minor}": File(b"#!/bin/sh\nexit 99\n", 0o755)}
            digits = minor.replace(".", "")
            channel._make(
                "python",
                version,
                build="fp_0_cpython",
                subdir=platform,
                depends=["__osx >=11.0"] if platform.startswith("osx") else ["__glibc >=2.17"],
                constrains=[f"python_abi {minor}.* *_cp{digits}"],
                files=python_files() if is_real else stub,
                extra={"python_site_packages_path": f"lib/python{minor}/site-packages", "license": "PSF-2.0"},
            )


def _add_pure(channel: Channel) -> None:
    hello = "import sys, fp_core\n\ndef main():\n    print('hello from', sys.prefix, fp_core.__version__)\n"
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        channel._make("fp-core", version, **python_package("fp-core", version))
    pure: list[dict[str, Any]] = [
        {
            "name": "fp-hello",
            "version": "0.3.0",
            "needs": ["fp-core >=1.0,<2"],
            "body": hello,
            "commands": ["fp-hello"],
        },
        {"name": "fp-old", "version": "1.0", "needs": ["fp-core <2"], "kind": ".tar.bz2"},
        {"name": "fp-new", "version": "1.0", "needs": ["fp-core >=2"]},
        {"name": "fp-cv", "version": "4.0", "distribution": ("fp-opencv-python", "4.0.0.1")},
    ]
    for package in pure:
        channel._make(package["name"], package["version"], **python_package(**package))
    files = {"share/fp/data.txt": "data\n", "etc/conda/activate.d/fp.sh": "export FP_DATA=1\n"}
    channel._make("fp-data", "1.0", noarch="generic", files=files)


def _add_native(channel: Channel) -> None:
    for platform in PLATFORMS:
        for version in ("1.26.4", "2.1.0"):
            for minor in PYTHONS:
                package = python_package(
                    "fp-num", version, needs=[f"python {minor}.*"], site=f"lib/python{minor}/site-packages"
                )
                build = f"py{minor.replace('.', '')}_0"
                channel._make("fp-num", version, subdir=platform, build=build, **package)
        torch: dict[str, Any] = {"name": "fp-torch", "version": "2.1.0", "subdir": platform}
        channel._make(**torch, build="cpu_0", depends=["python >=3.8"], files={"lib/fp_torch.txt": "cpu\n"})
        if platform.startswith("linux"):
            channel._make(
                **torch,
                build="cuda118_200",
                number=200,
                depends=["python >=3.8", "__cuda >=11.8", "fp-cudart >=11.8,<12"],
                files={"lib/fp_torch.txt": "cuda\n"},
            )
            cudart: Files = {"lib/libcudart.txt": "x"}
            channel._make("fp-cudart", "11.8.89", build="h1_0", subdir=platform, files=cudart)
    linux: dict[str, Any] = {"version": "1.0", "subdir": "linux-64"}
    channel._make("fp-newglibc", **linux, depends=["__glibc >=2.99"], files={"share/x": "x"})
    relocated: Files = {
        "bin/fp-script": File(f"#!{PLACEHOLDER}/bin/python\nprint('x')\n".encode(), 0o755),
        "etc/fp.conf": f"root={PLACEHOLDER}/share\n",
        "lib/fp.bin": b"\x00\x01" + PLACEHOLDER.encode() + b"/lib\x00tail",
    }
    channel._make("fp-prefix", **linux, files=relocated)
    script = File(b"#!/bin/sh\necho ran > $PREFIX/postlink.txt\n", 0o755)
    channel._make("fp-postlink", **linux, files={"bin/.fp-postlink-post-link.sh": script})
