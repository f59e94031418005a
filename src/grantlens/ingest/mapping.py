"""From records to canonical rows: the SQL that is made out of a loader's SELECTs.

Each log is staged in a temporary table. A value that does not fit its column, or a required one that
is missing, gives the row a reason, in `refused`. Of usage only what differs from call to call is staged;
who called and what was called are hashed, and read again only where the hash is new (see `dictionary`).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from grantlens.engine.duckdb import quote
from grantlens.ingest.fitting import FILLED, values_of, why_refused
from grantlens.loaders.loader import TOLD_TENANT
from grantlens.schema import LOGS, USAGE_CALLER, USAGE_ROW, USAGE_TARGET

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from grantlens.engine.duckdb import Engine
    from grantlens.loaders import Loader
    from grantlens.schema import Column, Table

ENTRIES = {"caller_hash": USAGE_CALLER, "target_hash": USAGE_TARGET}
"""Staged hash, and the dictionary that holds what was hashed."""

WANTED = "line_no IN (SELECT example FROM example)"
"""The records that show what a new hash stands for."""

_SHARED = ("source",)
"""Column of a caller that is staged all the same: it is part of what makes an event the same event."""


@dataclass(frozen=True)
class Staging:
    """How one log of a loader is staged.

    Parameters
    ----------
    log
        issuance, usage or revocation.
    given
        The canonical columns that the loader gives.
    sql
        SELECT with `line_no`, the columns in canonical types, and `refused`: why the row is none, or NULL.
    hashes
        For usage: the hashes of caller and target.
    examples
        For usage: the SELECT that gives what these stand for, each as a structure of that name: the hash as `seen`, the columns
        that were hashed, and `refused`.
    accounted
        True if there is a column `accounted`, see `Loader`.
    shows
        True if each row shows that the log is there.
    """

    log: str
    given: tuple[str, ...]
    sql: str
    hashes: tuple[str, ...]
    examples: str
    accounted: bool = False
    shows: bool = False

    def column(self, name: str, type_: str) -> str:
        """Return the column where the loader gives it, else what stands for it."""
        if name == "source" and name not in self.given:
            return "$source"
        return quote(name) if name in self.given else f"NULL::{type_}"


def parsed(loader: Loader, lines: str, *, strict: bool = False) -> str:
    """Return the SELECT that parses each record of `lines` once; one that is no JSON is NULL, or an error where it is strict.

    DuckDB takes a sixth longer to parse where it has to be ready for what is no JSON.
    """
    if loader.text:  # `rtrim` looks at every letter, and most lines end in a plain newline
        return (
            "SELECT line_no, CASE WHEN strlen(start) + 1 = strlen(line) AND NOT ends_with(start, chr(13)) THEN start "
            f"ELSE rtrim(line, chr(13) || chr(10)) END AS r FROM (SELECT *, split_part(line, chr(10), 1) AS start FROM {lines})"
        )
    if loader.fields == '"JSON"':
        return f"SELECT line_no, TRY_CAST(line AS JSON) AS r FROM {lines}"
    record = f"from_json(line, {_literal(loader.glance or loader.fields)})"
    beside = ", line" if loader.glance else ""
    return f"SELECT line_no, {record if strict else f'TRY({record})'} AS r{beside} FROM {lines}"


def parsed_file(loader: Loader) -> str:
    """Return the SELECT that reads the records of a file of lines, `$file`, in order.

    Twice as fast as `parsed`, and strict: whatever does not fit `fields` is an error.
    """
    fields = json.loads(loader.fields)
    columns = ", ".join(f"{_literal(name)}: {_literal(_sql_type(kind))}" for name, kind in fields.items())
    record = ", ".join(f"{quote(name)} := {quote(name)}" for name in fields)
    return (
        f"SELECT 0::BIGINT AS line_no, struct_pack({record}) AS r FROM read_json($file, format = 'newline_delimited', "
        f"compression = 'none', maximum_object_size = 2097152, columns = {{{columns}}})"
    )


def _sql_type(kind: str | list | dict) -> str:
    """Return the SQL type of a part of a JSON structure.

    Examples
    --------
    >>> _sql_type({"a": "VARCHAR", "b": ["BIGINT"]})
    'STRUCT("a" VARCHAR, "b" BIGINT[])'
    """
    if isinstance(kind, dict):
        return f"STRUCT({', '.join(f'{quote(name)} {_sql_type(part)}' for name, part in kind.items())})"
    return f"{_sql_type(kind[0])}[]" if isinstance(kind, list) else kind


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def kept_steps(loader: Loader, *, strict: bool = True) -> dict[str, str]:
    """Return, in order, the SELECT of each step that is read from several places: worked out once, kept in a table.

    The parsed `record` is one of them, unless a single step reads it: that one parses what it reads, since a table of
    whole records costs about as much to write as the parsing.

    Parameters
    ----------
    loader
        The loader.
    strict
        Whether a record that is no JSON is an error, see `parsed`.

    Examples
    --------
    >>> from grantlens.loaders import loaders
    >>> [step for step in kept_steps(loaders()["okta"])]
    ['event', 'known', 'party', 'ended']
    """
    selects = [select for name in (*LOGS, "ignored", "rejected") if (select := getattr(loader, name))]
    selects += filter(None, {*loader.shown_by.values()})
    shared = []
    for step in loader.steps:
        others = [other for name, other in loader.steps.items() if name != step]
        if sum(_times_read(reader, step) for reader in (*selects, *others)) > 1:
            shared.append(step)
    record = parsed(loader, "chunk_line", strict=strict)
    whole = [with_steps(loader, text, kept=shared) for text in selects]
    whole += [_kept_step(loader, step, shared) for step in shared]
    if sum(_reads(text, "record") for text in whole) == 1 and not _reads(" ".join(whole[: len(selects)]), "record"):
        return {step: _kept_step(loader, step, shared, record) for step in shared}
    return {"record": record} | {step: _kept_step(loader, step, shared) for step in shared}


def _kept_step(loader: Loader, step: str, shared: list[str], record: str | None = None) -> str:
    return with_steps(loader, loader.steps[step], record, shared[: shared.index(step)])


def with_steps(
    loader: Loader, select: str, record: str | None = None, kept: Iterable[str] = (), where: str | None = None
) -> str:
    """Return one of the loader's SELECTs with the steps that it reads before it.

    Parameters
    ----------
    loader
        The loader.
    select
        The SELECT.
    record
        What gives the records, where table `record` does not.
    kept
        Steps that were worked out before, see `kept_steps`.
    where
        What to take of these.
    """
    only = f" WHERE {where}" if where else ""
    texts = {"record": record} if record else {}
    texts |= {
        step: f"FROM {quote(step_table(step))}{only}" if step in kept else text for step, text in loader.steps.items()
    }
    needed, wanted = [], [select]
    for step in reversed(texts):
        if any(_reads(text, step) for text in wanted):
            wanted.append(texts[step])
            needed.append(step)
    steps = ", ".join(
        f"{quote(step)} AS {'NOT MATERIALIZED ' if step in kept else ''}({_bare(texts[step])})"
        for step in reversed(needed)
    )
    return f"WITH {steps} SELECT * FROM ({_bare(select)})" if steps else f"SELECT * FROM ({_bare(select)})"


def step_table(step: str) -> str:
    """Return the name of the table in which a step is kept."""
    return step if step == "record" else f"step_{step}"


def _reads(text: str, relation: str) -> bool:
    return _times_read(text, relation) > 0


def _times_read(text: str, relation: str) -> int:
    return len(re.findall(rf"\b{re.escape(relation)}\b", _code(text)))


@cache
def _code(sql: str) -> str:
    r"""Return SQL without its comments and texts, in which the name of a step is a word as any other.

    Examples
    --------
    >>> _code("SELECT 'no event' AS reason -- it's none\nFROM call")
    'SELECT  AS reason \nFROM call'
    """
    return re.sub(r"--[^\n]*|'(?:[^']|'')*'", "", sql)


def reads_calls_only(loader: Loader) -> bool:
    """True if one SELECT of JSON is all there is: then nothing has to be kept of a record but that."""
    return not any(
        (
            loader.text,
            loader.decode,
            loader.glance,
            loader.issuance,
            loader.revocation,
            loader.ignored,
            loader.rejected,
            loader.known_keys,
            any(loader.shown_by.values()),
        )
    )


def staging(
    engine: Engine,
    loader: Loader,
    log: str,
    record: str | None,
    again: str,
    parameters: Mapping[str, Any],
    kept: Iterable[str] = (),
) -> Staging:
    """Work out how a log is staged.

    Parameters
    ----------
    engine
        Open store; the relations that the SELECTs read must exist, their content does not matter.
    loader
        The loader.
    log
        issuance, usage or revocation.
    record
        SELECT that gives the records, None where table `record` does.
    again
        SELECT that gives the records which the dictionaries want to see again.
    parameters
        What the SELECTs bind.
    kept
        Steps that are worked out before.
    """
    mapping = getattr(loader, log)
    select = with_steps(loader, mapping, record, kept)
    types = {name: type_ for name, type_, *_ in engine.rows(f"DESCRIBE {select}", parameters)}
    if TOLD_TENANT in parameters:
        mapping = _of_tenant(mapping, named="tenant" in types)
        select, types["tenant"] = with_steps(loader, mapping, record, kept), "VARCHAR"
    inputs = {
        name: [each for each in types if each.startswith(f"{name.removesuffix('_hash')}_input_")] for name in ENTRIES
    }
    given = _given(loader, log, types, {column for columns in inputs.values() for column in columns})
    table = {column.name: column for column in LOGS[log].columns}
    hashed: dict[str, list[Column]] = {}
    if log == "usage":
        hashed = {name: [table[each] for each in entry.names if each in given] for name, entry in ENTRIES.items()}
    hashes = {name: _hash(inputs[name], columns) for name, columns in hashed.items()}
    apart = {column.name for columns in hashed.values() for column in columns} - {*USAGE_ROW.names, *_SHARED}
    staged = [table[name] for name in given if name not in apart]
    accounted = {"accounted": "s.accounted"} if "accounted" in types else {}
    values = "".join(
        f", {value} AS {quote(name)}" for name, value in (values_of(staged, types) | hashes | accounted).items()
    )
    entries = ", ".join(
        f"{_struct(_entry(hashes[name], columns, types, ENTRIES[name]))} AS {name}" for name, columns in hashed.items()
    )
    wanted = (None, kept, WANTED) if set(kept) - {"record"} else (again,)
    return Staging(
        log,
        given,
        f"SELECT s.line_no{values}, {why_refused(staged, types)} AS refused FROM ({select}) s",
        tuple(hashes),
        f"SELECT {entries} FROM ({with_steps(loader, mapping, *wanted)}) s" if hashes else "",
        bool(accounted),
        log in loader.carries and loader.shown_by.get(log) == "",
    )


def _given(loader: Loader, log: str, types: Mapping[str, str], inputs: set[str]) -> tuple[str, ...]:
    """Return the canonical columns that a SELECT of a loader gives.

    Raises
    ------
    ValueError
        If it gives a column that there is not, or lacks one that there has to be.
    """
    columns = LOGS[log].columns
    strange = [name for name in types if name not in {*LOGS[log].names, "accounted", *inputs}]
    if strange:
        raise ValueError(f"Loader {loader.name} gives {strange} for {log}: no such columns.")
    missing = [column.name for column in columns if column.required and column.name not in {*types, *FILLED}]
    if missing:
        raise ValueError(f"Loader {loader.name} gives no {', '.join(missing)} for {log}.")
    return tuple(name for name in LOGS[log].names if name in types and name not in ("batch_id", "line_no"))


def _of_tenant(select: str, *, named: bool) -> str:
    """Return a loader's SELECT with the tenant that the user named, where the record names none."""
    given = f"coalesce(tenant::VARCHAR, ${TOLD_TENANT})" if named else f"${TOLD_TENANT}::VARCHAR"
    return f"SELECT * {f'REPLACE ({given} AS tenant)' if named else f', {given} AS tenant'} FROM ({_bare(select)})"


