"""The layout of the repository: what is in its folders is in the wheel, and the links lead there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CHECKOUT = Path(__file__).parents[2]
LINKED = ("packager", "launcher", "images", "templates")

if not (CHECKOUT / "pyproject.toml").is_file():
    pytest.skip("not in a checkout: there is no pyproject.toml to compare with", allow_module_level=True)


def setuptools() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["tool"][
        "setuptools"
    ]
    return found


def test_every_package_is_listed() -> None:
    """A folder with an __init__.py that `packages` does not list would silently be left out of the wheel."""
    found = set()
    for package, folder in setuptools()["package-dir"].items():
        root = CHECKOUT / folder
        for init in root.rglob("__init__.py"):
            inside = init.parent.relative_to(root).parts
            if not (package == "fpack" and inside and inside[0] in LINKED):
                found.add(".".join([package, *inside]))
    assert found == set(setuptools()["packages"])


@pytest.mark.parametrize("name", LINKED)
def test_links_lead_to_their_folders(name: str) -> None:
    """`fpack/packager` is the folder `packager`, for editors and type checkers."""
    link = CHECKOUT / "fpack" / name
    if not link.is_symlink():
        pytest.skip(f"this checkout has no links: fpack/{name} is missing or a plain file")
    assert link.resolve() == (CHECKOUT / name).resolve()
    assert not link.readlink().is_absolute()


def test_no_data_escapes_through_a_link() -> None:
    """A pattern for fpack's data names files: with a wildcard it would follow the links into the sdist."""
    assert all("*" not in pattern for pattern in setuptools()["package-data"]["fpack"])


def test_data_files_are_listed() -> None:
    """Every file in a package that is no Python is matched by a pattern, or the wheel would lack it."""
    data = setuptools()["package-data"]
    for package, folder in setuptools()["package-dir"].items():
        root = CHECKOUT / folder
        for path in root.iterdir():
            if path.is_file() and path.suffix not in (".py", ".pyc"):
                patterns = data.get(package, [])
                assert any(path.match(pattern) for pattern in patterns), path
