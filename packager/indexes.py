"""Where packages come from on this machine: the user's pip configuration, said in uv's words.

uv ignores pip's configuration, and whoever configured pip for a company's index should not have to say it
twice. What is read here is used while uv runs and is never written down. A user who sets `UV_INDEX` or one
of its kin speaks to uv directly: then pip's indexes are left aside.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fpack.packager.uv import default_index

UV_INDEX_SETTINGS = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_NO_INDEX",
    "UV_INDEX_STRATEGY",
)

_PIP_SETTINGS = (
    "index-url",
    "extra-index-url",
    "find-links",
    "no-index",
    "cert",
    "client-cert",
    "trusted-host",
)

_FALSE = ("", "0", "false", "no", "off")


@dataclass(frozen=True)
class Indexes:
    """uv's index settings, as environment variables for it, and what was left out because it is not there.

    The values may hold credentials, so the object is never printed whole.
    """

    settings: Mapping[str, str]
    missing: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Indexes({', '.join(sorted(self.settings))})"


def user_indexes(
    env: Mapping[str, str] = os.environ, default_index: Callable[[], str] = default_index
) -> Indexes:
    """The indexes that this user installs from: `UV_*` if he set one, pip's configuration otherwise."""
    pip = read_pip_settings(pip_files(env), env)
    network = _network_settings(pip, env)
    own = {name: env[name] for name in UV_INDEX_SETTINGS if env.get(name)}
    if own:
        return Indexes({**network, **own})
    return _translate(pip, network, default_index)


def pip_files(env: Mapping[str, str]) -> tuple[Path, ...]:
    """Pip's configuration files in the order in which later ones win; most do not exist."""
    forced = env.get("PIP_CONFIG_FILE")
    if forced == os.devnull:
        return ()
    home = Path(env.get("HOME") or Path.home())
    if sys.platform == "darwin":
        shared = [Path("/Library/Application Support/pip")]
        mac = home / "Library/Application Support/pip"
        user = mac if mac.is_dir() else home / ".config/pip"
    else:
        folders = env.get("XDG_CONFIG_DIRS") or "/etc/xdg"
        shared = [*(Path(folder) / "pip" for folder in folders.split(os.pathsep) if folder), Path("/etc")]
        user = Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "pip"
    last = [Path(forced)] if forced else []
    return (
        *(folder / "pip.conf" for folder in shared),
        home / ".pip/pip.conf",
        user / "pip.conf",
        Path(sys.prefix) / "pip.conf",
        *last,
    )


def read_pip_settings(files: Iterable[Path], env: Mapping[str, str]) -> dict[str, str]:
    """What `pip install` would use: the files in turn, `[install]` over `[global]`, `PIP_*` over both."""
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # pip itself will complain about it; a file for pip must not stop fpack
        for section, values in found.items():
            if parser.has_section(section):
                values.update({key.replace("_", "-"): value for key, value in parser.items(section)})
    merged = {**found["global"], **found["install"]}
    for name in _PIP_SETTINGS:
        variable = "PIP_" + name.upper().replace("-", "_")
        if env.get(variable):
            merged[name] = env[variable]
    return {name: merged[name] for name in _PIP_SETTINGS if merged.get(name)}


def _network_settings(pip: Mapping[str, str], env: Mapping[str, str]) -> dict[str, str]:
    """Certificates and trusted hosts: they say how to connect, not where to, so they hold in either case."""
    wanted = {
        "SSL_CERT_FILE": _present_file(pip.get("cert", "")),
        "SSL_CLIENT_CERT": _present_file(pip.get("client-cert", "")),
        "UV_INSECURE_HOST": " ".join(pip.get("trusted-host", "").split()),
    }
    return {name: value for name, value in wanted.items() if value and not env.get(name)}


def _translate(
    pip: Mapping[str, str], network: Mapping[str, str], default_index: Callable[[], str]
) -> Indexes:
    """Pip's indexes in uv's variables.

    pip takes the best version that any of its indexes has, and of equals the one of its main index, where
    uv stops at the first index that has the package at all, and asks the main one last. Indexes that were
    written for pip are read as pip reads them: a partial mirror would otherwise hide every version that it
    lacks, and a local one would put this machine's paths into the lock.
    """
    missing: list[str] = []

    def present(name: str) -> list[str]:
        found = []
        for place in pip.get(name, "").split():
            where = os.path.expanduser(place)
            if _is_missing(where):
                missing.append(place)
            else:
                found.append(where)
        return found

    settings = dict(network)
    if pip.get("no-index", "").strip().lower() not in _FALSE:
        settings["UV_NO_INDEX"] = "true"
    else:
        if pip.get("index-url"):
            settings["UV_DEFAULT_INDEX"] = pip["index-url"].strip()
        if extra := present("extra-index-url"):
            main = settings.get("UV_DEFAULT_INDEX") or default_index()
            settings["UV_INDEX"] = " ".join([main, *extra]).strip()
            settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    if links := present("find-links"):
        settings["UV_FIND_LINKS"] = ",".join(links)
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return Indexes(settings, tuple(missing))


def _present_file(path: str) -> str:
    expanded = os.path.expanduser(path.strip())
    return expanded if os.path.isfile(expanded) else ""


def _is_missing(place: str) -> bool:
    """Whether `place` is a folder or file of this machine that does not exist."""
    parts = urlsplit(place)
    if parts.scheme in ("", "file"):
        return not os.path.exists(unquote(parts.path) if parts.scheme else place)
    return False
