"""Files that are in the store already: told by their bytes, whatever they are called, and not loaded again."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from grantlens.errors import LoadError
from grantlens.ingest.account import entry
from grantlens.ingest.outcome import COUNTS
from grantlens.reading.content import Content
from grantlens.schema.ledger import IN_VAIN

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine
    from grantlens.loaders import Settings

IN_ZONE = "times without a zone read as of "
"""What the note of a file says before the zone that the user named."""

OF_TENANT = "where it names no tenant, it is of "
"""What the note of a file says before the tenant that the user named, which is a JSON text."""

RUN = 1000
"""Files that are looked up at once: a folder that is loaded every night holds thousands, and each question takes a millisecond."""


class Known:
    """The files that were loaded before, and those that this load has met.

    Parameters
    ----------
    engine
        The open store.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        before = engine.rows("SELECT bytes, sha256 FROM batch")
        self._sizes = {size for size, _ in before}
        self._hashes = {sha256 for _, sha256 in before}

    def add(self, content: Content) -> None:
        """Note a file that was read to its end."""
        self._sizes.add(content.taken)
        self._hashes.add(content.digest())

    def met(self, content: Content) -> bool:
        """Tell whether a file was noted, or was in the store before; reads what is left of it."""
        return content.digest() in self._hashes

    def run(self, paths: Sequence[str], first: int, wanted: str | None, settings: Settings) -> list[dict[str, Any]]:
        """Return the entries of the file that stands first and of those after it, up to one that is not in the store.

        What was read in vain is taken for not there. Only a file of a size that was met is read for it.

        Parameters
        ----------
        paths
            All files of a load.
        first
            Which of them is next.
        wanted, settings
            The loader that the user named, and what was said of the logs: it is noted of a file that was read otherwise.

        Raises
        ------
        LoadError
            If the first one cannot be read.
        """
        hashes: list[str] = []
        for path in islice(paths, first, first + RUN):
            sha256 = self._hash(path, must=not hashes)
            if sha256 is None:
                break
            hashes.append(sha256)
        if not hashes:
            return []
        found = {
            sha256: rest
            for sha256, *rest in reversed(self._engine.rows(_LOADED, {"hashes": hashes}))  # the first of several
        }
        entries, other = [], {}
        for path, sha256 in zip(paths[first : first + len(hashes)], hashes, strict=True):
            if sha256 not in found:
                break
            entries.append(_told(path, sha256, found[sha256], wanted, settings))
            if path != found[sha256][0]:
                other[path] = sha256
        if other:
            self._engine.execute(_NOTE_PATHS, {"paths": [*other], "hashes": [*other.values()]})
        return entries

    def _hash(self, path: str, *, must: bool) -> str | None:
        """Return the hash of a file that was met, else None; that of one that cannot be read too, unless it must be."""
        try:
            with closing(Content(path)) as content:
                known = content.bytes in self._sizes and self.met(content)
                return content.digest() if known else None
        except LoadError:
            if must:
                raise
            return None


_LOADED = (
    "SELECT sha256, path, loader, records, issuance + usage + revocation + duplicates, ignored, rejected, first_event, last_event, note "
    f"FROM batch WHERE sha256 IN (SELECT unnest($hashes)) AND NOT ({IN_VAIN}) ORDER BY batch_id"
)

# Where the bytes of a loaded file are too, so that they are found if it is moved.
_NOTE_PATHS = f"""
INSERT INTO other_path
SELECT DISTINCT b.batch_id, met.path
FROM (SELECT unnest($paths) AS path, unnest($hashes) AS sha256) met
JOIN (SELECT sha256, min(batch_id) AS batch_id FROM batch WHERE NOT ({IN_VAIN}) GROUP BY sha256) b USING (sha256)
WHERE met.path <> (SELECT path FROM batch WHERE batch_id = b.batch_id)
  AND NOT EXISTS (FROM other_path o WHERE o.batch_id = b.batch_id AND o.path = met.path)
"""


def _told(path: str, sha256: str, found: Sequence[Any], wanted: str | None, settings: Settings) -> dict[str, Any]:
    before, loader, records, rows, ignored, rejected, first, last, note = found
    counts = dict.fromkeys(COUNTS, 0) | {
        "records": records,
        "duplicates": rows,
        "ignored": ignored,
        "rejected": rejected,
    }
    read_as = [(loader, wanted)]
    zone, tenant = settings.time_zone, settings.tenant
    read_as += [(f"of {each}", zone and f"of {zone}") for each in re.findall(f"{IN_ZONE}([^;]+)", note or "")]
    if tenant is not None:
        told = re.search(rf'{OF_TENANT}("(?:[^"\\]|\\.)*")', note or "")
        read_as.append((f"logs of {json.loads(told[1]) if told else 'no tenant'}", f"logs of {tenant}"))
    differs = next(((was, now) for was, now in read_as if was and now and was != now), None)
    said = f"already loaded as {before}: nothing was changed"
    if differs:
        said += f"; it was read as {differs[0]}: to read it as {differs[1]}, take it out first (grantlens unload)"
    return entry(path=path, loader=loader, sha256=sha256, **counts, first_event=first, last_event=last, note=said)
