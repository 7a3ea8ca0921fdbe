"""Final training: a cell becomes a network and is trained from scratch (paper §5.1.1: the protocols of PC-DARTS).

    result = train_classifier("darts", genotype, load_dataset("cifar10"), ClassifierConfig(), folder)
    result = run_training(TrainingSpec("PC_DARTS", genotype, "imagenet", "paper"), results)    # ImageNet-1K

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

from ..datasets.augment import PHOTOGRAPHS, augment, augment_photographs, normalise
from ..datasets.images import Dataset, LabelledImages, load_dataset
from ..files.errors import TrainingError
from ..nn import build_network, count
from ..spaces import get_space
from .loop import ImageTraining, Job, train
from .protocol import PAPER_SIZES, ClassifierConfig, ImageNetConfig, TrainingSpec, get_protocol

TEST_BATCH = 200


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
    identity.pop("workers", None)  # decides how fast
    if "jitter" in identity:
        identity["jitter"] = list(identity["jitter"])  # as JSON has it
    data.check()
    job = Job(folder, identity, config, seed, device, say, checkpoint_seconds, ("training.classifier",))
    trainer = ImageNetTraining if isinstance(config, ImageNetConfig) else ClassifierTraining
    return train(job, trainer, space, text, data)


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
    config = config or get_protocol(spec.profile, spec.dataset)
    if isinstance(config, ImageNetConfig):
        from ..datasets.image_folder import load_photographs

        data = load_photographs(spec.dataset, config, train=config.train_images, test=config.test_images)
    else:
        data = load_dataset(spec.dataset, train=config.train_images, test=config.test_images)
    folder = spec.folder(results)
    return train_classifier(spec.space, spec.architecture, data, config, folder, seed=spec.seed, device=device, say=say)


def summary(result: dict[str, Any]) -> str:
    """What came of a training, in a sentence."""
    return (
        f"test error {result['last_test_error']:.2f} % after {result['epochs']} epochs "
        f"(best {result['best_test_error']:.2f} %, epoch {result['best_epoch']}); {result['params_m']:.2f} M parameters"
    )


class ClassifierTraining(ImageTraining):
    """A step: one batch, cross-entropy of both heads, SGD. An epoch: all training images, then all test images.

    This one is of CIFAR; what other data want otherwise stands together, below `result`.
    """

    config: ClassifierConfig
    shares = True

    def __init__(self, job: Job, space: str, arch: str, data: Dataset):
        super().__init__(job)
        self.data, config = data, self.config
        sizes: dict[str, Any] = {"channels": config.channels, "layers": config.layers, "classes": data.classes}
        sizes["stem"] = self.stem
        self.size = count(space, arch, resolution=self.resolution, **sizes)
        self.paper_params_m = count(space, arch, **self.paper_sizes()).params_m if space == "darts" else None
        torch.manual_seed(self.seed_of("weights"))
        network: Any = build_network(space, arch, auxiliary=config.auxiliary > 0 and space == "darts", **sizes)
        if config.drop_path and not hasattr(network, "drop_path_prob"):
            raise TrainingError(f"{space}: its networks know no drop path. Next: --drop-path 0")
        if config.channels_last:
            network = network.to(memory_format=torch.channels_last)
        self.network: Any = self.world.synchronised(network.to(self.device))
        self.compiled: Callable[..., Any] = (
            torch.compile(self.network, mode=config.compile) if config.compile else self.network
        )
        self.optimizer = torch.optim.SGD(
            self.network.parameters(), config.lr, momentum=config.momentum, weight_decay=config.weight_decay, fused=True
        )
        self.parts = {"network": self.network, "optimizer": self.optimizer}
        self.train, self.test = data.train.to(self.device), data.test.to(self.device)

    def begin_epoch(self) -> None:
        """Learning rate and drop path of the epoch, and its batches from the next step on."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate(self.epoch)
        self.batches = self.batches_left()
        if self.config.drop_path:
            self.network.drop_path_prob = self.config.drop_path * self.epoch / self.config.epochs
        self.network.train()

    def train_step(self) -> None:
        """One batch."""
        config, whole = self.config, self.whole
        images, labels = next(self.batches)
        batch = self.views(images, (self.world.part(whole).start, whole))
        self.optimizer.zero_grad(set_to_none=True)
        with self.autocast():
            outputs = self.compiled(self.laid_out(batch))
        logits, auxiliary = outputs if isinstance(outputs, tuple) else (outputs, None)
        main_loss = loss = self.loss(logits.float(), labels)
        if auxiliary is not None:
            loss = loss + config.auxiliary * self.loss(auxiliary.float(), labels)
        (loss * self.world.weight(whole)).backward()  # type: ignore[no-untyped-call]
        self.world.add_gradients(self.network.parameters())
        nn.utils.clip_grad_norm_(self.network.parameters(), config.clip)
        self.optimizer.step()
        self.sums[0] += main_loss.detach() * len(labels)
        self.sums[1] += (logits.detach().argmax(1) != labels).sum()

    def close_epoch(self) -> tuple[Epoch, str]:
        """The test error after this epoch."""
        n = len(self.order)
        self.history.append(100 * int(self.world.total(self._wrong(self.test))) / len(self.test.labels))
        loss, wrong = self.sums.tolist()
        line = Epoch(
            self.epoch + 1,
            self.config.rate(self.epoch),
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
    def _wrong(self, images: LabelledImages) -> Tensor:
        """How many of this process's part of the images are classified wrongly."""
        self.network.eval()
        wrong = torch.zeros((), dtype=torch.int64, device=self.device)
        mine = torch.arange(len(images.labels))[self.world.part(len(images.labels))]
        for pixels, labels in images.batches(torch.split(mine, TEST_BATCH), self.device):
            with self.autocast():
                logits = self.network(self.laid_out(self.plain(pixels)))
            wrong += (logits.argmax(1) != labels).sum()
        return wrong

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

    stem = "cifar"
    resolution = 32

    def paper_sizes(self) -> dict[str, Any]:
        """The network of the paper's tables, of which they print the parameters."""
        return PAPER_SIZES["cifar"] | {"classes": self.data.classes}

    def views(self, images: Tensor, place: tuple[int, int]) -> Tensor:
        """Training images, uint8, as the network sees them."""
        return augment(images, self.generator, cutout=self.config.cutout, place=place)

    def plain(self, images: Tensor) -> Tensor:
        """Test images, uint8, as the network sees them."""
        return normalise(images)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean loss of one head."""
        return nn.functional.cross_entropy(logits, labels)


class ImageNetTraining(ClassifierTraining):
    """The same on photographs: another rate, other views, smoothed labels."""

    config: ImageNetConfig

    def __init__(self, job: Job, space: str, arch: str, data: Dataset):
        self.stem, self.resolution = job.config.stem, job.config.resolution
        super().__init__(job, space, arch, data)

    def paper_sizes(self) -> dict[str, Any]:
        """Of Table 2: ImageNet-1K, whatever the images here."""
        return PAPER_SIZES["imagenet"]

    def views(self, images: Tensor, place: tuple[int, int]) -> Tensor:
        """The files' random crops, flipped and changed in colour."""
        return augment_photographs(images, self.generator, jitter=self.config.jitter, place=place)

    def plain(self, images: Tensor) -> Tensor:
        """The files' centre crops."""
        return normalise(images, *PHOTOGRAPHS)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """With smoothed labels."""
        return nn.functional.cross_entropy(logits, labels, label_smoothing=self.config.label_smoothing)
