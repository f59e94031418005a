"""The facts of a case, each one SELECT over the rows of the case; nothing is concluded here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from grantlens.access_review.ask import ask
from grantlens.case.decided import lay_decisions
from grantlens.case.ended import ended, lay_ended
from grantlens.case.narrowed import everyones_issuance
from grantlens.relations.effective_revocation import one_event

if TYPE_CHECKING:
    from grantlens.case.asked import Asked
    from grantlens.engine.duckdb import Engine

MOST = 200
"""Rows of a list that go into an answer; counts are always exact."""

# What a grant held before its first consent in the log, it held by its tokens alone.
_CONSENTS = """
WITH consent AS (
    SELECT i.source, i.grant_id, i.client_id, i.client_name, i.subject_id, i.subject_name,
           i.subject_id IS NULL AND coalesce(i.subject_kind, '') = 'user' AS for_everyone, i.kind, i.consent_actor, i.consent_kind,
           list_sort(i.scopes) AS scopes, [i.authorization_details::VARCHAR] AS details, list_sort(i.may_act) AS may_act, i.issued_at
    FROM issued i JOIN focus_grant USING (source, grant_id)
    WHERE i.kind IN ('consent', 'change') AND i.issued_at < $until
),
first_consent AS (
    SELECT source, grant_id, min(issued_at) AS issued_at FROM consent GROUP BY source, grant_id
),
detailed AS (
    SELECT source, grant_id, list_sort(list_distinct(list(authorization_details::VARCHAR))) AS details
    FROM issued WHERE kind NOT IN ('consent', 'change') AND authorization_details IS NOT NULL AND issued_at < $until
    GROUP BY source, grant_id
),
by_token AS (
    SELECT g.source, g.grant_id, g.client_id, g.client_name, g.subject_id, g.subject_name, false AS for_everyone,
           NULL AS kind, NULL AS consent_actor, NULL AS consent_kind,
           list_sort(list_distinct(flatten(list(g.scopes) FILTER (g.scopes IS NOT NULL)))) AS scopes, any_value(d.details), NULL, g.opened_at
    FROM grant_state g LEFT JOIN detailed d USING (source, grant_id)
    JOIN focus_grant USING (source, grant_id) LEFT JOIN first_consent f USING (source, grant_id)
    WHERE g.valid_from < coalesce(f.issued_at, $until)
    GROUP BY g.source, g.grant_id, g.client_id, g.client_name, g.subject_id, g.subject_name, g.opened_at
),
-- Logs write one consent as several records of one moment: within a second it is the same one.
told AS (
    SELECT *, issued_at - lag(issued_at) OVER (
        PARTITION BY source, grant_id, client_id, subject_id, for_everyone, kind, consent_actor, consent_kind, scopes,
            details, may_act ORDER BY issued_at
    ) <= INTERVAL 1 SECOND AS same_one
    FROM (FROM consent UNION ALL FROM by_token)
)
SELECT source, grant_id, client_id, max(client_name) AS client_name, subject_id, max(subject_name) AS subject_name, for_everyone, kind,
       consent_actor, consent_kind, scopes, list_filter(details, lambda d: d IS NOT NULL) AS details, may_act,
       min(issued_at) AS consented_at, max(issued_at) AS last_consented_at,
       count(*) FILTER (same_one IS DISTINCT FROM true) AS times
FROM told
GROUP BY source, grant_id, client_id, subject_id, for_everyone, kind, consent_actor, consent_kind, scopes, told.details, may_act
ORDER BY consented_at, source, grant_id, client_id, subject_id, kind, consent_actor, consent_kind, scopes, details, may_act
"""
"""Each different consent with its own scopes and actor; kind is NULL where the log has none and tokens opened the grant."""

_ISSUED = """
SELECT count(*) AS tokens, min(t.issued_at) AS first_issued_at,
       CASE WHEN $kind = 'token' THEN (
           SELECT count(*) FROM token o JOIN focus_grant USING (source, grant_id) WHERE o.issued_at < $until) END AS of_grants
