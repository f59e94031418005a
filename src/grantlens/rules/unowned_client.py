"""GOV-1: connections that nobody owns, or that are for nothing."""

from grantlens.rule.evidence import Evidence, Way
from grantlens.rule.example import Example, consent, token, use
from grantlens.rule.rule import Rule

RULE = Rule(
    id="GOV-1",
    version=6,
    name="unowned_client",
    key=("client_id",),
    question="Which clients have no owner or no purpose in the register?",
    severity="high",
    remedy="Find the owner and write down the purpose, or revoke the client's grants.",
    basis="NIST SP 800-53 AC-2; PCI DSS 4.0.1 requirement 7.2.5.1",
    needs=("used_pair", "named_caller", "registered_client", "same_client"),
    # A client that was seen at all; without any register the answer is undecided.
    rests_on=Evidence(
        (
            Way(("issuance",), says=("issuance.client_id",), brought=("register",)),
            Way(("usage",), says=("usage.client_id",), brought=("register",)),
        )
    ),
    sql="""
WITH issued_to AS (
    SELECT i.source, i.tenant, coalesce(s.app_id, i.client_id) AS client_id, max(i.client_name) AS client_name,
           min(issued_at) AS first_seen, max(issued_at) AS last_seen, count(*) AS events,
           bool_or(outcome = 'success') AS connected,
           min({'seen_at': issued_at, 'event_id': event_id, 'batch_id': batch_id, 'line_no': line_no}, 19)
               || [max({'seen_at': issued_at, 'event_id': event_id, 'batch_id': batch_id, 'line_no': line_no})] AS ends,
           coalesce(list({'seen_at': issued_at, 'event_id': event_id, 'batch_id': batch_id, 'line_no': line_no}) FILTER ($every_call), ends) AS records
    FROM issuance i LEFT JOIN same_client s ON s.source = i.source AND s.id = i.client_id
    WHERE i.client_id IS NOT NULL AND issued_at >= $since AND issued_at < $until
    GROUP BY i.source, i.tenant, coalesce(s.app_id, i.client_id)
),
called_by AS (
    SELECT c.source, c.tenant, c.client_id, max(c.client_name) AS client_name,
           min(p.first_used_at) AS first_seen, max(p.last_used_at) AS last_seen, sum(p.events)::BIGINT AS events,
           -- Who is refused for its token shows none that was ever good, unless its issue is known; who is refused for a scope does.
           bool_or(c.token_known OR p.outcome <> 'denied' OR p.denial_reason IS DISTINCT FROM 'token') AS connected,
           CASE WHEN $every_call THEN list(p.first_no) ELSE min(p.first_no, 19) END AS firsts, [max(p.last_no)] AS lasts
    FROM used_pair p JOIN named_caller c USING (caller_id)
    WHERE c.client_id IS NOT NULL
    GROUP BY c.source, c.tenant, c.client_id
),
client AS (
    SELECT source, tenant, client_id, coalesce(i.client_name, u.client_name) AS client_name,
           least(coalesce(i.first_seen, u.first_seen), coalesce(u.first_seen, i.first_seen)) AS first_seen,
           greatest(coalesce(i.last_seen, u.last_seen), coalesce(u.last_seen, i.last_seen)) AS last_seen,
           coalesce(i.events, 0) + coalesce(u.events, 0) AS events,
           coalesce(i.connected, false) OR coalesce(u.connected, false) AS connected, i.records, u.firsts, u.lasts
    FROM issued_to i FULL JOIN called_by u USING (source, tenant, client_id)
),
-- What names no tenant is the one's that the logs name for this client, where they name one.
lacking AS (
    SELECT c.* EXCLUDE (tenant),
           coalesce(c.tenant, CASE WHEN min(c.tenant) OVER same_id = max(c.tenant) OVER same_id THEN min(c.tenant) OVER same_id END) AS tenant,
           CASE WHEN g.client_id IS NULL THEN 'no register row'
                WHEN trim(coalesce(g.owner, '')) = '' THEN 'no owner'
                WHEN trim(coalesce(g.purpose, '')) = '' THEN 'no purpose' END AS lacks
    FROM client c LEFT JOIN registered_client g USING (client_id)
    WINDOW same_id AS (PARTITION BY c.source, c.client_id)
)
SELECT CASE WHEN (SELECT count(*) FROM register) = 0 THEN 'indeterminate' ELSE 'violation' END AS verdict,
       'high' AS severity,
       coalesce(max(client_name), client_id) || ' has ' || min(lacks) AS title,
       source, tenant, client_id,
       min(first_seen) AS first_seen, max(last_seen) AS last_seen, sum(events)::BIGINT AS events,
       to_json({
           'lacks': min(lacks),
           'reason': CASE WHEN (SELECT count(*) FROM register) = 0 THEN 'no register was brought' END}) AS detail,
       NULL AS join_key,
       flatten(list(coalesce(firsts, []))) AS firsts, flatten(list(coalesce(lasts, []))) AS lasts,
       flatten(list(coalesce(records, []))) AS records,
       CASE WHEN bool_or(lasts IS NOT NULL) THEN 'usage' ELSE 'issuance' END AS about_log, min(first_seen) AS about_from, max(last_seen) AS about_until
FROM lacking
WHERE lacks IS NOT NULL
GROUP BY source, tenant, client_id
-- An attempt is no connection.
HAVING bool_or(connected)
""",
    fires=(
        Example(
            "a client that nobody registered",
            (token("10 09:00", "t1", ["mail.read"], "10 10:00"), use("10 09:06", "GET /v1/messages/7")),
            (
                {
                    "verdict": "violation",
                    "severity": "high",
                    "client_id": "app",
                    "events": 2,
                    "detail": {"lacks": "no register row"},
                },
            ),
            register=({"client_id": "another", "owner": "jo", "purpose": "mail"},),
        ),
        Example(
            "a row without an owner",
            (use("10 09:06", "GET /v1/messages/7"),),
            ({"verdict": "violation", "detail": {"lacks": "no owner"}},),
            register=({"client_id": "app", "owner": "  ", "purpose": "mail"},),
        ),
        Example(
            "a row without a purpose",
            (token("10 09:00", "t1", ["mail.read"], "10 10:00"),),
            ({"verdict": "violation", "detail": {"lacks": "no purpose"}},),
            register=({"client_id": "app", "owner": "jo"},),
        ),
        Example(
            "a call that is refused for its scope shows a token that is good",
            (use("10 09:06", "GET /v1/messages/7", status=403),),
            ({"verdict": "violation", "events": 1},),
            register=({"client_id": "another", "owner": "jo", "purpose": "mail"},),
        ),
        Example(
            "another client's service principal, which no grant ties to the registered one",
            (
                consent("09 09:00", ["mail.read"], "entra:object-of-app:mail", source="microsoft_entra"),
                use("10 09:06", "GET /v1/messages/7", None, client_id="object-of-other", source="microsoft_entra"),
            ),
            ({"verdict": "violation", "client_id": "object-of-other", "detail": {"lacks": "no register row"}},),
            register=({"client_id": "app", "owner": "jo", "purpose": "mail"},),
        ),
        Example(
            "one id in two tenants is two clients, and what names no tenant may be of either",
            (
                token("10 09:00", "t1", ["mail.read"], "10 10:00", tenant="north"),
                token("10 09:00", "t2", ["mail.read"], "10 10:00", tenant="south"),
                use("10 09:06", "GET /v1/messages/7", "t1", tenant="north"),
                use("10 09:07", "GET /v1/messages/7", None),
            ),
            tuple(
                {"verdict": "violation", "client_id": "app", "tenant": tenant, "events": events}
                for tenant, events in (("north", 2), ("south", 1), (None, 1))
            ),
            register=({"client_id": "another", "owner": "jo", "purpose": "mail"},),
        ),
        Example(
            "calls that leave the only tenant out are that client's",
            (
                token("10 09:00", "t1", ["mail.read"], "10 10:00", tenant="north"),
                use("10 09:06", "GET /v1/messages/7"),
            ),
            ({"verdict": "violation", "client_id": "app", "tenant": "north", "events": 2},),
            register=({"client_id": "another", "owner": "jo", "purpose": "mail"},),
        ),
    ),
    silent=(
        Example(
            "owner and purpose are named",
            (use("10 09:06", "GET /v1/messages/7"),),
            register=({"client_id": "app", "owner": "jo", "purpose": "mail"},),
        ),
        Example(
            "a client that was only ever refused: a token, and calls for want of a good one",
            (
                token("10 09:00", None, ["mail.read"], outcome="denied"),
                use("10 09:06", "GET /v1/messages/7", "t-made-up", status=401),
            ),
            register=({"client_id": "another", "owner": "jo", "purpose": "mail"},),
        ),
        Example(
            "registered by its application id, where calls name the service principal: a grant tells that both are one",
            (
                consent("09 09:00", ["mail.read"], "entra:object-of-app:mail", source="microsoft_entra"),
                use("10 09:06", "GET /v1/messages/7", None, client_id="object-of-app", source="microsoft_entra"),
            ),
            register=({"client_id": "app", "owner": "jo", "purpose": "mail"},),
        ),
    ),
    undecidable=(
        Example(
            "no register was brought",
            (use("10 09:06", "GET /v1/messages/7"),),
            ({"verdict": "indeterminate", "detail": {"lacks": "no register row"}},),
        ),
    ),
)
