import re

import pytest

from grantlens.relations import registry as relations
from grantlens.rules import registry as rules

COMMENT = re.compile("--.*")


@pytest.mark.parametrize("name", [*rules(), *relations()])
def test_a_text_names_the_relations_that_it_reads_and_no_others(name):
    read_by = rules().get(name) or relations()[name]
    sql = COMMENT.sub("", read_by.sql)
    read = {each for each in relations() if re.search(rf"\b(FROM|JOIN) {each}\b", sql)}
    own_steps = set(re.findall(r"\b(\w+) AS (?:NOT MATERIALIZED )?\(", sql))
    assert read - own_steps == set(read_by.needs) - own_steps
