"""REV-9: access that an admin took away, and that its holder gave itself again."""

from grantlens.rules.evidence import ENDED, ISSUE_END, PAIR, Evidence, Way
from grantlens.rules.example import Example, consent, revoked, token
from grantlens.rules.rule import Parameter, Rule

_KEY = {"kind": "credential", "token_kind": "api_key"}
_BY_ADMIN = (ENDED, "revocation.initiator=admin")
_ANEW = "issuance.kind=consent or issuance.kind=credential"

RULE = Rule(
    id="REV-9",
    version=1,
    name="self_regrant",
    key=("client_id", "subject_id", "grant_id", "token_id", "revocation_event"),
    question="Which access was taken away by an admin, and then given again by the one who had held it?",
    severity="critical",
    remedy="End it again, and close the way back: a person must not consent, nor a client make a key, to what was just taken from it.",
    basis="Microsoft Entra, 'Review permissions granted to enterprise applications': revoking does not stop users from consenting again",
    needs=("effective_revocation", "token", "issued", "clock_error"),
    # Who ended it and who gave it again is what the two logs say; they join by client and subject.
    rests_on=Evidence(
        (Way(ISSUE_END, {ISSUE_END: PAIR}, (*_BY_ADMIN, _ANEW, "issuance.consent_kind=user")),),
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
    sql="""
WITH holder AS (
    SELECT source, tenant, grant_id, min(client_id) AS client_id, min(subject_id) AS subject_id
    FROM issued
    GROUP BY source, tenant, grant_id
    HAVING count(DISTINCT client_id) <= 1 AND count(DISTINCT subject_id) <= 1
),
-- What an admin ended: of a token or grant whose holder the log does not name, the issuance says whose it was.
ended AS (
    SELECT r.source, r.tenant, r.revocation_event, r.revoked_at, r.certain_from, r.target_kind, r.of_several, r.batch_id, r.line_no,
           coalesce(r.client_id, t.client_id, g.client_id) AS client_id,
           coalesce(r.subject_id, t.subject_id, g.subject_id) AS subject_id
    FROM effective_revocation r
    LEFT JOIN token t ON t.source = r.source AND t.token_id = r.token_id
    LEFT JOIN holder g ON g.source = r.source AND g.tenant IS NOT DISTINCT FROM r.tenant AND g.grant_id = r.grant_id
    WHERE r.initiator = 'admin' AND r.target_kind IN ('token', 'grant', 'credential', 'client', 'subject')
      AND r.issued_before IS NULL
),
given AS (
    SELECT i.source, i.tenant, i.event_id, i.issued_at, i.kind, i.client_id, i.client_name, i.subject_id, i.grant_id, i.token_id, i.scopes,
           i.batch_id, i.line_no, k.before_s,
           CASE WHEN i.consent_kind = 'user' OR (i.consent_kind IS NULL AND i.consent_actor IN (i.subject_id, i.client_id)) THEN 'self'
                WHEN i.consent_kind IS NULL AND i.consent_actor IS NULL THEN 'unknown' ELSE 'other' END AS given_by
    FROM issued i
    JOIN clock_error k ON k.source = i.source AND k.tenant IS NOT DISTINCT FROM i.tenant AND k.log = 'issuance'
    WHERE i.kind IN ('consent', 'credential')
),
-- Joined on what is equal, one way after the other: a client that is ended loses what everyone gave it, a person all that it gave.
-- The end of one token takes no consent away: only a new key stands for it.
again AS (
    SELECT e.source, e.tenant AS ended_tenant, e.revocation_event, n.tenant, n.event_id
    FROM ended e JOIN given n ON n.source = e.source AND n.client_id = e.client_id AND n.subject_id = e.subject_id
    WHERE e.target_kind IN ('grant', 'credential') OR (e.target_kind = 'token' AND n.kind = 'credential')
    UNION ALL
    -- Of a key that belongs to nobody but its client.
    SELECT e.source, e.tenant AS ended_tenant, e.revocation_event, n.tenant, n.event_id
    FROM ended e JOIN given n ON n.source = e.source AND n.client_id = e.client_id AND n.subject_id IS NULL
    WHERE (e.target_kind IN ('grant', 'credential') OR (e.target_kind = 'token' AND n.kind = 'credential')) AND e.subject_id IS NULL
    UNION ALL
    SELECT e.source, e.tenant AS ended_tenant, e.revocation_event, n.tenant, n.event_id
    FROM ended e JOIN given n ON n.source = e.source AND n.client_id = e.client_id
    WHERE e.target_kind = 'client'
    UNION ALL
    SELECT e.source, e.tenant AS ended_tenant, e.revocation_event, n.tenant, n.event_id
    FROM ended e JOIN given n ON n.source = e.source AND n.subject_id = e.subject_id
    WHERE e.target_kind = 'subject'
),
timed AS (
    SELECT n.*, e.revoked_at, e.revocation_event, e.target_kind, e.of_several, e.batch_id AS ended_batch, e.line_no AS ended_line,
           n.issued_at - to_microseconds((n.before_s * 1000000)::BIGINT) > e.certain_from AS proven
    FROM again a
    JOIN ended e ON e.source = a.source AND e.tenant IS NOT DISTINCT FROM a.ended_tenant AND e.revocation_event = a.revocation_event
    JOIN given n ON n.source = a.source AND n.tenant IS NOT DISTINCT FROM a.tenant AND n.event_id = a.event_id
    WHERE n.given_by <> 'other' AND (e.tenant IS NULL OR n.tenant IS NULL OR e.tenant = n.tenant)
      AND n.issued_at > e.revoked_at AND n.issued_at <= e.revoked_at + to_microseconds(($within_hours * 3600000000)::BIGINT)
      AND n.issued_at >= $since AND n.issued_at < $until
      -- What somebody else gave in between is a decision of its own.
      AND NOT EXISTS (
          SELECT 1 FROM given o
          WHERE o.source = n.source AND o.tenant IS NOT DISTINCT FROM n.tenant AND o.given_by = 'other'
            AND o.client_id IS NOT DISTINCT FROM n.client_id AND o.subject_id IS NOT DISTINCT FROM n.subject_id
            AND o.issued_at > e.revoked_at AND o.issued_at <= n.issued_at)
    -- The last revocation before it tells how soon it came.
    QUALIFY row_number() OVER (PARTITION BY n.source, n.tenant, n.event_id ORDER BY proven DESC, e.revoked_at DESC, e.revocation_event) = 1
),
-- One consent may be several records of one moment: a finding for each grant, or key, that was given.
together AS (
    SELECT source, tenant, revocation_event, client_id, subject_id, grant_id, token_id, kind, max(client_name) AS client_name,
           any_value(revoked_at) AS revoked_at, any_value(target_kind) AS target_kind,
           any_value(ended_batch) AS ended_batch, any_value(ended_line) AS ended_line,
           min(issued_at) AS first_at, max(issued_at) AS last_at, count(*) AS records, list_distinct(flatten(list(scopes))) AS scopes,
           bool_or(proven AND given_by = 'self' AND NOT of_several) AS sure, bool_or(proven) AS proven, bool_and(of_several) AS of_several,
           list({'seen_at': issued_at, 'batch_id': batch_id, 'line_no': line_no, 'event_id': event_id} ORDER BY issued_at, event_id) AS given
    FROM timed
    GROUP BY source, tenant, revocation_event, client_id, subject_id, grant_id, token_id, kind
)
SELECT CASE WHEN sure THEN 'violation' ELSE 'indeterminate' END AS verdict,
       'critical' AS severity,
       coalesce(client_name, client_id, 'An unnamed client')
           || CASE WHEN NOT proven THEN ' was given access so near its revocation that either may have come first'
                   WHEN of_several THEN ' was given access after a revocation that may have been another tenant''s'
                   WHEN NOT sure THEN ' has access again after its revocation, and the log does not say who gave it'
                   WHEN kind = 'consent' THEN ' was consented to again by the one from whom an admin had taken it'
                   ELSE ' has a new key that its own holder made after an admin had ended the access' END AS title,
       source, tenant, client_id, subject_id, grant_id, token_id, list_sort(scopes) AS scopes,
       revoked_at AS first_seen, last_at AS last_seen, 1 + records AS events,
       to_json({
           'revocation_event': revocation_event,
           'issuance_event': given[1].event_id,
           'ended': target_kind,
           'given': kind,
           'given_after_s': round((epoch_us(first_at) - epoch_us(revoked_at)) / 1e6, 6),
           'reason': CASE WHEN NOT proven THEN 'the issuance and the revocation are closer than the clocks can tell'
                          WHEN of_several THEN 'the log does not say in which tenant it was ended, and several have this client'
                          WHEN NOT sure THEN 'the log does not say who gave it' END}) AS detail,
       'client_subject' AS join_key,
       list_prepend({'seen_at': revoked_at, 'batch_id': ended_batch, 'line_no': ended_line, 'event_id': revocation_event}, given) AS records,
       'issuance' AS about_log, revoked_at AS about_from, last_at AS about_until
FROM together
""",
    fires=(
        Example(
            "a person consents again, an hour after an admin took the grant away",
            (
                consent("10 09:00", ["mail.read"]),
                revoked("10 12:00", "grant"),
                consent("10 13:00", ["mail.read"], "g2", event_id="again"),
            ),
            (
                {
                    "verdict": "violation",
                    "severity": "critical",
                    "title": "app was consented to again by the one from whom an admin had taken it",
                    "grant_id": "g2",
                    "join_key": "client_subject",
                    "detail": {
                        "revocation_event": "r1",
                        "issuance_event": "again",
                        "given": "consent",
                        "given_after_s": 3600.0,
                    },
                },
            ),
        ),
        Example(
            "one consent in two records of the same moment is one finding",
            (
                consent("10 09:00", ["mail.read"]),
                revoked("10 12:00", "grant"),
                consent("10 13:00", ["mail.read"], "g2"),
                consent("10 13:00:00.1", ["mail.send"], "g2"),
            ),
            ({"verdict": "violation", "scopes": ["mail.read", "mail.send"], "events": 3},),
        ),
        Example(
            "a key is deleted by an admin, and its owner makes another within seconds",
            (
                token("10 09:00", "t1", None, **_KEY),
                revoked("10 12:00", "credential", token_id="t1", client_id=None, subject_id=None),
                token("10 12:00:20", "k2", None, **_KEY, grant_id=None, consent_actor="ann"),
            ),
            ({"verdict": "violation", "token_id": "k2", "detail": {"ended": "credential", "given": "credential"}},),
        ),
        Example(
            "another client is consented to by a person whose access an admin ended",
            (
                consent("10 09:00", ["mail.read"]),
                revoked("10 12:00", "subject"),
                consent("10 14:00", ["mail.read"], "g2", client_id="other"),
            ),
            ({"verdict": "violation", "client_id": "other", "subject_id": "ann", "detail": {"ended": "subject"}},),
        ),
        Example(
            "a client that an admin ended is consented to by somebody else",
            (
                consent("10 09:00", ["mail.read"]),
                revoked("10 12:00", "client"),
                consent("10 14:00", ["mail.read"], "g2", subject_id="ben"),
            ),
            ({"verdict": "violation", "subject_id": "ben", "detail": {"ended": "client"}},),
        ),
    ),
    silent=(
        Example(
            "the person ended it itself: a change of mind, or a key that is renewed",
            (
                consent("10 09:00", ["mail.read"]),
                revoked("10 12:00", "grant", initiator="user"),
                consent("10 13:00", ["mail.read"], "g2"),
            ),
        ),
        Example(
            "an admin gives it again",
            (
                consent("10 09:00", ["mail.read"]),
                revoked("10 12:00", "grant"),
                consent("10 13:00", ["mail.read"], "g2", consent_kind="admin", consent_actor="eve"),
            ),
        ),
        Example(
            "an admin gives it again, and then the person consents to more",
            (
                consent("10 09:00", ["mail.read"]),
                revoked("10 12:00", "grant"),
                consent("10 13:00", ["mail.read"], "g2", consent_kind="admin", consent_actor="eve"),
                consent("10 14:00", ["mail.send"], "g2"),
            ),
        ),
        Example(
            "two days later",
            (
                consent("10 09:00", ["mail.read"]),
                revoked("10 12:00", "grant"),
                consent("12 12:01", ["mail.read"], "g2"),
            ),
        ),
        Example(
            "one token was ended, which takes no consent away",
            (
                consent("10 09:00", ["mail.read"]),
                token("10 09:01", "t1", ["mail.read"]),
                revoked("10 12:00"),
                consent("10 13:00", ["mail.read"], "g2"),
            ),
        ),
        Example(
            "another client of the same person",
            (
                consent("10 09:00", ["mail.read"]),
                revoked("10 12:00", "grant"),
                consent("10 13:00", ["mail.read"], "g2", client_id="other"),
            ),
        ),
        Example(
            "all sessions of a person are ended, and the person signs in and consents anew",
            (
                consent("10 09:00", ["mail.read"]),
                revoked("10 12:00", "policy", issued_before="2026-07-10T12:00:00Z"),
                consent("10 13:00", ["mail.read"], "g2"),
            ),
        ),
    ),
    undecidable=(
        Example(
            "the log does not say who made the new key",
            (
                token("10 09:00", "t1", None, **_KEY),
                revoked("10 12:00"),
                token("10 13:00", "k2", None, **_KEY),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "token_id": "k2",
                    "title": "app has access again after its revocation, and the log does not say who gave it",
                    "detail": {"reason": "the log does not say who gave it"},
                },
            ),
        ),
        Example(
            "the revocation names no tenant, and several have the client",
            (
                consent("10 09:00", ["mail.read"], "g1", tenant="one"),
                consent("10 09:00", ["mail.read"], "g3", tenant="two"),
                revoked("10 12:00", "client"),
                consent("10 13:00", ["mail.read"], "g2", tenant="one"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {
                        "reason": "the log does not say in which tenant it was ended, and several have this client"
                    },
                },
            ),
        ),
        Example(
            "in the same second: the consent may have come first",
            (
                consent("10 09:00", ["mail.read"]),
                revoked("10 12:00", "grant"),
                consent("10 12:00:01", ["mail.read"], "g2"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {"reason": "the issuance and the revocation are closer than the clocks can tell"},
                },
            ),
        ),
    ),
)
