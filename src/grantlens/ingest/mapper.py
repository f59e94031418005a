"""What a loader makes of a chunk: worked out in a database of its own, in memory, while the store writes what came before.

The store gets narrow tables: the rows of each log, the records ignored and those rejected.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from grantlens.engine.duckdb import Engine, MalformedJson, quote
from grantlens.ingest.answers import Answers
from grantlens.ingest.calls import CallReader
from grantlens.ingest.decoding import decoded
from grantlens.ingest.dictionary import entries_of
from grantlens.ingest.event_names import named
from grantlens.ingest.fitting import TELLABLE
from grantlens.ingest.key import number
from grantlens.ingest.mapping import (
    WANTED,
    Staging,
    kept_steps,
    parsed,
    reads_calls_only,
    staging,
    step_table,
    with_steps,
)
from grantlens.ingest.raw_tokens import hash_tokens, mask_tokens
from grantlens.ingest.rejection import rejected
from grantlens.ingest.rows import Rows, distinct
from grantlens.ingest.unknown_keys import unknown_keys
from grantlens.ingest.workbench import Workbench
from grantlens.loaders.loader import CHOSEN, TOLD_TENANT
from grantlens.reading.chunk import Chunk, Lines, int_array, numbers_of
from grantlens.schema import LOGS

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from grantlens.loaders import Loader
    from grantlens.reading.content import Content

TOKEN_COLUMNS = ("token_id", "parent_token_id", "session_id", "earlier_keys")


@dataclass(frozen=True)
class Mapped:
    """What one loader made of a chunk.

    Parameters
    ----------
    staged
        The rows of each log.
    ignored
        The reasons why records of each file were ignored, and how many by each; None if it ignores none.
    bad
        `line_no` and `reason` of the records that are rejected, a row for each reason; None if there are none.
    rejected
        The same records as they are kept: `line_no`, `reason` and `excerpt`.
    shown
        Between which times, `since` and `until`, records of each `file` and `tenant` show that a `log` is there; None if that is no question.
    """

    staged: list[Rows]
    ignored: pa.Table | None
    bad: pa.Table | None
    rejected: pa.Table | None
    shown: pa.Table | None = None


def bound(loader: Loader, paths: Sequence[str], token_key: str) -> dict[str, Any]:
    """Return what the SELECTs of a loader bind: its own parameters, and the files' names, source and token key."""
    names = [os.path.basename(path) for path in paths]
    return {**loader.parameters, "file_names": names, "source": loader.name, "token_key": token_key}


@dataclass(frozen=True)
class MappedChunk(Chunk):
    """A chunk, and what was made of it.

    Parameters
    ----------
    calls
        The staged calls, if it could be read the fast way.
    mapped
        What the loader made of it otherwise, and the loaders that it hands records on to.
    """

    calls: Rows | None = None
    mapped: tuple[Mapped, ...] = ()


