"""The frame that every rule's rows are put into, and what is added to them: coverage, evidence, order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from grantlens.findings.pointers import pointers
from grantlens.rules.rule import Rule

if TYPE_CHECKING:
    import pyarrow as pa

    from grantlens.engine.duckdb import Engine

COLUMNS = {
    "verdict": "VARCHAR",
    "severity": "VARCHAR",
    "explained_by": "VARCHAR",
    "title": "VARCHAR",
    "source": "VARCHAR",
    "tenant": "VARCHAR",
    "client_id": "VARCHAR",
    "subject_id": "VARCHAR",
    "grant_id": "VARCHAR",
    "token_id": "VARCHAR",
    "resource_server": "VARCHAR",
    "operation": "VARCHAR",
    "scopes": "VARCHAR[]",
    "first_seen": "TIMESTAMPTZ",
    "last_seen": "TIMESTAMPTZ",
    "events": "BIGINT",
    "detail": "VARCHAR",
    "join_key": "VARCHAR",
    "firsts": "BIGINT[]",
    "lasts": "BIGINT[]",
    "calls": "BIGINT[]",
    "records": "STRUCT(seen_at TIMESTAMPTZ, batch_id INTEGER, line_no BIGINT, event_id VARCHAR)[]",
    "about_log": "VARCHAR",
    "about_from": "TIMESTAMPTZ",
    "about_until": "TIMESTAMPTZ",
}
"""What a rule's SQL may give, by name. Evidence is named by firsts and lasts (numbers of used_pair), calls
(usage_id) and records (issuance and revocation); the finding rests on the coverage of about_log between about_from and
about_until."""

_CONCLUDED_COLUMNS = ("verdict", "severity", "explained_by", "title", "detail")
_CONCLUDED = ", ".join(_CONCLUDED_COLUMNS)

_FINISH = """
WITH numbered AS (
    SELECT row_number() OVER (
               ORDER BY list_position(['violation', 'indeterminate', 'clear'], verdict),
                        list_position(['critical', 'high', 'medium', 'low', 'info'], severity),
                        source, client_id, subject_id, grant_id, token_id, resource_server, operation, first_seen, scopes, detail, tenant
           ) AS finding_no, *
    FROM finding
),
pointer AS (__pointers__
),
ranked AS (
    SELECT *, row_number() OVER first_to_last AS place, count(*) OVER (PARTITION BY finding_no) AS places
    FROM pointer
    WINDOW first_to_last AS (PARTITION BY finding_no ORDER BY seen_at, event_id, batch_id, line_no)
),
evidence AS (
    SELECT finding_no,
           list({'file': b.path, 'sha256': b.sha256, 'line': r.line_no, 'event_id': r.event_id} ORDER BY r.place) AS evidence
    FROM ranked r JOIN batch b USING (batch_id)
    WHERE $every_call OR r.place <= 19 OR r.place = r.places
    GROUP BY finding_no
),
seen AS (
    SELECT n.finding_no,
           sum(greatest(0, epoch_us(least(c.covered_until, n.about_until)) - epoch_us(greatest(c.covered_from, n.about_from)))) AS covered_us,
           bool_or(c.covered_from <= n.about_from AND c.covered_until >= n.about_from) AS touched
    FROM numbered n
    JOIN coverage c ON c.source = n.source AND c.log::VARCHAR = n.about_log AND NOT c.is_gap
        AND (n.tenant IS NULL OR c.tenant IS NULL OR c.tenant = n.tenant)
        AND c.covered_from <= n.about_until AND c.covered_until >= n.about_from
    GROUP BY n.finding_no
),
rested AS (
    SELECT n.*, e.evidence,
           CASE WHEN s.finding_no IS NULL THEN 0.0
                WHEN n.about_until <= n.about_from THEN CASE WHEN s.touched THEN 1.0 ELSE 0.0 END
                ELSE least(1.0, round(s.covered_us / (epoch_us(n.about_until) - epoch_us(n.about_from)), 6)) END AS share
    FROM numbered n
    LEFT JOIN seen s USING (finding_no)
    LEFT JOIN evidence e USING (finding_no)
)
SELECT $rule AS rule, $rule_version::INTEGER AS rule_version,
       -- Where no log covers what the verdict rests on, there is no verdict.
       CASE WHEN verdict = 'violation' AND about_log IS NOT NULL AND share = 0 THEN 'indeterminate' ELSE verdict END AS verdict,
       severity, explained_by, title, source, client_id, subject_id, grant_id, token_id, resource_server, operation,
       coalesce(scopes, []) AS scopes, first_seen, last_seen, coalesce(events, 0) AS events, detail, join_key,
       {'from': coalesce(about_from, first_seen), 'until': coalesce(about_until, last_seen), 'share': share} AS coverage,
       coalesce(evidence, []) AS evidence
FROM rested
ORDER BY finding_no
"""


def gather(engine: Engine, rule: Rule, values: Mapping[str, Any]) -> pa.Table:
    """Run one rule, whose relations are worked out already, and return its finished table.

    `values` binds $since, $until, $every_call and the rule's own parameters.
    """
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    engine.execute(f"CREATE OR REPLACE TEMP TABLE finding ({columns})")
    engine.execute(f"INSERT INTO finding BY NAME {rule.sql}", values)
    if rule.conclude is not None:
        _conclude(engine, rule, values)
    finish = _FINISH.replace("__pointers__", pointers(rule))
    table = engine.arrow(finish, {**values, "rule": rule.id, "rule_version": rule.version})
    engine.execute("DROP TABLE temp.finding")
    return table


def _conclude(engine: Engine, rule: Rule, values: Mapping[str, Any]) -> None:
    """Replace the columns that a rule's mathematics decides."""
    assert rule.conclude is not None
    rows = engine.arrow(f"SELECT row_number() OVER () AS row_no, {_CONCLUDED} FROM finding").to_pylist()
    rule.conclude(rows, values)
    # As text: pyarrow would import pandas before it looks at the first row.
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE finding AS "
        "SELECT f.* EXCLUDE (row_no) REPLACE (c.verdict AS verdict, c.severity AS severity, "
        "c.explained_by AS explained_by, c.title AS title, c.detail AS detail) "
        "FROM (SELECT row_number() OVER () AS row_no, * FROM finding) f "
        "JOIN (SELECT unnest(from_json($rows, $shape), recursive := true)) c USING (row_no)",
        {
            "rows": json.dumps(rows),
            "shape": json.dumps([{"row_no": "BIGINT", **dict.fromkeys(_CONCLUDED_COLUMNS, "VARCHAR")}]),
        },
    )
