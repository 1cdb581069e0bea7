"""A folder as the root of a store: atomic writes, listings, and what is told when the disk says no."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from race import go, race, start

from fpack.errors import StoreError
from fpack.store.root import Buffer, Root

names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0#"), min_size=1, max_size=20
).filter(lambda name: name not in (".", ".."))

CREATE = """
import json, sys
from fpack.store.root import Buffer, Root
# go
root, me = Root.open(sys.argv[1]), sys.argv[2].encode()
print(json.dumps([number for number in range(200) if root.create(f"keys/{number}.json", me * 1000)]))
"""

CREATE_UNTIL_KILLED = """
import itertools, os, sys
from fpack.store.root import Buffer, Root
root = Root.open(sys.argv[1])
# go
for number in itertools.count():
    root.create(f"{os.getpid()}/created {number}", bytes(300_000))
    root.write(f"{os.getpid()}/written {number}", (bytes(1000) for _ in range(300)))
    root.put(f"{os.getpid()}/put", bytes(300_000))
"""


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root.open(tmp_path / "a folder, ünd more")


def tmpfs(path: Path, options: str) -> Iterator[Root]:
    """A root on a small file system of its own."""
    path.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("only a root user outside a container may mount a file system")
    try:
        yield Root.open(path)
    finally:
        subprocess.run(["umount", str(path)], check=True)


@pytest.fixture
def full_root(tmp_path: Path) -> Iterator[Root]:
    yield from tmpfs(tmp_path / "full", "size=1m")


@pytest.fixture
def readonly_root(tmp_path: Path) -> Iterator[Root]:
    yield from tmpfs(tmp_path / "readonly", "ro")


def test_objects_come_back(root: Root) -> None:
    """What is created or put is read back, one by one or many, and what is absent is a KeyError or None."""
    assert root.create("a/b/c.json", b"1")
    root.put("a/hint", b"2")
    root.put("a/hint", b"3")
    pieces: list[Buffer] = [b"x" * 10, bytearray(b"y"), memoryview(b"z"), b""]
    root.write("a/b/streamed", iter(pieces))
    assert root.get("a/b/c.json") == b"1"
    assert root.get_many(["a/hint", "absent", "a/b/streamed", "a/b"]) == [b"3", None, b"xxxxxxxxxxyz", None]
    assert [root.exists(key) for key in ("a/hint", "a/b/c.json", "a/b", "a/x", "a/hint/x")] == [1, 1, 0, 0, 0]
    for key in ("absent", "a/b", "a/hint/below"):
        with pytest.raises(KeyError, match=key):
            root.get(key)
        with pytest.raises(KeyError, match=key):
            root.reader(key)


def test_create_never_overwrites(root: Root) -> None:
    """Creating a key a second time says so and leaves the first content."""
    assert root.create("key", b"first")
    assert not root.create("key", b"second")
    root.write("key", [b"third"])
    assert root.get("key") == b"first"


def test_opening_makes_nothing(tmp_path: Path) -> None:
    """A root is made by its first write: until then opening it, reading it and listing it leave no trace."""
    root = Root.open(tmp_path / "later")
    assert root.children("") == ([], [])
    assert not root.exists("key")
    assert root.get_many(["key"]) == [None]
    assert not (tmp_path / "later").exists()
    root.put("key", b"")
    assert root.children("") == ([], ["key"])


def test_ways_to_name_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path, an absolute one, one from home, a file URL and a root's own url name the same root."""
    folder = tmp_path / "wéird 100%" / "store"
    Root.open(folder).put("key", b"1")
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("HOME", str(folder.parent))
    for url in ("store", str(folder), "~/store", folder.as_uri(), Root.open("store").url):
        assert Root.open(url).get("key") == b"1"
        assert Root.open(url).is_local
        assert Root.open(url).local_path("key") == folder / "key"


@pytest.mark.parametrize("url", ["gs://bucket/prefix", "s3://", "https://host.example.invalid/x"])
def test_unknown_roots_are_refused(url: str) -> None:
    """A URL that no root can have is refused with what would be possible."""
    with pytest.raises(StoreError) as caught:
        Root.open(url)
    assert "s3://bucket/prefix" in caught.value.hint


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/../b", ".", "a/./b", "a\0b", "a/b#17"])
def test_impossible_keys_are_refused(root: Root, key: str) -> None:
    """A key that would leave the root, or that a listing would hide, is a ValueError on every way in."""
    for way in (root.get, root.exists, root.reader, root.local_path, lambda key: root.put(key, b"")):
        with pytest.raises(ValueError, match="not a key"):
            way(key)


