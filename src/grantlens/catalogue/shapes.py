"""Reduce millions of paths to their shapes, so that the exact matcher sees each shape once.

A segment that no template spells out can only bind a parameter, so its text does not matter: it
gets code 0. All that some template could look at keeps a code of its own. Two paths with the same
codes are the same to the matcher.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from grantlens.catalogue.arrays import numbers, texts, to_flags, to_numbers
from grantlens.catalogue.path import VERSIONS, Token, some
from grantlens.catalogue.trie import SPECIAL

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass(frozen=True)
class Vocabulary:
    """All that templates spell out."""

    literals: tuple[str, ...]
    suffixes: tuple[str, ...]
    pattern: str
    odata: bool

    @classmethod
    def of(cls, templates: Iterable[Iterable[Token]], *, odata: bool = False) -> Vocabulary:
        """Collect the vocabulary of templates."""
        words: dict[str, set[str]] = {"literal": set(), "suffix": set(), "rest_suffix": set(), "pattern": set()}
        for template in templates:
            for token in template:
                if token.kind in words:
                    words[token.kind].add(token.text)
        if odata:
            words["literal"].update(VERSIONS)
        return cls(
            tuple(sorted(words["literal"])),
            tuple(sorted(words["suffix"] | words["rest_suffix"])),
            "|".join(f"(?:{pattern})" for pattern in sorted(words["pattern"])),
            odata,
        )


def shapes(segments: pa.ListArray, methods: pa.Array, vocabulary: Vocabulary) -> tuple[np.ndarray, np.ndarray]:
    """Return for each path the number of its shape, and for each shape its first path.

    Examples
    --------
    >>> import pyarrow as pa
    >>> words = Vocabulary.of([[Token("literal", "users"), Token("parameter")]])
    >>> paths = pa.array([["users", "7"], ["users", "8"], ["teams", "8"]])
    >>> [numbers.tolist() for numbers in shapes(paths, pa.array(["GET"] * 3), words)]
    [[0, 0, 1], [0, 2]]
    """
    import numpy as np

    codes = _codes(segments.flatten(), vocabulary)
    offsets = to_numbers(segments.offsets)
    offsets -= offsets[0]
    real = codes >= 0
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(real)])
    lengths = np.diff(before[offsets])
    method = to_numbers(methods.dictionary_encode().indices) + 1
    # One random 64-bit number for each code and odd factor for each place. They are drawn anew each
    # time, so that no log can be written to make two shapes collide.
    random = np.random.default_rng()
    drawn = random.integers(0, 2**64, size=int(codes.max(initial=0)) + 1, dtype=np.uint64)
    factor = random.integers(0, 2**63, size=int(lengths.max(initial=0)) + 2, dtype=np.uint64) * np.uint64(
        2
    ) + np.uint64(1)
    place = (before[:-1] - np.repeat(before[offsets[:-1]], np.diff(offsets))).astype(np.int32)
    part = np.where(real, drawn[codes] * factor[place], np.uint64(0))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(part, dtype=np.uint64)])
    by_method = random.integers(0, 2**64, size=int(method.max(initial=0)) + 1, dtype=np.uint64)
    key = sums[offsets[1:]] - sums[offsets[:-1]] + by_method[method] + factor[-1] * lengths.astype(np.uint64)
    shape = to_numbers(numbers(key).dictionary_encode().indices)
    first = np.empty(int(shape.max(initial=-1)) + 1, np.int64)
    first[shape[::-1]] = np.arange(len(shape))[::-1]
    return shape, first


def _codes(segments: pa.Array, vocabulary: Vocabulary) -> np.ndarray:
    """Code each segment: a literal, a suffix, a text that some pattern fits, or 0; -1 for an empty one."""
    import numpy as np
    import pyarrow.compute as pc

    codes = _lookup(segments, vocabulary.literals) + 1
    used = len(vocabulary.literals) + 1
    rows = np.flatnonzero(codes == 0)
    others = some(segments, rows)
    if vocabulary.suffixes:
        colon = np.flatnonzero(to_flags(pc.match_substring(others, ":")))
        verb = _lookup(pc.replace_substring_regex(some(others, colon), r"(?s)^.+:", ""), vocabulary.suffixes)
        codes[rows[colon]] = np.where(verb >= 0, verb + used, 0)
        used += len(vocabulary.suffixes)
    looked_at = np.flatnonzero(_looked_at(others, vocabulary))
    codes[rows[looked_at]] = to_numbers(some(others, looked_at).dictionary_encode().indices) + used
    codes[to_numbers(pc.binary_length(segments)) == 0] = -1
    return codes


def _looked_at(segments: pa.Array, vocabulary: Vocabulary) -> np.ndarray:
    """Return which segments a template may look into: by a pattern, or as OData reads them."""
    import numpy as np
    import pyarrow.compute as pc

    found = []
    if vocabulary.pattern:
        found.append(pc.match_substring_regex(segments, f"(?s)^(?:{vocabulary.pattern})$"))
    if vocabulary.odata:
        found += [pc.starts_with(segments, start) for start in SPECIAL]
        found.append(pc.ends_with(segments, ")"))
    if not found:
        return np.zeros(len(segments), bool)
    return to_flags(reduce(pc.or_, found))


def _lookup(values: pa.Array, words: tuple[str, ...]) -> np.ndarray:
    import pyarrow.compute as pc

    return to_numbers(pc.index_in(values, value_set=texts(words)))
