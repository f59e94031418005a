"""Are the loaded files still what they were? Evidence points into them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grantlens.errors import LoadError
from grantlens.ingest.content import Content

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine


@dataclass(frozen=True)
class Verified:
    """What became of the loaded files."""

    files: int
    differences: list[str]
    """One sentence for each file that is gone or has other bytes than when it was loaded last."""
    replaced: list[str]
    """One sentence for each file that is what its last load saw, after it was loaded in other versions before."""


def verified(engine: Engine) -> Verified:
    """Compare each loaded file with what its last load saw.

    Paths are looked up as they were given: relative ones from the current folder.
    """
    found = Verified(engine.value("SELECT count(DISTINCT path) FROM batch"), [], [])
    for path, size, sha256, versions in engine.rows(_LAST):
        difference = _difference(path, size, sha256)
        if difference:
            found.differences.append(difference)
        elif versions > 1:
            earlier = "an earlier version was" if versions == 2 else f"{versions - 1} earlier versions were"
            found.replaced.append(f"{path} is what its last load saw; {earlier} replaced by a later load.")
    return found


_LAST = """
SELECT path, arg_max(bytes, batch_id), arg_max(sha256, batch_id), count(*) FROM batch GROUP BY path ORDER BY min(batch_id)
"""


def _difference(path: str, size: int, sha256: str) -> str | None:
    if not Path(path).is_file():
        if Path(path).is_absolute():
            return f"{path} is gone."
        return f"{path} is not found from {Path.cwd()}: a path is looked up as it was given at load."
    try:
        with closing(Content(path)) as content:
            if content.bytes != size:
                return f"{path} has {content.bytes} bytes, it had {size}."
            if content.digest() != sha256:
                return f"{path} has other content than it had: its SHA-256 differs."
    except LoadError as error:
        return error.message
    return None
