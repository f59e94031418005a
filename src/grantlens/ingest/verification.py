"""Are the loaded files still what they were? Evidence points into them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from grantlens.errors import LoadError
from grantlens.ingest.content import Content

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine


def differences(engine: Engine) -> list[str]:
    """Return one sentence for each loaded file that is gone or has other bytes than it had.

    Paths are looked up as they were given: relative ones from the current folder.
    """
    found = []
    for path, size, sha256 in engine.rows("SELECT path, bytes, sha256 FROM batch ORDER BY batch_id"):
        if not Path(path).is_file():
            found.append(f"{path} is gone.")
            continue
        try:
            with closing(Content(path)) as content:
                if content.bytes != size:
                    found.append(f"{path} has {content.bytes} bytes, it had {size}.")
                elif content.digest() != sha256:
                    found.append(f"{path} has other content than it had: its SHA-256 differs.")
        except LoadError as error:
            found.append(error.message)
    return found
