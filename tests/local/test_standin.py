"""Modules that this machine lacks: a flow that imports them can be looked at all the same."""

from __future__ import annotations

import json

import pytest
from flows import Desk

STEPS = """
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass
"""


def test_missing_modules_are_stood_in_for(desk: Desk) -> None:
    """What a machine lacks can be imported, named, called, subclassed, decorated with and set, in the usual ways."""
    desk.write(
        """
        import dataclasses, typing
        import notorch
        import notorch.nn.functional as F
        import nomatplotlib.pyplot as plt
        from notorch import nn, Tensor
        from notorch.utils.data import DataLoader, Dataset
        from nojax import *

        try:
            import nocupy as xp
        except ImportError:
            xp = None
        assert xp is None, "a guarded import gets the truth"

        notorch.manual_seed(7)
        notorch.backends.cudnn.benchmark = True
        plt.rcParams["figure.dpi"] = 100
        del plt.rcParams["axes.grid"]
        layer = nn.Linear(2, 3)

        class Net(nn.Module):
            def forward(self, x: Tensor | None) -> typing.Optional[Tensor]:
                return F.relu(x)

        class Data(Dataset[int], typing.Generic[typing.TypeVar("T")]):
            pass

        @dataclasses.dataclass
        class Config:
            loss: nn.Module = nn.MSELoss()
            sizes: list[Tensor] = dataclasses.field(default_factory=list)

        @notorch.jit.script
        def plain(x):
            return x

        @notorch.compile(mode="fast")
        def options(x):
            return x

        with notorch.no_grad():
            pass

        class Train(FlowSpec):
            @notorch.no_grad()
            @step
            def start(self):
                self.net = Net()
                self.next(self.end)

            @step
            def end(self):
                pass
        """
    )
    data = desk.shown()
    assert [one["name"] for one in data["steps"]] == ["start", "end"]
    assert data["stand_ins"] == ["notorch", "nomatplotlib", "nojax"]
    said = desk.fpack("check", "flow.py", "-v")
    assert "Not installed here, stood in for: notorch, nomatplotlib, nojax" in said.err
    assert "stood in" not in desk.fpack("check", "flow.py").err


@pytest.mark.parametrize(
    "line",
    [
        'DEVICE = "cuda" if notorch.cuda.is_available() else "cpu"',
        "HALF = notorch.cuda.device_count() / 2",
        "for name in notorch.names():\n            print(name)",
        "assert notorch.version.cuda >= '12'",
        "print(notorch.__version__)",
        "SIZE = int(notorch.get_num_threads())",
        "import os\n        os.path.join(notorch.hub.dir, 'x')",
    ],
)
def test_code_that_needs_the_value_is_refused(desk: Desk, line: str) -> None:
    """What computes with a missing module while the file is imported is told so, on its line."""
    desk.write(f"""
        import notorch
        {line}

        class Train(FlowSpec):
{STEPS}
    """)
    said = desk.refusal()
    where = 5 if "\n" in line and not line.startswith("for") else 4
    assert f"(flow.py:{where})" in said
    assert "notorch is not installed here" in said or "`notorch` is not installed here" in said
    assert "use notorch inside the steps" in said


def test_libraries_get_the_truth(desk: Desk) -> None:
    """Only the user's own files see stand-ins: a library asks in its own way whether another one is there."""
    library = desk.folder / ".venv" / "lib" / "python3" / "site-packages"
    library.mkdir(parents=True)
    (library / "somelib.py").write_text(
        "import importlib, importlib.util\n"
        "def optional(name):\n    return importlib.import_module(name)\n"
        "try:\n    HAS = optional('notorch') is not None\nexcept ImportError:\n    HAS = False\n"
    )
    desk.write(f"""
        import importlib.util
        import somelib
        assert somelib.HAS is False
        assert importlib.util.find_spec("notorch") is None
        from mine import Net

        class Train(FlowSpec):
{STEPS}
    """)
    (desk.folder / "mine.py").write_text("import notorch\nclass Net(notorch.Module): pass\n")
    outcome = desk.fpack("show", "flow.py", "--json", PYTHONPATH=str(library))
    assert outcome.code == 0, outcome
    assert json.loads(outcome.out)["stand_ins"] == ["notorch"]
