"""Conda archives: what is in a good one, and every hostile one refused by name before rattler sees it."""

from __future__ import annotations

import bz2
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import zstandard
from channel import Channel
from condapackage import File, make_package

from fpack.errors import LockFileError
from fpack.packager.conda_archive import CondaContents, known_contents, read_contents
from fpack.packager.lockfile import Package

BAD = Package("conda", "bad", "1.0", "linux-64", "file:///bad.conda", "0" * 64, build="0")


def made(folder: Path, kind: Literal[".conda", ".tar.bz2"] = ".conda", **package: Any) -> Path:
    path, _ = make_package(folder, "bad", "1.0", kind=kind, **package)
    return path


def refused(path: Path) -> str:
    with pytest.raises(LockFileError, match=r"bad 1\.0") as caught:
        read_contents(path, BAD)
    return caught.value.why


def hostile(
    path: Path, change: Callable[[tarfile.TarFile], None], info: dict[str, Any] | None = None
) -> Path:
    """A .tar.bz2 of a package `bad` with what `change` adds to its tar; `info` replaces parts of info/."""
    parts: dict[str, Any] = {
        "index.json": {"name": "bad", "version": "1.0", "build": "0", "subdir": "noarch"},
        "paths.json": {"paths": [], "paths_version": 1},
        **(info or {}),
    }
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, part in parts.items():
            data = json.dumps(part).encode()
            member = tarfile.TarInfo(f"info/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        change(archive)
    path.write_bytes(bz2.compress(content.getvalue()))
    return path


def add(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> Callable[[tarfile.TarFile], None]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return lambda archive: archive.addfile(member, io.BytesIO(b""))


def both(*changes: Callable[[tarfile.TarFile], None]) -> Callable[[tarfile.TarFile], None]:
    def change(archive: tarfile.TarFile) -> None:
        for each in changes:
            each(archive)

    return change


@pytest.mark.parametrize("kind", [".conda", ".tar.bz2"])
def test_good_package_is_read(tmp_path: Path, kind: Literal[".conda", ".tar.bz2"]) -> None:
    """A package's files are known with their content's hash, links with their target."""
    path = made(tmp_path, kind, files={"lib/a": b"", "lib/b": File(link="a")}, depends=["x >1"])
    found = read_contents(path, BAD)
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert found.files == {"lib/a": empty, "lib/b": "-> a"}
    assert found.index["depends"] == ["x >1"]


def test_noarch_python_has_its_places(channel: Channel) -> None:
    """What a noarch package brings is placed for the Python of the prefix, commands included."""
    package = Package("conda", "fp-hello", "0.3.0", "linux-64", "", "", build="pyh_0")
    found = read_contents(channel.folder / "noarch" / "fp-hello-0.3.0-pyh_0.conda", package)
    placed = found.placed("lib/python3.12/site-packages")
    assert "lib/python3.12/site-packages/fp_hello/__init__.py" in placed
    assert "bin/fp-hello" in placed
    assert not any(path.startswith("site-packages/") for path in placed)


def test_reading_once_is_enough(tmp_path: Path) -> None:
    """What was found is kept beside the archive; what is kept and damaged is found anew."""
    path = made(tmp_path, files={"a": b"1"})
    first = known_contents(path, BAD)
    (kept,) = path.parent.glob("*.json")
    path.unlink()
    assert known_contents(path, BAD) == first
    made(tmp_path, files={"a": b"1"})
    for damage in ("", "{}", "[]", '{"package": 1}'):
        kept.write_text(damage)
        assert known_contents(path, BAD) == first


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (add("/etc/evil"), "absolute"),
        (add("../evil"), "leaves its place"),
        (add("a/../../evil"), "leaves its place"),
        (add("link", tarfile.SYMTYPE, "/etc/passwd"), "absolute path"),
        (add("lib/link", tarfile.SYMTYPE, "../../etc"), "leaves its place"),
        (add("hard", tarfile.LNKTYPE, "../../etc/passwd"), "leaves its place"),
        (add("hard", tarfile.LNKTYPE, "/etc/passwd"), "absolute"),
        (add("hard", tarfile.LNKTYPE, "missing"), "no file before it"),
        (both(add("l", tarfile.SYMTYPE, "x"), add("hard", tarfile.LNKTYPE, "l")), "no file before it"),
        (add("null", tarfile.CHRTYPE), "device"),
        (add("disk", tarfile.BLKTYPE), "device"),
        (add("pipe", tarfile.FIFOTYPE), "device"),
        (both(add("a"), add("a")), "two members"),
        (both(add("a"), add("./a")), "two members"),
        (both(add("d", tarfile.SYMTYPE, "lib"), add("d/x")), "behind the link"),
        (both(add("d/x"), add("d", tarfile.SYMTYPE, "lib")), "behind the link"),
    ],
)
def test_hostile_member_is_refused(
    tmp_path: Path, change: Callable[[tarfile.TarFile], None], why: str
) -> None:
    """Paths and links that lead out, devices, and one name for two members are refused."""
    assert why in refused(hostile(tmp_path / "bad.tar.bz2", change))


