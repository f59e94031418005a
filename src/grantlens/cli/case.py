"""`grantlens case`: one incident, reconstructed."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from grantlens.cli.cell import shown
from grantlens.cli.help import page_width
from grantlens.cli.message import say
from grantlens.cli.opening import existing
from grantlens.cli.output import write_json, write_records
from grantlens.cli.parameters import StorePath, Tenant
from grantlens.cli.progress import watched
from grantlens.errors import GrantlensError

EXAMPLES = """Examples:
  grantlens case acme.duckdb --client mail-copilot
  grantlens case acme.duckdb --client "Mail copilot" # all its ids
  grantlens case acme.duckdb --token 9f2c1e --format timeline
  grantlens case acme.duckdb --subject ana@acme.example -o case-ana/"""


def case(
    store: StorePath,
    /,
    *,
    client: Annotated[str | None, Parameter(metavar="ID", help="Client id, or a name of the identities file.")] = None,
    token: Annotated[str | None, Parameter(metavar="ID", help="Token id or hash, as the logs have it.")] = None,
    subject: Annotated[
        str | None, Parameter(metavar="ID", help="Subject id, or a name of the identities file.")
    ] = None,
    grant: Annotated[str | None, Parameter(metavar="ID", help="Grant id.")] = None,
    now: Annotated[
        str | None,
        Parameter(
            metavar="TIME", help="The present; what comes after it is left out. The end of the logs, if left out."
        ),
    ] = None,
    tenant: Tenant = None,
    out: Annotated[
        Path | None,
        Parameter(
            name=("--out", "-o"),
            metavar="DIR",
            help="Folder to write the whole case to: page, JSON, evidence, custody record.",
        ),
    ] = None,
    format: Annotated[
        Literal["table", "json", "timeline"],
        Parameter(
            name="--format", metavar="FORM", help="The answers, as text or JSON; or the timeline, one event a line."
        ),
    ] = "table",
) -> int:
    """Tell who granted it, what it did, how it ended, whether that worked, and what cannot be known."""
    asked = {
        name: value
        for name, value in (("client", client), ("token", token), ("subject", subject), ("grant", grant))
        if value
    }
    if len(asked) != 1:
        raise GrantlensError(
            "A case is about one thing." if asked else "The case names nothing to look at.",
            "Give one of --client ID, --token ID, --subject ID, --grant ID.",
        )
    from grantlens.case import Case
    from grantlens.case.answers import BROKEN

    with existing(store, tenant=tenant) as opened:
        with watched(opened.engine):
            incident = Case(opened, **asked, now=now)
            answers = incident.answers(whole=out is not None)
            written = [] if out is None else incident.write(out)
        events = incident.timeline().to_dicts() if format == "timeline" else []
    if format == "json":
        about = incident.about.to_dict()
        write_json(
            {
                "about": asked | {name: about[name] for name in ("name", "ids") if name in about},
                "answers": answers.to_dicts(),
            }
        )
    elif format == "timeline":
        write_records([_event(event) for event in events], "table", empty=f"No event is recorded of {incident.about}.")
    else:
        meant = incident.about.told()
        if meant:
            print(textwrap.fill(shown(meant), page_width()), end="\n\n")
        more = {BROKEN: " -o DIR asks them too, and writes the whole case."} if out is None else {}
        told = [_told(question, answer + more.get(question, "")) for question, answer in answers.items()]
        print("\n\n".join(told))
    for path in written:
        say(f"Wrote {path}")
    return 0


STATES = {"violation": "after revocation", "indeterminate": "too close to tell", "denied": "refused"}
"""What the state of an event is called; of the others nothing is to be said. The label of a grant says that it may have ended."""


def _event(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "time": event["start"],
        "until": event["end"],
        "lane": event["lane"],
        "state": "" if event["lane"] == "granted" else STATES.get(event["state"], ""),
        "count": event["count"],
        "what": event["label"],
    }


def _told(question: str, answer: str) -> str:
    """Return one question with its answer below it, wrapped."""
    width = page_width()
    return textwrap.fill(shown(question), width) + "\n" + textwrap.indent(textwrap.fill(shown(answer), width - 2), "  ")
