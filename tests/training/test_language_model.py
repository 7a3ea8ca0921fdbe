"""Training of language models: the recipe to the number, nothing lost when killed, no loss that is not finite."""

import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from seki_lib.datasets.text import columns, load_text
from seki_lib.files.errors import RunError, TrainingError
from seki_lib.nn import build_language_model
from seki_lib.training import language_model, loop
from seki_lib.training.language_model import LanguageModelTraining, mean_loss, train_language_model
from seki_lib.training.language_protocol import (
    LANGUAGE_PROTOCOLS,
    LANGUAGE_SUPERNETS,
    LanguageModelConfig,
    language_protocol,
)
from seki_lib.training.loop import Job
from seki_lib.training.protocol import TrainingSpec, named_architecture

ARCH = named_architecture("DARTS_V2", "darts_rnn")[1]
LR = 200.0  # so large that the validation loss does not fall for long: averaging begins
TINY = LanguageModelConfig(
    hidden=6, epochs=5, batch=4, bptt=10, longest=20, eval_batch=4, test_batch=2, nonmono=1, lr=LR, threads=1,
    train_words=400, valid_words=120, test_words=90,
)  # fmt: skip


def tiny_text():
    return load_text("pydoc_topics", train=TINY.train_words, valid=TINY.valid_words, test=TINY.test_words)


@pytest.fixture(scope="module")
def text():
    return tiny_text()


def train(text, folder, config=TINY, seed=0, **options):
    lines = []
    return train_language_model(ARCH, text, config, folder, seed=seed, say=lines.append, **options), lines


def parts(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)["parts"]


def same_bits(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def metrics(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("seconds", "words_per_second")} for line in lines]


@pytest.fixture(scope="module")
def whole(text, tmp_path_factory):
    """A training that nobody stopped; in it averaging begins."""
    folder = tmp_path_factory.mktemp("whole")
    train(text, folder)
    assert {line["averaged"] for line in metrics(folder)} == {False, True}
    return folder


def trainer(text, folder, config=TINY):
    what = {"space": "darts_rnn", "architecture": ARCH}
    return LanguageModelTraining(Job(folder, what, text, config, (), device="cpu"))


def test_the_paper_protocol_is_that_of_darts():
    paper = dataclasses.asdict(language_protocol("paper"))
    expected = {
        "hidden": 850, "batch": 64, "epochs": 8000, "weight_decay": 8e-7, "lr": 20.0, "clip": 0.25, "bptt": 35,
        "dropout": 0.75, "dropout_hidden": 0.25, "dropout_inputs": 0.75, "dropout_embedded": 0.2, "dropout_words": 0.1,
        "activation": 0.0, "temporal": 1e-3, "eval_batch": 10, "test_batch": 1, "nonmono": 5, "shortest": 5,
        "longest": 55, "spread": 5.0, "half": 0.05, "train_words": 0, "valid_words": 0, "test_words": 0, "kind": "cell",
    }  # fmt: skip
    assert {name: paper[name] for name in expected} == expected and not paper["stand_in"]
    search = LANGUAGE_SUPERNETS["paper"]
    assert (search.hidden, search.batch, search.epochs, search.weight_decay) == (300, 256, 50, 5e-7)
    assert (search.dropout_words, search.spread, search.kind) == (0.0, 0.0, "single_path")
    assert set(LANGUAGE_PROTOCOLS) == set(LANGUAGE_SUPERNETS) == {"smoke", "laptop", "workstation", "paper"}


