"""Read files that people write by hand - TOML and CSV - so that a mistake can name its line."""

from __future__ import annotations

import csv
import difflib
import io
import math
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from grantlens.errors import GrantlensError

FILE = "file"
"""What people call all that stands outside of the tables of TOML."""

_HOMES = {
    "client": "register",
    "review": "register",
    "details_type": "register",
    "server": "server",
    "clock": "clock",
    "identity": "identities",
    "decision": "decision",
    "catalogue": "catalogue",
    "operation": "catalogue",
    "scope": "catalogue",
}
"""By the name of a table, the command that adds files of such tables."""


@dataclass(frozen=True)
class Entry:
    """One entry of such a file: a TOML table or a CSV row, with the lines its keys stand on."""

    file: str
    what: str
    values: Mapping[str, Any]
    line: int
    lines: Mapping[str, int] = field(default_factory=dict)
    error: type[GrantlensError] = GrantlensError

    def mistake(self, text: str, key: str | None = None, remedy: str = "") -> GrantlensError:
        """Return the error for a mistake in this entry, or in one key of it."""
        return self.error(f"{self.file} line {self.lines.get(key or '', self.line)}: {text}", remedy)

    def check_keys(self, known: Iterable[str]) -> None:
        """Refuse a key that is not known, naming the nearest one."""
        known = tuple(known)
        for key in self.values:
            if key not in known:
                if self.what == FILE and (home := _HOMES.get(key)):
                    remedy = f"Add such a file by: grantlens {home} add STORE FILE"
                    raise self.mistake(f"{key!r} stands in files of another kind.", key, remedy)
                remedy = did_you_mean(str(key), known, f"Leave it out. Known are: {', '.join(known)}.")
                raise self.mistake(f"{key!r} is no key of {_a(self.what)}.", key, remedy)

    def check_zone(self, key: str, zone: str) -> None:
        """Refuse a time zone that does not exist."""
        if (known := available_timezones() - {"localtime", "Factory"}) and zone not in known:
            remedy = did_you_mean(zone, known, "Give an IANA name, such as Europe/Berlin.")
            raise self.mistake(f"there is no time zone {zone!r}.", key, remedy)

    def lacking(self, key: str) -> GrantlensError:
        """Return the error for a key that must stand here and does not."""
        return self.mistake(f"{_a(self.what)} needs {key!r}.", None, f"Add {key} to this {self.what}.")

    def text(self, key: str, *, required: bool = False, choices: Iterable[str] = ()) -> str | None:
        """Return a text, or None where there is none."""
        value = self.values.get(key)
        if value is None:
            if required:
                raise self.lacking(key)
            return None
        if not isinstance(value, str) or (required and not value.strip()):
            raise self.mistake(f"{key!r} must be a text, not {value!r}.", key)
        options = tuple(choices)
        # Spreadsheets write Keep for keep.
        value = {option.lower(): option for option in options}.get(value.lower(), value)
        if options and value not in options:
            remedy = did_you_mean(value, options, f"Say one of: {', '.join(options)}.")
            raise self.mistake(f"{key!r} cannot be {value!r}.", key, remedy)
        return value

    def texts(self, key: str) -> list[str] | None:
        """Return a list of texts, or None where there is none; in CSV the items are joined by `;`."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.mistake(f"{key!r} must be a list of texts.", key, f'Write {key} = ["one", "two"].')
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """Return true or false."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.mistake(f"{key!r} must be true or false, not {value!r}.", key)
        return value

    def seconds(self, key: str, *, required: bool = False, signed: bool = False) -> float | None:
        """Return a number of seconds, or None where there is none; in CSV it is a text."""
        value = self.values.get(key)
        if value is None:
            if required:
                raise self.lacking(key)
            return None
        try:
            number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
        except (ValueError, OverflowError):
            number = math.nan
        if not (math.isfinite(number) and (signed or number >= 0)):
            raise self.mistake(f"{key!r} must be a number of seconds, not {value!r}.", key)
        return number


