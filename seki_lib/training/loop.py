"""The one training loop: epochs of steps that can be killed anywhere and go on to the same bits.

A trainer says what a step is, what an epoch measures and what the end reports (`classifier.py`, `supernet.py`,
`language_model.py`); everything else is here: checkpoints, resuming, random numbers, Ctrl-C, non-finite losses,
`metrics.jsonl` (a line an epoch), `result.json` (closes the training) and the sentences for what goes wrong.

Every random number derives from (seed, epoch, purpose), never from what ran before. Several processes that train one
network together (`distributed.py`) run this same loop; the first of them reads and writes the folder.
"""

import hashlib
import math
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..files.errors import RunError, TrainingError
from ..files.fingerprint import fingerprint, set_aside
from ..files.jsonl import append_line, on_disk, read_if_whole, read_json, read_lines, write_json, write_lines
from ..files.lock import locked
from . import checkpoint, machine
from .distributed import join
from .machine import choose_device, cpu_threads, stop_signals

CHECK_EVERY = 50  # steps between looks at the loss on a GPU: each look waits for the device
OTHER_FOLDER = "in another folder (--variant, of a supernet --results)"  # since other settings decide other weights


@dataclass(frozen=True)
class Job:
    """One training on this machine: what decides it, where it lives, and who hears of it."""

    folder: Path
    what: dict[str, str]  # the space and the architecture, or the space of a supernet
    data: Any  # a Dataset, or a Text
    config: Any  # a frozen dataclass with at least epochs, batch, precision and threads
    decided_by: tuple[str, ...]  # modules whose code decides the weights, with all they import
    seed: int = 0
    device: str = "auto"
    say: Callable[[str], None] = print  # takes one line an epoch
    checkpoint_seconds: float = 600.0  # longest time between checkpoints; there is one after every epoch as well

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that decides the weights, as JSON has it; another identity is another folder."""
        settings = asdict(self.config)
        settings.pop("workers", None)  # decides how fast
        settings = {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
        return {**self.what, **self.data.identity, "seed": self.seed, **settings}

    @property
    def where(self) -> torch.device:
        """The device; "auto" is a GPU, or the CPU. Under `torchrun` each process of a machine has a GPU of its own."""
        device, local = choose_device(self.device), os.environ.get("LOCAL_RANK")
        return choose_device(f"cuda:{local}") if str(device) == "cuda" and local else device


def train(job: Job, trainer: "type[Training]") -> dict[str, Any]:
    """Run `trainer(job)` to its end, or go on with it, in `job.folder`; returns what `result.json` holds.

    A finished training is read, not repeated; one that other code made is set aside and repeated. Raises TrainingError
    with the next step, RunError if the folder was made with other settings or is in use, KeyboardInterrupt after
    Ctrl-C, when all is saved.
    """
    world = join(job.where)
    job = job if world.first else replace(job, say=lambda line: None)
    with ExitStack() as held, _named_errors(job), on_disk(job.folder), cpu_threads(job.config.threads):

        def claim() -> dict[str, Any] | None:
            description = job.identity | {"code": fingerprint(*job.decided_by)}
            _make_way(job, description)
            held.enter_context(locked(job.folder))
            _claim(job.folder, description)
            return read_if_whole(job.folder / "result.json", job.say)

        if not (world.alone or trainer.shares):
            raise TrainingError("this training does not share its batches: start it as one process, without torchrun.")
        return world.from_first(claim) or trainer(job).run()


class Training(ABC):
    """The state of one training: what a checkpoint holds, and the loop that advances it.

    A trainer's `__init__` fills `parts` (all that has a `state_dict`: network, optimisers); `sums` collects what the
    steps of an epoch add up, the loss first.
    """

    shares = False  # whether it uses `world`, so that several processes may train it together

    def __init__(self, job: Job):
        self.job, self.data, self.config, self.device = job, job.data, job.config, job.where
        self.world = join(self.device)  # who trains along
        self.parts: dict[str, Any] = {}
        self.generator = torch.Generator(self.device)  # of augmentation
        self.epoch, self.step = 0, 0  # done
        self.order = torch.empty(0, dtype=torch.int64)  # of the data in this epoch
        self.sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        self.seconds, self.epoch_seconds = 0.0, 0.0
        self.history: list[float] = []  # one number an epoch, the trainer's own
        self.rolled_back = 0  # times

    @property
    @abstractmethod
    def steps(self) -> int:
        """How many steps this epoch has."""

    @abstractmethod
    def draw_order(self, cpu: torch.Generator) -> Tensor:
        """The order of the data in the epoch that begins."""

    @abstractmethod
    def begin_epoch(self) -> None:
        """Set what holds for a whole epoch (learning rate, modes); called anew when an epoch goes on."""

    @abstractmethod
    def train_step(self) -> None:
        """Step number `self.step` of the epoch; adds to `sums`."""

    @abstractmethod
    def close_epoch(self) -> tuple[dict[str, Any], str]:
        """Measure; returns what `metrics.jsonl` holds of the epoch besides its number and seconds, and a line to say.

        Rates in it (a second) are of `epoch_seconds`.
        """

    def roll_back(self) -> bool:
        """Asked when the loss is not finite: put good weights back, so that the epoch begins anew, or answer False.

        Random numbers must not repeat then: `rolled_back` is part of every seed.
        """
        return False

    @abstractmethod
    def result(self) -> dict[str, Any]:
        """What `result.json` holds besides what every training reports."""

    def seed_of(self, purpose: str, epoch: int | None = None) -> int:
        """The seed of one stream of random numbers: it depends on its place in the training and on nothing else."""
        place = f"{self.job.seed}/{self.epoch if epoch is None else epoch}/{purpose}"
        place += f"/{self.rolled_back}" if self.rolled_back else ""
        digest = hashlib.sha256(place.encode()).digest()
        return int.from_bytes(digest[:4], "big") >> 1

    def autocast(self) -> Any:
        """The context of a forward pass in the precision asked for."""
        if self.config.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def run(self) -> dict[str, Any]:
        """All epochs that are not done yet, then `result.json`."""
        self._resume()
        with stop_signals() as stopped:
            while self.epoch < self.config.epochs:
                self._train_epoch(stopped)
                self._close_epoch()
        result = self.result() | {
            "dataset": self.data.name,
            "data": self.data.source.sentence,
            "seed": self.job.seed,
            "epochs": self.config.epochs,
            "seconds": round(self.seconds, 2),
            **machine.describe(self.device),
        }
        self.world.from_first(lambda: write_json(self.job.folder / "result.json", result))
        return result

    def _train_epoch(self, stopped: list[int]) -> None:
        """The steps of an epoch that are not done yet."""
        if self.step == 0:
            self._draw()
        self.begin_epoch()
        saved = started = time.perf_counter()
        while self.step < self.steps:
            self.train_step()
            self.step += 1
            last, now = self.step == self.steps, time.perf_counter()
            look = last or self.device.type == "cpu" or self.step % CHECK_EVERY == 0
            stop, due = bool(stopped), now - saved > self.job.checkpoint_seconds and not last
            if not self.world.alone:  # all stop or save at the same step; to agree on it is to wait for the device
                stop, due = self.world.agree(stop, due) if look else (False, False)
            if (look or stop or due) and not math.isfinite(float(self.world.total(self.sums)[0])):
                self._recover()
                continue
            if stop or due:
                self.epoch_seconds, started, saved = self.epoch_seconds + now - started, now, now
                self._save()
            if stop:
                self.job.say(
                    f"saved after step {self.step} of {self.steps} of epoch {self.epoch + 1}: "
                    "the same command goes on from here"
                )
                raise KeyboardInterrupt
        self.epoch_seconds += time.perf_counter() - started

    def _draw(self) -> None:
        """What chance decides in the epoch that begins."""
        self.order = self.draw_order(torch.Generator().manual_seed(self.seed_of("order")))
        self.generator.manual_seed(self.seed_of("augmentation"))
        torch.manual_seed(self.seed_of("drop path" + (f"/{self.world.rank}" if self.world.rank else "")))
        self.sums.zero_()
        self.epoch_seconds = 0.0

    def _recover(self) -> None:
        """Begin the epoch anew from good weights, if the trainer has some. Raises TrainingError if it has not."""
        where = f"the loss is not finite in epoch {self.epoch + 1}, by step {self.step}"
        if self.roll_back():
            self.step, self.rolled_back = 0, self.rolled_back + 1
            self._draw()
            self.begin_epoch()
            self.job.say(f"{where}: rolled back, the epoch begins anew")
            return
        kept = "no checkpoint yet" if not self.epoch else f"the checkpoint after epoch {self.epoch} is kept"
        advice = "set precision='fp32'" if self.config.precision == "bf16" else "set a smaller lr"
        raise TrainingError(f"{where}; {kept}. Next: {advice}, {OTHER_FOLDER}.")

    def _close_epoch(self) -> None:
        """Measure, write the line of this epoch, save."""
        self.seconds += self.epoch_seconds
        self.sums = self.world.total(self.sums)
        measured, words = self.close_epoch()
        line = {"epoch": self.epoch + 1} | measured | {"seconds": round(self.epoch_seconds, 3)}
        self.world.from_first(lambda: append_line(self.job.folder / "metrics.jsonl", line))
        self.epoch, self.step = self.epoch + 1, 0
        self._save()
        left = self.seconds / self.epoch * (self.config.epochs - self.epoch)
        eta = f"{int(left // 3600)} h {int(left % 3600 // 60):02d} min" if left >= 60 else f"{left:.0f} s"
        self.job.say(f"epoch {self.epoch:3d}/{self.config.epochs}  {words}  ETA {eta}")

    def _save(self) -> None:
        state = {
            "identity": self.job.identity,
            "epoch": self.epoch,
            "step": self.step,
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
            "order": self.order,
            "augmentation": self.generator.get_state(),
            "rng": self.world.gather(checkpoint.rng_states()),  # of each process
            "sums": self.world.total(self.sums).cpu(),
            "seconds": self.seconds,
            "epoch_seconds": self.epoch_seconds,
            "history": self.history,
            "rolled_back": self.rolled_back,
        }
        self.world.from_first(lambda: checkpoint.save(self.job.folder, state))

    def _resume(self) -> None:
        """Go on from the newest good checkpoint, if there is one."""
        state = self.world.from_first(self._read)
        if state is None:
            return
        for name, part in self.parts.items():
            checkpoint.put_into(part, state["parts"].get(name, {}), self.job.folder)
        self.epoch, self.step, self.order = state["epoch"], state["step"], state["order"]
        self.generator.set_state(state["augmentation"])
        self.sums.copy_(state["sums"] if self.world.first else torch.zeros_like(state["sums"]))
        self.seconds, self.epoch_seconds, self.history = state["seconds"], state["epoch_seconds"], state["history"]
        self.rolled_back = state.get("rolled_back", 0)
        checkpoint.restore_rng(state["rng"][self.world.rank % len(state["rng"])])
        if self.epoch < self.config.epochs:
            self.job.say(f"going on from epoch {self.epoch + 1}, step {self.step + 1}")

    def _read(self) -> checkpoint.State | None:
        state, warning = checkpoint.load(self.job.folder, self.job.identity)
        if warning:
            self.job.say(warning)
        path, epochs = self.job.folder / "metrics.jsonl", state["epoch"] if state else 0
        if len(lines := list(read_lines(path))) > epochs:  # those of epochs that are trained again
            write_lines(path, lines[:epochs])
        return state


def _make_way(job: Job, description: dict[str, Any]) -> None:
    """Set a finished training aside that differs from today's in nothing but the code that made it.

    Settings that only one of the two codes knows are a difference of code.
    """
    if not (job.folder / "result.json").is_file():
        return
    there = read_json(job.folder / "config.json")
    both = there.keys() & description.keys() - {"code"}
    if there.get("code") != description["code"] and all(there[key] == description[key] for key in both):
        with locked(job.folder):
            kept = set_aside(job.folder, str(there.get("code")))
        job.say(f"{job.folder} was made by other code: kept as {kept}, and trained anew")


def _claim(folder: Path, description: dict[str, Any]) -> None:
    """Write config.json, or make sure that the folder was made with the same settings.

    A training that failed before its first checkpoint has left nothing that other settings could spoil.
    """
    path, learned = folder / "config.json", (checkpoint.NAME, checkpoint.BEFORE, "metrics.jsonl", "result.json")
    if not path.exists() or not any((folder / name).exists() for name in learned):
        write_json(path, description)
        return
    there = read_json(path)
    if different := checkpoint.differences(there, description):
        raise RunError(
            f"{folder} was made with other settings: {different}. Use those, or another --variant; or move the folder "
            "away to start anew."
        )


@contextmanager
def _named_errors(job: Job) -> Iterator[None]:
    """What torch says in many lines, in one sentence with the next step."""
    batch, bf16 = job.config.batch, "" if job.config.precision == "bf16" else " or precision='bf16'"
    too_large = f"has too little memory for batch {batch} of this network. Next: batch={max(1, batch // 2)}{bf16}"
    try:
        yield
    except torch.OutOfMemoryError:
        raise TrainingError(f"the GPU {too_large}, {OTHER_FOLDER}.") from None
    except RuntimeError as error:
        if type(error).__module__.startswith(("torch._inductor", "torch._dynamo")):
            reason = str(error).strip().splitlines()[0]
            raise TrainingError(
                f"torch.compile failed ({reason}). Next: train without it (compile=''), in another folder (--variant); "
                "or, if it misses a compiler, install one (g++)."
            ) from None
        if "can't allocate memory" not in str(error):
            raise
        raise TrainingError(f"this machine {too_large}, {OTHER_FOLDER}.") from None
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise TrainingError(
            f"batch {batch} is too small, or leaves one sample over at the end of an epoch: batch normalisation cannot "
            f"learn from a single sample. Next: another --batch, {OTHER_FOLDER}."
        ) from None
