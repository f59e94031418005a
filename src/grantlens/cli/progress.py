"""Progress on stderr: seen on a terminal, nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from grantlens.cli.cell import shown

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

_SOON = 1.0
"""Seconds after which somebody who waits is told what for."""


@contextmanager
def progress() -> Iterator[Callable[[str, int, int, float], None] | None]:
    """Give what `Store.load` takes as `progress`; None where nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    form = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
    with tqdm(total=100, bar_format=form, leave=False, dynamic_ncols=True) as bar:

        def tell(file: str, done: int, files: int, percent: float) -> None:
            bar.set_description_str(f"{shown(Path(file).name)} ({min(done + 1, files)} of {files})", refresh=False)
            bar.update(100 * (done + percent / 100) / max(files, 1) - bar.n if done < files else 100 - bar.n)

        yield tell


@contextmanager
def watched(engine: Engine) -> Iterator[None]:
    """Show what a question works out inside the block, and for how long, where somebody watches and it takes long."""
    if not sys.stderr.isatty():
        yield
        return
    from tqdm import tqdm

    with tqdm(bar_format="{desc} {elapsed}", leave=False, delay=_SOON, mininterval=0, dynamic_ncols=True) as line:

        def tell(step: str) -> None:
            line.set_description_str(f"Working out {step}", refresh=False)
            line.update()

        engine.tell = tell
        try:
            yield
        finally:
            engine.tell = None
