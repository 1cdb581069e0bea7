"""The environment id stands for an environment's content, and for nothing else."""

from __future__ import annotations

import dataclasses

import pytest

from fpack.packager.lockfile import Lock, Package

NUMPY = Package("pip", "numpy", "2.1", "linux-64", "https://one.example.invalid/numpy.whl", "a" * 64)
SIX = Package("pip", "six", "1.17", "linux-64", "https://one.example.invalid/six.whl", "b" * 64)


def lock_of(*packages: Package, python: str = "3.12") -> Lock:
    return Lock(python, (), (), {"linux-64": "0" * 64}, packages)


ID = lock_of(NUMPY, SIX).environment_id("linux-64")


def test_id_is_pinned() -> None:
    """The id of a given content never changes: caches and images are found by it."""
    assert lock_of().environment_id("linux-64") == "65af0a6df227bd63"
    assert len(ID) == 16


def test_id_ignores_where_packages_come_from() -> None:
    """A package that moved to another mirror is the same package."""
    moved = dataclasses.replace(NUMPY, url="https://other.example.invalid/numpy.whl")
    assert lock_of(moved, SIX).environment_id("linux-64") == ID


def test_id_ignores_order() -> None:
    """The order of packages is no content."""
    assert lock_of(SIX, NUMPY).environment_id("linux-64") == ID


@pytest.mark.parametrize(
    "changed",
    [
        lock_of(NUMPY),
        lock_of(NUMPY, SIX, python="3.13"),
        lock_of(dataclasses.replace(NUMPY, sha256="c" * 64), SIX),
        lock_of(dataclasses.replace(NUMPY, version="2.2"), SIX),
        lock_of(dataclasses.replace(NUMPY, manager="conda"), SIX),
        lock_of(dataclasses.replace(NUMPY, build="h0"), SIX),
    ],
)
def test_id_knows_the_content(changed: Lock) -> None:
    """A package, a hash or a Python that is another makes another environment."""
    assert changed.environment_id("linux-64") != ID


def test_platforms_have_ids_of_their_own() -> None:
    """The packages of one platform do not enter the id of another."""
    mac = dataclasses.replace(NUMPY, platform="osx-arm64")
    assert lock_of(NUMPY, SIX, mac).environment_id("linux-64") == ID
    assert lock_of(NUMPY, SIX, mac).environment_id("osx-arm64") != ID
