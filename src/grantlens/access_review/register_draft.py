"""The beginning of a register: an entry for each client that has none, with what its logs tell beside what a person has to say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from grantlens import detect
from grantlens.access_review import clients, grants
from grantlens.toml_text import toml_text
from grantlens.visible import in_one_line
from grantlens.wording import day, first_few, listed, plural

if TYPE_CHECKING:
    from grantlens.store import Store
    from grantlens.view import View

SHOWN = 8
"""Scopes and tenants of a client that are named; the rest is counted."""

_HEAD = """\
# Clients that the register does not have, those that hold access first. Write who answers for each and what it is for, and take out
# those that nobody knows. What else an entry may say: docs/files.md in the repository. Names and ids are as the logs have them.
"""


def register_draft(
    store: Store | View,
    since: str | datetime | None = None,
    until: str | datetime | None = None,
    now: str | datetime | None = None,
) -> str:
    """Which clients does the register not have? Begin their entries.

    They are those of which rule GOV-1 says so: seen in the window with a token, a consent or a call that was not refused for its token.
    With owner and purpose filled in, `Register.read` takes it as it stands, and GOV-1 has no more to say of them.

    Parameters
    ----------
    store
        A store, or `store.between(...)`.
    since, until, now
        The window of a store that comes without one: all that the logs cover, up to `now`, if left out.

    Returns
    -------
    str
        TOML, a table `client` for each; nothing where every client has an entry.

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
    ...     gl.register_draft(store.between("2026-07-01", "2026-10-01"))
    ''
    """
    view = detect.view_asked(store, since, until, now)
    values = {**view.window.parameters(), "now": view.now}
    with detect.asked(view, "GOV-1", also=grants.NEEDS) as found:
        unowned = found["GOV-1"].to_dicts()
        held = grants.rows(view.store.engine, values)
        rows = clients.clients(view.store.engine, values, [], held)
    seen = _by_client(finding for finding in unowned if finding["detail"]["lacks"] == "no register row")
    grants_of = _by_client(held)
    entries = [_entry(row, seen[client], grants_of[client]) for row in rows if (client := row["client_id"]) in seen]
    return "\n".join([_HEAD, *entries]) if entries else ""


def _by_client(rows: Iterable[dict[str, Any]]) -> defaultdict[str, list[dict[str, Any]]]:
    found = defaultdict(list)
    for row in rows:
        found[row["client_id"]].append(row)
    return found


def _entry(client: Mapping[str, Any], seen: Sequence[Mapping[str, Any]], held: Sequence[Mapping[str, Any]]) -> str:
    lines = [f"# {in_one_line(told)}" for told in _facts(client, seen, held)]
    lines += ["[[client]]", f"client_id = {toml_text(client['client_id'])}"]
    lines += [
        f"{key} = {toml_text(said)}"
        for key, said in (("name", client["logged_name"]), ("kind", client["kind"]))
        if said
    ]
    return "".join(f"{line}\n" for line in (*lines, 'owner = ""', 'purpose = ""'))


def _facts(
    client: Mapping[str, Any], seen: Sequence[Mapping[str, Any]], held: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Yield what helps to tell whose it is."""
    places = sorted({each["source"] + (f" ({each['tenant']})" if each["tenant"] else "") for each in seen})
    first, last = day(min(each["first_seen"] for each in seen)), day(max(each["last_seen"] for each in seen))
    time = f"on {first}" if first == last else f"from {first} to {last}"
    calls = plural(client["calls"], "call") if client["calls"] else "no call"
    yield f"{listed(first_few(places, SHOWN))}: seen {time}, {calls} in the logs held"
    open_ones = [each for each in held if each["state"] != "ended"]
    if open_ones:
        subjects = len({each["subject_id"] for each in open_ones} - {None})
        whose = f" of {plural(subjects, 'subject')}" if subjects else ""
        unsure = f"; {client['indeterminate']:,} may have ended" if client["indeterminate"] else ""
        yield f"{plural(len(open_ones), 'open grant')}{whose}{unsure}"
    if scopes := sorted({scope for each in open_ones for scope in each["scopes"] or ()}):
        yield f"scopes: {listed(first_few(scopes, SHOWN))}"
