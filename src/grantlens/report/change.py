"""What a baseline tells, in sentences: how many findings are new or gone, and what being gone does not show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from grantlens.wording import agree, number, plural


def counted(baseline: Mapping[str, Any]) -> str:
    """Return the counts of a comparison.

    Examples
    --------
    >>> counted({"new_findings": [0, 3, 4], "worse": [3], "still_found": 12, "gone": [{"now": "clear"}]})
    '2 new, 1 worse, 12 still found, 1 gone'
    """
    worse = len(baseline["worse"])
    return (
        f"{number(len(baseline['new_findings']) - worse)} new, {number(worse)} worse, "
        f"{number(baseline['still_found'])} still found, {number(len(baseline['gone']))} gone"
    )


def cautions(baseline: Mapping[str, Any]) -> list[str]:
    """Return what must be known before a finding that is new or gone is taken for a change of the facts.

    Examples
    --------
    >>> gone = [{"now": "not covered"}, {"now": "clear"}, {"now": "not found"}]
    >>> lost = [{"source": "github", "tenant": "acme", "log": "usage"}]
    >>> for line in cautions({"gone": gone, "lost_logs": lost, "otherwise_made": ["rule REV-1 was version 3 and is version 4"]}):
    ...     print(line)
    No usage log of github, tenant acme, covers any part of this period, and one covered the earlier period.
    Whether 1 finding of this source, which is gone, would be found is not known.
    1 finding that is gone is clear now: the rule saw it, and found nothing wrong or left to decide.
    1 finding that is gone was not found in this period. That shows no remedy: only a revocation or a changed grant in the log does.
    The two reviews were not made alike: rule REV-1 was version 3 and is version 4. A finding may be new or gone for that reason alone.
    """
    now = Counter(row["now"] for row in baseline["gone"])
    lost: dict[tuple[str, str | None], list[str]] = {}
    for row in baseline["lost_logs"]:
        lost.setdefault((row["source"], row["tenant"]), []).append(row["log"])
    lines = [
        f"No {log_of({'source': source, 'tenant': tenant, 'log': ' or '.join(logs)})} covers any part of this period, and one "
        "covered the earlier period."
        for (source, tenant), logs in lost.items()
    ]
    unseen = now["not covered"]
    if unseen:
        sources = agree(len({source for source, _ in lost}), "this source", "these sources")
        lines.append(
            f"Whether {plural(unseen, 'finding')} of {sources}, which {agree(unseen, 'is', 'are')} gone, would be found is not known."
        )
    if now["clear"]:
        lines.append(
            f"{_gone(now['clear'])} {agree(now['clear'], 'is', 'are')} clear now: the rule saw it, and found nothing wrong or left to decide."
        )
    if now["not found"]:
        lines.append(
            f"{_gone(now['not found'])} {agree(now['not found'], 'was', 'were')} not found in this period. That shows no remedy: "
            "only a revocation or a changed grant in the log does."
        )
    if baseline["otherwise_made"]:
        lines.append(
            f"The two reviews were not made alike: {'; '.join(baseline['otherwise_made'])}. A finding may be new or gone for "
            "that reason alone."
        )
    return lines


def log_of(row: Mapping[str, Any]) -> str:
    """Return the name of a log.

    Examples
    --------
    >>> log_of({"source": "okta", "tenant": None, "log": "usage"})
    'usage log of okta'
    """
    return f"{row['log']} log of {row['source']}" + (f", tenant {row['tenant']}," if row["tenant"] else "")


def _gone(count: int) -> str:
    return f"{plural(count, 'finding')} that {agree(count, 'is', 'are')} gone"
