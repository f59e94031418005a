"""PRV-6: access that came and went between access reviews."""

from grantlens.relations.tenant_token import OF_ONE_TENANT, meant_by
from grantlens.rule.evidence import ALL_GIVEN, ENDED, ENDED_WHOLE, ISSUE_END, NAMED, PAIR, Evidence, Way
from grantlens.rule.rule import Rule
from grantlens.rules.review_blind_spot.examples import FIRES, SILENT, UNDECIDABLE

_DATES = ("review date",)

RULE = Rule(
    id="PRV-6",
    version=7,
    name="review_blind_spot",
    key=("client_id",),
    question="Which access came and went between access reviews, so that none saw it?",
    severity="medium",
    remedy="Review what was given, done and taken back since the last review, and not only the list as it stands; "
    "have the owner confirm each of these entitlements, or let a policy bound who gets them and for how long.",
    basis="NIST SP 800-53 AC-6(7) and AC-2 j; PCI DSS 4.0.1 requirement 7.2.5.1",
    needs=(
        *(
            "access_stretch",
            "issued",
            "tenant_token",
            "token_life",
            "effective_revocation",
            "covered_time",
            "clock_error",
        ),
        *("used_pair", "named_caller", "operation_class"),
    ),
    # That a consent stood or ended is logged; that no token lived at a review is an absence.
    rests_on=Evidence(
        (
            Way(("issuance",), says=(NAMED, "issuance.expires_at"), silence=("issuance",), brought=_DATES),
            Way(
                ISSUE_END,
                {ISSUE_END: PAIR},
                ("issuance.kind=consent", ALL_GIVEN, ENDED, ENDED_WHOLE),
                brought=_DATES,
                leaves_open="only of access that a consent gave: of other access no log tells how long it may live",
            ),
        ),
        (
            Way(
                ("issuance",),
                says=(NAMED, "issuance.expires_at"),
                brought=_DATES,
                leaves_open="whether another token lived at a review",
            ),
        ),
    ),
    sql=f"""
-- A review that is stated by its day alone may have read the list at any moment of it.
WITH reading AS (
    SELECT read_from, read_until, lag(read_from) OVER (ORDER BY read_from) AS read_before, lead(read_until) OVER (ORDER BY read_from) AS read_next
    FROM (
        SELECT DISTINCT reviewed_at AS read_from,
               reviewed_at + to_microseconds(CASE WHEN epoch_us(reviewed_at) % 86400000000 = 0 THEN 86400000000 ELSE 0 END) AS read_until
        FROM review_snapshot
    )
),
watch AS (
    SELECT source, tenant, least(max(covered_until), $until) AS ends_at,
           least(coalesce(max(covered_until) FILTER (log = 'issuance' AND NOT in_part), max(covered_until)), $until) AS issued_until
    FROM covered_time
    GROUP BY source, tenant
),
consented AS (
    SELECT DISTINCT s.source, s.grant_id, s.start_at
    FROM access_stretch s
    JOIN clock_error k ON k.source = s.source AND k.tenant IS NOT DISTINCT FROM s.tenant AND k.log = 'issuance'
    JOIN issued i ON i.source = s.source AND i.grant_id = s.grant_id AND i.kind IN ('consent', 'change')
        AND i.issued_at >= s.start_at AND i.issued_at <= s.start_at + to_microseconds(((k.before_s + k.after_s) * 1000000)::BIGINT)
    WHERE s.by_consent
),
-- Tokens that tell of access whose life they do not tell: those without an id, as the refresh token of offline_access may be, and refreshed ones of a
-- token that is not known.
half_told AS (
    SELECT source, grant_id, bool_or(unnamed) AS unnamed
    FROM (
        SELECT source, grant_id, true AS unnamed FROM token_life WHERE token_id IS NULL AND issued_at < $until
        UNION ALL
        SELECT i.source, i.grant_id, false
        FROM (FROM tenant_token WHERE {OF_ONE_TENANT}) i
        ANTI JOIN tenant_token p ON p.source = i.source AND p.token_id = i.parent_token_id AND {meant_by("i.home", "p")}
        WHERE i.kind = 'refresh' AND i.issued_at < $until
    )
    GROUP BY source, grant_id
),
ending AS (
    SELECT source, revocation_event, max(before_s) AS before_s, max(after_s) AS after_s, min(record) AS record
    FROM effective_revocation
    GROUP BY source, revocation_event
),
-- What is not seen ended when the logs end may stand at the next review.
placed AS (
    SELECT s.*, coalesce(s.end_at > CASE WHEN s.by_consent THEN w.ends_at ELSE w.issued_until END, true) AS is_open,
           NOT s.by_consent OR c.grant_id IS NOT NULL AS begun,
           CASE WHEN NOT s.by_consent THEN CASE WHEN h.unnamed THEN 'unnamed' WHEN h.grant_id IS NOT NULL THEN 'refreshed' END END AS half_told,
           s.start_at - to_microseconds((k.before_s * 1000000)::BIGINT) AS start_from,
           s.start_at + to_microseconds((k.after_s * 1000000)::BIGINT) AS start_until,
           least(s.end_at, w.ends_at) - to_microseconds((coalesce(e.before_s, k.before_s) * 1000000)::BIGINT) AS end_from,
           least(s.end_at, w.ends_at) + to_microseconds((coalesce(e.after_s, k.after_s) * 1000000)::BIGINT) AS end_until,
           e.record AS end_record
    FROM access_stretch s
    JOIN clock_error k ON k.source = s.source AND k.tenant IS NOT DISTINCT FROM s.tenant AND k.log = 'issuance'
    LEFT JOIN watch w ON w.source = s.source AND w.tenant IS NOT DISTINCT FROM s.tenant
    LEFT JOIN consented c ON c.source = s.source AND c.grant_id = s.grant_id AND c.start_at = s.start_at
    LEFT JOIN half_told h ON h.source = s.source AND h.grant_id = s.grant_id
    LEFT JOIN ending e ON e.source = s.source AND e.revocation_event = s.ended_by
    WHERE EXISTS (FROM reading)
),
-- Where a review may lie in a stretch, whether one lies in it for certain.
met AS (
    SELECT p.source, p.grant_id, p.start_at, bool_or(r.read_from > p.start_until AND r.read_until < p.end_from) AS seen,
           bool_or(r.read_from < r.read_until) AS by_day
    FROM placed p
    JOIN reading r ON r.read_until >= p.start_from AND r.read_from <= p.end_until
    GROUP BY p.source, p.grant_id, p.start_at
),
stretch AS (
    SELECT p.*, coalesce(m.seen, false) AS seen, coalesce(NOT m.seen AND m.by_day, false) AS by_day, coalesce(NOT m.seen AND NOT m.by_day, false) AS near,
           p.end_until < (SELECT min(read_from) FROM reading) AS early
    FROM placed p
    LEFT JOIN met m ON m.source = p.source AND m.grant_id = p.grant_id AND m.start_at = p.start_at
),
-- One entitlement is what a client may do for one subject, however often it was given.
entitlement AS (
    SELECT source, tenant, client_id, subject_id, bool_or(seen) AS seen, bool_or(is_open) AS is_open, NOT bool_and(by_consent) AS by_tokens,
           bool_or(near) AS near, bool_or(by_day) AS by_day, bool_or(early) AS early, NOT bool_and(begun) AS older,
           max(half_told) AS half_told, CASE WHEN bool_and(by_consent OR life_us IS NOT NULL) THEN max(life_us) END AS life_us, min(start_from) AS first_from, max(end_until) AS last_until
    FROM stretch
    GROUP BY source, tenant, client_id, subject_id
    HAVING bool_or(is_open OR end_at > $since)
),
-- Since when the log of issuance was there without a break at each review: before, a token may have been issued that lived at it. What
-- comes after the log is not asked.
held_at AS (
    SELECT w.source, w.tenant, r.read_from, r.read_before, r.read_next, max(c.covered_from) AS held_from
    FROM watch w
    CROSS JOIN reading r
    LEFT JOIN covered_time c ON c.source = w.source AND c.tenant IS NOT DISTINCT FROM w.tenant AND c.log = 'issuance' AND NOT c.in_part
        AND c.covered_from <= r.read_from AND c.covered_until >= least(r.read_until, w.issued_until)
    GROUP BY w.source, w.tenant, r.read_from, r.read_before, r.read_next
),
-- The reviews from the last one before an entitlement to the first after it.
unwatched AS (
    SELECT DISTINCT e.source, e.tenant, e.client_id, e.subject_id
    FROM entitlement e
    JOIN held_at h ON h.source = e.source AND h.tenant IS NOT DISTINCT FROM e.tenant
        AND coalesce(h.read_next, 'infinity'::TIMESTAMPTZ) >= e.first_from AND coalesce(h.read_before, '-infinity'::TIMESTAMPTZ) <= e.last_until
    WHERE e.by_tokens AND NOT e.seen AND NOT e.is_open
      AND (h.held_from IS NULL OR e.life_us IS NULL OR epoch_us(h.held_from) > epoch_us(h.read_from) - e.life_us)
),
-- Where the log that would show a consent was not there without a gap from the review before to the review after, or since and as long as it goes at
-- all, the access may have been given before or anew, and seen.
giving AS (
    SELECT c.source, c.tenant, c.in_part, c.covered_from, c.covered_until, min(c.covered_from) OVER whose AS begins_at,
           max(c.covered_until) FILTER (NOT c.in_part) OVER whose AS ends_at
    FROM covered_time c
    LEFT JOIN declared d ON d.source = c.source
    WHERE c.log = CASE WHEN coalesce(d.giving_shown, false) THEN 'revocation' ELSE 'issuance' END
    WINDOW whose AS (PARTITION BY c.source, c.tenant)
),
given_unseen AS (
    SELECT e.source, e.tenant, e.client_id, e.subject_id
    FROM entitlement e
    WHERE NOT e.by_tokens AND NOT e.seen AND NOT e.is_open
      AND NOT EXISTS (
          SELECT 1 FROM giving g
          WHERE g.source = e.source AND g.tenant IS NOT DISTINCT FROM e.tenant AND NOT g.in_part
            AND g.covered_from <= greatest(g.begins_at, (SELECT max(read_from) FROM reading WHERE read_until < e.first_from))
            AND g.covered_until >= least(g.ends_at, (SELECT min(read_until) FROM reading WHERE read_from > e.last_until)))
),
weighed AS (
    SELECT e.*, NOT e.seen AND NOT e.is_open AS passed,
           CASE WHEN e.near THEN 'a review and the begin or end of the access are closer than the clocks can tell'
                WHEN e.by_day THEN 'a review is stated by its day alone, and the access began or ended on that day'
                WHEN e.early THEN 'access ended before the first review that is stated, and of an earlier one nothing is known'
                WHEN e.older THEN 'a grant is older than its first consent in the log: when it began is not known'
                WHEN e.half_told = 'unnamed' THEN 'of a token that the log does not name it is not known how long it lived'
                WHEN e.half_told = 'refreshed' THEN 'tokens were refreshed with one of which no issuance is known: how long that lived is not known'
                WHEN u.source IS NOT NULL THEN 'no full log of issuance reaches over a review: a token may have lived then'
                WHEN g.source IS NOT NULL THEN 'no full log of issuance reaches from review to review: the access may have been given before or anew' END AS why_unknown
    FROM entitlement e
    LEFT JOIN given_unseen g ON g.source = e.source AND g.tenant IS NOT DISTINCT FROM e.tenant
        AND g.client_id IS NOT DISTINCT FROM e.client_id AND g.subject_id IS NOT DISTINCT FROM e.subject_id
    LEFT JOIN unwatched u ON u.source = e.source AND u.tenant IS NOT DISTINCT FROM e.tenant
        AND u.client_id IS NOT DISTINCT FROM e.client_id AND u.subject_id IS NOT DISTINCT FROM e.subject_id
),
client AS (
    SELECT source, tenant, client_id, count(*) AS entitlements, count(*) FILTER (passed AND why_unknown IS NULL) AS unseen,
           count(*) FILTER (passed AND why_unknown IS NOT NULL) AS undecided, CASE WHEN unseen > 0 THEN unseen ELSE undecided END AS counted,
           array_to_string(list_sort(list(DISTINCT why_unknown) FILTER (passed)), '; ') AS reason
    FROM weighed
    GROUP BY source, tenant, client_id
    HAVING bool_or(passed)
),
-- Where one thing is certain, what is not is only counted.
told AS (
    SELECT s.*, c.entitlements, c.unseen, c.undecided, c.counted, c.reason, epoch_us(s.end_at) - epoch_us(s.start_at) AS open_us
    FROM client c
    JOIN weighed w ON w.source = c.source AND w.tenant IS NOT DISTINCT FROM c.tenant AND w.client_id IS NOT DISTINCT FROM c.client_id
        AND w.passed AND (c.unseen = 0 OR w.why_unknown IS NULL)
    JOIN stretch s ON s.source = w.source AND s.tenant IS NOT DISTINCT FROM w.tenant AND s.client_id IS NOT DISTINCT FROM w.client_id
        AND s.subject_id IS NOT DISTINCT FROM w.subject_id AND s.end_at > $since
),
opening AS (
    SELECT t.source, t.grant_id, t.start_at,
           min({{'seen_at': i.issued_at, 'event_id': i.event_id, 'batch_id': i.batch_id, 'line_no': i.line_no}}) AS record
    FROM told t
    JOIN issued i ON i.source = t.source AND i.grant_id = t.grant_id AND i.issued_at = t.start_at
    GROUP BY t.source, t.grant_id, t.start_at
),
used AS (
    SELECT t.source, t.grant_id, t.start_at, sum(p.events)::BIGINT AS calls, coalesce(sum(p.events) FILTER (k.grave), 0)::BIGINT AS grave_calls,
           list(p.first_no) FILTER (k.grave) AS firsts, min(p.last_no, 4) FILTER (k.grave) AS lasts, max(p.last_no) FILTER (k.grave) AS last_no
    FROM told t
    JOIN clock_error i ON i.source = t.source AND i.tenant IS NOT DISTINCT FROM t.tenant AND i.log = 'issuance'
    JOIN used_pair p ON p.grant_id = t.grant_id AND p.outcome = 'success' AND NOT p.ended
    JOIN named_caller c ON c.caller_id = p.caller_id AND c.source = t.source
    JOIN clock_error u ON u.source = c.source AND u.tenant IS NOT DISTINCT FROM c.tenant AND u.log = 'usage'
        AND p.first_used_at - to_microseconds(((u.offset_s - i.offset_s) * 1000000)::BIGINT) >= t.start_at
        AND p.first_used_at - to_microseconds(((u.offset_s - i.offset_s) * 1000000)::BIGINT) < t.end_at
    LEFT JOIN operation_class k ON k.operation_id = p.operation_id
    GROUP BY t.source, t.grant_id, t.start_at
),
-- Of thousands of stretches the first begins and ends, and the last, are enough.
summed AS (
    SELECT t.source, t.tenant, t.client_id, max(t.client_name) AS client_name, any_value(t.entitlements) AS entitlements, any_value(t.unseen) AS unseen,
           any_value(t.undecided) AS undecided, any_value(t.counted) AS counted, any_value(t.reason) AS reason,
           CASE WHEN any_value(t.counted) = 1 THEN min(t.subject_id) END AS subject_id,
           CASE WHEN min(t.grant_id) = max(t.grant_id) THEN min(t.grant_id) END AS grant_id, bool_or(t.grant_id LIKE 'derived:%') AS derived,
           list_sort(list_distinct(flatten(list(DISTINCT t.scopes)))) AS scopes,
           min(t.start_at) AS first_seen, max(coalesce(t.end_record.seen_at, t.end_at)) AS last_seen, count(*) AS stretches, count(*) FILTER (NOT t.by_consent) AS of_tokens,
           count(DISTINCT t.end_record) AS ended, sum(t.open_us)::BIGINT AS open_us, max(t.open_us) AS longest_us,
           coalesce(sum(u.calls), 0)::BIGINT AS calls, coalesce(sum(u.grave_calls), 0)::BIGINT AS grave_calls,
           CASE WHEN $every_call THEN list(o.record) ELSE list_append(min(o.record, 7), max(o.record)) END AS begins,
           CASE WHEN $every_call THEN list(t.end_record) ELSE list_append(min(t.end_record, 7), max(t.end_record)) END AS ends,
           CASE WHEN $every_call OR sum(u.grave_calls) <= 4 THEN flatten(list(u.firsts)) END AS firsts, list_append(flatten(min(u.lasts, 4))[1:4], max(u.last_no)) AS lasts
    FROM told t
    LEFT JOIN opening o ON o.source = t.source AND o.grant_id = t.grant_id AND o.start_at = t.start_at
    LEFT JOIN used u ON u.source = t.source AND u.grant_id = t.grant_id AND u.start_at = t.start_at
    GROUP BY t.source, t.tenant, t.client_id
),
beside AS (
    SELECT s.source, s.tenant, s.client_id, max(r.read_from) FILTER (r.read_until < s.first_seen) AS last_review_at,
           min(r.read_from) FILTER (r.read_from > s.last_seen) AS next_review_at
    FROM summed s
    CROSS JOIN reading r
    GROUP BY s.source, s.tenant, s.client_id
)
SELECT CASE WHEN unseen > 0 THEN 'violation' ELSE 'indeterminate' END AS verdict,
       CASE WHEN grave_calls > 0 THEN 'high' ELSE 'medium' END AS severity,
       coalesce(client_name, s.client_id, 'An unnamed client') || CASE WHEN unseen > 0 THEN ' had' ELSE ' may have had' END
           || ' access that no review saw' || CASE WHEN entitlements = 1 THEN ''
                WHEN counted = entitlements THEN ': all ' || entitlements || ' of its entitlements'
                ELSE ': ' || counted || ' of its ' || entitlements || ' entitlements' END AS title,
       s.source, s.tenant, s.client_id, subject_id, grant_id, scopes, first_seen, last_seen, stretches + ended + grave_calls AS events,
       to_json({{
           'entitlements': entitlements,
           'unseen': unseen,
           'unseen_unsure': undecided,
           'stretches': stretches,
           'of_tokens': of_tokens,
           'open_s': open_us / 1e6,
           'longest_open_s': longest_us / 1e6,
           'calls': calls,
           'grave_calls': grave_calls,
           'last_review_at': strftime(last_review_at, '%Y-%m-%dT%H:%M:%S.%fZ'),
           'next_review_at': strftime(next_review_at, '%Y-%m-%dT%H:%M:%S.%fZ'),
           'reason': CASE WHEN unseen = 0 THEN reason END}}) AS detail,
       CASE WHEN derived THEN 'client_subject' ELSE 'grant' END AS join_key,
       firsts, CASE WHEN grave_calls > 0 THEN lasts END AS lasts, begins || CASE WHEN ended > 0 THEN ends ELSE [] END AS records,
       'issuance' AS about_log, first_seen AS about_from, least(last_seen, $until) AS about_until
FROM summed s
JOIN beside b ON b.source = s.source AND b.tenant IS NOT DISTINCT FROM s.tenant AND b.client_id IS NOT DISTINCT FROM s.client_id
""",
    fires=FIRES,
    silent=SILENT,
    undecidable=UNDECIDABLE,
)
