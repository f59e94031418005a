"""What was tried with a token after its revocation, and how that went."""

from grantlens.relations.covered_token import why_doubted
from grantlens.relations.effective_revocation import one_event
from grantlens.relations.relation import Relation
from grantlens.relations.tenant_token import why_unknown

ALLOWED_S = """CASE coalesce(p.validation::VARCHAR, CASE WHEN p.bound_seconds IS NOT NULL THEN 'push' END)
               WHEN 'introspection' THEN coalesce(p.bound_seconds, 0)
               WHEN 'cached' THEN CASE WHEN coalesce(p.cache_seconds, p.bound_seconds) IS NOT NULL
                   THEN least(coalesce(p.cache_seconds, p.bound_seconds), v.life_left_s) END
               WHEN 'push' THEN p.bound_seconds
               WHEN 'offline' THEN coalesce(p.bound_seconds, v.life_left_s)
               ELSE CASE WHEN coalesce(p.validation::VARCHAR, s.validation) = 'introspection' THEN 0 END
           END"""
"""SQL for the seconds for which a server may go on accepting what was taken away, NULL where nothing says so: `p` is its row of the
table of servers, `s.validation` what its calls say, `v.life_left_s` the rest of the token's life."""

EXPLANATION = (
    "CASE p.validation::VARCHAR WHEN 'cached' THEN 'cache' WHEN 'offline' THEN 'offline_jwt' ELSE 'propagation' END"
)
"""SQL for what explains a call within these seconds."""

