"""A conda channel over HTTP on loopback, with ranges, credentials, and the faults that a test orders."""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal


@dataclass
class Fault:
    """What to do, `times` times, to requests whose path contains `part`.

    An int answers with that status; "drop" closes the connection; "truncate" sends half of the body;
    "stall" waits for `seconds`.
    """

    part: str
    what: int | Literal["drop", "truncate", "stall"]
    times: int = 1_000_000
    seconds: float = 30


@dataclass
class ChannelServer:
    """A running server; `requests` lists (method, path, Range header or "") of all that came."""

    host: str
    faults: list[Fault]
    requests: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.host}"


@contextmanager
def serve_channel(
    folder: Path, *, password: str = "", bearer: str = "", token: str = "", faults: list[Fault] | None = None
) -> Iterator[ChannelServer]:
    """Serve `folder`. With `password` ("user:word"), `bearer` or `token` only to those who show it.

    `token` is the kind that stands in the path: `http://host/t/<token>/…`.
    """
    server = ChannelServer("", faults if faults is not None else [])
    handler = partial(_Handler, server, (password, bearer, token), directory=str(folder))
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    http.daemon_threads = True
    server.host = f"127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=partial(http.serve_forever, poll_interval=0.01))
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(
        self, server: ChannelServer, secrets: tuple[str, str, str], *args: Any, directory: str
    ) -> None:
        self.channel = server
        self.secrets = secrets
        super().__init__(*args, directory=directory)

    def handle(self) -> None:
        with suppress(ConnectionError):  # a client may hang up on an answer that it does not need
            super().handle()

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        asked = self.headers.get("Range", "")
        self.channel.requests.append((self.command, self.path, asked))
        fault = next((f for f in self.channel.faults if f.part in self.path and f.times > 0), None)
        if fault:
            fault.times -= 1
            if fault.what == "drop":
                self.close_connection = True
                return
            if fault.what == "stall":
                time.sleep(fault.seconds)
            elif isinstance(fault.what, int):
                self._send(fault.what, b"")
                return
        if not self._is_welcome():
            self._send(401, b"")
            return
        path = Path(self.translate_path(re.sub(r"^/t/[^/]+", "", self.path)))
        if not path.is_file():
            self._send(404, b"")
            return
        content = path.read_bytes()
        bounds = re.fullmatch(r"bytes=(\d*)-(\d*)", asked)
        if bounds:
            first, last = self._range(bounds.group(1), bounds.group(2), len(content))
            self._send(206, content[first : last + 1], f"bytes {first}-{last}/{len(content)}", body=body)
        else:
            self._send(200, content, body=body, cut=bool(fault and fault.what == "truncate"))

    def _range(self, first: str, last: str, size: int) -> tuple[int, int]:
        if not first:
            return max(0, size - int(last)), size - 1
        return int(first), min(int(last), size - 1) if last else size - 1

    def _is_welcome(self) -> bool:
        password, bearer, token = self.secrets
        shown = self.headers.get("Authorization")
        if password:
            return shown == "Basic " + base64.b64encode(password.encode()).decode()
        if bearer:
            return shown == f"Bearer {bearer}"
        return not token or self.path.startswith(f"/t/{token}/")

    def _send(
        self, status: int, content: bytes, part: str = "", *, body: bool = True, cut: bool = False
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Accept-Ranges", "bytes")
        if part:
            self.send_header("Content-Range", part)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="channel"')
        self.end_headers()
        if body:
            self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a test's output is the test's."""
