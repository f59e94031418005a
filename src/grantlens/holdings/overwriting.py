"""What a command may not write over: the files that were loaded, and the store itself."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from grantlens.errors import GrantlensError

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine


def keep_evidence(engine: Engine, targets: Iterable[str | os.PathLike[str]]) -> None:
    """Refuse targets that are loaded files: findings point into them, and a load of them could not be repeated.

    Raises
    ------
    GrantlensError
        If one of the targets is such a file, or the store.
    """
    wanted = {os.path.realpath(target): os.fspath(target) for target in targets}
    if os.path.realpath(engine.path) in wanted:
        raise GrantlensError(f"{engine.path} is the store itself.", "Name another file to write.")
    # Files of other tenants too, where it was opened for one.
    paths = f"SELECT batch_id, path FROM {engine.stored}.batch UNION ALL SELECT batch_id, path FROM {engine.stored}.other_path"
    for _, path in engine.rows(f"{paths} ORDER BY ALL"):
        if "\0" in path:  # no system has such a file, but a store that somebody sent may
            continue
        if (target := wanted.get(os.path.realpath(path))) is not None:
            raise GrantlensError(
                f"{target} was loaded into this store: it is evidence, and is not written over.",
                "Name another file to write.",
            )
