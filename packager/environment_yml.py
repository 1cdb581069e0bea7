"""conda's environment.yml: channels, match specs, and a list of pip's below them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from fpack.packager.listing import Listing, UnreadableFileError, Wish, read_text
from fpack.packager.requirements_file import parse_requirements

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SELECTOR = re.compile(r"#\s*\[[^\]]+\]\s*$")
_SPEC = re.compile(r"\s*((?:[^\s\[\]=<>!~]+::)?[A-Za-z0-9_][A-Za-z0-9_.-]*)(.*)", re.DOTALL)
_PYTHON = re.compile(r"=?=?(\d+\.\d+(?:\.\d+)?)(?:\.?\*)?")


def read_environment(file: Path) -> Listing:
    """What the file asks for; its `name` and `prefix` mean nothing here. `UnreadableFileError` names the line.

    Refused is what would hold for some platforms alone, and what a step has a decorator for.
    """
    text = read_text(file)
    for number, line in enumerate(text.splitlines(), 1):
        if _SELECTOR.search(line):
            raise UnreadableFileError(
                file,
                number,
                "it has a selector, which conda itself does not read",
                "keep a file per platform",
            )
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise UnreadableFileError(file, mark.line + 1 if mark else 0, f"it is not YAML: {problem}", "mend it")
    if not isinstance(root, yaml.MappingNode):
        raise UnreadableFileError(file, 1, "it is no environment of conda", "it begins with `dependencies:`")
    reader = _Reader(file)
    for key, value in root.value:
        reader.entry(str(key.value), key, value)
    return reader.listing()


class _Reader:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._channels: list[str] = []
        self._conda: list[tuple[str, str]] = []
        self._pypi: list[Wish] = []
        self._python: str | None = None
        self._indexes: dict[str, tuple[str, ...]] = {}

    def listing(self) -> Listing:
        return Listing(
            pypi=tuple(self._pypi),
            conda=tuple(self._conda),
            channels=tuple(dict.fromkeys(self._channels)),
            python=self._python,
            indexes=self._indexes,
        )

    def entry(self, key: str, at: yaml.Node, value: yaml.Node) -> None:
        if key == "channels":
            self._channels = [text for text in self._texts(key, value) if text != "nodefaults"]
        elif key == "dependencies":
            for node in self._items(key, value):
                self._dependency(node)
        elif key not in ("name", "prefix"):
            hint = "use @environment(vars=…)" if key == "variables" else "take it out"
            raise self._wrong(at, f"it has `{key}:`, which fpack does not read", hint)

    def _dependency(self, node: yaml.Node) -> None:
        if isinstance(node, yaml.MappingNode) and [key.value for key, _ in node.value] == ["pip"]:
            for item in self._items("pip", node.value[0][1]):
                found = parse_requirements(self._text(item), self._file, line=item.start_mark.line + 1)
                self._pypi += found.pypi
                for name, urls in found.indexes.items():
                    self._indexes[name] = (*self._indexes.get(name, ()), *urls)
            return
        if not isinstance(node, yaml.ScalarNode):
            raise self._wrong(node, "a dependency is a name with a version, or `pip:`", "take it out")
        spec = self._text(node)
        match = _SPEC.fullmatch(spec)
        if not match:
            raise self._wrong(node, f"{spec!r} is no match spec", 'write "numpy", or "numpy>=2,<3"')
        name, rest = match.group(1), match.group(2).strip()
        if name.rpartition("::")[2].lower() != "python":
            self._conda.append((name, rest))
        elif rest not in ("", "*"):
            version = _PYTHON.fullmatch("".join(rest.split()))
            if not version:
                raise self._wrong(node, f"{spec!r} is more than one Python", "write python=3.12")
            self._python = version.group(1)

    def _texts(self, key: str, node: yaml.Node) -> list[str]:
        return [self._text(item) for item in self._items(key, node)]

    def _items(self, key: str, node: yaml.Node) -> list[yaml.Node]:
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        if isinstance(node, yaml.ScalarNode) and node.value in ("", "~", "null"):
            return []
        raise self._wrong(node, f"`{key}:` is no list", f"write {key}: and lines that begin with a dash")

    def _text(self, node: yaml.Node) -> str:
        if isinstance(node, yaml.ScalarNode):
            return str(node.value).strip()
        raise self._wrong(node, "here should be text", "take it out")

    def _wrong(self, node: yaml.Node, what: str, hint: str) -> UnreadableFileError:
        return UnreadableFileError(self._file, node.start_mark.line + 1, what, hint)