FROM token t JOIN focus_token USING (source, token_id)
WHERE t.issued_at < $until
"""

CALLS = f"""
WITH revoked AS (
    SELECT caller_id, min(revoked_true) AS revoked_true, min(certain_from) FILTER (known) AS certain_from,
           max(covered_until - (revoked_at - revoked_true)) AS covered_true, arg_min(record, revoked_true) AS record
    FROM (
        SELECT caller_id, revoked_at, revoked_true, certain_from, covered_until, record, why_unknown IS NULL AS known FROM revoked_caller
        UNION ALL
        SELECT c.caller_id, v.revoked_at, v.revoked_true, v.certain_from, v.covered_until, v.record, v.doubt IS NULL
        FROM named_caller c JOIN covered_token v ON v.source = c.source AND v.token_id IS NULL AND c.token_id IS NULL AND v.grant_id = c.grant_id
    )
    SEMI JOIN focus_caller USING (caller_id)
    GROUP BY caller_id
)
SELECT u.usage_id, u.used_at, u.outcome::VARCHAR AS outcome, u.denial_reason::VARCHAR AS denial_reason, u.status,
       u.caller_id, u.target_id, u.resource_id, u.response_bytes, u.tool_call_id, u.event_id, u.batch_id, u.line_no,
       u.used_at - to_microseconds((k.offset_s * 1000000)::BIGINT) AS used_true,
       CASE WHEN u.outcome <> 'success' THEN 'denied'
            WHEN r.caller_id IS NULL OR used_true < r.revoked_true OR used_true >= r.covered_true
                -- by this call itself it was ended
                OR {one_event("u", "r.record")} THEN 'normal'
            WHEN u.used_at - to_microseconds((k.before_s * 1000000)::BIGINT) > r.certain_from THEN 'violation'
            ELSE 'indeterminate' END AS state
FROM usage_row u
JOIN focus_caller USING (caller_id)
JOIN named_caller c USING (caller_id)
LEFT JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.log = 'usage'
LEFT JOIN revoked r USING (caller_id)
WHERE u.used_at >= $since AND u.used_at < $until
"""
"""Every call of the case with its state: normal, denied, violation (proven after the revocation), indeterminate."""

_USED = """
SELECT count(*) AS calls, count(*) FILTER (outcome = 'success') AS successes,
       count(*) FILTER (outcome = 'denied') AS denied,
       count(*) FILTER (outcome = 'denied' AND denial_reason = 'token') AS denied_token,
       min(used_at) FILTER (outcome = 'denied' AND denial_reason = 'token') AS first_denied_token_at,
       count(*) FILTER (outcome = 'denied' AND denial_reason = 'policy') AS denied_policy,
       min(used_at) FILTER (outcome = 'denied' AND denial_reason = 'policy') AS first_denied_policy_at,
       count(*) FILTER (outcome = 'error') AS errors, min(used_at) AS first_used_at, max(used_at) AS last_used_at,
       min(used_at) FILTER (outcome = 'success') AS first_success_at,
       max(used_at) FILTER (outcome = 'success') AS last_success_at,
       count(*) FILTER (state = 'violation') AS after_revocation,
       count(*) FILTER (state = 'indeterminate') AS undecided,
       count(DISTINCT resource_id) AS resources, sum(response_bytes)::BIGINT AS bytes, count(response_bytes) AS sized,
       arg_min({'event_id': event_id, 'batch_id': batch_id, 'line_no': line_no}, (used_at, usage_id)) AS first_record,
       arg_max({'event_id': event_id, 'batch_id': batch_id, 'line_no': line_no}, (used_at, usage_id)) AS last_record
FROM case_call
"""

_OPERATIONS = """
WITH done AS (
    SELECT t.resource_server, coalesce(o.label, t.operation, concat_ws(' ', t.method, t.target)) AS operation,
           o.operation_id IS NOT NULL AS known, coalesce(k.writes, false) AS writes,
           coalesce(k.destroys, t.method = 'DELETE', false) AS destroys,
           coalesce(k.sensitive, false) AS sensitive,
           count(*) AS calls, count(*) FILTER (u.outcome = 'success') AS successes,
           count(*) FILTER (u.outcome = 'denied') AS denied,
           count(DISTINCT u.resource_id) AS resources,
           coalesce(list(DISTINCT coalesce(u.resource_id, t.target)) FILTER (u.outcome = 'success'), []) AS objects,
           sum(u.response_bytes)::BIGINT AS bytes,
           min(u.used_at) AS first_used_at, max(u.used_at) AS last_used_at
    FROM case_call u
    JOIN usage_target t USING (target_id)
    LEFT JOIN usage_operation o USING (target_id)
    LEFT JOIN operation_class k ON k.operation_id = o.operation_id
    GROUP BY ALL
)
SELECT * EXCLUDE (objects), len(objects) AS named, list_sort(objects)[:20] AS first_named FROM done
-- What is called a deletion comes first, too: one of it would be lost behind many reads.
ORDER BY destroys DESC, contains(lower(operation), 'delete') DESC, sensitive DESC, writes DESC, calls DESC, resource_server, operation
"""

_REMOVED = """
SELECT m.call AS operation, m.does, min(u.used_at) AS first_used_at
FROM case_call u JOIN removal m USING (target_id)
WHERE u.outcome = 'success' AND m.does <> 'tidies'
GROUP BY m.call, m.does
ORDER BY first_used_at, m.call
"""

_PLACES = """
SELECT c.ip, c.user_agent, count(*) AS calls, count(*) FILTER (u.outcome = 'success') AS successes,
       min(u.used_at) AS first_used_at, max(u.used_at) AS last_used_at
