"""The loader and the rule that CONTRIBUTING shows are complete, and do what it says."""

import json
import re
import tomllib
import types

import pytest

from grantlens import detect, rules
from grantlens.register.register import Register
from grantlens.schema.register import REGISTER


@pytest.fixture(scope="module")
def shown(root) -> dict[str, types.SimpleNamespace]:
    """Return the modules that the page shows, by what they declare."""
    found = {}
    for block in re.findall(r"```python\n(.*?)```", (root / "CONTRIBUTING.md").read_text(), re.DOTALL):
        names: dict[str, object] = {}
        exec(compile(block, "CONTRIBUTING.md", "exec"), names)
        found.update({name: names[name] for name in ("LOADER", "RULE") if name in names})
    return found


def test_the_order_of_the_rooms_is_the_one_that_is_checked(root):
    settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in settings if contract["type"] == "layers"]
    (told,) = re.findall(r"`(__main__ > [^`]*)`", (root / "CONTRIBUTING.md").read_text())
    assert " ".join(told.split()) == " > ".join(layers)


def test_the_loader_loads(shown, store, tmp_path):
    records = [
        {"acme_event": "call.read", "id": "1", "time": "2026-07-01T09:00:00Z", "app": "a", "status": "200"},
        {"acme_event": "call.write", "id": "2", "time": "2026-07-01T09:00:01Z", "app": "a", "status": "403"},
        {"acme_event": "call.read", "id": "3", "time": "the day after", "app": "a", "status": "200"},
        {"acme_event": "page.view", "id": "4", "time": "2026-07-01T09:00:02Z"},
        {"acme_event": "something.else", "id": "5", "time": "2026-07-01T09:00:03Z"},
    ]
    assert shown["LOADER"].recognise(records)
    log = tmp_path / "acme.ndjson"
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    report = store.load(log, loader=shown["LOADER"])
    assert report.failed == []
    (batch,) = report
    assert {name: batch[name] for name in ("records", "usage", "ignored", "rejected")} == {
        "records": 5,
        "usage": 2,
        "ignored": 1,
        "rejected": 2,
    }
    assert store.engine.rows("SELECT outcome::VARCHAR, operation, client_id FROM usage ORDER BY used_at") == [
        ("success", "call.read", "a"),
        ("denied", "call.write", "a"),
    ]


def test_a_loader_is_as_long_as_it_says(root):
    said = re.findall(r"about (\d+) lines", (root / "CONTRIBUTING.md").read_text())
    files = ("src/grantlens/loaders/tailscale.py", "tests/loaders/test_tailscale.py")
    lines = [len((root / file).read_text().splitlines()) for file in files]
    assert [round(count, -1) for count in lines] == [int(count) for count in said]


@pytest.mark.parametrize("kind", ["fires", "silent"])
def test_the_rule_fires_and_stays_silent(shown, store, tmp_path, monkeypatch, kind):
    rule = shown["RULE"]
    (example,) = getattr(rule, kind)
    for module in (rules, detect):
        monkeypatch.setattr(module, "registry", lambda: {rule.id: rule})
    log = tmp_path / "log.ndjson"
    log.write_text("".join(json.dumps(record) + "\n" for record in example.records))
    store.load(log)
    store.add(Register(tuple(dict.fromkeys(REGISTER.names) | dict(row) for row in example.register)))
    found = detect.run(store, [rule.id])[0].to_dicts()
    assert len(found) == len(example.expect)
    for finding, expected in zip(found, example.expect, strict=True):
        assert {name: finding[name] for name in expected} == dict(expected)
        assert finding["evidence"]
