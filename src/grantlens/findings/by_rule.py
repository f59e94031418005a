"""The findings of several rules: a list that knows its rules by name, and that is one table where somebody wants one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from grantlens.errors import RuleError
from grantlens.findings.findings import Findings
from grantlens.findings.severity import worst
from grantlens.framed import AsFrame
from grantlens.rules import find
from grantlens.visible import grid

if TYPE_CHECKING:
    import pyarrow as pa


class FindingsByRule(list[Findings], AsFrame):
    """What several rules found, one `Findings` a rule, in the order of reports.

    `found["OOS-3"]` is what that rule found; else it is read as a list. As one frame it is all of their findings (`found.df()`,
    `found.pl()`), with the columns that each has. A notebook cell shows of each rule its question, its violations and the worst
    of them, what is undecided or clear, and where nothing was found, why.

    Examples
    --------
    >>> import grantlens as gl
    >>> with gl.open(":memory:") as store:
    ...     found = gl.detect.run(store, ["OOS-1", "REV-4"], since="2026-07-01", until="2026-10-01")
    >>> found["REV-4"].rule.question == found[1].rule.question
    True
    >>> found
    OOS-1 Which actions did no granted scope permit at that moment? 2026-07-01 to 2026-10-01: The store holds no log.
    REV-4 Which revocations never took effect while the token lived? 2026-07-01 to 2026-10-01: The store holds no log.
    """

    @overload
    def __getitem__(self, at: str | SupportsIndex) -> Findings: ...

    @overload
    def __getitem__(self, at: slice) -> list[Findings]: ...

    def __getitem__(self, at: str | SupportsIndex | slice) -> Findings | list[Findings]:
        """Return what the rule of this id or name found, or what stands at this place.

        Raises
        ------
        RuleError
            If there is no such rule, or it was not asked.
        """
        if not isinstance(at, str):
            return super().__getitem__(at)
        rule = find(at)
        for each in self:
            if each.rule.id == rule.id:
                return each
        asked = ", ".join(each.rule.id for each in self) or "none"
        raise RuleError(
            f"{rule.id} was not asked here.", f'Ask it: gl.detect.run(store, "{rule.id}"). Asked were: {asked}.'
        )

    def arrow(self) -> pa.Table:
        """Return all findings as one Arrow table: rule by rule, the worst of each first."""
        import pyarrow

        return pyarrow.concat_tables([each.table for each in self]) if self else pyarrow.table({})

    def __repr__(self) -> str:
        return "\n".join(map(repr, self)) or "No rule was asked."

    def _repr_html_(self) -> str:
        names = ("rule", "question", "violations", "worst", "undecided", "clear", "why nothing was found")
        return grid(names, map(_row, self), most=len(self))


def _row(found: Findings) -> list[Any]:
    counts = found.counts()
    rows = found.table.select(["verdict", "severity"]).to_pylist()
    return [
        found.rule.id,
        found.rule.question,
        counts["violation"],
        worst(rows),
        counts["indeterminate"],
        counts["clear"],
        found.why_empty,
    ]
