"""The standard questions of an incident, answered from its facts, each with what the answer rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from grantlens.case import effect
from grantlens.case.asked import Asked
from grantlens.case.decided import decided
from grantlens.case.given import consented, handed_on, scopes_of_calls
from grantlens.case.listing import FEW, few
from grantlens.case.silence import outside, removed, scope
from grantlens.rules import registry
from grantlens.visible import LEFT, markup, visible
from grantlens.window import in_time
from grantlens.wording import agree, first_few, listed, number, plural, size, when

BROKEN = "Which rules did it break?"
"""The question whose answer names a few rules only."""


@dataclass(frozen=True)
class Answer:
    """One question with its answer.

    Parameters
    ----------
    question
        As people ask it after an incident.
    answer
        In a few sentences; what was not seen is always said with its source, time and coverage.
    facts
        The rows behind it.
    logs
        Which logs it rests on.
    """

    question: str
    answer: str
    facts: tuple[dict[str, Any], ...] = ()
    logs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answers:
    """All answers of a case, in the order in which they are asked."""

    about: str
    rows: tuple[Answer, ...] = field(repr=False)

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, question: str) -> str:
        return dict(self.items())[question]

    def items(self) -> list[tuple[str, str]]:
        """Return (question, answer) pairs."""
        return [(row.question, row.answer) for row in self.rows]

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the answers as plain values."""
        return [
            {"question": row.question, "answer": row.answer, "facts": list(row.facts), "logs": list(row.logs)}
            for row in self.rows
        ]

    def __str__(self) -> str:
        return "\n\n".join(f"{question}\n  {visible(answer)}" for question, answer in self.items())

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left;vertical-align:top'>{markup(question)}</th>"
            f"<td{LEFT}>{markup(answer)}</td></tr>"
            for question, answer in self.items()
        )
        return f"<div><p><b>Case: {markup(self.about)}</b></p><table>{rows}</table></div>"


def answer_all(about: Asked, facts: dict[str, Any]) -> Answers:
    """Answer every standard question."""
    asks: tuple[Callable[[dict[str, Any]], Answer], ...] = (
        _consent, _owner, _use, _data, _places, _downstream, _revoked, _effective, _rules, _told, _unknown,
    )  # fmt: skip
    return Answers(str(about), tuple(ask(facts) for ask in asks))


def _consent(facts: dict[str, Any]) -> Answer:
    rows, issued = facts["consents"], facts["issued"]
    if rows:
        parts = [effect.moment(facts, row, "consented_at") + consented(row) for row in rows[:FEW]]
        if len(rows) > FEW:
            parts.append(f"and {plural(len(rows) - FEW, 'more consent')}")
        grants = {(row["source"], row["grant_id"]) for row in rows}
        came = _came(issued, "it" if len(grants) == 1 else "them")
        text = f"{'; '.join(parts)}. {came}"
    elif issued["tokens"]:
        tokens = plural(issued["tokens"], "token was issued", "tokens were issued, the first")
        text = f"{tokens} at {when(issued['first_issued_at'])} UTC; no grant is named."
    else:
        text = f"No issuance is recorded {scope(facts, 'issuance')}."
    return Answer(
        "Who consented to what, and when?",
        text + scopes_of_calls(facts) + _keys(facts),
        (*rows, *facts["keys_made"]),
        ("issuance",),
    )


def _keys(facts: dict[str, Any]) -> str:
    """Return who made which keys: a key is access without anybody's consent."""
    rows = facts["keys_made"]
    made = [
        f"{row['token_id']} at {when(row['made_at'])} UTC by {row['consent_actor'] or 'somebody the log does not name'}"
        for row in rows
    ]
    return f" {agree(len(rows), 'Key', 'Keys')} made: {'; '.join(first_few(made, FEW))}." if made else ""


def _came(issued: dict[str, Any], of: str) -> str:
    tokens, all_of_them = issued["tokens"], issued["of_grants"]
    if all_of_them is None:
        return f"{plural(tokens, 'token')} came of {of}."
    came = f"{plural(all_of_them, 'token')} of the same client and subject came of {of}"
    if tokens in (0, all_of_them):
        return f"{came}."
    this = "this token is one" if tokens == 1 else f"this case is about {number(tokens)}"
    return f"{came}; {this} of them{'' if tokens == 1 else ': the token and what was refreshed from it'}."


