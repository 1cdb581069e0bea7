"""Where an environment's packages come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fpack.packager.channels import ChannelAccess
from fpack.packager.indexes import Indexes


@dataclass(frozen=True)
class Sources:
    """This machine's cache, and what reaches the servers for what it lacks, unless `offline`.

    `indexes` are the user's where they are None: they are looked up only when a wheel is wanted.
    """

    cache: Path
    offline: bool = False
    indexes: Indexes | None = None
    channels: ChannelAccess = field(default_factory=ChannelAccess)
