import pandas
import polars
import pyarrow
import pytest

from grantlens.charts.rows import number, rows

ROWS = [{"client": "a", "events": 1}, {"client": "b", "events": None}]
COLUMNS = {"client": ["a", "b"], "events": [1, None]}


class Capsule:
    """Only an Arrow stream, as findings are."""

    def __arrow_c_stream__(self, requested_schema=None):
        return pyarrow.table(COLUMNS).__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize(
    "table",
    [ROWS, COLUMNS, pyarrow.table(COLUMNS), polars.DataFrame(COLUMNS), Capsule()],
    ids=["dicts", "columns", "arrow", "polars", "capsule"],
)
def test_every_table_gives_the_same_rows(table):
    assert rows(table) == ROWS


def test_pandas():
    assert [row["client"] for row in rows(pandas.DataFrame(COLUMNS))] == ["a", "b"]


def test_nothing():
    assert rows(None) == rows([]) == rows({}) == rows(pyarrow.table({"a": []})) == []


def test_what_is_no_table_is_refused():
    with pytest.raises(TypeError, match="str"):
        rows("text")


@pytest.mark.parametrize(("value", "expected"), [(None, 7), (float("nan"), 7), (0, 0), (3, 3)])
def test_number(value, expected):
    assert number({"n": value}, "n", 7) == expected
    assert number({}, "n", 7) == 7
