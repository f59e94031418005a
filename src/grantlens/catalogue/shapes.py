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

from grantlens.catalogue.arrays import texts, to_flags, to_numbers
from grantlens.catalogue.path import VERSIONS, Token, some
from grantlens.catalogue.trie import MOST_SEGMENTS, SPECIAL

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


class Shapes:
    """Keys of shapes: 64-bit numbers that are equal where the matcher cannot see a difference.

    Each code has a random number, each place in a path a random odd factor; the key is their sum of
    products. They are drawn anew in each process, so that no log can be written to make two shapes
    share a key. The keys of one object stay the same from call to call.

    Examples
    --------
    >>> from grantlens.catalogue.arrays import lists
    >>> keys = Shapes(Vocabulary.of([[Token("literal", "users"), Token("parameter")]]))
    >>> paths = lists([["users", "7"], ["users", "8"], ["teams", "8"]])
    >>> one, two, three = keys.of(paths, texts(["GET"] * 3)).tolist()
    >>> one == two, one == three
    (True, False)
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        import numpy as np

        self._vocabulary = vocabulary
        self._literals, self._suffixes = texts(vocabulary.literals), texts(vocabulary.suffixes)
        self._seen: dict[str, int] = {}
        self._methods: dict[str | None, int] = {}
        self._random = np.random.default_rng()
        self._number = self._draw(len(vocabulary.literals) + len(vocabulary.suffixes) + 1)
        self._factor = self._draw(MOST_SEGMENTS + 2) | np.uint64(1)
        self._too_long = self._draw(1)[0]

    def of(self, segments: pa.ListArray, methods: pa.Array) -> np.ndarray:
        """Return the key of each path with its method."""
        import numpy as np

        codes = self._codes(segments.flatten())
        offsets = to_numbers(segments.offsets)
        offsets -= offsets[0]
        real = codes >= 0
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(real)])
        lengths = np.diff(before[offsets])
        place = np.minimum(before[:-1] - np.repeat(before[offsets[:-1]], np.diff(offsets)), MOST_SEGMENTS)
        part = np.where(real, self._number[codes] * self._factor[place], np.uint64(0))
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(part, dtype=np.uint64)])
        key = sums[offsets[1:]] - sums[offsets[:-1]] + self._factor[-1] * lengths.astype(np.uint64)
        key += self._by_method(methods)
        key[lengths > MOST_SEGMENTS] = self._too_long
        return key

    def _draw(self, count: int) -> np.ndarray:
        import numpy as np

        return self._random.integers(0, 2**64, size=count, dtype=np.uint64)

    def _by_method(self, methods: pa.Array) -> np.ndarray:
        import numpy as np

        encoded = methods.dictionary_encode()
        for method in [*encoded.dictionary.to_pylist(), None]:
            self._methods.setdefault(method, int(self._draw(1)[0]))
        each = [self._methods[method] for method in [*encoded.dictionary.to_pylist(), None]]
        return np.array(each, np.uint64)[to_numbers(encoded.indices)]

    def _codes(self, segments: pa.Array) -> np.ndarray:
        """Code each segment: a literal, a suffix, a text that some pattern fits, or 0; -1 for an empty one."""
        import numpy as np
        import pyarrow.compute as pc

        codes = to_numbers(pc.index_in(segments, value_set=self._literals)) + 1
        rows = np.flatnonzero(codes == 0)
        others = some(segments, rows)
        if self._vocabulary.suffixes:
            colon = np.flatnonzero(to_flags(pc.match_substring(others, ":")))
            verbs = pc.replace_substring_regex(some(others, colon), r"(?s)^.+:", "")
            verb = to_numbers(pc.index_in(verbs, value_set=self._suffixes))
            codes[rows[colon]] = np.where(verb >= 0, verb + len(self._vocabulary.literals) + 1, 0)
        looked_at = np.flatnonzero(_looked_at(others, self._vocabulary))
        if len(looked_at):
            codes[rows[looked_at]] = self._as_they_are(some(others, looked_at))
        codes[to_numbers(pc.binary_length(segments)) == 0] = -1
        return codes

    def _as_they_are(self, segments: pa.Array) -> np.ndarray:
        """Give each different text a code of its own."""
        import numpy as np

        encoded = segments.dictionary_encode()
        first = len(self._vocabulary.literals) + len(self._vocabulary.suffixes) + 1
        codes = [self._seen.setdefault(text, first + len(self._seen)) for text in encoded.dictionary.to_pylist()]
        missing = first + len(self._seen) - len(self._number)
        if missing > 0:
            self._number = np.concatenate([self._number, self._draw(max(missing, len(self._number)))])
        return np.array(codes, np.int64)[to_numbers(encoded.indices)]


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
