"""REV-7: refresh tokens and codes that were used again after they had been used up.

Either the log shows that a refresh token was replaced and came again, or the server says so itself, when it refuses one. It knows of
rotations that no log shows, and how much leeway it gives: its word is a fact. Who came second it cannot tell either.
"""

from grantlens.relations.tenant_token import meant_by
from grantlens.rule.evidence import NAMED, NAMED_REUSE, REDEEMED, ROTATED, Evidence, Way
from grantlens.rule.rule import Parameter, Rule
from grantlens.rules.refresh_reuse.examples import FIRES, SILENT, UNDECIDABLE

_SHOWN = ("issuance.kind=refresh", NAMED, "issuance.token_kind=refresh", ROTATED)

RULE = Rule(
    id="REV-7",
    version=6,
    name="refresh_reuse",
    key=("client_id", "subject_id", "grant_id", "token_id"),
    question="Which refresh tokens or codes were used again after they had been used up?",
    severity="high",
    remedy="Treat it as stolen: nobody can tell whether the client or a thief came second. End the grant, have the person consent again, "
    "and look at what was called from each address. Let the server end all tokens of a grant when one is used twice. Where it does, and every "
    "reuse was refused, look for a client that asks twice: one that lost an answer, or several workers or tabs that share a token.",
    basis="RFC 9700 section 4.14.2 (refresh token rotation); RFC 6749 section 4.1.2 (codes)",
    needs=("tenant_token", "child_token", "caller_token", "covered_token", "covered_time", "clock_error"),
    parameters=(
        Parameter(
            "retry_seconds",
            60.0,
            "seconds",
            "How long after the replacement the old token may come again: the answer was lost, or two workers of one client share it.",
        ),
        Parameter(
            "family_seconds",
            60.0,
            "seconds",
            "How soon after the reuse the other tokens of the grant must have been ended.",
        ),
    ),
    # The old token, its successor and what came of either are issuance; whether the server then ended the family a revocation tells.
    rests_on=Evidence(
        (
            Way(("issuance",), says=_SHOWN),
            Way(
                ("issuance",),
                says=(NAMED_REUSE,),
                leaves_open="a reuse that the server took, or refused in other words",
            ),
            Way(("issuance",), says=("issuance.kind=token", REDEEMED), leaves_open="refresh tokens that came again"),
        )
    ),
    sql=f"""
WITH attempt AS (
    FROM issuance i
    WHERE (kind = 'refresh' AND parent_token_id IS NOT NULL) OR (kind IN ('refresh', 'token') AND denial_reason = 'reuse')
       OR (kind = 'token' AND outcome = 'success' AND (
           grant_type = 'authorization_code' AND parent_token_id IS NOT NULL
           OR EXISTS (SELECT 1 FROM issuance c WHERE c.source = i.source AND c.token_id = i.parent_token_id AND c.token_kind = 'code')))
),
-- A token id is one tenant's. Where several issued one, or showed it, an attempt that names none is any of theirs: its home is not known.
home AS (
    SELECT source, token_id, min(tenant) AS first_home, max(tenant) AS last_home
    FROM (
        SELECT source, parent_token_id AS token_id, tenant FROM attempt WHERE tenant IS NOT NULL
        UNION ALL
        SELECT t.source, t.token_id, t.home
        FROM tenant_token t
        SEMI JOIN attempt a ON a.source = t.source AND a.parent_token_id = t.token_id
        WHERE t.home IS NOT NULL
    )
    GROUP BY source, token_id
),
-- Each time that a refresh token was shown, or that the server says that it or a code came again: what was given for it stands in several rows.
shown AS (
    SELECT source, home, of_several, parent_token_id AS token_id, issued_at, outcome = 'success' AS accepted, bool_and(kind = 'token') AS is_code,
           coalesce(bool_or(denial_reason = 'reuse'), false) AS named, min(tenant) AS tenant, min(client_id) AS client_id,
           min(client_name) AS client_name, min(subject_id) AS subject_id, min(grant_id) AS grant_id, min(ip) AS ip,
           coalesce(min(token_id) FILTER (token_kind = 'refresh' AND token_id <> parent_token_id), min(token_id) FILTER (kind = 'token')) AS successor,
           min({{'seen_at': issued_at, 'batch_id': batch_id, 'line_no': line_no, 'event_id': event_id}}) AS record
    FROM (
        SELECT a.*, coalesce(a.tenant, CASE WHEN h.first_home = h.last_home THEN h.first_home END) AS home,
               a.tenant IS NULL AND coalesce(h.first_home < h.last_home, false) AS of_several
        FROM attempt a
        LEFT JOIN home h ON h.source = a.source AND h.token_id = a.parent_token_id
    )
    GROUP BY source, home, of_several, parent_token_id, issued_at, outcome, CASE WHEN parent_token_id IS NULL THEN event_id END
),
replaced AS (
    SELECT source, home, of_several, token_id, min({{'shown_at': issued_at, 'successor': successor, 'ip': ip, 'record': record}}) AS first
    FROM shown
    WHERE accepted AND (successor IS NOT NULL OR is_code)
    GROUP BY source, home, of_several, token_id
),
-- One that names no tenant, where there are several, may be of the same token as any of theirs.
maybe_replaced AS (
    SELECT source, token_id, true AS of_several, min(first) AS first FROM replaced GROUP BY source, token_id
    UNION ALL
    SELECT source, token_id, false, first FROM replaced WHERE of_several
),
-- Where the server names no token, those of one client, person and grant are told together.
again AS (
    SELECT s.*, coalesce(r.first, m.first) AS rotation, struct_extract(rotation, 'shown_at') AS replaced_at,
           struct_extract(rotation, 'successor') AS first_successor, r.token_id IS NULL AND m.token_id IS NOT NULL AS unsure,
           to_json(CASE WHEN s.token_id IS NULL THEN [s.tenant, s.client_id, s.subject_id, s.grant_id] ELSE [s.home, s.token_id] END)::VARCHAR AS shown_key
    FROM shown s
    LEFT JOIN replaced r ON r.source = s.source AND r.token_id = s.token_id AND r.home IS NOT DISTINCT FROM s.home AND NOT s.of_several
        AND r.first.shown_at < s.issued_at
    LEFT JOIN maybe_replaced m ON m.source = s.source AND m.token_id = s.token_id AND m.of_several = s.of_several AND m.first.shown_at < s.issued_at
    WHERE (r.token_id IS NOT NULL OR m.token_id IS NOT NULL OR s.named) AND s.issued_at >= $since AND s.issued_at < $until
),
-- Whoever used what was given for it had got the answer, and had no need to ask again.
given AS (
    SELECT DISTINCT a.source, a.shown_key, a.home, t.token_id AS child
    FROM again a
    JOIN child_token t ON t.source = a.source AND t.parent_token_id = a.token_id AND t.issued_at = a.replaced_at
        AND (t.tenant IS NULL OR a.home IS NULL OR t.tenant = a.home) AND NOT t.parent_of_several
    WHERE NOT a.unsure
),
arrived AS (
    SELECT source, shown_key, min(seen_at) AS arrived_at
    FROM (
        SELECT g.source, g.shown_key, s.issued_at AS seen_at
        FROM given g
        JOIN shown s ON s.source = g.source AND s.token_id = g.child AND NOT s.of_several AND (s.home IS NULL OR g.home IS NULL OR s.home = g.home)
        UNION ALL
        SELECT g.source, g.shown_key, u.used_at + to_microseconds(((i.before_s + k.after_s) * 1000000)::BIGINT)
        FROM given g
        JOIN usage_caller c ON c.source = g.source AND c.token_id = g.child AND (c.tenant IS NULL OR g.home IS NULL OR c.tenant = g.home)
        JOIN caller_token t ON t.caller_id = c.caller_id AND NOT t.of_several AND (t.tenant IS NULL OR g.home IS NULL OR t.tenant = g.home)
        JOIN usage_row u ON u.caller_id = c.caller_id
        JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.log = 'usage'
        JOIN clock_error i ON i.source = c.source AND i.tenant IS NOT DISTINCT FROM t.tenant AND i.log = 'issuance'
        WHERE u.outcome = 'success'
    )
    GROUP BY source, shown_key
),
-- Of what one ended that names no tenant, where there are several, it is not known whether it is of this family. What is stamped a little before
-- the reuse may be the answer to it.
ended AS (
    SELECT a.source, a.shown_key, a.issued_at, bool_or(c.certain_from < a.surely_at) FILTER (a.known AND c.named) AS before,
           bool_or(c.certain_from < a.surely_at) FILTER (NOT (a.known AND c.named)) AS maybe_before,
           min(c.revoked_at) FILTER (a.known AND c.named) AS ended_at,
           min(c.revoked_at) FILTER (NOT (a.known AND c.named)) AS maybe_ended_at
    FROM (
        SELECT g.*, NOT g.unsure AND NOT g.of_several AS known, g.issued_at - to_microseconds((k.before_s * 1000000)::BIGINT) AS surely_at
        FROM again g
        JOIN clock_error k ON k.source = g.source AND k.tenant IS NOT DISTINCT FROM g.tenant AND k.log = 'issuance'
    ) a
    JOIN (SELECT *, doubt IS NULL AS named FROM covered_token) c ON c.source = a.source AND c.token_id = coalesce(a.first_successor, a.token_id)
        AND (c.token_tenant IS NULL OR a.home IS NULL OR c.token_tenant = a.home)
    GROUP BY a.source, a.shown_key, a.issued_at
),
judged AS (
    SELECT a.*, e.ended_at, e.maybe_ended_at,
           a.replaced_at IS NULL OR a.issued_at > a.replaced_at + to_microseconds(($retry_seconds * 1000000)::BIGINT) AS is_late,
           CASE WHEN a.unsure THEN 'a refresh names no tenant, and several have a token of this id'
                WHEN e.maybe_before THEN 'a revocation names no tenant, and may have ended this token before it came again, or another tenant''s'
                END AS why_unknown,
           -- A code is good for once, be it that the answer was lost.
           CASE WHEN why_unknown IS NULL AND (v.arrived_at < a.issued_at OR (is_late AND (a.named OR a.is_code))) THEN 'violation'
                WHEN v.arrived_at < a.issued_at OR a.named OR is_late THEN 'indeterminate' END AS verdict
    FROM again a
    LEFT JOIN arrived v ON v.source = a.source AND v.shown_key = a.shown_key
    LEFT JOIN ended e ON e.source = a.source AND e.shown_key = a.shown_key AND e.issued_at = a.issued_at
    WHERE NOT coalesce(e.before, false)  -- what surely comes after the end of its family is REV-2's
),
found AS (
    SELECT source, home, token_id, shown_key, max(verdict) AS verdict, min(why_unknown) AS why_unknown, bool_and(is_code) AS is_code,
           min(issued_at) AS first_again_at, max(issued_at) AS last_again_at, count(*) AS times,
           count(*) FILTER (accepted) AS accepted, count(*) FILTER (named) AS named, min(tenant) AS tenant, min(client_id) AS client_id,
           min(client_name) AS client_name, min(subject_id) AS subject_id, min(grant_id) AS grant_id,
           min(rotation) AS first, struct_extract(first, 'shown_at') AS replaced_at, struct_extract(first, 'successor') AS first_successor,
           struct_extract(first, 'record') AS first_record, min(epoch_us(issued_at) - epoch_us(replaced_at)) / 1e6 AS again_after_s,
           list_sort(list_distinct(list(ip) FILTER (ip IS NOT NULL))) AS addresses, min(ended_at) AS ended_at,
           min(maybe_ended_at) AS maybe_ended_at, list(record ORDER BY issued_at) AS again_records
    FROM judged
    WHERE verdict IS NOT NULL
    GROUP BY source, home, token_id, shown_key
),
-- A server that names a reuse may end the family and not log that: then it lives on only where something of it is taken later.
unended AS (
    SELECT f.source, f.shown_key
    FROM found f
    JOIN shown s ON s.source = f.source AND s.token_id = f.first_successor AND s.accepted AND NOT s.of_several
        AND (s.home IS NULL OR f.home IS NULL OR s.home = f.home)
        AND s.issued_at > f.first_again_at + to_microseconds(($family_seconds * 1000000)::BIGINT)
    UNION
    SELECT f.source, f.shown_key
    FROM found f
    JOIN covered_time c ON c.source = f.source AND c.log = 'revocation' AND c.tenant IS NOT DISTINCT FROM f.tenant AND NOT c.in_part
        AND c.covered_from <= f.first_again_at AND c.covered_until > f.first_again_at + to_microseconds(($family_seconds * 1000000)::BIGINT)
    WHERE f.named = 0
),
told AS (
    SELECT f.*, p.scopes, coalesce(p.client_id, f.client_id) AS holder, coalesce(p.subject_id, f.subject_id) AS subject,
           coalesce(p.grant_id, f.grant_id) AS held_grant,
           CASE WHEN f.ended_at <= f.first_again_at + to_microseconds(($family_seconds * 1000000)::BIGINT) THEN true
                WHEN f.maybe_ended_at <= f.first_again_at + to_microseconds(($family_seconds * 1000000)::BIGINT) THEN NULL
                WHEN u.source IS NOT NULL THEN false END AS family_ended
    FROM found f
    LEFT JOIN tenant_token p ON p.source = f.source AND p.token_id = f.token_id AND {meant_by("f.home", "p")}
    LEFT JOIN unended u ON u.source = f.source AND u.shown_key = f.shown_key
)
SELECT verdict, CASE WHEN verdict = 'violation' AND NOT family_ended THEN 'critical'
                     WHEN accepted = 0 AND family_ended THEN 'medium' ELSE 'high' END AS severity,
       coalesce(client_name, holder, 'An unnamed client') || CASE WHEN verdict = 'violation' THEN ' used ' ELSE ' may have used ' END
           || CASE WHEN is_code THEN 'a code again after it had been redeemed, '
                   WHEN verdict = 'violation' THEN 'a refresh token again after it had been replaced, '
                   ELSE 'a refresh token after it had been replaced, ' END
           || CASE WHEN accepted > 0 THEN 'and got tokens for it' WHEN named > 0 THEN 'and was refused for that' ELSE 'and was refused' END AS title,
       source, tenant, holder AS client_id, subject AS subject_id, held_grant AS grant_id, token_id, scopes,
       least(replaced_at, first_again_at) AS first_seen, last_again_at AS last_seen,
       times + CASE WHEN first_record IS NULL THEN 0 ELSE 1 END AS events,
       to_json({{
           'replaced_at': strftime(replaced_at, '%Y-%m-%dT%H:%M:%S.%fZ'),
           'times': times,
           'accepted': accepted,
           'said_by_server': named,
           'again_after_s': again_after_s,
           'address_before': struct_extract(first, 'ip'),
           'addresses': addresses,
           'family_ended': family_ended,
           'reason': CASE WHEN verdict = 'indeterminate' THEN coalesce(why_unknown,
               'nothing that was given for it was seen used before: the answer may have been lost') END
       }}) AS detail,
       CASE WHEN token_id IS NULL THEN 'client_subject' ELSE 'token' END AS join_key,
       CASE WHEN first_record IS NULL THEN again_records ELSE list_prepend(first_record, again_records) END AS records,
       'issuance' AS about_log, least(replaced_at, first_again_at) AS about_from, last_again_at AS about_until
FROM told
""",
    fires=FIRES,
    silent=SILENT,
    undecidable=UNDECIDABLE,
)
