"""Arrow arrays from Python and NumPy, and back, through their buffers.

`pyarrow.array` and `Array.to_numpy` import pandas, only to see whether they were given any: a second
or two in each process, where a load takes less than that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def texts(values: Sequence[str | None]) -> pa.Array:
    """Make an array of texts.

    Examples
    --------
    >>> texts(["a", None, ""]).to_pylist()
    ['a', None, '']
    """
    import numpy as np
    import pyarrow as pa

    data = [b"" if value is None else value.encode("utf-8", "replace") for value in values]
    offsets = np.zeros(len(data) + 1, np.int32)
    np.cumsum([len(one) for one in data], out=offsets[1:])
    known = _bitmap(np.array([value is not None for value in values], bool)) if None in values else None
    return pa.StringArray.from_buffers(len(data), pa.py_buffer(offsets), pa.py_buffer(b"".join(data)), known)


def numbers(values: np.ndarray, known: np.ndarray | None = None) -> pa.Array:
    """Make an array of whole numbers of the same width, null where not known.

    Examples
    --------
    >>> import numpy as np
    >>> numbers(np.array([1, 2], np.int32), np.array([True, False])).to_pylist()
    [1, None]
    """
    import pyarrow as pa

    width = {"int8": pa.int8, "int32": pa.int32, "int64": pa.int64, "uint64": pa.uint64}[values.dtype.name]()
    return pa.Array.from_buffers(width, len(values), [_bitmap(known), pa.py_buffer(values)])


def flags(values: np.ndarray, known: np.ndarray | None = None) -> pa.Array:
    """Make an array of truth values, null where not known."""
    import pyarrow as pa

    return pa.Array.from_buffers(pa.bool_(), len(values), [_bitmap(known), _bitmap(values)])


def column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Make an array of one of the types that catalogue tables have: text, whole number, truth value, list of texts.

    Examples
    --------
    >>> import pyarrow as pa
    >>> column([True, None], pa.bool_()).to_pylist()
    [True, None]
    """
    import numpy as np
    import pyarrow as pa

    if pa.types.is_string(kind):
        return texts(values)
    if pa.types.is_list(kind):
        return lists(values)
    known = np.array([value is not None for value in values], bool)
    if pa.types.is_boolean(kind):
        return flags(np.array([bool(value) for value in values], bool), known)
    return numbers(np.array([value or 0 for value in values], np.dtype(str(kind))), known)


def lists(values: Sequence[Sequence[str] | None]) -> pa.Array:
    """Make an array of lists of texts.

    Examples
    --------
    >>> lists([["a", "b"], None, []]).to_pylist()
    [['a', 'b'], None, []]
    """
    import numpy as np
    import pyarrow as pa

    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum([len(value or ()) for value in values], out=offsets[1:])
    known = _bitmap(np.array([value is not None for value in values], bool))
    inner = texts([text for value in values for text in value or ()])
    return pa.Array.from_buffers(pa.list_(pa.string()), len(values), [known, pa.py_buffer(offsets)], children=[inner])


def to_flags(array: pa.Array) -> np.ndarray:
    """Return truth values; null is false."""
    found = _bits(array, 1)
    return found & to_known(array) if array.null_count else found


def to_known(array: pa.Array) -> np.ndarray:
    """Return which values are not null."""
    import numpy as np

    return _bits(array, 0) if array.null_count else np.ones(len(array), bool)


def to_numbers(array: pa.Array) -> np.ndarray:
    """Return whole numbers as int64, -1 for null.

    Examples
    --------
    >>> import numpy as np
    >>> to_numbers(numbers(np.array([7, 8], np.int32), np.array([True, False]))).tolist()
    [7, -1]
    """
    import numpy as np

    width = np.dtype(str(array.type))
    values = np.frombuffer(array.buffers()[1], width)[array.offset : array.offset + len(array)].astype(np.int64)
    if array.null_count:
        values[~to_known(array)] = -1
    return values


def _bitmap(values: np.ndarray | None) -> pa.Buffer | None:
    import numpy as np
    import pyarrow as pa

    return None if values is None else pa.py_buffer(np.packbits(values, bitorder="little"))


def _bits(array: pa.Array, which: int) -> np.ndarray:
    import numpy as np

    if not len(array):
        return np.zeros(0, bool)
    packed = np.frombuffer(array.buffers()[which], np.uint8)
    return np.unpackbits(packed, count=array.offset + len(array), bitorder="little")[array.offset :].astype(bool)
