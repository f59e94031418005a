"""REV-2: tokens that were issued although their grant was revoked."""

from grantlens.rules.evidence import ENDED, ENDED_GRANT, GRANT, ISSUE_END, NAMED, PAIR, TOKEN, Evidence, Way
from grantlens.rules.example import Example, consent, refreshed, revoked, token
from grantlens.rules.rule import Rule

_KEY = {"kind": "credential", "token_kind": "api_key"}

RULE = Rule(
    id="REV-2",
    version=4,
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
    UNION
    SELECT source, revocation_event, token_id, 'token' FROM lineage
),
timed AS (
    SELECT c.source, c.token_id, c.revocation_event, c.join_key, r.tenant, r.revoked_at, r.grant_id AS revoked_grant,
           {'revoked_at': r.revoked_at, 'event_id': r.revocation_event, 'batch_id': r.batch_id, 'line_no': r.line_no, 'join_key': c.join_key} AS ended,
           t.tenant AS token_tenant, t.client_id, t.client_name, t.subject_id, t.grant_id, t.scopes, t.issued_at, t.batch_id, t.line_no, t.event_id,
           t.issued_at - to_microseconds((k.before_s * 1000000)::BIGINT) > r.certain_from AS proven,
           -- A consent between these the clocks cannot put before the revocation, nor after the token.
           r.revoked_at - to_microseconds(((k.after_s + r.before_s) * 1000000)::BIGINT) AS fresh_from,
           t.issued_at + to_microseconds(((k.before_s + k.after_s) * 1000000)::BIGINT) AS fresh_until
    FROM candidate c
    JOIN effective_revocation r ON r.source = c.source AND r.revocation_event = c.revocation_event
    JOIN token t ON t.source = c.source AND t.token_id = c.token_id
    JOIN clock_error k ON k.source = t.source AND k.tenant IS NOT DISTINCT FROM t.tenant AND k.log = 'issuance'
    WHERE t.issued_at >= $since AND t.issued_at < $until
),
-- Joined on what is equal, one way after the other: there may be as many consents as tokens.
consent AS (
    SELECT t.source, t.token_id, t.revocation_event, i.issued_at > t.revoked_at AND i.issued_at <= t.issued_at AS between_them
    FROM timed t JOIN issued i ON i.source = t.source AND i.grant_id = t.grant_id
    WHERE t.join_key <> 'token' AND i.kind = 'consent' AND i.issued_at >= t.fresh_from AND i.issued_at <= t.fresh_until
    UNION ALL
    SELECT t.source, t.token_id, t.revocation_event, i.issued_at > t.revoked_at AND i.issued_at <= t.issued_at
    FROM timed t JOIN issued i ON i.source = t.source AND i.tenant IS NOT DISTINCT FROM t.token_tenant
        AND i.client_id = t.client_id AND i.subject_id IS NOT DISTINCT FROM t.subject_id
    WHERE t.join_key <> 'token' AND i.kind = 'consent' AND (i.grant_id IS NULL OR t.revoked_grant IS NULL)
      AND i.issued_at >= t.fresh_from AND i.issued_at <= t.fresh_until
),
-- A fresh consent starts a new grant, also where the provider reuses the id. It brings no refresh token back to life.
renewed AS (
    SELECT source, token_id, revocation_event, bool_or(between_them) AS fresh FROM consent GROUP BY source, token_id, revocation_event
),
judged AS (
    SELECT t.*, n.token_id IS NOT NULL AS maybe_fresh
    FROM timed t
    LEFT JOIN renewed n ON n.source = t.source AND n.token_id = t.token_id AND n.revocation_event = t.revocation_event
    WHERE NOT coalesce(n.fresh, false)
)
SELECT CASE WHEN bool_or(proven AND NOT maybe_fresh) THEN 'violation' ELSE 'indeterminate' END AS verdict,
       'critical' AS severity,
       coalesce(max(client_name), max(client_id), 'An unnamed client') || CASE WHEN bool_or(proven AND NOT maybe_fresh) THEN ' got a new token after the revocation'
           WHEN bool_or(proven) THEN ' got a new token after the revocation, and may have got a new consent before it'
           ELSE ' got a new token so near the revocation that either may have come first' END AS title,
       source, max(tenant) AS tenant, max(client_id) AS client_id, max(subject_id) AS subject_id, max(grant_id) AS grant_id, token_id,
       any_value(scopes) AS scopes,
       min(revoked_at) AS first_seen, max(issued_at) AS last_seen, 2 AS events,
       to_json({
           'revocation_event': min(ended).event_id,
           'issued_after_s': round((epoch_us(max(issued_at)) - epoch_us(min(revoked_at))) / 1e6, 6),
           'reason': CASE WHEN bool_or(proven AND NOT maybe_fresh) THEN NULL
                          WHEN bool_or(proven) THEN 'a consent lies so near that the clocks cannot tell whether it came in between'
                          ELSE 'the issuance and the revocation are closer than the clocks can tell' END}) AS detail,
       min(ended).join_key AS join_key,
       [{'seen_at': min(revoked_at), 'batch_id': min(ended).batch_id, 'line_no': min(ended).line_no, 'event_id': min(ended).event_id},
        {'seen_at': max(issued_at), 'batch_id': max(batch_id), 'line_no': max(line_no), 'event_id': max(event_id)}] AS records,
       'issuance' AS about_log, min(revoked_at) AS about_from, max(issued_at) AS about_until
FROM judged
GROUP BY source, token_id
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
