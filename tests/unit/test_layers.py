"""Conda's declarations: their layers, and what is said of those that mean nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from declared import decorated

from fpack.flow.environment import Environment


def environment(folder: Path, decorators: str, flow: str = "") -> Environment:
    described = decorated(folder, decorators, flow)
    assert not described.errors
    found = described.graph.steps["start"].environment
    assert found is not None
    return found


def test_specs_may_be_a_list(tmp_path: Path) -> None:
    """A list of match specs says what a dict does, channel and build included."""
    found = environment(
        tmp_path, '@conda(packages=["numpy", "pandas>=2,<3", "pytorch=2.7.*=*cuda*", "corp::own 1.0"])'
    )
    assert found.conda == {"numpy": "", "pandas": ">=2,<3", "pytorch": "=2.7.*=*cuda*", "corp::own": "1.0"}


def test_layers_go_over_each_other(tmp_path: Path) -> None:
    """A step's packages go over the flow's key by key, whatever channel they name; its channels replace them."""
    found = environment(
        tmp_path,
        '@conda(libraries={"NumPy": "1.26"}, packages={"corp::scipy": ""}, channels=["corp"])',
        '@conda_base(packages={"numpy": "2", "scipy": "1", "pandas": ""}, channels=["a", "b"])',
    )
    assert found.conda == {"NumPy": "1.26", "corp::scipy": "", "pandas": ""}
    assert found.channels == ("corp",)


def test_a_gpu_is_told_to_conda(tmp_path: Path) -> None:
    """The environment of a step with a GPU is another than that without, if conda has a part in it."""
    assert environment(tmp_path, '@resources(gpu=1)\n@conda(packages=["pytorch"])').gpu
    assert not environment(tmp_path, '@resources(gpu=0)\n@conda(packages=["pytorch"])').gpu
    assert not environment(tmp_path, '@resources(gpu=1)\n@pypi(packages={"torch": ""})').gpu


def test_both_managers_on_one_step(tmp_path: Path) -> None:
    """A step may have packages of conda and of PyPI, and comes back whole from JSON."""
    found = environment(
        tmp_path,
        '@conda(packages=["numpy"], channels=["corp"])\n@pypi(packages={"wandb": ""}, python="3.12")',
    )
    assert (found.conda, found.pypi, found.python) == ({"numpy": ""}, {"wandb": ""}, "3.12")
    assert Environment.from_json(found.to_json()) == found


@pytest.mark.parametrize(
    ("decorator", "said", "hint"),
    [
        ('@conda(packages=["=2"])', "'=2' is no match spec", "pytorch=2.7.*=*cuda*"),
        ("@conda(packages=[2])", "2 is no match spec", "channel::numpy"),
        ('@conda(packages="numpy")', "takes a dict, not str", "numpy"),
        ('@conda(packages={"python": "3.12"})', "names python as a package", 'python="3.12"'),
        ('@conda(packages=["python=3.12"])', "names python as a package", 'python="3.12"'),
        ('@conda(channels="conda-forge")', "takes a list of names or URLs", 'channels=["conda-forge"]'),
        ('@conda(channels=["https://a:b@host.invalid/x"])', "holds a password or a token", "${TOKEN}"),
        ('@conda(chanels=["x"])', "has no argument `chanels`", "did you mean `channels`?"),
        ('@pypi(packages=["numpy"])', "takes a dict, not list", "numpy"),
    ],
)
def test_mistakes(tmp_path: Path, decorator: str, said: str, hint: str) -> None:
    """Every mistake in a declaration is told with its line and what to write."""
    error = decorated(tmp_path, decorator).error
    assert said in error.what
    assert hint in error.hint
