"""Flow files that are only looked at: written, imported apart from the tests, and described."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from flows import HEAD

from fpack.errors import DeclarationError
from fpack.flow.describe import describe
from fpack.flow.graph import FlowGraph
from fpack.flow.load import find_flow


@dataclass(frozen=True)
class Described:
    """What a flow file declares. `marked` is the line that ends in `# here`, 0 without one."""

    graph: FlowGraph
    errors: list[DeclarationError]
    marked: int

    @property
    def error(self) -> DeclarationError:
        """The one mistake that there is, in the marked file and on the marked line."""
        assert len(self.errors) == 1, [error.what for error in self.errors]
        where = self.errors[0].where
        assert where is not None
        assert where.line == self.marked
        return self.errors[0]


def declared(folder: Path, source: str) -> Described:
    """Describe the flow in `source`, which stands below the imports of every flow."""
    text = HEAD + textwrap.dedent(source)
    path = folder / "declared.py"
    path.write_text(text, encoding="utf-8")
    with _imported(path) as module:
        graph, errors = describe(find_flow(module, str(path)), str(path))
    marked = [number for number, line in enumerate(text.splitlines(), 1) if line.endswith("# here")]
    return Described(graph, errors, marked[0] if marked else 0)


def decorated(folder: Path, decorators: str, flow: str = "") -> Described:
    """Describe a flow whose `start` has these decorators, the class itself those of `flow`."""
    mark = "" if "# here" in decorators + flow else "  # here"
    above = textwrap.indent(textwrap.dedent(decorators).strip() + mark, "    ")
    return declared(
        folder,
        f"{textwrap.dedent(flow).strip()}\nclass Train(FlowSpec):\n{above}\n"
        "    @step\n    def start(self):\n        self.next(self.end)\n"
        "    @step\n    def end(self):\n        pass\n",
    )


@contextmanager
def _imported(path: Path) -> Iterator[ModuleType]:
    name = "a_module_of_the_tests"
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
        yield module
    finally:
        del sys.modules[name]
