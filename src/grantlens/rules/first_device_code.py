"""GOV-3: a client that gets tokens by device code, and never did before."""

from grantlens.rule.evidence import Evidence, Way
from grantlens.rule.example import Example, consent, logs_from_to, refreshed, token
from grantlens.rule.rule import Parameter, Rule

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"

_SAYS = ("issuance.kind=token", "issuance.client_id", "issuance.grant_type")
_BEFORE = logs_from_to("01 08:00", "31 23:00")
_USUAL = token("10 09:00", "t1", ["mail.read"], "10 10:00", grant_type="authorization_code")
_ODD = token("20 09:00", "t2", ["mail.read"], "20 10:00", grant_type=DEVICE, subject_id="ben")

RULE = Rule(
    id="GOV-3",
    version=1,
    name="first_device_code",
    key=("client_id",),
    question="Which clients got a token by device code, and had got theirs otherwise before?",
    severity="high",
    remedy="Ask whose token it is whether they signed in on a device of their own, or typed in a code that somebody had sent them. If the latter, revoke "
    "their grants and sessions. Block the device code flow where no device needs it.",
    basis="RFC 8628 section 5.4 (remote phishing); Microsoft, 'Storm-2372 conducts device code phishing campaign'",
    needs=("known_client", "known_scope", "covered_time"),
    # That it had never been done before is an absence.
    rests_on=Evidence(
        (Way(("issuance",), says=_SAYS, silence=("issuance",)),),
        (
            Way(
                ("issuance",),
                says=_SAYS,
                leaves_open="whether it was the first time: earlier tokens may not be in the log",
            ),
        ),
    ),
    parameters=(
        Parameter(
            "history_days",
            14,
            "days",
            "How far back the issuance log must reach before the first token by device code.",
        ),
        Parameter("min_coverage", 0.95, "share", "Least share of that time for which the issuance log must be there."),
    ),
    sql="""
-- The grant type as RFC 8628 names it, or as a log writes it: device_code, deviceCode.
WITH spelled AS (
    SELECT grant_type, ends_with(plain, 'devicecode') AS is_device, ends_with(plain, 'refreshtoken') AS is_refresh
    FROM (SELECT DISTINCT grant_type, replace(replace(lower(grant_type), '_', ''), '-', '') AS plain FROM issuance WHERE grant_type IS NOT NULL)
),
device AS (
    SELECT i.source, k.of_tenant AS tenant, k.client, i.client_id, i.client_name, i.subject_id, i.grant_id, i.token_id, i.scopes, i.issued_at,
           {'seen_at': i.issued_at, 'batch_id': i.batch_id, 'line_no': i.line_no, 'event_id': i.event_id} AS record
    FROM issuance i
    JOIN spelled s ON s.grant_type = i.grant_type
    JOIN known_client k ON k.source = i.source AND k.tenant IS NOT DISTINCT FROM i.tenant AND k.client_id = i.client_id
    WHERE s.is_device AND i.outcome = 'success' AND i.issued_at < $until
),
-- Of a client of several tenants, a token that names none may be any one's.
first_time AS (
    SELECT source, tenant, client, min(issued_at) AS first_at, min(issued_at) - to_microseconds(($history_days * 86400000000)::BIGINT) AS history_from,
           CASE WHEN tenant IS NULL THEN min(min(issued_at)) OVER same ELSE min(min(issued_at)) FILTER (tenant IS NULL) OVER same END AS perhaps_at
    FROM device
    GROUP BY source, tenant, client
    WINDOW same AS (PARTITION BY source, client)
),
-- A refresh does not tell how the first token was got.
before AS (
    SELECT f.source, f.tenant, f.client, any_value(f.history_from) AS history_from, bool_or(f.perhaps_at < f.first_at) AS perhaps_known,
           list_sort(list(DISTINCT i.grant_type) FILTER (i.kind = 'token' AND NOT s.is_refresh)) AS other_ways,
           bool_or(i.kind = 'token' AND i.grant_type IS NULL) AS some_untold
    FROM first_time f
    JOIN known_client k ON k.source = f.source AND k.of_tenant IS NOT DISTINCT FROM f.tenant AND k.client = f.client
    JOIN issuance i ON i.source = k.source AND i.tenant IS NOT DISTINCT FROM k.tenant AND i.client_id = k.client_id
    LEFT JOIN spelled s ON s.grant_type = i.grant_type
    WHERE f.first_at >= $since AND i.issued_at < f.first_at AND i.outcome = 'success' AND i.kind IN ('token', 'refresh')
    GROUP BY f.source, f.tenant, f.client
),
history AS (
    SELECT f.source, f.tenant, f.client, bool_and(c.in_part) AS in_part,
           sum(greatest(0, epoch_us(least(c.covered_until, f.first_at)) - epoch_us(greatest(c.covered_from, f.history_from))))
               FILTER (NOT c.in_part) AS covered_us
    FROM first_time f
    JOIN covered_time c ON c.source = f.source AND c.log = 'issuance' AND c.tenant IS NOT DISTINCT FROM f.tenant
    GROUP BY f.source, f.tenant, f.client
),
sensitive AS (
    SELECT d.source, d.tenant, d.client, list(DISTINCT d.scope ORDER BY d.scope) AS sensitive
    FROM (SELECT DISTINCT source, tenant, client, unnest(scopes) AS scope FROM device) d
    JOIN known_scope n ON n.scope = d.scope
    JOIN cat_scope_risk r ON r.scope_id = n.scope_id AND r.rank >= 3
    GROUP BY d.source, d.tenant, d.client
),
together AS (
    SELECT source, tenant, client, arg_min(client_id, record) AS client_id, max(client_name) AS client_name,
           CASE WHEN count(DISTINCT subject_id) = 1 AND count(subject_id) = count(*) THEN min(subject_id) END AS subject_id,
           CASE WHEN count(DISTINCT grant_id) = 1 AND count(grant_id) = count(*) THEN min(grant_id) END AS grant_id,
           CASE WHEN count(*) = 1 THEN min(token_id) END AS token_id,
           count(DISTINCT subject_id) AS people, list_sort(list_distinct(flatten(list(coalesce(scopes, []))))) AS scopes,
           min(issued_at) AS first_seen, max(issued_at) AS last_seen, count(*) AS events,
           CASE WHEN $every_call THEN list(record) ELSE min(record, 19) || [max(record)] END AS records
    FROM device d
    SEMI JOIN before b ON b.source = d.source AND b.tenant IS NOT DISTINCT FROM d.tenant AND b.client = d.client
    GROUP BY source, tenant, client
),
judged AS (
    SELECT t.*, b.history_from, coalesce(b.other_ways, []) AS other_ways, coalesce(s.sensitive, []) AS sensitive,
           coalesce(h.covered_us, 0) / ($history_days * 86400e6) AS history_share,
           CASE WHEN h.in_part THEN 'the issuance log shows only some of what was issued'
                WHEN history_share < $min_coverage THEN 'the issuance log does not cover enough of the time before it'
                WHEN b.perhaps_known THEN 'an earlier token by device code may be of the same tenant: one of the two names none'
                WHEN b.some_untold OR b.other_ways IS NULL THEN 'the log does not say how the client had got its earlier tokens' END AS why_unknown
    FROM together t
    JOIN before b ON b.source = t.source AND b.tenant IS NOT DISTINCT FROM t.tenant AND b.client = t.client
    LEFT JOIN history h ON h.source = t.source AND h.tenant IS NOT DISTINCT FROM t.tenant AND h.client = t.client
    LEFT JOIN sensitive s ON s.source = t.source AND s.tenant IS NOT DISTINCT FROM t.tenant AND s.client = t.client
)
SELECT CASE WHEN why_unknown IS NULL THEN 'violation' ELSE 'indeterminate' END AS verdict,
       CASE WHEN len(sensitive) > 0 THEN 'critical' ELSE 'high' END AS severity,
       coalesce(client_name, client_id) || ' got ' || CASE WHEN events = 1 THEN 'a token' ELSE events || ' tokens' END || ' by device code, '
           || CASE WHEN why_unknown IS NULL THEN 'and never had before' ELSE 'perhaps for the first time' END AS title,
       source, tenant, client_id, subject_id, grant_id, token_id, scopes, first_seen, last_seen, events,
       to_json({
           'people': people,
           'other_grant_types': other_ways,
           'history_share': round(history_share, 6),
           'sensitive_scopes': sensitive,
           'reason': why_unknown}) AS detail,
       records,
       'issuance' AS about_log, history_from AS about_from, last_seen AS about_until
FROM judged
""",
    fires=(
        Example(
            "a client that people let in by code gets a token by device code",
            (*_BEFORE, _USUAL, _ODD),
            (
                {
                    "verdict": "violation",
                    "severity": "high",
                    "title": "app got a token by device code, and never had before",
                    "client_id": "app",
                    "subject_id": "ben",
                    "token_id": "t2",
                    "events": 1,
                    "detail": {"people": 1, "other_grant_types": ["authorization_code"], "reason": None},
                },
            ),
        ),
        Example(
            "in Entra's word for it, for two people",
            (
                *_BEFORE,
                _USUAL,
                {**_ODD, "grant_type": "deviceCode"},
                {**_ODD, "grant_type": "deviceCode", "subject_id": "cy", "token_id": "t3"},
            ),
            ({"verdict": "violation", "events": 2, "subject_id": None, "token_id": None, "detail": {"people": 2}},),
        ),
        Example(
            "what it gets is sensitive",
            (*_BEFORE, _USUAL, {**_ODD, "scopes": ["payroll.read"]}),
            ({"verdict": "violation", "severity": "critical"},),
        ),
        Example(
            "the register knows the client: those that are phished for are well known",
            (*_BEFORE, _USUAL, _ODD),
            ({"verdict": "violation", "severity": "high", "explained_by": None},),
            register=({"client_id": "app", "owner": "jo", "purpose": "mail"},),
        ),
        Example(
            "an earlier attempt was refused",
            (*_BEFORE, _USUAL, token("09 09:00", "t0", None, grant_type=DEVICE, outcome="denied"), _ODD),
            ({"verdict": "violation", "events": 1},),
        ),
    ),
    silent=(
        Example(
            "it did so before, and was told of then",
            (*_BEFORE, _USUAL, token("15 09:00", "t0", ["mail.read"], grant_type="device_code"), _ODD),
            since="18 00:00",
        ),
        Example("the client was never seen before", (*_BEFORE, consent("20 08:59", ["mail.read"]), _ODD)),
        Example("the attempt is refused", (*_BEFORE, _USUAL, {**_ODD, "outcome": "denied"})),
        Example("another client did it before", (*_BEFORE, {**_USUAL, "client_id": "other"}, _ODD)),
    ),
    undecidable=(
        Example(
            "the log begins a week before",
            (
                *logs_from_to("13 08:00", "31 23:00"),
                token("14 09:00", "t1", ["mail.read"], grant_type="authorization_code"),
                _ODD,
            ),
            (
                {
                    "verdict": "indeterminate",
                    "title": "app got a token by device code, perhaps for the first time",
                    "detail": {"reason": "the issuance log does not cover enough of the time before it"},
                },
            ),
        ),
        Example(
            "the log shows only some of what was issued",
            (*_BEFORE, _USUAL, _ODD),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {"reason": "the issuance log shows only some of what was issued"},
                },
            ),
            declared={"carries": ("usage", "revocation")},
        ),
        Example(
            "some earlier tokens came in a way that the log does not tell",
            (*_BEFORE, _USUAL, token("11 09:00", "t0", ["mail.read"]), _ODD),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {"reason": "the log does not say how the client had got its earlier tokens"},
                },
            ),
        ),
        Example(
            "before it, only refreshes of an older token are logged",
            (*_BEFORE, refreshed("10 09:00", "t1", "r0", ["mail.read"], grant_type="refresh_token"), _ODD),
            ({"verdict": "indeterminate", "detail": {"other_grant_types": []}},),
        ),
        Example(
            "an earlier token by device code names no tenant, and the client has two",
            (
                *_BEFORE,
                {**_USUAL, "tenant": "one"},
                {**_USUAL, "tenant": "two", "token_id": "t3"},
                token("05 09:00", "t0", ["mail.read"], grant_type=DEVICE),
                {**_ODD, "tenant": "one"},
            ),
            (
                {
                    "verdict": "indeterminate",
                    "tenant": "one",
                    "detail": {
                        "reason": "an earlier token by device code may be of the same tenant: one of the two names none"
                    },
                },
            ),
        ),
    ),
)
