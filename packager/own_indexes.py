"""The package indexes that a declaration or the project names, put before those of the user's configuration.

What is here may hold credentials: it is used while uv runs, and nothing of it is printed or written down. A
request remembers an index by its name, or by its URL without credentials.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fpack.errors import ConfigError, DeclarationError, Location
from fpack.packager.indexes import UV_INDEX_SETTINGS, Indexes
from fpack.packager.listing import Listing
from fpack.packager.uv import default_index

_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class PypiSettings:
    """`[tool.fpack.pypi]`: the project's main index, further ones, and the names that declarations may use."""

    index: str = field(default="", repr=False)
    extra: tuple[str, ...] = field(default=(), repr=False)
    named: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class OwnIndexes:
    """What one environment adds to the user's indexes: `declared` (by @pypi), its files', its project's."""

    declared: str = field(default="", repr=False)
    listings: tuple[Listing, ...] = field(default=(), repr=False)
    project: PypiSettings = PypiSettings()

    def over(self, base: Indexes, env: Mapping[str, str] = os.environ) -> Indexes:
        """`base` with these before it.

        A user's `UV_*` variables go over what the project says. The declared index is asked first, and a
        package that it has is taken from nowhere else. A file's `-i` and `--extra-index-url` are read as pip
        reads them: the best version that any of them has.
        """
        settings = dict(base.settings)
        if not any(env.get(name) for name in UV_INDEX_SETTINGS):
            _add(settings, main=self.project.index, first=self.project.extra)
        for listing in self.listings:
            main = "".join(listing.indexes.get("index-url", ())[-1:])
            _add(settings, main=main)
            if extra := listing.indexes.get("extra-index-url"):
                main = settings.get("UV_DEFAULT_INDEX") or default_index()
                settings["UV_INDEX"] = " ".join([*settings.get("UV_INDEX", "").split(), main, *extra]).strip()
                settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
            if links := listing.indexes.get("find-links"):
                settings["UV_FIND_LINKS"] = ",".join([*filter(None, [settings.get("UV_FIND_LINKS")]), *links])
        _add(settings, first=(self.declared,) if self.declared else ())
        return Indexes(settings, base.missing)


def pypi_settings(
    settings: Mapping[str, Any], file: Path, env: Mapping[str, str] = os.environ
) -> PypiSettings:
    """What `settings`, the table `[tool.fpack]` of `file`, says of PyPI; `ConfigError` if it cannot be."""
    table = settings.get("pypi", {})
    where = Location(str(file))
    for name in table.keys() - {"index", "extra-index", "indexes"}:
        hint = "it has index, extra-index, indexes"
        raise ConfigError(f"[tool.fpack.pypi] has no setting `{name}`", hint=hint, where=where)
    index, extra, named = table.get("index", ""), table.get("extra-index", []), table.get("indexes", {})
    texts = [index, *(extra if isinstance(extra, list) else [None])]
    texts += named.values() if isinstance(named, dict) else [None]
    if not all(isinstance(text, str) for text in texts):
        raise ConfigError(
            "[tool.fpack.pypi] holds something that is no URL",
            hint='index = "https://…", extra-index = ["https://…"], indexes = { corp = "https://…" }',
            where=where,
        )
    return PypiSettings(
        _expanded(index, env, where),
        tuple(_expanded(url, env, where) for url in extra),
        {name: _expanded(url, env, where) for name, url in named.items()},
    )


def declared_url(index: str, secret_urls: Mapping[str, str], project: PypiSettings, where: Location) -> str:
    """The index of a declaration as uv is told: its whole URL, `name=URL` for one that the project names.

    uv finds the credentials of a named one in `UV_INDEX_<NAME>_USERNAME` and `_PASSWORD`.
    """
    if not index or "://" in index:
        return _expanded(secret_urls.get(index, index), os.environ, where)
    if index not in project.named:
        has = f"it has {', '.join(project.named)}" if project.named else "it has none"
        raise DeclarationError(
            f"there is no index named {index!r} under [tool.fpack.pypi.indexes]",
            why=has,
            hint=f'add `{index} = "https://…"` there, or give the URL',
            where=where,
        )
    return f"{index}={project.named[index]}"


def _add(settings: dict[str, str], *, main: str = "", first: Sequence[str] = ()) -> None:
    if main:
        settings["UV_DEFAULT_INDEX"] = main
        settings.pop("UV_NO_INDEX", None)
    if first:
        settings["UV_INDEX"] = " ".join([*first, *settings.get("UV_INDEX", "").split()])
        settings.pop("UV_NO_INDEX", None)


def _expanded(text: str, env: Mapping[str, str], where: Location) -> str:
    for name in _VARIABLE.findall(text):
        if name not in env:
            raise ConfigError(
                f"an index names the variable {name}, which is not set", hint=f"set {name}", where=where
            )
    return _VARIABLE.sub(lambda found: env[found.group(1)], text)
