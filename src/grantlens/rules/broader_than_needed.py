"""PRV-4: scopes that are used, where a narrower one would have been enough."""

from grantlens.rules.evidence import ISSUE_USE, PAIR, WORKED, Evidence, Way
from grantlens.rules.example import IN_PART, Example, consent, logs_from_to, revoked, token, use
from grantlens.rules.rule import Parameter, Rule

RULE = Rule(
    id="PRV-4",
    version=5,
    name="broader_than_needed",
    key=("grant_id", "scope"),
    question="For which used scopes would a narrower one have been enough for every call seen?",
    severity="medium",
    remedy="Replace the scope by the narrower one; the calls behind this finding are those it must still permit.",
    basis="NIST SP 800-53 AC-6; RFC 9700 section 2.3",
    needs=("granted_scope", "narrower_scope", "known_scope"),
    parameters=(
        Parameter("floor_days", 30, "days", "Least exposure before a replacement is proposed."),
        Parameter("floor_sessions", 60, "sessions", "Or this many sessions."),
        Parameter(
            "min_coverage", 0.95, "share", "Least share of the grant's life for which the usage log must be there."
        ),
        Parameter("min_map", 0.90, "share", "Least share of the grant's calls that a catalogue must know."),
    ),
    # Enough for every call: an absence of calls that need more.
    rests_on=Evidence(
        (Way(ISSUE_USE, {ISSUE_USE: PAIR}, ("issuance.scopes", WORKED), silence=("usage",), brought=("catalogue",)),),
        (
            Way(
                ISSUE_USE,
                {ISSUE_USE: PAIR},
                ("issuance.scopes", WORKED),
                brought=("catalogue",),
                leaves_open="a narrower scope is enough for the calls seen, others may have needed more",
            ),
        ),
    ),
    sql="""
WITH proposal AS (
    SELECT g.*, n.replacement, n.operations_before, n.operations_after, n.operations_used,
           coalesce((g.exposure_days >= $floor_days OR g.sessions >= $floor_sessions)
               AND g.coverage_share >= $min_coverage AND g.map_share >= $min_map, false) AS enough
    FROM narrower_scope n
    WHERE g.held_until >= $until  -- of what is not held any more nothing is left to narrow
