"""The timeline of a case: when access was granted, issued, used, to be revoked and revoked, as one table and one chart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grantlens.case.ended import IS_OWN
from grantlens.framed import Framed
from grantlens.visible import visible
from grantlens.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

    from grantlens.case.asked import Asked
    from grantlens.charts.chart import Chart
    from grantlens.engine.duckdb import Engine

MOST = 2000
"""More events than this in a lane are added up, one row for each stretch of time and state."""

STRETCHES = 400
"""Stretches that a lane is cut into then."""

_LANES = """
WITH logged AS (
    SELECT r.source, r.revoked_at + k.by_issuance AS moment, min(r.revoked_at) AS logged_at
    FROM revocation r
    JOIN clock_error k ON k.source = r.source AND k.tenant IS NOT DISTINCT FROM r.tenant AND k.log = 'revocation'
    WHERE k.offset_s <> k.issuance_offset_s
    GROUP BY r.source, moment
),
-- What ended or was narrowed is drawn where the log of that has it.
held AS (
    SELECT coalesce(f.logged_at, g.valid_from) AS valid_from, coalesce(u.logged_at, least(g.valid_until, l.closed_at, $until)) AS held_until,
           coalesce(d.logged_at, l.doubt.at) AS doubted_from,
           coalesce(array_to_string(g.scopes, ' '), 'scopes not logged') || ' (' || g.grant_id || ')' AS label
    FROM grant_state g JOIN focus_grant USING (source, grant_id)
    LEFT JOIN grant_life l USING (source, grant_id, opened_at)
    LEFT JOIN logged f ON f.source = g.source AND f.moment = g.valid_from
    LEFT JOIN logged u ON u.source = g.source AND u.moment = least(g.valid_until, l.closed_at)
    LEFT JOIN logged d ON d.source = g.source AND d.moment = l.doubt.at
    WHERE coalesce(f.logged_at, g.valid_from) < $until
),
-- From when on it may have been over it is a stretch of its own.
granted AS (
    SELECT 'granted' AS lane, start, nullif(held_until, $until) AS "end", label, state,
           1::BIGINT AS count, NULL::INTEGER AS batch_id, NULL::BIGINT AS line_no, NULL AS event_id
    FROM (
        SELECT valid_from AS start, least(held_until, doubted_from) AS held_until, label, 'normal' AS state
        FROM held WHERE coalesce(doubted_from > valid_from, true)
        UNION ALL
        SELECT greatest(valid_from, doubted_from), held_until, 'perhaps ended: ' || label, 'indeterminate'
        FROM held WHERE doubted_from < held_until
    )
),
issued_one AS (
    SELECT i.issued_at AS moment, i.outcome = 'success' AS well,
           concat_ws(' ', i.kind::VARCHAR, i.token_kind::VARCHAR, CASE WHEN i.outcome <> 'success' THEN 'refused' END,
                     CASE WHEN i.consent_actor IS NOT NULL THEN 'by ' || i.consent_actor END,
                     array_to_string(i.scopes, ' '), left(i.authorization_details::VARCHAR, 120),
                     'to be used by ' || array_to_string(i.may_act, ' ')) AS label,
           i.batch_id, i.line_no, i.event_id
    FROM issuance i
    WHERE i.issued_at >= $since AND i.issued_at < $until
      AND ((i.source, i.token_id) IN (SELECT (source, token_id) FROM focus_token)
           OR (i.source, i.grant_id) IN (SELECT (source, grant_id) FROM focus_grant)
           OR (i.source, i.parent_token_id) IN (SELECT (source, token_id) FROM focus_token)
           OR {own_i})
),
used_one AS (
    SELECT u.used_at AS moment, u.state, t.resource_server,
           coalesce(o.label, t.operation, concat_ws(' ', t.method, t.target), 'a call') AS label,
           u.batch_id, u.line_no, u.event_id
    FROM case_call u JOIN usage_target t USING (target_id) LEFT JOIN usage_operation o USING (target_id)
),
revoked AS (
    SELECT 'revoked' AS lane, r.revoked_at AS start, NULL::TIMESTAMPTZ AS "end",
           concat_ws(' ', r.kind::VARCHAR, r.target_kind::VARCHAR, CASE WHEN r.outcome <> 'success' THEN 'failed' END,
                     CASE WHEN r.initiator IS NOT NULL THEN 'by ' || r.initiator::VARCHAR END,
                     array_to_string(r.scopes_removed, ' '), r.reason) AS label,
           CASE WHEN r.outcome <> 'success' THEN 'denied' WHEN r.kind = 'downgrade' THEN 'narrowed' ELSE 'normal' END AS state,
           1::BIGINT AS count, r.batch_id, r.line_no, r.event_id
    FROM revocation r
    WHERE r.revoked_at >= $since AND r.revoked_at < $until
      AND {is_own}
),
-- From the decision until all that it is about had ended, or it was taken back.
decided_on AS (
    SELECT 'decided' AS lane, decided_at AS start,
           CASE WHEN coalesce(there, 0) = 0 THEN decided_at WHEN ended = there THEN last_ended_at ELSE kept_at END AS "end",
           concat_ws(', ', 'to be revoked', cause, reference) AS label, 'normal' AS state, 1::BIGINT AS count,
           NULL::INTEGER AS batch_id, NULL::BIGINT AS line_no, NULL AS event_id
    FROM case_decision
),
issued_row AS (
    {issued}
),
used_row AS (
    {used}
)
SELECT lane, start, "end", label, state, count, event_id, b.path AS file, b.sha256, line_no AS line
FROM (SELECT * FROM granted UNION ALL SELECT * FROM issued_row UNION ALL SELECT * FROM used_row
    UNION ALL SELECT * FROM decided_on UNION ALL SELECT * FROM revoked)
