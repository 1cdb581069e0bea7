"""What changed in a lock, and why it was solved, in few words."""

from __future__ import annotations

from fpack.packager.lockdiff import changes_between, reason, summary
from fpack.packager.lockfile import Lock, Package
from fpack.packager.request import EnvironmentRequest


def lock_of(
    versions: dict[str, str], *, python: str = "3.12", platforms: tuple[str, ...] = ("linux-64",)
) -> Lock:
    """A lock with these versions; a version "2.1/b" is 2.1 with another file."""
    packages = [
        Package(
            "pip",
            name,
            version.partition("/")[0],
            platform,
            "https://host.example.invalid/x.whl",
            version.encode().hex().ljust(64, "0"),
        )
        for platform in platforms
        for name, version in versions.items()
    ]
    requirements = tuple(sorted(f"{name}=={version}" for name, version in versions.items()))
    return Lock(python, requirements, (), dict.fromkeys(platforms, ""), tuple(packages))


def test_changes() -> None:
    """Every package that differs is told, and none that stayed."""
    old = lock_of({"numpy": "2.1.3", "six": "1.17", "same": "1", "rebuilt": "1"})
    new = lock_of({"numpy": "2.2.0", "pandas": "2.2.3", "same": "1", "rebuilt": "1/b"})
    assert [str(change) for change in changes_between(old, new)] == [
        "numpy 2.1.3 → 2.2.0",
        "+ pandas 2.2.3",
        "rebuilt 1 (another file)",
        "- six 1.17",
    ]


def test_change_on_every_platform_is_told_once() -> None:
    """A line for people does not repeat itself for every platform."""
    both = ("linux-64", "osx-arm64")
    changes = changes_between(lock_of({"a": "1"}, platforms=both), lock_of({"a": "2"}, platforms=both))
    assert len(changes) == 2
    assert summary(changes) == "a 1 → 2"


def test_platform_that_is_new_is_no_change() -> None:
    """A platform that joins changes nothing on the others."""
    both = ("linux-64", "osx-arm64")
    assert changes_between(lock_of({"a": "1"}), lock_of({"a": "1"}, platforms=both)) == ()
    assert changes_between(None, lock_of({"a": "1"})) == ()


def test_reason() -> None:
    """The reason names each declaration that differs, or the platform that is new."""
    old = lock_of({"a": "1", "b": "1", "c": "1"})
    request = EnvironmentRequest("linux-64", "3.13", ("a==1", "b==2", "d==1"))
    assert reason(old, request) == "declaration changed: python 3.12 → 3.13, b==1 → b==2, - c==1, + d==1"
    assert reason(old, EnvironmentRequest("osx-64", "3.12", old.requirements)) == "new platform"
