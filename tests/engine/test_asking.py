"""A query that a user mistyped: what was seen, and what to type next; the error of DuckDB is the cause."""

import duckdb
import pytest

from grantlens.errors import GrantlensError, StoreError
from grantlens.store import Store


@pytest.fixture(scope="module")
def store():
    with Store(":memory:") as store:
        yield store


@pytest.mark.parametrize(
    ("sql", "message", "remedy"),
    [
        ("SELECT * FROM usge", "The store has no table usge.", "Did you mean 'usage'?"),
        ("SELECT * FROM xyzzy", "The store has no table xyzzy.", 'store.sql("SHOW TABLES")'),
        ("SELECT clint_id FROM usage", "No table of the query has a column clint_id.", "Did you mean 'client_id'?"),
        ("SELECT u.clint_id FROM usage u", "No table of the query has a column clint_id.", "Did you mean 'client_id'?"),
        ("SELECT * EXCLUDE (clint_id) FROM usage", "has a column clint_id.", "Did you mean 'client_id'?"),
        ("SELECT * FROM usage JOIN issuance USING (tokn_id)", "has a column tokn_id.", "Did you mean 'token_id'?"),
        ("WITH a AS (SELECT 1 AS cid) SELECT cids FROM a", "No table of the query has a column cids.", "'cid'?"),
        ("SELECT xyzzy FROM clock", "No table of the query has a column xyzzy.", "There are "),
        ('SELECT * FROM usage WHERE client_id = "app 7"', "has a column app 7.", "single quotes: 'app 7'."),
        ("SELECT $client", "The query names $client, and no value was given for it.", "store.sql(QUERY, client=...)."),
        ("SELECT $since, $clint", "The query names $clint, and no value", "store.sql(QUERY, clint=...)."),
        ("SELECT ?", "The query names $1, and no value", "Write $name in the query"),
        (
            "SELECT 1\nFORM usage",
            'refuses the query: syntax error at or near "usage".',
            "Correct line 2 there, or just",
        ),
        ("SELECT flor(1)", "Scalar Function with name flor does not exist.", 'Did you mean "floor"?'),
        (
            "SELECT client_id, count(*) FROM usage",
            "must appear in the GROUP BY clause",
            "Either add it to the GROUP BY",
        ),
        ("SELECT ids.x FROM usage u", 'Referenced table "ids" not found.', 'Candidate tables: "u"'),
        ("SELECT '\x1b[31m'::INT", "Could not convert string '⟨U+001B⟩[31m' to INT32.", "Correct line 1"),
        ("SELECT json_extract('{', '$.a')", "DuckDB refuses the query: Malformed JSON", ""),
    ],
)
def test_a_mistake_in_a_query_says_what_was_meant(store, sql, message, remedy):
    with pytest.raises(GrantlensError) as raised:
        store.sql(sql, since="2026-07-01")
    assert message in raised.value.message
    assert remedy in raised.value.remedy
    assert "Error:" not in str(raised.value)
    cause = raised.value.__cause__
    assert isinstance(cause, duckdb.Error) or type(cause).__name__ == "MalformedJson"


def test_a_parameter_is_the_nearest_of_those_given(store):
    with pytest.raises(GrantlensError, match="Did you mean 'client'"):
        store.sql("SELECT $clint", client="app")


@pytest.mark.parametrize("sql", ["", "  -- nothing", None, 7])
def test_what_is_no_query_is_told(store, sql):
    with pytest.raises(GrantlensError, match=r"is no query\. Write SQL: store\.sql"):
        store.sql(sql)


def test_the_store_goes_on_after_a_mistake(store):
    with pytest.raises(GrantlensError):
        store.sql("SELECT")
    assert store.sql("SELECT 1 AS one; SELECT 2 AS two").to_pylist() == [{"two": 2}]


def test_a_closed_store_is_no_mistake_in_the_query():
    store = Store(":memory:")
    store.close()
    with pytest.raises(StoreError, match="The store is closed"):
        store.sql("SELECT 1")
