"""Credentials for a package's URL: those of its own index, told to no other server."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpack.packager.credentials import Login, login_for
from fpack.packager.indexes import Indexes

FILE = "https://pkgs.example.org/team/files/x.whl"


@pytest.fixture
def nobody(tmp_path: Path) -> dict[str, str]:
    """The environment of a user without any configuration."""
    return {"HOME": str(tmp_path)}


@pytest.mark.parametrize(
    ("settings", "login"),
    [
        ({"UV_DEFAULT_INDEX": "https://me:s%40c@pkgs.example.org/simple"}, ("me", "s@c")),
        ({"UV_INDEX": "https://other.org/simple corp=https://me:pw@pkgs.example.org/s"}, ("me", "pw")),
        ({"UV_FIND_LINKS": "/tmp/x,https://me:pw@pkgs.example.org/links"}, ("me", "pw")),
        ({"UV_DEFAULT_INDEX": "https://me:pw@pkgs.example.org:443/simple"}, ("me", "pw")),
        ({"UV_DEFAULT_INDEX": "https://token@pkgs.example.org/simple"}, ("token", "")),
        ({"UV_DEFAULT_INDEX": "https://me:pw@pkgs.example.org.evil.org/simple"}, None),
        ({"UV_DEFAULT_INDEX": "http://me:pw@pkgs.example.org/simple"}, None),
        ({"UV_DEFAULT_INDEX": "https://me:pw@pkgs.example.org:8443/simple"}, None),
        ({"UV_DEFAULT_INDEX": "https://pkgs.example.org/simple"}, None),
        ({}, None),
    ],
)
def test_login_is_that_of_the_index(
    nobody: dict[str, str], settings: dict[str, str], login: Login | None
) -> None:
    """Scheme, host and port of the index must be those of the file."""
    assert login_for(FILE, Indexes(settings), nobody) == login


def test_nearest_index_lends_its_login(nobody: dict[str, str]) -> None:
    """Of two indexes on one server it is the one whose path has more in common with the file's."""
    both = "https://a:1@pkgs.example.org/other/simple https://b:2@pkgs.example.org/team/simple"
    assert login_for(FILE, Indexes({"UV_INDEX": both}), nobody) == ("b", "2")


def test_named_index_has_variables(nobody: dict[str, str]) -> None:
    """An index with a name takes its credentials from uv's variables for it."""
    env = {**nobody, "UV_INDEX_MY_CORP_USERNAME": "me", "UV_INDEX_MY_CORP_PASSWORD": "pw"}
    settings = {"UV_INDEX": "my-corp=https://pkgs.example.org/simple"}
    assert login_for(FILE, Indexes(settings), env) == ("me", "pw")


def test_netrc_is_asked_last(nobody: dict[str, str]) -> None:
    """Where no index has credentials, those of netrc are taken; a damaged one is none."""
    netrc = Path(nobody["HOME"]) / ".netrc"
    netrc.write_text("machine pkgs.example.org login me password pw\n")
    netrc.chmod(0o600)
    assert login_for(FILE, Indexes({}), nobody) == ("me", "pw")
    assert login_for("https://other.org/x.whl", Indexes({}), nobody) is None
    netrc.write_text("mach ine")
    assert login_for(FILE, Indexes({}), nobody) is None
