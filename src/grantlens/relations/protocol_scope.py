"""Scopes that open no data, whatever a catalogue says of them."""

from grantlens.catalogue.protocol import PROTOCOL_SCOPES
from grantlens.relations.relation import Relation

RELATION = Relation(
    "protocol_scope",
    "The scopes of the protocol itself, such as openid and offline_access, in small letters: they say who a person is, and authorise no operation.",
    f"SELECT unnest({sorted(PROTOCOL_SCOPES)}) AS name",
)