LEFT JOIN batch b USING (batch_id)
ORDER BY start, list_position(['granted', 'issued', 'used', 'decided', 'revoked'], lane), label, state, event_id
"""

_ISSUED_EACH = """
SELECT 'issued' AS lane, moment AS start, NULL::TIMESTAMPTZ AS "end", label, CASE WHEN well
       THEN 'normal' ELSE 'denied' END AS state,
       1::BIGINT AS count, batch_id, line_no, event_id FROM issued_one"""

_ISSUED_SUM = """
SELECT 'issued', min(moment), max(moment), count(*) || ' issued', CASE WHEN well THEN 'normal' ELSE 'denied' END,
       count(*),
       NULL::INTEGER, NULL::BIGINT, NULL FROM issued_one
GROUP BY (epoch_us(moment) - epoch_us($since)) // $step_us, well"""

_USED_EACH = """
SELECT 'used' AS lane, moment AS start, NULL::TIMESTAMPTZ AS "end", concat_ws(' at ', label,
       resource_server) AS label, state,
       1::BIGINT AS count, batch_id, line_no, event_id FROM used_one"""

_USED_SUM = """
SELECT 'used', min(moment), max(moment),
       count(*) || ' calls, ' || CASE WHEN count(DISTINCT label) = 1
           THEN min(label) ELSE count(DISTINCT label) || ' operations' END,
       state, count(*), NULL::INTEGER, NULL::BIGINT, NULL FROM used_one
GROUP BY (epoch_us(moment) - epoch_us($since)) // $step_us, state"""


@dataclass(frozen=True, eq=False, repr=False)
class Timeline(Framed):
    """The timeline of a case.

    Parameters
    ----------
    about
        What the case is about.
    window
        The time that was looked at.
    table
        One row an event or stretch: lane (granted, issued, used, decided - to be revoked -, revoked), start, end, label, state (normal,
        violation, indeterminate, denied, or narrowed: only scopes were taken away), count, and - where it is one event - event_id, file, sha256, line.
    """

    about: str
    window: Window
    table: pa.Table
    shown = ("lane", "start", "end", "label", "state", "count", "file", "line")

    def chart(self) -> Chart:
        """Draw the lanes over time."""
        from grantlens.charts.timeline import timeline

        return timeline(self.table, case=self.about, until=self.window.until)

    def __repr__(self) -> str:
        return f"Timeline of {visible(self.about)}, {self.window}: {self._size()}"


def read_timeline(engine: Engine, about: Asked, window: Window, values: Mapping[str, Any]) -> Timeline:
    """Return the timeline; reads the relations, the focus tables, `case_call`, `case_decision` and `focus_revocation`."""
    calls, issued = engine.rows("SELECT (SELECT count(*) FROM case_call), (SELECT count(*) FROM issuance)")[0]
    sql = about.into(
        _LANES,
        issued=_ISSUED_SUM if issued > MOST else _ISSUED_EACH,
        used=_USED_SUM if calls > MOST else _USED_EACH,
        is_own=about.into(IS_OWN),
    )
    step = max(1, int((window.until - window.since).total_seconds() * 1_000_000 / STRETCHES))
    return Timeline(str(about), window, engine.arrow(sql, {**values, "step_us": step}))
