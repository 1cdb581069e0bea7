"""Artifacts in a folder: stored once, whole or not at all, and refused when they are not what was saved."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from race import go, race, start

from fpack.errors import ArtifactError, StoreError
from fpack.store.blobs import INLINE, Blobs, Ref
from fpack.store.root import Root

LARGE = 20_000_000  # bytes: three frames

SAVE = """
import random, sys
from fpack.store.blobs import Blobs
from fpack.store.root import Root
value = random.Random(7).randbytes(20_000_000)
# go
print(Blobs(Root.open(sys.argv[1])).save(value).blob)
"""

SAVE_UNTIL_KILLED = """
import itertools, random, sys
from fpack.store.blobs import Blobs
from fpack.store.root import Root
large, small = (random.Random(7).randbytes(size) for size in (20_000_000, 50_000))
# go
for number in itertools.count():
    blobs = Blobs(Root.open(f"{sys.argv[1]}/{number}"))
    blobs.save(large)
    blobs.save(small)
"""

SMALL_IN_A_TASK = """
import sys, threading
from fpack.store.blobs import Blobs, Ref
from fpack.store.root import Root
blobs = Blobs(Root.open(sys.argv[1]))
for value in (1, "text", [1.5, None], {"a": (1, 2)}, b"x" * 900):
    assert blobs.load(Ref.from_json(blobs.save(value).to_json())) == value
heavy = {"zstandard", "obstore", "numpy", "concurrent.futures"} & set(sys.modules)
print(threading.active_count(), sorted(heavy))
"""

SAVE_IN_A_CHILD = """
import os, sys
import numpy as np
from fpack.store.blobs import Blobs
from fpack.store.root import Root
blobs = Blobs(Root.open(sys.argv[1]))
array = blobs.load(blobs.save(np.zeros(50_000_000, "u1")))
if not os.fork():
    array += 1
    print("child", blobs.load(blobs.save(array)).sum(), flush=True)
    os._exit(0)
os.wait()
print("parent", array.sum())
"""


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root.open(tmp_path / "a store ü")


@pytest.fixture
def blobs(root: Root) -> Blobs:
    return Blobs(root)


def files(root: Root) -> list[Path]:
    return sorted((Path(root.url) / "blobs").iterdir()) if os.path.exists(root.url) else []


def large_bytes() -> bytes:
    return random.Random(7).randbytes(LARGE)


@pytest.mark.parametrize(
    "value",
    [
        np.random.default_rng(1).random(LARGE // 8),
        np.zeros((LARGE, 1), "u1"),
        np.arange(LARGE // 8).reshape(-1, 2, order="F")[::2],
        [{"id": number, "name": f"name {number}", "tags": ["a", "b"]} for number in range(100_000)],
        large_bytes(),
        "é" * LARGE,
        np.arange(5),
        {"nothing": None},
    ],
    ids=["random", "zeros", "strided", "dicts", "bytes", "text", "small", "inline"],
)
def test_values_come_back(blobs: Blobs, value: Any) -> None:
    """Values of every size come back equal, arrays writable, by a reference that has been through JSON."""
    back = blobs.load(Ref.from_json(blobs.save(value).to_json()))
    assert np.array_equal(back, value) if isinstance(value, np.ndarray) else back == value
    if isinstance(value, np.ndarray):
        back[0] = 1


def test_references_tell(blobs: Blobs) -> None:
    """A reference knows the value's type and how many bytes it amounts to."""
    ref = blobs.save(np.zeros(LARGE, "u1"))
    assert ref.type == "numpy.ndarray"
    assert LARGE < ref.size < LARGE + 500
    assert blobs.save({}).type == "dict"


def test_small_values_are_inline(root: Root, blobs: Blobs) -> None:
    """Up to the limit a value is in its reference and no file is made; beyond, in a file and not in it."""
    small = blobs.save(b"x" * (INLINE - 100))
    assert small.inline
    assert small.blob == ""
    assert files(root) == []
    large = blobs.save(b"x" * INLINE)
    assert large.inline is None
    assert [path.name for path in files(root)] == [large.blob]


def test_small_values_need_nothing(root: Root) -> None:
    """Saving and loading small values starts no thread and imports neither zstandard, obstore nor numpy."""
    printed = subprocess.run(
        [sys.executable, "-c", SMALL_IN_A_TASK, root.url], check=True, capture_output=True, text=True
    ).stdout
    assert printed == "1 []\n"