def _owner(facts: dict[str, Any]) -> Answer:
    rows = facts["register"]
    if not facts["registered"]:
        text = "No register was brought, so nobody can be named."
    elif not rows:
        text = "The register has no entry for it: it names no owner and no purpose."
    else:
        text = ". ".join(
            f"{row['client_id']}: {row['owner'] or 'no owner'}, for “{row['purpose'] or 'no purpose written down'}”"
            + (f" (status {row['status']})" if row["status"] and row["status"] != "active" else "")
            + (f"; it is to work {', '.join(row['limits'])}" if row["limits"] else "")
            for row in rows[:FEW]
        ) + (f". And {plural(len(rows) - FEW, 'more client')}." if len(rows) > FEW else ".")
    return Answer("Who owns it, and what is it for?", text, tuple(rows), ())


def _use(facts: dict[str, Any]) -> Answer:
    used = facts["used"]
    if not used["calls"]:
        text = f"No use is recorded {scope(facts, 'usage')}."
    elif not used["successes"]:
        text = (
            f"No successful use is recorded {scope(facts, 'usage')}; {plural(used['calls'], 'attempt')} failed, "
            f"{when(used['first_used_at'])} to {when(used['last_used_at'])} UTC."
        )
    else:
        text = (
            f"First success {when(used['first_success_at'])} UTC, last {when(used['last_success_at'])} UTC: "
            f"{plural(used['successes'], 'successful call')}, {number(used['denied'])} refused{_why(used)}, "
            f"{number(used['errors'])} failed."
        )
    return Answer("When was it first and last used?", text, (used,), ("usage",))


def _why(used: dict[str, Any]) -> str:
    """Return how many were refused because of the token, or by a policy, as a revocation may be one."""
    said = [
        f"{number(used[f'denied_{reason}'])} {word}, the first at {when(used[f'first_denied_{reason}_at'])} UTC"
        for reason, word in (("token", "because of the token"), ("policy", "by a policy"))
        if used[f"denied_{reason}"]
    ]
    return f" ({'; '.join(said)})" if said else ""


def _data(facts: dict[str, Any]) -> Answer:
    used, rows = facts["used"], facts["operations"]
    done = [row for row in rows if row["successes"]]
    if not done:
        return Answer(
            "What data was touched, and how much?",
            f"No successful call is recorded {scope(facts, 'usage')}.",
            tuple(rows),
            ("usage",),
        )
    top = "; ".join(
        f"{row['operation']} at {row['resource_server'] or 'a server not named'} ({plural(row['successes'], 'call')}"
        + (f", {plural(row['resources'], 'object')}" if row["resources"] else "")
        + (f", deletes{_which(row)}" if row["destroys"] else ", writes" if row["writes"] else "")
        + ")"
        for row in done[:FEW]
    )
    more = f"; and {plural(len(done) - FEW, 'more operation')}" if len(done) > FEW else ""
    amount = (
        f" {size(used['bytes'])} were returned in the {plural(used['sized'], 'call')} whose size is logged."
        if used["sized"]
        else " The log does not say how much was returned."
    )
    objects = (
        f" {plural(used['resources'], 'object is', 'objects are')} named."
        if used["resources"]
        else " No object is named apart from what was called."
    )
    text = f"{top}{more}.{objects}{amount}{_refused(rows)}"
    return Answer("What data was touched, and how much?", text, tuple(rows), ("usage",))


def _which(row: dict[str, Any]) -> str:
    """Return what was deleted, where the operation is a pattern that does not say it."""
    told = [each for each in row["first_named"][:FEW] if each not in row["operation"]]
    more = [f"{number(row['named'] - len(told))} more"] if row["named"] > len(told) else []
    return f": {listed([*told, *more])}" if told else ""


def _refused(rows: list[dict[str, Any]]) -> str:
    """Return what was tried in vain: whoever looks around meets refusals."""
    refused = sorted((row for row in rows if row["denied"]), key=lambda row: -row["denied"])
    top = [
        f"{row['operation']} at {row['resource_server'] or 'a server not named'} ({plural(row['denied'], 'call')})"
        for row in refused
    ]
    return f" Refused: {few(top)}." if top else ""


