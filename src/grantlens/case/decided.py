"""What a case says of decisions: which of its access was to be revoked, since when, and what became of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantlens.case.listing import FEW
from grantlens.relations.grant_life import may_have_ended
from grantlens.wording import agree, duration, number, plural, when

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantlens.case.asked import Asked
    from grantlens.engine.duckdb import Engine

# A decision that meets nothing the case knows is told all the same if it names the case.
_DECISIONS = f"""
CREATE OR REPLACE TEMP TABLE case_decision AS
WITH met AS (
    SELECT a.decision_no, a.closed_at, a.logged_end, a.kept_at,
           CASE WHEN a.doubt.at < least(a.kept_at, $until) THEN a.doubt.why WHEN a.unnamed_at < least(a.kept_at, $until) THEN 'unnamed' END AS doubt
    FROM decided_access a
    WHERE (a.token_id IS NULL AND (a.source, a.grant_id) IN (SELECT (source, grant_id) FROM focus_grant))
       OR (a.source, a.token_id) IN (SELECT (source, token_id) FROM focus_token)
),
became AS (
    SELECT d.decision_no,
           count(*) FILTER (m.closed_at IS NULL OR m.closed_at > d.decided_at) AS there,
           count(*) FILTER (m.closed_at > d.decided_at AND m.closed_at < least(m.kept_at, $until)) AS ended,
           max(m.closed_at) FILTER (m.closed_at > d.decided_at AND m.closed_at < least(m.kept_at, $until)) AS last_closed_at,
           arg_max(m.logged_end, m.closed_at) FILTER (m.closed_at > d.decided_at AND m.closed_at < least(m.kept_at, $until)) AS last_ended_at,
           count(m.doubt) FILTER (m.closed_at IS NULL OR m.closed_at >= least(m.kept_at, $until)) AS doubted,
           min(m.doubt) FILTER (m.closed_at IS NULL OR m.closed_at >= least(m.kept_at, $until)) AS doubt,
           -- Taken back for all of it that the case knows, or for some.
           CASE WHEN count(m.kept_at) = count(*) THEN max(m.kept_at) END AS kept_at, count(m.kept_at) AS kept
    FROM decided d JOIN met m USING (decision_no)
    GROUP BY d.decision_no
)
SELECT d.* EXCLUDE (decision_no, kept_at), coalesce(d.kept_at, b.kept_at) AS kept_at, b.kept, b.there, b.ended, b.last_ended_at, b.doubted,
       coalesce({may_have_ended("b.doubt")}, 'when a token ended that the log does not name is not known') AS why_doubted,
       (epoch_us(b.last_closed_at) - epoch_us(d.decided_at)) / 1e6 AS took_s
FROM decided d LEFT JOIN became b USING (decision_no)
WHERE d.decided_at < $until AND (b.decision_no IS NOT NULL OR {{own}})
ORDER BY d.decision_no
"""


def lay_decisions(engine: Engine, about: Asked, values: Mapping[str, Any]) -> None:
    """Make the table case_decision; reads the relations and the focus tables."""
    engine.execute(about.into(_DECISIONS), values)


def decided(facts: dict[str, Any]) -> str:
    """Say what was to be revoked, since when, and what became of it; empty where nothing was decided."""
    rows = facts["decisions"]
    said = [
        f"To be revoked by a decision of {when(row['decided_at'])} UTC{_whose(row)}: {_became(row)}." for row in rows
    ]
    more = [f"{plural(len(rows) - FEW, 'more decision')}."] if len(rows) > FEW else []
    return " ".join((*said[:FEW], *more))


def _whose(row: dict[str, Any]) -> str:
    by = f"by {row['decided_by']}" if row["decided_by"] else None
    known = [each for each in (row["cause"], by, row["reference"]) if each]
    return f" ({', '.join(known)})" if known else ""


def _became(row: dict[str, Any]) -> str:
    back = f"; taken back at {when(row['kept_at'])} UTC" if row["kept_at"] else ""
    if row["kept"] and not back:
        back = f"; taken back for {number(row['kept'])} of them"
    if row["there"] is None:
        return f"no issuance of such access is known from before it{back}"
    if not row["there"]:
        return f"it had ended before{back}"
    thing, ended, standing = "token" if row["token_id"] else "grant", row["ended"], row["there"] - row["ended"]
    later = f"ended{', the last' if ended > 1 else ''} {duration(row['took_s'])} later" if ended else ""
    if row["there"] == 1:
        it = "it" if row["token_id"] or row["grant_id"] else "its one grant"
        if row["doubted"]:
            return f"whether {it} has ended the logs do not tell: {row['why_doubted']}{back}"
        return f"{it} {later or 'has not ended in the logs'}{back}"
    things = plural(row["there"], thing)
    if not standing:
        return f"all {things} {later}{back}"
    perhaps = f", {number(row['doubted'])} of them for all they tell: {row['why_doubted']}" if row["doubted"] else ""
    if not ended:
        return f"none of {things} has ended in the logs{perhaps}{back}"
    return f"{number(ended)} of {things} {later}; {number(standing)} {agree(standing, 'has', 'have')} not ended in the logs{perhaps}{back}"
