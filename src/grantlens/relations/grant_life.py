"""Each stretch of life of each grant, with its use."""

from grantlens.relations.relation import Relation


def may_have_ended(why: str, token: str = "token") -> str:
    """Return SQL that says how a grant may have ended: `why` as doubt of grant_life has it, `token` the kind of token that counts.

    Examples
    --------
    >>> "WHEN 'id' THEN 'a revocation that names no tenant may have ended it, and several have a refresh token of its id'" in may_have_ended("l.why", "refresh token")
    True
    """
    return f"""CASE {why} WHEN 'client' THEN 'a revocation that names no tenant may have ended it, and several have this client'
                WHEN 'id' THEN 'a revocation that names no tenant may have ended it, and several have a {token} of its id'
                WHEN 'session' THEN 'a revocation that names no tenant may have ended it, and several have a session of its id'
                WHEN 'name' THEN 'a revocation that names a token only by its name may have ended it, and several had that name'
                WHEN 'family' THEN 'a revocation of a refresh token may have ended it, and whether its access came of that or of another the logs do not tell'
                WHEN 'tenant' THEN 'a revocation in one tenant may have ended it, and in which it was the logs do not tell'
                WHEN 'everyone' THEN 'a revocation of a grant for everyone may have ended it, and whether of its tenant the logs do not tell'
                WHEN 'holder' THEN 'who made its key has ended, and the calls with that key name somebody else'
                WHEN 'whose' THEN 'a revocation that does not say whose grant of its client it was may have ended it'
                WHEN 'token' THEN 'a token of its client was revoked, and the log does not tell which' END"""


