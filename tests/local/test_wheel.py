"""Reading wheels: a good one is read to the byte, one that breaks a rule is refused by name."""

from __future__ import annotations

import stat
import struct
import warnings
import zipfile
from pathlib import Path

import pytest
from badwheels import INFO, good_record, plain_files, record_line, write_wheel
from wheels import make_wheel

from fpack.errors import LockFileError
from fpack.packager.wheel import Wheel, read_wheel


def read(path: Path) -> Wheel:
    return read_wheel(path, "bad", "1.0")


def refused(path: Path) -> str:
    """Why the wheel at `path` is refused, whether when it is opened or when its files are read."""
    with pytest.raises((LockFileError, ValueError)) as caught:
        [member.read() for member in read(path).members.values()]
    if isinstance(caught.value, LockFileError):
        assert "bad 1.0" in caught.value.what
        return caught.value.why
    return str(caught.value)


@pytest.mark.parametrize("stored", [True, False])
def test_good_wheel_is_read(tmp_path: Path, stored: bool) -> None:
    """Every member of a good wheel comes out as it went in, large or empty, deflated or stored."""
    files = {"bad/__init__.py": b"", "bad/data.bin": bytes(range(256)) * 20_000}
    wheel = read(write_wheel(tmp_path / "bad-1.0-py3-none-any.whl", files, stored=stored))
    assert {path: member.read() for path, member in wheel.members.items()} == plain_files(files)
    assert wheel.info == INFO
    assert list(wheel.members) == sorted(wheel.members)


def test_ordinary_wheel_is_read(tmp_path: Path) -> None:
    """What the tests' own wheel maker makes is a good wheel, its name written in any way."""
    wheel = read_wheel(make_wheel(tmp_path, "Fw-Base", "1.0", commands=["x"]), "fw.base", "1.0")
    assert wheel.name == "fw-base"


@pytest.mark.parametrize(
    "path", ["/etc/evil", "../evil", "a/../../evil", "a\\evil", "C:/evil", "a//b", "./a", "a/./b", "a\x01b"]
)
def test_unsafe_path_is_refused(tmp_path: Path, path: str) -> None:
    """A member whose path is not a plain one below the wheel's root is refused."""
    assert "path" in refused(write_wheel(tmp_path / "bad.whl", {path: b"x"}))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_special_file_is_refused(tmp_path: Path, kind: int) -> None:
    """A wheel with a symbolic link, a device or a pipe is refused."""
    why = refused(write_wheel(tmp_path / "bad.whl", {"x": b"/etc/passwd"}, modes={"x": kind | 0o644}))
    assert "where a wheel has files alone" in why


def test_duplicate_member_is_refused(tmp_path: Path) -> None:
    """A wheel with two members of one name is refused: which one counts depends on the reader."""
    path = write_wheel(tmp_path / "bad.whl", {"x.py": b"1"})
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("x.py", b"2")
    assert "two files named 'x.py'" in refused(path)


def test_file_outside_record_is_refused(tmp_path: Path) -> None:
    """A file that RECORD does not list is refused."""
    record = good_record(plain_files())
    assert "does not list" in refused(write_wheel(tmp_path / "bad.whl", {"x.py": b"1"}, record=record))


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """A RECORD that lists a file which is not there is refused."""
    record = good_record(plain_files({"x.py": b"1"}))
    assert "which it has not" in refused(write_wheel(tmp_path / "bad.whl", record=record))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (record_line("x.py", b"2"), "not what its RECORD says"),
        (record_line("x.py", b"1").replace(",1\n", ",2\n"), "whose size"),
        (record_line("x.py", b"1", "md5"), "proves nothing"),
        (record_line("x.py", b"1", "sha1"), "proves nothing"),
        ("x.py,,\n", "without a hash"),
        ("x.py,sha256=short,1\n", "damaged hash"),
        ("x.py,sha256=,1\n", "damaged hash"),
        ("x.py\n", "with the line"),
        (record_line("x.py", b"1") * 2, "twice"),
        ('"x.py,sha256=a,1\n', "cannot be read"),
    ],
)
def test_lying_record_is_refused(tmp_path: Path, line: str, why: str) -> None:
    """A RECORD with a wrong hash or size, a weak or damaged hash or none, is refused."""
    record = good_record(plain_files()) + line
    assert why in refused(write_wheel(tmp_path / "bad.whl", {"x.py": b"1"}, record=record))


