"""The command line. `main` is the `fpack` command."""

from __future__ import annotations

from fpack.cli.main import main

__all__ = ["main"]
