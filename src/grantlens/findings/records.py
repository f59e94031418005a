"""The log records behind a finding, read again from the files they came from."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from itertools import groupby
from typing import Any

from grantlens.errors import LoadError
from grantlens.reading.content import Content
from grantlens.reading.one_file import Reading
from grantlens.secrecy import masked

_LONGEST = 20_000
"""Characters of a record that are shown."""


def read_records(evidence: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add to each pointer the text of its record, secrets masked; None where the file is gone or changed.

    Parameters
    ----------
    evidence
        Pointers with file, sha256, line and event_id.
    """
    pointers = list(evidence)
    wanted: dict[tuple[str, str], set[int]] = {}
    for pointer in pointers:
        wanted.setdefault((pointer["file"], pointer["sha256"]), set()).add(pointer["line"])
    texts = {version: dict(_lines(*version, lines)) for version, lines in wanted.items()}
    return [
        {**pointer, "record": texts[pointer["file"], pointer["sha256"]].get(pointer["line"])} for pointer in pointers
    ]


def _lines(file: str, sha256: str, wanted: set[int]) -> list[tuple[int, str]]:
    try:
        content = Content(file)
    except LoadError:
        return []
    try:
        found = []
        with closing(Reading(content)) as reading:
            for chunk in reading.chunks(lambda sample: False):
                numbers = chunk.lines.places.to_pylist()
                if wanted.isdisjoint(numbers):
                    continue
                pairs = zip(numbers, chunk.lines.texts.to_pylist(), strict=True)
                found += [(number, masked(text, _LONGEST)) for number, text in pairs if number in wanted]
        unchanged = content.digest() == sha256
    except LoadError:
        return []
    finally:
        content.close()
    joined = groupby(sorted(found, key=lambda pair: pair[0]), key=lambda pair: pair[0])
    return [(number, "\n".join(text for _, text in group)) for number, group in joined] if unchanged else []
