"""What of the user's shell reaches uv: how to connect, never what to do."""

from __future__ import annotations

import pytest

from fpack.packager.uv import is_offline, uv_environment


def test_only_connection_settings_reach_uv() -> None:
    """Variables that would change what is solved or installed are left out, those of the network are kept."""
    kept = {
        "HOME": "/h",
        "HTTPS_PROXY": "p",
        "UV_CACHE_DIR": "/c",
        "UV_INDEX_CORP_PASSWORD": "s",
        "SSL_CERT_FILE": "f",
    }
    stray = {
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PYTHONPATH": "/x",
        "UV_CONSTRAINT": "/x",
        "UV_EXCLUDE_NEWER": "2020-01-01",
        "UV_INDEX_URL": "https://host.example.invalid",
        "UV_NO_VERIFY_HASHES": "1",
        "UV_TARGET": "/x",
        "VIRTUAL_ENV": "/x",
    }
    assert uv_environment({**kept, **stray}, {"UV_INDEX": "ours"}) == {**kept, "UV_INDEX": "ours"}


@pytest.mark.parametrize(
    ("value", "offline"), [("1", True), ("true", True), ("0", False), ("", False), ("False", False)]
)
def test_offline(value: str, offline: bool) -> None:
    """`FPACK_OFFLINE` forbids the network as an argument does."""
    assert is_offline(False, {"FPACK_OFFLINE": value}) is offline
    assert is_offline(True, {}) is True
    assert is_offline(False, {}) is False
