"""The forms in which a log of `key=value` text is written, so that many of its lines can be read at once.

A program writes its keys in one order and leaves some out. A pattern of that order tells in one run over the text which
lines hold these keys, none of them twice, and nothing that would have to be looked at one by one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

FORMS = 8
"""Forms of one piece of a log at most: each is looked for in all lines that have none of those before it."""
WAYS = 64
"""Different lists of keys that are looked at, the commonest first."""
WORDS, KEYS = 16, 128
"""Words and keys of one form at most: a pattern has its limits."""

_TIME = r"\d{4}-\d\d-\d\dT[0-9:.Z+-]*"
_WORD = r"[A-Za-z_][!#-+\--<>-Z^-~]*"
_KEY = r"[A-Za-z_@:][A-Za-z0-9_.@:/-]{0,99}"
_BARE = r"(?:[!#-<>-\[\]-~]*[!#-+\--<>-\[\]-~])?"
"""ASCII without quote, backslash and equals sign; a comma at the end would be cut off."""
_VALUE = r'(?:"(?:[ !#-\[\]-~]|\\["\\nrt])*"|(?:[!#-\[\]-~]*[!#-+\--\[\]-~])?)'
"""The same where equals signs may stand, and between quotes blanks and the escapes that JSON has too."""
_LINE = re.compile(
    rf"(?P<head>{_TIME}(?:[ \t]+{_WORD})*[ \t]+)?(?P<pairs>{_KEY}={_VALUE}(?: {_KEY}={_VALUE})*)[ \t\r\n]*"
)
_PAIR = r' ?([^ =]+)=(?:"((?:[^"\\]|\\.)*)"|([^ ]*))'


@dataclass(frozen=True)
class Form:
    """So many words, then these keys in this order, of which some may be left out.

    Parameters
    ----------
    words
        How many words stand before the keys; the first is a time.
    loose
        Whether values may hold equals signs, or stand between quotes.
    keys
        The keys.

    Examples
    --------
    >>> import polars
    >>> lines = polars.Series([f"2026-07-01T10:00:00Z info {pairs}" for pairs in ("tool=a app=b", "app=b", "app=b tool=a")])
    >>> lines.str.contains(Form(2, False, ("tool", "app")).pattern).to_list()
    [True, True, False]
    """

    words: int
    loose: bool
    keys: tuple[str, ...]

    @property
    def pattern(self) -> str:
        """Pattern of the lines that are written so, without what is blank at their end."""
        head = rf"{_TIME}(?:[ \t]+{_WORD}){{{self.words - 1}}}[ \t]+" if self.words else r"\b"
        value = _VALUE if self.loose else _BARE
        return "(?-u)^" + head + "".join(rf"(?:{re.escape(key)}={value}(?: |$))?" for key in self.keys) + "$"

    @property
    def head(self) -> tuple[str, str]:
        """Pattern of what stands before the keys, and how the JSON of the record begins in its place."""
        before = " " if self.loose else '"'
        if not self.words:
            return r"^(\w)", f"{{{before}${{1}}"
        words = "".join(f'"#{number}":"${{{number}}}",' for number in range(2, self.words + 1))
        return "^" + r"(\S+)[ \t]+" * self.words, f'{{"#1":"${{1}}","#time":"${{1}}",{words}{before}'

    pair = _PAIR, '"${1}":"${2}${3}",'
    """Pattern of a pair in a loose form, and its JSON. In the others what stands between keys and values stands nowhere else."""


def forms_of(lines: Iterable[str]) -> list[Form]:
    """Return the forms of lines that need no care.

    Examples
    --------
    >>> for form in forms_of(["a=1 c=2", "a=1 b=2", "b=1 c=2", "c=1 a=2", 'a="1 2"', "d=1 d=2"]):
    ...     print(form)
    Form(words=0, loose=False, keys=('a', 'b', 'c'))
    Form(words=0, loose=False, keys=('c', 'a'))
    Form(words=0, loose=True, keys=('a',))
    """
    ways: Counter[tuple[int, bool, tuple[str, ...]]] = Counter()
    for line in lines:
        found = _LINE.fullmatch(line)
        if found:
            keys = tuple(key for key, _, _ in re.findall(_PAIR, found["pairs"]))
            loose = '"' in found["pairs"] or found["pairs"].count("=") > len(keys)
            ways[len((found["head"] or "").split()), loose, keys] += 1
    forms: list[tuple[Form, list[tuple[str, ...]]]] = []
    for (words, loose, keys), _ in ways.most_common(WAYS):
        if len(set(keys)) < len(keys) or len(keys) > KEYS or words > WORDS:
            continue
        for at, (form, lists) in enumerate(forms):
            order = _order([*lists, keys]) if (form.words, form.loose) == (words, loose) else None
            if order:
                forms[at] = Form(words, loose, order), [*lists, keys]
                break
        else:
            if len(forms) < FORMS:
                forms.append((Form(words, loose, keys), [keys]))
    return [form for form, _ in forms]


def _order(lists: list[tuple[str, ...]]) -> tuple[str, ...] | None:
    """Return an order of keys that all these lists follow, None if there is none or it is too long."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for keys in lists:
        sorter.add(keys[0])
        for before, key in pairwise(keys):
            sorter.add(key, before)
    try:
        order = tuple(sorter.static_order())
    except CycleError:
        return None
    return order if len(order) <= KEYS else None
