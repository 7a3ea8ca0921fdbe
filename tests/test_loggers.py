"""Loggers show a search or a training, and can neither stop it nor change it.

The real ones run in processes of their own, since they keep threads and settings; each is skipped where its package is
not installed.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from logged_search import PROFILE, SPEC

from seki_lib.app.command import Logged
from seki_lib.files.errors import SettingError, UnknownName
from seki_lib.files.jsonl import append_line, read_lines, write_json
from seki_lib.loggers import LOGGERS, Log, Logger, chosen, flat, on_epoch, run_name
from seki_lib.runs import search_run

HERE = Path(__file__).parent
KEY = "sk-ant-planted-0123456789abcdef"


class Recording(Logger):
    """A plain logger of this test's own; `fails` names the calls that raise."""

    package = "json"
    runs, fails = [], ()

    def __init__(self, name, identity, config, folder):
        if "open" in self.fails:
            raise ConnectionError("nobody is there")
        self.name, self.identity, self.config, self.sent, self.finished = name, identity, config, {}, None
        self.runs.append(self)

    def send(self, step, values):
        if "send" in self.fails and step == 2:
            raise ConnectionError(f"the server is gone, with {KEY}\nand more")
        assert step not in self.sent
        self.sent[step] = values

    def close(self, finished):
        if "close" in self.fails:
            raise ConnectionError("the server is gone")
        self.finished = finished


@pytest.fixture
def recording(monkeypatch):
    monkeypatch.setitem(LOGGERS, "recording", Recording)
    monkeypatch.setattr(Recording, "runs", [])
    monkeypatch.setattr(Recording, "fails", ())
    return Recording


def logged(results, names=("recording",), until=None, stop_at=None):
    """The search of `logged_search`, in this process; stop_at: a round in which Ctrl-C comes."""

    def on_step(step):
        log.step(step)
        if step.record.round == stop_at:
            raise KeyboardInterrupt

    with Log(names, SPEC.folder(results)) as log:
        return search_run(SPEC, PROFILE, results, until=until, on_step=on_step)


def history(folder):
    """Round -> score and best so far, as the run's own file has them."""
    scores = [record["score"] for record in read_lines(folder / "history.jsonl")]
    return {i: {"score": score, "best": max(scores[: i + 1])} for i, score in enumerate(scores)}


def test_the_hook_of_a_search_is_any_callable_and_hears_each_round_once(fake, tmp_path):
    steps = []
    search_run(SPEC, PROFILE, tmp_path, until=3, on_step=steps.append)
    folder = search_run(SPEC, PROFILE, tmp_path, on_step=steps.append)
    search_run(SPEC, PROFILE, tmp_path, on_step=steps.append)  # finished: nothing is left to hear
    assert {step.record.round: {"score": step.record.score, "best": step.best} for step in steps} == history(folder)
    assert len(steps) == PROFILE.rounds + 1


