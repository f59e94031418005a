"""What a loader makes of the first records of a file: which path went to which column, and what was left over.

Nothing is written: each record goes through the real load in a store in memory, inside a transaction that is undone.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from grantlens.engine.duckdb import Engine
from grantlens.ingest.account import Account
from grantlens.ingest.chunk import chunks_of
from grantlens.ingest.content import Content
from grantlens.ingest.leaves import leaves, safe
from grantlens.ingest.pipeline import Pipeline
from grantlens.ingest.reading import Reading
from grantlens.ingest.recognise import choose, recognises
from grantlens.ingest.suggestion import Suggestion, suggest
from grantlens.loaders import loaders
from grantlens.loaders.mapped.unpacking import pairs_of
from grantlens.schema import LOGS, TIMES
from grantlens.schema.migrations import prepare
from grantlens.schema.vocabulary import ENUMS

if TYPE_CHECKING:
    from grantlens.loaders import Loader, Settings

RECORDS = 5
"""Records that are explained."""

LOOKED_AT = 50
"""Records among which these are looked for."""

_OURS = ("source", "batch_id", "line_no", "usage_id", "caller_id", "target_id")


@dataclass(frozen=True)
class Filled:
    """One column, its value, and the paths from which it came; none where it was worked out."""

    column: str
    value: str
    paths: list[str]


@dataclass(frozen=True)
class Leftover:
    """A value that stands in no column; `read` tells that a loader written in SQL looks at it all the same."""

    path: str
    value: str
    read: bool


@dataclass(frozen=True)
class Explained:
    """What came of one record."""

    line: int
    rows: list[tuple[str, list[Filled]]]
    ignored: str | None
    rejected: str | None
    decided_by: list[str]
    left_over: list[Leftover]


@dataclass(frozen=True)
class Explanation:
    """What came of the first records of a file.

    Parameters
    ----------
    path
        The file.
    shape
        Its shape: lines, document, csv, text or parquet.
    loader, title
        Its loader, None where none knows it.
    by_value
        True if the paths were found by comparing values: then a value that occurs twice has two paths.
    records
        One entry for each record.
    suggestion
        Where no loader knows the file: its paths, and a mapping to begin with.
    note
        Why there is nothing to explain.
    """

    path: str
    shape: str
    loader: str | None = None
    title: str | None = None
    by_value: bool = False
    records: list[Explained] = field(default_factory=list)
    suggestion: Suggestion | None = None
    note: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as `grantlens load --explain --json` prints it."""
        found = asdict(self)
        for record in found["records"]:
            record["rows"] = [{"log": log, "columns": columns} for log, columns in record["rows"]]
        return found


def explain(
    path: str | os.PathLike[str], loader: str | Loader | None = None, settings: Settings | None = None
) -> Explanation:
    """Explain what a load would make of the first records of a file.

    Parameters
    ----------
    path
        The file.
    loader
        The loader or its name; recognised by content if absent.
    settings
        What the user said of the log.

    Raises
    ------
    LoadError
        If the file cannot be read, or the loader needs a setting that was not given.
    """
    name = os.fspath(path)
    with closing(Content(name)) as content, closing(Engine(":memory:")) as engine:
        prepare(engine)
        reading = Reading(content, engine)
        hollow = reading.hollow()
        if hollow:
            return Explanation(name, reading.shape, note=hollow)
        if loader is None and not _known(reading):
            records = [_seen(record) for record in reading.unwrapped_sample()]
            return Explanation(name, reading.shape, suggestion=suggest(name, [each for each in records if each]))
        chosen = choose(reading, loader, settings)
        chunks = reading.chunks(lambda sample: recognises(chosen, sample), chosen.list_cells)
        first = [_explained(engine, reading, chosen, *record) for record in _unlike(chosen, _records(chunks))]
        return Explanation(name, reading.shape, chosen.name, chosen.title, chosen.origins is None, first)


def _known(reading: Reading) -> bool:
    samples = [sample for sample in (reading.sample, reading.unwrapped_sample()) if sample]
    return any(recognises(loader, sample) for sample in samples for loader in loaders().values())


def _records(chunks: Iterator[Any]) -> Iterator[tuple[int, str]]:
    for chunk in chunks:
        if chunk.check:
            chunk.check()
        lines = chunk.lines["true_line" if "true_line" in chunk.lines.column_names else "line_no"]
        for number in range(chunk.records):
            yield lines[number].as_py(), chunk.lines["line"][number].as_py().rstrip("\r\n")


def _unlike(loader: Loader, records: Iterator[tuple[int, str]]) -> list[tuple[int, str]]:
    """Pick the first records, those before all that hold other fields than the ones before them."""
    looked_at = list(islice(records, LOOKED_AT))
    kinds: dict[Any, int] = {}
    for number, (_, text) in enumerate(looked_at):
        record = _parsed(loader, text)
        kinds.setdefault(None if record is None else tuple(sorted(path for path, _ in leaves(record))), number)
    picked = list(kinds.values())[:RECORDS]
    picked += [number for number in range(len(looked_at)) if number not in picked][: RECORDS - len(picked)]
    return [looked_at[number] for number in sorted(picked)]


class _Undone(Exception):  # noqa: N818
    """Takes back what was done in a transaction."""


