"""Records of which nothing could be made: kept by line, reason and the start of their text, secrets masked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from grantlens.ingest.chunk import int_array, text_array
from grantlens.ingest.secrecy import EXCERPT, masked, nothing_to_mask
from grantlens.ingest.tabular import ODD_ROW

if TYPE_CHECKING:
    import pyarrow as pa

    from grantlens.engine.duckdb import Engine

_REASONS = (
    "ends AS (SELECT line_no, min(reason) AS first, max(reason) AS last FROM bad_line GROUP BY line_no), "
    "several AS (SELECT line_no, string_agg(DISTINCT reason, '; ' ORDER BY reason) AS listed FROM bad_line "
    "WHERE line_no IN (SELECT line_no FROM ends WHERE first <> last) GROUP BY line_no), "
    "reasons AS (SELECT line_no, coalesce(listed, first) AS reason FROM ends LEFT JOIN several USING (line_no))"
)
"""The reasons of each line: most have one, and listing is dear."""

_RECORD = (
    "CASE WHEN ends_with(l.line, '}' || chr(10)) THEN left(l.line, length(l.line) - 1) "
    "ELSE rtrim(l.line, ' ' || chr(13) || chr(10)) END"
)
"""The text of a record without the end of its line; trimming looks at every letter."""


def rejected(engine: Engine, *, text: bool) -> pa.Table:
    """Return `line_no`, `reason` and `excerpt` of the records in `bad_line`, whose text is in `chunk_line`.

    Most hold nothing to mask and stay in the database; the others are looked at one by one.

    Parameters
    ----------
    engine
        Where these two tables are.
    text
        True if the records are lines of text, and no JSON is missing.
    """
    import pyarrow as pa

    no_fault = "true" if text else "reason <> 'not mapped' AND NOT ends_with(reason, ': missing')"
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE bad_record AS "  # never the text of one that may hold a secret
        f"WITH {_REASONS} "
        f"SELECT line_no, reason, plain, CASE WHEN plain THEN left(record, {EXCERPT}) END AS excerpt "
        f"FROM (SELECT *, {no_fault} AND {nothing_to_mask('record', 'reason')} AS plain "
        f"FROM (SELECT line_no, b.reason, {_RECORD} AS record FROM reasons b JOIN chunk_line l USING (line_no))) ORDER BY line_no"
    )
    plain = engine.arrow("SELECT line_no, reason, excerpt FROM bad_record WHERE plain")
    odd = engine.rows(
        "SELECT line_no, b.reason, l.line FROM bad_record b JOIN chunk_line l USING (line_no) WHERE NOT b.plain ORDER BY 1"
    )
    engine.execute("DROP TABLE bad_record")
    odd = [(key, reason, record.strip()) for key, reason, record in odd]
    told = {reason: masked(reason) for reason in {reason for _, reason, _ in odd}}  # most are the same
    looked_at = [
        int_array([key for key, _, _ in odd]),
        text_array([(None if text else _fault(reason, record)) or told[reason] for _, reason, record in odd]),
        text_array([masked(record.removeprefix(ODD_ROW)) for _, _, record in odd]),
    ]
    return pa.concat_tables([plain, pa.Table.from_arrays(looked_at, schema=plain.schema)])


def _fault(reason: str, text: str) -> str | None:
    """Say of a record from which something is missing why it is no JSON, or what else than an object; else None."""
    if reason != "not mapped" and not reason.endswith(": missing"):
        return None
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if text.startswith(ODD_ROW):
            return text.partition(": ")[0].removeprefix(ODD_ROW)
        return f"no JSON: {error.msg} at column {error.colno}"
    except RecursionError:
        return "no JSON: nested too deeply"
    return None if isinstance(value, dict) else "no JSON object"
