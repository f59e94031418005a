"""How to begin a mapping for a log that no loader knows: its paths, the columns they may fill, and a TOML to start from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from pathlib import PurePath
from typing import Any

from grantlens.ingest.leaves import leaves, safe
from grantlens.loaders.mapped.place import place
from grantlens.loaders.mapped.rule import UNITS
from grantlens.loaders.mapped.secret import holds_secret, may_hold_token

SHOWN_VALUES = 8
"""Different values of a field up to which it is taken for a closed vocabulary."""


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


def _is_time(text: str) -> bool:
    return written_as(text) is not None


def _is_status(text: str) -> bool:
    return bool(re.fullmatch("[1-5][0-9]{2}", text))


def _is_address(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9.]{7,15}|\[?[0-9a-fA-F:]{3,}\]?", text))


def _is_method(text: str) -> bool:
    return text.upper() in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


def _is_number(text: str) -> bool:
    return bool(re.fullmatch("[0-9]+", text))


def _is_word(text: str) -> bool:
    return not _is_time(text)


_NAMES: dict[str, tuple[Callable[[str], bool], tuple[str, ...]]] = {
    "used_at": (
        _is_time,
        ("time", "timestamp", "ts", "used_at", "start_time", "event_time", "created_at", "date", "#time"),
    ),
    "event_id": (_is_word, ("event_id", "id", "uuid", "log_id", "record_id")),
    "token_id": (_is_word, ("token_id", "jti", "token_hash", "access_token_id", "credential_id", "key_id")),
    "grant_id": (_is_word, ("grant_id", "consent_id", "authorization_id")),
    "session_id": (_is_word, ("session_id", "session", "sid", "mcp_session_id")),
    "client_id": (
        _is_word,
        ("client_id", "app_id", "client", "application_id", "app", "agent_id", "azp", "consumer_id", "agent"),
    ),
    "client_name": (_is_word, ("client_name", "app_name", "application_name", "agent_name")),
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
            "actor_id",
            "principal",
            "on_behalf_of",
        ),
    ),
    "operation": (
        _is_word,
        ("operation", "tool_name", "tool", "mcp_method_name", "action", "rpc_method", "event_type", "event"),
    ),
    "outcome": (_is_word, ("outcome", "result", "status", "decision", "response_outcome", "success")),
    "status": (_is_status, ("status", "status_code", "http_status", "response_code", "code", "response_status")),
    "method": (_is_method, ("method", "http_method", "request_method", "verb")),
    "target": (_is_word, ("target", "path", "uri", "url", "request_uri", "http_path", "resource")),
    "resource_server": (
        _is_word,
        ("resource_server", "host", "server", "audience", "aud", "service", "backend", "upstream", "http_host"),
    ),
    "token_scopes": (_is_word, ("scopes", "scope", "token_scopes", "permissions")),
    "tenant": (_is_word, ("tenant", "tenant_id", "org", "organization_id", "org_id", "account_id", "workspace_id")),
    "ip": (_is_address, ("ip", "client_ip", "remote_addr", "ip_address", "remote_address", "source_ip")),
    "user_agent": (_is_word, ("user_agent", "ua")),
    "response_bytes": (_is_number, ("response_bytes", "bytes_sent", "bytes", "response_size")),
}
"""By column of usage: what its values look like, and what logs call it, the likeliest first."""

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
    values: dict[str, list[Any]] = {}
    for record in records:
        for each, value in leaves(record):
            values.setdefault(each, []).append(value)
    columns = _columns(values)
    seen = [Seen(each, len(found), safe(each, found[0]), columns.get(each)) for each, found in values.items()]
    by_column = {column: each for each, column in columns.items()}
    return Suggestion(len(records), seen, _toml(path, len(records), values, by_column))


def written_as(value: Any) -> str | None:
    """Return how a time is written: "ISO 8601", "local", or the unit of a number; None if it is none.

    Examples
    --------
    >>> written_as("2026-07-01T10:00:00Z"), written_as("2026-07-01 10:00:00"), written_as(1782900000250), written_as("mail")
    ('ISO 8601', 'local', 'ms', None)
    """
    text = str(value).strip()
    if re.fullmatch(r"\d{9,20}(\.\d+)?", text):
        for unit, each in UNITS.items():
            if 946_684_800 <= float(text) / each < 4_102_444_800:
                return unit
        return None
    if not re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d", text):
        return None
    try:
        moment = datetime.fromisoformat(re.sub(r"([.,]\d{6})\d+", r"\1", text))
    except ValueError:
        return None
    return "ISO 8601" if moment.tzinfo else "local"


def _columns(values: Mapping[str, Sequence[Any]]) -> dict[str, str]:
    """Return for paths the column that each may fill; a column goes to the path that suits it best."""
    suited = []
    for column, (fits, names) in _NAMES.items():
        for order, (path, found) in enumerate(values.items()):
            if not _may_be_named(path, found[0]):
                continue
            if not all(fits(str(value)) for value in found[:10]):
                continue
            likeness = _likeness(path, names)
            if likeness >= _LEAST:
                suited.append((-likeness, order, path, column))
    columns: dict[str, str] = {}
    for _, _, path, column in sorted(suited):
        if path not in columns and column not in columns.values():
            columns[path] = column
    if "used_at" not in columns.values():
        timed = next(
            (
                path
                for path, found in values.items()
                if path not in columns and _may_be_named(path, found[0]) and all(map(written_as, found))
            ),
            None,
        )
        if timed:
            columns[timed] = "used_at"
    return columns


def _may_be_named(path: str, value: Any) -> bool:
    """True if a mapping can name this path: it is one of a single value, can be read back, and holds no secret."""
    if "[" in path or safe(path, value) == "***" or holds_secret(path) or may_hold_token(path):
        return False
    try:
        place(path)
    except ValueError:
        return False
    return True


def _likeness(path: str, names: Sequence[str]) -> float:
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


def _toml(path: str, count: int, values: Mapping[str, Sequence[Any]], columns: Mapping[str, str]) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", PurePath(path).name.lower().split(".")[0]).strip("_")
    name = f"my_{name[:32]}" if name else "my_log"
    always = [
        each
        for each, found in values.items()
        if len(found) == count and _may_be_named(each, found[0]) and each[0] != "#"
    ]
    lines = [
        f"name = {text(name)}",
        'title = "What people call this log"',
        '# carries = ["usage"]    # once you know that every call is logged: coverage rests on it',
        "",
    ]
    if always:
        lines += ["[recognise]", f"keys = [{', '.join(map(text, always[:3]))}]", ""]
    lines += ["[usage]", f"used_at = {_time(columns.get('used_at'), values)}"]
    lines += _outcome(columns, values)
    for column in _NAMES:
        if column in columns and column not in ("used_at", "outcome"):
            rule = text(columns[column])
            if column == "token_scopes" and not isinstance(values[columns[column]][0], list):
                rule = f'{{ path = {rule}, split = " " }}'
            lines.append(f"{column} = {rule}")
    lines += ["", "# [[ignored]]", '# reason = "page shown"', '# when = { "event" = "page.*" }']
    return "\n".join(lines) + "\n"


def _time(path: str | None, values: Mapping[str, Sequence[Any]]) -> str:
    if path is None:
        return '"time"    # no path looks like a time: say which one it is'
    how = written_as(values[path][0])
    if how == "local":
        return f'{{ path = {text(path)}, zone = "UTC" }}    # the zone in which it was written'
    return text(path) if how in ("ISO 8601", None) else f'{{ path = {text(path)}, unit = "{how}" }}'


def _outcome(columns: Mapping[str, str], values: Mapping[str, Sequence[Any]]) -> list[str]:
    if "outcome" in columns:
        path = columns["outcome"]
        words = list(
            dict.fromkeys(str(value).lower() if isinstance(value, bool) else str(value) for value in values[path])
        )
        meant = ", ".join(f"{text(word)} = {text(_meaning(word))}" for word in words[:SHOWN_VALUES])
        return [
            f'outcome = {{ path = {text(path)}, values = {{ {meant} }}, otherwise = "error" }}    # check what they mean'
        ]
    if "status" in columns:
        denied = '"401" = "denied", "403" = "denied", "429" = "denied"'
        return [
            f'outcome = {{ path = {text(columns["status"])}, values = {{ "2*" = "success", {denied} }}, otherwise = "error" }}'
        ]
    return ['outcome = { constant = "success" }    # no path tells: is a failed call logged at all?']


def _meaning(word: str) -> str:
    lower = word.lower()
    if re.fullmatch(r"ok|success\w*|allow\w*|granted|true|pass\w*|2\d\d|completed", lower):
        return "success"
    return (
        "denied"
        if re.fullmatch(r"den\w+|block\w*|forbid\w*|unauthori\w*|reject\w*|refus\w*|40[13]|429", lower)
        else "error"
    )


def text(value: str) -> str:
    r"""Return a text as TOML writes it.

    Examples
    --------
    >>> print(text('a "b"\x1b'))
    "a \"b\"\u001b"
    """
    return '"' + "".join(_letter(letter) for letter in value) + '"'


def _letter(letter: str) -> str:
    if letter in '"\\':
        return "\\" + letter
    return (
        letter if letter.isprintable() else f"\\U{ord(letter):08x}" if ord(letter) > 0xFFFF else f"\\u{ord(letter):04x}"
    )
