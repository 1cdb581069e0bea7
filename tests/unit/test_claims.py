"""Who brings which file of a prefix."""

from __future__ import annotations

import pytest

from fpack.errors import LockFileError
from fpack.packager.claims import Claims


def test_same_file_is_written_once() -> None:
    """Two packages may bring the very same file; the second one is told that it is there."""
    claims = Claims()
    assert claims.take("ns/__init__.py", "a 1", "00")
    assert not claims.take("ns/__init__.py", "b 1", "00")


@pytest.mark.parametrize(("first", "second"), [("x/y", "x/y"), ("x", "x/y"), ("x/y", "x"), ("x/y/z", "x/y")])
def test_conflict_names_both(first: str, second: str) -> None:
    """Different contents at one path, or a file where the other has a folder, is refused with both names."""
    claims = Claims()
    claims.take(first, "alpha 1", "00")
    with pytest.raises(LockFileError) as caught:
        claims.take(second, "beta 2", "11")
    assert "alpha 1" in caught.value.what
    assert "beta 2" in caught.value.what


def test_neighbours_do_not_clash() -> None:
    """Packages may share folders, and names that begin alike."""
    claims = Claims()
    assert all(claims.take(path, path, "00") for path in ("a/b", "a/c", "a/bc/d", "ab"))
