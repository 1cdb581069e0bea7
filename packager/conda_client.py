"""rattler's client and gateway as fpack uses them: with retries, credentials, mirrors, a cache of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fpack.packager.channels import ChannelAccess

if TYPE_CHECKING:
    from rattler import Gateway
    from rattler.networking import Client

_RETRIES = 3
_SECONDS = 120
"""For one request from its start to its end, so that a server that has gone silent does not hang a launch."""


def open_client(access: ChannelAccess, seconds: int = _SECONDS) -> Client:
    """A client that finds credentials in `access`, in `RATTLER_AUTH_FILE` and in the keyring.

    It is `Client.default_client` with two more layers: a mirror, or a URL with a token in its path, is asked
    in the place of the URL that locks show; and passwords go into a header, never into a URL. `seconds` is
    the longest that one request may take from its start to its end.
    """
    from rattler.networking import Client
    from rattler.networking.middleware import (
        AddHeadersMiddleware,
        AuthenticationMiddleware,
        GCSMiddleware,
        MirrorMiddleware,
        OciMiddleware,
        RetryMiddleware,
        S3Middleware,
    )

    if not access.mirrors and not access.headers:
        return Client.default_client(_RETRIES, timeout=seconds)
    mirrors = {base_url(name): [f"{url}/" for url in urls] for name, urls in access.mirrors.items()}
    return Client(
        [
            RetryMiddleware(_RETRIES),
            *([MirrorMiddleware(mirrors)] if mirrors else []),
            AddHeadersMiddleware(access.authorization),
            AuthenticationMiddleware(),
            OciMiddleware(),
            GCSMiddleware(),
            S3Middleware(),
        ],
        timeout=seconds,
    )


def open_gateway(client: Client, cache: Path, *, offline: bool) -> Gateway:
    """What knows the channels' indexes; they are kept under `cache`. `offline` asks for nothing else."""
    from rattler import Gateway
    from rattler.repo_data.gateway import SourceConfig

    config = SourceConfig(cache_action="force-cache-only") if offline else SourceConfig()
    return Gateway(cache_dir=cache / "repodata", default_config=config, client=client)


def base_url(channel: str) -> str:
    """The URL of a channel, a name or a URL already, with a slash at its end."""
    from rattler import Channel

    return Channel(channel).base_url
