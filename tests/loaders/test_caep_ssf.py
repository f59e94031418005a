"""Security Event Tokens: the examples of the specifications, each event and spelling, and who may have signed them."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import settings as limits
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from grantlens.loaders import Settings
from grantlens.loaders.caep_ssf import LOADER
from grantlens.loaders.caep_ssf.signature import ALGORITHMS
from grantlens.secrecy import keyed_hash
from grantlens.store import Store
from tests.loaders.conftest import read
from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged

ISSUER, AT = "https://idp.example.org/acme", 1782900000
CAEP, RISC = (
    "https://schemas.openid.net/secevent/caep/event-type/",
    "https://schemas.openid.net/secevent/risc/event-type/",
)
OAUTH = "https://schemas.openid.net/secevent/oauth/event-type/"
PERSON = {"format": "iss_sub", "iss": ISSUER, "sub": "u-1"}
SESSION = {"format": "opaque", "id": "sid-1"}

EXPECTED = {
    "caep-1_0-examples.ndjson": (
        # two pairs of examples share issuer, jti and event type
        {"records": 9, "revocation": 5, "ignored": 2, "duplicates": 2},
        {"credential that was made or changed": 1, "session that was made or shown": 1},
    ),
    "oauth-event-types-1_0-repaired.ndjson": ({"records": 3, "revocation": 3}, {}),
}


@pytest.fixture
def loaded(tmp_path):
    """Return a function that loads lines, given as text or as claims; unsigned ones are taken."""

    def from_lines(*lines, unverified=True, jwks=None):
        path = tmp_path / "sets.log"
        path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
        return read(path, unverified=unverified, jwks=jwks)

    return from_lines


@pytest.fixture
def refused(tmp_path):
    """Return a function that gives the message and remedy with which a file is refused."""

    def from_lines(*lines, **settings):
        path = tmp_path / "refused.log"
        path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
        with Store(":memory:") as store:
            ((_, message, remedy),) = store.load(path, settings=Settings(**settings)).failed
            assert store.engine.value("SELECT count(*) FROM batch") == 0
            return message, remedy

    return from_lines


def token(uri, subject=PERSON, jti="j-1", event=None, **more):
    """Write the claims of a Security Event Token."""
    claims = {"iss": ISSUER, "jti": jti, "iat": AT + 9, "aud": "https://app.example.org", "events": {uri: event or {}}}
    return claims | ({"sub_id": subject} if subject else {}) | more


class Signer:
    """An issuer: a key pair, and its public half as a key set holds it."""

    def __init__(self, algorithm, kid):
        self.algorithm, self.kid = algorithm, kid
        kinds = {
            "RSA": (lambda: rsa.generate_private_key(65537, 2048), RSAAlgorithm),
            "EC": (lambda: ec.generate_private_key(ec.SECP256R1()), ECAlgorithm),
            "OKP": (ed25519.Ed25519PrivateKey.generate, OKPAlgorithm),
        }
        make, packer = kinds[ALGORITHMS[algorithm]]
        self.private = make()
        self.public = packer.to_jwk(self.private.public_key(), as_dict=True) | {"kid": kid, "use": "sig"}

    def sign(self, claims, **header):
        """Return a compact JWS; a header given as None is left out."""
        header = {"typ": "secevent+jwt", "kid": self.kid} | header
        header = {name: value for name, value in header.items() if value is not None or name == "typ"}
        return jwt.PyJWS().encode(json.dumps(claims).encode(), self.private, self.algorithm, headers=header)


@pytest.fixture(scope="module")
def signers():
    """Return one issuer for each kind of key."""
    return {algorithm: Signer(algorithm, f"k-{algorithm}") for algorithm in ("RS256", "ES256", "EdDSA")}


def key_set(*signers, **more):
    return {"keys": [signer.public | more for signer in signers]}


REVOKED = token(CAEP + "session-revoked", SESSION, event={"event_timestamp": AT})


# The examples of the specifications.


@pytest.mark.parametrize("name", EXPECTED)
def test_every_example_is_accounted_for(shared, name):
    counts, ignored = EXPECTED[name]
    real = read(shared / "real-logs/caep_ssf" / name, unverified=True)
    assert real.batch["loader"] == "caep_ssf"
    assert (real.counts(), real.ignored, real.rejected) == (counts, ignored, [])


def test_every_real_file_is_expected_here(shared):
    assert {path.name for path in (shared / "real-logs/caep_ssf").iterdir()} - {"PROVENANCE.txt"} == set(EXPECTED)


def test_the_examples_agree_with_a_reading_in_plain_python(shared):
    for name in EXPECTED:
        path = shared / "real-logs/caep_ssf" / name
        records = [json.loads(line) for line in path.read_text().splitlines()]
        expected = {}
        for record in records:
            ((uri, event),) = record["events"].items()
            kind = uri.rsplit("/", 1)[1]
            if kind in ("session-established", "credential-change"):
                continue
            at = datetime.fromtimestamp(event.get("event_timestamp", record["iat"]), UTC)
            expected.setdefault((record["iss"], record["jti"], kind), (at, event.get("initiating_entity")))
        rows = read(path, unverified=True).rows["revocation"]
        found = {tuple(row["event_id"].split("|")): (row["revoked_at"], row["initiator"]) for row in rows}
        assert found == expected
    by_kind = {row["event_id"].split("|")[2]: row for row in rows}
    plain = records[0]["events"][OAUTH + "token-revoked"]["subject"]["token"]
    assert by_kind["token-revoked"]["token_id"].startswith("hmac:")
    assert plain not in json.dumps(rows, default=str)
    assert by_kind["token-revoked"]["client_id"] == records[0]["aud"] == by_kind["client-disabled"]["client_id"]
    assert (by_kind["tokens-revoked"]["target_kind"], by_kind["tokens-revoked"]["subject_id"]) == (
        "grant",
        records[1]["events"][OAUTH + "tokens-revoked"]["subject"]["sub"],
    )


def test_decoded_tokens_are_refused_unless_asked(shared, refused):
    message, remedy = refused(REVOKED)
    assert "they carry no signature" in message
    assert "--unverified" in remedy
    assert "--jwks" in remedy
    # a key set does not help: there is nothing to verify
    assert refused(REVOKED, jwks=key_set(Signer("EdDSA", "k")))[0] == message


def test_a_token_that_is_no_event_is_not_claimed():
    assert not LOADER.recognise([{"line": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1LTEifQ.c2ln"}])


# Who signed.


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_signed_token_is_verified(loaded, signers, algorithm):
    keys = key_set(*signers.values())
    row = loaded(signers[algorithm].sign(REVOKED), unverified=False, jwks=keys).one("revocation")
    assert (row["session_id"], row["kind"], row["revoked_at"]) == ("sid-1", "revoke", datetime.fromtimestamp(AT, UTC))


def test_who_vouches_for_the_records_stands_beside_the_file(loaded, signers):
    keys = key_set(*signers.values())
    signed = loaded(signers["ES256"].sign(REVOKED), unverified=False, jwks=keys)
    assert signed.batch["note"].startswith("signatures verified by keys of SHA-256 ")
    assert loaded(REVOKED).batch["note"] == "records taken although nothing verified who wrote them"


def test_signed_tokens_without_keys_are_refused_unless_asked(loaded, refused, signers):
    message, remedy = refused(signers["ES256"].sign(REVOKED))
    assert "no key is there" in message
    assert "--jwks" in remedy
    assert "no public key" in refused(signers["ES256"].sign(REVOKED), jwks={"keys": [{"kty": "oct", "k": "eA"}]})[0]
    assert loaded(signers["ES256"].sign(REVOKED)).one("revocation")["session_id"] == "sid-1"


@pytest.mark.parametrize("indent", [None, 2])
def test_answers_to_a_poll_hold_tokens_that_are_verified_as_others_are(loaded, refused, signers, indent):
    """RFC 8936, section 2.3: an object of tokens by their jti, and whether there are more; most polls find none."""
    signed = [signers["ES256"].sign(REVOKED | {"jti": f"j-{number}"}) for number in range(3)]
    forged = swapped(signed[0], REVOKED | {"jti": "forged"})
    pages = [
        {"sets": {"j-0": signed[0], "j-1": signed[1], "j-9": forged, "j-8": REVOKED}, "moreAvailable": True},
        {"sets": {}},
        {"sets": {"j-2": signed[2]}},
    ]
    text = "\n".join(json.dumps(page, indent=indent) for page in pages)
    keys = key_set(*signers.values())
    got, alone = loaded(text, unverified=False, jwks=keys), loaded(*signed, unverified=False, jwks=keys)
    assert [row | {"line_no": 0} for row in got.rows["revocation"]] == [
        row | {"line_no": 0} for row in alone.rows["revocation"]
    ]
    assert {row["reason"] for row in got.rejected} == {"signature is wrong", "not signed: nothing says who wrote it"}
    assert got.counts() == {"records": 5, "revocation": 3, "rejected": 2}
    assert "no key is there" in refused(text)[0]


def test_polls_that_found_nothing_are_empty(tmp_path):
    path = tmp_path / "polls.ndjson"
    path.write_text('{"sets": {}, "moreAvailable": false}\n{"sets": {}}\n')
    with Store(":memory:") as store:
        assert not store.load(path, settings=Settings(unverified=True)).failed


def swapped(jws, claims):
    """Put other claims under a signature."""
    head, _, signature = jws.split(".")
    return f"{head}.{packed(claims)}.{signature}"


def packed(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def shared_secret(claims, secret):
    """Sign with a secret by hand: no library would take a public key for one."""
    text = f"{packed({'alg': 'HS256', 'typ': 'secevent+jwt', 'kid': 'k-RS256'})}.{packed(claims)}"
    made = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"


def test_what_is_not_what_the_issuer_signed_is_rejected(loaded, signers):
    good, stranger = signers["RS256"], Signer("ES256", "k-ES256")
    pem = good.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    other = token(CAEP + "session-revoked", SESSION, jti="j-2")
    no_alg = f"{packed({'alg': 'none', 'typ': 'secevent+jwt', 'kid': 'k-RS256'})}.{packed(REVOKED)}."
    cases = {
        swapped(good.sign(REVOKED), other): "signature is wrong",
        good.sign(REVOKED)[:-4] + "AAAA": "signature is wrong",
        stranger.sign(REVOKED): "signature is wrong",
        good.sign(REVOKED, kid="k-other"): "signed with a key that is not in the key set",
        no_alg: "alg is no signature with a public key",
        shared_secret(REVOKED, pem): "alg is no signature with a public key",
        good.sign(REVOKED, typ="JWT"): "typ is not secevent+jwt",
        good.sign(REVOKED, typ=None): "typ is not secevent+jwt",
        good.sign(REVOKED, crit=["x"], x=1): "the header holds a critical extension that is not known",
        "eyJhbGciOiJSUzI1NiJ9.eyJ": "no compact JWS",
        "eyJhbGciOiJSUzI1NiJ9.W10.c2ln": "the payload is no JSON object",
    }
    got = loaded(good.sign(REVOKED), *cases, unverified=False, jwks=key_set(*signers.values()))
    assert [row["reason"] for row in got.rejected] == list(cases.values())
    assert got.counts() == {"records": len(cases) + 1, "revocation": 1, "rejected": len(cases)}
    # what is shown of a refused token is nothing of it; the tenth is none
    assert {row["excerpt"] for row in got.rejected} == {"***", "eyJhbGciOiJSUzI1NiJ9.eyJ"}


def test_a_decoded_token_among_signed_ones_is_not_taken(loaded, refused, signers):
    signed = [signers["EdDSA"].sign(REVOKED | {"jti": f"j-{number}"}) for number in range(60)]
    keys = key_set(signers["EdDSA"])
    got = loaded(*signed, json.dumps(REVOKED | {"jti": "forged"}), unverified=False, jwks=keys)
    assert [(row["line_no"], row["reason"]) for row in got.rejected] == [(61, "not signed: nothing says who wrote it")]
    assert got.counts() == {"records": 61, "revocation": 60, "rejected": 1}
    assert "they carry no signature" in refused(signed[0], json.dumps(REVOKED), jwks=keys)[0]


def test_a_token_that_names_no_key_is_tried_with_the_only_one_that_fits(loaded, signers):
    line = signers["RS256"].sign(REVOKED, kid=None)
    assert loaded(line, unverified=False, jwks=key_set(*signers.values())).counts()["revocation"] == 1
    second = Signer("RS256", "k-next")
    got = loaded(line, unverified=False, jwks=key_set(signers["RS256"], second))
    assert [row["reason"] for row in got.rejected] == ["kid is missing, and the key set holds several keys that fit"]


def test_a_key_counts_for_its_issuer_and_its_life_only(loaded, signers):
    signer = signers["EdDSA"]
    late = token(CAEP + "session-revoked", SESSION, jti="j-2", iat=AT + 1000)
    cases = [
        ({}, []),
        ({"exp": AT + 500}, ["signed with a key that was no longer good"]),
        ({"revoked": {"revoked_at": AT + 500}}, ["signed with a key that was no longer good"]),
        ({"iss": ISSUER}, []),
        ({"iss": "https://other.example.org"}, ["signed with a key of another issuer"] * 2),
    ]
    for about_key, reasons in cases:
        got = loaded(signer.sign(REVOKED), signer.sign(late), unverified=False, jwks=key_set(signer, **about_key))
        assert [row["reason"] for row in got.rejected] == reasons


@pytest.mark.parametrize("wrong", [{"use": "enc"}, {"key_ops": ["sign"]}, {"alg": "RSA-OAEP"}])
def test_a_key_for_something_else_verifies_nothing(refused, signers, wrong):
    signer = signers["RS256"]
    assert "no public key" in refused(signer.sign(REVOKED), jwks=key_set(signer, **wrong))[0]


def test_a_key_that_is_bound_to_an_algorithm_serves_no_other(loaded, signers):
    signer = signers["RS256"]
    got = loaded(signer.sign(REVOKED), unverified=False, jwks=key_set(signer, alg="PS256"))
    assert [row["reason"] for row in got.rejected] == ["signed with a key that is not in the key set"]


def test_unverified_takes_what_no_key_verifies_but_never_a_wrong_signature(loaded, signers):
    good, unknown = signers["RS256"], Signer("ES256", "k-unknown")
    other = token(CAEP + "session-revoked", SESSION, jti="j-2")
    third = token(CAEP + "session-revoked", SESSION, jti="j-3")
    lines = [good.sign(REVOKED), unknown.sign(other), json.dumps(third), swapped(good.sign(REVOKED), other)]
    got = loaded(*lines, jwks=key_set(good))
    assert [row["event_id"].split("|")[1] for row in got.rows["revocation"]] == ["j-1", "j-2", "j-3"]
    assert [(row["line_no"], row["reason"]) for row in got.rejected] == [(4, "signature is wrong")]


# What events mean.


def test_a_revoked_session_is_one_or_all_of_a_person(loaded):
    complex_ = {"format": "complex", "session": SESSION, "user": PERSON, "tenant": {"format": "opaque", "id": "t"}}
    device = {"format": "iss_sub", "iss": ISSUER, "sub": "d-1"}
    cases = [
        (token(CAEP + "session-revoked", SESSION), ("session", "sid-1", None)),
        (token(CAEP + "session-revoked", complex_), ("session", "sid-1", "u-1")),
        (token(CAEP + "session-revoked", PERSON), ("policy", None, "u-1")),
        (token(CAEP + "session-revoked", {"format": "complex", "user": PERSON}), ("policy", None, "u-1")),
        (
            token(CAEP + "session-revoked", {"format": "email", "email": "a@example.org"}),
            ("policy", None, "a@example.org"),
        ),
        (token(RISC + "sessions-revoked", PERSON), ("policy", None, "u-1")),
        # some of a person's sessions: not those on other devices
        (
            token(CAEP + "session-revoked", {"format": "complex", "user": PERSON, "device": device}),
            ("session", None, "u-1"),
        ),
        (token(CAEP + "session-revoked", {"format": "complex", "device": device}), ("session", None, None)),
    ]
    got = loaded(*(claims | {"jti": str(n)} for n, (claims, _) in enumerate(cases)))
    names = ("target_kind", "session_id", "subject_id")
    assert [tuple(row[name] for name in names) for row in got.rows["revocation"]] == [want for _, want in cases]
    assert all(
        (row["issued_before"] == row["revoked_at"]) == (row["target_kind"] == "policy")
        for row in got.rows["revocation"]
    )


@pytest.mark.parametrize(
    ("uri", "more", "expected"),
    [
        (RISC + "session-revoked", {}, ("revoke", "policy", None, "u-1")),
        (RISC + "session-revoked", {"subject": SESSION}, ("revoke", "session", "sid-1", None)),
        (CAEP + "account-disabled", {}, ("disable", "subject", None, "u-1")),
        (CAEP + "account-enabled", {}, ("enable", "subject", None, "u-1")),
        (CAEP + "session-revoked", {"subject": None, "sub": "u-2"}, ("revoke", "policy", None, "u-2")),
        (CAEP + "session-revoked", {"subject": None, "sub": "u-2", "sid": "s-2"}, ("revoke", "session", "s-2", "u-2")),
        (CAEP + "session-revoked", {"sub": "u-2"}, ("revoke", "policy", None, "u-1")),
        (CAEP + "session-revoked", {"subject": {"iss": ISSUER, "sub": "u-3"}}, ("revoke", "policy", None, "u-3")),
        (CAEP + "session-revoked", {"subject": {"email": "jo@acme.example"}}, ("revoke", "policy", None, "jo@acme.example")),
    ],
)  # fmt: skip
def test_an_event_is_read_where_its_sender_wrote_it(loaded, uri, more, expected):
    row = loaded(token(uri, more.pop("subject", PERSON), **more)).one("revocation")
    assert (row["kind"], row["target_kind"], row["session_id"], row["subject_id"]) == expected


@pytest.mark.parametrize(
    "subject", [{"id": "x"}, {"tenant": {"format": "opaque", "id": "t-1"}}, {"format": "opaque", "agent": "a"}]
)
def test_a_subject_of_which_nobody_can_say_who_it_is_names_none(loaded, subject):
    (row,) = loaded(token(CAEP + "session-revoked", subject), token(CAEP + "session-revoked", jti="j-2")).rejected
    assert row["reason"] == "names no subject"


def test_a_logout_ends_no_token(loaded):
    logout = token("http://schemas.openid.net/event/backchannel-logout", None, sub="u-1", sid="s-1")
    assert loaded(logout).ignored == {"logout, which need not end a token": 1}


def test_signals_end_nothing_and_credentials_no_token(loaded):
    jwt_id = {"format": "jwt_id", "iss": ISSUER, "jti": "t-1"}
    cases = [
        (token(CAEP + "token-claims-change", jwt_id, event={"claims": {"role": "x"}}), ("signal", "token", "t-1")),
        (token(CAEP + "risk-level-change", event={"current_level": "HIGH"}), ("signal", "subject", None)),
        (token(CAEP + "assurance-level-change"), ("signal", "subject", None)),
        (token(CAEP + "device-compliance-change"), ("signal", "subject", None)),
        (token(CAEP + "credential-change", event={"change_type": "revoke"}), ("revoke", "credential", None)),
        (token(CAEP + "credential-change", event={"change_type": "delete"}), ("revoke", "credential", None)),
        (token(RISC + "account-disabled"), ("disable", "subject", None)),
    ]
    ignored = [
        token(CAEP + "credential-change", event={"change_type": "create"}),
        token(CAEP + "session-presented"),
        token("https://schemas.openid.net/secevent/ssf/event-type/verification", None, event={"state": "x"}),
        token("https://vendor.example.org/event/lunch"),
    ]
    got = loaded(*(claims | {"jti": str(n)} for n, (claims, _) in enumerate(cases)), *ignored)
    names = ("kind", "target_kind", "token_id")
    assert [tuple(row[name] for name in names) for row in got.rows["revocation"]] == [want for _, want in cases]
    assert got.rows["revocation"][1]["reason"] == "risk-level-change: HIGH"
    assert got.ignored == {
        "credential that was made or changed": 1,
        "session that was made or shown": 1,
        "state of the stream itself": 1,
        "event that ends no access": 1,
    }


def oauth_token(**more):
    """Write the older subject of a token, inside the event."""
    return {"subject_type": "oauth_token", "token_type": "refresh_token"} | more


RAW = "raw refresh token 8f3a"


def test_a_raw_token_becomes_the_stores_keyed_hash_and_a_hash_stays(tmp_path):
    subjects = {
        "plain": oauth_token(token_identifier_alg="plain", token=RAW),
        "none": oauth_token(token=RAW),
        "hashed": oauth_token(token_identifier_alg="hash_base64_sha512_sha512", token="c2hhNTEy"),
        "prefix": oauth_token(token_identifier_alg="prefix", token=RAW[:16]),
        "jti": {"format": "jwt_id", "iss": ISSUER, "jti": "t-9"},
    }
    path = tmp_path / "sets.ndjson"
    owner = {"token_subject": {"subject_type": "iss-sub", "iss": ISSUER, "sub": "u-7"}}
    events = [token(OAUTH + "token-revoked", None, name, {"subject": s} | owner) for name, s in subjects.items()]
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    with Store(tmp_path / "s.duckdb") as store:
        store.load(path, settings=Settings(unverified=True))
        key = store.engine.value("SELECT value FROM meta WHERE name = 'token_key'")
        rows = store.sql("SELECT event_id, token_id, subject_id, client_id, target_kind FROM revocation").to_pylist()
    found = {row["event_id"].split("|")[1]: row["token_id"] for row in rows}
    assert found == {
        "plain": keyed_hash(RAW, key),
        "none": keyed_hash(RAW, key),
        "hashed": "c2hhNTEy",
        "prefix": None,
        "jti": "t-9",
    }
    assert {(row["subject_id"], row["client_id"], row["target_kind"]) for row in rows} == {
        ("u-7", "https://app.example.org", "token")
    }
    assert RAW.encode() not in (tmp_path / "s.duckdb").read_bytes()


def test_a_rejected_token_is_masked(loaded):
    event = {"subject": oauth_token(token_identifier_alg="plain", token="topsecret99"), "event_timestamp": "soon"}
    got = loaded(token(OAUTH + "token-revoked", None, event=event))
    assert [row["reason"] for row in got.rejected] == ["time cannot be read"]
    assert "topsecret99" not in got.rejected[0]["excerpt"]


def test_the_client_of_oauth_events_is_the_one_audience(loaded):
    got = loaded(
        token(OAUTH + "client-disabled", None, "1", aud="app-1"),
        token(OAUTH + "client-disabled", None, "2", aud=["app-2"]),
        token(OAUTH + "client-disabled", None, "3", aud=["app-3", "app-4"]),
        token(
            OAUTH + "tokens-revoked", None, "4", {"subject": {"subject_type": "iss-sub", "iss": ISSUER, "sub": "u-1"}}
        ),
    )
    (again,) = loaded(token(OAUTH + "client-enabled", None, "1", aud="app-1")).rows["revocation"]
    assert (again["client_id"], again["target_kind"], again["kind"]) == ("app-1", "client", "enable")
    rows = [(row["client_id"], row["target_kind"], row["kind"]) for row in got.rows["revocation"]]
    assert rows[:2] == [("app-1", "client", "disable"), ("app-2", "client", "disable")]
    assert rows[2] == ("https://app.example.org", "grant", "revoke")
    assert [(row["line_no"], row["reason"]) for row in got.rejected] == [(3, "names no client")]


def test_a_subject_of_another_issuer_is_somebody_else(loaded):
    foreign = PERSON | {"iss": "https://other.example.org"}
    got = loaded(token(CAEP + "session-revoked", PERSON, "1"), token(CAEP + "session-revoked", foreign, "2"))
    assert [row["subject_id"] for row in got.rows["revocation"]] == ["u-1", "https://other.example.org|u-1"]


def test_the_time_is_the_events_else_toe_else_iat_in_seconds_or_milliseconds(loaded):
    revoked = CAEP + "session-revoked"
    got = loaded(
        token(revoked, SESSION, "1", {"event_timestamp": AT}, toe=AT + 5),
        token(revoked, SESSION, "2", {"event_timestamp": AT * 1000 + 250}, toe=AT + 5),
        token(revoked, SESSION, "3", toe=AT + 5),
        token(revoked, SESSION, "4"),
        token(revoked, SESSION, "5", {"event_timestamp": AT + 0.5}),
        token(revoked, SESSION, "6", {"event_timestamp": "2026-07-01"}),
        token(revoked, SESSION, "7", {"event_timestamp": 12}),
        token(revoked, SESSION, "8", iat=None),
        token(revoked, SESSION, "9", {"occurred_at": AT + 3}),
    )
    seconds = [row["revoked_at"].timestamp() - AT for row in got.rows["revocation"]]
    assert seconds == [0, 0.25, 5, 9, 0.5, 3]
    assert [row["reason"] for row in got.rejected] == ["time cannot be read", "time cannot be read", "time is missing"]


def test_one_jti_of_two_issuers_is_two_events_and_one_token_may_hold_several(loaded):
    other = REVOKED | {"iss": "https://other.example.org"}
    both = token(CAEP + "session-revoked", PERSON, "j-9")
    both["events"][CAEP + "risk-level-change"] = {"current_level": "LOW"}
    got = loaded(REVOKED, other, REVOKED, both)
    assert got.counts() == {"records": 4, "revocation": 4, "duplicates": 1}
    assert {row["event_id"].split("|", 1)[1] for row in got.rows["revocation"] if row["line_no"] == 4} == {
        "j-9|session-revoked",
        "j-9|risk-level-change",
    }


def test_what_lacks_its_names_is_rejected(loaded):
    expected = {
        "iss is missing": token(CAEP + "session-revoked", PERSON, iss=None),
        "events are missing": token(CAEP + "x") | {"events": {}},
        "jti is missing": token(CAEP + "session-revoked", PERSON, None),
        "names no subject": token(CAEP + "session-revoked", None),
        "event is no object": token(CAEP + "session-revoked", PERSON) | {"events": {CAEP + "session-revoked": 7}},
        "names no token": token(OAUTH + "token-revoked", PERSON),
        "no JSON: Expecting property name enclosed in double quotes at column 2": "{broken",
    }
    got = loaded(*[REVOKED | {"jti": str(n)} for n in range(9)], *expected.values())
    assert [row["reason"] for row in got.rejected] == list(expected)


EVERY_KIND = [
    REVOKED,
    token(CAEP + "session-revoked", {"format": "complex", "session": SESSION, "user": PERSON}),
    token(OAUTH + "token-revoked", None, event={"subject": oauth_token(token_identifier_alg="plain", token=RAW)}),
    token(CAEP + "risk-level-change", event={"current_level": "LOW", "reason_admin": {"en": "why"}}),
]


@limits(max_examples=10)
@given(lists_of_damaged(EVERY_KIND))
def test_a_damaged_record_never_stops_a_load(load, records):
    assert_all_accounted_for(load, records, "caep_ssf", unverified=True)
