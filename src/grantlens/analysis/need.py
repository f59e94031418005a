"""Unused privilege: how likely a silent scope is needed after all, and what to do with it.

`fit` and `probability_needed` reckon in days, `fit_sessions` in sessions; `decide` turns the chance into a
recommendation, and only where the evidence carries one.
"""

from grantlens.analysis.decision import Decision, decide
from grantlens.analysis.gamma_poisson import (
    MIN_GRANTS,
    NeedModel,
    fit,
    fit_by_class,
    probability_needed,
    rule_of_three,
)
from grantlens.analysis.sessions import SessionModel, fit_sessions, probability_needed_sessions
from grantlens.analysis.unseen import MIN_WAITS, chao1, good_turing, time_to_first_use_p95

__all__ = [
    "MIN_GRANTS",
    "MIN_WAITS",
    "Decision",
    "NeedModel",
    "SessionModel",
    "chao1",
    "decide",
    "fit",
    "fit_by_class",
    "fit_sessions",
    "good_turing",
    "probability_needed",
    "probability_needed_sessions",
    "rule_of_three",
    "time_to_first_use_p95",
]
