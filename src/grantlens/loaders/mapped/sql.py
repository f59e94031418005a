"""The SQL that a mapping comes to. No text of the mapping stands in it: paths and values are bound as parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from grantlens.loaders.mapped.place import EACH, Place, pointer
from grantlens.loaders.mapped.rule import UNITS, Condition, Mapped, Part, Rule, When, like
from grantlens.schema import LOGS

_TYPES = {column.name: column.type for table in LOGS.values() for column in table.columns}
_FROM, _UNTIL = 631_152_000_000_000, 7_258_118_400_000_000
"""The years 1990 and 2200 in microseconds: a number outside was written in another unit."""

TWICE, NEVER = " that occurs twice in ", " that does not occur in "
"""What stands behind a local time that is no one moment, before its zone."""


class Writer:
    """Writes the SQL of one mapping.

    Attributes
    ----------
    parameters
        What the SQL binds.
    fields
        What to parse out of each record: its top-level keys, flat, so that no value of another type spoils the rest.
    steps
        What the SELECTs read: `place`, with a column for each place that the mapping names.
    """

    def __init__(self, mapped: Mapped) -> None:
        self.parameters: dict[str, Any] = {}
        self._names: dict[Any, str] = {}
        self._mapped = mapped
        self._places = list(dict.fromkeys(_places_of(mapped)))
        self._columns = {place: f"v{number}" for number, place in enumerate(self._places)}
        tops = list(dict.fromkeys(way[0] for place in self._places for way in place.ways))
        self._whole = not _one_structure(tops)
        deep = (way[0] for place in self._places for way in place.ways if len(way) > 1)
        nested = dict.fromkeys([*deep, *mapped.lists[:1]])  # in order: the account of a load has a hash of the SQL
        self._at = {top: number for number, top in enumerate(tops, 1)}
        self._nested: dict[Any, list[str]] = {top: [] for top in (tops if self._whole else nested)}
        self.fields = '"JSON"'
        if not self._whole:
            kinds = {str(top): "JSON" if top in nested else "VARCHAR" for top in tops}
            self.fields = json.dumps(kinds)
        self.steps = self._steps()

    def log(self, name: str) -> str | None:
        """Return the SELECT of one of the three logs."""
        parts = [part for part in self._mapped.parts if part.log == name]
        if not parts:
            return None
        which = "".join(f" WHEN {holds} THEN NULL" for holds, _ in self._ignored())
        which += "".join(f" WHEN {self._holds(part.only)} THEN {number}" for number, part in enumerate(parts))
        columns = [column for column in _TYPES if any(column in part.columns for part in parts)]
        values = ",\n       ".join(f"{self._column(column, parts)} AS {column}" for column in columns)
        return f"SELECT line_no,\n       {values}\nFROM (SELECT *, CASE{which} END AS part_no FROM place)\nWHERE part_no IS NOT NULL"

    def ignored(self) -> str | None:
        """Return the SELECT of the records that say nothing about access, None if the mapping names none."""
        which = "".join(f" WHEN {holds} THEN {reason}" for holds, reason in self._ignored())
        named = all("event_id" in part.columns for part in self._mapped.parts)
        if not which and named and not self._whole:
            return None  # nothing but calls that have their ids: these are read the fast way
        which = f"CASE{which} END" if which else "NULL::VARCHAR"
        return f"SELECT line_no, reason FROM (SELECT line_no, {which} AS reason FROM place) WHERE reason IS NOT NULL"

    def _ignored(self) -> Iterator[tuple[str, str]]:
        """Give conditions and reasons. They come before the tables: who says that a record says nothing, means it."""
        for each in self._mapped.ignored:
            yield self._holds(each.only), self._bind(each.reason)
        for key in self._mapped.lists[:1]:
            path = pointer((key,)) if self._whole else "$"
            yield f"json_exists({self._base(key)}, {self._bind(path)})", "'holds no record'"

    def _steps(self) -> dict[str, str]:
        values = [f"{self._value(place)} AS {column}" for place, column in self._columns.items()]
        texts = [
            f"{self._text(self._base(top), paths)} AS n{self._at[top]}" for top, paths in self._nested.items() if paths
        ]
        start = "record"
        steps = {}
        if texts:
            steps["nested"] = f"SELECT line_no, r, {', '.join(texts)} FROM record WHERE r IS NOT NULL"
            start = "nested"
        record = ["r"] if self._mapped.lists else []  # to keep it costs as much as all the values
        listed = "".join(f",\n       {value}" for value in (*record, *values))
        steps["place"] = f"SELECT line_no{listed}\nFROM {start}\nWHERE r IS NOT NULL"
        return steps

    def _text(self, base: str, paths: list[str]) -> str:
        """Return the texts at some paths of a value, NULL where it is: most records of a log hold few of the structures that it may hold."""
        return f"CASE WHEN {base} IS NOT NULL THEN json_extract_string({base}, {self._bind(paths)}) END"

    def _base(self, top: Any) -> str:
        return "r" if self._whole else f"struct_extract_at(r, {self._at[top]})"

    def _value(self, place: Place) -> str:
        """Return what stands at a place, as text."""
        if place.lists:
            return self._list(place.ways[0])
        ways = [self._way(way) for way in place.ways]
        value = ways[0] if len(ways) == 1 else f"coalesce({', '.join(ways)})"
        return self._present(value, self._mapped.absent)

    def _way(self, way: tuple[str | int, ...]) -> str:
        top = way[0]
        if top not in self._nested:
            return f"struct_extract_at(r, {self._at[top]})"
        path = pointer(way) if self._whole else pointer(way[1:]) or "$"
        paths = self._nested[top]
        if path not in paths:
            paths.append(path)
        return f"n{self._at[top]}[{paths.index(path) + 1}]"

    def _list(self, way: tuple[str | int, ...]) -> str:
        """Return the items that `[*]` stands for, as the text of a JSON list."""
        at = way.index(EACH)
        before = way[:at] if self._whole else way[1:at]
        base = self._base(way[0])
        held = f"json_extract({base}, {self._bind(pointer(before) or '$')})"
        path = "$[*]" + "".join(f"[{step}]" if isinstance(step, int) else f'."{step}"' for step in way[at + 1 :])
        return f"CASE WHEN json_type({held}) = 'ARRAY' THEN to_json(json_extract_string({held}, {self._bind(path)}))::VARCHAR END"

    def _column(self, column: str, parts: list[Part]) -> str:
        cases = [
            (number, self._first(column, part.columns[column]))
            for number, part in enumerate(parts)
            if column in part.columns
        ]
        if len(parts) == 1:
            return cases[0][1]
        return "CASE part_no " + " ".join(f"WHEN {number} THEN {value}" for number, value in cases) + " END"

    def _first(self, column: str, rules: tuple[Rule, ...]) -> str:
        values = [self._rule(column, rule, last=rule is rules[-1]) for rule in rules]
        return values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"

    def _rule(self, column: str, rule: Rule, *, last: bool) -> str:
        type_ = _TYPES[column]
        if rule.constant is not None:
            value = self._bind(list(rule.constant) if isinstance(rule.constant, tuple) else rule.constant)
        else:
            value = self._source(rule)
            if rule.pattern is not None:
                group = 1 if "(" in rule.pattern.replace("\\(", "").replace("(?:", "") else 0
                value = f"nullif(regexp_extract({value}, {self._bind(rule.pattern)}, {group}), '')"
            if rule.values:
                value = self._meaning(value, rule, last=last)
            if rule.hash:
                value = f"'sha256:' || sha256($token_key || {value})"
            if type_ == "TIMESTAMPTZ":
                value = self._moment(value, rule)
            elif type_.endswith("[]"):
                value = self._items(value, rule)
            elif column == "target":
                value = f"split_part({value}, '?', 1)"
        conditions = self._holds(rule.only)
        return value if conditions == "true" else f"CASE WHEN {conditions} THEN {value} END"

    def _source(self, rule: Rule) -> str:
        if rule.parts:
            values = [self._present(self._columns[place], rule.absent) for place in rule.parts]
            return "(" + f" || {self._bind(rule.between)} || ".join(values) + ")"
        values = [self._present(self._columns[place], rule.absent) for place in rule.places]
        return values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"

    def _present(self, value: str, absent: tuple[str, ...]) -> str:
        for each in absent:
            nothing = self._bind(each) if each else "''"
            value = f"nullif({value}, {nothing})"
        return value

    def _meaning(self, value: str, rule: Rule, *, last: bool) -> str:
        cases = " ".join(
            f"WHEN {self._equals(value, (key,))} THEN {self._bind(meaning)}" for key, meaning in rule.values.items()
        )
        if isinstance(rule.otherwise, str):
            return f"CASE {cases} WHEN {value} IS NOT NULL THEN {self._bind(rule.otherwise)} END"
        if rule.otherwise is None and last:
            return f"CASE {cases} ELSE {value} END"
        return f"CASE {cases} END"

    def _moment(self, value: str, rule: Rule) -> str:
        """Return a time as text that the load reads; one that is written otherwise stays text that it cannot read."""
        zone = "$zone" if rule.zone is None else self._bind(rule.zone)
        if rule.unit:
            digits = {"s": "DECIMAL(20, 6)", "ms": "DECIMAL(20, 3)"}.get(rule.unit, "DECIMAL(20, 0)")
            micros = f"(TRY_CAST({value} AS {digits}) * 1000000 / {UNITS[rule.unit]})"
            read = (
                f"CASE WHEN {micros} BETWEEN {_FROM} AND {_UNTIL} THEN make_timestamptz({micros}::BIGINT)::VARCHAR END"
            )
            return f"coalesce({read}, {value} || ' as unix {rule.unit}')"
        if rule.format:
            read = f"try_strptime({value}, {self._bind(rule.format)})"
            odd = f"{value} || ' in this format'"
            if not {"%z", "%Z"} & set(re.findall("%-?.", rule.format)):
                zoned = _once(value, f"{read}::TIMESTAMP", zone)
                return f"CASE WHEN {read} IS NULL THEN {odd} ELSE coalesce({zoned}, {value} || ' without a zone') END"
            return f"coalesce({read}::VARCHAR, {odd})"
        local = _once(value, f"TRY_CAST(replace({value}, ',', '.') AS TIMESTAMP)", zone)
        joined = (
            f"regexp_replace({value}, ' ([+-][0-9]{{2}}:?[0-9]{{0,2}})( [A-Z]{{3,4}})?$', '\\1')"  # 10:00:00 +0200 UTC
        )
        offset = f"regexp_matches(substr({joined}, 20), '([+-][0-9]{{2}}(:?[0-9]{{2}})?| ?UTC)$')"
        return (
            f"CASE WHEN {value} LIKE '____-__-_____:__:__%Z' AND {value} >= '1' THEN {value} "
            f"WHEN {value} LIKE '____-__-_____:__:__%' AND {value} >= '1' THEN "
            f"CASE WHEN {offset} THEN {joined} ELSE coalesce({local}, {value} || ' without a zone') END "
            f"ELSE {value} || ' as ISO 8601' END"
        )

    def _items(self, value: str, rule: Rule) -> str:
        """Return a list: of a JSON list its items, of another text what stands between the separators, or itself."""
        apart = f"[{value}]"
        if rule.split is not None:
            apart = f"list_filter(list_transform(string_split({value}, {self._bind(rule.split)}), lambda x: trim(x)), lambda x: x <> '')"
        listed = f"TRY(from_json({value}, '[\"VARCHAR\"]'))"
        return (
            f"CASE WHEN {value} IS NULL THEN NULL WHEN trim({value}) = '' THEN [] "
            f"WHEN starts_with({value}, '[') THEN coalesce({listed}, {apart}) ELSE {apart} END"
        )

    def _holds(self, when: When) -> str:
        found = []
        if when.when is not None:
            found.append(self._condition(when.when))
        if when.unless is not None:
            found.append(f"NOT coalesce({self._condition(when.unless)}, false)")
        return " AND ".join(found) or "true"

    def _condition(self, condition: Condition) -> str:
        each = (
            " AND ".join(self._equals(self._columns[place], values) for place, values in one)
            for one in condition.any_of
        )
        return "(" + " OR ".join(f"({text})" for text in each) + ")"

    def _equals(self, value: str, wanted: tuple[str, ...]) -> str:
        if "*" in wanted:
            return f"{value} IS NOT NULL"
        exact = [each for each in wanted if "*" not in each]
        found = [f"{value} LIKE {self._bind(like(each))} ESCAPE '\\'" for each in wanted if "*" in each]
        if exact:
            found.insert(0, f"{value} IN ({', '.join(map(self._bind, exact))})")
        return found[0] if len(found) == 1 else f"({' OR '.join(found)})"

    def _bind(self, value: Any) -> str:
        key = (type(value), str(value))
        if key not in self._names:
            self._names[key] = f"p{len(self._names)}"
            self.parameters[self._names[key]] = value
        return f"${self._names[key]}"


def _one_structure(tops: Iterable[Any]) -> bool:
    """True if these keys can stand in one structure of the database, and none looks like a parameter."""
    names = [top for top in tops if isinstance(top, str) and "$" not in top]
    return len({name.lower() for name in names}) == len(list(tops)) > 0


def _places_of(mapped: Mapped) -> Iterator[Place]:
    for part in mapped.parts:
        yield from part.only.places()
        for rules in part.columns.values():
            for rule in rules:
                yield from (*rule.places, *rule.parts, *rule.only.places())
    for each in mapped.ignored:
        yield from each.only.places()
    for key in mapped.lists[:1]:
        yield Place(key, ((key,),))


def _once(value: str, local: str, zone: str) -> str:
    """Return the moment of a local time as text; one that the zone has twice or never stays text that no load reads.

    Its offset a day before and a day after are the two that it can have: where both fit and differ, the clock was put
    back; where none fits, it was put forward.
    """
    zoned = f"CAST({zone} AS VARCHAR)"

    def guess(day: str) -> str:
        return f"timezone('UTC', t) - (timezone({zoned}, timezone('UTC', t) {day}) - (t {day}))"

    fits = f"list_filter(list_distinct([{guess('- INTERVAL 1 DAY')}, {guess('+ INTERVAL 1 DAY')}]), lambda m: timezone({zoned}, m) = t)"
    told = f"CASE len(f) WHEN 1 THEN f[1]::VARCHAR WHEN 0 THEN {value} || '{NEVER}' || {zoned} ELSE {value} || '{TWICE}' || {zoned} END"
    one = f"list_transform([{fits}], lambda f: {told})[1]"
    return f"list_transform([{local}], lambda t: CASE WHEN t IS NOT NULL AND {zoned} IS NOT NULL THEN {one} END)[1]"