def test_a_search_that_goes_on_is_one_run_and_no_round_is_sent_twice(fake, recording, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        logged(tmp_path, stop_at=3)
    folder = logged(tmp_path)
    logged(tmp_path)
    first, second = recording.runs  # the third call had nothing to send, and opened none
    assert first.identity == second.identity and first.name == second.name == run_name(folder)
    assert (first.finished, second.finished) == (False, True)
    assert first.sent | second.sent == history(folder) and not first.sent.keys() & second.sent.keys()


def test_a_search_that_was_removed_and_made_anew_is_another_run(fake, recording, tmp_path):
    folder = logged(tmp_path)
    folder.rename(tmp_path / "away")
    logged(tmp_path)
    assert len({run.identity for run in recording.runs}) == 2


@pytest.mark.parametrize("fails", ["open", "send", "close"])
def test_a_logger_that_fails_warns_once_and_the_search_ends_as_without_it(fails, fake, recording, tmp_path, capsys):
    plain = search_run(SPEC, PROFILE, tmp_path / "plain")
    recording.fails = (fails,)
    folder = logged(tmp_path / "logged")
    assert history(folder) == history(plain) and (folder / "result.json").exists()
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith("seki: the logger recording failed (ConnectionError: ")
    assert "goes on without it" in said[0] and KEY not in said[0]
    assert all(run.sent.keys() == {0, 1} for run in recording.runs if fails == "send")


def test_a_logger_that_fails_takes_no_other_with_it(fake, recording, monkeypatch, tmp_path):
    class Broken(Recording):
        fails = ("send",)

    monkeypatch.setitem(LOGGERS, "broken", Broken)
    folder = logged(tmp_path, ["broken", "recording"])
    kept = json.loads((folder / "loggers.json").read_text())["sent"]
    assert kept == {"broken": 1, "recording": PROFILE.rounds}


def test_settings_are_sent_without_keys_and_without_places_of_this_machine(fake, recording, monkeypatch, tmp_path):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    fake.settings = {"url": f"https://user:{KEY}@host/v1"}
    logged(tmp_path)
    [run] = recording.runs
    assert run.config["search.lam"] == PROFILE.lam and run.config["run.space"] == "nas201"
    assert KEY not in str(run.config) and "data.sentence" not in run.config and str(tmp_path) not in str(run.config)
    assert all(set(values) == {"score", "best"} for values in run.sent.values())


def test_an_epoch_is_heard_when_it_is_saved_and_never_twice(recording, tmp_path):
    metrics, said = tmp_path / "metrics.jsonl", []
    append_line(metrics, {"epoch": 1, "lr": 0.5})  # of an earlier process
    write_json(tmp_path / "config.json", {"seed": 0})
    with Log(["recording"], tmp_path) as log:
        say = on_epoch(tmp_path, log.epoch, said.append)
        say("going on from epoch 2, step 1")
        append_line(metrics, {"epoch": 2, "lr": 0.25, "train_loss": 2.0, "test_error": 30.0, "images_per_second": 9.0})
        say("epoch 2")
        metrics.write_text("".join(metrics.read_text().splitlines(keepends=True)[:1]))  # its checkpoint was damaged
        say("going on from epoch 2, step 1")
        append_line(metrics, {"epoch": 2, "lr": 0.25, "train_loss": 2.0})
        say("epoch 2")
        append_line(metrics, {"epoch": 3, "lr": 0.125, "valid_perplexity": 7.0})
        say("epoch 3")
    assert len(said) == 5
    [run] = recording.runs
    sent = {2: {"lr": 0.25, "train_loss": 2.0, "test_error": 30.0}, 3: {"lr": 0.125, "valid_perplexity": 7.0}}
    assert run.sent == sent and run.config == {"seed": 0}


def test_names_may_be_repeated_listed_and_left_to_the_environment(recording, monkeypatch):
    monkeypatch.setitem(LOGGERS, "other", Recording)
    assert chosen() == [] and Logged().loggers == []
    assert chosen(["recording,other", "recording"]) == ["recording", "other"]
    monkeypatch.setenv("SEKI_LOG", "other, recording")
    assert Logged().loggers == ["other", "recording"] and Logged(log=("recording",)).loggers == ["recording"]
    with pytest.raises(UnknownName, match="valid: tensorboard, wandb, mlflow, trackio"):
        chosen(["tensorbored"])


@pytest.mark.parametrize("command", ["search", "train", "supernet", "ablations", "reproduce"])
def test_a_logger_that_is_missing_is_said_before_anything_is_done(command, monkeypatch, tmp_path):
    from seki_lib.app.commands import read

    monkeypatch.setitem(LOGGERS, "mlflow", type("Missing", (Recording,), {"package": "no_such_package"}))
    words = [command, "--profile", "smoke", "--results", str(tmp_path), "--log", "mlflow"]
    words += ["--arch", "random:0", "--dataset", "digits"] if command == "train" else []
    words += ["--dataset", "digits"] if command == "supernet" else []
    with pytest.raises(SettingError, match=r'no_such_package, .* pip install "\.\[mlflow\]"'):
        read(words).run()
    assert not any(tmp_path.iterdir())


def test_every_logger_is_an_extra_of_its_own():
    import tomllib

    extras = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert all(extras[name] == [logger.package] for name, logger in LOGGERS.items())
    assert not any(name in str(extras["all"]) for name in LOGGERS)


def test_nested_settings_become_names_with_dots_and_folders_become_names_of_runs():
    assert dict(flat({"a": {"b": 1, "c": {"d": 2}}, "e": [3]})) == {"a.b": 1, "a.c.d": 2, "e": [3]}
    assert run_name(Path("/x/searches/laptop/trainings/darts/digits/random-0/seed=1")) == (
        "laptop/trainings/darts/digits/random-0/seed=1"
    )
    assert run_name(Path("/x/mine")) == "mine"


@pytest.fixture
def real(tmp_path, table):
    """real(logger) -> the folder of a search that this logger saw, stopped once; the environment is in `real.env`."""
    env = os.environ | {
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true",
        "TRACKIO_DIR": str(tmp_path / "trackio"), "HF_HUB_OFFLINE": "1", "WANDB_MODE": "offline",
        "WANDB_DIR": str(tmp_path), "ANTHROPIC_API_KEY": KEY, "HOME": str(tmp_path),
    }  # fmt: skip

    def search(logger, **more):
        for until in (2, PROFILE.rounds):
            command = [sys.executable, HERE / "logged_search.py", tmp_path / "results", logger, str(until)]
            done = subprocess.run(command, cwd=tmp_path, env=env | more, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        search.stdout, search.stderr = done.stdout, done.stderr
        return SPEC.folder(tmp_path / "results")

    search.env = env
    yield search
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_tensorboards_own_reader_finds_each_round_once(real):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    folder = real("tensorboard")
    events = accumulator.EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    for name in ("score", "best"):
        found = [(event.step, event.value) for event in events.Scalars(name)]
        assert found == [(i, pytest.approx(values[name], rel=1e-6)) for i, values in history(folder).items()]


def test_a_local_mlflow_holds_one_run_with_each_round_once(real, monkeypatch):
    pytest.importorskip("mlflow")
    folder = real("mlflow")
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, real.env[name])
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=real.env["MLFLOW_TRACKING_URI"])
    [run] = client.search_runs([client.get_experiment_by_name("seki").experiment_id])
    assert run.info.run_name == run_name(folder) and run.info.status == "FINISHED"
    assert run.data.params["search.lam"] == "4" and run.data.params["run.space"] == "nas201"
    found = [(metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, "best")]
    assert found == [(i, values["best"]) for i, values in history(folder).items()]


