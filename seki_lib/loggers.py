"""Optional: a search's rounds and a training's epochs in TensorBoard, Weights & Biases, MLflow or trackio.

    with Log(["mlflow"], spec.folder(results)) as log:
        search_run(spec, profile, results, on_step=log.step)
    with Log(["tensorboard"], spec.folder(results)) as log:
        run_training(spec, results, say=on_epoch(spec.folder(results), log.epoch))

Off by default; each logger is an extra of pyproject.toml. Sent are the settings of config.json, and for each round or
epoch its number and the values of STEP and EPOCH, nothing else. The run's own files hold more, and stay the truth: a
logger that fails is dropped with one warning, and the run goes on. `loggers.json` in the run's folder keeps the run's
id and the last step that each logger took, so a resumed run goes on in the same place and sends no step twice.
"""

import json
import os
import re
import sys
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

from .files.errors import SettingError, look_up
from .files.jsonl import read_if_whole, read_lines, write_json
from .llm.redaction import redact
from .search import Step

VARIABLE = "SEKI_LOG"  # names of loggers, where the command line names none
PROJECT = "seki"  # project, or experiment, of all runs; MLFLOW_EXPERIMENT_NAME and WANDB_PROJECT name another
STEP = ("score", "best")  # f of the round's cell, and the best so far
EPOCH = ("lr", "train_loss", "train_error", "test_error", "accuracy", "train_perplexity", "valid_perplexity")
KINDS = ("searches", "trainings", "supernets")  # folders below a profile's
NOT_SENT = ("data.sentence",)  # of config.json: it says where files lie on this machine


class Logger(ABC):
    """One run in one logger. It is made with the first step that is sent; any error of it may be raised."""

    package: str  # what has to be installed; the extra has the logger's name

    @abstractmethod
    def __init__(self, name: str, identity: str, config: Mapping[str, Any], folder: Path):
        """Open the run, or go on with it. name: for people; identity: the same whenever the run goes on."""

    @abstractmethod
    def send(self, step: int, values: Mapping[str, float]) -> None:
        """The values of a round or an epoch."""

    @abstractmethod
    def close(self, finished: bool) -> None:
        """No more steps will come from this process."""


class TensorBoard(Logger):
    """Event files in `<run folder>/tensorboard`."""

    package = "tensorboard"

    def __init__(self, name: str, identity: str, config: Mapping[str, Any], folder: Path):
        from torch.utils.tensorboard import SummaryWriter

        self.writer: Any = SummaryWriter(str(folder / "tensorboard"))
        self.writer.add_text("config", f"```\n{json.dumps(dict(config), indent=1, ensure_ascii=False)}\n```")

    def send(self, step: int, values: Mapping[str, float]) -> None:
        for key, value in values.items():
            self.writer.add_scalar(key, value, step)
        self.writer.flush()

    def close(self, finished: bool) -> None:
        self.writer.close()


class WeightsAndBiases(Logger):
    """A run of wandb; it sees no console, no code, no git, no machine. WANDB_MODE=offline needs no account."""

    package = "wandb"

    def __init__(self, name: str, identity: str, config: Mapping[str, Any], folder: Path):
        import wandb

        settings = wandb.Settings(
            console="off", disable_git=True, disable_code=True, save_code=False, disable_job_creation=True,
            x_disable_meta=True, x_disable_stats=True, x_save_requirements=False, finish_timeout=60,
        )  # fmt: skip
        self.run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT), id=identity, name=name, config=dict(config),
            dir=os.environ.get("WANDB_DIR") or folder, resume="allow", reinit="create_new", settings=settings,
        )  # fmt: skip

    def send(self, step: int, values: Mapping[str, float]) -> None:
        self.run.log(dict(values), step=step)

    def close(self, finished: bool) -> None:
        self.run.finish(exit_code=0 if finished else 1)


class MLflow(Logger):
    """A run of MLflow, where MLFLOW_TRACKING_URI says. A server that is gone is not waited for."""

    package = "mlflow"

    def __init__(self, name: str, identity: str, config: Mapping[str, Any], folder: Path):
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # its own: some minutes for each step
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param

        self.client, self._metric = MlflowClient(), Metric
        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        there = self.client.get_experiment_by_name(experiment)
        number = there.experiment_id if there else self.client.create_experiment(experiment)
        if found := self.client.search_runs([number], f"tags.`seki.id` = '{identity}'", max_results=1):
            self.run = found[0].info.run_id
            self.client.update_run(self.run, status="RUNNING")
            return
        self.run = self.client.create_run(number, run_name=name, tags={"seki.id": identity}).info.run_id
        self.client.log_batch(self.run, params=[Param(key, str(value)[:500]) for key, value in config.items()])

    def send(self, step: int, values: Mapping[str, float]) -> None:
        now = int(1000 * time.time())
        metrics = [self._metric(key, value, now, step) for key, value in values.items()]
        self.client.log_batch(self.run, metrics=metrics)

    def close(self, finished: bool) -> None:
        self.client.set_terminated(self.run, "FINISHED" if finished else "KILLED")


