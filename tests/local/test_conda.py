"""Conda locking with the real rattler, against a channel that the tests make."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from channel import Channel, small_channel
from channelserver import Fault, serve_channel
from condalocks import ARM, HERE, LINUX, MAC, CondaLocks, versions
from wheels import WheelIndex, sha256

from fpack.errors import ConfigError, FpackError, NetworkError, SolveError
from fpack.packager.channels import CondaSettings
from fpack.packager.lock import stale_environments


@pytest.fixture
def locks(tmp_path: Path, channel: Channel, monkeypatch: pytest.MonkeyPatch) -> CondaLocks:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    monkeypatch.delenv("FPACK_OFFLINE", raising=False)
    return CondaLocks(tmp_path, channel.url, WheelIndex(tmp_path / "index").indexes)


def test_lock_is_exact(locks: CondaLocks, channel: Channel) -> None:
    """A lock has every package with its build, both hashes of its file and its dependencies, Python included."""
    found = {package.name: package for package in locks.locked({"fp-hello": ""})}
    assert versions(list(found.values())) == {"fp-hello": "0.3.0", "fp-core": "1.1.0"}
    hello = found["fp-hello"]
    file = channel.folder / "noarch" / "fp-hello-0.3.0-pyh_0.conda"
    assert (hello.url, hello.sha256, hello.build) == (file.as_uri(), sha256(file), "pyh_0")
    assert len(hello.md5) == 32
    assert dict(hello.dependencies) == {"python": ">=3.8", "fp-core": ">=1.0,<2"}
    assert (found["python"].manager, found["python"].version) == ("conda", "3.12.1")
    assert found["obstore"].manager == found["zstandard"].manager == "pip"


def test_what_the_machine_has_to_be_is_no_dependency(locks: CondaLocks) -> None:
    """Virtual packages stay out of a lock's dependencies, where conda-lock has none either."""
    python = next(package for package in locks.locked({"fp-core": ""}) if package.name == "python")
    assert python.dependencies == ()


def test_python_of_the_declaration(locks: CondaLocks) -> None:
    """Python is of the declared version, or of the launching one where none is declared."""
    for declared, expected in (
        ("3.13", "3.13."),
        ("3.10.13", "3.10.13"),
        (None, ".".join(map(str, sys.version_info[:2])) + "."),
    ):
        found = {package.name: package.version for package in locks.locked({"fp-num": ""}, python=declared)}
        assert found["python"].startswith(expected)


def test_every_platform_from_this_one(locks: CondaLocks) -> None:
    """One file has all platforms, each solved for its own machine, whatever this one is."""
    lock = locks.lock(locks.request("train", {"fp-num": "1.26.4"}), platforms=[LINUX, ARM, MAC])
    for platform in (LINUX, ARM, MAC):
        urls = {package.name: package.url for package in lock["Train-train"].lock.on(platform)}
        assert f"/{platform}/fp-num-1.26.4-py312_0.conda" in urls["fp-num"]


def test_cuda_is_for_steps_with_a_gpu(locks: CondaLocks) -> None:
    """A step without a GPU never gets CUDA; one that declares it does, in the same lock of a flow."""
    locked = locks.lock(
        locks.request("cpu", {"fp-torch": ""}), locks.request("gpu", {"fp-torch": ""}, gpu=True)
    )
    builds = {
        name: [package.build for package in each.lock.on(LINUX) if package.name == "fp-torch"]
        for name, each in locked.items()
    }
    assert builds == {"Train-cpu": ["cpu_0"], "Train-gpu": ["cuda118_200"]}
    assert locked["Train-gpu"].lock.assumes == {"glibc": "2.28", "cuda": "12.8"}


def test_a_gpu_declared_later_changes_the_build(locks: CondaLocks) -> None:
    """Versions stay when a GPU is added to a step, builds for a machine without one do not."""
    locks.locked({"fp-torch": "", "fp-core": "<2"})
    packages = locks.locked({"fp-torch": "", "fp-core": "<2"}, gpu=True)
    assert "fp-cudart" in versions(packages)
    assert "+ cuda 12.8" in locks.told("lock.written")[0]


def test_lock_is_idempotent(locks: CondaLocks) -> None:
    """Locking again solves nothing; locking from nothing, in another order, writes the same bytes."""
    requests = [locks.request("a", {"fp-hello": "", "fp-num": ""}), locks.request("b", {"fp-cv": ""})]
    locks.lock(*requests, platforms=[LINUX, MAC])
    before = locks.content()
    locks.lock(*requests, platforms=[LINUX, MAC])
    assert not locks.events
    assert not stale_environments(requests, locks.folder, platforms=[LINUX, MAC])
    for path in locks.folder.iterdir():
        path.unlink()
    locks.lock(*reversed(requests), platforms=[MAC, LINUX])
    assert locks.content() == before


