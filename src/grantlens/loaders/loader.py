"""What a loader declares: how to recognise a log, which fields to read, and one SELECT for each log.

A loader never touches a file or a database: `ingest` does. Adding a provider is adding one file
that holds one `LOADER`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from grantlens.loaders.settings import Settings

PLACE_BITS = 32
"""Bits of `line_no` that hold a record's place in its file. Those above hold the number of the file, from 0: small files are read together."""

FILE_NUMBER = f"(1 + (line_no >> {PLACE_BITS}))"
"""SQL that tells which of the $file_names is that of a record."""

TOLD_TENANT = "told_tenant"
"""Parameter that holds the tenant which the user named for records that name none."""

CHOSEN = " "
"""Stands behind the text of a record that something chose, such as a rule that makes alerts: blanks there mean nothing to any reader."""

STRENGTHS = ("token", "session", "grant", "client and subject", "none")
"""How surely two rows belong together, from the very token to not at all."""

COVERED = (
    '[{"source": "VARCHAR", "tenant": "VARCHAR", "log": "VARCHAR", "from": "TIMESTAMPTZ", "until": "TIMESTAMPTZ"}]'
)
"""The shape of what a file says that it covers, as `from_json` takes it."""

ACTORS = ("nested",)
"""What a loader may say of its `actor_chain`."""


@dataclass(frozen=True)
class Join:
    """How rows of two of the three logs are known to belong together.

    Examples
    --------
    >>> Join("issuance", "usage", "token", "accessKeyId").strength
    'token'
    """

    first: str
    """issuance or usage."""
    second: str
    """usage or revocation."""
    strength: str
    """One of `STRENGTHS`: the strongest that this pair of logs allows."""
    key: str = ""
    """What joins, as the provider's records call it."""
    note: str = ""
    """Where it does not hold, or what it leaves open: half a sentence."""


@dataclass(frozen=True)
class Unfound:
    """A path at which none of the first records has anything."""

    path: str
    line: int
    """The line of the mapping that names it."""
    what: str
    """What it is for: a column, or a condition."""
    near: str | None
    """The nearest path at which a record has something that nothing else takes."""

    def __str__(self) -> str:
        did_you = f"; did you mean {self.near}?" if self.near else ""
        return f"{self.path} (line {self.line}, {self.what}{did_you})"


