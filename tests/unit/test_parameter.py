"""Parameters: what may be declared, and how a command line's text becomes a value."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from declared import Described, declared
from hypothesis import given
from hypothesis import strategies as st

from fpack.errors import DeclarationError, Location, ParameterError
from fpack.flow.parameter import ParameterSpec, resolve

STEPS = """
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def flow(folder: Path, *parameters: str) -> Described:
    lines = "\n".join(f"    {each}" for each in parameters)
    return declared(folder, f"class Train(FlowSpec):\n{lines}\n{STEPS}")


def spec(
    type: str = "str", default: object = None, *, name: str = "alpha", required: bool = False
) -> ParameterSpec:
    return ParameterSpec(name, name, type, default, required, "", None, Location("flow.py", 4))


@pytest.mark.parametrize(
    ("declaration", "type", "default"),
    [
        ('Parameter("x")', "str", None),
        ('Parameter("x", default="a")', "str", "a"),
        ('Parameter("x", default=3)', "int", 3),
        ('Parameter("x", default=0.1)', "float", 0.1),
        ('Parameter("x", default=True)', "bool", True),
        ('Parameter("x", default={"a": [1]})', "json", {"a": [1]}),
        ('Parameter("x", default=[1, 2])', "json", [1, 2]),
        ('Parameter("x", type=int)', "int", None),
        ('Parameter("x", type=float, default=1)', "float", 1.0),
        ('Parameter("x", type=int, default="3")', "int", 3),
        ('Parameter("x", type=bool, default="no")', "bool", False),
        ('Parameter("x", type=JSONType, default="[1]")', "json", [1]),
        ('Parameter("x", type=JSONType(), default=None)', "json", None),
        ('Parameter("x", default="a,b", separator=",")', "str", ["a", "b"]),
        ('Parameter("x", default=lambda context: context.flow_name + "!")', "str", "Train!"),
    ],
)
def test_a_declaration_gives_type_and_default(
    tmp_path: Path, declaration: str, type: str, default: object
) -> None:
    """The type is the declared one or that of the default; a default in text is read as the type says."""
    described = flow(tmp_path, f"x = {declaration}")
    assert described.errors == []
    (found,) = described.graph.parameters
    assert (found.type, found.default) == (type, default)
    assert found.default.__class__ is default.__class__


@pytest.mark.parametrize(
    ("declaration", "said"),
    [
        ('Parameter("not a name", default=1)', "parameter `not a name`: is no name"),
        ("Parameter(5)", "parameter `5`: is no name"),
        ('Parameter("x", defualt=1)', "parameter `x`: has no argument `defualt`"),
        ('Parameter("x", type=list)', "type <class 'list'> is not supported"),
        ('Parameter("x", type=[int])', "is not supported"),
        ('Parameter("x", type=int, default="many")', "parameter `x` takes a whole number, not 'many'"),
        ('Parameter("x", type=int, default=1.5)', "parameter `x`: default 1.5 is no int"),
        ('Parameter("x", type=int, default=True)', "parameter `x`: default True is no int"),
        ('Parameter("x", type=float, default=True)', "parameter `x`: default True is no float"),
        ('Parameter("x", type=bool, default=2)', "parameter `x`: default 2 is no bool"),
        ('Parameter("x", type=str, default=3)', "parameter `x`: default 3 is no text"),
        ('Parameter("x", type=JSONType, default={1, 2})', "cannot be written down"),
        ('Parameter("x", type=JSONType, default="{")', "parameter `x` takes JSON, not '{'"),
        ('Parameter("x", default=lambda context: 1 / 0)', "its default function failed: ZeroDivisionError"),
        ('Parameter("x", default=lambda: 1)', "its default function failed: TypeError"),
    ],
)
def test_a_bad_declaration_is_told_with_its_line(tmp_path: Path, declaration: str, said: str) -> None:
    """A parameter that cannot be is one mistake, on its line, with what to do."""
    error = flow(tmp_path, f"x = {declaration}  # here").error
    assert said in error.what
    assert error.hint


def test_a_name_may_be_used_once(tmp_path: Path) -> None:
    """Two parameters of one name would leave one of them without a way to be set."""
    error = flow(tmp_path, 'x = Parameter("x", default=1)', 'y = Parameter("x", default=2)  # here').error
    assert "parameter `x`: is declared twice" in error.what


def test_flowspecs_own_names_are_refused(tmp_path: Path) -> None:
    """A parameter that hid `self.input` would break every foreach."""
    error = flow(tmp_path, 'input = Parameter("input", default=1)  # here').error
    assert "`input` is a name of FlowSpec's own" in error.what


