"""What notebook 05 says of one search, and notebook 11 of searches by the surrogate."""

import json
from random import Random

import numpy as np
import pandas as pd
import pytest
from kept import rounds_and_calls
from matplotlib import pyplot as plt

from seki_lib.baseline_runs import BaselineRuns
from seki_lib.evaluators.surrogate import NOT_AN_ACCURACY
from seki_lib.report import analysis, by_surrogate, plots, style
from seki_lib.report.cells import found_by
from seki_lib.results import SearchResult
from seki_lib.spaces import get_space


def test_a_change_of_one_edge_is_a_distance_of_one_and_the_order_of_a_nodes_edges_is_none():
    for name in ("nas201", "darts"):
        space = get_space(name)
        cell = space.random(Random(0))
        assert analysis.edges_changed(cell, cell) == 0
        assert {analysis.edges_changed(cell, other) for other in space.neighbors(cell)} == {1}
    first, second, *others = cell.normal
    assert analysis.edges_changed(cell, space.architecture((second, first, *others), cell.reduce)) == 0
    assert analysis.random_distance(get_space("nas201")) == pytest.approx(4.8, abs=0.1)


def test_the_parent_is_the_cell_before_and_then_the_nearest_of_the_k_best(tmp_path):
    space = get_space("nas201")
    cells = [space.architecture(tuple(edges)) for edges in (
        ["none"] * 6, ["skip_connect"] * 6, ["skip_connect"] * 5 + ["none"], ["none"] * 5 + ["skip_connect"],
    )]  # fmt: skip
    stages = ["alpha0", "self_evolution", "knowledge_inspiration", "knowledge_inspiration"]
    rounds_and_calls(tmp_path, [
        {"round": i, "stage": stage, "architecture": space.format(cell), "canonical": space.format(cell), "score": i,
         "how": "llm" if i else "alpha0"} for i, (cell, stage) in enumerate(zip(cells, stages, strict=True))
    ])  # fmt: skip
    assert analysis.rounds_of(tmp_path, space, k=8)["distance"].tolist() == [6, 1, 1]
    assert analysis.rounds_of(tmp_path, space, k=1)["distance"].tolist() == [6, 1, 6]


@pytest.mark.parametrize(
    ("hows", "says"),
    [
        ({"llm": 45, "edited": 5}, "So the LLM explores more often"),
        ({"llm": 5, "resampled": 20, "edited": 25}, "So the LLM repeats more often"),
        ({"llm": 26, "edited": 24}, "cannot be decided"),
        ({"llm": 5, "repaired": 45}, "cannot be decided"),
    ],
)
def test_the_verdict_is_decided_by_the_interval(hows, says):
    how = [how for how, n in hows.items() for _ in range(n)]
    rounds = pd.DataFrame({"how": how, "is_new": True, "distance": 2, "stage": "self-evolution"})
    assert says in analysis.verdict(rounds, 4.8) and "51 of 51" in analysis.verdict(rounds, 4.8)


def searched(folder, seed, yahpo):
    """A finished search whose last cell is the best."""
    run = folder / f"seed={seed}"
    run.mkdir()
    final = {"surrogate_yahpo": yahpo, "surrogate_ridge": yahpo - 1}
    (run / "result.json").write_text(json.dumps({"final": final, "caveat": NOT_AN_ACCURACY, "score": yahpo}))
    config = {"llm": {"name": "an:llm"}, "data": {"sentence": f"{NOT_AN_ACCURACY}; more"}}
    (run / "config.json").write_text(json.dumps(config))
    rounds_and_calls(run, [{"score": score} for score in (93.0, 92.0, yahpo)])
    return SearchResult(run)


@pytest.fixture
def baselines():
    scores = {name: np.full((10, 3), 94.0) for name in style.BASELINES}
    columns = ("surrogate_yahpo", "surrogate_ridge")
    return BaselineRuns(columns, scores, {name: np.tile([94.0, 93.0], (10, 1)) for name in scores})


def test_an_llm_is_compared_with_random_search_seed_by_seed(tmp_path, baselines):
    found = [
        searched(tmp_path, seed, yahpo) for seed, yahpo in ((5, 94.5), (7, 94.4), (8, 94.5), (9, 94.6), (30, 99.0))
    ]
    said = by_surrogate.verdict("an:llm", found, baselines)
    assert "0.50 points above" in said and "n = 4 seeds" in said and NOT_AN_ACCURACY in said
    assert "cannot be decided" not in said
    assert "cannot be decided" in by_surrogate.verdict("an:llm", [*found, searched(tmp_path, 6, 90.0)], baselines)
    for few in (1, 2, 3):
        assert by_surrogate.verdict("an:llm", found[:few], baselines).endswith("Fewer than 4 decide nothing.")
    assert "cannot be compared" in by_surrogate.verdict("an:llm", found[4:], baselines)
    table = by_surrogate.surrogate_table({"an:llm": found}, baselines, "smoke")
    assert NOT_AN_ACCURACY in table.title
    label, n, cells = table.rows[0]
    assert (label, n, cells[1].text) == ("SEKI, ours, an:llm", "5", "+0.50 ± 0.13 (n = 4)")
    assert len(table.rows) == 4


def test_what_is_said_of_many_searches_stands_once(tmp_path, baselines):
    found = [searched(tmp_path, seed, 94.0) for seed in (8, 9, 10)]
    for one in found[1:]:
        one.result["caveat"] += " CAUTION: it holds one operation 7 times."
    notes = by_surrogate.surrogate_table({"an:llm": found}, baselines, "smoke").notes
    assert notes[-1].startswith(f"{NOT_AN_ACCURACY} 2 of 3 final cells hold one operation six times or more")


def test_means_are_drawn_with_a_band_where_there_are_seeds(tmp_path, baselines):
    scores = by_surrogate.scores([searched(tmp_path, 8, 95.0)])
    figure = plots.mean_best_so_far({"an:llm": scores}, baselines, lam=1, score=by_surrogate.AXIS)
    assert [93.0, 93.0, 95.0] in [list(line.get_ydata()) for line in figure.axes[0].get_lines()]
    assert NOT_AN_ACCURACY in figure.axes[0].get_ylabel()
    assert "an:llm (n = 1)" in [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    plt.close(figure)


def test_a_found_cell_names_its_llm_and_its_score(tmp_path):
    assert found_by(searched(tmp_path, 8, 95.0)) == f"found by an:llm, seed 8, f = 95.00\nf: {NOT_AN_ACCURACY}"
