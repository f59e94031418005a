"""REV-9: access that an admin took away, and that its holder gave itself again."""

from grantlens.relations.tenant_token import meant_by
from grantlens.rule.evidence import ENDED, ISSUE_END, KEY_MAKERS, PAIR, Evidence, Way
from grantlens.rule.rule import Parameter, Rule
from grantlens.rules.self_regrant.examples import FIRES, SILENT, UNDECIDABLE

_BY_ADMIN = (ENDED, "revocation.initiator=admin")
_ANEW = "issuance.kind=consent or issuance.kind=credential"

RULE = Rule(
    id="REV-9",
    version=8,
    name="self_regrant",
    key=("client_id", "subject_id", "grant_id", "token_id", "revocation_event"),
    question="Which access was taken away by an admin, and then given again by the one who had held it?",
    severity="critical",
    remedy="End it again, and close the way back: a person must not consent, nor a client make a key, to what was just taken from it.",
    basis="Microsoft Entra, 'Review permissions granted to enterprise applications': revoking does not stop users from consenting again",
    needs=("effective_revocation", "tenant_token", "issued", "clock_error"),
    # Who ended it and who gave it again is what the two logs say; they join by client and subject.
    rests_on=Evidence(
        (
            Way(ISSUE_END, {ISSUE_END: PAIR}, (*_BY_ADMIN, _ANEW, "issuance.consent_kind=user")),
            Way(
                ISSUE_END,
                {ISSUE_END: PAIR},
                (*_BY_ADMIN, "issuance.kind=credential", "issuance.subject_id", KEY_MAKERS),
                leaves_open="where it was no key: of nothing else the log says who gave it",
            ),
        ),
        (
            Way(
                ISSUE_END,
                {ISSUE_END: PAIR},
                (*_BY_ADMIN, _ANEW),
                leaves_open="who gave it again: the log does not say",
            ),
        ),
    ),
    parameters=(
        Parameter(
            "within_hours",
            24.0,
            "hours",
            "How long after the revocation a new consent or key counts. Later ones are taken for a new decision.",
        ),
    ),
    sql=f"""
WITH holder AS (
    SELECT source, grant_id, min(tenant) AS tenant, min(client_id) AS client_id, min(subject_id) AS subject_id
    FROM issued
    GROUP BY source, grant_id
    HAVING count(DISTINCT tenant) <= 1 AND count(DISTINCT client_id) <= 1 AND count(DISTINCT subject_id) <= 1
),
-- What an admin ended: of a token or grant whose holder or tenant the log does not name, the issuance says whose it was.
ended AS (
    SELECT r.source, r.revocation_event, r.revoked_at, r.certain_from, r.target_kind, r.record,
           coalesce(r.tenant, t.home, g.tenant) AS tenant,
           coalesce(r.client_id, t.client_id, g.client_id) AS client_id,
           coalesce(r.subject_id, t.subject_id, g.subject_id) AS subject_id,
           -- A token of which the logs tell nothing else may be the client's own or that of one of its people, where it has any.
           r.target_kind IN ('token', 'credential') AND r.subject_id IS NULL AND t.token_id IS NULL AND g.grant_id IS NULL
               AND CASE r.target_kind WHEN 'token' THEN p.client_id IS NOT NULL ELSE coalesce(p.has_keys, false) END AS of_whom_unknown
    FROM effective_revocation r
    LEFT JOIN (
        SELECT source, client_id, bool_or(kind = 'credential') AS has_keys FROM issued WHERE subject_id IS NOT NULL GROUP BY source, client_id
    ) p ON p.source = r.source AND p.client_id = r.client_id
    LEFT JOIN tenant_token t ON t.source = r.source AND t.token_id = r.token_id AND {meant_by("r.tenant", "t")}
    LEFT JOIN holder g ON g.source = r.source AND g.grant_id = r.grant_id
    WHERE r.initiator = 'admin' AND r.target_kind IN ('token', 'grant', 'credential', 'client', 'subject')
      -- who ends what is its own took it from nobody, admin or not
      AND coalesce(r.actor_id <> coalesce(r.subject_id, t.subject_id, g.subject_id), true)
),
-- In which tenants each of them is.
place AS (
    SELECT i.source, w.way, CASE WHEN w.way <> 'subject' THEN i.client_id END AS of_client,
           CASE WHEN w.way <> 'client' THEN i.subject_id END AS of_subject, min(i.tenant) AS first_tenant, max(i.tenant) AS last_tenant
    FROM (SELECT DISTINCT source, tenant, client_id, subject_id FROM issued WHERE tenant IS NOT NULL) i
    CROSS JOIN (SELECT unnest(['party', 'key', 'client', 'subject']) AS way) w
    GROUP BY ALL
),
given AS (
    SELECT *,
           -- What somebody else gave in between, to this person or to everyone, is a decision of its own. One of which it is not known in which of
           -- several tenants it was given may be a decision about each.
           CASE WHEN home IS NOT NULL THEN greatest(max(other_at) OVER own, max(everyones_at) OVER of_all) END AS last_other_at,
           CASE WHEN tenant IS NULL THEN greatest(max(other_at) OVER anywhere, max(everyones_at) OVER all_anywhere)
                ELSE greatest(max(CASE WHEN tenant IS NULL THEN other_at END) OVER anywhere,
                              max(CASE WHEN tenant IS NULL THEN everyones_at END) OVER all_anywhere) END AS perhaps_other_at
    FROM (
        SELECT *, CASE WHEN given_by = 'other' THEN issued_at END AS other_at, CASE WHEN given_by = 'other' AND for_everyone THEN issued_at END AS everyones_at
        FROM (
            SELECT i.source, i.tenant, i.event_id, i.issued_at, i.kind, i.client_id, i.client_name, i.subject_id, i.grant_id, i.token_id, i.scopes,
                   i.batch_id, i.line_no, i.issued_at - to_microseconds((k.before_s * 1000000)::BIGINT) AS surely_at,
                   i.kind = 'consent' AND i.subject_id IS NULL AND i.subject_kind = 'user' AS for_everyone,
                   CASE WHEN i.consent_kind = 'user' OR (i.consent_kind IS NULL AND i.consent_actor IN (i.subject_id, i.client_id)) THEN 'self'
                        WHEN i.consent_kind IS NULL AND i.consent_actor IS NULL THEN 'unknown' ELSE 'other' END AS given_by,
                   -- The one tenant that it can be: empty where none is ever named, NULL where there are several.
                   coalesce(i.tenant, CASE WHEN p.first_tenant IS NOT DISTINCT FROM p.last_tenant THEN coalesce(p.first_tenant, '') END) AS home
            FROM issued i
            JOIN clock_error k ON k.source = i.source AND k.tenant IS NOT DISTINCT FROM i.tenant AND k.log = 'issuance'
            LEFT JOIN place p ON p.source = i.source AND p.of_client IS NOT DISTINCT FROM i.client_id AND p.of_subject IS NOT DISTINCT FROM i.subject_id
                AND p.way = CASE WHEN i.kind = 'consent' AND i.subject_id IS NULL AND i.subject_kind = 'user' THEN 'client' ELSE 'party' END
            WHERE i.kind IN ('consent', 'credential')
        )
    )
    WINDOW own AS (PARTITION BY source, home, client_id, subject_id ORDER BY issued_at),
           of_all AS (PARTITION BY source, home, client_id ORDER BY issued_at),
           anywhere AS (PARTITION BY source, client_id, subject_id ORDER BY issued_at),
           all_anywhere AS (PARTITION BY source, client_id ORDER BY issued_at)
),
-- A client that is ended loses what everyone gave it, a person all that it gave. The end of one token takes no consent away: only
-- a new key stands for it.
regained AS (
    SELECT n.source, n.tenant, n.event_id, n.issued_at, n.surely_at, w.way,
           CASE WHEN w.way <> 'subject' THEN n.client_id END AS of_client, CASE WHEN w.way <> 'client' THEN n.subject_id END AS of_subject
    FROM given n
    CROSS JOIN (SELECT unnest(['party', 'key', 'client', 'subject']) AS way) w
    WHERE n.given_by <> 'other' AND (w.way <> 'key' OR n.kind = 'credential')
      AND CASE WHEN w.way = 'subject' THEN n.subject_id ELSE n.client_id END IS NOT NULL
),
lost AS (
    SELECT e.*, p.first_tenant, p.last_tenant
    FROM (
        SELECT source, tenant, revoked_at, certain_from, revocation_event, target_kind, record, of_whom_unknown,
               CASE WHEN target_kind = 'token' THEN 'key' WHEN target_kind IN ('client', 'subject') THEN target_kind ELSE 'party' END AS way,
               CASE WHEN target_kind <> 'subject' THEN client_id END AS of_client, CASE WHEN target_kind <> 'client' THEN subject_id END AS of_subject
        FROM ended
    ) e
    LEFT JOIN place p ON p.source = e.source AND p.way = e.way
        AND p.of_client IS NOT DISTINCT FROM e.of_client AND p.of_subject IS NOT DISTINCT FROM e.of_subject
),
-- Both in the order of time, for each from whom it was taken and who has it again.
in_turn AS (
    SELECT source, tenant, way, of_client, of_subject, event_id, issued_at AS happened_at, surely_at, 0 AS is_end, NULL AS taken
    FROM regained
    UNION ALL
    SELECT w.source, w.tenant, w.way, w.of_client, w.of_subject, NULL, l.revoked_at, l.certain_from, 1,
           {{'revoked_at': l.revoked_at, 'event_id': l.revocation_event, 'target_kind': l.target_kind, 'record': l.record,
            -- Where one of the two names no tenant, and there are several. A person is ended everywhere.
            'of_several': (l.tenant IS NULL OR w.tenant IS NULL) AND (l.way <> 'subject' OR l.tenant IS NOT NULL)
                AND coalesce(least(l.first_tenant, l.tenant) < greatest(l.last_tenant, l.tenant), false),
            'of_whom_unknown': l.of_whom_unknown}}
    FROM lost l
    JOIN (SELECT DISTINCT source, tenant, way, of_client, of_subject FROM regained) w
        ON w.source = l.source AND w.way = l.way AND w.of_client IS NOT DISTINCT FROM l.of_client AND w.of_subject IS NOT DISTINCT FROM l.of_subject
        AND (l.tenant IS NULL OR w.tenant IS NULL OR l.tenant = w.tenant)
),
last_end AS (
    SELECT source, tenant, event_id, is_end,
           max(taken) OVER (PARTITION BY source, tenant, way, of_client, of_subject ORDER BY happened_at, is_end ROWS UNBOUNDED PRECEDING) AS before_it,
           max(taken) OVER (PARTITION BY source, tenant, way, of_client, of_subject ORDER BY surely_at, is_end ROWS UNBOUNDED PRECEDING) AS surely_before,
           max(CASE WHEN NOT taken.of_several AND NOT taken.of_whom_unknown THEN taken END) OVER (
               PARTITION BY source, tenant, way, of_client, of_subject ORDER BY surely_at, is_end ROWS UNBOUNDED PRECEDING) AS surely_taken
    FROM in_turn
),
-- Of several ends the last one tells, but none of which it is not sure takes back what another one proves.
timed AS (
    SELECT g.*, l.taken, l.doubt, coalesce(g.perhaps_other_at > l.taken.revoked_at, false) AS perhaps_decided
    FROM (
        SELECT source, tenant, event_id, d.doubt, CASE d.doubt WHEN 0 THEN surely_taken WHEN 1 THEN surely_before ELSE before_it END AS taken
        FROM last_end CROSS JOIN (SELECT unnest([0, 1, 2]) AS doubt) d
        WHERE is_end = 0
    ) l
    JOIN given g ON g.source = l.source AND g.tenant IS NOT DISTINCT FROM l.tenant AND g.event_id = l.event_id
    WHERE l.taken.revoked_at >= g.issued_at - to_microseconds(($within_hours * 3600000000)::BIGINT)
      AND NOT coalesce(g.last_other_at > l.taken.revoked_at, false) AND g.issued_at >= $since AND g.issued_at < $until
    QUALIFY row_number() OVER (PARTITION BY g.source, g.tenant, g.event_id ORDER BY l.doubt, l.taken DESC) = 1
),
-- One consent may be several records of one moment: a finding for each grant, or key, that was given.
together AS (
    SELECT source, tenant, taken.event_id AS revocation_event, client_id, subject_id, grant_id, token_id, kind, max(client_name) AS client_name,
           any_value(taken) AS taken, min(issued_at) AS first_at, max(issued_at) AS last_at, count(*) AS records,
           list_distinct(flatten(list(scopes))) AS scopes,
           bool_or(doubt = 0 AND given_by = 'self' AND NOT perhaps_decided) AS sure, bool_or(doubt < 2) AS proven,
           bool_and(taken.of_several) AS of_several, bool_and(taken.of_whom_unknown) AS of_whom_unknown, bool_and(perhaps_decided) AS perhaps_decided,
           list({{'seen_at': issued_at, 'batch_id': batch_id, 'line_no': line_no, 'event_id': event_id}} ORDER BY issued_at, event_id) AS given
    FROM timed
    GROUP BY source, tenant, taken.event_id, client_id, subject_id, grant_id, token_id, kind
)
SELECT CASE WHEN sure THEN 'violation' ELSE 'indeterminate' END AS verdict,
       'critical' AS severity,
       coalesce(client_name, client_id, 'An unnamed client')
           || CASE WHEN NOT proven THEN ' was given access so near its revocation that either may have come first'
                   WHEN of_several THEN ' was given access after a revocation that may have been another tenant''s'
                   WHEN of_whom_unknown THEN ' was given access after a revocation that may have been somebody else''s'
                   WHEN perhaps_decided THEN ' has access again after its revocation, and somebody else may have given it before its holder did'
                   WHEN NOT sure THEN ' has access again after its revocation, and the log does not say who gave it'
                   WHEN kind = 'consent' THEN ' was consented to again by the one from whom an admin had taken it'
                   ELSE ' has a new key that its own holder made after an admin had ended the access' END AS title,
       source, tenant, client_id, subject_id, grant_id, token_id, list_sort(scopes) AS scopes,
       taken.record.seen_at AS first_seen, last_at AS last_seen, 1 + records AS events,
       to_json({{
           'revocation_event': revocation_event,
           'issuance_event': given[1].event_id,
           'ended': taken.target_kind,
           'given': kind,
           'given_after_s': round((epoch_us(first_at) - epoch_us(taken.revoked_at)) / 1e6, 6),
           'reason': CASE WHEN NOT proven THEN 'the issuance and the revocation are closer than the clocks can tell'
                          WHEN of_several THEN 'the log does not say in which tenant it was ended, or given again, and several have this client'
                          WHEN of_whom_unknown THEN 'no issuance of the token that was ended is known, nor whose it was: the client acts for itself and for people'
                          WHEN perhaps_decided THEN 'what somebody else gave in between may be of the same tenant: one of the two names none'
                          WHEN NOT sure THEN 'the log does not say who gave it' END}}) AS detail,
       'client_subject' AS join_key,
       list_prepend(taken.record, given) AS records,
       'issuance' AS about_log, taken.record.seen_at AS about_from, last_at AS about_until
FROM together
""",
    fires=FIRES,
    silent=SILENT,
    undecidable=UNDECIDABLE,
)
