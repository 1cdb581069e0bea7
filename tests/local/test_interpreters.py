"""Finding a Python: the launching one first, and a clear word where there is none."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from fpack.errors import PythonMissingError
from fpack.packager.interpreters import (
    find_python,
    installed_versions,
    launching_python,
    python_search_path,
)

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_launching_interpreter_is_taken() -> None:
    """The launching interpreter serves its own version: the one behind its virtual environment."""
    found = find_python(OWN, offline=True, emit=lambda _: None)
    assert found == launching_python(OWN)
    assert not (found.parent.parent / "pyvenv.cfg").exists()


def test_patch_version_is_exact() -> None:
    """A Python that is declared to the patch is not replaced by a near one."""
    exact = f"{OWN}.{sys.version_info.micro}"
    assert launching_python(exact) == launching_python(OWN)
    assert launching_python(f"{OWN}.{sys.version_info.micro + 1}") is None


def test_missing_python_names_those_that_are_here() -> None:
    """Where a Python is neither here nor may be fetched, the error names the versions that are."""
    with pytest.raises(PythonMissingError, match=r"Python 3\.99") as caught:
        find_python("3.99", offline=True, emit=lambda _: None)
    assert f"{OWN}.{sys.version_info.micro}" in caught.value.why
    assert "offline" in caught.value.why


def test_unknown_python_is_not_fetched() -> None:
    """A Python that does not exist anywhere is an error, also with the network."""
    with pytest.raises(PythonMissingError, match=r"Python 3\.99"):
        find_python("3.99", emit=lambda _: None)


def test_versions_are_those_that_can_run_steps() -> None:
    """No Python is offered that the task runtime cannot run on."""
    versions = [tuple(int(part) for part in version.split(".")) for version in installed_versions()]
    assert versions == sorted(versions)
    assert all(version >= (3, 10) for version in versions)


def test_pyenv_shims_are_replaced_by_its_versions(tmp_path: Path) -> None:
    """Shims of pyenv, which fail for all versions but the chosen ones, are not asked, its versions are."""
    (tmp_path / "versions/3.12.1/bin").mkdir(parents=True)
    path = os.pathsep.join([str(tmp_path / "shims"), "/usr/bin"])
    found = python_search_path({"PYENV_ROOT": str(tmp_path), "PATH": path})
    assert found.split(os.pathsep) == ["/usr/bin", str(tmp_path / "versions/3.12.1/bin")]
