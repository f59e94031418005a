import base64
import json
import re

import pytest

from grantlens.charts.chart import Chart, offline
from grantlens.charts.tally import tally
from grantlens.errors import GrantlensError


@pytest.fixture
def chart():
    return tally([{"client_id": "a", "events": 3}, {"client_id": "b", "events": 1}], by="client_id")


def test_a_notebook_gets_a_picture_and_words(chart):
    bundle, metadata = chart._repr_mimebundle_()
    assert set(bundle) == {"image/svg+xml", "image/png", "text/plain"}
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    width = float(re.search(r'<svg [^>]*width="([\d.]+)"', bundle["image/svg+xml"]).group(1))
    assert abs(metadata["image/png"]["width"] - width) <= 1
    assert bundle["image/svg+xml"].startswith("<svg ")
    assert bundle["text/plain"] == metadata["image/png"]["alt"] == chart.alt


def test_interactive_on_request_keeps_the_picture(chart):
    offline(False)
    try:
        bundle, _metadata = chart._repr_mimebundle_()
    finally:
        offline()
    interactive = bundle["application/vnd.vegalite.v5+json"]
    assert "v5" in interactive["$schema"]
    assert "image/svg+xml" in bundle
    assert "v6" in chart.spec["$schema"]
    assert "application/vnd.vegalite.v5+json" not in chart._repr_mimebundle_()[0]


@pytest.mark.parametrize(
    ("ending", "start"), [("svg", b"<svg"), ("PNG", b"\x89PNG"), ("html", b"<!DOCTYPE html>"), ("json", b"{")]
)
def test_save_by_ending(chart, tmp_path, ending, start):
    path = chart.save(tmp_path / f"chart.{ending}")
    assert path.read_bytes().startswith(start)


def test_a_folder_that_is_not_there_is_named(chart, tmp_path):
    with pytest.raises(GrantlensError, match=r"charts/lag\.svg cannot be written: No such file or directory"):
        chart.save(tmp_path / "charts" / "lag.svg")


@pytest.mark.parametrize("name", ["chart.pdf", "chart"])
def test_unknown_endings_are_refused(chart, tmp_path, name):
    with pytest.raises(GrantlensError, match=r"\.svg, \.png, \.html or \.json"):
        chart.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_spec_is_vega_lite_that_altair_takes_back(chart):
    again = chart.altair().to_dict()
    assert json.dumps(again["layer"], sort_keys=True) == json.dumps(chart.spec["layer"], sort_keys=True)


def test_a_chart_is_frozen(chart):
    assert isinstance(chart, Chart)
    with pytest.raises(AttributeError):
        chart.title = "other"
