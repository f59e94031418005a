"""REV-6: revocations that nobody ever tested."""

from grantlens.rule.evidence import ALL_THREE, ENDED, ISSUE_END, ISSUE_USE, PAIR, USE_END, Evidence, Way
from grantlens.rule.rule import Parameter, Rule
from grantlens.rules.unverified_revocation.examples import FIRES, SILENT, UNDECIDABLE

_LISTED = "it lists revocations, and cannot say that one went untested"

RULE = Rule(
    id="REV-6",
    version=23,
    name="unverified_revocation",
    key=("revocation_event",),
    question="For which revocations was nothing tried afterwards, so that their effect is unproven?",
    severity="medium",
    remedy="Try it, with approval: a read-only call with a token that it ended must be refused. Where nobody holds one any more - a role was deleted, "
    "say - treat the access as open until its tokens expire.",
    basis="RFC 7009 section 2.2: a 200 is no proof that anything was revoked",
    needs=(
        "effective_revocation",
        "covered_token",
        "tenant_token",
        "grant_state",
        "revoked_use",
        "named_caller",
        "covered_time",
        "clock_error",
    ),
    parameters=(
        Parameter(
            "min_coverage",
            0.95,
            "share",
            "Share of the time after the revocation for which a usage log must be there, or the answer is indeterminate.",
        ),
    ),
    # Nothing was tried: an absence. If the pair tried nothing, none of its tokens was tried: the pair is enough.
    rests_on=Evidence(
        (
            Way(USE_END, {USE_END: PAIR}, (ENDED,), silence=("usage",)),
            Way(ALL_THREE, {ISSUE_USE: PAIR, ISSUE_END: PAIR}, (ENDED,), silence=("usage",)),
        ),
        (
            Way(("revocation",), says=(ENDED, "revocation.token_id or revocation.grant_id"), leaves_open=_LISTED),
            Way(ISSUE_END, {ISSUE_END: PAIR}, (ENDED,), leaves_open=_LISTED),
        ),
    ),
    sql="""
-- What may be in another tenant is no test, and nothing that must be tested.
WITH covered AS NOT MATERIALIZED (
    FROM covered_token WHERE doubt IS DISTINCT FROM 'tenant'
),
-- Once for each grant, however often it was given: every token of it is beside it.
grant_home AS (
    SELECT DISTINCT source, grant_id, tenant FROM grant_state
),
-- What each of several tenants had, where a revocation does not say whose it ended. A grant stands in only where the log has no token of it.
several AS (
    SELECT DISTINCT c.source, c.revocation_event, c.token_id, c.grant_id, c.alive, coalesce(t.home, g.tenant) AS tenant
    FROM (FROM covered WHERE doubt IN ('client', 'id', 'session')) c
    LEFT JOIN tenant_token t ON t.source = c.source AND t.token_id = c.token_id AND NOT t.of_several AND coalesce(t.home = c.token_tenant, c.is_target)
    LEFT JOIN grant_home g ON g.source = c.source AND g.grant_id = c.grant_id AND c.token_id IS NULL
    QUALIFY c.token_id IS NOT NULL OR count(c.token_id) OVER (PARTITION BY c.source, c.revocation_event, coalesce(t.home, g.tenant)) = 0
),
alive AS (
    SELECT c.source, c.revocation_event, count(DISTINCT c.token_id) AS tokens,
           max(least(c.expires_at, c.covered_until)) AS lives_until,
           max(least(c.expires_at, c.covered_until) - to_microseconds((coalesce(k.offset_s, 0) * 1000000)::BIGINT)) AS lives_true,
           bool_and(c.alive IS NULL) AS unknown_life
    FROM covered c
    LEFT JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.issued_in AND k.log = 'issuance'
    WHERE c.alive IS DISTINCT FROM false AND c.record.seen_at >= $since AND c.record.seen_at < $until
      AND (c.token_id IS NOT NULL
           OR NOT EXISTS (SELECT 1 FROM covered t
                          WHERE t.source = c.source AND t.revocation_event = c.revocation_event AND t.token_id IS NOT NULL)
           OR EXISTS (SELECT 1 FROM several s
                      WHERE s.source = c.source AND s.revocation_event = c.revocation_event AND s.grant_id = c.grant_id AND s.token_id IS NULL))
    GROUP BY c.source, c.revocation_event
    UNION ALL
    -- One that names a client alone ended some grant of it.
    SELECT r.source, r.revocation_event, 0, NULL, NULL, false
    FROM effective_revocation r
    JOIN (SELECT source, client_id, min(opened_at) AS opened_at FROM grant_state GROUP BY source, client_id) g USING (source, client_id)
    WHERE r.target_kind = 'grant' AND r.grant_id IS NULL AND r.subject_id IS NULL AND r.revoked_at > g.opened_at
      AND r.record.seen_at >= $since AND r.record.seen_at < $until
),
-- A refresh is a try too, refused or not, and so is what a revoked grant gave without a new consent: REV-2 tells of what worked.
-- A fault of the server answers nothing, and who asks for consent tries no token.
attempt AS (FROM issuance WHERE issued_at < $until AND outcome <> 'error'),
refused AS (FROM attempt WHERE outcome = 'denied' AND kind IN ('token', 'refresh', 'exchange')),
-- Of many tries the last one tells whether any came after the revocation. Joined on what is equal, one way after the other.
refresh_tried AS (
    SELECT c.source, c.revocation_event, c.token_id, c.grant_id, i.tenant FROM covered c
    JOIN (SELECT source, tenant, parent_token_id, max(issued_at) AS last_at FROM attempt GROUP BY ALL) i
        ON i.source = c.source AND i.parent_token_id = c.token_id AND i.last_at >= c.revoked_at
        AND (c.token_tenant IS NULL OR i.tenant IS NULL OR i.tenant = c.token_tenant)
    UNION
    SELECT c.source, c.revocation_event, c.token_id, c.grant_id, i.tenant FROM covered c
    JOIN (SELECT source, tenant, token_id, max(issued_at) AS last_at FROM refused GROUP BY ALL) i
        ON i.source = c.source AND i.token_id = c.token_id AND i.last_at >= c.revoked_at
        AND (c.token_tenant IS NULL OR i.tenant IS NULL OR i.tenant = c.token_tenant)
    UNION
    -- One that does not say for which token: an access token that was ended alone is no part of it.
    SELECT c.source, c.revocation_event, NULL, c.grant_id, i.tenant
    FROM (SELECT DISTINCT source, revocation_event, revoked_at, grant_id, target_kind IN ('token', 'credential') AS of_token FROM covered
          WHERE target_kind NOT IN ('token', 'credential') OR token_kind IS DISTINCT FROM 'access') c
    JOIN (SELECT source, tenant, grant_id, parent_token_id IS NULL AS names_none, max(issued_at) AS last_at FROM refused GROUP BY ALL) i
        ON i.source = c.source AND i.grant_id = c.grant_id AND i.last_at >= c.revoked_at AND (NOT c.of_token OR i.names_none)
    UNION
    SELECT c.source, c.revocation_event, NULL, c.grant_id, NULL
    FROM (FROM covered WHERE target_kind = 'grant' AND token_id IS NULL AND doubt IS DISTINCT FROM 'name') c
    SEMI JOIN (FROM attempt WHERE kind IN ('token', 'refresh', 'exchange')) i
        ON i.source = c.source AND i.grant_id = c.grant_id AND i.issued_at > c.revoked_at AND i.issued_at < c.covered_until
),
tried AS (
    SELECT source, revocation_event, token_id, grant_id, tenant FROM revoked_use
    -- What may have been tried with another token is no try; of a revocation that may be another tenant's it is one in that tenant.
    WHERE tests > 0 AND (why_unknown IS NULL OR (source, revocation_event) IN (SELECT (source, revocation_event) FROM several))
    UNION
    FROM refresh_tried
),
-- A try counts for the tenant that it names, or for any where it names none.
missed AS (
    SELECT DISTINCT source, revocation_event
    FROM several s
    ANTI JOIN (
        SELECT s.source, s.revocation_event, s.tenant
        FROM several s
        JOIN tried t ON t.source = s.source AND t.revocation_event = s.revocation_event
            AND coalesce(t.token_id = s.token_id, t.grant_id = s.grant_id) AND (t.tenant IS NULL OR t.tenant = s.tenant)
    ) m USING (source, revocation_event, tenant)
    WHERE s.tenant IS NOT NULL AND s.alive IS DISTINCT FROM false
),
exposed AS (
    SELECT v.source, v.revocation_event, count(DISTINCT x.token_id) AS children
    FROM covered v
    JOIN tenant_token x ON x.source = v.source AND x.parent_token_id = v.token_id AND x.kind = 'exchange' AND NOT x.of_several
        AND (v.token_tenant IS NULL OR x.home IS NULL OR x.home = v.token_tenant)
        AND x.issued_at <= v.revoked_at AND (x.expires_at IS NULL OR x.expires_at > v.revoked_at)
    GROUP BY v.source, v.revocation_event
),
untried AS (
    SELECT r.*, a.tokens, a.unknown_life, least(a.lives_until, $until) AS lives_until, a.lives_true, coalesce(x.children, 0) AS exposed_children,
           t.revocation_event IS NOT NULL AS tried_elsewhere
    FROM effective_revocation r
    JOIN alive a USING (source, revocation_event) LEFT JOIN exposed x USING (source, revocation_event)
    LEFT JOIN (SELECT DISTINCT source, revocation_event FROM tried) t ON t.source = r.source AND t.revocation_event = r.revocation_event
    LEFT JOIN missed m ON m.source = r.source AND m.revocation_event = r.revocation_event
    WHERE t.revocation_event IS NULL OR m.revocation_event IS NOT NULL
),
-- Whose access the revocation ended: as it says itself, where what it leaves out may be anybody, or as the issuance says.
party AS (
    SELECT source, tenant, revocation_event, client_id, subject_id, subject_id IS NULL AS any_subject
    FROM untried WHERE coalesce(client_id, subject_id) IS NOT NULL
    UNION
    SELECT u.source, u.tenant, u.revocation_event, c.client_id, c.subject_id, false
    FROM untried u JOIN covered c USING (source, revocation_event)
    WHERE c.alive AND coalesce(c.client_id, c.subject_id) IS NOT NULL
),
-- Calls could have been tries where they name neither token nor grant, or a token of which no issuance is known: it may have
-- another name there, or be older than the log.
stranger AS (
    SELECT source, tenant, caller_id, client_id, subject_id, token_id IS NOT NULL AS unknown_token
    FROM named_caller
    WHERE grant_id IS NULL AND NOT token_known AND coalesce(client_id, subject_id) IS NOT NULL
),
-- What one of them leaves out may be anybody. Joined on what both name, one way after the other.
alike AS (
    SELECT p.revocation_event, p.tenant AS ended_tenant, c.*
    FROM party p JOIN stranger c ON c.source = p.source AND c.client_id = p.client_id AND c.subject_id = p.subject_id
    UNION ALL
    SELECT p.revocation_event, p.tenant, c.*
    FROM (FROM party WHERE any_subject) p JOIN stranger c ON c.source = p.source AND c.client_id = p.client_id
    UNION ALL
    SELECT p.revocation_event, p.tenant, c.*
    FROM party p JOIN (FROM stranger WHERE subject_id IS NULL) c ON c.source = p.source AND c.client_id = p.client_id
    UNION ALL
    SELECT p.revocation_event, p.tenant, c.*
    FROM (FROM party WHERE client_id IS NULL) p JOIN stranger c ON c.source = p.source AND c.subject_id = p.subject_id
    UNION ALL
    SELECT p.revocation_event, p.tenant, c.*
    FROM party p JOIN (FROM stranger WHERE client_id IS NULL) c ON c.source = p.source AND c.subject_id = p.subject_id
    UNION ALL
    SELECT p.revocation_event, p.tenant, c.*
    FROM (FROM party WHERE any_subject) p JOIN (FROM stranger WHERE client_id IS NULL) c ON c.source = p.source
    UNION ALL
    SELECT p.revocation_event, p.tenant, c.*
    FROM (FROM party WHERE client_id IS NULL) p JOIN (FROM stranger WHERE subject_id IS NULL) c ON c.source = p.source
),
suspect AS (
    SELECT source, revocation_event, caller_id, unknown_token, false AS unknown_grant
    FROM alike
    WHERE ended_tenant IS NULL OR tenant IS NULL OR tenant = ended_tenant
    UNION
    SELECT u.source, u.revocation_event, c.caller_id, c.token_id IS NOT NULL, false
    FROM untried u JOIN covered v USING (source, revocation_event)
    JOIN named_caller c ON c.source = v.source AND c.grant_id = v.grant_id AND NOT c.token_known
    UNION
    -- Of several grants of one client for one subject, no log says which gave this token.
    SELECT u.source, u.revocation_event, c.caller_id, false, true
    FROM untried u JOIN party p USING (source, revocation_event)
    JOIN named_caller c ON c.source = p.source AND c.client_id = p.client_id AND c.subject_id IS NOT DISTINCT FROM p.subject_id
    WHERE u.target_kind = 'grant' AND u.grant_id NOT LIKE 'derived:%' AND c.token_known AND c.grant_id LIKE 'derived:%'
      AND c.issued_at <= u.revoked_at AND (u.tenant IS NULL OR c.tenant IS NULL OR c.tenant = u.tenant)
),
-- Set right by the offsets of the clocks: by the stamps alone a try may lie before the revocation.
stray AS (
    SELECT u.source, u.revocation_event, bool_or(s.unknown_token) AS unknown_token, bool_and(s.unknown_grant) AS unknown_grant
    FROM untried u
    JOIN suspect s USING (source, revocation_event)
    JOIN usage_caller c ON c.caller_id = s.caller_id
    JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.log = 'usage'
    JOIN usage_row w ON w.caller_id = s.caller_id AND w.used_at < $until
        AND w.used_at - to_microseconds((k.offset_s * 1000000)::BIGINT) >= u.revoked_true
        AND w.used_at - to_microseconds((k.offset_s * 1000000)::BIGINT) < coalesce(u.lives_true, 'infinity'::TIMESTAMPTZ)
    GROUP BY u.source, u.revocation_event
),
-- Where a revocation names no tenant, the tokens and grants that it ended tell in which their calls would stand: in each they must be seen.
home AS (
    SELECT DISTINCT u.source, u.revocation_event, coalesce(u.tenant, t.home, g.tenant) AS tenant
    FROM untried u JOIN covered c USING (source, revocation_event)
    LEFT JOIN tenant_token t ON t.source = c.source AND t.token_id = c.token_id AND coalesce(t.home = c.token_tenant, c.is_target AND t.home IS NOT NULL)
    LEFT JOIN grant_home g ON g.source = c.source AND g.grant_id = c.grant_id AND c.token_id IS NULL
),
seen AS (
    SELECT u.source, u.revocation_event, bool_and(c.in_part) AS in_part,
           coalesce(sum(greatest(0, epoch_us(least(c.covered_until, u.lives_until)) - epoch_us(greatest(c.covered_from, u.revoked_at)))) FILTER (NOT c.in_part), 0) AS covered_us
    FROM untried u JOIN home h USING (source, revocation_event)
    LEFT JOIN covered_time c ON c.source = u.source AND c.log = 'usage' AND c.tenant IS NOT DISTINCT FROM h.tenant
    GROUP BY u.source, u.revocation_event, h.tenant
),
-- What gets tokens is tried at its issuer, too.
unseen_at_issuer AS (
    SELECT DISTINCT u.source, u.revocation_event
    FROM (
        FROM untried
        SEMI JOIN (FROM covered WHERE target_kind NOT IN ('token', 'credential') OR coalesce(token_kind, 'refresh') NOT IN ('access', 'id')) c
            USING (source, revocation_event)
    ) u
    JOIN home h USING (source, revocation_event)
    LEFT JOIN declared d ON d.source = u.source
    LEFT JOIN covered_time c ON c.source = u.source AND c.tenant IS NOT DISTINCT FROM h.tenant AND NOT c.in_part
        AND c.log = CASE WHEN coalesce(d.giving_shown, false) THEN 'revocation' ELSE 'issuance' END
    GROUP BY u.source, u.revocation_event, h.tenant, u.lives_until, u.revoked_at
    HAVING coalesce(sum(greatest(0, epoch_us(least(c.open_until, u.lives_until)) - epoch_us(greatest(c.covered_from, u.revoked_at)))) FILTER (c.log IS NOT NULL), 0)
        < $min_coverage * (epoch_us(u.lives_until) - epoch_us(u.revoked_at))
),
-- What was tried with another tenant's token of the same id, perhaps.
unsure AS (
    SELECT source, revocation_event, min(why_unknown) AS why_unknown FROM revoked_use WHERE tests > 0 AND why_unknown IS NOT NULL GROUP BY ALL
),
judged AS (
    SELECT u.*, y.why_unknown, i.revocation_event IS NOT NULL AS at_issuer, s.revocation_event IS NOT NULL AS strays, s.unknown_token, s.unknown_grant, coalesce(c.in_part, false) AS in_part,
           coalesce(c.covered_us, 0) / nullif(epoch_us(u.lives_until) - epoch_us(u.revoked_at), 0) AS share,
           u.target_kind = 'grant' AND u.grant_id IS NULL AND u.subject_id IS NULL AS is_anybodys,
           tried_elsewhere OR is_anybodys OR y.why_unknown IS NOT NULL OR strays OR coalesce(share, 0) < $min_coverage
               OR at_issuer AS unknown_tries
    FROM untried u
    LEFT JOIN unsure y ON y.source = u.source AND y.revocation_event = u.revocation_event
    LEFT JOIN unseen_at_issuer i ON i.source = u.source AND i.revocation_event = u.revocation_event
    LEFT JOIN stray s ON s.source = u.source AND s.revocation_event = u.revocation_event
    LEFT JOIN (SELECT source, revocation_event, bool_or(in_part) AS in_part, min(covered_us) AS covered_us FROM seen GROUP BY ALL) c ON c.source = u.source AND c.revocation_event = u.revocation_event
)
SELECT CASE WHEN unknown_tries OR unknown_life THEN 'indeterminate' ELSE 'violation' END AS verdict,
       'medium' AS severity,
       CASE WHEN unknown_tries THEN 'It is not known whether the revocation of ' ELSE 'No test of the revocation of ' END
           || coalesce(client_name, client_id, subject_name, subject_id, token_id, grant_id, 'an unnamed target')
           || CASE WHEN unknown_tries THEN ' was put to the test'
               WHEN unknown_life THEN ' is in the logs held, and it may have ended nothing that still lived'
               ELSE ' is in the logs held' END AS title,
       source, tenant, client_id, subject_id, grant_id, token_id,
       record.seen_at AS first_seen, record.seen_at AS last_seen, 1 AS events,
       to_json({
           'revocation_event': revocation_event,
           'last_success_s': NULL, 'first_denial_s': NULL, 'lag_lower_s': NULL, 'lag_upper_s': NULL, 'uses_after': 0, 'censored': 'right',
           'tokens_alive': tokens,
           'exposed_children': exposed_children,
           'reason': CASE WHEN tried_elsewhere THEN 'the revocation names no tenant, and of several that have '
                               || CASE WHEN target_kind IN ('token', 'credential') THEN 'a token of this id' ELSE 'this client' END || ' not each was tried'
                          WHEN is_anybodys THEN 'the revocation does not say whose grant it ended'
                          WHEN why_unknown IS NOT NULL THEN why_unknown
                          WHEN unknown_token THEN 'calls of the same client and subject name a token of which no issuance is known'
                          WHEN unknown_grant THEN 'calls of the same client and subject rest on a token of which no log says which grant gave it'
                          WHEN strays THEN 'calls of the same grant, or of the same client and subject, do not say with which token'
                          WHEN in_part THEN 'the usage log shows only some of the calls, so its silence proves nothing'
                          WHEN unknown_life THEN 'no issuance of what was revoked is in the logs: it may have ended before'
                          WHEN coalesce(share, 0) = 0 THEN 'no usage log covers the time after the revocation'
                          WHEN share < $min_coverage THEN 'the usage log has a gap after the revocation, or ends too early'
                          WHEN at_issuer THEN 'the issuance log does not show all that time: that a token was refused, or given, may be missing' END}) AS detail,
       target_kind AS join_key,
       [record] AS records, 'usage' AS about_log, record.seen_at AS about_from, lives_until AS about_until
FROM judged
""",
    fires=FIRES,
    silent=SILENT,
    undecidable=UNDECIDABLE,
)
