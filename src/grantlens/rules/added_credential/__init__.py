"""GOV-4: a credential of a client, made by somebody who had never dealt with that client, while others had.

Who had dealt with a client is what the logs tell: who made or ended its credentials, and who consented to it, or changed its grants, for others. What
somebody did within `settled_hours` before does not make him known, so that several steps of one evening do not excuse each other. Not told are the client
itself, the owner whom the register names, who had dealt with the credentials of `regular_clients` other clients, and the first credential of
a client that had done nothing for itself yet, or of which nothing at all is known before: nothing says then that it had been another's. That the
client had keys already, the record itself may say (`earlier_keys`); that it lists none proves nothing, for it shows one list of several. A credential
that has a subject, or is its own client, is somebody's own: it was added to nothing.

A log cannot prove that somebody never did something before it began. `maker_days` is the least that it must reach back; more is always used, and the
finding says how much there was. That the owner is known by another kind of id leaves it undecided, until the credential is used from where the client had
never been: then it is to be looked into whoever made it. Not seen is a stranger with the account of a regular admin, or with a credential of the client
itself. Which list at the provider holds the credential - application or service principal, of which a console may show one - no column tells; the
record does (`detect --records`).
"""

from grantlens.rule.evidence import KEY_MAKERS, Evidence, Way
from grantlens.rule.rule import Parameter, Rule
from grantlens.rules.added_credential.examples import FIRES, SILENT, UNDECIDABLE

_SAYS = ("issuance.kind=credential", "issuance.client_id", "issuance.consent_actor", KEY_MAKERS)

