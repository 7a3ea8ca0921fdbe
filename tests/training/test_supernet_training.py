"""Supernet training: the reference's settings, bit-equal resume; f(α) from what it leaves."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
import torch

from seki_lib.datasets.augment import normalise
from seki_lib.datasets.images import load_dataset
from seki_lib.evaluators import get_evaluator
from seki_lib.files.errors import RunError, TrainingError, UnknownName
from seki_lib.profiles import Profile
from seki_lib.runs import RunSpec, search_run
from seki_lib.spaces import get_space
from seki_lib.training import loop, supernet
from seki_lib.training.checkpoint import load_network
from seki_lib.training.protocol import SUPERNETS, SupernetConfig, SupernetSpec
from seki_lib.training.search_images import search_images, shrink
from seki_lib.training.supernet import build_network, read
from seki_lib.training.supernet import train_supernet as train

TINY = SupernetConfig(
    channels=4, layers=3, epochs=2, batch=20, alpha_from=1, train_images=120, resolution=8, score_images=40, threads=1
)


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits", train=TINY.train_images, test=1)


def weights(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)["parts"]


def flat(state):
    """Every tensor of nested state dicts."""
    if isinstance(state, torch.Tensor):
        return [state]
    items = state.values() if isinstance(state, dict) else state if isinstance(state, list) else []
    return [tensor for item in items for tensor in flat(item)]


def test_the_paper_profile_has_the_settings_of_pc_darts():
    config = SUPERNETS["paper"]["darts"]
    expected = {
        "channels": 16, "layers": 8, "epochs": 50, "batch": 256, "lr": 0.1, "lr_end": 0.0, "momentum": 0.9,
        "weight_decay": 3e-4, "clip": 5.0, "partial": 4, "alpha_lr": 6e-4, "alpha_weight_decay": 1e-3, "alpha_from": 15,
        "train_images": 0, "resolution": 32, "score_images": 512, "stand_in": False,
    }  # fmt: skip
    assert dataclasses.asdict(config) | expected == dataclasses.asdict(config)


@pytest.mark.parametrize(
    ("kind", "space"), [("single_path", "darts"), ("pc_darts", "darts"), ("single_path", "nas201")]
)
def test_a_supernet_stopped_between_steps_ends_with_the_same_bits(kind, space, digits, tmp_path, monkeypatch):
    config = dataclasses.replace(TINY, kind=kind, layers=3 if space == "darts" else 1)
    whole = train(space, digits, config, tmp_path / "whole", say=lambda line: None)
    step, calls = supernet.SupernetTraining.train_step, []

    def press(self):
        step(self)
        calls.append(1)
        if len(calls) == 5:  # in the second epoch
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(supernet.SupernetTraining, "train_step", press)
    with pytest.raises(KeyboardInterrupt):
        train(space, digits, config, tmp_path / "stopped", say=lambda line: None)
    again = train(space, digits, config, tmp_path / "stopped", say=lambda line: None)
    assert len(calls) == 6 and again["weights_sha256"] == whole["weights_sha256"]
    a, b = flat(weights(tmp_path / "whole")), flat(weights(tmp_path / "stopped"))
    assert len(a) == len(b) and all(map(torch.equal, a, b))


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, "tests/training")
from test_supernet_training import TINY
from seki_lib.training import loop
from seki_lib.datasets.augment import normalise
from seki_lib.datasets.images import load_dataset
from seki_lib.training.supernet import train_supernet
write = loop.append_line
def die(path, line):
    write(path, line)
    os.kill(os.getpid(), signal.SIGKILL)
loop.append_line = die
train_supernet("darts", load_dataset("digits", train=120, test=1), TINY, Path(sys.argv[1]))
"""


def test_a_supernet_killed_between_line_and_checkpoint_ends_with_the_same_bits(digits, tmp_path):
    root = Path(__file__).resolve().parents[2]
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "killed"], cwd=root, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    results = [train("darts", digits, TINY, tmp_path / name, say=lambda line: None) for name in ("killed", "whole")]
    assert results[0]["weights_sha256"] == results[1]["weights_sha256"]
    lines = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("killed", "whole")]
    assert len(lines[0]) == len(lines[1]) == 2
    assert json.loads(lines[0][1])["train_loss"] == json.loads(lines[1][1])["train_loss"]


