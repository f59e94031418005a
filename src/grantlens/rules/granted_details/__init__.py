"""OOS-8: actions that no granted object of rich authorization details covers (RFC 9396).

Inside one object the permission is the product of what its members list; objects add up. What an object of a type means, only the register can tell:
which operations need one, and what is permitted where a member is absent. A call that no type claims is not asked. Each member covers a call, does
not, or nothing tells (2, 0, 1); an object does what the least of its members does, and what is granted does what the best of its objects does.
"""

from grantlens.relations.approved_operation import as_pattern
from grantlens.relations.server_name import are_one
from grantlens.rule.evidence import DETAILS, ISSUE_USE, PAIR, TOKEN, WORKED, Evidence, Way
from grantlens.rule.rule import Rule
from grantlens.rules.granted_details.examples import FIRES, SILENT
from grantlens.rules.granted_details.undecidable import UNDECIDABLE


def _member(member: str, asked: str, covered: str, untold: str) -> str:
    """Return SQL for what a member of object `o`, of type `k`, says of a call: `asked` is what the call must have for it, `untold` why it may not."""
    return f"""CASE WHEN o.{member}_unread THEN {{'fits': 1, 'why': 'a member of an object is no list of texts'}}
                WHEN o.{member} IS NULL OR len(o.{member}) = 0
                THEN {{'fits': CASE WHEN k.absent_{member} = 'none' THEN 0 WHEN k.absent_{member} = 'any' AND o.{member} IS NULL THEN 2 ELSE 1 END,
                      'why': CASE WHEN o.{member} IS NULL THEN 'the register does not say what an object without `{member}` permits'
                                  ELSE 'an object lists no `{member}`, and whether that is all or none is not told' END}}
                WHEN {asked} IS NULL THEN {{'fits': 1, 'why': '{untold}'}}
                ELSE {{'fits': {covered}, 'why': 'nothing tells whether the server is a location of an object: the identities file can'}} END AS {member}"""


def _listed(member: str, asked: str) -> str:
    return f"CASE WHEN list_contains(o.{member}, {asked}) THEN 2 ELSE 0 END"


_BY_TOKEN = Way(ISSUE_USE, {ISSUE_USE: TOKEN}, (DETAILS, WORKED), brought=("details type",))

