"""Nothing is lost when a training is killed, its checkpoint damaged, its disk full, or its folder in use."""

import dataclasses
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from seki_lib.files.errors import RunError, TrainingError
from seki_lib.files.jsonl import write_json
from seki_lib.files.lock import locked
from seki_lib.training import checkpoint, classifier
from seki_lib.training.classifier import train_classifier

from .tiny import ARCH, TINY, metrics, same_bits, train, weights

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.training.tiny import ARCH, TINY
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


@pytest.mark.parametrize("state", [[], {}, {"state_dict": {}}, {"identity": {}, "parts": {"optimizer": {}}}])
def test_a_whole_file_of_another_program_is_no_checkpoint(digits, tmp_path, whole, state):
    stop_after(digits, tmp_path, 2)
    torch.save(state, tmp_path / "checkpoint.pt")
    _, lines = train(digits, tmp_path)
    assert "it holds no network of this kit" in lines[0] and "going on from checkpoint.before.pt" in lines[0]
    assert same_bits(weights(tmp_path), weights(whole))


def test_weights_of_another_network_are_one_sentence(tmp_path):
    with pytest.raises(RunError, match="is that of another network") as caught:
        checkpoint.put_into(torch.nn.Linear(2, 2), torch.nn.Linear(3, 3).state_dict(), tmp_path)
    assert "\n" not in str(caught.value)


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


def test_every_random_generator_is_put_back():
    import random

    import numpy as np

    states = checkpoint.rng_states()
    first = random.random(), np.random.rand(), float(torch.rand(()))
    checkpoint.restore_rng(states)
    assert (random.random(), np.random.rand(), float(torch.rand(()))) == first
