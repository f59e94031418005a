"""A chart as a picture inside the page: SVG in a data address, where no script of it can run."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from functools import cached_property

_SIZE = re.compile(r'<svg\b[^>]*?\bwidth="([\d.]+)"[^>]*?\bheight="([\d.]+)"', re.DOTALL)


@dataclass(frozen=True)
class Figure:
    """One picture with its caption, and the text that says the same to those who cannot see it."""

    svg: str
    alt: str
    caption: str

    @cached_property
    def uri(self) -> str:
        """The picture as an address that needs no network."""
        from markupsafe import Markup

        # Only base64 letters: marked as such, so that it is not cut like a name that never ends.
        return Markup("data:image/svg+xml;base64," + base64.b64encode(self.svg.encode()).decode())

    @property
    def width(self) -> int:
        """Width in pixels, as drawn."""
        return round(float(self._size[0]))

    @property
    def height(self) -> int:
        """Height in pixels, as drawn."""
        return round(float(self._size[1]))

    @cached_property
    def _size(self) -> tuple[str, str]:
        match = _SIZE.search(self.svg)
        return (match[1], match[2]) if match else ("600", "300")
