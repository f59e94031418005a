"""Security Event Tokens (RFC 8417): what an issuer tells by CAEP, RISC and the OAuth event types over SSF.

What the mapping decides, and why:

- **Who wrote it.** Compact JWS are verified against the issuer's key set (`--jwks`). Decoded tokens carry no signature.
  What nothing verifies is refused, whole, unless `--unverified` says to take it.
- **Event id** is issuer, `jti` and event type: a `jti` is unique for its issuer only, and one token may hold several events.
- **Time** is `event_timestamp` (login.gov: `occurred_at`), else `toe`, else `iat`. Seconds by the profile; some senders write milliseconds, and no
  number means both: seconds of our time have ten digits, milliseconds thirteen.
- A revoked **session** is that session. Where only a person is named, all sessions are over: what was issued to the
  person before is ended, and no consent is. With a **device**, only the sessions that match both are over (CAEP 1.0,
  section 3.1): which they are, no log of tokens says, and the person's other sessions go on.
- **A raw token** (`token_identifier_alg` `plain`, or none) becomes the store's keyed hash; a prefix of one is dropped.
  Hashes that the sender made are kept, under which another log may know the token.
- Changed claims, device compliance, assurance and risk end nothing by themselves: kind `signal`.
- A person's credential (password, passkey) that was deleted or revoked ends no token: a revocation of a credential
  that names no token. A new credential is no revocation.
- What an event of CAEP or RISC means its last word says: senders write each under the path of the other, as `risc/.../session-revoked`.
- A **subject** stands in `sub_id` or in the event, as RFC 8417 has it in `sub`, and its session in `sid`; a lone `iss` and `sub`,
  or e-mail, without a format is one too. A logout that OpenID Connect tells its clients is none of these events:
  it need not end a token, and offline ones go on (Back-Channel Logout 1.0, section 2.7).
- In the OAuth event types the client is the audience; with several audiences it is not known.
- A subject of another issuer than the token's is known as `issuer|subject`: equal numbers of two issuers are two people.
- Answers to a poll (RFC 8936, section 2.3: `{"sets": {"<jti>": "<token>"}}`) hold any number of tokens, each verified as one that came alone.
  Nothing signs the names beside them: the `jti` of the token counts.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from grantlens.errors import LoadError
from grantlens.loaders.caep_ssf.signature import Opener, parts_of, usable_keys
from grantlens.loaders.loader import Loader, mostly
from grantlens.loaders.settings import Settings


def _is_set(claims: Mapping) -> bool:
    """Tell a Security Event Token: an issuer, and events under URIs."""
    events = claims.get("events")
    return (
        isinstance(events, Mapping) and bool(events) and "iss" in claims and all("://" in str(name) for name in events)
    )


def _is_signed_set(line: str) -> bool:
    """Tell a compact JWS that says of itself that it is one, or holds one."""
    try:
        header, claims = parts_of(line.strip())
    except ValueError:
        return False
    return "secevent+jwt" in str(header.get("typ")).lower() or _is_set(claims)


def _is_event(record: Mapping) -> bool:
    """Tell a Security Event Token, packed or not, or an answer to a poll that holds some."""
    if _is_poll(record):
        return any(isinstance(held, str) and _is_signed_set(held) for held in record["sets"].values())
    return _is_signed_set(record["line"]) if set(record) == {"line"} else _is_set(record)


def _is_poll(record: Mapping) -> bool:
    return record.keys() <= {"sets", "moreAvailable"} and isinstance(record.get("sets"), Mapping)


def _are_events(sample: Sequence[Mapping]) -> bool:
    """True if most of these are, beside the answers to a poll that found nothing."""
    return mostly(_is_event)([record for record in sample if not (_is_poll(record) and not record["sets"])])


def _polled(text: str) -> Iterator[str]:
    """Give the tokens of an answer to a poll, and any other text as it is."""
    try:
        record = json.loads(text) if text.startswith("{") else None
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, Mapping) or not _is_poll(record):
        yield text
        return
    for held in record["sets"].values():
        yield held if isinstance(held, str) else json.dumps(held)


@dataclass(frozen=True)
class _Configure:
    """Asks for what is needed to take the tokens of a file; it depends on whether they are signed."""

    signed: bool

    def __call__(self, loader: Loader, settings: Settings) -> Loader:
        keys = usable_keys(settings.jwks) if settings.jwks else []
        if settings.jwks and not keys:
            raise LoadError("The key set holds no public key that verifies signatures.", "Save the issuer's jwks_uri.")
        if not settings.unverified and not self.signed:
            raise LoadError(
                "These Security Event Tokens are decoded: they carry no signature, so nothing says who wrote them.",
                "Load them as they were delivered (compact JWS) with --jwks FILE, or say --unverified to take them.",
            )
        if not settings.unverified and not keys:
            raise LoadError(
                "These Security Event Tokens are signed, and no key is there to verify them.",
                "Name the issuer's key set: --jwks FILE, or say --unverified to take them.",
            )
        return replace(loader, decode=Opener(keys, settings.unverified), keeps_json=settings.unverified)


def _fitted(sample: Sequence[Mapping]) -> Loader:
    """Find out whether the tokens are signed, and whether answers to a poll hold them."""
    polled = any(map(_is_poll, sample))
    signed = polled or any(set(record) == {"line"} for record in sample)
    return replace(LOADER, configure=_Configure(signed), split=_polled if polled else None)


_FIELDS = """{"iss": "VARCHAR", "jti": "VARCHAR", "iat": "VARCHAR", "toe": "VARCHAR", "aud": "VARCHAR", "sub_id": "VARCHAR",
              "sub": "VARCHAR", "sid": "VARCHAR",
              "events": "MAP(VARCHAR, VARCHAR)"}"""
_NAME = """{"format": "VARCHAR", "subject_type": "VARCHAR", "id": "VARCHAR", "iss": "VARCHAR", "sub": "VARCHAR",
            "email": "VARCHAR", "phone_number": "VARCHAR", "uri": "VARCHAR", "url": "VARCHAR", "jti": "VARCHAR"}"""
_SUBJECT = f"""{_NAME[:-1]}, "token": "VARCHAR", "token_identifier_alg": "VARCHAR", "identifiers": "VARCHAR",
              "user": "VARCHAR", "session": "VARCHAR", "application": "VARCHAR", "device": "VARCHAR"}}"""
_BODY = """{"event_timestamp": "VARCHAR", "occurred_at": "VARCHAR", "initiating_entity": "VARCHAR", "reason_admin": "VARCHAR", "subject": "VARCHAR",
            "token_subject": "VARCHAR", "change_type": "VARCHAR", "credential_type": "VARCHAR", "current_level": "VARCHAR",
            "current_status": "VARCHAR"}"""

# One row for each event of a token, or one without a uri where there is none.
_EVENT = f"""
SELECT line_no, iss, jti, iat, toe, aud, sub_id, sub, sid, uri IS NOT NULL AS is_there,
       regexp_extract(uri, '/event(?:-type)?/([^/]+)$', 1) AS name,
       CASE WHEN contains(uri, '/secevent/oauth/') THEN 'oauth'
            WHEN contains(uri, '/secevent/caep/') OR contains(uri, '/secevent/risc/') THEN 'signal' ELSE 'other' END AS family,
       CASE WHEN starts_with(body, '{{') THEN TRY(from_json(body, '{_BODY}')) END AS b
