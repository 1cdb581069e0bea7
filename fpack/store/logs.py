"""A task's output as a text file: one line per line, with its time and the stream that it came from.

    2026-11-23T08:40:00.123Z o epoch 1
    2026-11-23T08:40:00.124Z e warning: …
    2026-11-23T08:40:00.125Z o+ a piece of a line that goes on in the next

A line is cut in pieces (`+`) when it is very long, or when the task ended without finishing it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal

Stream = Literal["out", "err"]


@dataclass(frozen=True)
class LogLine:
    """A line of output, or a piece of one where `whole` is false. `time` is seconds since the epoch."""

    time: float
    stream: Stream
    text: str
    whole: bool = True

    def encode(self) -> bytes:
        mark = f"{self.stream[0]}{'' if self.whole else '+'}"
        # A lone carriage return or another line separator would split the line for a reader.
        text = self.text.replace("\r", "\\r") if "\r" in self.text else self.text
        return f"{stamp(self.time)} {mark} {text}\n".encode(errors="backslashreplace")


def stamp(time: float) -> str:
    moment = datetime.fromtimestamp(time, timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def decode(data: bytes) -> Iterator[LogLine]:
    """The lines of a log; a last one that is cut off, as after a crash, is given as far as it goes."""
    for line in data.decode(errors="replace").split("\n"):
        time, _, rest = line.partition(" ")
        mark, _, text = rest.partition(" ")
        if mark[:1] in ("o", "e"):
            yield LogLine(_seconds(time), "out" if mark[0] == "o" else "err", text, not mark.endswith("+"))


def _seconds(text: str) -> float:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return 0.0
