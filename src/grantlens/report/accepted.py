"""What was accepted by the organisation, in sentences: how much of what is told, and what of it counts again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grantlens.window import in_time
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


def seen_again(finding: Mapping[str, Any]) -> bool:
    """Tell whether an accepted finding rests on events later than any that it rested on when it was accepted.

    A privilege that is held and not used (PRV) is no event: its watch goes on each day.

    Examples
    --------
    >>> seen_again({"rule": "REV-1", "last_seen": "2026-07-02T00:00:00Z", "accepted_last_seen": "2026-07-01T00:00:00Z"})
    True
    >>> seen_again({"rule": "REV-1", "last_seen": "2026-07-02T00:00:00Z", "accepted_last_seen": None})
    False
    """
    before = finding.get("accepted_last_seen")
    return bool(before) and not finding["rule"].startswith("PRV-") and in_time(finding["last_seen"]) > in_time(before)


def since_then(accepted: Mapping[str, Any]) -> list[str]:
    """Say what was accepted and was seen again since, or counts again, or is no longer found.

    Examples
    --------
    >>> since_then({"seen_again": 1, "worse": 0, "ended": 0, "not_found": 0})
    ['1 accepted finding was seen again since it was accepted']
    >>> since_then({"seen_again": 0, "worse": 1, "ended": 2, "not_found": 0})
    ['1 accepted finding is worse than when it was accepted, and counts again', '2 findings were accepted until a time that has passed, and count again']
    >>> since_then({"seen_again": 0, "worse": 0, "ended": 0, "not_found": 3})
    ['3 accepted findings are not found any more, or are clear']
    """
    again, worse, ended, lost = (accepted[why] for why in ("seen_again", "worse", "ended", "not_found"))
    told = []
    if again:
        told.append(
            f"{plural(again, 'accepted finding')} {agree(again, 'was seen again since it was', 'were seen again since they were')} accepted"
        )
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