def test_same_content_is_stored_once(root: Root, blobs: Blobs) -> None:
    """Equal values have one blob, whoever saves them, and saving again does not touch it."""
    first = blobs.save(large_bytes())
    written = files(root)[0].stat()
    assert blobs.save(large_bytes()) == first
    assert Blobs(root).save(blobs.load(first)) == first
    assert [path.stat().st_mtime_ns for path in files(root)] == [written.st_mtime_ns]
    assert files(root)[0].stat().st_ino == written.st_ino


def test_incompressible_content_costs_nothing(root: Root, blobs: Blobs) -> None:
    """Random bytes take no more room than they are, and repetitive ones take next to none."""
    blobs.save(large_bytes())
    blobs.save(bytes(LARGE))
    sizes = sorted(path.stat().st_size for path in files(root))
    assert sizes[1] < LARGE * 1.001
    assert sizes[0] < LARGE * 0.001


def test_concurrent_savers(root: Root) -> None:
    """Processes that save the same value at once agree on its key and leave one whole blob, no more."""
    keys = {printed.strip() for printed in race(3, SAVE, root.url)}
    assert [path.name for path in files(root)] == sorted(keys)
    (key,) = keys
    assert Blobs(root).load(Ref(key, Blobs(root).save(large_bytes()).size, "bytes")) == large_bytes()


def test_killed_savers_leave_no_half_blob(root: Root, tmp_path: Path) -> None:
    """A saver killed at any point leaves each blob whole or not at all."""
    for value in (large_bytes(), random.Random(7).randbytes(50_000)):
        Blobs(root).save(value)
    whole = {path.name: path.read_bytes() for path in files(root)}
    seen = 0
    for round in range(10):
        folder = tmp_path / f"round {round}"
        process = start(SAVE_UNTIL_KILLED, str(folder))
        go(process)
        time.sleep(0.05 + round * 0.013)
        process.kill()
        process.communicate()
        for store in Root.open(folder).children("")[0]:
            there = Root.open(folder / store)
            for name in there.children("blobs")[1]:
                assert there.get(f"blobs/{name}") == whole[name]
                seen += 1
    assert seen


@pytest.mark.parametrize("size", [INLINE + 1, 50_000, LARGE])
def test_damaged_blobs_are_refused(root: Root, blobs: Blobs, size: int) -> None:
    """A blob that was changed, cut short, emptied or exchanged is refused by an error with its path."""
    ref = blobs.save(random.Random(7).randbytes(size))
    (path,) = files(root)
    whole = path.read_bytes()
    blobs.save(random.Random(8).randbytes(size + 1))
    (other,) = set(files(root)) - {path}
    changed = bytearray(whole)
    changed[len(whole) // 3] ^= 1
    for damaged in (
        changed,
        whole[:-1],
        whole[: len(whole) // 2],
        b"",
        other.read_bytes(),
        bytes(len(whole)),
    ):
        path.write_bytes(damaged)
        with pytest.raises(ArtifactError, match="damaged") as caught:
            blobs.load(ref)
        assert str(path) in caught.value.hint
    path.write_bytes(whole)
    assert len(blobs.load(ref)) == size


def test_lost_blobs_are_told(root: Root, blobs: Blobs) -> None:
    """A blob that is gone is an error that names it and says how to have it again."""
    ref = blobs.save(large_bytes())
    files(root)[0].unlink()
    with pytest.raises(ArtifactError, match="not in the store any more") as caught:
        blobs.load(ref)
    assert ref.blob in caught.value.why
    assert caught.value.hint


def test_unpicklable_values_write_nothing(root: Root, blobs: Blobs) -> None:
    """A value that cannot be saved leaves no trace in the store."""
    with pytest.raises(ArtifactError, match=r"\[1\]"):
        blobs.save([large_bytes(), lambda: None])
    assert files(root) == []


def test_forked_children(root: Root) -> None:
    """A forked child saves and loads, and what it writes into its parent's arrays its parent does not see."""
    command = [sys.executable, "-W", "ignore", "-c", SAVE_IN_A_CHILD, root.url]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    assert printed == "child 50000000\nparent 0\n"


def test_store_errors_pass(tmp_path: Path) -> None:
    """Where the store cannot be written, saving a large value is a StoreError; a small one needs none."""
    (tmp_path / "file").touch()
    blobs = Blobs(Root.open(tmp_path / "file" / "store"))
    with pytest.raises(StoreError, match="cannot write"):
        blobs.save(large_bytes())
    assert blobs.load(blobs.save(1)) == 1
