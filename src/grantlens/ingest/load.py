"""Loading one file, and many: the order of the steps, and the transactions around them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from grantlens.engine.duckdb import owner_only
from grantlens.errors import DEBUG, MISTAKE, NO_ROOM, GrantlensError, LoadError, StoreError
from grantlens.handwritten import did_you_mean
from grantlens.ingest.account import Account, Accounts
from grantlens.ingest.bundle import small_run
from grantlens.ingest.coverage import count_events, coverage_refreshed
from grantlens.ingest.declared import note_declared, note_undeclared
from grantlens.ingest.files import expand
from grantlens.ingest.opening import SMALL, Opened, Opener
from grantlens.ingest.outcome import LoadReport
from grantlens.ingest.pipeline import Pipeline
from grantlens.reading.chunk import memory_kept
from grantlens.reading.content import FileChanged
from grantlens.schema import LOGS
from grantlens.secrecy import masked

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine
    from grantlens.loaders import Loader, Settings

Progress = Callable[[str, int, int, float], None]
"""Called with the file being read, or the first of those that are read together; the number of files done, that of all files, and percent."""


def load_files(
    engine: Engine,
    paths: Iterable[str | os.PathLike[str]],
    loader: str | Loader | None = None,
    progress: Progress | None = None,
    settings: Settings | None = None,
) -> LoadReport:
    """Load files, folders and globs; a bad file is named and does not stop the others.

    A file is in the store as a whole, or not at all. Small files that follow each other are read together, in one transaction;
    if something is wrong with one of them, each is loaded by itself.

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
    done = singly = 0
    with owner_only(), memory_kept(), coverage_refreshed(engine), closing(Opener(engine, loader, settings)) as opener:
        while done < len(files):
            told = partial(progress, files[done], done, len(files)) if progress else None
            if told:
                told(0.0)
            try:
                loaded = _load_next(engine, opener, files, done, singly, told)
                report.batches += loaded
                done += len(loaded)
            except _NotTogether as refused:
                singly = done + refused.files
            except StoreError:
                raise  # the next file would meet it too
            except Exception as error:
                report.failed.append((files[done], *_told(error)))
                done += 1
    if progress and files:
        progress(files[-1], len(files), len(files), 100.0)
    return report


class _NotTogether(Exception):  # noqa: N818
    """Something is wrong with one of so many files that were read together; nothing of them was kept."""

    def __init__(self, files: int) -> None:
        super().__init__(f"{files} files cannot be read together")
        self.files = files


def _load_next(
    engine: Engine,
    opener: Opener,
    paths: Sequence[str],
    first: int,
    singly: int,
    progress: Callable[[float], None] | None,
) -> list[dict[str, Any]]:
    """Load a file, and those after it that can be read together with it; begin with what follows.

    Parameters
    ----------
    engine, opener
        The store, and who opens the files.
    paths
        All files.
    first
        Which of them is next.
    singly
        How many of them, from the first of all, are read one by one.
    progress
        Called now and then with percent.
    """

    def turn(at: int) -> list[str]:
        return [paths[at]] if at < singly else small_run(paths, at)

    seen = opener.known.run(paths, first, opener.wanted(), opener.settings)
    if seen:
        return seen
    opened = opener.open(turn(first))
    try:
        with closing(opened), engine.transaction(large=opened.bytes > SMALL):
            following = first + len(opened.files)
            if following < len(paths):
                opener.open_ahead(turn(following))
            batches = _load(engine, opened, opener, progress, last=following == len(paths))
    except StoreError:
        raise
    except Exception as error:
        if len(opened.files) > 1:
            raise _NotTogether(len(opened.files)) from error
        if not isinstance(error, FileChanged):
            raise
        opened = opener.open([paths[first]], once=True)
        with closing(opened), engine.transaction(large=True):
            batches = _load(engine, opened, opener, progress, last=first + 1 == len(paths))
    for file in opened.files:
        opener.known.add(file.content)
    return batches


def _load(
    engine: Engine, opened: Opened, opener: Opener, progress: Callable[[float], None] | None, *, last: bool
) -> list[dict[str, Any]]:
    loader, contents = opened.loader, [file.content for file in opened.files]
    said = opener.said(loader) if loader else []
    accounts = Accounts(
        engine,
        [Account(file.path, loader, [file.hollow] if file.hollow else [*said, *file.doubts]) for file in opened.files],
    )
    if loader is None:
        return accounts.close(contents)
    pipeline = Pipeline(engine, loader, accounts, opener.spare)
    # To start and end threads takes a few milliseconds.
    with engine.sharing() if opened.bytes > SMALL else nullcontext():
        for chunk in opened.chunks:
            pipeline.take(chunk)
            if progress:
                progress(opened.taken())
    if last:
        opener.retire()
    pipeline.finish()
    batches = accounts.close(contents)
    _match_new_targets(engine)
    note_declared(engine, loader)
    holds = [log for log in LOGS if accounts.total(log)]
    count_events(engine, accounts.batch_id, loader, holds, pipeline.shown())
    note_undeclared(engine, accounts.batch_id)  # a native record names the source that it is of
    return batches


def _told(error: Exception) -> tuple[str, str]:
    """Return message and remedy of what went wrong with one file; raise what concerns all files."""
    if isinstance(error, GrantlensError):
        return error.message, error.remedy
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
