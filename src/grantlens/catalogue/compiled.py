"""The catalogues of a store, made ready for matching: names in a dictionary, templates in tries.

Which operations may a server have? Those whose host it is; else those of a catalogue or API with
that name; and always those that name no host. Where the log names no server, operations without a
host come first, then all hosts are tried, and only an answer that just one of them gives is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from grantlens.catalogue.arrays import numbers, to_numbers
from grantlens.catalogue.path import Style, cut, some, tokens
from grantlens.catalogue.servers import server_key, serves
from grantlens.catalogue.shapes import Shapes, Vocabulary
from grantlens.catalogue.trie import Trie

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from grantlens.engine.duckdb import Engine

MOST_ANSWERS = 2_000_000
"""Shapes that a stage keeps in mind; then it begins anew."""

_OPERATIONS = """
SELECT o.op_id, o.catalogue, o.api, o.op_name, o.kind, o.method, o.host, o.base_path, o.template, o.label,
       m.source = 'msgraph' AS odata, NOT m.case_sensitive AS fold_case, m.source = 'gcp' AS observed
FROM cat_operation o JOIN cat_meta m USING (catalogue)
ORDER BY o.op_id
"""


@dataclass(frozen=True)
class Operation:
    """What matching needs to know of an operation."""

    op_id: int
    catalogue: str
    api: str | None
    op_name: str | None
    kind: str
    method: str | None
    host: str | None
    base_path: str | None
    template: str | None
    label: str
    odata: bool = False
    fold_case: bool = False
    observed: bool = False
    """Learned from what the provider itself logged: believed before any other catalogue."""

    @property
    def style(self) -> Style:
        """How its path is written."""
        return Style(self.odata, self.fold_case)


class _Stage:
    """Templates of one style, as a trie, with the answers it gave so far."""

    def __init__(self, style: Style, trie: Trie, vocabulary: Vocabulary) -> None:
        self._style, self._trie, self._vocabulary = style, trie, vocabulary
        self._forget()

    def _forget(self) -> None:
        self._shapes = Shapes(self._vocabulary)
        self._answers: dict[int, int] = {}

    def find(self, targets: pa.Array, methods: pa.Array) -> np.ndarray:
        """Return the operation of each path, -1 where none is known."""
        import numpy as np

        if len(self._answers) > MOST_ANSWERS:
            self._forget()
        segments = cut(targets, self._style)
        encoded = numbers(self._shapes.of(segments, methods)).dictionary_encode()
        number, keys = to_numbers(encoded.indices), encoded.dictionary.to_pylist()
        first = np.empty(len(keys), np.int64)
        first[number[::-1]] = np.arange(len(number))[::-1]
        new = np.array([index for index, key in enumerate(keys) if key not in self._answers], np.int64)
        rows = numbers(first[new])
        samples = zip(new.tolist(), segments.take(rows).to_pylist(), methods.take(rows).to_pylist(), strict=True)
        for index, path, method in samples:
            found = self._trie.find(path, method)
            self._answers[keys[index]] = -1 if found is None else found
        return np.array([self._answers[key] for key in keys], np.int64)[number]


@dataclass
class Compiled:
    """All operations of a store, ready for matching."""

    operations: list[Operation]
    _claims: dict[tuple, int] = field(default_factory=dict)
    _stages: list[_Claim] = field(default_factory=list)

    @classmethod
    def of(cls, engine: Engine) -> Compiled:
        """Read the operations of a store."""
        return cls([Operation(**row) for row in engine.arrow(_OPERATIONS).to_pylist()])

    @cached_property
    def _names(self) -> dict[str, list[Operation]]:
        names: dict[str, list[Operation]] = {}
        for operation in self.operations:
            for name in {operation.op_name or operation.label, operation.label}:
                names.setdefault(name, []).append(operation)
        return names

    @cached_property
    def _hosts(self) -> dict[str, list[Operation]]:
        hosts: dict[str, list[Operation]] = {}
        for operation in self.operations:
            if operation.host:
                hosts.setdefault(operation.host, []).append(operation)
        return hosts

    @cached_property
    def _called(self) -> dict[str, list[Operation]]:
        """Operations by the name of their catalogue and API."""
        called: dict[str, list[Operation]] = {}
        for operation in self.operations:
            for name in {operation.catalogue.lower(), (operation.api or operation.catalogue).lower()}:
                called.setdefault(name, []).append(operation)
        return called

    def by_name(self, server: str | None, name: str | None) -> int:
        """Return the operation that a log calls by name on a server, or -1.

        The nearest wins: same host, then same API or catalogue, then an operation of any host. A
        tool belongs to its server; where two catalogues are equally near, none is taken, nor one of several hosts
        where the log names no server.
        """
        key = server_key(server)
        near: dict[int, list[Operation]] = {}
        for operation in self._names.get(name or "", ()):
            near.setdefault(self._distance(operation, key), []).append(operation)
        best = near.get(min(near)) if near and min(near) < _FAR else None
        best = [operation for operation in best or () if operation.observed] or best
        if not best or len({operation.catalogue for operation in best}) > 1:
            return -1
        if key is None and len({operation.host for operation in best}) > 1:
            return -1
        return best[0].op_id

    def _distance(self, operation: Operation, key: str | None) -> int:
        if key and operation.host and serves(operation.host, key):
            return 0
        if key and key in (operation.catalogue.lower(), (operation.api or "").lower()):
            return 1
        if operation.host is None:
            return 2
        if operation.kind == "tool" or (key and any(serves(host, key) for host in self._hosts)):
            return _FAR
        return 3

    def claim(self, server: str | None) -> int:
        """Return the number of the stages that a server's paths go through."""
        key = server_key(server)
        hosts = tuple(host for host in self._hosts if key and serves(host, key))
        level = (
            ("host", *hosts) if hosts else ("called", key) if key in self._called else ("free",) if key else ("any",)
        )
        if level not in self._claims:
            self._claims[level] = len(self._stages)
            self._stages.append(self._build(level))
        return self._claims[level]

    def _build(self, level: tuple) -> _Claim:
        free = [operation for operation in self.operations if operation.host is None]
        if level[0] == "any":
            return _Claim(_stages(free), tuple(_stages(operations) for operations in self._hosts.values()))
        if level[0] == "host":
            return _Claim(_stages([operation for host in level[1:] for operation in self._hosts[host]]) + _stages(free))
        return _Claim((_stages(self._called[level[1]]) if level[0] == "called" else []) + _stages(free))

    def find(self, claim: int, targets: pa.Array, methods: pa.Array) -> np.ndarray:
        """Return the operation of each path, -1 where none is known."""
        import numpy as np

        here = self._stages[claim]
        answer = _first(here.stages, targets, methods)
        rest = np.flatnonzero(answer < 0)
        if len(rest) and here.any_host:
            each = np.stack([_first(stages, some(targets, rest), some(methods, rest)) for stages in here.any_host])
            answer[rest] = np.where((each >= 0).sum(axis=0) == 1, each.max(axis=0), -1)
        return answer