def _hash(inputs: list[str], columns: list[Column]) -> str:
    """Return the SQL of a hash over columns, or over inputs that stand for them; their names take part, so that no two are mixed up."""
    names = inputs or [column.name for column in columns]
    values = [f"s.{quote(name)}" for name in inputs] or [as_hashed(column, "s.") for column in columns]
    return f"hash($token_key || {_literal(' '.join(names))}, {', '.join(values) or '0'})"


def _struct(values: Mapping[str, str]) -> str:
    return f"struct_pack({', '.join(f'{quote(name)} := {value}' for name, value in values.items())})"


def as_hashed(column: Column, before: str = "") -> str:
    """Return a column as it goes into a hash: DuckDB gives NULL and the empty list the same one.

    Examples
    --------
    >>> from grantlens.schema.table import Column
    >>> as_hashed(Column("token_scopes", "VARCHAR[]", "Scopes."), "s.")
    's."token_scopes", s."token_scopes" IS NULL'
    """
    name = before + quote(column.name)
    return f"{name}, {name} IS NULL" if column.type.endswith("[]") else name


def _entry(hashed: str, columns: list[Column], types: dict[str, str], entry: Table) -> dict[str, str]:
    """Return the columns of an entry, by name the SQL of each."""
    given = {column.name for column in columns}
    absent = {
        column.name: "$source" if column.name == "source" else f"NULL::{column.type}"
        for column in entry.columns[1:]
        if column.name not in given
    }
    return {"seen": hashed} | values_of(columns, types) | absent | {"refused": why_refused(columns, types)}


def _bare(sql: str) -> str:
    return sql.strip().rstrip(";")
