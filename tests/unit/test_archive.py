"""Paths and links of archives: what stays below its root, and nothing else."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpack.packager.archive import check_size, refusal, safe_link, safe_path

PARTS = st.sampled_from(["a", "b", "..", ".", "", "a b", "é", "\\", "C:"])


@pytest.mark.parametrize("path", ["a", "a/b.py", "a b/é", "...", "a/..b", ".hidden"])
def test_plain_path_is_kept(path: str) -> None:
    """A plain path comes back as it is."""
    assert safe_path(path) == path


@given(st.lists(PARTS, min_size=1, max_size=5).map("/".join))
def test_accepted_path_stays_below(path: str) -> None:
    """Whatever is accepted means a place below the root, and is its only spelling."""
    try:
        safe_path(path)
    except ValueError:
        return
    assert posixpath.normpath(posixpath.join("/root", path)) == f"/root/{path}"


@given(st.lists(PARTS, min_size=1, max_size=4).map("/".join), st.lists(PARTS, max_size=5).map("/".join))
def test_accepted_link_stays_below(path: str, target: str) -> None:
    """Whatever link is accepted leads to a place below the root."""
    try:
        safe_link(safe_path(path), target)
    except ValueError:
        return
    place = posixpath.normpath(posixpath.join("/root", posixpath.dirname(path), target))
    assert place == "/root" or place.startswith("/root/")


@pytest.mark.parametrize("target", ["/etc", "../x", "a/../../x", "", "a\0b"])
def test_link_that_leads_out_is_refused(target: str) -> None:
    """A link to an absolute path, out of the root or to nothing is refused."""
    with pytest.raises(ValueError, match="link"):
        safe_link("link", target)


def test_link_inside_is_kept() -> None:
    """A link that goes up and stays inside is good."""
    assert safe_link("lib/python3.12/x.so", "../../lib/y.so") == "../../lib/y.so"


def test_bomb_is_told_from_a_large_archive() -> None:
    """What counts is the ratio: large archives may unpack to a lot, small ones to a quarter of a gigabyte."""
    check_size(20_000_000_000, 1_000_000_000)
    check_size(200_000_000, 10)
    with pytest.raises(ValueError, match="bomb"):
        check_size(300_000_000, 1_000_000)


def test_refusal_names_the_package() -> None:
    """The error names the package, why it is refused, and what to do."""
    error = refusal("numpy 1.0", "it has a flaw")
    assert error.what.startswith("numpy 1.0 ")
    assert error.why == "it has a flaw"
    assert error.hint
