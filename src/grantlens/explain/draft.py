"""Writing the mapping to begin with, as TOML."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from grantlens.explain.around import Unwrapped
from grantlens.explain.moment import written_as
from grantlens.loaders.mapped.column import COLUMNS
from grantlens.schema import TIMES
from grantlens.secrecy import masked
from grantlens.toml_text import toml_text

SHOWN_VALUES = 12
"""Different values of a field up to which it is taken for a closed vocabulary."""

REQUEST = r"[A-Z]{3,10} \S+( HTTP/[0-9.]+)?"
"""The first line of a request, as access logs repeat it."""

_NOTHING = ("-", "null", "NULL", "None", "N/A", "\\N")
"""What logs write where there is nothing."""

_ENDS = re.compile(
    r"(?i)revo[ck]|(token|session|key|grant|consent|credential)\w*[ ._-]?(removed|deleted|destroyed|disabled|ended)"
)
_BEGINS = re.compile(
    r"(?i)(token|key|secret|credential|grant|consent)\w*[ ._-].*(issu|creat|add|mint|grant|generat|refresh)"
    r"|(issu|creat|add|mint|grant|generat|refresh)\w*[ ._-].*(token|key|secret|credential|consent)"
)
_BEGUN = {"consent": "consent", "exchange": "exchange", "key|credential|secret": "credential"}
"""What begins, by the words for it, where it is no token."""
_ENDED = {
    "token": "token",
    "key": "credential",
    "credential": "credential",
    "consent": "grant",
    "grant": "grant",
    "session": "session",
}
"""What is ended, by the word for it; the smallest claim first."""
_CALLS = re.compile(r"(?i)(^|[^a-z])(call|request|tool|us[ea]|usage|invo[ck]|quer|access)(s|d|ed|y|e)?($|[^a-z])")
_FAILS = re.compile(r"(?i)fail|den(y|ied)|error|reject|invalid")


@dataclass(frozen=True)
class Log:
    """What is known of an unknown log.

    Parameters
    ----------
    count
        The records that were looked at.
    values
        By path that a mapping can name, its values.
    columns
        By column of usage, the path that may fill it.
    secrets
        Paths of secrets that may be kept as a hash.
    """

    count: int
    values: Mapping[str, Sequence[Any]]
    columns: Mapping[str, str]
    secrets: tuple[str, ...] = ()

    def everywhere(self, path: str) -> bool:
        """True if every record has a value there."""
        return len(self.values[path]) == self.count

    def words(self, path: str) -> list[str]:
        """Return the different values, as the mapping compares them."""
        return list(dict.fromkeys(map(told, self.values[path])))


@dataclass(frozen=True)
class Told:
    """The path that tells the records of a table, and the values that do."""

    path: str
    words: list[str]

    def takes(self, record: Mapping[str, Any]) -> bool:
        """True if a record, by path, is one of the table."""
        return self.path in record and told(record[self.path]) in self.words


@dataclass(frozen=True)
class Part:
    """A table of the mapping: what tells its records, None if all are meant, and what is known of these."""

    when: Told | None
    log: Log


def tables(log: Log) -> dict[str, Told | None]:
    """Return the tables to write, by what the records call themselves; all are calls where no word says that access begins or ends."""
    found: dict[str, Told | None] = {}
    best = 0
    for path in log.values:
        words = log.words(path)
        if not log.everywhere(path) or len(words) > SHOWN_VALUES or not all(_is_term(word) for word in words):
            continue
        ends = [word for word in words if _ENDS.search(word)]
        begins = [word for word in words if word not in ends and _BEGINS.search(word)]
        calls = [word for word in words if word not in (*ends, *begins) and _CALLS.search(word)]
        if len(ends) + len(begins) > best:
            best = len(ends) + len(begins)
            by_table = {"issuance": begins, "usage": calls, "revocation": ends}
            found = {table: Told(path, each) for table, each in by_table.items() if each}
    return found or {"usage": None}


def _is_term(word: str) -> bool:
    """True for a word of some vocabulary, in which nothing secret stands."""
    return len(word) <= 100 and re.search("[A-Za-z]", word) is not None and masked(word) == word


def draft(path: str, around: Unwrapped, whole: Log, parts: Mapping[str, Part]) -> str:
    """Return a mapping that can be read as it stands."""
    name = re.sub(r"[^a-z0-9]+", "_", PurePath(path).name.lower().split(".")[0]).strip("_")
    lines = [
        f"name = {toml_text(f'my_{name[:32]}' if name else 'my_log')}",
        'title = "What people call this log"',
        f"# carries = {_listed(parts)}    # once you know that every event of these is logged: coverage rests on it",
    ]
    filled = [
        found for part in parts.values() for found in map(part.log.values.get, part.log.columns.values()) if found
    ]
    nothing = [each for each in _NOTHING if any(each in found for found in filled)]
    if nothing:
        lines.append(f"absent = {_listed(nothing)}")
    if around.lists:
        lines.append(f"records = {toml_text(around.lists)}")
    if around.texts:
        lines.append(f"json = {_listed(around.texts)}")
    if around.pairs:
        lines.append(f"pairs = {_listed(around.pairs)}")
    always = [each for each in whole.values if whole.everywhere(each) and each[0] != "#"]
    if always:
        lines += ["", "[recognise]", f"keys = {_listed(always[:3])}"]
    for table, part in parts.items():
        lines += ["", *_table(table, part.when, part.log)]
    return "\n".join([*lines, *_rest(whole, [part.when for part in parts.values() if part.when])]) + "\n"


def _table(table: str, when: Told | None, log: Log) -> Iterator[str]:
    yield f"[{table}]"
    if when:
        yield f"when = {{ {toml_text(when.path)} = {_listed(when.words)} }}    # check what they mean"
    yield f"{TIMES[table]} = {_time(log)}"
    if table == "issuance" and when:
        kinds = {
            word: next((kind for name, kind in _BEGUN.items() if re.search(name, word.lower())), "token")
            for word in when.words
        }
        if len({*kinds.values()}) == 1:
            yield f'kind = {{ constant = "{kinds[when.words[0]]}" }}'
        else:
            meant = ", ".join(f'{toml_text(word)} = "{kind}"' for word, kind in kinds.items())
            yield f"kind = {{ path = {toml_text(when.path)}, values = {{ {meant} }} }}"
    if table == "revocation":
        words = " ".join(when.words).lower() if when else ""
        ended = next((kind for word, kind in _ENDED.items() if word in words), "token")
        yield 'kind = { constant = "revoke" }'
        yield f'target_kind = {{ constant = "{ended}" }}    # what is ended: a token, a session, all of a client, ...'
    yield _outcome(log, when)
    for name in COLUMNS[table]:
        column = "token_scopes" if name == "scopes" else name
        path = log.columns.get(column)
        if path and name not in ("used_at", "outcome") and not (when and path == when.path):
            yield f"{name} = {_rule(log, column, path)}"
    if "token_id" not in log.columns and log.secrets:
        yield f"# token_id = {{ path = {toml_text(log.secrets[0])}, hash = true }}    # if it tells one token from another"


def _rule(log: Log, column: str, path: str) -> str:
    first = log.values[path][0]
    if column == "token_scopes" and not isinstance(first, list):
        return f'{{ path = {toml_text(path)}, split = " " }}'
    if column in ("method", "target") and re.fullmatch(REQUEST, told(first)):
        pattern = r"^(\S+)" if column == "method" else r"^\S+ (\S+)"
        return f"{{ path = {toml_text(path)}, pattern = '{pattern}' }}"
    return toml_text(path)


def _rest(log: Log, told_by: Sequence[Told]) -> Iterator[str]:
    """Give how to ignore what no table takes."""
    path = told_by[0].path if told_by else "event"
    taken = [word for each in told_by for word in each.words]
    rest = [word for word in log.words(path) if word not in taken] if taken else ["page.*"]
    if rest:
        yield ""
        if taken:
            yield "# No table takes these: they are rejected, until one does or they are ignored."
        yield "# [[ignored]]"
        yield '# reason = "page shown"'
        yield f"# when = {{ {toml_text(path)} = {_listed(rest)} }}"


def _time(log: Log) -> str:
    path = log.columns.get("used_at")
    if path is None:
        return '"time"    # no path looks like a time: say which one it is'
    how = Counter(filter(None, map(written_as, log.values[path]))).most_common(1)[0][0]
    if how == "local":
        return f'{{ path = {toml_text(path)}, zone = "UTC" }}    # the zone in which it was written'
    if how and how.startswith("%"):
        zone = "" if how.endswith("%z") else ', zone = "UTC"'
        return f'{{ path = {toml_text(path)}, format = "{how}"{zone} }}'
    return toml_text(path) if how == "ISO 8601" else f'{{ path = {toml_text(path)}, unit = "{how}" }}'


def _outcome(log: Log, when: Told | None) -> str:
    path, status = log.columns.get("outcome"), log.columns.get("status")
    # a status tells who was refused, which yes and no do not
    flag = path is not None and {word.lower() for word in log.words(path)} <= {"true", "false"}
    if path and not (flag and status and log.everywhere(status)):
        words = [word for word in log.words(path) if masked(word) == word][:SHOWN_VALUES]
        meant = ", ".join(f"{toml_text(word)} = {toml_text(meaning(word) or 'error')}" for word in words)
        return f'outcome = {{ path = {toml_text(path)}, values = {{ {meant} }}, otherwise = "error" }}    # check what they mean'
    if status and log.everywhere(status):
        denied = '"401" = "denied", "403" = "denied", "429" = "denied"'
        return f'outcome = {{ path = {toml_text(status)}, values = {{ "2*" = "success", {denied} }}, otherwise = "error" }}'
    fails = [word for word in when.words if _FAILS.search(word)] if when else []
    if when and fails:
        meant = ", ".join(f'{toml_text(word)} = "error"' for word in fails)
        return f'outcome = {{ path = {toml_text(when.path)}, values = {{ {meant} }}, otherwise = "success" }}'
    return 'outcome = { constant = "success" }    # no path is known to tell: is a failed one logged, and where?'


def meaning(word: str) -> str | None:
    """Return the outcome that a word of a log says, None if it says none.

    Examples
    --------
    >>> meaning("SUCCESS"), meaning("forbidden"), meaning("failed"), meaning("tools/call")
    ('success', 'denied', 'error', None)
    """
    lower = word.lower()
    if re.fullmatch(r"ok|success\w*|succeeded|allow\w*|granted|true|pass\w*|2\d\d|completed", lower):
        return "success"
    if re.fullmatch(r"den\w+|block\w*|forbid\w*|unauthori\w*|reject\w*|refus\w*|40[13]|429", lower):
        return "denied"
    return "error" if re.fullmatch(r"fail\w*|err\w*|false|exception|timeout|[45]\d\d", lower) else None


def told(value: Any) -> str:
    """Return a value as a mapping compares it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(words: Sequence[str] | Mapping[str, Any]) -> str:
    return f"[{', '.join(map(toml_text, words))}]"
