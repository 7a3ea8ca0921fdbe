import re
from pathlib import Path

import numpy as np
import pytest
from kept import finished

from seki_lib import get_evaluator
from seki_lib.baseline_runs import BaselineRuns
from seki_lib.evaluators.trans101_table import SEARCHED, TASKS
from seki_lib.report import benchmark_tables, trans101_plots
from seki_lib.report.tables import paper_table


@pytest.fixture(scope="module")
def evaluators(trans101_table):
    return {task: get_evaluator("tabular", space="trans101", task=task) for task in TASKS}


def results(evaluators, seeds):
    """Finished searches that found the best cell of every task with seed 0, and the 11th best with seed 1."""
    runs = {}
    for task, evaluator in evaluators.items():
        scores = sorted((row[evaluator._column] for row in evaluator._table.rows.values()), reverse=True)
        config = {"llm": {"name": "fake:llm"}, "run": {"profile": "laptop"}, "data": {"sentence": "S"}}
        runs[task] = [
            finished(
                Path("searches") / task / "llm" / "default" / f"seed={seed}",
                config,
                {"evaluations": 51, "score": scores[10 * seed], "architecture": evaluator.top()[0]},
            )
            for seed in seeds
        ]
    return runs


def baselines(evaluators, seeds=3):
    names = ("random_search", "regularized_evolution", "local_search")
    return {
        task: BaselineRuns(
            (SEARCHED[task],), {n: np.zeros((seeds, 5)) for n in names},
            {n: np.full((seeds, 1), evaluators[task].best()[SEARCHED[task]]) for n in names},
        )
        for task in TASKS
    }  # fmt: skip


def test_table4_of_the_paper_is_typed_to_the_last_digit():
    rows = paper_table(4)
    values = [row[column] for row in rows for column in (*TASKS, "average_rank")]
    assert len(rows) == 9 and len(values) == 72
    assert values.count("-") == 5
    assert all(re.fullmatch(r"\d\d\.\d\d", row[task]) or row[task] == "-" for row in rows for task in TASKS)
    assert [row["average_rank"] for row in rows] == [
        "85.61",
        "38.50",
        "34.31",
        "35.73",
        "14.7",
        "12.2",
        "12.3",
        "7.7",
        "1",
    ]
    assert sum(int(digit) for value in values for digit in value if digit.isdigit()) == 1195
    assert list(rows[7].values()) == ["SEKI", "46.22", "54.63", "57.03", "58.22", "25.80", "59.37", "94.99", "7.7"]


def test_ours_has_a_deviation_only_where_there_are_several_seeds(evaluators):
    for seeds in [(0,), (0, 1)]:
        runs = results(evaluators, seeds)
        ours = benchmark_tables.searched_method(runs, evaluators)
        table = benchmark_tables.table4(
            ours, benchmark_tables.baseline_methods(baselines(evaluators), evaluators), evaluators, runs
        )
        label, n, cells = next(row for row in table.rows if row[0].startswith("SEKI, ours"))
        assert label == "SEKI, ours, fake:llm" and n == str(len(seeds))
        assert all(("±" in cell.text) == (len(seeds) > 1) for cell in cells)
        assert {cell.provenance for cell in cells} == {"measured"}
    assert ours.average_rank[0] == 1
    assert 10 <= ours.average_rank[1] <= 11  # ties share the lowest rank
    assert cells[5].text.startswith("59.") and "-" not in cells[5].text  # the loss without its minus sign


def test_the_table_keeps_every_row_of_the_paper_and_says_what_is_odd_about_them(evaluators):
    runs = results(evaluators, (0,))
    methods = benchmark_tables.baseline_methods(baselines(evaluators), evaluators)
    table = benchmark_tables.table4(benchmark_tables.searched_method(runs, evaluators), methods, evaluators, runs)
    assert [row[0] for row in table.rows[:9]] == [row["architecture"] for row in paper_table(4)]
    oracle = table.rows[-1]
    assert [cell.text for cell in oracle[2]] == ["46.32", "54.94", "57.72", "59.62", "26.27", "59.38", "95.37", "1"]
    written = table.markdown()
    assert "cut, not rounded" in written and "4,096" in written and "maxima over epochs of their own" in written
    assert "| LAPT-NAS" in written and " - " in written


def test_without_the_benchmark_ours_reads_not_run():
    table = benchmark_tables.table4_not_run("laptop", "no table was found")
    label, _, cells = table.rows[-1]
    assert label == "SEKI, ours" and {cell.text for cell in cells} == {"not run"}
    assert "Not run: no table was found" in table.markdown()


def test_printed_values_lie_between_two_ranks(evaluators):
    ranks = benchmark_tables.paper_ranks("SEKI", evaluators)
    assert set(ranks) == set(TASKS)
    assert all(1 <= low <= high for low, high in ranks.values())
    assert sum(low for low, _ in ranks.values()) / 7 <= 7.7 <= sum(high for _, high in ranks.values()) / 7
    assert "class_scene" not in benchmark_tables.paper_ranks("LAPT-NAS", evaluators)  # a dash


def test_an_interval_names_its_number_of_runs():
    assert benchmark_tables.rank_text(np.array([3.0])) == "3.0 (n = 1)"
    assert benchmark_tables.rank_text(np.array([1.0, 3.0])) == "2.0 ± 12.7 (n = 2)"


def test_the_figures_show_every_task_and_every_method(evaluators):
    runs = results(evaluators, (0, 1))
    ours = benchmark_tables.searched_method(runs, evaluators)
    methods = benchmark_tables.baseline_methods(baselines(evaluators), evaluators)
    figure = trans101_plots.rank_by_task(ours, methods, benchmark_tables.paper_ranks("SEKI", evaluators))
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert len(labels) == 5 and "SEKI, ours, fake:llm (n = 2)" in labels
    ticks = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert ticks == [*(task.heading for task in TASKS.values()), "average"]
    found = {task: evaluators[task].top()[0] for task in TASKS}
    titles = [axes.get_title() for axes in trans101_plots.best_cells(found, evaluators).axes]
    assert all(any(text in title and "rank 1 of 4,096" in title for title in titles) for text in found.values())
    texts = [text.get_text() for text in trans101_plots.transfer(evaluators).axes[0].texts]
    assert len(texts) == 49 and [texts[8 * i] for i in range(7)] == ["1"] * 7
    import matplotlib.pyplot

    matplotlib.pyplot.close("all")
