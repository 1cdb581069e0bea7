"""Requests: equal declarations have equal ids, others have others."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpack.errors import DeclarationError, Location
from fpack.flow.environment import Environment
from fpack.packager.request import NamedRequest, canonical_python, request_for

HERE = Location("flow.py", 7)

versions = st.sampled_from(["", "1", ">=1,<2", "2.*", "~=1.2"])
declarations = st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), versions, max_size=6)


def environment(packages: dict[str, str], python: str | None = "3.12") -> Environment:
    return Environment(packages, {}, python, HERE)


@given(declarations)
def test_id_ignores_order_and_place(packages: dict[str, str]) -> None:
    """Neither the order of declarations nor the line that they stand on enters an id."""
    turned = Environment(dict(reversed(packages.items())), {}, "3.12", Location("elsewhere.py", 99))
    ids = {request_for(each, platform="linux-64").request_id for each in (environment(packages), turned)}
    assert len(ids) == 1


@given(declarations, declarations)
def test_different_requests_have_different_ids(one: dict[str, str], other: dict[str, str]) -> None:
    """Two requests have one id only if they are the same request."""
    first, second = (request_for(environment(each), platform="linux-64") for each in (one, other))
    assert (first.request_id == second.request_id) == (first == second)


def test_every_field_enters_the_id() -> None:
    """A field of a request that its id left out would let a stale lock pass for a fresh one."""
    request = request_for(environment({"numpy": "2"}), platform="linux-64")
    others: dict[str, Any] = {
        "platform": "osx-arm64",
        "python": "3.13",
        "pypi": ("numpy==3",),
        "conda": ("numpy ==3",),
        "channels": ("conda-forge",),
        "virtual": ("__glibc=2.28=0",),
        "constraints": ("numpy<2",),
        "hashes": (f"numpy {'0' * 64}",),
        "index": "corp",
    }
    assert others.keys() == {field.name for field in dataclasses.fields(request)}
    for field, value in others.items():
        assert dataclasses.replace(request, **{field: value}).request_id != request.request_id


def test_id_is_the_same_in_every_release() -> None:
    """The id of a request is pinned: were it to change, every committed lock would be stale."""
    request = request_for(environment({"Scikit_Learn": "1.7.*", "obstore": ">=0.8"}), platform="linux-64")
    assert request.canonical() == (
        '{"platform":"linux-64","pypi":["obstore>=0.8","scikit-learn==1.7.*","zstandard>=0.22"],'
        '"python":"3.12","schema":1}'
    )
    assert request.request_id == "724aab41190da7c2ca245e3ac8fdf565b8db746cec58058e87846ecf438b24f6"


@pytest.mark.parametrize(
    ("declared", "canonical"),
    [("3.12", "3.12"), ("3.12.4", "3.12.4"), ("3.12.*", "3.12"), ("==3.12", "3.12"), (" 3.10 ", "3.10")],
)
def test_python(declared: str, canonical: str) -> None:
    """A Python is a minor version, or a patch where the user was that exact."""
    assert canonical_python(declared, HERE) == canonical


def test_python_of_the_launcher() -> None:
    """Without a declared Python a step runs on the launching interpreter's minor version."""
    assert canonical_python(None, HERE) == ".".join(map(str, sys.version_info[:2]))


@pytest.mark.parametrize("declared", ["3", ">=3.10", "three", "3.12.1.2", "3.x", ""])
def test_python_that_is_none(declared: str) -> None:
    """What is no Python version is refused, with the user's line."""
    with pytest.raises(DeclarationError) as caught:
        canonical_python(declared, HERE)
    assert caught.value.where == HERE


@pytest.mark.parametrize("declared", ["2.7", "3.9", "3.9.18"])
def test_python_that_is_too_old(declared: str) -> None:
    """A Python that the task runtime cannot run on is refused before anything is solved."""
    with pytest.raises(DeclarationError, match="needs Python 3"):
        canonical_python(declared, HERE)


def test_labels_are_sorted_steps_with_their_flow() -> None:
    """A lock file lists steps in one order, each with its flow."""
    named = NamedRequest("Train-start", "Train", ("start", "join"), environment({}))
    assert named.labels == ("Train/join", "Train/start")