FROM case_call u JOIN usage_caller c USING (caller_id)
GROUP BY c.ip, c.user_agent
ORDER BY first_used_at, c.ip, c.user_agent
"""

_CALL_SCOPES = """
SELECT list_sort(list_distinct(flatten(list(c.token_scopes)))) AS scopes
FROM usage_caller c WHERE c.token_scopes IS NOT NULL AND c.caller_id IN (SELECT caller_id FROM case_call)
"""

_CHILDREN = """
WITH first_end AS (
    SELECT source, min(certain_from) AS certain_from
    FROM effective_revocation SEMI JOIN focus_revocation USING (source, revocation_event)
    GROUP BY source
)
SELECT x.source, x.token_id, x.token_kind, x.kind, x.client_id, x.subject_id, x.from_token_id, x.scopes,
       x.issued_at, x.expires_at,
       (SELECT count(*) FROM usage_row u JOIN named_caller c USING (caller_id)
        WHERE c.source = x.source AND c.token_id = x.token_id AND u.outcome = 'success' AND u.used_at < $until) AS calls,
       (SELECT max(u.used_at) FROM usage_row u JOIN named_caller c USING (caller_id)
        WHERE c.source = x.source AND c.token_id = x.token_id AND u.outcome = 'success' AND u.used_at < $until) AS last_used_at,
       (SELECT count(*) FROM usage_row u JOIN named_caller c USING (caller_id) JOIN first_end e ON e.source = c.source
        JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.log = 'usage'
        WHERE c.source = x.source AND c.token_id = x.token_id AND u.outcome = 'success' AND u.used_at < $until
          AND u.used_at - to_microseconds((k.before_s * 1000000)::BIGINT) > e.certain_from) AS calls_after,
       (SELECT min(v.record.seen_at) FROM covered_token v
        WHERE v.source = x.source AND v.token_id = x.token_id AND v.alive IS DISTINCT FROM false AND v.revoked_at < $until) AS revoked_at
FROM focus_child x
WHERE x.issued_at < $until
ORDER BY x.issued_at, x.source, x.token_id
"""

_KEYS_MADE = """
SELECT i.source, i.token_id, i.client_id, i.consent_actor, min(i.issued_at) AS made_at
FROM issued i JOIN focus_token USING (source, token_id)
WHERE i.kind = 'credential' AND i.issued_at < $until
GROUP BY i.source, i.token_id, i.client_id, i.consent_actor
ORDER BY made_at, i.source, i.token_id, i.consent_actor
"""

# What a client or person gave to others. The rows are others', so they are no part of those laid over the store.
_GIVEN = """
CREATE OR REPLACE TEMP TABLE case_given AS
SELECT i.* FROM {whole} i
WHERE {actor} AND i.outcome = 'success' AND i.issued_at < $until AND NOT {own_i}
"""

_HANDED_ON = """
SELECT i.source, i.kind::VARCHAR AS kind, i.client_id, max(i.client_name) AS client_name, i.subject_id,
       list_sort(list_distinct(flatten(list(i.scopes) FILTER (i.scopes IS NOT NULL)))) AS scopes,
       list_sort(list_distinct(list(i.authorization_details::VARCHAR) FILTER (i.authorization_details IS NOT NULL))) AS details,
       list_sort(list_distinct(flatten(list(i.may_act) FILTER (i.may_act IS NOT NULL)))) AS may_act, min(i.issued_at) AS given_at
