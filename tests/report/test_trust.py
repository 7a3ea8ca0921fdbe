import numpy as np
import pytest

from seki_lib.evaluators.base import Evaluation
from seki_lib.files.source import DataSource
from seki_lib.report.trust import ranking, sample, scores
from seki_lib.report.trust_table import trust_table
from seki_lib.spaces import get_space


def test_a_perfect_judge_has_tau_1_and_no_regret_and_a_reversed_one_loses_all():
    truth = np.arange(40.0)
    perfect, reversed_ = ranking(truth, truth), ranking(-truth, truth)
    assert perfect.tau == 1.0 and perfect.regret == 0.0 and perfect.tau_interval == pytest.approx((1.0, 1.0))
    assert reversed_.tau == pytest.approx(-1.0) and reversed_.regret == 30.0
    guess = ranking(np.random.default_rng(0).random(40), truth)
    assert guess.tau_interval[0] < 0 < guess.tau_interval[1]
    with pytest.raises(ValueError, match="three cells or more"):
        ranking(truth[:2], truth[:2])
    table = trust_table(
        {("nas201", "batch"): perfect},
        "laptop",
        "images",
        {"nas201": "a table"},
        {"nas201": {"seconds": 3.0, "seed": 0}},
    )
    assert table.rows[0][2][2].text == "1.00 [1.00, 1.00]" and table.rows[0][2][2].provenance == "measured"


def test_a_cell_is_scored_once_and_again_by_another_supernet(tmp_path):
    space, asked = get_space("nas201"), []

    class Judge:
        source = DataSource("first", "", "", "")

        def __call__(self, arch):
            asked.append(arch)
            return Evaluation(float(len(asked)), {}, 0.0)

    judge = Judge()
    judge.space = space
    cells = sample("nas201", 5)
    assert len({space.canonical(cell) for cell in cells}) == 5 and cells == sample("nas201", 5)
    first = scores(judge, cells[:3], tmp_path / "s.jsonl", say=lambda line: None)
    both = scores(judge, cells, tmp_path / "s.jsonl", say=lambda line: None)
    assert first.tolist() == [1.0, 2.0, 3.0] and both.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    judge.source = DataSource("second", "", "", "")
    assert scores(judge, cells, tmp_path / "s.jsonl", say=lambda line: None).tolist() == [6.0, 7.0, 8.0, 9.0, 10.0]
