"""The frame that every rule's rows are put into, and what is added to them: coverage, evidence, order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from grantlens.findings.pointers import pointers
from grantlens.rule.rule import SEVERITIES, VERDICTS, Rule

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
about_until: a log that is shown in part has no share in it."""

_CONCLUDED = ("verdict", "severity", "explained_by", "title", "detail")

_FINISH = """
WITH numbered AS (
    SELECT row_number() OVER (
               ORDER BY rule, list_position($verdicts, verdict),
                        list_position($severities, severity),
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
           coalesce(sum(greatest(0, epoch_us(least(c.covered_until, n.about_until)) - epoch_us(greatest(c.covered_from, n.about_from))))
               FILTER (NOT c.in_part), 0) AS covered_us,
           coalesce(bool_or(c.covered_from <= n.about_from AND c.covered_until >= n.about_from) FILTER (NOT c.in_part), false) AS touched,
           -- An event at the end of what the verdict rests on was logged, and be it the first of its log.
           bool_or(c.covered_until > n.about_from OR n.about_until <= n.about_from) AS held
    FROM numbered n
    JOIN covered_time c ON c.source = n.source AND c.log::VARCHAR = n.about_log AND c.tenant IS NOT DISTINCT FROM n.tenant
        AND c.covered_from <= n.about_until AND c.covered_until >= n.about_from
    GROUP BY n.finding_no
),
rested AS (
    SELECT n.*, e.evidence,
           coalesce(s.held, false) AS held,
           CASE WHEN s.finding_no IS NULL THEN 0.0
                WHEN n.about_until <= n.about_from THEN CASE WHEN s.touched THEN 1.0 ELSE 0.0 END
                ELSE least(1.0, round(s.covered_us / (epoch_us(n.about_until) - epoch_us(n.about_from)), 6)) END AS share
    FROM numbered n
    LEFT JOIN seen s USING (finding_no)
    LEFT JOIN evidence e USING (finding_no)
)
SELECT rule, rule_version,
       -- Where no log covers what the verdict rests on, not even in part, there is no verdict.
       CASE WHEN verdict = 'violation' AND about_log IS NOT NULL AND NOT held THEN 'indeterminate' ELSE verdict END AS verdict,
       severity, explained_by, title, source, tenant, client_id, subject_id, grant_id, token_id, resource_server, operation,
       coalesce(scopes, []) AS scopes, first_seen, last_seen, coalesce(events, 0) AS events, detail, join_key,
       {'from': coalesce(about_from, first_seen), 'until': coalesce(about_until, last_seen), 'share': share} AS coverage,
       coalesce(evidence, []) AS evidence
FROM rested
ORDER BY finding_no
"""


def gather(engine: Engine, asked: Sequence[tuple[Rule, Mapping[str, Any]]]) -> list[pa.Table]:
    """Run rules, whose relations are worked out already, and return the finished table of each.

    With each rule go its values: $since, $until, $every_call - the same for all - and the rule's own parameters. The
    evidence is looked up for all of them at once, since that reads the calls.
    """
    if not asked:
        return []
    columns = ", ".join(
        f"{name} {kind}" for name, kind in {"rule": "VARCHAR", "rule_version": "INTEGER", **COLUMNS}.items()
    )
    engine.execute(f"CREATE OR REPLACE TEMP TABLE finding ({columns})")
    for rule, values in asked:
        if engine.tell:
            engine.tell(rule.id)
        named = {**values, "rule": rule.id, "rule_version": rule.version}
        engine.execute(
            f"INSERT INTO temp.finding BY NAME SELECT $rule AS rule, $rule_version AS rule_version, * FROM ({rule.sql})",
            named,
        )
        if rule.conclude is not None:
            _conclude(engine, rule, values)
    if engine.tell:
        engine.tell("the evidence")
    finish = _FINISH.replace("__pointers__", pointers(rule for rule, _ in asked))
    worst_first = {"verdicts": VERDICTS[::-1], "severities": SEVERITIES[::-1]}
    table = engine.arrow(finish, {**asked[0][1], **worst_first})
    counts = dict(engine.rows("SELECT rule, count(*) FROM finding GROUP BY rule"))
    engine.execute("DROP TABLE temp.finding")
    tables: dict[str, pa.Table] = {}
    for rule in sorted(counts):  # as the table is
        tables[rule] = table.slice(sum(part.num_rows for part in tables.values()), counts[rule])
    return [tables.get(rule.id, table.slice(0, 0)) for rule, _ in asked]


def _conclude(engine: Engine, rule: Rule, values: Mapping[str, Any]) -> None:
    """Replace the columns that a rule's mathematics decides."""
    assert rule.conclude is not None
    found = "SELECT rowid AS row_no, verdict, severity, explained_by, title, detail FROM finding WHERE rule = $rule ORDER BY rowid"
    rows = engine.arrow(found, {"rule": rule.id}).to_pylist()
    rule.conclude(rows, values)
    # As text: pyarrow would import pandas before it looks at the first row.
    engine.execute(
        "UPDATE temp.finding SET verdict = c.verdict, severity = c.severity, explained_by = c.explained_by, title = c.title, "
        "detail = c.detail FROM (SELECT unnest(from_json($rows, $shape), recursive := true)) c WHERE finding.rowid = c.row_no",
        {"rows": json.dumps(rows), "shape": json.dumps([{"row_no": "BIGINT", **dict.fromkeys(_CONCLUDED, "VARCHAR")}])},
    )
