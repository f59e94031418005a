"""What can be concluded, as a person reads it: a block for each source, in a hundred columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from grantlens.cli.help import page_width
from grantlens.conclusion.conclusion import BROUGHT, Conclusion, Source, conclude, together
from grantlens.relations.presented_token import ISSUERS
from grantlens.rules import registry
from grantlens.schema import LOGS
from grantlens.visible import visible
from grantlens.wording import plural

if TYPE_CHECKING:
    from grantlens.conclusion.held import Held
    from grantlens.loaders import Join

LEFT = 12
"""Columns of the words at the left."""

LEGEND = (
    "[c] judged by a catalogue, [r] by the register, [s] by the table of servers, [d] by the decisions, [v] by the dates "
    "of reviews, [t] by the types of authorization details: what you add to the store. "
    "docs/conclude.md tells how to read this."
)


def of_providers(sources: Iterable[Source]) -> str:
    """Return the blocks of what loaders declare."""
    return "\n\n".join([*("\n".join(_provider(source)) for source in sources), _wrapped(LEGEND)])


def of_store(helds: Iterable[Held]) -> str:
    """Return the blocks of what a store holds."""
    return "\n\n".join([*("\n".join(_store(held)) for held in helds), _wrapped(LEGEND)])


def _provider(source: Source) -> Iterator[str]:
    yield _wrapped(f"{source.name} · {source.title}")
    yield from _rows("in short", [source.note] if source.note else [])
    yield from _rows("logs", [_shown(source)])
    yield from _rows("joins", _joins(source, source), 38)
    concluded = [conclude(rule, source) for rule in registry().values()]
    for level, word in (("verdict", "verdicts"), ("bounds", "bounds"), ("no", "cannot")):
        yield from _rows(word, _reasons(each for each in concluded if each.level == level))


def _shown(source: Source) -> str:
    """Say which of the three logs a provider gives."""
    parts = [", ".join(log for log in LOGS if log in source.carries)]
    if in_part := [log for log in source.logs if log not in source.carries]:
        parts.append(f"{' and '.join(in_part)} in part: it can show a row, never an absence")
    if missing := [log for log in LOGS if log not in source.logs]:
        parts.append(f"no {' and no '.join(missing)}")
    return "; ".join(filter(None, parts))


def _store(held: Held) -> Iterator[str]:
    yield _wrapped(f"{visible(held.source.name)} · {visible(held.source.title)}")
    yield from _rows("logs", [*_stretches(held)])
    yield from _rows("joins", _joins(held.provider, held.source), 38)
    if held.calls:
        found = sorted(held.calls.items(), key=lambda item: -item[1])
        words = [f"{count:,} by {'nothing' if key == 'none' else key}" for key, count in found]
        others = [
            f"{plural(count, 'names a token', 'name tokens')} that {other} issued: what it ended is followed to these calls"
            if ISSUERS.get(held.source.name) == other
            else f"{plural(count, 'names a token', 'name tokens')} of an id that {visible(other)} issued: if it is the same, let the mapping of this log "
            f'say source = "{visible(other)}"'
            for other, count in held.issued_by.items()
        ]
        yield from _rows("calls", [f"their issuance is found: {', '.join(words)}", *others])
    if told := [_knows(thing, *held.known[thing]) for thing in BROUGHT if held.known[thing][1]]:
        yield from _rows("judged by", ["; ".join(told)])
    now = {rule.id: conclude(rule, held.source) for rule in registry().values()}
    could = {rule.id: conclude(rule, held.provider) for rule in registry().values()}
    yield from _rows("verdicts", _reasons(each for each in now.values() if each.level == "verdict"))
    yield from _rows("bounds", _reasons(each for each in now.values() if each.level == "bounds"))
    yield from _rows(
        "not yet", _reasons(each for each in now.values() if each.level == "no" and could[each.rule].level != "no")
    )
    yield from _rows("cannot", _reasons(each for each in could.values() if each.level == "no"))


def _stretches(held: Held) -> Iterator[str]:
    for stretch in held.stretches:
        line = f"{stretch.log:<10}  {stretch.records:>11,}  {stretch.first_event:%Y-%m-%d} to {stretch.last_event:%Y-%m-%d}"
        if stretch.gaps:
            line += f", {stretch.gaps} gap{'s' if stretch.gaps > 1 else ''}"
        if stretch.log not in held.source.carries:
            line += ", in part: it can show a row, never an absence"
        yield line
    for log in LOGS:
        if log not in held.source.logs:
            yield f"{log:<10}  {'-':>11}  " + ("not in this store" if log in held.provider.logs else "not logged")


def _joins(declared: Source, there: Source) -> Iterator[str]:
    """Tell how each pair of logs joins, and where a store's rows allow less than the loader declares."""
    for join in declared.joins:
        pair = f"{join.first}-{join.second}"
        held = there.join(join.first, join.second)
        if held is None:
            continue
        less = f"here {held.strength}: its rows name no more" if held.strength != join.strength else ""
        told = "; ".join(filter(None, (join.key, join.note, less)))
        yield f"{pair:<20}{join.strength:<19}{told}"


