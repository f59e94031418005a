"""The single values of a record, each with its path, as a person may look at them: secrets masked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from grantlens.loaders.mapped.place import written
from grantlens.secrecy import RAW_TOKEN, masked

ITEMS = 5
"""Items of a list that are looked at one by one."""

LEAVES = 300
"""Values of a record that are looked at."""

LONGEST = 120
"""Letters of a value that are shown."""


def leaves(record: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return (path, value) of each value that says something; a list of plain values is one.

    A raw token may be a key, too: it is masked in the path.

    Examples
    --------
    >>> leaves({"app": {"id": "a"}, "scopes": ["r", "w"], "events": [{"name": "x"}], "none": None})
    [('app.id', 'a'), ('scopes', ['r', 'w']), ('events[0].name', 'x')]
    >>> leaves({"by_token": {"ghp_abcdefghijklmnopqrst": 1}})
    [('by_token.***', 1)]
    """
    found = []
    for keys, value in _walked(record, []):
        if value not in (None, "", [], {}):
            found.append((re.sub(RAW_TOKEN, "***", written(keys)), value))
        if len(found) >= LEAVES:
            break
    return found


def safe(path: str, value: Any) -> str:
    """Return a value as text, without what looks like a secret.

    Examples
    --------
    >>> safe("headers.authorization", "Bearer abcdefghijk"), safe("app.id", "mail"), safe("auth.password", "two words")
    ('***', 'mail', '***')
    """
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    key = re.findall(r"[A-Za-z0-9_-]+", path)[-1:] or ["value"]
    if masked(f"{key[0]}=abcdefgh") != f"{key[0]}=abcdefgh":
        return "***"
    before = f" {key[0]}="
    shown = masked(before + text, len(before) + LONGEST + 1).removeprefix(before)
    return shown[:LONGEST] + "…" if len(shown) > LONGEST else shown


def _walked(value: Any, keys: list[str | int]) -> Iterator[tuple[list[str | int], Any]]:
    if isinstance(value, Mapping) and value:
        for key, each in value.items():
            yield from _walked(each, [*keys, str(key)])
    elif isinstance(value, list) and any(isinstance(each, (Mapping, list)) for each in value):
        for number, each in enumerate(value[:ITEMS]):
            yield from _walked(each, [*keys, number])
    else:
        yield keys, value
