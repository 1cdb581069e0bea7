"""The tree in which a conda solver says why there is no solution, cut to what a person can read."""

from __future__ import annotations

import re

_BRANCH = re.compile(r"([│ ]*)([├└])─ (.*)")
_MOST_SIBLINGS = 3
_MOST_LINES = 24
_WIDEST = 200


def cut_tree(text: str) -> str:
    """`text` without the repeats in it: of the options that fail alike, the first few.

    Long lines are shortened: a solver lists every version that fails, and the first ones say it.
    """
    kept: list[str] = []
    counts: dict[int, int] = {}
    said: dict[int, set[str]] = {}
    hidden_below: int | None = None
    for line in text.strip().splitlines():
        branch = _BRANCH.fullmatch(line)
        depth = len(branch.group(1)) if branch else -1
        if hidden_below is not None and depth > hidden_below:
            continue
        hidden_below = None
        counts = {level: count for level, count in counts.items() if level <= depth}
        said = {level: texts for level, texts in said.items() if level <= depth}
        text_here = branch.group(3) if branch else line
        if text_here in said.setdefault(depth, set()):
            hidden_below = depth
            continue
        said[depth].add(text_here)
        counts[depth] = counts.get(depth, 0) + 1
        if branch and counts[depth] > _MOST_SIBLINGS and depth > 0:
            if counts[depth] == _MOST_SIBLINGS + 1:
                kept.append(f"{branch.group(1)}└─ …")
            hidden_below = depth
        else:
            kept.append(line if len(line) <= _WIDEST else f"{line[:_WIDEST]}…")
    if len(kept) > _MOST_LINES:
        kept = [*kept[:_MOST_LINES], f"… and {len(kept) - _MOST_LINES} lines more"]
    return "\n".join(kept)
