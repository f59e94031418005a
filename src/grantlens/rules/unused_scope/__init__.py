"""PRV-1: granted scopes that nobody needed."""

from grantlens.rule.evidence import ISSUE_USE, MAYBE_OVER, PAIR, UNUSED, WORKED, Evidence, Way
from grantlens.rule.rule import Parameter, Rule
from grantlens.rules.unused_scope.examples import FIRES, SILENT
from grantlens.rules.unused_scope.judgement import conclude
from grantlens.rules.unused_scope.undecidable import UNDECIDABLE

RULE = Rule(
    id="PRV-1",
    version=20,
    name="unused_scope",
    key=("grant_id", "scope"),
    question="Which granted scopes were never needed, and how sure can we be after this much observation?",
    severity="medium",
    remedy="Remove the scope, or let the client ask for it when it needs it; where the answer is 'wait', watch longer.",
    basis="NIST SP 800-53 AC-6(7); need model: zero-inflated Gamma-Poisson, empirical Bayes per scope",
    needs=("granted_scope", "narrower_scope", "known_scope", "accepted_exception"),
    parameters=(
        Parameter("horizon_days", 90, "days", "The need is asked for this long a future."),
        Parameter("floor_days", 30, "days", "Least exposure before a scope may be called unused."),
        Parameter(
            "learn_days", 7, "days", "Grants watched for less teach nothing: what lives for minutes has no daily rate."
        ),
        Parameter("floor_sessions", 60, "sessions", "Or this many sessions."),
        Parameter("min_coverage", 0.95, "share", "Least share of the grant's life that the usage log must cover."),
        Parameter("min_map", 0.90, "share", "Least share of the grant's calls that a catalogue must know."),
        Parameter("break_even", 0.05, "probability", "Below this probability of need the scope should go."),
    ),
    # The grant is judged, so the pair of client and subject is enough; that nothing was used is an absence.
    rests_on=Evidence(
        (UNUSED,),
        (
            MAYBE_OVER,
            Way(
                ISSUE_USE,
                {ISSUE_USE: PAIR},
                ("issuance.scopes", WORKED),
                brought=("catalogue",),
                leaves_open="a use shows that a scope is needed, of the others nothing is known",
            ),
        ),
    ),
    conclude=conclude,
    sql="""
WITH replacement AS (
    SELECT n.source, n.grant_id, s.scope, min(n.replacement) AS replacement
    FROM narrower_scope n
    JOIN granted_scope s ON s.source = n.source AND s.grant_id = n.grant_id
    JOIN known_scope m ON m.scope = s.scope AND m.scope_id = n.scope_id
    GROUP BY n.source, n.grant_id, s.scope
),
-- A refresh is the use of offline_access.
judged AS (
    SELECT *, CASE WHEN is_refresh THEN refreshes ELSE uses END AS times,
           CASE WHEN is_refresh THEN first_refreshed_at ELSE first_used_at END AS first_use,
           CASE WHEN is_refresh THEN last_refreshed_at ELSE last_used_at END AS last_use
    FROM (SELECT *, lower(scope) LIKE '%offline_access' AS is_refresh FROM granted_scope)
)
SELECT 'indeterminate' AS verdict, 'medium' AS severity,
       coalesce(g.client_name, g.client_id) AS title,
       g.source, g.tenant, g.client_id, g.subject_id, g.grant_id,
       [g.scope] AS scopes,
       coalesce(g.first_use, g.held_from) AS first_seen, coalesce(g.last_use, g.held_until) AS last_seen,
       g.times + 1 AS events,
       to_json({
           'scope': g.scope,
           'uses': g.times,
           'ambiguous_uses': g.ambiguous_uses::BIGINT,
           'exposure_days': g.exposure_days,
           'first_use_days': CASE WHEN g.first_used_at IS NOT NULL THEN greatest(0, epoch_us(g.first_used_at) - epoch_us(g.held_from)) / 86400e6 END,
           'sessions': g.sessions,
           'coverage_share': coalesce(g.coverage_share, 0),
           'map_share': g.map_share,
           'calls': g.calls::BIGINT,
           'unobservable': CASE
               WHEN g.is_refresh THEN 'No refresh while it stood is in the logs; whether one will be needed cannot be reckoned.'
               WHEN g.is_protocol THEN 'It authorises no operation, so no call can show its use.'
               WHEN g.unclear THEN 'A later record of its grant does not say which scopes are left: it may have been used since.'
               WHEN NOT g.known THEN 'No catalogue in the store says what it permits.'
               WHEN NOT g.mappable THEN 'The catalogue names no operation that it permits.'
               WHEN NOT g.api_logged THEN 'No call of the API that it opens is in the logs of its source and tenant, by anybody: such calls may not be logged.'
               WHEN g.exposure_days <= 0 THEN 'It was never held while the usage log was there to show a use.' END,
           'rank': g.rank,
           'in_part': g.in_part,
           'lacks': g.lacks,
           'exception': x.reason,
           'held_until': CASE WHEN g.held_until < $until THEN strftime(g.held_until, '%Y-%m-%d') END,
           'maybe_over': g.maybe_over,
           'replacement': r.replacement}) AS detail,
       g.join_key,
       g.firsts, g.lasts,
       CASE WHEN g.is_refresh THEN list_concat([g.opening], g.refreshed_by) ELSE [g.opening] END AS records,
       'usage' AS about_log, g.held_from AS about_from, g.held_until AS about_until
FROM judged g
LEFT JOIN accepted_exception x ON x.client_id = g.client_id AND x.rule = 'PRV-1'
LEFT JOIN replacement r ON r.source = g.source AND r.grant_id = g.grant_id AND r.scope = g.scope
""",
    fires=FIRES,
    silent=SILENT,
    undecidable=UNDECIDABLE,
)