@pytest.mark.parametrize(
    ("info", "why"),
    [
        ({"index.json": {"name": "good", "version": "1.0", "build": "0"}}, "another package, good-1.0-0"),
        ({"index.json": {"name": "bad", "version": "1.1", "build": "0"}}, "another package"),
        ({"index.json": {"name": "bad", "version": "1.0", "build": "1"}}, "another package"),
        ({"index.json": {"name": "bad"}}, "lacks 'version'"),
        ({"index.json": []}, "list"),
        ({"paths.json": {"paths": [{"_path": "../../evil"}]}}, "leaves its place"),
        ({"paths.json": {"paths": [{"_path": "/evil"}]}}, "absolute"),
        ({"paths.json": {"paths": [{"_path": "missing"}]}}, "which it has not"),
        ({"link.json": {"noarch": {"entry_points": ["../../evil = a:b"]}}}, "entry point"),
        ({"link.json": {"noarch": {"entry_points": ["x = a:b; import os"]}}}, "entry point"),
    ],
)
def test_hostile_metadata_is_refused(tmp_path: Path, info: dict[str, Any], why: str) -> None:
    """Metadata of another package, or that names places outside of the prefix, is refused."""
    assert why in refused(hostile(tmp_path / "bad.tar.bz2", lambda _: None, info))


def test_site_packages_outside_is_refused(tmp_path: Path) -> None:
    """A Python that wants packages outside of its prefix is refused."""
    path = made(tmp_path, extra={"python_site_packages_path": "../../etc"})
    assert "leaves its place" in refused(path)


@pytest.mark.parametrize("kind", [".conda", ".tar.bz2"])
def test_truncated_archive_is_refused(tmp_path: Path, kind: Literal[".conda", ".tar.bz2"]) -> None:
    """Cut anywhere, an archive is refused with an error of fpack's."""
    path = made(tmp_path, kind, files={"a": b"x" * 5000})
    whole = path.read_bytes()
    for size in range(0, len(whole) - 10, 41):
        path.write_bytes(whole[:size])
        assert refused(path)


def rezipped(path: Path, parts: dict[str, bytes]) -> Path:
    """The .conda at `path` with `parts` added or replaced."""
    with zipfile.ZipFile(path) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in {**found, **parts}.items():
            archive.writestr(name, content)
    return path


def tar_with(name: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        add(name)(archive)
    return content.getvalue()


def test_second_payload_is_refused(tmp_path: Path) -> None:
    """A .conda with more parts than the format has is refused."""
    path = rezipped(made(tmp_path), {"pkg-other-1.0-0.tar.zst": zstandard.compress(b"")})
    assert "one of each kind" in refused(path)


def test_metadata_in_the_payload_is_refused(tmp_path: Path) -> None:
    """A payload that would replace the metadata that was looked at is refused."""
    evil = {"pkg-bad-1.0-0.tar.zst": zstandard.compress(tar_with("info/paths.json"))}
    assert "wrong part" in refused(rezipped(made(tmp_path), evil))


def test_second_frame_is_looked_at(tmp_path: Path) -> None:
    """A member hidden in a second zstd frame, which other readers go on to, is found."""
    tar = tar_with("../evil")
    frames = zstandard.compress(tar[:512]) + zstandard.compress(tar[512:])
    assert "leaves" in refused(rezipped(made(tmp_path), {"pkg-bad-1.0-0.tar.zst": frames}))
    first, second = tar_with("good")[:512], tar
    frames = zstandard.compress(first) + zstandard.compress(second)
    assert "leaves" in refused(rezipped(made(tmp_path), {"pkg-bad-1.0-0.tar.zst": frames}))


def test_contents_are_data() -> None:
    """A package that is not noarch keeps its places."""
    contents = CondaContents({"name": "x", "version": "1"}, {"lib/x": "00"})
    assert contents.placed("lib/python3.12/site-packages") == {"lib/x": "00"}
