"""Spell out granted wildcards: `s3:Get*` stands for the actions of the catalogue that it matches.

Some systems grant patterns, and a catalogue knows only what they match. So each pattern that a log grants becomes a
scope of the catalogue in the store, and implies what it matches there, as the catalogue is now. `*` is any text,
`?` one character. A pattern that matches nothing says nothing. It is done whenever calls are matched: when a catalogue is
added, and after each log that is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

SOURCES = ("aws", "kubernetes")
"""Sources of catalogues whose scopes are granted as patterns."""

_CATALOGUES = "SELECT catalogue, case_sensitive FROM cat_meta WHERE list_contains($sources, source) ORDER BY catalogue"

_GRANTED = """
SELECT DISTINCT scope
FROM (
    SELECT unnest(scopes) AS scope FROM (SELECT DISTINCT scopes FROM issuance WHERE scopes IS NOT NULL)
    UNION ALL
    SELECT unnest(token_scopes) FROM (SELECT DISTINCT token_scopes FROM usage_caller WHERE token_scopes IS NOT NULL)
)
WHERE regexp_matches(scope, '[*?]')
ORDER BY scope
"""

_SCOPES = """
SELECT s.scope_id, s.scope, coalesce(max(r.rank), 0)
FROM cat_scope s LEFT JOIN cat_scope_risk r USING (scope_id)
WHERE s.catalogue = $catalogue
GROUP BY s.scope_id, s.scope
ORDER BY s.scope_id
"""

_ADD_SCOPE = """
INSERT INTO cat_scope (scope_id, catalogue, scope, description, deprecated, is_protocol, resource_limited, mappable)
VALUES ($scope_id, $catalogue, $scope, $description, false, false, false, true)
"""

_ADD_IMPLIED = """
INSERT INTO cat_scope_implies (broader, narrower, evidence, direct)
SELECT $scope_id, unnest($narrower::INTEGER[]), 'declared', true
"""

_ADD_RISK = """
INSERT INTO cat_scope_risk (scope_id, principal, source, class, rank)
VALUES ($scope_id, 'any', 'pattern', 'the riskiest that it matches', $rank)
"""


def expand_patterns(engine: Engine) -> int:
    """Make scopes of the patterns that logs grant, in each catalogue that has some; return how many are new."""
    catalogues = engine.rows(_CATALOGUES, {"sources": list(SOURCES)})
    patterns = [scope for (scope,) in engine.rows(_GRANTED)] if catalogues else []
    if not patterns:
        return 0
    return sum(_expand(engine, name, patterns, case_sensitive) for name, case_sensitive in catalogues)


def _expand(engine: Engine, catalogue: str, patterns: list[str], case_sensitive: bool) -> int:
    scopes = engine.rows(_SCOPES, {"catalogue": catalogue})
    known = {scope if case_sensitive else scope.lower() for _, scope, _ in scopes}
    plain = [row for row in scopes if not re.search(r"[*?]", row[1])]
    added = 0
    for pattern in patterns:
        key = pattern if case_sensitive else pattern.lower()
        fits = matcher(pattern, case_sensitive=case_sensitive)
        matched = [] if key in known else [(scope_id, rank) for scope_id, scope, rank in plain if fits(scope)]
        if not matched:
            continue
        known.add(key)
        scope_id = engine.value("SELECT coalesce(max(scope_id) + 1, 0) FROM cat_scope")
        what = f"Stands for {len(matched)} scopes of this catalogue."
        row = {"scope_id": scope_id, "catalogue": catalogue, "scope": pattern, "description": what}
        engine.execute(_ADD_SCOPE, row)
        engine.execute(_ADD_IMPLIED, {"scope_id": scope_id, "narrower": [one for one, _ in matched]})
        engine.execute(_ADD_RISK, {"scope_id": scope_id, "rank": max(rank for _, rank in matched)})
        added += 1
    return added


def matcher(pattern: str, *, case_sensitive: bool = True) -> Callable[[str], bool]:
    """Return a function that tells whether a text fits a pattern.

    Examples
    --------
    >>> fits = matcher("s3:get*", case_sensitive=False)
    >>> fits("s3:GetObject"), fits("s3:PutObject"), fits("ts3:GetObject")
    (True, False, False)
    """
    parts = ["." if one == "?" else ".*" if one == "*" else re.escape(one) for one in re.split(r"([*?])", pattern)]
    fits = re.compile("".join(parts), re.DOTALL | (0 if case_sensitive else re.IGNORECASE))
    return lambda text: fits.fullmatch(text) is not None
