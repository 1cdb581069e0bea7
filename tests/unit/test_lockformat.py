"""Lock files as text: the same lock is the same bytes, and what is broken is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fpack.errors import LockFileError
from fpack.packager.lockfile import Lock, Package
from fpack.packager.lockformat import format_lock, parse_header, parse_lock

PATH = Path("Train-start.conda-lock.yml")


def package(
    name: str = "numpy", version: str = "2.1", platform: str = "linux-64", sha256: str = "a" * 64
) -> Package:
    url = f"https://files.example.invalid/{name}-{version}.whl"
    return Package("pip", name, version, platform, url, sha256)


def lock_of(*packages: Package) -> Lock:
    ids = {found.platform: found.platform.encode().hex().ljust(64, "0") for found in packages}
    return Lock("3.12", ("numpy<3,>=2", "zstandard>=0.22"), ("Train/start",), ids, packages)


LOCK = lock_of(package(), package("six", "1.10"), package(platform="osx-arm64", sha256="b" * 64))
TEXT = format_lock(LOCK)

packages = st.builds(
    package,
    name=st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True),
    version=st.from_regex(r"[0-9]{1,2}(\.[0-9]{1,2}){0,2}(e[0-9])?(\+[a-z]{1,3})?", fullmatch=True),
    platform=st.sampled_from(["linux-64", "osx-arm64"]),
    sha256=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
)
unique = st.lists(packages, min_size=1, max_size=8, unique_by=lambda found: (found.name, found.platform))


@given(unique)
def test_what_is_written_is_read_back(found: list[Package]) -> None:
    """Reading gives the lock that was written, whatever YAML would make of a version such as 1.10 or 1e5."""
    lock = lock_of(*found)
    read = parse_lock(format_lock(lock), PATH)
    assert set(read.packages) == set(lock.packages)
    assert (read.python, read.requirements, read.steps) == (lock.python, lock.requirements, lock.steps)
    assert read.request_ids == lock.request_ids


@given(unique, st.randoms())
def test_order_changes_no_byte(found: list[Package], random: object) -> None:
    """The text depends on the lock's content alone, not on the order in which it was put together."""
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert format_lock(lock_of(*shuffled)) == format_lock(lock_of(*found))


def test_text_is_conda_lock_version_1() -> None:
    """The file has the fields that conda-lock's own models demand, and no others."""
    content = yaml.safe_load(TEXT)
    assert content["version"] == 1
    assert content["metadata"].keys() == {
        "content_hash",
        "channels",
        "platforms",
        "sources",
        "custom_metadata",
    }
    assert all(isinstance(value, str) for value in content["metadata"]["custom_metadata"].values())
    required = {
        "name",
        "version",
        "manager",
        "platform",
        "dependencies",
        "url",
        "hash",
        "category",
        "optional",
    }
    assert all(entry.keys() == required for entry in content["package"])


def test_file_says_what_it_is() -> None:
    """Who opens the file reads first who wrote it, that it is to be committed, and how it is refreshed."""
    head = TEXT.partition("version: 1")[0]
    assert all(word in head for word in ("fpack", "Commit", "fpack lock", "do not edit"))


def test_header_is_read_without_the_packages() -> None:
    """The top of a file is readable though its packages are damaged: staleness needs no more."""
    header = parse_header(TEXT + "\n- ][", PATH)
    assert header.request_ids == LOCK.request_ids
    assert header.environment_ids == {name: LOCK.environment_id(name) for name in LOCK.platforms}


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("version: 1\n", "version: 2\n", "version 1"),
        ("package:\n", "packages:\n", "`package`"),
        ("  content_hash:", "  content-hash:", "`content_hash`"),
        ("a" * 64, "c" * 64, "not those that fpack locked"),
        ("  version: '2.1'\n", "  version: '2.2'\n", "not those that fpack locked"),
        ("a" * 64, "a" * 63, "sha256"),
        ("url: https://files", "url: ssh://files", "url"),
        ("manager: pip", "manager: cargo", "manager"),
        ("name: six", "name: ../six", "name"),
        ("  hash:\n    sha256: " + "a" * 64 + "\n", "", "hash"),
    ],
)
def test_edited_file_is_refused(old: str, new: str, complaint: str) -> None:
    """A file that fpack cannot have written is not installed from, and the error says what is wrong."""
    assert old in TEXT
    with pytest.raises(LockFileError) as caught:
        parse_lock(TEXT.replace(old, new), PATH)
    assert complaint in caught.value.why


def test_broken_yaml_is_refused_with_its_line() -> None:
    """An error in the YAML points to the line."""
    lines = TEXT.splitlines()
    lines[10] = "  - : ]["
    with pytest.raises(LockFileError) as caught:
        parse_lock("\n".join(lines), PATH)
    assert caught.value.where is not None
    assert caught.value.where.line in (11, 12)


def test_damaged_package_is_refused_with_its_line() -> None:
    """A package that cannot be installed is pointed to by its line."""
    with pytest.raises(LockFileError) as caught:
        parse_lock(TEXT.replace("name: six", "name: ../six"), PATH)
    assert caught.value.where is not None
    assert "../six" in TEXT.replace("name: six", "name: ../six").splitlines()[caught.value.where.line - 1]


@pytest.mark.parametrize("parse", [parse_header, parse_lock])
def test_merge_conflict_is_refused_with_its_line(parse: object) -> None:
    """A conflict that git left in the file is named as one, wherever it stands."""
    lines = TEXT.splitlines()
    lines[-3:-3] = ["<<<<<<< HEAD", "  url: a", "=======", "  url: b", ">>>>>>> other"]
    with pytest.raises(LockFileError, match="merge conflict") as caught:
        parse("\n".join(lines), PATH)  # type: ignore[operator]
    assert caught.value.where is not None
    assert lines[caught.value.where.line - 1] == "<<<<<<< HEAD"
