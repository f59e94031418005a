"""Lines that hold their record packed, such as signed tokens: unpacked one by one, by the loader."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from grantlens.reading.chunk import int_array, text_array

if TYPE_CHECKING:
    import pyarrow as pa


def decoded(lines: pa.Table, decode: Callable[[str], str], *, keeps_json: bool = False) -> tuple[pa.Table, pa.Table]:
    """Return the lines decoded, and `line_no` and `reason` of those that could not be, which stay as they are.

    Where `decode` names an RE2 pattern of plain lines, as `plain`, it has a quicker way to decode these: `at_once`, which
    may give None for one that has to be decoded with care all the same. Where it `keeps_json`, lines that are all JSON
    already are not looked at one by one.
    """
    import pyarrow.compute as pc

    if keeps_json and pc.all(pc.starts_with(lines["line"], "{")).as_py():
        return lines, _refused(lines, {})
    texts: list[str] = []
    refused: dict[int, str] = {}
    plain = _plain(lines, getattr(decode, "plain", None))
    at_once = getattr(decode, "at_once", None)
    for at, line in enumerate(lines["line"].to_pylist()):
        text = at_once(line) if at_once is not None and plain is not None and plain[at] else None
        if text is None:
            try:
                text = decode(line.strip())
            except ValueError as error:
                text = line
                refused[at] = str(error)
        texts.append(text)
    column = lines.schema.get_field_index("line")
    return lines.set_column(column, lines.schema.field(column), text_array(texts)), _refused(lines, refused)


def _refused(lines: pa.Table, reasons: dict[int, str]) -> pa.Table:
    import pyarrow as pa

    columns = [lines["line_no"].take(int_array(list(reasons))), text_array(list(reasons.values()))]
    return pa.Table.from_arrays(columns, names=["line_no", "reason"])


def _plain(lines: pa.Table, pattern: str | None) -> list[bool] | None:
    if pattern is None:
        return None
    import pyarrow.compute as pc

    return pc.match_substring_regex(lines["line"], pattern).to_pylist()
