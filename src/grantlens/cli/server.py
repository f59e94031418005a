"""`grantlens server`: what is known of the servers that check tokens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from grantlens.cli.codes import FAILED, FINE
from grantlens.cli.message import say
from grantlens.cli.opening import existing, readable
from grantlens.cli.parameters import Now, Since, StorePath, Tenant, Until
from grantlens.cli.present import present, tell_far, tell_present
from grantlens.cli.progress import watched
from grantlens.given_path import in_shell
from grantlens.wording import plural

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

DRAFT_EXAMPLES = """Examples:
  grantlens server draft acme.duckdb > servers.toml
  grantlens server draft acme.duckdb --since 'last 30 days' > new.toml"""

ADD_EXAMPLES = """Examples:
  grantlens server add acme.duckdb servers.toml

Every column, and a whole file as an example: docs/files.md in the repository."""


def draft(
    store: StorePath, /, *, since: Since = None, until: Until = None, now: Now = None, tenant: Tenant = None
) -> int:
    """Begin the servers' file, as TOML: an entry for each server that has none.

    They are those that calls name. First come those where access was used after it was revoked: whether it was meant to work
    still depends on how they check tokens, which is for you to ask and to write; then add the file to the store.
    """
    from grantlens.access_review.ask import covered_logs
    from grantlens.access_review.server_draft import server_draft
    from grantlens.view import view_of

    instant = present(now)
    with existing(store, tenant=tenant) as opened:
        view = view_of(opened, since, until, instant)
        tell_present(now, instant, opened)
        tell_far(view, since, until)
        with watched(opened.engine):
            entries = server_draft(view)
        covered = "usage" in covered_logs(opened.engine, view.window.parameters())
    window = f"{'in' if view.window.of_nothing else 'from'} {view.window}"
    print(entries, end="")
    if entries:
        servers = plural(entries.splitlines().count("[[server]]"), "server")
        say(
            f"{servers} without an entry. Write how each checks tokens, then: grantlens server add {in_shell(store)} FILE"
        )
    elif not covered:
        say(f"Too thin to judge: no log of usage covers any time {window}, so which servers are called is not known.")
        return FAILED
    else:
        say(f"No call {window} names a server that lacks an entry.")
    return FINE


def add(
    store: StorePath,
    file: Annotated[
        Path, Parameter(help="TOML or CSV: resource_server, validation, cache_seconds, bound_seconds, ...")
    ],
    /,
) -> int:
    """Add resource servers to a store; an entry replaces an earlier one of the same server."""
    from grantlens.register.server import Servers

    servers = Servers.read(readable(file))
    with existing(store, read_only=False) as opened:
        opened.add(servers)
        entries = opened.engine.value("SELECT count(*) FROM server")
        say(f"The store {store} knows {plural(entries, 'server')} now.")
        _tell_uncalled(opened.engine, [server["resource_server"] for server in servers.servers])
    return FINE


_UNCALLED = """
WITH called AS (SELECT DISTINCT resource_server AS name FROM usage_caller WHERE resource_server IS NOT NULL)
SELECT s.name, (
    SELECT c.name FROM called c
    WHERE jaro_winkler_similarity(lower(c.name), regexp_replace(lower(s.name), '^[a-z]+://', '')) >= 0.85
    ORDER BY jaro_winkler_similarity(lower(c.name), regexp_replace(lower(s.name), '^[a-z]+://', '')) DESC, c.name
    LIMIT 1)
FROM (SELECT DISTINCT unnest($names) AS name) s
ANTI JOIN called c USING (name)
WHERE EXISTS (FROM called)
ORDER BY s.name
"""

_MOST = 5


def _tell_uncalled(engine: Engine, names: list[str]) -> None:
    """Say which servers no call names: how these check tokens decides nothing, and a name that differs by a letter does not either."""
    found = engine.rows(_UNCALLED, {"names": names})
    for name, near in found[:_MOST]:
        say(
            f"No call in the logs is at {name!r}{f'; nearest is {near!r}' if near else ''}. It is compared as the logs write it."
        )
    if len(found) > _MOST:
        say(f"The same is true of {plural(len(found) - _MOST, 'more server')}.")
