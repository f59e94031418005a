"""OOS-4: a refresh that gave more than it had."""

from grantlens.rule.evidence import NAMED, Evidence, Way
from grantlens.rule.example import Example, consent, refreshed, token
from grantlens.rule.rule import Rule

_REFRESHED = ("issuance.kind=refresh", NAMED, "issuance.token_kind=refresh", "issuance.parent_token_id")
_MAY_SEND = ["mail.read", "mail.send"]
_OF_TWO_TENANTS = (
    token("10 09:00", "rt1", ["mail.read"], token_kind="refresh", tenant="north"),
    token("10 09:01", "rt1", _MAY_SEND, token_kind="refresh", tenant="south"),
)
_EMAIL = "https://www.googleapis.com/auth/userinfo.email"

RULE = Rule(
    id="OOS-4",
    version=13,
    name="widened_at_refresh",
    key=("client_id", "subject_id", "grant_id"),
    question="Which refreshed tokens hold scopes or audiences that their parent did not?",
    severity="critical",
    remedy="Treat it as a fault of the authorisation server: no consent lies between parent and child.",
    basis="RFC 6749 section 6; RFC 9700 section 4.14.2; RFC 8707",
    needs=("issued", "child_token", "added_scope", "clock_error", "server_name", "protocol_scope", "covered_time"),
    # Parent and child are both issuance: no join between logs.
    rests_on=Evidence(
        (
            Way(("issuance",), says=(*_REFRESHED, "issuance.scopes")),
            Way(("issuance",), says=(*_REFRESHED, "issuance.audience"), leaves_open="told of audiences alone"),
        )
    ),
    sql="""
WITH refreshed AS (
    SELECT *, coalesce(parent_token_kind = 'access', false) AS of_access
    FROM child_token
    WHERE kind = 'refresh' AND issued_at >= $since AND issued_at < $until
),
-- One server may be written in several ways. What the grant is for, its consent says beside the parent, whose own audience may be narrower.
meant_for AS (
    SELECT r.source, r.tenant, r.token_id, r.of_child, r.name, coalesce(n.known_as, n.wide_key, r.name) AS server
    FROM (
        SELECT source, tenant, token_id, true AS of_child, unnest(audience) AS name FROM refreshed WHERE len(parent_audience) > 0
        UNION ALL SELECT source, tenant, token_id, false, unnest(parent_audience) FROM refreshed
        UNION ALL
        SELECT r.source, r.tenant, r.token_id, false, unnest(i.audience)
        FROM refreshed r
        JOIN issued i ON i.source = r.source AND i.grant_id = r.grant_id AND i.kind IN ('consent', 'change') AND i.issued_at <= r.issued_at
    ) r
    LEFT JOIN (SELECT DISTINCT source, name, wide_key, known_as FROM server_name WHERE said_as = 'audience') n USING (source, name)
),
added_audience AS (
    SELECT m.source, m.tenant, m.token_id, list(m.name ORDER BY m.name) AS audience_added
    FROM (FROM meant_for WHERE of_child) m
    ANTI JOIN (FROM meant_for WHERE NOT of_child) p
        ON p.source = m.source AND p.token_id = m.token_id AND p.tenant IS NOT DISTINCT FROM m.tenant AND p.server = m.server
    GROUP BY m.source, m.tenant, m.token_id
),
given AS (
    SELECT source, tenant, client_id, subject_id, grant_id, issued_at, scopes, audience,
           subject_id IS NULL AND coalesce(subject_kind = 'user', false) AS for_everyone, coalesce(subject_kind = 'service', false) AS to_itself
    FROM issued WHERE kind IN ('consent', 'change')
),
-- A consent in between is a new grant of these scopes, not a widening. Joined on what is equal, one way after the other.
judged AS (
    SELECT r.*, a.scopes_added, u.audience_added, a.token_id IS NOT NULL OR u.token_id IS NOT NULL AS widened
    FROM refreshed r
    LEFT JOIN added_scope a ON a.source = r.source AND a.token_id = r.token_id AND a.tenant IS NOT DISTINCT FROM r.tenant
    LEFT JOIN added_audience u ON u.source = r.source AND u.token_id = r.token_id AND u.tenant IS NOT DISTINCT FROM r.tenant
    WHERE NOT EXISTS (
        SELECT 1 FROM given i
        WHERE i.source = r.source AND i.grant_id = r.grant_id AND i.issued_at > r.parent_issued_at AND i.issued_at <= r.issued_at)
      AND NOT EXISTS (
        SELECT 1 FROM given i
        WHERE i.source = r.source AND i.tenant IS NOT DISTINCT FROM r.tenant
          AND i.client_id = r.client_id AND i.subject_id IS NOT DISTINCT FROM r.subject_id
          AND i.issued_at > r.parent_issued_at AND i.issued_at <= r.issued_at)
      AND NOT EXISTS (
        SELECT 1 FROM given i
        WHERE i.for_everyone AND i.source = r.source AND i.tenant IS NOT DISTINCT FROM r.tenant AND i.client_id = r.client_id
          AND i.issued_at > r.parent_issued_at AND i.issued_at <= r.issued_at)
),
-- A consent logged after the child may be so near that the clocks cannot tell which was first. One in the very moment of the parent may be its own,
-- or have come after it: it is its own where it gave no more than the parent held.
doubted AS (
    SELECT j.source, j.tenant, j.token_id, j.client_id, j.subject_id, j.subject_kind, j.grant_id, j.parent_issued_at,
           j.scopes_added, j.parent_scopes, j.audience_added, j.parent_audience, j.issued_at,
           j.issued_at + to_microseconds(((k.before_s + k.after_s) * 1000000)::BIGINT) AS until
    FROM judged j
    JOIN clock_error k ON k.source = j.source AND k.tenant IS NOT DISTINCT FROM j.tenant AND k.log = 'issuance'
    WHERE j.widened AND j.parent_known
),
may_come_between AS (
    SELECT d.source, d.tenant, d.token_id, 'the issuance log does not show all that time: a consent may be missing' AS why
    FROM doubted d
    WHERE NOT EXISTS (
        SELECT 1 FROM covered_time c
        WHERE c.source = d.source AND c.tenant IS NOT DISTINCT FROM d.tenant AND c.log = 'issuance' AND NOT c.in_part
          AND c.covered_from <= d.parent_issued_at AND c.covered_until >= d.issued_at)
    UNION
    SELECT d.source, d.tenant, d.token_id, 'a consent lies so near that the clocks cannot tell whether it came in between' AS why
    FROM doubted d
    JOIN given i ON i.source = d.source AND i.grant_id = d.grant_id AND i.issued_at > d.parent_issued_at AND i.issued_at <= d.until
    UNION
    SELECT d.source, d.tenant, d.token_id, 'a consent bears the very time of the token before, and may have come after it'
    FROM doubted d
    CROSS JOIN (SELECT list(name) AS names FROM protocol_scope) p
    JOIN given i ON i.source = d.source AND i.issued_at = d.parent_issued_at
        AND (i.grant_id = d.grant_id
             OR (i.client_id = d.client_id AND (i.tenant IS NULL OR d.tenant IS NULL OR i.tenant = d.tenant)
                 AND (i.subject_id IS NOT DISTINCT FROM d.subject_id OR i.for_everyone
                      OR (i.subject_id IS NULL AND NOT i.to_itself)
                      OR (d.subject_id IS NULL AND coalesce(d.subject_kind, '') <> 'service'))))
    WHERE (d.scopes_added IS NOT NULL AND NOT coalesce(list_has_all(list_concat(d.parent_scopes, p.names), i.scopes), false))
       OR (d.audience_added IS NOT NULL AND NOT coalesce(list_has_all(d.parent_audience, i.audience), false))
    UNION
    SELECT d.source, d.tenant, d.token_id,
           CASE WHEN (i.tenant IS NULL) <> (d.tenant IS NULL)
                THEN 'a consent in between may be another tenant''s: it names none, or the token does not'
                WHEN i.subject_id IS DISTINCT FROM d.subject_id AND NOT i.for_everyone
                THEN 'a consent in between may be another person''s: it names none, or the token does not'
                ELSE 'a consent lies so near that the clocks cannot tell whether it came in between' END
    FROM doubted d
    JOIN given i ON i.source = d.source AND i.client_id = d.client_id AND i.issued_at > d.parent_issued_at AND i.issued_at <= d.until
    WHERE (i.tenant IS NULL OR d.tenant IS NULL OR i.tenant = d.tenant)
      AND (i.subject_id IS NOT DISTINCT FROM d.subject_id OR i.for_everyone
           OR (i.subject_id IS NULL AND NOT i.to_itself)
           OR (d.subject_id IS NULL AND coalesce(d.subject_kind, '') <> 'service'))
),
near AS (
    SELECT source, tenant, token_id, min(why) AS why FROM may_come_between GROUP BY source, tenant, token_id
),
found AS (
    SELECT j.*, n.why AS near,
           CASE WHEN widened THEN CASE WHEN n.why IS NOT NULL OR of_access THEN 'indeterminate' ELSE 'violation' END
                   WHEN NOT parent_known OR parent_scopes IS NULL OR scopes IS NULL THEN 'indeterminate' END AS verdict,
           CASE WHEN verdict = 'violation' THEN NULL
                WHEN widened AND n.why IS NOT NULL THEN n.why
                WHEN widened THEN 'the token before is an access token, which may hold less than the grant was given'
                WHEN NOT parent_known THEN 'no issuance of the token before is in the logs'
                WHEN parent_of_several THEN 'the new token names no tenant, and several issued one of the id that it came of'
                WHEN parent_scopes IS NULL THEN 'the log does not say which scopes the token before held'
                WHEN scopes IS NULL THEN 'the log does not say which scopes the new token holds' END AS why_unknown
    FROM judged j
    LEFT JOIN near n ON n.source = j.source AND n.token_id = j.token_id AND n.tenant IS NOT DISTINCT FROM j.tenant
)
SELECT max(verdict) AS verdict,
       'critical' AS severity,
       coalesce(max(client_name), client_id, 'An unnamed client')
           || CASE WHEN max(verdict) = 'violation' THEN ' got more at refresh than it had before'
                   WHEN bool_or(near IS NOT NULL) THEN ' got more at refresh than it had before, and may have got a new consent in between'
                   WHEN bool_or(widened) THEN ' got more at refresh than the access token before it had'
                   ELSE ' refreshed a token, and the logs do not say whether it got more than before' END AS title,
       source, tenant, client_id, subject_id, grant_id,
       CASE WHEN count(*) FILTER (verdict = 'violation') = 1 THEN min(token_id) FILTER (verdict = 'violation') END AS token_id,
       list_sort(list_distinct(flatten(list(coalesce(scopes_added, []))))) AS scopes,
       min(issued_at) AS first_seen, max(issued_at) AS last_seen, count(*) AS events,
       to_json({
           'scopes_added': list_sort(list_distinct(flatten(list(coalesce(scopes_added, []))))),
           'audience_added': list_sort(list_distinct(flatten(list(coalesce(audience_added, []))))),
           'tokens': count(*) FILTER (verdict = 'violation'),
           'parent_unknown': count(*) FILTER (NOT parent_known),
           'reasons': list_sort(list_distinct(list(why_unknown) FILTER (why_unknown IS NOT NULL)))}) AS detail,
       'token' AS join_key,
       list({'seen_at': issued_at, 'batch_id': batch_id, 'line_no': line_no, 'event_id': event_id} ORDER BY verdict DESC, issued_at, token_id) AS records,
       'issuance' AS about_log, min(issued_at) AS about_from, max(issued_at) AS about_until
FROM found
WHERE verdict IS NOT NULL
GROUP BY source, tenant, client_id, subject_id, grant_id
""",
    fires=(
        Example(
            "a scope that the parent did not hold",
            (
                consent("10 09:00", ["mail.read"]),
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
                refreshed("10 10:00", "t2", "rt1", ["mail.read", "mail.send"]),
            ),
            (
                {
                    "verdict": "violation",
                    "severity": "critical",
                    "grant_id": "g1",
                    "token_id": "t2",
                    "operation": None,
                    "detail": {"scopes_added": ["mail.send"]},
                },
            ),
        ),
        Example(
            "an audience that the parent did not have",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh", audience=["mail.example"]),
                refreshed("10 10:00", "t2", "rt1", ["mail.read"], audience=["files.example"]),
            ),
            ({"verdict": "violation", "detail": {"audience_added": ["files.example"]}},),
        ),
        Example(
            "the parent's own consent, in the very moment of the parent",
            (
                consent("10 09:01", ["openid", "mail.read"]),
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
                refreshed("10 10:00", "t2", "rt1", ["mail.read", "mail.send"]),
            ),
            ({"verdict": "violation", "detail": {"scopes_added": ["mail.send"]}},),
        ),
        Example(
            "two tenants have a refresh token of one id: what came of the one that may not send",
            (*_OF_TWO_TENANTS, refreshed("10 10:00", "t2", "rt1", _MAY_SEND, tenant="north")),
            ({"verdict": "violation", "tenant": "north", "detail": {"scopes_added": ["mail.send"]}},),
        ),
    ),
    silent=(
        Example(
            "a consent in between",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
                consent("10 09:30", ["mail.send"]),
                refreshed("10 10:00", "t2", "rt1", ["mail.read", "mail.send"]),
            ),
        ),
        Example(
            "an admin's consent for everyone in between",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
                consent("10 09:30", ["mail.send"], "g-all", subject_id=None, consent_kind="admin"),
                refreshed("10 10:00", "t2", "rt1", ["mail.read", "mail.send"]),
            ),
        ),
        Example(
            "the same audience, written in another way",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh", audience=["https://Mail.example/"]),
                refreshed("10 10:00", "t2", "rt1", ["mail.read"], audience=["mail.example"]),
            ),
        ),
        Example(
            "the consent names both servers, the refresh token one of them",
            (
                consent("10 09:00", ["mail.read"], audience=["mail.example", "https://files.example"]),
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh", audience=["mail.example"]),
                refreshed("10 10:00", "t2", "rt1", ["mail.read"], audience=["files.example"]),
            ),
        ),
        Example(
            "what the parent's scope implies is no more",
            (
                token("10 09:01", "rt1", ["mail.write"], token_kind="refresh"),
                refreshed("10 10:00", "t2", "rt1", ["mail.read"]),
            ),
        ),
        Example(
            "another name of the same scope is no more",
            (
                token("10 09:01", "rt1", ["mail.write"], token_kind="refresh"),
                refreshed("10 10:00", "t2", "rt1", ["https://mail.example/mail.write"]),
            ),
        ),
        Example(
            "openid, offline_access and their like never count",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
                refreshed("10 10:00", "t2", "rt1", ["mail.read", "openid", "offline_access", _EMAIL]),
            ),
        ),
        Example(
            "two tenants have a refresh token of one id: what came of the one that may send",
            (*_OF_TWO_TENANTS, refreshed("10 10:00", "t2", "rt1", _MAY_SEND, tenant="south")),
        ),
    ),
    undecidable=(
        Example(
            "the issuance log shows only some of what was given: a consent may have come in between",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
                refreshed("10 10:00", "t2", "rt1", _MAY_SEND),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {"reasons": ["the issuance log does not show all that time: a consent may be missing"]},
                },
            ),
            declared={"carries": ("usage", "revocation")},
        ),
        Example(
            "the parent is not in the log",
            (refreshed("10 10:00", "t2", "rt1", ["mail.read"]),),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {"parent_unknown": 1, "reasons": ["no issuance of the token before is in the logs"]},
                },
            ),
        ),
        Example(
            "a consent to more, in the very moment of the parent",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
                consent("10 09:01", ["mail.read", "mail.send"]),
                refreshed("10 10:00", "t2", "rt1", ["mail.read", "mail.send"]),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "title": "app got more at refresh than it had before, and may have got a new consent in between",
                    "detail": {
                        "reasons": ["a consent bears the very time of the token before, and may have come after it"]
                    },
                },
            ),
        ),
        Example(
            "a consent logged a second after the child: the clocks cannot tell which was first",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
                refreshed("10 10:00", "t2", "rt1", ["mail.read", "mail.send"]),
                consent("10 10:00:01.5", ["mail.send"]),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "title": "app got more at refresh than it had before, and may have got a new consent in between",
                    "detail": {"scopes_added": ["mail.send"], "tokens": 0},
                },
            ),
        ),
        Example(
            "a consent in between of which the log does not say whose it was",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
                consent("10 09:30", ["mail.send"], None, subject_id=None, subject_kind=None),
                refreshed("10 10:00", "t2", "rt1", ["mail.read", "mail.send"]),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {
                        "reasons": [
                            "a consent in between may be another person's: it names none, or the token does not"
                        ]
                    },
                },
            ),
        ),
        Example(
            "the log names the access token that was renewed: the refresh token may hold more",
            (
                token("10 09:01", "t1", ["mail.read"]),
                refreshed("10 10:00", "t2", "t1", ["mail.read", "mail.send"]),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "title": "app got more at refresh than the access token before it had",
                    "detail": {
                        "reasons": ["the token before is an access token, which may hold less than the grant was given"]
                    },
                },
            ),
        ),
        Example(
            "the log names the scopes of the parent, and not those of its child",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
                refreshed("10 10:00", "t2", "rt1", None),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "title": "app refreshed a token, and the logs do not say whether it got more than before",
                    "detail": {
                        "parent_unknown": 0,
                        "reasons": ["the log does not say which scopes the new token holds"],
                    },
                },
            ),
        ),
        Example(
            "two tenants have a refresh token of one id, and the new token names no tenant: whichever it came of, and whatever was consented to in one",
            (
                *_OF_TWO_TENANTS,
                consent("10 09:00:30", ["mail.send"], tenant="north"),
                refreshed("10 10:00", "t2", "rt1", ["mail.read"]),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {
                        "scopes_added": [],
                        "parent_unknown": 0,
                        "reasons": ["the new token names no tenant, and several issued one of the id that it came of"],
                    },
                },
            ),
        ),
    ),
)
