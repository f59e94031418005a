"""How likely an unused scope is needed, counted in sessions: fairer to agents, which work in bursts.

Model: a session needs the scope with a chance drawn from Beta(a, b), so that after n sessions without a use
P(needed in the next m) = 1 - B(a, b + n + m) / B(a, b + n).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantlens.analysis.gamma_poisson import MIN_GRANTS

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class SessionModel:
    """Beta(a, b) of the chance that one session needs the scope, fitted on so many grants."""

    a: float
    b: float
    grants: int
    log_likelihood: float


def fit_sessions(sessions: Sequence[int], sessions_used: Sequence[int]) -> SessionModel | None:
    """Fit the model by maximum likelihood; None where nothing can be learned.

    Examples
    --------
    >>> model = fit_sessions([50] * 100, [0] * 50 + [1, 2, 5, 10] * 12 + [1, 5])
    >>> 0.02 < model.a / (model.a + model.b) < 0.08
    True
    """
    import numpy as np
    from scipy.optimize import minimize
    from scipy.special import betaln

    total, used = np.asarray(sessions, dtype=float), np.asarray(sessions_used, dtype=float)
    total, used = total[total > 0], used[total > 0]
    if total.size < MIN_GRANTS or not used.any():
        return None

    def loss(parameters: np.ndarray) -> float:
        a, b = np.exp(parameters)
        return -float((betaln(a + used, b + total - used) - betaln(a, b)).sum())

    mean = float(np.clip(used.sum() / total.sum(), 1e-4, 1 - 1e-4))
    start = np.log([mean * 2, (1 - mean) * 2])
    answer = minimize(loss, start, method="L-BFGS-B", bounds=[(-9, 9), (-9, 14)])
    a, b = np.exp(answer.x)
    return SessionModel(a=float(a), b=float(b), grants=int(total.size), log_likelihood=-float(answer.fun))


def probability_needed_sessions(
    model: SessionModel, sessions: float | Sequence[float], next_sessions: float = 30
) -> float | np.ndarray:
    """Return the probability that one of the next sessions needs a scope that none of `sessions` used.

    Examples
    --------
    >>> round(probability_needed_sessions(SessionModel(1.0, 9.0, 40, 0.0), 50, 10), 4)
    0.1449
    """
    import numpy as np
    from scipy.special import betaln

    seen = np.asarray(sessions, dtype=float)
    answer = -np.expm1(betaln(model.a, model.b + seen + next_sessions) - betaln(model.a, model.b + seen))
    return float(answer) if answer.ndim == 0 else answer