def _knows(thing: str, some: int, all_: int) -> str:
    what = {"catalogue": "call", "register": "client", "server": "resource server"}[thing]
    where = "table of servers" if thing == "server" else thing
    return f"{where} knows {some:,} of {plural(all_, what)}"


def _reasons(conclusions: Iterable[Conclusion]) -> Iterator[str]:
    for lacks, by_open in together(conclusions):
        rules = [
            (" ".join(f"{each.rule}{_marks(each)}" for each in group), leaves_open) for leaves_open, group in by_open
        ]
        told = [f"{named}: {leaves_open}" if leaves_open else named for named, leaves_open in rules]
        if not lacks:
            yield from told
        elif len(told) == 1:
            yield f"{rules[0][0]}: {'; '.join(filter(None, (lacks, rules[0][1])))}"
        else:
            yield f"{lacks}:"
            yield from (f"- {line}" for line in told)


def _marks(conclusion: Conclusion) -> str:
    return f"[{''.join(_MARKS.get(thing, thing[0]) for thing in conclusion.brought)}]" if conclusion.brought else ""


_MARKS = {"review date": "v", "details type": "t"}
"""Of what does not stand by its first letter."""


def _rows(word: str, lines: Iterable[str], further: int = 2) -> Iterator[str]:
    """Give the lines of one part, the word before the first; what is wrapped stands further right."""
    for number, line in enumerate(lines):
        left = f"  {word if not number else '':<{LEFT - 2}}"
        yield _wrapped(line, left, " " * (LEFT + further))


def _wrapped(text: str, first: str = "", rest: str = "") -> str:
    lines: Sequence[str] = textwrap.wrap(
        text, page_width(), initial_indent=first, subsequent_indent=rest, break_on_hyphens=False, drop_whitespace=True
    )
    return "\n".join(lines)


def provider_json(source: Source) -> dict[str, Any]:
    """Return what a loader declares, and what follows, for programs."""
    return {
        **_named(source),
        "note": source.note or None,
        "logs": {log: _state(log, source) for log in LOGS},
        "joins": [_join(join) for join in source.joins],
        "rules": [_rule(conclude(rule, source)) for rule in registry().values()],
    }


def store_json(held: Held) -> dict[str, Any]:
    """Return what a store holds of a source, and what follows, for programs."""
    stretches = {stretch.log: stretch for stretch in held.stretches}
    there = {(join.first, join.second): join.strength for join in held.source.joins}
    rules = registry().values()
    return {
        **_named(held.source),
        "logs": {
            log: {
                "provider": _state(log, held.provider),
                "records": stretches[log].records if log in stretches else None,
                "first_event": stretches[log].first_event if log in stretches else None,
                "last_event": stretches[log].last_event if log in stretches else None,
                "gaps": stretches[log].gaps if log in stretches else None,
            }
            for log in LOGS
        },
        "joins": [
            {**_join(join), "strength_here": there.get((join.first, join.second))} for join in held.provider.joins
        ],
        "calls_by_key": dict(held.calls),
        "known": {thing: {"known": some, "of": all_} for thing, (some, all_) in held.known.items()},
        "rules": [
            {**_rule(conclude(rule, held.source)), "provider_level": conclude(rule, held.provider).level}
            for rule in rules
        ],
    }


def _named(source: Source) -> dict[str, Any]:
    return {"source": source.name, "title": source.title}


def _state(log: str, source: Source) -> str:
    return "carried" if log in source.carries else "in part" if log in source.logs else "absent"


def _join(join: Join) -> dict[str, Any]:
    return {
        "first": join.first,
        "second": join.second,
        "strength": join.strength,
        "key": join.key,
        "note": join.note,
    }


def _rule(conclusion: Conclusion) -> dict[str, Any]:
    return {
        "rule": conclusion.rule,
        "level": conclusion.level,
        "sentence": conclusion.sentence,
        "lacks": list(conclusion.lacks),
        "leaves_open": conclusion.leaves_open or None,
        "brought": list(conclusion.brought),
    }
