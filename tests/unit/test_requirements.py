"""Declared packages become canonical requirements by Metaflow's rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpack.errors import DeclarationError, Location
from fpack.packager.requirements import RUNTIME_REQUIREMENTS, canonical_requirements, project_name

HERE = Location("flow.py", 7)
RUNTIME = tuple(f"{name}{bound}" for name, bound in RUNTIME_REQUIREMENTS.items())


def declared(packages: dict[str, str]) -> list[str]:
    """The canonical requirements of `packages`, without the runtime's own."""
    return [found for found in canonical_requirements(packages, HERE) if found not in RUNTIME]


@pytest.mark.parametrize(
    ("version", "specifier"),
    [
        ("2.1", "==2.1"),
        ("1.7.*", "==1.7.*"),
        ("2.1.0+cpu", "==2.1.0+cpu"),
        (">=1.2", ">=1.2"),
        ("~=1.4", "~=1.4"),
        ("===1.0", "===1.0"),
        (" >= 1.2 , < 2 ", "<2,>=1.2"),
        ("<2,>=1.2", "<2,>=1.2"),
        ("1.7.*,!=1.7.1", "!=1.7.1,==1.7.*"),
        ("", ""),
        ("*", ""),
        ("None", ""),
    ],
)
def test_version(version: str, specifier: str) -> None:
    """A bare version is exact, an operator is kept, nothing at all means any version."""
    assert declared({"pkg": version}) == [f"pkg{specifier}"]


@pytest.mark.parametrize("name", ["Scikit_Learn", "scikit.learn", "SCIKIT-learn"])
def test_name_is_normalised(name: str) -> None:
    """Spellings of one project's name are one name."""
    assert declared({name: "1"}) == ["scikit-learn==1"]


def test_extras_are_sorted_and_normalised() -> None:
    """Extras come in one order, whatever the user wrote."""
    assert (
        declared({"ray[Tune, default]": "2"})
        == declared({"ray[default,tune]": "2"})
        == ["ray[default,tune]==2"]
    )


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("num py", "1"),
        ("", "1"),
        ("numpy>=1", ""),
        ("numpy ; python_version>'3'", "1"),
        ("numpy", "one"),
        ("numpy", "=1.7"),
        ("numpy", ">=1,,<2"),
        ("numpy", "https://host.example.invalid/numpy.whl"),
        ("numpy", "git+ssh://host.example.invalid/numpy"),
        ("numpy", "1 ; sys_platform == 'linux'"),
        ("numpy", "1\n--index-url=http://host.example.invalid"),
    ],
)
def test_malformed_declaration_is_refused(name: str, version: str) -> None:
    """What is no name or no version raises an error that names the package and the user's line."""
    with pytest.raises(DeclarationError) as caught:
        canonical_requirements({name: version}, HERE)
    assert name in caught.value.what
    assert caught.value.where == HERE
    assert caught.value.hint


def test_one_project_twice_is_refused() -> None:
    """Two spellings of one project cannot both be declared, since neither could win."""
    with pytest.raises(DeclarationError, match="twice"):
        canonical_requirements({"scikit_learn": "1", "scikit-learn": "2"}, HERE)


def test_runtime_is_always_there() -> None:
    """What a task imports is locked even where nothing is declared."""
    assert canonical_requirements({}, HERE) == tuple(sorted(RUNTIME))


def test_runtime_yields_to_the_user() -> None:
    """A user's constraint on a package of the runtime stands alone; merely naming it constrains nothing."""
    assert "zstandard==0.24.0" in canonical_requirements({"Zstandard": "0.24.0"}, HERE)
    assert canonical_requirements({"zstandard": ""}, HERE) == canonical_requirements({}, HERE)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True),
        st.sampled_from(["", "1", ">=1,<2", "<2,>=1", "2.*"]),
        max_size=6,
    ),
    st.randoms(),
)
def test_order_does_not_matter(packages: dict[str, str], random: object) -> None:
    """Any order of the same declarations comes to the same requirements."""
    items = list(packages.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    assert canonical_requirements(dict(items), HERE) == canonical_requirements(packages, HERE)


@pytest.mark.parametrize("requirement", ["ray", "ray==2", "ray[default]>=2", "ray!=1", "ray~=1.0", "ray<2"])
def test_project_name(requirement: str) -> None:
    """A requirement's project is what stands before its extras and its versions."""
    assert project_name(requirement) == "ray"
