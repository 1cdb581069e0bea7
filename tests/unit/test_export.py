"""A lock in the words of other tools."""

from __future__ import annotations

import sys

import pytest
import yaml

from fpack.cli.lock import EXPORTS
from fpack.packager.export import FORMATS, export_text, left_out
from fpack.packager.lockfile import Lock, Manager, Package

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LINUX, MAC = "linux-64", "osx-arm64"
CHANNEL = "https://conda.example.invalid/forge"


def package(
    name: str, manager: Manager = "pip", needs: tuple[str, ...] = (), md5: str = "", platform: str = LINUX
) -> Package:
    conda = manager == "conda"
    url = f"{CHANNEL}/{platform}/{name}-1.0-b0.conda" if conda else f"https://host.example.invalid/{name}.whl"
    return Package(
        manager,
        name,
        "1.0",
        platform,
        url,
        name[0].encode().hex()[:1] * 64,
        md5=md5,
        build="b0" if conda else "",
        dependencies=tuple((need, "") for need in needs),
    )


def lock(*packages: Package) -> Lock:
    platforms = {each.platform for each in packages} | {LINUX}
    return Lock("3.12", (), ("Train/start",), dict.fromkeys(sorted(platforms), "0" * 64), packages)


MIXED = lock(
    package("python", "conda", needs=("zlib", "pip"), md5="1" * 32),
    package("pip", "conda", needs=("python",), md5="2" * 32),
    package("zlib", "conda", md5="3" * 32),
    package("fw-base"),
    package("fw-other", platform=MAC),
)


def export(which: Lock, format: str, platform: str = LINUX) -> str:
    return export_text(which, platform, format, name="Train-start")


def test_command_offers_every_format() -> None:
    """What `--export` offers is what there is."""
    assert list(EXPORTS) == list(FORMATS)


def test_explicit() -> None:
    """Conda's list has a URL and a hash for each package, what is needed first, and pip's as comments."""
    text = export(MIXED, "explicit")
    head, _, body = text.partition("@EXPLICIT\n")
    assert "# platform: linux-64" in head
    lines = body.splitlines()
    assert lines[0] == f"{CHANNEL}/linux-64/pip-1.0-b0.conda#{'2' * 32}" or "zlib" in lines[0]
    places = {name: next(i for i, line in enumerate(lines) if name in line) for name in ("zlib", "python-")}
    assert places["zlib"] < places["python-"]
    assert lines[-1] == f"# pip fw-base @ https://host.example.invalid/fw-base.whl#sha256={'6' * 64}"
    assert "fw-other" not in text


def test_explicit_without_md5() -> None:
    """A conda package that has no MD5 is named with its SHA-256."""
    text = export(lock(package("zlib", "conda")), "explicit")
    assert text.endswith(f"zlib-1.0-b0.conda#sha256:{'7' * 64}\n")


def test_requirements() -> None:
    """Pip's file pins every wheel with its hash, for one platform."""
    lines = export(MIXED, "requirements").splitlines()
    assert lines[-2:] == ["fw-base==1.0 \\", f"    --hash=sha256:{'6' * 64}"]
    assert not any(line.startswith(("zlib", "fw-other")) for line in lines)


def test_pylock() -> None:
    """The pylock names each wheel by URL and hash, and is TOML of PEP 751's first version."""
    content = tomllib.loads(export(MIXED, "pylock"))
    assert content["lock-version"] == "1.0"
    (only,) = content["packages"]
    assert only["wheels"] == [
        {"url": "https://host.example.invalid/fw-base.whl", "hashes": {"sha256": "6" * 64}}
    ]


def test_environment() -> None:
    """environment.yml pins each conda package to its build, and pip's below their own heading."""
    assert yaml.safe_load(export(MIXED, "environment.yml")) == {
        "name": "Train-start",
        "channels": [CHANNEL, "nodefaults"],
        "dependencies": ["python=1.0=b0", "pip=1.0=b0", "zlib=1.0=b0", {"pip": ["fw-base==1.0"]}],
    }


def test_environment_of_wheels() -> None:
    """Where conda gave nothing, environment.yml asks for the Python that the wheels were chosen for."""
    content = yaml.safe_load(export(lock(package("fw-base")), "environment.yml"))
    assert content["dependencies"] == ["python=3.12", "pip", {"pip": ["fw-base==1.0"]}]


@pytest.mark.parametrize(("format", "count"), [("explicit", 0), ("requirements", 3), ("pylock", 3)])
def test_left_out(format: str, count: int) -> None:
    """The packages that a format cannot name are told apart, so that nobody takes it for the whole."""
    assert len(left_out(MIXED, LINUX, format)) == count
