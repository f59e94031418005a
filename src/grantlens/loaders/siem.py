"""Records inside those of a SIEM, whoever the provider: Wazuh, Splunk, Elasticsearch, OpenSearch, Defender, Loki, and tables as a portal or console saves them.

What a provider's own collectors put around a record the loaders read themselves, and fast (see `collected`). This is for what no loader
knows as it stands: each line is taken out in Python, before its loader sees it.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from grantlens.errors import LoadError
from grantlens.loaders.console import as_event, is_asked_for
from grantlens.loaders.envelope import answer, held, is_queried, taken_into_fields
from grantlens.loaders.line_header import without_header
from grantlens.loaders.loader import CHOSEN, Loader
from grantlens.schema import TIMES

DEPTH = 5
"""Records that may stand inside each other: a hit holds an alert, that the line that was sent, and that the record."""

ZONE = " [UTC]"
"""What the Azure portal writes behind the names of columns that hold times, if it shows them in UTC."""

LOCAL = " [Local Time]"
"""What it writes there if it shows them in the zone of who saved the table: which one that was, the table does not say."""

ZONES = (ZONE, LOCAL)

_HEC = {"event", "time", "host", "source", "sourcetype", "index", "fields"}
"""All that Splunk's HTTP Event Collector takes."""

_LINES = ("_raw", "message", "log", "SyslogMessage", "Message", "MESSAGE", "event.original")
"""Keys of a line: Splunk and Sumo Logic, shippers, containers, Sentinel's table Syslog, NXLog and Amazon's SNS, syslog-ng, Kibana's CSV."""

_WHOLE = re.compile(r"-?\d{1,15}\.000000")
_WORDS = {"null": None, "true": True, "false": False}


def layers(record: Mapping, zone: str | None = None) -> Iterator[Mapping]:
    """Give the record, the one inside it, and so on.

    Examples
    --------
    >>> [*layers({"result": {"_raw": '{"integration": "github", "github": {"action": "team.create"}}'}})][-1]
    {'action': 'team.create'}
    """
    inner: Mapping | None = as_event(in_utc(record, zone))
    for _ in range(DEPTH):
        if inner is None:
            return
        yield inner
        inner = _inside(inner)


def taken_apart(sample: Sequence[Mapping]) -> str | None:
    """Return which log these records are of that an integration of Elastic took apart, None if they are none such.

    Examples
    --------
    >>> taken_apart([{"_source": {"ecs": {"version": "8.11.0"}, "event": {"dataset": "okta.system"}, "okta": {}}}])
    'okta.system'
    """
    found = set()
    for record in sample:
        document = next((layer for layer in layers(record) if isinstance(layer.get("ecs"), Mapping)), None)
        if document is None:
            return None
        stream, event = document.get("data_stream"), document.get("event")
        for place in (event, stream):
            if isinstance(place, Mapping) and isinstance(place.get("dataset"), str):
                found.add(place["dataset"])
                break
    return min(found, default=None)


def in_utc(record: Mapping, zone: str | None = None) -> Mapping:
    """Return a row of the Azure portal's CSV with the names and times of the table: a zone stands behind the former, the latter are text.

    The text is that of the language of the browser: American, with AM or PM, or British, with the day first and 24 hours.

    Times of a zone that the user did not name stay as they are, and are times of nothing.

    Examples
    --------
    >>> in_utc({"TimeGenerated [UTC]": "7/1/2026, 1:05:00.250 PM", "Category": "AuditLogs"})
    {'TimeGenerated': '2026-07-01T13:05:00.250Z', 'Category': 'AuditLogs'}
    >>> in_utc({"TimeGenerated [Local Time]": "7/1/2026, 1:05:00.250 PM"}, "Europe/Berlin")
    {'TimeGenerated': '2026-07-01T11:05:00.250Z'}
    """
    if not any(name.endswith(ZONES) for name in record):
        return record
    return {
        name.removesuffix(ZONE).removesuffix(LOCAL): _utc(value, "UTC" if name.endswith(ZONE) else zone)
        if name.endswith(ZONES)
        else value
        for name, value in record.items()
    }


def _utc(value: object, zone: str | None) -> object:
    if isinstance(value, str) and zone is not None:
        form = "%m/%d/%Y, %I:%M:%S.%f %p" if value.endswith(("AM", "PM")) else "%d/%m/%Y, %H:%M:%S.%f"
        with suppress(ValueError):
            shown = datetime.strptime(value, form).replace(tzinfo=ZoneInfo(zone))
            # A time that the zone knows twice, since the clock was put back, or never, is not guessed.
            if shown.utcoffset() == shown.replace(fold=1).utcoffset():
                return shown.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    return value


