"""How to begin a mapping for a log that no loader knows: its paths, the columns they may fill, and a TOML to start from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

from grantlens.explain.around import unwrapped
from grantlens.explain.draft import REQUEST, SHOWN_VALUES, Log, Part, draft, meaning, tables, told
from grantlens.explain.leaves import leaves, safe
from grantlens.explain.moment import written_as
from grantlens.loaders.mapped.place import place
from grantlens.loaders.mapped.secret import holds_secret, may_hold_token


@dataclass(frozen=True)
class Seen:
    """A path, in how many records it stands, an example, and the column that it may fill."""

    path: str
    records: int
    example: str
    column: str | None


@dataclass(frozen=True)
class Suggestion:
    """What was seen in the first records, and a mapping that loads as it stands."""

    records: int
    paths: list[Seen]
    mapping: str


def _is_status(text: str) -> bool:
    return bool(re.fullmatch("[1-5][0-9]{2}", text))


def _is_address(text: str) -> bool:
    from ipaddress import ip_address

    try:
        return bool(ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        return False


def _is_method(text: str) -> bool:
    return text.upper() in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


def _is_number(text: str) -> bool:
    return bool(re.fullmatch("[0-9]+", text))


def _is_word(text: str) -> bool:
    return written_as(text) is None


def _is_name(text: str) -> bool:
    return _is_word(text) and meaning(text) is None


def _is_host(text: str) -> bool:
    return _is_word(text) and not _is_address(text)


_NAMES: dict[str, tuple[Callable[[str], bool], tuple[str, ...]]] = {
    "event_id": (_is_word, ("event_id", "id", "uuid", "log_id", "record_id", "request_id", "correlation_id")),
    "token_id": (_is_word, ("token_id", "jti", "token_hash", "access_token_id", "credential_id", "key_id")),
    "grant_id": (_is_word, ("grant_id", "consent_id", "authorization_id")),
    "session_id": (_is_word, ("session_id", "session", "sid", "mcp_session_id")),
    "client_id": (
        _is_word,
        ("client_id", "app_id", "client", "application_id", "app", "agent_id", "azp", "consumer_id", "agent"),
    ),
    "client_name": (
        _is_word,
        ("client_name", "app_name", "application_name", "agent_name", "consumer_username", "consumer_name"),
    ),
    "subject_id": (
        _is_word,
        (
            "subject_id",
            "user_id",
            "sub",
            "jwt_sub",
            "subject",
            "user",
            "username",
            "user_name",
            "actor_id",
            "principal",
            "on_behalf_of",
        ),
    ),
    "operation": (
        _is_name,
        ("operation", "tool_name", "tool", "mcp_method_name", "action", "rpc_method", "event_type", "event"),
    ),
    "outcome": (
        lambda text: not _is_status(text),
        ("outcome", "result", "status", "decision", "response_outcome", "success", "ok", "response", "action", "res"),
    ),
    "status": (
        _is_status,
        ("status", "status_code", "http_status", "response_code", "code", "response_status", "http"),
    ),
    "method": (_is_method, ("method", "http_method", "request_method", "verb")),
    "target": (_is_word, ("target", "path", "uri", "url", "request_uri", "http_path", "resource")),
    "resource_server": (
        _is_host,
        # A token's audience is whom it is for, which need not be the server that took it: it comes last.
        ("resource_server", "host", "server", "srv", "service", "backend", "upstream", "http_host", "audience", "aud"),
    ),
    "token_scopes": (_is_word, ("scopes", "scope", "token_scopes", "permissions", "scp")),
    "tenant": (_is_word, ("tenant", "tenant_id", "org", "organization_id", "org_id", "account_id", "workspace_id")),
    "ip": (
        _is_address,
        ("ip", "client_ip", "remote_addr", "ip_address", "remote_address", "source_ip", "client_host"),
    ),
    "user_agent": (_is_word, ("user_agent", "ua")),
    "response_bytes": (_is_number, ("response_bytes", "bytes_sent", "bytes", "response_size")),
}
"""By column of usage: what its values look like, and what logs call it, the likeliest first."""

_TIMES = (
    "time",
    "timestamp",
    "ts",
    "used_at",
    "start_time",
    "started_at",
    "event_time",
    "created_at",
    "creation_date",
    "date",
    "#time",
)
_LATER = re.compile(
    r"(?i)(^|[^a-z])(end|exp|expir\w*|finish\w*|updat\w*|complet\w*|modif\w*)|(End|Exp|Updat|Complet|Modif)[a-z]*"
)
"""How times are called at which a call did not begin."""

_LEAST = 0.84
"""Likeness from which a name is taken for another."""


def suggest(path: str, records: Sequence[Mapping[str, Any]]) -> Suggestion:
    """Return what was seen in the first records of a file, and a mapping to begin with.

    Examples
    --------
    >>> found = suggest("gate.log", [{"time": "2026-07-01T10:00:00Z", "app": {"id": "mail"}}])
    >>> [(seen.path, seen.column) for seen in found.paths]
    [('time', 'used_at'), ('app.id', 'client_id')]
    """
    around = unwrapped(records)
    found = [leaves(record) for record in around.records]
    whole = _log(found)
    parts: dict[str, Part] = {}
    for table, when in tables(whole).items():
        of_table = found if when is None else [each for each in found if when.takes(dict(each))]
        parts[table] = Part(when, _log(of_table))
    may_fill: dict[str, list[str]] = {}
    for column, each in (item for part in parts.values() for item in part.log.columns.items()):
        columns = may_fill.setdefault(each, [])
        columns += [column] if column not in columns else []
    values = _values(found)
    seen = [
        Seen(each, len(these), safe(each, these[0]), ", ".join(may_fill.get(each, ())) or None)
        for each, these in values.items()
    ]
    return Suggestion(len(found), seen, draft(path, around, whole, parts))


def _values(records: Sequence[Sequence[tuple[str, Any]]]) -> dict[str, list[Any]]:
    values: dict[str, list[Any]] = {}
    for path, value in (pair for record in records for pair in record):
        values.setdefault(path, []).append(value)
    return values


def _log(records: Sequence[Sequence[tuple[str, Any]]]) -> Log:
    values = _values(records)
    nameable = {each: found for each, found in values.items() if _may_be_named(each, found[0])}
    secrets = tuple(
        each
        for each, found in values.items()
        if each not in nameable and _is_key(each) and len(set(map(str, found))) > 1
    )
    return Log(len(records), nameable, _columns(nameable, len(records)), secrets)


def _columns(values: Mapping[str, Sequence[Any]], count: int) -> dict[str, str]:
    """Return for columns the path that may fill each; a column goes to the path that suits it best."""
    time = _time(values, count)
    columns = {"used_at": time} if time else {}
    for _, _, path, column in sorted(_suited(values, count)):
        if path not in columns.values() and column not in columns:
            columns[column] = path
    for told_by in (_request, _outcome, _unnamed):
        free = {path: found for path, found in values.items() if path not in columns.values()}
        columns |= told_by(free, count, columns)
    return columns


def _suited(values: Mapping[str, Sequence[Any]], count: int) -> Iterator[tuple[float, int, str, str]]:
    """Give each path and column whose names are alike: how little they are, the place of the path, and the two."""
    for column, (fits, names) in _NAMES.items():
        for order, (path, found) in enumerate(values.items()):
            likeness = _likeness(path, names)
            if likeness >= _LEAST and _suits(column, fits, found, count):
                yield -likeness, order, path, column


def _request(free: Mapping[str, Sequence[Any]], _count: int, columns: Mapping[str, str]) -> dict[str, str]:
    """Find the line of a request, which has method and target."""
    if "target" in columns:
        return {}
    line = next(
        (path for path, found in free.items() if all(re.fullmatch(REQUEST, told(value)) for value in found)), None
    )
    return {"method": line, "target": line} if line else {}


def _outcome(free: Mapping[str, Sequence[Any]], count: int, columns: Mapping[str, str]) -> dict[str, str]:
    """Find what says how a call ended, whatever it is called: by each of its values, else by one of a few."""
    if {"outcome", "status"} & columns.keys():
        return {}
    whole = {path: found for path, found in free.items() if len(found) == count}
    by_all = (path for path, found in whole.items() if all(map(_says, found)))
    by_one = (path for path, found in whole.items() if _may_say(found))
    told_by = next(by_all, None) or next(by_one, None)
    return {"outcome": told_by} if told_by else {}


def _unnamed(free: Mapping[str, Sequence[Any]], count: int, columns: Mapping[str, str]) -> dict[str, str]:
    """Find status and address among the columns of text that has no names."""
    words = {path: [*map(told, found)] for path, found in free.items() if path[0] == "#" and len(found) == count}
    found: dict[str, str] = {}
    for column, fits in (("status", _is_status), ("ip", _is_address)):
        guessed = [path for path, texts in words.items() if path not in found.values() and all(map(fits, texts))]
        if column == "status":  # a port is the same in every line, and is no success
            guessed = [path for path in guessed if any(text[0] == "2" for text in words[path])]
        if guessed and column not in columns:
            found[column] = max(guessed, key=lambda path: len(set(words[path])))
    return found


def _says(value: Any) -> bool:
    """True if a value says by itself how a call ended, whatever it is called."""
    return isinstance(value, str) and meaning(value) is not None and _is_no_flag(value)


def _may_say(found: Sequence[Any]) -> bool:
    """True for a few words of which one says success: the others, in whatever language, are told to be looked at."""
    if {*map(type, found)} != {str} or not 1 < len(set(found)) <= SHOWN_VALUES:
        return False
    level = any(re.match("(?i)info|warn|debug|notice|trace", value) for value in set(found))
    return not level and "success" in map(meaning, filter(_is_no_flag, set(found)))


def _is_no_flag(text: str) -> bool:
    return text.lower() not in ("true", "false") and not _is_status(text)


def _suits(column: str, fits: Callable[[str], bool], found: Sequence[Any], count: int) -> bool:
    if column != "token_scopes" and any(isinstance(value, (list, dict)) for value in found):
        return False
    texts = [told(value) for value in found]
    if column == "event_id":  # the same in two records: it tells one kind of record from another
        return len(texts) == count == len(set(texts))
    if column == "outcome" and not any(map(meaning, texts)):
        return False
    return all(map(fits, texts))


def _time(values: Mapping[str, Sequence[Any]], count: int) -> str | None:
    """Return the path of the time of an event: one that every record has, and that differs."""
    ranked = [
        (len(found) < count, count > 1 and len(set(map(str, found))) == 1, bool(_LATER.search(path)), -_likeness(path, _TIMES), order, path)
        for order, (path, found) in enumerate(values.items())
        if 2 * sum(map(bool, map(written_as, found))) > len(found)
    ]  # fmt: skip
    return min(ranked)[-1] if ranked else None


def _is_key(path: str) -> bool:
    """True if what stands at a path may tell one token from another, and so may be kept as a hash."""
    return (
        re.search(r"(?i)(token|api_?key|authorization|bearer|credential)['\"]?$", path) is not None and "[" not in path
    )


def _may_be_named(path: str, value: Any) -> bool:
    """True if a mapping can name this path: it is one of a single value, can be read back, and holds no secret."""
    if "[" in re.sub(r"'[^']*'|\"[^\"]*\"", "", path) or safe(path, value) == "***":
        return False
    if holds_secret(path) or may_hold_token(path):
        return False
    try:
        place(path)
    except ValueError:
        return False
    return True


@lru_cache(1 << 14)
def _likeness(path: str, names: tuple[str, ...]) -> float:
    """Return how well a path bears one of these names: its end, or as it is mistyped; earlier names count more."""
    words = re.findall(r"[A-Za-z#]+|\d+", re.sub(r"([a-z])([A-Z])", r"\1 \2", path))
    whole = "_".join(words).lower()
    best = 0.0
    for order, name in enumerate(names):
        if whole == name:
            likeness = 1.2
        elif whole.endswith("_" + name):
            likeness = 1.05
        else:
            likeness = SequenceMatcher(None, whole, name).ratio() * 0.98
        best = max(best, likeness - order * 0.01)
    return best
