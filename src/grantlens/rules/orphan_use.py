"""INT-1: calls whose issuance no log shows."""

from grantlens.rules.evidence import ISSUE_USE, PAIR, TOKEN, WORKED, Evidence, Way
from grantlens.rules.example import Example, logs_from_to, token, use
from grantlens.rules.rule import Parameter, Rule

RULE = Rule(
    id="INT-1",
    version=1,
    name="orphan_use",
    question="Which calls were made with access that no issuance record explains?",
    severity="medium",
    remedy="Look for a missing issuance log first. If it is complete, treat the token as forged or stolen from elsewhere.",
    basis="RFC 9068 section 2.2 (jti); NIST SP 800-53 AU-6",
    needs=("used_pair", "named_caller", "caller_segment", "token", "issued"),
    parameters=(
        Parameter(
            "default_life_hours",
            24,
            "hours",
            "How far back an issuance log must reach, where no expiry in it tells the longest token life.",
        ),
    ),
    # That nothing was issued is an absence in the issuance log; the call itself is a presence.
    rests_on=Evidence(
        (
            Way(
                ISSUE_USE,
                {ISSUE_USE: TOKEN},
                ("usage.token_id", WORKED),
                silence=("issuance",),
                leaves_open="a key that is older than the log looks as if it had never been issued",
            ),
        ),
        (
            Way(
                ISSUE_USE,
                {ISSUE_USE: PAIR},
                (WORKED,),
                silence=("issuance",),
                leaves_open="told of a client and subject without any issuance, never of a token; a consent older than the log "
                "looks the same",
            ),
        ),
    ),
    sql="""
WITH orphan AS (
    SELECT c.source, c.tenant, c.token_id, p.*, c.client_id AS client, c.client_name, c.subject_id AS subject, c.resource_server
    FROM used_pair p
    JOIN named_caller c USING (caller_id)
    LEFT JOIN caller_segment s ON s.segment_id = p.segment_id
    WHERE p.outcome = 'success' AND NOT c.token_known
      AND (c.token_id IS NOT NULL
           OR NOT EXISTS (SELECT 1 FROM issued i WHERE i.source = c.source
                          AND (i.grant_id = c.grant_id OR (i.client_id = c.client_id AND i.subject_id IS NOT DISTINCT FROM c.subject_id))))
),
keyed AS (
    SELECT source, tenant, token_id,
           CASE WHEN token_id IS NULL THEN client END AS client_key, CASE WHEN token_id IS NULL THEN subject END AS subject_key,
           min(client) AS client_id, min(client_name) AS client_name, min(subject) AS subject_id,
           CASE WHEN count(DISTINCT resource_server) = 1 THEN min(resource_server) END AS resource_server,
           min(first_used_at) AS first_seen, max(last_used_at) AS last_seen, sum(events)::BIGINT AS events,
           CASE WHEN $every_call THEN list(first_no) ELSE min(first_no, 19) END AS firsts, [max(last_no)] AS lasts
    FROM orphan
    GROUP BY ALL
),
life AS (
    SELECT source, max(epoch(expires_at) - epoch(issued_at)) AS longest_s
    FROM token WHERE coalesce(token_kind, 'access') NOT IN ('refresh', 'api_key') GROUP BY source
),
-- The issuance log is complete if one stretch of it reaches from before the token could have been issued up to its first use.
judged AS (
    SELECT k.*, bool_or(c.source IS NOT NULL) AS log_held,
           bool_or(c.covered_from <= k.first_seen - to_seconds(coalesce(l.longest_s, $default_life_hours * 3600)::BIGINT)
                   AND c.covered_until >= k.first_seen) AS complete
    FROM keyed k
    LEFT JOIN life l USING (source)
    LEFT JOIN coverage c ON c.source = k.source AND c.log = 'issuance' AND NOT c.is_gap
        AND (k.tenant IS NULL OR c.tenant IS NULL OR c.tenant = k.tenant)
    GROUP BY ALL
)
SELECT CASE WHEN complete THEN 'violation' ELSE 'indeterminate' END AS verdict,
       CASE WHEN complete THEN 'critical' ELSE 'medium' END AS severity,
       coalesce(client_name, client_id, 'An unnamed client') || ' made calls with access that no issuance record explains' AS title,
       source, tenant, client_id, subject_id, token_id, resource_server,
       first_seen, last_seen, events,
       to_json({
           'issuance_log': CASE WHEN complete THEN 'complete' WHEN log_held THEN 'partial' ELSE 'absent' END,
           'reason': CASE WHEN NOT log_held THEN 'no issuance log of this source is held'
                          WHEN NOT coalesce(complete, false) THEN 'the issuance log does not reach back far enough, or ends too early' END}) AS detail,
       CASE WHEN token_id IS NOT NULL THEN 'token' ELSE 'client_subject' END AS join_key,
       firsts, lasts,
       'issuance' AS about_log, first_seen AS about_from, last_seen AS about_until
FROM judged
""",
    fires=(
        Example(
            "the issuance log is complete, and never saw this token",
            (
                token("10 09:00", "t1", ["mail.read"], "10 10:00"),
                use("12 09:06", "GET /v1/messages/7", "t-forged"),
                *logs_from_to("01 08:00", "20 08:00"),
                token("20 08:00", "t3", ["mail.read"], "20 09:00"),
            ),
            (
                {
                    "verdict": "violation",
                    "severity": "critical",
                    "token_id": "t-forged",
                    "detail": {"issuance_log": "complete"},
                },
            ),
        ),
    ),
    silent=(
        Example(
            "the token is known",
            (token("10 09:00", "t1", ["mail.read"], "10 10:00"), use("10 09:06", "GET /v1/messages/7")),
        ),
        Example(
            "no token, but a grant of this client and subject",
            (token("10 09:00", "t1", ["mail.read"], "10 10:00"), use("10 09:06", "GET /v1/messages/7", None)),
        ),
        Example(
            "a refused call was no use",
            (
                token("10 09:00", "t1", ["mail.read"], "10 10:00"),
                use("10 09:06", "GET /v1/messages/7", "t-forged", status=401),
            ),
        ),
    ),
    undecidable=(
        Example(
            "the token may be older than the issuance log",
            (
                token("10 09:00", "t1", ["mail.read"], "10 19:00"),
                use("10 09:06", "GET /v1/messages/7", "t-old"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "severity": "medium",
                    "token_id": "t-old",
                    "detail": {"issuance_log": "partial"},
                },
            ),
        ),
        Example(
            "there is no issuance log",
            (use("10 09:06", "GET /v1/messages/7", "t-any"),),
            ({"verdict": "indeterminate", "detail": {"issuance_log": "absent"}},),
        ),
    ),
)
