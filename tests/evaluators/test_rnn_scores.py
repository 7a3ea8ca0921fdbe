"""f of recurrent cells: real words, shared weights, one value a class; the unchanged search runs on it."""

import json
from random import Random

import pytest
from fakes import FakeLLM

from seki_lib.datasets.at_hand import STAND_INS
from seki_lib.evaluators import get_evaluator
from seki_lib.evaluators.oneshot import tasks
from seki_lib.evaluators.rnn import TASKS as TEXT_TASKS
from seki_lib.files.errors import RunError, UnknownName
from seki_lib.profiles import get_profile
from seki_lib.runs import RunSpec, search_run
from seki_lib.spaces import get_space
from seki_lib.spaces.darts_rnn import RnnGenotype
from seki_lib.training.language_model import run_supernet
from seki_lib.training.protocol import SupernetSpec, dataset_at_hand

SPACE = get_space("darts_rnn")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A folder in which the smoke profile's supernet is trained on the text at hand."""
    folder = tmp_path_factory.mktemp("results")
    spec = SupernetSpec("darts_rnn", "ptb", "smoke")
    at_hand = SupernetSpec("darts_rnn", dataset_at_hand("ptb", spec.config), "smoke")
    run_supernet(at_hand, folder, say=lambda line: None)
    return folder


def evaluator(results):
    return get_evaluator("rnn", space="darts_rnn", task="ptb", profile="smoke", results=results)


def test_the_score_is_minus_a_perplexity_and_always_the_same(results):
    first, again = evaluator(results), evaluator(results)
    cells = [SPACE.random(Random(seed)) for seed in range(4)]
    scores = [first(cell).score for cell in cells]
    assert scores == [again(cell).score for cell in reversed(cells)][::-1] and len(set(scores)) == 4
    assert all(score == -first(cell).metrics["perplexity"] < -1 for score, cell in zip(scores, cells, strict=True))
    assert first(cells[0]).seconds == 0.0  # known
    assert first.final(cells[0]) == {"perplexity": -scores[0]}


def test_isomorphic_cells_have_one_score(results):
    edges = (("tanh", 0), ("relu", 0), ("sigmoid", 1), ("tanh", 1), ("relu", 1), ("relu", 5), ("tanh", 6), ("relu", 7))
    swapped = (("relu", 0), ("tanh", 0), ("sigmoid", 2), *((op, {1: 2}.get(s, s)) for op, s in edges[3:]))
    f = evaluator(results)
    assert f(RnnGenotype(edges)).score == f(RnnGenotype(swapped)).score


def test_the_source_names_the_weights_and_the_text(results):
    f = evaluator(results)
    trained = json.loads((f.folder / "result.json").read_text())
    assert f.source.sha256 == trained["weights_sha256"] and f.source.sha256[:12] in f.source.name
    assert trained["data"] in f.source.sentence


@pytest.mark.parametrize("tasks", [tasks(), TEXT_TASKS])
def test_what_stands_in_for_missing_data_can_be_scored_on_too(tasks):
    stand_ins = [stand_in for name, stand_in in STAND_INS.items() if name in tasks]
    assert stand_ins and set(stand_ins) <= tasks.keys()


def test_without_a_supernet_the_command_is_named(tmp_path):
    with pytest.raises(RunError, match=r"holds no trained supernet. Next: .*--space darts_rnn"):
        evaluator(tmp_path)
    with pytest.raises(UnknownName, match="task of darts_rnn"):
        get_evaluator("rnn", space="darts_rnn", task="cifar10", profile="smoke", results=tmp_path)


def test_a_search_of_recurrent_cells_runs_as_every_search(results, monkeypatch):
    from seki_lib import runs

    monkeypatch.setattr(runs, "get_llm", lambda name: FakeLLM(space="darts_rnn"))
    folder = search_run(RunSpec("darts_rnn", "ptb", "fake:llm", "smoke", 0), get_profile("smoke"), results)
    history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert len(history) == 7 and all(record["score"] < -1 for record in history)
    result = json.loads((folder / "result.json").read_text())
    assert result["final"]["perplexity"] == -max(record["score"] for record in history)
    assert "supernet single_path" in json.loads((folder / "config.json").read_text())["data"]["name"]
