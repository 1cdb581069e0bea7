"""Conda channels: as a request remembers them, and as this machine reaches them.

A channel is a name (`conda-forge`), a URL, or a folder (`./channel`, relative to the flow). Credentials are
never part of it: a URL names variables that hold them (`https://host/t/${TOKEN}/channel`), or rattler finds
them where `RATTLER_AUTH_FILE` or the keyring has them. What a lock and a request id hold is the URL without
them; only `ChannelAccess`, made anew in each process, knows the rest.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from fpack.errors import ConfigError, DeclarationError, Location
from fpack.flow.layers import holds_secret
from fpack.packager.urls import without_credentials

DEFAULT_CHANNELS = ("conda-forge",)

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_SCHEMES = ("http", "https", "file", "s3", "gs", "oci")


@dataclass(frozen=True)
class CondaSettings:
    """`[tool.fpack.conda]`: the project's channels, and the URLs to take instead of a channel's own."""

    channels: tuple[str, ...] = DEFAULT_CHANNELS
    mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class ChannelAccess:
    """How channels are reached from this machine. It holds credentials, so it is never printed whole.

    `mirrors` maps a channel, a name or URL, to the URLs to ask in its place, one with a token in its path
    among them; `headers` maps a host and the beginning of a path to the `Authorization` to send there.
    """

    mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    headers: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"ChannelAccess({', '.join(sorted(self.mirrors))})"

    def authorization(self, host: str, path: str) -> dict[str, str] | None:
        """The headers for a request to `host` (without its port) and `path`."""
        for (name, beginning), value in self.headers.items():
            if name == host and path.startswith(beginning):
                return {"Authorization": value}
        return None


def conda_settings(settings: Mapping[str, Any], file: Path) -> CondaSettings:
    """What `settings`, the table `[tool.fpack]` of `file`, says of conda; `ConfigError` if it cannot be."""
    table = settings.get("conda", {})
    where = Location(str(file))
    for name in table.keys() - {"channels", "mirrors"}:
        raise ConfigError(
            f"[tool.fpack.conda] has no setting `{name}`", hint="it has channels, mirrors", where=where
        )
    channels = _texts(table.get("channels", list(DEFAULT_CHANNELS)), "channels", where)
    mirrors = table.get("mirrors", {})
    if not isinstance(mirrors, Mapping):
        raise _unusable("mirrors", where)
    found = {name: _texts([v] if isinstance(v, str) else v, "mirrors", where) for name, v in mirrors.items()}
    return CondaSettings(channels or DEFAULT_CHANNELS, found)


def canonical_channels(channels: Iterable[str], where: Location) -> tuple[str, ...]:
    """`channels` in their order, without repeats and credentials; `DeclarationError` for one that is none."""
    found = []
    for declared in channels:
        scheme = urlsplit(declared).scheme
        if "://" in declared and scheme in _SCHEMES and not holds_secret(declared):
            found.append(without_credentials(declared).rstrip("/"))
        elif declared.startswith(("./", "../", "/")) or _NAME.fullmatch(declared):
            found.append(declared.rstrip("/"))
        else:
            shown = without_credentials(declared)
            raise DeclarationError(
                f"{shown!r} is no conda channel",
                hint='name one ("conda-forge"), or write a URL, "s3://bucket/channel" or "./folder"',
                where=where,
            )
    return tuple(dict.fromkeys(found))


def channel_source(channel: str, folder: Path) -> str:
    """A canonical channel in the words of a solver: a folder, relative to `folder`, as a URL."""
    if channel.startswith(("./", "../", "/")):
        return Path(os.path.abspath(folder / channel)).as_uri()
    return channel


def channel_access(
    declared: Iterable[str], settings: CondaSettings, env: Mapping[str, str] = os.environ
) -> ChannelAccess:
    """How to reach the `declared` channels (of decorators, of `settings`), with `env`'s variables."""
    mirrors: dict[str, tuple[str, ...]] = {}
    headers: dict[tuple[str, str], str] = {}

    def reach(text: str) -> str:
        """The URL to ask; what stands before its host goes into `headers`."""
        url = urlsplit(_filled(text, env))
        user, _, host = url.netloc.rpartition("@")
        if user:
            secret = base64.b64encode(unquote(user).encode()).decode()
            headers[url.hostname or "", url.path.rstrip("/")] = f"Basic {secret}"
        return urlunsplit((url.scheme, host, url.path, url.query, "")).rstrip("/")

    for text in declared:
        if _VARIABLE.search(text):
            asked, public = reach(text), without_credentials(text).rstrip("/")
            if asked != public:
                mirrors[public] = (asked,)
    for name, urls in settings.mirrors.items():
        mirrors[name.rstrip("/")] = tuple(reach(url) for url in urls)
    return ChannelAccess(mirrors, headers)


def _filled(text: str, env: Mapping[str, str]) -> str:
    for name in _VARIABLE.findall(text):
        if not env.get(name):
            raise ConfigError(
                f"the variable {name} is not set, and the conda channel {without_credentials(text)} needs it",
                hint=f"export {name}=…",
            )
    return _VARIABLE.sub(lambda match: env[match.group(1)], text)


def _texts(given: object, name: str, where: Location) -> tuple[str, ...]:
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise _unusable(name, where)
    texts = tuple(text for text in given if isinstance(text, str) and text)
    if len(texts) != len(given):
        raise _unusable(name, where)
    if any(holds_secret(text) for text in texts):
        raise ConfigError(
            f"[tool.fpack.conda] {name} holds a password or a token",
            hint="name a variable that holds it, as in https://host/t/${TOKEN}/channel",
            where=where,
        )
    return texts


def _unusable(name: str, where: Location) -> ConfigError:
    example = (
        'channels = ["conda-forge"]' if name == "channels" else 'mirrors = { conda-forge = ["https://…"] }'
    )
    return ConfigError(f"[tool.fpack.conda] {name} is no list of names or URLs", hint=example, where=where)
