"""Grants and revocations of several tenants that have one id, told apart while relations are worked out.

Relations and rules know a grant by its source and id, and so a revocation. Where logs of several tenants have the same id - two installations
that count from 1 - each gets an id of its own, in views over the tables that hold them. Whatever is read inside shows the id of the log again.
A grant that a row without a tenant names too is left alone: nobody knows whose it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from grantlens.engine.duckdb import Engine

# No letter sorts before chr(1), so that ids keep their order. No log can hold the rest, which is keyed with the store's token key.
_OWN = "id || chr(1) || lpad(dense_rank() OVER (ORDER BY tenant)::VARCHAR, 8, '0') || md5($key || tenant)"
_MARK = r"(?:\x01|\\u0001)[0-9a-f]{40}"
"""What `_OWN` adds to an id, as text or as JSON writes it."""

_SEVERAL = "SELECT source FROM coverage GROUP BY source HAVING min(tenant) < max(tenant)"
"""The sources whose logs name several tenants: only there are ids looked at."""

_NAMED = f"""
SELECT 'grant' AS what, source, tenant, grant_id AS id FROM issuance WHERE grant_id NOT LIKE 'derived:%' AND source IN ({_SEVERAL})
UNION ALL
SELECT 'grant', source, tenant, grant_id FROM usage_caller WHERE grant_id NOT LIKE 'derived:%' AND source IN ({_SEVERAL})
UNION ALL
SELECT 'grant', source, tenant, grant_id FROM revocation WHERE grant_id NOT LIKE 'derived:%' AND source IN ({_SEVERAL})
UNION ALL
SELECT 'revocation', source, tenant, event_id FROM revocation WHERE source IN ({_SEVERAL})
"""

# Of many ids few are doubted, or none: hashes find these several times faster than the ids do.
_DOUBTED = f"""
CREATE TEMP TABLE id_doubted AS
SELECT hash(what, source, id) AS key FROM ({_NAMED}) WHERE tenant IS NOT NULL GROUP BY key HAVING min(hash(tenant)) < max(hash(tenant))
"""

_APART = f"""
CREATE TEMP TABLE id_apart AS
WITH named AS (
    SELECT * FROM ({_NAMED}) WHERE hash(what, source, id) IN (FROM id_doubted)
),
shared AS (
    SELECT what, source, id FROM named GROUP BY ALL HAVING min(tenant) < max(tenant) AND count(tenant) = count(*)
)
SELECT *, {_OWN} AS own FROM (SELECT DISTINCT what, source, tenant, id FROM named SEMI JOIN shared USING (what, source, id))
"""

_GRANT = (
    "LEFT JOIN id_apart g ON g.what = 'grant' AND g.source = t.source AND g.tenant = t.tenant AND g.id = t.grant_id"
)
_EVENT = "LEFT JOIN id_apart e ON e.what = 'revocation' AND e.source = t.source AND e.tenant = t.tenant AND e.id = t.event_id"
_GRANT_ID = "coalesce(g.own, t.grant_id) AS grant_id"

_LAID = {
    "issuance": f"SELECT t.* REPLACE ({_GRANT_ID}) FROM {{below}} t {_GRANT}",
    "usage_caller": f"SELECT t.* REPLACE ({_GRANT_ID}) FROM {{below}} t {_GRANT}",
    "revocation": f"SELECT t.* REPLACE ({_GRANT_ID}, coalesce(e.own, t.event_id) AS event_id) FROM {{below}} t {_GRANT} {_EVENT}",
}
"""Each table that names such ids, with what is laid over it."""

_BELOW = "below_{}"
"""What a table is called meanwhile that others have laid over that of the store: a tenant's part, or a case's."""


def as_logged(column: str) -> str:
    """Return SQL for the id of the log in a column of ids of grants or revocations.

    Examples
    --------
    >>> as_logged("d.grant_id")
    'split_part(d.grant_id, chr(1), 1)'
    """
    return f"split_part({column}, chr(1), 1)"


@contextmanager
def told_apart(engine: Engine) -> Iterator[None]:
    """Give an id of its own to each tenant's grant and revocation until the block ends, where others have the same."""
    laid: list[str] = []
    aside: list[str] = []
    try:
        if engine.rows(_SEVERAL) and _are_apart(engine):
            _lay(engine, laid, aside)
            engine.shown = shown
        yield
    finally:
        engine.shown = None
        for table in laid:
            engine.execute(f"DROP VIEW IF EXISTS temp.{table}")
        for table in aside:
            engine.execute(f"ALTER TABLE temp.{_BELOW.format(table)} RENAME TO {table}")
        for table in ("id_apart", "id_doubted"):
            engine.execute(f"DROP TABLE IF EXISTS temp.{table}")


def _are_apart(engine: Engine) -> bool:
    """Make the table id_apart where an id is one of several tenants; False if none is."""
    engine.execute(_DOUBTED)
    if not engine.value("SELECT count(*) FROM id_doubted"):
        return False
    engine.execute(_APART, {"key": engine.value("SELECT value FROM meta WHERE name = 'token_key'")})
    return bool(engine.value("SELECT count(*) FROM id_apart"))


def _lay(engine: Engine, laid: list[str], aside: list[str]) -> None:
    over = {name for (name,) in engine.rows("SELECT table_name FROM system.main.duckdb_tables() WHERE temporary")}
    for table, sql in _LAID.items():
        below = f"{engine.stored}.{table}"
        if table in over:
            engine.execute(f"ALTER TABLE temp.{table} RENAME TO {_BELOW.format(table)}")
            aside.append(table)
            below = f"temp.{_BELOW.format(table)}"
        engine.execute(f"CREATE TEMP VIEW {table} AS {sql.format(below=below)}")
        laid.append(table)


def shown_column(engine: Engine, column: str, sql: str) -> str:
    """Return a SELECT of one column of text for DuckDB to write out itself, with the ids of the logs."""
    return f"SELECT regexp_replace({column}, '{_MARK}', '', 'g') AS {column} FROM ({sql})" if engine.shown else sql


def shown(value: Any) -> Any:
    """Return an answer - an Arrow table, or plain values - with the ids of the logs.

    Examples
    --------
    >>> shown([("12" + chr(1) + "0" * 40, 7)])
    [('12', 7)]
    """
    if isinstance(value, str):
        return re.sub(_MARK, "", value)
    if isinstance(value, (list, tuple)):
        return type(value)(map(shown, value))
    if isinstance(value, dict):
        return {name: shown(each) for name, each in value.items()}
    return _shown_table(value) if hasattr(value, "column_names") else value


def _shown_table(table: pa.Table) -> pa.Table:
    for place, field in enumerate(table.schema):
        table = table.set_column(place, field, _shown_array(table.column(place).combine_chunks()))
    return table


def _shown_array(array: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(array.type):
        return pc.replace_substring_regex(array, _MARK, "")
    if pa.types.is_list(array.type):
        absent = array.is_null() if array.null_count else None
        return pa.ListArray.from_arrays(array.offsets, _shown_array(array.values), type=array.type, mask=absent)
    if pa.types.is_struct(array.type):
        parts = [_shown_array(part) for part in array.flatten()]
        return pa.StructArray.from_arrays(parts, fields=list(array.type), mask=array.is_null())
    return array
