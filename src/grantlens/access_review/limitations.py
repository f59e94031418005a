"""What a review cannot say, in words; each line comes from the data, none is boilerplate that is always there."""

from __future__ import annotations

from collections import Counter
from typing import Any

from grantlens.catalogue.optional import OPTIONAL
from grantlens.ingest.differing import KEPT
from grantlens.schema import LOGS
from grantlens.wording import agree, day, first_few, listed, number, plural, share

_MOST = 5
"""Reasons that are told before they are counted."""

_ABSENT = {
    "issuance": "grants and scopes are known only as far as calls repeat them",
    "usage": "nothing can be said about what was done, and no scope can be called unused",
    "revocation": "nothing can be said about how access ends",
}


def limitations(document: dict[str, Any]) -> list[str]:
    """Return one sentence for each thing that this review cannot show; last, as they may be many, those of single logs."""
    return [
        *_tenant(document),
        *_forgotten(document),
        *_unloaded(document),
        *_absent(document),
        *_untold_gaps(document),
        *_far_records(document),
        *_hidden_gaps(document),
        *_unseen_kinds(document),
        *_rejected(document),
        *_differing(document),
        *_versions(document),
        *_judgement(document),
        *_time(document),
        *_always(document),
        *_partly(document),
    ]


def _tenant(document: dict[str, Any]) -> list[str]:
    if document["tenant"] is None:
        return []
    return [
        f"This is of tenant {document['tenant']} alone. Rows that name no tenant are part of it, unless what they name is another tenant's "
        "only, or they end a client that several tenants have; logs of sources that nowhere name this tenant are not."
    ]


def _forgotten(document: dict[str, Any]) -> list[str]:
    gone = document["manifest"]["forgotten"]
    if not gone:
        return []
    files = plural(len({(row["path"], row["sha256"]) for row in gone}), "file")
    return [
        f"Calls before {day(max(row['before'] for row in gone))} were taken out of the store: what was done until then this cannot "
        f"show. The manifest tells when, and of which {files}."
    ]


def _unloaded(document: dict[str, Any]) -> list[str]:
    gone = document["manifest"]["unloaded"]
    if not gone:
        return []
    files = {(row["path"], row["sha256"]) for row in gone}
    kept = {(row["path"], row["sha256"]) for row in document["manifest"]["batches"]}
    again = (
        f", {number(len(files & kept))} of which {agree(len(files & kept), 'is', 'are')} there again"
        if files & kept
        else ""
    )
    return [
        f"{plural(len(files), 'file')} had been loaded and {agree(len(files), 'was', 'were')} taken out of the store{again}: "
        "what only the others told this cannot show. The manifest names them, and tells when."
    ]


def _absent(document: dict[str, Any]) -> list[str]:
    present = {row["log"] for row in document["coverage"]}
    lines = [f"No {log} log covers any part of the period: {_ABSENT[log]}." for log in LOGS if log not in present]
    for log in LOGS:
        without = _lacking(document, log)
        if log in present and without:
            lines += [
                f"No {log} log of {listed(sources)} covers any part of the period: {what}."
                for sources, what in _told_apart(document, log, without)
            ]
    return lines


def _told_apart(document: dict[str, Any], log: str, without: list[str]) -> list[tuple[list[str], str]]:
    """Return what cannot be said of these, apart from those whose tokens are called with in the log of another source."""
    used = {row["source"] for row in document["grants"] if row["use"] == "seen"} if log == "usage" else set()
    followed = [name for name in without if name in used]
    others = [name for name in without if name not in used]
    what = (
        "what was done with its tokens is known only from calls in the logs of others that name them, "
        "and no scope can be called unused"
    )
    return [(names, said) for names, said in ((others, _ABSENT[log]), (followed, what)) if names]


def _untold_gaps(document: dict[str, Any]) -> list[str]:
    untold = [row for row in document["coverage"] if any("no gap can be told" in note for note in row["notes"])]
    if not untold:
        return []
    names = ", ".join(sorted({row["source"] for row in untold}))
    return [
        f"{plural(len(untold), 'log')} of {names} {agree(len(untold), 'has', 'have')} too few records, or too long silences, to tell a gap: "
        "that none is found there does not show that none is."
    ]


def _far_records(document: dict[str, Any]) -> list[str]:
    return [
        f"{plural(row['records'], 'record')} of {row['path']}, the first in line {row['line']}, {agree(row['records'], 'is', 'are')} of "
        f"{day(row['first'])}, years from the rest of the {row['log']} log: if that time is wrong, what "
        f"{agree(row['records'], 'it tells', 'they tell')} is missing in the period, and no window without ends reaches there."
        for row in document["far_records"][:_MOST]
    ]