def test_sequences_have_the_lengths_of_the_recipe(text, tmp_path):
    config = dataclasses.replace(TINY, bptt=35, longest=55, batch=1)
    training = trainer(dataclasses.replace(text, train=text.train.repeat(100)), tmp_path, config)
    order = training.draw_order(torch.Generator().manual_seed(0))
    starts, lengths = order[:, 0], order[:, 1]
    assert torch.equal(starts.diff(), lengths[:-1]) and starts[0] == 0
    assert int(starts[-1]) < len(training.train_rows) - 2 <= int(starts[-1] + lengths[-1])
    assert int(lengths.min()) >= 5 and int(lengths.max()) <= 55
    lengths = lengths.double()  # cut to whole words: half a word below 35 or 17.5 on average
    assert float(lengths.mean()) == pytest.approx(0.95 * 34.5 + 0.05 * 17, abs=0.4)
    assert float((lengths < 27).double().mean()) == pytest.approx(0.95 * 0.055 + 0.05 * 0.97, abs=0.02)


def test_fixed_lengths_where_the_spread_is_0(text, tmp_path):
    config = dataclasses.replace(TINY, bptt=35, longest=55, batch=1, spread=0.0, half=0.5)
    order = trainer(text, tmp_path, config).draw_order(torch.Generator().manual_seed(0))
    assert set(order[:, 1].tolist()) == {35, 17}


def test_the_learning_rate_follows_the_length_of_the_sequence(text, tmp_path):
    training = trainer(text, tmp_path)
    training.order, training.step = torch.tensor([[0, 10], [10, 15]]), 0
    training.begin_epoch()
    for training.step, lr in ((0, LR), (1, 1.5 * LR)):
        training.train_step()
        assert training.optimizer.param_groups[0]["lr"] == pytest.approx(lr)


def test_averaging_is_asgd(text, tmp_path):
    """The steps of torch's ASGD, and its average: that begins one step later, as its first weight is 1 twice."""
    config = dataclasses.replace(
        TINY, dropout=0, dropout_hidden=0, dropout_inputs=0, dropout_embedded=0, dropout_words=0
    )
    training = trainer(text, tmp_path, config)
    training.memory.averaging = True
    twin = build_language_model(ARCH, vocabulary=len(text.words), embedding=6, hidden=6)
    twin.load_state_dict(training.network.state_dict())
    asgd = torch.optim.ASGD(twin.parameters(), lr=LR, t0=0, lambd=0.0, weight_decay=8e-7)
    training.begin_epoch()
    hidden, first = None, None
    training.order = torch.tensor([[10 * i, 10] for i in range(6)])
    for training.step in range(6):
        training.train_step()
        rows = training.train_rows[10 * training.step : 10 * training.step + 11]
        log_probs, states, _ = twin.read(rows[:-1], hidden)
        loss = nn.functional.nll_loss(log_probs.flatten(0, 1), rows[1:].flatten())
        loss = loss + 1e-3 * states.diff(dim=0).pow(2).mean()
        asgd.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(twin.parameters(), 0.25)
        asgd.step()
        hidden = states[-1].detach()
        first = first if first is not None else twin.cell.W0.detach().clone()
    torch.testing.assert_close(training.network.cell.W0, twin.cell.W0)
    average, theirs = training.average.module.cell.W0, asgd.state[twin.cell.W0]["ax"]
    torch.testing.assert_close(average, (5 * theirs + first) / 6)


def test_averaging_begins_when_the_loss_is_above_all_but_the_last_epochs(text, tmp_path, monkeypatch):
    training = trainer(text, tmp_path, dataclasses.replace(TINY, nonmono=2))
    training.order = training.draw_order(torch.Generator())
    training.sums[1] = 1
    losses = iter([5.0, 4.0, 4.5, 4.4, 4.1])
    monkeypatch.setattr(language_model, "mean_loss", lambda network, rows: next(losses))
    said = [training.close_epoch()[1] for _ in range(5)]
    # 4.4 is not above 5.0; 4.1 is above 4.0, the best of all but the last two
    assert ["averaging begins" in words for words in said] == [False, False, False, False, True]
    assert training.memory.best["epoch"] == 1 and training.memory.best["loss"] == 4.0


