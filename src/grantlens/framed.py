"""What every answer that is a table can be turned into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, overload

from grantlens.errors import GrantlensError
from grantlens.plain import first_rows, plain, plain_rows
from grantlens.visible import markup
from grantlens.wording import plural

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow as pa


_AT_ONCE = 5000
"""Rows that are made at once: who stops early has not waited for all of them."""


class AsFrame:
    """An answer that can be had as a frame."""

    def arrow(self) -> pa.Table:
        """Return the rows as an Arrow table."""
        raise NotImplementedError

    def pl(self) -> polars.DataFrame:
        """Return the rows as a Polars frame."""
        import polars

        return polars.DataFrame(self.arrow())

    def df(self) -> pandas.DataFrame:
        """Return the rows as a pandas frame."""
        return self.arrow().to_pandas()


class Framed(AsFrame):
    """An answer whose rows are its `table`: any library takes it as it is that takes Arrow.

    It is read like a list of dictionaries too: `len(answer)`, `for row in answer`, `answer[0]`, `answer[:3]`.
    """

    table: pa.Table
    shown: ClassVar[Sequence[str]] = ()
    """Columns that a notebook cell shows; all of them if empty."""

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the rows as JSON-ready dictionaries; times are text in UTC, ending in Z."""
        return [plain(row) for row in self]

    def arrow(self) -> pa.Table:
        """Return the rows as an Arrow table."""
        return self.table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for begin in range(0, len(self), _AT_ONCE):
            yield from self._rows(self.table.slice(begin, _AT_ONCE))

    @overload
    def __getitem__(self, at: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, at: slice) -> list[dict[str, Any]]: ...

    def __getitem__(self, at: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        import pyarrow

        try:
            places = range(len(self))[at]
        except TypeError:
            remedy = "Give the number of a row, from 0; a column is that of a frame, as in answer.df()[NAME]."
            raise GrantlensError(f"{at!r} is no row.", remedy) from None
        except IndexError:
            raise IndexError(f"There is no row {at}, of {plural(len(self), 'row')} from 0.") from None
        if isinstance(places, int):
            return self._rows(self.table.slice(places, 1))[0]
        return self._rows(self.table.take(pyarrow.array(places, pyarrow.int64())))

    def _rows(self, table: pa.Table) -> list[dict[str, Any]]:
        """Return rows of the table as iteration gives them."""
        return plain_rows(table)  # times as datetimes: as text, 12:00:00.25Z would come before 12:00:00Z

    def __len__(self) -> int:
        return self.table.num_rows

    def _size(self) -> str:
        return plural(len(self), "row")

    def _repr_html_(self) -> str:
        return f"<p>{markup(repr(self))}</p>{first_rows(self.table, self.shown)}"


@dataclass(frozen=True, eq=False)
class Rows(Framed):
    """Rows that answer without mathematics or a chart.

    Parameters
    ----------
    what
        What the rows are, for their title.
    table
        The rows.
    """

    what: str
    table: pa.Table

    def __repr__(self) -> str:
        return f"{self.what}: {self._size()}"
