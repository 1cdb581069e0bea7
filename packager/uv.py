"""The uv binary, started so that fpack's arguments alone decide what it does."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence

KEPT_SETTINGS = (
    "UV_CACHE_DIR",
    "UV_CONCURRENT_DOWNLOADS",
    "UV_CONCURRENT_INSTALLS",
    "UV_CREDENTIALS_DIR",
    "UV_HTTP_CONNECT_TIMEOUT",
    "UV_HTTP_RETRIES",
    "UV_HTTP_TIMEOUT",
    "UV_INSECURE_HOST",
    "UV_KEYRING_PROVIDER",
    "UV_LINK_MODE",
    "UV_LOCK_TIMEOUT",
    "UV_NATIVE_TLS",
    "UV_OFFLINE",
    "UV_PYTHON_CACHE_DIR",
    "UV_PYTHON_DOWNLOADS",
    "UV_PYTHON_DOWNLOADS_JSON_URL",
    "UV_PYTHON_INSTALL_DIR",
    "UV_PYTHON_INSTALL_MIRROR",
    "UV_REQUEST_TIMEOUT",
    "UV_SYSTEM_CERTS",
)
"""uv's variables that say how to reach the network and the disk. The others would change an outcome."""

_STRAY = ("UV_", "PIP_", "PYTHON", "CONDA", "VIRTUAL_ENV", "MACOSX_DEPLOYMENT_TARGET")


def uv_environment(env: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """`env` without what could leak into a solve or an installation, plus `settings`."""
    kept = {name: value for name, value in env.items() if _is_kept(name)}
    return {**kept, **settings}


def _is_kept(name: str) -> bool:
    is_credential = name.startswith("UV_INDEX_") and name.endswith(("_USERNAME", "_PASSWORD"))
    return name in KEPT_SETTINGS or is_credential or not name.startswith(_STRAY)


def run_uv(
    arguments: Sequence[str], *, settings: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run uv to its end, without its configuration files, and hand back what it said; it may have failed."""
    return subprocess.run(
        [*_command(arguments), "--no-progress"],
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        env=uv_environment(os.environ, settings or {}),
        check=False,
    )


def default_index() -> str:
    """The index that uv asks where the user named none; "" where it does not tell."""
    told = run_uv(
        ["pip", "compile", "-", "--quiet", "--emit-index-url", "--no-header", "--python", sys.executable]
    )
    return told.stdout.strip().removeprefix("--index-url").strip()


def stream_uv(arguments: Sequence[str], tell: Callable[[str], None]) -> int:
    """Run uv and `tell` every line that it says while it runs; its exit code."""
    running = subprocess.Popen(
        _command(arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        env=uv_environment(os.environ, {}),
    )
    with running:
        for line in running.stdout or ():
            if line.strip():
                tell(line.strip())
    return running.returncode


_ONE_AT_A_TIME = threading.Lock()


def _command(arguments: Sequence[str]) -> list[str]:
    from uv import find_uv_bin

    # It asks sysconfig, whose first answer is wrong if two threads ask at once.
    with _ONE_AT_A_TIME:
        binary = find_uv_bin()
    return [binary, *arguments, "--no-config", "--color", "never"]


def is_offline(asked: bool, env: Mapping[str, str] = os.environ) -> bool:
    """Whether the network is forbidden: by argument, or by `FPACK_OFFLINE`."""
    return asked or env.get("FPACK_OFFLINE", "").lower() not in ("", "0", "false", "no")