def test_the_average_is_what_is_judged(whole):
    found = parts(whole)
    assert found["memory"]["averaging"] and int(found["average"]["n_averaged"]) > 0
    assert not torch.equal(found["average"]["module.cell.W0"], found["network"]["cell.W0"])
    result = json.loads((whole / "result.json").read_text())
    lines = metrics(whole)
    assert result["valid_perplexity"] == min(line["valid_perplexity"] for line in lines)
    assert lines[result["best_epoch"] - 1]["averaged"] == result["averaged"]


def test_the_result_is_that_of_the_best_weights(whole, text):
    network = build_language_model(ARCH, vocabulary=len(text.words), embedding=6, hidden=6)
    network.load_state_dict(parts(whole)["memory"]["best"]["weights"])
    result = json.loads((whole / "result.json").read_text())
    for part, batch in (("valid", 4), ("test", 2)):
        loss = mean_loss(network, columns(getattr(text, part), batch))
        assert result[f"{part}_perplexity"] == pytest.approx(math.exp(loss))
        assert result[f"unigram_{part}_perplexity"] == text.unigram_perplexity(getattr(text, part))


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.training.test_language_model import ARCH, TINY, tiny_text
from seki_lib.training import language_model, loop

def die_at(module, name, call, after):
    original, calls = getattr(module, name), []
    def wrapped(*args, **kwargs):
        calls.append(1)
        result = original(*args, **kwargs)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(module, name, wrapped)

place, call, seconds, folder = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4])
if place == "step":
    die_at(language_model.LanguageModelTraining, "train_step", call, True)
elif place == "line":
    die_at(loop, "append_line", call, True)
