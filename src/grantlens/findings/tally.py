"""Findings counted by one of their columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantlens.errors import RuleError
from grantlens.framed import Framed
from grantlens.handwritten import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

    from grantlens.charts.chart import Chart


@dataclass(frozen=True, eq=False)
class Tally(Framed):
    """How many findings and events each value of a column has, most findings first.

    Parameters
    ----------
    column
        The column counted by.
    table
        The column, verdict, findings, events.
    what
        What is counted, for titles.
    """

    column: str
    table: pa.Table
    what: str

    @classmethod
    def of(cls, findings: pa.Table, column: str, what: str) -> Tally:
        """Count a table of findings.

        Raises
        ------
        RuleError
            If there is no such column.
        """
        import polars

        if column not in findings.column_names:
            they_have = f"They have {', '.join(findings.column_names)}."
            raise RuleError(
                f"Findings have no column {column!r}.", did_you_mean(str(column), findings.column_names, they_have)
            )
        frame = polars.DataFrame(findings.select(list(dict.fromkeys((column, "verdict", "events")))))
        frame = frame.filter(polars.col("verdict") != "clear") if column != "verdict" else frame
        keys = list(dict.fromkeys((column, "verdict")))
        counted = frame.group_by(keys).agg(
            polars.len().cast(polars.Int64).alias("findings"), polars.col("events").sum()
        )
        counted = counted.sort(["findings", *keys], descending=[True, *(False for _ in keys)], nulls_last=True)
        return cls(column, counted.to_arrow(), what)

    def chart(self) -> Chart:
        """Draw the counts as bars."""
        from grantlens.charts.chart import blank
        from grantlens.charts.tally import tally

        if not self.table.num_rows:
            return blank(f"No {self.what} in this window that are violations or undecided")
        return tally(self.table, by=self.column, value="findings", what=self.what)

    def __repr__(self) -> str:
        return f"{self.what} by {self.column}: {self._size()}"