def _a(what: str) -> str:
    return f"{'an' if what[0] in 'aeio' else 'a'} {what}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is nearest to a mistyped one, whatever the case of either.

    Examples
    --------
    >>> nearest("europe/Berln", ["Europe/Berlin", "Europe/Paris"])
    'Europe/Berlin'
    """
    spelled = {each.lower(): each for each in known}
    found = difflib.get_close_matches(word.lower(), spelled, n=1)
    return spelled[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """Return the remedy for a mistyped word: the nearest known one or, where none is near, `otherwise`.

    Examples
    --------
    >>> did_you_mean("ownr", ["owner", "purpose"], "Leave it out.")
    "Did you mean 'owner'?"
    """
    near = nearest(word, known)
    return f"Did you mean {near!r}?" if near else otherwise


def read_text(path: Path, error: type[GrantlensError]) -> str:
    """Read a UTF-8 text file."""
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise error(f"{path} does not exist.", "Check the path.") from None
    except UnicodeDecodeError as bad:
        line = path.read_bytes()[: bad.start].count(b"\n") + 1
        raise error(
            f"{path} line {line}: this is not UTF-8.", "Save the file as UTF-8, a spreadsheet as CSV UTF-8."
        ) from None
    except OSError as bad:
        raise error(f"{path} cannot be read: {bad.strerror or bad}.", "Check the path and its permissions.") from None


@dataclass(frozen=True)
class Document:
    """A parsed TOML file: what stands outside of its tables, and where each table and key stands."""

    top: Entry
    _places: Mapping[tuple[str, int], tuple[dict[str, int], int]]

    def tables(self, name: str, what: str) -> list[Entry]:
        """Return the tables called `name`; `what` is what people call one of them."""
        tables = self.top.values.get(name, [])
        tables = [tables] if isinstance(tables, dict) else tables
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise self.top.mistake(f"{name!r} must be a table.", name, f"Write [[{name}]].")
        return [self._entry(what, table, *self._places.get((name, at), ({}, 1))) for at, table in enumerate(tables)]

    def inside(self, entry: Entry, name: str, key: str, what: str) -> Entry:
        """Return the table under a key of an entry of the tables called `name`, however it is written."""
        values = entry.values[key]
        line = entry.lines.get(key)
        if line is None:  # [name.key], below the entry
            found = [at for (each, _), at in self._places.items() if each == f"{name}.{key}" and at[1] > entry.line]
            keys, line = min(found, key=lambda at: at[1], default=({}, entry.line))
            return self._entry(what, values, keys, line)
        return self._entry(what, values, {}, line)

    def nested(self, outer: str, inner: str) -> list[tuple[int, int, dict[str, int]]]:
        """Return for each `[[outer.inner]]` the number of its outer entry, its line and its keys' lines."""
        starts = [line for (name, _), (_, line) in self._places.items() if name == outer]
        nested = sorted((line, keys) for (name, _), (keys, line) in self._places.items() if name == f"{outer}.{inner}")
        return [(sum(start < line for start in starts) - 1, line, keys) for line, keys in nested]

    def _entry(self, what: str, values: Mapping[str, Any], keys: Mapping[str, int], line: int) -> Entry:
        return Entry(self.top.file, what, values, line, keys, self.top.error)


def read_document(path: Path, error: type[GrantlensError]) -> Document:
    """Read a TOML file; `error` is raised where it is none."""
    text = read_text(path, error)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as bad:
        place = re.search(r"\(at line (\d+), column (\d+)\)", str(bad))
        line = _unclosed(text) or (place[1] if place else text.count("\n") + 1)
        said = str(bad).split(" (at ")[0]
        raise error(f"{path} line {line}: {said}.", f"Correct the TOML there{_hint(path, text, said)}.") from None
    except (ValueError, RecursionError):
        raise error(f"{path} holds a number or a nesting that nobody writes.", "Check what wrote the file.") from None
    lines = _toml_lines(text)
    keys = lines.get(("", 0), ({}, 1))[0] | {name: where[1] for (name, _), where in reversed(lines.items())}
    return Document(Entry(str(path), FILE, document, 1, keys, error), lines)


_HINTS = {
    "Invalid value": "a text stands in quotes",
    "Illegal character": "a quote is not closed",
    "Invalid initial character for a key": "what stands in { } must fit on one line, and a key with odd letters stands in quotes",
    "Unclosed inline table": "close the brace on the same line",
    "Cannot overwrite": "a key may stand once, so leave one of the two out",
    "Unescaped '\\'": "a text that holds a backslash stands in single quotes, such as '\\d+'",
    "Cannot declare": "tables of one name are each written with two brackets, such as [[usage]]",
}
"""By how the parser's message begins, what people mostly did."""


def _hint(path: Path, text: str, said: str) -> str:
    if path.suffix.lower() != ".toml":
        return ", or name the file *.csv if it is one"
    if text.lstrip()[:1] == "{":
        return ": this begins like JSON"
    return next((f": {hint}" for begins, hint in _HINTS.items() if said.startswith(begins)), "")


def read_toml(path: Path, kinds: Mapping[str, str], error: type[GrantlensError]) -> dict[str, list[Entry]]:
    """Read a TOML file made of tables.

    Parameters
    ----------
    path
        The file.
    kinds
        Name of each table that may occur, and what people call one entry of it.
    error
        The error to raise on a mistake.
    """
    document = read_document(path, error)
    document.top.check_keys(kinds)
    return {name: document.tables(name, what) for name, what in kinds.items()}


_HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_.\"' -]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"\s*(?:\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9_-]+))\s*(?:=|\.)")


