"""A task's output in pieces, to lines: nothing lost, nothing invented."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from fpack.launcher.lines import LONGEST, LineSplitter
from fpack.store.logs import LogLine


def split(*pieces: bytes) -> list[LogLine]:
    splitter = LineSplitter("out")
    lines = [line for piece in pieces for line in splitter.feed(piece)]
    return [*lines, *splitter.finish()]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:stop] for start, stop in itertools.pairwise(edges)]


text = st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]))


@given(text, st.lists(st.integers(0, 1000)))
def test_lines_do_not_depend_on_the_pieces(printed: str, places: list[int]) -> None:
    """However a pipe cuts the bytes, in the middle of a letter too, the lines are those that were printed."""
    expected = printed.removesuffix("\n").split("\n") if printed else []
    assert [line.text for line in split(*cut(printed.encode(), places))] == expected


@given(st.binary(), st.lists(st.integers(0, 1000)))
def test_bytes_that_are_no_text_become_marks(data: bytes, places: list[int]) -> None:
    """Binary output gives the same lines in whatever pieces it comes, and never an exception."""
    whole = [line.text for line in split(data)]
    assert [line.text for line in split(*cut(data, places))] == whole
    assert all("\n" not in line for line in whole)


def test_a_progress_bar_is_kept_as_it_stood_at_its_end() -> None:
    """Of a line that was written over again and again, the last state counts."""
    assert [line.text for line in split(b" 10%\r 50%\r100%\ndone\n")] == ["100%", "done"]


def test_line_ends_of_windows() -> None:
    """A carriage return before the end of a line is no line that was written over."""
    assert [line.text for line in split(b"one\r\ntwo\r\n")] == ["one", "two"]


def test_empty_lines_stay() -> None:
    """An empty line is a line."""
    assert [line.text for line in split(b"\n\na\n\n")] == ["", "", "a", ""]


def test_a_line_without_end_is_given_at_the_end() -> None:
    """What a task printed without finishing the line is not lost."""
    assert [(line.text, line.whole) for line in split(b"one\ntw", b"o")] == [("one", True), ("two", True)]


def test_a_long_line_comes_in_pieces() -> None:
    """A line of 10 MB is passed on as it comes, in pieces that add up to it, the last of them whole."""
    chunk = b"x" * (1 << 16)
    lines = split(*[chunk] * 160, b"\nshort\n")
    *long, short = lines
    assert "".join(line.text for line in long) == "x" * (160 << 16)
    assert [line.whole for line in long] == [False] * (len(long) - 1) + [True]
    assert max(len(line.text) for line in long) <= LONGEST + len(chunk)
    assert (short.text, short.whole) == ("short", True)
