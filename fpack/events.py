"""What fpack does, told as it happens: one stream of events that every renderer prints in its own way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    `type` is a stable dotted name (`lock.solved`), `message` the line that a person reads, without a full
    stop, and `data` the same facts for a program (JSON values only). A `detail` is shown with `-v` alone.
    """

    type: str
    message: str
    level: Literal["info", "detail", "warning"] = "info"
    data: Mapping[str, object] = field(default_factory=dict)


Emit = Callable[[Event], None]
"""Where events go: a function that emits takes one of these; the command line passes a renderer."""
