import random
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grantlens.analysis.cover import scope_cost, smallest
from grantlens.analysis.exact import Answer
from grantlens.analysis.greedy import greedy


def permits(scopes, alternatives):
    return any(each <= set(scopes) for each in alternatives)


def brute_force(operations, cost):
    """Try every scope set; return the least (cost, count) and all sets that reach that cost."""
    names = sorted({scope for sets in operations.values() for each in sets for scope in each})
    best, answers = None, []
    for size in range(len(names) + 1):
        for chosen in combinations(names, size):
            if all(permits(chosen, sets) for sets in operations.values() if sets):
                price = sum(cost.get(scope, 1) for scope in chosen)
                if best is None or price < best:
                    best, answers = price, [chosen]
                elif price == best:
                    answers.append(chosen)
    return best, answers


scopes = st.sampled_from("abcdefgh")
alternatives = st.lists(st.frozensets(scopes, min_size=1, max_size=3), min_size=1, max_size=4)
problems = st.dictionaries(st.integers(0, 9).map("op{}".format), alternatives, max_size=8)
costs = st.dictionaries(scopes, st.integers(1, 5), max_size=8)


@given(problems, costs)
@settings(max_examples=150, deadline=None)
def test_exact_answer_is_the_cheapest_and_permits_everything(operations, cost):
    cover = smallest(operations, cost)
    best, answers = brute_force(operations, cost)
    assert cover.status == "exact"
    assert all(permits(cover.scopes, sets) for sets in operations.values())
    assert cover.cost == best
    assert len(cover.scopes) == min(len(each) for each in answers)


@given(problems, costs)
@settings(max_examples=100, deadline=None)
def test_greedy_permits_everything_and_carries_nothing_superfluous(operations, cost):
    price = {scope: cost.get(scope, 1) for scope in "abcdefgh"}
    found = greedy([frozenset(sets) for sets in operations.values()], price)
    best, _ = brute_force(operations, cost)
    assert all(permits(found, sets) for sets in operations.values())
    assert sum(price[scope] for scope in found) >= best
    for scope in found:
        assert not all(permits(found - {scope}, sets) for sets in operations.values())


@given(problems, costs)
@settings(max_examples=60, deadline=None)
def test_a_witness_is_lost_without_its_scope(operations, cost):
    cover = smallest(operations, cost)
    for scope in cover.scopes:
        rest = set(cover.scopes) - {scope}
        assert cover.witness[scope] == next(name for name in sorted(operations) if not permits(rest, operations[name]))


def test_order_of_the_input_does_not_matter():
    generator = random.Random(5)
    names = [f"s{number:02d}" for number in range(30)]
    operations = {
        f"op{number:02d}": [frozenset(generator.sample(names, generator.choice([1, 1, 2]))) for _ in range(3)]
        for number in range(60)
    }
    first = smallest(operations)
    for _ in range(3):
        items = list(operations.items())
        generator.shuffle(items)
        shuffled = {name: generator.sample(sets, len(sets)) for name, sets in items}
        assert smallest(shuffled) == first


def test_conjunctive_alternatives_are_not_torn_apart():
    # Count-greedy tools fail here: each scope alone permits nothing.
    cover = smallest({"op": [frozenset({"a", "b"}), frozenset({"z"})]}, {"a": 1, "b": 1, "z": 5})
    assert cover.scopes == ("a", "b")


def test_equal_costs_go_to_the_earlier_name():
    assert smallest({"op": [frozenset({"b"}), frozenset({"a"})]}).scopes == ("a",)


def test_dearer_scope_wins_where_it_replaces_two():
    operations = {"one": [frozenset("r"), frozenset("w")], "two": [frozenset("x"), frozenset("w")]}
    assert smallest(operations, {"r": 3, "x": 3, "w": 5}).scopes == ("w",)


def test_an_operation_that_nothing_permits_is_left_out():
    cover = smallest({"lost": [], "free": [frozenset()], "op": [frozenset("a")]})
    assert cover.scopes == ("a",)


def test_nothing_to_permit():
    cover = smallest({})
    assert (cover.scopes, cover.cost, cover.status) == ((), 0, "exact")


def test_risk_comes_before_reach():
    assert scope_cost(1, 999) < scope_cost(2, 1)


@pytest.mark.parametrize("cost", [0, -1])
def test_a_scope_without_a_price_is_refused(cost):
    with pytest.raises(ValueError, match="above 0"):
        smallest({"op": [frozenset("a")]}, {"a": cost})


@pytest.mark.parametrize("in_time", [None, frozenset("abcde")])
def test_what_is_not_proven_is_labelled_greedy(monkeypatch, in_time):
    operations = {f"op{number}": [frozenset(pair) for pair in combinations("abcde", 2)][number:] for number in range(7)}
    operations |= {"x": [frozenset("a"), frozenset("c")], "y": [frozenset("b"), frozenset("c"), frozenset("d")]}
    best = smallest(operations, {"c": 3})
    monkeypatch.setattr("grantlens.analysis.cover.solve", lambda *_: Answer(in_time, False))
    cover = smallest(operations, {"c": 3})
    assert cover.status == "greedy"
    assert all(permits(cover.scopes, sets) for sets in operations.values())
    assert best.cost <= cover.cost < 5
