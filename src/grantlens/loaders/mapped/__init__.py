"""Loaders that are written in TOML: which place of a record fills which canonical column.

`mapping(path)` reads such a file; `shipped()` gives those that come with grantlens, from `loaders/mappings/`.
docs/mapping.md teaches how to write one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from grantlens.errors import LoadError
from grantlens.given_path import given_path
from grantlens.loaders.loader import Loader
from grantlens.loaders.mapped.origin import origins
from grantlens.loaders.mapped.reading import read
from grantlens.loaders.mapped.rule import Mapped, Recognise
from grantlens.loaders.mapped.sql import Writer
from grantlens.loaders.mapped.unfound import unfound
from grantlens.loaders.mapped.unpacking import Splitter, Unpacker, record_of
from grantlens.loaders.settings import Settings
from grantlens.schema import TIMES

SHIPPED = Path(__file__).parent.parent / "mappings"
"""Where the mappings lie that come with grantlens."""


def mapping(path: str | os.PathLike[str]) -> Loader:
    """Read a mapping, so that `store.load(path, loader=...)` can use it.

    Parameters
    ----------
    path
        A TOML file.

    Raises
    ------
    LoadError
        If the file has a mistake; the message names the line.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp(), "acme.toml")
    >>> _ = file.write_text('''
    ... name = "acme_gateway"
    ... [usage]
    ... used_at = "time"
    ... client_id = "app.id"
    ... operation = "tool"
    ... outcome = { path = "status", values = { "ok" = "success" }, otherwise = "error" }
    ... ''')
    >>> mapping(file).name
    'acme_gateway'
    """
    return loader_of(read(Path(given_path(path, 'Name the file: gl.mapping("acme.toml").', LoadError))))


def shipped() -> Iterator[Loader]:
    """Give the loaders of the mappings that come with grantlens."""
    for path in sorted(SHIPPED.glob("*.toml")):
        yield mapping(path)


def loader_of(mapped: Mapped) -> Loader:
    """Return the loader that does what a mapping says."""
    writer = Writer(mapped)
    splitter = Splitter(mapped.lists, mapped.pairs, mapped.texts) or None
    selects = {log: writer.log(log) for log in TIMES}
    ignored = writer.ignored()
    plain = Loader(
        name=mapped.name,
        version=mapped.version,
        title=mapped.title,
        recognise=lambda sample: recognises(mapped, sample),
        fields=writer.fields,
        carries=mapped.carries,
        steps=writer.steps,
        issuance=selects["issuance"],
        usage=selects["usage"],
        revocation=selects["revocation"],
        ignored=ignored,
        joins=mapped.joins,
        keys_end=mapped.keys_end,
        actors=mapped.actors,
        details_types=True,
        audiences="as called" if any("audience" in part.columns for part in mapped.parts) else "",
        join_note=mapped.join_note,
        parameters={**writer.parameters, "zone": mapped.zone},
        configure=_configured,
        split=splitter,
        origins=lambda record: origins(mapped, record),
        unfound=lambda sample: unfound(mapped, records_of(mapped, sample)),
    )
    text = replace(plain, decode=Unpacker(mapped.texts), keeps_json=True, split=None)
    return replace(plain, dialect=lambda sample: text if any(map(is_text, sample)) else plain)


def recognises(mapped: Mapped, sample: Sequence[Mapping[str, Any]]) -> bool:
    """True if these first records of a file look like the log of a mapping."""
    records = list(records_of(mapped, sample))
    how = mapped.recognise
    if how is None:
        times = [rule for part in mapped.parts for rule in part.columns[TIMES[part.log]]]
        return any(place.find(record) is not None for record in records for rule in times for place in rule.places)
    known = sum(all(key.there(record) for key in how.keys) and how.only.holds(record) for record in records)
    return 2 * known > len(records) and (not how.any_of or _some(how, records))


def records_of(mapped: Mapped, sample: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Give the records as the mapping sees them: lines of text read, lists taken apart."""
    splitter = Splitter(mapped.lists, mapped.pairs, mapped.texts)
    for record in sample:
        if is_text(record):
            try:
                yield record_of(record["line"])
            except ValueError:
                continue
        elif splitter:
            yield from splitter.records(record)
        else:
            yield record


def is_text(record: Mapping[str, Any]) -> bool:
    """True if a record of a sample is a line of text."""
    return list(record) == ["line"] and isinstance(record["line"], str)


def _some(how: Recognise, records: Sequence[Mapping[str, Any]]) -> bool:
    return any(place.find(record) is not None for record in records for place in how.any_of)


def _configured(loader: Loader, settings: Settings) -> Loader:
    zone = settings.time_zone or loader.parameters["zone"]
    return replace(loader, parameters={**loader.parameters, "zone": zone})
