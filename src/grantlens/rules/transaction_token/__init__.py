"""OOS-13: transaction tokens that live too long, come too late, or are used outside their transaction.

A transaction token goes from workload to workload, unchanged, so that other clients than the one that got it call with it: INT-3 looks at none
of them, and this rule asks whether the caller had been called in the transaction. It is for a trust domain, not for a server: OOS-2 looks at
none either. What is used after it expired is INT-2's, and not told here; a call with one that was revoked REV-1 tells, whatever else is wrong with it.
"""

from grantlens.relations.caller_token import SURELY_EXPIRED
from grantlens.relations.tenant_token import meant_by
from grantlens.rule.evidence import EXCHANGED, ISSUE_USE, NAMED, TOKEN, TRANSACTION, WORKED, Evidence, Way
from grantlens.rule.rule import Parameter, Rule
from grantlens.rules.transaction_token.examples import FIRES, SILENT, UNDECIDABLE

_LIVES = (TRANSACTION, "issuance.expires_at")
_CALLED = (TRANSACTION, NAMED, "usage.token_id", WORKED, "usage.client_id", "issuance.client_id")

RULE = Rule(
    id="OOS-13",
    version=3,
    name="transaction_token",
    key=("client_id", "fault", "issued_to", "resource_server", "audience"),
    question="Which transaction tokens live too long, came of a token that had expired, or were used outside their transaction or trust domain?",
    severity="medium",
    remedy="Let the transaction token service give each a life of minutes, and none for a token that has expired; let workloads take only those of "
    "their own trust domain, and pass one on only in the call that it came with. A caller that had been called under another name: say so in the "
    "identities file, for the client and the server.",
    basis="draft-ietf-oauth-transaction-tokens-10: Txn-Token Lifetime; JWT Body Claims (aud); Txn-Token Validation; Unique Transaction Identifier; "
    "Txn-Token as a subject_token",
    needs=(
        "issued",
        "tenant_token",
        "caller_token",
        "clock_error",
        "covered_time",
        "canonical_identity",
        "server_name",
    ),
    parameters=(
        Parameter(
            "longest_transaction_seconds",
            300.0,
            "seconds",
            "How long a transaction token may live: the draft says minutes or less, and leaves the number to each trust domain.",
        ),
        Parameter(
            "shown_leeway_seconds",
            60.0,
            "seconds",
            "For so long after its expiry the token service may take a token that it is shown.",
        ),
    ),
    rests_on=Evidence(
        (
            Way(
                ISSUE_USE,
                {ISSUE_USE: TOKEN},
                (*_LIVES, EXCHANGED, *_CALLED),
                leaves_open="what one workload hands to another otherwise than by a call, and which servers a trust domain has whose name they do not bear",
            ),
            Way(("issuance",), says=_LIVES, leaves_open="how they were used"),
            Way(ISSUE_USE, {ISSUE_USE: TOKEN}, _CALLED, leaves_open="how long they live"),
        )
    ),
    sql="""
-- Each issue of a transaction token, with the token that was shown for it.
WITH issue AS (
    SELECT i.source, i.tenant, i.token_id, i.client_id, i.client_name, i.subject_id, i.grant_id, i.issued_at, i.expires_at,
           (epoch_us(i.expires_at) - epoch_us(i.issued_at)) / 1e6 AS life_s, k.error_s, k.grid_s,
           (epoch_us(i.issued_at) - epoch_us(p.expires_at)) / 1e6 AS late_s,
           (epoch_us(i.expires_at) - epoch_us(p.expires_at)) / 1e6 AS outlives_s, coalesce(p.of_several, false) AS of_several,
           {'seen_at': i.issued_at, 'batch_id': i.batch_id, 'line_no': i.line_no, 'event_id': i.event_id} AS record
    FROM issued i
    JOIN clock_error k ON k.source = i.source AND k.tenant IS NOT DISTINCT FROM i.tenant AND k.log = 'issuance'
    LEFT JOIN tenant_token p ON p.source = i.source AND p.token_id = i.parent_token_id AND """
    + meant_by("i.tenant", "p")
    + """
    WHERE i.token_kind = 'txn' AND i.kind IN ('token', 'refresh', 'exchange') AND i.issued_at >= $since AND i.issued_at < $until
),
-- One clock stamps both, so its offset is none of theirs. A stamp may be early, and the life so much shorter; or late, and the token that was shown not yet over. To outlive that one is allowed.
lasting AS (
    SELECT *, 'long life' AS fault, life_s AS by_s, NULL AS reason FROM issue WHERE life_s > $longest_transaction_seconds + error_s + grid_s
    UNION ALL
    SELECT *, 'shown too late', late_s, CASE WHEN of_several THEN 'the record names no tenant, and several issued a token of the id that it came of' END
    FROM issue WHERE late_s > $shown_leeway_seconds + error_s
    UNION ALL
    SELECT *, 'outlives', outlives_s, NULL
    FROM issue WHERE outlives_s > 0 AND NOT of_several AND late_s <= $shown_leeway_seconds + error_s
),
known AS (
    SELECT source, kind, id, name FROM canonical_identity WHERE name IS NOT NULL
),
-- Those who are told to hold a transaction token: the client that got it, and the actors that it names. Whose records differ, of all.
party AS (
    SELECT DISTINCT h.source, h.token_id, coalesce(c.name, s.name, h.id) AS name
    FROM (
        SELECT source, token_id, client_id AS id FROM issued WHERE token_kind = 'txn' AND client_id IS NOT NULL
        UNION
        SELECT source, token_id, unnest(actor_chain) FROM issued WHERE token_kind = 'txn'
    ) h
    LEFT JOIN known c ON c.source = h.source AND c.kind = 'client' AND c.id = h.id
    LEFT JOIN known s ON s.source = h.source AND s.kind = 'subject' AND s.id = h.id
    WHERE h.token_id IS NOT NULL
),
-- A replacement is a transaction token that came of another one: both are of one transaction.
replaced AS (
    SELECT i.source, unnest([i.token_id, i.parent_token_id]) AS token_id
    FROM issued i
    SEMI JOIN (FROM issued WHERE token_kind = 'txn') p ON p.source = i.source AND p.token_id = i.parent_token_id
    WHERE i.token_kind = 'txn'
),
-- Every caller with a transaction token.
held AS (
    SELECT c.caller_id, c.source, c.tenant AS said_tenant, coalesce(c.tenant, CASE WHEN NOT t.of_several THEN t.tenant END) AS tenant,
           c.client_id AS caller_id_said, coalesce(n.name, c.client_id) AS caller, c.client_name AS caller_name, c.resource_server,
           t.token_id, t.home, t.of_several, t.parent_token_id, t.client_id, t.client_name, t.subject_id, t.grant_id,
           CASE WHEN len(t.audience) > 0 THEN list_sort(t.audience) END AS audience, t.issued_at, t.expires_at,
           {'seen_at': t.issued_at, 'batch_id': t.batch_id, 'line_no': t.line_no, 'event_id': t.event_id} AS record,
           u.before_s, u.after_s, k.before_s AS issue_before_s, k.after_s AS issue_after_s,
           -- From here on a call is INT-2's.
           """
    + SURELY_EXPIRED
    + """ AS surely_after
    FROM usage_caller c
    JOIN caller_token t ON t.caller_id = c.caller_id
    JOIN clock_error u ON u.source = c.source AND u.tenant IS NOT DISTINCT FROM c.tenant AND u.log = 'usage'
    JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM t.tenant AND k.log = 'issuance'
    LEFT JOIN server s ON s.resource_server = c.resource_server
    LEFT JOIN known n ON n.source = c.source AND n.kind = 'client' AND n.id = c.client_id
    WHERE t.token_kind = 'txn'
),
called_with AS (
    SELECT h.*, u.used_at, u.usage_id, u.event_id AS call_event
    FROM held h
    JOIN usage_row u ON u.caller_id = h.caller_id
    WHERE u.outcome = 'success' AND u.used_at >= $since AND u.used_at < $until AND NOT coalesce(u.used_at > h.surely_after, false)
),
-- A server lies in a trust domain whose name its own ends with: decided once for each of both.
place AS (
    SELECT DISTINCT source, name, key, lower(known_as) AS known_as, split_part(wide_key, '/', 1) AS host FROM server_name
),
domain AS (
    SELECT DISTINCT source, unnest(audience) AS name FROM issued WHERE token_kind = 'txn'
),
inside AS (
    SELECT s.source, s.name AS resource_server, d.name AS domain
    FROM (FROM place SEMI JOIN held h ON h.source = place.source AND h.resource_server = place.name) s
    JOIN (FROM place SEMI JOIN domain d ON d.source = place.source AND d.name = place.name) d ON d.source = s.source
    WHERE s.host = d.host OR ends_with(s.host, '.' || d.host) OR s.known_as = d.known_as OR s.known_as = d.host OR ends_with(s.known_as, '.' || d.host)
),
pair AS (
    SELECT p.source, p.audience, p.resource_server, list_sort(coalesce(i.domains, [])) AS domains
    FROM (SELECT DISTINCT source, audience, resource_server FROM held WHERE audience IS NOT NULL AND resource_server IS NOT NULL) p
    LEFT JOIN (SELECT source, resource_server, list(domain) AS domains FROM inside GROUP BY source, resource_server) i
        ON i.source = p.source AND i.resource_server = p.resource_server
),
astray AS (
    SELECT p.source, p.audience, p.resource_server,
           CASE WHEN len(any_value(p.domains)) = 0 THEN 'it took those of several trust domains, and its name tells of none in which it lies' END AS reason
    FROM pair p
    LEFT JOIN pair o ON o.source = p.source AND o.resource_server = p.resource_server AND NOT list_has_any(o.audience, p.audience)
    WHERE NOT list_has_any(p.domains, p.audience) AND (len(p.domains) > 0 OR o.source IS NOT NULL)
    GROUP BY p.source, p.audience, p.resource_server
),
-- The calls with the token that was shown, which were going on when the transaction token was issued: it is for one of these.
going_on AS (
    SELECT h.source, h.token_id, h.home, max(u.ended_at) AS over_at,
           min({'used_at': u.used_at, 'event_id': u.event_id, 'usage_id': u.usage_id}) AS first_call
    FROM (
        SELECT DISTINCT source, token_id, home, parent_token_id, issued_at, issue_before_s, issue_after_s
        FROM held WHERE parent_token_id IS NOT NULL AND NOT of_several
    ) h
    ANTI JOIN replaced r ON r.source = h.source AND r.token_id = h.token_id
    JOIN usage_caller c ON c.source = h.source AND c.token_id = h.parent_token_id AND (c.tenant IS NULL OR h.home IS NULL OR c.tenant = h.home)
    JOIN clock_error e ON e.source = c.source AND e.tenant IS NOT DISTINCT FROM c.tenant AND e.log = 'usage'
    JOIN usage_row u ON u.caller_id = c.caller_id
        AND u.used_at - to_microseconds(((e.before_s + h.issue_after_s) * 1000000)::BIGINT) <= h.issued_at
        AND coalesce(u.ended_at, 'infinity') + to_microseconds(((e.after_s + h.issue_before_s) * 1000000)::BIGINT) >= h.issued_at
    GROUP BY h.source, h.token_id, h.home
    HAVING bool_and(u.ended_at IS NOT NULL)
),
-- The clients that are called themselves, under a name by which they are known.
answering AS (
    SELECT DISTINCT h.source, h.caller, s.name AS resource_server
    FROM held h
    JOIN place s ON s.source = h.source AND (s.key IN (lower(h.caller), lower(h.caller_id_said)) OR s.known_as IN (lower(h.caller), lower(h.caller_id_said)))
    SEMI JOIN usage_caller c ON c.source = s.source AND c.resource_server = s.name
),
foreign_caller AS (
    SELECT h.caller_id, h.source, h.token_id, h.said_tenant, h.home, h.caller
    FROM held h
    ANTI JOIN party p ON p.source = h.source AND p.token_id = h.token_id AND p.name IN (h.caller, h.caller_id_said)
    WHERE h.caller IS NOT NULL
),
reached AS (
    SELECT f.caller_id, min(u.used_at) AS reached_at
    FROM foreign_caller f
    JOIN answering a ON a.source = f.source AND a.caller = f.caller
    JOIN held o ON o.source = f.source AND o.token_id = f.token_id AND o.resource_server = a.resource_server
        AND (o.said_tenant IS NULL OR f.said_tenant IS NULL OR o.said_tenant = f.said_tenant)
    JOIN usage_row u ON u.caller_id = o.caller_id
    GROUP BY f.caller_id
),
uncalled AS (
    SELECT w.*,
           CASE WHEN w.of_several THEN 'the calls name no tenant, and several issued a token of this id'
                WHEN r.token_id IS NOT NULL THEN 'the token was replaced by another one, with which it may have been called'
                WHEN w.client_id IS NULL THEN 'the issuance names no client'
                WHEN a.caller IS NULL THEN 'no call names a server by the name of this caller: the identities file can tell that both are one'
                WHEN NOT coalesce(t.in_full, false) THEN 'the usage log does not show all calls from its issue on' END AS reason
    FROM called_with w
    SEMI JOIN foreign_caller f ON f.caller_id = w.caller_id
    LEFT JOIN reached x ON x.caller_id = w.caller_id
    LEFT JOIN (SELECT DISTINCT source, token_id FROM replaced) r ON r.source = w.source AND r.token_id = w.token_id
    LEFT JOIN (SELECT DISTINCT source, caller FROM answering) a ON a.source = w.source AND a.caller = w.caller
    LEFT JOIN (
        SELECT w.usage_id, bool_or(true) AS in_full
        FROM called_with w
        JOIN covered_time c ON c.source = w.source AND c.tenant IS NOT DISTINCT FROM w.tenant AND c.log = 'usage' AND NOT c.in_part
            AND c.covered_from <= w.issued_at AND c.covered_until >= w.used_at
        GROUP BY w.usage_id
    ) t ON t.usage_id = w.usage_id
    WHERE NOT coalesce(x.reached_at <= w.used_at + to_microseconds(((w.before_s + w.after_s) * 1000000)::BIGINT), false)
),
overdue AS (
    SELECT w.*, g.first_call AS going_on, (epoch_us(w.used_at) - epoch_us(g.over_at)) / 1e6 AS by_s,
           CASE WHEN c.source IS NULL THEN 'the usage log does not show all calls of the time of its issue: it may be for another one' END AS reason
    FROM called_with w
    JOIN going_on g ON g.source = w.source AND g.token_id = w.token_id AND g.home IS NOT DISTINCT FROM w.home
        AND w.used_at > g.over_at + to_microseconds(((w.before_s + w.after_s) * 1000000)::BIGINT)
    LEFT JOIN covered_time c ON c.source = w.source AND c.tenant IS NOT DISTINCT FROM w.tenant AND c.log = 'usage' AND NOT c.in_part
        AND c.covered_from <= w.issued_at AND c.covered_until >= w.issued_at
    WHERE NOT w.of_several
),
found AS (
    SELECT fault, reason, source, tenant, client_id, client_name, NULL AS issued_to, NULL AS audience, NULL AS in_server, NULL AS resource_server,
           subject_id, grant_id, token_id, issued_at AS seen_at, by_s, record, NULL AS usage_id, NULL AS call_event, NULL AS going_on
    FROM lasting
    UNION ALL BY NAME
    SELECT 'other domain' AS fault, s.reason, w.source, w.tenant, w.client_id, w.client_name, array_to_string(w.audience, ', ') AS audience,
           w.resource_server AS in_server, w.resource_server, w.subject_id, w.grant_id, w.token_id, w.used_at AS seen_at, w.record, w.usage_id, w.call_event
    FROM called_with w
    JOIN astray s ON s.source = w.source AND s.audience = w.audience AND s.resource_server = w.resource_server
    UNION ALL BY NAME
    SELECT 'after its call' AS fault, reason, source, tenant, client_id, client_name, resource_server, subject_id, grant_id, token_id, used_at AS seen_at,
           by_s, record, usage_id, call_event, going_on
    FROM overdue
    UNION ALL BY NAME
    SELECT 'other caller' AS fault, reason, source, tenant, caller_id_said AS client_id, caller_name AS client_name, client_id AS issued_to, resource_server,
           subject_id, grant_id, token_id, used_at AS seen_at, record, usage_id, call_event
    FROM uncalled
),
told AS (
    SELECT fault, source, tenant, client_id, issued_to, audience, in_server, bool_or(reason IS NULL) AS sure,
           coalesce(max(client_name), client_id, 'An unnamed client') AS client, coalesce(max(client_name), client_id, 'an unnamed client') AS of_client,
           CASE WHEN count(DISTINCT subject_id) = 1 AND count(subject_id) = count(*) THEN min(subject_id) END AS subject_id,
           CASE WHEN count(DISTINCT grant_id) = 1 AND count(grant_id) = count(*) THEN min(grant_id) END AS grant_id,
           CASE WHEN count(DISTINCT token_id) = 1 AND count(token_id) = count(*) THEN min(token_id) END AS token_id,
           list_sort(list_distinct(list(resource_server) FILTER (resource_server IS NOT NULL))) AS servers,
           min(seen_at) AS first_seen, max(seen_at) AS last_seen, max(by_s) AS most_s, list_sort(list_distinct(list(record))) AS records,
           list_concat(list(going_on) FILTER (going_on IS NOT NULL),
                       list({'used_at': seen_at, 'event_id': call_event, 'usage_id': usage_id}) FILTER (usage_id IS NOT NULL)) AS uses,
           coalesce(list_transform(list_sort(list_distinct(uses)), lambda u: u.usage_id), []) AS usage_ids,
           list_sort(list_distinct(list(reason) FILTER (reason IS NOT NULL))) AS reasons
    FROM found
    GROUP BY fault, source, tenant, client_id, issued_to, audience, in_server
)
SELECT CASE WHEN fault = 'outlives' THEN 'clear' WHEN sure THEN 'violation' ELSE 'indeterminate' END AS verdict,
       CASE WHEN fault = 'outlives' THEN 'info' ELSE 'medium' END AS severity,
       CASE fault WHEN 'other caller' THEN client || ' called with a transaction token of ' || coalesce(issued_to, 'an unnamed client')
                                           || CASE WHEN sure THEN ', and nobody had called it with that' ELSE ', and nothing tells whether it had been called with that' END
                  WHEN 'other domain' THEN in_server || ' took a transaction token of ' || of_client || ' that is for ' || audience
                                           || CASE WHEN sure THEN '' ELSE ', and nothing tells whether it lies there' END
                  WHEN 'after its call' THEN 'A transaction token of ' || of_client || ' was used after the call for which it was made had ended'
                  WHEN 'long life' THEN client || ' got a transaction token that lives longer than it may'
                  WHEN 'shown too late' THEN client || ' got a transaction token for a token that had expired'
                  ELSE client || ' got a transaction token that outlives the token it came of, which is allowed' END AS title,
       source, tenant, client_id, subject_id, grant_id, token_id, CASE WHEN len(servers) = 1 THEN servers[1] END AS resource_server,
       first_seen, last_seen, len(usage_ids) + len(records) AS events,
       to_json({
           'fault': fault,
           'tokens': len(records),
           'issued_to': issued_to,
           'audience': audience,
           'most_s': most_s,
           'servers': servers[1:20],
           'cannot_tell': CASE fault WHEN 'other caller' THEN 'whether it was handed on otherwise than by a call, as by a queue'
                                     WHEN 'other domain' THEN 'whether a server lies in the trust domain though it does not bear its name' END,
           'reasons': CASE WHEN NOT sure THEN reasons END}) AS detail,
       'token' AS join_key,
       CASE WHEN $every_call THEN usage_ids ELSE list_concat(usage_ids[1:19], usage_ids[20:][-1:]) END AS calls,
       records,
       CASE WHEN len(usage_ids) > 0 THEN 'usage' ELSE 'issuance' END AS about_log, first_seen AS about_from, last_seen AS about_until
FROM told
""",
    fires=FIRES,
    silent=SILENT,
    undecidable=UNDECIDABLE,
)
