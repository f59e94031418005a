"""What ended of a case, and what went on in spite of it; nothing is concluded here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from grantlens.access_review.ask import ask
from grantlens.access_review.revocations import revocations
from grantlens.window import in_time

if TYPE_CHECKING:
    from grantlens.case.asked import Asked
    from grantlens.engine.duckdb import Engine

_ENDED = """
CREATE OR REPLACE TEMP TABLE focus_revocation AS
SELECT DISTINCT v.source, v.revocation_event FROM covered_token v JOIN focus_token USING (source, token_id)
UNION SELECT DISTINCT v.source, v.revocation_event FROM covered_token v JOIN focus_grant USING (source,
    grant_id) WHERE v.token_id IS NULL
UNION SELECT source, revocation_event FROM effective_revocation WHERE {own}
"""

_OWN = "SELECT source, tenant, revocation_event FROM effective_revocation SEMI JOIN focus_revocation USING (source, revocation_event)"

IS_OWN = """((r.source, r.event_id) IN (SELECT (source, revocation_event) FROM focus_revocation)
       OR (r.source, r.grant_id) IN (SELECT (source, grant_id) FROM focus_grant)
       OR (r.source, r.token_id) IN (SELECT (source, token_id) FROM focus_token) OR {own_r})"""
"""Whether a row `r` of the revocation log is one of the case."""

_OTHER_REVOCATIONS = """
SELECT r.source, r.revoked_at, r.kind::VARCHAR AS kind, r.outcome::VARCHAR AS outcome,
       r.target_kind::VARCHAR AS target_kind,
       coalesce(r.token_id, r.grant_id, r.session_id, r.client_id, r.subject_id) AS target_id, r.scopes_removed,
       r.initiator::VARCHAR AS initiator, r.actor_id, r.reason, r.event_id, r.batch_id, r.line_no
FROM revocation r
WHERE r.revoked_at < $until AND (r.outcome <> 'success' OR r.kind NOT IN ('revoke', 'disable'))
  AND ({own_r} OR (r.source, r.grant_id) IN (SELECT (source, grant_id) FROM focus_grant)
       OR (r.source, r.token_id) IN (SELECT (source, token_id) FROM focus_token))
ORDER BY r.revoked_at, r.source, r.event_id
"""

_REISSUED = """
SELECT count(DISTINCT t.token_id) AS tokens, max(t.issued_at) AS last_issued_at,
       count(u.usage_id) FILTER (u.state <> 'violation') AS more_calls, max(u.used_at) AS last_used_at
FROM (SELECT unnest($reissued::STRUCT(source VARCHAR, token_id VARCHAR)[], recursive := true)) n
JOIN token t USING (source, token_id)
LEFT JOIN named_caller c ON c.source = t.source AND c.token_id = t.token_id
LEFT JOIN case_call u ON u.caller_id = c.caller_id AND u.outcome = 'success'
"""

# Who is refused a token tried what was ended, as much as who is refused at a server.
_REFUSED_ISSUE = """
SELECT count(*) AS requests, min(i.issued_at) AS first_at, max(i.issued_at) AS last_at
FROM issuance i
JOIN clock_error k ON k.source = i.source AND k.tenant IS NOT DISTINCT FROM i.tenant AND k.log = 'issuance'
JOIN (SELECT source, min(certain_from) AS certain_from FROM effective_revocation SEMI JOIN focus_revocation USING (source, revocation_event)
      GROUP BY source) e ON e.source = i.source AND i.issued_at - to_microseconds((k.offset_s * 1000000)::BIGINT) > e.certain_from
WHERE i.outcome = 'denied' AND i.kind IN ('token', 'refresh', 'exchange') AND i.issued_at < $until
  AND ({own_i} OR (i.source, i.token_id) IN (SELECT (source, token_id) FROM focus_token)
       OR (i.source, i.parent_token_id) IN (SELECT (source, token_id) FROM focus_token)
       OR (i.source, i.grant_id) IN (SELECT (source, grant_id) FROM focus_grant))
