"""PRV-3: grants that nobody uses and that live on."""

from grantlens.relations.grant_life import may_have_ended
from grantlens.rule.evidence import ALL_KINDS, ALL_THREE, END_UNSEEN, ISSUE_USE, PAIR, Evidence, Way
from grantlens.rule.rule import Parameter, Rule
from grantlens.rules.dormant_grant.examples import FIRES, SILENT
from grantlens.rules.dormant_grant.undecidable import UNDECIDABLE

_STANDING = "which grants were given, not whether anybody uses them"
_OFFLINE = "only of grants with offline_access"


def _way(refreshable: str, leaves_open: str = "", logs: tuple[str, ...] = ALL_THREE) -> Way:
    return Way(logs, {ISSUE_USE: PAIR}, (refreshable, ALL_KINDS), silence=logs[1:], leaves_open=leaves_open)


RULE = Rule(
    id="PRV-3",
    version=20,
    name="dormant_grant",
    key=("grant_id",),
    question="Which refreshable grants stand unused, and were never revoked?",
    severity="high",
    remedy="Ask the owner, then revoke the grant. A grant that nobody uses serves only a thief.",
    basis="NIST SP 800-53 AC-2(3); GitHub revokes tokens unused for a year",
    needs=(
        "registered_client",
        "grant_state",
        "used_pair",
        "everyones_use",
        "named_caller",
        "caller_segment",
        "caller_party",
        "possible_grant",
        "unplaced_grant",
        "issued",
        "opening_record",
        "covered_token",
        "effective_revocation",
        "anybodys_end",
        "token_life",
        "watched_time",
        "shown_standing",
        "protocol_scope",
        "uncalled_grant",
    ),
    parameters=(
        Parameter("dormant_days", 90, "days", "Silence from which a grant counts as dormant."),
        Parameter("min_coverage", 0.95, "share", "Least share of these days for which the usage log must be there."),
    ),
    # Nobody used the grant: an absence, of the grant as a whole.
    rests_on=Evidence(
        (_way("issuance.token_kind=refresh"), _way("issuance.scopes", f"{_OFFLINE}: no refresh token is named")),
        (
            _way("issuance.token_kind=refresh", END_UNSEEN, ISSUE_USE),
            _way("issuance.scopes", f"{_OFFLINE}, and {END_UNSEEN}", ISSUE_USE),
            Way(("issuance",), says=("issuance.token_kind=refresh",), leaves_open=_STANDING),
            Way(("issuance",), says=("issuance.scopes",), leaves_open=_STANDING),
        ),
    ),
    sql="""
-- What the revocation log tells of before the end of the window is over at it, by whichever clock.
WITH over AS (
    SELECT source, revocation_event FROM effective_revocation WHERE revoked_at >= $until AND record.seen_at < $until
),
-- So is what is enabled again only later.
off AS (
    SELECT DISTINCT source, grant_id
    FROM covered_token
    WHERE token_id IS NULL AND alive AND doubt IS NULL AND record.seen_at < $until AND covered_until >= $until AND NOT isinf(covered_until)
),
standing AS (
    SELECT source, tenant, grant_id, min(client_id) AS client_id, min(client_name) AS client_name, min(subject_id) AS subject_id,
           max(opened_at) AS opened_at, max(opened_at) = min(first_at) AS is_first, arg_max({'scopes': scopes}, valid_from).scopes AS scopes, arg_max(coalesce(taken, []), valid_from) AS taken
    FROM (SELECT *, min(opened_at) OVER (PARTITION BY source, grant_id) AS first_at FROM grant_state) g
    ANTI JOIN over o ON o.source = g.source AND o.revocation_event = g.ended_by
    ANTI JOIN off f ON f.source = g.source AND f.grant_id = g.grant_id
    WHERE valid_from < $until AND (ended_at IS NULL OR ended_at >= $until)
    GROUP BY source, tenant, grant_id
),
refresh AS (
    SELECT source, grant_id, bool_or(lives) AS alive, bool_or(lives AND is_sure) AS surely, min(why) AS why
    FROM (SELECT *, coalesce(closed_at >= $until, true) AS lives, coalesce(doubt.revoked_at >= $until, true) AS is_sure, CASE WHEN NOT is_sure THEN doubt.why END AS why
          FROM token_life t ANTI JOIN over o ON o.source = t.source AND o.revocation_event = t.ended_by WHERE token_kind = 'refresh' AND issued_at < $until)
    GROUP BY source, grant_id
),
changed AS (
    SELECT source, grant_id, max(issued_at) FILTER (scopes IS NOT NULL) AS told_at, max(issued_at) FILTER (scopes IS NULL) AS untold_at
    FROM issued WHERE kind = 'change' AND issued_at < $until
    GROUP BY source, grant_id
),
-- One consent that names it is enough, whatever others leave unsaid; a change tells the whole, and may have taken it away where it does not.
offline AS (
    SELECT s.source, s.grant_id, bool_and(coalesce(c.untold_at >= i.issued_at, false)) AS untold
    FROM standing s
    LEFT JOIN changed c ON c.source = s.source AND c.grant_id = s.grant_id AND greatest(c.told_at, c.untold_at) >= s.opened_at
    JOIN (SELECT source, grant_id, issued_at, unnest(scopes) AS scope FROM issued WHERE issued_at < $until) i
        ON i.source = s.source AND i.grant_id = s.grant_id AND i.issued_at >= greatest(s.opened_at, c.told_at)
    WHERE lower(i.scope) LIKE '%offline_access' AND NOT list_contains(list_transform(s.taken, lambda x: x.scope), i.scope)
    GROUP BY s.source, s.grant_id
),
refreshable AS (
    SELECT s.*, f.last_refresh_at, n.grant_id IS NULL AND coalesce(o.untold, false) AS untold, CASE WHEN d.grant_id IS NOT NULL THEN d.doubt WHEN a.grant_id IS NOT NULL THEN a.doubt.why WHEN NOT r.surely THEN r.why END AS doubt
    FROM standing s
    LEFT JOIN anybodys_end a ON a.source = s.source AND a.grant_id = s.grant_id AND a.opened_at = s.opened_at
    -- What one may have ended, and what was not given again since.
    LEFT JOIN (SELECT source, grant_id, issued_at, arg_min(doubt, (revoked_at, revocation_event)) AS doubt FROM covered_token
               WHERE doubt IS NOT NULL AND token_id IS NULL AND revoked_at < $until AND covered_until >= $until GROUP BY ALL) d
        ON d.source = s.source AND d.grant_id = s.grant_id AND d.issued_at = s.opened_at
    LEFT JOIN (SELECT DISTINCT source, grant_id FROM issued WHERE token_kind = 'refresh') n ON n.source = s.source AND n.grant_id = s.grant_id
    LEFT JOIN refresh r ON r.source = s.source AND r.grant_id = s.grant_id
    LEFT JOIN offline o ON o.source = s.source AND o.grant_id = s.grant_id
    LEFT JOIN (
        SELECT s.source, s.grant_id, max(i.issued_at) AS last_refresh_at
        FROM standing s JOIN issued i ON i.source = s.source AND i.grant_id = s.grant_id AND i.issued_at >= s.opened_at
        WHERE i.kind = 'refresh' AND i.issued_at < $until GROUP BY s.source, s.grant_id
    ) f ON f.source = s.source AND f.grant_id = s.grant_id
    WHERE CASE WHEN n.grant_id IS NOT NULL THEN r.alive ELSE o.grant_id IS NOT NULL END
),
-- The silence may have begun before the window: what was called until then is read too, of who may speak for these grants.
spoken_for AS (
    SELECT c.caller_id FROM caller_party c
    SEMI JOIN (SELECT p.party_no FROM possible_grant p SEMI JOIN refreshable g ON g.source = p.source AND g.grant_id = p.grant_id) p USING (party_no)
    UNION
    SELECT s.caller_id FROM caller_segment s JOIN named_caller c USING (caller_id)
    JOIN refreshable g ON g.source = c.source AND g.grant_id = s.grant_id
    UNION
    SELECT c.caller_id FROM named_caller c JOIN unplaced_grant p ON p.source = c.source AND p.derived_id = c.grant_id
    JOIN refreshable g ON g.source = p.source AND g.grant_id = p.grant_id
),
earlier AS (
    SELECT u.caller_id, coalesce(s.grant_id, c.grant_id) AS grant_id, coalesce(s.join_key, c.join_key) AS join_key,
           max(u.used_at) AS last_used_at, max({'used_at': u.used_at, 'event_id': u.event_id}).event_id AS event_id,
           arg_max(u.usage_id, (u.used_at, u.event_id)) AS usage_id
    FROM usage_row u
    SEMI JOIN spoken_for USING (caller_id)
    JOIN named_caller c USING (caller_id)
    LEFT JOIN caller_segment s ON s.caller_id = u.caller_id AND s.valid_from <= u.used_at AND s.valid_until > u.used_at
    WHERE u.used_at < $since AND u.outcome = 'success'
    GROUP BY ALL
),
called AS (
    SELECT c.source, p.*
    FROM (SELECT caller_id, grant_id, join_key = 'client_subject' AS by_pair, last_used_at, last_no, NULL AS usage_id, NULL AS event_id
          FROM used_pair WHERE outcome = 'success'
          UNION ALL SELECT caller_id, grant_id, join_key = 'client_subject', last_used_at, NULL, usage_id, event_id FROM earlier) p
    JOIN named_caller c USING (caller_id)
    UNION ALL SELECT source, NULL, grant_id, true, last_used_at, last_no, NULL, NULL FROM everyones_use
),
last_call AS (
    SELECT source, grant_id, bool_or(by_pair) AS by_pair, max(last_used_at) AS last_used_at, max(last_no) AS last_no,
           arg_max(usage_id, (last_used_at, event_id)) AS last_usage_id
    FROM called
    GROUP BY source, grant_id
),
stray AS (
    SELECT source, grant_id, max(last_used_at) AS last_used_at
    FROM (
        SELECT g.source, g.grant_id, c.last_used_at
        FROM (
            SELECT y.party_no, max(c.last_used_at) AS last_used_at
            FROM called c JOIN caller_party y USING (caller_id)
            WHERE c.grant_id IS NULL
            GROUP BY y.party_no
        ) c
        JOIN possible_grant g USING (party_no)
        UNION ALL
        SELECT g.source, g.grant_id, c.last_used_at
        FROM last_call c JOIN unplaced_grant g ON g.source = c.source AND g.derived_id = c.grant_id
    )
    GROUP BY source, grant_id
),
-- Scopes that authorise no operation, openid say: a sign-in is all that a grant of these alone is for.
signed_in AS (
    SELECT r.source, r.grant_id, max(i.issued_at) AS last_issued_at
    FROM refreshable r
    CROSS JOIN (SELECT list(name) AS names FROM protocol_scope) p
    LEFT JOIN issued i ON i.source = r.source AND i.grant_id = r.grant_id AND i.kind <> 'consent' AND i.issued_at < $until
    WHERE len(r.scopes) > 0 AND list_has_all(p.names, list_transform(r.scopes, lambda s: lower(s)))
    GROUP BY r.source, r.grant_id
),
silent AS (
    SELECT g.*, n.grant_id IS NOT NULL AS only_signs_in, l.last_used_at, l.last_no, CASE WHEN l.last_no IS NULL THEN l.last_usage_id END AS last_usage_id, l.by_pair,
           greatest(l.last_used_at, n.last_issued_at, g.opened_at) AS silent_from,
           $until - to_days($dormant_days::INTEGER) AS judged_from,
           y.last_used_at >= $until - to_days($dormant_days::INTEGER) AS strays
    FROM refreshable g
    -- A call from before it was given again is none of this grant; one from before its first record shows that it is older than the log.
    LEFT JOIN last_call l ON l.source = g.source AND l.grant_id = g.grant_id AND (l.last_used_at >= g.opened_at OR g.is_first)
    LEFT JOIN stray y ON y.source = g.source AND y.grant_id = g.grant_id
    LEFT JOIN signed_in n ON n.source = g.source AND n.grant_id = g.grant_id
    WHERE greatest(l.last_used_at, n.last_issued_at, g.opened_at) <= $until - to_days($dormant_days::INTEGER)
),
seen AS (
    SELECT s.source, s.grant_id,
           bool_and(c.in_part) AS in_part, min(c.lacks) AS lacks,
           min(c.covered_from) FILTER (NOT c.in_part) AS seen_from,
           sum(CASE WHEN NOT c.in_part THEN greatest(0, epoch_us(least(c.covered_until, $until)) - epoch_us(greatest(c.covered_from, s.judged_from)))
                    ELSE 0 END) AS covered_us
    FROM silent s
    JOIN watched_time c ON c.source = s.source AND c.tenant IS NOT DISTINCT FROM s.tenant
    GROUP BY s.source, s.grant_id
),
judged AS (
    SELECT s.*, h.grant_id IS NULL AS maybe_over, e.grant_id IS NOT NULL AS is_uncalled, o.record, g.status, coalesce(v.in_part, false) AS in_part, v.lacks,
           -- A log that begins later shows no longer silence than since then.
           floor((epoch_us($until) - epoch_us(greatest(s.silent_from, v.seen_from))) / 86400e6)::BIGINT AS silent_days,
           coalesce(v.covered_us, 0) / (epoch_us($until) - epoch_us(s.judged_from)) AS share
    FROM silent s
    LEFT JOIN seen v ON v.source = s.source AND v.grant_id = s.grant_id
    LEFT JOIN shown_standing h ON h.source = s.source AND h.grant_id = s.grant_id
    LEFT JOIN opening_record o ON o.source = s.source AND o.grant_id = s.grant_id
    LEFT JOIN registered_client g ON g.client_id = s.client_id
    LEFT JOIN uncalled_grant e ON e.source = s.source AND e.grant_id = s.grant_id
)
SELECT CASE WHEN doubt IS NOT NULL OR untold OR coalesce(strays, false) OR share < $min_coverage OR is_uncalled OR only_signs_in OR maybe_over THEN 'indeterminate' ELSE 'violation' END AS verdict,
       CASE WHEN status = 'retired' THEN 'critical' ELSE 'high' END AS severity,
       coalesce(client_name, client_id, 'An unnamed client') || ' holds a live grant that was not seen used for '
           || silent_days || CASE WHEN silent_days = 1 THEN ' day' ELSE ' days' END AS title,
       source, tenant, client_id, subject_id, grant_id, scopes,
       opened_at AS first_seen, greatest(last_used_at, opened_at) AS last_seen, 1 + (last_used_at IS NOT NULL)::BIGINT AS events,
       to_json({
           'last_used_at': strftime(last_used_at, '%Y-%m-%dT%H:%M:%S.%fZ'),
           'last_refresh_at': strftime(last_refresh_at, '%Y-%m-%dT%H:%M:%S.%fZ'),
           'silent_days': silent_days,
           'retired': coalesce(status = 'retired', false),
           'reason': CASE WHEN doubt IS NOT NULL THEN """
    + may_have_ended("doubt", "refresh token")
    + """
                          WHEN untold THEN 'a later change of the grant does not say which scopes are left: it may be without offline_access since'
                          WHEN coalesce(strays, false) THEN 'calls that may be of this grant name neither it nor a token of which the log tells the grant'
                          WHEN in_part THEN 'the usage log shows only some of the calls, so its silence proves nothing' || coalesce('; ' || lacks, '')
                          WHEN share < $min_coverage THEN 'the usage log does not cover the silence'
                          WHEN only_signs_in THEN 'it authorises no operation, so no call can show its use'
                          WHEN is_uncalled THEN 'no call at what it was given for is logged, by anybody: the usage log may not be that of this server'
                          WHEN maybe_over THEN 'no revocation log shows all the time since: that the grant ended may be missing' END}) AS detail,
       CASE WHEN by_pair OR grant_id LIKE 'derived:%' THEN 'client_subject' ELSE 'grant' END AS join_key,
       CASE WHEN last_no IS NOT NULL THEN [last_no] END AS lasts, CASE WHEN last_usage_id IS NOT NULL THEN [last_usage_id] END AS calls,
       [record] AS records,
       'usage' AS about_log, judged_from AS about_from, $until AS about_until
FROM judged
""",
    fires=FIRES,
    silent=SILENT,
    undecidable=UNDECIDABLE,
)