FROM case_given i
GROUP BY i.source, i.kind, i.client_id, i.subject_id
ORDER BY given_at, i.source, i.client_id, i.subject_id, kind
"""

# Rows that name no tenant are taken for the tenant's that others of the same source name, as coverage takes them.
_SOURCES = """
CREATE OR REPLACE TEMP TABLE case_source AS
WITH own AS (
    SELECT i.source, i.tenant FROM issuance i
    WHERE {own_i} OR (i.source, i.token_id) IN (SELECT (source, token_id) FROM focus_token)
       OR (i.source, i.grant_id) IN (SELECT (source, grant_id) FROM focus_grant)
    UNION SELECT c.source, c.tenant FROM usage_caller c JOIN focus_caller USING (caller_id)
    UNION SELECT r.source, r.tenant FROM revocation r
    WHERE {own_r} OR (r.source, r.event_id) IN (SELECT (source, revocation_event) FROM focus_revocation)
),
tenants AS (
    SELECT source, count(DISTINCT tenant) AS number FROM coverage GROUP BY source
)
SELECT source, tenant, source || CASE WHEN number > 1 AND tenant IS NOT NULL THEN ' (tenant ' || tenant || ')' ELSE '' END AS name
FROM own LEFT JOIN tenants USING (source)
QUALIFY tenant IS NOT NULL OR count(tenant) OVER (PARTITION BY source) = 0
"""

_COVERAGE = """
SELECT s.source, s.tenant, s.name, c.log::VARCHAR AS log, c.in_part, min(greatest(c.covered_from, $since)) AS "from",
       max(least(c.covered_until, $until)) AS "until",
       sum(epoch_us(least(c.covered_until, $until)) - epoch_us(greatest(c.covered_from, $since)))
           / (epoch_us($until::TIMESTAMPTZ) - epoch_us($since::TIMESTAMPTZ)) AS share
FROM case_source s JOIN covered_time c ON c.source = s.source AND c.tenant IS NOT DISTINCT FROM s.tenant
WHERE c.covered_from < $until AND c.covered_until > $since
GROUP BY s.source, s.tenant, s.name, c.log, c.in_part
ORDER BY s.source, s.tenant, list_position(['issuance', 'usage', 'revocation'], c.log::VARCHAR), c.in_part
"""

_REGISTER = """
SELECT DISTINCT r.registered_as AS client_id, r.name, r.kind, nullif(trim(r.owner), '') AS owner, nullif(trim(r.purpose), '') AS purpose,
       r.status, r.registered_at,
       list_filter([CASE WHEN len(r.approved_hours) = 0 THEN 'at no time'
                         ELSE array_to_string(list_sort(list_distinct([h.written FOR h IN r.approved_hours])), ', ') END,
                    CASE WHEN len(r.approved_resources) = 0 THEN 'on nothing' ELSE 'on ' || array_to_string(r.approved_resources, ', ') END,
                    'at most ' || r.calls_per_day || ' calls a day'], lambda said: said IS NOT NULL) AS limits
FROM registered_client r
WHERE r.client_id IN (SELECT client_id FROM grant_state JOIN focus_grant USING (source, grant_id)
                      UNION SELECT client_id FROM named_caller JOIN focus_caller USING (caller_id)
                      UNION SELECT $id WHERE $kind = 'client'
                      UNION SELECT id FROM case_id WHERE $kind = 'client')
ORDER BY r.registered_as
"""

_KEYS = """
SELECT coalesce(CASE WHEN c.token_known OR b.grant_id IS NOT NULL THEN 'token' END, s.join_key, 'unattributed') AS join_key, count(*) AS calls
FROM case_call u
JOIN named_caller c USING (caller_id)
LEFT JOIN caller_segment s ON s.caller_id = u.caller_id AND s.valid_from <= u.used_at AND s.valid_until > u.used_at
LEFT JOIN borrowed_token b ON b.caller_id = u.caller_id
GROUP BY 1 ORDER BY 1
"""

# Of a name that was used again: which of the tokens that were not surely over by then.
_AMBIGUOUS = """
SELECT coalesce(a.token_name, regexp_extract(a.grant_id, '[^:]*$')) AS token_name, a.grant_id, a.revoked_at, a.revocation_event,
       list(a.token_id ORDER BY a.issued_at, a.token_id) AS token_ids,
       list(a.token_id ORDER BY a.issued_at, a.token_id) FILTER (a.issued_before) AS issued_before
FROM ambiguous_revocation a
SEMI JOIN (FROM effective_revocation WHERE doubt = 'name') e ON e.source = a.source AND e.revocation_event = a.revocation_event
ANTI JOIN (FROM effective_revocation WHERE doubt IS NULL AND target_kind = 'grant') o
    ON o.source = a.source AND o.grant_id = a.grant_id AND o.revoked_at >= a.issued_at AND o.record.seen_at < a.revoked_at
