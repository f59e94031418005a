"""A case: one client, token, subject or grant, reconstructed from the three logs."""

from grantlens.case.answers import Answers
from grantlens.case.case import Case
from grantlens.case.timeline import Timeline

__all__ = ["Answers", "Case", "Timeline"]
