"""Final training: the protocol to the number, nothing lost when killed, errors in one sentence."""

import dataclasses
import json
import math
from pathlib import Path

import pytest
import torch
from torch import nn

from seki_lib.datasets.images import Dataset, Images
from seki_lib.files.errors import RunError, SekiError, TrainingError, UnknownName
from seki_lib.files.source import DataSource
from seki_lib.spaces import get_space
from seki_lib.training import classifier
from seki_lib.training.classifier import train_classifier
from seki_lib.training.protocol import (
    PROTOCOLS,
    ClassifierConfig,
    TrainingSpec,
    cosine,
    get_protocol,
    named_architecture,
)

from .tiny import TINY, metrics, same_bits, train, weights


def test_the_paper_protocol_is_that_of_pc_darts():
    paper = dataclasses.asdict(get_protocol("paper"))
    expected = {
        "channels": 36, "layers": 20, "epochs": 600, "batch": 96, "lr": 0.025, "momentum": 0.9, "weight_decay": 3e-4,
        "clip": 5.0, "auxiliary": 0.4, "cutout": 16, "drop_path": 0.3, "train_images": 0, "test_images": 0,
    }  # fmt: skip
    assert {name: paper[name] for name in expected} == expected
    assert -(-50_000 // paper["batch"]) == 521  # the last batch is kept
    with pytest.raises(UnknownName, match="smoke, laptop, workstation, paper"):
        get_protocol("fast")
    assert not paper["stand_in"] and set(PROTOCOLS) == {"smoke", "laptop", "workstation", "paper"}


def test_the_learning_rate_is_a_cosine_of_the_epoch():
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(torch.optim.SGD([nn.Parameter(torch.ones(1))], 0.025), 600)
    for epoch in range(600):
        assert ClassifierConfig().rate(epoch) == pytest.approx(scheduler.get_last_lr()[0], abs=1e-9)
        scheduler.optimizer.step()
        scheduler.step()
    assert cosine(0.1, 0.02, 300, 600) == pytest.approx(0.06)


def test_a_training_reports_the_last_error_and_the_best(whole, digits):
    result = json.loads((whole / "result.json").read_text())
    lines = metrics(whole)
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert result["last_test_error"] == lines[-1]["test_error"]
    assert result["best_test_error"] == min(line["test_error"] for line in lines)
    assert lines[result["best_epoch"] - 1]["test_error"] == result["best_test_error"]
    assert [line["lr"] for line in lines] == pytest.approx([0.025, 0.01875, 0.00625])
    assert [line["drop_path"] for line in lines] == pytest.approx([0.0, 0.1, 0.2])
    assert result["data"] == digits.source.sentence and result["train_images"] == 50


def test_a_finished_training_is_not_trained_again(whole, digits, monkeypatch):
    monkeypatch.setattr(classifier, "build_network", None)
    result, lines = train(digits, whole)
    assert result == json.loads((whole / "result.json").read_text()) and lines == []


def test_seeds_differ_and_repeat(whole, digits, tmp_path):
    train(digits, tmp_path / "again")
    assert same_bits(weights(tmp_path / "again"), weights(whole))
    assert metrics(tmp_path / "again") == metrics(whole)
    train(digits, tmp_path / "other", seed=1)
    assert not same_bits(weights(tmp_path / "other"), weights(whole))


def test_a_compiler_that_is_missing_is_named(digits, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(TrainingError, match=r"torch.compile failed \(.*compiler.*Next: train without it"):
        train(digits, tmp_path, dataclasses.replace(TINY, epochs=1, layers=1, auxiliary=0.0, compile="default"))


def test_a_loss_that_is_not_finite_is_named_with_the_next_step(digits, tmp_path):
    with pytest.raises(TrainingError, match=r"the loss is not finite in epoch 1.*Next: set a smaller lr"):
        train(digits, tmp_path, dataclasses.replace(TINY, lr=1e30, clip=1e30))
    with pytest.raises(TrainingError, match="set precision='fp32'"):
        train(digits, tmp_path / "bf16", dataclasses.replace(TINY, lr=1e30, clip=1e30, precision="bf16"))
    assert not (tmp_path / "checkpoint.pt").exists()


def dataset(digits, **changes):
    return dataclasses.replace(digits, **changes)


def test_data_that_do_not_fit_are_refused(digits, tmp_path):
    with pytest.raises(TrainingError, match="label is 9, but the network has 4 classes"):
        train(dataset(digits, classes=4), tmp_path)
    nothing = Images(digits.train.images[:0], digits.train.labels[:0])
    with pytest.raises(TrainingError, match="0 training images and 0 labels"):
        train(dataset(digits, train=nothing), tmp_path)


def test_too_little_memory_names_batch_and_precision(digits, tmp_path, monkeypatch):
    for error, where in (
        (torch.OutOfMemoryError("CUDA out of memory"), "the GPU"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), "this machine"),
    ):

        def fail(self, *batch, error=error):
            raise error

        monkeypatch.setattr(classifier.ClassifierTraining, "train_step", fail)
        with pytest.raises(TrainingError, match=rf"{where} has too little memory for batch 20.*batch=10 or precision"):
            train(digits, tmp_path)


def test_bf16_trains(digits, tmp_path):
    result, _ = train(digits, tmp_path, dataclasses.replace(TINY, channels=4, epochs=1, precision="bf16"))
    assert 0 <= result["last_test_error"] <= 100
    assert {weight.dtype for name, weight in weights(tmp_path).items() if "weight" in name} == {torch.float32}


def test_one_batch_is_learnt_by_heart(tmp_path):
    torch.manual_seed(0)
    part = Images(torch.randint(256, (8, 3, 32, 32), dtype=torch.uint8), torch.arange(8))
    data = Dataset("noise", 8, part, part, DataSource("noise", "random pixels", "", ""))
    config = ClassifierConfig(
        channels=4, layers=3, epochs=50, batch=8, lr=0.1, cutout=0, drop_path=0.0, auxiliary=0.0, threads=1
    )
    views = classifier.augment
    try:
        classifier.augment = lambda images, generator, **views: classifier.normalise(images)
        train(data, tmp_path, config)
    finally:
        classifier.augment = views
    assert metrics(tmp_path)[-1]["train_loss"] < 0.01
    assert metrics(tmp_path)[-1]["train_error"] == 0.0


def test_nas201_cells_train_too(digits, tmp_path):
    cell = get_space("nas201").parse(
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_1x1~2|"
    )
    config = dataclasses.replace(TINY, channels=4, layers=1, epochs=1, drop_path=0.0)
    result = train_classifier("nas201", cell, digits, config, tmp_path, say=lambda line: None)
    assert math.isfinite(result["last_test_error"])
    with pytest.raises(TrainingError, match=r"know no drop path. Next: --drop-path 0"):
        train_classifier("nas201", cell, digits, dataclasses.replace(config, drop_path=0.1), tmp_path / "b")


def test_cells_are_named_for_people_and_folders(tmp_path):
    assert named_architecture("DARTS_V2")[0] == "DARTS_V2"
    name, text = named_architecture("random:3")
    assert name == "random-3" and get_space("darts").parse(text)
    assert named_architecture("random:3") == (name, text) != named_architecture("random:4")
    (tmp_path / "result.json").write_text(json.dumps({"architecture": text}))
    assert named_architecture(str(tmp_path)) == (named_architecture(text)[0].replace("text", "searched"), text)
    with pytest.raises(RunError, match="is no architecture: give its text, one of DARTS_V1, DARTS_V2, PC_DARTS"):
        named_architecture("DARTS_V3")
    spec = TrainingSpec("DARTS_V2", text, "cifar10", "laptop", seed=2)
    assert str(spec.folder(Path("r"))) == "r/laptop/trainings/darts/cifar10/DARTS_V2/seed=2"


@pytest.mark.parametrize("change", [{"precision": "fp16"}, {"compile": "fast"}, {"batch": 0}])
def test_settings_that_mean_nothing_are_refused(change):
    with pytest.raises((ValueError, SekiError)):
        dataclasses.replace(TINY, **change)


def test_a_training_that_failed_before_it_learned_leaves_its_folder_to_other_settings(digits, tmp_path):
    with pytest.raises(TrainingError, match="the loss is not finite in epoch 1"):
        train(digits, tmp_path, dataclasses.replace(TINY, lr=math.inf))
    train(digits, tmp_path)
    assert metrics(tmp_path)[-1]["epoch"] == TINY.epochs
    with pytest.raises(RunError, match="was made with other settings: "):  # now there is something to spoil
        train(digits, tmp_path, dataclasses.replace(TINY, lr=0.5))