def test_relock_changes_the_least(locks: CondaLocks, tmp_path: Path) -> None:
    """What is locked stays though newer versions have come out, until they are asked for by name or at all."""
    channel = small_channel(tmp_path / "mine")
    locks.channel = channel.url
    locks.locked({"fp-core": "<2"})
    channel.add_python("fp-core", "1.5.0")
    channel.add_python("fp-more", "1.0")
    channel.add_python("fp-cv", "4.1")
    found = locks.locked({"fp-core": "<2", "fp-more": "", "fp-cv": "4.0"})
    assert versions(found) == {"fp-core": "1.1.0", "fp-more": "1.0", "fp-cv": "4.0"}
    assert "fp-core" not in locks.told("lock.written")[0].partition("): ")[2]
    found = locks.locked({"fp-core": "<2", "fp-more": "", "fp-cv": "4.0"}, upgrade=["fp-core"])
    assert versions(found)["fp-core"] == "1.5.0"
    channel.add_python("fp-core", "1.6.0")
    assert versions(locks.locked({"fp-core": "<2"}, upgrade="all"))["fp-core"] == "1.6.0"


def test_upgrading_to_the_same_writes_the_same_bytes(locks: CondaLocks) -> None:
    """A relock of an unchanged request in an unchanged world writes what was there."""
    locks.locked({"fp-hello": "", "fp-num": "1.26.4"})
    before = locks.content()
    locks.locked({"fp-hello": "", "fp-num": "1.26.4"}, upgrade="all")
    assert locks.content() == before


def test_a_package_that_went_from_its_channel(locks: CondaLocks, tmp_path: Path) -> None:
    """A locked package that its channel no longer has does not get in the way of a relock."""
    channel = small_channel(tmp_path / "mine")
    locks.channel = channel.url
    locks.locked({"fp-core": "<2"})
    channel.remove(channel.folder / "noarch" / "fp-core-1.1.0-pyh_0.conda")
    assert versions(locks.locked({"fp-core": "<2", "fp-cv": ""}))["fp-core"] == "1.0.0"


def test_channels_have_an_order(locks: CondaLocks, tmp_path: Path) -> None:
    """The first channel that has a package is the one that gives it, unless a spec insists on another."""
    mine = Channel(tmp_path / "flow" / "mine")
    mine.add_python("fp-core", "0.5.0")
    both = ["./mine", locks.channel]
    assert versions(locks.locked({"fp-core": ""}, channels=both)) == {"fp-core": "0.5.0"}
    assert versions(locks.locked({f"{locks.channel}::fp-core": "1.*"}, channels=both)) == {"fp-core": "1.1.0"}
    assert "url: ./mine" in locks.content()["Train-train.conda-lock.yml"]


def test_over_http_with_ranges(locks: CondaLocks, channel: Channel) -> None:
    """Of a package only the part that lists its files is fetched to lock it, and never again."""
    with serve_channel(channel.folder) as server:
        locks.locked({"fp-num": ""}, channels=[server.url])
        packages = [asked for asked in server.requests if asked[1].endswith(".conda")]
        assert packages
        assert all(wanted for _, _, wanted in packages)
        del server.requests[:]
        locks.locked({"fp-num": ""}, channels=[server.url], upgrade="all")
        assert not [asked for asked in server.requests if asked[1].endswith(".conda")]


def test_passing_faults_are_tried_again(locks: CondaLocks, channel: Channel) -> None:
    """A server that fails for a moment does not fail a lock."""
    with serve_channel(channel.folder, faults=[Fault("repodata", 503, times=2)]) as server:
        assert versions(locks.locked({"fp-core": ""}, channels=[server.url])) == {"fp-core": "2.0.0"}


