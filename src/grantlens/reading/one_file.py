"""One file, opened: its shape, a sample to recognise it by, and its records in chunks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, islice
from typing import IO

from grantlens.errors import LoadError
from grantlens.given_path import in_shell
from grantlens.reading.chunk import Chunk, chunks_of
from grantlens.reading.content import Content
from grantlens.reading.documents import records_of
from grantlens.reading.lines import MAX_LINE, line_chunks
from grantlens.reading.pages import Page, page_of
from grantlens.reading.scan import scanned
from grantlens.reading.shape import SAMPLE, is_nothing_found, is_wrapper, looks_like_toml, sampled, shape_of
from grantlens.reading.tabular import CsvRows, parquet_chunks, parquet_columns
from grantlens.secrecy import masked

HEAD = 1 << 20
"""Bytes from which the shape is told."""


_NOT_UTF8 = (
    ((b"\xff\xfe\0\0", b"\0\0\xfe\xff"), "UTF-32"),
    ((b"\xff\xfe", b"\xfe\xff"), "UTF-16"),
)
"""How text begins that is written in another way; the first marks of UTF-32 are those of UTF-16."""


class Reading:
    """The records of one file.

    Parameters
    ----------
    content
        The opened file.

    Attributes
    ----------
    shape
        "empty", "lines", "document", "csv", "text" or "parquet".
    sample
        The first records, parsed; of text the first lines, each as `{"line": ...}`.
    columns
        The header of a CSV or Parquet file, None for JSON.
    shared_lines
        True where several records stand on one line; chunks then carry `true_line`.
    split
        Takes the records out of the text of one that holds many, where the loader says so.
    """

    def __init__(self, content: Content) -> None:
        self.path = content.path
        self.columns: list[str] | None = None
        self.shared_lines = False
        self.split: Callable[[str], Iterable[str]] | None = None
        self._content = content
        self._rows: CsvRows | None = None
        self._text = ""
        self._page: Page | None = None
        self._spool = ""
        self._temporary: IO[bytes] | None = None
        head = b""
        while len(head) < HEAD and (block := content.read_some()):
            head += block
        head = head.removeprefix(b"\xef\xbb\xbf")
        content.unread(head)
        try:
            self.shape = self._shape(head)
            self.sample = self._sample()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Remove the unpacked copy, where one was needed; the content stays open."""
        if self._temporary is not None:
            self._temporary.close()

    def chunks(
        self,
        recognised: Callable[[list[dict]], bool],
        list_cells: tuple[str, ...] = (),
        *,
        as_files: Callable[[], bool] = lambda: False,
        in_place: Callable[[], bool] = lambda: False,
    ) -> Iterator[Chunk]:
        """Give the records.

        Parameters
        ----------
        recognised
            Whether a loader knows records as they stand; pages are unwrapped only where it does not.
        list_cells
            Columns of a CSV file whose cells hold lists (see `handwritten.items`).
        as_files
            Whether the next chunk of lines is wanted so that it can be read as a file too.
        in_place
            Whether the lines of a plain file may stay there, as long as all of them look like records.
        """
        chunks = self._whole_chunks(recognised, list_cells, partial(self._lines, as_files, in_place))
        if self.split is None:
            return chunks
        self.shared_lines = True
        return chunks_of(self._split_records(self.split, chunks), shared_lines=True)

    def _whole_chunks(
        self,
        recognised: Callable[[list[dict]], bool],
        list_cells: tuple[str, ...],
        lines: Callable[[], Iterator[Chunk]],
    ) -> Iterator[Chunk]:
        if self.shape == "empty":
            return iter(())
        if self.shape == "parquet":
            return parquet_chunks(self.path, self._spool)
        if self._rows is not None:
            self._rows.list_cells = frozenset(list_cells)
            return chunks_of(self._rows)
        wrapped = bool(self.sample) and not recognised(self.sample) and any(map(is_wrapper, self.sample))
        if self.shape == "document":
            whole = recognised(self.sample)
            if self._page and not (whole and self._page.key):
                self._text = ""
                return self._page.chunks()
            texts = records_of(self._text, self.path, unwrap=not whole)
            return chunks_of((number, number, text) for number, text in enumerate(texts, 1))
        if wrapped:
            self.shared_lines = True
            return chunks_of(self._unwrapped_lines(), shared_lines=True)
        return lines()

    def _lines(self, as_files: Callable[[], bool], in_place: Callable[[], bool]) -> Iterator[Chunk]:
        line, carried = (yield from scanned(self._content, in_place)) if in_place() else (1, b"")
        yield from line_chunks(self._content, as_files=as_files, line=line, carried=carried)

    def unwrapped_sample(self) -> list[dict]:
        """Return the first records, taken out of the pages they stand in."""
        if self.shape not in ("lines", "document"):
            return self.sample
        if self.shape == "lines" and not any(map(is_wrapper, self.sample)):
            return self.sample
        if self._page:
            return sampled(self._page.texts(SAMPLE))
        if self.shape == "document":
            texts = records_of(self._text, self.path)
        else:
            texts = chain.from_iterable(
                records_of(line, self.path) for line in self._head_lines() if any(map(is_wrapper, sampled([line])))
            )
        return sampled(list(islice(texts, SAMPLE)))

    def hollow(self) -> str | None:
        """Say why there are no records, None where there are some."""
        if self.shape == "empty":
            return "empty file"
        if self._found_nothing():
            return "empty page" if len(self.sample) == 1 else "empty pages"
        if self.sample and not all(map(is_wrapper, self.sample)):
            return None
        if self.shape in ("csv", "parquet"):
            return "no rows below the header"
        if self.shape == "document" and self._page:
            return None
        if self.shape == "document":
            return None if next(records_of(self._text, self.path), None) else "empty page"
        pages = len(self._head) < HEAD and self.sample and not self.unwrapped_sample()
        return "empty pages" if pages and len(self.sample) == len(self._head_lines()) < SAMPLE else None

    def _found_nothing(self) -> bool:
        """True if the file holds answers of searches, and no record in any."""
        whole = self.shape in ("lines", "document") and len(self._head) < HEAD and 0 < len(self.sample) < SAMPLE
        return (
            whole
            and (self.shape == "document" or len(self.sample) == len(self._head_lines()))
            and all(map(is_nothing_found, self.sample))
        )

    def unreadable(self) -> LoadError:
        """Say that this is no log that any loader can read."""
        head = self._head[: 1 << 12].decode("utf-8", "replace").lstrip()
        if looks_like_toml(head):
            return LoadError(
                f"{self.path} looks like TOML that people write, no log.",
                "Add it with grantlens register, server, identities or catalogue add; a mapping is named by --mapping.",
            )
        seen = masked(next(iter(head.splitlines()), ""), 60)
        return LoadError(
            f"{self.path} is neither JSON nor CSV nor Parquet, nor lines of text that a loader knows; "
            f"it begins with {seen or 'blanks'!r}.",
            f"Load the log as its provider exports it, or begin a mapping: grantlens load --explain {in_shell(self.path)}",
        )

    def _shape(self, head: bytes) -> str:
        if head.startswith(b"PAR1"):
            self._spool_parquet()
            return "parquet"
        for marks, name in _NOT_UTF8:
            if head.startswith(marks):
                raise LoadError(f"{self.path} is {name} text.", f"Convert it: iconv -f {name} -t UTF-8")
        if b"\0" in head[:4096]:
            raise LoadError(
                f"{self.path} is a binary file, no log.",
                "Load JSON, CSV, Parquet or lines of text, plain or packed with gzip or zstd.",
            )
        text = head.decode("utf-8", "replace")
        shape = shape_of(text, whole=len(head) < HEAD)
        self._head = head
        if shape == "unknown":
            raise self.unreadable()
        if shape == "document":
            data = b"".join(self._content.blocks())
            self._page = page_of(data)
            try:
                self._text = data.decode()
            except UnicodeDecodeError as error:
                raise LoadError(
                    f"{self.path} is not UTF-8 text (byte {error.start}).", "Convert it: iconv -t UTF-8"
                ) from None
        elif shape == "csv":
            self._rows = CsvRows(self.path, self._content.blocks())
            self.columns = self._rows.header
        elif shape == "lines" and b"\n" not in head and len(head) > MAX_LINE:
            raise LoadError(
                f"{self.path}, line 1: longer than {MAX_LINE >> 20} MiB, so no log record.",
                "Check what wrote the file.",
            )
        return shape

    def _sample(self) -> list[dict]:
        if self.shape == "lines":
            return sampled(self._head_lines())
        if self.shape == "text":
            return [{"line": line.rstrip("\r")} for line in self._head_lines()]
        if self._page:
            records = sampled(self._page.texts(SAMPLE))
            return records if self._page.frame is None else [self._page.frame | {self._page.key: records}]
        if self.shape == "document":
            return sampled(list(islice(records_of(self._text, self.path, unwrap=False), SAMPLE)))
        if self._rows is not None:
            return sampled(self._rows.peek(SAMPLE))
        if self.shape == "parquet":
            self.columns = parquet_columns(self.path, self._spool)
            first = next(parquet_chunks(self.path, self._spool), None)
            return sampled(first.lines.texts.slice(0, SAMPLE).to_pylist()) if first else []
        return []

    def _head_lines(self) -> list[str]:
        lines = self._head.decode("utf-8", "replace").split("\n")
        if len(self._head) >= HEAD:
            lines = lines[:-1] or lines  # the last one may be cut
        return [line for line in lines[: SAMPLE * 2] if line.strip()][:SAMPLE]

    def _unwrapped_lines(self) -> Iterator[tuple[int, int, str]]:
        key, pages_only = 0, all(map(is_wrapper, self.sample))
        for chunk in line_chunks(self._content):
            for line, text in zip(chunk.lines.keys.to_pylist(), chunk.lines.texts.to_pylist(), strict=True):
                page = page_of(text.encode())
                try:
                    records = page.texts(len(page)) if page else list(records_of(text, self.path))
                except LoadError:
                    records = [text]  # a broken line: rejected as a record of its own
                if not records and not pages_only:
                    records = [text]  # among records, one in which an empty list bears the name of a page
                for record in records:
                    key += 1
                    yield key, line, record

    @staticmethod
    def _split_records(
        split: Callable[[str], Iterable[str]], chunks: Iterable[Chunk]
    ) -> Iterator[tuple[int, int, str]]:
        key = 0
        for chunk in chunks:
            if chunk.check:
                chunk.check()
            for line, text in zip(chunk.lines.places.to_pylist(), chunk.lines.texts.to_pylist(), strict=True):
                for record in split(text):
                    key += 1
                    yield key, line, record

    def _spool_parquet(self) -> None:
        """Parquet is read from its end: an unpacked copy is needed where the file is packed."""
        if self._content.plain:
            self._spool = (
                self._content.name or self.path
            )  # the file that is hashed, whatever stands under its path by now
            return
        copy = self._temporary = tempfile.NamedTemporaryFile(suffix=".parquet")  # noqa: SIM115
        for block in self._content.blocks():
            copy.write(block)
        copy.flush()
        self._spool = copy.name
