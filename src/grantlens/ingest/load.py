"""Loading one file, and many: the order of the steps, and the transaction around them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from difflib import get_close_matches
from functools import partial
from queue import Full, Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from grantlens.errors import LoadError
from grantlens.ingest.account import Account, already_loaded
from grantlens.ingest.chunk import Chunk
from grantlens.ingest.content import Content
from grantlens.ingest.coverage import refresh_coverage
from grantlens.ingest.declared import note_declared
from grantlens.ingest.files import expand
from grantlens.ingest.outcome import LoadReport
from grantlens.ingest.pipeline import Pipeline
from grantlens.ingest.reading import Reading
from grantlens.ingest.recognise import choose, recognises
from grantlens.ingest.unknown_keys import refuse_unknown_columns
from grantlens.ingest.workbench import Workbench

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine
    from grantlens.loaders import Loader, Settings

Progress = Callable[[str, int, int, float], None]
"""Called with the file being read, the number of files done, the number of all files, and percent of this file."""


def load_files(
    engine: Engine,
    paths: Iterable[str | os.PathLike[str]],
    loader: str | Loader | None = None,
    progress: Progress | None = None,
    settings: Settings | None = None,
) -> LoadReport:
    """Load files, folders and globs; a bad file is named and does not stop the others.

    Each file is one transaction: it is in the store as a whole, or not at all.

    Parameters
    ----------
    engine
        The open store.
    paths
        What to load.
    loader
        The loader or its name; recognised by content if absent.
    progress
        Called now and then, see `Progress`.
    settings
        What the user said of the logs.
    """
    if settings and settings.time_zone:
        _require_zone(engine, settings.time_zone)
    files, missing = expand(paths)
    report = LoadReport(failed=[(error.message.split(" ")[0], error.message, error.remedy) for error in missing])
    with closing(Workbench()) as bench:
        for done, path in enumerate(files):
            told = partial(progress, path, done, len(files)) if progress else None
            if told:
                told(0.0)
            try:
                report.batches.append(load_file(engine, path, loader, told, settings, bench))
            except LoadError as error:
                report.failed.append((path, error.message, error.remedy))
    if progress and files:
        progress(files[-1], len(files), len(files), 100.0)
    return report


def load_file(
    engine: Engine,
    path: str | os.PathLike[str],
    loader: str | Loader | None = None,
    progress: Callable[[float], None] | None = None,
    settings: Settings | None = None,
    bench: Workbench | None = None,
) -> dict[str, Any]:
    """Load one file in one transaction and return its batch, as `grantlens load --json` prints it.

    Raises
    ------
    LoadError
        If the file cannot be read or no loader knows it; nothing of it is kept then.
    """
    name = os.fspath(path)
    seen = already_loaded(engine, name)
    if seen:
        return seen
    with closing(Content(name)) as content, engine.transaction():
        return _load(engine, content, loader, progress, settings, bench or Workbench())


def _load(
    engine: Engine,
    content: Content,
    loader: str | Loader | None,
    progress: Callable[[float], None] | None,
    settings: Settings | None,
    bench: Workbench,
) -> dict[str, Any]:
    reading = Reading(content, engine)
    hollow = reading.hollow()
    if hollow:
        return Account(engine, content.path).close_empty(content, hollow)
    chosen = choose(reading, loader, settings)
    refuse_unknown_columns(reading, chosen)
    account = Account(engine, content.path, chosen)
    pipeline = Pipeline(engine, chosen, account, reading, bench)
    chunks = reading.chunks(lambda sample: recognises(chosen, sample), chosen.list_cells)
    if reading.in_thread:
        chunks = _beside(map(pipeline.mapper.read, chunks))
    with closing(pipeline), closing(chunks) as ready:
        for chunk in ready:
            pipeline.take(chunk)
            if progress:
                progress(100.0 * content.taken / max(content.bytes, 1))
    pipeline.finish()
    batch = account.close(content)
    _match_new_targets(engine)
    note_declared(engine, chosen)
    refresh_coverage(engine, account.batch_id, chosen.carries, by_presence=chosen.name == "native")
    return batch


def _beside(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Read ahead in a thread: unpacking and cutting lines go on while the database works."""
    queue: Queue = Queue(1)
    stop = Event()

    def put(item: object) -> bool:
        while not stop.is_set():
            try:
                queue.put(item, timeout=0.1)
                return True
            except Full:
                continue
        return False

    def read() -> None:
        try:
            for chunk in chunks:
                if not put(chunk):
                    return
            put(None)
        except BaseException as error:
            put(error)

    thread = Thread(target=read, name="read", daemon=True)
    thread.start()
    try:
        while (item := queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()


def _require_zone(engine: Engine, zone: str) -> None:
    known = [name for (name,) in engine.rows("SELECT name FROM pg_timezone_names() ORDER BY name")]
    if zone not in known:
        near = get_close_matches(zone, known, 1)
        raise LoadError(
            f"There is no time zone {zone!r}.",
            f"Did you mean {near[0]}?" if near else "Give an IANA name, such as Europe/Berlin or UTC.",
        )


def _match_new_targets(engine: Engine) -> None:
    from grantlens.catalogue.matcher import match_new

    match_new(engine)