FROM (SELECT line_no, r.* EXCLUDE (events), entry.key AS uri, entry.value AS body
      FROM (SELECT line_no, r, unnest(CASE WHEN r.iss IS NOT NULL AND cardinality(r.events) > 0 THEN map_entries(r.events)
                                           ELSE [NULL] END) AS entry
            FROM record WHERE r IS NOT NULL))
"""

# When, and about what. The older spelling has the subject inside the event, and other names for its kind.
_ABOUT = f"""
SELECT * EXCLUDE (s),
       CASE WHEN number BETWEEN 100000000 AND 99999999999 THEN make_timestamptz((number * 1000000)::BIGINT)
            WHEN number BETWEEN 100000000000 AND 99999999999999 THEN make_timestamptz((number * 1000)::BIGINT)
            END AS happened_at,
       CASE WHEN kind = 'complex' OR s."user" IS NOT NULL THEN TRY(from_json(s."user", '{_NAME}'))
            WHEN kind = 'aliases' THEN TRY(from_json(s.identifiers, '[{_NAME}]'))[1]
            WHEN kind IN ('oauth_token', 'jwt_id') OR (kind = 'opaque' AND name = 'session-revoked') THEN NULL
            ELSE {{'format': s.format, 'subject_type': s.subject_type, 'id': CASE WHEN kind <> '' THEN s.id END, 'iss': s.iss, 'sub': s.sub, 'email': s.email,
                   'phone_number': s.phone_number, 'uri': s.uri, 'url': s.url, 'jti': s.jti}} END AS person,
       CASE WHEN kind = 'opaque' AND name = 'session-revoked' THEN s.id
            ELSE coalesce(TRY(from_json(s.session, '{_NAME}')).id, sid) END AS session_id,
       TRY(from_json(s.application, '{_NAME}')) AS application, s.device IS NOT NULL AS on_device,
       CASE WHEN kind = 'jwt_id' THEN s.jti
            WHEN s.token_identifier_alg LIKE 'hash%' THEN s.token
            WHEN s.token_identifier_alg = 'prefix' THEN NULL
            ELSE s.token END AS named_token,
       kind <> 'jwt_id' AND s.token IS NOT NULL AND coalesce(s.token_identifier_alg, '') NOT LIKE 'hash%' AS is_raw
