"""The scopes that open no data stand in one place."""

import re

from grantlens.catalogue.protocol import PROTOCOL_SCOPES
from grantlens.relations import registry as relations
from grantlens.rules import registry as rules


def test_no_other_sql_lists_them():
    texts = {name: each.sql for registry in (relations(), rules()) for name, each in registry.items()}
    listing = {name for name, sql in texts.items() if re.search("'(openid|offline_access)'", sql)}
    assert listing == {"protocol_scope"}


def test_the_relation_holds_those_of_the_catalogue_room(engine):
    rows = engine.rows(relations()["protocol_scope"].sql)
    assert sorted(name for (name,) in rows) == sorted(PROTOCOL_SCOPES)
