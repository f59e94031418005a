"""What a load did: one entry a file, counted, and the files that failed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from grantlens.visible import grid, markup
from grantlens.wording import plural

COUNTS = ("records", "issuance", "usage", "revocation", "ignored", "duplicates", "rejected")
"""The numbers of a batch, in the order in which they are printed."""


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
        loaded = grid(names, ([batch.get(name) for name in names] for batch in self.batches), most=1000)
        failed = "".join(
            f"<li>{markup(path)}: {markup(message)} {markup(remedy)}</li>" for path, message, remedy in self.failed
        )
        return loaded + (f"<ul>{failed}</ul>" if failed else "")
