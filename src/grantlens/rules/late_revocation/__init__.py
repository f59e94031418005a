"""REV-10: access that was to be revoked, and was revoked late or not at all."""

from grantlens.rule.evidence import ENDED, ISSUE_END, ISSUE_USE, PAIR, WORKED, Evidence, Way
from grantlens.rule.rule import Parameter, Rule
from grantlens.rules.late_revocation.examples import FIRES, SILENT, UNDECIDABLE

_BROUGHT = ("decision",)

RULE = Rule(
    id="REV-10",
    version=11,
    name="late_revocation",
    key=("client_id", "subject_id", "grant_id", "token_id", "decided_at"),
    question="Which access was to be revoked, and was revoked late or still stands?",
    severity="medium",
    remedy="Revoke what still stands, look at what was done with it since the decision, and find out what held it up.",
    basis="NIST SP 800-53 PS-4 a and AC-2(3): access is disabled within a time that the organisation sets",
    needs=(
        *("decided", "decided_access", "decided_caller", "decided_holder", "opening_record", "effective_revocation"),
        *("covered_time", "named_caller", "caller_segment", "clock_error"),
    ),
    # That it was revoked late is in the log of revocations, and that it was not is its silence; a call shows that it still worked.
    rests_on=Evidence(
        (
            Way(ISSUE_END, {ISSUE_END: PAIR}, (ENDED,), silence=("revocation",), brought=_BROUGHT),
            Way(
                ISSUE_END,
                {ISSUE_END: PAIR},
                (ENDED,),
                brought=_BROUGHT,
                leaves_open="whether what is not seen revoked still stands",
            ),
        ),
        (
            Way(
                ISSUE_USE,
                {ISSUE_USE: PAIR},
                (WORKED,),
                brought=_BROUGHT,
                leaves_open="when it was revoked: only that a call still worked",
            ),
            Way(("issuance",), brought=_BROUGHT, leaves_open="whether it was revoked"),
        ),
    ),
    parameters=(
        Parameter(
            "compromise_hours",
            1.0,
            "hours",
            "How long a revocation may take after a compromise, where the decision does not say.",
        ),
        Parameter(
            "leaver_hours", 24.0, "hours", "How long it may take after somebody left, where the decision does not say."
        ),
        Parameter(
            "other_hours",
            168.0,
            "hours",
            "How long it may take after a review or a retirement, where the decision does not say.",
        ),
        Parameter(
            "min_coverage",
            0.95,
            "share",
            "Least share of the time from decision to due date for which the revocation log must be there.",
        ),
    ),
    sql="""
WITH asked AS (
    SELECT *, decided_at + to_microseconds((coalesce(within_hours,
                  CASE cause WHEN 'compromise' THEN $compromise_hours WHEN 'leaver' THEN $leaver_hours ELSE $other_hours END) * 3600000000)::BIGINT) AS due_at,
           least(coalesce(kept_at, 'infinity'::TIMESTAMPTZ), $until::TIMESTAMPTZ) AS asked_until
    FROM decided
),
access AS (
    SELECT row_number() OVER (ORDER BY decision_no, a.source, a.grant_id, a.token_id, a.opened_at) AS access_no, a.* EXCLUDE (closed_at, logged_end, ended_by, doubt),
           d.due_at, a.closed_at <= a.decided_at AS was_closed,
           CASE WHEN a.closed_at < a.asked_until THEN a.closed_at END AS closed_at, CASE WHEN a.closed_at < a.asked_until THEN a.logged_end END AS logged_end, CASE WHEN a.closed_at < a.asked_until THEN a.ended_by END AS ended_by,
           least(a.doubt.at, a.unnamed_at) AS perhaps_at, CASE WHEN a.doubt.at = perhaps_at THEN a.doubt.why ELSE 'unnamed' END AS why,
           -- Taken back in time for this access alone.
           coalesce(a.kept_at <= d.due_at AND d.due_at < d.asked_until AND coalesce(a.closed_at >= a.kept_at, true), false) AS was_kept
    FROM (SELECT *, least(coalesce(kept_at, 'infinity'::TIMESTAMPTZ), $until::TIMESTAMPTZ) AS asked_until FROM decided_access) a
    JOIN asked d USING (decision_no)
),
called AS (
    SELECT a.access_no, count(*) AS calls,
           count(*) FILTER (u.used_at - to_microseconds((k.before_s * 1000000)::BIGINT) > a.due_at) AS late_calls,
           max(u.used_at) AS last_used_at, arg_max(u.usage_id, (u.used_at, u.event_id)) AS usage_id
    FROM (FROM access WHERE NOT was_kept) a
    JOIN caller_segment s ON s.grant_id = a.grant_id
    JOIN named_caller c ON c.caller_id = s.caller_id AND c.source = a.source AND (a.token_id IS NULL OR c.token_id = a.token_id)
    JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.log = 'usage'
    JOIN usage_row u ON u.caller_id = s.caller_id AND u.outcome = 'success' AND u.used_at >= s.valid_from AND u.used_at < s.valid_until
        AND u.used_at - to_microseconds((k.offset_s * 1000000)::BIGINT) >= a.decided_at
        AND u.used_at - to_microseconds((k.offset_s * 1000000)::BIGINT) < coalesce(a.closed_at, a.asked_until)
    GROUP BY a.access_no
),
watched AS (
    SELECT a.access_no,
           sum(greatest(0, epoch_us(least(c.covered_until, a.due_at + INTERVAL 1 SECOND)) - epoch_us(greatest(c.covered_from, a.decided_at))))
               / (epoch_us(any_value(a.due_at)) - epoch_us(any_value(a.decided_at)) + 1000000) AS share
    FROM access a
    JOIN covered_time c ON c.source = a.source AND c.log = 'revocation' AND NOT c.in_part AND c.tenant IS NOT DISTINCT FROM a.tenant
    -- What ended by itself may have been revoked before.
    WHERE a.ended_by IS NULL
    GROUP BY a.access_no
),
ending AS (
    SELECT DISTINCT ON (source, revocation_event) source, revocation_event, record,
           before_s - epoch(revoked_at - revoked_true) AS before_s, after_s + epoch(revoked_at - revoked_true) AS after_s
    FROM effective_revocation ORDER BY source, revocation_event, revoked_at
),
judged AS (
    SELECT a.*, coalesce(c.calls, 0) AS calls, coalesce(c.late_calls, 0) AS late_calls, c.last_used_at, c.usage_id,
           CASE WHEN a.was_kept THEN NULL WHEN a.closed_at IS NULL THEN o.record ELSE e.record END AS record,
           CASE WHEN a.was_closed THEN 'before'
                WHEN a.was_kept THEN 'kept'
                WHEN a.closed_at IS NOT NULL
                    AND least(a.perhaps_at, a.closed_at) - to_microseconds((coalesce(e.before_s, 0) * 1000000)::BIGINT) > a.due_at
                THEN CASE WHEN a.ended_by IS NULL AND coalesce(c.late_calls, 0) = 0 AND coalesce(w.share, 0) < $min_coverage THEN 'not seen' ELSE 'late' END
                WHEN a.closed_at + to_microseconds((coalesce(e.after_s, 0) * 1000000)::BIGINT) > a.due_at
                THEN CASE WHEN coalesce(a.perhaps_at >= a.closed_at, true) THEN 'close' ELSE a.why END
                WHEN a.closed_at IS NOT NULL THEN 'in time'
                WHEN a.due_at >= a.asked_until THEN 'open'
                WHEN late_calls > 0 THEN 'standing'
                WHEN a.perhaps_at < a.asked_until THEN a.why
                WHEN coalesce(w.share, 0) < $min_coverage THEN 'not seen'
                ELSE 'standing' END AS state
    FROM access a
    LEFT JOIN called c ON c.access_no = a.access_no
    LEFT JOIN watched w ON w.access_no = a.access_no
    LEFT JOIN opening_record o ON o.source = a.source AND o.grant_id = a.grant_id
    LEFT JOIN ending e ON e.source = a.source AND e.revocation_event = a.ended_by
),
summed AS (
    SELECT decision_no, source, min(tenant) AS tenant, min(client_name) AS client_name,
           CASE WHEN min(client_id) = max(client_id) THEN min(client_id) END AS its_client, CASE WHEN min(subject_id) = max(subject_id) THEN min(subject_id) END AS its_subject,
           count(*) FILTER (state NOT IN ('before', 'kept')) AS there, count(*) FILTER (state = 'in time') AS in_time, count(*) FILTER (state = 'late') AS late,
           count(*) FILTER (state = 'standing') AS standing, count(*) FILTER (state = 'open') AS open,
           list(DISTINCT state) FILTER (state IN ('close', 'client', 'id', 'session', 'name', 'family', 'tenant', 'everyone', 'holder', 'whose', 'token', 'unnamed', 'not seen')) AS unsure,
           max(epoch_us(closed_at) - epoch_us(decided_at)) FILTER (state IN ('in time', 'late', 'close')) / 1e6 AS longest_s,
           sum(calls)::BIGINT AS calls, sum(late_calls)::BIGINT AS late_calls,
           max(greatest(coalesce(logged_end, last_used_at), coalesce(last_used_at, logged_end))) AS last_at,
           list(record ORDER BY record) FILTER (record IS NOT NULL) AS records, list(usage_id ORDER BY usage_id) FILTER (usage_id IS NOT NULL) AS usage_ids
    FROM judged
    GROUP BY decision_no, source
),
-- Calls after it was due that no known grant or token explains.
unexplained AS (
    SELECT d.decision_no, c.source, arg_max(u.usage_id, (u.used_at, u.event_id)) AS stray_id
    FROM asked d
    JOIN decided_caller c USING (decision_no)
    JOIN usage_row u ON u.caller_id = c.caller_id AND u.outcome = 'success' AND u.used_at < least(d.asked_until, c.ended_at, coalesce(c.kept_at, 'infinity'::TIMESTAMPTZ))
        AND u.used_at - to_microseconds((c.before_s * 1000000)::BIGINT) > d.due_at
    GROUP BY d.decision_no, c.source
),
met AS (
    SELECT decision_no, source FROM summed UNION SELECT decision_no, source FROM unexplained
),
-- A decision that meets nothing in the logs may name it wrongly. Whom it names is told by the id that the log of the access has.
told AS (
    SELECT d.* EXCLUDE (source, tenant, client_id, subject_id), s.* EXCLUDE (decision_no, source, tenant), coalesce(m.source, d.source) AS source,
           coalesce(s.tenant, d.tenant) AS tenant, CASE WHEN d.client_id IS NULL THEN h.client_id ELSE coalesce(s.its_client, d.client_id) END AS client_id,
           CASE WHEN d.subject_id IS NOT NULL THEN coalesce(s.its_subject, d.subject_id) END AS subject_id,
           CASE WHEN s.decision_no IS NULL THEN 'indeterminate' WHEN s.standing + s.late > 0 THEN 'violation'
                WHEN s.unsure IS NOT NULL OR x.stray_id IS NOT NULL THEN 'indeterminate' ELSE 'clear' END AS verdict,
           CASE WHEN s.decision_no IS NULL THEN 'no issuance of such access is in the logs from before the decision'
                WHEN list_contains(s.unsure, 'client') THEN 'a revocation does not say in which tenant, and several have this client'
                WHEN list_contains(s.unsure, 'id') THEN 'a revocation does not say in which tenant, and several have a token of this id'
                WHEN list_contains(s.unsure, 'session') THEN 'a revocation does not say in which tenant, and several have a session of this id'
                WHEN list_contains(s.unsure, 'name') THEN 'a revocation names a token only by its name, and several had that name'
                WHEN list_contains(s.unsure, 'family') THEN 'a revocation is of a refresh token, and whether this access came of it or of another the logs do not tell'
                WHEN list_contains(s.unsure, 'tenant') THEN 'a revocation is of one tenant, and in which this access was the logs do not tell'
                WHEN list_contains(s.unsure, 'everyone') THEN 'a revocation is of a grant for everyone, and whether of this tenant the logs do not tell'
                WHEN list_contains(s.unsure, 'holder') THEN 'a revocation is of who made a key, and the calls with that key name somebody else'
                WHEN list_contains(s.unsure, 'whose') THEN 'a revocation does not say whose grant of this client it ended'
                WHEN list_contains(s.unsure, 'token') THEN 'a token of this client was revoked, and the log does not tell which'
                WHEN list_contains(s.unsure, 'unnamed') THEN 'when a token ended that the log does not name is not known'
                WHEN list_contains(s.unsure, 'not seen') THEN 'the revocation log does not cover the time in which it was to be revoked'
                WHEN list_contains(s.unsure, 'close') THEN 'the revocation and its last moment are closer than the clock can tell'
                ELSE 'after it was due calls were made with a token of which no issuance is known' END AS reason, x.stray_id,
           CASE WHEN h.clients > 1 THEN 'several clients' WHEN h.clients = 0 THEN coalesce(s.client_name, 'an unnamed client')
                WHEN coalesce(d.client_id, h.client_id) IS NOT NULL THEN coalesce(s.client_name, s.its_client, d.client_id, h.client_id) END AS client,
           CASE WHEN d.token_id IS NOT NULL THEN 'Token ' || d.token_id WHEN d.grant_id IS NOT NULL THEN 'Grant ' || d.grant_id END AS thing
    FROM asked d LEFT JOIN met m USING (decision_no) LEFT JOIN summed s ON s.decision_no = m.decision_no AND s.source = m.source
    LEFT JOIN decided_holder h ON h.decision_no = m.decision_no AND h.source = m.source
    LEFT JOIN unexplained x ON x.decision_no = m.decision_no AND x.source = m.source
    -- Not judged: what ended long ago, what is not due yet, and what was taken back before it was.
    WHERE s.decision_no IS NULL AND d.due_at < d.asked_until
       OR s.there > 0 AND (s.open = 0 OR s.late > 0) AND (s.last_at >= $since OR s.standing > 0 OR s.unsure IS NOT NULL)
       OR x.stray_id IS NOT NULL
)
SELECT verdict,
       CASE WHEN cause = 'compromise' AND late_calls > 0 THEN 'critical' WHEN standing > 0 OR late_calls > 0 THEN 'high' ELSE 'medium' END AS severity,
       coalesce(thing || coalesce(' of ' || client, ''), client, 'What acts') || coalesce(' for ' || subject_id, '')
           || CASE WHEN thing IS NULL THEN ' was to lose access by ' ELSE ' was to end by ' END || strftime(due_at, '%Y-%m-%d %H:%M') || ' UTC, and '
           || CASE WHEN standing > 0 THEN CASE WHEN thing IS NULL THEN standing || ' of ' || there || CASE WHEN there = 1 THEN ' grant' ELSE ' grants' END
                                || CASE WHEN standing = 1 THEN ' has' ELSE ' have' END ELSE 'has' END || ' not ended in the logs'
                   WHEN late > 0 THEN CASE WHEN thing IS NULL THEN late || ' of ' || there || CASE WHEN there = 1 THEN ' grant ' ELSE ' grants ' END
                                ELSE '' END || 'ended later'
                   WHEN verdict = 'indeterminate' THEN 'whether it did is not known'
                   ELSE 'did' END AS title,
       source, tenant, client_id, subject_id, grant_id, token_id,
       decided_at AS first_seen, greatest(decided_at, coalesce(last_at, decided_at)) AS last_seen,
       coalesce(in_time + late, 0) + coalesce(calls, 0) AS events,
       to_json({
           'cause': cause, 'decided_at': strftime(decided_at, '%Y-%m-%dT%H:%M:%S.%fZ'), 'due_at': strftime(due_at, '%Y-%m-%dT%H:%M:%S.%fZ'),
           'decided_by': decided_by, 'reference': reference,
           'in_time': in_time, 'late': late, 'standing': standing, 'undecided': there - in_time - late - standing - open, 'longest_s': longest_s,
           'calls_after_decision': calls, 'calls_after_due': late_calls, 'reason': CASE WHEN verdict = 'indeterminate' THEN reason END}) AS detail,
       NULL AS join_key,
       coalesce(records, []) AS records, list_concat(coalesce(usage_ids, []), CASE WHEN stray_id IS NULL THEN [] ELSE [stray_id] END) AS calls,
       CASE WHEN late_calls > 0 THEN 'usage' ELSE 'revocation' END AS about_log, decided_at AS about_from, greatest(due_at, coalesce(last_at, due_at)) AS about_until
FROM told
""",
    fires=FIRES,
    silent=SILENT,
    undecidable=UNDECIDABLE,
)
