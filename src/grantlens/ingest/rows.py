"""Staged rows of a log, and how the values in their columns are told apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from grantlens.reading.chunk import numbers_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from grantlens.ingest.mapping import Staging


class Distinct(NamedTuple):
    """The different hashes in a column, in the order of first appearance; where each is met first; which stands in each place."""

    hashes: np.ndarray
    first: np.ndarray
    which: np.ndarray


def distinct(hashes: pa.ChunkedArray) -> Distinct:
    """Tell the hashes in a column apart.

    As `numpy.unique` does, but without sorting, which takes about a third of the time.
    """
    import numpy as np
    import pyarrow as pa

    values = np.ascontiguousarray(numbers_of(hashes, "uint64"))
    found = pa.Array.from_buffers(pa.uint64(), len(values), [None, pa.py_buffer(values)]).dictionary_encode()
    which = np.frombuffer(found.indices.buffers()[1], np.int32)[: len(values)]
    first = first_places(which)
    return Distinct(values[first], first, which)


def first_places(which: np.ndarray) -> np.ndarray:
    """Return where each number is met first, of numbers that count up from 0 in the order of first appearance.

    Examples
    --------
    >>> import numpy as np
    >>> first_places(np.array([0, 1, 0, 2])).tolist()
    [0, 1, 3]
    """
    import numpy as np

    return np.flatnonzero(np.diff(np.maximum.accumulate(which), prepend=-1))


def codes(column: pa.ChunkedArray) -> np.ndarray:
    """Return a number for each value, counted up in the order of first appearance; equal values have the same.

    Examples
    --------
    >>> import pyarrow as pa
    >>> codes(pa.chunked_array([["b", "a", None, "b", None]])).tolist()
    [0, 1, 2, 0, 2]
    """
    return numbers_of(column.combine_chunks().dictionary_encode("encode").indices, "int32")


@dataclass(frozen=True)
class Rows:
    """Staged rows of one log.

    Parameters
    ----------
    table
        The rows; of usage with hashes of caller and target.
    staging
        How they were staged.
    entries
        By the name of a hash, what each of them stands for; those that are missing are read again from the lines.
    told_apart
        By the name of a hash, the different ones, where that was worked out.
    """

    table: pa.Table
    staging: Staging
    entries: dict[str, pa.Table] = field(default_factory=dict)
    told_apart: dict[str, Distinct] = field(default_factory=dict)
