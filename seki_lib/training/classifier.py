"""Final training: a cell becomes a network and is trained from scratch (paper §5.1.1: the protocol of PC-DARTS).

    result = train_classifier("darts", genotype, load_dataset("cifar10"), ClassifierConfig(), folder)

Killed at any moment, the same call goes on from the last checkpoint, and on a CPU ends with the same weights to the
bit. Every epoch is a line of `metrics.jsonl`; `result.json` closes the training. The test error is reported as it is
after the last epoch and, beside it, at its best: the latter is chosen on the test set and flatters.
"""

import hashlib
import json
import math
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from .. import __version__
from ..errors import RunError, TrainingError
from ..jsonl import append_line, read_lines
from ..lock import locked
from ..nn import build_network, count
from ..spaces import get_space
from . import checkpoint
from .augment import augment, normalise
from .images import Dataset, Images, load_dataset
from .protocol import ClassifierConfig, TrainingSpec, get_protocol

TEST_BATCH = 200
CHECK_EVERY = 50  # steps between looks at the loss on a GPU: each look waits for the device


@dataclass(frozen=True)
class Epoch:
    """One epoch as `metrics.jsonl` holds it. Errors in %, of the augmented training images and of the test images."""

    epoch: int  # from 1
    lr: float
    drop_path: float
    train_loss: float
    train_error: float
    test_error: float
    seconds: float
    images_per_second: float


def learning_rate(config: ClassifierConfig, epoch: int) -> float:
    """Cosine from `lr` to 0, in closed form; epoch counts from 0."""
    return config.lr * (1 + math.cos(math.pi * epoch / config.epochs)) / 2


def train_classifier(
    space: str,
    arch: Any,
    data: Dataset,
    config: ClassifierConfig,
    folder: Path,
    *,
    seed: int = 0,
    device: str = "auto",
    say: Callable[[str], None] = print,
    checkpoint_seconds: float = 600.0,
) -> dict[str, Any]:
    """Train, or go on training, in `folder`; returns what `result.json` holds.

    arch: an architecture of the space, or its text. say: takes one line an epoch. checkpoint_seconds: longest time
    between checkpoints; there is one after every epoch as well. Raises TrainingError with the next step, RunError if
    the folder was made with other settings or is in use, KeyboardInterrupt after Ctrl-C, when all is saved.
    """
    home = get_space(space)
    text = home.format(home.parse(arch) if isinstance(arch, str) else arch)
    device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    identity = {
        "space": space,
        "architecture": text,
        "dataset": data.name,
        "data": data.source.name,
        "sha256": data.source.sha256,
        "seed": seed,
        **asdict(config),
    }
    _check_data(data)
    with locked(folder), _threads(config.threads), _named_errors(config):
        _claim(folder, identity | {"code": __version__})
        if (folder / "result.json").is_file():
            return json.loads((folder / "result.json").read_text())  # type: ignore[no-any-return]
        return _Training(space, text, data, config, folder, identity, seed, device, say, checkpoint_seconds).run()


def run_training(
    spec: TrainingSpec,
    results: Path,
    config: ClassifierConfig | None = None,
    *,
    say: Callable[[str], None] = print,
    device: str = "auto",
) -> dict[str, Any]:
    """Train what `spec` names, or go on with it, in its folder below `results`; returns what `result.json` holds.

    The one way in for notebooks, the command line and clusters. config: the profile's protocol unless given. A finished
    training is read, not repeated. Raises what `train_classifier` and `load_dataset` raise.
    """
    config = config or get_protocol(spec.profile)
    data = load_dataset(spec.dataset, train=config.train_images, test=config.test_images)
    folder = spec.folder(results)
    return train_classifier(spec.space, spec.architecture, data, config, folder, seed=spec.seed, device=device, say=say)


