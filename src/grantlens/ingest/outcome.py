"""What a load did: one entry a file, counted, and the files that failed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from grantlens.visible import grid, markup
from grantlens.wording import plural

COUNTS = ("records", "issuance", "usage", "revocation", "ignored", "duplicates", "rejected")
"""The numbers of a batch, in the order in which they are printed."""


MANY = 40
"""Files that are shown one by one; of more, those of a folder of which the same is said are shown as one."""


def by_folder(batches: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries of files as they are shown: of many, one for those of a folder that one loader read and of which the same is said.

    Examples
    --------
    >>> files = [{"path": f"logs/{n}.json", "loader": "okta", "first": None, "last": None, "note": None} for n in range(1000)]
    >>> [shown] = by_folder([file | dict.fromkeys(COUNTS, 2) for file in files])
    >>> shown["path"], shown["records"]
    ('logs (1,000 files)', 2000)
    """
    if len(batches) <= MANY:
        return [*batches]
    alike: dict[tuple[str, str | None, str | None], list[dict[str, Any]]] = {}
    for batch in batches:
        note = batch["note"] and re.sub(r"^already loaded as .*: nothing", "already loaded: nothing", batch["note"])
        alike.setdefault((os.path.dirname(batch["path"]), batch["loader"], note), []).append(batch)
    return [_together(*said, files) if len(files) > 1 else files[0] for said, files in alike.items()]


def _together(folder: str, loader: str | None, note: str | None, files: list[dict[str, Any]]) -> dict[str, Any]:
    firsts, lasts = ([file[end] for file in files if file[end]] for end in ("first", "last"))
    return {
        "path": f"{folder or '.'} ({plural(len(files), 'file')})",
        "loader": loader,
        **{count: sum(file[count] for file in files) for count in COUNTS},
        "first": min(firsts, default=None),
        "last": max(lasts, default=None),
        "note": note,
    }


@dataclass
class LoadReport:
    """What `Store.load` did.

    Parameters
    ----------
    batches
        One dictionary a loaded file, as `grantlens load --json` prints it.
    failed
        (path, message, remedy) of each file that could not be loaded; nothing of it was kept.
    """

    batches: list[dict[str, Any]] = field(default_factory=list)
    failed: list[tuple[str, str, str]] = field(default_factory=list)

    def total(self, count: str) -> int:
        """Return one of the numbers over all files.

        Examples
        --------
        >>> LoadReport([{"records": 2}, {"records": 3}]).total("records")
        5
        """
        return sum(batch[count] for batch in self.batches)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)

    def __repr__(self) -> str:
        totals = [(self.total(count), count) for count in COUNTS]
        counts = ", ".join(f"{total} {count.removesuffix('s') if total == 1 else count}" for total, count in totals)
        failed = f"; {len(self.failed)} failed" if self.failed else ""
        return f"{plural(len(self.batches), 'file')}: {counts}{failed}"

    def _repr_html_(self) -> str:
        names = ("path", "loader", *COUNTS, "first", "last", "note")
        loaded = grid(names, ([batch.get(name) for name in names] for batch in by_folder(self.batches)), most=1000)
        failed = "".join(
            f"<li>{markup(path)}: {markup(message)} {markup(remedy)}</li>" for path, message, remedy in self.failed
        )
        return loaded + (f"<ul>{failed}</ul>" if failed else "")