def _explained(engine: Engine, reading: Reading, loader: Loader, line: int, text: str) -> Explained:
    rows: dict[str, list[dict[str, Any]]] = {}
    reasons: dict[str, str | None] = {}
    try:
        with engine.transaction():
            pipeline = Pipeline(engine, loader, Account(engine, reading.path, loader), reading)
            with closing(pipeline):
                for chunk in chunks_of([(1, line, text)], shared_lines=reading.shared_lines):
                    pipeline.take(pipeline.mapper.read(chunk))
                pipeline.finish()
            for log in TIMES:
                rows[log] = engine.arrow(f"SELECT * FROM {log} ORDER BY event_id").to_pylist()
            for what in ("ignored", "rejected"):
                reasons[what] = engine.value(f"SELECT string_agg(DISTINCT reason, '; ') FROM {what}")
            raise _Undone
    except _Undone:
        pass
    record = _parsed(loader, text)
    if loader.origins is not None and record is not None:
        filled, decided, taken = _by_mapping(loader, record, rows)
    else:
        filled, decided, taken = _by_value(record or {}, rows)
    return Explained(line, filled, reasons["ignored"], reasons["rejected"], decided, _left(loader, record or {}, taken))


def _left(loader: Loader, record: dict[str, Any], taken: Sequence[str]) -> list[Leftover]:
    read = _reads(loader)
    moment = record.get("#time")
    return [
        Leftover(path, safe(path, value), loader.origins is None and read(path))
        for path, value in leaves(record)
        if not _within(path, taken) and not (path.startswith("#") and value == moment)
    ]


def _parsed(loader: Loader, text: str) -> dict[str, Any] | None:
    """Return the record as the loader sees it, None if it is none."""
    try:
        if loader.text:
            return dict(pairs_of(text))
        value = json.loads(loader.decode(text) if loader.decode else text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _seen(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record of a sample that no loader knows: a line of text becomes its pairs."""
    if list(record) != ["line"] or not isinstance(record["line"], str):
        return record
    try:
        return dict(pairs_of(record["line"]))
    except ValueError:
        return {}


def _by_mapping(
    loader: Loader, record: dict[str, Any], rows: dict[str, list[dict[str, Any]]]
) -> tuple[list[tuple[str, list[Filled]]], list[str], list[str]]:
    filled: list[tuple[str, list[Filled]]] = []
    decided: list[str] = []
    taken: list[str] = []
    values = {re.sub(r"\[\d+\]", "[*]", path): value for path, value in reversed(leaves(record))}
    for log, columns in (loader.origins(record) if loader.origins else {}).items():
        decided += columns.get("when", [])
        row = next(iter(rows.get(log, [])), None)
        found = []
        for column, paths in columns.items():
            if column == "when":
                continue
            value = row[column] if row else values.get(re.sub(r"\[\d+\]", "[*]", paths[0])) if paths else None
            if value is not None:
                found.append(Filled(column, _shown(column, value), list(paths)))
                taken += paths
        if log in LOGS:
            filled.append((log, found))
    return filled, list(dict.fromkeys(decided)), [*taken, *decided]


def _by_value(
    record: dict[str, Any], rows: dict[str, list[dict[str, Any]]]
) -> tuple[list[tuple[str, list[Filled]]], list[str], list[str]]:
    filled: list[tuple[str, list[Filled]]] = []
    taken: list[str] = []
    single = leaves(record)
    types = {column.name: column.type for table in LOGS.values() for column in table.columns}
    for log, found in rows.items():
        for row in found:
            columns = []
            for column, value in row.items():
                if column in _OURS or value is None or str(value).startswith(("md5:", "derived:")):
                    continue
                alike = [] if types[column] in ENUMS else [path for path, each in single if _same(each, value)]
                columns.append(Filled(column, _shown(column, value), alike[:3]))
                taken += alike
            filled.append((log, columns))
    return filled, [], taken


def _same(logged: Any, value: Any) -> bool:
    """True if a logged value is the one that stands in the column.

    Examples
    --------
    >>> _same("200", 200), _same("a b", ["a", "b"]), _same("2026-07-01T10:00:00Z", datetime.fromisoformat("2026-07-01T12:00:00+02:00"))
    (True, True, True)
    """
    if isinstance(value, datetime):
        return _moment(logged, value)
    if isinstance(value, list):
        items = logged if isinstance(logged, list) else re.split(r"[\s,;]+", str(logged))
        return bool(value) and sorted(map(str, items)) == sorted(map(str, value))
    return not isinstance(logged, (list, bool)) and len(str(value)) > 1 and str(logged) == str(value)


def _moment(logged: Any, value: datetime) -> bool:
    try:
        number = float(logged)
    except (TypeError, ValueError):
        try:
            moment = datetime.fromisoformat(str(logged).strip())
        except ValueError:
            return False
        return moment == value if moment.tzinfo else moment == value.replace(tzinfo=None)
    return any(abs(number / unit - value.timestamp()) < 0.001 for unit in (1, 1e3, 1e6, 1e9))


def _shown(column: str, value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return safe(column, value)


def _within(path: str, taken: Sequence[str]) -> bool:
    general = re.sub(r"\[\d+\]", "[*]", path)
    return any(
        each in (path, general)
        or path.startswith((each + ".", each + "["))
        or general.startswith((each + ".", each + "["))
        for each in taken
    )


def _reads(loader: Loader) -> Any:
    """Return what tells whether a loader looks at a path at all, as far as it declares what it parses."""
    try:
        fields = json.loads(loader.fields)
    except ValueError:
        return lambda path: True
    if not isinstance(fields, dict):
        return lambda path: True
    return lambda path: _declared(
        fields, re.findall(r"\"[^\"]+\"|'[^']+'|[^.\[\]]+", re.sub(r"\[[\d*]+\]", "", path)), path
    )


def _declared(fields: Any, keys: list[str], path: str) -> bool:
    if isinstance(fields, list):
        return _declared(fields[0], keys, path) if fields else False
    if not isinstance(fields, dict):
        return True
    if path in fields:
        return True
    if not keys:
        return True
    key = keys[0].strip("\"'")
    return key in fields and _declared(fields[key], keys[1:], "\0")
