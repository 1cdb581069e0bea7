"""Values as bytes and back, and the frames that those bytes are packed in."""

from __future__ import annotations

import collections
import pickle
import random
import struct
import sys
import threading
from contextlib import suppress
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from fpack.errors import ArtifactError
from fpack.store import codec, frames
from fpack.store.blobs import INLINE, Ref, content_key
from fpack.store.codec import Content
from fpack.store.root import Buffer, Reader

LARGE = 100_000  # bytes: enough to stand beside the pickle

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner)
        | st.tuples(inner, inner)
        | st.binary().map(bytearray)
    ),
    max_leaves=20,
)
dtypes = st.one_of(
    nps.boolean_dtypes(),
    nps.integer_dtypes(endianness="?"),
    nps.floating_dtypes(endianness="?"),
    nps.complex_number_dtypes(),
    nps.datetime64_dtypes(),
    nps.timedelta64_dtypes(),
    nps.byte_string_dtypes(min_len=1),
    nps.unicode_string_dtypes(min_len=1, max_len=2),
    st.just(np.dtype([("a", "<i4"), ("b", ">f8", (2,))])),
)


class InMemory(Reader):
    """A blob that is bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def read(self, start: int, stop: int) -> Buffer:
        return self.data[start:stop]


class Node:
    """An object like those that a flow's module defines."""

    def __init__(self, part: object) -> None:
        self.part = part


class Slotted:
    __slots__ = ("part",)

    def __init__(self, part: object) -> None:
        self.part = part


class Stubborn:
    """A value whose own way of being pickled fails."""

    def __reduce__(self) -> Any:
        raise ConnectionError("still connected")


class Gone:
    """A class that a test takes away."""


def again(value: object) -> Any:
    """The value as it comes back from writable memory."""
    return codec.decode(bytearray(bytes(codec.encode(value))))


def packed(content: Content) -> bytes:
    return b"".join(frames.pack(content))


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    """An array of any type and shape, small or large, contiguous in either order or not at all."""
    dtype = draw(dtypes)
    shape = draw(nps.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=40))
    if dtype.kind == "U":  # not every four bytes are a character
        array = np.full(shape, "é", dtype)
    else:
        data = random.Random(draw(st.integers(0, 99))).randbytes(int(np.prod(shape)) * dtype.itemsize)
        array = np.frombuffer(data, dtype).reshape(shape).copy(draw(st.sampled_from(["C", "F"])))
    steps: Any = (..., *(slice(None, None, draw(st.sampled_from([1, 1, 2, -1]))) for _ in shape))
    view: np.ndarray[Any, Any] = array[steps]
    return view


@given(plain)
def test_plain_values_come_back(value: object) -> None:
    """Whatever plain Python values are nested how, they come back equal, of the same types."""
    back = again(value)
    assert back == value
    assert repr(back) == repr(value)


@given(arrays())
@settings(deadline=None)
def test_arrays_come_back(array: np.ndarray[Any, Any]) -> None:
    """An array of any type, shape, order and stride comes back the same and writable."""
    back = again({"array": array})["array"]
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.tobytes() == array.tobytes()
    assert back.flags.writeable
    assert not array.flags.forc or back.flags.fnc == array.flags.fnc


@given(arrays())
@settings(deadline=None)
def test_loaded_arrays_have_the_same_content(array: np.ndarray[Any, Any]) -> None:
    """An array that was loaded and is saved unchanged has the content that it was loaded from."""
    assert bytes(codec.encode(again(array))) == bytes(codec.encode(array))


@given(plain)
def test_content_is_stable(value: object) -> None:
    """A plain value that was loaded has the same content each time that it is saved and loaded again."""
    once = bytes(codec.encode(again(value)))
    assert bytes(codec.encode(codec.decode(once))) == once


