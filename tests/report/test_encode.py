import json

import pytest

from grantlens.report.encode import to_json


def test_json_gives_the_document_back(document, finding, nasty):
    value = document([finding(0, title=nasty)], nasty)
    assert json.loads(to_json(value)) == value


def test_json_is_harmless_in_a_terminal(document, finding, nasty):
    text = to_json(document([finding(0, title=nasty)], nasty))
    assert text.isascii()
    assert all(character == "\n" or character.isprintable() for character in text)


def test_a_finding_stands_on_its_own_line(document, finding):
    text = to_json(document([finding(i) for i in range(3)]))
    lines = [line.rstrip(",") for line in text.splitlines() if '"rule_version"' in line]
    assert [json.loads(line)["grant_id"] for line in lines] == ["g-0", "g-1", "g-2"]


def test_what_json_cannot_say_is_an_error(document):
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(document(now=float("nan")))
