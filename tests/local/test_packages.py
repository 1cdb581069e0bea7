"""Package files: fetched once, checked always, from servers that fail in every way."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest
from channelserver import Fault, serve_channel

from fpack.errors import EnvironmentBuildError, FpackError, NetworkError
from fpack.packager.channels import ChannelAccess
from fpack.packager.conda_fetch import conda_fetcher
from fpack.packager.download import Downloader
from fpack.packager.indexes import Indexes
from fpack.packager.lockfile import Package
from fpack.packager.packages import Fetch, PackageFiles

CONTENT = os.urandom(3_000_000)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "sérved files"
    folder.mkdir()
    (folder / "a-1.0-py3-none-any.whl").write_bytes(CONTENT)
    return folder


def package(url: str, content: bytes = CONTENT) -> Package:
    sha256 = hashlib.sha256(content).hexdigest()
    return Package("pip", "a", "1.0", "linux-64", f"{url}/a-1.0-py3-none-any.whl", sha256)


def quick(indexes: Indexes | None = None, env: dict[str, str] | None = None) -> Fetch:
    downloader = Downloader(indexes or Indexes({}), env if env is not None else {"HOME": "/nonexistent"})
    return lambda url, to: downloader.fetch(url, to, pause=0.01)


def get(cache: Path, wanted: Package, fetch: Fetch | None = None, *, offline: bool = False) -> bytes:
    (path,) = PackageFiles(cache, offline=offline).get([wanted], fetch or quick())
    assert path.name == f"{wanted.sha256}.whl"
    return path.read_bytes()


def kept(cache: Path) -> list[str]:
    return [path.name for path in (cache / "pkgs").iterdir()]


def test_file_is_fetched_once(tmp_path: Path, files: Path) -> None:
    """The second time, no server is asked: its file is there under its hash."""
    with serve_channel(files) as server:
        assert get(tmp_path / "cache", package(server.url)) == CONTENT
        assert get(tmp_path / "cache", package(server.url)) == CONTENT
        assert len(server.requests) == 1
    assert get(tmp_path / "cache", package("http://127.0.0.1:9"), offline=True) == CONTENT


def test_local_file_is_checked_and_copied(tmp_path: Path, files: Path) -> None:
    """A `file://` package is hashed like any other, and what is used of it is a copy."""
    wanted = package(files.as_uri())
    assert get(tmp_path / "cache", wanted) == CONTENT
    (files / "a-1.0-py3-none-any.whl").write_bytes(b"tampered")
    assert get(tmp_path / "cache", wanted) == CONTENT
    with pytest.raises(EnvironmentBuildError, match="not the file that was locked") as caught:
        get(tmp_path / "other", wanted)
    assert wanted.sha256 in caught.value.why
    assert kept(tmp_path / "other") == []


def test_other_content_is_refused(tmp_path: Path, files: Path) -> None:
    """A server that sends another file than was locked is found out, and nothing is kept."""
    with serve_channel(files) as server, pytest.raises(EnvironmentBuildError, match=r"a==1\.0"):
        get(tmp_path / "cache", package(server.url, b"other"))
    assert kept(tmp_path / "cache") == []


def test_damaged_cache_heals(tmp_path: Path, files: Path) -> None:
    """A file in the cache that is not what its name says is fetched anew, not used."""
    wanted = package(files.as_uri())
    get(tmp_path / "cache", wanted)
    (place,) = (tmp_path / "cache" / "pkgs").iterdir()
    place.write_bytes(CONTENT[:-1])
    assert get(tmp_path / "cache", wanted) == CONTENT


@pytest.mark.parametrize("fault", [500, 503, 429, "drop"])
def test_passing_fault_is_tried_again(tmp_path: Path, files: Path, fault: object) -> None:
    """A server that fails twice and then works costs two tries."""
    with serve_channel(files, faults=[Fault("a-1.0", fault, times=2)]) as server:  # type: ignore[arg-type]
        assert get(tmp_path / "cache", package(server.url)) == CONTENT
        assert len(server.requests) == 3


def test_broken_transfer_goes_on(tmp_path: Path, files: Path) -> None:
    """After a transfer that broke off in the middle only the rest is asked for."""
    with serve_channel(files, faults=[Fault("a-1.0", "truncate", times=1)]) as server:
        assert get(tmp_path / "cache", package(server.url)) == CONTENT
        asked = [header for _, _, header in server.requests]
    assert asked[0] == ""
    assert asked[1].startswith("bytes=")
    assert int(asked[1][6:-1]) > 0


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(401, NetworkError), (403, NetworkError), (404, EnvironmentBuildError), (410, EnvironmentBuildError)],
)
def test_final_answer_is_not_tried_again(
    tmp_path: Path, files: Path, fault: int, kind: type[FpackError]
) -> None:
    """A refusal or a file that has gone is told at once."""
    with serve_channel(files, faults=[Fault("a-1.0", fault)]) as server:
        with pytest.raises(kind) as caught:
            get(tmp_path / "cache", package(server.url))
        assert len(server.requests) == 1
    assert str(fault) in str(caught.value)
    assert caught.value.hint


def test_server_that_stays_away_is_told(tmp_path: Path) -> None:
    """Where nothing answers, the error says what was asked and that it was tried more than once."""
    with pytest.raises(NetworkError, match=r"cannot fetch http://127\.0\.0\.1:9/") as caught:
        get(tmp_path / "cache", package("http://127.0.0.1:9"))
    assert "tried" in caught.value.why
    assert kept(tmp_path / "cache") == []


def test_offline_names_what_is_missing(tmp_path: Path) -> None:
    """Offline, a file that is not there is named, and no server is asked."""
    with pytest.raises(NetworkError, match=r"offline.*a 1\.0"):
        get(tmp_path / "cache", package("http://127.0.0.1:9"), offline=True)


def test_index_lends_its_credentials(tmp_path: Path, files: Path) -> None:
    """A private file is fetched with its index's credentials, which no error repeats."""
    with serve_channel(files, password="me:s3cret") as server:
        private = Indexes({"UV_DEFAULT_INDEX": f"http://me:s3cret@{server.host}/simple"})
        assert get(tmp_path / "cache", package(server.url), quick(private)) == CONTENT
        wrong = Indexes({"UV_DEFAULT_INDEX": f"http://me:wr0ng@{server.host}/simple"})
        with pytest.raises(NetworkError, match="401") as caught:
            get(tmp_path / "other", package(server.url), quick(wrong))
    assert "wr0ng" not in repr(caught.value) + str(caught.value)


