"""Cells that an LLM draws from a pattern, held against exact chances."""

from itertools import product
from random import Random

import numpy as np
import pytest

from seki_lib.evaluators.tabular import tabular
from seki_lib.report.proposals import LEAN, _against_chance, _all_scores, proposals
from seki_lib.results import kept_searches
from seki_lib.spaces import get_space


def test_a_mixture_of_two_cells_is_the_mean_over_all_of_its_cells_by_hand():
    space, rng = get_space("nas201"), Random(3)
    scores = np.random.default_rng(0).uniform(80, 90, (5,) * 6)
    place = {name: i for i, name in enumerate(space.operations)}
    value = lambda edges: scores[tuple(place[name] for name in edges)]  # noqa: E731
    worse, leader, own = (space.random(rng) for _ in range(3))
    shown = {space.format(worse): 81.0, space.format(leader): 89.0}
    found = _against_chance(space, own, shown, 85.0, scores)
    mixtures = list(product(*zip(worse.edges, leader.edges, strict=True)))
    assert found["mixed"] == pytest.approx(value(own.edges) - np.mean([value(edges) for edges in mixtures]))
    of_leader = LEAN + (1 - LEAN) / 2
    chances = [
        np.prod([of_leader if index else 1 - of_leader for index in choice]) for choice in product((0, 1), repeat=6)
    ]
    assert sum(chances) == pytest.approx(1)
    leaning = sum(chance * value(edges) for chance, edges in zip(chances, mixtures, strict=True))
    assert found["leaning"] == pytest.approx(value(own.edges) - leaning)
    better = sum(chance for chance, edges in zip(chances, mixtures, strict=True) if value(edges) > 85)
    assert found["better_mixed"] == pytest.approx(better)
    assert found["better"] == (value(own.edges) > 85)
    assert found["changed"] == pytest.approx(
        value(own.edges) - np.mean([value(cell.edges) for cell in space.neighbors(leader)])
    )


def test_one_shown_cell_drawn_again_is_no_better_than_its_mixture():
    space, scores = get_space("nas201"), np.arange(5.0**6).reshape((5,) * 6)
    cell = space.random(Random(1))
    found = _against_chance(space, cell, {space.format(cell): 1.0}, 1e9, scores)
    assert (found["mixed"], found["leaning"], found["better"]) == (0, 0, 0)


def test_every_first_reply_of_kept_searches_is_counted(table):
    searches = kept_searches("laptop", "nas201", "cifar10", "local:smollm2-135m")[:2]
    row = proposals(searches, tabular("nas201", "cifar10")).loc["local:smollm2-135m"]
    assert (row["searches"], row["proposals"]) == (2, 30)  # 15 rounds of inspiration each


def test_all_cells_have_their_score(table):
    evaluator, space = tabular("nas201", "cifar10"), get_space("nas201")
    cell = space.random(Random(5))
    index = tuple(space.operations.index(name) for name in cell.edges)
    assert _all_scores(evaluator)[index] == evaluator(cell).score
