"""Who holds access: clients with owner and purpose, and each grant that was alive in the window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from grantlens.access_review.ask import ask

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

GRANT_USE = """
CREATE OR REPLACE TEMP TABLE review_grant AS
WITH state AS (
    SELECT source, min(tenant) AS tenant, grant_id, opened_at, min(client_id) AS client_id,
           min(client_name) AS client_name,
           min(subject_id) AS subject_id, min(subject_name) AS subject_name, min(subject_kind) AS subject_kind,
           min(ended_at) AS ended_at, min(ended_by) AS ended_by, bool_or(by_consent) AS by_consent,
           max(valid_until) AS valid_until,
           arg_max(scopes, valid_from) FILTER (valid_from < $until) AS scopes
    FROM grant_state
    GROUP BY source, grant_id, opened_at
),
placed AS (
    SELECT *, lead(opened_at, 1, 'infinity'::TIMESTAMPTZ) OVER (PARTITION BY source,
           grant_id ORDER BY opened_at) AS reopened_at
    FROM state
),
token_of AS (
    SELECT p.source, p.grant_id, p.opened_at, count(*) AS tokens,
           count(*) FILTER (t.expires_at IS NULL) AS endless, max(t.expires_at) AS last_expiry
    FROM placed p
    JOIN token t ON t.source = p.source AND t.grant_id = p.grant_id
        AND t.issued_at >= p.opened_at AND t.issued_at < p.reopened_at AND t.issued_at < $until
    GROUP BY ALL
),
called AS (
    SELECT c.source, p.grant_id, p.first_used_at, p.last_used_at, p.events,
           coalesce(k.writes AND (k.sensitive OR k.destroys), false) AS grave
    FROM used_pair p
    JOIN named_caller c ON c.caller_id = p.caller_id
    LEFT JOIN operation_class k ON k.operation_id = p.operation_id
    WHERE p.outcome = 'success'
),
use_of AS (
    SELECT p.source, p.grant_id, p.opened_at, sum(c.events)::BIGINT AS calls,
           coalesce(sum(c.events) FILTER (c.grave), 0)::BIGINT AS grave_calls,
           min(c.first_used_at) AS first_used_at, max(c.last_used_at) AS last_used_at
    FROM placed p
    JOIN called c ON c.source = p.source AND c.grant_id = p.grant_id
        AND c.first_used_at >= p.opened_at AND c.first_used_at < p.reopened_at
    GROUP BY ALL
)
SELECT p.* EXCLUDE (valid_until, reopened_at),
       -- Access ends by revocation, by the date on the grant, or - without a standing consent - with the last token.
       CASE WHEN p.ended_at IS NOT NULL THEN p.ended_at
            WHEN NOT isinf(p.valid_until) THEN p.valid_until
            WHEN NOT p.by_consent AND t.endless = 0 THEN t.last_expiry END AS closed_at,
       coalesce(t.tokens, 0) AS tokens, coalesce(u.calls, 0) AS calls, coalesce(u.grave_calls, 0) AS grave_calls,
       u.first_used_at, u.last_used_at
FROM placed p
LEFT JOIN token_of t USING (source, grant_id, opened_at)
LEFT JOIN use_of u USING (source, grant_id, opened_at)
WHERE p.opened_at < $until
"""
"""Each stretch of life of each grant, with its use; sections of a review read it as `review_grant`."""

_GRANTS = """
WITH consent AS (
    SELECT g.source, g.grant_id, g.opened_at, arg_min(i.consent_kind, i.issued_at) AS consent_kind,
           arg_min(i.consent_actor, i.issued_at) AS consent_actor
    FROM review_grant g
    JOIN issued i ON i.source = g.source AND i.grant_id = g.grant_id AND i.kind = 'consent'
        AND i.issued_at >= g.opened_at AND (g.ended_at IS NULL OR i.issued_at <= g.ended_at)
    GROUP BY ALL
)
SELECT g.source, g.tenant, g.grant_id, g.client_id, g.subject_id, g.subject_kind, r.owner, r.purpose, g.scopes,
       g.opened_at,
       c.consent_kind, c.consent_actor, g.by_consent AS standing, g.tokens, g.calls, g.first_used_at, g.last_used_at,
       CASE WHEN g.closed_at <= least($until::TIMESTAMPTZ, $now::TIMESTAMPTZ) THEN 'ended' ELSE 'live' END AS state,
       CASE WHEN g.closed_at <= least($until::TIMESTAMPTZ, $now::TIMESTAMPTZ) THEN g.closed_at END AS ended_at,
       CASE WHEN g.closed_at > least($until::TIMESTAMPTZ, $now::TIMESTAMPTZ) OR g.closed_at IS NULL THEN NULL
            WHEN g.ended_at IS NOT NULL THEN
                CASE v.kind WHEN 'disable' THEN 'disabled' ELSE 'revoked' END || coalesce(' by ' || v.initiator, '')
            WHEN g.by_consent THEN 'expired'
            ELSE 'last token expired' END AS ended_how,
       g.ended_by
