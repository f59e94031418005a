"""The words of a report and what they mean: a reader meets them in numbers and badges, and must be able to look them up."""

from __future__ import annotations

GLOSSARY = (
    (
        "Violation",
        "The cited records show it, or the silence of a log that would show it does. How much of the time it rests on is covered stands "
        "with each.",
    ),
    (
        "Undecided",
        "The logs cannot tell, and the finding says why. It is counted apart, and not among the severities. In JSON: indeterminate.",
    ),
    ("Clear", "The rule judged it and found nothing wrong. Of what is in no log it says nothing."),
    (
        "No finding",
        "The rule found nothing in the logs held. Whether they could have shown it, the coverage and the limitations say.",
    ),
    (
        "Events of a finding",
        "The log records that it rests on: calls, and the issue, consent or revocation that they are held against. Up to 20 are "
        "cited, fewer where nothing is wrong; grantlens detect --evidence all lists every one.",
    ),
    (
        "Line or record",
        "In a file of lines the number of the line, in a compressed one that of the unpacked text. In a JSON array, in a page that wraps "
        "one and in Parquet the number of the record, from 1: an editor shows another line there.",
    ),
    ("Calls", "Every logged call of the period, refused and failed ones too, unless it says: that succeeded."),
    (
        "Calls of a grant",
        "Those that succeeded and lead to it by a key. 0 in a share of its time: a log of all calls was held for so long and shows "
        "none. Others may be of it: they name neither the grant nor a token of which the log tells the grant. Not observable: no log "
        "held could have shown any.",
    ),
    (
        "Live",
        "The logs held show no end of a grant up to the end of the period. An end that is in no log is not known. Undecided: a revocation "
        "may have ended it, and the logs do not tell; which one, grantlens grants says.",
    ),
    (
        "Unused",
        "No use of the scope is in the logs held, for as long as they were there. Insufficient evidence: not watched for long enough. "
        "Not observable: nothing held could have shown a use, for want of a log of it or of a catalogue that says what the scope permits.",
    ),
    (
        "Revocations",
        "Those of the period that were acknowledged with success and end access. Refused requests, downgrades, expiries, signals and enablings "
        "are not counted.",
    ),
    (
        "Effective: yes",
        "A call with what was revoked was refused because of the token, after the last one that succeeded. It may have been used before "
        "that; of tokens that nobody tried this says nothing.",
    ),
    ("Effective: no", "Access still succeeded at the last look, or a new token was issued from what had been revoked."),
    ("Effective: not demonstrated", "The logs held show no call afterwards, or calls that prove neither."),
    (
        "Last success, first refusal after",
        "The time from the acknowledgement, by the stamps of the logs, set right where a clock is known to be off. A refusal counts if it "
        "is because of the token and before that expired.",
    ),
    (
        "At least, at most",
        "The same time, less and more what the clocks of both logs may be wrong and the width of a stamp. Uses after are later than the "
        "revocation whatever the clocks' error.",
    ),
)
"""Each word with its meaning, in the order in which a report uses them."""
