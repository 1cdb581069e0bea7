"""What conda packages provide to Python, and the stand-ins that uv solves around."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from fpack.packager.provided import DistributionCache, distributions_in
from fpack.packager.stubs import Provided


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("site-packages/numpy-2.1.0.dist-info/METADATA", ("numpy", "2.1.0")),
        ("lib/python3.12/site-packages/Typing_Extensions-4.1.dist-info/RECORD", ("typing-extensions", "4.1")),
        ("lib/python3.12/site-packages/old-1.0-py3.12.egg-info/PKG-INFO", ("old", "1.0")),
        ("lib/python3.12/site-packages/flat-1.0.egg-info", ("flat", "1.0")),
        ("lib/python3.12/site-packages/opencv_python-4.0.0.1.dist-info/WHEEL", ("opencv-python", "4.0.0.1")),
    ],
)
def test_distributions(path: str, found: tuple[str, str]) -> None:
    """A distribution is told by its metadata folder or file, in either list of a package's files."""
    assert distributions_in(f"bin/x\n{path}\n".encode()) == (found,)
    assert distributions_in(b"", f'{{"paths": [{{"_path": "{path}"}}]}}'.encode()) == (found,)


@pytest.mark.parametrize(
    "path",
    [
        "site-packages/setuptools/_vendor/packaging-24.0.dist-info/METADATA",
        "site-packages/numpy/__init__.py",
        "share/doc/numpy-2.1.0.dist-info.txt",
    ],
)
def test_what_is_none(path: str) -> None:
    """A vendored distribution is not one that the environment has, and a module is none."""
    assert distributions_in(f"{path}\n".encode()) == ()


def test_the_cache_keeps_and_survives(tmp_path: Path) -> None:
    """What was read once is found again; a damaged entry is as if it had never been."""
    cache = DistributionCache(tmp_path)
    assert cache.get("ab12") is None
    cache.put("ab12", (("numpy", "2.1.0"),))
    cache.put("cd34", ())
    assert cache.get("ab12") == (("numpy", "2.1.0"),)
    assert cache.get("cd34") == ()
    next(tmp_path.rglob("ab12.json")).write_text("[[1")
    assert cache.get("ab12") is None


def test_constraints_are_stub_wheels(tmp_path: Path) -> None:
    """Each distribution becomes the only candidate of its name; a version that PyPI cannot have is left out."""
    provided = Provided({"my-dist": "1.0", "odd": "2023c-x"}, "train", tmp_path)
    arguments = provided.constraints(tmp_path / "c.txt")
    assert arguments[2:] == ["--no-emit-package=my-dist", "--no-emit-package=odd"]
    (line,) = (tmp_path / "c.txt").read_text().splitlines()
    stub = tmp_path / "stubs" / "my_dist-1.0-py3-none-any.whl"
    assert line == f"my-dist @ {stub.as_uri()}"
    with zipfile.ZipFile(stub) as wheel:
        assert "Name: my-dist" in wheel.read("my_dist-1.0.dist-info/METADATA").decode()
    before = stub.stat().st_mtime_ns
    provided.constraints(tmp_path / "c.txt")
    assert stub.stat().st_mtime_ns == before
