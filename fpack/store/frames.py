"""A blob's bytes: independent zstd frames and a table of their sizes, as zstd's seekable format has it.

    blob  = frame* · table
    frame = up to 8 MiB of content, compressed by itself, with its length and its checksum
    table = skippable frame: (compressed size u32 · size u32)* · number of frames u32 · 0 u8 · 0x8F92EAB1 u32

So frames are packed and unpacked on every core, each can be fetched alone, and `zstd -dc` reads the blob.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, TypeVar

from fpack.store.codec import Content, damaged
from fpack.store.root import Reader

if TYPE_CHECKING:
    from concurrent.futures import Future

FRAME = 8 << 20  # bytes of content in a frame: worth a request of its own, and a few at a time fit any memory

_SKIPPABLE = struct.Struct("<II")
_ENTRY = struct.Struct("<II")
_FOOTER = struct.Struct("<IBI")
_SKIPPABLE_MAGIC = 0x184D2A5E
_FOOTER_MAGIC = 0x8F92EAB1
_LEVEL = 1  # for what can be compressed
_QUICK = -1  # for what hardly can: finds repetitions, spends no time on the rest
_WORTH = 0.9  # a frame whose sample does not shrink below this is taken for one that hardly can
_HUGE = 32 << 20  # bytes of memory from which the kernel is asked for large pages
_SAMPLES, _SAMPLE = 16, 8 << 10  # pieces, spread over a frame, and bytes in each

_T = TypeVar("_T")


def pack(content: Content) -> Iterator[bytes]:
    """Yield the blob of `content` piece by piece, a few frames in memory at a time."""
    table: list[tuple[int, int]] = []
    for start, frame in zip(starts(content.size), each(partial(_pack, content), content.size), strict=True):
        table.append((len(frame), min(FRAME, content.size - start)))
        yield frame
    entries = b"".join(_ENTRY.pack(*sizes) for sizes in table)
    footer = _FOOTER.pack(len(table), 0, _FOOTER_MAGIC)
    yield _SKIPPABLE.pack(_SKIPPABLE_MAGIC, len(entries) + len(footer)) + entries + footer


def _pack(content: Content, start: int) -> bytes:
    import zstandard

    data = content.join(start, start + FRAME)
    level = _LEVEL if _shrinks(memoryview(data)) else _QUICK
    return zstandard.ZstdCompressor(level=level, write_checksum=True).compress(data)


def _shrinks(data: memoryview) -> bool:
    if data.nbytes <= 2 * _SAMPLES * _SAMPLE:
        return True
    import zstandard

    stride = data.nbytes // _SAMPLES
    sample = b"".join(data[start : start + _SAMPLE] for start in range(0, stride * _SAMPLES, stride))
    return len(zstandard.ZstdCompressor(level=_LEVEL).compress(sample)) < _WORTH * len(sample)


def unpack(blob: Reader, size: int, streams: int = 1) -> memoryview:
    """Return the content of a blob, `size` bytes, writable; ArtifactError where the blob is damaged.

    `streams` is how many frames to ask for at once; as many as there are cores, if that is more.
    """
    places = _places(blob, size)
    into = _memory(size)

    def one(start: int) -> None:
        first, last = places[start // FRAME]
        _unpack(blob.read(first, last), into[start : start + FRAME])

    for _ in each(one, size, streams):
        pass
    return into


def _memory(size: int) -> memoryview:
    """Return `size` writable bytes, untouched so far: threads then share the cost of the first touch.

    Private, for a shared mapping (the default) would let a forked child write into its parent's arrays.
    """
    if size < _HUGE:
        return memoryview(bytearray(size))
    block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(AttributeError, OSError):  # not on macOS
        block.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(block)


def _places(blob: Reader, size: int) -> list[tuple[int, int]]:
    """Return where each frame begins and ends in the blob of `size` bytes of content."""
    count = len(starts(size))
    length = _SKIPPABLE.size + count * _ENTRY.size + _FOOTER.size
    if length > blob.size:
        raise damaged(f"it has {blob.size:,} bytes, too few for {size:,} of content")
    table = bytes(blob.read(blob.size - length, blob.size))
    begin = _SKIPPABLE.pack(_SKIPPABLE_MAGIC, length - _SKIPPABLE.size)
    footer = _FOOTER.pack(count, 0, _FOOTER_MAGIC)
    if not (len(table) == length and table.startswith(begin) and table.endswith(footer)):
        raise damaged(f"its {blob.size:,} bytes do not end with a table of {count} frames")
    entries = list(_ENTRY.iter_unpack(table[len(begin) : -len(footer)]))
    ends = list(accumulate(packed for packed, _ in entries))
    if ends[-1] + length != blob.size or sum(unpacked for _, unpacked in entries) != size:
        raise damaged("its table of frames does not account for every byte of it")
    return list(pairwise([0, *ends]))


def _unpack(frame: bytes | bytearray | memoryview, into: memoryview) -> None:
    import zstandard

    try:
        with zstandard.ZstdDecompressor().stream_reader(frame) as reader:
            filled = reader.readinto(into)
            rest = reader.read(1)  # reads the checksum
    except zstandard.ZstdError as error:
        raise damaged(str(error)) from error
    if filled != into.nbytes or rest:
        raise damaged(f"one of its frames does not hold {into.nbytes:,} bytes")


def starts(size: int) -> range:
    """Return where each frame of `size` bytes of content begins."""
    return range(0, size, FRAME)


def each(work: Callable[[int], _T], size: int, streams: int = 1) -> Iterator[_T]:
    """Yield `work(start)` for each frame, in order; in threads where there are several, few of them ahead."""
    todo = starts(size)
    workers = min(len(todo), max(cores(), streams))
    if workers < 2:
        yield from map(work, todo)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[_T]] = deque()
        try:
            for start in todo:
                ahead.append(pool.submit(work, start))
                if len(ahead) > workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1
