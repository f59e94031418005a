"""What collectors put around a record: Elastic and Filebeat keep the provider's own event inside theirs, as text or object, EventBridge
of Amazon as `detail`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from grantlens.loaders.loader import Loader, mostly

OPENED = """CASE WHEN json_type(r, '$.json') = 'OBJECT' THEN r -> '$.json'
                 WHEN json_type(r, '$.detail') = 'OBJECT' AND json_type(r, '$."detail-type"') = 'VARCHAR' THEN r -> '$.detail'
                 WHEN json_type(r, '$.event.original') = 'VARCHAR' AND (r ->> '$.event.original') LIKE '{%'
                 THEN TRY_CAST(r ->> '$.event.original' AS JSON)
                 WHEN json_type(r, '$.message') = 'VARCHAR' AND (r ->> '$.message') LIKE '{%'
                 THEN TRY_CAST(r ->> '$.message' AS JSON)
                 ELSE r END"""
"""SQL for the provider's event in the JSON `r`, whether something is around it or not."""


def opened(record: Mapping) -> Mapping:
    """Return the provider's event, as `OPENED` finds it.

    Examples
    --------
    >>> opened({"event": {"original": '{"id": 1}'}})
    {'id': 1}
    >>> opened({"id": 1})
    {'id': 1}
    """
    if isinstance(record.get("json"), Mapping):
        return record["json"]
    if isinstance(record.get("detail"), Mapping) and isinstance(record.get("detail-type"), str):
        return record["detail"]
    event = record.get("event")
    for text in (event.get("original") if isinstance(event, Mapping) else None, record.get("message")):
        if isinstance(text, str) and text.startswith("{"):
            try:
                inner = json.loads(text)
            except (ValueError, RecursionError):
                return record
            return inner if isinstance(inner, Mapping) else record
    return record


def cell(column: str) -> str:
    """Return SQL for what a column of a table holds, in the JSON `event`: an object may stand there as its text."""
    text = f"event ->> '$.{column}'"
    return f"CASE WHEN json_type(event, '$.{column}') = 'VARCHAR' AND ({text}) LIKE '{{%' THEN TRY_CAST({text} AS JSON) ELSE event -> '$.{column}' END"


def mostly_inside(is_event: Callable[[Mapping], object]) -> Callable[[Sequence[Mapping]], bool]:
    """Return what tells whether most of the first records hold an event that `is_event` knows."""
    return mostly(lambda record: is_event(opened(record)))


def with_envelopes(loader: Loader, mark: str, spelled: str = "event") -> Loader:
    """Return the loader with a first step `shaped(line_no, e)`: the event, out of whatever is around it.

    Records that hold the event bare are told by `mark`, SQL on `r`. They are parsed once and fast, the others again with care.
    An event that some give other names is brought to the loader's by `spelled`, SQL on the JSON `event`.
    Of a loader that glances, `e` has the few fields only, and the event stands beside it as JSON text, `line`.
    """
    fields, beside = (loader.glance, ", line") if loader.glance else (loader.fields, "")
    plain = f"SELECT line_no, r AS e{beside} FROM record WHERE {mark}"
    careful = f"""SELECT line_no, from_json(line, '{fields}') AS e{beside}
        FROM (SELECT line_no, {spelled} AS line FROM (SELECT *, {OPENED} AS event FROM record WHERE json_type(r) = 'OBJECT'))"""
    rest = replace(loader, fields='"JSON"', glance="", steps={"shaped": careful, **loader.steps})
    return replace(loader, steps={"shaped": plain, **loader.steps}, otherwise=rest)