class Mapper:
    """Turns chunks of records into rows.

    Parameters
    ----------
    loader
        The loader of the file.
    paths
        The files, in the order of their numbers.
    token_key
        The store's token key.
    bench
        Where it works.
    whole
        The file, if the database may read it itself.
    """

    def __init__(
        self, loader: Loader, paths: Sequence[str], token_key: str, bench: Workbench, whole: Content | None = None
    ) -> None:
        self._loader = loader
        self._paths = paths
        self._parameters = bound(loader, paths, token_key)
        self._bench = bench
        self._all_json = True
        self.calls = CallReader(loader, self._parameters, bench, whole)

    def read(self, chunk: Chunk, *, first: bool = False) -> MappedChunk:
        """Return the chunk with its calls where it holds nothing else, or with what was made of it.

        Parameters
        ----------
        chunk
            The chunk.
        first
            Whether it is the first one of its files, which may decide that one of them is none for this loader.
        """
        calls = self.calls.read(chunk)
        return self.map(chunk, first=first) if calls is None else MappedChunk(**vars(chunk), calls=calls)

    def map(self, chunk: Chunk, *, first: bool = False) -> MappedChunk:
        """Return the chunk with what was made of it."""
        if chunk.check:
            chunk.check()
        refused: pa.Table | None = None
        if self._loader.decode:
            decoded_lines, refused = decoded(chunk.lines.table, self._loader.decode, keeps_json=self._loader.keeps_json)
            chunk = replace(chunk, lines=Lines(decoded_lines))
        lines: Lines = chunk.lines
        mapped: list[Mapped] = []
        loader: Loader | None = self._loader
        while loader is not None:
            with self._engine.registered("chunk_line", lines.table):
                made, missing = self._map(loader, lines, refused, first=first and loader is self._loader)
            mapped.append(made)
            loader, refused = loader.otherwise if len(missing) else None, None
            if loader is not None:
                lines = Lines(lines.table.take(int_array(missing)))
        return MappedChunk(**(vars(chunk) | {"mapped": tuple(mapped)}))

    def _map(self, loader: Loader, lines: Lines, refused: pa.Table | None, *, first: bool) -> tuple[Mapped, np.ndarray]:
        """Return what one loader makes of the records, and where those stand for which it had no answer."""
        import numpy as np

        record = parsed(loader, "chunk_line")
        calls_only = reads_calls_only(loader)
        known = self._bench.shop.known(loader)
        kept = known[0] if known else {} if calls_only else kept_steps(loader)
        self._keep_steps(loader, kept)
        answers = Answers(numbers_of(lines.keys, "int64"))
        answers.reject(refused)
        if loader.known_keys is not None:
            answers.reject(unknown_keys(self._engine, loader, self._paths, first=first))
        if loader.rejected:
            answers.reject(self._said(loader, loader.rejected, kept))
        staged = []
        for each in known[1] if known else self._stagings_of(loader, record if calls_only else None, kept):
            table = self._stage(each, answers, tight=lines.told_tight)
            if table is not None:
                staged.append(Rows(table, each, self._entries(each, table)))
                answers.give(numbers_of(table["line_no"], "int64"))
        ignored = answers.ignore(self._said(loader, loader.ignored, kept)) if loader.ignored else None
        missing = np.flatnonzero(answers.missing())
        if loader.otherwise is None:
            answers.reject_missing("not mapped")
        bad = answers.rejected()
        shown = self._shown(loader, kept)
        return Mapped(staged, ignored, bad, bad and rejected(lines, bad, text=loader.text), shown), missing

    def _said(self, loader: Loader, select: str, kept: Mapping[str, str]) -> pa.Table:
        """Return what the loader says of records."""
        sql = f"SELECT line_no, reason FROM ({with_steps(loader, select, kept=kept)})"
        return self._engine.repeated(sql, self._parameters)

    def _shown(self, loader: Loader, kept: Mapping[str, str]) -> pa.Table | None:
        """Return between which times its records show that a log is there, see `Mapped`."""
        logs_by: dict[str, list[str]] = {}
        for log, select in loader.shown_by.items():
            if select and log in loader.carries:
                logs_by.setdefault(select, []).append(log)
        if not logs_by:
            return None
        tenant = f"coalesce(tenant::VARCHAR, ${TOLD_TENANT})" if TOLD_TENANT in loader.parameters else "tenant::VARCHAR"
        unchosen = f" SEMI JOIN (FROM chunk_line WHERE NOT ends_with(line, '{CHOSEN}')) USING (line_no)"
        of = unchosen if loader.marks_chosen else ""
        moments = " UNION ALL ".join(
            f"SELECT {number('line_no')} AS file, {tenant} AS tenant, unnest({logs}) AS log, happened_at FROM ({with_steps(loader, select, kept=kept)}){of}"
            for select, logs in logs_by.items()
        )
        sql = f"SELECT file, tenant, log, min(happened_at) AS since, max(happened_at) AS until FROM ({moments}) WHERE happened_at {TELLABLE} GROUP BY ALL"
        return self._engine.repeated(sql, self._parameters)

    def _keep_steps(self, loader: Loader, kept: dict[str, str]) -> None:
        """Work out the steps; once a record of the file was no JSON, in the way that bears it."""
        if not self._all_json:
            kept = kept_steps(loader, strict=False)
        try:
            for step, select in kept.items():
                self._run(f"CREATE OR REPLACE TEMP TABLE {quote(step_table(step))} AS {select}")
        except MalformedJson:
            if not self._all_json:
                raise
            self._all_json = False
            self._keep_steps(loader, kept)

    def _stagings_of(self, loader: Loader, record: str | None, kept: dict[str, str]) -> list[Staging]:
        again = parsed(loader, f"(SELECT line_no, line FROM chunk_line WHERE {WANTED})")
        logs = [log for log in LOGS if getattr(loader, log)]
        stagings = [staging(self._engine, loader, log, record, again, self._parameters, kept) for log in logs]
        self._bench.shop.learn(loader, kept, stagings)
        return stagings

    def _stage(self, staged: Staging, answers: Answers, *, tight: bool) -> pa.Table | None:
        """Stage a log, reject the rows that do not fit, and return the others; None if there are none."""
        whole = (
            " SEMI JOIN chunk_line l ON l.line_no = s.line_no AND strlen(rtrim(l.line, chr(13) || chr(10))) = s.accounted"
            if staged.accounted
            else ""
        )
        rows = in_order(answers.fitting(self._engine.repeated(f"FROM ({staged.sql}) s{whole}", self._parameters)))
        if not len(rows):
            return None
        rows = named(self._engine, rows, text=self._loader.text, tight=tight)
        if staged.log == "usage":  # of calls the dictionaries hash what they hold
            return rows
        return hash_tokens(
            mask_tokens(rows), [name for name in TOKEN_COLUMNS if name in staged.given], self._parameters["token_key"]
        )

    def _entries(self, staged: Staging, rows: pa.Table) -> dict[str, pa.Table]:
        """Return by the name of each hash what those of the staged calls stand for, each told by its first record."""
        import numpy as np
        import pyarrow as pa

        if not staged.hashes:
            return {}
        first = np.unique(np.concatenate([distinct(rows[name]).first for name in staged.hashes]))
        examples = pa.Table.from_arrays([rows["line_no"].take(int_array(first))], names=["example"])
        with self._engine.registered("example", examples):
            shown = self._engine.repeated(staged.examples, self._parameters)
        return entries_of(shown)

    @property
    def _engine(self) -> Engine:
        return self._bench.engine

    def _run(self, sql: str) -> None:
        self._engine.execute(sql, self._parameters)


def in_order(rows: pa.Table) -> pa.Table:
    """Return the rows in the order of their records: DuckDB keeps none where it joins, and the first of several counts.

    Examples
    --------
    >>> import pyarrow as pa
    >>> in_order(pa.table({"line_no": [2, 1], "event_id": ["b", "a"]}))["event_id"].to_pylist()
    ['a', 'b']
    """
    import numpy as np

    keys = numbers_of(rows["line_no"], "int64")
    return rows.take(int_array(np.argsort(keys, kind="stable"))) if np.diff(keys).min(initial=0) < 0 else rows
