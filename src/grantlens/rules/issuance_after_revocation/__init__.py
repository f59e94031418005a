"""REV-2: tokens that were issued although their grant was revoked, or their client or person disabled."""

from grantlens.relations.covered_token import why_doubted
from grantlens.relations.presented_token import OF_ANOTHER
from grantlens.relations.tenant_token import OF_ONE_TENANT, why_unknown
from grantlens.rule.evidence import (
    DISABLED,
    ENDED,
    ENDED_GRANT,
    GRANT,
    ISSUE_END,
    NAMED,
    PAIR,
    SAYS_WHEN,
    TOKEN,
    USE_END,
    Evidence,
    Way,
)
from grantlens.rule.rule import Rule
from grantlens.rules.issuance_after_revocation.examples import FIRES, SILENT
from grantlens.rules.issuance_after_revocation.undecidable import UNDECIDABLE

_LET_IN = "what was issued first after a client or person was disabled, and before it is logged to be enabled again"

RULE = Rule(
    id="REV-2",
    version=12,
    name="issuance_after_revocation",
    key=("token_id",),
    question="Which tokens were issued after the revocation of their grant or refresh token, or first after their holder was disabled?",
    severity="critical",
    remedy="The authorisation server itself broke the revocation: revoke the new token, then find the replica or flow that issued it. "
    "Of a client or person that was disabled ask first whether it was enabled again.",
    basis="RFC 7009 section 2.1; Global Token Revocation draft",
    needs=(
        "effective_revocation",
        "enabled_again",
        "called_token",
        "presented_token",
        "same_subject",
        "covered_token",
        "tenant_token",
        "child_token",
        "issued",
        "clock_error",
        "covered_time",
    ),
    # A new token of the grant that ended, or one made from the refresh token that ended; less of what a client or person got that had been disabled.
    rests_on=Evidence(
        (
            Way(ISSUE_END, {ISSUE_END: GRANT}, (NAMED, ENDED, *ENDED_GRANT)),
            Way(ISSUE_END, {ISSUE_END: TOKEN}, (NAMED, ENDED, "issuance.parent_token_id")),
            Way(
                ISSUE_END,
                {ISSUE_END: PAIR},
                (NAMED, ENDED, *ENDED_GRANT),
                leaves_open="any new token of the client for the subject counts, unless a consent came before it",
            ),
            Way(
                ISSUE_END,
                {ISSUE_END: PAIR},
                ("issuance.token_id", ENDED, *ENDED_GRANT),
                leaves_open="only of new keys: issued tokens have no id",
            ),
        ),
        (
            Way(
                ISSUE_END,
                {ISSUE_END: PAIR},
                ("issuance.token_id", *DISABLED),
                leaves_open=_LET_IN,
            ),
            Way(USE_END, {USE_END: PAIR}, (*SAYS_WHEN, *DISABLED), leaves_open=_LET_IN),
        ),
    ),
    sql=f"""
WITH RECURSIVE token_of_one AS NOT MATERIALIZED (
    SELECT source, home AS tenant, token_id, grant_id, client_id, client_name, subject_id, scopes, issued_at, batch_id, line_no, event_id
    FROM tenant_token
    WHERE {OF_ONE_TENANT}
),
from_grant AS (
    SELECT r.source, r.revocation_event, t.tenant, t.token_id,
           CASE WHEN r.grant_id LIKE 'derived:%' THEN 'client_subject' ELSE 'grant' END AS join_key, r.doubt
    FROM effective_revocation r
    JOIN token_of_one t ON t.source = r.source AND t.grant_id = r.grant_id AND t.issued_at > r.revoked_at
    LEFT JOIN enabled_again e ON e.source = r.source AND e.revocation_event = r.revocation_event
    WHERE r.target_kind = 'grant' AND coalesce(t.issued_at < e.enabled_at, true)
    UNION ALL
    SELECT r.source, r.revocation_event, t.tenant, t.token_id, 'client_subject', CASE WHEN r.tenant IS NOT NULL AND t.tenant IS NULL THEN 'tenant' ELSE r.doubt END
    FROM effective_revocation r
    JOIN token_of_one t ON t.source = r.source AND t.client_id = r.client_id AND t.subject_id = r.subject_id AND t.issued_at > r.revoked_at
        AND coalesce(t.tenant = r.tenant, true)
    WHERE r.target_kind = 'grant' AND r.grant_id IS NULL
),
-- Children, and theirs, of a revoked refresh token, and what was exchanged for any revoked token: the server took it for good.
-- A client or person that was disabled may be enabled again, its tokens with it (see `disabled`); a key too, until then it is covered.
revoked_token AS (
    SELECT c.source, c.revocation_event, c.revoked_at, c.token_tenant, c.token_id, c.token_kind = 'refresh' OR c.is_target AS begets, c.covered_until,
           {why_doubted("c.doubt", "the parent''s id")} AS why
    FROM covered_token c
    SEMI JOIN child_token x ON x.source = c.source AND x.parent_token_id = c.token_id
    JOIN effective_revocation r USING (source, revocation_event)
    WHERE c.token_id IS NOT NULL AND (r.target_kind NOT IN ('client', 'subject') OR r.kind = 'revoke')
    UNION
    SELECT r.source, r.revocation_event, r.revoked_at, r.tenant, r.token_id, true, 'infinity'::TIMESTAMPTZ, NULL::VARCHAR
    FROM effective_revocation r
    WHERE r.target_kind IN ('token', 'credential') AND r.token_id IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM covered_token c
                      WHERE c.source = r.source AND c.revocation_event = r.revocation_event AND c.token_id = r.token_id)
),
-- Each in the tenant that it, one before it or the revocation names.
lineage AS (
    SELECT v.source, v.revocation_event, t.tenant, t.token_id, coalesce(v.token_tenant, t.tenant) AS ended_in,
           coalesce(v.why, {why_unknown("v.token_tenant", "t.tenant", "t.parent_tenants", "new token names", "a token of the parent''s id")}) AS why
    FROM revoked_token v
    JOIN child_token t ON t.source = v.source AND t.parent_token_id = v.token_id AND (v.begets OR t.kind = 'exchange')
        AND t.issued_at > v.revoked_at AND t.issued_at < v.covered_until AND (v.token_tenant IS NULL OR t.tenant IS NULL OR t.tenant = v.token_tenant)
    UNION
    SELECT d.source, d.revocation_event, t.tenant, t.token_id, coalesce(d.ended_in, t.tenant),
           coalesce(d.why, CASE WHEN t.parent_of_several THEN 'the new token names no tenant, and several have a token of the parent''s id' END)
    FROM lineage d
    JOIN child_token t ON t.source = d.source AND t.parent_token_id = d.token_id AND t.kind <> 'exchange'
        AND (d.ended_in IS NULL OR t.tenant IS NULL OR t.tenant = d.ended_in)
),
candidate AS (
    SELECT g.source, g.revocation_event, g.tenant, g.token_id, g.join_key, {why_doubted("g.doubt")} AS why
    FROM from_grant g
    ANTI JOIN (FROM lineage WHERE why IS NULL) d
        ON d.source = g.source AND d.revocation_event = g.revocation_event AND d.token_id = g.token_id AND d.tenant IS NOT DISTINCT FROM g.tenant
    UNION ALL
    SELECT DISTINCT source, revocation_event, tenant, token_id, 'token', why FROM lineage
),
-- A consent that may have come before a token brings a new grant, also where the provider reuses the id; the last one tells. It brings no
-- refresh token back to life. Joined on what is equal, one way after the other: there may be as many consents as tokens.
renewable AS (
    SELECT t.source, t.token_id, t.tenant, t.client_id, t.subject_id, t.grant_id, t.issued_at,
           t.issued_at + to_microseconds(((k.before_s + k.after_s) * 1000000)::BIGINT) AS fresh_until
    FROM (SELECT DISTINCT source, tenant, token_id FROM from_grant) c
    JOIN token_of_one t ON t.source = c.source AND t.token_id = c.token_id AND t.tenant IS NOT DISTINCT FROM c.tenant
    JOIN clock_error k ON k.source = t.source AND k.tenant IS NOT DISTINCT FROM t.tenant AND k.log = 'issuance'
),
consent AS (
    SELECT n.source, n.tenant, n.token_id, true AS of_grant, max(i.issued_at) FILTER (i.issued_at <= n.issued_at) AS before_token, max(i.issued_at) AS last_at,
           NULL::TIMESTAMPTZ AS unnamed_at
    FROM renewable n JOIN issued i ON i.source = n.source AND i.grant_id = n.grant_id AND i.issued_at <= n.fresh_until
    WHERE i.kind = 'consent'
    GROUP BY n.source, n.tenant, n.token_id
    UNION ALL
    -- One that names another grant counts only where the revocation names none; one of which the tenant is not told may be another's.
    SELECT n.source, n.tenant, n.token_id, i.grant_id IS NULL,
           max(i.issued_at) FILTER (i.issued_at <= n.issued_at AND i.tenant IS NOT DISTINCT FROM n.tenant), max(i.issued_at),
           max(i.issued_at) FILTER ((i.tenant IS NULL) <> (n.tenant IS NULL))
    FROM renewable n JOIN issued i ON i.source = n.source AND (i.tenant IS NULL OR n.tenant IS NULL OR i.tenant = n.tenant)
        AND i.client_id = n.client_id AND i.subject_id IS NOT DISTINCT FROM n.subject_id AND i.issued_at <= n.fresh_until
    WHERE i.kind = 'consent'
    GROUP BY n.source, n.tenant, n.token_id, i.grant_id IS NULL
),
last_consent AS (
    SELECT source, tenant, token_id, max(before_token) FILTER (of_grant) AS before_token, max(last_at) FILTER (of_grant) AS last_at,
           max(before_token) AS any_before_token, max(last_at) AS any_last_at, max(unnamed_at) AS any_unnamed_at
    FROM consent
    GROUP BY source, tenant, token_id
),
shown_whole AS (
    SELECT source, coalesce(tenant, '') AS tenant, covered_from, covered_until FROM covered_time WHERE log = 'issuance' AND NOT in_part
),
timed AS (
    SELECT c.source, c.tenant AS home, c.token_id, coalesce(c.tenant, r.tenant) AS tenant,
           c.why,
           -- What a refresh token gives after its end needs no consent.
           c.join_key = 'token' OR coalesce(v.covered_until >= t.issued_at, false) AS watched,
           {{'revoked_at': r.revoked_at, 'event_id': r.revocation_event, 'record': r.record, 'join_key': c.join_key}} AS ended,
           t.issued_at - to_microseconds((k.before_s * 1000000)::BIGINT) > r.certain_from AS proven,
           -- A consent after this the clocks cannot put before the revocation.
           r.revoked_at - to_microseconds(((k.after_s + r.before_s) * 1000000)::BIGINT) AS fresh_from,
           CASE WHEN c.join_key <> 'token' THEN CASE WHEN r.grant_id IS NULL THEN n.any_before_token ELSE n.before_token END END AS before_token,
           CASE WHEN c.join_key <> 'token' THEN CASE WHEN r.grant_id IS NULL THEN n.any_last_at ELSE n.last_at END END AS last_at,
           CASE WHEN c.join_key <> 'token' AND r.grant_id IS NULL THEN n.any_unnamed_at END AS unnamed_at
    FROM candidate c
    JOIN effective_revocation r ON r.source = c.source AND r.revocation_event = c.revocation_event
    JOIN token_of_one t ON t.source = c.source AND t.token_id = c.token_id AND t.tenant IS NOT DISTINCT FROM c.tenant
    JOIN clock_error k ON k.source = t.source AND k.tenant IS NOT DISTINCT FROM t.tenant AND k.log = 'issuance'
    LEFT JOIN last_consent n ON n.source = c.source AND n.token_id = c.token_id AND n.tenant IS NOT DISTINCT FROM c.tenant
    ASOF LEFT JOIN shown_whole v ON v.source = c.source AND v.tenant = coalesce(c.tenant, r.tenant, '') AND v.covered_from <= r.revoked_at
    WHERE t.issued_at >= $since AND t.issued_at < $until
),
judged AS (
    SELECT source, home, token_id, max(tenant) AS tenant, min(ended) AS ended, bool_or(proven) AS proven,
           bool_or(proven AND watched AND why IS NULL AND NOT coalesce(last_at >= fresh_from, false)) AS sure,
           bool_or(watched) AS watched,
           CASE WHEN bool_and(why IS NOT NULL) THEN min(why) END AS why,
           bool_or(coalesce(unnamed_at >= fresh_from, false)) AS unnamed
    FROM timed
    WHERE NOT coalesce(before_token > ended.revoked_at, false)
    GROUP BY source, home, token_id
),
-- Of a client or person that was disabled only what was issued first afterwards, and before the log tells that it was enabled again.
disabled AS (
    SELECT r.source, coalesce(r.tenant, '') AS tenant, r.target_kind, r.client_id, coalesce(s.object_id, r.subject_id) AS subject_id, r.revocation_event,
           r.revoked_at, r.certain_from, r.record, e.enabled_at
    FROM effective_revocation r
    LEFT JOIN enabled_again e USING (source, revocation_event)
    LEFT JOIN same_subject s ON s.source = r.source AND s.id = lower(r.subject_id)
    WHERE r.kind = 'disable' AND r.target_kind IN ('client', 'subject') AND r.doubt IS NULL
),
own_token AS (
    SELECT source, coalesce(tenant, '') AS tenant, client_id, subject_id, token_id, tenant AS home, issued_from AS issued_at, issued_from AS surely_at
    FROM called_token
    UNION ALL
    SELECT t.source, coalesce(t.tenant, ''), t.client_id, t.subject_id, t.token_id, t.tenant, t.issued_at,
           t.issued_at - to_microseconds((k.before_s * 1000000)::BIGINT)
    FROM token_of_one t
    JOIN clock_error k ON k.source = t.source AND k.tenant IS NOT DISTINCT FROM t.tenant AND k.log = 'issuance'
    WHERE (t.source, t.client_id) IN (SELECT (source, client_id) FROM disabled) OR (t.source, t.subject_id) IN (SELECT (source, subject_id) FROM disabled)
),
consented AS (
    SELECT DISTINCT source, coalesce(tenant, '') AS tenant, client_id, issued_at FROM issued WHERE kind = 'consent'
),
first_after AS (
    SELECT d.*, t.surely_at, NULL::TIMESTAMPTZ AS given_at
    FROM (FROM disabled WHERE target_kind = 'subject') d
    ASOF JOIN own_token t ON t.source = d.source AND t.tenant = d.tenant AND t.subject_id = d.subject_id AND t.surely_at > d.certain_from
    UNION ALL
    SELECT d.*, t.surely_at, c.issued_at
    FROM (FROM disabled WHERE target_kind = 'client') d
    ASOF JOIN own_token t ON t.source = d.source AND t.tenant = d.tenant AND t.client_id = d.client_id AND t.surely_at > d.certain_from
    -- A new consent lets a client in again.
    ASOF LEFT JOIN consented c ON c.source = d.source AND c.tenant = d.tenant AND c.client_id = d.client_id AND c.issued_at > d.revoked_at
),
let_in_again AS (
    SELECT t.source, t.home, t.token_id, t.issued_at, t.client_id, t.subject_id, min({{'revoked_at': f.revoked_at, 'event_id': f.revocation_event, 'record': f.record, 'join_key': 'client_subject'}}) AS ended,
           arg_min(f.target_kind, f.revoked_at) AS target_kind, bool_and(f.enabled_at IS NOT NULL) AS is_enabled_later
    FROM first_after f
    JOIN own_token t ON t.source = f.source AND t.tenant = f.tenant AND t.surely_at = f.surely_at
        AND CASE f.target_kind WHEN 'client' THEN t.client_id = f.client_id ELSE t.subject_id = f.subject_id END
    ANTI JOIN judged j ON j.source = t.source AND j.token_id = t.token_id AND j.home IS NOT DISTINCT FROM t.home
    WHERE NOT coalesce(least(f.given_at, f.enabled_at) <= t.issued_at, false) AND t.issued_at >= $since AND t.issued_at < $until
    GROUP BY ALL
),
-- What only calls know is told by the first of them, and once where the issuer and the log of the calls both tell the end.
first_call AS (
    SELECT p.source, p.tenant, p.token_id, min(c.client_name) AS client_name,
           min({{'seen_at': u.used_at, 'batch_id': u.batch_id, 'line_no': u.line_no, 'event_id': u.event_id}}) AS record
    FROM (FROM presented_token SEMI JOIN let_in_again USING (source, token_id)) p
    JOIN usage_caller c USING (caller_id)
    JOIN usage_row u USING (caller_id)
    GROUP BY p.source, p.tenant, p.token_id
),
told_twice AS (
    SELECT o.source, i.token_id FROM let_in_again i JOIN (VALUES {OF_ANOTHER}) o(source, issuer) ON o.issuer = i.source
)
SELECT CASE WHEN j.sure THEN 'violation' ELSE 'indeterminate' END AS verdict,
       'critical' AS severity,
       coalesce(t.client_name, t.client_id, 'An unnamed client') || CASE WHEN j.sure THEN ' got a new token after the revocation'
           WHEN j.why IS NOT NULL THEN ' got a new token after a revocation that may have been of other access'
           WHEN j.proven THEN ' got a new token after the revocation, and may have got a new consent before it'
           ELSE ' got a new token so near the revocation that either may have come first' END AS title,
       j.source, j.tenant, t.client_id, t.subject_id, t.grant_id, j.token_id, t.scopes,
       j.ended.record.seen_at AS first_seen, t.issued_at AS last_seen, 2 AS events,
       to_json({{
           'revocation_event': j.ended.event_id,
           'issued_after_s': round((epoch_us(t.issued_at) - epoch_us(j.ended.revoked_at)) / 1e6, 6),
           'reason': CASE WHEN j.sure THEN NULL
                          WHEN j.why IS NOT NULL THEN j.why
                          WHEN NOT j.watched THEN 'the issuance log does not show all that time: a consent may be missing'
                          WHEN j.proven AND j.unnamed THEN 'a consent in between may be another tenant''s: it names none, or the token does not'
                          WHEN j.proven THEN 'a consent lies so near that the clocks cannot tell whether it came in between'
                          ELSE 'the issuance and the revocation are closer than the clocks can tell' END}}) AS detail,
       j.ended.join_key,
       [j.ended.record, {{'seen_at': t.issued_at, 'batch_id': t.batch_id, 'line_no': t.line_no, 'event_id': t.event_id}}] AS records,
       'issuance' AS about_log, j.ended.record.seen_at AS about_from, t.issued_at AS about_until
FROM judged j
JOIN token_of_one t ON t.source = j.source AND t.token_id = j.token_id AND t.tenant IS NOT DISTINCT FROM j.home
UNION ALL
SELECT 'indeterminate', 'high',
       coalesce(t.client_name, u.client_name, l.client_id, 'An unnamed client') || ' got a token after '
           || CASE l.target_kind WHEN 'client' THEN 'it was disabled' ELSE 'its person was disabled' END,
       l.source, l.home, l.client_id, l.subject_id, t.grant_id, l.token_id, t.scopes, l.ended.record.seen_at, l.issued_at, 2,
       to_json({{
           'revocation_event': l.ended.event_id,
           'issued_after_s': round((epoch_us(l.issued_at) - epoch_us(l.ended.revoked_at)) / 1e6, 6),
           'reason': CASE WHEN l.is_enabled_later THEN 'the log tells only later that it was enabled again'
                          ELSE 'whether it had been enabled again no log tells' END}}),
       l.ended.join_key,
       [l.ended.record, CASE WHEN t.token_id IS NULL THEN u.record
                             ELSE {{'seen_at': t.issued_at, 'batch_id': t.batch_id, 'line_no': t.line_no, 'event_id': t.event_id}} END],
       CASE WHEN t.token_id IS NULL THEN 'usage' ELSE 'issuance' END, l.ended.record.seen_at, l.issued_at
FROM (FROM let_in_again ANTI JOIN told_twice USING (source, token_id)) l
LEFT JOIN token_of_one t ON t.source = l.source AND t.token_id = l.token_id AND t.tenant IS NOT DISTINCT FROM l.home
LEFT JOIN first_call u ON u.source = l.source AND u.token_id = l.token_id AND u.tenant IS NOT DISTINCT FROM l.home
""",
    fires=FIRES,
    silent=SILENT,
    undecidable=UNDECIDABLE,
)
