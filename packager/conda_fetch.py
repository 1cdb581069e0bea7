"""A conda package from its URL to the disk by rattler's client, which knows mirrors, S3 and credentials."""

from __future__ import annotations

import re
from pathlib import Path

from fpack.errors import EnvironmentBuildError, FpackError, NetworkError
from fpack.packager.channels import ChannelAccess
from fpack.packager.download import copy_file
from fpack.packager.packages import Fetch
from fpack.packager.rattler_loop import run_rattler
from fpack.packager.urls import without_credentials

_TRIES = 4

_SECONDS = 60 * 60
"""For one package, whole: there are some of gigabytes, and slow networks."""

_SECRETS = re.compile(r"(?<=://)[^/\s@]+@|(?<=/)t/[^/\s]+/")


def conda_fetcher(access: ChannelAccess) -> Fetch:
    """What fetches conda packages from the channels that `access` reaches; for several threads at once."""

    def fetch(url: str, to: Path) -> None:
        if url.startswith("file:"):
            copy_file(url, to)
        else:
            _download(url, to, access)

    return fetch


def _download(url: str, to: Path, access: ChannelAccess) -> None:
    from rattler.package_streaming import download_to_path

    from fpack.packager.conda_client import open_client

    for tried in range(1, _TRIES + 1):
        try:
            run_rattler(download_to_path(open_client(access, _SECONDS), url, to))
            return
        except RuntimeError as error:  # the client has tried several times
            raise _explain(url, str(error))
        except OSError as error:  # the answer broke off, unless it has a number: that is this machine's
            if error.errno or tried == _TRIES:
                raise error if error.errno else _explain(url, str(error))


def _explain(url: str, text: str) -> FpackError:
    place = without_credentials(url)
    why = _SECRETS.sub("", text)
    status = re.search(r"\((\d{3})[^)]*\)", text)
    if status and status[1] in ("401", "403", "407"):
        return NetworkError(
            f"{place} refused access: {status[0].strip('()')}",
            hint="set RATTLER_AUTH_FILE, or name the channel with a variable that holds its token",
        )
    if status and status[1] in ("404", "410"):
        return EnvironmentBuildError(
            "a locked package is no longer where it was",
            why=f"{place}: {status[0].strip('()')}",
            hint="lock it anew: `fpack lock --upgrade`",
        )
    return NetworkError(
        f"cannot fetch {place}",
        why=why,
        hint="check the network and the proxy, then run the same again: what is here is kept",
    )
