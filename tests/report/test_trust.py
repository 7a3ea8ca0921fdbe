"""Judges of cells beside the truth: what is measured of them, what is kept, and what the table says."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from seki_lib.evaluators.agreement import agreement, in_best_fifth
from seki_lib.evaluators.base import Evaluation
from seki_lib.evaluators.zero_cost import ZeroCost
from seki_lib.files.errors import AssetError
from seki_lib.report.trust import Judge, Judged, Lacking, evaluations, judge_cells, known_accuracies, sample
from seki_lib.report.trust_table import trust_figure, trust_table, verdict

TRUTH = np.arange(40.0)


def scores(judge, cells, path):
    return [line["f"] for line in evaluations(judge, cells, path)]


def judged(judge, values, seed=None, space="darts"):
    trained = None if seed is None else {"seed": seed, "seconds": 3.0, "data": "images"}
    return Judged(judge, space, "a table", np.array(values), TRUTH, 0.001, trained)


class Counting(ZeroCost):
    """Scores cells 1, 2, 3, … as they are asked for."""

    __module__ = ZeroCost.__module__  # whose code counts

    def __init__(self, kind="params"):
        super().__init__("nas201", "cifar10", kind=kind)
        self.asked = 0

    def __call__(self, arch):
        self.asked += 1
        return Evaluation(float(self.asked), {}, 0.5)


def test_a_perfect_judge_has_tau_1_and_no_regret_and_a_reversed_one_loses_all():
    perfect, reversed_ = agreement(TRUTH, TRUTH), agreement(-TRUTH, TRUTH)
    assert (
        perfect.tau == pytest.approx(1.0)
        and perfect.regret == 0.0
        and (perfect.low, perfect.high) == pytest.approx((1.0, 1.0))
    )
    assert reversed_.tau == pytest.approx(-1.0) and reversed_.regret == 30.0
    guess = agreement(np.random.default_rng(0).random(40), TRUTH)
    assert guess.low < 0 < guess.high
    with pytest.raises(ValueError, match="three cells or more"):
        agreement(TRUTH[:2], TRUTH[:2])


def test_the_best_fifth_is_that_of_the_truth():
    only_the_bad_ones = np.minimum(TRUTH, 31.0)  # orders 32 of 40 cells, and none of the best eight
    found = in_best_fifth(np.where(TRUTH < 32, only_the_bad_ones, 100 - TRUTH), TRUTH)
    assert found.cells == 8 and found.tau == pytest.approx(-1.0)


def test_equal_scores_have_no_tau():
    assert str(agreement(np.zeros(40), TRUTH)) == "–"


def test_a_cell_is_scored_once_and_again_by_another_judge_or_other_code(tmp_path, monkeypatch):
    judge, cells, path = Counting(), sample("nas201", 5), tmp_path / "kept" / "s.jsonl"
    assert len({judge.space.canonical(cell) for cell in cells}) == 5 and cells == sample("nas201", 5)
    assert scores(judge, cells[:3], path) == [1.0, 2.0, 3.0]
    assert scores(judge, cells, path) == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert scores(Counting("naswot"), cells, path) == [1.0, 2.0, 3.0, 4.0, 5.0] and judge.asked == 5
    assert {line["seconds"] for line in evaluations(judge, cells, path)} == {0.5}
    monkeypatch.setattr("seki_lib.report.trust.fingerprint", lambda *modules: "other code")
    assert scores(judge, cells, path) == [6.0, 7.0, 8.0, 9.0, 10.0]


def test_judges_of_one_evaluator_share_its_work(tmp_path, monkeypatch):
    class TwoValues(Counting):
        __module__ = ZeroCost.__module__

        def __call__(self, arch):
            return super().__call__(arch)._replace(metrics={"backwards": -float(self.asked)})

    known = sample("nas201", 12), np.arange(12.0), "a table"
    monkeypatch.setattr("seki_lib.report.trust.known_accuracies", lambda *a: known)
    evaluator = TwoValues()
    judges = [Judge("score", evaluator), Judge("metric", evaluator, "backwards")]
    up, down = judge_cells("nas201", judges, 12, tmp_path, say=lambda line: None)
    assert evaluator.asked == 12 and up.scores.tolist() == (-down.scores).tolist() == [*range(1, 13)]


def test_the_known_cells_of_darts_are_bounded_by_what_was_trained():
    cells, truth, _ = known_accuracies("darts", 20)
    assert len(cells) == len(truth) == 20 and len(known_accuracies("darts", 10_000)[0]) == 515


def test_a_judge_whose_files_are_out_of_reach_is_a_row_that_was_not_run(tmp_path, monkeypatch):
    class Without(Counting):
        __module__ = ZeroCost.__module__

        def __call__(self, arch):
            raise AssetError("no images: fetch them")

    monkeypatch.setattr(
        "seki_lib.report.trust.known_accuracies", lambda *a: (sample("nas201", 12), np.arange(12.0), "a table")
    )
    judges = [Judge("a", Without()), Judge("b", Counting("naswot"))]
    rows = judge_cells("nas201", judges, 12, tmp_path, say=lambda line: None)
    assert isinstance(rows[0], Lacking) and rows[1].overall.tau == pytest.approx(1.0) and rows[1].seconds == 0.5
    table = trust_table(rows, "laptop")
    assert table.rows[0][2][3].text == "not run" and "fetch them" in table.rows[0][2][3].detail
    assert table.rows[1][2][3].text == "1.00 [1.00, 1.00]" and table.rows[1][2][3].provenance == "measured"
    monkeypatch.undo()

    def no_table(*arguments):
        raise AssetError("no table")

    monkeypatch.setattr("seki_lib.report.trust.known_accuracies", no_table)
    assert judge_cells("trans101", [Judge("a", None)], 12, tmp_path) == [Lacking("a", "trans101", "no table")]


def test_the_sentences_are_computed_from_the_numbers():
    noise = np.random.default_rng(0).random(40)
    rows = [judged("f", noise, 0), judged("zero_cost:params", TRUTH // 4), judged("surrogate:ridge", TRUTH)]
    said = verdict(rows)
    assert f"f orders cells with τ {rows[0].overall}, which may be a guess." in said
    assert f"parameters alone reach τ {rows[1].overall}." in said
    assert "highest τ there has surrogate:ridge: 1.00 [1.00, 1.00]" in said
    assert "worse than a guess" in verdict([judged("f", -TRUTH, 0)])
    assert "guess" not in verdict([judged("f", TRUTH, 0)])


def test_several_supernets_give_an_interval_over_their_seeds():
    rows = [
        judged("f", TRUTH + shift * np.random.default_rng(1).random(40), seed) for seed, shift in enumerate((0, 9, 30))
    ]
    mean = np.mean([row.overall.tau for row in rows])
    assert f"τ {mean:.2f} [" in verdict(rows) and "mean of 3 supernet seeds" in verdict(rows)
    notes = " ".join(trust_table(rows, "laptop").notes)
    assert "seeds 0, 1, 2" in notes and "One supernet seed" not in notes
    assert "One supernet seed" in " ".join(trust_table(rows[:1], "laptop").notes)


def test_the_figure_has_a_panel_for_each_space_that_was_judged():
    rows = [judged("f", TRUTH, 0), judged("g", -TRUTH, space="nas201"), Lacking("h", "trans101", "a table")]
    figure = trust_figure(rows)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["DARTS, 40 cells", "NAS-Bench-201, 40 cells"]
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["f, seed 0"]
    plt.close(figure)
