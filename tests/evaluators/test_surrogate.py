"""The judges of the DARTS space: they order cells of known accuracy, and their numbers say what they are."""

import json
from itertools import combinations
from random import Random

import numpy as np
import pytest

from seki_lib import get_evaluator, get_space
from seki_lib.evaluators.agreement import agreement
from seki_lib.evaluators.nasbench301 import Ridge, known_cells, predictions
from seki_lib.files.assets import locate
from seki_lib.files.errors import AssetError, InvalidArchitecture, UnknownName
from seki_lib.spaces.darts import OPERATIONS, PUBLIC_GENOTYPES, DartsGenotype

DARTS = get_space("darts")
DARTS_V2 = DARTS.parse(PUBLIC_GENOTYPES["DARTS_V2"])
SEPARABLE = DartsGenotype(tuple(("sep_conv_3x3", source) for _ in range(4) for source in (0, 1)), DARTS_V2.reduce)
WORDS = "surrogate of NAS-Bench-301, not an accuracy"


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """Nothing from outside: no mirror, an empty cache, no network."""
    for variable in ("SEKI_MIRROR", "SEKI_DATA"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("seki_lib.files.assets._download", lambda asset, url: (_ for _ in ()).throw(OSError("offline")))


@pytest.fixture(scope="session")
def yahpo():
    if not locate("yahpo_nb301"):
        pytest.skip("needs YAHPO's surrogate: set SEKI_MIRROR")
    return get_evaluator("surrogate", space="darts", task="cifar10")


def test_the_kits_own_files_hold_the_cells_that_their_notice_names():
    counts = {"true_cells": 515, "true_extremes": 8, "xgb_predictions": 1218}
    files = {name: known_cells(f"nasbench301_{name}") for name in counts}
    assert {name: len(cells) for name, (cells, _) in files.items()} == counts
    assert all(85 < accuracy < 96 for _, accuracies in files.values() for accuracy in accuracies)
    groups = [{DARTS.canonical(cell) for cell in cells} for cells, _ in files.values()]
    assert not any(one & other for one, other in combinations(groups, 2)), "a judge was fitted on what it is judged by"


def test_the_ridge_works_without_mirror_and_network_and_orders_the_true_cells(alone):
    evaluator = get_evaluator("surrogate", space="darts", task="cifar10", kind="ridge")
    evaluator.load()
    assert evaluator(DARTS_V2).metrics == {"surrogate_ridge": evaluator(DARTS_V2).score}
    assert set(evaluator.final(DARTS_V2)) == {"surrogate_ridge", "params_m", "most_repeated"}
    found = evaluator.agreements["ridge"]
    assert found.cells == 515 and found.low < 0.69 < found.high and found.high - found.low < 0.08


def test_without_its_file_the_network_names_what_was_tried(alone):
    with pytest.raises(AssetError, match=r"yahpo_nb301\.onnx was not found"):
        get_evaluator("surrogate", space="darts", task="cifar10")(DARTS_V2)


def test_the_ridge_adds_up_the_weights_of_sixteen_edges():
    """By hand: normal equations of the one-hot edges, the intercept not shrunk."""
    cells, accuracies = known_cells("nasbench301_xgb_predictions")
    slots = [(node, source) for node in (2, 3, 4, 5) for source in range(node)]
    index = {key: i for i, key in enumerate((h, s, o) for h in (0, 1) for s in slots for o in OPERATIONS)}
    x = np.zeros((len(cells), len(index)))
    for row, cell in zip(x, cells, strict=True):
        for half, edges in enumerate((cell.normal, cell.reduce)):
            for i, (operation, source) in enumerate(edges):
                row[index[half, (2 + i // 2, source), operation]] = 1
    centred = x - x.mean(axis=0)
    weights = np.linalg.solve(centred.T @ centred + np.eye(x.shape[1]), centred.T @ (accuracies - accuracies.mean()))
    by_hand = accuracies.mean() + centred @ weights
    np.testing.assert_allclose(predictions(Ridge(), cells), by_hand, rtol=0, atol=1e-8)


def test_the_network_orders_the_true_cells_and_says_one_and_a_half_points_too_much(yahpo):
    found = yahpo.agreements["yahpo"]
    assert found.low < 0.65 < found.high
    assert found.offset == pytest.approx(1.44, abs=0.01)
    assert yahpo.agreements["ridge"].tau > found.tau


def test_the_networks_codes_are_those_of_its_own_encoding(yahpo):
    path = locate("yahpo_nb301").with_name("yahpo_encoding.json")
    if not path.exists():
        pytest.skip("needs YAHPO's encoding: set SEKI_MIRROR")
    coding = {name.rpartition("COLON_")[2]: codes for name, codes in json.loads(path.read_text()).items()}
    names = [f"edge_{cell}_{i}" for cell in ("normal", "reduce") for i in range(14)]
    names += [f"inputs_node_{cell}_{node}" for cell in ("normal", "reduce") for node in (3, 4, 5)]
    written = dict.fromkeys(names, "#na#")
    slot = [(node, source) for node in (2, 3, 4, 5) for source in range(node)]
    for cell in ("normal", "reduce"):
        edges = getattr(DARTS_V2, cell)
        for i, (operation, source) in enumerate(edges):
            written[f"edge_{cell}_{slot.index((2 + i // 2, source))}"] = operation
        for node in (3, 4, 5):
            pair = sorted(source for _, source in edges[2 * node - 4 : 2 * node - 2])
            written[f"inputs_node_{cell}_{node}"] = "_".join(map(str, pair))
    assert yahpo.judge.code(DARTS_V2) == [coding[name][value] for name, value in written.items()]


def test_a_cell_is_judged_by_both_and_the_numbers_say_what_they_are(yahpo):
    ridge = get_evaluator("surrogate:ridge", space="darts", task="cifar10")
    both = yahpo(DARTS_V2).metrics
    assert yahpo(DARTS_V2).score == both["surrogate_yahpo"]
    assert ridge(DARTS_V2).score == both["surrogate_ridge"] != both["surrogate_yahpo"]
    for evaluator in (yahpo, ridge):
        final = evaluator.final(DARTS_V2)
        assert final == {**both, "params_m": pytest.approx(3.349, abs=0.001), "most_repeated": 5.0}
        assert evaluator.source.sentence.startswith(WORDS)
        text = evaluator.caveat(DARTS_V2)
        assert text.startswith(WORDS) and str(evaluator.agreements["yahpo"]) in text and "CAUTION" not in text


def test_a_cell_that_repeats_one_operation_is_flagged(yahpo):
    assert "CAUTION: one of its cells holds sep_conv_3x3 8 times" in yahpo.caveat(SEPARABLE)
    assert yahpo.final(SEPARABLE)["most_repeated"] == 8


@pytest.mark.parametrize("kind", ["yahpo", "ridge"])
def test_a_cell_of_another_space_is_refused(kind, yahpo):
    evaluator = get_evaluator("surrogate", space="darts", task="cifar10", kind=kind)
    with pytest.raises(InvalidArchitecture, match="a DartsGenotype is expected"):
        evaluator(get_space("nas201").random(Random(0)))


def test_names_that_do_not_exist_list_those_that_do():
    with pytest.raises(UnknownName, match="valid: darts"):
        get_evaluator("surrogate", space="nas201", task="cifar10")
    with pytest.raises(UnknownName, match="valid: cifar10"):
        get_evaluator("surrogate", space="darts", task="imagenet")
    with pytest.raises(UnknownName, match="valid: yahpo, ridge"):
        get_evaluator("surrogate:xgb", space="darts", task="cifar10")
    with pytest.raises(UnknownName, match="kind of tabular 'ridge'"):
        get_evaluator("tabular:ridge", space="nas201", task="cifar10")


def test_agreement_is_kendalls_tau_with_an_interval_that_shrinks_with_more_cells():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=400)
    scores = truth + rng.normal(size=400) + 3
    few, many = agreement(scores[:50], truth[:50]), agreement(scores, truth)
    assert many.tau == pytest.approx(0.5, abs=0.05) and many.low < many.tau < many.high
    assert many.high - many.low < few.high - few.low
    assert many.offset == pytest.approx(3, abs=0.2) and agreement(truth, truth).tau == 1