WHERE a.revoked_at < $until AND (a.source, a.grant_id) IN (SELECT (source, grant_id) FROM focus_grant)
GROUP BY ALL ORDER BY a.revoked_at, a.revocation_event
"""

# The same id in several sources is one only where somebody says so.
_UNLINKED = """
WITH seen AS (
    SELECT source FROM issuance WHERE {named} AND {own}
    UNION SELECT source FROM usage_caller WHERE {named} AND {own}
    UNION SELECT source FROM revocation WHERE {named} AND {own}
)
SELECT s.source, $kind AS kind, $id AS id
FROM seen s LEFT JOIN canonical_identity n ON n.source = s.source AND n.kind = $kind AND n.id = $id
-- Calls with a token that the other source issued to the id it has there show that it is one.
ANTI JOIN (
    SELECT DISTINCT c.source
    FROM borrowed_token b JOIN usage_caller c USING (caller_id)
    WHERE $id = CASE $kind WHEN 'client' THEN c.client_id ELSE c.subject_id END
      AND $id = CASE $kind WHEN 'client' THEN b.client_id ELSE b.subject_id END
) k ON k.source = s.source
QUALIFY count(DISTINCT (n.name, CASE WHEN n.name IS NULL THEN s.source END)) OVER () > 1
ORDER BY s.source
"""


_PARENTLESS = """
SELECT source FROM issuance
GROUP BY source
HAVING count(parent_token_id) FILTER (kind IN ('refresh', 'exchange')) = 0
ORDER BY source
"""


def parentless(engine: Engine) -> list[str]:
    """Return whose issuance log names no token that another came of: by such a log nothing is ever made from a token.

    Asked of the whole store, before the case is laid over it.
    """
    return [source for (source,) in engine.rows(_PARENTLESS)]


def collect(engine: Engine, about: Asked, values: Mapping[str, Any], findings: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the facts; reads the relations and the focus tables.

    It leaves the tables of `lay_facts` behind, and case_decision. `findings` holds those of REV-2 and REV-9.
    """
    lay_facts(engine, about, values)
    lay_decisions(engine, about, values)
    return {
        "consents": ask(engine, _CONSENTS, values),
        "issued": ask(engine, _ISSUED, values)[0],
        "keys_made": ask(engine, _KEYS_MADE, values),
        "used": ask(engine, _USED, values)[0],
        "operations": ask(engine, _OPERATIONS, values),
        "call_scopes": ask(engine, _CALL_SCOPES)[0]["scopes"],
        "removed": ask(engine, _REMOVED),
        "places": ask(engine, _PLACES, values),
        "children": ask(engine, _CHILDREN, values),
        "handed_on": ask(engine, _HANDED_ON),
        **ended(engine, about, values, findings),
        "sources": ask(engine, "SELECT source, tenant, name FROM case_source ORDER BY source, tenant"),
        "unlinked": ask(engine, about.into(_UNLINKED, named=about.named()), values),
        "coverage": ask(engine, _COVERAGE, values),
        "register": ask(engine, _REGISTER, values),
        "keys": ask(engine, _KEYS, values),
        "ambiguous": ask(engine, _AMBIGUOUS, values),
        "decisions": ask(engine, "FROM case_decision"),
        "registered": bool(engine.value("SELECT count(*) FROM register")),
    }


def lay_facts(engine: Engine, about: Asked, values: Mapping[str, Any]) -> None:
    """Make the tables case_call, case_given, case_source and focus_revocation, which the evidence reads too."""
    engine.execute(f"CREATE OR REPLACE TEMP TABLE case_call AS {CALLS}", values)
    lay_ended(engine, about, values)
    engine.execute(about.into(_SOURCES), values)
    engine.execute(about.into(_GIVEN, whole=everyones_issuance(engine), actor=_given_by(about)), values)


def _given_by(about: Asked) -> str:
    """Return the condition under which a client or person gave something; a token or a grant gives nothing."""
    if about.kind not in ("client", "subject"):
        return "false"
    if about.ids:
        return "(i.source, i.consent_actor) IN (SELECT (source, id) FROM case_id)"
    return "i.consent_actor = $id"


def drop_facts(engine: Engine) -> None:
    """Drop what `collect` left behind."""
    for name in ("case_call", "case_decision", "case_given", "case_source", "focus_revocation"):
        engine.execute(f"DROP TABLE IF EXISTS temp.{name}")
