"""`grantlens register`: the organisation's own list of connections."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from grantlens.cli.codes import FAILED, FINE
from grantlens.cli.message import say
from grantlens.cli.opening import existing, readable
from grantlens.cli.parameters import Now, Since, StorePath, Tenant, Until
from grantlens.cli.present import present, tell_far, tell_present
from grantlens.cli.progress import watched
from grantlens.given_path import in_shell
from grantlens.wording import plural

DRAFT_EXAMPLES = """Examples:
  grantlens register draft acme.duckdb > connections.toml
  grantlens register draft acme.duckdb --since 'last 30 days' > new.toml"""

ADD_EXAMPLES = """Examples:
  grantlens register add acme.duckdb connections.toml
  grantlens register add acme.duckdb connections.csv

Every column, and a whole file as an example: docs/files.md in the repository."""


def draft(
    store: StorePath, /, *, since: Since = None, until: Until = None, now: Now = None, tenant: Tenant = None
) -> int:
    """Begin a register, as TOML: an entry for each client that has none.

    Above each entry stands what the logs tell of the client: where it was seen, its calls, its grants, its scopes. Owner
    and purpose are for you to write; then add the file to the store.
    """
    from grantlens.access_review.ask import covered_logs
    from grantlens.access_review.register_draft import register_draft
    from grantlens.view import view_of

    instant = present(now)
    with existing(store, tenant=tenant) as opened:
        view = view_of(opened, since, until, instant)
        tell_present(now, instant, opened)
        tell_far(view, since, until)
        with watched(opened.engine):
            entries = register_draft(view)
        covered = covered_logs(opened.engine, view.window.parameters()) & {"issuance", "usage"}
    window = f"{'in' if view.window.of_nothing else 'from'} {view.window}"
    print(entries, end="")
    if entries:
        clients = plural(entries.splitlines().count("[[client]]"), "client")
        say(
            f"{clients} without an entry. Write owners and purposes, then: grantlens register add {in_shell(store)} FILE"
        )
    elif not covered:
        say(
            f"Too thin to judge: no log of issuance or usage covers any time {window}, so which clients there are is not known."
        )
        return FAILED
    else:
        say(
            f"No client {window} lacks an entry. Whether each names an owner and a purpose: grantlens detect {in_shell(store)} GOV-1"
        )
    return FINE


def add(
    store: StorePath,
    file: Annotated[Path, Parameter(help="TOML or CSV: client_id, name, owner, purpose, approved_operations, ...")],
    /,
) -> int:
    """Add the register to a store; an entry replaces an earlier one of the same client."""
    from grantlens.register.register import Register

    register = Register.read(readable(file))
    with existing(store, read_only=False) as opened:
        opened.add(register)
        ((entries, types),) = opened.engine.rows(
            "SELECT (SELECT count(*) FROM register), (SELECT count(*) FROM details_type)"
        )
    beside = f" and {plural(types, 'type')} of authorization details" if types else ""
    say(f"The register in {store} has {plural(entries, 'entry', 'entries')}{beside} now.")
    return FINE
