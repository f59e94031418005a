"""GOV-2: a new client that many people let in within a day."""

from __future__ import annotations

from typing import Any

from grantlens.rule.evidence import Evidence, Way
from grantlens.rule.example import Example, consent, logs_from_to, token, use
from grantlens.rule.rule import Parameter, Rule

_OWN = ("issuance.kind=consent", "issuance.client_id", "issuance.subject_id", "issuance.consent_kind=user")
_BEFORE = logs_from_to("01 08:00", "31 23:00")


def _consents(
    *when: str, people: str = "abcdefgh", scopes: tuple[str, ...] = ("mail.read",), **more: Any
) -> tuple[dict[str, Any], ...]:
    """Write one consent to the app at each of these times, each of another person."""
    return tuple(
        consent(moment, scopes, f"g-{person}", **{"subject_id": person, **more})
        for person, moment in zip(people, when, strict=False)
    )


_FIVE = ("20 09:00", "20 09:10", "20 09:20", "20 09:30", "20 09:42")

RULE = Rule(
    id="GOV-2",
    version=4,
    name="consent_burst",
    key=("client_id",),
    question="Which new clients did many people let in within a day?",
    severity="high",
    remedy="Ask those people how they came to it. If nobody announced the client, switch it off for everyone, revoke its grants, and look at what it "
    "called; if it is yours, enter it in the register.",
    basis="Microsoft, 'Detect and remediate illicit consent grants'; MITRE ATT&CK T1528",
    needs=("known_client", "known_scope", "protocol_scope", "canonical_identity", "registered_client", "covered_time"),
    # That nobody had let it in before is an absence.
    rests_on=Evidence(
        (Way(("issuance",), says=_OWN, silence=("issuance",)),),
        (
            Way(
                ("issuance",),
                says=_OWN,
                leaves_open="whether the client is new: earlier consents may not be in the log",
            ),
        ),
    ),
    parameters=(
        Parameter("people", 5, "people", "How many must have let the client in."),
        Parameter("burst_hours", 24.0, "hours", "Within how long they must have done so."),
        Parameter("new_days", 7, "days", "How long after its first trace in the logs a client is new."),
        Parameter("history_days", 14, "days", "How far back the issuance log must reach before that first trace."),
        Parameter("min_coverage", 0.95, "share", "Least share of that time for which the issuance log must be there."),
    ),
    sql="""
-- Of a client of several tenants, a trace that names none may be any one's.
WITH aged AS (
    SELECT source, of_tenant AS tenant, client, min(first_at) AS first_at,
           CASE WHEN of_tenant IS NULL THEN min(min(first_at)) OVER same ELSE min(min(first_at)) FILTER (of_tenant IS NULL) OVER same END AS perhaps_at
    FROM known_client
    GROUP BY source, of_tenant, client
    WINDOW same AS (PARTITION BY source, client)
),
consent AS (
    SELECT i.source, k.of_tenant AS tenant, k.client, coalesce(p.name, i.subject_id) AS person,
           i.client_id, i.client_name, i.issued_at, i.scopes, i.batch_id, i.line_no, i.event_id, coalesce(d.name, i.consent_actor) = coalesce(p.name, i.subject_id) AS by_person,
           CASE WHEN i.consent_kind IN ('admin', 'policy') OR (i.consent_kind IS NULL AND NOT by_person) THEN 'other'
                WHEN i.subject_id IS NULL OR i.subject_kind <> 'user' THEN NULL
                WHEN i.consent_kind = 'user' OR by_person THEN 'self' ELSE 'unknown' END AS given_by
    FROM issuance i
    JOIN known_client k ON k.source = i.source AND k.tenant IS NOT DISTINCT FROM i.tenant AND k.client_id = i.client_id
    LEFT JOIN canonical_identity p ON p.source = i.source AND p.kind = 'subject' AND p.id = i.subject_id
    LEFT JOIN canonical_identity d ON d.source = i.source AND d.kind = 'subject' AND d.id = i.consent_actor
    WHERE i.kind = 'consent' AND i.outcome = 'success' AND i.issued_at < $until
),
-- What an administrator or a policy had let in before, is no client that people let in by themselves.
admitted AS (
    SELECT source, tenant, client, min(issued_at) AS admitted_at FROM consent WHERE given_by = 'other' GROUP BY source, tenant, client
),
-- Counted twice: those who surely gave it themselves, and all of whom that may be so.
own AS (
    SELECT *, unnest(CASE WHEN given_by = 'self' THEN [true, false] ELSE [false] END) AS sure FROM consent WHERE given_by IN ('self', 'unknown')
),
in_turn AS (
    SELECT source, tenant, client, sure, person, min(issued_at) AS given_at FROM own GROUP BY source, tenant, client, sure, person
),
counted AS (
    SELECT *, lag(given_at, $people::INTEGER - 1) OVER (PARTITION BY source, tenant, client, sure ORDER BY given_at, person) AS begun_at FROM in_turn
),
-- The first time that so many let it in; who followed in the same time belongs to it.
burst AS (
    SELECT c.source, c.tenant, c.client, c.sure, c.begun_at, c.begun_at + to_microseconds(($burst_hours * 3600000000)::BIGINT) AS over_at,
           c.given_at AS reached_at, a.first_at, a.perhaps_at, a.first_at - to_microseconds(($history_days * 86400000000)::BIGINT) AS history_from
    FROM counted c
    JOIN aged a ON a.source = c.source AND a.tenant IS NOT DISTINCT FROM c.tenant AND a.client = c.client
    LEFT JOIN admitted d ON d.source = c.source AND d.tenant IS NOT DISTINCT FROM c.tenant AND d.client = c.client
    WHERE c.given_at <= c.begun_at + to_microseconds(($burst_hours * 3600000000)::BIGINT)
      AND c.given_at <= a.first_at + to_microseconds(($new_days * 86400000000)::BIGINT)
      AND coalesce(d.admitted_at > c.begun_at, true)
    QUALIFY row_number() OVER (PARTITION BY c.source, c.tenant, c.client ORDER BY c.sure DESC, c.given_at) = 1
),
member AS (
    SELECT b.*, o.person, o.client_id, o.client_name, o.issued_at, o.scopes,
           {'seen_at': o.issued_at, 'batch_id': o.batch_id, 'line_no': o.line_no, 'event_id': o.event_id} AS record
    FROM burst b
    JOIN in_turn t ON t.source = b.source AND t.tenant IS NOT DISTINCT FROM b.tenant AND t.client = b.client AND t.sure = b.sure
        AND t.given_at BETWEEN b.begun_at AND b.over_at
    JOIN own o ON o.source = t.source AND o.tenant IS NOT DISTINCT FROM t.tenant AND o.client = t.client AND o.sure = t.sure AND o.person = t.person
        AND o.issued_at <= b.over_at
    WHERE b.reached_at >= $since
),
history AS (
    SELECT b.source, b.tenant, b.client, bool_and(c.in_part) AS in_part,
           sum(greatest(0, epoch_us(least(c.covered_until, b.first_at)) - epoch_us(greatest(c.covered_from, b.history_from))))
               FILTER (NOT c.in_part) AS covered_us
    FROM burst b
    JOIN covered_time c ON c.source = b.source AND c.log = 'issuance' AND c.tenant IS NOT DISTINCT FROM b.tenant
    GROUP BY b.source, b.tenant, b.client
),
ranked AS (
    SELECT m.source, m.tenant, m.client, m.scope, max(r.rank) AS rank, lower(m.scope) IN (SELECT name FROM protocol_scope) AS is_protocol
    FROM (SELECT DISTINCT source, tenant, client, unnest(scopes) AS scope FROM member) m
    LEFT JOIN known_scope n ON n.scope = m.scope
    LEFT JOIN cat_scope_risk r ON r.scope_id = n.scope_id
    GROUP BY m.source, m.tenant, m.client, m.scope
),
-- Who a person is opens no data; .default is all that the client is set up for.
opened AS (
    SELECT source, tenant, client, list(scope ORDER BY scope) AS scopes, list(scope ORDER BY scope) FILTER (rank >= 3) AS sensitive,
           bool_and(lower(scope) NOT LIKE '%.default' AND (coalesce(rank = 0, false) OR is_protocol)) AS sign_in_only
    FROM ranked
    GROUP BY source, tenant, client
),
answered AS (
    SELECT client_id FROM registered_client WHERE trim(owner) <> '' AND trim(purpose) <> '' AND status IS DISTINCT FROM 'retired'
),
together AS (
    SELECT m.source, m.tenant, m.client, any_value(m.sure) AS sure, any_value(m.first_at) AS first_at, any_value(m.perhaps_at) AS perhaps_at,
           any_value(m.history_from) AS history_from, any_value(m.reached_at) AS reached_at,
           arg_min(m.client_id, m.record) AS client_id, max(m.client_name) AS client_name,
           count(DISTINCT m.person) AS people, min(m.issued_at) AS first_seen, max(m.issued_at) AS last_seen, count(*) AS events,
           bool_or(g.client_id IS NOT NULL) AS is_registered, bool_and(m.scopes IS NOT NULL) AS says_scopes,
           CASE WHEN $every_call THEN list(m.record) ELSE min(m.record, 19) || [max(m.record)] END AS records
    FROM member m
    LEFT JOIN answered g ON g.client_id = m.client_id
    GROUP BY m.source, m.tenant, m.client
),
judged AS (
    SELECT t.*, coalesce(o.scopes, []) AS scopes, coalesce(o.sensitive, []) AS sensitive, t.says_scopes AND coalesce(o.sign_in_only, false) AS sign_in_only,
           coalesce(h.covered_us, 0) / ($history_days * 86400e6) AS history_share,
           CASE WHEN t.history_from < w.before
                THEN 'calls of the time before were taken out of the store, and with them perhaps traces of the client, which may be older'
                WHEN h.in_part THEN 'the issuance log shows only some of what was issued, so the client may be older'
                WHEN history_share < $min_coverage THEN 'the issuance log does not cover the time before the first trace of the client, which may be older'
                WHEN t.reached_at > t.perhaps_at + to_microseconds(($new_days * 86400000000)::BIGINT)
                THEN 'an earlier trace of the client names no tenant, and may be of this one'
                END AS not_new,
           coalesce(not_new, CASE WHEN NOT t.sure THEN 'the log does not say who gave the consents' END) AS why_unknown,
           epoch_us(t.last_seen) - epoch_us(t.first_seen) AS within_us
    FROM together t
    CROSS JOIN (SELECT max(before) AS before FROM forgotten) w
    LEFT JOIN history h ON h.source = t.source AND h.tenant IS NOT DISTINCT FROM t.tenant AND h.client = t.client
    LEFT JOIN opened o ON o.source = t.source AND o.tenant IS NOT DISTINCT FROM t.tenant AND o.client = t.client
)
SELECT CASE WHEN why_unknown IS NULL THEN 'violation' ELSE 'indeterminate' END AS verdict,
       ['info', 'low', 'medium', 'high', 'critical'][
           CASE WHEN sign_in_only THEN 2 WHEN len(sensitive) > 0 THEN 5 ELSE 4 END - CASE WHEN is_registered THEN 1 ELSE 0 END] AS severity,
       CASE WHEN is_registered THEN 'register' END AS explained_by,
       coalesce(client_name, client_id) || CASE WHEN not_new IS NULL THEN ', a new client, was' ELSE ', which may be new, was' END || ' let in by '
           || people || CASE WHEN people = 1 THEN ' person' ELSE ' people' END || ' within '
           || CASE WHEN within_us <= 60e6 THEN 'a minute' WHEN within_us <= 7200e6 THEN ceil(within_us / 60e6)::BIGINT || ' minutes'
                   ELSE ceil(within_us / 3600e6)::BIGINT || ' hours' END AS title,
       source, tenant, client_id, scopes, first_seen, last_seen, events,
       to_json({
           'people': people,
           'within_s': round(within_us / 1e6, 6),
           'first_trace_at': strftime(first_at, '%Y-%m-%dT%H:%M:%SZ'),
           'history_share': round(history_share, 6),
           'sensitive_scopes': sensitive,
           'sign_in_only': sign_in_only,
           'reason': why_unknown}) AS detail,
       records,
       'issuance' AS about_log, history_from AS about_from, last_seen AS about_until
FROM judged
""",
    fires=(
        Example(
            "five people consent to a new client within an hour",
            (*_BEFORE, *_consents(*_FIVE)),
            (
                {
                    "verdict": "violation",
                    "severity": "high",
                    "explained_by": None,
                    "title": "app, a new client, was let in by 5 people within 42 minutes",
                    "client_id": "app",
                    "subject_id": None,
                    "scopes": ["mail.read"],
                    "events": 5,
                    "detail": {
                        "people": 5,
                        "within_s": 2520.0,
                        "sensitive_scopes": [],
                        "history_share": 1.0,
                        "reason": None,
                    },
                },
            ),
        ),
        Example(
            "what it gets is sensitive",
            (*_BEFORE, *_consents(*_FIVE, scopes=("payroll.read", "openid"))),
            ({"verdict": "violation", "severity": "critical", "detail": {"sensitive_scopes": ["payroll.read"]}},),
        ),
        Example(
            "it learns only who they are",
            (*_BEFORE, *_consents(*_FIVE, scopes=("openid", "email"))),
            ({"verdict": "violation", "severity": "low", "detail": {"sign_in_only": True}},),
        ),
        Example(
            "beside who they are, something that no catalogue knows",
            (*_BEFORE, *_consents(*_FIVE, scopes=("openid", "odd.read"))),
            ({"verdict": "violation", "severity": "high", "detail": {"sign_in_only": False}},),
        ),
        Example(
            "beside who they are, all that the client is set up for",
            (*_BEFORE, *_consents(*_FIVE, scopes=("openid", "api/.default"))),
            ({"verdict": "violation", "severity": "high", "scopes": ["api/.default", "openid"]},),
        ),
        Example(
            "the register names its owner and purpose: announced, perhaps, but let in by each for himself",
            (*_BEFORE, *_consents(*_FIVE)),
            ({"verdict": "violation", "severity": "medium", "explained_by": "register"},),
            register=({"client_id": "app", "owner": "jo", "purpose": "mail"},),
        ),
        Example(
            "the register calls it retired",
            (*_BEFORE, *_consents(*_FIVE)),
            ({"verdict": "violation", "severity": "high", "explained_by": None},),
            register=({"client_id": "app", "owner": "jo", "purpose": "mail", "status": "retired"},),
        ),
        Example(
            "one person on Monday, five on Thursday",
            (*_BEFORE, *_consents("17 09:00", people="z"), *_consents(*_FIVE)),
            ({"verdict": "violation", "events": 5, "detail": {"people": 5, "first_trace_at": "2026-07-17T09:00:00Z"}},),
        ),
        Example(
            "an administrator lets it in for everyone after them",
            (
                *_BEFORE,
                *_consents(*_FIVE),
                consent("20 12:00", ["mail.read"], "all", subject_id=None, consent_kind="admin"),
            ),
            ({"verdict": "violation", "events": 5},),
        ),
    ),
    silent=(
        Example("four people are too few", (*_BEFORE, *_consents(*_FIVE[:4]))),
        Example("five people in two days", (*_BEFORE, *_consents(*_FIVE[:4], "21 09:01"))),
        Example(
            "one person again and again",
            (*_BEFORE, *(consent(when, ["mail.read"], f"g{n}") for n, when in enumerate(_FIVE))),
        ),
        Example(
            "all but four are refused",
            (*_BEFORE, *_consents(*_FIVE[:4]), *_consents("20 09:42", people="e", outcome="denied")),
        ),
        Example(
            "an administrator rolls it out", (*_BEFORE, *_consents(*_FIVE, consent_kind="admin", consent_actor="eve"))
        ),
        Example("a policy rolls it out", (*_BEFORE, *_consents(*_FIVE, consent_kind="policy"))),
        Example(
            "an administrator had let it in before",
            (
                *_BEFORE,
                consent("19 09:00", ["mail.read"], "all", subject_id=None, consent_kind="admin", consent_actor="eve"),
                *_consents(*_FIVE),
            ),
        ),
        Example(
            "the client is older",
            (*_BEFORE, token("12 09:00", "t1", ["mail.read"], subject_id="z"), *_consents(*_FIVE)),
        ),
        Example(
            "a call shows that it is older",
            (*_BEFORE, use("12 09:00", "GET /v1/messages/7", None), *_consents(*_FIVE)),
        ),
        Example(
            "three people in each of two tenants",
            (
                *_BEFORE,
                *_consents(*_FIVE[:3], tenant="one"),
                *_consents(*_FIVE[:3], people="xyz", tenant="two"),
            ),
        ),
    ),
    undecidable=(
        Example(
            "the log begins a week before",
            (*logs_from_to("13 08:00", "31 23:00"), *_consents(*_FIVE)),
            (
                {
                    "verdict": "indeterminate",
                    "title": "app, which may be new, was let in by 5 people within 42 minutes",
                    "detail": {
                        "reason": "the issuance log does not cover the time before the first trace of the client, which may be older"
                    },
                },
            ),
        ),
        Example(
            "the log shows only some of what was issued",
            (*_BEFORE, *_consents(*_FIVE)),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {
                        "reason": "the issuance log shows only some of what was issued, so the client may be older"
                    },
                },
            ),
            declared={"carries": ("usage", "revocation")},
        ),
        Example(
            "the log does not say who gave the consents",
            (*_BEFORE, *_consents(*_FIVE, consent_kind=None)),
            (
                {
                    "verdict": "indeterminate",
                    "title": "app, a new client, was let in by 5 people within 42 minutes",
                    "detail": {"reason": "the log does not say who gave the consents"},
                },
            ),
        ),
        Example(
            "an older trace names no tenant, and the client has two",
            (
                *_BEFORE,
                *_consents(*_FIVE, tenant="one"),
                token("20 09:00", "t1", ["mail.read"], subject_id="x", tenant="two"),
                use("10 09:00", "GET /v1/messages/7", None),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "tenant": "one",
                    "detail": {"reason": "an earlier trace of the client names no tenant, and may be of this one"},
                },
            ),
        ),
    ),
)