@dataclass(frozen=True)
class Loader:
    """One provider's log.

    The SELECTs read a relation `record(line_no BIGINT, r STRUCT)` - or the last of `steps` - and give
    canonical columns by name (see `grantlens.schema`), `line_no` always; columns left out are NULL.
    `source`, `batch_id` and, where it is NULL, `event_id` are filled in by `ingest`. A row whose
    required column is NULL is rejected, the reason naming the column.

    Each record must come out of at least one of issuance, usage, revocation, ignored or rejected;
    one that does not is rejected as "not mapped". A value that does not fit its canonical type rejects
    the row and is named in the reason, so give text where a wrong value must be told from a missing one.

    Records are judged one by one: a big file comes in pieces, so no SELECT may look at other records.
    `line_no` is the key of the record; where several stand on one line, `ingest` puts the line back later.
    A record that gives several rows of one log names a distinct `event_id` for each.

    A loader that gives nothing but usage is read the fast way: it gives at most one row for a record. Beside
    the canonical columns it may give INTEGER `accounted`, the bytes of a record as it would stand in JSON with
    the columns that were read and nothing else. A record that is longer holds something unread: it is handed
    to `otherwise`.

    Usage may also give columns `caller_input_*` and `target_input_*`: what the columns of `usage_caller` or
    `usage_target` are worked out from, and nothing else. Calls with equal inputs share one caller or target,
    so that costly expressions run once for each of these instead of once for each call.
    """

    name: str
    """Name of the loader, as in `--loader` and in column `source`."""
    version: int
    """Raised whenever the mapping changes."""
    title: str
    """What people call the log."""
    recognise: Callable[[Sequence[Mapping]], bool]
    """True if these first records of a file are this log. Judges by content."""
    fields: str
    """What to parse out of each record: a DuckDB JSON structure, as `from_json` takes it."""
    carries: tuple[str, ...]
    """Which of the three logs this stream would show, had something happened. Coverage rests on it."""
    shown_by: Mapping[str, str] = field(default_factory=dict)
    """Of a log that it carries only where it holds certain records: a SELECT of (line_no, tenant, happened_at) of these, which may leave no row.
    The log is covered from the first of them to the last, in each tenant of a file, and shown in part before and after. Empty for usage where
    each call is such a record: so that a loader that gives nothing else is read the fast way."""
    marks_chosen: bool = False
    """Records that something chose, and that show no log for that reason, end in `CHOSEN`."""
    covered: str | None = None
    """What a file says of itself, in place of that: a JSON list (`COVERED`) of the logs that it holds whole, each from a time until another."""
    glance: str = ""
    """The few of these fields that tell which records mean something, in a log of which most mean nothing: `r` has no others
    then, and `record` has the text beside it, as `line`. A step keeps that text of the records that mean something, and the
    next parses all `fields` out of it. One step reads `record`."""
    steps: Mapping[str, str] = field(default_factory=dict)
    """Named SELECTs that prepare the record, in order; each may read `record` and the ones before it."""
    issuance: str | None = None
    usage: str | None = None
    revocation: str | None = None
    ignored: str | None = None
    """Gives (line_no, reason) for records that say nothing about access."""
    rejected: str | None = None
    """Gives (line_no, reason) for records that are wrong in a way only this loader knows."""
    joins: tuple[Join, ...] = ()
    """How the logs that this loader gives join: one for each pair of them, "none" said where they do not."""
    keys_end: bool = False
    """True if no call of this log can name a key or token that has no end: one that is older than the log looks as if it had
    never been issued."""
    keys_begin: bool = False
    """True if an issue of kind `credential` is always the making of its key, under an id that no other key ever has, and never that one was
    renewed or switched on again: where it is the first record of a key, nobody can have called with that key before."""
    giving_shown: bool = False
    """True if all that gives access, gives it back or refuses it - a consent, a key that is on again - is shown where what takes it away
    is, and as whole as that, though of the tokens that are issued only some are."""
    grants_end: bool = True
    """False if what this log tells of grants only narrows them: none is told to end."""
    makers: bool = False
    """True if an issue of kind `credential` that adds to a client names both the client and, as `consent_actor`, who made it."""
    parents: tuple[str, ...] = ()
    """Of which tokens the log names the one that they came of, and tells the scopes of both where it tells any: "rotated" of a refresh
    token that takes the place of another, "redeemed" of one that was got for a code, "exchanged" of one that was got for another or made with it."""
    audiences: str = ""
    """What the audiences of tokens that calls can name are: "as called" where they are servers by the names that calls give them, "asked about"
    where such servers only ask about tokens, "of tokens" where they are ids of their own; empty where no such token has one."""
    actors: str = ""
    """What `actor_chain` is: "nested" where it is the whole claim `act` of a token (RFC 8693 section 4.1) - the actor now, then the one for whom it
    acts, and so on, each by the same id at issue, in `may_act` and in calls; empty where it is anything else, such as who asked for a token."""
    catalogue: str = ""
    """Of what `grantlens catalogue build` makes the catalogue that knows the operations of its calls; empty where of nothing that it reads."""
    details_types: bool = False
    """True if `authorization_details` holds the objects of RFC 9396, each of a type, and no objects of the provider's own."""
    join_note: str = ""
    """What can be joined with what, and what cannot: one sentence for docs/conclude.md and `coverage`."""
    text: bool = False
    """The log is lines of text: `r` is the line, VARCHAR, and `recognise` is given `{"line": ...}` for each."""
    decode: Callable[[str], str] | None = None
    """Turns a line into the JSON of its record; a ValueError says why it is none, and rejects it. Where it has a method `forms`
    that tells how lines like some it is given are written, those are decoded at once (see `mapped.forms`)."""
    keeps_json: bool = False
    """`decode` gives a line that begins as an object back as it is."""
    split: Callable[[str], Iterable[str]] | None = None
    """Takes the records out of the text of one that holds many; gives the text itself where it holds none."""
    configure: Callable[["Loader", Settings], "Loader"] | None = None
    """Gives the loader as it fits what the user said of the log; a LoadError says what is needed and was not said."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Bound in the SELECTs as $name. Always there: $file_names, the last part of each file's path, see `FILE_NUMBER`."""
    dialect: Callable[[Sequence[Mapping]], "Loader"] | None = None
    """For a log that comes in several spellings: gives this loader as it fits these first records."""
    otherwise: "Loader | None" = None
    """Takes the records of which this loader makes nothing: for a dialect that reads only what the first records held. Each says for
    itself what its records show."""

    origins: Callable[[Mapping], Mapping[str, Mapping[str, Sequence[str]]]] | None = None
    """Tells of a record, by log and column, the paths from which its value came, and under `when` what decided."""

    unfound: Callable[[Sequence[Mapping]], Sequence[Unfound]] | None = None
    """Tells which paths of a mapping none of these first records has."""

    known_keys: frozenset[str] | None = None
    """If given, a record with any other top-level key is rejected, and the nearest known key is named."""
    list_cells: tuple[str, ...] = ()
    """Columns of a CSV file whose cells hold lists."""

    def fitted(self, sample: Sequence[Mapping]) -> "Loader":
        """Return the loader as it fits the first records of a file: `fields` and `steps` may differ, and `carries` with its `shown_by`."""
        return self.dialect(sample) if self.dialect else self

    def configured(self, settings: Settings) -> "Loader":
        """Return the loader as it fits what the user said of the log."""
        loader = self.configure(self, settings) if self.configure else self
        return (
            loader
            if settings.tenant is None
            else replace(loader, parameters={**loader.parameters, TOLD_TENANT: settings.tenant})
        )


def mostly(is_event: Callable[[Mapping], object]) -> Callable[[Sequence[Mapping]], bool]:
    """Return what tells whether `is_event` knows most of the first records of a file: a `recognise`.

    Examples
    --------
    >>> mostly(lambda record: "eventType" in record)([{"eventType": "call"}, {"eventType": "end"}, {}])
    True
    """
    return lambda sample: 2 * sum(bool(is_event(record)) for record in sample) > len(sample)
