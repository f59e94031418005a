"""What a case says of access that was given: to whom, by whom, and what it permits."""

from __future__ import annotations

import json
from typing import Any

from grantlens.case.listing import FEW, few
from grantlens.wording import first_few, number, when

_LONGEST = 120
"""Letters of the details of a grant that a sentence gives."""


def consented(row: dict[str, Any]) -> str:
    """Return one consent with its own scopes and actor; what another one gave is no part of it."""
    nothing = "scopes that the log does not name" if row["scopes"] is None else "no scope"
    access = ", and to ".join(filter(None, (_permitted(row) or (None if row["may_act"] else nothing), _used_by(row))))
    client = _called(row["client_id"], row["client_name"]) or "an unnamed client"
    if row["kind"] is None:
        return f"no consent is logged; first token, for {client}; its tokens held {access} (grant {row['grant_id']})"
    own = row["consent_kind"] == "user"
    actor = row["consent_actor"] or (row["subject_id"] if own else None)
    who = (
        _called(actor, row["subject_name"] if actor == row["subject_id"] else None) or "somebody the log does not name"
    )
    how = f" ({row['consent_kind']} consent)" if row["consent_kind"] else ""
    subject = "everyone" if row["for_everyone"] else row["subject_id"]
    whose = "" if own or subject in (None, actor, row["client_id"]) else f" on behalf of {subject}"
    more = row["times"] - 1
    again = (
        f", and {'again' if more == 1 else f'{number(more)} times again, last'} {when(row['last_consented_at'])} UTC"
    )
    verb = "consented" if row["kind"] == "consent" else "changed"
    return f"{verb} by {who}{how}, for {client}{whose}, to {access} (grant {row['grant_id']}){again if more else ''}"


def handed_on(rows: list[dict[str, Any]]) -> str:
    """Return what a client or person gave to others: the first of it."""
    said = [
        f"{_called(row['client_id'], row['client_name']) or 'an unnamed client'} {_got(row)}"
        + (f" for {row['subject_id']}" if row["subject_id"] else "")
        + f" at {when(row['given_at'])} UTC"
        for row in rows
    ]
    return f"It gave access to others: {'; '.join(first_few(said, FEW, 'and {} more'))}." if said else ""


def scopes_of_calls(facts: dict[str, Any]) -> str:
    """Return the scopes that the calls of the case repeat, where no issuance names any."""
    scopes = facts["call_scopes"]
    if not scopes or (facts["consents"] and all(row["scopes"] is not None for row in facts["consents"])):
        return ""
    return (
        f" Its calls name the scopes {few(scopes)}." if len(scopes) > 1 else f" Its calls name the scope {scopes[0]}."
    )


def _got(row: dict[str, Any]) -> str:
    got = "a key" if row["kind"] == "credential" else _permitted(row)
    words = [f"got {got or 'access that the log does not name'}"] if got or not row["may_act"] else []
    return " and ".join([*words, *([f"may {_used_by(row)}"] if row["may_act"] else [])])


def _permitted(row: dict[str, Any]) -> str:
    """Return what a grant permits in the words of the log: scopes, and details of another form."""
    words = [few(row["scopes"])] if row["scopes"] else []
    words += [f"what its details say: {few([_short(text) for text in row['details']])}"] if row["details"] else []
    return ", and to ".join(words)


def _used_by(row: dict[str, Any]) -> str:
    return f"be used by {few(row['may_act'])}" if row["may_act"] else ""


def _short(text: str) -> str:
    try:
        flat = json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
    except (ValueError, RecursionError):  # a stranger wrote it, or the store
        flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST else f"{flat[:_LONGEST]}…"


def _called(id: str | None, name: str | None) -> str | None:
    """Return an id with the name that the log gives it."""
    return f"{name} ({id})" if id and name and name != id else id
