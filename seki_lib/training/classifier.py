"""Final training: a cell becomes a network and is trained from scratch (paper §5.1.1: the protocols of PC-DARTS).

    result = train_classifier("darts", genotype, load_dataset("cifar10"), ClassifierConfig(), folder)
    result = run_training(TrainingSpec("PC_DARTS", genotype, "imagenet", "paper"), results)    # ImageNet-1K

Killed at any moment, the same call goes on from the last checkpoint, and on a CPU ends with the same weights to the
bit (`loop.py`). The test error is reported as it is after the last epoch and, beside it, at its best: the latter is
chosen on the test set, so it is too low.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..datasets.augment import PHOTOGRAPHS, augment, augment_photographs, normalise
from ..datasets.images import Dataset, LabelledImages, load_dataset
from ..files.errors import TrainingError
from ..nn import build_network, count
from ..spaces import SearchSpace, get_space
from .image_training import ImageTraining
from .loop import Job, train
from .protocol import ClassifierConfig, ImageNetConfig, TrainingSpec, get_protocol

TEST_BATCH = 200


def train_classifier(
    space: str, arch: Any, data: Dataset, config: ClassifierConfig, folder: Path, **options: Any
) -> dict[str, Any]:
    """Train, or go on training, in `folder`; returns what `result.json` holds.

    arch: an architecture of the space, or its text. options: seed, device, say, checkpoint_seconds, as `loop.Job` has
    them. Raises what `loop.train` raises.
    """
    home = get_space(space)
    text = home.format(home.parse(arch) if isinstance(arch, str) else arch)
    data.check()
    what = {"space": space, "architecture": text}
    trainer = ImageNetTraining if isinstance(config, ImageNetConfig) else ClassifierTraining
    return train(Job(folder, what, data, config, ("training.classifier",), **options), trainer)


def run_training(
    spec: TrainingSpec, results: Path, config: ClassifierConfig | None = None, **options: Any
) -> dict[str, Any]:
    """Train what `spec` names, or go on with it, in its folder below `results`; returns what `result.json` holds.

    The one way in for notebooks, the command line and clusters. config: the profile's protocol unless given. options:
    say and device. A finished training is read, not repeated. Raises what `train_classifier` and `load_dataset` raise.
    """
    config = config or get_protocol(spec.profile, spec.dataset)
    if isinstance(config, ImageNetConfig):
        from ..datasets.image_folder import load_photographs

        data = load_photographs(spec.dataset, config, train=config.train_images, test=config.test_images)
    else:
        data = load_dataset(spec.dataset, train=config.train_images, test=config.test_images)
    folder = spec.folder(results)
    return train_classifier(spec.space, spec.architecture, data, config, folder, seed=spec.seed, **options)


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

    def __init__(self, job: Job):
        super().__init__(job)
        config, classes = self.config, self.data.classes
        space, arch = get_space(job.what["space"]), job.what["architecture"]
        sizes = {"channels": config.channels, "layers": config.layers, "classes": classes, "stem": self.stem}
        self.size = count(space, arch, resolution=self.resolution, **sizes)
        paper = self.paper_sizes(space)
        self.paper_params_m = count(space, arch, **paper).params_m if paper else None
        torch.manual_seed(self.seed_of("weights"))
        if config.drop_path and not space.auxiliary:  # the same networks have both
            raise TrainingError(f"{space.name}: its networks know no drop path. Next: --drop-path 0")
        self.network = self.placed(
            build_network(space, arch, auxiliary=config.auxiliary > 0 and space.auxiliary, **sizes)
        )
        self.compiled = torch.compile(self.network, mode=config.compile) if config.compile else self.network
        self.optimizer = torch.optim.SGD(
            self.network.parameters(), config.lr, momentum=config.momentum, weight_decay=config.weight_decay, fused=True
        )
        self.parts = {"network": self.network, "optimizer": self.optimizer}
        self.train, self.test = self.data.train.to(self.device), self.data.test.to(self.device)

    def begin_epoch(self) -> None:
        """Prepare an epoch as every training on images does, and set its drop path."""
        super().begin_epoch()
        if self.config.drop_path:
            self.network.drop_path_prob = self.config.drop_path * self.epoch / self.config.epochs

    def train_step(self) -> None:
        """One batch."""
        images, labels = next(self.batches)
        with self.autocast():
            outputs = self.compiled(self.laid_out(self.views(images)))
        logits, auxiliary = outputs if isinstance(outputs, tuple) else (outputs, None)
        main_loss = loss = self.loss(logits.float(), labels)
        if auxiliary is not None:
            loss = loss + self.config.auxiliary * self.loss(auxiliary.float(), labels)
        self.descend(loss, main_loss, logits, labels)

    def close_epoch(self) -> tuple[dict[str, Any], str]:
        """The test error after this epoch."""
        self.history.append(100 * int(self.world.total(self._wrong(self.test))) / len(self.test.labels))
        drop_path = self.network.drop_path_prob if self.config.drop_path else 0.0
        return self.line("test error", drop_path=drop_path, test_error=self.history[-1])

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
        """Last and best test error, and sizes."""
        best = min(self.history)
        return {
            "architecture": self.job.what["architecture"],
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

    def paper_sizes(self, space: SearchSpace[Any]) -> dict[str, Any]:
        """The network of Table 1, whose parameters it prints; empty for a space that is not in it."""
        return space.paper_sizes["cifar"] | {"classes": self.data.classes} if space.paper_sizes else {}

    def views(self, images: Tensor) -> Tensor:
        """Training images of this step, uint8, as the network sees them."""
        return augment(images, self.generator, cutout=self.config.cutout, place=self.place)

    def plain(self, images: Tensor) -> Tensor:
        """Test images, uint8, as the network sees them."""
        return normalise(images)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean loss of one head."""
        return nn.functional.cross_entropy(logits, labels)


class ImageNetTraining(ClassifierTraining):
    """The same on photographs: another rate, other views, smoothed labels."""

    def __init__(self, job: Job):
        self.stem, self.resolution = job.config.stem, job.config.resolution
        super().__init__(job)

    def paper_sizes(self, space: SearchSpace[Any]) -> dict[str, Any]:
        """The network of Table 2, for ImageNet-1K, whatever the images here."""
        return space.paper_sizes.get("imagenet", {})

    def views(self, images: Tensor) -> Tensor:
        """The files' random crops, flipped and changed in colour."""
        return augment_photographs(images, self.generator, jitter=self.config.jitter, place=self.place)

    def plain(self, images: Tensor) -> Tensor:
        """The files' centre crops."""
        return normalise(images, *PHOTOGRAPHS)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean loss of one head, with smoothed labels."""
        return nn.functional.cross_entropy(logits, labels, label_smoothing=self.config.label_smoothing)
