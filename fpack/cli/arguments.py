"""The part of a command line that the flow decides: its file, and its parameters as options."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click


def parse_launch(rest: Sequence[str], named: Iterable[str] = ()) -> tuple[str | None, dict[str, str]]:
    """`flow.py --alpha 0.2 --beta=3` to the file and the parameters' text; `named` are NAME=VALUE."""
    flow: str | None = None
    parameters: dict[str, str] = {}
    words = iter(rest)
    for word in words:
        if word.startswith("--") and len(word) > 2:
            name, equals, value = word[2:].partition("=")
            if not equals:
                following = next(words, None)
                if following is None or (following.startswith("--") and len(following) > 2):
                    raise click.UsageError(f"`--{name}` needs a value: `--{name} VALUE`.")
                value = following
            parameters[name] = value
        elif word.startswith("-") and len(word) > 1:
            raise click.UsageError(f"There is no option `{word}`.")
        elif flow is None:
            flow = word
        else:
            raise click.UsageError(f"`{word}` is one argument too many; the flow is {flow}.")
    for pair in named:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.UsageError(f"`--param {pair}` is not NAME=VALUE.")
        parameters[name] = value
    return flow, parameters
