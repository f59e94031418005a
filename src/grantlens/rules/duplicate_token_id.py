"""INT-4: token ids that were given out twice.

An id may come again and mean the same token: a key that is switched on again, a token that a refresh renews and that keeps its id, a record
that tells of one issue a second time. These are no finding. Nor does it prove two tokens that a server gives one token out again.
"""

from grantlens.rule.evidence import NAMED, TWO_TOKENS, Evidence, Way
from grantlens.rule.example import Example, refreshed, token
from grantlens.rule.rule import Parameter, Rule

RULE = Rule(
    id="INT-4",
    version=1,
    name="duplicate_token_id",
    key=("token_id",),
    question="Which token ids were given out twice?",
    severity="high",
    remedy="Find out who issued the second: a server that counts or draws its ids badly repeats them, and so does somebody else who holds its signing key. "
    "Until then trust no finding about this id: its revocation, its uses and its end may be those of either token.",
    basis="RFC 9068 section 2.2 (jti); RFC 7519 section 4.1.7 (an id is given to one token only)",
    needs=("issued", "canonical_identity"),
    parameters=(
        Parameter(
            "retold_seconds",
            5.0,
            "seconds",
            "Two records of one issue lie at most so far apart, and tell ends that do.",
        ),
    ),
    rests_on=Evidence(
        (
            Way(
                ("issuance",),
                says=(NAMED, "issuance.kind=token", TWO_TOKENS),
                leaves_open="whether one token was given out again, where client, person and end are the same",
            ),
        )
    ),
    sql="""
-- Few ids come twice: only these are looked at.
WITH again AS (
    SELECT source, token_id
    FROM issuance
    WHERE outcome = 'success' AND token_id IS NOT NULL AND kind IN ('token', 'refresh', 'exchange') AND token_kind IS DISTINCT FROM 'api_key'
      AND issued_at < $until
    GROUP BY source, token_id
    HAVING count(*) > 1 AND max(issued_at) >= $since
),
-- What a refresh gives under the id of no other token may be the token that was renewed.
issue AS (
    SELECT i.source, i.tenant, i.token_id, i.client_id, i.client_name, i.subject_id, i.grant_id, i.scopes, i.issued_at, i.expires_at,
           coalesce(c.name, i.client_id) AS client, coalesce(p.name, i.subject_id) AS person,
           coalesce(i.token_kind IN ('refresh', 'session'), false) AS lasts,
           i.kind <> 'refresh' OR coalesce(i.parent_token_id <> i.token_id, false) AS is_new,
           {'seen_at': i.issued_at, 'batch_id': i.batch_id, 'line_no': i.line_no, 'event_id': i.event_id} AS record
    FROM issued i
    SEMI JOIN again a ON a.source = i.source AND a.token_id = i.token_id
    LEFT JOIN canonical_identity c ON c.source = i.source AND c.kind = 'client' AND c.id = i.client_id
    LEFT JOIN canonical_identity p ON p.source = i.source AND p.kind = 'subject' AND p.id = i.subject_id
    WHERE i.kind IN ('token', 'refresh', 'exchange') AND i.token_kind IS DISTINCT FROM 'api_key' AND i.issued_at < $until
),
-- One record may give several rows.
counted AS (
    SELECT source, tenant, token_id, count(*) AS events, min(issued_at) AS first_at, max(issued_at) AS last_at,
           count(DISTINCT client) AS clients, count(DISTINCT person) AS people, bool_or(lasts) AS lasts,
           (epoch_us(max(issued_at) FILTER (is_new)) - epoch_us(min(issued_at) FILTER (is_new))) / 1e6 AS apart_s,
           (epoch_us(max(expires_at) FILTER (is_new)) - epoch_us(min(expires_at) FILTER (is_new))) / 1e6 AS ends_apart_s,
           coalesce(max(issued_at) FILTER (is_new) > min(expires_at) FILTER (is_new), false) AS was_over,
           min({'at': issued_at, 'client_id': client_id, 'client_name': client_name, 'subject_id': subject_id, 'grant_id': grant_id,
                'scopes': scopes}) AS first,
           min(client) AS one_client, max(client) AS other_client, list(record ORDER BY record) AS records
    FROM issue
    GROUP BY source, tenant, token_id
    HAVING min({'batch': record.batch_id, 'line': record.line_no}) < max({'batch': record.batch_id, 'line': record.line_no})
       AND max(issued_at) >= $since
),
judged AS (
    SELECT *, coalesce(ends_apart_s > $retold_seconds, false) OR (was_over AND apart_s > $retold_seconds) AS ends_differ,
           CASE WHEN clients > 1 OR people > 1 OR (ends_differ AND NOT lasts) THEN 'violation'
                WHEN apart_s > $retold_seconds THEN 'indeterminate' END AS verdict
    FROM counted
)
SELECT verdict, 'high' AS severity,
       CASE WHEN clients > 2 THEN clients || ' clients got tokens with one id'
            WHEN clients = 2 THEN one_client || ' and ' || other_client || ' got tokens with one id'
            ELSE coalesce(first.client_name, first.client_id, 'An unnamed client')
                || CASE WHEN people > 1 THEN ' got tokens for ' || people || ' people with one id'
                        WHEN verdict = 'violation' AND was_over THEN ' got a token with the id of one that had ended'
                        WHEN verdict = 'violation' THEN ' got tokens with one id that end at different times'
                        ELSE ' may have got two tokens with one id' END END AS title,
       source, tenant, first.client_id AS client_id, first.subject_id AS subject_id, first.grant_id AS grant_id, token_id,
       first.scopes AS scopes,
       first_at AS first_seen, last_at AS last_seen, events,
       to_json({
           'clients': clients,
           'people': people,
           'apart_s': apart_s,
           'ends_apart_s': ends_apart_s,
           'reason': CASE WHEN verdict = 'violation' THEN NULL
                          WHEN lasts THEN 'a refresh token or session may be given out again, and end later'
                          ELSE 'nothing in the log tells two tokens from one that was given out again' END
       }) AS detail,
       'token' AS join_key,
       records,
       'issuance' AS about_log, first_at AS about_from, last_at AS about_until
FROM judged
WHERE verdict IS NOT NULL
""",
    fires=(
        Example(
            "two clients got tokens with one id",
            (
                token("10 09:00", "t1", ["mail.read"], "10 10:00"),
                token("10 09:30", "t1", ["files.read"], "10 10:30", client_id="other", grant_id="g2"),
            ),
            (
                {
                    "verdict": "violation",
                    "severity": "high",
                    "title": "app and other got tokens with one id",
                    "client_id": "app",
                    "grant_id": "g1",
                    "token_id": "t1",
                    "events": 2,
                    "detail": {"clients": 2, "people": 1, "apart_s": 1800.0, "ends_apart_s": 1800.0, "reason": None},
                },
            ),
        ),
        Example(
            "three clients got tokens with one id",
            (
                token("10 09:00", "t1", ["mail.read"]),
                token("10 09:10", "t1", ["mail.read"], client_id="other", grant_id="g2"),
                token("10 09:20", "t1", ["mail.read"], client_id="third", grant_id="g3"),
            ),
            (
                {
                    "verdict": "violation",
                    "title": "3 clients got tokens with one id",
                    "first_seen": "2026-07-10T09:00:00Z",
                    "last_seen": "2026-07-10T09:20:00Z",
                    "events": 3,
                },
            ),
        ),
        Example(
            "one client got tokens for two people with one id, in the same moment",
            (
                token("10 09:00", "t1", ["mail.read"]),
                token("10 09:00", "t1", ["mail.read"], subject_id="ben", grant_id="g2"),
            ),
            ({"verdict": "violation", "title": "app got tokens for 2 people with one id", "detail": {"people": 2}},),
        ),
        Example(
            "the id of a token that had ended is given to another one",
            (
                token("10 09:00", "t1", ["mail.read"], "10 10:00"),
                token("10 12:00", "t1", ["mail.read"], "10 13:00"),
            ),
            ({"verdict": "violation", "title": "app got a token with the id of one that had ended"},),
        ),
        Example(
            "two tokens with one id end at different times",
            (
                token("10 09:00", "t1", ["mail.read"], "10 10:00", client_name="The app"),
                token("10 09:00:10", "t1", ["mail.read"], "10 10:00:10"),
            ),
            ({"verdict": "violation", "title": "The app got tokens with one id that end at different times"},),
        ),
    ),
    silent=(
        Example(
            "two records tell of one issue",
            (
                token("10 09:00", "t1", ["mail.read"], "10 10:00"),
                token("10 09:00:01", "t1", ["mail.read"], "10 10:00:01"),
            ),
        ),
        Example(
            "a key that was switched off is switched on again",
            (
                token("10 09:00", "k1", ["mail.read"], kind="credential", token_kind="api_key"),
                token("12 09:00", "k1", ["mail.read"], kind="credential", token_kind="api_key"),
            ),
        ),
        Example(
            "a refresh token that is not replaced keeps its id, and so does a token that is renewed",
            (
                token("10 09:00", "r1", ["mail.read"], "11 09:00", token_kind="refresh"),
                refreshed("10 10:00", "r1", "r1", ["mail.read"], "11 10:00", token_kind="refresh"),
                token("10 09:00", "t1", ["mail.read"], "10 10:00"),
                token("10 09:50", "t1", ["mail.read"], "10 10:50", kind="refresh"),
            ),
        ),
        Example(
            "an id of another kind of record is no token's: what was refused, and a consent",
            (
                token("10 09:00", "t1", ["mail.read"]),
                token("10 10:00", "t1", None, outcome="denied", client_id="other"),
                token("10 11:00", "t1", ["mail.read"], kind="consent", client_id="third"),
            ),
        ),
    ),
    undecidable=(
        Example(
            "the same client, person and end: the server may give out a token again while it lives",
            (
                token("10 09:00", "t1", ["mail.read"], "10 10:00"),
                token("10 09:30", "t1", ["mail.read"], "10 10:00"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "title": "app may have got two tokens with one id",
                    "detail": {
                        "apart_s": 1800.0,
                        "ends_apart_s": 0.0,
                        "reason": "nothing in the log tells two tokens from one that was given out again",
                    },
                },
            ),
        ),
        Example(
            "a session of no named client is given out again when it had ended",
            (
                token("10 09:00", "s1", ["mail.read"], "10 10:00", token_kind="session", client_id=None),
                token("10 12:00", "s1", ["mail.read"], "10 13:00", token_kind="session", client_id=None),
            ),
            ({"verdict": "indeterminate", "title": "An unnamed client may have got two tokens with one id"},),
        ),
        Example(
            "a session that is given out again, and ends later",
            (
                token("10 09:00", "s1", ["mail.read"], "10 10:00", token_kind="session"),
                token("10 09:30", "s1", ["mail.read"], "10 10:30", token_kind="session"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {"reason": "a refresh token or session may be given out again, and end later"},
                },
            ),
        ),
    ),
)