FROM review_grant g
LEFT JOIN consent c USING (source, grant_id, opened_at)
LEFT JOIN (SELECT DISTINCT ON (source, revocation_event) source, revocation_event, kind, initiator
           FROM effective_revocation ORDER BY source, revocation_event, revoked_at) v
    ON v.source = g.source AND v.revocation_event = g.ended_by
LEFT JOIN register r ON r.client_id = g.client_id
WHERE g.closed_at IS NULL OR g.closed_at > $since
ORDER BY (r.owner IS NOT NULL), state DESC, g.calls DESC, g.source, g.client_id, g.subject_id, g.grant_id, g.opened_at
"""

_CLIENTS = """
WITH held AS (
    SELECT client_id, max(client_name) AS client_name, count(*) AS grants,
           count(*) FILTER (closed_at IS NULL OR closed_at > least($until::TIMESTAMPTZ, $now::TIMESTAMPTZ)) AS live
    FROM review_grant
    WHERE client_id IS NOT NULL AND (closed_at IS NULL OR closed_at > $since)
    GROUP BY client_id
),
called AS (
    SELECT c.client_id, max(c.client_name) AS client_name, sum(p.events)::BIGINT AS calls,
           max(p.last_used_at) AS last_used_at
    FROM used_pair p JOIN named_caller c USING (caller_id)
    WHERE c.client_id IS NOT NULL
    GROUP BY c.client_id
),
asked AS (
    SELECT client_id, max(client_name) AS client_name, bool_or(subject_kind = 'agent' OR len(actor_chain) > 0) AS acts
    FROM issuance
    WHERE client_id IS NOT NULL AND issued_at >= $since AND issued_at < $until
    GROUP BY client_id
)
SELECT client_id, coalesce(r.name, h.client_name, a.client_name, c.client_name) AS name,
       coalesce(h.client_name, a.client_name, c.client_name) AS logged_name,
       coalesce(r.kind, CASE WHEN a.acts THEN 'agent' END) AS kind, r.client_id IS NOT NULL AS registered,
       nullif(trim(r.owner), '') AS owner, nullif(trim(r.purpose), '') AS purpose, r.status, r.registered_at,
       coalesce(h.grants, 0) AS grants, coalesce(h.live, 0) AS live, coalesce(c.calls, 0) AS calls, c.last_used_at
FROM held h
FULL JOIN called c USING (client_id)
FULL JOIN asked a USING (client_id)
LEFT JOIN register r USING (client_id)
ORDER BY (nullif(trim(r.owner), '') IS NOT NULL), coalesce(h.live, 0) > 0 DESC, coalesce(c.calls, 0) DESC, client_id
"""


def grants(engine: Engine, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each grant that was alive in the window; reads `review_grant`."""
    return ask(engine, _GRANTS, values)


def clients(engine: Engine, values: Mapping[str, Any], findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each client seen in the window, those without an owner first; reads `review_grant`."""
    violations: dict[str | None, int] = {}
    for finding in findings:
        if finding["verdict"] == "violation":
            violations[finding["client_id"]] = violations.get(finding["client_id"], 0) + 1
    return [{**row, "violations": violations.get(row["client_id"], 0)} for row in ask(engine, _CLIENTS, values)]
