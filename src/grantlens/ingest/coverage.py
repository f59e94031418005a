"""Coverage: the stretches of time for which a log is really there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine


def refresh_coverage(engine: Engine, batch_id: int) -> None:
    """Compute coverage again for the streams that a batch touched."""
