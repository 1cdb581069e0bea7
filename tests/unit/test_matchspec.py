"""Conda's match specs, made canonical."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpack.errors import DeclarationError, Location
from fpack.flow.environment import Environment
from fpack.packager.matchspec import canonical_specs, spec_channel, spec_name
from fpack.packager.request import request_for

HERE = Location("flow.py", 7)

numbers = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,2}){0,2}([a-z]{1,2}[0-9])?", fullmatch=True)
# Not `==1.*`, which rattler reads as `1.*` when it stands alone and as `==1` beside another clause.
clauses = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "=", "==", ">=", "<", "!=", "~="]),
    numbers,
    st.sampled_from(["", ".*"]),
).filter(lambda clause: not (clause.startswith("==") and clause.endswith("*")))
versions = st.lists(clauses, min_size=1, max_size=3).map(",".join) | st.just("")
builds = st.sampled_from(["", " py312_0", " *cuda*"])
wishes = st.builds(lambda version, build: version + build if version else version, versions, builds)
names = st.from_regex(r"[a-z_][a-z0-9._-]{0,6}", fullmatch=True).filter(lambda name: name != "python")
declarations = st.dictionaries(names, wishes, min_size=1, max_size=5)


def canonical(name: str, wanted: str) -> str:
    return canonical_specs({name: wanted}, HERE)[0]


@pytest.mark.parametrize(
    ("wanted", "spec"),
    [
        ("", "numpy"),
        ("*", "numpy"),
        ("1.26", "numpy ==1.26"),
        ("==1.26", "numpy ==1.26"),
        ("=1.26", "numpy 1.26.*"),
        ("1.26.*", "numpy 1.26.*"),
        ("==1.26.*", "numpy 1.26.*"),
        (">=1, <2", "numpy <2,>=1"),
        (">= 1,<2|>3", "numpy <2,>=1|>3"),
        (">=1.26.*", "numpy >=1.26"),
        ("!=1.26.*", "numpy !=1.26.*"),
        ("=2.7.*=*cuda*", "numpy 2.7.* *cuda*"),
        ("=2.7=*cuda*", "numpy ==2.7 *cuda*"),
        ("2.7.* *cuda*", "numpy 2.7.* *cuda*"),
        ("* py311*", "numpy * py311*"),
        ("[version='>=1', build=\"*cuda*\"]", "numpy >=1 *cuda*"),
        ("[build_number='>=2']", 'numpy[build_number=">=2"]'),
        ("1!2.0", "numpy ==1!2.0"),
    ],
)
def test_spellings(wanted: str, spec: str) -> None:
    """A bare version means exactly that one; every way to write a wish comes to one text."""
    assert canonical("numpy", wanted) == spec


def test_names() -> None:
    """A name may have its channel before it, and is the same in capitals."""
    assert canonical("conda-forge::NumPy", ">=2") == "conda-forge::numpy >=2"
    assert canonical("_openmp_mutex", "4.5 2_gnu") == "_openmp_mutex ==4.5 2_gnu"
    assert (spec_name("conda-forge::numpy >=2"), spec_channel("conda-forge::numpy >=2")) == (
        "numpy",
        "conda-forge",
    )
    assert (spec_name('numpy[build_number="1"]'), spec_channel("numpy")) == ("numpy", "")


@pytest.mark.parametrize(
    "wanted", ["^1.2$", "1.*.2", ">=1,", "1.2 3 4", "[license=MIT]", "latest!", "[version"]
)
def test_malformed_specs_are_refused(wanted: str) -> None:
    """What is no version is refused before anything is solved, with the user's line and what can be written."""
    with pytest.raises(DeclarationError) as caught:
        canonical("numpy", wanted)
    assert caught.value.where == HERE
    assert "conda package 'numpy'" in caught.value.what
    assert ">=2.2,<3" in caught.value.hint


def test_malformed_names_are_refused() -> None:
    """A name that no conda package can have is refused, one that stands there twice as well."""
    with pytest.raises(DeclarationError, match="is not the name of a conda package"):
        canonical("num py", "")
    with pytest.raises(DeclarationError, match="declared twice"):
        canonical_specs({"numpy": "1", "NumPy": "2"}, HERE)


@given(declarations)
def test_order_and_spelling_never_change_an_id(packages: dict[str, str]) -> None:
    """Neither the order of packages, of clauses, nor spaces and capitals change what is asked."""
    turned = {
        name.upper(): " ".join(
            [", ".join(reversed(wanted.partition(" ")[0].split(","))), wanted.partition(" ")[2]]
        ).strip()
        for name, wanted in reversed(packages.items())
    }
    requests = [
        request_for(Environment({}, each, "3.12", HERE), platform="linux-64") for each in (packages, turned)
    ]
    assert requests[0] == requests[1]
    assert requests[0].request_id == requests[1].request_id


@given(names, wishes)
def test_rattler_reads_what_is_written(name: str, wanted: str) -> None:
    """Every canonical spec is one that rattler takes in its strict mode, and means what the user wrote."""
    from rattler import MatchSpec

    strict = MatchSpec(canonical(name, wanted), strict=True)
    lax = MatchSpec(f"{name} {wanted}")
    assert _parts(str(strict)) == _parts(str(lax))


def _parts(spec: str) -> list[str]:
    """The parts of a spec in some order; `==1.*` and `1.*` are the same."""
    return sorted(set(re.split(r"[ ,|]", spec)))
