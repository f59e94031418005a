"""What a load did: one entry a file, counted, and the files that failed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from grantlens.given_path import in_shell
from grantlens.visible import grid, in_one_line, markup
from grantlens.wording import plural

COUNTS = ("records", "issuance", "usage", "revocation", "ignored", "duplicates", "rejected")
"""The numbers of a batch, in the order in which they are printed."""


MANY = 40
"""Files that are shown one by one; of more, those of a folder of which the same is said are shown as one."""

NAMED = 3
"""Files that are named of those of which the same is true as of another."""


def by_folder(batches: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries of files as they are shown: of many, one for those of a folder that one loader read and of which the same is said.

    Examples
    --------
    >>> files = [{"path": f"logs/{n}.json", "loader": "okta", "first": None, "last": None, "note": None} for n in range(1000)]
    >>> [shown] = by_folder([file | dict.fromkeys(COUNTS, 2) for file in files])
    >>> shown["path"], shown["records"]
    ('logs (1,000 files)', 2000)
    """
    if len(batches) <= MANY:
        return [*batches]
    alike: dict[tuple[str, str | None, str | None], list[dict[str, Any]]] = {}
    for batch in batches:
        note = batch["note"] and re.sub(r"^already loaded as .*: nothing", "already loaded: nothing", batch["note"])
        alike.setdefault((os.path.dirname(batch["path"]), batch["loader"], note), []).append(batch)
    return [_together(*said, files) if len(files) > 1 else files[0] for said, files in alike.items()]


def _together(folder: str, loader: str | None, note: str | None, files: list[dict[str, Any]]) -> dict[str, Any]:
    firsts, lasts = ([file[end] for file in files if file[end]] for end in ("first", "last"))
    return {
        "path": f"{folder or '.'} ({plural(len(files), 'file')})",
        "loader": loader,
        **{count: sum(file[count] for file in files) for count in COUNTS},
        "first": min(firsts, default=None),
        "last": max(lasts, default=None),
        "note": note,
    }


def said_once(failed: Sequence[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """Return message and remedy of files that failed; what is true of several, but for their names and what is quoted of them, once.

    Examples
    --------
    >>> said_once([(path, f"{path} is empty.", "Look.") for path in ("a.json", "b.json")])
    [('a.json is empty.', 'Look.'), ('The same is true of 1 other file: b.json.', '')]
    """
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for path, message, remedy in failed:
        told = re.sub("'.*'", "", f"{message} {remedy}".replace(in_shell(path), "").replace(path, ""))
        groups.setdefault(told, []).append((path, message, remedy))
    said = []
    for (path, message, remedy), *alike in groups.values():
        said.append((message if path in message else f"{path}: {message}", remedy))
        if alike:
            more = [f"{len(alike) - NAMED:,} more"] if len(alike) > NAMED else []
            others = ", ".join([*(other for other, *_ in alike[:NAMED]), *more])
            said.append((f"The same is true of {plural(len(alike), 'other file')}: {others}.", ""))
    return said


@dataclass
class LoadReport:
    """What `Store.load` did.

    Parameters
    ----------
    batches
        One dictionary a loaded file, as `grantlens load --json` prints it.
    failed
        (path, message, remedy) of each file that could not be loaded; nothing of it was kept.
    """

    batches: list[dict[str, Any]] = field(default_factory=list)
    failed: list[tuple[str, str, str]] = field(default_factory=list)

    def total(self, count: str) -> int:
        """Return one of the numbers over all files.

        Examples
        --------
        >>> LoadReport([{"records": 2}, {"records": 3}]).total("records")
        5
        """
        return sum(batch[count] for batch in self.batches)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)

    def __repr__(self) -> str:
        totals = [(self.total(count), count) for count in COUNTS]
        counts = ", ".join(f"{total} {count.removesuffix('s') if total == 1 else count}" for total, count in totals)
        failed = f"; {len(self.failed)} failed" if self.failed else ""
        return "\n".join([f"{plural(len(self.batches), 'file')}: {counts}{failed}", *map(in_one_line, self._said())])

    def _said(self) -> list[str]:
        return [f"{message} {remedy}".strip() for message, remedy in said_once(self.failed)]

    def _repr_html_(self) -> str:
        names = ("path", "loader", *COUNTS, "first", "last", "note")
        loaded = grid(names, ([batch.get(name) for name in names] for batch in by_folder(self.batches)), most=1000)
        failed = "".join(f"<li>{markup(said)}</li>" for said in self._said())
        return loaded + (f"<ul>{failed}</ul>" if failed else "")
