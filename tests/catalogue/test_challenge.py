"""WWW-Authenticate, read and written again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantlens.catalogue.challenge import challenges, needed_scopes

SCOPE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1, max_size=8)


@given(
    scopes=st.sets(SCOPE, max_size=4),
    realm=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12),
    first=st.booleans(),
    scheme=st.sampled_from(["Bearer", "bearer", "DPoP"]),
)
def test_what_was_written_is_read(scopes, realm, first, scheme):
    quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
    header = f'{scheme} error="insufficient_scope", scope="{" ".join(sorted(scopes))}", realm="{quoted}"'
    if first:
        header = 'Basic realm="x, Bearer scope=y", ' + header
    assert needed_scopes(header) == scopes
    assert challenges(header)[-1][1]["realm"] == realm


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('Bearer error="insufficient_scope", scope="a b"', {"a", "b"}),
        ("Bearer error=insufficient_scope,scope=a", {"a"}),
        ('Bearer   scope = "a" ,\n error = "insufficient_scope"', {"a"}),
        ('Bearer error="insufficient_scope", resource_metadata="https://x.example/.well-known/y?z=1"', set()),
        ('Bearer error="invalid_token", scope="a"', None),
        ('Bearer realm="x"', None),
        ('Negotiate, Bearer error="insufficient_scope", scope="a"', {"a"}),
        ('Basic error="insufficient_scope", scope="a"', None),
        ('error="insufficient_scope", scope="a"', None),
        ("", None),
    ],
)
def test_headers_as_servers_write_them(header, found):
    assert needed_scopes(header) == found
