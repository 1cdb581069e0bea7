"""No credential of a URL reaches a lock file."""

from __future__ import annotations

import pytest

from fpack.packager.urls import without_credentials


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://u:p@host.example.invalid/a.whl", "https://host.example.invalid/a.whl"),
        ("https://token@host.example.invalid:8443/a.whl", "https://host.example.invalid:8443/a.whl"),
        ("https://u:p%40x@host.example.invalid/a.whl", "https://host.example.invalid/a.whl"),
        ("https://host.example.invalid/t/s3cret/simple/a.whl", "https://host.example.invalid/simple/a.whl"),
        (
            "https://host.example.invalid/a.whl?X-Amz-Signature=s3cret&v=1",
            "https://host.example.invalid/a.whl?v=1",
        ),
        ("https://host.example.invalid/a.whl?token=s3cret", "https://host.example.invalid/a.whl"),
        ("https://host.example.invalid/a.whl#sha256=00", "https://host.example.invalid/a.whl"),
        ("file:///t/folder/a%20b.whl", "file:///t/folder/a%20b.whl"),
        ("https://host.example.invalid/x/a-1%2Bcpu.whl", "https://host.example.invalid/x/a-1%2Bcpu.whl"),
    ],
)
def test_url_is_clean(url: str, clean: str) -> None:
    """What only the user should know is cut out; the rest, escapes included, stays as it was."""
    assert without_credentials(url) == clean
