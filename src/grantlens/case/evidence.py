"""The rows behind a case in their canonical columns, each with the file, hash and line it came from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from grantlens.access_review.ask import ask, stream
from grantlens.case.ended import IS_OWN
from grantlens.schema import LOGS

if TYPE_CHECKING:
    from grantlens.case.asked import Asked
    from grantlens.engine.duckdb import Engine

_CHOSEN = {
    "issuance": """
WITH own AS (
    SELECT i.* FROM issuance i
    WHERE (i.source, i.token_id) IN (SELECT (source, token_id) FROM focus_token)
       OR (i.source, i.grant_id) IN (SELECT (source, grant_id) FROM focus_grant)
       OR (i.source, i.parent_token_id) IN (SELECT (source, token_id) FROM focus_token)
       OR (i.source, i.token_id) IN (SELECT (source, token_id) FROM focus_child)
       OR {own_i}
)
SELECT *, issued_at AS moment
FROM (FROM own UNION ALL BY NAME FROM case_given ANTI JOIN own USING (batch_id, line_no, event_id))
WHERE issued_at >= $since AND issued_at < $until""",
    "usage": """
SELECT u.*, c.* EXCLUDE (caller_id, resource_server), t.* EXCLUDE (target_id), u.used_at AS moment
FROM usage_row u JOIN focus_caller USING (caller_id) JOIN usage_caller c USING (caller_id)
    JOIN usage_target t USING (target_id)
WHERE u.used_at >= $since AND u.used_at < $until""",
    "revocation": """
SELECT r.*, r.revoked_at AS moment FROM revocation r
WHERE r.revoked_at >= $since AND r.revoked_at < $until
  AND """
    + IS_OWN,
}
"""The rows of the case by log; they read the tables of `focus` and `facts`."""


def pointers(engine: Engine, about: Asked, values: Mapping[str, Any], most: int | None = None) -> list[dict[str, Any]]:
    """Return log, time, file, sha256, line and event_id of each row, in the order of events; the first `most` only."""
    return ask(
        engine,
        f"""SELECT e.log, e.moment AS "time", b.path AS file, b.sha256, e.line_no AS line, e.event_id
        FROM ({_parts(about)}) e JOIN batch b USING (batch_id)
        ORDER BY e.moment, e.log, b.path, b.sha256, e.line_no, e.event_id
        LIMIT $most""",
        {**values, "most": most},
    )


def files(engine: Engine, about: Asked, values: Mapping[str, Any]) -> tuple[int, set[tuple[str, str]]]:
    """Return how many rows there are, and the files (path, sha256) they come from."""
    counts = engine.rows(
        f"SELECT b.path, b.sha256, count(*) FROM ({_parts(about)}) JOIN batch b USING (batch_id) GROUP BY ALL", values
    )
    return sum(count for _, _, count in counts), {(path, sha256) for path, sha256, _ in counts}


def _parts(about: Asked) -> str:
    return " UNION ALL ".join(
        f"SELECT '{log}' AS log, moment, event_id, batch_id, line_no FROM ({about.into(sql)})"
        for log, sql in _CHOSEN.items()
    )


def records(engine: Engine, about: Asked, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield each row as one JSON line: canonical columns, and under `evidence` where it came from."""
    for log, sql in _CHOSEN.items():
        names = ", ".join(f"e.{name}" for name in LOGS[log].names if name not in ("batch_id", "line_no"))
        rows = stream(
            engine,
            f"""SELECT {names}, b.path AS file, b.sha256, e.line_no AS line
            FROM ({about.into(sql)}) e JOIN batch b USING (batch_id)
            ORDER BY e.moment, b.path, b.sha256, e.line_no, e.event_id""",
            values,
        )
        for row in rows:
            where = {name: row.pop(name) for name in ("file", "sha256", "line")}
            kept = {name: value for name, value in row.items() if value is not None}
            yield json.dumps({"log": log, **kept, "evidence": where}, ensure_ascii=True)