@dataclass(frozen=True)
class _Claim:
    """The stages that paths go through."""

    stages: list[_Stage]
    any_host: tuple[list[_Stage], ...] = ()
    """Stages of each host, where the log names none."""


def _first(stages: list[_Stage], targets: pa.Array, methods: pa.Array) -> np.ndarray:
    """Return for each path the answer of the first stage that has one."""
    import numpy as np

    answer = np.full(len(targets), -1, np.int64)
    for stage in stages:
        rest = np.flatnonzero(answer < 0)
        if not len(rest):
            break
        answer[rest] = stage.find(some(targets, rest), some(methods, rest))
    return answer


_FAR = 9


def _stages(operations: list[Operation]) -> list[_Stage]:
    """Return the stages of operations: by style, full paths first, then paths logged without the base path."""
    stages = []
    for style in dict.fromkeys(operation.style for operation in operations):
        alike = [operation for operation in operations if operation.style == style]
        for bare in (False, True):
            stages += _stage([operation for operation in alike if operation.base_path or not bare], style, bare)
    return stages


def _stage(operations: list[Operation], style: Style, bare: bool) -> list[_Stage]:
    """Compile the operations that have a path. A template with a query is none: logs hold no query."""
    having = [
        (o.method, ("" if bare else o.base_path or "") + o.template, o.op_id)
        for o in operations
        if o.kind == "http" and o.template and "?" not in o.template
    ]
    if not having:
        return []
    cuts = tokens([path for _, path, _ in having], style)
    trie = Trie(odata=style.odata)
    for (method, _, op_id), template in zip(having, cuts, strict=True):
        trie.insert(template, method, op_id)
    return [_Stage(style, trie, Vocabulary.of(cuts, odata=style.odata))]
