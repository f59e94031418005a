"""Servers: what is read and what a mistake says."""

import pytest

from grantlens.engine.duckdb import Engine
from grantlens.errors import RegisterError
from grantlens.register.server import Servers
from grantlens.schema.migrations import prepare

TOML = """
[[server]]
resource_server = "api.mail.example"
validation = "cached"
cache_seconds = 300
bound_seconds = 300.5
scopes_supported = ["mail.read", "mail.send"]
accepts = ["okta", "keycloak/acme"]

[[server]]
resource_server = "api.files.example"
leeway_seconds = 0
"""

CSV = """resource_server,validation,cache_seconds,bound_seconds,leeway_seconds,scopes_supported,accepts
api.mail.example,cached,300,300.5,,mail.read; mail.send,okta; keycloak/acme
api.files.example,,,,0,,
"""


@pytest.fixture
def read(tmp_path):
    def from_text(text, name="servers.toml"):
        path = tmp_path / name
        path.write_text(text)
        return Servers.read(path)

    return from_text


def test_toml_and_csv_say_the_same(read):
    servers = read(TOML)
    assert servers.servers == read(CSV, "s.csv").servers
    assert servers.servers == read(CSV.replace("mail.read; mail.send", "mail.read mail.send"), "s.csv").servers
    assert servers.servers[0] == {
        "resource_server": "api.mail.example",
        "validation": "cached",
        "cache_seconds": 300.0,
        "bound_seconds": 300.5,
        "leeway_seconds": 60.0,
        "scopes_supported": ["mail.read", "mail.send"],
        "accepts": ["okta", "keycloak/acme"],
    }
    assert servers.servers[1]["scopes_supported"] is None
    assert servers.servers[1]["leeway_seconds"] == 0.0
    assert "api.files.example" in servers._repr_html_()


def test_into_a_store_and_again(read):
    engine = Engine(":memory:")
    prepare(engine, read_only=False)
    read(TOML).write_to(engine)
    assert engine.rows("SELECT scopes_supported FROM server ORDER BY resource_server") == [
        (None,),
        (["mail.read", "mail.send"],),
    ]
    read('[[server]]\nresource_server = "api.mail.example"\nvalidation = "offline"\n').write_to(engine)
    assert engine.rows("SELECT resource_server, validation::VARCHAR, leeway_seconds FROM server ORDER BY 1") == [
        ("api.files.example", None, 0.0),
        ("api.mail.example", "offline", 60.0),
    ]
    engine.close()


S = "[[server]]\nresource_server = 'a'\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (S + "validation = 'cache'\n", 3, "Did you mean 'cached'"),
        (S + "cache_second = 3\n", 3, "Did you mean 'cache_seconds'"),
        (S + "cache_seconds = -1\n", 3, "number of seconds"),
        (S + "cache_seconds = true\n", 3, "number of seconds"),
        (S + "cache_seconds = 'five'\n", 3, "number of seconds"),
        (S + "cache_seconds = inf\n", 3, "number of seconds"),
        (S + "\n" + S, 5, "second time"),
        ("[[server]]\n", 1, "needs 'resource_server'"),
    ],
)
def test_a_mistake_names_its_line(read, text, line, says):
    with pytest.raises(RegisterError) as caught:
        read(text)
    assert says in str(caught.value)
    assert f"servers.toml line {line}: " in str(caught.value)
