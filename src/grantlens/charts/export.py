"""Charts leave as SVG, PNG or JSON, without network and safe to put into a page.

Altair's own HTML export is never used: a name in the data could close its script element.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from typing import TYPE_CHECKING

from grantlens.charts.label import breadth

if TYPE_CHECKING:
    from grantlens.charts.chart import Chart

VEGALITE = "6.4"

BOLD, PLAIN = 9.8, 6.4
"""Pixels that a letter of a title and of a subtitle takes in DejaVu Sans, the widest font that a page falls back on."""

_SIZE = re.compile(r'width="([\d.]+)" height="([\d.]+)"')
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_ID = re.compile(r'\bid="([^"]+)"|url\(#([^)]+)\)|xlink:href="#([^"]+)"|(?<![:\w])href="#([^"]+)"')


def to_svg(chart: Chart) -> str:
    """Return the chart as SVG, with its text alternative, ready to stand inside an HTML page."""
    import vl_convert

    svg = vl_convert.vegalite_to_svg(json.dumps(chart.spec), vl_version=VEGALITE, allowed_base_urls=[])
    mark = hashlib.sha256(spec_json(chart).encode()).hexdigest()[:10]
    svg = _own_ids(_roomy(svg, chart), f"c{mark}")
    head = f'<svg role="img" aria-labelledby="c{mark}-title c{mark}-text" style="max-width:100%;height:auto" '
    words = (
        f'<title id="c{mark}-title">{html.escape(chart.title)}</title>'
        f'<desc id="c{mark}-text">{html.escape(chart.alt)}</desc>'
    )
    opening, rest = svg.split(">", 1)
    return head + opening.removeprefix("<svg ") + ">" + words + rest


def _roomy(svg: str, chart: Chart) -> str:
    """Widen a picture whose words would be cut where a wider font is drawn than the one that was measured."""
    title = chart.spec["title"]
    words = ((title["text"], BOLD), (title.get("subtitle", ()), PLAIN))
    left = chart.spec["config"]["padding"]["left"]
    need = left + max(round(breadth(line) * each) for lines, each in words for line in lines) + 8
    match = _SIZE.search(svg)
    if match is None or need <= float(match[1]):
        return svg
    drawn, height = match.groups()
    # The picture itself, and the paper behind it.
    svg = svg.replace(f'width="{drawn}" height="{height}"', f'width="{need}" height="{height}"', 2)
    return svg.replace(f'viewBox="0 0 {drawn} {height}"', f'viewBox="0 0 {need} {height}"', 1)


def _own_ids(svg: str, prefix: str) -> str:
    """Give ids new names: the converter counts on from chart to chart, and two charts must not share one."""
    given: dict[str, str] = {}

    def rename(match: re.Match[str]) -> str:
        old = next(group for group in match.groups() if group is not None)
        new = given.setdefault(old, f"{prefix}-{len(given)}")
        return match.group(0).replace(f"#{old}", f"#{new}").replace(f'id="{old}"', f'id="{new}"')

    return _ID.sub(rename, svg)


def to_png(chart: Chart, scale: float = 2.0) -> bytes:
    """Return the chart as PNG."""
    import vl_convert

    return vl_convert.vegalite_to_png(json.dumps(chart.spec), vl_version=VEGALITE, scale=scale, allowed_base_urls=[])


def spec_json(chart: Chart) -> str:
    """Return the Vega-Lite specification as JSON: equal charts give equal text, safe inside a script element."""
    text = json.dumps(chart.spec, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return "".join(_UNSAFE.get(sign, sign) for sign in text)
