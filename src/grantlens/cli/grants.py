"""`grantlens grants`: which access is there, and was it used?"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from typing import Annotated, Any

from cyclopts import Parameter

from grantlens.cli.codes import FAILED, FINE
from grantlens.cli.message import say
from grantlens.cli.opening import existing
from grantlens.cli.output import with_whose, write_records
from grantlens.cli.parameters import FormatChoice, Now, Set, Since, StorePath, Tenant, Until, numbers
from grantlens.cli.present import present, tell_far, tell_present
from grantlens.cli.progress import watched
from grantlens.errors import GrantlensError

EXAMPLES = """Examples:
  grantlens grants acme.duckdb --live
  grantlens grants acme.duckdb --live --advice
  grantlens grants acme.duckdb --live --advice --set break_even=0.02
  grantlens grants acme.duckdb --since 2026-Q3 --format csv > review.csv"""

COLUMNS = (
    "client_id",
    "subject_id",
    "owner",
    "scopes",
    "not_approved",
    "opened_at",
    "state",
    "ended_at",
    "perhaps_ended_at",
    "reason",
    "calls",
    "last_used_at",
    "use",
    "watched",
)

ADVICE = ("keep", "remove", "replace", "ask", "wait", "calls_unknown")
"""Columns of the advice; the table leaves out what is to be kept."""


def grants(
    store: StorePath,
    /,
    *,
    since: Since = None,
    until: Until = None,
    now: Now = None,
    tenant: Tenant = None,
    live: Annotated[
        bool, Parameter(help="Leave out what had ended; what may have, and nobody can tell, stays in.")
    ] = False,
    advice: Annotated[
        bool,
        Parameter(
            help="Add what PRV-1 advises for the scopes of each live grant: keep, remove, replace, ask, wait; and of how many "
            "calls nobody can say what they needed."
        ),
    ] = False,
    settings: Set = (),
    format: FormatChoice = "table",
) -> int:
    """List the grants of a window: who holds access, for whom, since when, and was it used?

    `use` is seen, none seen (in the share `watched` of its time), possible where calls that name no grant may be of
    it, or not observable: no log held could have shown any. Scopes are the last of the window; `not_approved` are those
    that the register does not approve for the client, where it names any. `state` is live where the
    logs show no end, and indeterminate where a revocation may have ended it, and they do not tell: `reason` says why.
    """
    from grantlens import detect
    from grantlens.access_review import grants as asked
    from grantlens.view import view_of
    from grantlens.wording import plural

    if settings and not advice:
        raise GrantlensError("--set changes the advice, and none is asked for.", "Add --advice.")
    values = numbers(settings)
    instant = present(now)
    with existing(store, tenant=tenant) as opened:
        view = view_of(opened, since, until, instant)
        tell_present(now, instant, opened)
        tell_far(view, since, until)
        # Inside the block the list reads what the rule rests on, and does not work it out again.
        with watched(opened.engine), detect.asked(view, "PRV-1", values) if advice else nullcontext(()) as rules:
            found = asked.grants(view)
        advised = _advised(rules)
    rows = [row for row in found.to_dicts() if row["state"] != "ended" or not live]
    if advice:
        rows = [row | (_of(row, advised) if row["state"] != "ended" else dict.fromkeys(ADVICE)) for row in rows]
    kind = "live grant" if live else "grant"
    unsure = sum(row["state"] == "indeterminate" for row in rows)
    beyond = any(row["not_approved"] for row in rows)
    columns = tuple(name for name in COLUMNS if beyond or name != "not_approved") + (ADVICE[1:] if advice else ())
    told = rows if format != "table" else [row | {"watched": _silent_for(row)} for row in rows]
    write_records(
        told,
        format,
        columns=with_whose(columns, told),
        empty=f"No {kind} is in {'' if view.window.of_nothing else 'the logs held from '}{view.window}.",
    )
    if not rows and not found.covered:
        why = "the store holds no event" if view.window.of_nothing else f"no issuance log covers any of {view.window}"
        say(f"Too thin to judge: {why}, so who holds access is not known.")
        return FAILED
    if rows and format == "table":
        # Of a long table the last screen is what a person sees.
        doubt = f"; whether {unsure:,} of them had ended is undecided" if unsure else ""
        say(f"{plural(len(rows), 'grant')}{doubt}; {asked.uses_told(row['use'] for row in rows)}.")
    return FINE


def _advised(rules: Iterable[Any]) -> dict[tuple[str, str | None, str], dict[str, Any]]:
    """Return the advice for each grant, by source, tenant and id."""
    told = [row for found in rules for row in found.recommend().to_dicts()]
    return {(row["source"], row["tenant"], row["grant_id"]): row for row in told}


def _of(row: dict[str, Any], advised: dict[tuple[str, str | None, str], dict[str, Any]]) -> dict[str, Any]:
    """Return the advice for one grant: on the scopes that it holds still, nothing where no log names them."""
    found = advised.get((row["source"], row["tenant"], row["grant_id"]))
    if found is None:
        return dict.fromkeys(ADVICE)
    held = set(row["scopes"] or ())
    kept = {name: [told for told in found[name] if told.partition(" -> ")[0] in held] for name in ADVICE[:-1]}
    return kept | {ADVICE[-1]: found[ADVICE[-1]]}


def _silent_for(row: dict[str, Any]) -> str | None:
    """Say in which share of its time nothing was seen of a grant: beside calls that were seen it says little."""
    from grantlens.wording import share

    return share(row["watched"]) if row["use"] == "none seen" else None
