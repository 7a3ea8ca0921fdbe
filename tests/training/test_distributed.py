"""Several processes train as one does: the same weights, the same files, and a killed one costs nothing."""

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from seki_lib.datasets.images import Dataset, Images
from seki_lib.files.errors import RunError
from seki_lib.files.source import DataSource
from seki_lib.training.classifier import train_classifier
from seki_lib.training.distributed import World
from seki_lib.training.loop import Job
from seki_lib.training.protocol import ClassifierConfig, SupernetConfig
from seki_lib.training.supernet import train_supernet

ROOT = Path(__file__).resolve().parents[2]
ARCH = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"
# 10 steps an epoch, the last of 3 images: parts of 1 and 2. In float64, since in float32 rounding alone drives such a
# training apart: one process with another memory layout ends as far away as two processes do.
CONFIG = ClassifierConfig(channels=4, layers=1, epochs=2, batch=8, drop_path=0.0, threads=1)
SUPERNET = SupernetConfig(
    channels=8, layers=1, epochs=2, batch=16, alpha_from=1, score_images=8, resolution=8, threads=1
)


def noise(n):
    generator = torch.Generator().manual_seed(n)
    images = torch.randint(256, (n, 3, 32, 32), generator=generator, dtype=torch.uint8)
    return Images(images, torch.randint(10, (n,), generator=generator))


def train(folder, supernets=False, **options):
    data = Dataset("noise", 10, noise(75), noise(9), DataSource("noise", "random pixels", "", ""))
    torch.set_default_dtype(torch.float64)
    try:
        for kind in ("single_path", "pc_darts") if supernets else ():
            space = {"single_path": "nas201", "pc_darts": "darts"}[kind]
            train_supernet(
                space, data, replace(SUPERNET, kind=kind), folder / kind, device="cpu", say=lambda line: None
            )
        return train_classifier("nas201", ARCH, data, CONFIG, folder, device="cpu", **options)
    finally:
        torch.set_default_dtype(torch.float32)


PROCESS = """
import os, signal, sys
from pathlib import Path
from seki_lib.files.errors import RunError
from seki_lib.training import classifier
from tests.training.test_distributed import train

folder, dies_at, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
if os.environ["RANK"] == "1" and dies_at:
    original, calls = classifier.ClassifierTraining.train_step, []
    def step(self):
        original(self)
        calls.append(1)
        if len(calls) == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
    classifier.ClassifierTraining.train_step = step
if not dies_at:
    try:
        train(folder / "other")
    except RunError as error:
        print(error, file=sys.stderr)
train(folder, not dies_at, say=lambda line: print(line, flush=True), checkpoint_seconds=seconds)
"""


def start_two(folder, dies_at=0, seconds=600.0):
    """What torchrun does: two processes that know each other's address and their own number."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROCESS, str(folder), str(dies_at), str(seconds)]
    return [
        subprocess.Popen(
            command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in (0, 1)
    ]  # fmt: skip


def finish(processes):
    outputs = [process.communicate(timeout=120) for process in processes]
    return [process.returncode for process in processes], outputs


def weights(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)["parts"]["network"]


def metrics(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("seconds", "images_per_second")} for line in lines]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A training by one process."""
    folder = tmp_path_factory.mktemp("alone")
    train(folder, supernets=True, say=lambda line: None)
    return folder


def assert_same_training(folder, alone):
    ours, theirs = weights(folder), weights(alone)
    assert ours.keys() == theirs.keys()  # batch normalisation's running statistics among them
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], rtol=0, atol=1e-5, msg=name)
    assert metrics(folder) == [pytest.approx(line, abs=1e-5) for line in metrics(alone)]


def test_two_processes_reach_the_weights_of_one_in_20_steps(alone, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text(json.dumps({"seed": 5}))
    (tmp_path / "other" / "metrics.jsonl").write_text(json.dumps({"epoch": 1}) + "\n")
    codes, outputs = finish(start_two(tmp_path))
    assert codes == [0, 0], outputs
    assert_same_training(tmp_path, alone)
    for kind in ("single_path", "pc_darts"):
        assert_same_training(tmp_path / kind, alone / kind)
    # before that, an error of the first process was an error of both
    assert all("was made with other settings: " in errors for _, errors in outputs)
    assert outputs[0][0].count("test error") == 2 and outputs[1][0] == ""  # the first alone speaks


def test_a_process_killed_amid_an_epoch_costs_nothing(alone, tmp_path):
    codes, _ = finish(start_two(tmp_path, dies_at=14, seconds=0.0))  # in the second epoch; a checkpoint every step
    assert codes[1] == -signal.SIGKILL and codes[0] != 0  # the other stops by itself
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert (saved["epoch"], saved["step"]) in ((1, 3), (1, 4))
    train(tmp_path, say=lambda line: None)  # by one process: their number is no setting
    assert_same_training(tmp_path, alone)


@pytest.mark.parametrize(("n", "ranks"), [(96, 4), (7, 3), (2, 5), (1024, 8)])
def test_every_image_of_a_batch_is_some_process_s(n, ranks):
    worlds = [World(rank, ranks) for rank in range(ranks)]
    assert [i for world in worlds for i in range(n)[world.part(n)]] == list(range(n))
    assert sum(world.weight(n) for world in worlds) == pytest.approx(1)
    assert max(world.weight(n) for world in worlds) - min(world.weight(n) for world in worlds) <= 1 / n + 1e-12


def test_alone_nothing_is_changed_and_nothing_sent():
    world, network = World(), nn.Sequential(nn.BatchNorm2d(3))
    values = torch.ones(2)
    assert world.synchronised(network) is network and type(network[0]) is nn.BatchNorm2d
    assert world.total(values) is values and world.gather(1) == [1] and world.agree(True, False) == [True, False]
    assert world.part(10) == slice(0, 10) and world.weight(10) == 1.0
    with pytest.raises(RunError):
        world.from_first(lambda: (_ for _ in ()).throw(RunError("no")))


def test_each_process_of_a_machine_has_its_own_gpu(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setenv("LOCAL_RANK", "3")
    job = Job(tmp_path, {}, None, CONFIG, (), device="cuda")
    assert job.where == torch.device("cuda:3")
    assert replace(job, device="cuda:1").where == torch.device("cuda:1")
    monkeypatch.delenv("LOCAL_RANK")
    assert job.where == torch.device("cuda")