@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_stronger_hash_is_checked(tmp_path: Path, algorithm: str) -> None:
    """RECORD may use a longer hash than sha256, and it is checked."""
    good = good_record(plain_files()) + record_line("x.py", b"1", algorithm)
    assert (
        read(write_wheel(tmp_path / "good.whl", {"x.py": b"1"}, record=good)).members["x.py"].read() == b"1"
    )
    other = good_record(plain_files()) + record_line("x.py", b"2", algorithm)
    assert "RECORD says" in refused(write_wheel(tmp_path / "bad.whl", {"x.py": b"1"}, record=other))


def test_wheel_without_record_is_refused(tmp_path: Path) -> None:
    """A wheel that has no RECORD is refused."""
    path = tmp_path / "bad.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in plain_files().items():
            archive.writestr(name, content)
    assert "no RECORD" in refused(path)


def test_other_project_is_refused(tmp_path: Path) -> None:
    """A wheel of another project than the locked one is refused, whatever its file is called."""
    assert "another project, evil" in refused(write_wheel(tmp_path / "bad.whl", info="evil-1.0.dist-info"))


def test_newer_format_is_refused(tmp_path: Path) -> None:
    """A wheel of format 2, whose rules are not known, is refused."""
    files = {f"{INFO}/WHEEL": b"Wheel-Version: 2.0\n"}
    assert "Wheel-Version 1" in refused(write_wheel(tmp_path / "bad.whl", files))


def test_bomb_is_refused(tmp_path: Path) -> None:
    """A wheel that would unpack to hundreds of times its size is refused before it is unpacked."""
    path = write_wheel(tmp_path / "bad.whl", {"x": bytes(300_000_000)})
    assert path.stat().st_size < 1_000_000
    assert "bomb" in refused(path)


def patched(path: Path, old: bytes, new: bytes, count: int = 1) -> Path:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, count))
    return path


def test_name_in_local_header_must_agree(tmp_path: Path) -> None:
    """A member under another name in its own header than in the directory is refused."""
    path = write_wheel(tmp_path / "bad.whl", {"x_file.py": b"1"})
    assert "another name" in refused(patched(path, b"x_file.py", b"y_file.py"))


def test_declared_size_must_hold(tmp_path: Path) -> None:
    """A member that unpacks to another size than its directory says is refused."""
    content = b"a" * 1000
    path = write_wheel(tmp_path / "bad.whl", {"x": content})
    data = path.read_bytes()
    at = data.rindex(b"x", 0, data.rindex(INFO.encode() + b"/RECORD")) - 46  # its entry in the directory
    assert data[at : at + 4] == b"PK\x01\x02"
    assert struct.unpack_from("<I", data, at + 24) == (1000,)
    path.write_bytes(data[: at + 24] + struct.pack("<I", 999) + data[at + 28 :])
    assert "size" in refused(path) or "directory says" in refused(path)


def test_damaged_stream_is_refused(tmp_path: Path) -> None:
    """A member whose compressed bytes are damaged is refused."""
    content = bytes(range(256)) * 40
    path = write_wheel(tmp_path / "bad.whl", {"x": content})
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo("x").header_offset + 31
    data = bytearray(path.read_bytes())
    data[offset + 20 : offset + 40] = b"\xff" * 20
    path.write_bytes(bytes(data))
    assert refused(path)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file that is no zip archive is refused."""
    path = tmp_path / "bad.whl"
    path.write_bytes(content)
    assert refused(path)


def test_truncated_wheel_is_refused(tmp_path: Path) -> None:
    """Cut anywhere, a wheel is refused with an error of fpack's, never with another one."""
    whole = write_wheel(tmp_path / "whole.whl", {"x.py": b"print(1)\n" * 100}).read_bytes()
    path = tmp_path / "bad.whl"
    for size in range(1, len(whole), 7):
        path.write_bytes(whole[:size])
        assert refused(path)
