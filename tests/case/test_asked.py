import pytest

from grantlens.case.asked import KINDS, Asked, asked
from grantlens.errors import CaseError


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_names_its_column(kind):
    about = asked(**{kind: "x"})
    assert about == Asked(kind, "x")
    assert about.column == f"{kind}_id"


def test_an_empty_id_is_an_id():
    assert asked(client="") == Asked("client", "")


def test_several_are_named_in_the_error():
    with pytest.raises(CaseError, match="client a, token b were named"):
        asked(client="a", token="b")
