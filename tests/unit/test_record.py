"""RECORD files: read strictly, written as pip writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpack.packager.record import Row, format_record, parse_record, row_of

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@given(st.dictionaries(NAMES, st.binary(max_size=20), max_size=5))
def test_record_survives_a_round_trip(files: dict[str, bytes]) -> None:
    """Rows written are the rows read, whatever characters their paths have."""
    rows = {path: row_of(path, content) for path, content in files.items()}
    assert parse_record(format_record(rows.values()).decode()) == rows


def test_record_is_written_like_pips() -> None:
    """A RECORD is sorted, its hashes are urlsafe base64 without padding, its own line is bare."""
    text = format_record([row_of("b.py", b""), Row("a.dist-info/RECORD"), row_of("../x,y", b"1")]).decode()
    assert text == (
        '"../x,y",sha256=a4ayc_80_OGda4BO_1o_V0etpOqiLx1JwB5S3beHW0s,1\n'
        "a.dist-info/RECORD,,\n"
        "b.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a,,\na,,\n", "twice"),
        ("a,b\n", "line"),
        ("a,,-1\n", "size"),
        ("a,,1.5\n", "size"),
        ("a,md5=x,1\n", "proves nothing"),
        ("a,sha256=%%%,1\n", "damaged"),
    ],
)
def test_damaged_record_is_refused(text: str, why: str) -> None:
    """A line that is damaged or that proves nothing is told."""
    with pytest.raises(ValueError, match=why):
        parse_record(text)