def _inside(record: Mapping) -> Mapping | None:
    """Return what a record holds: a hit, what Splunk or Defender keeps, what Wazuh received or decoded, what a shipper took for a line of text."""
    event, result, integration = record.get("event"), record.get("result"), record.get("integration")
    original = event.get("original") if isinstance(event, Mapping) else None
    if isinstance(record.get("_source"), Mapping):
        return record["_source"]
    if _is_row(record):
        streamed = record.get("properties")
        return _object((streamed if isinstance(streamed, Mapping) else record)["RawEventData"])
    if isinstance(result, Mapping) and isinstance(result.get("_raw"), str):
        return _object(result["_raw"])
    if record.keys() <= _HEC and original is None:
        return _object(event)
    if isinstance(integration, str) and isinstance(record.get(integration), Mapping):
        sent = record[integration]
        # Wazuh's reader of CloudTrail puts the only one of a list in the place of the list.
        return {**sent, "resources": [sent["resources"]]} if isinstance(sent.get("resources"), Mapping) else sent
    if record.keys() & {"agent", "manager"} and record.keys() & {"decoder", "rule"}:
        data = record.get("data")
        return _object(record.get("full_log")) or (_as_sent(data) if isinstance(data, Mapping) else None)
    if "__REALTIME_TIMESTAMP" in record:  # journald
        return _object(record.get("MESSAGE"))
    if record.keys() >= {"version", "host", "short_message"}:  # GELF
        return _object(record.get("full_message")) or _object(record["short_message"])
    # What is held may be a line of a file of text; the line itself goes before what somebody made of it.
    lines = (held(record), original, *map(record.get, _LINES), taken_into_fields(record))
    return next(filter(None, map(_object, lines)), None)


def _is_row(record: Mapping) -> bool:
    """Tell a row of Defender's table CloudAppEvents, bare or as it is streamed."""
    streamed = record.get("properties")
    return "RawEventData" in (streamed if isinstance(streamed, Mapping) else record)


def is_chosen(record: Mapping) -> bool:
    """Tell what is not all of a log: an alert of Wazuh, on which a rule fired, what Defender took up of a service, and what a query asked for.

    Examples
    --------
    >>> archived = {"agent": {}, "decoder": {}, "full_log": '{"action": "team.create"}'}
    >>> is_chosen(archived | {"rule": {"level": 3}}), is_chosen(archived)
    (True, False)
    """
    return _chose(record, [*layers(record)])


def _chose(outer: Mapping, found: Sequence[Mapping]) -> bool:
    """Tell it of a record and its layers; the innermost is what was chosen."""
    return any(
        (isinstance(each.get("rule"), Mapping) and ("agent" in each or "manager" in each))
        or _is_row(each)
        or is_asked_for(each)
        or is_queried(each)
        for each in (outer, *found[1:-1])
    )


