"""Spell out what is granted in bulk: `s3:Get*` stands for the actions of the catalogue that it matches.

Some systems grant patterns, and a catalogue knows only what they match. So each pattern that a log grants becomes a
scope of the catalogue in the store, and implies what it matches there, as the catalogue is now. `*` is any text,
`?` one character. OAuth scopes stand for permissions of Google Cloud in the same way: see `oauth_cap.py`. A pattern that
matches nothing says nothing. It is done whenever calls are matched: when a catalogue is added, and after each log that
is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from grantlens.catalogue.oauth_cap import PREFIX, lets_through

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

SOURCES = ("aws", "kubernetes", "gcp")
"""Sources of catalogues whose scopes are granted in bulk."""

_CATALOGUES = """
SELECT catalogue, source, case_sensitive FROM cat_meta WHERE list_contains($sources, source) ORDER BY catalogue
"""

_GRANTED = """
SELECT DISTINCT scope
FROM (
    SELECT unnest(scopes) AS scope FROM (SELECT DISTINCT scopes FROM issuance WHERE scopes IS NOT NULL)
    UNION ALL
    SELECT unnest(token_scopes) FROM (SELECT DISTINCT token_scopes FROM usage_caller WHERE token_scopes IS NOT NULL)
)
WHERE regexp_matches(scope, '[*?]') OR starts_with(scope, $oauth)
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
    """Make scopes of what logs grant in bulk, in each catalogue that has such scopes; return how many are new."""
    catalogues = engine.rows(_CATALOGUES, {"sources": list(SOURCES)})
    granted = [scope for (scope,) in engine.rows(_GRANTED, {"oauth": PREFIX})] if catalogues else []
    if not granted:
        return 0
    return sum(_expand(engine, name, source, granted, case_sensitive) for name, source, case_sensitive in catalogues)


def _expand(engine: Engine, catalogue: str, source: str, granted: list[str], case_sensitive: bool) -> int:
    scopes = engine.rows(_SCOPES, {"catalogue": catalogue})
    known = {scope if case_sensitive else scope.lower() for _, scope, _ in scopes}
    plain = [row for row in scopes if not re.search(r"[*?]", row[1]) and not row[1].startswith(PREFIX)]
    added = 0
    for pattern in granted:
        key = pattern if case_sensitive else pattern.lower()
        fits = lets_through(pattern) if source == "gcp" else matcher(pattern, case_sensitive=case_sensitive)
        new = fits is not None and key not in known
        matched = [(scope_id, rank) for scope_id, scope, rank in plain if new and fits and fits(scope)]
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