RULE = Rule(
    id="GOV-4",
    version=3,
    name="added_credential",
    key=("client_id", "actor"),
    question="Which clients got a credential from somebody who had never dealt with them, while others had?",
    severity="medium",
    remedy="Ask the client's owner and whoever made the credential before whether they know of this one. If nobody does, remove it, end the tokens that were "
    "got with it - its removal ends none -, look at what was called with it, and treat the account that made it as taken over.",
    basis="MITRE ATT&CK T1098.001 (additional cloud credentials); Microsoft, 'Midnight Blizzard: Guidance for responders on nation-state attack'",
    needs=("known_client", "canonical_identity", "registered_client", "caller_place", "covered_time", "clock_error"),
    # That its maker had never dealt with the client is an absence.
    rests_on=Evidence(
        (Way(("issuance",), says=_SAYS, silence=("issuance",)),),
        (
            Way(
                ("issuance",),
                says=_SAYS,
                leaves_open="whether its maker had dealt with the client before: earlier acts may not be in the log",
            ),
        ),
    ),
    parameters=(
        Parameter("maker_days", 7, "days", "How far back the issuance log must reach before the credential was made."),
        Parameter("min_coverage", 0.95, "share", "Least share of that time for which the issuance log must be there."),
        Parameter(
            "settled_hours",
            24.0,
            "hours",
            "How long before the credential somebody must have dealt with the client, for that to tell who he is.",
        ),
        Parameter(
            "regular_clients",
            3,
            "clients",
            "With the credentials of how many other clients somebody must have dealt to be an admin whose work it is.",
        ),
        Parameter("use_days", 30, "days", "For how long after its making the use of the credential is looked at."),
    ),
    sql="""
WITH named AS (
    SELECT source, id, min(name) AS name, bool_or(said_by = 'identities') AS by_identities
    FROM canonical_identity
    WHERE name IS NOT NULL
    GROUP BY source, id
),
-- By the clock of the issuance log.
ended AS (
    SELECT r.* REPLACE (r.revoked_at + k.by_issuance AS revoked_at)
    FROM revocation r
    JOIN clock_error k ON k.source = r.source AND k.tenant IS NOT DISTINCT FROM r.tenant AND k.log = 'revocation'
    WHERE r.outcome = 'success'
),
-- Who did what to a client. A person's consent for himself is no work on the client.
deed AS (
    SELECT source, tenant, client_id, consent_actor AS actor_id, issued_at AS done_at, kind = 'credential' AS handles
    FROM issuance
    WHERE outcome = 'success' AND consent_actor IS NOT NULL AND (kind = 'credential'
          OR (kind IN ('consent', 'change') AND consent_kind IS DISTINCT FROM 'user' AND consent_actor IS DISTINCT FROM subject_id))
    UNION ALL
    SELECT source, tenant, client_id, actor_id, revoked_at, target_kind = 'credential'
    FROM ended
    WHERE actor_id IS NOT NULL AND actor_id IS DISTINCT FROM subject_id AND kind IN ('revoke', 'disable', 'downgrade')
),
dealt AS (
    SELECT d.source, k.of_tenant AS tenant, k.client, coalesce(n.name, d.actor_id) AS actor, min(d.done_at) AS dealt_at,
           min(d.done_at) FILTER (d.handles) AS handled_at
    FROM deed d
    JOIN known_client k ON k.source = d.source AND k.tenant IS NOT DISTINCT FROM d.tenant AND k.client_id = d.client_id
    LEFT JOIN named n ON n.source = d.source AND n.id = d.actor_id
    GROUP BY ALL
),
-- A key that was made, or ended, before is only switched on again.
key_since AS (
    SELECT source, tenant, token_id, min(since) AS since, min(since) FILTER (is_made) AS made_at
    FROM (
        SELECT source, tenant, token_id, issued_at AS since, true AS is_made FROM issuance WHERE kind = 'credential' AND outcome = 'success'
        UNION ALL
        SELECT source, tenant, token_id, revoked_at, false FROM ended WHERE target_kind = 'credential'
    )
    WHERE token_id IS NOT NULL
    GROUP BY source, tenant, token_id
),
added AS (
    SELECT i.source, k.of_tenant AS tenant, k.client, i.client_id, i.client_name, i.token_id, i.consent_actor AS actor_id,
           coalesce(n.name, i.consent_actor) AS actor, coalesce(n.by_identities, false) AS by_identities, i.issued_at AS made_at,
           i.issued_at - to_microseconds(($settled_hours * 3600000000)::BIGINT) AS settled_at,
           i.issued_at - to_microseconds(($maker_days * 86400000000)::BIGINT) AS history_from, i.tenant AS logged_tenant, i.earlier_keys,
           {'seen_at': i.issued_at, 'batch_id': i.batch_id, 'line_no': i.line_no, 'event_id': i.event_id} AS record,
           row_number() OVER () AS nth
    FROM issuance i
    JOIN known_client k ON k.source = i.source AND k.tenant IS NOT DISTINCT FROM i.tenant AND k.client_id = i.client_id
    LEFT JOIN named n ON n.source = i.source AND n.id = i.consent_actor
    LEFT JOIN key_since s ON s.source = i.source AND s.tenant IS NOT DISTINCT FROM i.tenant AND s.token_id = i.token_id
    WHERE i.kind = 'credential' AND i.outcome = 'success' AND i.issued_at >= $since AND i.issued_at < $until
      AND i.subject_id IS NULL AND i.client_id IS DISTINCT FROM i.token_id AND coalesce(s.since >= i.issued_at, true)
      AND coalesce(n.name, i.consent_actor) IS DISTINCT FROM k.client
),
-- What was done where one of the two names no tenant, though the client has several, is perhaps about this one.
known AS (
    SELECT a.nth,
           bool_or(d.client = a.client AND d.actor = a.actor AND d.tenant IS NOT DISTINCT FROM a.tenant AND d.dealt_at < a.settled_at) AS is_known,
           bool_or(d.client = a.client AND d.actor = a.actor AND d.dealt_at < a.settled_at) AS perhaps_known,
           count(DISTINCT d.client) FILTER (d.client <> a.client AND d.actor = a.actor AND d.tenant IS NOT DISTINCT FROM a.tenant
               AND d.handled_at < a.settled_at) AS others_clients,
           count(DISTINCT d.client) FILTER (d.client <> a.client AND d.actor = a.actor AND d.handled_at < a.settled_at) AS perhaps_clients,
           list(DISTINCT d.actor ORDER BY d.actor) FILTER (d.client = a.client AND d.actor IS DISTINCT FROM a.actor
               AND d.tenant IS NOT DISTINCT FROM a.tenant AND d.handled_at < a.settled_at) AS hands,
           bool_or(d.client = a.client AND d.actor IS DISTINCT FROM a.actor AND d.handled_at < a.settled_at) AS perhaps_hands
    FROM added a
    JOIN dealt d ON d.source = a.source AND (d.client = a.client OR d.actor = a.actor)
        AND (d.tenant IS NOT DISTINCT FROM a.tenant OR d.tenant IS NULL OR a.tenant IS NULL)
    GROUP BY a.nth
),
-- Who called for such clients, from where, and since when it worked.
called AS (
    SELECT c.caller_id, c.source, k.of_tenant AS tenant, k.client, c.client_id, c.token_id, c.subject_id, p.network, p.address, p.program,
           min(u.used_at) AS first_at
    FROM usage_caller c
    JOIN known_client k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.client_id = c.client_id
    SEMI JOIN added a ON a.source = c.source AND a.client = k.client
    JOIN caller_place p USING (caller_id)
    JOIN usage_row u USING (caller_id)
    WHERE u.outcome = 'success' AND u.used_at < $until
    GROUP BY ALL
),
-- For itself, be it under an id of its own: what it does for people needs no credential of its own. A key with which it signs in, be it later, and
-- which no record makes, is older than the log.
worked AS (
    SELECT source, tenant, client, min(worked_at) AS worked_at
    FROM (
        SELECT source, tenant, client, first_at AS worked_at FROM called WHERE subject_id IS NULL
        UNION ALL
        SELECT i.source, k.of_tenant, k.client, i.issued_at
        FROM issuance i
        JOIN known_client k ON k.source = i.source AND k.tenant IS NOT DISTINCT FROM i.tenant AND k.client_id = i.client_id
        WHERE i.outcome = 'success' AND i.kind IN ('token', 'refresh', 'exchange') AND (i.subject_id IS NULL OR i.subject_kind = 'service')
        UNION ALL
        SELECT i.source, k.of_tenant, k.client, '-infinity'::TIMESTAMPTZ
        FROM issuance i
        JOIN known_client k ON k.source = i.source AND k.tenant IS NOT DISTINCT FROM i.tenant AND k.client_id = i.client_id
        ANTI JOIN issuance p ON p.source = i.source AND p.token_id = i.parent_token_id AND p.outcome = 'success'
        WHERE i.outcome = 'success' AND i.kind = 'token' AND (i.subject_id IS NULL OR i.subject_kind = 'service') AND i.parent_token_id IS NOT NULL
    )
    GROUP BY source, tenant, client
),
-- Which keys its record says that the client had, unless those, too, were made on that evening.
had AS (
    SELECT k.nth, list(DISTINCT k.token_id ORDER BY k.token_id) AS older_keys
    FROM (SELECT nth, source, logged_tenant, made_at, settled_at, unnest(earlier_keys) AS token_id FROM added) k
    LEFT JOIN key_since s ON s.source = k.source AND s.tenant IS NOT DISTINCT FROM k.logged_tenant AND s.token_id = k.token_id
    WHERE k.token_id IS NOT NULL AND NOT coalesce(s.made_at BETWEEN k.settled_at AND k.made_at, false)
    GROUP BY k.nth
),
older AS (
    SELECT nth FROM had
    UNION
    SELECT a.nth
    FROM added a
    JOIN worked w ON w.source = a.source AND w.client = a.client AND (w.tenant IS NOT DISTINCT FROM a.tenant OR w.tenant IS NULL OR a.tenant IS NULL)
    WHERE w.worked_at < a.settled_at
),
-- By which ids and names a log, or the identities file, knows anybody.
called_so AS (
    SELECT source, lower(id) AS id FROM canonical_identity
    UNION
    SELECT source, lower(name) FROM canonical_identity WHERE name IS NOT NULL
),
-- Of those that are not excused, where the credential was used, or a token that was got with it, beside where the client had been.
open AS (
    SELECT a.*, g.owner,
           CASE WHEN trim(g.owner) <> '' AND NOT a.by_identities AND e.id IS NULL AND NOT (contains(g.owner, '@') AND contains(a.actor_id, '@'))
                THEN 'the register names an owner, and nothing says by which id this log knows him' END AS owner_unknown,
           coalesce(w.hands, []) AS hands, coalesce(h.older_keys, []) AS older_keys, coalesce(w.perhaps_hands, false) AS perhaps_hands,
           coalesce(w.perhaps_known, false) OR coalesce(w.perhaps_clients, 0) >= $regular_clients AS perhaps_known
    FROM added a
    LEFT JOIN known w USING (nth)
    LEFT JOIN older o USING (nth)
    LEFT JOIN had h USING (nth)
    LEFT JOIN registered_client g ON g.client_id = a.client_id
    LEFT JOIN called_so e ON e.source = a.source AND e.id = lower(trim(g.owner))
    WHERE NOT coalesce(w.is_known, false) AND coalesce(w.others_clients, 0) < $regular_clients
      AND (coalesce(w.perhaps_hands, false) OR o.nth IS NOT NULL)
      AND NOT coalesce(lower(trim(g.owner)) IN (lower(a.actor_id), lower(a.actor)), false)
),
got AS (
    SELECT nth, source, token_id FROM open WHERE token_id IS NOT NULL
    UNION
    SELECT o.nth, o.source, i.token_id
    FROM open o
    JOIN issuance i ON i.source = o.source AND i.parent_token_id = o.token_id
    WHERE i.outcome = 'success' AND i.token_id IS NOT NULL
),
listed AS (
    SELECT DISTINCT c.caller_id
    FROM called c
    JOIN (SELECT client_id, unnest(networks) AS n FROM registered_client) g ON g.client_id = c.client_id AND c.address BETWEEN g.n.first_address AND g.n.last_address
),
used AS (
    SELECT o.nth, u.used_at, {'used_at': u.used_at, 'event_id': u.event_id, 'usage_id': u.usage_id} AS call,
           CASE WHEN l.caller_id IS NULL THEN c.network END AS network, c.program
    FROM open o
    JOIN got t USING (nth)
    JOIN called c ON c.source = o.source AND c.client = o.client AND c.token_id = t.token_id
        AND (c.tenant IS NOT DISTINCT FROM o.tenant OR c.tenant IS NULL OR o.tenant IS NULL)
    LEFT JOIN listed l USING (caller_id)
    JOIN usage_row u ON u.caller_id = c.caller_id
    WHERE u.outcome = 'success' AND u.used_at < $until
      AND u.used_at >= o.made_at AND u.used_at <= o.made_at + to_microseconds(($use_days * 86400000000)::BIGINT)
),
before AS (
    SELECT o.nth, list(DISTINCT c.network) FILTER (c.network IS NOT NULL) AS networks,
           list(DISTINCT c.program) FILTER (c.program IS NOT NULL) AS programs
    FROM open o
    JOIN called c ON c.source = o.source AND c.client = o.client AND (c.tenant IS NOT DISTINCT FROM o.tenant OR c.tenant IS NULL OR o.tenant IS NULL)
    WHERE c.first_at < o.made_at
    GROUP BY o.nth
),
-- New are a network or a program only where others are known.
elsewhere AS (
    SELECT u.nth, count(*) AS uses, max(u.used_at) AS last_at,
           list_sort(coalesce(list(DISTINCT u.network) FILTER (len(b.networks) > 0 AND NOT list_contains(b.networks, u.network)), [])) AS networks,
           list_sort(coalesce(list(DISTINCT u.program) FILTER (len(b.programs) > 0 AND NOT list_contains(b.programs, u.program)), [])) AS programs,
           list_transform(coalesce(list(u.call ORDER BY u.call) FILTER ($every_call), min(u.call, 18)), lambda c: c.usage_id) AS calls
    FROM used u
    LEFT JOIN before b USING (nth)
    GROUP BY u.nth
),
history AS (
    SELECT o.nth, bool_and(c.in_part) AS in_part,
           sum(greatest(0, epoch_us(least(c.covered_until, o.made_at)) - epoch_us(c.covered_from))) FILTER (NOT c.in_part) / 86400e6 AS covered_days,
           sum(greatest(0, epoch_us(least(c.covered_until, o.made_at)) - epoch_us(greatest(c.covered_from, o.history_from)))) FILTER (NOT c.in_part)
               / ($maker_days * 86400e6) AS share
    FROM open o
    JOIN covered_time c ON c.source = o.source AND c.log = 'issuance' AND c.tenant IS NOT DISTINCT FROM o.tenant
    GROUP BY o.nth
),
judged AS (
    SELECT o.*, coalesce(e.uses, 0) AS uses, coalesce(e.networks, []) AS networks, coalesce(e.programs, []) AS programs, coalesce(e.calls, []) AS calls,
           coalesce(e.last_at, o.made_at) AS last_at, coalesce(h.covered_days, 0) AS covered_days, coalesce(h.share, 0) AS history_share,
           coalesce(len(e.networks) + len(e.programs) > 0, false) AS is_elsewhere,
           CASE WHEN o.actor IS NULL THEN 'the log does not say who made it'
                WHEN h.in_part THEN 'the issuance log shows only some of what was done before it'
                WHEN history_share < $min_coverage THEN 'the issuance log does not cover enough of the time before it'
                WHEN o.perhaps_known OR (len(o.hands) = 0 AND o.perhaps_hands)
                THEN 'what was done before may have been about another tenant: one of the two names none'
                WHEN len(o.hands) = 0 THEN 'the client is older, but who dealt with its credentials is in no log'
                WHEN NOT is_elsewhere THEN o.owner_unknown END AS why_unknown
    FROM open o
    LEFT JOIN elsewhere e USING (nth)
    LEFT JOIN history h USING (nth)
),
together AS (
    SELECT source, tenant, client, actor, min(client_id) AS client_id, max(client_name) AS client_name, min(made_at) AS first_seen, max(last_at) AS last_seen,
           min(history_from) AS history_from, count(*) AS events, CASE WHEN count(*) = 1 THEN min(token_id) END AS token_id,
           list_sort(coalesce(list(DISTINCT token_id) FILTER (token_id IS NOT NULL), [])) AS credentials,
           list_sort(list_distinct(flatten(list(hands)))) AS hands, list_sort(list_distinct(flatten(list(older_keys)))) AS older_keys,
           max(owner) AS owner, sum(uses)::BIGINT AS uses,
           list_sort(list_distinct(flatten(list(networks)))) AS networks, list_sort(list_distinct(flatten(list(programs)))) AS programs,
           bool_or(is_elsewhere) AS is_elsewhere, min(covered_days) AS covered_days, min(history_share) AS history_share,
           CASE WHEN bool_and(why_unknown IS NOT NULL) THEN arg_min(why_unknown, record) END AS why_unknown,
           CASE WHEN $every_call THEN list(record ORDER BY record) ELSE min(record, 19) END AS records, flatten(list(calls ORDER BY made_at, record)) AS calls
    FROM judged
    GROUP BY source, tenant, client, actor
)
SELECT CASE WHEN why_unknown IS NULL THEN 'violation' ELSE 'indeterminate' END AS verdict,
       CASE WHEN is_elsewhere THEN 'high' ELSE 'medium' END AS severity,
       coalesce(client_name, client_id) || ' got ' || CASE WHEN events = 1 THEN 'a credential' ELSE events || ' credentials' END || ' from '
           || coalesce(actor, 'somebody whom the log does not name')
           || CASE WHEN why_unknown IS NULL THEN ', who had never dealt with it' WHEN actor IS NULL THEN '' ELSE ', who may never have dealt with it' END
           || CASE WHEN NOT is_elsewhere THEN '' WHEN events = 1 THEN '; it was used ' ELSE '; some were used ' END
           || CASE WHEN is_elsewhere THEN 'from where the client had not been' ELSE '' END AS title,
       source, tenant, client_id, token_id, first_seen, last_seen, events,
       to_json({
           'actor': actor,
           'credentials': credentials[1:20],
           'known_hands': hands[1:20],
           'older_keys': older_keys[1:20],
           'owner': owner,
           'uses': uses,
           'new_networks': networks[1:20],
           'new_programs': programs[1:20],
           'covered_days': round(covered_days, 3),
           'history_share': round(history_share, 6),
           'reason': why_unknown}) AS detail,
       CASE WHEN uses > 0 THEN 'token' END AS join_key,
       CASE WHEN $every_call THEN calls ELSE calls[1:18] END AS calls, records,
       'issuance' AS about_log, history_from AS about_from, last_seen AS about_until
FROM together
""",
    fires=FIRES,
    silent=SILENT,
    undecidable=UNDECIDABLE,
)