def test_alpha_is_frozen_until_its_epoch_and_moves_afterwards(digits, tmp_path):
    def alphas(alpha_from):
        config = dataclasses.replace(TINY, kind="pc_darts", epochs=2, alpha_from=alpha_from)
        train("darts", digits, config, tmp_path / str(alpha_from), say=lambda line: None)
        return weights(tmp_path / str(alpha_from))["network"]["alphas_normal"]

    torch.manual_seed(loop.Training.seed_of(Stub(), "weights"))
    start = build_network("darts", dataclasses.replace(TINY, kind="pc_darts"), 10).alphas_normal.detach()
    assert torch.equal(alphas(2), start) and not torch.equal(alphas(1), start)
    assert (tmp_path / "1" / "result.json").read_text().count("Genotype(") == 1


class Stub:
    """What `seed_of` looks at in a training that has not begun."""

    job, epoch, rolled_back = type("Job", (), {"seed": 0}), 0, 0


def test_the_second_half_validates_and_no_image_serves_twice(digits):
    parts = search_images(TINY).split(digits)
    assert [len(part.labels) for part in (parts.weights, parts.score, parts.held_out, parts.alphas)] == [
        60, 40, 10, 10,
    ]  # fmt: skip
    small = shrink(digits.train.images, 8)
    assert torch.equal(parts.weights.images, small[:60]) and torch.equal(parts.held_out.images, small[100:110])
    _, score, held_out = search_images(TINY).load_scored("digits")
    assert torch.equal(score.images, parts.score.images) and torch.equal(held_out.labels, parts.held_out.labels)
    with pytest.raises(TrainingError, match=r"leave 60 to validate.*a larger train_images"):
        search_images(dataclasses.replace(TINY, score_images=60)).split(digits)


