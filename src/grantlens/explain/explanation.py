"""What a loader makes of the first records of a file: which path went to which column, and what was left over.

Nothing is written: each record goes through the real load in a store in memory, inside a transaction that is undone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from grantlens.engine.duckdb import Engine
from grantlens.explain.advice import advice
from grantlens.explain.leaves import leaves
from grantlens.explain.provenance import Filled, Leftover, by_mapping, by_value, left_over
from grantlens.explain.suggestion import Suggestion, suggest
from grantlens.ingest.account import Account, Accounts
from grantlens.ingest.mapper import MappedChunk
from grantlens.ingest.pipeline import Pipeline
from grantlens.ingest.recognise import choose, doubts, is_known, recognises, unfound
from grantlens.ingest.workbench import Workbench, Workshop
from grantlens.loaders.mapped.unpacking import pairs_of, record_of
from grantlens.reading.chunk import chunks_of
from grantlens.reading.content import Content
from grantlens.reading.one_file import Reading
from grantlens.schema import TIMES
from grantlens.schema.migrations import prepare

if TYPE_CHECKING:
    from grantlens.loaders import Loader, Settings, Unfound

RECORDS = 5
"""Records that are explained."""

LOOKED_AT = 50
"""Records among which these are looked for."""


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
    doubts
        Why a mapping that the user named may be the wrong one, or mistyped.
    unfound
        Paths of a mapping that the user named at which none of the first records has anything.
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
    doubts: list[str] = field(default_factory=list)
    unfound: list[Unfound] = field(default_factory=list)
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
    with (
        closing(Content(name)) as content,
        closing(Reading(content)) as reading,
        closing(Engine(":memory:")) as engine,
    ):
        prepare(engine)
        hollow = reading.hollow()
        if hollow:
            return Explanation(name, reading.shape, note=hollow)
        if loader is None and not is_known(reading):
            records = [_seen(record) for record in reading.unwrapped_sample()]
            return Explanation(name, reading.shape, suggestion=suggest(name, [each for each in records if each]))
        chosen = choose(reading, loader, settings)
        chunks = reading.chunks(lambda sample: recognises(chosen, sample), chosen.list_cells)
        with closing(Workshop()) as shop, closing(Workbench(shop)) as bench:
            first = [
                _explained(engine, reading, chosen, *record, bench) for record in _unlike(chosen, _records(chunks))
            ]
        said = doubts(chosen, loader, reading), list(unfound(chosen, loader, reading))
        return Explanation(name, reading.shape, chosen.name, chosen.title, chosen.origins is None, first, *said)


def _records(chunks: Iterator[Any]) -> Iterator[tuple[int, str]]:
    for chunk in chunks:
        if chunk.check:
            chunk.check()
        places, texts = chunk.lines.places, chunk.lines.texts
        for number in range(chunk.records):
            yield places[number].as_py(), texts[number].as_py().rstrip("\r\n")


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


def _explained(engine: Engine, reading: Reading, loader: Loader, line: int, text: str, bench: Workbench) -> Explained:
    rows: dict[str, list[dict[str, Any]]] = {}
    reasons: dict[str, str | None] = {}
    try:
        with engine.transaction():
            pipeline = Pipeline(engine, loader, Accounts(engine, [Account(reading.path, loader)]), bench)
            for chunk in chunks_of([(1, line, text)], shared_lines=reading.shared_lines):
                pipeline.take(MappedChunk(**vars(chunk)))
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
        filled, decided, taken = by_mapping(loader, record, rows)
    else:
        filled, decided, taken = by_value(record or {}, rows)
    rejected = reasons["rejected"]
    say = advice(rejected) if rejected and loader.origins is not None else ""
    return Explained(
        line,
        filled,
        reasons["ignored"],
        f"{rejected}: {say}" if say else rejected,
        decided,
        left_over(loader, record or {}, taken),
    )


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
    """Return a record of a sample that no loader knows: a line of text becomes its pairs, a comment nothing."""
    if list(record) != ["line"] or not isinstance(record["line"], str):
        return record
    if record["line"].startswith("#"):
        return {}
    try:
        return record_of(record["line"])
    except ValueError:
        return {}
