"""A word on sources that a file names and no log has: most are misspelt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from grantlens.cli.message import say

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

_STRANGE = """
SELECT s.source, n.source
FROM (SELECT DISTINCT unnest($sources) AS source) s
ANTI JOIN activity a USING (source)
LEFT JOIN LATERAL (
    SELECT a.source
    FROM (SELECT DISTINCT source FROM activity) a
    WHERE contains(a.source, s.source) OR jaro_winkler_similarity(a.source, s.source) >= 0.75
    ORDER BY contains(a.source, s.source) DESC, jaro_winkler_similarity(a.source, s.source) DESC, a.source
    LIMIT 1
) n ON true
ORDER BY s.source
"""


def tell_strangers(engine: Engine, sources: Iterable[str]) -> None:
    """Say which of these sources have no log in the store, and which one is nearest."""
    for source, near in engine.rows(_STRANGE, {"sources": list(sources)}):
        say(f"No log of source {source!r} is in the store{f'; nearest is {near!r}' if near else ''}.")