def _places(facts: dict[str, Any]) -> Answer:
    rows = facts["places"]
    named = [row for row in rows if row["ip"]]
    if not rows:
        text = f"No use is recorded {scope(facts, 'usage')}."
    elif not named:
        text = "The usage log names no addresses."
    else:
        addresses: dict[str, dict[str, Any]] = {}
        for row in named:
            known = addresses.setdefault(row["ip"], {"calls": 0, "first": row["first_used_at"]})
            known["calls"] += row["calls"]
        told = "; ".join(
            f"{ip} ({plural(entry['calls'], 'call')}, first {when(entry['first'])} UTC)"
            for ip, entry in list(addresses.items())[:FEW]
        )
        more = f"; and {plural(len(addresses) - FEW, 'more address', 'more addresses')}" if len(addresses) > FEW else ""
        bare = sum(row["calls"] for row in rows if not row["ip"])
        more += f"; {plural(bare, 'call names', 'calls name')} no address" if bare else ""
        agents = {row["user_agent"] for row in rows if row["user_agent"]}
        text = f"From {plural(len(addresses), 'address', 'addresses')}, in order of appearance: {told}{more}."
        text += f" {plural(len(agents), 'user agent')}." if agents else " The log names no user agent."
    return Answer("From where?", text, tuple(rows), ("usage",))


def _downstream(facts: dict[str, Any]) -> Answer:
    rows, given = facts["children"], facts["handed_on"]
    text = " ".join(filter(None, (_children(rows), handed_on(given))))
    if not rows:
        text = f"{text} No token made from it for others is recorded {scope(facts, 'issuance')}.".lstrip()
        if facts["parentless"]:
            text += f" Of no token the log of {few(facts['parentless'])} says from which it was made: its silence proves nothing."
    return Answer("Was anything minted downstream?", text, (*rows, *given), ("issuance", "usage"))


