"""Package URLs as a lock file may hold them."""

from __future__ import annotations

from fpack.flow.urls import without_credentials

__all__ = ["without_credentials"]