@pytest.mark.parametrize("change", [{"resolution": 9}, {"batch": 0}, {"precision": "fp8"}])
def test_supernet_settings_that_mean_nothing_are_refused(change):
    with pytest.raises(ValueError, match="must be"):
        dataclasses.replace(TINY, **change)


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Results with a trained supernet of the digits, and its folder."""
    monkeypatch.setitem(SUPERNETS, "tiny", {"darts": dataclasses.replace(TINY, stand_in=True)})
    monkeypatch.setattr("seki_lib.training.protocol.assets_at_hand", lambda dataset: ())
    spec = SupernetSpec("darts", "digits", "tiny")
    supernet.run_supernet(spec, tmp_path, say=lambda line: None)
    return tmp_path, spec.folder(tmp_path)


def test_f_is_deterministic_cached_and_of_the_canonical_form(trained):
    results, folder = trained
    evaluator, again = (
        get_evaluator("oneshot", space="darts", task="cifar10", profile="tiny", results=results) for _ in range(2)
    )
    space = get_space("darts")
    for seed in range(5):
        arch = space.random(Random(seed))
        first = evaluator(arch)
        assert first.score == again(arch).score == evaluator(space.canonical(arch)).score
        assert first.seconds > 0 and evaluator(arch).seconds == 0.0
        assert (first.score * 40 / 100) % 1 == pytest.approx(0, abs=1e-9)  # a multiple of 1/40
    assert evaluator.source.sha256 == json.loads((folder / "result.json").read_text())["weights_sha256"]
    assert evaluator.source.sha256[:12] in evaluator.source.name and "digits" in evaluator.source.sentence
    final = evaluator.final(arch)
    assert set(final) == {"oneshot", "held_out", "params_m"} and final["oneshot"] == first.score


def test_f_reads_weights_and_images_with_the_first_cell_only_and_other_weights_are_refused(trained):
    results, folder = trained
    evaluator = get_evaluator("oneshot", space="darts", task="cifar10", profile="tiny", results=results)
    assert not {"network", "images"} & evaluator.__dict__.keys()
    result = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps(result | {"weights_sha256": "0" * 64}))
    wrong = get_evaluator("oneshot", space="darts", task="cifar10", profile="tiny", results=results)
    arch = get_space("darts").random(Random(1))
    with pytest.raises(RunError, match=r"weights are not those of its result.json"):
        wrong(arch)
    assert evaluator(arch).score >= 0 and {"network", "images"} <= evaluator.__dict__.keys()
    (folder / "result.json").write_text(json.dumps(result | {"data": "other images"}))
    with pytest.raises(RunError, match="was trained on other images; on this machine is scikit-learn's 8x8 digits"):
        get_evaluator("oneshot", space="darts", task="cifar10", profile="tiny", results=results)(arch)


def test_a_search_that_cannot_score_writes_and_asks_nothing(trained):
    results, folder = trained
    result = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps(result | {"weights_sha256": "0" * 64}))
    spec = RunSpec("darts", "cifar10", "local:smollm2-135m", "tiny", 0)
    with pytest.raises(RunError, match=r"weights are not those of its result\.json"):
        search_run(spec, Profile("tiny"), results)
    assert not (spec.folder(results) / "config.json").exists()


def test_f_changes_nothing_in_the_supernet_and_its_bn_modes_differ(trained):
    results, folder = trained
    network = build_network("darts", TINY, 10)
    network.load_state_dict(load_network(folder))
    before = [tensor.clone() for tensor in network.state_dict().values()]
    images = search_images(TINY).load_scored("digits")[1]
    arch = get_space("darts").random(Random(1))
    values = [read(network, images, arch, TINY, bn=bn) for bn in ("batch", "accumulated", "batch")]
    assert values[0] == values[2]
    assert all(map(torch.equal, before, network.state_dict().values())) and network.training
    scores = [
        [get_evaluator("oneshot", space="darts", task="cifar10", profile="tiny", results=results, bn=bn)(cell).score
         for cell in map(get_space("darts").random, map(Random, range(6)))]
        for bn in ("batch", "accumulated")
    ]  # fmt: skip
    assert scores[0] != scores[1]
    with pytest.raises(UnknownName, match="batch, accumulated"):
        get_evaluator("oneshot", space="darts", task="cifar10", profile="tiny", results=results, bn="frozen")


def test_the_loss_is_a_second_reading_of_f_with_the_accuracy_beside_it(trained):
    results, _ = trained
    where = {"space": "darts", "task": "cifar10", "profile": "tiny", "results": results}
    accuracy, loss = (get_evaluator(name, **where) for name in ("oneshot", "oneshot:loss"))
    arch = get_space("darts").random(Random(1))
    found = loss(arch)
    with torch.no_grad(), supernet.judged(loss.network, own_statistics=True):
        pixels, labels = next(iter(loss.images.score.batches([torch.arange(40)], "cpu")))
        logits = loss.network(normalise(pixels, *search_images(TINY).statistics), loss.space.canonical(arch))
        by_hand = torch.nn.functional.cross_entropy(logits, labels)
    assert found.score == -found.metrics["loss"] == pytest.approx(-float(by_hand), rel=1e-5)
    assert found.metrics["oneshot"] == accuracy(arch).score
    assert loss.source.name == accuracy.source.name + ", loss" and "minus the loss" in loss.source.sentence
    with pytest.raises(UnknownName, match="accuracy, loss"):
        get_evaluator("oneshot:rank", **where)


def test_nas201_can_be_searched_by_a_supernet_and_its_answer_is_read_from_the_table(tmp_path, monkeypatch):
    assert {"channels": 16, "layers": 5, "batch": 64, "lr": 0.025, "lr_end": 0.001, "epochs": 100}.items() <= (
        dataclasses.asdict(SUPERNETS["paper"]["nas201"]).items()  # β-DARTS's
    )
    monkeypatch.setitem(SUPERNETS, "tiny", {"nas201": dataclasses.replace(TINY, layers=1)})
    supernet.run_supernet(SupernetSpec("nas201", "cifar10", "tiny"), tmp_path, say=lambda line: None)
    spec = RunSpec("nas201", "cifar10", "chance:null", "tiny", 0, "evaluator=oneshot", evaluator="oneshot")
    result = json.loads((search_run(spec, Profile("tiny", rounds=3, lam=2), tmp_path) / "result.json").read_text())
    cell = get_space("nas201").parse(result["architecture"])
    table = get_evaluator("tabular", space="nas201", task="cifar10").final(cell)
    assert table.items() <= result["final"].items()
    assert result["score"] == result["final"]["oneshot"] != table["cifar10_valid"]


def test_f_without_a_supernet_names_the_command_that_trains_it(tmp_path):
    with pytest.raises(RunError, match=r"seki supernet --space darts --dataset .* --profile smoke --seed 0"):
        get_evaluator("oneshot", space="darts", task="cifar10", profile="smoke", results=tmp_path)
