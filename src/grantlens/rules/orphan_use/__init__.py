"""INT-1: calls whose issuance no log shows."""

from grantlens.relations.tenant_token import OF_ONE_TENANT
from grantlens.rule.evidence import ISSUE_USE, KEYS_END, PAIR, TOKEN, WORKED, Evidence, Way
from grantlens.rule.rule import Parameter, Rule
from grantlens.rules.orphan_use.examples import FIRES, SILENT, UNDECIDABLE

_OF_THE_LOG = """
        'no issuance log of this tenant is held', 'no issuance log of this source is held', 'how issuance and usage of this source join is not known',
        'nothing joins issuance and usage of this source', 'nothing in the issuance log of this source names the token of a call'"""
"""Reasons that are the same for each token of a source."""

RULE = Rule(
    id="INT-1",
    version=11,
    name="orphan_use",
    key=("token_id", "client_id", "subject_id", "join_key"),
    question="Which calls were made with access that no issuance record explains?",
    severity="medium",
    remedy="Look for a missing issuance log first. If it is complete, treat the token as forged or stolen from elsewhere.",
    basis="RFC 9068 section 2.2 (jti); NIST SP 800-53 AU-6",
    needs=("used_pair", "named_caller", "tenant_token", "issued", "presented_token"),
    parameters=(
        Parameter(
            "default_life_hours",
            24.0,
            "hours",
            "How far back an issuance log must reach, where no expiry in it tells the longest token life.",
        ),
    ),
    # That nothing was issued is an absence in the issuance log; the call itself is a presence.
    rests_on=Evidence(
        (Way(ISSUE_USE, {ISSUE_USE: TOKEN}, ("usage.token_id", WORKED, KEYS_END), silence=("issuance",)),),
        (
            Way(
                ISSUE_USE,
                {ISSUE_USE: PAIR},
                (WORKED,),
                leaves_open="which calls no issuance explains, not whether there was none: a key or consent older than the log "
                "looks the same",
            ),
        ),
    ),
    sql=f"""
WITH session AS (
    SELECT source, session_id, list(DISTINCT tenant) AS homes, bool_or(tenant IS NULL) AS any_unnamed
    FROM issued WHERE session_id IS NOT NULL GROUP BY source, session_id
),
-- Whose issuance names grants as the provider does: a grant that a call names must be among these, whatever else client and subject hold.
grants_named AS (
    SELECT DISTINCT source FROM issued WHERE grant_id NOT LIKE 'derived:%'
),
nameless AS (
    SELECT c.*, CASE WHEN c.grant_id NOT LIKE 'derived:%' AND n.source IS NOT NULL THEN c.grant_id END AS named_grant
    FROM named_caller c LEFT JOIN grants_named n ON n.source = c.source
    WHERE c.token_id IS NULL
),
-- What the issuance names by grant, or by client and subject. Joined on what is equal, one way after the other.
explained AS (
    SELECT c.caller_id
    FROM nameless c
    SEMI JOIN issued i ON i.source = c.source AND i.grant_id = c.grant_id
    UNION
    SELECT c.caller_id
    FROM (FROM nameless WHERE named_grant IS NULL) c
    JOIN (SELECT DISTINCT source, tenant, client_id, subject_id FROM issued) i
        ON i.source = c.source AND i.client_id = c.client_id AND i.subject_id IS NOT DISTINCT FROM c.subject_id
    WHERE i.tenant IS NULL OR c.tenant IS NULL OR i.tenant = c.tenant
    UNION
    -- What an admin gave a client for everyone is the access of each person.
    SELECT c.caller_id
    FROM (FROM nameless WHERE named_grant IS NULL AND subject_id IS NOT NULL AND application IS DISTINCT FROM true) c
    JOIN (SELECT DISTINCT source, tenant, client_id FROM issued
          WHERE kind = 'consent' AND subject_id IS NULL AND subject_kind = 'user' AND grant_id NOT LIKE 'derived:%') i
        ON i.source = c.source AND i.client_id = c.client_id
    WHERE i.tenant IS NULL OR c.tenant IS NULL OR i.tenant = c.tenant
),
-- What calls are made with that another source issued.
issued_elsewhere AS (
    SELECT DISTINCT t.caller_id
    FROM presented_token t
    JOIN usage_caller c ON c.caller_id = t.caller_id AND c.source <> t.source
    JOIN issued i ON i.source = t.source AND i.token_id = t.token_id AND (i.tenant IS NULL OR t.tenant IS NULL OR i.tenant = t.tenant)
),
orphan AS (
    SELECT c.source, c.tenant, c.token_id, p.*, c.client_id AS client, c.client_name, c.subject_id AS subject, c.resource_server,
           x.session_id IS NOT NULL AS session_known, n.named_grant
    FROM used_pair p
    JOIN named_caller c USING (caller_id)
    JOIN usage_caller k USING (caller_id)
    LEFT JOIN session x ON x.source = c.source AND x.session_id = k.session_id AND (c.tenant IS NULL OR x.any_unnamed OR list_contains(x.homes, c.tenant))
    LEFT JOIN explained e ON e.caller_id = p.caller_id
    LEFT JOIN nameless n ON n.caller_id = p.caller_id
    ANTI JOIN issued_elsewhere o ON o.caller_id = p.caller_id
    WHERE p.outcome = 'success' AND NOT c.token_known
      AND (c.token_id IS NOT NULL OR (x.session_id IS NULL AND e.caller_id IS NULL))
),
keyed AS (
    SELECT source, tenant, token_id,
           CASE WHEN token_id IS NULL THEN client END AS client_key, CASE WHEN token_id IS NULL THEN subject END AS subject_key,
           min(client) AS client_id, min(client_name) AS client_name, min(subject) AS subject_id,
           CASE WHEN count(DISTINCT resource_server) = 1 AND count(resource_server) = count(*) THEN min(resource_server) END AS resource_server,
           CASE WHEN count(DISTINCT named_grant) = 1 AND count(named_grant) = count(*) THEN min(named_grant) END AS grant_id,
           bool_or(session_known) AS session_known,
           min(first_used_at) AS first_seen, max(last_used_at) AS last_seen, sum(events)::BIGINT AS events,
           CASE WHEN $every_call THEN list(first_no) ELSE min(first_no, 19) END AS firsts, [max(last_no)] AS lasts
    FROM orphan
    GROUP BY ALL
),
-- A token is at least as old as its first use, which may be older than the window.
begun AS (
    SELECT c.source, c.tenant, c.token_id, min(u.used_at) AS first_used_at
    FROM usage_caller c
    SEMI JOIN keyed k ON k.source = c.source AND k.token_id = c.token_id
    JOIN usage_row u ON u.caller_id = c.caller_id
    WHERE u.outcome = 'success' AND u.used_at < $until
    GROUP BY c.source, c.tenant, c.token_id
),
-- The longest life of a token that a call could name; an access token of which no end is told has the default.
life AS (
    SELECT source, max(CASE WHEN expires_at IS NOT NULL THEN epoch(expires_at) - epoch(issued_at)
                            WHEN token_kind = 'access' THEN $default_life_hours * 3600 END) AS longest_s
    FROM tenant_token WHERE {OF_ONE_TENANT} AND coalesce(token_kind, '') <> 'refresh' GROUP BY source
),
-- Keys of which no end is told may be older than any log.
endless AS (
    SELECT DISTINCT source FROM issued
    WHERE expires_at IS NULL AND (kind = 'credential' OR token_kind IN ('api_key', 'session'))
),
-- All of a store, also where it was opened for one.
home AS (
    SELECT source, count(DISTINCT tenant) AS tenants FROM clock GROUP BY source
),
-- The issuance log is complete if one stretch of it reaches from before the token could have been issued up to its first use; of a call
-- that names no tenant, if that of each tenant does.
stretch AS (
    SELECT k.*, b.first_used_at, h.tenants, c.source IS NOT NULL AS log_held, NOT c.in_part AS log_carried, l.longest_s, c.tenant AS log_tenant,
           coalesce(NOT c.in_part AND c.covered_from <= b.first_used_at - to_seconds(l.longest_s::BIGINT) AND c.covered_until >= b.first_used_at, false) AS reaches
    FROM keyed k
    LEFT JOIN begun b ON b.source = k.source AND b.tenant IS NOT DISTINCT FROM k.tenant AND b.token_id = k.token_id
    LEFT JOIN home h ON h.source = k.source
    LEFT JOIN life l ON l.source = k.source
    LEFT JOIN coverage c ON c.source = k.source AND c.log = 'issuance' AND NOT c.is_gap
        AND (k.tenant IS NULL OR c.tenant IS NULL OR c.tenant = k.tenant)
),
-- Whose issuance log is held, be it of other tenants only.
issuing AS (
    SELECT DISTINCT source FROM coverage WHERE log = 'issuance' AND NOT is_gap
),
covered AS (
    SELECT * EXCLUDE (tenants, log_held, log_carried, log_tenant, reaches), bool_or(log_held) AS log_held, bool_or(log_carried) AS log_carried, any_value(tenants) AS tenants,
           bool_or(reaches) AND (bool_or(tenant IS NOT NULL OR reaches AND log_tenant IS NULL)
                                 OR count(DISTINCT log_tenant) FILTER (reaches) = any_value(tenants)) AS reaches
    FROM stretch
    GROUP BY ALL
),
judged AS (
    SELECT v.*,
           CASE WHEN NOT v.log_held AND o.source IS NOT NULL THEN 'no issuance log of this tenant is held'
                WHEN NOT v.log_held THEN 'no issuance log of this source is held'
                WHEN d.issuance_usage IS NULL THEN 'how issuance and usage of this source join is not known'
                WHEN d.issuance_usage = 'none' THEN 'nothing joins issuance and usage of this source'
                WHEN v.token_id IS NULL THEN 'a consent or key that is older than the log looks as if it had never been issued'
                WHEN d.issuance_usage <> 'token' OR v.longest_s IS NULL AND e.source IS NULL
                    THEN 'nothing in the issuance log of this source names the token of a call'
                WHEN NOT coalesce(v.log_carried, false) THEN 'the issuance log shows only some of what was issued'
                WHEN v.session_known THEN 'the session that the call names was issued, which token is not told'
                WHEN NOT d.keys_end OR e.source IS NOT NULL
                    THEN 'keys of this source need not end: one that is older than the log looks as if it had never been issued'
                WHEN NOT v.reaches AND v.tenant IS NULL AND v.tenants > 1
                    THEN 'the call names no tenant, and not of every tenant an issuance log is known to reach back far enough'
                WHEN NOT v.reaches THEN 'the issuance log does not reach back far enough, or ends too early' END AS reason
    FROM covered v
    LEFT JOIN declared d USING (source)
    LEFT JOIN endless e USING (source)
    LEFT JOIN issuing o USING (source)
),
-- What lies in the log, and in no token, is told once for each client and subject, be it of thousands of tokens.
told AS (
    SELECT source, tenant, client_id, subject_id, CASE WHEN NOT of_log THEN token_id END AS token_id, token_id IS NOT NULL AS names_token, reason, log_held, log_carried,
           count(DISTINCT token_id) AS tokens, min(client_name) AS client_name,
           CASE WHEN count(DISTINCT resource_server) = 1 AND count(resource_server) = count(*) THEN min(resource_server) END AS resource_server,
           CASE WHEN count(DISTINCT grant_id) = 1 AND count(grant_id) = count(*) THEN min(grant_id) END AS grant_id,
           bool_and(reaches) AS reaches, min(first_seen) AS first_seen, max(last_seen) AS last_seen, sum(events)::BIGINT AS events,
           list_sort(flatten(list(firsts))) AS firsts, [max(lasts[1])] AS lasts,
           min(coalesce(first_used_at - to_seconds(longest_s::BIGINT), first_seen)) AS about_from, max(coalesce(first_used_at, last_seen)) AS about_until
    FROM (SELECT *, coalesce(reason IN ({_OF_THE_LOG}), false) AS of_log FROM judged)
    GROUP BY ALL
)
SELECT CASE WHEN reason IS NULL THEN 'violation' ELSE 'indeterminate' END AS verdict,
       CASE WHEN reason IS NULL THEN 'critical' ELSE 'medium' END AS severity,
       coalesce(client_name, client_id, 'An unnamed client') || ' made calls with access that no issuance record explains' AS title,
       source, tenant, client_id, subject_id, grant_id, token_id, resource_server,
       first_seen, last_seen, events,
       to_json({{
           'issuance_log': CASE WHEN NOT log_held THEN 'absent'
                                WHEN NOT coalesce(log_carried, false) THEN 'in part'
                                WHEN reaches THEN 'complete' ELSE 'partial' END,
           'tokens': tokens,
           'reason': reason}}) AS detail,
       CASE WHEN names_token THEN 'token' ELSE 'client_subject' END AS join_key,
       CASE WHEN $every_call THEN firsts ELSE firsts[:19] END AS firsts, lasts,
       'issuance' AS about_log, about_from, about_until
FROM told
""",
    fires=FIRES,
    silent=SILENT,
    undecidable=UNDECIDABLE,
)