def test_leftovers_of_killed_fetches_go(tmp_path: Path, files: Path) -> None:
    """What a fetch that was killed left is removed, once it is so old that nobody writes it."""
    get(tmp_path / "cache", package(files.as_uri()))
    old, new = (tmp_path / "cache" / "pkgs" / f".{'0' * 64}.{name}" for name in ("old", "new"))
    old.write_bytes(b"")
    new.write_bytes(b"")
    os.utime(old, (time.time() - 100_000,) * 2)
    get(tmp_path / "cache", package(files.as_uri()))
    assert not old.exists()
    assert new.exists()


@pytest.mark.parametrize(("fault", "kind"), [(401, NetworkError), (404, EnvironmentBuildError)])
def test_conda_client_is_understood(tmp_path: Path, files: Path, fault: int, kind: type[FpackError]) -> None:
    """The same answers mean the same errors when rattler fetches."""
    with (
        serve_channel(files, faults=[Fault("a-1.0", fault)]) as server,
        pytest.raises(kind) as caught,
    ):
        get(tmp_path / "cache", package(server.url), conda_fetcher(ChannelAccess()))
    assert str(fault) in str(caught.value)


def test_conda_client_fetches(tmp_path: Path, files: Path) -> None:
    """Rattler fetches too, and again where a transfer broke off."""
    with serve_channel(files, faults=[Fault("a-1.0", "truncate", times=1)]) as server:
        wanted = package(server.url)
        assert get(tmp_path / "cache", wanted, conda_fetcher(ChannelAccess())) == CONTENT
        assert len(server.requests) == 2
