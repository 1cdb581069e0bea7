"""Colour, where the reader's terminal has it and wants it."""

from __future__ import annotations

import os
import sys
from typing import TextIO

_CODES = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36, "dim": 2, "bold": 1}
_STEP_COLOURS = ("cyan", "magenta", "blue", "green", "yellow")


def is_coloured(stream: TextIO) -> bool:
    """Whether to colour this stream: NO_COLOR and FORCE_COLOR decide, else whether it is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str, stream: TextIO | None = None) -> str:
    if not is_coloured(stream or sys.stderr):
        return text
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m"


def step_colour(step: str) -> str:
    """A colour for a step's lines: the same one in every run."""
    return _STEP_COLOURS[sum(step.encode()) % len(_STEP_COLOURS)]
