import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from hashlib import sha256
from pathlib import Path

import pytest

from grantlens.charts.export import spec_json, to_png, to_svg
from grantlens.charts.scope_actions import scope_actions
from grantlens.charts.tally import tally

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


def test_hostile_names_stay_text_in_svg(hostile):
    for chart in hostile:
        root = ElementTree.fromstring(to_svg(chart))
        assert {each.tag.removeprefix(SVG) for each in root.iter()} <= {
            *("svg", "g", "path", "rect", "text", "tspan", "line", "defs", "clipPath", "title", "desc"),
        }
        assert not [name for each in root.iter() for name in each.attrib if name.lower().startswith("on")]


def test_hostile_names_stay_text_in_json(hostile):
    for chart in hostile:
        text = spec_json(chart)
        assert not re.search("[<>&\u2028\u2029]", text)
        assert json.loads(text) == chart.spec
        text.encode("utf-8")


def test_nothing_hides_in_labels(hostile):
    for chart in hostile:
        assert not re.search("[\x00-\x1f\u202a-\u202e\u2066-\u2069\u2028\u2029]", to_svg(chart))


def test_empty_charts_say_so(empty):
    for chart in empty:
        assert re.match("No |Nothing ", chart.title)
        assert chart.title.split()[-1] in to_svg(chart)
        assert to_png(chart).startswith(b"\x89PNG")


def test_words_are_not_cut_where_the_first_font_is_missing(hostile, chromium, tmp_path):
    """Text is measured in Liberation Sans; a browser on Linux without it draws DejaVu Sans, a sixth wider."""
    undecided = [{"client_id": name, "operation": None, "verdict": "indeterminate"} for name in "ab"]
    purpose = [{"client_id": name, "operation": f"GET /{name}"} for name in "abcd"]
    chinese = [{"client_id": "邮件助理" * 20, "operation": name} for name in ("读取" * 60, "x")]
    narrow = [
        scope_actions(undecided),
        scope_actions(purpose, what="the registered purpose does not name"),
        scope_actions(chinese),
    ]
    pictures = [to_svg(chart).replace("Liberation Sans", "DejaVu Sans") for chart in (*hostile, *narrow)]
    page = tmp_path / "page.html"
    measure = """
      const cut = [];
      for (const svg of document.querySelectorAll("svg")) {
        const edge = svg.getBoundingClientRect();
        for (const text of svg.querySelectorAll("text")) {
          const box = text.getBoundingClientRect();
          if (box.left < edge.left - 1 || box.right > edge.right + 1) cut.push(text.textContent);
        }
      }
      document.body.textContent = `cut ${JSON.stringify(cut)} end`;"""
    page.write_text(f'<meta charset="utf-8">{"".join(pictures)}<script>{measure}</script>', encoding="utf-8")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1600,900", "--dump-dom"]
    run = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, check=True, timeout=120)
    assert "cut [] end" in run.stdout, re.search("cut .* end", run.stdout)


def test_svg_carries_its_text_alternative():
    chart = tally([{"client_id": "a & b"}], by="client_id")
    root = ElementTree.fromstring(to_svg(chart))
    title, text = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert root.get("role") == "img"
    assert root.get("aria-labelledby").split() == [title.get("id"), text.get("id")]
    assert (title.text, text.text) == (chart.title, chart.alt)


def test_ids_differ_between_charts_and_stay_the_same_between_runs():
    first, second = (scope_actions([{"client_id": name, "operation": "GET /x"}]) for name in "ab")
    one, other = to_svg(first), to_svg(second)
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (one, other)]
    assert ids[0]
    assert not ids[0] & ids[1]
    used = set(re.findall(r"url\(#([^)]+)\)", one))
    assert used <= ids[0]
    # The converter counts its ids on; ours must not depend on what was drawn before.
    assert to_svg(first) == one


def test_equal_inputs_in_another_process_give_equal_bytes(hostile):
    code = (
        "from hashlib import sha256; from tests.charts.conftest import hostile_charts; "
        "from grantlens.charts.export import spec_json, to_svg; "
        "print([sha256((spec_json(c) + to_svg(c)).encode()).hexdigest() for c in hostile_charts()])"
    )
    environment = {"PYTHONHASHSEED": "1"}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=ROOT)
    assert run.stdout.strip() == str([sha256((spec_json(c) + to_svg(c)).encode()).hexdigest() for c in hostile])


def test_a_chart_never_asks_the_network(hostile):
    for chart in hostile:
        assert '"url"' not in spec_json(chart)
        assert not re.search(r'(href|src)="', to_svg(chart))


def test_png_scales():
    chart = tally([{"client_id": "a"}], by="client_id")
    widths = [int.from_bytes(to_png(chart, scale)[16:20], "big") for scale in (1, 2)]
    assert widths[1] == pytest.approx(2 * widths[0], abs=2)
