"""What a grant allowed, at each moment."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "grant_state",
    "What each grant allowed, as half-open intervals. A consent opens a grant or adds to it, a change tells the whole of what it holds from then on, "
    "a downgrade of the grant, its client or its subject takes away, a revocation of these ends it, if it is known to be its own and was not taken back, "
    "and only a fresh consent opens it again - as a new grant interval, also where the provider reuses the id. A grant that is older than its first "
    "consent in the log is opened by its first token and holds what its tokens held. "
    "One that an admin gave to nobody, or by which tokens of several people came, has no subject. The scopes are not known before the first record that names "
    "any, nor from a consent or a change that does not say to what or of which grant, or, where there is no consent, a token that does not and came of no refresh, nor a downgrade that does not say of what or of which the logs do not tell whether it is "
    "of this tenant, until a change tells the whole. taken are the scopes that a downgrade took away and that were not given again, with when and by "
    "which. All moments are by the clock of the issuance log; "
    "from_true and until_true are valid_from and valid_until set right by its offset.",
    """
-- Named once: DuckDB works out the columns of a view anew wherever it stands.
WITH every_issue AS NOT MATERIALIZED (
    FROM issued
),
opening AS (
    SELECT source, tenant, grant_id, client_id, client_name, subject_id, subject_name, subject_kind,
           issued_at AS changed_at, scopes,
           kind IN ('consent', 'change') AS is_consent, kind = 'change' AND scopes IS NOT NULL AS is_whole,
           -- Where a consent tells what there is, a key or a sign-in beside it adds nothing.
           scopes IS NULL AND (is_consent OR (kind <> 'refresh' AND bool_or(kind = 'consent') OVER same IS NOT true)) AS is_vague,
           bool_or(subject_id IS NULL AND subject_kind = 'user') OVER same AS for_everyone,
           for_everyone OR coalesce(bool_or(kind = 'consent' AND consent_kind = 'admin' AND subject_id IS NULL) OVER same, false)
               OR coalesce(min(subject_id) FILTER (NOT is_consent) OVER same < max(subject_id) FILTER (NOT is_consent) OVER same, false) AS is_nobodys
    FROM every_issue
    WHERE grant_id IS NOT NULL
    WINDOW same AS (PARTITION BY source, grant_id)
    QUALIFY is_consent OR issued_at < coalesce(min(issued_at) FILTER (kind IN ('consent', 'change')) OVER same, 'infinity'::TIMESTAMPTZ)
),
-- A grant for everyone is nobody's, though tokens of people may be older than its first consent in the log; nor is one by which tokens of several came.
grant_party AS (
    SELECT source, grant_id, min(tenant) AS tenant, min(client_id) AS client_id, min(client_name) AS client_name,
           min(subject_id) FILTER (NOT is_nobodys) AS subject_id, min(subject_name) FILTER (NOT is_nobodys) AS subject_name,
           min(subject_kind) FILTER (for_everyone OR NOT is_nobodys OR subject_id IS NULL) AS subject_kind,
           bool_or(is_consent) AS by_consent, min(changed_at) AS first_opened_at
    FROM opening
    GROUP BY source, grant_id
),
-- What is disabled and enabled again was not over: what it may do is as before.
ended AS (
    FROM effective_revocation ANTI JOIN enabled_again USING (source, revocation_event)
),
ending AS (
    SELECT p.source, p.grant_id, r.revoked_at, min(r.revocation_event) AS revocation_event
    FROM ended r
    JOIN grant_party p ON p.source = r.source AND p.grant_id = r.grant_id
    WHERE r.target_kind = 'grant' AND r.doubt IS NULL
    GROUP BY ALL
    UNION
    SELECT p.source, p.grant_id, r.revoked_at, min(r.revocation_event)
    FROM ended r
    JOIN grant_party p ON p.source = r.source AND p.client_id = r.client_id
        AND (r.tenant IS NULL OR p.tenant = r.tenant)
    WHERE r.target_kind = 'client' AND r.doubt IS NULL AND p.first_opened_at <= r.revoked_at
    GROUP BY ALL
    UNION
    SELECT p.source, p.grant_id, r.revoked_at, min(r.revocation_event)
    FROM ended r
    JOIN grant_party p ON p.source = r.source AND p.client_id = r.client_id AND p.subject_id = r.subject_id
        AND (r.tenant IS NULL OR p.tenant = r.tenant)
    WHERE r.target_kind = 'grant' AND r.grant_id IS NULL AND r.doubt IS NULL AND p.first_opened_at <= r.revoked_at
    GROUP BY ALL
    UNION
    SELECT p.source, p.grant_id, r.revoked_at, min(r.revocation_event)
    FROM ended r
    JOIN grant_party p ON p.source = r.source AND p.subject_id = r.subject_id
        AND (r.tenant IS NULL OR p.tenant = r.tenant)
    WHERE r.target_kind = 'subject' AND p.first_opened_at <= r.revoked_at
    GROUP BY ALL
),
-- An interval is opened by the first opening after the end of the one before.
placed AS (
    SELECT o.source, o.grant_id, o.changed_at, o.is_consent, max(e.revoked_at) AS after_end
    FROM (SELECT DISTINCT source, grant_id, changed_at, is_consent FROM opening) o
    LEFT JOIN ending e ON e.source = o.source AND e.grant_id = o.grant_id AND e.revoked_at <= o.changed_at
    GROUP BY ALL
),
interval_of AS (
    SELECT s.source, s.grant_id, s.opened_at,
           min(e.revoked_at) AS ended_at, arg_min(e.revocation_event, (e.revoked_at, e.revocation_event)) AS ended_by
    FROM (
        SELECT source, grant_id, min(changed_at) AS opened_at
        FROM placed
        WHERE after_end IS NULL OR is_consent  -- tokens after a revocation open nothing: that is REV-2
        GROUP BY source, grant_id, after_end
    ) s
    LEFT JOIN ending e ON e.source = s.source AND e.grant_id = s.grant_id AND e.revoked_at > s.opened_at
    GROUP BY ALL
),
downgrade AS (
    SELECT r.source, r.tenant, event_id, r.revoked_at + k.by_issuance AS revoked_at, target_kind, grant_id, client_id, subject_id, scopes_removed
    FROM revocation r
    JOIN clock_error k ON k.source = r.source AND k.tenant IS NOT DISTINCT FROM r.tenant AND k.log = 'revocation'
    WHERE kind = 'downgrade' AND outcome = 'success' AND target_kind NOT IN ('token', 'credential', 'session')
),
-- Of a downgrade that names no tenant, where several have the pair or the client, it is not known of which it took something away; nor of one that
-- names a tenant, whether it took it from what names none.
of_several AS (
    SELECT source, client_id, subject_id, false AS of_client FROM grant_party GROUP BY source, client_id, subject_id HAVING min(tenant) < max(tenant)
    UNION ALL
    SELECT source, client_id, NULL, true FROM grant_party GROUP BY source, client_id HAVING min(tenant) < max(tenant)
),
downgraded AS (
    SELECT p.source, p.grant_id, r.event_id, r.revoked_at, r.scopes_removed, false AS unsure
    FROM downgrade r
    JOIN grant_party p ON p.source = r.source AND p.grant_id = r.grant_id
    WHERE r.target_kind NOT IN ('client', 'subject')
    UNION ALL
    SELECT p.source, p.grant_id, r.event_id, r.revoked_at, r.scopes_removed, CASE WHEN r.tenant IS NULL THEN s.source IS NOT NULL ELSE p.tenant IS NULL END
    FROM downgrade r
    JOIN grant_party p ON p.source = r.source AND p.client_id = r.client_id AND p.subject_id IS NOT DISTINCT FROM r.subject_id
        AND coalesce(p.tenant = r.tenant, true)
    LEFT JOIN of_several s ON s.source = p.source AND s.client_id = p.client_id AND s.subject_id IS NOT DISTINCT FROM p.subject_id AND NOT s.of_client
    WHERE r.grant_id IS NULL AND r.target_kind NOT IN ('client', 'subject')
    UNION ALL
    SELECT p.source, p.grant_id, r.event_id, r.revoked_at, r.scopes_removed, CASE WHEN r.tenant IS NULL THEN s.source IS NOT NULL ELSE p.tenant IS NULL END
    FROM downgrade r
    JOIN grant_party p ON p.source = r.source AND p.client_id = r.client_id AND coalesce(p.tenant = r.tenant, true)
    LEFT JOIN of_several s ON s.source = p.source AND s.client_id = p.client_id AND s.of_client
    WHERE r.target_kind = 'client'
    UNION ALL
    SELECT p.source, p.grant_id, r.event_id, r.revoked_at, r.scopes_removed, r.tenant IS NOT NULL AND p.tenant IS NULL
    FROM downgrade r
    JOIN grant_party p ON p.source = r.source AND p.subject_id = r.subject_id AND coalesce(p.tenant = r.tenant, true)
    WHERE r.target_kind = 'subject'
),
-- What is given and taken away at one moment is held. What a change that tells the whole does not name is over.
scope_event AS (
    SELECT source, grant_id, changed_at, scope, bool_or(added) AS added, min(event_id) AS event_id
    FROM (
        SELECT source, grant_id, changed_at, unnest(scopes) AS scope, true AS added, NULL AS event_id FROM opening
        UNION ALL
        SELECT source, grant_id, revoked_at, unnest(scopes_removed), false, event_id FROM downgraded
        UNION ALL
        SELECT w.source, w.grant_id, w.changed_at, g.scope, false, NULL
        FROM (SELECT DISTINCT source, grant_id, changed_at FROM opening WHERE is_whole) w
        JOIN (SELECT DISTINCT source, grant_id, unnest(scopes) AS scope FROM opening) g ON g.source = w.source AND g.grant_id = w.grant_id
    )
    GROUP BY source, grant_id, changed_at, scope
),
-- Only what changes something: one row for each scope at the moment it came or went.
scope_change AS (
    SELECT i.source, i.grant_id, i.opened_at, e.scope, e.changed_at, e.added, e.event_id
    FROM scope_event e
    JOIN interval_of i ON i.source = e.source AND i.grant_id = e.grant_id
        AND e.changed_at >= i.opened_at AND (i.ended_at IS NULL OR e.changed_at < i.ended_at)
    QUALIFY e.added IS DISTINCT FROM lag(e.added) OVER (
        PARTITION BY i.source, i.grant_id, i.opened_at, e.scope ORDER BY e.changed_at)
),
-- Of a key or token that is changed and of which no grant is named, its own grant holds something else.
key_change AS (
    SELECT k.source, k.grant_id, c.issued_at AS changed_at
    FROM (FROM every_issue WHERE kind = 'change' AND token_id IS NOT NULL) c
    JOIN (FROM every_issue WHERE kind IN ('token', 'refresh', 'exchange', 'credential') AND grant_id IS NOT NULL) k
        ON k.source = c.source AND k.token_id = c.token_id AND coalesce(k.tenant = c.tenant, true)
    WHERE k.grant_id IS DISTINCT FROM c.grant_id AND list_sort(k.scopes) IS DISTINCT FROM list_sort(c.scopes)
),
-- A change that names nothing of which it is may be of any grant of its tenant: the first after each record of a grant tells as much as all of them.
nameless AS (
    SELECT DISTINCT source, tenant, issued_at FROM every_issue WHERE kind = 'change' AND coalesce(grant_id, client_id, token_id, subject_id) IS NULL
),
nameless_change AS (
    SELECT DISTINCT source, grant_id, changed_at
    FROM (
        SELECT source, grant_id, min(CASE WHEN grant_id IS NULL THEN moment END) OVER (
                   PARTITION BY source, tenant ORDER BY moment RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS changed_at
        FROM (
            SELECT o.source, p.tenant, o.grant_id, o.changed_at AS moment
            FROM (FROM opening SEMI JOIN nameless USING (source)) o
            JOIN grant_party p ON p.source = o.source AND p.grant_id = o.grant_id
            UNION
            SELECT source, tenant, NULL, issued_at FROM nameless
        )
    )
    WHERE grant_id IS NOT NULL AND changed_at IS NOT NULL
),
-- A grant of which scopes were named and that now holds none holds the empty list; one of which none was named yet is unknown, and so is one of
-- which something was left unsaid, until the whole is told.
told_at AS (
    SELECT i.source, i.grant_id, i.opened_at, o.changed_at,
           bool_or(o.is_named) AS is_named, bool_or(o.is_vague) AS is_vague, bool_or(o.is_whole) AS is_whole
    FROM (
        SELECT source, grant_id, changed_at, scopes IS NOT NULL AS is_named, is_vague, is_whole FROM opening
        UNION ALL
        SELECT source, grant_id, revoked_at, false, true, false FROM downgraded WHERE unsure OR scopes_removed IS NULL
        UNION ALL
        SELECT source, grant_id, changed_at, false, true, false FROM key_change
        UNION ALL
        SELECT source, grant_id, changed_at, false, true, false FROM nameless_change
    ) o
    JOIN interval_of i ON i.source = o.source AND i.grant_id = o.grant_id
        AND o.changed_at >= i.opened_at AND (i.ended_at IS NULL OR o.changed_at < i.ended_at)
    GROUP BY i.source, i.grant_id, i.opened_at, o.changed_at
),
scope_told AS (
    SELECT source, grant_id, opened_at, changed_at AS told_from, is_known,
           coalesce(lead(changed_at) OVER one, 'infinity'::TIMESTAMPTZ) AS told_until, is_known IS DISTINCT FROM lag(is_known) OVER one AS turns
    FROM (
        SELECT source, grant_id, opened_at, changed_at,
               bool_or(is_named) OVER so_far AND coalesce(
                   max(CASE WHEN is_vague THEN changed_at END) OVER so_far < max(CASE WHEN is_whole THEN changed_at END) OVER so_far,
                   NOT bool_or(is_vague) OVER so_far) AS is_known
        FROM told_at
        WINDOW so_far AS (PARTITION BY source, grant_id, opened_at ORDER BY changed_at)
    )
    WINDOW one AS (PARTITION BY source, grant_id, opened_at ORDER BY changed_at)
),
boundary AS (
    SELECT source, grant_id, opened_at, changed_at FROM scope_change
    UNION
    SELECT source, grant_id, opened_at, told_from FROM scope_told WHERE turns
    UNION
    SELECT source, grant_id, opened_at, opened_at FROM interval_of
),
held AS (
    SELECT b.source, b.grant_id, b.opened_at, b.changed_at, c.scope, max(c.changed_at) AS since,
           arg_max(c.added, c.changed_at) AS is_held, arg_max({'id': c.event_id}, c.changed_at).id AS event_id
    FROM boundary b
    JOIN scope_change c USING (source, grant_id, opened_at)
    WHERE c.changed_at <= b.changed_at
    GROUP BY b.source, b.grant_id, b.opened_at, b.changed_at, c.scope
),
segment AS (
    SELECT b.source, b.grant_id, b.opened_at, b.changed_at AS valid_from,
           lead(b.changed_at) OVER (PARTITION BY b.source, b.grant_id, b.opened_at ORDER BY b.changed_at) AS next_change,
           list(h.scope ORDER BY h.scope) FILTER (h.is_held) AS scopes,
           list({'scope': h.scope, 'taken_at': h.since, 'event_id': h.event_id} ORDER BY h.scope)
               FILTER (NOT h.is_held AND h.event_id IS NOT NULL) AS taken
    FROM boundary b
    LEFT JOIN held h USING (source, grant_id, opened_at, changed_at)
    GROUP BY b.source, b.grant_id, b.opened_at, b.changed_at
)
SELECT s.source, p.tenant, s.grant_id, p.client_id, p.client_name, p.subject_id, p.subject_name, p.subject_kind,
       s.opened_at, i.ended_at, i.ended_by, s.valid_from,
       coalesce(s.next_change, i.ended_at, 'infinity'::TIMESTAMPTZ) AS valid_until,
       CASE WHEN n.is_known THEN coalesce(s.scopes, []) END AS scopes,
       s.taken, p.by_consent,
       s.valid_from - to_microseconds((k.offset_s * 1000000)::BIGINT) AS from_true,
       coalesce(s.next_change, i.ended_at, 'infinity'::TIMESTAMPTZ) - to_microseconds((k.offset_s * 1000000)::BIGINT) AS until_true
FROM segment s
JOIN interval_of i USING (source, grant_id, opened_at)
JOIN grant_party p USING (source, grant_id)
JOIN scope_told n ON n.source = s.source AND n.grant_id = s.grant_id AND n.opened_at = s.opened_at
    AND n.told_from <= s.valid_from AND n.told_until > s.valid_from
JOIN clock_error k ON k.source = s.source AND k.tenant IS NOT DISTINCT FROM p.tenant AND k.log = 'issuance'
""",
    needs=("issued", "effective_revocation", "enabled_again", "clock_error"),
)
