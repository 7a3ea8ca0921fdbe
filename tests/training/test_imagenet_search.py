"""The direct search on ImageNet (†): PC-DARTS's settings, two shares of each class, f(α) of photographs, a search."""

import dataclasses
import json
import multiprocessing
import os
import signal
from random import Random

import pytest
import torch
from fakes import FakeLLM
from photographs import make_tree

from seki_lib import runs
from seki_lib.datasets import image_folder
from seki_lib.datasets.image_folder import search_subsets
from seki_lib.evaluators import get_evaluator
from seki_lib.files.errors import AssetError, RunError, TrainingError
from seki_lib.nn import build_supernet
from seki_lib.paper import Edition
from seki_lib.paper.table2 import CELLS
from seki_lib.profiles import Profile
from seki_lib.report.training_tables import trainings
from seki_lib.spaces import get_space
from seki_lib.training import supernet
from seki_lib.training.checkpoint import load_network
from seki_lib.training.protocol import IMAGENET, IMAGENET_SUPERNETS, SUPERNETS, ImageNetSupernetConfig, SupernetSpec
from seki_lib.training.search_images import search_images
from seki_lib.training.supernet import run_supernet

TINY = ImageNetSupernetConfig(
    channels=4, layers=3, epochs=2, batch=4, lr=0.1, alpha_from=1, resolution=16, resize=18, stem="cifar",
    weights_share=0.5, validation_share=0.5, score_images=5, threads=1, workers=0,
)  # fmt: skip
IMAGES = search_images(TINY)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Three classes of eight images, and a profile whose supernet is tiny."""
    monkeypatch.setenv("SEKI_IMAGENET", str(make_tree(tmp_path / "imagenet", train=8)))
    monkeypatch.setitem(image_folder.CLASSES, "imagenet", 3)
    monkeypatch.setitem(IMAGENET_SUPERNETS, "tiny", TINY)
    monkeypatch.setitem(SUPERNETS, "tiny", {"darts": TINY})


def test_the_paper_profile_has_the_settings_of_pc_darts_for_imagenet():
    expected = {
        "channels": 16, "layers": 8, "epochs": 50, "batch": 1024, "lr": 0.5, "lr_end": 0.0, "momentum": 0.9,
        "weight_decay": 3e-4, "clip": 5.0, "partial": 2, "alpha_lr": 6e-3, "alpha_weight_decay": 1e-3, "alpha_from": 35,
        "resolution": 224, "stem": "imagenet", "weights_share": 0.1, "validation_share": 0.025, "warm_up": 5,
        "train_images": 0, "score_images": 512, "stand_in": False,
    }  # fmt: skip
    config = SupernetSpec("darts", "imagenet", "paper", kind="pc_darts").config
    assert dataclasses.asdict(config) | expected == dataclasses.asdict(config)


def test_the_rate_warms_up_and_then_falls_as_the_cosine_would_without():
    config = ImageNetSupernetConfig()
    assert [config.rate(epoch) for epoch in range(5)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert config.rate(25) == pytest.approx(0.25) and config.rate(5) == pytest.approx(0.4877641)
    assert dataclasses.replace(config, batch=256).rate(0) == 0.5


def test_no_photograph_serves_twice_and_each_class_is_in_every_share(tree):
    data = IMAGES.load("imagenet")
    parts = IMAGES.split(data)
    every = search_subsets(data.train.labels, 0, weights=0.5, validation=0.5)
    assert [torch.bincount(data.train.labels[part]).tolist() for part in every] == [[4] * 3] * 2
    assert [len(part.labels) for part in (parts.weights, parts.score, parts.held_out, parts.alphas)] == [12, 5, 4, 3]
    files = [data.train.images[i] for i in every[1][:5]]  # those of f are in memory
    served = [*parts.weights.images, *files, *parts.held_out.images, *parts.alphas.images]
    assert len(served) == len(set(served)) == 24
    assert parts.score.images.shape == (5, 3, 16, 16) and parts.score.images.dtype == torch.uint8
    with pytest.raises(TrainingError, match=r"leave 12 to validate.*fewer score_images"):
        search_images(dataclasses.replace(TINY, score_images=11)).split(data)


@pytest.mark.parametrize(("kind", "workers"), [("single_path", 0), ("pc_darts", 1)])
def test_a_stopped_supernet_of_photographs_ends_with_the_same_bits(kind, workers, tree, tmp_path, monkeypatch):
    spec = SupernetSpec("darts", "imagenet", "tiny", kind=kind)
    whole = run_supernet(spec, tmp_path / "whole", say=lambda line: None)
    monkeypatch.setitem(IMAGENET_SUPERNETS, "tiny", dataclasses.replace(TINY, workers=workers))
    step, calls = supernet.SupernetTraining.train_step, []

    def press(self):
        step(self)
        calls.append(1)
        if len(calls) == 4:  # in the second epoch of three steps
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(supernet.SupernetTraining, "train_step", press)
    with pytest.raises(KeyboardInterrupt) as caught:
        run_supernet(spec, tmp_path / "stopped", say=lambda line: None)
    assert caught.tb and not multiprocessing.active_children()
    again = run_supernet(spec, tmp_path / "stopped", say=lambda line: None)
    assert len(calls) == 6 and again["weights_sha256"] == whole["weights_sha256"]
    assert ("genotype" in whole) == (kind == "pc_darts") and whole["train_images"] == 12


def test_the_gradient_of_alpha_is_clipped_on_imagenet(tree, tmp_path, monkeypatch):
    clipped = []
    clip = torch.nn.utils.clip_grad_norm_

    def note(tensors, norm):
        clipped.append(len(tensors := list(tensors)))
        return clip(tensors, norm)

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", note)
    run_supernet(SupernetSpec("darts", "imagenet", "tiny", kind="pc_darts"), tmp_path, say=lambda line: None)
    assert clipped.count(4) == 3  # α and β of both cells, in the steps of the second epoch
    assert len(clipped) == 3 + 6


def test_the_stem_of_the_supernet_halves_the_resolution_three_times():
    big = build_supernet("darts", channels=16, layers=3, classes=1000, stem="imagenet")
    s0 = big.stems[0](torch.zeros(1, 3, 224, 224))
    assert s0.shape == (1, 48, 56, 56) and big.stems[1](s0).shape == (1, 48, 28, 28)
    assert big(torch.zeros(1, 3, 64, 64), get_space("darts").random(Random(0))).shape == (1, 1000)


def test_f_reads_the_photographs_as_the_network_learnt_them(tree, tmp_path):
    spec = SupernetSpec("darts", "imagenet", "tiny")
    run_supernet(spec, tmp_path, say=lambda line: None)
    evaluator = get_evaluator("oneshot", space="darts", task="imagenet", profile="tiny", results=tmp_path)
    arch = get_space("darts").canonical(get_space("darts").random(Random(0)))
    parts = IMAGES.split(IMAGES.load("imagenet"))
    network = supernet.build_network("darts", TINY, 3)
    network.load_state_dict(load_network(spec.folder(tmp_path)))
    pixels = parts.score.images / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    logits = network.train()((pixels - mean.view(3, 1, 1)) / std.view(3, 1, 1), arch)
    assert evaluator(arch).score == pytest.approx(100 * (logits.argmax(1) == parts.score.labels).float().mean().item())
    final = evaluator.final(arch)
    assert 0 <= final["held_out"] <= 100 and 3 < final["params_m"] < 8  # C48 L14, 1,000 classes
    assert "the user's own copy" in evaluator.source.sentence


def test_the_cell_found_on_imagenet_is_trained_for_the_dagger_row_and_no_other(tree, tmp_path, monkeypatch):
    monkeypatch.setitem(IMAGENET, "tiny", "imagenet")
    monkeypatch.setitem(CELLS, "tiny", ())
    run_supernet(SupernetSpec("darts", "imagenet", "tiny"), tmp_path, say=lambda line: None)
    spec = runs.RunSpec("darts", "imagenet", "fake:llm", "tiny", 0)
    monkeypatch.setattr(runs, "get_llm", lambda name: FakeLLM(space="darts"))
    profile = Profile("tiny", rounds=4, lam=3, k=2, xi=1)
    folder = runs.search_run(spec, profile, tmp_path)
    found = json.loads((folder / "result.json").read_text())
    (row,) = trainings("table2", Edition(profile, "fake:llm", (0,), (0,)), tmp_path)
    training = row.spec
    assert row.label == "SEKI†, ours, fake:llm" and training.architecture == found["architecture"]
    assert training.dataset == "imagenet" and training.name.startswith("searched-")


def test_without_images_or_supernet_the_next_step_is_named(tmp_path, monkeypatch):
    for name in ("SEKI_IMAGENET", "SEKI_DATA", "SEKI_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(AssetError, match=r"set SEKI_IMAGENET to the folder"):
        run_supernet(SupernetSpec("darts", "imagenet", "paper"), tmp_path, say=lambda line: None)
    with pytest.raises(RunError, match=r"Next: \"seki supernet --space darts --dataset imagenet --profile paper"):
        get_evaluator("oneshot", space="darts", task="imagenet", profile="paper", results=tmp_path)
