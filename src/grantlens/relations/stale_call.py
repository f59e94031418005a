"""Calls that worked, and that only a scope permitted which had been taken away."""

from grantlens.relations.relation import Relation
from grantlens.relations.tenant_token import why_unknown

RELATION = Relation(
    "stale_call",
    "Calls of the window that worked after a downgrade, and that nothing permitted but scopes which it had taken away from the grant or the token. What "
    "was held is what the token names, else what the call repeats, else what the grant had held; what remains is the rest of it, "
    "and what the grant and grants for everyone hold at that moment. A token that was issued after the downgrade is none of these, nor a key "
    "that was issued again, nor a child by exchange, see covered_token: only what a client got by exchange that the downgrade names. scopes are those taken away that would permit the call; the latest downgrade that took one of them is "
    "told. why_unknown is NULL where it is proven; of_any is true where the downgrade may be of another tenant's token with the same id.",
    """
WITH narrowed AS (
    SELECT source, grant_id, scopes, taken, valid_from AS taken_at, from_true, until_true FROM grant_state WHERE taken IS NOT NULL
),
-- How far the stamps of what gives and takes may be from the truth, once they are set right.
changing AS (
    SELECT source, max(error_s) AS error_s, max(before_s) AS before_s, max(after_s) AS after_s FROM clock_error WHERE log <> 'usage' GROUP BY source
),
-- near: how far before a change a call may be stamped, and have come after it in truth.
calling AS (
    SELECT c.*, to_microseconds((k.offset_s * 1000000)::BIGINT) AS ahead, k.before_s,
           to_microseconds(((k.error_s + k.grid_s + d.error_s) * 1000000)::BIGINT) AS near
    FROM named_caller c
    JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.log = 'usage'
    JOIN changing d ON d.source = c.source
),
downgrade AS (
    SELECT r.source, r.tenant, r.event_id, r.revoked_at + k.by_issuance AS revoked_at, r.target_kind, r.token_id, r.grant_id, r.scopes_removed,
           CASE WHEN r.target_kind IN ('client', 'grant') THEN coalesce(a.app_id, r.client_id) END AS of_client,
           r.revoked_at - to_microseconds((k.offset_s * 1000000)::BIGINT) AS revoked_true,
           k.error_s + k.issuance_offset_s AS before_s, k.error_s + k.grid_s - k.issuance_offset_s AS after_s
    FROM revocation r
    JOIN clock_error k ON k.source = r.source AND k.tenant IS NOT DISTINCT FROM r.tenant AND k.log = 'revocation'
    LEFT JOIN same_client a ON a.source = r.source AND a.id = r.client_id
    WHERE r.kind = 'downgrade' AND r.outcome = 'success'
),
-- From when to when each caller called that they may concern.
spell AS (
    SELECT caller_id, min(used_at) AS first_used_at, max(used_at) AS last_used_at
    FROM usage_row
    SEMI JOIN (
        SELECT s.caller_id FROM caller_segment s JOIN named_caller c USING (caller_id)
        SEMI JOIN narrowed g ON g.source = c.source AND g.grant_id = s.grant_id
    ) USING (caller_id)
    WHERE outcome = 'success' AND used_at >= $since AND used_at < $until
    GROUP BY caller_id
),
-- Stretches of time, by the stamps of the usage log, in which scopes were taken from what a caller holds. begun_by is when that was, where nothing
-- else begins the stretch; own is what its token names, kept what its grant still held.
spread AS (
    SELECT row_number() OVER () AS spread_no, *
    FROM (
        SELECT s.caller_id, s.segment_id, s.grant_id, s.join_key, s.scopes_from, CASE WHEN s.scopes_from <> 'grant' THEN s.set_id END AS own_set_id,
               g.scopes AS kept, g.taken, true AS of_grant,
               greatest(s.valid_from, g.from_true + c.ahead) AS valid_from, least(s.valid_until, g.until_true + c.ahead) AS valid_until,
               CASE WHEN s.valid_from <= g.from_true + c.ahead THEN g.taken_at END AS begun_by, NULL AS whose_unknown
        FROM caller_segment s
        JOIN calling c USING (caller_id)
        JOIN spell p USING (caller_id)
        JOIN narrowed g ON g.source = c.source AND g.grant_id = s.grant_id
            AND g.from_true + c.ahead < s.valid_until AND g.until_true + c.ahead > s.valid_from
            AND g.from_true + c.ahead <= p.last_used_at + c.near AND g.until_true + c.ahead > p.first_used_at
        UNION ALL
        -- A grant that a downgrade names, though its issuance is not in the log.
        SELECT c.caller_id, NULL, c.grant_id, c.join_key, c.own_scopes_from, c.own_set_id,
               NULL, list_transform(r.scopes_removed, lambda x: {'scope': x, 'taken_at': r.revoked_at, 'event_id': r.event_id}),
               true, r.revoked_true + c.ahead, 'infinity'::TIMESTAMPTZ, r.revoked_at, NULL
        FROM calling c
        JOIN downgrade r ON r.source = c.source AND r.grant_id = c.grant_id
        ANTI JOIN grant_state g ON g.source = r.source AND g.grant_id = r.grant_id
        WHERE r.target_kind NOT IN ('token', 'credential', 'session')
        UNION ALL
        -- A token that is narrowed itself, whatever its grant holds.
        SELECT c.caller_id, s.segment_id, s.grant_id, c.join_key, coalesce(s.scopes_from, c.own_scopes_from), coalesce(s.set_id, c.own_set_id),
               [], list_transform(r.scopes_removed, lambda x: {'scope': x, 'taken_at': r.revoked_at, 'event_id': r.event_id}),
               false, greatest(s.valid_from, r.revoked_true + c.ahead), coalesce(s.valid_until, 'infinity'::TIMESTAMPTZ),
               CASE WHEN coalesce(s.valid_from <= r.revoked_true + c.ahead, true) THEN r.revoked_at END,
               """
    + why_unknown("r.tenant", "c.tenant", "h.homes")
    + """ AS whose_unknown
        FROM downgrade r
        JOIN calling c ON c.source = r.source AND c.token_id = r.token_id AND c.token_known
            AND (r.tenant IS NULL OR c.tenant IS NULL OR c.tenant = r.tenant)
        JOIN (SELECT DISTINCT source, token_id, homes FROM tenant_token) h ON h.source = r.source AND h.token_id = r.token_id
        LEFT JOIN caller_segment s ON s.caller_id = c.caller_id
        WHERE r.target_kind IN ('token', 'credential')
          -- Of a key, or a token that several tenants have, the grant may not be known.
          AND coalesce(s.set_id, c.own_set_id) IS NOT NULL
    )
    WHERE kept IS NOT NULL OR own_set_id IS NOT NULL
),
-- Cut where a grant for everyone beside it begins, changes or ends: what one permits at its time permits nothing before and after it.
beside AS (
    -- Of one that may be another tenant's it is not known whether it permits anything.
    SELECT s.spread_no, g.grant_id, g.valid_from, g.valid_until,
           CASE WHEN g.granted_in IS NOT DISTINCT FROM o.tenant OR g.granted_in = coalesce(o.tenant, c.token_tenant, c.tenant) THEN g.scopes END AS scopes,
           to_microseconds((g.near_before_s * 1000000)::BIGINT) AS near_before,
           to_microseconds((g.near_after_s * 1000000)::BIGINT) AS near_after
    FROM spread s
    JOIN named_caller c USING (caller_id)
    JOIN everyones_state g ON g.source = c.source AND g.tenant IS NOT DISTINCT FROM c.tenant AND g.client_id = c.client_id
        AND g.valid_from < s.valid_until AND g.valid_until > s.valid_from
    LEFT JOIN (SELECT DISTINCT source, grant_id, tenant FROM grant_state) o ON o.source = c.source AND o.grant_id = s.grant_id
    WHERE s.of_grant AND c.subject_id IS NOT NULL AND g.grant_id <> s.grant_id
      AND coalesce(g.granted_in = coalesce(o.tenant, c.token_tenant), true)
),
stretch AS (
    SELECT row_number() OVER () AS stretch_no, s.*, m.moment AS piece_from, coalesce(lead(m.moment) OVER in_turn, 'infinity'::TIMESTAMPTZ) AS piece_until,
           m.moment + m.near_after AS surely_from, coalesce(lead(m.moment - m.near_before) OVER in_turn, 'infinity'::TIMESTAMPTZ) AS surely_until
    FROM spread s
    JOIN (
        SELECT spread_no, '-infinity'::TIMESTAMPTZ AS moment, INTERVAL 0 SECOND AS near_before, INTERVAL 0 SECOND AS near_after FROM spread
        UNION SELECT spread_no, valid_from, near_before, near_after FROM beside
        UNION SELECT spread_no, valid_until, near_before, near_after FROM beside WHERE valid_until < 'infinity'
    ) m USING (spread_no)
    WINDOW in_turn AS (PARTITION BY s.spread_no ORDER BY m.moment)
),
-- What was taken from each, where its token is not known to be younger. A child by exchange is covered as by a revocation.
lost AS (
    SELECT s.stretch_no, s.taken.scope, r.event_id AS revocation_event, r.revoked_at, r.revoked_true,
           r.revoked_at + to_microseconds((r.after_s * 1000000)::BIGINT) AS certain_from,
           -- Of a token that no issuance tells of, its calls may say when it was issued.
           coalesce(coalesce(t.issued_at, n.issued_at) + to_microseconds((coalesce(i.after_s, d.after_s) * 1000000)::BIGINT)
                        < r.revoked_at - to_microseconds((r.before_s * 1000000)::BIGINT), true) AS older
    FROM (SELECT stretch_no, caller_id, unnest(taken) AS taken FROM stretch) s
    JOIN named_caller c USING (caller_id)
    JOIN changing d ON d.source = c.source
    JOIN downgrade r ON r.source = c.source AND r.event_id = s.taken.event_id
    LEFT JOIN caller_token t ON t.caller_id = c.caller_id
    LEFT JOIN called_token n ON NOT c.token_known AND n.source = c.source AND n.tenant IS NOT DISTINCT FROM c.tenant AND n.token_id = c.token_id
    LEFT JOIN clock_error i ON i.source = c.source AND i.tenant IS NOT DISTINCT FROM CASE WHEN c.token_known THEN t.tenant ELSE c.tenant END
        AND i.log = 'issuance'
    WHERE (NOT c.token_known OR t.kind <> 'exchange' OR t.client_id = r.of_client OR t.token_id = r.token_id)
      AND coalesce(coalesce(t.issued_at, n.issued_from) - to_microseconds((coalesce(i.before_s, d.before_s) * 1000000)::BIGINT)
                       <= r.revoked_at + to_microseconds((r.after_s * 1000000)::BIGINT), true)
),
-- Calls proven to come after the end of the token belong to REV-1 and INT-2. A downgrade whose stamp is a little later may have been first;
-- but what the grant did not permit by the stamps, OOS-1 tells: such a downgrade took what had not been given.
call AS (
    SELECT s.stretch_no, o.operation_id, u.usage_id, u.event_id, u.used_at
    FROM (FROM stretch SEMI JOIN lost USING (stretch_no)) s
    JOIN calling c ON c.caller_id = s.caller_id
    JOIN usage_row u ON u.caller_id = s.caller_id AND u.used_at >= s.valid_from - c.near AND u.used_at < s.valid_until
        AND u.used_at >= s.piece_from AND u.used_at < s.piece_until
    JOIN usage_operation o ON o.target_id = u.target_id
    LEFT JOIN caller_end e ON e.caller_id = u.caller_id
    LEFT JOIN caller_segment b ON u.used_at < s.valid_from AND b.caller_id = u.caller_id AND b.valid_from <= u.used_at AND b.valid_until > u.used_at
    ANTI JOIN (FROM judged_question WHERE verdict = 'out_of_scope') j
        ON j.operation_id = o.operation_id AND j.set_id = b.set_id AND j.application IS NOT DISTINCT FROM c.application
    WHERE o.operation_id IS NOT NULL AND u.outcome = 'success' AND u.used_at >= $since AND u.used_at < $until
      AND NOT coalesce(u.used_at > e.ended_at, false)
),
asked AS (
    SELECT DISTINCT stretch_no, operation_id FROM call
),
everyones AS (
    SELECT a.stretch_no, a.operation_id, g.scopes
    FROM asked a
    JOIN stretch s USING (stretch_no)
    JOIN beside g ON g.spread_no = s.spread_no AND g.valid_from <= s.piece_from AND g.valid_until > s.piece_from
),
-- Scopes by their number in a catalogue, however they are written.
gone AS (
    SELECT l.stretch_no, k.scope_id, l.* EXCLUDE (stretch_no) FROM lost l JOIN known_scope k USING (scope)
),
own AS (
    SELECT s.stretch_no, k.scope_id
    FROM stretch s JOIN (SELECT set_id, unnest(scopes) AS scope FROM scope_set) x ON x.set_id = s.own_set_id JOIN known_scope k USING (scope)
),
-- What was held, and what is kept of it; where the token says nothing, the grant had held both.
holding AS (
    SELECT o.stretch_no, o.scope_id, true AS was_held, true AS is_kept FROM own o ANTI JOIN gone g USING (stretch_no, scope_id)
    UNION
    SELECT g.stretch_no, g.scope_id, true, false
    FROM gone g JOIN stretch s USING (stretch_no) LEFT JOIN own o USING (stretch_no, scope_id)
    WHERE s.own_set_id IS NULL OR o.scope_id IS NOT NULL
    UNION
    SELECT s.stretch_no, k.scope_id, s.own_set_id IS NULL, true
    FROM (SELECT stretch_no, own_set_id, unnest(kept) AS scope FROM stretch) s JOIN known_scope k USING (scope)
),
holder AS (
    SELECT a.stretch_no, a.operation_id, h.* EXCLUDE (stretch_no) FROM asked a JOIN holding h USING (stretch_no)
    UNION
    SELECT e.stretch_no, e.operation_id, k.scope_id, s.own_set_id IS NULL, true
    FROM (SELECT stretch_no, operation_id, unnest(scopes) AS scope FROM everyones) e JOIN stretch s USING (stretch_no) JOIN known_scope k USING (scope)
),
covering AS (
    SELECT h.stretch_no, h.operation_id, c.implied_scope_id AS scope_id, bool_or(h.was_held) AS was_held, bool_or(h.is_kept) AS is_kept
    FROM holder h JOIN scope_closure c USING (scope_id)
    GROUP BY h.stretch_no, h.operation_id, c.implied_scope_id
),
alternative AS (
    SELECT a.stretch_no, a.operation_id, r.alt, bool_and(r.scope_id IS NULL OR coalesce(h.was_held, false)) AS was_permitted,
           bool_and(r.scope_id IS NULL OR coalesce(h.is_kept, false)) AS is_permitted, bool_or(r.condition IS NOT NULL) AS conditional
    FROM asked a
    JOIN stretch s USING (stretch_no)
    JOIN named_caller c USING (caller_id)
    JOIN cat_requirement r ON r.op_id = a.operation_id
        AND (r.principal = 'any' OR coalesce(c.application = (r.principal IN ('application', 'bot')), true))
    LEFT JOIN covering h ON h.stretch_no = a.stretch_no AND h.operation_id = a.operation_id AND h.scope_id = r.scope_id
    GROUP BY a.stretch_no, a.operation_id, r.alt
),
judged AS (
    SELECT j.stretch_no, j.operation_id, NOT any_value(o.complete) OR bool_or(j.conditional) AS depends
    FROM alternative j
    JOIN cat_operation o ON o.op_id = j.operation_id
    GROUP BY j.stretch_no, j.operation_id
    HAVING NOT bool_or(j.is_permitted)
),
-- Which of the scopes taken away would permit it, and the latest downgrade that took one of them.
by_scope AS (
    SELECT j.stretch_no, j.operation_id, any_value(j.depends) AS depends, list_sort(list_distinct(list(g.scope))) AS scopes,
           max({'revoked_at': g.revoked_at, 'revoked_true': g.revoked_true, 'certain_from': g.certain_from, 'revocation_event': g.revocation_event}) AS latest, bool_and(g.older) AS older
    FROM judged j
    JOIN alternative a USING (stretch_no, operation_id)
    JOIN cat_requirement r ON r.op_id = j.operation_id AND r.alt = a.alt
    JOIN scope_closure c ON c.implied_scope_id = r.scope_id
    JOIN gone g ON g.stretch_no = j.stretch_no AND g.scope_id = c.scope_id
    SEMI JOIN holding h ON h.stretch_no = g.stretch_no AND h.scope_id = g.scope_id AND NOT h.is_kept
    ANTI JOIN covering k ON k.stretch_no = j.stretch_no AND k.operation_id = j.operation_id AND k.scope_id = r.scope_id AND k.is_kept
    WHERE a.was_permitted
    GROUP BY j.stretch_no, j.operation_id
),
given_again AS (
    SELECT n.source, n.tenant, n.token_id, n.issued_at - to_microseconds((k.offset_s * 1000000)::BIGINT) AS issued_true
    FROM issued n
    JOIN clock_error k ON k.source = n.source AND k.tenant IS NOT DISTINCT FROM n.tenant AND k.log = 'issuance'
    WHERE n.kind = 'credential' AND n.token_id IS NOT NULL
)
SELECT u.usage_id, u.event_id, u.used_at, u.operation_id, s.caller_id, s.segment_id, s.grant_id, s.join_key, s.scopes_from,
       b.latest.revocation_event, b.latest.revoked_at, b.latest.certain_from, b.scopes, c.before_s AS use_before_s,
       u.used_at - c.ahead AS used_true, b.latest.revoked_true,
       CASE WHEN u.used_at - to_microseconds((c.before_s * 1000000)::BIGINT) <= b.latest.certain_from OR u.used_at + c.near >= s.valid_until
                OR u.used_at <= s.surely_from OR u.used_at >= s.surely_until
            THEN 'the call and a change of the grant are closer than the clocks can tell'
            WHEN NOT b.older THEN 'the issuance of the token and the downgrade are closer than the clocks can tell'
            WHEN s.kept IS NULL OR e.stretch_no IS NOT NULL THEN 'which scopes were still granted is not known'
            WHEN b.depends THEN 'what it needs depends on what the log does not show'
            ELSE s.whose_unknown END AS why_unknown,
       s.whose_unknown IS NOT NULL AS of_any
FROM by_scope b
JOIN stretch s USING (stretch_no)
JOIN call u ON u.stretch_no = b.stretch_no AND u.operation_id = b.operation_id AND (u.used_at >= s.valid_from OR b.latest.revoked_at = s.begun_by)
JOIN calling c USING (caller_id)
LEFT JOIN (SELECT DISTINCT stretch_no, operation_id FROM everyones WHERE scopes IS NULL) e
    ON e.stretch_no = b.stretch_no AND e.operation_id = b.operation_id
-- A key that was issued again with the scopes that its records name was given them again.
ANTI JOIN given_again n ON s.own_set_id IS NOT NULL AND n.source = c.source AND n.token_id = c.token_id
    AND n.issued_true > b.latest.revoked_true AND n.issued_true <= u.used_at - c.ahead AND (n.tenant IS NULL OR c.tenant IS NULL OR n.tenant = c.tenant)
WHERE s.own_set_id IS NOT NULL OR e.stretch_no IS NULL
""",
    needs=(
        "caller_segment",
        "caller_end",
        "named_caller",
        "grant_state",
        "everyones_state",
        "scope_set",
        "known_scope",
        "judged_question",
        "caller_token",
        "called_token",
        "tenant_token",
        "issued",
        "same_client",
        "clock_error",
    ),
    windowed=True,
)