def test_an_mlflow_server_that_is_gone_stops_no_search(real):
    pytest.importorskip("mlflow")
    folder = real("mlflow", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert (folder / "result.json").exists()
    assert len([line for line in real.stderr.splitlines() if line.startswith("seki: the logger mlflow failed")]) == 1


def test_a_local_trackio_holds_one_run_with_each_round_once(real):
    pytest.importorskip("trackio")
    folder = real("trackio")
    assert real.stdout == ""  # it speaks on standard error
    reading = (
        "import json, trackio\nfrom trackio.sqlite_storage import SQLiteStorage\n"
        "[run] = trackio.Api().runs('seki')\nprint(json.dumps([run.name, run.config['search.lam']]))\n"
        "print(json.dumps([[line['step'], line['best']] for line in SQLiteStorage.get_logs('seki', run.name)]))"
    )
    done = subprocess.run([sys.executable, "-c", reading], env=real.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (name, lam), found = map(json.loads, done.stdout.splitlines())
    assert name.startswith(run_name(folder)) and lam == 4
    assert found == [[i, values["best"]] for i, values in history(folder).items()]


def test_wandb_offline_keeps_both_parts_of_a_search_under_one_id(real, tmp_path):
    pytest.importorskip("wandb")
    folder = real("wandb")
    kept = json.loads((folder / "loggers.json").read_text())
    files = list(tmp_path.glob("wandb/offline-run-*/*.wandb"))
    assert len(files) == 2 and {path.stem for path in files} == {f"run-{kept['id']}"}
    assert kept["sent"] == {"wandb": PROFILE.rounds}
    assert all(b"score" in path.read_bytes() and b"search.lam" in path.read_bytes() for path in files)