RULE = Rule(
    id="OOS-8",
    version=4,
    name="granted_details",
    key=("client_id", "subject_id", "grant_id", "operation"),
    question="Which actions did no granted object of authorization details cover?",
    severity="high",
    remedy="Find out why the resource server let the call pass, and let it compare each call with the granted objects, all members of one together. "
    "An operation that something else permits too: take it out of the details type in the register.",
    basis="RFC 9396 sections 2, 2.2, 3 and 7.1",
    needs=(
        "granted_object",
        "named_caller",
        "caller_token",
        "caller_segment",
        "caller_end",
        "issued",
        "grant_state",
        "everyones_state",
        "clock_error",
        "server_name",
        "operation_class",
    ),
    rests_on=Evidence(
        (
            _BY_TOKEN,
            Way(
                ISSUE_USE,
                {ISSUE_USE: PAIR},
                (DETAILS, WORKED),
                brought=("details type",),
                leaves_open="judged by what the grant's records say, not the token's; undecided while client and subject hold several grants",
            ),
        )
    ),
    sql="""
-- What each operation is in the words of the types that claim it.
WITH claim AS (
    SELECT type, source, o.operation, o.action, o.datatype, """
    + as_pattern("o.operation")
    + """ AS pattern
    FROM (SELECT type, source, unnest(operations) AS o FROM details_type)
),
claimed AS (
    SELECT g.target_id, c.type, c.source, c.action, c.datatype, n.label, c.operation, coalesce(l.writes OR l.sensitive, g.method NOT IN ('GET', 'HEAD', 'OPTIONS')) AS writes
    FROM usage_target g
    LEFT JOIN usage_operation m ON m.target_id = g.target_id
    LEFT JOIN cat_operation n ON n.op_id = m.operation_id
    LEFT JOIN operation_class l ON l.operation_id = m.operation_id
    JOIN claim c ON n.label LIKE c.pattern ESCAPE '\\' OR g.operation LIKE c.pattern ESCAPE '\\' OR g.method || ' ' || g.target LIKE c.pattern ESCAPE '\\'
),
-- Each call of such an operation, unless it is proven to come after the end of its token or grant: that is INT-2's and REV's.
asked AS (
    SELECT u.usage_id, u.event_id, u.used_at, u.target_id, u.resource_id, c.caller_id, c.source, c.tenant, c.client_id, c.client_name, c.subject_id,
           c.token_id, c.resource_server, coalesce(s.grant_id, c.grant_id) AS grant_id, c.join_key, b.before_s, b.after_s,
           dense_rank() OVER (ORDER BY c.source, c.tenant, u.target_id, u.resource_id) AS question_no
    FROM (FROM usage_row SEMI JOIN claimed USING (target_id) WHERE outcome = 'success' AND used_at >= $since AND used_at < $until) u
    JOIN named_caller c ON c.caller_id = u.caller_id
    JOIN clock_error b ON b.source = c.source AND b.tenant IS NOT DISTINCT FROM c.tenant AND b.log = 'usage'
    LEFT JOIN caller_segment s ON s.caller_id = u.caller_id AND s.valid_from <= u.used_at AND s.valid_until > u.used_at
    LEFT JOIN caller_end e ON e.caller_id = u.caller_id
    WHERE NOT coalesce(s.phase = 'ended', false) AND NOT coalesce(u.used_at > e.ended_at, false)
),
saying AS (
    SELECT source, tenant, kind, token_id, grant_id, issued_at, authorization_details::VARCHAR AS details,
           {'seen_at': issued_at, 'batch_id': batch_id, 'line_no': line_no, 'event_id': event_id} AS record
    FROM issued
),
-- What the token was issued with: of several tenants' tokens of one id, what each was.
own AS (
    SELECT t.caller_id, i.details, i.record
    FROM (FROM caller_token SEMI JOIN asked USING (caller_id)) t
    JOIN usage_caller c ON c.caller_id = t.caller_id
    JOIN saying i ON i.source = c.source AND i.token_id = t.token_id AND (t.of_several OR i.tenant IS NULL OR i.tenant = t.home)
    WHERE i.kind IN ('token', 'refresh', 'exchange', 'credential')
    QUALIFY count(i.details) OVER (PARTITION BY t.caller_id) > 0 AND (i.details IS NOT NULL OR t.of_several)
),
-- Otherwise what the records of its grant say, in the same life of the grant: a later one may add to what an earlier one gave, or take its place.
opening AS (
    SELECT i.*, i.kind IN ('consent', 'change') AS is_consent, l.ended_at, k.before_s, k.after_s
    FROM saying i
    JOIN (SELECT DISTINCT source, grant_id FROM asked) g ON g.source = i.source AND g.grant_id = i.grant_id
    JOIN (SELECT DISTINCT source, grant_id, opened_at, ended_at FROM grant_state) l ON l.source = i.source AND l.grant_id = i.grant_id
        AND l.opened_at <= i.issued_at AND (l.ended_at IS NULL OR l.ended_at > i.issued_at)
    JOIN clock_error k ON k.source = i.source AND k.tenant IS NOT DISTINCT FROM i.tenant AND k.log = 'issuance'
    QUALIFY is_consent OR i.issued_at < coalesce(min(i.issued_at) FILTER (is_consent) OVER (PARTITION BY i.source, i.grant_id), 'infinity')
),
candidate AS (
    SELECT a.usage_id, a.question_no, o.details, o.record, 'token' AS held_from, false AS is_last
    FROM asked a JOIN own o USING (caller_id)
    UNION ALL
    SELECT a.usage_id, a.question_no, o.details, o.record, 'grant',
           o.is_consent AND o.issued_at = max(o.issued_at) OVER (PARTITION BY a.usage_id)
               AND o.issued_at + to_microseconds(((a.before_s + o.after_s) * 1000000)::BIGINT) < a.used_at
    FROM (FROM asked ANTI JOIN own USING (caller_id)) a
    JOIN opening o ON o.source = a.source AND o.grant_id = a.grant_id
        AND o.issued_at - to_microseconds(((a.after_s + o.before_s) * 1000000)::BIGINT) <= a.used_at
    LEFT JOIN (SELECT source, max(error_s + grid_s - issuance_offset_s) AS after_s FROM clock_error WHERE log = 'revocation' GROUP BY source) r ON r.source = a.source
    WHERE o.ended_at IS NULL OR o.ended_at + to_microseconds(((a.before_s + r.after_s) * 1000000)::BIGINT) >= a.used_at
),
-- Decided once for what is called, and what is granted.
question AS (
    SELECT DISTINCT c.question_no, c.details, a.source, a.tenant, a.target_id, a.resource_server, a.resource_id
    FROM candidate c
    JOIN asked a USING (usage_id)
),
object AS (
    SELECT DISTINCT * EXCLUDE (tenant) FROM granted_object
),
-- Whether a server is one of the locations, as OOS-2 tells it of an audience: that it is none is sure only where both names are in use.
wanted AS (
    SELECT DISTINCT q.source, q.tenant, q.resource_server, o.locations
    FROM question q
    JOIN object o ON o.source = q.source AND o.details = q.details
),
place AS (
    SELECT DISTINCT source, name, key, wide_key, portless, known_as
    FROM server_name
    SEMI JOIN (SELECT source, resource_server AS name FROM wanted UNION SELECT source, unnest(locations) FROM wanted) USING (source, name)
),
spoken_of AS (
    SELECT DISTINCT p.source, n.tenant, p.name, n.said_as
    FROM place p
    JOIN server_name n ON n.source = p.source AND """
    + are_one("p", "n")
    + """
),
spot AS (
    SELECT w.source, w.tenant, w.resource_server, w.locations,
           CASE WHEN bool_or("""
    + are_one("l", "p")
    + """) THEN 2
                WHEN bool_and(l.known_as IS NOT NULL OR c.name IS NOT NULL) AND bool_and(p.known_as IS NOT NULL OR g.name IS NOT NULL) THEN 0
                ELSE 1 END AS fits
    FROM (SELECT *, unnest(locations) AS location FROM wanted) w
    LEFT JOIN place l ON l.source = w.source AND l.name = w.location
    LEFT JOIN place p ON p.source = w.source AND p.name = w.resource_server
    LEFT JOIN (SELECT DISTINCT source, tenant, name FROM spoken_of WHERE said_as = 'called') c
        ON c.source = w.source AND c.tenant IS NOT DISTINCT FROM w.tenant AND c.name = w.location
    LEFT JOIN (SELECT DISTINCT source, tenant, name FROM spoken_of WHERE said_as IN ('audience', 'location')) g
        ON g.source = w.source AND g.tenant IS NOT DISTINCT FROM w.tenant AND g.name = w.resource_server
    GROUP BY w.source, w.tenant, w.resource_server, w.locations
),
compared AS (
    SELECT q.question_no, q.details, list_filter(o.others, lambda m: NOT list_contains(coalesce(k.passed_over, []), m)) AS not_known,
           """
    + _member(
        "actions", "c.action", _listed("actions", "c.action"), "the register does not say which action the operation is"
    )
    + """,
           """
    + _member(
        "datatypes",
        "c.datatype",
        _listed("datatypes", "c.datatype"),
        "the register does not say of which datatype the operation is",
    )
    + """,
           """
    + _member("locations", "q.resource_server", "s.fits", "the log does not name the server that was called")
    + """,
           """
    + _member(
        "identifier",
        "q.resource_id",
        _listed("identifier", "q.resource_id"),
        "the log does not name the resource of the call",
    )
    + """,
           CASE WHEN len(not_known) > 0 THEN {'fits': 1, 'why': 'an object has members of which the register does not say that they may be passed over'}
                ELSE {'fits': 2, 'why': ''} END AS others
    FROM question q
    JOIN object o ON o.source = q.source AND o.details = q.details
    JOIN details_type k ON k.type = o.type AND (k.source IS NULL OR k.source = q.source)
    JOIN claimed c ON c.target_id = q.target_id AND c.type = k.type
    LEFT JOIN spot s ON s.source = q.source AND s.tenant IS NOT DISTINCT FROM q.tenant AND s.resource_server = q.resource_server AND s.locations = o.locations
),
covering AS (
    SELECT question_no, details, max(fits) AS fits,
           list_distinct(flatten(list(list_filter([actions, datatypes, locations, identifier, others], lambda p: p.fits = 1)) FILTER (fits = 1))) AS doubts,
           list_distinct(flatten(list([CASE WHEN actions.fits = 0 THEN 'actions' END, CASE WHEN datatypes.fits = 0 THEN 'datatypes' END,
                                       CASE WHEN locations.fits = 0 THEN 'locations' END, CASE WHEN identifier.fits = 0 THEN 'identifier' END]))) AS misses,
           flatten(list(not_known) FILTER (fits = 1)) AS not_known
    FROM (SELECT *, least(actions.fits, datatypes.fits, locations.fits, identifier.fits, others.fits) AS fits FROM compared)
    GROUP BY question_no, details
),
-- What is no object of a type that the register knows counts for nothing, and is no proof that nothing was granted.
legible AS (
    SELECT o.source, o.details, bool_or(o.type IS NULL) AS unread, bool_or(k.type IS NOT NULL) AS known
    FROM object o
    LEFT JOIN details_type k ON k.type = o.type AND (k.source IS NULL OR k.source = o.source)
    GROUP BY o.source, o.details
),
answer AS (
    SELECT q.question_no, q.details, CASE WHEN v.question_no IS NULL THEN ['type'] ELSE list_filter(v.misses, lambda m: m IS NOT NULL) END AS misses, v.not_known,
           CASE WHEN v.fits = 2 THEN 2 WHEN l.unread OR NOT l.known THEN 1 ELSE coalesce(v.fits, 0) END AS fits,
           CASE WHEN l.unread THEN ['the granted details hold something that is no object with a type']
                WHEN NOT l.known THEN ['no granted object is of a type that the register knows']
                ELSE list_transform(v.doubts, lambda p: p.why) END AS doubts
    FROM question q
    LEFT JOIN covering v ON v.question_no = q.question_no AND v.details = q.details
    LEFT JOIN legible l ON l.source = q.source AND l.details = q.details
),
standing AS (
    SELECT a.usage_id, max(c.held_from) AS held_from, list(c.record) FILTER (c.record IS NOT NULL) AS records,
           CASE WHEN count(c.usage_id) = 0 THEN 'none' WHEN count(n.fits) < count(*) THEN 'untold' END AS lack, min(n.fits) AS least, max(n.fits) AS most,
           coalesce(min(n.fits) FILTER (c.is_last) = 2, false) AS in_last,
           flatten(list(n.misses) FILTER (n.misses IS NOT NULL)) AS misses, flatten(list(n.not_known) FILTER (n.not_known IS NOT NULL)) AS not_known,
           flatten(list(n.doubts) FILTER (n.fits = 1)) AS doubts
    FROM asked a
    LEFT JOIN candidate c ON c.usage_id = a.usage_id
    LEFT JOIN answer n ON n.question_no = c.question_no AND n.details = c.details
    GROUP BY a.usage_id
),
beside AS (
    SELECT DISTINCT a.usage_id
    FROM asked a
    JOIN everyones_state e ON e.source = a.source AND e.tenant IS NOT DISTINCT FROM a.tenant AND e.client_id = a.client_id
        AND e.grant_id IS DISTINCT FROM a.grant_id
        AND e.valid_from - to_microseconds((e.near_before_s * 1000000)::BIGINT) <= a.used_at
        AND e.valid_until + to_microseconds((e.near_after_s * 1000000)::BIGINT) >= a.used_at
    WHERE a.subject_id IS NOT NULL
),
found AS (
    SELECT a.*, coalesce(s.records, []) AS records, s.held_from, s.misses, s.not_known,
           list_filter(list_concat(
               coalesce(s.doubts, []),
               [CASE WHEN s.lack = 'none' THEN 'no log says which details were granted' END,
                CASE WHEN s.lack = 'untold' THEN 'a record of what may have been granted names no details' END,
                CASE WHEN s.most = 2 THEN 'of what may have been granted at the time of the call, some covers it' END,
                CASE WHEN b.usage_id IS NOT NULL AND s.held_from = 'grant' THEN 'the client holds a grant for everyone beside this one' END]),
               lambda r: r IS NOT NULL) AS reasons
    FROM asked a
    JOIN standing s USING (usage_id)
    LEFT JOIN beside b USING (usage_id)
    WHERE NOT s.in_last AND NOT (s.lack IS NULL AND s.least = 2)
),
named AS (
    SELECT a.target_id, a.source, coalesce(any_value(c.label), min(c.operation)) AS operation, bool_or(c.writes) AS writes,
           list(DISTINCT c.type) AS types, list(DISTINCT c.action) FILTER (c.action IS NOT NULL) AS actions
    FROM (SELECT DISTINCT target_id, source FROM found) a
    JOIN claimed c ON c.target_id = a.target_id AND (c.source IS NULL OR c.source = a.source)
    GROUP BY a.target_id, a.source
),
told AS (
    SELECT f.source, f.tenant, f.client_id, f.subject_id, f.grant_id, n.operation, bool_or(len(f.reasons) = 0) AS sure,
           coalesce(bool_or(n.writes) FILTER (len(f.reasons) = 0), false) AS writes,
           coalesce(max(f.client_name), f.client_id, 'An unnamed client') AS client,
           CASE WHEN count(DISTINCT f.token_id) = 1 AND count(f.token_id) = count(*) THEN min(f.token_id) END AS token_id,
           CASE WHEN count(DISTINCT f.resource_server) = 1 AND count(f.resource_server) = count(*) THEN min(f.resource_server) END AS resource_server,
           min(f.used_at) AS first_seen, max(f.used_at) AS last_seen, min(f.join_key) AS join_key,
           CASE WHEN count(DISTINCT f.held_from) = 1 THEN min(f.held_from) END AS held_from,
           list_sort(list_distinct(flatten(list(n.types)))) AS types, list_sort(list_distinct(flatten(list(n.actions) FILTER (n.actions IS NOT NULL)))) AS actions,
           list_sort(list_distinct(list(f.resource_id) FILTER (f.resource_id IS NOT NULL))) AS resources,
           list_sort(list_distinct(flatten(list(f.misses) FILTER (len(f.reasons) = 0)))) AS misses,
           coalesce(list_sort(list_distinct(flatten(list(f.not_known) FILTER (f.not_known IS NOT NULL)))), []) AS not_known,
           list_sort(list_distinct(flatten(list(f.reasons)))) AS reasons, list_sort(list_distinct(flatten(list(f.records)))) AS records,
           list_transform(list_sort(list({'used_at': f.used_at, 'event_id': f.event_id, 'usage_id': f.usage_id})), lambda u: u.usage_id) AS usage_ids
    FROM found f
    JOIN named n ON n.target_id = f.target_id AND n.source = f.source
    GROUP BY f.source, f.tenant, f.client_id, f.subject_id, f.grant_id, n.operation
)
SELECT CASE WHEN sure THEN 'violation' ELSE 'indeterminate' END AS verdict, CASE WHEN writes THEN 'critical' ELSE 'high' END AS severity,
       client || ' called ' || operation || CASE WHEN sure THEN ', which no granted object of authorization details covers'
                                                 ELSE ', and nothing tells whether a granted object of authorization details covers it' END AS title,
       source, tenant, client_id, subject_id, grant_id, token_id, resource_server, operation, first_seen, last_seen, len(usage_ids) + len(records) AS events,
       to_json({
           'types': types,
           'actions': actions,
           'resources': resources[1:20],
           'not_covered': CASE WHEN sure THEN misses END,
           'details_from': held_from,
           'other_members': not_known[1:20],
           'reasons': CASE WHEN NOT sure THEN reasons END}) AS detail,
       join_key,
       CASE WHEN $every_call THEN usage_ids ELSE list_concat(usage_ids[1:19], usage_ids[20:][-1:]) END AS calls,
       records,
       'usage' AS about_log, first_seen AS about_from, last_seen AS about_until
FROM told
""",
    fires=FIRES,
    silent=SILENT,
    undecidable=UNDECIDABLE,
)