FROM (SELECT *, coalesce(replace(coalesce(s.format, s.subject_type), '-', '_'), '') AS kind,
             coalesce(b.event_timestamp, b.occurred_at, toe, iat) AS written_time, TRY_CAST(written_time AS DECIMAL(20, 6)) AS number
      FROM (SELECT *, TRY(from_json(coalesce(sub_id, b.subject), '{_SUBJECT}')) AS s,
                   TRY(from_json(b.token_subject, '{_NAME}')) AS owner
            FROM event WHERE is_there))
"""


def _id_of(name: str) -> str:
    """Return SQL for the id of a subject; of one that another issuer names, with that issuer."""
    return (
        f"coalesce(CASE WHEN {name}.iss IS NOT NULL AND {name}.iss <> iss THEN {name}.iss || '|' || {name}.sub "
        f"ELSE {name}.sub END, {name}.email, {name}.phone_number, {name}.uri, {name}.url, {name}.id)"
    )


# The store's keyed hash (HMAC-SHA-256, RFC 2104), as of every raw token.
_PADDED = (
    "unhex(array_to_string(list_transform(range(32), lambda n: printf('%02x', "
    "xor(('0x' || substr($token_key::VARCHAR, 2 * n + 1, 2))::INTEGER, {pad}))), '') || repeat('{hex}', 32))"
)
_KEYED = (
    f"'hmac:' || sha256({_PADDED.format(pad=92, hex='5c')} || unhex(sha256({_PADDED.format(pad=54, hex='36')} "
    "|| encode(named_token))))"
)

_MEANT = f"""
SELECT line_no, iss, jti, name, b, happened_at, session_id, written_time,
       CASE WHEN is_raw THEN {_KEYED} ELSE named_token END AS token_id,
       coalesce({_id_of("owner")}, {_id_of("person")}, sub) AS subject_id,
       CASE WHEN family = 'oauth' AND NOT starts_with(aud, '[') THEN aud
            WHEN family = 'oauth' AND len(TRY(from_json(aud, '["VARCHAR"]'))) = 1 THEN TRY(from_json(aud, '["VARCHAR"]'))[1]
            WHEN family <> 'oauth' THEN {_id_of("application")} END AS client_id,
       CASE WHEN family = 'signal' AND name IN ('session-revoked', 'sessions-revoked')
            THEN CASE WHEN session_id IS NOT NULL OR on_device THEN 'session' ELSE 'sessions' END
            WHEN family = 'signal' AND name = 'credential-change' AND b.change_type IN ('revoke', 'delete') THEN 'credential'
            WHEN family = 'signal' AND name = 'token-claims-change' THEN 'claims'
            WHEN family = 'signal' AND name IN ('device-compliance-change', 'assurance-level-change', 'risk-level-change',
                                                'credential-compromise', 'account-credential-change-required') THEN 'signal'
            WHEN family = 'signal' AND name IN ('account-disabled', 'account-enabled', 'account-purged') THEN 'account'
            WHEN family = 'oauth' AND name = 'token-revoked' THEN 'token'
            WHEN family = 'oauth' AND name = 'tokens-revoked' THEN 'tokens'
            WHEN family = 'oauth' AND name IN ('client-disabled', 'client-enabled') THEN 'client' END AS meaning,
       CASE WHEN meaning IN ('account', 'tokens', 'credential', 'sessions') AND subject_id IS NULL THEN 'subject'
            WHEN meaning IN ('client', 'tokens') AND client_id IS NULL THEN 'client'
            WHEN meaning = 'token' AND kind NOT IN ('oauth_token', 'jwt_id') THEN 'token' END AS lacks
