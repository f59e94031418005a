"""What was accepted by the organisation, in sentences: how much of what is told, and what of it counts again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grantlens.wording import agree, number, plural


def counted(accepted: Mapping[str, Any]) -> str:
    """Say how many findings are accepted.

    Examples
    --------
    >>> counted({"violation": 12, "indeterminate": 0}), counted({"violation": 0, "indeterminate": 1})
    ('12 violations are accepted', '1 undecided finding is accepted')
    >>> counted({"violation": 0, "indeterminate": 0})
    'No finding is accepted'
    """
    told = [plural(accepted["violation"], "violation")] if accepted["violation"] else []
    told += [plural(accepted["indeterminate"], "undecided finding")] if accepted["indeterminate"] else []
    count = accepted["violation"] + accepted["indeterminate"]
    return f"{' and '.join(told)} {agree(count, 'is', 'are')} accepted" if told else "No finding is accepted"


def counts_again(accepted: Mapping[str, Any]) -> list[str]:
    """Say what was accepted and counts again, and what is no longer found.

    Examples
    --------
    >>> counts_again({"worse": 1, "ended": 2, "not_found": 0})
    ['1 accepted finding is worse than when it was accepted, and counts again', '2 findings were accepted until a time that has passed, and count again']
    >>> counts_again({"worse": 0, "ended": 0, "not_found": 3})
    ['3 accepted findings are not found any more, or are clear']
    """
    worse, ended, lost = (accepted[why] for why in ("worse", "ended", "not_found"))
    told = []
    if worse:
        counts = agree(
            worse, "is worse than when it was accepted, and counts", "are worse than when they were accepted, and count"
        )
        told.append(f"{plural(worse, 'accepted finding')} {counts} again")
    if ended:
        counts = agree(
            ended,
            "was accepted until a time that has passed, and counts",
            "were accepted until a time that has passed, and count",
        )
        told.append(f"{plural(ended, 'finding')} {counts} again")
    if lost:
        told.append(
            f"{number(lost)} accepted {agree(lost, 'finding is', 'findings are')} not found any more, or {agree(lost, 'is', 'are')} clear"
        )
    return told
