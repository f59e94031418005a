"""REV-2: tokens that were issued although their grant was revoked."""

from grantlens.rule.evidence import ENDED, ENDED_GRANT, GRANT, ISSUE_END, NAMED, PAIR, TOKEN, Evidence, Way
from grantlens.rule.example import Example, consent, refreshed, revoked, token
from grantlens.rule.rule import Rule

_KEY = {"kind": "credential", "token_kind": "api_key"}

RULE = Rule(
    id="REV-2",
    version=5,
    name="issuance_after_revocation",
    key=("token_id",),
    question="Which tokens were issued after the revocation of their grant or refresh token?",
    severity="critical",
    remedy="The authorisation server itself broke the revocation: revoke the new token, then find the replica or flow that issued it.",
    basis="RFC 7009 section 2.1; Global Token Revocation draft",
    needs=("effective_revocation", "covered_token", "token", "issued", "clock_error"),
    # A new token of the grant that ended, or one made from the refresh token that ended.
    rests_on=Evidence(
        (
            Way(ISSUE_END, {ISSUE_END: GRANT}, (NAMED, ENDED, *ENDED_GRANT)),
            Way(ISSUE_END, {ISSUE_END: TOKEN}, (NAMED, ENDED, "issuance.parent_token_id")),
            Way(
                ISSUE_END,
                {ISSUE_END: PAIR},
                (NAMED, ENDED, *ENDED_GRANT),
                leaves_open="any new token of the client for the subject counts, unless a consent came before it",
            ),
            Way(
                ISSUE_END,
                {ISSUE_END: PAIR},
                ("issuance.token_id", ENDED, *ENDED_GRANT),
                leaves_open="only of new keys: issued tokens have no id",
            ),
        )
    ),
    sql="""
WITH RECURSIVE from_grant AS (
    SELECT r.source, r.revocation_event, t.token_id,
           CASE WHEN r.grant_id LIKE 'derived:%' THEN 'client_subject' ELSE 'grant' END AS join_key
    FROM effective_revocation r
    JOIN token t ON t.source = r.source AND t.grant_id = r.grant_id AND t.issued_at > r.revoked_at
    WHERE r.target_kind = 'grant'
    UNION ALL
    SELECT r.source, r.revocation_event, t.token_id, 'client_subject'
    FROM effective_revocation r
    JOIN token t ON t.source = r.source AND t.client_id = r.client_id AND t.subject_id = r.subject_id AND t.issued_at > r.revoked_at
        AND (r.tenant IS NULL OR t.tenant IS NOT DISTINCT FROM r.tenant)
    WHERE r.target_kind = 'grant' AND r.grant_id IS NULL
),
-- Children, and theirs, of a revoked refresh token, and what was exchanged for any revoked token: the server took it for good.
-- A client or person that was disabled may be enabled again, its tokens with it; a key too, until then it is covered.
revoked_token AS (
    SELECT c.source, c.revocation_event, c.revoked_at, c.token_id, c.token_kind = 'refresh' OR c.is_target AS begets, c.covered_until
    FROM covered_token c
    SEMI JOIN token x ON x.source = c.source AND x.parent_token_id = c.token_id
    JOIN effective_revocation r USING (source, revocation_event)
    WHERE c.token_id IS NOT NULL AND (r.target_kind NOT IN ('client', 'subject') OR r.kind = 'revoke')
    UNION
    SELECT r.source, r.revocation_event, r.revoked_at, r.token_id, true, 'infinity'::TIMESTAMPTZ
    FROM effective_revocation r
    WHERE r.target_kind IN ('token', 'credential') AND r.token_id IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM covered_token c
                      WHERE c.source = r.source AND c.revocation_event = r.revocation_event AND c.token_id = r.token_id)
),
lineage AS (
    SELECT v.source, v.revocation_event, t.token_id
    FROM revoked_token v
    JOIN token t ON t.source = v.source AND t.parent_token_id = v.token_id AND (v.begets OR t.kind = 'exchange')
        AND t.issued_at > v.revoked_at AND t.issued_at < v.covered_until
    UNION
    SELECT d.source, d.revocation_event, t.token_id
    FROM lineage d
    JOIN token t ON t.source = d.source AND t.parent_token_id = d.token_id AND t.kind <> 'exchange'
),
candidate AS (
    SELECT source, revocation_event, token_id, join_key
    FROM from_grant ANTI JOIN lineage USING (source, revocation_event, token_id)
    UNION ALL
    SELECT source, revocation_event, token_id, 'token' FROM lineage
),
-- A consent that may have come before a token brings a new grant, also where the provider reuses the id; the last one tells. It brings no
-- refresh token back to life. Joined on what is equal, one way after the other: there may be as many consents as tokens.
renewable AS (
    SELECT t.source, t.token_id, t.tenant, t.client_id, t.subject_id, t.grant_id, t.issued_at,
           t.issued_at + to_microseconds(((k.before_s + k.after_s) * 1000000)::BIGINT) AS fresh_until
    FROM (SELECT DISTINCT source, token_id FROM from_grant) c
    JOIN token t USING (source, token_id)
    JOIN clock_error k ON k.source = t.source AND k.tenant IS NOT DISTINCT FROM t.tenant AND k.log = 'issuance'
),
consent AS (
    SELECT n.source, n.token_id, true AS of_grant, max(i.issued_at) FILTER (i.issued_at <= n.issued_at) AS before_token, max(i.issued_at) AS last_at,
           NULL::TIMESTAMPTZ AS unnamed_at
    FROM renewable n JOIN issued i ON i.source = n.source AND i.grant_id = n.grant_id AND i.issued_at <= n.fresh_until
    WHERE i.kind = 'consent'
    GROUP BY n.source, n.token_id
    UNION ALL
    -- One that names another grant counts only where the revocation names none; one of which the tenant is not told may be another's.
    SELECT n.source, n.token_id, i.grant_id IS NULL,
           max(i.issued_at) FILTER (i.issued_at <= n.issued_at AND i.tenant IS NOT DISTINCT FROM n.tenant), max(i.issued_at),
           max(i.issued_at) FILTER ((i.tenant IS NULL) <> (n.tenant IS NULL))
    FROM renewable n JOIN issued i ON i.source = n.source AND (i.tenant IS NULL OR n.tenant IS NULL OR i.tenant = n.tenant)
        AND i.client_id = n.client_id AND i.subject_id IS NOT DISTINCT FROM n.subject_id AND i.issued_at <= n.fresh_until
    WHERE i.kind = 'consent'
    GROUP BY n.source, n.token_id, i.grant_id IS NULL
),
last_consent AS (
    SELECT source, token_id, max(before_token) FILTER (of_grant) AS before_token, max(last_at) FILTER (of_grant) AS last_at,
           max(before_token) AS any_before_token, max(last_at) AS any_last_at, max(unnamed_at) AS any_unnamed_at
    FROM consent
    GROUP BY source, token_id
),
timed AS (
    SELECT c.source, c.token_id, coalesce(r.tenant, t.tenant) AS tenant, r.of_several,
           {'revoked_at': r.revoked_at, 'event_id': r.revocation_event, 'record': r.record, 'join_key': c.join_key} AS ended,
           t.issued_at - to_microseconds((k.before_s * 1000000)::BIGINT) > r.certain_from AS proven,
           -- A consent after this the clocks cannot put before the revocation.
           r.revoked_at - to_microseconds(((k.after_s + r.before_s) * 1000000)::BIGINT) AS fresh_from,
           CASE WHEN c.join_key <> 'token' THEN CASE WHEN r.grant_id IS NULL THEN n.any_before_token ELSE n.before_token END END AS before_token,
           CASE WHEN c.join_key <> 'token' THEN CASE WHEN r.grant_id IS NULL THEN n.any_last_at ELSE n.last_at END END AS last_at,
           CASE WHEN c.join_key <> 'token' AND r.grant_id IS NULL THEN n.any_unnamed_at END AS unnamed_at
    FROM candidate c
    JOIN effective_revocation r ON r.source = c.source AND r.revocation_event = c.revocation_event
    JOIN token t ON t.source = c.source AND t.token_id = c.token_id
    JOIN clock_error k ON k.source = t.source AND k.tenant IS NOT DISTINCT FROM t.tenant AND k.log = 'issuance'
    LEFT JOIN last_consent n ON n.source = c.source AND n.token_id = c.token_id
    WHERE t.issued_at >= $since AND t.issued_at < $until
),
judged AS (
    SELECT source, token_id, max(tenant) AS tenant, min(ended) AS ended, bool_or(proven) AS proven,
           bool_or(proven AND NOT of_several AND NOT coalesce(last_at >= fresh_from, false)) AS sure, bool_and(of_several) AS of_several,
           bool_or(coalesce(unnamed_at >= fresh_from, false)) AS unnamed
    FROM timed
    WHERE NOT coalesce(before_token > ended.revoked_at AND before_token >= fresh_from, false)
    GROUP BY source, token_id
)
SELECT CASE WHEN j.sure THEN 'violation' ELSE 'indeterminate' END AS verdict,
       'critical' AS severity,
       coalesce(t.client_name, t.client_id, 'An unnamed client') || CASE WHEN j.sure THEN ' got a new token after the revocation'
           WHEN j.of_several THEN ' got a new token after a revocation that may have been another tenant''s'
           WHEN j.proven THEN ' got a new token after the revocation, and may have got a new consent before it'
           ELSE ' got a new token so near the revocation that either may have come first' END AS title,
       j.source, j.tenant, t.client_id, t.subject_id, t.grant_id, j.token_id, t.scopes,
       j.ended.revoked_at AS first_seen, t.issued_at AS last_seen, 2 AS events,
       to_json({
           'revocation_event': j.ended.event_id,
           'issued_after_s': round((epoch_us(t.issued_at) - epoch_us(j.ended.revoked_at)) / 1e6, 6),
           'reason': CASE WHEN j.sure THEN NULL
                          WHEN j.of_several THEN 'the revocation names no tenant, and several have this client'
                          WHEN j.proven AND j.unnamed THEN 'a consent in between may be another tenant''s: it names none, or the token does not'
                          WHEN j.proven THEN 'a consent lies so near that the clocks cannot tell whether it came in between'
                          ELSE 'the issuance and the revocation are closer than the clocks can tell' END}) AS detail,
       j.ended.join_key,
       [j.ended.record, {'seen_at': t.issued_at, 'batch_id': t.batch_id, 'line_no': t.line_no, 'event_id': t.event_id}] AS records,
       'issuance' AS about_log, j.ended.revoked_at AS about_from, t.issued_at AS about_until
FROM judged j
JOIN token t ON t.source = j.source AND t.token_id = j.token_id
""",
    fires=(
        Example(
            "a refresh after the grant's end",
            (
                consent("10 09:00", ["mail.read"]),
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
                revoked("10 12:00", "grant"),
                refreshed("10 13:00", "t2", "rt1", ["mail.read"]),
            ),
            (
                {
                    "join_key": "token",
                    "verdict": "violation",
                    "severity": "critical",
                    "token_id": "t2",
                    "resource_server": None,
                    "detail": {"revocation_event": "r1", "issued_after_s": 3600.0},
                },
            ),
        ),
        Example(
            "the log names the revoked grant by its client and subject only",
            (
                consent("10 09:00", ["mail.read"]),
                revoked("10 12:00", "grant", grant_id=None),
                token("10 13:00", "t2", ["mail.read"]),
            ),
            ({"verdict": "violation", "token_id": "t2", "join_key": "client_subject"},),
        ),
        Example(
            "a child of a revoked refresh token",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
                revoked("10 12:00", token_id="rt1"),
                refreshed("10 13:00", "t2", "rt1", ["mail.read"]),
            ),
            ({"verdict": "violation", "token_id": "t2"},),
        ),
        Example(
            "a grandchild over a rotated refresh token",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
                refreshed("10 10:00", "rt2", "rt1", ["mail.read"], token_kind="refresh"),
                revoked("10 12:00", token_id="rt1"),
                refreshed("10 13:00", "t2", "rt2", ["mail.read"]),
            ),
            ({"verdict": "violation", "token_id": "t2"},),
        ),
        Example(
            "the whole line of a revoked refresh token, however long",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
                revoked("10 12:00", token_id="rt1"),
                refreshed("10 13:00", "rt2", "rt1", ["mail.read"], token_kind="refresh"),
                refreshed("10 14:00", "rt3", "rt2", ["mail.read"], token_kind="refresh"),
                refreshed("10 15:00", "t4", "rt3", ["mail.read"]),
            ),
            tuple({"verdict": "violation", "token_id": name} for name in ("rt2", "rt3", "t4")),
        ),
        Example(
            "all sessions of a person were revoked, and a refresh token of them still works",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
                revoked("10 12:00", "subject"),
                refreshed("10 13:00", "t2", "rt1", ["mail.read"]),
            ),
            ({"verdict": "violation", "token_id": "t2", "join_key": "token"},),
        ),
        Example(
            "a fresh consent brings no revoked refresh token back to life",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
                revoked("10 12:00", token_id="rt1"),
                consent("10 12:30", ["mail.read"]),
                refreshed("10 13:00", "t2", "rt1", ["mail.read"]),
            ),
            ({"verdict": "violation", "token_id": "t2"},),
        ),
        Example(
            "a revoked access token was exchanged for a new one",
            (
                token("10 09:01", "t1", ["mail.read"], "10 18:00"),
                revoked("10 12:00"),
                token(
                    "10 13:00", "x1", ["mail.read"], kind="exchange", parent_token_id="t1", grant_id="g2", client_id="b"
                ),
            ),
            ({"verdict": "violation", "token_id": "x1", "client_id": "b", "grant_id": "g2", "join_key": "token"},),
        ),
        Example(
            "consent to another grant of the same client and person revives none",
            (
                consent("10 09:00", ["mail.read"]),
                revoked("10 12:00", "grant"),
                consent("10 12:30", ["mail.read"], "g2"),
                token("10 13:00", "t2", ["mail.read"]),
            ),
            ({"verdict": "violation", "token_id": "t2", "join_key": "grant"},),
        ),
    ),
    silent=(
        Example(
            "a fresh consent starts a new grant, though the id is reused",
            (
                consent("10 09:00", ["mail.read"]),
                revoked("10 12:00", "grant"),
                consent("10 12:30", ["mail.read"]),
                token("10 13:00", "t2", ["mail.read"]),
            ),
        ),
        Example(
            "a token that was exchanged before the end of its parent is none",
            (
                token("10 09:01", "t1", ["mail.read"], "10 18:00"),
                token(
                    "10 11:00", "x1", ["mail.read"], kind="exchange", parent_token_id="t1", grant_id="g2", client_id="b"
                ),
                revoked("10 12:00"),
            ),
        ),
        Example(
            "a key was switched off, and on again before it got a session",
            (
                token("10 09:01", "k1", ["mail.read"], **_KEY),
                revoked("10 10:00", token_id="k1", kind="disable"),
                token("10 11:00", "k1", ["mail.read"], **_KEY),
                token("10 12:00", "t1", ["mail.read"], parent_token_id="k1", grant_id="g2"),
            ),
        ),
        Example(
            "refused issuance is none",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
                revoked("10 12:00", "grant"),
                refreshed("10 13:00", "t2", "rt1", ["mail.read"], outcome="denied"),
            ),
        ),
        Example(
            "a person who was disabled may have been enabled again, and the refresh token with him",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
                revoked("10 12:00", "subject", kind="disable"),
                refreshed("10 13:00", "t2", "rt1", ["mail.read"]),
            ),
        ),
        Example(
            "the end of one access token ends no grant",
            (
                token("10 09:01", "t1", ["mail.read"]),
                revoked("10 12:00"),
                token("10 13:00", "t2", ["mail.read"]),
            ),
        ),
    ),
    undecidable=(
        Example(
            "a refresh in flight at the moment of revocation",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
                revoked("10 12:00:00.5", "grant"),
                refreshed("10 12:00:03.5", "t2", "rt1", ["mail.read"]),
            ),
            ({"verdict": "indeterminate", "token_id": "t2"},),
        ),
        Example(
            "a consent logged a second before the revocation, or after the token: the clocks cannot tell whether it came in between",
            (
                consent("10 09:00", ["mail.read"]),
                consent("10 11:59:59.5", ["mail.read"]),
                revoked("10 12:00", "grant"),
                token("10 13:00", "t2", ["mail.read"]),
                consent("11 09:00", ["mail.read"], "g2"),
                revoked("11 12:00", "grant", grant_id="g2", event_id="r2"),
                token("11 13:00", "t3", ["mail.read"], grant_id="g2"),
                consent("11 13:00:01.5", ["mail.read"], "g2"),
            ),
            tuple(
                {
                    "verdict": "indeterminate",
                    "token_id": name,
                    "title": "app got a new token after the revocation, and may have got a new consent before it",
                }
                for name in ("t2", "t3")
            ),
        ),
    ),
)
