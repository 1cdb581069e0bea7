"""The user's name and password for a package's URL: a lock has none, this machine's configuration may."""

from __future__ import annotations

import netrc
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from fpack.packager.indexes import Indexes

_INDEX_SETTINGS = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")
_NAMED = re.compile(r"(?:(?P<name>[A-Za-z0-9._-]+)=)?(?P<url>[a-z]+://.+)")

Login = tuple[str, str]


def login_for(url: str, indexes: Indexes, env: Mapping[str, str] = os.environ) -> Login | None:
    """User and password for `url`: of the index that it is from, else of netrc, else None.

    They are those of an index on the very same scheme, host and port, and of several the one whose URL has
    the most in common with this one: no other server is ever told them.
    """
    wanted = urlsplit(url)
    if wanted.scheme not in ("http", "https"):
        return None
    best, best_length = None, -1
    for index, login in _logins(indexes, env):
        common = _common(index.path, wanted.path)
        if _origin(index) == _origin(wanted) and common > best_length:
            best, best_length = login, common
    return best or _from_netrc(wanted.hostname or "", env)


def _logins(indexes: Indexes, env: Mapping[str, str]) -> Iterator[tuple[SplitResult, Login]]:
    """The configured indexes that have credentials, with them."""
    for setting in _INDEX_SETTINGS:
        for said in re.split(r"[\s,]+", indexes.settings.get(setting, "")):
            named = _NAMED.fullmatch(said)
            if not named:
                continue
            parts = urlsplit(named["url"])
            variable = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", (named["name"] or "").upper())
            user = unquote(parts.username or "") or env.get(f"{variable}_USERNAME", "")
            password = unquote(parts.password or "") or env.get(f"{variable}_PASSWORD", "")
            if user or password:
                yield parts, (user, password)


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return parts.scheme, (parts.hostname or "").lower(), port


def _common(one: str, other: str) -> int:
    """How many folders two paths begin with together."""
    pairs = zip(one.split("/"), other.split("/"), strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), one.count("/") + 1)


def _from_netrc(host: str, env: Mapping[str, str]) -> Login | None:
    file = Path(env.get("NETRC") or Path(env.get("HOME") or Path.home()) / ".netrc")
    try:
        entry = netrc.netrc(file).authenticators(host)
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return None
    return (entry[0], entry[2]) if entry else None
