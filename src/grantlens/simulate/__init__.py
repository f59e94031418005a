"""A seeded population of agents and integrations with known truth: samples, tests, benchmarks, drills."""

from grantlens.simulate.generate import build, generate
from grantlens.simulate.score import score, score_grants

__all__ = ["build", "generate", "score", "score_grants"]