def _toml_lines(text: str) -> dict[tuple[str, int], tuple[dict[str, int], int]]:
    """Return for each table, and its number among those of its name, the lines of its keys and its own."""
    found: dict[tuple[str, int], tuple[dict[str, int], int]] = {("", 0): ({}, 1)}
    count: dict[str, int] = {}
    here: tuple[dict[str, int], int] = found[("", 0)]
    inside = None  # the quotes of a text over several lines
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        if inside is None and depth == 0:
            if header := _HEADER.match(line):
                name = header[1]
                index = count.get(name, 0)
                count[name] = index + 1
                here = ({}, number)
                found[(name, index)] = here
                continue
            if key := _KEY.match(line):
                here[0].setdefault(key[1] or key[2] or key[3], number)
        inside, depth = _after(line, inside, depth)
    return found


_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'')


def _unclosed(text: str) -> int | None:
    """Return the first line with a quote that it does not close: the parser notices that only much later."""
    inside, depth = None, 0
    for number, line in enumerate(text.splitlines(), 1):
        if inside is None:
            bare = _QUOTED.sub("", re.sub(r'""".*?"""|\'\'\'.*?\'\'\'', "", line)).split("#")[0]
            if re.search("[\"']", bare) and not re.search("\"\"\"|'''", bare):
                return number
        inside, depth = _after(line, inside, depth)
    return None


def _after(line: str, inside: str | None, depth: int) -> tuple[str | None, int]:
    """Follow quotes and brackets over one line."""
    position = 0
    while position < len(line):
        if inside:
            end = line.find(inside, position)
            if end < 0:
                return inside, depth
            position, inside = end + 3, None
            continue
        if line[position : position + 3] in ('"""', "'''"):
            inside, position = line[position : position + 3], position + 3
            continue
        sign = line[position]
        if sign == "#":
            break
        if sign in "\"'":
            closed = _QUOTED.match(line, position)
            position = closed.end() if closed else len(line)
            continue
        depth += (sign in "[{") - (sign in "]}")
        position += 1
    return inside, max(depth, 0)


_APART = {",": "comma", ";": "semicolon", "\t": "tab"}


def read_csv(
    path: Path,
    what: str,
    known: Iterable[str],
    error: type[GrantlensError],
    lists: Iterable[str] = (),
    beside: Callable[[Entry, str], bool] = lambda header, name: False,
) -> list[Entry]:
    """Read a CSV file whose header holds known names, and others that may stand `beside` them; an empty cell is no value.

    Cells are apart by what parts the header's names - spreadsheets of many countries write `;` - and empty columns at its end are none.
    """
    text = read_text(path, error)
    lists, known = frozenset(lists), tuple(known)
    apart = max(_APART, key=text.lstrip("\r\n").partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=apart, strict=True)
    # A list of findings may have the log records behind each in one cell.
    usual = csv.field_size_limit(max(len(text), csv.field_size_limit()))
    entries: list[Entry] = []
    header: list[str] | None = None
    try:
        before = 0
        for row in reader:
            line, before = before + 1, reader.line_num
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = [cell.strip().lower() for cell in row]
                while not header[-1]:
                    header.pop()
                names = Entry(str(path), what, dict.fromkeys(header), line, {}, error)
                names.check_keys([*known, *(name for name in header if name not in known and beside(names, name))])
                if twice := [name for name in names.values if header.count(name) > 1]:
                    raise names.mistake(f"{twice[0]!r} names two columns.", None, "Leave one out.")
                continue
            if len(row) < len(header) or any(row[len(header) :]):
                raise error(
                    f"{path} line {line}: {len(row)} cells, but the header has {len(header)}.",
                    f"Put cells that hold a {_APART[apart]} into double quotes.",
                )
            cells = ((key, cell.strip()) for key, cell in zip(header, row, strict=False))
            values: dict[str, Any] = {key: items(key, cell) if key in lists else cell for key, cell in cells if cell}
            entries.append(Entry(str(path), what, values, line, {}, error))
    except csv.Error as bad:
        raise error(f"{path} line {reader.line_num}: {bad}.", "Correct the quotes there.") from None
    finally:
        csv.field_size_limit(usual)
    if header is None:
        raise error(f"{path} is empty.", "The first line must name the columns.")
    return entries


def items(column: str, cell: str) -> list[str]:
    """Return what a cell of CSV lists, joined by `;`; of scopes also as OAuth joins them, by blanks, which no scope holds (RFC 6749, 3.3).

    Examples
    --------
    >>> items("scopes", "mail.read mail.send"), items("scopes", "mail.read; Full access"), items("audience", "a b;c")
    (['mail.read', 'mail.send'], ['mail.read', 'Full access'], ['a b', 'c'])
    """
    if "scopes" in column and ";" not in cell:
        return cell.split()
    return [item.strip() for item in cell.split(";") if item.strip()]


def read_entries(
    path: Path,
    what: str,
    known: Iterable[str],
    error: type[GrantlensError],
    lists: Iterable[str] = (),
    beside: Callable[[Entry, str], bool] = lambda header, name: False,
) -> list[Entry]:
    """Read the entries of a file that holds one kind only: the rows of CSV, else the tables `[[what]]` of TOML."""
    if path.suffix.lower() == ".csv":
        return read_csv(path, what, known, error, lists, beside)
    return read_toml(path, {what: what}, error)[what]
