"""A file from its URL to the disk: streamed, tried again where that may help, resumed where it broke off."""

from __future__ import annotations

import os
import ssl
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

import urllib3

from fpack.errors import EnvironmentBuildError, FpackError, NetworkError
from fpack.packager.credentials import login_for
from fpack.packager.indexes import Indexes
from fpack.packager.urls import without_credentials

_BLOCK = 1024 * 1024
_TRIES = 4
_TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)


class Downloader:
    """Fetches files with the credentials and certificates of `indexes`; may be used from several threads."""

    def __init__(self, indexes: Indexes, env: Mapping[str, str] = os.environ) -> None:
        self._indexes = indexes
        self._env = env
        self._pools: dict[str, urllib3.PoolManager] = {}

    def fetch(self, url: str, to: Path, *, pause: float = 0.5) -> None:
        """Write what is at `url` to the file `to`; `pause` seconds before the second try, twice it next.

        `NetworkError` where it cannot be reached or refuses access, `EnvironmentBuildError` where there is
        no such file any more.
        """
        if urlsplit(url).scheme == "file":
            copy_file(url, to)
            return
        with to.open("wb") as file:
            for tried in range(1, _TRIES + 1):
                problem = self._try(url, file)
                if problem is None:
                    return
                if tried < _TRIES:
                    time.sleep(pause * 2 ** (tried - 1))
        raise NetworkError(
            f"cannot fetch {without_credentials(url)}",
            why=f"{problem} (tried {_TRIES} times)",
            hint="check the network and the proxy, then run the same again: what is here is kept",
        )

    def _try(self, url: str, file: BinaryIO) -> str | None:
        """Fetch what `file` lacks of `url`; what was in the way, where it is worth another try."""
        have = file.tell()
        login = login_for(url, self._indexes, self._env)
        headers = {"Accept-Encoding": "identity", "User-Agent": "fpack"}
        if login:
            headers.update(urllib3.make_headers(basic_auth=":".join(login)))
        if have:
            headers["Range"] = f"bytes={have}-"
        try:
            answer = self._pool(url).request("GET", _plain(url), headers=headers, preload_content=False)
            with answer:
                goes_on = answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
                if have and not (answer.status == 206 and goes_on) and answer.status not in _TRY_AGAIN:
                    file.seek(0)
                    file.truncate()
                if answer.status in _TRY_AGAIN or (have and answer.status != 200 and not goes_on):
                    return f"the server answered {answer.status} {answer.reason or ''}".strip()
                if answer.status not in (200, 206):
                    raise _refused(url, answer.status, answer.reason or "")
                for block in answer.stream(_BLOCK):
                    file.write(block)
        except urllib3.exceptions.HTTPError as error:
            root = _root(error)
            if isinstance(root, ssl.SSLCertVerificationError):
                raise _untrusted(url, root)
            return _shown(root)
        return None

    def _pool(self, url: str) -> urllib3.PoolManager:
        """The connections to use for `url`: over the proxy of the environment, or direct."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        proxy = urllib.request.getproxies().get(parts.scheme, "")
        if proxy and urllib.request.proxy_bypass(host):
            proxy = ""
        trusted = self._setting("UV_INSECURE_HOST").split()
        is_insecure = host in trusted or parts.netloc.rpartition("@")[2] in trusted
        key = f"{proxy} {is_insecure}"
        if key not in self._pools:
            context = _tls(self._setting("SSL_CERT_FILE"), self._setting("SSL_CLIENT_CERT"), is_insecure)
            how: dict[str, Any] = {
                "ssl_context": context,
                "timeout": urllib3.Timeout(connect=15, read=60),
                "retries": urllib3.Retry(connect=0, read=0, status=0, other=0, redirect=5),
                "maxsize": 16,
            }
            self._pools[key] = _proxied(proxy, how) if proxy else urllib3.PoolManager(**how)
        return self._pools[key]

    def _setting(self, name: str) -> str:
        return self._indexes.settings.get(name) or self._env.get(name, "")


def copy_file(url: str, to: Path) -> None:
    """Copy the file behind a `file://` URL: the original may be changed while the copy is used."""
    source = Path(unquote(urlsplit(url).path))
    try:
        file = source.open("rb")
    except OSError as error:
        raise EnvironmentBuildError(
            "a locked package is no longer where it was",
            why=f"{source}: {os.strerror(error.errno or 0)}",
            hint="put it back, or lock anew: `fpack lock --upgrade`",
        )
    with file, to.open("wb") as copy:
        while block := file.read(_BLOCK):
            copy.write(block)


def _proxied(proxy: str, how: dict[str, Any]) -> urllib3.ProxyManager:
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    headers = urllib3.make_headers(proxy_basic_auth=login) if parts.username else None
    return urllib3.ProxyManager(_plain(parts.geturl()), proxy_headers=headers, **how)


def _plain(url: str) -> str:
    """`url` without user and password: those go into a header, where no log shows them."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _tls(certificates: str, client: str, is_insecure: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificates or None)
    if client:
        context.load_cert_chain(client)
    if is_insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _refused(url: str, status: int, reason: str) -> FpackError:
    shown = without_credentials(url)
    if status in (401, 403, 407):
        return NetworkError(
            f"{shown} refused access: {status} {reason}".rstrip(),
            hint="give credentials in pip's or uv's configuration, in ~/.netrc, or in the index's URL",
        )
    return EnvironmentBuildError(
        "a locked package is no longer where it was",
        why=f"{shown}: {status} {reason}".rstrip(),
        hint="lock it anew: `fpack lock --upgrade`",
    )


def _untrusted(url: str, error: ssl.SSLCertVerificationError) -> NetworkError:
    return NetworkError(
        f"the certificate of {urlsplit(url).hostname} is not trusted",
        why=error.verify_message,
        hint="set SSL_CERT_FILE to your company's certificates",
    )


def _root(error: BaseException) -> BaseException:
    """What an error of urllib3's comes from, innermost."""
    inner = getattr(error, "reason", None) or next(iter(error.args), None)
    return _root(inner) if isinstance(inner, BaseException) else error


def _shown(error: BaseException) -> str:
    """An error's text without the object that urllib3 prints before it."""
    text = str(error)
    return text.rpartition(">: ")[2] if ">: " in text else text or type(error).__name__