RELATION = Relation(
    "grant_life",
    "Each stretch of life of each grant up to the end of the window, with its tokens and, of the window, its successful calls. closed_at "
    "is when access ended: by revocation, or - where by_consent is false, and tokens are all that is known of the grant - with "
    "the last token, revoked or expired; NULL where no end is known. ended_at is when the grant itself was revoked, ended_by the revocation that "
    "ended the access, NULL where it ended by itself. doubt is from when on all access may have been over, though the "
    "logs do not tell, by which revocation, and why: as in token_life, or 'whose', see anybodys_end. scopes are the last, NULL where no record names any.",
    """
WITH state AS (
    SELECT source, min(tenant) AS tenant, grant_id, opened_at, min(client_id) AS client_id,
           min(client_name) AS client_name,
           min(subject_id) AS subject_id, min(subject_name) AS subject_name, min(subject_kind) AS subject_kind,
           min(from_true) AS opened_true, min(ended_at) AS ended_at, min(ended_by) AS ended_by, bool_or(by_consent) AS by_consent,
           -- In a structure, or scopes that are no longer known would give way to those before.
           (arg_max({'scopes': scopes}, valid_from) FILTER (valid_from < $until)).scopes AS scopes
    FROM grant_state
    GROUP BY source, grant_id, opened_at
),
placed AS (
    SELECT *, lead(opened_at, 1, 'infinity'::TIMESTAMPTZ) OVER in_turn AS reopened_at,
           lead(opened_true, 1, 'infinity'::TIMESTAMPTZ) OVER in_turn AS reopened_true, row_number() OVER in_turn = 1 AS is_first
    FROM state
    WINDOW in_turn AS (PARTITION BY source, grant_id ORDER BY opened_at)
),
-- What is enabled, or a key that is switched on, again only after the window is over at its end.
off AS (
    SELECT source, grant_id, issued_at AS opened_at, min({'at': revoked_at, 'by': revocation_event}) AS pause
    FROM covered_token
    WHERE token_id IS NULL AND alive AND doubt IS NULL AND revoked_at < $until AND covered_until >= $until AND NOT isinf(covered_until)
    GROUP BY source, grant_id, issued_at
),
life AS (
    SELECT * EXCLUDE (pauses, pause) REPLACE (
               least(pause.off_at, closed_at) AS closed_at, CASE WHEN pause.off_at <= coalesce(closed_at, pause.off_at) THEN pause.by ELSE ended_by END AS ended_by)
    FROM (SELECT *, list_min(list_filter(pauses, lambda x: x.off_at < $until AND x.on_at >= $until)) AS pause FROM token_life WHERE issued_at < $until)
),
token_of AS (
    SELECT p.source, p.grant_id, p.opened_at, count(t.token_id) AS tokens,
           -- What ends by itself has no name for it, and is no less the last for that.
           CASE WHEN count(t.closed_at) = count(*) THEN max({'at': t.closed_at, 'named': t.ended_by IS NOT NULL, 'by': t.ended_by}) END AS last_end,
           CASE WHEN count(coalesce(t.closed_at, t.doubt.revoked_at)) = count(*) THEN max(least(t.closed_at, t.doubt.revoked_at)) END AS perhaps_at,
           max(t.doubt) FILTER (t.closed_at IS NULL OR t.doubt.revoked_at < t.closed_at) AS doubt
    FROM placed p
    JOIN life t ON t.source = p.source AND t.grant_id = p.grant_id AND t.issued_at >= p.opened_at AND t.issued_at < p.reopened_at
    GROUP BY ALL
),
-- What one may have ended, and what was not given again since.
doubted AS (
    SELECT source, grant_id, opened_at, min(doubt) AS doubt
    FROM (
        SELECT s.source, s.grant_id, s.opened_at, {'at': c.revoked_at, 'by': c.revocation_event, 'why': c.doubt} AS doubt
        FROM state s
        JOIN covered_token c ON c.source = s.source AND c.grant_id = s.grant_id AND c.issued_at = s.opened_at
        WHERE c.doubt IS NOT NULL AND c.token_id IS NULL AND c.revoked_at < $until AND c.covered_until >= least(s.ended_at, $until)
        UNION ALL
        FROM anybodys_end
    )
    GROUP BY source, grant_id, opened_at
),
-- Held to the beginnings of the grant by times that are set right.
pair AS (
    SELECT c.source, p.caller_id, p.grant_id, p.first_used_at, p.last_used_at, p.events, to_microseconds((e.offset_s * 1000000)::BIGINT) AS ahead,
           coalesce(k.grave, false) AS grave
    FROM used_pair p
    JOIN named_caller c ON c.caller_id = p.caller_id
    JOIN clock_error e ON e.source = c.source AND e.tenant IS NOT DISTINCT FROM c.tenant AND e.log = 'usage'
    LEFT JOIN operation_class k ON k.operation_id = p.operation_id
    WHERE p.outcome = 'success'
),
-- Who called before a grant was given again and after it: of these few every call is looked at.
over_both AS (
    SELECT DISTINCT c.caller_id, c.ahead
    FROM pair c
    JOIN placed p ON p.source = c.source AND p.grant_id = c.grant_id AND c.first_used_at - c.ahead < p.reopened_true AND c.last_used_at - c.ahead >= p.reopened_true
),
called AS (
    SELECT source, grant_id, first_used_at - ahead AS used_true, first_used_at, last_used_at, events, grave FROM pair ANTI JOIN over_both USING (caller_id)
    UNION ALL
    SELECT c.source, coalesce(s.grant_id, c.grant_id), u.used_at - b.ahead, u.used_at, u.used_at, 1, o.target_id IS NOT NULL
    FROM usage_row u
    JOIN over_both b USING (caller_id)
    JOIN named_caller c USING (caller_id)
    LEFT JOIN caller_segment s ON s.caller_id = u.caller_id AND s.valid_from <= u.used_at AND s.valid_until > u.used_at
    LEFT JOIN (SELECT DISTINCT target_id FROM usage_operation JOIN operation_class USING (operation_id) WHERE grave) o ON o.target_id = u.target_id
    WHERE u.used_at >= $since AND u.used_at < $until AND u.outcome = 'success'
),
use_of AS (
    SELECT p.source, p.grant_id, p.opened_at, sum(c.events)::BIGINT AS calls,
           coalesce(sum(c.events) FILTER (c.grave), 0)::BIGINT AS grave_calls,
           min(c.first_used_at) AS first_used_at, max(c.last_used_at) AS last_used_at
    FROM placed p
    JOIN called c ON c.source = p.source AND c.grant_id = p.grant_id
        -- What was called with it before its first record shows that it is older than the log, or a clock that is off.
        AND (c.used_true >= p.opened_true OR p.is_first) AND c.used_true < p.reopened_true
    GROUP BY ALL
)
SELECT p.* EXCLUDE (opened_true, reopened_at, reopened_true, is_first) REPLACE (
           CASE WHEN p.ended_at IS NULL AND NOT p.by_consent THEN t.last_end.by ELSE p.ended_by END AS ended_by),
       -- Access ends by revocation, or - without a standing consent - with the last token.
       CASE WHEN p.ended_at IS NOT NULL THEN p.ended_at WHEN NOT p.by_consent THEN t.last_end.at END AS closed_at,
       list_min([d.doubt, CASE WHEN NOT p.by_consent AND t.doubt IS NOT NULL AND t.perhaps_at < $until
                          THEN {'at': t.perhaps_at, 'by': t.doubt.revocation_event, 'why': t.doubt.why} END]) AS doubt,
       coalesce(t.tokens, 0) AS tokens, coalesce(u.calls, 0) AS calls, coalesce(u.grave_calls, 0) AS grave_calls,
       u.first_used_at, u.last_used_at
FROM (
    SELECT p.* REPLACE (coalesce(f.pause.at, p.ended_at) AS ended_at, coalesce(f.pause.by, p.ended_by) AS ended_by)
    FROM placed p
    LEFT JOIN off f USING (source, grant_id, opened_at)
) p
LEFT JOIN token_of t USING (source, grant_id, opened_at)
LEFT JOIN doubted d USING (source, grant_id, opened_at)
LEFT JOIN use_of u USING (source, grant_id, opened_at)
WHERE p.opened_at < $until
""",
    needs=(
        "grant_state",
        "token_life",
        "covered_token",
        "anybodys_end",
        "used_pair",
        "named_caller",
        "caller_segment",
        "operation_class",
        "clock_error",
    ),
    windowed=True,
)
