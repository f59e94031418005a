"""Unused privileges, and what to do about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grantlens.findings.findings import Findings

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False, repr=False)
class UnusedPrivileges(Findings):
    """The findings of PRV-1, with advice for each grant."""

    def recommend(self) -> pa.Table:
        """Return the advice for each grant, and what it would have broken.

        Returns
        -------
        pyarrow.Table
            One row a grant: source, client_id, subject_id, grant_id, keep, remove, replace (text `old -> new`), ask,
            wait (lists of scopes), calls_kept and calls_lost: of the calls seen, how many the advised scopes would
            still permit, and how many they would have refused. Only unused scopes are removed, so a loss can only
            come from a replacement; it is counted, not assumed.
        """
        import pyarrow

        advice: dict[tuple, dict[str, Any]] = {}
        for row in self.to_dicts():
            detail = row["detail"]
            key = (row["source"], row["client_id"], row["subject_id"], row["grant_id"])
            entry = advice.setdefault(
                key, {"keep": [], "remove": [], "replace": [], "ask": [], "wait": [], "calls_kept": 0, "calls_lost": 0}
            )
            said = detail["scope"] if detail["action"] != "replace" else f"{detail['scope']} -> {detail['replacement']}"
            entry[detail["action"]].append(said)
            entry["calls_lost" if detail["action"] == "remove" else "calls_kept"] += detail["uses"]
        names = ("source", "client_id", "subject_id", "grant_id")
        lists = [(name, pyarrow.list_(pyarrow.string())) for name in ("keep", "remove", "replace", "ask", "wait")]
        schema = pyarrow.schema(
            [(name, pyarrow.string()) for name in names]
            + lists
            + [("calls_kept", pyarrow.int64()), ("calls_lost", pyarrow.int64())]
        )
        ordered = sorted(advice.items(), key=lambda item: tuple(part or "" for part in item[0]))
        rows = [{**dict(zip(names, key, strict=True)), **entry} for key, entry in ordered]
        return pyarrow.Table.from_pylist(rows, schema=schema)
