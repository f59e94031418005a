"""What `--now` means, and what is said before the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from grantlens.cli.message import say
from grantlens.given_path import in_shell
from grantlens.window import format_time, parse_time
from grantlens.wording import first_few, listed, plural

if TYPE_CHECKING:
    from grantlens.store import Store
    from grantlens.view import View

AHEAD = timedelta(days=1)
"""Logs that are further ahead of the clock make one doubt it; a zone that is wrong is less."""

FAR_TOLD = 3
"""Stretches of records that are years from their log, and are named."""


def present(now: str | None) -> datetime:
    """Return the instant that `--now` names, or the clock's.

    Examples
    --------
    >>> present("2026-10-01").isoformat()
    '2026-10-01T00:00:00+00:00'
    """
    return datetime.now(UTC).replace(microsecond=0) if now is None else parse_time(now)


def tell_present(now: str | None, instant: datetime, store: Store) -> None:
    """Say which instant the clock gave, where none was named: the answer depends on it. Doubt it if logs are ahead of it."""
    from grantlens.ingest.far import near

    if now is not None:
        return
    say(f"Now is {format_time(instant)}; give --now {format_time(instant)} to get the same answer again.")
    last = near(store.engine)[1]
    if last and last - instant > AHEAD:
        say(
            f"A log goes on until {format_time(last)}: the clock of this machine is wrong, or that of the log. "
            "If it is this one, give --now."
        )


def tell_far(view: View, since: str | None, until: str | None) -> None:
    """Say which records the window would reach to, were they not years from the rest of their log, and how to see them."""
    from grantlens.ingest.far import far_records, near

    window, last = view.window, near(view.store.engine)[1]
    ends_with_logs = until is None and last is not None and window.until == min(last, view.now)
    say_far(
        [
            row
            for row in far_records(view.store.engine)
            if (row["first"] < window.since and since is None) or (row["last"] >= window.until and ends_with_logs)
        ]
    )


def tell_accepted(accepted: Mapping[str, Any] | None) -> None:
    """Say how many findings are accepted, and what of the file was seen again, counts again or is no longer found."""
    from grantlens.report.accepted import counted, since_then

    if accepted is not None:
        for sentence in [counted(accepted), *since_then(accepted)]:
            say(f"{sentence}.")


def say_far(found: list[dict[str, Any]]) -> None:
    """Say of the first of these far records where they stand, and how to see them."""
    for row in found[:FAR_TOLD]:
        begin, end = format_time(row["first"]), format_time(row["last"] + timedelta(seconds=1))
        say(
            f"{row['path']} has {plural(row['records'], 'record')} of {begin[:10]}, years from the rest of its {row['log']} log, the first "
            f"in line {row['line']}: a window without ends leaves that out. To see it: --since {begin} --until {end}"
        )
    if found[FAR_TOLD:]:
        say("Others are as far: grantlens coverage shows when.")


def say_without_tenant(stretches: Iterable[Mapping[str, Any]]) -> None:
    """Say of which sources some logs of issuance or revocation name a tenant and others none: they tell of one grant as of two."""
    named: dict[str, set[str]] = {}
    without: dict[str, set[str]] = {}
    for row in stretches:
        if row["tenant"] is not None:
            named.setdefault(row["source"], set()).add(row["tenant"])
        elif row["records"] and row["log"] != "usage":
            without.setdefault(row["source"], set()).add(row["log"])
    for source in sorted(named.keys() & without.keys()):
        tenants = sorted(named[source])
        say(
            f"Some of {source}'s records of {listed(sorted(without[source]))} name no tenant, and others name "
            f"{listed(first_few(tenants, 3))}: what they give or take is not known to be the same access. If they are of it, "
            f"take their files out (grantlens unload) and load them with --tenant {in_shell(tenants[0] if len(tenants) == 1 else 'NAME')}."
        )