def test_a_required_one_has_no_default(tmp_path: Path) -> None:
    """`required=True` holds unless there is a default to fall back upon."""
    described = flow(
        tmp_path, 'x = Parameter("x", required=True)', 'y = Parameter("y", required=True, default=1)'
    )
    assert [each.required for each in described.graph.parameters] == [True, False]


@given(st.integers())
def test_whole_numbers_come_back(value: int) -> None:
    """The text of a whole number is that number."""
    assert spec("int").convert(str(value)) == value


@given(st.floats(allow_nan=False))
def test_numbers_come_back(value: float) -> None:
    """The text of a number is that number."""
    assert spec("float").convert(repr(value)) == value


@given(st.text())
def test_text_is_left_alone(value: str) -> None:
    """Text is what was typed, spaces and all."""
    assert spec("str").convert(value) == value


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x), max_leaves=5)
)
def test_json_comes_back(value: object) -> None:
    """The JSON of a value is that value."""
    assert spec("json").convert(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("Yes", True), ("1", True), ("off", False), ("F", False)]
)
def test_words_for_true_and_false(text: str, value: bool) -> None:
    """The usual words for true and false are understood, in any case of letters."""
    assert spec("bool").convert(text) is value


@pytest.mark.parametrize(
    ("type", "text", "said"),
    [
        ("int", "1.5", "parameter `alpha` takes a whole number, not '1.5'"),
        ("int", "", "parameter `alpha` takes a whole number, not ''"),
        ("float", "big", "parameter `alpha` takes a number, not 'big'"),
        ("bool", "maybe", "parameter `alpha` takes true or false, not 'maybe'"),
        ("json", "{", "parameter `alpha` takes JSON, not '{'"),
    ],
)
def test_text_of_another_type_is_refused(type: str, text: str, said: str) -> None:
    """The error names the parameter, what it takes, what it got, and where it is declared."""
    with pytest.raises(ParameterError) as raised:
        spec(type).convert(text)
    assert raised.value.what == said
    assert raised.value.where == Location("flow.py", 4)
    assert "--alpha VALUE" in raised.value.hint


def test_the_command_line_goes_before_variables_and_defaults() -> None:
    """Given text wins over FPACK_RUN_…, that over METAFLOW_RUN_…, and all over the default."""
    declared = (spec("int", 0, name="learning-rate"),)
    variables = {"METAFLOW_RUN_LEARNING_RATE": "1"}
    assert resolve(declared, {}, {}) == {"learning-rate": 0}
    assert resolve(declared, {}, variables) == {"learning-rate": 1}
    variables["FPACK_RUN_LEARNING_RATE"] = "2"
    assert resolve(declared, {}, variables) == {"learning-rate": 2}
    assert resolve(declared, {"learning-rate": "3"}, variables) == {"learning-rate": 3}


def test_an_earlier_run_goes_before_the_default() -> None:
    """A run that goes on keeps the values of its origin, but for those given now and parameters new since."""
    declared = (spec("int", 0, name="a"), spec("int", 0, name="b"), spec("int", 9, name="new"))
    before = {"a": 1, "b": 2, "gone": 3}
    assert resolve(declared, {"b": "5"}, {"FPACK_RUN_A": "7"}, before) == {"a": 1, "b": 5, "new": 9}


def test_what_is_missing_is_named() -> None:
    """A required parameter without a value is an error that says how to give it."""
    with pytest.raises(ParameterError) as raised:
        resolve((spec(required=True),), {}, {})
    assert raised.value.what == "parameter `alpha` is required"
    assert "--alpha VALUE" in raised.value.hint


def test_what_is_unknown_is_named_with_its_neighbour() -> None:
    """A mistyped parameter is refused with the one that was meant, and a stranger with where to look."""
    with pytest.raises(ParameterError) as raised:
        resolve((spec(),), {"alpah": "1"}, {})
    assert (raised.value.what, raised.value.hint) == (
        "this flow has no parameter `alpah`",
        "did you mean `--alpha`?",
    )
    with pytest.raises(ParameterError) as raised:
        resolve((), {"beta": "1"}, {})
    assert raised.value.why == "it declares none"
    assert "fpack launch --help" in raised.value.hint


def test_errors_in_a_declaration_are_declaration_errors(tmp_path: Path) -> None:
    """A default that does not fit is the author's mistake, not that of whoever launches the flow."""
    (error,) = flow(tmp_path, 'x = Parameter("x", type=int, default="many")').errors
    assert type(error) is DeclarationError
