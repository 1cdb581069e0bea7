"""A task's output, as it comes in pieces, to lines."""

from __future__ import annotations

import codecs
import time
from collections.abc import Iterator

from fpack.store.logs import LogLine, Stream

LONGEST = 1 << 20
"""Bytes of a line that are held back while its end is awaited; a longer line is passed on in pieces."""


class LineSplitter:
    """Turns one stream's bytes into lines; a progress bar's rewritten line is kept as it stood at its end."""

    def __init__(self, stream: Stream) -> None:
        self._stream: Stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending: list[str] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[LogLine]:
        """The lines that `data` completes."""
        now = time.time()
        *ended, rest = self._decoder.decode(data).split("\n")
        for line in ended:
            self._pending.append(line)
            yield self._take(now, whole=True)
        self._pending.append(rest)
        self._size += len(rest)
        if self._size >= LONGEST:
            yield self._take(now, whole=False)

    def finish(self) -> Iterator[LogLine]:
        """What is left when the stream has ended."""
        self._pending.append(self._decoder.decode(b"", final=True))
        if any(self._pending):
            yield self._take(time.time(), whole=True)

    def _take(self, now: float, *, whole: bool) -> LogLine:
        text = "".join(self._pending)
        self._pending, self._size = [], 0
        if "\r" in text:
            parts = [part for part in text.split("\r") if part]
            text = parts[-1] if parts else ""
        return LogLine(now, self._stream, text, whole)
