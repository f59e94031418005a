"""Say for every logged call which operation of a catalogue it was.

The work is done once for each row of `usage_target`, not for each call, and only for rows that have
no answer yet. An operation name in the log decides first; then the path: cut into segments, reduced
to shapes, each shape searched in the trie of its server.

A target row without a row in `usage_operation` was not looked at, which is so while no catalogue is
in the store: join from the left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from grantlens.catalogue.arrays import numbers, texts, to_flags, to_known, to_numbers
from grantlens.catalogue.compiled import Compiled
from grantlens.catalogue.path import some
from grantlens.catalogue.pattern import expand_patterns

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from grantlens.engine.duckdb import Engine

MATCHES = ("name", "path", "container", "unmatched")
"""What column match of usage_operation may say."""

STEP = 1_000_000
"""Target rows that are fetched at a time; bounds the memory."""

PIECE = 200_000
"""Target rows that are matched at a time; their columns fit where memory is used again, not asked for anew."""

CONTAINER = r"(?i)(^|/)(\$batch|%24batch|graphql|mcp)/?$|^(https?://[^/]+)?/?batch(/|$)"
"""Paths that carry other calls inside: OData and Google batches, GraphQL, MCP over HTTP."""

_NEW = """
SELECT t.target_id, t.resource_server, t.method, t.target, t.operation
FROM usage_target t
WHERE t.target_id BETWEEN $first AND $last
  AND NOT EXISTS (FROM usage_operation o WHERE o.target_id = t.target_id AND o.target_id BETWEEN $first AND $last)
"""

_FIRST_NEW = """
SELECT min(t.target_id) FROM usage_target t
WHERE NOT EXISTS (FROM usage_operation o WHERE o.target_id = t.target_id)
"""

_KEEP = """
INSERT INTO usage_operation
SELECT m.target_id, m.op_id, coalesce(m.name, o.label), m.match
FROM grantlens_matched m LEFT JOIN cat_operation o ON o.op_id = m.op_id
"""

_STATE = """
SELECT count(*), sum(hash(op_id, catalogue, api, op_name, kind, method, host, base_path, template, label)::HUGEINT)
FROM cat_operation
"""

_KNOWN: WeakKeyDictionary[Engine, tuple[tuple, Compiled]] = WeakKeyDictionary()


def match_new(engine: Engine) -> int:
    """Match every target that has no answer yet; inside the caller's transaction. Return how many.

    Without a catalogue in the store, or without new targets, this costs two counts.
    """
    if not engine.value("SELECT count(*) FROM cat_meta"):
        return 0
    expand_patterns(engine)
    total = engine.value("SELECT count(*) FROM usage_target")
    done = engine.value("SELECT count(*) FROM usage_operation")
    if total == done:
        return 0
    low, high = engine.rows("SELECT min(target_id), max(target_id) FROM usage_target")[0]
    if done:  # most of a store is matched already: begin at the first row without an answer
        low = engine.value(_FIRST_NEW)
    compiled, matched = _compiled(engine), 0
    for first in range(low, high + 1, STEP):
        targets = engine.arrow(_NEW, {"first": first, "last": first + STEP - 1}).combine_chunks()
        if targets.num_rows:
            with engine.registered("grantlens_matched", _in_pieces(compiled, targets)):
                engine.execute(_KEEP)
            matched += targets.num_rows
    return matched


def _compiled(engine: Engine) -> Compiled:
    """Compile the catalogues of a store, or take them as they were compiled for the file before."""
    state = engine.rows(_STATE)[0]
    if engine not in _KNOWN or _KNOWN[engine][0] != state:
        _KNOWN[engine] = (state, Compiled.of(engine))
    return _KNOWN[engine][1]


def rematch(engine: Engine) -> int:
    """Forget all answers and match again, after the catalogues changed; inside the caller's transaction."""
    engine.execute("DELETE FROM usage_operation")
    return match_new(engine)


def _in_pieces(compiled: Compiled, targets: pa.Table) -> pa.Table:
    import pyarrow as pa

    pieces = [match(compiled, targets.slice(first, PIECE)) for first in range(0, targets.num_rows, PIECE)]
    return pa.concat_tables(pieces)


