"""Raw tokens are never stored, and secrets never shown."""

import json
import random

import pyarrow as pa
import pytest

from grantlens import secrecy
from grantlens.secrecy import EXCERPT, keyed_hash, masked, nothing_to_mask
from grantlens.store import Store
from tests.ingest.oracle import issuance, ndjson, revocation, usage

TOKENS = [
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtYWlsLWNvcGlsb3QifQ.c2lnbmF0dXJl",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz",
    "ya29.a0AfH6SMBxxxxxxxxxxxxxxxx",
    "xoxb-123456789012-abcdefghijkl",
    "sk-proj-abcdefghijklmnopqrstuvwx",
    "IQoJb3JpZ2luX2VjE" + "A" * 300,
    "hvs." + "CAESIJ0abcdefghijklmnopqrstuvwxyz",
    "npm_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3gH6",
    "hf_" + "abcdefghijklmnopqrstuvwxyzABCDEFGH",
    "AIza" + "SyA-1234567890abcdefghijklmnopqrstu",
    "sk_live_" + "abcdefghijklmnop01234567",
    "rk_test_" + "abcdefghijklmnop01234567",
    "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEowIBAAKCAQEA7\nabc/def+ghi==\n-----END RSA PRIVATE KEY-----",
]
IDS = [
    "risk-assessment-of-the-whole-department",
    "desk-booking-service-account-7",
    "sk-short",
    "hf_model",
    "shf_abcdefghijklmnopqrstuvwxyzabcdefgh",
    "npm_config_registry",
    "AIzawl",
    "bearer-of-the-ring",
    "Bearer of news",
    "v1//projects-and-folders-of-acme",
    "-----BEGIN PUBLIC KEY-----",
    "7bf11436-cdf3-d4fa-090e-48d825ea44f7",
    "AT.0mJAgkGvwl6f5Cs",
    "sha256:ab12",
    "t1",
]


@pytest.mark.parametrize("token", TOKENS)
def test_a_raw_token_is_stored_as_keyed_hash_everywhere(tmp_path, token):
    path = ndjson(
        tmp_path / "a.ndjson",
        [usage(1, token_id=token), issuance(1, token_id=token, parent_token_id=token), revocation(1, token_id=token)],
    )
    file = tmp_path / "s.duckdb"
    with Store(file) as store:
        assert store.load(path).total("rejected") == 0
        key = store.engine.value("SELECT value FROM meta WHERE name = 'token_key'")
        expected = keyed_hash(token, key)
        for log in ("usage", "issuance", "revocation"):
            assert store.engine.value(f"SELECT token_id FROM {log}") == expected
        assert store.engine.value("SELECT parent_token_id FROM issuance") == expected
    assert token.encode() not in file.read_bytes()


@pytest.mark.parametrize("around", ["Bearer {}", "bearer  {}", " {}", "{} ", "token {}\n", "\tDPoP {}"])
def test_a_token_is_the_same_with_what_stands_around_it_in_a_header(tmp_path, around):
    records = [record(1, token_id=around.format(TOKENS[1])) for record in (usage, issuance, revocation)]
    with Store(":memory:") as store:
        store.load(ndjson(tmp_path / "a.ndjson", records))
        expected = keyed_hash(TOKENS[1], store.engine.value("SELECT value FROM meta WHERE name = 'token_key'"))
        for log in ("usage", "issuance", "revocation"):
            assert store.engine.value(f"SELECT token_id FROM {log}") == expected


TEXTS = {
    "usage": (usage, ("user_agent", "target", "operation")),
    "issuance": (issuance, ("user_agent",)),
    "revocation": (revocation, ("reason",)),
}


@pytest.mark.parametrize("token", TOKENS)
def test_a_raw_token_in_a_text_is_masked(tmp_path, token):
    records = [make(1, **dict.fromkeys(names, f"x {token}")) for make, names in TEXTS.values()]
    records += [make(2, **dict.fromkeys(names, "x")) for make, names in TEXTS.values()]
    file = tmp_path / "s.duckdb"
    with Store(file) as store:
        assert store.load(ndjson(tmp_path / "a.ndjson", records)).total("rejected") == 0
        for log, (_, names) in TEXTS.items():
            for name in names:
                assert store.engine.rows(f"SELECT {name} FROM {log} ORDER BY event_id") == [("x ***",), ("x",)]
    assert token.encode() not in file.read_bytes()


@pytest.mark.parametrize("text", IDS)
def test_an_ordinary_text_stays_as_it_is(tmp_path, text):
    records = [make(1, **dict.fromkeys(names, text)) for make, names in TEXTS.values()]
    with Store(":memory:") as store:
        store.load(ndjson(tmp_path / "a.ndjson", records))
        for log, (_, names) in TEXTS.items():
            assert store.engine.rows(f"SELECT {', '.join(names)} FROM {log}") == [(text,) * len(names)]