def _object(value: object) -> Mapping | None:
    text = without_header(value.lstrip()) if isinstance(value, str) else ""
    if text.startswith("{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, Mapping) else None


def _as_sent(data: Any) -> Any:
    """Return what Wazuh's decoder read: outside of lists it makes everything text, and puts six digits behind the point of a large number."""
    if isinstance(data, str):
        return _WORDS.get(data, data.partition(".")[0] if _WHOLE.fullmatch(data) else data)
    if not isinstance(data, Mapping):
        return data
    return {name: _as_sent(value) for name, value in data.items()}


@dataclass(frozen=True)
class Inside:
    """Finds the record that a loader knows, however deep it stands. Two are equal if they know it in the same way.

    Examples
    --------
    >>> inside = Inside(lambda sample: "action" in sample[0])
    >>> inside.text('{"_source": {"action": "team.create", "actor": {"full_log": "{}"}}}')
    '{"action":"team.create","actor":{"full_log":"{}"}}'
    """

    known: Callable[[Sequence[Mapping]], bool]
    zone: str | None = None

    def of(self, found: Sequence[Mapping]) -> Mapping:
        """Return of these layers the outermost that is known, or the innermost of all."""
        return next((each for each in found if self.knows([each])), found[-1])

    def __call__(self, sample: Sequence[Mapping]) -> bool:
        """True if most of these records are known, or what is inside them is."""
        return self.knows([self.of([*layers(outer)]) for outer in sample])

    def text(self, line: str) -> str:
        """Return the record of a line, or the line where it is no JSON; behind one that something chose stands the mark of that."""
        outer = _object(line)
        if outer is None:
            return line
        found = [*layers(outer, self.zone)]
        text = json.dumps(self.of(found), separators=(",", ":"))
        return text + CHOSEN if _chose(outer, found) or is_queried({"line": line}) else text

    def knows(self, sample: Sequence[Mapping]) -> bool:
        """True if most of these records are known as they stand."""
        try:
            return bool(self.known(sample))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return False


@dataclass(frozen=True)
class _Decode:
    inside: Inside
    decode: Callable[[str], str] | None
    keeps_json: bool

    def __call__(self, line: str) -> str:
        text = self.inside.text(line)
        if self.decode is None or (self.keeps_json and text.startswith("{")):
            return text
        bare = text.removesuffix(CHOSEN)
        return self.decode(bare) + text[len(bare) :]


@dataclass(frozen=True)
class _Split:
    inside: Inside
    split: Callable[[str], Iterable[str]]

    def __call__(self, text: str) -> Iterator[str]:
        for hit in _hits(text):
            inner = self.inside.text(hit)
            bare = inner.removesuffix(CHOSEN)
            yield from (each + inner[len(bare) :] for each in self.split(bare))


def _hits(text: str) -> Iterable[str]:
    answer = _object(text)
    return [text] if answer is None else map(json.dumps, hits(answer))


def _require(zone: str | None, column: str) -> None:
    if zone is None:
        raise LoadError(
            f"The times stand in local time, {column!r}: of which zone, the table does not say.",
            "Name the zone in which it was saved: --time-zone Europe/Berlin. Or have the portal show UTC, and save it again.",
        )
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise LoadError(f"Python knows no times of the zone {zone}.", "Install tzdata: pip install tzdata.") from None


def hits(record: Mapping) -> Sequence[Any]:
    """Return the hits of a search of Elasticsearch, the rows of an answer of a store, and any other record alone.

    Examples
    --------
    >>> hits({"took": 3, "hits": {"total": {"value": 1}, "hits": [{"_source": {}}]}}), hits({"hits": 3})
    ([{'_source': {}}], [{'hits': 3}])
    """
    found = record.get("hits")
    inner = found.get("hits") if isinstance(found, Mapping) else None
    return inner if isinstance(inner, list) else answer(record) or [record]


def within(
    sample: Sequence[Mapping], loaders: Iterable[Loader], *, some: bool = False
) -> tuple[Loader, list[Mapping]] | None:
    """Return the first loader that knows most of the records inside these, and the records it knows.

    Parameters
    ----------
    sample
        The first records of a file.
    loaders
        The loaders to ask.
    some
        Whether few will do, or none so far: the user has named the loader.
    """
    outer = [hit for record in sample for hit in hits(record) if isinstance(hit, Mapping)]
    found = [[*layers(record)] for record in outer]
    if all(each[-1] is record for each, record in zip(found, outer, strict=True)):
        return None
    # One line tells a log that may be text, and what a SIEM keeps may hold lines of many: what knows most of the records goes first.
    for loader in sorted(loaders, key=lambda each: each.text):
        inside = Inside(loader.recognise)
        records = [inside.of(each) for each in found]
        if some or inside.knows(records):
            return loader, [record for record in records if inside.knows([record])] or records
    return None


def few_within(sample: Sequence[Mapping], loader: Loader) -> bool:
    """True if a loader knows the record inside any of these, where it does not know most."""
    inside = Inside(loader.recognise)
    outer = [hit for record in sample for hit in hits(record) if isinstance(hit, Mapping)]
    return any(inside.knows([inner]) for record in outer for inner in [*layers(record)][1:])


def taking_out(
    loader: Loader, known: Callable[[Sequence[Mapping]], bool], sample: Sequence[Mapping], zone: str | None = None
) -> Loader:
    """Return a loader that takes each record out of that of a SIEM first.

    Where something chose it, as the rules do that make alerts, a silence says nothing: what was not chosen is not there. An archive holds
    the rest too, so that logs are shown from the first record that nothing chose to the last.

    Parameters
    ----------
    loader
        The loader, fitted to the records inside and configured.
    known
        How it knows these.
    sample
        The first records of the file as they stand.
    zone
        The time zone that the user named.

    Raises
    ------
    LoadError
        If times are of a zone that nobody named.
    """
    local = next((name for record in sample for name in record if name.endswith(LOCAL)), None)
    if local is not None:
        _require(zone, local)
        loader = replace(loader, parameters={**loader.parameters, "zone": zone})
    inside = Inside(known, zone if local is not None else None)
    outer = [hit for record in sample for hit in hits(record) if isinstance(hit, Mapping)]
    # Rows of a native file are of the sources that they name: what shows these is not told record by record.
    if loader.name != "native":
        loader = _shown_by_records(loader)
    elif any(map(is_chosen, outer)):
        loader = replace(loader, carries=())
    loader = replace(loader, recognise=inside)
    if loader.split:
        return replace(loader, split=_Split(inside, loader.split))
    loader = replace(loader, decode=_Decode(inside, loader.decode, loader.keeps_json), keeps_json=False)
    return replace(loader, split=_hits) if any(hits(record) != [record] for record in sample) else loader


def _shown_by_records(loader: Loader) -> Loader:
    """Return a loader of which single records show the logs that it carries, since those that something chose show none."""
    rows = [_rows(select, TIMES[log]) for log in TIMES if (select := getattr(loader, log))]
    shown_by = {log: loader.shown_by.get(log) or " UNION ALL ".join(rows) for log in loader.carries}
    otherwise = loader.otherwise and _shown_by_records(loader.otherwise)
    return replace(loader, shown_by=shown_by, marks_chosen=True, otherwise=otherwise)


def _rows(select: str, time: str) -> str:
    """Return when and of whom the rows of a SELECT are, which may name no tenant."""
    return f"""
        SELECT line_no, tenant, TRY_CAST({time} AS TIMESTAMPTZ) AS happened_at
        FROM (SELECT NULL::VARCHAR AS tenant WHERE false UNION ALL BY NAME ({select}))"""