class _Training:
    """The state of one training: what a checkpoint holds, and the loop that advances it."""

    def __init__(
        self,
        space: str,
        arch: str,
        data: Dataset,
        config: ClassifierConfig,
        folder: Path,
        identity: dict[str, Any],
        seed: int,
        device: str,
        say: Callable[[str], None],
        checkpoint_seconds: float,
    ):
        self.data, self.config, self.folder, self.identity, self.seed = data, config, folder, identity, seed
        self.device, self.say, self.checkpoint_seconds = torch.device(device), say, checkpoint_seconds
        sizes: dict[str, Any] = {"channels": config.channels, "layers": config.layers, "classes": data.classes}
        self.size = count(space, arch, **sizes)
        torch.manual_seed(_draw(seed, 0, "weights"))
        network: Any = build_network(space, arch, auxiliary=config.auxiliary > 0 and space == "darts", **sizes)
        if config.drop_path and not hasattr(network, "drop_path_prob"):
            raise TrainingError(f"{space}: its networks know no drop path: set drop_path=0")
        if config.channels_last:
            network = network.to(memory_format=torch.channels_last)
        self.network: Any = network.to(self.device)
        self.compiled: Callable[..., Any] = (
            torch.compile(self.network, mode=config.compile) if config.compile else self.network
        )
        self.optimizer = torch.optim.SGD(
            self.network.parameters(), config.lr, momentum=config.momentum, weight_decay=config.weight_decay, fused=True
        )
        self.train, self.test = data.train.to(self.device), data.test.to(self.device)
        self.generator = torch.Generator(self.device)
        self.epoch, self.step = 0, 0  # done
        self.order = torch.empty(0, dtype=torch.int64)
        self.sums = torch.zeros(2, dtype=torch.float64, device=self.device)  # loss, wrong
        self.seconds, self.epoch_seconds = 0.0, 0.0
        self.errors: list[float] = []  # of the test images, after each epoch

    def run(self) -> dict[str, Any]:
        self._resume()
        with _stop_signals() as stopped:
            while self.epoch < self.config.epochs:
                self._train_epoch(stopped)
                self._close_epoch()
        return self._finish()

    def _train_epoch(self, stopped: list[int]) -> None:
        """The steps of an epoch that are not done yet."""
        config = self.config
        if self.step == 0:  # random numbers derive from (seed, epoch), never from what ran before
            cpu = torch.Generator().manual_seed(_draw(self.seed, self.epoch, "order"))
            self.order = torch.randperm(len(self.train.labels), generator=cpu)
            self.generator.manual_seed(_draw(self.seed, self.epoch, "augmentation"))
            torch.manual_seed(_draw(self.seed, self.epoch, "drop path"))
            self.sums.zero_()
            self.epoch_seconds = 0.0
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(config, self.epoch)
        if config.drop_path:
            self.network.drop_path_prob = config.drop_path * self.epoch / config.epochs
        self.network.train()
        order, steps = self.order.to(self.device), -(-len(self.order) // config.batch)
        saved = started = time.perf_counter()
        while self.step < steps:
            chosen = order[self.step * config.batch : (self.step + 1) * config.batch]
            self._train_step(self.train.images[chosen], self.train.labels[chosen])
            self.step += 1
            last = self.step == steps
            if last or self.device.type == "cpu" or self.step % CHECK_EVERY == 0:
                self._require_finite()
            now = time.perf_counter()
            if stopped or (now - saved > self.checkpoint_seconds and not last):
                self.epoch_seconds, started, saved = self.epoch_seconds + now - started, now, now
                self._require_finite()
                self._save()
            if stopped:
                self.say(
                    f"saved after step {self.step} of {steps} of epoch {self.epoch + 1}: "
                    "the same command goes on from here"
                )
                raise KeyboardInterrupt
        self.epoch_seconds += time.perf_counter() - started

    def _train_step(self, images: Tensor, labels: Tensor) -> None:
        config = self.config
        batch = augment(images, self.generator, cutout=config.cutout)
        self.optimizer.zero_grad(set_to_none=True)
        with self._autocast():
            outputs = self.compiled(_laid_out(batch, config))
        logits, auxiliary = outputs if isinstance(outputs, tuple) else (outputs, None)
        main_loss = loss = nn.functional.cross_entropy(logits.float(), labels)
        if auxiliary is not None:
            loss = loss + config.auxiliary * nn.functional.cross_entropy(auxiliary.float(), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), config.clip)
        self.optimizer.step()
        self.sums[0] += main_loss.detach() * len(labels)
        self.sums[1] += (logits.detach().argmax(1) != labels).sum()

    def _autocast(self) -> Any:
        if self.config.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def _require_finite(self) -> None:
        if not math.isfinite(float(self.sums[0])):
            kept = "no checkpoint yet" if not self.epoch else f"the checkpoint after epoch {self.epoch} is kept"
            advice = "set precision='fp32'" if self.config.precision == "bf16" else "set a smaller lr"
            raise TrainingError(
                f"the loss is not finite in epoch {self.epoch + 1}, by step {self.step} "
                f"(lr {learning_rate(self.config, self.epoch):.4g}); {kept}. "
                f"Next: {advice}, in another folder (--variant)."
            )

    def _close_epoch(self) -> None:
        """Test, write the line of this epoch, save."""
        n = len(self.order)
        self.errors.append(100 * self._wrong(self.test) / len(self.test.labels))
        self.seconds += self.epoch_seconds
        loss, wrong = self.sums.tolist()
        line = Epoch(
            self.epoch + 1,
            learning_rate(self.config, self.epoch),
            self.network.drop_path_prob if self.config.drop_path else 0.0,
            loss / n,
            100 * wrong / n,
            self.errors[-1],
            round(self.epoch_seconds, 3),
            round(n / max(self.epoch_seconds, 1e-9), 1),
        )
        try:
            append_line(self.folder / "metrics.jsonl", asdict(line))
        except OSError as error:
            raise TrainingError(
                f"{self.folder / 'metrics.jsonl'} could not be written ({error.strerror}): the last good checkpoint is "
                "kept. Make room, and the same command goes on from it."
            ) from None
        self.epoch, self.step = self.epoch + 1, 0
        self._save()
        self.say(self._line(line))

    def _line(self, line: Epoch) -> str:
        left = self.seconds / self.epoch * (self.config.epochs - self.epoch)
        eta = f"{int(left // 3600)} h {int(left % 3600 // 60):02d} min" if left >= 60 else f"{left:.0f} s"
        return (
            f"epoch {line.epoch:3d}/{self.config.epochs}  lr {line.lr:.5f}  loss {line.train_loss:.3f}  "
            f"train error {line.train_error:5.2f} %  test error {line.test_error:5.2f} %  "
            f"{line.images_per_second:,.0f} images/s  ETA {eta}"
        )

    @torch.no_grad()
    def _wrong(self, images: Images) -> int:
        """How many images are classified wrongly."""
        self.network.eval()
        wrong = torch.zeros((), dtype=torch.int64, device=self.device)
        for start in range(0, len(images.labels), TEST_BATCH):
            batch = normalise(images.images[start : start + TEST_BATCH])
            with self._autocast():
                logits = self.network(_laid_out(batch, self.config))
            wrong += (logits.argmax(1) != images.labels[start : start + TEST_BATCH]).sum()
        return int(wrong)

    def _save(self) -> None:
        checkpoint.save(
            self.folder,
            {
                "identity": self.identity,
                "epoch": self.epoch,
                "step": self.step,
                "network": self.network.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "order": self.order,
                "augmentation": self.generator.get_state(),
                "rng": checkpoint.rng_states(),
                "sums": self.sums.cpu(),
                "seconds": self.seconds,
                "epoch_seconds": self.epoch_seconds,
                "errors": self.errors,
            },
        )

    def _resume(self) -> None:
        """Go on from the newest good checkpoint, if there is one."""
        state, warning = checkpoint.load(self.folder, self.identity)
        if warning:
            self.say(warning)
        epoch = state["epoch"] if state else 0
        _keep_lines(self.folder / "metrics.jsonl", epoch)
        if state is None:
            return
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.step, self.order = epoch, state["step"], state["order"]
        self.generator.set_state(state["augmentation"])
        self.sums.copy_(state["sums"])
        self.seconds, self.epoch_seconds, self.errors = state["seconds"], state["epoch_seconds"], state["errors"]
        checkpoint.restore_rng(state["rng"])
        if self.epoch < self.config.epochs:
            self.say(f"going on from epoch {self.epoch + 1}, step {self.step + 1}")

    def _finish(self) -> dict[str, Any]:
        best = min(self.errors)
        result = {
            "architecture": self.identity["architecture"],
            "dataset": self.data.name,
            "data": self.data.source.sentence,
            "seed": self.seed,
            "epochs": self.config.epochs,
            "train_images": len(self.train.labels),
            "test_images": len(self.test.labels),
            "last_test_error": self.errors[-1],
            "best_test_error": best,
            "best_epoch": self.errors.index(best) + 1,
            "params_m": self.size.params_m,
            "madds_m": self.size.madds_m,
            "seconds": round(self.seconds, 2),
            "device": torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu",
            "peak_memory_mb": _peak_memory_mb(self.device),
            "torch": torch.__version__,
        }
        _write(self.folder / "result.json", result)
        return result


