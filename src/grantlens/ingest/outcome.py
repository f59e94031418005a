"""What a load did: one entry a file, counted, and the files that failed."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

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

    def as_dict(self) -> dict[str, Any]:
        """Return the report as `grantlens load --json` prints it."""
        return {
            "batches": self.batches,
            "failed": [dict(zip(("path", "message", "remedy"), each, strict=True)) for each in self.failed],
        }

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)

    def __repr__(self) -> str:
        counts = ", ".join(f"{self.total(count)} {count}" for count in COUNTS)
        failed = f"; {len(self.failed)} failed" if self.failed else ""
        return f"{len(self.batches)} files: {counts}{failed}"

    def _repr_html_(self) -> str:
        names = ("path", "loader", *COUNTS, "first", "last", "note")
        head = "".join(f"<th>{name}</th>" for name in names)
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_shown(batch.get(name)))}</td>" for name in names) + "</tr>"
            for batch in self.batches
        )
        failed = "".join(
            f"<li>{html.escape(f'{path}: {message} {remedy}')}</li>" for path, message, remedy in self.failed
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" + (
            f"<ul>{failed}</ul>" if failed else ""
        )


def _shown(value: Any) -> str:
    return "" if value is None else str(value)
