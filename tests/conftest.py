"""Puts this folder on the path, so that tests can import what they share (`wheels`, …)."""

from __future__ import annotations

from pathlib import Path

import pytest
from channel import Channel, small_channel
from flows import Desk


@pytest.fixture(scope="session")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Channel:
    """The small conda channel, built once; a test that changes it makes its own."""
    return small_channel(tmp_path_factory.mktemp("conda") / "channel")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that desks share, so that fpack's runtime is put there once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def desk(tmp_path: Path, cache: Path) -> Desk:
    """A folder in which a user works."""
    return Desk(tmp_path, cache)
