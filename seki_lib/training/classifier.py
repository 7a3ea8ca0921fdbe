"""Final training: a cell becomes a network and is trained from scratch (paper §5.1.1: the protocol of PC-DARTS).

    result = train_classifier("darts", genotype, load_dataset("cifar10"), ClassifierConfig(), folder)

Killed at any moment, the same call goes on from the last checkpoint, and on a CPU ends with the same weights to the
bit (`loop.py`). The test error is reported as it is after the last epoch and, beside it, at its best: the latter is
chosen on the test set and flatters.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import TrainingError
from ..nn import build_network, count
from ..spaces import get_space
from .augment import augment, normalise
from .images import Dataset, Images, load_dataset
from .loop import Job, Training, train
from .protocol import ClassifierConfig, TrainingSpec, get_protocol

TEST_BATCH = 200
PAPER_SIZES: dict[str, dict[str, Any]] = {"darts": {"channels": 36, "layers": 20}}  # what tables count


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

    arch: an architecture of the space, or its text. say: takes one line an epoch. Raises what `loop.train` raises.
    """
    home = get_space(space)
    text = home.format(home.parse(arch) if isinstance(arch, str) else arch)
    identity = {
        "space": space,
        "architecture": text,
        **data.identity,
        "seed": seed,
        **asdict(config),
    }
    data.check()
    job = Job(folder, identity, config, seed, device, say, checkpoint_seconds)
    return train(job, ClassifierTraining, space, text, data)


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


def summary(result: dict[str, Any]) -> str:
    """What came of a training, in a sentence."""
    return (
        f"test error {result['last_test_error']:.2f} % after {result['epochs']} epochs "
        f"(best {result['best_test_error']:.2f} %, epoch {result['best_epoch']}); {result['params_m']:.2f} M parameters"
    )


class ClassifierTraining(Training):
    """A step: one batch, cross-entropy of both heads, SGD. An epoch: all training images, then all test images."""

    config: ClassifierConfig

    def __init__(self, job: Job, space: str, arch: str, data: Dataset):
        super().__init__(job)
        self.data, config = data, self.config
        sizes: dict[str, Any] = {"channels": config.channels, "layers": config.layers, "classes": data.classes}
        self.size = count(space, arch, **sizes)
        paper = PAPER_SIZES.get(space)
        self.paper_params_m = count(space, arch, classes=data.classes, **paper).params_m if paper else None
        torch.manual_seed(self.seed_of("weights"))
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
        self.parts = {"network": self.network, "optimizer": self.optimizer}
        self.train, self.test = data.train.to(self.device), data.test.to(self.device)

    @property
    def steps(self) -> int:
        """The last, smaller batch of an epoch is kept."""
        return -(-len(self.train.labels) // self.config.batch)

    def draw_order(self, cpu: torch.Generator) -> Tensor:
        """(N,) a permutation of the training images."""
        return torch.randperm(len(self.train.labels), generator=cpu).to(self.device)

    def begin_epoch(self) -> None:
        """Learning rate and drop path of the epoch."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.cosine(self.config.lr)
        if self.config.drop_path:
            self.network.drop_path_prob = self.config.drop_path * self.epoch / self.config.epochs
        self.network.train()

    def train_step(self) -> None:
        """One batch."""
        config, start = self.config, self.step * self.config.batch
        chosen = self.order[start : start + config.batch]
        labels = self.train.labels[chosen]
        batch = augment(self.train.images[chosen], self.generator, cutout=config.cutout)
        self.optimizer.zero_grad(set_to_none=True)
        with self.autocast():
            outputs = self.compiled(self.laid_out(batch))
        logits, auxiliary = outputs if isinstance(outputs, tuple) else (outputs, None)
        main_loss = loss = nn.functional.cross_entropy(logits.float(), labels)
        if auxiliary is not None:
            loss = loss + config.auxiliary * nn.functional.cross_entropy(auxiliary.float(), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), config.clip)
        self.optimizer.step()
        self.sums[0] += main_loss.detach() * len(labels)
        self.sums[1] += (logits.detach().argmax(1) != labels).sum()

    def close_epoch(self) -> tuple[Epoch, str]:
        """The test error after this epoch."""
        n = len(self.order)
        self.history.append(100 * self._wrong(self.test) / len(self.test.labels))
        loss, wrong = self.sums.tolist()
        line = Epoch(
            self.epoch + 1,
            self.cosine(self.config.lr),
            self.network.drop_path_prob if self.config.drop_path else 0.0,
            loss / n,
            100 * wrong / n,
            self.history[-1],
            round(self.epoch_seconds, 3),
            round(n / max(self.epoch_seconds, 1e-9), 1),
        )
        return line, (
            f"lr {line.lr:.5f}  loss {line.train_loss:.3f}  train error {line.train_error:5.2f} %  "
            f"test error {line.test_error:5.2f} %  {line.images_per_second:,.0f} images/s"
        )

    @torch.no_grad()
    def _wrong(self, images: Images) -> int:
        """How many images are classified wrongly."""
        self.network.eval()
        wrong = torch.zeros((), dtype=torch.int64, device=self.device)
        for start in range(0, len(images.labels), TEST_BATCH):
            batch = normalise(images.images[start : start + TEST_BATCH])
            with self.autocast():
                logits = self.network(self.laid_out(batch))
            wrong += (logits.argmax(1) != images.labels[start : start + TEST_BATCH]).sum()
        return int(wrong)

    def result(self) -> dict[str, Any]:
        """Last and best test error, sizes, data."""
        best = min(self.history)
        return {
            "architecture": self.job.identity["architecture"],
            "dataset": self.data.name,
            "data": self.data.source.sentence,
            "train_images": len(self.train.labels),
            "test_images": len(self.test.labels),
            "last_test_error": self.history[-1],
            "best_test_error": best,
            "best_epoch": self.history.index(best) + 1,
            "paper_params_m": self.paper_params_m,
            "params_m": self.size.params_m,
            "madds_m": self.size.madds_m,
        }
