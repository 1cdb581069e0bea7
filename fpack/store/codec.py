"""A value as bytes and back: pickle protocol 5, its large buffers beside it and never copied.

    content = header · pickle · (padding · buffer)*
    header  = b"fpk" · version u8 · number of buffers u32 · length u64 of the pickle and of each buffer

Integers are little-endian; each buffer starts at a multiple of 64 bytes, as numpy and Arrow like it.
A pickle is code: load values only from a root whose writers you trust.
"""

from __future__ import annotations

import copyreg
import pickle
import struct
import sys
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import accumulate
from typing import Any

from fpack.errors import ArtifactError
from fpack.store.root import Buffer

VERSION = 1

_MAGIC = b"fpk"
_START = struct.Struct("<3sBI")
_ALIGN = 64
_BESIDE = 8 << 10  # bytes from which a buffer stands beside the pickle: below, a copy is cheaper than a view


class Content:
    """The bytes that a value amounts to, as the pieces of memory that they already are in.

    The pieces belong to the value: it must stay as it is until they have been used. `size` is in bytes.
    """

    def __init__(self, pieces: Sequence[Buffer]) -> None:
        self._pieces = [memoryview(piece) for piece in pieces if len(piece)]
        self._ends = list(accumulate(piece.nbytes for piece in self._pieces))
        self.size = self._ends[-1] if self._ends else 0

    def slices(self, start: int, stop: int) -> list[memoryview]:
        """Return the bytes from `start` up to `stop` as views, copying none."""
        found: list[memoryview] = []
        index = bisect_right(self._ends, start)
        while start < min(stop, self.size):
            piece = self._pieces[index]
            offset = start - (self._ends[index] - piece.nbytes)
            taken = piece[offset : offset + stop - start]
            found.append(taken)
            start += taken.nbytes
            index += 1
        return found

    def join(self, start: int, stop: int) -> Buffer:
        """Return the bytes from `start` up to `stop` in one piece: a view where they are in one already."""
        found = self.slices(start, stop)
        return found[0] if len(found) == 1 else b"".join(found)

    def __bytes__(self) -> bytes:
        return b"".join(self._pieces)


class _Sink:
    """Takes what a pickler writes: large bytes and strings arrive as themselves, uncopied."""

    def __init__(self) -> None:
        self.pieces: list[Buffer] = []
        self.write = self.pieces.append


def encode(value: object) -> Content:
    """Return `value` as content; ArtifactError where it cannot be pickled, saying which part of it cannot."""
    beside: list[memoryview] = []

    def inside(buffer: pickle.PickleBuffer) -> bool:
        view = buffer.raw()
        if view.nbytes < _BESIDE:
            return True
        beside.append(view)
        return False

    sink = _Sink()
    pickler = pickle.Pickler(sink, protocol=5, buffer_callback=inside)
    numpy = sys.modules.get("numpy")  # a value can hold arrays only where numpy has been imported
    if hasattr(numpy, "ndarray"):
        pickler.dispatch_table = {**copyreg.dispatch_table, **_numpy_reducers(numpy)}
    try:
        pickler.dump(value)
    except MemoryError:
        raise
    except Exception as error:
        raise _unpicklable(value, error) from error
    lengths = [sum(map(len, sink.pieces)), *(view.nbytes for view in beside)]
    header = _START.pack(_MAGIC, VERSION, len(beside)) + struct.pack(f"<{len(lengths)}Q", *lengths)
    pieces: list[Buffer] = [header, *sink.pieces]
    position = len(header) + lengths[0]
    for view in beside:
        pieces += (bytes(-position % _ALIGN), view)
        position += -position % _ALIGN + view.nbytes
    return Content(pieces)


@cache
def _numpy_reducers(numpy: Any) -> dict[type, Callable[[Any], Any]]:
    plain = {type(numpy.dtype(code)): partial(_reduce_dtype, numpy.dtype) for code in "?bhilqBHILQefdFDO"}
    return {numpy.ndarray: _reduce_array, **plain}


def _reduce_dtype(kind: Any, dtype: Any) -> Any:
    """Reduce a numpy dtype to its name, which gives back the one of that name, where numpy would make a copy.

    So what is loaded shares its dtypes as what was saved did, and its content is the same when saved again.
    """
    return dtype.__reduce_ex__(5) if dtype.metadata else (kind, (dtype.str,))


def _reduce_array(array: Any) -> Any:
    """Reduce a numpy array as it would itself, but with a buffer that can stand beside the pickle.

    A strided array has none, but its copy has; an array of times has none, but the same as integers has.
    """
    if not array.flags.forc:
        array = array.copy(order="C")
    if array.dtype.kind in "mM":
        return type(array).view, (array.view(array.dtype.byteorder + "i8"), array.dtype)
    return array.__reduce_ex__(5)


def decode(content: Buffer) -> Any:
    """Return the value that `content` holds; its arrays are views of `content`, writable where that is.

    ArtifactError where the content is damaged, or needs a module or a class that is not here.
    """
    view = memoryview(content)
    stream, *buffers = _parts(view)
    try:
        return pickle.loads(stream, buffers=buffers)
    except MemoryError:
        raise
    except ModuleNotFoundError as error:
        raise ArtifactError(
            f"this artifact needs the module `{error.name}`, which is not here",
            why=str(error),
            hint=f"add what provides `{error.name}` to the environment that loads it",
        ) from error
    except Exception as error:
        raise ArtifactError(
            "this artifact cannot be rebuilt here",
            why=f"{type(error).__name__}: {error}",
            hint="load it with the versions of Python, of the packages and of the flow that saved it",
        ) from error


def _parts(view: memoryview) -> list[memoryview]:
    """Return the pickle and the buffers in `view`; its header must account for every byte of it."""
    if view.nbytes < _START.size or view[:3] != _MAGIC:
        raise damaged("it does not begin as an artifact does")
    _, version, count = _START.unpack_from(view)
    if version != VERSION:
        raise ArtifactError(
            f"this artifact has format {version}, and this fpack reads format {VERSION}",
            hint="load it with the version of fpack that saved it, or a later one",
        )
    position = _START.size + 8 * (count + 1)
    if position > view.nbytes:
        raise damaged("it ends within its header")
    lengths = struct.unpack_from(f"<{count + 1}Q", view, _START.size)
    parts = [view[position : position + lengths[0]]]
    position += lengths[0]
    for length in lengths[1:]:
        position += -position % _ALIGN
        parts.append(view[position : position + length])
        position += length
    if position != view.nbytes:
        raise damaged(f"its header speaks of {position:,} bytes, and there are {view.nbytes:,}")
    return parts


def damaged(why: str) -> ArtifactError:
    """Return the error for content that is not what was saved; `why` is what gave it away."""
    return ArtifactError(
        "the content of this artifact is damaged",
        why=why,
        hint="run the step that made it again",
    )


def _unpicklable(value: object, error: Exception) -> ArtifactError:
    what = f"a value of type {type_name(value)} cannot be saved"
    if isinstance(error, RecursionError):
        return ArtifactError(what, why="it is nested too deeply", hint="keep it as a flat list, or a table")
    from fpack.store.culprit import find

    return ArtifactError(
        what,
        why=str(find(value, error)),
        hint="leave that part out, or give its class a __getstate__ or __reduce__ method that does",
    )


def type_name(value: object) -> str:
    """Return the dotted name of the value's type, without `builtins.`."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
