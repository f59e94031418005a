"""The rules. One file holds one `RULE`; a new file is a new rule, in code, help, tests and report."""

import importlib
import pkgutil
from functools import cache
from types import MappingProxyType

from grantlens.errors import RuleError
from grantlens.handwritten import did_you_mean
from grantlens.rule.example import Example
from grantlens.rule.rule import SEVERITIES, VERDICTS, Parameter, Rule

__all__ = ["SEVERITIES", "VERDICTS", "Example", "Parameter", "Rule", "find", "registry", "text"]

_FAMILIES = ("OOS", "PRV", "REV", "INT", "GOV")


@cache
def registry() -> MappingProxyType[str, Rule]:
    """Return every rule by its id, in the order of reports.

    Examples
    --------
    >>> from grantlens.rules import registry
    >>> registry()["REV-4"].question
    'Which revocations never took effect while the token lived?'
    """
    modules = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    rules = [module.RULE for module in modules if hasattr(module, "RULE")]
    rules.sort(key=lambda rule: (_FAMILIES.index(rule.family), int(rule.id.split("-")[1])))
    return MappingProxyType({rule.id: rule for rule in rules})


def find(name: str) -> Rule:
    """Return the rule with this id or name; the id's case does not matter.

    Raises
    ------
    RuleError
        If there is none; the message names the nearest.
    """
    rules = registry()
    name = name if isinstance(name, str) else repr(name)
    for rule in rules.values():
        if name.upper() == rule.id or name == rule.name:
            return rule
    near = did_you_mean(name, [word for rule in rules.values() for word in (rule.id, rule.name)], "")
    raise RuleError(f"There is no rule {name!r}.", f"{near} The rules are {', '.join(rules)}.".lstrip())


def text(name: str, dialect: str = "duckdb") -> str:
    """Return the SQL of a rule; $since and $until are left for the reader to fill in.

    Raises
    ------
    RuleError
        If there is no such rule or dialect.

    Examples
    --------
    >>> from grantlens import rules
    >>> print(rules.text("INT-5").splitlines()[0])
    -- INT-5 (version 2): Where is a log silent for longer than chance explains?
    """
    from grantlens.rule.written import translated, written_out

    return translated(written_out(find(name)), dialect)
