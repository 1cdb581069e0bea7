"""Log files: what is written is read back, and what a crash leaves is read as far as it goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpack.store.logs import LogLine, Stream, decode, stamp

streams: st.SearchStrategy[Stream] = st.sampled_from(["out", "err"])
times = st.integers(0, 4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000)
lines = st.builds(
    LogLine,
    times,
    streams,
    st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])),
    st.booleans(),
)


@given(st.lists(lines))
def test_what_is_written_is_read(written: list[LogLine]) -> None:
    """Every line comes back with its stream, its text, its time, and whether it goes on."""
    read = list(decode(b"".join(line.encode() for line in written)))
    assert [(line.stream, line.text, line.whole) for line in read] == [
        (line.stream, line.text, line.whole) for line in written
    ]
    assert [line.time for line in read] == pytest.approx([line.time for line in written], abs=0.002)


@given(st.text())
def test_any_text_is_one_line(text: str) -> None:
    """Whatever a task prints on a line, even half a letter, is one line of the file."""
    assert LogLine(0.0, "out", text.replace("\n", "")).encode().count(b"\n") == 1


@given(st.lists(lines), st.integers(0, 10_000))
def test_a_cut_log_is_read_as_far_as_it_goes(written: list[LogLine], place: int) -> None:
    """A log that a crash cut off anywhere gives its whole lines, and at most a piece of the next."""
    data = b"".join(line.encode() for line in written)
    read = list(decode(data[: place % (len(data) + 1)]))
    whole = data[: place % (len(data) + 1)].count(b"\n")
    assert [line.text for line in read[:whole]] == [line.text for line in written[:whole]]
    assert len(read) <= whole + 1


@given(st.binary())
def test_a_damaged_log_is_no_error(data: bytes) -> None:
    """Bytes that fpack never wrote are skipped or shown, and never end the reader."""
    list(decode(data))


def test_the_format_is_pinned() -> None:
    """A log that this version wrote has to be read by every later one."""
    line = LogLine(1_795_000_000.123, "err", "warning: low disk", whole=False)
    assert line.encode() == b"2026-11-18T11:06:40.123Z e+ warning: low disk\n"
    assert stamp(0.9999) == "1970-01-01T00:00:00.999Z"
