"""The numbers that a user sets for rules: which rule has which, and what fits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from grantlens.errors import RuleError
from grantlens.handwritten import did_you_mean
from grantlens.rule.rule import Rule
from grantlens.rule.written import defaults

MOST = {"share": 1, "probability": 1, "seconds": 3_155_760_000, "minutes": 52_596_000, "hours": 876_600, "days": 36_525}
"""The largest number that a parameter of a unit takes: the whole, or a hundred years, beyond which dates overflow."""


def values_of(
    rules: Sequence[Rule], parameters: Mapping[str, Any] | None, all_rules: Iterable[Rule]
) -> dict[str, dict[str, Any]]:
    """Return each rule's parameters, the given values in place of the defaults.

    Parameters
    ----------
    rules
        Those that are asked.
    parameters
        Values by name; each is for all rules that have such a parameter.
    all_rules
        Every rule: one that is not asked may have the parameter.

    Raises
    ------
    RuleError
        If no rule that is asked has such a parameter, or a value does not fit.

    Examples
    --------
    >>> from grantlens.rules import find, registry
    >>> values_of([find("PRV-3")], {"dormant_days": 60}, registry().values())
    {'PRV-3': {'dormant_days': 60, 'min_coverage': 0.95}}
    """
    # What numpy and pandas count with is a number too, and DuckDB does not take it as one.
    parameters = {name: _own_number(value) for name, value in (parameters or {}).items()}
    known = {parameter.name: parameter for rule in rules for parameter in rule.parameters}
    for name, value in parameters.items():
        if name not in known:
            raise _unknown(name, rules, known, all_rules)
        if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value) or value < 0:
            raise RuleError(
                f"Parameter {name} takes a number of {known[name].unit} that is not negative, not {value!r}.",
                f"Its default is {known[name].default}.",
            )
        most = MOST.get(known[name].unit)
        if most is not None and float(value) > most:
            raise RuleError(
                f"Parameter {name} is at most {most:,} ({known[name].unit}), not {value!r}.",
                f"Its default is {known[name].default}.",
            )
    return {
        rule.id: {name: _as_default(parameters.get(name, value), value) for name, value in defaults(rule).items()}
        for rule in rules
    }


def _as_default(value: Any, default: Any) -> Any:
    """Return a number as the default is written, where nothing is lost: the SQL multiplies a float further than an integer."""
    return float(value) if isinstance(default, float) or value != int(value) else int(value)


def _unknown(name: str, rules: Sequence[Rule], known: Iterable[str], all_rules: Iterable[Rule]) -> RuleError:
    """Say that no rule that is asked has a parameter, and what to write instead."""
    others = [rule.id for rule in all_rules if any(each.name == name for each in rule.parameters)]
    if name in ("since", "until", "now"):
        hint = "Give the window with the store: store.between(since, until, now)."
    elif others:
        hint = f"{' and '.join(others)} {'has' if len(others) == 1 else 'have'} it: ask that rule too."
    else:
        hint = did_you_mean(name, known, f"There are {', '.join(sorted(known)) or 'none'}.")
    asked = f"{rules[0].id} has no" if len(rules) == 1 else "No rule that is asked has a"
    return RuleError(f"{asked} parameter {name!r}.", hint)


def _own_number(value: Any) -> Any:
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    return float(value) if isinstance(value, Real) and not isinstance(value, (bool, int)) else value
