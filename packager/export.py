"""A locked environment in the words of other tools: conda's explicit list, pip's requirements, PEP 751, YAML.

Everything comes from the lock alone, for one platform. No URL in a lock has credentials, so none of these
has; whoever installs from them brings his own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

import yaml

from fpack.packager.install import pylock_text
from fpack.packager.lockfile import Lock, Package


def export_text(lock: Lock, platform: str, format: str, *, name: str) -> str:
    """`lock` on `platform` in one of `FORMATS`; `name` is what the environment is called in it."""
    return FORMATS[format](lock, platform, name)


def left_out(lock: Lock, platform: str, format: str) -> tuple[Package, ...]:
    """The packages that `format` has no words for: pip's two formats cannot name a conda package."""
    pip_only = format in ("requirements", "pylock")
    return tuple(each for each in lock.on(platform) if pip_only and each.manager == "conda")


def _explicit(lock: Lock, platform: str, name: str) -> str:
    """What `conda create --file` takes, PyPI's packages as comments the way `conda-lock render` writes them.

    The hash is the MD5, which is what every version of conda and micromamba reads, where there is one.
    """
    lines = [*_title(lock, platform, name), f"# platform: {platform}", "@EXPLICIT"]
    for package in _needed_first([each for each in lock.on(platform) if each.manager == "conda"]):
        lines.append(f"{package.url}#{package.md5 or f'sha256:{package.sha256}'}")
    for package in lock.on(platform):
        if package.manager == "pip":
            lines.append(f"# pip {package.name} @ {package.url}#sha256={package.sha256}")
    return _text(lines)


def _requirements(lock: Lock, platform: str, name: str) -> str:
    """What `pip install --require-hashes -r` takes, from whatever index it is configured for."""
    lines = [*_title(lock, platform, name), f"# For Python {lock.python} on {platform}."]
    for package in _pip(lock, platform):
        lines += [f"{package.name}=={package.version} \\", f"    --hash=sha256:{package.sha256}"]
    return _text(lines)


def _pylock(lock: Lock, platform: str, name: str) -> str:
    """A `pylock.toml` (PEP 751), which `uv pip install -r` takes."""
    return pylock_text(lock.python, _pip(lock, platform))


def _environment(lock: Lock, platform: str, name: str) -> str:
    """An `environment.yml` with every package pinned, each conda package to its build."""
    conda = [each for each in lock.on(platform) if each.manager == "conda"]
    pip = [f"{each.name}=={each.version}" for each in _pip(lock, platform)]
    dependencies: list[object] = [f"{each.name}={each.version}={each.build}" for each in conda]
    names = {each.name for each in conda}
    if "python" not in names:
        dependencies.append(f"python={lock.python}")
    if pip:
        dependencies += [*([] if "pip" in names else ["pip"]), {"pip": pip}]
    content: dict[str, object] = {"name": name}
    if conda:
        content["channels"] = [*dict.fromkeys(sorted(_channel(each) for each in conda)), "nodefaults"]
    content["dependencies"] = dependencies
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1_000_000)
    return _text([*_title(lock, platform, name), f"# platform: {platform}"]) + text


FORMATS: Mapping[str, Callable[[Lock, str, str], str]] = {
    "explicit": _explicit,
    "requirements": _requirements,
    "pylock": _pylock,
    "environment.yml": _environment,
}
"""What a lock can be exported to."""


def _pip(lock: Lock, platform: str) -> list[Package]:
    return [package for package in lock.on(platform) if package.manager == "pip"]


def _title(lock: Lock, platform: str, name: str) -> list[str]:
    return [f"# {name}, environment {lock.environment_id(platform)}, written by fpack."]


def _text(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"


def _channel(package: Package) -> str:
    """The URL of the channel that a conda package is from: its own without folder and file."""
    url = package.url.rsplit("/", 2)[0]
    assert urlsplit(url).scheme, url
    return url


def _needed_first(packages: Sequence[Package]) -> list[Package]:
    """`packages` so that each stands behind those that it needs: some tools install in the file's order.

    Where packages need each other in a circle (python and pip do), the order of names decides.
    """
    by_name = {package.name: package for package in packages}
    ordered: dict[str, Package] = {}
    entered: set[str] = set()

    def visit(name: str) -> None:
        if name in entered or name not in by_name:
            return
        entered.add(name)
        for needed, _ in by_name[name].dependencies:
            visit(needed)
        ordered[name] = by_name[name]

    for name in sorted(by_name):
        visit(name)
    return list(ordered.values())
