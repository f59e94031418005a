"""Loading one file, and many: the order of the steps, and the transaction around them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import closing, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from grantlens.engine.duckdb import owner_only
from grantlens.errors import DEBUG, MISTAKE, NO_ROOM, GrantlensError, LoadError, StoreError
from grantlens.handwritten import did_you_mean
from grantlens.ingest.account import Account, already_loaded, noting_other_loader
from grantlens.ingest.chunk import memory_kept
from grantlens.ingest.content import FileChanged
from grantlens.ingest.coverage import count_events, coverage_refreshed
from grantlens.ingest.declared import note_declared
from grantlens.ingest.files import expand
from grantlens.ingest.opening import SMALL, Opened, Opener
from grantlens.ingest.outcome import LoadReport
from grantlens.ingest.pipeline import Pipeline
from grantlens.ingest.secrecy import masked
from grantlens.schema import LOGS

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
    files, missing = expand(paths, engine.path)
    report = LoadReport(failed=[(path, error.message, error.remedy) for path, error in missing.items()])
    with owner_only(), memory_kept(), coverage_refreshed(engine), closing(Opener(engine, loader, settings)) as opener:
        for done, path in enumerate(files):
            told = partial(progress, path, done, len(files)) if progress else None
            if told:
                told(0.0)
            following = files[done + 1] if done + 1 < len(files) else None
            try:
                report.batches.append(_load_next(engine, opener, path, following, told))
            except StoreError:
                raise  # the next file would meet it too
            except GrantlensError as error:
                report.failed.append((path, error.message, error.remedy))
            except Exception as error:
                report.failed.append((path, *_unforeseen(error)))
    if progress and files:
        progress(files[-1], len(files), len(files), 100.0)
    return report


def load_file(
    engine: Engine,
    path: str | os.PathLike[str],
    loader: str | Loader | None = None,
    progress: Callable[[float], None] | None = None,
    settings: Settings | None = None,
) -> dict[str, Any]:
    """Load one file in one transaction and return its batch, as `grantlens load --json` prints it.

    Raises
    ------
    LoadError
        If the file cannot be read or no loader knows it; nothing of it is kept then.
    """
    with owner_only(), memory_kept(), coverage_refreshed(engine), closing(Opener(engine, loader, settings)) as opener:
        return _load_next(engine, opener, os.fspath(path), None, progress)


def _load_next(
    engine: Engine,
    opener: Opener,
    path: str,
    following: str | None,
    progress: Callable[[float], None] | None,
) -> dict[str, Any]:
    """Load a file, and begin with the one that follows."""
    seen = already_loaded(engine, path)
    if seen:
        return noting_other_loader(seen, opener.wanted())
    try:
        with closing(opener.open(path)) as opened, engine.transaction(large=opened.content.bytes > SMALL):
            if following is not None:
                opener.open_ahead(following)
            return _load(engine, opened, opener, progress, last=following is None)
    except FileChanged:
        with closing(opener.open(path, once=True)) as opened, engine.transaction(large=True):
            return _load(engine, opened, opener, progress, last=following is None)


def _load(
    engine: Engine, opened: Opened, opener: Opener, progress: Callable[[float], None] | None, *, last: bool
) -> dict[str, Any]:
    content, loader = opened.content, opened.loader
    account = Account(engine, content.path, loader)
    if loader is None:
        return account.close_empty(content, opened.hollow)
    account.notes += [*opener.said(loader), *opened.doubts]
    pipeline = Pipeline(engine, loader, account, opened.reading, opener.spare)
    with (
        engine.sharing() if content.bytes > SMALL else nullcontext()
    ):  # to start and end threads takes a few milliseconds
        for chunk in opened.chunks:
            pipeline.take(chunk)
            if progress:
                progress(100.0 * content.taken / max(content.bytes, 1))
    if last:
        opener.retire()
    pipeline.finish()
    batch = account.close(content)
    _match_new_targets(engine)
    note_declared(engine, loader)
    holds = [log for log in LOGS if account.counts[log]]
    count_events(engine, account.batch_id, loader.carries, holds, by_presence=loader.name == "native")
    return batch


def _unforeseen(error: Exception) -> tuple[str, str]:
    """Return message and remedy of what went wrong with one file, and nobody foresaw; raise what concerns all files."""
    number = error.errno if isinstance(error, OSError) else None
    if number in NO_ROOM or os.environ.get(DEBUG):
        raise error
    if number is not None:
        return f"It cannot be read: {os.strerror(number)}.", "Check the file, and the disk that it is on."
    said = masked(str(error).partition("\n")[0])
    return f"Something unexpected happened: {type(error).__name__}: {said}.", MISTAKE


def _require_zone(engine: Engine, zone: str) -> None:
    known = [name for (name,) in engine.rows("SELECT name FROM pg_timezone_names() ORDER BY name")]
    if zone not in known:
        remedy = did_you_mean(zone, known, "Give an IANA name, such as Europe/Berlin or UTC.")
        raise LoadError(f"There is no time zone {zone!r}.", remedy)


def _match_new_targets(engine: Engine) -> None:
    from grantlens.catalogue.matcher import match_new

    match_new(engine)
