"""A review as Markdown: what fits a ticket or a pull request, the same numbers as the page."""

from __future__ import annotations

from typing import Any

from grantlens.report import accepted, change, outline
from grantlens.report.glossary import GLOSSARY
from grantlens.report.labels import period
from grantlens.report.markdown_text import code, plain, table, told
from grantlens.wording import agree, chance, day, duration, listed, number, plural, share, when


def review_markdown(document: dict[str, Any]) -> str:
    """Return the Markdown of a review.

    Parameters
    ----------
    document
        What `Review.to_dict()` gives, or what a review JSON holds.
    """
    limits = outline.TICKET
    rules = outline.by_rule(document, limits)
    lines = [
        *_top(document),
        *_worst(document, rules, limits),
        *_coverage(document),
        *_findings(document, rules),
        *_clients(document, limits),
        *_revocations(document, limits),
        *_proposals(document, limits),
        *_blind_spot(document),
        *_end(document),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _top(document: dict[str, Any]) -> list[str]:
    summary, window = document["summary"], document["window"]
    counts = ", ".join(f"{number(summary['by_severity'][level])} {level}" for level in outline.LEVELS)
    lines = [
        f"# Access review {'of ' * (window['since'] is None)}{period(window)}"
        + (f", tenant {plain(document['tenant'])}" if document["tenant"] else ""),
        "",
        f"**{plural(summary['violations'], 'violation')}** ({counts}); {number(summary['indeterminate'])} undecided. "
        f"Judged as of {when(document['now'])} UTC, from {plural(len(document['manifest']['batches']), 'log file')} "
        f"(manifest `{document['manifest']['sha256'][:16]}`).",
        "",
    ]
    if document["too_thin"]:
        lines += [f"> {plain(document['too_thin'])}", ""]
    if taken := document.get("accepted"):
        held = f"{accepted.counted(taken)} by the organisation, and counted here"
        lines += [f"{'; '.join([held, *accepted.since_then(taken)])}.", ""]
    if before := document["baseline"]:
        lines += [f"Against the review of {period(before['window'])}: {change.counted(before)}.", ""]
        cautions = [f"- {told(line)}" for line in change.cautions(before)]
        lines += [*cautions, ""] if cautions else []
    for answer in document["answers"]:
        more = "".join(f" {told(text)}" for text in answer["lines"])
        lines.append(f"- {answer['question']} **{told(answer['headline'])}**{more}")
    return [*lines, ""]


def _worst(document: dict[str, Any], rules: list[dict[str, Any]], limits: outline.Limits) -> list[str]:
    among = outline.several(document)
    worst = outline.worst_shown(rules, limits)
    rows = [
        [
            f["severity"],
            f["rule"],
            plain(f["title"]),
            _client(f, among),
            "–" if f["rule"] == "PRV-1" else day(f["last_seen"]),
        ]
        for f in worst
    ]
    if not rows:
        return []
    head = outline.worst_heading(len(rows), document)
    return [f"## {head}", "", *table(["Severity", "Rule", "Finding", "Client", "Last"], rows)]


def _coverage(document: dict[str, Any]) -> list[str]:
    rows = [
        [
            code(r["source"]),
            plain(r["tenant"]),
            r["log"],
            day(r["from"]),
            day(r["until"]),
            "in part" if r["in_part"] else share(r["share"]),
            number(r["records"]),
            number(len(r["gaps"])),
        ]
        for r in document["coverage"]
    ]
    mapped, traced = document["map_coverage"], document["attribution"]
    heads = ["Source", "Tenant", "Log", "From", "Until", "Share of the period", "Rows", "Gaps"]
    return [
        "## What the logs can show",
        "",
        *table(heads, rows, "No log covers any part of this period."),
        f"A catalogue knows {share(mapped['share'])} of {plural(mapped['calls'], 'call')}; "
        f"{share(traced['share'])} {agree(traced['attributed'], 'belongs', 'belong')} to a grant of the issuance log.{_could_know(mapped)}"
        if mapped["calls"]
        else "No call is logged in this period.",
        "",
    ]


def _could_know(mapped: dict[str, Any]) -> str:
    """Name the catalogues that would know more of the calls."""
    could = [f"{row['source']} ({plural(row['calls'], 'call')})" for row in mapped["could_know"]]
    return (
        f" Catalogues that would know more, and that `grantlens catalogue build` makes: {listed(could)}."
        if could
        else ""
    )


def _client(row: dict[str, Any], among: set[str]) -> str:
    tenant = outline.whose_tenant(row, among)
    return code(row["client_id"]) + (f" (tenant {plain(tenant)})" if tenant else "")


def _findings(document: dict[str, Any], rules: list[dict[str, Any]]) -> list[str]:
    among = outline.several(document)
    overview = [
        [
            r["id"],
            " ".join(told(text) for text in (r["question"], r["why_empty"]) if text),
            number(r["counts"]["violation"]),
            r["worst"] or "–",
            number(r["counts"]["indeterminate"]),
            number(r["counts"]["clear"]),
        ]
        for r in rules
    ]
    lines = ["## Findings", "", *table(["Rule", "Question", "Violations", "Worst", "Undecided", "Clear"], overview)]
    for rule in rules:
        if not rule["shown"]:
            continue
        rows = [
            [
                f["severity"] if f["verdict"] == "violation" else "undecided",
                plain(f["title"]),
                _client(f, among),
                code(f["operation"] or f["resource_server"] or f["detail"].get("scope")),
                "–" if f["rule"] == "PRV-1" else number(f["events"]),
                "–" if f["rule"] == "PRV-1" else day(f["last_seen"]),
                _pointer(f),
            ]
            for f in rule["shown"]
        ]
        lines += [
            f"### {rule['id']} {rule['title']}",
            "",
            told(rule["remedy"]),
            "",
            *_undecided(rule),
            *table(["Severity", "Finding", "Client", "What", "Events", "Last", "Evidence"], rows),
        ]
        lines += _more(rows, rule["findings"])
    return lines


def _undecided(rule: dict[str, Any]) -> list[str]:
    if rule["counts"]["indeterminate"] < 2:
        return []
    reasons = "; ".join(f"{told(reason)} ({number(count)})" for reason, count in rule["undecided"])
    return [f"Undecided: {reasons}.", ""]


def _pointer(finding: dict[str, Any]) -> str:
    first = finding["evidence"][0] if finding["evidence"] else None
    return f"{code(first['file'])} line or record {first['line']}" if first else "–"


def _clients(document: dict[str, Any], limits: outline.Limits) -> list[str]:
    registered = document["reproduce"]["register"]["clients"] > 0
    rows = [
        [
            code(r["client_id"]) + (f" (in {plural(len(r['tenants']), 'tenant')})" if len(r["tenants"]) > 1 else ""),
            plain(r["owner"]) if r["owner"] else "**no owner**" if registered else "unknown",
            plain(r["purpose"]) if r["purpose"] else "**no purpose**" if registered else "unknown",
            number(r["grants"]),
            number(r["live"]) + (f", {number(r['indeterminate'])} undecided" if r["indeterminate"] else ""),
            "not observable" if r["use"] == "not observable" else number(r["calls"]),
            day(r["last_used_at"]),
        ]
        for r in document["clients"][: limits.clients]
    ]
    heads = ["Client", "Owner", "Purpose", "Grants", "Live at the end", "Calls", "Last call seen"]
    return [
        "## Clients and owners",
        "",
        *table(heads, rows, "No client is seen in issuance or usage in this period."),
        *_more(rows, document["clients"]),
    ]


def _ended(revocation: dict[str, Any]) -> str:
    """Return what was ended; a cut-off has no id of its own, and says whose tokens it is for."""
    target, client, subject = (revocation[name] for name in ("target_id", "client_id", "subject_id"))
    parts = [revocation["target_kind"]]
    parts += [code(target)] if target or not (client or subject) else []
    parts += [f"of {code(client)}"] if client and client != target else []
    parts += [f"for {code(subject)}"] if subject and subject != target else []
    return " ".join(parts)


def _revocations(document: dict[str, Any], limits: outline.Limits) -> list[str]:
    lag, among = document["lag"], outline.several(document)
    rows = [
        [
            when(r["revoked_at"]),
            _ended(r) + (f" (tenant {plain(tenant)})" if (tenant := outline.whose_tenant(r, among)) else ""),
            plain(r["initiator"]),
            duration(r["last_success_s"]),
            duration(r["first_denial_s"]),
            plain(r["answer"]),
        ]
        for r in document["revocations"][: limits.clients]
    ]
    lines = ["## Revocations", ""]
    if lag["n"]:
        bounds = [
            [
                f"{quantile['tau'] * 100:.0f} %",
                duration(quantile["lower"]),
                "not bounded" if quantile["upper"] is None else duration(quantile["upper"]),
            ]
            for quantile in lag["quantiles"]
        ]
        lines += table(["Had ended after", "At least", "At most"], bounds)
    if not document["revocations"]:
        return [*lines, told(lag["why_empty"]), ""]
    return [
        *lines,
        *table(["Acknowledged", "What ended", "By", "Last success after", "First refusal after", "Effective?"], rows),
        *_more(rows, document["revocations"]),
    ]


def _proposals(document: dict[str, Any], limits: outline.Limits) -> list[str]:
    among = outline.several(document)
    rows = [
        [
            r["action"],
            _client(r, among),
            code(r["scope"]),
            number(r["grants"]),
            "not observable" if r["state"] == "not_observable" else number(r["uses"]),
            chance(r["p_needed"]),
            ", ".join(code(s) for s in r["replacement"] or []) or "–",
        ]
        for r in document["proposals"][: limits.clients]
    ]
    if not document["proposals"]:
        return ["## Unused privileges", "", told(document["privileges"]["why_empty"]), ""]
    return [
        "## Unused privileges",
        "",
        *([told(tried["said"]), ""] if (tried := document["privileges"].get("tried")) else []),
        *table(["Proposal", "Client", "Scope", "Grants", "Uses", "Chance of need", "Instead"], rows),
        *_more(rows, document["proposals"]),
        *_enough(document, limits),
    ]


def _enough(document: dict[str, Any], limits: outline.Limits) -> list[str]:
    clients, among = document["enough"], outline.several(document)
    rows = [
        [
            _client(r, among),
            ", ".join(code(s) for s in r["held"] if s not in r["not_judged"]),
            ", ".join(code(s) for s in r["enough"]) or "–",
            f"{number(r['opens_held'])} → {number(r['opens_enough'])}",
            number(r["calls_unknown"]),
        ]
        for r in clients[: limits.clients]
    ]
    if not clients:
        return []
    head = ["Client", "Held", "Enough for every call seen", "Operations that each opens", "Calls nobody can judge"]
    return ["### What would have been enough", "", *table(head, rows), *_more(rows, clients)]


def _blind_spot(document: dict[str, Any]) -> list[str]:
    rows = [[r["period"], share(r["grants"]), share(r["actions"])] for r in document["blind_spot"]["expected"]]
    heads = ["A review every", "Stretches of access never seen", "Calls made in them"]
    unknown = "No stretch of access is known from the logs of this period, so no share can be given."
    return ["## What a periodic review would never have seen", "", *table(heads, rows, unknown)]


def _end(document: dict[str, Any]) -> list[str]:
    limits = [f"- {told(line)}" for line in document["limitations"]]
    made, manifest = document["reproduce"], document["manifest"]
    basis = [f"{plain(name)} {plain(version)}" for name, version in sorted(document["made_by"].items())]
    basis += [
        f"catalogue {plain(row['catalogue'])} {plain(row['version'])} (SHA-256 `{row['sha256'][:16]}`)"
        for row in made["catalogues"]
    ]
    basis += [
        f"{plural(made[name][count], one, many)} (SHA-256 `{made[name]['sha256'][:16]}`)"
        for name, count, one, many in (
            ("register", "clients", "client of the register", "clients of the register"), ("servers", "rows", "server", "servers"),
            ("clocks", "rows", "stated clock", "stated clocks"), ("identities", "rows", "id of the identities", "ids of the identities"),
            ("decisions", "rows", "decision", "decisions"),
        )
    ]  # fmt: skip
    return [
        "## Limitations", "", *limits, "",
        "## What the words mean", "", *(f"- **{word}**: {told(meaning)}" for word, meaning in GLOSSARY), "",
        "## How to reproduce", "", f"`{made['command']}`", "",
        f"It rests on {', '.join(basis)}. SHA-256 of the manifest: `{manifest['sha256']}`; of the contents of the files alone: "
        f"`{manifest['contents_sha256']}`.", "",
        *(f"- {told(line)}" for line in manifest["limits"]),
    ]  # fmt: skip


def _more(rows: list, everything: list) -> list[str]:
    return (
        [f"{number(len(rows))} of {number(len(everything))} are shown; the JSON has all.", ""]
        if len(rows) < len(everything)
        else []
    )
