"""The beginning of the servers' file: an entry for each resource server that has none, with what its logs tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from grantlens import detect
from grantlens.access_review.ask import ask
from grantlens.schema.vocabulary import VALIDATION
from grantlens.toml_text import toml_text
from grantlens.visible import in_one_line
from grantlens.wording import agree, day, first_few, listed, plural

if TYPE_CHECKING:
    from grantlens.store import Store
    from grantlens.view import View

SHOWN = 8
"""Logs in which a server was called that are named; the rest is counted."""

_HEAD = """\
# Resource servers that calls name and the servers' file does not have, first those where a use after a revocation waits for an answer.
# Ask who runs each how it checks tokens, take the mark # from the line, and take out those that nobody knows. `cached` wants
# cache_seconds, too, and `push` bound_seconds: docs/files.md in the repository. Names are as the logs have them.
"""

_ASKED = f'# validation = ""  # {", ".join(VALIDATION[:-1])} or {VALIDATION[-1]}'

_CALLED = """
WITH called AS (
    SELECT caller_id, count(*) AS calls, min(used_at) AS first_seen, max(used_at) AS last_seen
    FROM usage_row
    WHERE used_at >= $since AND used_at < $until
    GROUP BY caller_id
)
SELECT u.resource_server, list_sort(list(DISTINCT u.source || coalesce(' (' || u.tenant || ')', ''))) AS logs,
       count(DISTINCT u.client_id) AS clients, sum(c.calls)::BIGINT AS calls, min(c.first_seen) AS first_seen, max(c.last_seen) AS last_seen
FROM called c
JOIN usage_caller u USING (caller_id)
ANTI JOIN server s ON s.resource_server = u.resource_server
WHERE u.resource_server <> ''
GROUP BY u.resource_server
"""


def server_draft(
    store: Store | View,
    since: str | datetime | None = None,
    until: str | datetime | None = None,
    now: str | datetime | None = None,
) -> str:
    """Which resource servers does the servers' file not have? Begin their entries.

    How a server checks tokens no log says, and without it rule REV-1 leaves a use after a revocation undecided. Those where it
    does come first, then those with most calls. With `validation` filled in, `Servers.read` takes the file as it stands.

    Parameters
    ----------
    store
        A store, or `store.between(...)`.
    since, until, now
        The window of a store that comes without one: all that the logs cover, up to `now`, if left out.

    Returns
    -------
    str
        TOML, a table `server` for each; nothing where each server that a call of the window names has an entry.

    Raises
    ------
    WindowError
        If a window is given for what has one already.
    StoreError
        If it is neither a store nor a view of one.

    Examples
    --------
    >>> import grantlens as gl
    >>> with gl.open(":memory:") as store:
    ...     gl.server_draft(store.between("2026-07-01", "2026-10-01"))
    ''
    """
    view = detect.view_asked(store, since, until, now)
    called = ask(view.store.engine, _CALLED, view.window.parameters())
    if not called:
        return ""
    used = detect.run(view, "REV-1")["REV-1"].to_dicts()
    waiting = Counter(finding["resource_server"] for finding in used if waits(finding))
    called.sort(key=lambda server: (-waiting[server["resource_server"]], -server["calls"], server["resource_server"]))
    return "\n".join([_HEAD, *(_entry(server, waiting[server["resource_server"]]) for server in called)])


def waits(finding: Mapping[str, Any]) -> bool:
    """True if a finding of REV-1 is undecided because nobody says how the server checks tokens."""
    detail = finding["detail"]
    return finding["verdict"] == "indeterminate" and detail["uses_after"] > 0 and detail["allowed_s"] is None


def _entry(server: Mapping[str, Any], waiting: int) -> str:
    lines = [f"# {in_one_line(told)}" for told in _facts(server, waiting)]
    return "".join(
        f"{line}\n"
        for line in (*lines, "[[server]]", f"resource_server = {toml_text(server['resource_server'])}", _ASKED)
    )


def _facts(server: Mapping[str, Any], waiting: int) -> Iterator[str]:
    """Yield what helps to tell which it is, and how much its entry would decide."""
    first, last = day(server["first_seen"]), day(server["last_seen"])
    time = f"on {first}" if first == last else f"from {first} to {last}"
    clients = f" of {plural(server['clients'], 'client')}" if server["clients"] else ""
    yield f"{listed(first_few(server['logs'], SHOWN))}: {plural(server['calls'], 'call')}{clients}, {time}"
    if waiting:
        yield f"REV-1 waits: {plural(waiting, 'access', 'accesses')} {agree(waiting, 'was', 'were')} used here after the revocation, or may have been"
