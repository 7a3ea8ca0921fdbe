"""Final training: the protocol to the number, nothing lost when killed, errors in one sentence."""

import dataclasses
import json
import math
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from torch import nn

from seki_lib.datasets.images import Dataset, Images, load_dataset
from seki_lib.files.errors import RunError, SekiError, TrainingError, UnknownName
from seki_lib.files.jsonl import write_json
from seki_lib.files.lock import locked
from seki_lib.files.source import DataSource
from seki_lib.spaces import get_space
from seki_lib.training import checkpoint, classifier
from seki_lib.training.classifier import train_classifier
from seki_lib.training.protocol import (
    PROTOCOLS,
    ClassifierConfig,
    TrainingSpec,
    cosine,
    get_protocol,
    named_architecture,
)

TINY = ClassifierConfig(channels=2, layers=3, epochs=3, batch=20, train_images=50, test_images=30, threads=1)
ARCH = named_architecture("PC_DARTS")[1]


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits", train=TINY.train_images, test=TINY.test_images)


def train(digits, folder, config=TINY, seed=0, **options):
    lines = []
    result = train_classifier("darts", ARCH, digits, config, folder, seed=seed, say=lines.append, **options)
    return result, lines


def weights(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)["parts"]["network"]


def metrics(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("seconds", "images_per_second")} for line in lines]


@pytest.fixture(scope="module")
def whole(digits, tmp_path_factory):
    """A training that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole")
    train(digits, folder)
    return folder


def same_bits(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


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


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.training.test_classifier import ARCH, TINY
from seki_lib.training import checkpoint, classifier, loop
from seki_lib.datasets.images import load_dataset

def die_at(module, name, call, after):
    original, calls = getattr(module, name), []
    def wrapped(*args, **kwargs):
        calls.append(1)
        if len(calls) == call and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if len(calls) == call and after:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(module, name, wrapped)

place, call, seconds, folder = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4])
if place == "step":
    die_at(classifier.ClassifierTraining, "train_step", call, True)
elif place == "line":
    die_at(loop, "append_line", call, True)
elif place == "move":
    die_at(Path, "replace", call, True)
data = load_dataset("digits", train=TINY.train_images, test=TINY.test_images)
classifier.train_classifier("darts", ARCH, data, TINY, folder, say=lambda line: None, checkpoint_seconds=seconds)
"""


def run_killed(place, call, seconds, folder):
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", KILLED, place, str(call), str(seconds), str(folder)]
    return subprocess.run(command, cwd=root, env=os.environ | {"PYTHONPATH": str(root)}).returncode


def test_a_training_killed_anywhere_ends_with_the_same_bits(whole, tmp_path, digits):
    for place, call, seconds in (
        ("step", 5, 600),  # in the second epoch, after one checkpoint
        ("line", 1, 0),  # the line of the second epoch is written, its checkpoint not yet; one after every step
        ("move", 2, 0),  # the old checkpoint was moved away, the new one is not there yet
    ):
        assert run_killed(place, call, seconds, tmp_path) == -signal.SIGKILL, place
    train(digits, tmp_path)
    assert same_bits(weights(tmp_path), weights(whole))
    assert metrics(tmp_path) == metrics(whole)


def test_ctrl_c_finishes_the_step_saves_and_says_how_to_go_on(whole, digits, tmp_path, monkeypatch):
    steps, original = [], classifier.ClassifierTraining.train_step

    def press(self, *batch):
        original(self, *batch)
        steps.append(1)
        if len(steps) == 4:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(classifier.ClassifierTraining, "train_step", press)
    lines = []
    with pytest.raises(KeyboardInterrupt):
        train_classifier("darts", ARCH, digits, TINY, tmp_path, say=lines.append)
    assert lines[-1] == "saved after step 1 of 3 of epoch 2: the same command goes on from here"
    _, lines = train(digits, tmp_path)
    assert lines[0] == "going on from epoch 2, step 2" and len(steps) == 9
    assert same_bits(weights(tmp_path), weights(whole))


def test_signals_are_left_alone_outside_the_main_thread(digits, tmp_path, whole):
    thread = threading.Thread(target=train, args=(digits, tmp_path))
    thread.start()
    thread.join()
    assert same_bits(weights(tmp_path), weights(whole))


