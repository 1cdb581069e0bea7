"""Conda channels: what a request remembers of them, and how this machine reaches them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fpack.errors import ConfigError, DeclarationError, Location
from fpack.flow.layers import holds_secret
from fpack.packager.channels import (
    CondaSettings,
    canonical_channels,
    channel_access,
    channel_source,
    conda_settings,
)

HERE = Location("flow.py", 7)
FILE = Path("pyproject.toml")


@pytest.mark.parametrize(
    ("declared", "canonical"),
    [
        ("conda-forge", "conda-forge"),
        ("https://host.invalid/corp/", "https://host.invalid/corp"),
        ("https://me:${SECRET}@host.invalid/corp", "https://host.invalid/corp"),
        ("https://host.invalid/t/${TOKEN}/corp", "https://host.invalid/corp"),
        ("./channel/", "./channel"),
        ("s3://bucket/channel", "s3://bucket/channel"),
    ],
)
def test_canonical(declared: str, canonical: str) -> None:
    """A request has a channel without its credentials and its last slash, once."""
    assert canonical_channels([declared, declared], HERE) == (canonical,)


@pytest.mark.parametrize(
    "declared", ["", "two words", "ftp://host.invalid/x", "https://me:word@host.invalid/x"]
)
def test_what_is_no_channel(declared: str) -> None:
    """What is no channel is refused with the user's line, and without a password that was in it."""
    with pytest.raises(DeclarationError) as caught:
        canonical_channels([declared], HERE)
    assert caught.value.where == HERE
    assert "word@" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("https://host.invalid/x", False),
        ("https://me@host.invalid/x", True),
        ("https://me:word@host.invalid/x", True),
        ("https://me:${WORD}@host.invalid/x", False),
        ("https://${TOKEN}@host.invalid/x", False),
        ("https://host.invalid/t/abc/x", True),
        ("https://host.invalid/t/${TOKEN}/x", False),
        ("https://host.invalid/t/ab${TOKEN}/x", True),
        ("conda-forge", False),
    ],
)
def test_secrets_are_seen(url: str, secret: bool) -> None:
    """A password or token in a URL is seen; the name of a variable that holds it is none."""
    assert holds_secret(url) == secret


def test_access_has_what_the_request_has_not() -> None:
    """Passwords become headers for their host and path alone, tokens another URL for the same channel."""
    access = channel_access(
        ["https://me:${WORD}@one.invalid/a", "https://two.invalid/t/${WORD}/b", "conda-forge"],
        CondaSettings(mirrors={"conda-forge": ("https://me:${WORD}@three.invalid/c",)}),
        {"WORD": "hunter2"},
    )
    assert access.mirrors == {
        "https://two.invalid/b": ("https://two.invalid/t/hunter2/b",),
        "conda-forge": ("https://three.invalid/c",),
    }
    assert access.authorization("one.invalid", "/a/noarch/repodata.json") is not None
    assert access.authorization("three.invalid", "/c/x") is not None
    assert access.authorization("one.invalid", "/b/x") is None
    assert access.authorization("two.invalid", "/a/x") is None
    assert "hunter2" not in repr(access)


def test_a_folder_is_relative_to_the_flow() -> None:
    """A folder is a URL for the solver; names and URLs are left to it as they are."""
    assert channel_source("./mine", Path("/flows/train")) == "file:///flows/train/mine"
    assert channel_source("conda-forge", Path("/flows")) == "conda-forge"


def test_settings_of_the_project() -> None:
    """A project names channels and mirrors; without them conda-forge is asked."""
    table = {"conda": {"channels": ["corp"], "mirrors": {"corp": "https://a.invalid", "b": ["c", "d"]}}}
    settings = conda_settings(table, FILE)
    assert settings.channels == ("corp",)
    assert settings.mirrors == {"corp": ("https://a.invalid",), "b": ("c", "d")}
    assert conda_settings({}, FILE) == CondaSettings(("conda-forge",), {})


@pytest.mark.parametrize(
    "table",
    [
        {"chanels": []},
        {"channels": "conda-forge"},
        {"channels": [1]},
        {"mirrors": ["x"]},
        {"mirrors": {"x": [1]}},
        {"channels": ["https://me:hunter2@host.invalid/x"]},
        {"mirrors": {"x": "https://host.invalid/t/hunter2/x"}},
    ],
)
def test_settings_that_cannot_be(table: dict[str, Any]) -> None:
    """A setting that is none, has the wrong shape, or holds a secret is refused, and the secret not repeated."""
    with pytest.raises(ConfigError) as caught:
        conda_settings({"conda": table}, FILE)
    assert "[tool.fpack.conda]" in caught.value.what
    assert "hunter2" not in str(caught.value)
