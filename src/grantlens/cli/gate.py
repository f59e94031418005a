"""`--fail-on`: what the exit code of a scheduled run says. A run that could not judge is never a silent 0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from grantlens.cli.message import say
from grantlens.report.formats import plural
from grantlens.rules.rule import SEVERITIES
from grantlens.schema import LOGS

if TYPE_CHECKING:
    from grantlens.store import Store
    from grantlens.window import Window

REJECTED_SHARE = 0.05
"""Share of rejected records above which a store is too thin to judge."""


def exit_code(store: Store, window: Window, findings: Iterable[Mapping[str, Any]], fail_on: str | None) -> int:
    """Return 1 if a violation is as severe as `fail_on`, 2 if the data is too thin to judge, else 0.

    Without `fail_on` nothing is gated; a window of which no log covers anything is too thin all the same.
    """
    if fail_on is not None:
        gate = SEVERITIES.index(fail_on)
        broken = sum(
            finding["verdict"] == "violation" and SEVERITIES.index(finding["severity"]) >= gate for finding in findings
        )
        if broken:
            say(f"{plural(broken, 'violation')} {'is' if broken == 1 else 'are'} {fail_on} or worse.")
            return 1
    if not store.engine.value("SELECT count(*) FROM coverage"):
        say("Too thin to judge: the store holds no event. Load logs first: grantlens load STORE LOGS")
        return 2
    lacks = _lacks(store, window)
    if fail_on is None and len(lacks) < len(LOGS):
        return 0
    for lack in lacks:
        say(f"Too thin to judge: {lack}")
    return 2 if lacks else 0


def _lacks(store: Store, window: Window) -> list[str]:
    """Return each reason why nothing can be concluded from the absence of violations."""
    covered = store.engine.rows(
        """SELECT DISTINCT log::VARCHAR FROM coverage
        WHERE NOT is_gap AND covered_from < $until AND covered_until > $since""",
        window.parameters(),
    )
    lacks = [f"no {log} log covers any of {window}." for log in LOGS if (log,) not in covered]
    share = store.engine.value("SELECT sum(rejected) / nullif(sum(records), 0) FROM batch") or 0.0
    if share > REJECTED_SHARE:
        lacks.append(f"{share:.0%} of all records were rejected; see `grantlens coverage`.")
    return lacks