def _hidden_gaps(document: dict[str, Any]) -> list[str]:
    return [
        f"The {row['log']} log of {row['source']}{', tenant ' + row['tenant'] + ',' if row['tenant'] else ''} is taken to be there "
        f"where no gap is told, yet {note}, and one of any length in hours in which it is usually silent."
        for row in document["coverage"]
        for note in row["notes"]
        if "can hide" in note
    ]


def _unseen_kinds(document: dict[str, Any]) -> list[str]:
    known = {each.lacks: each.always for each in OPTIONAL}
    of: dict[tuple[str, str], list[str]] = {}
    for row in document["coverage"]:
        for note in row["notes"]:
            if note in known:
                of.setdefault((row["source"], note), []).extend(filter(None, [row["tenant"]]))
    return [
        f"Where the usage log of {source}{_tenants(names)} shows no use, nothing is called unused"
        f"{', unless it permits only calls that such a log holds in any case' if known[note] else ''}: {note}."
        for (source, note), names in of.items()
    ]


def _tenants(names: list[str]) -> str:
    return f", {agree(len(names), 'tenant', 'tenants')} {listed(first_few(names, _MOST))}," if names else ""


def _rejected(document: dict[str, Any]) -> list[str]:
    manifest = document["manifest"]
    rejected = sum(row["rejected"] for row in manifest["batches"]) - sum(
        row["rejected"] for row in manifest["read_again"]
    )
    if not rejected:
        return []
    reasons: Counter[str] = Counter()
    for row in document["rejected"]:
        reasons[row["reason"]] += row["records"]
    most = reasons.most_common(_MOST)
    told = "; ".join(f"{reason} ({number(count)})" for reason, count in most)
    rest = rejected - sum(count for _, count in most)
    more = f"; for other reasons {number(rest)}" if rest else ""
    return [
        f"{plural(rejected, 'record')} could not be read and {agree(rejected, 'was', 'were')} kept aside, so nothing here "
        f"rests on {agree(rejected, 'it', 'them')}: {told}{more}. Table rejected of the store has each."
    ]


def _differing(document: dict[str, Any]) -> list[str]:
    """Which of two records of one id is the true one no log tells: the first is kept."""
    files = sorted({row["path"] for row in document["manifest"]["batches"] if KEPT in (row["note"] or "")})
    if not files:
        return []
    return [
        f"{plural(len(files), 'file')} {agree(len(files), 'holds', 'hold')} records that differ {KEPT} "
        f"({', '.join(files[:_MOST])}{', …' if len(files) > _MOST else ''}): this rests on the first of each. The manifest says in what "
        "they differ: a log may have been altered, or what made the ids did not make them unique."
    ]


def _versions(document: dict[str, Any]) -> list[str]:
    versions = Counter(row["path"] for row in document["manifest"]["batches"])
    again = sorted(path for path, count in versions.items() if count > 1)
    if not again:
        return []
    return [
        f"{plural(len(again), 'file')} {agree(len(again), 'was', 'were')} loaded in more than one version ({', '.join(again[:_MOST])}"
        f"{', …' if len(again) > _MOST else ''}): evidence names the version by its hash, and of the earlier ones only what stands "
        "in the last can still be looked up."
    ]


def _partly(document: dict[str, Any]) -> list[str]:
    lines = []
    # Logs of one tenant of which the same is to be said share a sentence.
    alike: dict[tuple[str, str | None, str, str], list[str]] = {}
    for row in document["coverage"]:
        span = f"{day(row['from'])} to {day(row['until'])}"
        if row["in_part"]:
            said = ("show", f"only some of what happened ({span}): a row is a fact, and silence means nothing.")
        elif row["share"] < 0.999:
            gaps = f", with {plural(len(row['gaps']), 'gap')}" if row["gaps"] else ""
            said = ("cover", f"{share(row['share'])} of the period ({span}{gaps}); outside it silence means nothing.")
        else:
            continue
        alike.setdefault((row["source"], row["tenant"], *said), []).append(row["log"])
    for (source, tenant, verb, rest), logs in alike.items():
        named = f"The {listed(logs)} {agree(len(logs), 'log', 'logs')} of {source}" + (
            f", tenant {tenant}," if tenant else ""
        )
        lines.append(f"{named} {agree(len(logs), verb + 's', verb)} {rest}")
    return lines


