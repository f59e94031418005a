"""Lines that hold their record packed, such as signed tokens: unpacked one by one, by the loader."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from grantlens.ingest.chunk import text_array

if TYPE_CHECKING:
    import pyarrow as pa


def decoded(lines: pa.Table, decode: Callable[[str], str]) -> tuple[pa.Table, list[tuple[int, str]]]:
    """Return the lines decoded, and (line_no, reason) of those that could not be, which stay as they are.

    Where `decode` names an RE2 pattern of plain lines, as `plain`, it has a quicker way to decode these: `at_once`, which
    may give None for one that has to be decoded with care all the same.
    """
    texts: list[str] = []
    refused = []
    plain = _plain(lines, getattr(decode, "plain", None))
    at_once = getattr(decode, "at_once", None)
    for at, line in enumerate(lines["line"].to_pylist()):
        text = at_once(line) if at_once is not None and plain is not None and plain[at] else None
        if text is None:
            try:
                text = decode(line.strip())
            except ValueError as error:
                text = line
                refused.append((lines["line_no"][at].as_py(), str(error)))
        texts.append(text)
    column = lines.schema.get_field_index("line")
    return lines.set_column(column, lines.schema.field(column), text_array(texts)), refused


def _plain(lines: pa.Table, pattern: str | None) -> list[bool] | None:
    if pattern is None:
        return None
    import pyarrow.compute as pc

    return pc.match_substring_regex(lines["line"], pattern).to_pylist()
