"""The three questions by hand, in DuckDB SQL over plain tables: what an analyst would write in a morning.

A call finds its operation by its path with the ids cut out; that is a hash join, and several times faster than one
regular expression for each template. An operation is permitted if the token holds one of the scopes it accepts.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

MATCHED = r"""
CREATE TEMP TABLE matched AS
SELECT u.used_at, u.client_id, t.grant_id, t.scopes, o.op, o.accepted
FROM usage u
JOIN issuance t ON t.token_id = u.token_id AND t.kind = 'token'
JOIN (SELECT *, regexp_replace(template, '\{\w+\}', '{}', 'g') AS shape FROM operation) o
    ON o.host = u.resource_server AND o.method = u.method AND o.shape = regexp_replace(u.target, '/[0-9][0-9a-f-]+|/[a-f][0-9a-f]{7}-[0-9a-f-]+', '/{}', 'g')
WHERE u.outcome = 'success'
"""

OUT_OF_SCOPE = """
SELECT client_id, op, count(*) AS calls, min(used_at) AS first_used_at, max(used_at) AS last_used_at
FROM matched
WHERE NOT list_has_any(scopes, accepted)
GROUP BY client_id, op
"""

UNUSED = """
WITH granted AS (
    SELECT grant_id, unnest(scopes) AS scope FROM issuance WHERE kind = 'consent'
), used AS (
    SELECT DISTINCT grant_id, unnest(accepted) AS scope FROM (SELECT DISTINCT grant_id, accepted FROM matched)
)
SELECT grant_id, scope FROM granted ANTI JOIN used USING (grant_id, scope)
"""

LAG = """
SELECT r.token_id, count(u.used_at) AS tries,
       epoch(max(u.used_at) FILTER (u.outcome = 'success') - any_value(r.revoked_at)) AS last_success_s,
       epoch(min(u.used_at) FILTER (u.outcome = 'denied' AND u.denial_reason = 'token') - any_value(r.revoked_at)) AS first_denial_s
FROM revocation r
LEFT JOIN usage u ON u.token_id = r.token_id AND u.used_at >= r.revoked_at
GROUP BY r.token_id
"""


def read(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open the tables."""
    connection = duckdb.connect(str(folder / "plain.duckdb"), read_only=True)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def ask(connection: duckdb.DuckDBPyConnection) -> dict[str, float]:
    """Answer the three questions, and return the counts that all who answer them must share."""
    connection.execute(MATCHED)
    beyond, unused, lag = (connection.sql(sql).to_arrow_table() for sql in (OUT_OF_SCOPE, UNUSED, LAG))
    return {
        "out_of_scope": beyond.num_rows,
        "out_of_scope_calls": sum(beyond["calls"].to_pylist()),
        "unused_scopes": unused.num_rows,
        "tried_after": sum(tries > 0 for tries in lag["tries"].to_pylist()),
        "worked_after": lag.num_rows - lag["last_success_s"].null_count,
        "refused_after": lag.num_rows - lag["first_denial_s"].null_count,
    }