def _laid_out(batch: Tensor, config: ClassifierConfig) -> Tensor:
    return batch.contiguous(memory_format=torch.channels_last) if config.channels_last else batch.contiguous()


def _draw(seed: int, epoch: int, purpose: str) -> int:
    """The seed of one stream of random numbers: it depends on its place in the training and on nothing else."""
    digest = hashlib.sha256(f"{seed}/{epoch}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def _check_data(data: Dataset) -> None:
    for name, part in (("training", data.train), ("test", data.test)):
        if len(part.labels) == 0 or len(part.images) != len(part.labels):
            raise TrainingError(
                f"{data.name}: {len(part.images)} {name} images and {len(part.labels)} labels. "
                f'Fetch the data again: "seki data fetch {data.name}".'
            )
        if int(part.labels.min()) < 0 or int(part.labels.max()) >= data.classes:
            raise TrainingError(
                f"{data.name}: a {name} label is {int(part.labels.max())}, but the network has {data.classes} classes. "
                "Give the data set its own number of classes."
            )


def _claim(folder: Path, description: dict[str, Any]) -> None:
    """Write config.json, or make sure that the folder was made with the same settings."""
    path = folder / "config.json"
    if not path.exists():
        _write(path, description)
        return
    there = json.loads(path.read_text())
    if different := [f"{key} was {there.get(key)!r}, now {description[key]!r}" for key in description
                     if there.get(key) != description[key]]:  # fmt: skip
        raise RunError(
            f"{folder} was made with other settings: {'; '.join(different)}. Use those, or another --variant; "
            "or remove the folder to start anew."
        )


def _write(path: Path, content: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    part.replace(path)


def _keep_lines(path: Path, epochs: int) -> None:
    """Cut off the lines of epochs that the checkpoint does not know: they are trained again."""
    lines = list(read_lines(path))
    if len(lines) > epochs:
        part = path.with_suffix(".part")
        part.write_text("".join(json.dumps(line) + "\n" for line in lines[:epochs]))
        part.replace(path)


def _peak_memory_mb(device: torch.device) -> float:
    """Most memory that was in use, in MB: of the GPU, or of the whole process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


@contextmanager
def _threads(threads: int) -> Iterator[None]:
    """Compute with so many CPU threads (0: as it is), and put the number back."""
    before = torch.get_num_threads()
    if threads:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _named_errors(config: ClassifierConfig) -> Iterator[None]:
    """What torch says in many lines, in one sentence with the next step."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise TrainingError(_out_of_memory("the GPU", config)) from None
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):
            raise
        raise TrainingError(_out_of_memory("this machine", config)) from None


def _out_of_memory(where: str, config: ClassifierConfig) -> str:
    bf16 = "" if config.precision == "bf16" else " or precision='bf16'"
    return (
        f"{where} has too little memory for batch {config.batch} of {config.channels} channels, {config.layers} cells. "
        f"Next: batch={max(1, config.batch // 2)}{bf16}, in another folder (--variant)."
    )


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """A list that fills when Ctrl-C or a cluster asks to stop, so that the step at hand is finished and saved first.

    A second Ctrl-C stops at once. In a thread other than the main one nothing is caught.
    """
    stopped: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if stopped:
            raise KeyboardInterrupt
        stopped.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
