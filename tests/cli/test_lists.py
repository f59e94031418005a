"""What the organisation brings: catalogue, register, servers."""

import json

import pytest

from grantlens.rules.credential_moved.examples import LOGGED, STOLEN, USUAL
from grantlens.store import Store


@pytest.fixture
def store_path(tmp_path):
    path = tmp_path / "acme.duckdb"
    with Store(path):
        pass
    return path


def count(path, table):
    with Store(path) as store:
        return store.engine.value(f"SELECT count(*) FROM {table}")


def test_a_catalogue_is_built_and_added(run, store_path, samples, tmp_path):
    file = tmp_path / "mail.parquet"
    ran = run("catalogue", "build", "toml", samples / "catalogue.toml", "-o", file)
    assert (ran.code, ran.out) == (0, "")
    assert "operations" in ran.err
    assert run("catalogue", "add", store_path, file).code == 0
    assert count(store_path, "cat_operation") > 10


@pytest.mark.parametrize(
    ("command", "file", "table"), [("register", "register.toml", "register"), ("server", "servers.toml", "server")]
)
def test_a_list_is_added_once(run, store_path, samples, command, file, table):
    for _ in range(2):
        ran = run(command, "add", store_path, samples / file)
        assert (ran.code, ran.out) == (0, "")
        assert str(count(store_path, table)) in ran.err
    assert count(store_path, table) == (samples / file).read_text().count(
        f"[[{'client' if table == 'register' else table}]]"
    )


@pytest.mark.parametrize("command", ["register", "server"])
def test_a_mistake_names_its_line(run, store_path, tmp_path, command):
    file = tmp_path / "list.toml"
    file.write_text('[[server]]\nresource_server = "a"\nvalidation = "sometimes"\n[[client]]\nclient_id = 7\n')
    ran = run(command, "add", store_path, file)
    assert ran.failed_well()
    assert "list.toml line" in ran.err
    assert count(store_path, command) == 0


@pytest.mark.parametrize(
    ("networks", "says", "remedy"),
    [
        ("203.0.113.9/24", "'203.0.113.9/24' in 'networks' is an address inside a network", "Write '203.0.113.0/24'"),
        ("0.0.0.0/0", "'0.0.0.0/0' in 'networks' is so wide that it tells no place", "none wider than /8"),
        ("our office", "'our office' in 'networks' is no network and no address", '"203.0.113.0/24"'),
    ],
)
def test_a_mistake_in_networks_names_its_line_and_nothing_is_kept(run, store_path, tmp_path, networks, says, remedy):
    lines = [
        "[[client]]",
        'client_id = "a"',
        "[[client]]",
        'client_id = "b"',
        f'networks = ["192.0.2.1", "{networks}"]',
    ]
    (tmp_path / "list.toml").write_text("\n".join(lines))
    (tmp_path / "list.csv").write_text(f"client_id,networks\na,\nb,192.0.2.1;{networks}\n")
    for file, line in (("list.toml", 5), ("list.csv", 3)):
        ran = run("register", "add", store_path, tmp_path / file)
        assert ran.failed_well()
        told = " ".join(ran.err.split())
        assert f"{file} line {line}: {says}" in told
        assert remedy in told
    assert count(store_path, "register") == 0


def test_a_second_place_is_told_until_the_register_lists_it(run, store_path, tmp_path):
    log, register = tmp_path / "a.ndjson", tmp_path / "connections.toml"
    log.write_text("".join(json.dumps(record) + "\n" for record in (*LOGGED, *USUAL, *STOLEN)))
    assert run("load", store_path, log).code == 0
    told = {}
    for networks in ([], ["203.0.113.10"], ["203.0.113.0/29", "203.0.113.8/31"], ["198.51.100.0/24"]):
        register.write_text(f'[[client]]\nclient_id = "app"\nnetworks = {json.dumps(networks)}\n')
        assert run("register", "add", store_path, register).code == 0
        found = json.loads(run("detect", store_path, "OOS-10", "--format", "json").out)
        told[tuple(networks)] = [finding["client_id"] for finding in found]
    assert list(told.values()) == [["app"], ["app"], [], ["app"]]