def _children(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return ""
    clients = sorted({row["client_id"] or "an unnamed client" for row in rows})
    calls = sum(row["calls"] for row in rows)
    last = max((row["last_used_at"] for row in rows if row["calls"]), key=in_time, default=None)
    ended = [row["revoked_at"] for row in rows if row["revoked_at"]]
    own = (
        f" Of them {plural(len(ended), 'was', 'were')} revoked, the first at {when(min(ended, key=in_time))} UTC."
        if ended
        else ""
    )
    return (
        f"{plural(len(rows), 'token')} made from it for {few(clients)}; {plural(calls, 'successful call')} with {agree(len(rows), 'it', 'them')}"
        f"{f', the last at {when(last)} UTC' if last else ''}. No revocation of its own tokens covers these.{own}"
    )


def _revoked(facts: dict[str, Any]) -> Answer:
    rows = (*facts["revocations"], *facts["other_revocations"], *facts["decisions"])
    text = " ".join(filter(None, (decided(facts), effect.revoked(facts))))
    return Answer("When was it revoked, and by whom?", text, rows, ("revocation",))


def _effective(facts: dict[str, Any]) -> Answer:
    rows = tuple(facts["revocations"])
    return Answer("Was it effective?", effect.effective(facts), rows, ("revocation", "usage"))


def _rules(facts: dict[str, Any]) -> Answer:
    broken = [f for f in facts["broken"] if f["verdict"] == "violation"]
    open_ones = [f for f in facts["broken"] if f["verdict"] == "indeterminate"]
    events: Counter[tuple[str, str, str]] = Counter()
    for finding in broken:
        events[finding["rule"], finding["title"], finding["severity"]] += finding["events"]
    parts = [f"{rule}: {title} ({level}, {plural(count, 'event')})" for (rule, title, level), count in events.items()]
    blind = facts["rules_blind"]
    could = [rule for rule in facts["rules_asked"] if rule not in blind]
    asked = listed(could)
    text = (
        f"{'; '.join(first_few(parts, FEW, 'and {} more'))}. Asked were {asked}."
        if parts
        else f"{agree(len(could), 'Rule', 'Rules')} {asked} found no violation {scope(facts, 'usage')}."
        if could
        else "None of the rules asked could look."
    )
    for why in dict.fromkeys(blind.values()):
        text += f" {listed([rule for rule, reason in blind.items() if reason == why])} could not look: {why}"
    if open_ones:
        text += f" {plural(len(open_ones), 'question')} of theirs could not be decided."
    if facts["others"] is None and not parts:
        text = f"Only some rules were asked here. {text}"
    text += _others(facts)
    return Answer(BROKEN, text, tuple(facts["broken"]), ("issuance", "usage", "revocation"))


def _others(facts: dict[str, Any]) -> str:
    """Return what the rules found that are asked of the whole store only, where they were asked."""
    if facts["others"] is None:
        count = len(registry()) - len(facts["rules_asked"])
        return f" {count} other rules, such as INT-3 and INT-7, compare it with the rest of the store, and were not asked here."
    compare = " The other rules compare it with the rest of the store"
    found = Counter(row["rule"] for row in facts["others"] if row["verdict"] == "violation")
    undecided = sum(row["verdict"] == "indeterminate" for row in facts["others"])
    named = listed([f"{rule} ({plural(count, 'violation')})" for rule, count in found.items()])
    left = f"; {plural(undecided, 'question')} of theirs could not be decided" if undecided else ""
    return f"{compare}, and found {named or 'no violation'}{left}."


def _told(facts: dict[str, Any]) -> Answer:
    text = (
        "That is not in these logs: issuance, usage and revocation logs record no notifications. "
        "Ask the provider and the owner."
    )
    return Answer("Who was told, and when?", text)


def _unknown(facts: dict[str, Any]) -> Answer:
    lines = _unlinked(facts["unlinked"]) + _told_together(facts["sources"]) + removed(facts) + outside(facts)
    keys = {row["join_key"]: row["calls"] for row in facts["keys"]}
    if keys.get("unattributed"):
        lines.append(f"{plural(keys['unattributed'], 'call belongs', 'calls belong')} to no grant that the logs name")
    if keys.get("client_subject"):
        lines.append(
            f"{plural(keys['client_subject'], 'call names', 'calls name')} neither token nor grant: which token it was is unknown"
        )
    lines += [
        f"which token the revocation at {when(row['revoked_at'])} UTC ended: it names “{row['token_name']}”, as "
        f"{plural(len(row['token_ids']), 'token')} were called, {len(row['issued_before'] or ())} of them issued before"
        for row in facts["ambiguous"][:FEW]
    ]
    lines += [
        f"whether the revocation in {row['source']} at {when(row['revoked_at'])} UTC was meant to reach {row['used_in']}, "
        f"where {plural(row['calls'], 'call')} succeeded after it, the last at {when(row['last_used_at'])} UTC: they are "
        "one by the identities file or the provider, and no token that it ended is known to be theirs"
        for row in facts["elsewhere"][:FEW]
    ]
    unknown = sum(row["calls"] for row in facts["operations"] if not row["known"])
    if unknown:
        lines.append(
            f"{plural(unknown, 'call is', 'calls are')} known to no catalogue: what could be touched is unknown"
        )
    if not facts["used"]["sized"]:
        lines.append("how much data was returned")
    lines.append(
        "what happened at servers whose logs were not loaded, and what was done with data after it was returned"
    )
    return Answer("What cannot be known from these logs?", _sentence("; ".join(lines)), (), ())


def _unlinked(rows: list[dict[str, Any]]) -> list[str]:
    """Return that nobody says whether what has the same id in several sources is the same."""
    sources = few([row["source"] for row in rows])
    return [
        f"whether {row['id']} is one {row['kind']} in {sources}: it is an id in each, and nothing shows that they are one"
        for row in rows[:1]
    ]


def _told_together(sources: list[dict[str, Any]]) -> list[str]:
    """Return that the case is of several tenants of a source: a client of each may have the same id."""
    homes: dict[str, list[str]] = {}
    for row in sources:
        homes.setdefault(row["source"], []).append(row["tenant"])
    return [
        f"whether what has this id in {plural(len(tenants), 'tenant')} of {source} ({few(tenants[:FEW])}"
        f"{', …' if len(tenants) > FEW else ''}) is one: all of it is told here together, and --tenant tells of one alone"
        for source, tenants in homes.items()
        if len(tenants) > 1
    ]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