@pytest.mark.parametrize("token", IDS)
def test_an_id_stays_as_it_is(tmp_path, token):
    path = ndjson(tmp_path / "a.ndjson", [usage(1, token_id=token)])
    with Store(":memory:") as store:
        store.load(path)
        assert store.engine.value("SELECT token_id FROM usage") == token


def test_the_same_raw_token_is_one_caller_also_across_files(tmp_path):
    ndjson(
        tmp_path / "a.ndjson",
        [usage(1, token_id=TOKENS[0], client_id="c"), usage(4, token_id=TOKENS[0], client_id="c")],
    )
    ndjson(tmp_path / "b.ndjson", [usage(7, token_id=TOKENS[0], client_id="c")])
    file = tmp_path / "s.duckdb"
    for name in ("a", "b"):
        with Store(file) as store:  # a session for each: hashes are computed again
            store.load(tmp_path / f"{name}.ndjson")
    with Store(file) as store:
        assert store.engine.value("SELECT count(*) FROM usage") == 3
        assert store.engine.value("SELECT count(*) FROM usage_caller") == 1


def test_queries_are_cut_from_targets(tmp_path):
    path = ndjson(
        tmp_path / "a.ndjson", [usage(1, target="/cb?code=4/0AdQt8qh"), usage(2, target="/cb"), usage(3, target="?x")]
    )
    with Store(":memory:") as store:
        store.load(path)
        assert sorted(row for (row,) in store.engine.rows("SELECT target FROM usage")) == ["", "/cb", "/cb"]
        assert store.engine.value("SELECT count(*) FROM usage_target") == 2


SECRETS = [
    ('{"authorization": "Bearer abcdef.ghijkl-mnop"}', "abcdef.ghijkl-mnop"),
    ('{"client_secret":"s3cr3t-value"}', "s3cr3t-value"),
    ("grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA&x=1", "SplxlOBeZQQYbYS6WxSbIA"),
    ('{"sessionToken": "IQoJb3JpZ2luX2VjEAAAAAAAAA"}', "IQoJb3JpZ2luX2VjEAAAAAAAAA"),
    ('{"a": "' + TOKENS[1] + '"}', TOKENS[1]),
    ("refresh_token=8xLOxBtZp8", "8xLOxBtZp8"),
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_excerpts_show_no_secret(text, secret):
    assert secret not in masked(text)
    assert "***" in masked(text)


def test_an_excerpt_is_short_and_begins_with_the_record():
    text = json.dumps({"a": "x" * 5000})
    assert masked(text) == text[:EXCERPT]


def test_a_rejected_record_is_kept_without_its_secrets(tmp_path):
    path = ndjson(tmp_path / "a.ndjson", [usage(1), usage(2, used_at=f"Bearer {TOKENS[0]}", token_id=TOKENS[0])])
    with Store(":memory:") as store:
        store.load(path)
        (row,) = store.engine.rows("SELECT reason, excerpt FROM rejected")
        assert row[0].startswith("used_at: ")
        assert "eyJ" not in row[0] + row[1]


PIECES = [
    *'",}{:=&?\n .',
    "code",
    "token",
    "key",
    "Secret",
    "Bearer",
    "basic ",
    "password",
    'client_secret": "',
    "abcdefgh",
]
PIECES += ["x" * 30, "é", "ſecret=abcdef", *TOKENS, "y" * 250]


def test_what_is_taken_to_hold_nothing_to_mask_is_shown_as_it_would_be_masked():
    """And masking only the beginning gives what masking all that was looked at gives."""
    chance = random.Random(5)
    texts = ["{" + "".join(chance.choices(PIECES, k=chance.randrange(1, 40))) + "}" for _ in range(5_000)]
    texts += [
        "{" + "".join(chance.choices(["abc", ",", ":", " "], k=chance.randrange(1, 400))) + "}" for _ in range(500)
    ]
    plain = nothing_to_mask(pa.array(texts)).to_pylist()
    assert 500 < sum(plain) < 2_000
    for text, is_plain in zip(texts, plain, strict=True):
        whole = text[: EXCERPT * 20]
        for pattern, instead in secrecy._MASKS:
            whole = pattern.sub(instead, whole)
        assert masked(text) == whole[:EXCERPT]
        assert not is_plain or masked(text) == text[:EXCERPT]


@pytest.mark.parametrize(
    "text",
    [
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789\n",
        '{"ghp_abcdefghijklmnopqrstuvwxyz0123456789": 1}\n',
        '{"log": "usage", "ghp_abcdefghijklmnopqrstuvwxyz0123456789": 1}\n',
        "log,ghp_abcdefghijklmnopqrstuvwxyz0123456789\nusage,1\n",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789,ghp_abcdefghijklmnopqrstuvwxyz0123456789\n1,2\n",
    ],
)
def test_the_message_about_a_file_that_is_no_log_shows_no_secret(tmp_path, text):
    path = tmp_path / "keys"
    path.write_text(text)
    with Store(":memory:") as store:
        ((_, message, _),) = store.load(path).failed
    assert "***" in message
    assert "ghp_" not in message
