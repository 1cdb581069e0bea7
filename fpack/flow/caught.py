"""What `@catch(var=...)` leaves behind when its step failed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CaughtException:
    """An exception that `@catch` took: its type's name, its message, and the user's frames as text.

    `exception` is the exception itself where it can be pickled, and None where it cannot.
    """

    type: str
    message: str
    stacktrace: str
    exception: BaseException | None = None

    def __str__(self) -> str:
        return ": ".join(part for part in (self.type, self.message) if part)
