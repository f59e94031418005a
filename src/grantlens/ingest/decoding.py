"""Lines that hold their record packed, such as signed tokens: unpacked by the loader, many at once where it can tell their forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from grantlens.reading.chunk import COPIED, Lines, int_array, text_array

if TYPE_CHECKING:
    import polars
    import pyarrow as pa

    from grantlens.loaders.mapped.forms import Form

FEW = 4 << 20
"""Bytes of lines that are decoded one by one in about the time that the import of polars takes."""

SAMPLE = 1000
"""Lines of a piece that show in which forms it is written."""

GOLDEN = (5**0.5 - 1) / 2
"""Steps of this share of a piece fall in line with no rhythm in which its lines repeat."""


def decoded(lines: pa.Table, decode: Callable[[str], str], *, keeps_json: bool = False) -> tuple[pa.Table, pa.Table]:
    """Return the lines decoded, and `line_no` and `reason` of those that could not be, which stay as they are.

    Where `decode` tells the `forms` of lines when it sees some of them, those that have one are decoded at once, and only the
    others one by one. Where it `keeps_json`, lines that are all JSON already are not looked at one by one.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if keeps_json and pc.all(pc.starts_with(lines["line"], "{")).as_py():
        return lines, _refused(lines, {})
    forms = decode.forms(_sample(lines)) if hasattr(decode, "forms") and lines["line"].nbytes >= FEW else []
    texts, tight = [], []
    refused: dict[int, str] = {}
    begin = 0
    for piece in _pieces(lines["line"]):
        at_once = _in_forms(piece, forms) if forms else pa.nulls(len(piece), pa.string())
        others = at_once.is_null()
        singly = []
        for at, line in zip(pc.indices_nonzero(others).to_pylist(), piece.filter(others).to_pylist(), strict=True):
            try:
                singly.append(decode(line.strip()))
            except ValueError as error:
                singly.append(line)
                refused[begin + at] = str(error)
        texts.append(pc.replace_with_mask(at_once, others, text_array(singly)) if singly else at_once)
        tight.append(pc.invert(others))
        begin += len(piece)
    column = lines.schema.get_field_index("line")
    made = lines.set_column(column, lines.schema.field(column), pa.chunked_array(texts, pa.string()))
    return made.append_column("tight", pa.chunked_array(tight, pa.bool_())), _refused(lines, refused)


def _pieces(lines: pa.ChunkedArray) -> Iterator[pa.Array]:
    """Give the lines a few at a time: what is made of them is copied from step to step, and stays near."""
    for chunk in lines.chunks:
        yield from (chunk.slice(at, COPIED) for at in range(0, len(chunk), COPIED))


def _sample(lines: pa.Table) -> list[str]:
    """Return some lines from all over: those that are equally far from each other might all be of one kind."""
    import numpy as np

    places = np.arange(SAMPLE) * GOLDEN % 1 * len(lines)
    return [line for some in Lines(lines).taken(np.unique(places.astype(np.int64))) for line in some.to_pylist()]


def _in_forms(lines: pa.Array, forms: Sequence[Form]) -> pa.Array:
    """Return the JSON of the lines that have one of these forms, NULL for the others."""
    import polars
    import pyarrow as pa

    found = polars.repeat(None, len(lines), dtype=polars.String, eager=True)
    places = polars.int_range(len(lines), eager=True)
    rest = polars.Series(values=lines).str.strip_chars_end(" \t\r\n")
    for form in forms:
        fits = rest.str.contains(form.pattern)
        if len(rest) == len(lines) and fits.all():
            found = _json(rest, form)
            break
        found = found.scatter(places.filter(fits), _json(rest.filter(fits), form))
        places, rest = places.filter(~fits), rest.filter(~fits)
    return found.to_arrow().cast(pa.string())


def _json(lines: polars.Series, form: Form) -> polars.Series:
    """Return the JSON of lines of this form."""
    texts = lines.str.replace(*form.head)
    if form.loose:
        return texts.str.replace_all(*form.pair).str.strip_suffix(",") + "}"
    return texts.str.replace_all("=", '":"', literal=True).str.replace_all(" ", '","', literal=True) + '"}'


def _refused(lines: pa.Table, reasons: dict[int, str]) -> pa.Table:
    import pyarrow as pa

    columns = [lines["line_no"].take(int_array(list(reasons))), text_array(list(reasons.values()))]
    return pa.Table.from_arrays(columns, names=["line_no", "reason"])
