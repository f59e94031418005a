"""The six questions of the front page, answered in a sentence each."""

from __future__ import annotations

from collections import Counter
from typing import Any

from grantlens.access_review.revocations import NONE_ENDED
from grantlens.access_review.server_draft import waits
from grantlens.wording import agree, listed, number, plural, share

_MOST = 3
"""Names that an answer gives before it counts."""


_ADVICE = {
    "remove": "to remove",
    "replace": "to replace",
    "ask": "to ask the owner about",
    "wait": "to wait for",
    "keep": "to keep",
}

_KINDS = {
    "agent": ("agent", "agents"),
    "integration": ("integration", "integrations"),
    "mcp_tool": ("MCP tool", "MCP tools"),
    "service": ("service", "services"),
    "other": ("of another kind", "of another kind"),
    "unknown kind": ("of unknown kind", "of unknown kind"),
}


def answers(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return question, headline, lines and section for each of the six questions."""
    return [
        _who(document), _owners(document), _power(document), _purpose(document), _deeds(document), _endings(document),
    ]  # fmt: skip


def _who(document: dict[str, Any]) -> dict[str, Any]:
    clients = document["clients"]
    kinds = Counter(row["kind"] or "unknown kind" for row in clients)
    agents = kinds.get("agent", 0)
    lines = [", ".join(plural(count, *_KINDS.get(kind, (kind, kind))) for kind, count in sorted(kinds.items())) + "."]
    strangers = [row for row in clients if not row["registered"]]
    if strangers and not _unregistered(document):
        lines.append(f"In no register: {_names(strangers)}.")
    # Of clients whose kind nobody says, some may be agents.
    found = "No agent is known" if not agents and kinds["unknown kind"] else plural(agents, "agent")
    among = f"{found} among {plural(len(clients), 'client')}, {plural(len(document['grants']), 'grant')}"
    return _answer("Which agents exist?", among if clients else _NO_CLIENT, lines if clients else [], "grants")


def _owners(document: dict[str, Any]) -> dict[str, Any]:
    clients = document["clients"]
    if _unregistered(document):
        begun = ["grantlens register draft begins one, with an entry for each client."] if clients else []
        return _answer("Who owns them?", _NO_REGISTER, begun, "grants")
    lost = [row for row in clients if not row["owner"]]
    lines = [f"The register names no owner for {_names(lost)}."] if lost else []
    live = sum(row["live"] > 0 for row in lost)
    if live:
        lines.append(f"{number(live)} of them still {agree(live, 'has', 'have')} live access.")
    if unsure := sum(not row["live"] and row["indeterminate"] > 0 for row in lost):
        lines.append(f"Whether {number(unsure)} of them still {agree(unsure, 'has', 'have')} access is undecided.")
    headline = f"{_of(clients, lost)} have an owner" if clients else _NO_CLIENT
    return _answer("Who owns them?", headline, lines, "grants")


def _power(document: dict[str, Any]) -> dict[str, Any]:
    privileges = document["privileges"]
    scopes = {scope for row in document["grants"] for scope in row["scopes"] or ()}
    unknown = sum(row["scopes"] is None for row in document["grants"])
    by = privileges["by_action"]
    lines = []
    if privileges["scopes"]:
        told = ", ".join(f"{number(by[action])} {what}" for action, what in _ADVICE.items() if by[action])
        lines.append(f"{plural(privileges['scopes'], 'scope')} in {plural(privileges['grants'], 'grant')}: {told}.")
    if broader := document["enough"]:
        held, enough = (sum(row[name] for row in broader) for name in ("opens_held", "opens_enough"))
        less = f"scopes that open {number(enough)} would have been enough" if enough else "none was needed"
        clients = len({(row["source"], row["client_id"]) for row in broader})
        tenants = len({(row["source"], row["tenant"]) for row in broader})
        where = f" in {plural(tenants, 'tenant')}" if len(broader) > clients else ""
        lines.append(
            f"What {plural(clients, 'client')} held{where} opens {plural(held, 'operation')}; {less} for the calls seen."
        )
    if unknown:
        lines.append(f"For {plural(unknown, 'grant')} the log names no scopes.")
    headline = f"{plural(len(scopes), 'different scope')} {agree(len(scopes), 'was', 'were')} held"
    if not scopes and unknown:
        headline = "Unknown: the log names no scopes"
    elif not scopes and not _shown(document, "issuance"):
        headline = _NO_LOG.format("issuance")
    return _answer("What can they do?", headline, lines, "privileges")


def _purpose(document: dict[str, Any]) -> dict[str, Any]:
    clients = document["clients"]
    blank = [row for row in clients if not row["purpose"]]
    consents = Counter(_consent(row) for row in document["grants"])
    unknown = _unregistered(document)
    lines = [f"No purpose is written down for {_names(blank)}."] if blank and not unknown else []
    if consents:
        lines.append(
            "Consent: " + ", ".join(f"{kind} {number(count)}" for kind, count in sorted(consents.items())) + "."
        )
    known = f"{_of(clients, blank)} have a purpose" if clients else _NO_CLIENT
    headline = _NO_REGISTER if unknown else known
    return _answer("Why may they?", headline, lines, "grants")


def _consent(grant: dict[str, Any]) -> str:
    if grant["subject_kind"] == "agent" and grant["consent_actor"] == grant["subject_id"] is not None:
        return "by an agent itself"
    return grant["consent_kind"] or ("of a kind that is not logged" if grant["consented_at"] else "not logged")


def _deeds(document: dict[str, Any]) -> dict[str, Any]:
    calls = document["attribution"]["calls"]
    counted: Counter[str] = Counter()
    for finding in document["findings"]:
        if finding["verdict"] == "violation":
            counted[finding["rule"]] += finding["events"]
    late = [row for row in document["findings"] if row["rule"] == "REV-11" and row["verdict"] == "violation"]
    mapped = document["map_coverage"]
    lines = ["None of them succeeded."]
    if mapped["succeeded"]:
        by_scope = _judged(mapped["judged_by_scope"], "scope", counted["OOS-1"], "beyond")
        by_purpose = _judged(mapped["judged_by_purpose"], "purpose", counted["OOS-3"], "outside")
        late_calls = mapped["after_end"]
        ended = (
            f"{number(late_calls)} {agree(late_calls, 'was', 'were')} made with access that had ended, "
            if late_calls
            else ""
        )
        lines = [f"Of {plural(mapped['succeeded'], 'call')} that succeeded, {ended}{by_scope}, {by_purpose}."]
    if stale := sum(row["detail"]["uses_after"] for row in late):
        lines.append(f"{plural(stale, 'call')} rested on scopes that had been taken away.")
    if mapped["known"] < mapped["calls"]:
        lines.append(
            f"{plural(mapped['calls'] - mapped['known'], 'call')} "
            f"({share((mapped['calls'] - mapped['known']) / mapped['calls'])}) "
            f"{agree(mapped['calls'] - mapped['known'], 'is', 'are')} known to no catalogue and could not be judged."
        )
    headline = plural(calls, "call") if calls or _shown(document, "usage") else _NO_LOG.format("usage")
    return _answer("What have they done?", headline, lines if calls else [], "findings")


def _judged(judged: int, by: str, count: int, where: str) -> str:
    """Say how many calls broke a limit, and of how many that is known: of calls that could not be judged nobody knows."""
    if not judged:
        return f"none could be judged by {by}"
    return f"{number(judged)} could be judged by {by} and {number(count)} {agree(count, 'was', 'were')} {where} it"


def _endings(document: dict[str, Any]) -> dict[str, Any]:
    lines = [*_effects(document), *_waiting(document), *_ends_of_grants(document), *_decisions(document)]
    count = len(document["revocations"])
    if not count and NONE_ENDED in (document["lag"]["why_empty"] or ""):
        lines.insert(0, document["lag"]["why_empty"])
    headline = plural(count, "revocation") if count or _shown(document, "revocation") else _NO_LOG.format("revocation")
    return _answer("How does access end?", headline, lines, "revocations")


def _effects(document: dict[str, Any]) -> list[str]:
    verdicts = document["lag"]["verdicts"]
    late = sum(row["effective"] == "yes" and row["uses_after"] > 0 for row in document["revocations"])
    undone = sum(row["given_again_at"] is not None for row in document["revocations"])
    after_use = f", {number(late)} of these only after further use" if late else ""
    told = [
        (verdicts["yes"], f"{number(verdicts['yes'])} shown to have taken effect{after_use}"),
        (verdicts["no"], f"{number(verdicts['no'])} where access still worked at the last look or was issued anew"),
        (verdicts["not_demonstrated"], f"{number(verdicts['not_demonstrated'])} not demonstrated"),
        (undone, f"{number(undone)} of them undone: the holder gave the access again"),
    ]
    parts = [text for held, text in told if held]
    return ["; ".join(parts) + "."] if parts else []


def _waiting(document: dict[str, Any]) -> list[str]:
    late = [row for row in document["findings"] if row["rule"] == "REV-1" and row["resource_server"]]
    servers = {row["resource_server"] for row in late if waits(row)}
    if not servers:
        return []
    return [
        f"Use after a revocation is undecided at {plural(len(servers), 'server')}, for no file says how "
        f"{agree(len(servers), 'it checks', 'they check')} tokens: grantlens server draft begins one."
    ]


def _ends_of_grants(document: dict[str, Any]) -> list[str]:
    ended = Counter(row["ended_how"] for row in document["grants"] if row["state"] == "ended")
    states = Counter(row["state"] for row in document["grants"])
    parts = [f"{how} {number(held)}" for how, held in sorted(ended.items())]
    parts += [f"undecided {number(states['indeterminate'])}"] if states["indeterminate"] else []
    parts += [f"no end in the logs {number(states['live'])}"] if states["live"] else []
    return [f"Grants: {', '.join(parts)}."] if parts else []


def _decisions(document: dict[str, Any]) -> list[str]:
    decided = Counter(finding["verdict"] for finding in document["findings"] if finding["rule"] == "REV-10")
    kept = {"clear": "carried out in time", "violation": "late or not at all", "indeterminate": "not known"}
    parts = [f"{words} {number(decided[verdict])}" for verdict, words in kept.items() if decided[verdict]]
    return [f"Decisions to revoke: {', '.join(parts)}."] if parts else []


def _shown(document: dict[str, Any], log: str) -> bool:
    """True if some log of this kind covers any of the period: without one, nothing seen is not none."""
    return any(row["log"] == log for row in document["coverage"])


_NO_LOG = "Unknown: no {} log covers any of this period"


def _unregistered(document: dict[str, Any]) -> bool:
    """True where no register was brought: then nobody is known to own anything, which is not the same as nobody."""
    return not document["reproduce"]["register"]["clients"]


_NO_REGISTER = "Unknown: no register was brought"
_NO_CLIENT = "No client is seen in issuance or usage"


def _answer(question: str, headline: str, lines: list[str], section: str) -> dict[str, Any]:
    return {"question": question, "headline": headline, "lines": lines, "section": section}


def _of(everyone: list, lacking: list) -> str:
    return f"{number(len(everyone) - len(lacking))} of {number(len(everyone))}"


def _names(rows: list[dict[str, Any]]) -> str:
    names = [
        f"{row['name']} ({row['client_id']})" if row["name"] not in (None, row["client_id"]) else row["client_id"]
        for row in rows[:_MOST]
    ]
    more = len(rows) - len(names)
    return listed([*names, plural(more, "other")] if more else names)
