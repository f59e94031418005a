"""What a case says of its revocations: when and by whom, and whether they worked."""

from __future__ import annotations

from typing import Any

from grantlens.case.listing import FEW, few
from grantlens.case.silence import scope
from grantlens.window import in_time
from grantlens.wording import agree, duration, first_few, number, plural, when


def moment(facts: dict[str, Any], row: dict[str, Any], key: str) -> str:
    """Return when something happened, and in which source where the case has several."""
    several = len({own["source"] for own in facts["sources"]}) > 1
    return f"{when(row[key])} UTC{' in ' + row['source'] if several else ''}: "


def revoked(facts: dict[str, Any]) -> str:
    """Say when what was revoked, and by whom."""
    rows, other = facts["revocations"], facts["other_revocations"]
    parts = [f"{moment(facts, row, 'revoked_at')}{_target(row)} {_by(row)}{_lead_time(row)}" for row in rows[:FEW]]
    if len(rows) > FEW:
        parts.append(f"and {plural(len(rows) - FEW, 'more revocation')}")
    narrowed = _downgrades(facts)
    ended = "ended it" if narrowed else "took anything of it away"
    text = "; ".join(parts) + "." if parts else f"No revocation that {ended} is recorded {scope(facts, 'revocation')}."
    failed = sum(row["outcome"] != "success" for row in other)
    if failed:
        text += f" {plural(failed, 'request')} to revoke failed."
    if narrowed:
        taken = [moment(facts, row, "revoked_at") + _taken(row) for row in narrowed]
        told = "; ".join(first_few(taken, FEW, "and {} more"))
        text += f" {plural(len(narrowed), 'downgrade')} took scopes away: {told}."
    return text


def _downgrades(facts: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in facts["other_revocations"] if row["outcome"] == "success" and row["kind"] == "downgrade"]


def _taken(row: dict[str, Any]) -> str:
    """Return what a downgrade took away, and who did it."""
    scopes = few(row["scopes_removed"] or []) or "scopes that the log does not name"
    return f"{scopes} {_by(row)}"


def _by(row: dict[str, Any]) -> str:
    """Return who did it, and the reason that the log gives."""
    by = row["actor_id"] or row["initiator"] or "somebody the log does not name"
    return f"by {by}" + (f" ({row['reason']})" if row["reason"] else "")


def _target(row: dict[str, Any]) -> str:
    """Return what a revocation names; where it names none of its kind, whose it was."""
    if row["target_id"]:
        return f"{row['target_kind']} {row['target_id']}"
    of = [f"of {row['client_id']}"] if row["client_id"] else []
    of += [f"for {row['subject_id']}"] if row["subject_id"] else []
    return " ".join([row["target_kind"], *(of or ["that the log does not name"])])


def _lead_time(row: dict[str, Any]) -> str:
    said = [
        f"{word} {duration(row[key])} before"
        for word, key in (("requested", "requested_s"), ("decided", "decided_s"))
        if row[key]
    ]
    return f", {' and '.join(said)}" if said else ""


def effective(facts: dict[str, Any]) -> str:
    """Say of each revocation whether it worked, and what went on in spite of it."""
    rows = facts["revocations"]
    if not rows:
        return ". ".join(["There is no revocation to judge", *_narrowed(facts)]) + "."
    times = [(row["source"], row["revoked_at"]) for row in rows]
    said = []
    for row in rows[:FEW]:
        alike = times.count((row["source"], row["revoked_at"])) > 1
        when_it_was = moment(facts, row, "revoked_at") + (f"{_target(row)}: " if alike else "")
        said.append(
            (when_it_was if len(rows) > 1 else "") + row["answer"] + _uncovered(row) + _later(row) + _same_ids(row)
        )
    text = ". ".join(["; ".join(said), *_in_spite(facts), *_narrowed(facts)]) + "."
    if any(row["effective"] == "not_demonstrated" for row in rows):
        text += f" What counts is {scope(facts, 'usage').removeprefix('in ')}."
    return text


