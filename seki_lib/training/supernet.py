"""Supernet training: one network learns the weights of all cells (paper §5.1.1: as PC-DARTS searches).

    result = run_supernet(SupernetSpec("darts", "cifar10", "laptop"), results)

A step of a single-path supernet trains the edges of one sampled cell, in the canonical form in which f reads a cell. A
step of a mixed one trains the mixture and, from epoch `alpha_from` on, first α on a batch of the validation half. Loop,
checkpoints and resuming are `loop.py`'s.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..datasets.augment import normalise
from ..datasets.images import Dataset, LabelledImages
from ..nn import build_supernet
from ..nn.count import parameters
from ..spaces import get_space
from .image_training import ImageTraining
from .loop import Job, train
from .protocol import SupernetConfig, SupernetSpec
from .search_images import search_images

PROBES = 4  # random cells whose mean accuracy follows the training of a single-path supernet


def run_supernet(
    spec: SupernetSpec, results: Path, config: SupernetConfig | None = None, **options: Any
) -> dict[str, Any]:
    """Train what `spec` names, or go on with it, in its folder below `results`; returns what `result.json` holds.

    config: the profile's unless given. options: say and device. A finished supernet is read, not trained again. Raises
    what `loop.train` and `load_dataset` raise.
    """
    config = config or spec.config
    data = search_images(config).load(spec.dataset)
    return train_supernet(spec.space, data, config, spec.folder(results), seed=spec.seed, **options)


def train_supernet(space: str, data: Dataset, config: SupernetConfig, folder: Path, **options: Any) -> dict[str, Any]:
    """Train, or go on training, in `folder`; returns what `result.json` holds.

    options: seed, device, say, checkpoint_seconds, as `loop.Job` has them. Raises what `loop.train` raises.
    """
    data.check()
    code = ("training.supernet", f"spaces.{space}")
    return train(Job(folder, {"supernet": space}, data, config, code, **options), SupernetTraining)


class SupernetTraining(ImageTraining):
    """A step: one batch through one sampled cell, or through the mixture after a step of α."""

    def __init__(self, job: Job):
        super().__init__(job)
        self.space, config = get_space(job.what["supernet"]), self.config
        torch.manual_seed(self.seed_of("weights"))
        self.network = self.placed(build_network(self.space.name, config, self.data.classes))
        self.optimizer = torch.optim.SGD(  # not fused: weights of a path meet their first gradient one by one
            self.network.parameters(), config.lr, momentum=config.momentum, weight_decay=config.weight_decay
        )
        self.parts = {"network": self.network, "optimizer": self.optimizer}
        if alphas := self.network.architecture_parameters():
            self.alpha_optimizer = torch.optim.Adam(
                alphas, config.alpha_lr, betas=(0.5, 0.999), weight_decay=config.alpha_weight_decay
            )
            self.parts["alpha_optimizer"] = self.alpha_optimizer
        self.mixed = bool(alphas)
        self.images = search_images(config)
        split = self.images.split(self.data)
        self.train, self.alphas = split.weights.to(self.device), split.alphas.to(self.device)
        self.score = split.score.to(self.device)

    def begin_epoch(self) -> None:
        """As every training on images, with the batches that move α."""
        super().begin_epoch()
        if self.moves_alphas:
            left = range(self.step, self.steps)
            chosen, crops = [self._alpha_images(step) for step in left], [f"crops for alpha/{step}" for step in left]
            self.alpha_batches = self.parts_of(self.alphas, chosen, crops)

    @property
    def moves_alphas(self) -> bool:
        """Whether this epoch trains α and β too."""
        return self.mixed and self.epoch >= self.config.alpha_from

    def train_step(self) -> None:
        """One batch, through the mixture or through the cell of this step."""
        if self.moves_alphas:
            self._alpha_step()
        images, labels = next(self.batches)
        cell = None if self.mixed else self.random_cell(self.seed_of(f"path/{self.step}"))
        logits, loss = self._loss(images, labels, self.whole, cell)
        self.descend(loss, loss, logits, labels)

    def random_cell(self, seed: int | str) -> Any:
        """A cell in its canonical form: another form of it would train weights that f never reads."""
        return self.space.canonical(self.space.random(Random(seed)))

    def _alpha_images(self, step: int) -> Tensor:
        """Which images of the validation half move α in this step: a random batch of them."""
        cpu = torch.Generator().manual_seed(self.seed_of(f"alpha/{step}"))
        return torch.randperm(len(self.alphas.labels), generator=cpu)[: self.config.batch].to(self.device)

    def _alpha_step(self) -> None:
        """α and β by Adam; first order, as PC-DARTS."""
        whole, alphas = min(self.config.batch, len(self.alphas.labels)), self.network.architecture_parameters()
        self.alpha_optimizer.zero_grad(set_to_none=True)
        _, loss = self._loss(*next(self.alpha_batches), whole, None)
        (loss * self.world.weight(whole)).backward()  # type: ignore[no-untyped-call]
        self.world.add_gradients(alphas)
        if self.images.clips_alphas:
            nn.utils.clip_grad_norm_(alphas, self.config.clip)
        self.alpha_optimizer.step()

    def _loss(self, images: Tensor, labels: Tensor, whole: int, arch: Any) -> tuple[Tensor, Tensor]:
        """Logits and cross-entropy of a random view of each image. whole: images of all processes in this batch."""
        batch = self.images.views(images, self.generator, (self.world.part(whole).start, whole))
        with self.autocast():
            logits = self.network(self.laid_out(batch), arch)
        return logits, nn.functional.cross_entropy(logits.float(), labels)

    def close_epoch(self) -> tuple[dict[str, Any], str]:
        """The accuracy on the scoring images: of the mixture, or the mean of a few cells, always the same."""
        cells = [None] if self.mixed else [self.random_cell(f"probe/{i}") for i in range(PROBES)]
        readings = [read(self.network, self.score, cell, self.config) for cell in cells]
        self.history.append(sum(reading.accuracy for reading in readings) / len(cells))
        of = "of the mixture" if self.mixed else f"of {PROBES} random cells"
        return self.line(f"accuracy {of}", accuracy=self.history[-1])

    def result(self) -> dict[str, Any]:
        """What identifies the supernet, and what it was trained on."""
        found = {"genotype": self.space.format(self.network.genotype())} if self.mixed else {}
        return found | {
            "space": self.space.name,
            "kind": self.config.kind,
            "train_images": len(self.train.labels),
            "last_accuracy": self.history[-1],
            "params_m": parameters(self.network) / 1e6,
            "weights_sha256": weights_hash(self.network.state_dict()),
        }


def build_network(space: str, config: SupernetConfig, classes: int) -> Any:
    """The supernet of these settings, untrained."""
    return build_supernet(
        space, channels=config.channels, layers=config.layers, classes=classes, kind=config.kind,
        partial=config.partial, stem=search_images(config).stem,
    )  # fmt: skip


class Reading(NamedTuple):
    """What the images say of one cell of a supernet."""

    accuracy: float  # in %
    loss: float  # mean cross-entropy in nats


@torch.no_grad()
def read(
    network: Any, images: LabelledImages, arch: Any, config: SupernetConfig, *, bn: str = "batch", batch: int = 512
) -> Reading:
    """How one cell of a supernet, or the mixture (None), does on some images. Changes nothing in the network.

    images: of the kind that `config` trains on. bn: "batch", the statistics of each batch of `batch` images;
    "accumulated", the running ones of the training, which mix those of all cells.
    """
    statistics = search_images(config).statistics
    right, loss, device = 0, 0.0, network.classifier.weight.device
    with judged(network, own_statistics=bn == "batch"):
        for pixels, labels in images.batches(torch.split(torch.arange(len(images.labels)), batch), device):
            logits = network(ImageTraining.laid_out(normalise(pixels, *statistics)), arch)
            right += int((logits.argmax(1) == labels).sum())
            loss += float(nn.functional.cross_entropy(logits.float(), labels, reduction="sum"))
    return Reading(100 * right / len(images.labels), loss / len(images.labels))


@contextmanager
def judged(network: nn.Module, *, own_statistics: bool) -> Iterator[None]:
    """A network in evaluation, where nothing in it changes; afterwards it is as it was.

    own_statistics: batch normalisation uses those of each batch, in place of the running ones of the training.
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    was_training = network.training
    network.eval()
    for norm in norms:
        norm.train(own_statistics)
        norm.track_running_stats = not own_statistics
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
        network.train(was_training)


def weights_hash(state: dict[str, Tensor]) -> str:
    """SHA-256 of all weights and statistics, by name."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode() + state[name].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