@given(files=st.sets(names, max_size=8), after=st.just("") | names)
@settings(deadline=None, max_examples=50)
def test_children(tmp_path_factory: pytest.TempPathFactory, files: set[str], after: str) -> None:
    """Every key that can be created is listed in code point order, folders and files apart."""
    root = Root.open(tmp_path_factory.mktemp("root"))
    for name in files:
        root.create(f"below/{name}", b"")
        root.create(f"below/d{name}/file", b"")
    files = {name for name in files if f"d{name}" not in files} | {
        name for name in files if root.exists(f"below/{name}")
    }
    folders, found = root.children("below", after)
    assert found == sorted(name for name in files if name > after)
    assert folders == sorted(f"d{name}" for name in files if f"d{name}" > after)
    assert root.children("below/") == root.children("below")
    assert root.children("") == (["below"] if files else [], [])


def test_ranges(root: Root) -> None:
    """A reader knows the size, returns any range, and keeps the object readable after its name is gone."""
    root.create("key", bytes(range(200)))
    with root.reader("key") as reader:
        path = root.local_path("key")
        assert path is not None
        path.unlink()
        assert reader.size == 200
        assert bytes(reader.read(10, 20)) == bytes(range(10, 20))
        assert bytes(reader.read(190, 300)) == bytes(range(190, 200))


def test_one_writer_wins(root: Root) -> None:
    """Of processes that create the same 200 keys at once, each key has exactly one that did, whole."""
    won = [json.loads(printed) for printed in race(4, CREATE, root.url)]
    assert sorted(key for keys in won for key in keys) == list(range(200))
    for process, keys in enumerate(won):
        for key in keys:
            assert root.get(f"keys/{key}.json") == str(process).encode() * 1000
    assert len(os.listdir(os.path.join(root.url, "keys"))) == 200


def test_killed_writers_leave_nothing_half(root: Root) -> None:
    """A writer killed at any point leaves whole objects and names that no listing shows."""
    for round in range(12):
        process = start(CREATE_UNTIL_KILLED, root.url)
        go(process)
        time.sleep(0.02 + round * 0.003)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        _, files = root.children(str(process.pid))
        assert files
        assert {len(root.get(f"{process.pid}/{name}")) for name in files} == {300_000}


def test_staged_files_are_never_listed(root: Root) -> None:
    """What a killed writer staged, fpack's own or obstore's, is in no listing."""
    root.create("folder/key", b"")
    path = root.local_path("folder/key")
    assert path is not None
    for name in ("key#1", "other.json#12345678901234567890"):
        path.with_name(name).touch()
    assert root.children("folder") == ([], ["key"])


def test_failed_writes_leave_nothing(root: Root) -> None:
    """A stream that breaks leaves neither an object nor a staged file."""

    def pieces() -> Iterator[bytes]:
        yield b"some"
        raise RuntimeError("the stream broke")

    with pytest.raises(RuntimeError, match="the stream broke"):
        root.write("folder/key", pieces())
    assert os.listdir(os.path.join(root.url, "folder")) == []


def test_full_root(full_root: Root) -> None:
    """A full disk is an error that says so and what to do, and what was being written is not there."""
    for write in (full_root.create, full_root.put, lambda key, data: full_root.write(key, [data])):
        with pytest.raises(StoreError, match="No space left") as caught:
            write("folder/key", bytes(2 << 20))
        assert "make room" in caught.value.hint
        assert full_root.children("folder") == ([], [])
    assert full_root.create("folder/key", bytes(900_000))


def test_readonly_root(readonly_root: Root) -> None:
    """A read-only root can be read, and refuses each write with the reason and what to do."""
    for write in (readonly_root.create, readonly_root.put):
        with pytest.raises(StoreError, match="Read-only") as caught:
            write("folder/key", b"")
        assert readonly_root.url in caught.value.what
        assert "mount it for writing" in caught.value.hint
    assert readonly_root.children("") == ([], [])


def test_forbidden_root() -> None:
    """A folder that this user may not write, or not read, is an error that says so and what to do."""
    with tempfile.TemporaryDirectory() as folder:
        root = Root.open(folder)
        root.create("folder/key", b"")
        user = os.geteuid()
        os.chmod(folder, 0o755)
        os.chmod(f"{folder}/folder", 0o555)
        os.chmod(f"{folder}/folder/key", 0)
        try:
            if user == 0:
                os.seteuid(65534)  # a user to whom something can be forbidden
            for attempt in (lambda: root.put("folder/other", b""), lambda: root.get("folder/key")):
                with pytest.raises(StoreError, match="Permission denied") as caught:
                    attempt()
                assert "right" in caught.value.hint
        finally:
            os.seteuid(user)
            os.chmod(f"{folder}/folder", 0o755)


def test_names_that_are_too_long(root: Root) -> None:
    """A key that the file system cannot hold is a StoreError that shows the file system's reason."""
    with pytest.raises(StoreError, match="File name too long"):
        root.create("x" * 300, b"")
