"""Read the JSON that sources are made of: one document, or records one a line. A mistake names its place."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from grantlens.errors import CatalogueError

PAGES = ("Records", "records", "items", "entries", "value", "data")
"""Where a collector puts the records of a page."""
_ENDINGS = (".json", ".ndjson", ".jsonl", ".log", ".gz")


def document(file: Path) -> Any:
    """Return what one JSON file holds."""
    try:
        return json.loads(file.read_bytes())
    except json.JSONDecodeError as bad:
        raise CatalogueError(f"{file} line {bad.lineno}: {bad.msg}.", "Correct the JSON there.") from None
    except UnicodeDecodeError:
        raise CatalogueError(f"{file} is not UTF-8 text.", "Give the file as its source publishes it.") from None


def sha256(files: Iterable[Path]) -> str:
    """Return the hash of one file, or of the sorted hashes of several."""
    hashes = []
    for file in files:
        with file.open("rb") as stream:
            hashes.append(hashlib.file_digest(stream, "sha256").hexdigest())
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()


def record_files(path: Path) -> list[Path]:
    """Return the files of records: the file itself, or those of a folder, in order."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and file.suffix.lower() in _ENDINGS)


def records(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return each record of a file with its place: one a line, a list, a page of a collector, or a single one."""
    try:
        yield from _records(file)
    except (EOFError, zlib.error):
        raise CatalogueError(f"{file} is cut off or damaged.", "Copy the compressed file again.") from None


def _records(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with _opened(file) as stream:
        lines = iter(enumerate(stream, 1))
        for number, line in lines:
            text = line.strip()
            if not text:
                continue
            try:
                value = json.loads(text)
            except ValueError as bad:
                if number == 1 or not text.endswith((b"}", b"]")):  # a document over several lines
                    yield from _whole(file, line + b"".join(rest for _, rest in lines), number)
                    return
                raise CatalogueError(f"{file} line {number}: {bad}.", "Correct the JSON there.") from None
            yield from _unpacked(value, f"{file} line {number}")


def _whole(file: Path, raw: bytes, first: int) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        value = json.loads(raw)
    except json.JSONDecodeError as bad:
        place = f"{file} line {bad.lineno + first - 1}"
        raise CatalogueError(f"{place}: {bad.msg}.", "Give JSON: one record a line, or one list of records.") from None
    except UnicodeDecodeError:
        raise CatalogueError(f"{file} is not UTF-8 text.", "Give JSON: one record a line, or a list.") from None
    yield from _unpacked(value, str(file))


def _unpacked(value: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        page = next((value[name] for name in PAGES if isinstance(value.get(name), list)), None)
        if page is None or any(not isinstance(item, dict) for item in page):
            yield place, value
            return
        value = page
    if not isinstance(value, list):
        raise CatalogueError(f"{place}: {str(value)[:40]!r} is no record.", "A record is a JSON object.")
    for index, item in enumerate(value, 1):
        if not isinstance(item, dict):
            raise CatalogueError(f"{place}, item {index}: this is no record.", "A record is a JSON object.")
        yield f"{place}, item {index}", item


def _opened(file: Path) -> IO[bytes]:
    return gzip.open(file) if file.suffix.lower() == ".gz" else file.open("rb")  # type: ignore[return-value]
