"""Wildcards against the standard library's matching, and in a store."""

import fnmatch
import json

from hypothesis import given
from hypothesis import strategies as st

from grantlens.catalogue.model import Catalogue
from grantlens.catalogue.pattern import expand_patterns, matcher
from tests.catalogue.test_aws import definition

NAMES = st.text("abA:*?", max_size=6)


@given(pattern=NAMES, text=st.text("abA:", max_size=6))
def test_it_matches_as_fnmatch_does(pattern, text):
    assert matcher(pattern)(text) == fnmatch.fnmatchcase(text, pattern)
    assert matcher(pattern, case_sensitive=False)(text) == fnmatch.fnmatchcase(text.lower(), pattern.lower())


def test_a_pattern_of_many_stars_does_not_blow_up():
    """Tried in every way, as it was, this does not end."""
    assert not matcher("*a" * 30 + "*b")("a" * 300)


def test_brackets_mean_nothing():
    assert not matcher("s3:[GP]et*")("s3:GetObject")
    assert matcher("a.b")("a.b")
    assert not matcher("a.b")("axb")


def grant(engine, *scopes, batch=1):
    """Put an issuance with these scopes into a store."""
    engine.execute(
        "INSERT INTO issuance (batch_id, line_no, event_id, issued_at, kind, outcome, source, scopes) "
        "VALUES ($batch, 1, 'e1', now(), 'token', 'success', 'x', $scopes)",
        {"scopes": list(scopes), "batch": batch},
    )


def implied(engine):
    """Return what each scope of the store implies."""
    return engine.rows(
        """
        SELECT b.scope, list(n.scope ORDER BY n.scope)
        FROM cat_scope_implies i JOIN cat_scope b ON b.scope_id = i.broader JOIN cat_scope n ON n.scope_id = i.narrower
        GROUP BY b.scope ORDER BY b.scope
        """
    )


def aws(tmp_path, *actions):
    """Build a catalogue of these actions of one service."""
    file = tmp_path / "definition.json"
    file.write_text(json.dumps(definition(*actions)))
    return Catalogue.build("aws", file)


def test_a_pattern_stands_for_what_it_matches_once(tmp_path, engine, add):
    grant(engine, "acme:Get*", "acme:GetOne", "acme:Put?", "nothing:*")
    add(aws(tmp_path, "GetOne", "GetTwo", "PutA", "PutAll"))
    assert implied(engine) == [("acme:Get*", ["acme:GetOne", "acme:GetTwo"]), ("acme:Put?", ["acme:PutA"])]
    assert expand_patterns(engine) == 0  # nothing new
    add(aws(tmp_path, "GetOne", "GetThree"))  # a newer catalogue: the pattern is spelled out anew
    assert implied(engine) == [("acme:Get*", ["acme:GetOne", "acme:GetThree"])]
    assert engine.value("SELECT count(*) FROM cat_scope WHERE scope LIKE '%*%'") == 1


def test_patterns_of_later_batches_and_of_a_catalogue_added_again(tmp_path, engine, add):
    grant(engine, "acme:Get*")
    catalogue = aws(tmp_path, "GetOne", "PutA")
    add(catalogue)
    grant(engine, "acme:P*", batch=2)
    assert expand_patterns(engine) == 1
    grant(engine, "acme:G*", batch=2)  # the last batch was taken back, and another has its number
    assert expand_patterns(engine) == 1
    assert expand_patterns(engine) == 0
    add(catalogue)  # the same once more: what earlier batches granted is not forgotten
    assert [pattern for pattern, _ in implied(engine)] == ["acme:G*", "acme:Get*", "acme:P*"]


def test_what_a_log_of_calls_repeats_is_spelled_out(tmp_path, engine, add):
    add(aws(tmp_path, "GetOne"))
    engine.execute("INSERT INTO usage_caller (caller_id, source, token_scopes) VALUES (7, 'x', ['acme:G*'])")
    assert expand_patterns(engine) == 1


def test_a_pattern_is_as_risky_as_the_riskiest_it_matches(tmp_path, engine, add):
    grant(engine, "*")
    add(aws(tmp_path, "GetOne", "PutA"))
    assert engine.value(
        "SELECT max(rank) FROM cat_scope_risk JOIN cat_scope USING (scope_id) WHERE scope = '*'"
    ) == engine.value("SELECT max(rank) FROM cat_scope_risk")


def test_other_catalogues_have_no_patterns(engine, add, toml):
    grant(engine, "mail.*")
    add(toml('[catalogue]\nname = "mail"\n[[operation]]\nmethod = "GET"\npath = "/x"\nrequires = [["mail.read"]]\n'))
    assert implied(engine) == []