class Trackio(Logger):
    """A run of trackio: a database on this machine, unless its own settings name a server."""

    package = "trackio"

    def __init__(self, name: str, identity: str, config: Mapping[str, Any], folder: Path):
        import trackio

        self._leave = trackio.finish
        self.run = trackio.init(
            project=PROJECT, name=f"{name} {identity}", config=dict(config), resume="allow", embed=False,
            auto_log_gpu=False, auto_log_cpu=False,
        )  # fmt: skip

    def send(self, step: int, values: Mapping[str, float]) -> None:
        self.run.log(dict(values), step=step)

    def close(self, finished: bool) -> None:
        self.run.finish()
        with suppress(RuntimeError):  # no run is current: several were open
            self._leave()  # or trackio says goodbye to the current run when Python ends


LOGGERS: dict[str, type[Logger]] = {
    "tensorboard": TensorBoard,
    "wandb": WeightsAndBiases,
    "mlflow": MLflow,
    "trackio": Trackio,
}


def chosen(given: Sequence[str] = ()) -> list[str]:
    """The loggers that were asked for, each once: names, or lists of them with commas; if none, those of SEKI_LOG.

    Raises UnknownName, or SettingError that names the extra of one that is not installed.
    """
    words = re.split(r"[,\s]+", ",".join(given) or os.environ.get(VARIABLE, ""))
    names = list(dict.fromkeys(word for word in words if word))
    for name in names:
        package = look_up("logger", LOGGERS, name).package
        if find_spec(package) is None:
            raise SettingError(
                f'the logger {name} needs the package {package}, which is not installed. Next: pip install ".[{name}]" '
                f'in the checkout, or pip install "seki-kit[{name}]".'
            )
    return names


class Log:
    """The chosen loggers of one run. They are opened with the first step: a finished run opens none.

    names: keys of LOGGERS; folder: the run's. Raises what `chosen` raises, and after that nothing.
    """

    def __init__(self, names: Sequence[str], folder: Path):
        self.folder, self._waiting = folder, chosen(names) if names else []
        self._open: dict[str, Logger] = {}
        self._state: dict[str, Any] = {"id": uuid.uuid4().hex[:12], "sent": {}}  # as loggers.json keeps it

    def __enter__(self) -> "Log":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, logger in list(self._open.items()):
            self._safely(name, partial(logger.close, kind is None))

    def step(self, step: Step) -> None:
        """A round of a search, as `on_step` takes it."""
        self._send(step.record.round, dict(zip(STEP, (step.record.score, step.best), strict=True)))

    def epoch(self, line: Mapping[str, Any]) -> None:
        """An epoch of a training or a supernet: a line of its metrics.jsonl."""
        self._send(line["epoch"], {key: float(line[key]) for key in EPOCH if key in line})

    def _send(self, step: int, values: Mapping[str, float]) -> None:
        if self._waiting:
            self._state = read_if_whole(self.folder / "loggers.json") or self._state
            config = read_if_whole(self.folder / "config.json") or {}
            for name in self._waiting:
                self._safely(name, partial(self._start, name, dict(flat(redact(config)))))
            self._waiting = []
        for name in list(self._open):
            if step > self._state["sent"].get(name, -1):
                self._safely(name, partial(self._take, name, step, values))

    def _start(self, name: str, config: Mapping[str, Any]) -> None:
        self._open[name] = LOGGERS[name](run_name(self.folder), self._state["id"], config, self.folder)

    def _take(self, name: str, step: int, values: Mapping[str, float]) -> None:
        self._open[name].send(step, values)
        self._state["sent"][name] = step
        write_json(self.folder / "loggers.json", self._state)

    def _safely(self, name: str, call: Callable[[], None]) -> None:
        """Call a logger; one that fails is dropped. What it prints goes to standard error."""
        try:
            with redirect_stdout(sys.stderr):
                call()
        except Exception as error:
            self._open.pop(name, None)
            reason = redact(f"{type(error).__name__}: {error}").splitlines()[0][:300]
            print(f"seki: the logger {name} failed ({reason}). The run goes on without it.", file=sys.stderr)


def on_epoch(
    folder: Path, hook: Callable[[dict[str, Any]], None], say: Callable[[str], None] = print
) -> Callable[[str], None]:
    """A `say` for a training in this folder, after which `hook` is called with each new line of its metrics.jsonl.

    The loop says a line when an epoch is saved, so no epoch comes twice. It is not told of hooks: it decides weights,
    and with its code every finished training would have to be repeated.
    """
    metrics = folder / "metrics.jsonl"
    seen = sum(1 for _ in read_lines(metrics))

    def heard(line: str) -> None:
        nonlocal seen
        say(line)
        for epoch in islice(read_lines(metrics), seen, None):
            hook(epoch)
            seen = epoch["epoch"]

    return heard


def run_name(folder: Path) -> str:
    """A run's folder from its profile on, `laptop/searches/nas201/…/seed=8`; of another folder its own name."""
    parts = folder.absolute().parts
    places = [place for place, part in enumerate(parts) if part in KINDS]
    return "/".join(parts[places[-1] - 1 :]) if places and places[-1] else folder.name


def flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings as `search.lam` and its value."""
    for key, value in settings.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{name}.")
        elif name not in NOT_SENT:
            yield name, value
