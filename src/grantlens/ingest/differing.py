"""Duplicates that say something else than the record that was kept: a log was altered on its way, or its ids are not unique.

What only one of two records says is no difference, for collectors leave fields out; nor is a time, for they cut it. What another version
of a loader read is not compared: it may have read the same record otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantlens.reading.chunk import int_array, numbers_of, text_array
from grantlens.schema import LOGS, TIMES
from grantlens.wording import agree, listed, plural

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from grantlens.schema import Column

KEPT = "from the record of the same id that was kept"
"""Words of the note of a file that has such duplicates."""

_APART = {"event_id", "source", "tenant", "batch_id", "line_no"}
"""What names the record."""

_HASHED = {"token_id", "parent_token_id", "grant_id", "earlier_keys"}
"""What each device of a provider may hash by a key of its own."""

_BESIDE = {"client_name", "subject_name", "user_agent", "response_bytes"}
"""What decides nothing, and may be shortened."""


def compared(log: str) -> tuple[str, ...]:
    """Return the columns in which two records of one event must not differ.

    Examples
    --------
    >>> "outcome" in compared("usage"), "used_at" in compared("usage")
    (True, False)
    """
    left_out = _APART | _HASHED | _BESIDE
    return tuple(c.name for c in LOGS[log].columns if c.name not in left_out and c.type != "TIMESTAMPTZ")


def differs(table: pa.Table, log: str, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Tell which of the rows say something else than another row each.

    Examples
    --------
    >>> import numpy as np, pyarrow as pa
    >>> table = pa.table({"outcome": ["success", "success", "denied"], "scopes": [["a"], None, ["a"]]})
    >>> differs(table, "issuance", np.array([1, 2]), np.array([0, 0])).tolist()
    [False, True]
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    found = np.zeros(len(rows), bool)
    mine, theirs = int_array(rows), int_array(others)
    between = text_array(["\n"])[0]  # as text, or `fill_null`, it would import pandas
    for name in compared(log):
        if name in table.column_names:
            column = table[name]
            if pa.types.is_list(column.type):
                column = pc.binary_join(column, between)
            other = pc.not_equal(column.take(mine), column.take(theirs))
            found |= numbers_of(pc.and_kleene(pc.is_valid(other), other).cast("uint8"), "uint8") > 0
    return found


def differing(log: str, row: str, near_us: int) -> str:
    """Return SQL that gives batch, number and columns of the rows of temp table `duplicate` that differ from a record that is kept of their event.

    Parameters
    ----------
    log
        One of the three logs.
    row
        The column of its table or view that `duplicate` names.
    near_us
        Records of one event are nearer to each other than these microseconds.

    Name and version of the loader that reads them are bound as `loader` and `loader_version`.
    """
    time = TIMES[log]
    apart = {column.name: _apart(column) for column in LOGS[log].columns if column.name in compared(log)}
    differs = ", ".join(f"CASE WHEN {another} THEN '{name}' END" for name, another in apart.items())
    return f"""
    WITH dropped AS (SELECT *, {row} AS row FROM {log} WHERE {row} IN (SELECT row FROM duplicate)),
    kept AS (
        SELECT * FROM {log} SEMI JOIN dropped USING (source, event_id)
        WHERE {row} NOT IN (SELECT row FROM duplicate) AND batch_id NOT IN (
            SELECT batch_id FROM batch WHERE loader IS DISTINCT FROM $loader OR loader_version IS DISTINCT FROM $loader_version)
    ),
    beside AS (
        SELECT d.batch_id, d.row, [{differs}] AS differs FROM dropped d JOIN kept k USING (source, event_id)
        WHERE abs(epoch_us(d.{time}) - epoch_us(k.{time})) < {near_us} AND (d.tenant = k.tenant OR d.tenant IS NULL OR k.tenant IS NULL)
            AND ({" OR ".join(apart.values())})
    )
    SELECT batch_id, count(DISTINCT row), list_distinct(flatten(list(differs))) FROM beside GROUP BY batch_id
    """


def _apart(column: Column) -> str:
    """Return SQL that is true where two rows say different things; the order of scopes tells nothing, that of actors does."""
    form = "list_sort({})" if column.type == "VARCHAR[]" and column.name != "actor_chain" else "{}"
    return f"{form.format(f'd.{column.name}')} <> {form.format(f'k.{column.name}')}"


def told(log: str, records: int, columns: list[str]) -> str:
    """Return the note of a file.

    Examples
    --------
    >>> told("usage", 2, ["outcome", "client_id"])
    '2 usage duplicates differ in client_id and outcome from the record of the same id that was kept: was the log altered, or are ids not unique?'
    """
    return (
        f"{plural(records, f'{log} duplicate')} {agree(records, 'differs', 'differ')} in {listed(sorted(columns))} {KEPT}: "
        "was the log altered, or are ids not unique?"
    )