def test_large_buffers_are_not_copied() -> None:
    """A large array's memory is itself the content, and after loading the content is the array's memory."""
    for array in (np.zeros(LARGE, "u1"), np.zeros((LARGE // 80, 10), "M8[ns]", order="F")):
        (piece,) = [p for p in codec.encode(array).slices(0, 2 * LARGE) if p.nbytes == array.nbytes]
        assert np.shares_memory(np.asarray(piece), array)
        memory = bytearray(bytes(codec.encode(array)))
        assert np.shares_memory(np.frombuffer(memory, "u1"), codec.decode(memory))


@pytest.mark.parametrize("value", [b"\1" * LARGE * 20, bytearray(b"\1" * LARGE * 20)])
def test_large_bytes_are_not_copied(value: bytes | bytearray) -> None:
    """Large bytes, which pickle offers no buffer for, are not copied either while they are saved."""
    pieces = codec.encode([value]).slices(0, 3 * len(value))
    assert any(piece.obj is value for piece in pieces)
    assert again([value]) == [value]


def test_buffers_are_aligned() -> None:
    """Every large buffer begins at a multiple of 64 bytes, whatever stands before it."""
    values = [np.full(LARGE + odd, odd, "u1") for odd in range(5)]
    memory = np.zeros(len(bytes(codec.encode(values))) + 64, "u1")
    offset = -memory.ctypes.data % 64
    content = memoryview(memory.data)[offset:][: codec.encode(values).size]
    content[:] = bytes(codec.encode(values))
    assert [array.ctypes.data % 64 for array in codec.decode(content)] == [0] * 5


def test_readonly_arrays_stay_readonly() -> None:
    """An array that was not writable is not writable when it comes back."""
    array = np.zeros(LARGE, "u1")
    array.flags.writeable = False
    assert not again(array).flags.writeable


def test_shared_and_recursive_values() -> None:
    """What is one object in two places is one when it comes back, a value that holds itself included."""
    array = np.arange(LARGE)
    ring: list[Any] = [array, array]
    ring.append(ring)
    back = again(ring)
    assert back[0] is back[1]
    assert back[2] is back


def test_values_of_all_kinds() -> None:
    """Sets, object arrays, masked arrays, scalars, objects with and without slots and types come back."""
    assert again([{1, "a"}, frozenset("ab")]) == [{1, "a"}, frozenset("ab")]
    objects = np.array([1, "a", None, {"k": [1]}], dtype=object)
    assert again(objects).tolist() == objects.tolist()
    masked = np.ma.masked_array(np.arange(5), [False, True, False, True, False])
    assert again(masked).tolist() == masked.tolist()
    assert again(np.float32(1.5)).dtype == np.float32
    assert again(collections.OrderedDict(a=1)) == collections.OrderedDict(a=1)
    assert again(Node([1])).part == [1]
    assert again(Slotted("x")).part == "x"
    assert again(Node) is Node
    assert again([np.zeros((0, 3)), b"", "", (), {}, set()])[0].shape == (0, 3)


def test_dtypes() -> None:
    """A dtype comes back the very one that numpy has of that name, and one with metadata keeps it."""
    for code in ("?", "i4", ">f8", "O", "c16"):
        assert again(np.dtype(code)) == np.dtype(code)
    assert again(np.dtype("f8")) is np.dtype("f8")
    assert again(np.dtype("f8", metadata={"unit": "m"})).metadata == {"unit": "m"}


def test_frames_of_pandas() -> None:
    """A DataFrame with numbers, strings, categories, times and gaps comes back equal and writable."""
    frame = pandas.DataFrame(
        {
            "number": np.arange(5000) / 7,
            "text": [f"row {i % 13}" for i in range(5000)],
            "category": pandas.Categorical(["a", "b"] * 2500),
            "time": pandas.date_range("2024-01-01", periods=5000, freq="min", tz="UTC"),
            "gaps": pandas.array([1, None] * 2500, dtype="Int64"),
        },
        index=pandas.RangeIndex(5000, name="row"),
    )
    back = again(frame)
    pandas.testing.assert_frame_equal(back, frame)
    back.loc[0, "number"] = 1.0
    assert bytes(codec.encode(again(frame[["number", "text"]]))) == bytes(
        codec.encode(frame[["number", "text"]])
    )


def test_large_lengths() -> None:
    """Lengths beyond 4 GiB fit in the header, and one that promises them is not believed without them."""
    content = struct.pack("<3sBIQQ", b"fpk", codec.VERSION, 1, 5, 5 << 32)
    with pytest.raises(ArtifactError, match="damaged"):
        codec.decode(content + pickle.dumps(None))


@pytest.mark.parametrize(
    ("value", "part", "kind"),
    [
        (threading.Lock(), "", "_thread.lock"),
        ({"a": [1, Node({"k": threading.Lock()})]}, "['a'][1].part['k']", "_thread.lock"),
        (Node(Slotted(threading.Lock())), ".part.part", "_thread.lock"),
        ([1, 2, (3, lambda: 4)], "[2][1]", "builtins.function"),
        (Node(Stubborn()), ".part", f"{__name__}.Stubborn"),
        ({1, 2, Stubborn}, "", ""),
    ],
)
def test_culprit_is_named(value: object, part: str, kind: str) -> None:
    """A value that cannot be pickled is refused with the path to the part of it that cannot, and its type."""
    if not kind:
        assert again(value) == value
        return
    with pytest.raises(ArtifactError) as caught:
        codec.encode(value)
    assert not part or f"its part {part} is of type {kind}" in caught.value.why
    assert codec.type_name(value) in caught.value.what
    assert caught.value.hint


def test_local_classes_are_refused() -> None:
    """An object whose class no other process could find is refused, with pickle's own reason."""

    class Local:
        pass

    with pytest.raises(ArtifactError, match="Local"):
        codec.encode([Local()])


def test_deep_nesting_is_refused() -> None:
    """A value that is nested deeper than pickle can follow is an error that says so, not a crash."""
    deep: list[Any] = []
    for _ in range(sys.getrecursionlimit() * 200):
        deep = [deep]
    with pytest.raises(ArtifactError, match="nested too deeply"):
        codec.encode(deep)
    while deep:  # take it apart by hand: its own destruction is deep as well
        deep = deep.pop()


def test_missing_module_is_named() -> None:
    """Loading a value whose module is not installed here names that module."""
    stream = b"cmodel_zoo.layers\nDense\n."
    content = struct.pack("<3sBIQ", b"fpk", codec.VERSION, 0, len(stream)) + stream
    with pytest.raises(ArtifactError, match="needs the module `model_zoo`"):
        codec.decode(content)


def test_missing_class_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading a value whose class has left its module is an error that names the class."""
    content = bytes(codec.encode(Gone()))
    monkeypatch.delattr(sys.modules[__name__], "Gone")
    with pytest.raises(ArtifactError, match="Gone"):
        codec.decode(content)


@given(st.binary(max_size=200))
def test_garbage_is_refused(data: bytes) -> None:
    """Bytes that no value was saved as are refused."""
    with pytest.raises(ArtifactError):
        codec.decode(data)


def test_later_formats_are_refused() -> None:
    """Content of a format that is not known is refused, and the error says which it is."""
    content = bytearray(bytes(codec.encode(1)))
    content[3] = 9
    with pytest.raises(ArtifactError, match="format 9"):
        codec.decode(content)


def test_format_is_pinned() -> None:
    """Content and key of a value never change: artifacts are found again by them."""
    content = codec.encode({"a": [1, 2.5, "x"]})
    assert bytes(content).hex() == (
        "66706b010000000026000000000000008005951b000000000000007d948c0161945d94284b01"
        "4740040000000000008c01789465732e"
    )
    assert content_key(content) == "e21890ebbe4966e3d6bf4df2fe471b60a50fb3cf4623e06dbf3198dd5fc5f262"
    large = codec.encode(bytes(20_000_000))
    assert content_key(large) == "8bf5da864bd6082d18a02962f365e6342ddc953b096f4f867f7861c84580ddb8"


@given(st.integers(0, 300), st.lists(st.binary(max_size=40)), st.integers(0, 300))
def test_slices(start: int, pieces: list[bytes], length: int) -> None:
    """Any range of content is the range of its pieces joined."""
    content = Content(pieces)
    whole = b"".join(pieces)
    assert content.size == len(whole)
    assert b"".join(content.slices(start, start + length)) == whole[start : start + length]
    assert bytes(content.join(start, start + length)) == whole[start : start + length]


@pytest.mark.parametrize(
    "size", [1, 1000, frames.FRAME - 1, frames.FRAME, frames.FRAME + 1, 3 * frames.FRAME]
)
@pytest.mark.parametrize("random_share", [0, 1])
def test_frames_come_back(size: int, random_share: int) -> None:
    """Content of any size, compressible or not, comes back from its blob, and never costs 0.1 % more."""
    data = random.Random(size).randbytes(size) if random_share else b"abcdefg " * (size // 8 + 1)
    blob = packed(Content([data[: size // 3], data[size // 3 : size]]))
    assert bytes(frames.unpack(InMemory(blob), size)) == data[:size]
    assert len(blob) < size * 1.001 + 60


def test_blobs_are_plain_zstd() -> None:
    """A blob is read by any zstd decoder, and ends with the footer of zstd's seekable format."""
    zstandard = pytest.importorskip("zstandard")
    data = bytes(range(256)) * 80_000
    blob = packed(Content([data]))
    assert zstandard.ZstdDecompressor().stream_reader(blob, read_across_frames=True).read() == data
    assert struct.unpack("<IBI", blob[-9:]) == (3, 0, 0x8F92EAB1)


def test_every_damaged_byte_is_noticed() -> None:
    """A blob with any one byte changed is refused, or still holds the content; it is never other content."""
    data = random.Random(1).randbytes(300) + bytes(300)
    blob = packed(Content([data]))
    for position in range(len(blob)):
        for flip in (1, 0x80, 0xFF):
            damaged = bytearray(blob)
            damaged[position] ^= flip
            with suppress(ArtifactError):
                assert bytes(frames.unpack(InMemory(bytes(damaged)), len(data))) == data


def test_every_truncation_is_noticed() -> None:
    """A blob that is cut short or has grown is refused, as is one of another size than expected."""
    data = random.Random(2).randbytes(frames.FRAME + 500)
    blob = packed(Content([data]))
    cuts = [0, 1, 8, 100, len(blob) // 2, *range(len(blob) - 40, len(blob))]
    for other in [*(blob[:cut] for cut in cuts), blob + b"\0", blob + blob]:
        with pytest.raises(ArtifactError, match="damaged"):
            frames.unpack(InMemory(other), len(data))
    for size in (1, len(data) - 1, len(data) + 1, 1 << 62):
        with pytest.raises(ArtifactError, match="damaged"):
            frames.unpack(InMemory(blob), size)


@given(plain)
def test_references_survive_json(value: object) -> None:
    """A reference comes back from JSON as it was."""
    content = bytes(codec.encode(value))
    for ref in (Ref("", len(content), "x.Y", content), Ref("0f" * 32, INLINE + 1, "numpy.ndarray")):
        assert Ref.from_json(ref.to_json()) == ref


@pytest.mark.parametrize(
    "change",
    [
        {"i": "AAAA"},
        {"c": 1},
        {"n": 5},
        {"n": None},
        {"i": "%"},
        {"i": 7},
        {"b": "../../etc/passwd", "i": None},
    ],
)
def test_damaged_references_are_refused(change: dict[str, Any]) -> None:
    """A reference whose bytes, checksum, size or key cannot be right is refused."""
    content = bytes(codec.encode(["some", "value"]))
    data = {**Ref("", len(content), "list", content).to_json(), **change}
    data = {key: value for key, value in data.items() if value is not None}
    with pytest.raises(ArtifactError, match="damaged"):
        Ref.from_json(data)
