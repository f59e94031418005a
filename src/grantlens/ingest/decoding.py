"""Lines that hold their record packed, such as signed tokens: unpacked one by one, by the loader."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def decoded(lines: pa.Table, decode: Callable[[str], str]) -> tuple[pa.Table, list[tuple[int, str]]]:
    """Return the lines decoded, and (line_no, reason) of those that could not be, which stay as they are."""
    import pyarrow as pa

    texts, refused = [], []
    for number, line in zip(lines["line_no"].to_pylist(), lines["line"].to_pylist(), strict=True):
        try:
            texts.append(decode(line.strip()))
        except ValueError as error:
            texts.append(line)
            refused.append((number, str(error)))
    at = lines.schema.get_field_index("line")
    return lines.set_column(at, lines.schema.field(at), pa.array(texts, lines.schema.field(at).type)), refused