@pytest.mark.parametrize("kind", ["password", "token", "mirror"])
def test_credentials_come_from_variables_and_go_nowhere(
    locks: CondaLocks, channel: Channel, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A private channel is reached with what a variable holds; no file and no event ever shows it."""
    secret = "s3cr3t-pa55"
    monkeypatch.setenv("CHANNEL_SECRET", secret)
    with serve_channel(
        channel.folder,
        token=secret if kind == "token" else "",
        password="" if kind == "token" else f"me:{secret}",
    ) as server:
        private = {
            "token": f"http://{server.host}/t/${{CHANNEL_SECRET}}",
            "password": f"http://me:${{CHANNEL_SECRET}}@{server.host}",
            "mirror": "corp",
        }[kind]
        if kind == "mirror":
            locks.conda = CondaSettings(mirrors={"corp": (f"http://me:${{CHANNEL_SECRET}}@{server.host}",)})
        found = locks.locked({"fp-core": ""}, channels=[private])
        assert versions(found) == {"fp-core": "2.0.0"}
        public = f"http://{server.host}/noarch/" if kind != "mirror" else "/corp/noarch/"
        assert any(public in package.url for package in found)
    written = [path for path in locks.folder.parent.parent.rglob("*") if path.is_file()]
    assert not [path for path in written if secret.encode() in path.read_bytes()]
    assert secret not in repr(locks.events)


def test_a_variable_that_is_not_set(locks: CondaLocks) -> None:
    """A channel's variable that is not set is named, before anything is asked."""
    with pytest.raises(ConfigError, match="CHANNEL_TOKEN is not set"):
        locks.locked({"fp-core": ""}, channels=["http://127.0.0.1:9/t/${CHANNEL_TOKEN}/x"])


def failure(locks: CondaLocks, conda: dict[str, str], **how: Any) -> FpackError:
    with pytest.raises(FpackError) as caught:
        locks.locked(conda, **how)
    assert (caught.value.step, caught.value.where) == ("train", HERE)
    return caught.value


@pytest.mark.parametrize(
    ("conda", "what", "why", "hint"),
    [
        ({"fp-old": "", "fp-new": ""}, "no set of conda packages", "fp-core >=2", "loosen"),
        ({"fp-torch": "* cuda*"}, "no set of conda packages", "__cuda >=11.8", "add @resources(gpu=1)"),
        ({"fp-newglibc": ""}, "no set of conda packages", "__glibc >=2.99", "have glibc 2.28"),
        ({"fp-corr": ""}, "there is no conda package named fp-corr", "", "did you mean fp-core?"),
        ({"fp-core": ">=9"}, "there is no fp-core >=9 for linux-64", "2.0.0, 1.1.0, 1.0.0", "that exists"),
    ],
)
def test_unsatisfiable(locks: CondaLocks, conda: dict[str, str], what: str, why: str, hint: str) -> None:
    """What cannot be solved is told with its cause and the one hint that helps."""
    error = failure(locks, conda)
    assert isinstance(error, SolveError)
    assert what in error.what
    assert why in error.why
    assert hint in error.hint


def test_a_package_of_other_platforms(locks: CondaLocks) -> None:
    """A package that is there for another platform alone is not called missing."""
    request = locks.request("train", {"fp-prefix": ""})
    with pytest.raises(SolveError, match="fp-prefix is not to be had for osx-arm64") as caught:
        locks.lock(request, platforms=[MAC])
    assert caught.value.why.endswith("has it for linux-64")


@pytest.mark.parametrize(
    ("fault", "said", "hint"),
    [
        (Fault("", 404), "there is no conda channel http", "spelling"),
        (Fault("", 401), "refused access: 401", "RATTLER_AUTH_FILE"),
        (Fault("", 403), "refused access: 403", "RATTLER_AUTH_FILE"),
        (Fault("", 500), "cannot reach", "network"),
    ],
)
def test_a_channel_that_fails(
    locks: CondaLocks, channel: Channel, fault: Fault, said: str, hint: str
) -> None:
    """Each way in which a channel can fail has its own message and its own next step."""
    with serve_channel(channel.folder, faults=[fault]) as server:
        error = failure(locks, {"fp-core": ""}, channels=[server.url])
    assert said in error.what
    assert hint in error.hint


def test_a_channel_that_is_not_there(locks: CondaLocks, tmp_path: Path) -> None:
    """A refused connection is a matter of the network, a folder that does not exist one of spelling."""
    error = failure(locks, {"fp-core": ""}, channels=["http://127.0.0.1:9/channel"])
    assert isinstance(error, NetworkError)
    assert "Connection refused" in error.why
    error = failure(locks, {"fp-core": ""}, channels=["./nowhere"])
    assert "there is no conda channel file:///" in error.what


def test_offline(locks: CondaLocks, channel: Channel) -> None:
    """Offline, what is cached is enough, and what is not is named."""
    with serve_channel(channel.folder) as server:
        locks.locked({"fp-core": ""}, channels=[server.url])
        there = len(server.requests)
        locks.locked({"fp-core": ""}, channels=[server.url], offline=True, upgrade="all")
        assert len(server.requests) == there
        error = failure(locks, {"fp-cv": ""}, channels=[server.url], offline=True)
        assert "offline, and it is not known what fp-cv-4.0-pyh_0.conda provides" in error.what
    error = failure(locks, {"fp-core": ""}, channels=["http://127.0.0.1:9/other"], offline=True)
    assert "offline, and the index of http://127.0.0.1:9/other" in error.what


def test_staleness_needs_no_solver(locks: CondaLocks) -> None:
    """To tell that a lock is stale, neither the network nor rattler is needed."""
    locks.lock(locks.request("train", {"fp-core": ""}))
    code = (
        "import sys; from pathlib import Path; from fpack.errors import Location\n"
        "from fpack.flow.environment import Environment\n"
        "from fpack.packager.lock import stale_environments\n"
        "from fpack.packager.request import NamedRequest\n"
        "for conda in ({'fp-core': ''}, {'fp-core': '1.*'}):\n"
        f"    e = Environment({{}}, conda, '3.12', Location('f'), ({locks.channel!r},))\n"
        f"    r = NamedRequest('Train-train', 'Train', ('train',), e)\n"
        f"    s = stale_environments([r], Path({str(locks.folder)!r}), platforms=['linux-64'])\n"
        "    print([each.reason for each in s], 'rattler' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] False\n['declaration changed: fp-core → fp-core 1.*'] False\n"
