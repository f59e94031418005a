"""Spell out what is granted in bulk: `s3:Get*` stands for the actions of the catalogue that it matches.

Some systems grant patterns, and a catalogue knows only what they match. So each pattern that a log grants becomes a
scope of the catalogue in the store, and implies what it matches there, as the catalogue is now. `*` is any text,
`?` one character. OAuth scopes stand for permissions of Google Cloud in the same way: see `oauth_cap.py`. A pattern that
matches nothing says nothing. It is done whenever calls are matched: when a catalogue is added, and after each log that
is loaded.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from grantlens.catalogue.oauth_cap import PREFIX, lets_through

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

SOURCES = ("aws", "kubernetes", "gcp")
"""Sources of catalogues whose scopes are granted in bulk."""

_CATALOGUES = """
SELECT m.catalogue, m.source, m.case_sensitive, m.sha256, count(s.scope_id)
FROM cat_meta m LEFT JOIN cat_scope s ON s.catalogue = m.catalogue
WHERE list_contains($sources, m.source)
GROUP BY m.catalogue, m.source, m.case_sensitive, m.sha256
ORDER BY m.catalogue
"""

_LAST = """
SELECT (SELECT coalesce(max(batch_id), 0) FROM issuance), (SELECT coalesce(max(caller_id), 0) FROM usage_caller)
"""

_GRANTED = """
SELECT DISTINCT scope
FROM (
    SELECT unnest(scopes) AS scope FROM (
        SELECT DISTINCT scopes FROM issuance WHERE scopes IS NOT NULL AND batch_id >= $batch_id
    )
    UNION ALL
    SELECT unnest(token_scopes) FROM (
        SELECT DISTINCT token_scopes FROM usage_caller WHERE token_scopes IS NOT NULL AND caller_id >= $caller_id
    )
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


_SEEN: WeakKeyDictionary[Engine, tuple[list, tuple[int, int]]] = WeakKeyDictionary()
"""Of each store: its catalogues with the number of their scopes, and the last batch and caller that were looked at."""


def expand_patterns(engine: Engine) -> int:
    """Make scopes of what logs grant in bulk, in each catalogue that has such scopes; return how many are new.

    Only what came since the last time is looked at, the last batch once more: it may have been taken back and written anew.
    """
    catalogues = _catalogues(engine)
    if not catalogues:
        return 0
    seen, last = _SEEN.get(engine, ([], (0, 0)))
    batch_id, caller_id = last if seen == catalogues else (0, 0)
    granted = engine.rows(_GRANTED, {"oauth": PREFIX, "batch_id": batch_id, "caller_id": caller_id})
    added = 0
    if granted:
        for catalogue, source, case_sensitive, _, _ in catalogues:
            scopes = _Scopes(engine, catalogue, case_sensitive)
            for (scope,) in granted:
                fits = lets_through(scope) if source == "gcp" else matcher(scope, case_sensitive=case_sensitive)
                added += fits is not None and scopes.add(scope, fits)
    _SEEN[engine] = (_catalogues(engine), engine.rows(_LAST)[0])
    return added


def _catalogues(engine: Engine) -> list:
    return engine.rows(_CATALOGUES, {"sources": list(SOURCES)})


class _Scopes:
    """The scopes of one catalogue in a store."""

    def __init__(self, engine: Engine, catalogue: str, case_sensitive: bool) -> None:
        self._engine, self._catalogue, self._case_sensitive = engine, catalogue, case_sensitive
        scopes = engine.rows(_SCOPES, {"catalogue": catalogue})
        self._known = {self._key(scope) for _, scope, _ in scopes}
        self._plain = [row for row in scopes if not re.search(r"[*?]", row[1]) and not row[1].startswith(PREFIX)]

    def _key(self, scope: str) -> str:
        return scope if self._case_sensitive else scope.lower()

    def add(self, pattern: str, fits: Callable[[str], bool]) -> bool:
        """Add a pattern that is not known yet and fits some scope; return whether it was added."""
        if self._key(pattern) in self._known:
            return False
        matched = [(scope_id, rank) for scope_id, scope, rank in self._plain if fits(scope)]
        if not matched:
            return False
        self._known.add(self._key(pattern))
        scope_id = self._engine.value("SELECT coalesce(max(scope_id) + 1, 0) FROM cat_scope")
        what = f"Stands for {len(matched)} scopes of this catalogue."
        row = {"scope_id": scope_id, "catalogue": self._catalogue, "scope": pattern, "description": what}
        self._engine.execute(_ADD_SCOPE, row)
        self._engine.execute(_ADD_IMPLIED, {"scope_id": scope_id, "narrower": [one for one, _ in matched]})
        self._engine.execute(_ADD_RISK, {"scope_id": scope_id, "rank": max(rank for _, rank in matched)})
        return True


def matcher(pattern: str, *, case_sensitive: bool = True) -> Callable[[str], bool]:
    """Return a function that tells whether a text fits a pattern.

    Examples
    --------
    >>> fits = matcher("s3:get*", case_sensitive=False)
    >>> fits("s3:GetObject"), fits("s3:PutObject"), fits("ts3:GetObject")
    (True, False, False)
    """
    # The standard library lets each star take the nearest that fits: a pattern of stars alone cannot make it try every way.
    written = fnmatch.translate(pattern.replace("[", "[[]"))
    fits = re.compile(written, 0 if case_sensitive else re.IGNORECASE)
    return lambda text: fits.fullmatch(text) is not None