"""

_CLOCK = """JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.log = 'usage'"""
_SURELY_AT = "u.used_at - to_microseconds((k.before_s * 1000000)::BIGINT)"
"""The earliest that a call `u` of a caller `c` may have come, by what is known of its clock: so it is proven to be later than what came before."""

# Calls of the case after a revocation, and those of them that are not known to rest on what any revocation ended. The calls between one
# revocation and the next are counted once, then summed from the last revocation back: of a client there may be thousands.
_LATER = f"""
WITH ended AS (FROM effective_revocation SEMI JOIN focus_revocation USING (source, revocation_event)),
stamped AS (
    SELECT c.source, u.used_at, u.state, {_SURELY_AT} AS surely_at
    FROM case_call u JOIN named_caller c USING (caller_id) {_CLOCK}
    WHERE u.outcome = 'success'
),
between_moments AS (
    SELECT m.source, m.certain_from, count(*) AS calls, max(s.used_at) AS last_used_at,
           count(*) FILTER (s.state = 'normal') AS other_calls, max(s.used_at) FILTER (s.state = 'normal') AS other_last_used_at
    FROM stamped s
    ASOF JOIN (SELECT DISTINCT source, certain_from FROM ended) m ON m.source = s.source AND s.surely_at > m.certain_from
    GROUP BY m.source, m.certain_from
),
counted AS (
    SELECT source, certain_from, sum(calls) OVER from_here::BIGINT AS calls, max(last_used_at) OVER from_here AS last_used_at,
           sum(other_calls) OVER from_here::BIGINT AS other_calls, max(other_last_used_at) OVER from_here AS other_last_used_at
    FROM between_moments
    WINDOW from_here AS (PARTITION BY source ORDER BY certain_from DESC)
)
SELECT r.source, r.tenant, r.revocation_event, u.calls, u.last_used_at, u.other_calls, u.other_last_used_at
FROM ended r
ASOF JOIN counted u ON u.source = r.source AND u.certain_from >= r.certain_from
"""

# A revocation ends what its own source issued. Calls elsewhere by the same client or person are told, not judged, unless a token joins them.
_ELSEWHERE = """
SELECT r.source, r.record.seen_at AS revoked_at, r.revocation_event, c.source AS used_in, count(*) AS calls, max(u.used_at) AS last_used_at
FROM effective_revocation r
JOIN case_call u ON u.outcome = 'success'
JOIN named_caller c ON c.caller_id = u.caller_id AND c.source <> r.source
{clock}
ANTI JOIN revoked_caller v ON v.source = r.source AND v.revocation_event = r.revocation_event AND v.caller_id = c.caller_id
WHERE r.target_kind IN ('client', 'subject', 'policy') AND {own_r} AND {surely_at} > r.certain_from
GROUP BY ALL ORDER BY revoked_at, r.revocation_event, c.source
"""

# The same where only the id is one, in a gateway's log say: nothing shows that it is, and nobody should read that no call came.
_SAME_IDS = f"""
WITH alike AS MATERIALIZED (
    SELECT r.source, r.tenant, r.revocation_event, r.certain_from, c.source AS used_in, c.caller_id, k.before_s
    FROM (FROM effective_revocation SEMI JOIN focus_revocation USING (source, revocation_event)) r
    JOIN usage_caller c ON c.source <> r.source AND (c.token_id = r.token_id
        OR (r.token_id IS NULL AND coalesce(r.client_id, r.subject_id) IS NOT NULL
            AND (r.client_id IS NULL OR c.client_id = r.client_id) AND (r.subject_id IS NULL OR c.subject_id = r.subject_id)))
    {_CLOCK}
    ANTI JOIN revoked_caller v ON v.source = r.source AND v.revocation_event = r.revocation_event AND v.caller_id = c.caller_id
)
SELECT k.source, k.tenant, k.revocation_event, list_sort(list(DISTINCT k.used_in)) AS used_in, count(*) AS calls, max(u.used_at) AS last_used_at
FROM alike k
JOIN case_call u ON u.caller_id = k.caller_id AND u.outcome = 'success'
WHERE {_SURELY_AT} > k.certain_from
GROUP BY k.source, k.tenant, k.revocation_event
"""

_UNCOVERED = """
WITH ended AS (
    FROM effective_revocation SEMI JOIN focus_revocation USING (source, revocation_event)
),
whole AS (
    SELECT s.source, c.covered_from, c.covered_until
    FROM case_source s JOIN covered_time c ON c.source = s.source AND c.tenant IS NOT DISTINCT FROM s.tenant
    WHERE c.log = 'usage' AND NOT c.in_part
)
SELECT r.source, r.tenant, r.revocation_event, max(w.covered_until) FILTER (w.covered_until <= r.revoked_at) AS "from",
       min(w.covered_from) FILTER (w.covered_from > r.revoked_at AND w.covered_from < $until) AS "until"
FROM ended r JOIN whole w ON w.source = r.source
GROUP BY r.source, r.tenant, r.revocation_event
HAVING NOT bool_or(w.covered_from <= r.revoked_at AND w.covered_until > r.revoked_at)
"""
"""Revocations at whose moment no usage log was there, and from when until when there was none."""


def lay_ended(engine: Engine, about: Asked, values: Mapping[str, Any]) -> None:
    """Make the table focus_revocation; reads the relations and the focus tables."""
    engine.execute(about.into(_ENDED), values)


def ended(engine: Engine, about: Asked, values: Mapping[str, Any], findings: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the facts about revocations; `findings` holds those of REV-2 and REV-9."""
    return {
        "revocations": _revocations(engine, about, values, findings),
        "reissued": ask(engine, _REISSUED, {**values, "reissued": _renewed(findings)})[0],
        "refused_issue": ask(engine, about.into(_REFUSED_ISSUE), values)[0],
        "other_revocations": ask(engine, about.into(_OTHER_REVOCATIONS), values),
        "elsewhere": ask(engine, about.into(_ELSEWHERE, clock=_CLOCK, surely_at=_SURELY_AT), values)
        if about.ids
        else [],
    }


def _revocations(
    engine: Engine, about: Asked, values: Mapping[str, Any], findings: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the revocations that end something of the case, with the same verdicts as a review gives."""
    found = (
        ask(engine, _OWN),
        ask(engine, _LATER, values),
        ask(engine, _UNCOVERED, values),
        [] if about.ids else ask(engine, _SAME_IDS),
    )
    own, later, uncovered, same_ids = ({_which(row): row for row in rows} for rows in found)
    rows = []
    for row in revocations(engine, values, findings):
        key = _which(row)
        more = {"later": later.get(key), "uncovered": uncovered.get(key), "same_ids": same_ids.get(key)}
        rows += [{**row, **more}] if key in own else []
    return sorted(rows, key=lambda row: (in_time(row["revoked_at"]), row["source"], row["revocation_event"]))


def _which(row: Mapping[str, Any]) -> tuple[str | None, ...]:
    return row["source"], row["tenant"], row["revocation_event"]


def _renewed(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the tokens that were issued from what had been revoked."""
    return [
        {"source": finding["source"], "token_id": finding["token_id"]}
        for finding in findings
        if finding["rule"] == "REV-2" and finding["verdict"] == "violation" and finding["token_id"]
    ]
