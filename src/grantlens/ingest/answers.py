"""Which records of a chunk have an answer: rows, a reason why they are ignored, or one why they are rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grantlens.ingest.key import file_of
from grantlens.reading.chunk import int_array, numbers_of, repeated, text_array

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


class Reasons(NamedTuple):
    """What was said of records: `texts` is rising, and `which` tells the one of each record in `places`, also rising."""

    places: np.ndarray
    which: np.ndarray
    texts: pa.Array


class Answers:
    """Keeps account of the records of a chunk.

    Parameters
    ----------
    keys
        The key of each record, rising.

    Examples
    --------
    >>> import numpy as np, pyarrow as pa
    >>> answers = Answers(np.array([7, 8, 9]))
    >>> answers.give(np.array([7, 7]))
    >>> answers.reject(pa.table({"line_no": [9], "reason": ["no time"]}))
    >>> answers.ignore(pa.table({"line_no": [8, 9], "reason": ["a sign-in", "a sign-in"]})).to_pylist()
    [{'file': 0, 'reason': 'a sign-in', 'records': 1}]
    >>> answers.missing().any()
    np.False_
    """

    def __init__(self, keys: np.ndarray) -> None:
        import numpy as np

        self._keys = keys
        self._given = np.zeros(len(keys), bool)
        self._bad = np.zeros(len(keys), bool)
        self._said: list[pa.Table] = []

    def give(self, keys: np.ndarray) -> None:
        """Rows came of these records."""
        self._given[places_of(keys, self._keys)] = True

    def fitting(self, rows: pa.Table) -> pa.Table:
        """Return the rows of no rejected record that fit their columns; the records of those that say `refused` are rejected."""
        import numpy as np
        import pyarrow.compute as pc

        bad = self._bad[places_of(numbers_of(rows["line_no"], "int64"), self._keys)]
        if bad.any():
            rows = rows.take(int_array(np.flatnonzero(~bad)))
        if rows["refused"].null_count < len(rows):
            refused, fit = (
                pc.indices_nonzero(found) for found in (pc.is_valid(rows["refused"]), pc.is_null(rows["refused"]))
            )
            self.reject(rows.select(["line_no", "refused"]).rename_columns(["line_no", "reason"]).take(refused))
            rows = rows.take(fit)
        return rows

    def reject(self, said: pa.Table | None) -> None:
        """These records are rejected; columns `line_no` and `reason`, one row for each reason."""
        if said:
            self._bad[places_of(numbers_of(said["line_no"], "int64"), self._keys)] = True
            self._said.append(said)

    def reject_missing(self, reason: str) -> None:
        """Reject all records that have no answer."""
        import numpy as np
        import pyarrow as pa

        keys = self._keys[np.flatnonzero(self.missing())]
        if len(keys):
            columns = [int_array(keys), repeated(reason, len(keys))]
            self.reject(pa.Table.from_arrays(columns, names=["line_no", "reason"]))

    def ignore(self, said: pa.Table) -> pa.Table:
        """These records are ignored, where they have no other answer; return of each file how many by each reason.

        Of several reasons that are given for one record the first in the alphabet counts.
        """
        import numpy as np
        import pyarrow as pa

        reasons = by_record(said, self._keys)
        new = self.missing()[reasons.places]
        new[1:] &= np.diff(reasons.places) > 0
        self._given[reasons.places[new]] = True
        files, kinds = file_of(self._keys[reasons.places[new]]), max(len(reasons.texts), 1)
        found, records = np.unique(files * kinds + reasons.which[new], return_counts=True)
        columns = [int_array(found // kinds), reasons.texts.take(int_array(found % kinds)), int_array(records)]
        return pa.Table.from_arrays(columns, names=["file", "reason", "records"])

    def missing(self) -> np.ndarray:
        """Return for each record whether it has no answer yet."""
        return ~(self._given | self._bad)

    def rejected(self) -> pa.Table | None:
        """Return what was said of the records that are rejected, None if there are none."""
        import pyarrow as pa

        return pa.concat_tables(self._said) if self._said else None


def by_record(said: pa.Table, keys: np.ndarray) -> Reasons:
    """Put in order what was said of records; what was said of one several times counts once, and NULL is nothing.

    Parameters
    ----------
    said
        Columns `line_no` and `reason`.
    keys
        The key of each record, rising.
    """
    import numpy as np
    import pyarrow.compute as pc

    if said["reason"].null_count:
        said = said.filter(said["reason"].is_valid())
    if not len(said):  # to put together no pieces would import pandas
        return Reasons(np.empty(0, np.int64), np.empty(0, np.int64), text_array([]))
    found = said["reason"].combine_chunks().dictionary_encode()
    order = pc.sort_indices(found.dictionary)
    rank = np.argsort(numbers_of(order, "uint64"))
    places = places_of(numbers_of(said["line_no"], "int64"), keys)
    together = places * max(len(rank), 1) + rank[numbers_of(found.indices, "int32")]
    if np.diff(together).min(initial=1) <= 0:
        together = np.unique(together)
    places, which = np.divmod(together, max(len(rank), 1))
    return Reasons(places, which, found.dictionary.take(order))


def places_of(keys: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return where each of the keys stands among others, which are rising.

    Examples
    --------
    >>> import numpy as np
    >>> places_of(np.array([8, 7]), np.array([7, 8, 9])).tolist()
    [1, 0]
    """
    import numpy as np

    if len(among) and among[-1] - among[0] == len(among) - 1:
        return keys - among[0]
    return np.searchsorted(among, keys)
