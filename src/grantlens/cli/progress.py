"""Progress on stderr: a bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from grantlens.cli.cell import shown


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
