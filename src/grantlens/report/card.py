"""A review in a notebook cell: the counts, the six answers, and where the whole report comes from."""

from __future__ import annotations

from typing import Any

from grantlens.report.accepted import counted as counted_as_accepted
from grantlens.report.accepted import since_then
from grantlens.report.change import cautions, counted
from grantlens.report.labels import period
from grantlens.visible import LEFT, markup
from grantlens.wording import number


def review_card(document: dict[str, Any]) -> str:
    """Return a small piece of HTML without script and style sheet."""
    summary, window = document["summary"], document["window"]
    counts = ", ".join(f"{number(count)} {level}" for level, count in summary["by_severity"].items() if count) or "none"
    rows = "".join(
        f"<tr><td{LEFT}>{markup(answer['question'])}</td><td{LEFT}><b>{markup(answer['headline'])}</b></td>"
        f"<td{LEFT}>{markup(' '.join(answer['lines']))}</td></tr>"
        for answer in document["answers"]
    )
    whose = f", tenant {markup(document['tenant'])}" if document["tenant"] else ""
    thin = f"<p>{markup(document['too_thin'])}</p>" if document["too_thin"] else ""
    if taken := document.get("accepted"):
        thin += f"<p>{'. '.join([counted_as_accepted(taken), *since_then(taken)])}.</p>"
    change = ""
    if before := document["baseline"]:
        warned = "".join(f"<li>{markup(text)}</li>" for text in cautions(before))
        change = f"<p>Against the review of {period(before['window'])}: {counted(before)}.</p>" + (
            warned and f"<ul>{warned}</ul>"
        )
    return (
        f"<div><p><b>Review {'of ' * (window['since'] is None)}{period(window)}{whose}</b>. Violations: {counts}; "
        f"undecided: {number(summary['indeterminate'])}.</p>{thin}{change}<table>{rows}</table>"
        "<p><code>.to_html(path)</code> writes the whole report.</p></div>"
    )