RELATION = Relation(
    "revoked_use",
    "For each revocation, covered token (or grant) and resource server: what was tried after the revocation, "
    "from revoked_at by the clock of the issuance log and logged_at as its record has it, in differences of logged times, each set right by the offset of its clock, and in bounds widened by the clock errors. A success is proven to "
    "be after the revocation only if the two clocks' intervals do not touch; one in the same second counts as "
    "touching. Only a refusal because of the token, before its expiry, is a denial. The bounds describe the "
    "end of the last success (T2 of an uneven enforcement). allowed_s is the window in which the server is "
    "documented to go on accepting the token; NULL where nothing says so. Calls that name a revoked session and no token that is "
    "known are uses of the session: token and grant are NULL then. Whose access it was the calls say where nothing else does. why_unknown says why "
    "the calls may be with access that it did not end, NULL where they are not: as where no log without a gap from the end to "
    "the first success would show that what was ended is back; where one would, what was tried when it was there no more is left out. "
    "A revocation from before the window is here only if what it ended worked within the window.",
    """
WITH over AS (
    SELECT *, NULL AS session_id FROM covered_token
    UNION ALL
    -- The session itself, until it is opened again: what is refreshed or exchanged within it opens nothing.
    SELECT r.source, r.tenant, r.revocation_event, r.revoked_at, r.revoked_true, r.certain_from, r.before_s, r.after_s,
           r.target_kind, r.initiator, r.record, r.doubt,
           NULL, NULL, NULL, NULL, NULL, r.client_id, r.subject_id, NULL, NULL, NULL,
           coalesce(min(i.issued_at), 'infinity'::TIMESTAMPTZ), true, NULL, r.session_id
    FROM effective_revocation r
    LEFT JOIN issued i ON i.source = r.source AND i.session_id = r.session_id AND i.issued_at > r.revoked_at
        AND i.kind NOT IN ('refresh', 'exchange') AND (r.tenant IS NULL OR i.tenant IS NULL OR i.tenant = r.tenant)
    WHERE r.target_kind = 'session'
    GROUP BY ALL
),
shown_whole AS (
    SELECT source, coalesce(tenant, '') AS tenant, log::VARCHAR AS log, covered_from, open_until FROM covered_time WHERE NOT in_part
),
-- What may bring back what was ended, and which log would show that: a deleted key, or a token that was revoked by itself, stays over.
-- Times that end in _true are set right by the offset of their clock.
may_return AS (
    SELECT o.*, o.record.seen_at AS logged_at, o.revoked_true - (logged_at - date_trunc('second', logged_at)) AS ended_true,
           coalesce(o.token_tenant, o.tenant, '') AS home,
           r.kind = 'disable' AND o.target_kind IN ('client', 'subject', 'grant') AS may_be_enabled,
           CASE WHEN o.session_id IS NOT NULL THEN 'that the session was opened again'
                WHEN o.token_id IS NULL THEN 'a consent'
                WHEN o.target_kind = 'policy' AND r.client_id IS NOT NULL AND r.reason IS NOT NULL THEN 'that the policy was taken away'
                WHEN o.target_kind IN ('token', 'credential') AND r.kind = 'disable' THEN 'that the key was switched on again' END AS given_by,
           CASE WHEN coalesce(d.giving_shown, false) THEN 'revocation' ELSE 'issuance' END AS given_log
    FROM over o
    JOIN effective_revocation r USING (source, revocation_event)
    LEFT JOIN declared d ON d.source = o.source
),
-- Until when these logs were there without a gap.
ended_access AS (
    SELECT v.* EXCLUDE (home, may_be_enabled, given_by, given_log),
           CASE WHEN v.may_be_enabled THEN coalesce(e.open_until, v.logged_at) ELSE 'infinity'::TIMESTAMPTZ END AS off_until,
           CASE WHEN v.given_by IS NOT NULL THEN coalesce(g.open_until, v.logged_at) ELSE 'infinity'::TIMESTAMPTZ END AS not_given_until,
           'the ' || v.given_log || ' log does not show all that time: ' || v.given_by || ' may be missing' AS why_given
    FROM may_return v
    ASOF LEFT JOIN (FROM shown_whole WHERE log = 'revocation') e ON e.source = v.source AND e.tenant = v.home AND e.covered_from <= v.logged_at
    ASOF LEFT JOIN shown_whole g ON g.source = v.source AND g.tenant = v.home AND g.log = v.given_log AND g.covered_from <= v.logged_at
),
-- The tenants that have a session of an id that was ended.
session_home AS (
    SELECT source, session_id, list(DISTINCT tenant) AS homes
    FROM (SELECT source, session_id, tenant FROM issued UNION SELECT source, session_id, tenant FROM usage_caller)
    SEMI JOIN ended_access USING (source, session_id)
    WHERE tenant IS NOT NULL
    GROUP BY source, session_id
),
recent AS (
    SELECT DISTINCT caller_id FROM usage_row WHERE outcome = 'success' AND used_at >= $since AND used_at < $until
),
recent_token AS (
    SELECT DISTINCT source, token_id FROM presented_token SEMI JOIN recent USING (caller_id)
),
recent_grant AS (
    SELECT DISTINCT source, grant_id FROM named_caller SEMI JOIN recent USING (caller_id) WHERE NOT token_known
),
-- When each caller called last: it tried nothing that was ended later.
last_call AS (
    SELECT l.caller_id, l.last_used_at - to_microseconds((k.offset_s * 1000000)::BIGINT) AS last_used_true
    FROM (SELECT caller_id, max(used_at) AS last_used_at FROM usage_row WHERE used_at < $until GROUP BY caller_id) l
    JOIN usage_caller c ON c.caller_id = l.caller_id
    JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.log = 'usage'
),
met AS (
    SELECT v.*, c.caller_id, 'token' AS join_key, c.why_unknown, least(v.off_until, v.not_given_until) AS ended_until
    FROM ended_access v
    JOIN revoked_caller c ON c.source = v.source AND c.revocation_event = v.revocation_event AND c.token_id = v.token_id
        AND c.token_tenant IS NOT DISTINCT FROM v.token_tenant
    JOIN last_call l ON l.caller_id = c.caller_id AND l.last_used_true >= v.ended_true
    WHERE v.logged_at < $until
      AND (v.logged_at >= $since OR EXISTS (SELECT 1 FROM recent_token n WHERE n.source = v.source AND n.token_id = v.token_id))
    UNION ALL
    SELECT v.*, c.caller_id, c.join_key, coalesce("""
    + why_doubted("v.doubt")
    + """, CASE WHEN k.token_issued_at > v.certain_from THEN 'the calls say that their token was issued after the revocation'
                WHEN coalesce(n.issued_at, k.token_issued_at) + to_microseconds((coalesce(i.after_s, 0) * 1000000)::BIGINT)
                    >= v.revoked_at - to_microseconds((v.before_s * 1000000)::BIGINT)
                THEN 'the issuance of the token and the revocation are closer than the clocks can tell' END),
           -- A consent brings no older token back.
           CASE WHEN coalesce(n.issued_at, k.token_issued_at) IS NOT NULL THEN v.off_until ELSE least(v.off_until, v.not_given_until) END
    FROM ended_access v
    JOIN named_caller c ON c.source = v.source AND c.grant_id = v.grant_id AND NOT c.token_known
    JOIN last_call l ON l.caller_id = c.caller_id AND l.last_used_true >= v.ended_true
    JOIN usage_caller k ON k.caller_id = c.caller_id
    LEFT JOIN called_token n ON n.source = k.source AND n.tenant IS NOT DISTINCT FROM k.tenant AND n.token_id = k.token_id
    LEFT JOIN (SELECT source, max(after_s) AS after_s FROM clock_error WHERE log = 'issuance' GROUP BY source) i ON i.source = v.source
    ANTI JOIN revoked_caller x ON x.source = v.source AND x.revocation_event = v.revocation_event AND x.caller_id = c.caller_id
    WHERE v.token_id IS NULL AND v.logged_at < $until
      AND (v.logged_at >= $since
           OR EXISTS (SELECT 1 FROM recent_grant n WHERE n.source = v.source AND n.grant_id = v.grant_id))
    UNION ALL
    SELECT v.*, c.caller_id, 'session', """
    + why_unknown("v.tenant", "c.tenant", "h.homes", which="a session of this id")
    + """, least(v.off_until, v.not_given_until)
    FROM ended_access v
    JOIN usage_caller k ON k.source = v.source AND k.session_id = v.session_id AND (v.tenant IS NULL OR k.tenant IS NULL OR k.tenant = v.tenant)
    LEFT JOIN session_home h ON h.source = v.source AND h.session_id = v.session_id
    JOIN named_caller c ON c.caller_id = k.caller_id AND NOT c.token_known
    JOIN last_call l ON l.caller_id = c.caller_id AND l.last_used_true >= v.ended_true
    WHERE v.logged_at < $until
),
watched AS (
    -- Each tenant's token is told by itself; where it is not known whose it was, the calls of each tenant.
    SELECT m.*, CASE WHEN m.why_unknown IS NULL THEN m.token_tenant ELSE c.tenant END AS apart,
           c.client_id AS caller_client_id, c.subject_id AS caller_subject_id, c.tenant AS caller_tenant, c.resource_server, c.validation,
           u.before_s AS use_before_s, u.after_s AS use_after_s, u.offset_s AS use_offset_s,
           coalesce(i.before_s, 0) AS issue_before_s,
           m.expires_at - to_microseconds((coalesce(i.offset_s, 0) * 1000000)::BIGINT) AS expires_true,
           CASE WHEN m.ended_until < m.off_until THEN m.why_given
                WHEN m.off_until <> 'infinity' THEN 'the revocation log does not show all that time: that it was enabled again may be missing' END AS why_back,
           CASE WHEN m.covered_until <> 'infinity' THEN m.covered_until - to_microseconds((coalesce(i.offset_s, 0) * 1000000)::BIGINT) END AS covered_true
    FROM met m
    JOIN named_caller c ON c.caller_id = m.caller_id
    JOIN clock_error u ON u.source = c.source AND u.tenant IS NOT DISTINCT FROM c.tenant AND u.log = 'usage'
    -- The revocation may name no tenant, or another: how sure the expiry is, the clock of the token's own issuance says.
    LEFT JOIN clock_error i ON i.source = m.source AND i.tenant IS NOT DISTINCT FROM m.issued_in AND i.log = 'issuance'
),
attempt AS (
    SELECT w.source, w.revocation_event, w.token_id, w.grant_id, w.why_unknown, w.apart, w.resource_server, w.use_before_s, w.use_after_s,
           w.validation, w.join_key, w.why_back, w.caller_client_id, w.caller_subject_id, w.caller_tenant, u.used_at, u.usage_id, u.event_id, u.target_id,
           u.used_at - to_microseconds((w.use_offset_s * 1000000)::BIGINT) AS used_true,
           u.outcome = 'success' AS success,
           u.outcome = 'denied' AND u.denial_reason = 'token'
               AND (w.expires_at IS NULL
                    OR u.used_at + to_microseconds(((w.use_after_s + w.issue_before_s) * 1000000)::BIGINT) < w.expires_at) AS denial,
           u.used_at - to_microseconds((w.use_before_s * 1000000)::BIGINT) > w.certain_from AS proven,
           -- An answer to the token: neither a fault, nor a refusal for haste or for its age.
           used_true >= w.revoked_true AND (success OR (u.outcome = 'denied' AND u.denial_reason IS DISTINCT FROM 'rate'
               AND (w.expires_at IS NULL OR used_true < w.expires_true))) AS tells,
           u.used_at < w.ended_until AS surely_over
    FROM watched w
    JOIN usage_row u ON u.caller_id = w.caller_id
        AND u.used_at >= w.ended_true + to_microseconds((w.use_offset_s * 1000000)::BIGINT)
        AND (w.covered_true IS NULL OR u.used_at < w.covered_true + to_microseconds((w.use_offset_s * 1000000)::BIGINT))
    -- A call that ends the token with which it is made is no use of it after its end, and no test.
    WHERE u.used_at < $until AND NOT """
    + one_event("u", "w.record")
    + """
),
-- Where it was used while it was over for certain, what was tried when it may have been back tells nothing more.
telling AS (
    SELECT *
    FROM attempt
    QUALIFY surely_over OR NOT bool_or(surely_over AND success AND proven) OVER (
        PARTITION BY source, revocation_event, token_id, grant_id, why_unknown, apart, resource_server)
),
placed AS (
    SELECT a.*, coalesce(k.writes, g.method NOT IN ('GET', 'HEAD', 'OPTIONS'), true) AS writes,
           max(a.used_at) FILTER (a.success) OVER same_key AS last_success_at,
           min(a.used_at) FILTER (a.success AND a.proven) OVER same_key AS first_proven_success_at
    FROM telling a
    JOIN usage_target g ON g.target_id = a.target_id
    LEFT JOIN usage_operation o ON o.target_id = a.target_id
    LEFT JOIN operation_class k ON k.operation_id = o.operation_id
    WINDOW same_key AS (PARTITION BY a.source, a.revocation_event, a.token_id, a.grant_id, a.why_unknown, a.apart, a.resource_server)
),
summed AS (
    SELECT source, revocation_event, token_id, grant_id, why_unknown, apart, resource_server,
           min(join_key) AS join_key,
           max(use_before_s) AS use_before_s, max(use_after_s) AS use_after_s,
           CASE WHEN min(validation) = max(validation) THEN min(validation) END AS validation,  -- calls that contradict each other say nothing
           CASE WHEN min(caller_client_id) = max(caller_client_id) THEN min(caller_client_id) END AS caller_client_id,
           CASE WHEN min(caller_subject_id) = max(caller_subject_id) THEN min(caller_subject_id) END AS caller_subject_id,
           CASE WHEN min(caller_tenant) = max(caller_tenant) THEN min(caller_tenant) END AS caller_tenant,
           count(*) AS attempts,
           count(*) FILTER (success) AS successes,
           count(*) FILTER (success AND proven) AS uses_after,
           count(*) FILTER (success AND proven AND writes) AS writes_after,
           CASE WHEN NOT bool_or(surely_over AND success AND proven) THEN min(why_back) END AS why_back,
           count(*) FILTER (denial) AS denials,
           count(*) FILTER (tells) AS tests,
           max(used_at) AS last_attempt_at,
           max(last_success_at) AS last_success_at,
           max(used_true) FILTER (success) AS last_success_true,
           min(used_true) FILTER (denial) AS first_denial_true,
           max(used_at) FILTER (success AND proven) AS last_proven_success_at,
           min(first_proven_success_at) AS first_proven_success_at,
           min(used_at) FILTER (denial AND (last_success_at IS NULL OR used_at > last_success_at)) AS denial_after_last_success_at,
           min(used_at) FILTER (denial AND proven AND used_at > first_proven_success_at) AS denial_between_at,
           -- What a finding counts, beside the revocation: successes and denials, not calls that failed for another reason.
           min(used_at) FILTER (success OR denial) AS first_event_at, max(used_at) FILTER (success OR denial) AS last_event_at,
           list(usage_id ORDER BY used_at, event_id) FILTER (success OR denial) AS usage_ids
    FROM placed
    GROUP BY source, revocation_event, token_id, grant_id, why_unknown, apart, resource_server
),
allowed AS (
    SELECT s.* REPLACE (coalesce(s.why_unknown, CASE WHEN s.uses_after > 0 THEN s.why_back END) AS why_unknown),
           CASE WHEN s.why_unknown IS NOT NULL THEN s.caller_tenant WHEN v.tenant <> v.token_tenant THEN v.token_tenant
                ELSE coalesce(v.tenant, s.caller_tenant) END AS tenant,
           v.revoked_at, v.logged_at, v.revoked_true, v.certain_from, v.before_s, v.after_s, v.target_kind, v.initiator,
           v.record, s.successes + s.denials + 1 AS events,
           v.token_kind, coalesce(v.client_id, s.caller_client_id) AS client_id, coalesce(v.subject_id, s.caller_subject_id) AS subject_id, v.scopes, v.expires_at, v.is_target, v.alive,
           """
    + ALLOWED_S
    + """ AS allowed_s,
           """
    + EXPLANATION
    + """ AS explanation
    FROM summed s
    JOIN (SELECT DISTINCT ON (source, revocation_event, token_id, grant_id, why_unknown, apart) *,
                 CASE WHEN expires_at IS NOT NULL THEN greatest(0, epoch(expires_at - revoked_at)) END AS life_left_s
          FROM watched ORDER BY source, revocation_event, token_id, grant_id, why_unknown, apart, issued_at) v
        ON v.source = s.source AND v.revocation_event = s.revocation_event
        AND v.token_id IS NOT DISTINCT FROM s.token_id AND v.grant_id IS NOT DISTINCT FROM s.grant_id
        AND v.why_unknown IS NOT DISTINCT FROM s.why_unknown AND v.apart IS NOT DISTINCT FROM s.apart
    LEFT JOIN server p ON p.resource_server = s.resource_server
)
SELECT * EXCLUDE (apart, use_before_s, use_after_s, before_s, after_s, certain_from, validation, caller_client_id, caller_subject_id, caller_tenant,
                  first_proven_success_at, last_proven_success_at, why_back, last_success_true, first_denial_true, denial_between_at),
       CASE WHEN $every_call THEN usage_ids ELSE usage_ids[1:19] || usage_ids[-1:] END AS calls,
       (epoch_us(last_success_true) - epoch_us(revoked_true)) / 1e6 AS last_success_s,
       (epoch_us(first_denial_true) - epoch_us(revoked_true)) / 1e6 AS first_denial_s,
       greatest(0, coalesce((epoch_us(last_success_at) - epoch_us(revoked_at)) / 1e6 - use_before_s - after_s, 0)) AS lag_lower_s,
       (epoch_us(denial_after_last_success_at) - epoch_us(revoked_at)) / 1e6 + use_after_s + before_s AS lag_upper_s,
       CASE WHEN denial_after_last_success_at IS NULL THEN 'right' WHEN successes = 0 THEN 'left' ELSE 'no' END AS censored,
       last_proven_success_at - to_microseconds((use_before_s * 1000000)::BIGINT)
           > certain_from + to_microseconds((allowed_s * 1000000)::BIGINT) AS beyond_allowed,
       last_success_at > denial_between_at AS flapped
FROM allowed
WHERE logged_at >= $since OR last_success_at >= $since
""",
    needs=(
        "covered_token",
        "revoked_caller",
        "presented_token",
        "called_token",
        "effective_revocation",
        "issued",
        "covered_time",
        "named_caller",
        "clock_error",
        "operation_class",
    ),
    windowed=True,
)
