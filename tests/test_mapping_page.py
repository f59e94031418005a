"""docs/mapping.md teaches what the code does: its logs are loaded by its mappings, and what it shows is what comes out."""

import re

import pytest

from grantlens.cli import main
from grantlens.errors import LoadError
from grantlens.loaders.mapped import SHIPPED, mapping
from grantlens.loaders.mapped.column import COLUMNS
from grantlens.store import Store


@pytest.fixture
def page(root, tmp_path, monkeypatch):
    """Return the blocks of the page by their label, and lay its files into the working folder."""
    monkeypatch.chdir(tmp_path)
    text = (root / "docs" / "mapping.md").read_text()
    blocks = {}
    for _, label, block in re.findall(r"```(\w+) ?([\w.=]*)\n(.*?)```", text, re.DOTALL):
        kind, _, name = label.partition("=")
        if name and kind in ("log", "mapping"):
            (tmp_path / name).write_text(block)
        blocks[label] = block
    return blocks


def squeezed(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def test_what_explain_prints_can_be_kept_as_a_mapping(page, capsys, tmp_path):
    assert main(["load", "--explain", "gateway.log"]) == 0
    (tmp_path / "begun.toml").write_text(capsys.readouterr().out)
    with Store(":memory:") as store:
        (batch,) = store.load("gateway.log", loader=mapping(tmp_path / "begun.toml"))
        counts = [batch[each] for each in ("records", "usage", "revocation", "rejected")]
        assert counts == [6, 4, 1, 1], "no table takes the health check"


def test_the_example_does_what_the_page_says(page):
    with Store(":memory:") as store:
        (batch,) = store.load("gateway.log", loader=mapping("gateway.toml"))
        assert {name: batch[name] for name in ("records", "usage", "revocation", "ignored", "rejected")} == {
            "records": 6, "usage": 4, "revocation": 1, "ignored": 1, "rejected": 0,
        }  # fmt: skip
        calls = store.engine.rows("SELECT operation, outcome::VARCHAR, subject_id FROM usage ORDER BY used_at")
        jo = "jo@acme.example"
        assert calls == [
            ("send_message", "success", jo), ("delete_message", "denied", jo), ("send_message", "error", jo), (None, "success", None),
        ]  # fmt: skip
        assert store.engine.rows("SELECT client_id, initiator::VARCHAR FROM revocation") == [("mail-copilot", "admin")]
        assert store.engine.rows("SELECT reason, records FROM ignored") == [("health check", 1)]


def test_the_explanation_is_the_one_shown(page, capsys):
    assert main(["load", "--explain", "gateway.log", "--mapping", "gateway.toml"]) == 0
    out = squeezed(capsys.readouterr().out)
    shown = squeezed(page["explain"])
    first = out.index("line 1:")
    assert out[first : first + len(shown) - 1] == shown[:-1]
    assert shown[-1] in out


def test_the_mistake_is_the_one_shown(page, tmp_path):
    (tmp_path / "mistake.toml").write_text(page["mistake"])
    with pytest.raises(LoadError) as error:
        mapping("mistake.toml")
    assert f"{error.value.message} {error.value.remedy}" == "mistake.toml " + page["message"].strip()


def test_an_access_log(page):
    with Store(":memory:") as store:
        store.load("access.log", loader=mapping("access.toml"))
        found = store.sql(
            "SELECT subject_id, method, target, status, outcome, client_id, token_id FROM usage"
        ).to_pylist()
    assert [list(row.values()) for row in found] == [["jo", "POST", "/mcp/mail", 200, "success", "mail-copilot", "k7"]]


def test_records_in_lists(page):
    with Store(":memory:") as store:
        (batch,) = store.load("batches.json", loader=mapping("batches.toml"))
        assert (batch["records"], batch["usage"], batch["rejected"]) == (2, 2, 0)
        found = store.engine.rows(
            "SELECT event_id, client_id, operation, token_scopes, outcome::VARCHAR FROM usage ORDER BY event_id"
        )
        assert found == [
            ("b1-1", "mail-copilot", "send", ["mail.read", "mail.send"], "success"),
            ("b1-2", "mail-copilot", None, None, "error"),
        ]


def test_a_shipped_mapping_can_be_copied_and_widened(page, tmp_path):
    text = (SHIPPED / "envoy_ai_gateway.toml").read_text().replace('name = "envoy_ai_gateway"', 'name = "my_envoy"')
    (tmp_path / "my.toml").write_text(text.replace("[usage]\n", "[usage]\n" + page["added=envoy_ai_gateway"]))
    assert "x-token-jti" in mapping("my.toml").fields


def test_the_page_names_the_keys_and_required_columns(root):
    from grantlens.loaders.mapped import column, reading

    text = (root / "docs" / "mapping.md").read_text()
    named = set(re.findall(r"`\[?\[?(\w+)\]?\]?`", text))
    assert set(reading._TOP) <= named | {"recognise"}
    assert set(column._KEYS) <= named
    required = {each.name for columns in COLUMNS.values() for each in columns.values() if each.required}
    assert required <= named


def test_the_page_names_each_mapping_that_comes_with_grantlens(root):
    text = (root / "docs" / "mapping.md").read_text()
    (named,) = re.findall(r"are read without `--mapping`: (.*?)\. They", text, re.DOTALL)
    assert re.findall(r"`(\w+)`", named) == sorted(path.stem for path in SHIPPED.glob("*.toml"))
