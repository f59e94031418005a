"""A finished chart: a specification with its sentence, shown as a picture wherever it lands."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grantlens.charts.label import wrap
from grantlens.charts.theme import CONFIG
from grantlens.errors import GrantlensError
from grantlens.given_path import given_path

if TYPE_CHECKING:
    import altair as alt

WIDTH = 720
"""Width of the drawing area in pixels; it fits a page of A4 in print."""

_interactive = False


def offline(only: bool = True) -> None:
    """Choose what notebooks get: a still picture (the default), or also an interactive chart.

    Neither needs the network. The interactive one uses the Vega that JupyterLab brings; other viewers, exported
    notebooks among them, fall back to the picture.

    Parameters
    ----------
    only
        True for pictures only.

    Examples
    --------
    >>> import grantlens as gl
    >>> gl.offline(False)  # charts that can be moved, where the notebook can show them
    >>> gl.offline()
    """
    global _interactive
    _interactive = not only


@dataclass(frozen=True)
class Chart:
    """One chart.

    Parameters
    ----------
    title
        What the data says, in words.
    subtitle
        How to read it, and what it cannot show.
    alt
        The text alternative: what a reader who cannot see the chart needs to know.
    spec
        The Vega-Lite specification with its data.
    """

    title: str
    subtitle: str
    alt: str
    spec: dict[str, Any] = field(repr=False)

    def svg(self) -> str:
        """Return the chart as SVG."""
        from grantlens.charts.export import to_svg

        return to_svg(self)

    def png(self, scale: float = 2.0) -> bytes:
        """Return the chart as PNG."""
        from grantlens.charts.export import to_png

        return to_png(self, scale)

    def html(self) -> str:
        """Return the chart as an HTML page that needs no network; names and numbers show under the pointer."""
        from grantlens.charts.page import to_page

        return to_page(self)

    def json(self) -> str:
        """Return the specification as JSON."""
        from grantlens.charts.export import spec_json

        return spec_json(self)

    def altair(self) -> alt.Chart:  # type: ignore[name-defined]
        """Return an Altair chart to build on."""
        import altair as alt

        return alt.Chart.from_dict(self.spec)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the chart as .svg, .png, .html or .json, as the name says."""
        target = Path(given_path(path, 'Name the file: chart.save("chart.svg").'))
        forms: dict[str, Callable[[], str | bytes]] = {
            ".svg": self.svg,
            ".png": self.png,
            ".html": self.html,
            ".json": self.json,
        }
        form = forms.get(target.suffix.lower())
        if form is None:
            raise GrantlensError(
                f"A chart cannot be written as {target.suffix or 'a file without an ending'}.",
                "Choose a name that ends in .svg, .png, .html or .json.",
            )
        drawn = form()
        try:
            target.write_bytes(drawn.encode() if isinstance(drawn, str) else drawn)
        except OSError as error:
            raise GrantlensError(
                f"{target} cannot be written: {error.strerror or error}.", "Name a file in a folder you may write to."
            ) from None
        return target

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        png = self.png()
        # JupyterLab shows SVG only in notebooks it trusts; one that a colleague sent gets the PNG.
        bundle: dict[str, Any] = {
            "image/svg+xml": self.svg(),
            "image/png": base64.b64encode(png).decode(),
            "text/plain": self.alt,
        }
        if _interactive:
            # JupyterLab registers Vega-Lite up to version 5; these charts use nothing newer.
            bundle["application/vnd.vegalite.v5+json"] = self.spec | {
                "$schema": "https://vega.github.io/schema/vega-lite/v5.json"
            }
        # Bytes 16 to 20 of a PNG hold its width; it was drawn twice as large, for sharp screens.
        return bundle, {"image/png": {"width": int.from_bytes(png[16:20], "big") // 2, "alt": self.alt}}


def finish(drawing: alt.TopLevelMixin, *, title: str, subtitle: str, alt_text: str, width: float = WIDTH) -> Chart:
    """Give a drawing its words and the common look.

    Parameters
    ----------
    drawing
        An Altair chart whose data are inline values.
    title, subtitle
        Broken into lines here.
    alt_text
        What comes after the title in the text alternative.
    width
        Pixels the words may take.
    """
    import altair as alt

    with alt.data_transformers.enable("default", consolidate_datasets=False, max_rows=None):
        spec = drawing.to_dict()
    spec["title"] = {"text": wrap(title, int(width / 8.2))}
    if subtitle:
        spec["title"]["subtitle"] = wrap(subtitle, int(width / 6.1))
    spec["config"] = dict(CONFIG)
    words = " ".join(part for part in (title.rstrip(".") + ".", subtitle, alt_text) if part)
    spec["description"] = words
    return Chart(title=title, subtitle=subtitle, alt=words, spec=spec)


def blank(title: str, subtitle: str = "") -> Chart:
    """Return the chart that says that there is nothing to show."""
    import altair as alt

    drawing = (
        alt.Chart(alt.Data(values=[{"text": ""}]), width=WIDTH, height=8)
        .mark_text(fontSize=13, color="#52606D", align="left")
        .encode(text="text:N", x=alt.value(0))
    )
    return finish(drawing, title=title, subtitle=subtitle, alt_text="")