def _narrowed(facts: dict[str, Any]) -> list[str]:
    """Return whether scopes that were taken away were used afterwards, as rule REV-11 tells it."""
    if not _downgrades(facts):
        return []
    found = [row for row in facts["broken"] if row["rule"] == "REV-11"]
    used = sorted({row["title"] for row in found if row["verdict"] == "violation"})
    if used:
        return [f"A downgrade did not hold: {few(used)} (REV-11)"]
    if found:
        return ["Whether scopes were used after they had been taken away cannot be decided (REV-11)"]
    return ["Of scopes that were taken away no later use is known"]


def _uncovered(row: dict[str, Any]) -> str:
    """Return that nothing could have been seen right after a revocation of which nothing is shown."""
    gap = row["uncovered"]
    if row["effective"] != "not_demonstrated" or not gap:
        return ""
    ends = [f"{word} {when(gap[side])[:19]} UTC" for word, side in (("from", "from"), ("to", "until")) if gap[side]]
    return f"; it was revoked at a time that no usage log covers, {' '.join(ends)}"


def _later(row: dict[str, Any]) -> str:
    """Return how many calls of the case came later on other access: a yes, too, is about what was ended, not about the whole case."""
    later = row["later"]
    if not later or (row["effective"] != "yes" and (row["cases"] or row["effective"] != "not_demonstrated")):
        return ""
    # Where it worked, those that another revocation should have ended are told of that one.
    which = "other_" if row["effective"] == "yes" else ""
    if not later[f"{which}calls"]:
        return ""
    calls, last = plural(later[f"{which}calls"], "call"), when(later[f"{which}last_used_at"])
    return f" ({calls} of this case succeeded later, not known to rest on it, the last at {last} UTC)"


def _same_ids(row: dict[str, Any]) -> str:
    """Return how many calls with the same ids came later in logs of others, of which nothing shows that they are of what was ended."""
    told = row["same_ids"]
    if not told:
        return ""
    calls, last = plural(told["calls"], "call"), when(told["last_used_at"])
    return (
        f"; but {calls} with the same ids succeeded later in {few(told['used_in'])}, the last at {last} UTC: "
        "that they are of it no log shows"
    )


def _in_spite(facts: dict[str, Any]) -> list[str]:
    """Return what went on after a revocation, and what was refused, each as a sentence without its full stop."""
    used, new, refused = facts["used"], facts["reissued"], facts["refused_issue"]
    parts = []
    if used["after_revocation"]:
        parts.append(f"{plural(used['after_revocation'], 'successful call')} proven to be later than the revocation")
    if used["undecided"]:
        parts.append(f"{number(used['undecided'])} too close to it for the clocks to tell")
    said = [" and ".join(parts)] if parts else []
    if new["tokens"]:
        text = f"{plural(new['tokens'], 'token')} issued afterwards from what had been revoked, the last at {when(new['last_issued_at'])} UTC"
        # Some of their calls may be counted already: another revocation covered the token later.
        calls = plural(new["more_calls"], "more successful call" if used["after_revocation"] else "successful call")
        said.append(
            text
            + (
                f"; {calls} with {agree(new['tokens'], 'it', 'them')}, the last at {when(new['last_used_at'])} UTC"
                if new["more_calls"]
                else ""
            )
        )
    handed = [row for row in facts["children"] if row["calls_after"]]
    if handed:
        calls = plural(sum(row["calls_after"] for row in handed), "successful call")
        last = max((row["last_used_at"] for row in handed), key=in_time)
        said.append(
            f"Tokens made from it for others went on: {calls} after the first revocation, the last at {when(last)} UTC"
        )
    if refused["requests"]:
        requests = plural(refused["requests"], "request for a token was", "requests for a token were")
        said.append(f"{requests} refused after the first revocation, the first at {when(refused['first_at'])} UTC")
    return said
