"""A step's environment out of its layers: the flow's declarations, and the step's over them, key by key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from fpack.errors import Location
from fpack.flow.declare import Decoration
from fpack.flow.environment import Environment
from fpack.flow.sources import Layered, declared_index

Complain = Callable[[str, Location, str], None]
"""Takes what is wrong, where, and the hint; the caller knows the step."""

_SPEC = re.compile(r"\s*((?:[^\s\[\]=<>!~]+::)?[A-Za-z0-9_][A-Za-z0-9_.-]*)(.*)", re.DOTALL)
_VARIABLE = re.compile(r"\$\{\w+\}")


def merged_environment(
    own: Mapping[str, Decoration], base: Sequence[Decoration], complain: Complain
) -> Environment | None:
    """The environment that `own` (by decorator) asks for over `base`; None where none is declared."""
    packages: dict[str, dict[str, str]] = {"pypi": {}, "conda": {}}
    pythons: dict[str, tuple[str, Decoration]] = {}
    channels: tuple[str, ...] = ()
    layered, index = Layered(), ""
    decisive: Decoration | None = None
    layers = [*base, *(own[name] for name in ("conda", "pypi") if name in own)]
    disabled = {name for name in ("pypi", "conda") if name in own and own[name].values["disabled"] is True}
    for decoration in layers:
        manager = decoration.name.removesuffix("_base")
        if manager in disabled or decoration.values["disabled"] is True:
            continue
        layered.open_file(decoration, complain)
        for argument in ("libraries", "packages"):
            named = _packages(decoration, argument, complain)
            layered.put(manager, named)
            _put_over(packages[manager], named)
        index = declared_index(decoration, complain) or index
        channels = _channels(decoration, complain) or channels
        python = decoration.values["python"]
        if python is not None and not isinstance(python, str):
            complain(
                f"`@{decoration.name}(python={python!r})` is no version",
                decoration.where,
                f'write it as text: python="{python}"',
            )
        elif python:
            pythons[manager] = (python, decoration)
        decisive = decoration
    if decisive is None:
        return None
    versions = {version for version, _ in pythons.values()}
    if len(versions) > 1:
        (one, _), (other, decoration) = pythons["conda"], pythons["pypi"]
        complain(
            f"`@conda` asks for Python {one} and `@pypi` for Python {other}",
            decoration.where,
            "a step has one Python: give it in one place",
        )
    for name in sorted(packages["pypi"].keys() & packages["conda"].keys()):
        if packages["pypi"][name] != packages["conda"][name]:
            complain(
                f"`@conda` asks for {name} {packages['conda'][name]} and `@pypi` for {name} "
                f"{packages['pypi'][name]}",
                decisive.where,
                f"name {name} in one of them",
            )
    python = next(iter(versions), None)
    return Environment(
        packages["pypi"],
        packages["conda"],
        python,
        decisive.where,
        channels,
        files=layered.files(packages),
        index=index,
    )


def holds_secret(url: str) -> bool:
    """Whether a channel's URL has a password or a token in it, and not the name of a variable that has it."""
    parts = urlsplit(url)
    user, _, _ = parts.netloc.rpartition("@")
    token = re.match(r"/t/([^/]+)", parts.path) if parts.netloc else None
    secrets = [user.partition(":")[2] or user, token.group(1) if token else ""]
    return any(_VARIABLE.sub("", secret) for secret in secrets)


def _put_over(packages: dict[str, str], others: Mapping[str, str]) -> None:
    """Update `packages`; a name of conda's means the same package with or without its channel."""
    named = {_bare(name): name for name in packages}
    for name, version in others.items():
        packages.pop(named.get(_bare(name), name), None)
        packages[name] = version


def _bare(name: str) -> str:
    return name.rpartition("::")[2].lower()


def _channels(decoration: Decoration, complain: Complain) -> tuple[str, ...]:
    given = decoration.values.get("channels")
    if given is None:
        return ()
    if not isinstance(given, (list, tuple)) or not all(isinstance(name, str) and name for name in given):
        complain(
            f"`@{decoration.name}(channels=...)` takes a list of names or URLs",
            decoration.where,
            'channels=["conda-forge"]',
        )
        return ()
    if any(holds_secret(name) for name in given):
        complain(
            f"`@{decoration.name}(channels=...)` holds a password or a token, which a flow file must not",
            decoration.where,
            "name a variable that holds it, as in https://host/t/${TOKEN}/channel",
        )
    return tuple(name for name in given if not holds_secret(name))


def _packages(decoration: Decoration, argument: str, complain: Complain) -> dict[str, str]:
    given = decoration.values.get(argument)
    if given is None:
        return {}
    is_conda = decoration.name.startswith("conda")
    if is_conda and isinstance(given, (list, tuple)):
        return _specs(decoration, given, complain)
    if not isinstance(given, Mapping):
        complain(
            f"`@{decoration.name}({argument}=...)` takes a dict, not {type(given).__name__}",
            decoration.where,
            f'{argument}={{"numpy": ">=2"}}',
        )
        return {}
    good: dict[str, str] = {}
    for name, version in given.items():
        if not isinstance(name, str) or not isinstance(version, str):
            complain(
                f"`@{decoration.name}`: {name!r}: {version!r} is not a name and a version",
                decoration.where,
                f'versions are text: {{"{name}": "{version}"}}',
            )
        elif is_conda and _bare(name) == "python":
            _complain_of_python(decoration, complain)
        else:
            _put_over(good, {name: version})
    return good


def _specs(decoration: Decoration, given: Sequence[Any], complain: Complain) -> dict[str, str]:
    """Conda's match specs as names and what stands behind them; whether that is any good is seen later."""
    good: dict[str, str] = {}
    for spec in given:
        match = _SPEC.fullmatch(spec) if isinstance(spec, str) else None
        if not match:
            complain(
                f"`@{decoration.name}`: {spec!r} is no match spec",
                decoration.where,
                'write "numpy", "numpy>=2,<3", "pytorch=2.7.*=*cuda*" or "channel::numpy"',
            )
        elif _bare(match.group(1)) == "python":
            _complain_of_python(decoration, complain)
        else:
            _put_over(good, {match.group(1): match.group(2).strip()})
    return good


def _complain_of_python(decoration: Decoration, complain: Complain) -> None:
    complain(
        f"`@{decoration.name}` names python as a package",
        decoration.where,
        f'write @{decoration.name}(python="3.12", …)',
    )
