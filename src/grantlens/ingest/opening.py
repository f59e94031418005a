"""Opening files in their turn, and small ones ahead of it.

Thousands of small files are the rule for some logs: those that follow each other and have the same loader are read together
(see `bundle`). While the store writes them, the next ones are unpacked, cut and mapped. Of a large file, chunks are cut in
one thread and mapped in others, while the store writes those before them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from grantlens.ingest.beside import Beside
from grantlens.ingest.bundle import Bundle
from grantlens.ingest.known import IN_ZONE, OF_TENANT, Known
from grantlens.ingest.mapper import MappedChunk, Mapper
from grantlens.ingest.mapping import reads_calls_only
from grantlens.ingest.recognise import choose, doubts, named, recognises
from grantlens.ingest.unknown_keys import refuse_unknown_columns
from grantlens.ingest.workbench import Workbench, Workshop
from grantlens.loaders.mapped.unpacking import Splitter
from grantlens.loaders.settings import Settings
from grantlens.reading.content import Content
from grantlens.reading.lines import FIRST_BYTES, MAPPERS
from grantlens.reading.one_file import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from grantlens.engine.duckdb import Engine
    from grantlens.loaders import Loader
    from grantlens.reading.chunk import Chunk

SMALL = 16 << 20
"""Bytes on disk up to which a file is opened ahead; the chunks of a larger one keep all threads busy."""


@dataclass(frozen=True)
class LogFile:
    """A file that is open.

    Parameters
    ----------
    content, reading
        Its bytes and its records.
    loader
        Who reads it; None if there are no records.
    hollow
        Why there are none, None where there are some.
    doubts
        Why a mapping that the user named may be the wrong one, or mistyped.
    closer
        Closes it.
    """

    content: Content
    reading: Reading
    loader: Loader | None
    hollow: str | None
    doubts: Sequence[str]
    closer: ExitStack

    @property
    def path(self) -> str:
        """The path as given."""
        return self.content.path

    def chunks(self, **how: Callable[[], bool]) -> Iterator[Chunk]:
        """Give its records, see `Reading.chunks`."""
        loader = self.loader
        if loader is None:
            return iter(())
        return self.reading.chunks(lambda sample: recognises(loader, sample), loader.list_cells, **how)

    def close(self) -> None:
        """Close it."""
        self.closer.close()


@dataclass(frozen=True)
class Opened:
    """Files that are being read, most often one.

    Parameters
    ----------
    files
        The files; more than one if they are small and of the same loader.
    chunks
        Their records, mapped.
    closer
        Ends the threads and closes the files.
    """

    files: Sequence[LogFile]
    chunks: Iterable[MappedChunk]
    closer: ExitStack

    @property
    def loader(self) -> Loader | None:
        """Who reads them."""
        return self.files[0].loader

    @property
    def bytes(self) -> int:
        """Their size on disk."""
        return sum(file.content.bytes for file in self.files)

    def taken(self) -> float:
        """Return how much of them was read, in percent."""
        return 100.0 * sum(file.content.taken for file in self.files) / max(self.bytes, 1)

    def close(self) -> None:
        """End the threads and close the files."""
        self.closer.close()


class Opener:
    """Opens the files of one load.

    Parameters
    ----------
    engine
        The open store.
    loader
        The loader or its name; recognised by content if absent.
    settings
        What the user said of the logs.

    Attributes
    ----------
    settings
        What the user said of the logs.
    known
        The files that are in the store.
    spare
        Where a chunk is mapped a second time: the other places may be in use by their threads.
    """

    def __init__(self, engine: Engine, loader: str | Loader | None, settings: Settings | None) -> None:
        self._loader = loader
        self.settings = settings or Settings()
        self._token_key = engine.value("SELECT value FROM meta WHERE name = 'token_key'")
        self._shop = Workshop()
        self._benches = [[Workbench(self._shop) for _ in range(MAPPERS)] for _ in range(2)]
        self.spare = Workbench(self._shop)
        self._thread = ThreadPoolExecutor(1, "open")
        self._ahead: tuple[Sequence[str], Future[Opened]] | None = None
        self.known = Known(engine)

    def wanted(self) -> str | None:
        """Return the name of the loader that the user named, None if it is recognised by content."""
        if isinstance(self._loader, str):
            return named(self._loader).name
        return None if self._loader is None else self._loader.name

    def said(self, loader: Loader) -> list[str]:
        """Return what the user said that a log was read by: without it, the same file gives other rows."""
        told = []
        if self._loader is not None and not isinstance(self._loader, str):
            told.append(f"read as {loader.name} of SHA-256 {_digest(self._loader)[:16]}")
        if self.settings.time_zone and "zone" in loader.parameters:
            told.append(f"{IN_ZONE}{self.settings.time_zone}")
        if self.settings.tenant is not None:
            told.append(f"{OF_TENANT}{json.dumps(self.settings.tenant, ensure_ascii=False)}")
        if loader.configure:
            if "zone" not in loader.parameters and self.settings.jwks:
                keys = json.dumps(self.settings.jwks, sort_keys=True)
                told.append(f"signatures verified by keys of SHA-256 {hashlib.sha256(keys.encode()).hexdigest()[:16]}")
            if "zone" not in loader.parameters and self.settings.unverified:
                told.append("records taken although nothing verified who wrote them")
        return told

    def open(self, paths: Sequence[str], *, once: bool = False) -> Opened:
        """Open the first of some files and those after it that can be read together with it, or hand over what was opened ahead.

        Parameters
        ----------
        paths
            Files that follow each other; more than one only if they are small.
        once
            Whether their bytes are to be read once: the database then does not read them itself.

        Raises
        ------
        LoadError
            If the first file cannot be read or no loader knows it.
        """
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] == paths:
            return ahead[1].result()
        _discard(ahead)
        return self._open(paths, once=once)

    def open_ahead(self, paths: Sequence[str]) -> None:
        """Begin with the files that come next, if they are small."""
        try:
            small = os.path.getsize(paths[0]) <= SMALL
        except OSError:
            return  # its turn will tell
        if small:
            self._ahead = paths, self._thread.submit(self._open, paths)

    def retire(self) -> None:
        """Begin to free the memory, since nothing is mapped any more: that takes as long as a small commit."""
        for bench in (*chain.from_iterable(self._benches), self.spare):
            self._thread.submit(bench.close)
        self._thread.submit(self._shop.close)

    def close(self) -> None:
        """Free the memory."""
        ahead, self._ahead = self._ahead, None
        _discard(ahead)
        self.retire()
        self._thread.shutdown()

    def _open(self, paths: Sequence[str], *, once: bool = False) -> Opened:
        self._benches.reverse()  # the files before these may still be using the others
        with ExitStack() as opened:
            first = opened.enter_context(closing(self._log_file(paths[0])))
            if first.loader is None:
                return Opened([first], (), opened.pop_all())
            if len(paths) == 1:
                return Opened([first], self._mapped_chunks(first, first.loader, opened, once=once), opened.pop_all())
            files, chunks = self._gathered(first, paths[1:])
            mapper = Mapper(first.loader, [file.path for file in files], self._token_key, self._benches[0][0])
            self._shop.share(1)
            mapped = (mapper.map(chunk, first=True) for chunk in chunks)
            return Opened(files, opened.enter_context(closing(Beside(mapped, "mapped"))), opened.pop_all())

    def _log_file(self, path: str) -> LogFile:
        """Open a file and tell who reads it."""
        with ExitStack() as opened:
            content = opened.enter_context(closing(Content(path)))
            reading = opened.enter_context(closing(Reading(content)))
            hollow = reading.hollow()
            if hollow:
                return LogFile(content, reading, None, hollow, (), opened.pop_all())
            loader = choose(reading, self._loader, self.settings)
            refuse_unknown_columns(reading, loader)
            return LogFile(content, reading, loader, None, doubts(loader, self._loader, reading), opened.pop_all())

    def _mapped_chunks(self, file: LogFile, loader: Loader, opened: ExitStack, *, once: bool) -> Iterable[MappedChunk]:
        """Begin to cut and to map a file."""
        content, reading = file.content, file.reading
        # A file that fits the first piece is held whole as it is.
        direct = not once and reading.shape == "lines" and content.bytes > FIRST_BYTES and content.name is not None
        in_turn = reads_calls_only(loader)  # what the database reads itself comes in one stream
        benches = self._benches[0][: 1 if in_turn else MAPPERS]
        whole = content if direct else None
        mappers = [Mapper(loader, [file.path], self._token_key, bench, whole) for bench in benches]
        calls = mappers[0].calls
        chunks = file.chunks(as_files=calls.wants_files, in_place=calls.reads_whole)
        cut = opened.enter_context(closing(Beside(chunks, "cut")))
        self._shop.share(len(benches))
        opened.enter_context(closing(calls))
        pool = opened.enter_context(ThreadPoolExecutor(len(mappers), "map"))
        return opened.enter_context(closing(Beside(_mapped(mappers, pool, cut, content), "mapped")))

    def _gathered(self, first: LogFile, following: Iterable[str]) -> tuple[list[LogFile], list[Chunk]]:
        """Read a small file, and with it those that follow, up to one that has to be opened by itself; these are closed."""
        files, bundle = [first], Bundle()
        bundle.add(first.chunks())
        self.known.add(first.content)
        for path in following:
            if bundle.is_full() or not self._added(path, files, bundle):
                break
        return files, bundle.chunks()

    def _added(self, path: str, files: list[LogFile], bundle: Bundle) -> bool:
        """Add a file to others; False if it cannot be read together with them, or was met before."""
        with suppress(Exception), closing(self._log_file(path)) as file:  # what is wrong with it, its turn will tell
            chunks = [*file.chunks()] if file.loader == files[0].loader else None
            if chunks is not None and not self.known.met(file.content):
                bundle.add(chunks)
                self.known.add(file.content)
                files.append(file)
                return True
        return False


def _mapped(
    mappers: Sequence[Mapper], pool: ThreadPoolExecutor, chunks: Iterable[Chunk], content: Content
) -> Iterator[MappedChunk]:
    """Give the chunks mapped and in their order, by as many mappers at once as there are."""
    waiting: deque[Future[MappedChunk]] = deque()
    for number, chunk in enumerate(chunks):
        waiting.append(pool.submit(mappers[number % len(mappers)].read, chunk, first=number == 0))
        if len(waiting) == len(mappers):
            yield waiting.popleft().result()
    for last in waiting:
        yield last.result()
    mappers[0].calls.settle(content)


def _discard(ahead: tuple[Sequence[str], Future[Opened]] | None) -> None:
    """Close what was opened ahead and is not wanted."""
    if ahead is None:
        return
    with suppress(Exception):  # its turn would have told
        ahead[1].result().close()


def _digest(loader: Loader) -> str:
    """Return the SHA-256 of what a loader does, as far as it is no Python: its version may stay while a mapping is written anew."""
    does: tuple[Any, ...] = (
        loader.fields, *loader.steps.items(), loader.issuance, loader.usage, loader.revocation, loader.ignored,
        sorted(loader.parameters.items()),
    )  # fmt: skip
    if isinstance(loader.split, Splitter):
        does += (loader.split.lists, loader.split.pairs, [place.text for place in loader.split.texts])
    return hashlib.sha256(repr(does).encode()).hexdigest()
