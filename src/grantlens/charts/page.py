"""A chart as one HTML page that needs no network: the picture, and where scripts may run, what stands behind each mark.

A name in the data could end the script element of Altair's own page. Here the data are text that holds no `<`, and the page lets
no script run but the one whose hash it names.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from functools import cache
from typing import TYPE_CHECKING

from grantlens.charts.export import VEGALITE, spec_json, to_svg

if TYPE_CHECKING:
    from grantlens.charts.chart import Chart

# With `ast` expressions are interpreted: Vega would else make functions of text, which the page forbids.
_DRAW = """
const drawn = document.createElement("div");
const spec = JSON.parse(document.getElementById("spec").textContent);
vegaEmbed(drawn, spec, {ast: true, actions: false, renderer: "svg"}).then(
  () => document.querySelector("figure").replaceChildren(drawn),
  (error) => console.error(error),
);
"""


def to_page(chart: Chart) -> str:
    """Return the chart as an HTML page; a viewer that runs no script shows the picture."""
    script, its_hash = _script()
    policy = f"default-src 'none'; base-uri 'none'; script-src 'sha256-{its_hash}'; style-src 'unsafe-inline'"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{html.escape(chart.title)}</title>
<style>body {{ margin: 0; background: #fff }} figure {{ margin: 0 }}</style>
</head>
<body>
<figure>{to_svg(chart)}</figure>
<script type="application/json" id="spec">{spec_json(chart)}</script>
<script>{script}</script>
</body>
</html>
"""


@cache
def _script() -> tuple[str, str]:
    """Return the script that draws, Vega within, and its hash; to put it together takes seconds."""
    import vl_convert

    script = vl_convert.javascript_bundle(_DRAW, vl_version=VEGALITE)
    script = re.sub("</(?=script)", r"<\\/", script, flags=re.IGNORECASE)
    return script, base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
