"""Plain tables: columns as wide as they must be, nothing drawn."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Sequence

from fpack.cli.style import paint


def print_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], colours: dict[str, str] | None = None
) -> None:
    """Print to stdout; a cell whose whole text is in `colours` is painted so."""
    widths = [max(_width(row[i]) for row in [header, *rows]) for i in range(len(header))]
    print(paint(_line(header, widths), "dim", sys.stdout))
    for row in rows:
        cells = [_pad(cell, width) for cell, width in zip(row, widths, strict=True)]
        for index, cell in enumerate(row):
            if colours and cell in colours:
                cells[index] = paint(cells[index], colours[cell], sys.stdout)
        print("  ".join(cells).rstrip())


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(_pad(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _pad(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(text: str) -> int:
    """Columns that a terminal gives to a text."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