FROM about
"""

_REVOCATION = """
SELECT line_no, iss || '|' || jti || '|' || name AS event_id, iss AS tenant, happened_at AS revoked_at,
       CASE WHEN meaning IN ('claims', 'signal') THEN 'signal' WHEN name IN ('account-enabled', 'client-enabled') THEN 'enable'
            WHEN meaning IN ('account', 'client') THEN 'disable' ELSE 'revoke' END AS kind,
       'success' AS outcome,
       CASE meaning WHEN 'sessions' THEN 'policy' WHEN 'account' THEN 'subject' WHEN 'tokens' THEN 'grant'
                    WHEN 'claims' THEN 'token' WHEN 'signal' THEN 'subject' ELSE meaning END AS target_kind,
       token_id, session_id, client_id, subject_id,
       CASE WHEN meaning = 'sessions' THEN happened_at END AS issued_before,
       CASE WHEN b.initiating_entity IN ('admin', 'user', 'policy', 'system') THEN b.initiating_entity END AS initiator,
       coalesce(json_extract_string(CASE WHEN json_valid(b.reason_admin) THEN b.reason_admin END, '$.en'),
                json_extract_string(CASE WHEN json_valid(b.reason_admin) THEN b.reason_admin END, '$.*')[1],
                b.reason_admin, name || coalesce(': ' || coalesce(b.current_level, b.current_status), '')) AS reason
FROM meant
WHERE meaning IS NOT NULL AND lacks IS NULL
"""

_IGNORED = """
SELECT line_no,
       CASE WHEN name IN ('verification', 'stream-updated') THEN 'state of the stream itself'
            WHEN name IN ('session-established', 'session-presented') THEN 'session that was made or shown'
            WHEN name = 'credential-change' THEN 'credential that was made or changed'
            WHEN name = 'backchannel-logout' THEN 'logout, which need not end a token'
            ELSE 'event that ends no access' END AS reason
FROM meant
WHERE meaning IS NULL AND b IS NOT NULL
"""

_REJECTED = """
SELECT line_no, CASE WHEN iss IS NULL THEN 'iss is missing' ELSE 'events are missing' END AS reason FROM event
WHERE NOT is_there
UNION ALL
SELECT line_no, 'event is no object' FROM event WHERE is_there AND b IS NULL
UNION ALL
SELECT line_no, 'names no ' || lacks FROM meant WHERE lacks IS NOT NULL AND b IS NOT NULL
UNION ALL
SELECT line_no, CASE WHEN written_time IS NULL THEN 'time is missing' ELSE 'time cannot be read' END
FROM meant WHERE meaning IS NOT NULL AND happened_at IS NULL
UNION ALL
SELECT line_no, 'jti is missing' FROM meant WHERE meaning IS NOT NULL AND jti IS NULL
"""

LOADER = Loader(
    name="caep_ssf",
    version=5,
    title="Security Event Tokens: CAEP, RISC and OAuth events over SSF",
    recognise=_are_events,
    fields=_FIELDS,
    dialect=_fitted,
    carries=("revocation",),
    steps={"event": _EVENT, "about": _ABOUT, "meant": _MEANT},
    revocation=_REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    join_note=(
        "Revocations only: they name a session, a token (its jti or hash), a person or a client of the issuer. They join "
        "with another provider's log only through an identities file, since ids of two sources are not compared."
    ),
)