def match(compiled: Compiled, targets: pa.Table) -> pa.Table:
    """Match target rows: returns target_id, op_id, name (where that is what findings print) and match."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {name: _whole(targets[name]) for name in targets.column_names}
    columns["method"] = _upper(columns["method"])
    columns["resource_server"] = columns["resource_server"].dictionary_encode()
    operation = np.full(targets.num_rows, -1, np.int64)
    by_name = _by_name(compiled, columns, operation)
    _by_path(compiled, columns, operation)
    http = to_known(columns["method"]) & to_known(columns["target"])
    found = operation >= 0
    container = np.zeros(len(found), bool)
    rest = np.flatnonzero(~found)
    if len(rest):
        hidden = to_flags(pc.match_substring_regex(some(columns["target"], rest), CONTAINER))
        unnamed = ~to_known(some(columns["operation"], rest))
        container[rest] = hidden & unnamed & _posted(some(columns["method"], rest))
    answer = np.select([by_name, found, container], [0, 1, 2], 3).astype(np.int8)
    logged = to_known(columns["operation"]) & ((by_name & ~http) | ~found)
    return pa.table(
        {
            "target_id": columns["target_id"],
            "op_id": numbers(operation.astype(np.int32), found),
            "name": _only(columns["operation"], logged),
            "match": pa.DictionaryArray.from_arrays(numbers(answer), texts(MATCHES)),
        }
    )


def _posted(methods: pa.Array) -> np.ndarray:
    """Return which calls were a POST, or may have been one."""
    import numpy as np

    names = methods.dictionary.to_pylist()
    return np.array([*(name == "POST" for name in names), True], bool)[to_numbers(methods.indices)]


def _only(values: pa.Array, wanted: np.ndarray) -> pa.Array:
    """Return the values where they are wanted, null elsewhere."""
    import numpy as np
    import pyarrow as pa

    if not wanted.any():
        return pa.nulls(len(values), pa.string())
    return values.take(numbers(np.arange(len(values)), wanted))


def _upper(methods: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = methods.dictionary_encode()
    upper = pc.utf8_upper(encoded.dictionary).dictionary_encode()  # get and GET are one
    return pa.DictionaryArray.from_arrays(upper.indices.take(encoded.indices), upper.dictionary)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa

    return pa.concat_arrays(column.chunks) if column.num_chunks != 1 else column.chunk(0)


def _pairs(first: pa.Array, second: pa.Array) -> tuple[np.ndarray, list[tuple[str | None, str | None]]]:
    """Return for each row the number of its pair of values, and the distinct pairs."""
    import numpy as np

    left, right = first.dictionary_encode(), second.dictionary_encode()
    key = (to_numbers(left.indices) + 1) * (len(right.dictionary) + 1) + to_numbers(right.indices) + 1
    distinct, number = np.unique(key, return_inverse=True)
    lefts, rights = [None, *left.dictionary.to_pylist()], [None, *right.dictionary.to_pylist()]
    return number, [(lefts[code // len(rights)], rights[code % len(rights)]) for code in distinct.tolist()]


def _by_name(compiled: Compiled, columns: dict[str, pa.Array], operation: np.ndarray) -> np.ndarray:
    """Fill in the operations that the log names."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    named = np.flatnonzero(to_known(columns["operation"]))
    found = np.zeros(len(operation), bool)
    if len(named):
        names, servers = some(columns["operation"], named), some(columns["resource_server"], named)
        methods = some(columns["method"], named)
        answer = _ask(compiled, servers, names)
        missing = np.flatnonzero((answer < 0) & to_known(methods))
        if len(missing):  # a gateway that logs the route apart from the method
            routes = pc.binary_join_element_wise(
                some(methods, missing).cast(pa.string()), some(names, missing), texts([" "] * len(missing))
            )
            answer[missing] = _ask(compiled, some(servers, missing), routes)
        operation[named] = answer
        found[named] = answer >= 0
    return found


def _ask(compiled: Compiled, servers: pa.Array, names: pa.Array) -> np.ndarray:
    import numpy as np

    number, pairs = _pairs(servers, names)
    return np.array([compiled.by_name(server, name) for server, name in pairs], np.int64)[number]


def _by_path(compiled: Compiled, columns: dict[str, pa.Array], operation: np.ndarray) -> None:
    """Fill in the operations that the path tells."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    rest = np.flatnonzero((operation < 0) & to_known(columns["target"]))
    if not len(rest):
        return
    target, method, server = (some(columns[name], rest) for name in ("target", "method", "resource_server"))
    absolute = pc.starts_with(target, "http", ignore_case=True)
    if pc.any(absolute).as_py():  # a full address names its server better than the log's column does
        absolute = pc.match_substring_regex(target, "(?i)^https?://[^/]")
        host = pc.replace_substring_regex(target.filter(absolute), "(?is)^https?://([^/?#]*).*$", r"\1")
        server = pc.replace_with_mask(server.cast(pa.string()), absolute, host)
    encoded = server.dictionary_encode()
    servers = [*encoded.dictionary.to_pylist(), *([None] if encoded.null_count else [])]
    claims = [compiled.claim(name) for name in servers]
    claim = np.array(claims, np.int64)[to_numbers(encoded.indices)]
    for number in sorted(set(claims)):
        here = np.flatnonzero(claim == number)
        if len(here):
            operation[rest[here]] = compiled.find(number, some(target, here), some(method, here))
