"""Unused privilege: how likely a silent scope is needed after all, and what to do with it.

`fit` learns from grants, `probability_needed` tells the chance, and `decide` turns it into a recommendation, only where the
evidence carries one.
"""

from grantlens.analysis.decision import Decision, decide
from grantlens.analysis.first_use import MIN_WAITS, time_to_first_use_p95
from grantlens.analysis.gamma_poisson import (
    MIN_GRANTS,
    NeedModel,
    fit,
    fit_by_class,
    probability_needed,
    rule_of_three,
)

__all__ = [
    "MIN_GRANTS",
    "MIN_WAITS",
    "Decision",
    "NeedModel",
    "decide",
    "fit",
    "fit_by_class",
    "probability_needed",
    "rule_of_three",
    "time_to_first_use_p95",
]
