"""The page of a chart, opened in a browser: drawn without network, and what strangers wrote stays text."""

import re
import subprocess
from html.parser import HTMLParser

import pytest

from grantlens.charts.export import to_svg
from grantlens.charts.page import to_page
from grantlens.charts.tally import tally


class Elements(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.names, self.attributes, self.scripts, self._in_script = [], [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.attributes += attrs
        if tag == "script":
            self.scripts.append("")
        self._in_script = tag == "script"

    def handle_endtag(self, tag):
        self._in_script = False

    def handle_data(self, data):
        if self._in_script:
            self.scripts[-1] += data


@pytest.fixture(scope="module")
def browse(chromium, tmp_path_factory):
    def browse(page):
        file = tmp_path_factory.mktemp("pages") / "chart.html"
        file.write_text(page, encoding="utf-8")
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
        command += ["--virtual-time-budget=5000", "--dump-dom", file.as_uri()]
        run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        return run.stdout, [line for line in run.stderr.splitlines() if "CONSOLE" in line and '"WARN ' not in line]

    return browse


def test_hostile_names_stay_text(hostile):
    for chart in hostile:
        elements = Elements(to_page(chart))
        assert elements.names.count("script") == 2
        assert set(elements.names) <= {
            *("html", "head", "meta", "title", "style", "body", "figure", "script"),
            *("svg", "g", "path", "rect", "text", "tspan", "line", "defs", "clippath", "title", "desc"),
        }
        assert not [name for name, _ in elements.attributes if name.startswith("on") or name in ("src", "href")]


def test_the_page_draws_itself_and_allows_nothing_else(hostile, browse):
    for chart in hostile[:1] + hostile[-2:]:
        dom, complaints = browse(to_page(chart))
        assert not complaints
        assert 'class="marks"' in dom, "Vega draws it anew"
        assert Elements(dom).names.count("script") == 2
        assert Elements(dom).names.count("img") == 0


def test_a_script_that_somebody_adds_does_not_run(browse):
    page = to_page(tally([{"client_id": "a"}], by="client_id"))
    take = "document.title = 'taken'"
    dom, complaints = browse(page.replace("<figure>", f'<script>{take}</script><img src=x onerror="{take}"><figure>'))
    assert "<title>taken" not in dom
    assert len([line for line in complaints if "Content Security Policy" in line]) >= 2


def test_without_scripts_the_picture_is_there():
    chart = tally([{"client_id": "a & b"}], by="client_id")
    page = to_page(chart)
    assert f"<figure>{to_svg(chart)}</figure>" in page
    assert "<title>" + chart.title.replace("&", "&amp;") in page
    assert "default-src 'none'" in page
    script = Elements(page).scripts[1]
    assert not re.search(r"</script|<!--", script, re.IGNORECASE)