language_model.train_language_model(
    ARCH, tiny_text(), TINY, folder, say=lambda line: None, checkpoint_seconds=seconds
)
"""


def run_killed(place, call, seconds, folder):
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", KILLED, place, str(call), str(seconds), str(folder)]
    return subprocess.run(command, cwd=root, env=os.environ | {"PYTHONPATH": str(root)}).returncode


def test_a_language_model_killed_anywhere_ends_with_the_same_bits(whole, tmp_path, text):
    for place, call, seconds in (
        ("step", 15, 0),  # in the middle of an epoch, a checkpoint after every step: the state goes on
        ("line", 3, 600),  # the line of an epoch is written, its checkpoint not yet
    ):
        assert run_killed(place, call, seconds, tmp_path) == -signal.SIGKILL, place
    _, lines = train(text, tmp_path)
    assert lines[0].startswith("going on from epoch")
    here, there = parts(tmp_path), parts(whole)
    for name in ("network", "average"):
        assert same_bits(here[name], there[name])
    assert same_bits(here["memory"]["best"]["weights"], there["memory"]["best"]["weights"])
    assert metrics(tmp_path) == metrics(whole)


def poisoned(monkeypatch, steps):
    """Make these calls of train_step add a loss that is not a number, and spoil the weights."""
    original, calls = LanguageModelTraining.train_step, []

    def step(self):
        calls.append(1)
        original(self)
        if len(calls) in steps:
            self.sums[0] += math.nan
            self.network.cell.W0.data.fill_(math.nan)

    monkeypatch.setattr(LanguageModelTraining, "train_step", step)


def test_a_loss_that_is_not_finite_brings_the_best_weights_back(text, tmp_path, monkeypatch):
    poisoned(monkeypatch, {25, 45})
    result, lines = train(text, tmp_path)
    assert sum("rolled back, the epoch begins anew" in line for line in lines) == 2
    assert result["rolled_back"] == 2 and len(metrics(tmp_path)) == TINY.epochs
    assert all(math.isfinite(line["valid_perplexity"]) for line in metrics(tmp_path))


def test_after_a_roll_back_the_same_numbers_are_not_drawn_again(text, tmp_path):
    training = trainer(text, tmp_path)
    before = training.draw_order(torch.Generator().manual_seed(training.seed_of("order")))
    training.rolled_back = 1
    after = training.draw_order(torch.Generator().manual_seed(training.seed_of("order")))
    assert not torch.equal(before, after)


def test_a_roll_back_puts_back_weights_and_average_as_they_were_judged(text, tmp_path):
    training = trainer(text, tmp_path)
    assert not training.roll_back()  # nothing to go back to
    weights = {name: tensor + 1 for name, tensor in training.network.state_dict().items()}
    training.memory.best = {"loss": 1.0, "averaged": 7, "epoch": 1, "weights": weights}
    assert training.roll_back() and training.memory.averaging and int(training.average.n_averaged) == 7
    assert same_bits(training.network.state_dict(), weights)
    assert same_bits(training.average.module.state_dict(), weights)


def test_too_many_roll_backs_are_an_error(text, tmp_path, monkeypatch):
    poisoned(monkeypatch, set(range(20, 200)))
    with pytest.raises(TrainingError, match=r"the loss is not finite in epoch.*Next: set a smaller lr"):
        train(text, tmp_path, dataclasses.replace(TINY, rollbacks=3))


def test_other_settings_of_a_language_model_are_refused(whole, text):
    with pytest.raises(RunError, match="hidden was 6, now 8"):
        train(text, whole, dataclasses.replace(TINY, hidden=8))


@pytest.mark.parametrize("kind", ["single_path", "darts"])
def test_a_supernet_trains_and_is_resumed_with_the_same_bits(kind, text, tmp_path):
    config = dataclasses.replace(TINY, kind=kind, epochs=2, hidden=4, batch=10, nonmono=0, dropout_words=0.0)
    result = train_language_model(None, text, config, tmp_path / "whole", say=lambda line: None)
    assert "architecture" not in result and "test_perplexity" not in result and len(result["weights_sha256"]) == 64
    assert ("genotype" in result) == (kind == "darts")

    def stop(line):
        if line.startswith("epoch   1/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_language_model(None, text, config, tmp_path / "stopped", say=stop)
    train_language_model(None, text, config, tmp_path / "stopped", say=lambda line: None)
    assert same_bits(parts(tmp_path / "stopped")["network"], parts(tmp_path / "whole")["network"])
    start = LanguageModelTraining(Job(tmp_path, {"supernet": "darts_rnn"}, text, config, (), device="cpu"))
    moved = not torch.equal(start.network.cell.alphas, parts(tmp_path / "whole")["network"]["cell.alphas"])
    assert moved == (kind == "darts")  # α is learnt where it is used


def test_a_verse_is_learnt_by_heart_where_the_unigram_model_cannot(text, tmp_path):
    verse = torch.arange(7).repeat(200)
    poem = dataclasses.replace(text, train=verse, valid=verse[:300], test=verse[:300], counts=torch.bincount(verse))
    config = dataclasses.replace(language_protocol("laptop"), hidden=16, epochs=3, batch=5)
    result, _ = train(dataclasses.replace(poem, words=text.words[:7]), tmp_path, config)
    assert result["test_perplexity"] < 1.5 and result["unigram_test_perplexity"] == pytest.approx(7)


def test_several_processes_are_refused_before_anything_is_trained(text, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "join", lambda device: SimpleNamespace(alone=False, first=True))
    with pytest.raises(TrainingError, match=r"one process.*without torchrun"):
        train(text, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_language_model_lives_where_every_training_lives():
    spec = TrainingSpec("DARTS_V2", ARCH, "ptb", "laptop", space="darts_rnn")
    assert str(spec.folder(Path("r"))) == "r/laptop/trainings/darts_rnn/ptb/DARTS_V2/seed=0"


@pytest.mark.parametrize("change", [{"precision": "fp16"}, {"kind": "random"}, {"batch": 0}, {"shortest": 99}])
def test_settings_that_mean_nothing_for_a_language_model_are_refused(change):
    with pytest.raises(ValueError, match="must"):
        dataclasses.replace(TINY, **change)
