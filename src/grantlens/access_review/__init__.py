"""A review: every rule over one window, and what people who must act on it need to know.

The room is not called `review`, since a module of that name would take the place of the function `grantlens.review`.
"""

from grantlens.access_review.grants import Grants
from grantlens.access_review.review import Review, review

__all__ = ["Grants", "Review", "review"]