def _lacking(document: dict[str, Any], log: str) -> list[str]:
    """Name the sources without a log of this kind, and of those with several tenants each tenant: one's log is not another's."""
    tenants: dict[str, set[str]] = {}
    having: dict[str, set[str | None]] = {}
    for row in document["coverage"]:
        tenants.setdefault(row["source"], set()).update([row["tenant"]] if row["tenant"] else [])
        if row["log"] == log:
            having.setdefault(row["source"], set()).add(row["tenant"])
    lacking = []
    for source, named in sorted(tenants.items()):
        held = having.get(source, set())
        if not held:
            lacking.append(source)
        elif None not in held:  # what names no tenant may be any tenant's
            lacking += [f"{source} (tenant {tenant})" for tenant in sorted(named - held)]
    return first_few(lacking, _MOST)


_HELD_APART = {
    "token": "calls, revocations and what it was refreshed or exchanged for are held to the token",
    "session": "calls and revocations are held to the session",
}
"""What of one id is not taken for one though several tenants issued it, and what is held to it."""


def _judgement(document: dict[str, Any]) -> list[str]:
    lines = []
    shared: dict[str, list[str]] = {}
    for row in document["taken_for_one"]:
        if row["kind"] in _HELD_APART:
            lines.append(
                f"In {row['source']} {plural(row['ids'], row['kind'] + ' id')} {agree(row['ids'], 'was', 'were')} given out in several tenants: "
                f"{_HELD_APART[row['kind']]} of their own tenant, where they name it."
            )
        else:
            shared.setdefault(row["source"], []).append(plural(row["ids"], row["kind"]))
    for source, kinds in shared.items():
        one = len(kinds) == 1 and kinds[0].startswith("1 ")
        lines.append(
            f"In {source} {listed(kinds)} {'bears' if one else 'bear'} an id that was issued in several tenants, and that records without a tenant "
            "name too: what has one id is taken for one, whose end is the end of all. Where it is not one, ask each tenant alone (--tenant)."
        )
    mapped, traced = document["map_coverage"], document["attribution"]
    if mapped["calls"] and not document["reproduce"]["catalogues"]:
        lines.append("No catalogue is in the store: whether a call was in scope cannot be judged at all.")
    elif mapped["known"] < mapped["calls"]:
        lines.append(
            f"{plural(mapped['calls'] - mapped['known'], 'call')} "
            f"({share((mapped['calls'] - mapped['known']) / mapped['calls'])}) are known to no catalogue; "
            "whether they were in scope is undecided."
        )
    if astray := traced["calls"] - traced["attributed"]:
        lines.append(
            f"{plural(astray, 'call')} ({share(astray / traced['calls'])}) {agree(astray, 'belongs', 'belong')} to no grant "
            f"that the logs name; {agree(astray, 'it counts', 'they count')} in no statement about a grant."
        )
    weak = next((row for row in traced["by_key"] if row["join_key"] == "client_subject"), None)
    if weak:
        lines.append(
            f"{plural(weak['calls'], 'call')} ({share(weak['share'])}) name neither token nor grant "
            f"and were attributed by "
            "client and subject; nothing is said about the lag of a single token from them."
        )
    if not document["reproduce"]["register"]["clients"]:
        lines.append(
            "No register was brought: owner and purpose are unknown, and no call can be called outside its purpose."
        )
    return lines


def _time(document: dict[str, Any]) -> list[str]:
    lines = []
    assumed = sorted({row["source"] for row in document["clocks"] if row["assumed"]})
    if assumed:
        lines.append(
            f"Nobody stated how exact the clocks of {listed(assumed)} are; 5 seconds of error were "
            f"assumed on either side. What is known of them can be stated: grantlens clock add."
        )
    lag = document["lag"]
    if lag["n"] and lag["right_share"]:
        lines.append(
            f"For {share(lag['right_share'])} of the revoked accesses the logs held show no refusal after the last success, "
            "or no call at all afterwards: there the lag has no upper bound."
        )
    if lag.get("untried"):
        lines.append(
            f"After {plural(lag['untried'], 'revocation')} the logs held show no call with what had been revoked: how long it "
            "went on working may be anything, and is counted so."
        )
    if left_open := document["blind_spot"].get("open"):
        lines.append(
            f"{plural(left_open, 'stretch of access', 'stretches of access')} {agree(left_open, 'was', 'were')} still open at the "
            f"end of the logs or of the period; {agree(left_open, 'its', 'their')} length is at least what is shown."
        )
    return lines


def _always(document: dict[str, Any]) -> list[str]:
    sources = listed(sorted({row["source"] for row in document["coverage"]})) or "no source"
    window = document["window"]
    return [
        (
            "The store holds no event: nothing here speaks of any time; "
            if window["since"] is None
            else f"Every “not seen” speaks of {sources} between {day(window['since'])} and {day(window['until'])} only; "
        )
        + "what a provider does not log, or what was not loaded, is not in it.",
        "Display names and user agents in logs are written by strangers: they are shown here, and "
        "nothing is joined by them.",
    ]