def test_clocks_are_added_and_a_strange_source_is_named(run, store_path, tmp_path):
    log = tmp_path / "a.ndjson"
    log.write_text('{"log":"usage","used_at":"2026-01-01T00:00:00Z","outcome":"success","client_id":"c"}\n')
    assert run("load", store_path, log).code == 0
    file = tmp_path / "clocks.toml"
    file.write_text('[[clock]]\nsource = "nativ"\nerror_seconds = 0.5\n')
    ran = run("clock", "add", store_path, file)
    assert (ran.code, ran.out) == (0, "")
    assert "knows the clocks of 1 source now" in ran.err
    assert "No log of source 'nativ' is in the store; nearest is 'native'." in ran.err
    assert count(store_path, "stated_clock") == 1


def test_a_server_that_no_call_names_is_told_with_the_nearest(run, store_path, tmp_path):
    """It was taken without a word, and REV-1 left each use after a revocation there undecided as before."""
    file = tmp_path / "servers.toml"
    file.write_text(
        "".join(f'[[server]]\nresource_server = "{name}"\n' for name in ("https://mail.example", "mail.example", "x1"))
    )
    assert "No call" not in run("server", "add", store_path, file).err, "without logs nothing is strange"
    log = tmp_path / "a.ndjson"
    log.write_text(
        '{"log":"usage","used_at":"2026-01-01T00:00:00Z","outcome":"success","client_id":"c","resource_server":"mail.example"}\n'
    )
    assert run("load", store_path, log).code == 0
    ran = run("server", "add", store_path, file)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.splitlines()[1:] == [
        "No call in the logs is at 'https://mail.example'; nearest is 'mail.example'. It is compared as the logs write it.",
        "No call in the logs is at 'x1'. It is compared as the logs write it.",
    ]
    file.write_text("".join(f'[[server]]\nresource_server = "x{number}"\n' for number in range(7)))
    assert run("server", "add", store_path, file).err.endswith("The same is true of 2 more servers.\n")


@pytest.mark.parametrize("words", [("register", "add"), ("server", "add"), ("catalogue", "add")])
def test_a_name_mistyped_gets_the_right_one(run, store_path, tmp_path, words):
    (tmp_path / "connections.toml").write_text("")
    ran = run(*words, store_path, tmp_path / "conections.toml")
    assert ran.failed_well()
    assert "Did you mean" in ran.err


def test_a_source_nobody_knows(run, tmp_path):
    (tmp_path / "api.yaml").write_text("openapi: 3.0.0\n")
    ran = run("catalogue", "build", "opnapi", tmp_path / "api.yaml", "-o", tmp_path / "out.parquet")
    assert ran.failed_well()
    assert "openapi" in ran.err
    assert not (tmp_path / "out.parquet").exists()


def test_one_is_not_spoken_of_as_many(run, store_path, tmp_path):
    one = {"register": 'client]]\nclient_id = "c"', "server": 'server]]\nresource_server = "s"'}
    for words, text in one.items():
        (tmp_path / f"{words}.toml").write_text(f"[[{text}\n")
        told = run(words, "add", store_path, tmp_path / f"{words}.toml").err
        assert told.endswith({"register": "has 1 entry now.\n", "server": "knows 1 server now.\n"}[words])


def test_a_note_on_a_catalogue_names_the_options_of_the_command(run, tmp_path):
    scheme = {"type": "oauth2", "flows": {"implicit": {"authorizationUrl": "https://a.example", "scopes": {}}}}
    operation = {"security": [{"o": ["mail.read", "mail.write"]}], "responses": {}}
    (tmp_path / "api.json").write_text(
        json.dumps(
            {
                "openapi": "3.0.0",
                "info": {"title": "Mail", "version": "1"},
                "paths": {"/mail": {"get": operation}},
                "components": {"securitySchemes": {"o": scheme}},
            }
        )
    )
    ran = run("catalogue", "build", "openapi", tmp_path / "api.json", "-o", tmp_path / "api.parquet")
    assert ran.code == 0, ran
    assert "1 operation lists several scopes" in ran.err
    assert "build again with --list-rule all or --list-rule any." in ran.err
    assert "Give --server to bind them to one." in ran.err
    ran = run(
        "catalogue", "build", "openapi", tmp_path / "api.json", "-o", tmp_path / "api.parquet", "--list-rule", "any",
        "--server", "mail.example",
    )  # fmt: skip
    assert "Note" not in ran.err
