"""Wheels made from nothing, and the folder of them that pip and uv take for a package index."""

from __future__ import annotations

import base64
import hashlib
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from fpack.packager.indexes import Indexes

_EPOCH = (2020, 1, 1, 0, 0, 0)


class WheelIndex:
    """A package index in a folder: `files/` holds the wheels, `simple/` one page for each project.

    It begins with what every environment needs, stand-ins for `obstore` and `zstandard`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "files").mkdir(parents=True)
        self.add("obstore", "0.9.0")
        self.add("zstandard", "0.23.0")

    @property
    def url(self) -> str:
        return (self.folder / "simple").as_uri()

    @property
    def indexes(self) -> Indexes:
        """The settings under which uv knows this index and no other."""
        return Indexes({"UV_DEFAULT_INDEX": self.url})

    def add(
        self,
        name: str,
        version: str,
        *,
        needs: Sequence[str] = (),
        tag: str = "py3-none-any",
        modules: Mapping[str, str] | None = None,
        commands: Sequence[str] = (),
    ) -> Path:
        """Make a wheel and list it. It has a module of its own name with `__version__`, plus `modules`."""
        wheel = make_wheel(
            self.folder / "files", name, version, needs=needs, tag=tag, modules=modules, commands=commands
        )
        self._write_page(name)
        return wheel

    def _write_page(self, name: str) -> None:
        project = name.lower().replace("_", "-")
        wheels = sorted((self.folder / "files").glob(f"{project.replace('-', '_')}-*.whl"))
        links = [
            f'<a href="../../files/{wheel.name}#sha256={sha256(wheel)}">{wheel.name}</a>' for wheel in wheels
        ]
        page = self.folder / "simple" / project / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text("<!DOCTYPE html><html><body>\n" + "<br>\n".join(links) + "\n</body></html>\n")


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    needs: Sequence[str] = (),
    tag: str = "py3-none-any",
    modules: Mapping[str, str] | None = None,
    commands: Sequence[str] = (),
) -> Path:
    """A wheel of pure Python, the same bytes for the same arguments. `commands` call `main` of its module."""
    module = name.lower().replace("-", "_")
    info = f"{module}-{version}.dist-info"
    files = {f"{module}.py": f"__version__ = {version!r}\n\ndef main():\n    print(__version__)\n"}
    files |= modules or {}
    requires = "".join(f"Requires-Dist: {need}\n" for need in needs)
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}"
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n"
    if commands:
        scripts = "".join(f"{command} = {module}:main\n" for command in commands)
        files[f"{info}/entry_points.txt"] = f"[console_scripts]\n{scripts}"
    record = "".join(f"{path},{_record_hash(text)},{len(text.encode())}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    wheel = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), text)
    return wheel


@contextmanager
def serve(folder: Path, *, password: str = "") -> Iterator[str]:
    """Serve `folder` over HTTP to whoever knows `password` ("user:password"); its "host:port"."""
    handler = partial(_Handler, password, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, password: str, *args: Any, directory: str) -> None:
        self.password = password
        super().__init__(*args, directory=directory)

    def do_GET(self) -> None:
        expected = "Basic " + base64.b64encode(self.password.encode()).decode()
        if not self.password or self.headers.get("Authorization") == expected:
            super().do_GET()
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="wheels"')
            self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a test's output is the test's."""


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _record_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
