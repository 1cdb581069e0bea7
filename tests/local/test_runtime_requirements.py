"""The runtime that is locked into environments is the one that fpack itself is installed with."""

from __future__ import annotations

from importlib.metadata import requires

from fpack.packager.requirements import RUNTIME_REQUIREMENTS


def test_bounds_are_those_of_the_distribution() -> None:
    """A task in an environment needs of the runtime's packages what the launcher beside it needs."""
    needed = requires("fpack") or []
    for name, bound in RUNTIME_REQUIREMENTS.items():
        assert f"{name}{bound}" in needed