def stop_after(digits, folder, epochs):
    """A folder with a training that stopped after so many epochs."""

    def say(line):
        if line.startswith(f"epoch   {epochs}/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_classifier("darts", ARCH, digits, TINY, folder, say=say)


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(digits, tmp_path, whole):
    stop_after(digits, tmp_path, 2)
    path = tmp_path / "checkpoint.pt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # one bit
    path.write_bytes(content)
    _, lines = train(digits, tmp_path)
    assert "checkpoint.pt is damaged" in lines[0] and "going on from checkpoint.before.pt" in lines[0]
    assert same_bits(weights(tmp_path), weights(whole))
    assert metrics(tmp_path) == metrics(whole)


@pytest.mark.parametrize("content", [b"", b"PK", b"nonsense" * 1000])
def test_if_all_checkpoints_are_damaged_nothing_is_touched(digits, tmp_path, content):
    stop_after(digits, tmp_path, 1)
    (tmp_path / "checkpoint.pt").write_bytes(content)
    (tmp_path / "checkpoint.before.pt").write_bytes(content)
    with pytest.raises(RunError, match=r"is damaged.*is damaged.*remove the folder") as caught:
        train(digits, tmp_path)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "checkpoint.pt").read_bytes() == content


def test_a_checkpoint_cannot_run_code(tmp_path):
    torch.save({"identity": os.system}, tmp_path / "checkpoint.pt")
    with pytest.raises(RunError, match="is damaged"):
        checkpoint.load(tmp_path, {})


def test_other_settings_are_refused_by_name_and_value(digits, tmp_path):
    stop_after(digits, tmp_path, 1)
    other = dataclasses.replace(TINY, batch=25)
    with pytest.raises(RunError, match="batch was 20, now 25"):
        train(digits, tmp_path, other)
    (tmp_path / "config.json").unlink()  # a checkpoint that was copied here knows its settings too
    with pytest.raises(RunError, match="batch was 20, now 25"):
        train(digits, tmp_path, other)


def test_a_finished_training_of_code_with_other_settings_is_kept_and_made_anew(digits, tmp_path, whole):
    folder = tmp_path / "cell" / "seed=0"
    first, _ = train(digits, folder)
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", config | {"code": "before", "a setting that is gone": 1})
    _, lines = train(digits, folder)
    assert "was made by other code: kept as" in lines[0] and len(lines) == 1 + TINY.epochs
    assert json.loads((tmp_path / "cell,code=before" / "seed=0" / "result.json").read_text()) == first
    assert same_bits(weights(folder), weights(whole))


def test_a_full_disk_is_named_and_the_last_good_checkpoint_kept(digits, tmp_path, whole):
    stop_after(digits, tmp_path, 1)
    good = (tmp_path / "checkpoint.pt").read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(good) // 2, before[1]))
    try:
        with pytest.raises(TrainingError, match=r"cannot be written .*last good checkpoint is kept. Make room"):
            train(digits, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / "checkpoint.pt").read_bytes() == good and not list(tmp_path.glob(".checkpoint*"))
    train(digits, tmp_path)
    assert same_bits(weights(tmp_path), weights(whole))


def test_a_disk_that_was_full_from_the_start_holds_no_checkpoint_and_says_so(digits, tmp_path, monkeypatch):
    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(TrainingError, match=r"No space left on device\): it would have been the first.*starts anew"):
        checkpoint.save(tmp_path, {})
    with pytest.raises(RunError, match=r"cannot be written or read \(No space left on device\)"):
        train(digits, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file/seed=0 cannot be written or read"):
        train(digits, tmp_path / "file" / "seed=0")


def test_a_compiler_that_is_missing_is_named(digits, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(TrainingError, match=r"torch.compile failed \(.*compiler.*Next: train without it"):
        train(digits, tmp_path, dataclasses.replace(TINY, epochs=1, layers=1, auxiliary=0.0, compile="default"))


def test_a_folder_in_use_is_refused(digits, tmp_path):
    with locked(tmp_path), pytest.raises(RunError, match="is in use by process"):
        train(digits, tmp_path)


def test_a_finished_training_is_waited_for_while_others_read_it(digits, whole):
    released, held = threading.Event(), threading.Event()

    def hold():
        with locked(whole):
            held.set()
            released.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    threading.Timer(0.3, released.set).start()
    result, lines = train(digits, whole)
    assert released.is_set() and result == json.loads((whole / "result.json").read_text()) and not lines
    thread.join()


@pytest.mark.parametrize("content", [b"", b'{"seed": 0,'])
def test_a_damaged_result_is_named_and_made_again_from_the_checkpoint(digits, tmp_path, whole, content):
    first, _ = train(digits, tmp_path)
    (tmp_path / "result.json").write_bytes(content)
    again, lines = train(digits, tmp_path)
    assert "result.json is damaged" in lines[0] and len(lines) == 1
    same = {"seconds", "peak_memory_mb"}
    assert {k: v for k, v in again.items() if k not in same} == {k: v for k, v in first.items() if k not in same}
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(RunError, match=r"config.json is damaged \("):
        train(digits, tmp_path)


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


def test_every_random_generator_is_put_back():
    import random

    import numpy as np

    states = checkpoint.rng_states()
    first = random.random(), np.random.rand(), float(torch.rand(()))
    checkpoint.restore_rng(states)
    assert (random.random(), np.random.rand(), float(torch.rand(()))) == first
