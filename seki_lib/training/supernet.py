"""Supernet training: one network learns the weights of all cells (paper §5.1.1: as PC-DARTS searches).

    result = run_supernet(SupernetSpec("darts", "cifar10", "laptop"), results)

A step of a single-path supernet trains the edges of one sampled cell; a step of a mixed one trains the mixture and,
from epoch `alpha_from` on, first α on a batch of the validation half. Loop, checkpoints and resuming are `loop.py`'s.
"""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import TrainingError
from ..nn import build_supernet
from ..nn.count import parameters
from ..nn.supernet import EDGES
from ..spaces import DartsGenotype, NasBench201Cell, get_space
from ..spaces.darts import NODES
from .augment import augment, normalise
from .images import TRAIN_IMAGES, Dataset, Images, load_dataset
from .loop import ImageTraining, Job, train
from .protocol import HELD_OUT, SupernetConfig, SupernetSpec

PROBES = 4  # random cells whose mean accuracy follows the training of a single-path supernet


@dataclass(frozen=True)
class SupernetEpoch:
    """One epoch as `metrics.jsonl` holds it. Errors and accuracies in %."""

    epoch: int  # from 1
    lr: float
    train_loss: float
    train_error: float
    accuracy: float  # on the scoring images: of the mixture, or the mean of PROBES random cells
    seconds: float
    images_per_second: float


@dataclass(frozen=True)
class Split:
    """The training images of a data set as a supernet uses them; its test images are not touched."""

    weights: Images  # the first half: trains the weights
    score: Images  # the first `score_images` of the second half: f(α) is read from them
    held_out: Images  # the next HELD_OUT of the second half: never seen by a search
    alphas: Images  # what is left of the second half: α of a mixed supernet; all of it if less than a batch is left


def split(data: Dataset, config: SupernetConfig) -> Split:
    """The two halves, at the resolution asked for. Raises TrainingError if there are too few images to score on."""
    images = Images(shrink(data.train.images, config.resolution), data.train.labels)
    half = len(images.labels) // 2
    if half <= config.score_images:
        raise TrainingError(
            f"{data.name}: {len(images.labels)} training images leave {half} to validate, and f(α) is read from "
            f"{config.score_images} with others held out. Next: a larger train_images, or fewer score_images."
        )
    at, end = half + config.score_images, half + config.score_images + HELD_OUT
    left = end if len(images.labels) - end >= config.batch else half

    def part(start: int, end: int | None) -> Images:
        return Images(images.images[start:end], images.labels[start:end])

    return Split(part(0, half), part(half, at), part(at, end), part(left, None))


def load_score_images(name: str, config: SupernetConfig, held_out: int) -> tuple[Dataset, Images, Images]:
    """The `score` and the first `held_out` images of `split`, and what they are part of: no others are read."""
    half = (config.train_images or TRAIN_IMAGES[name]) // 2
    data = load_dataset(name, first=half, train=min(config.score_images + held_out, half), test=1)
    images = shrink(data.train.images, config.resolution)
    parts = (slice(None, config.score_images), slice(config.score_images, None))
    score, others = (Images(images[part], data.train.labels[part]) for part in parts)
    return data, score, others


def shrink(images: Tensor, resolution: int) -> Tensor:
    """(N, 3, 32, 32) uint8 -> (N, 3, resolution, resolution) uint8, the mean of blocks of pixels."""
    if images.shape[-1] == resolution:
        return images
    block = images.shape[-1] // resolution
    small = [nn.functional.avg_pool2d(part.float(), block).round().byte() for part in torch.split(images, 4096)]
    return torch.cat(small)


def fair_block(space: str, rng: Random) -> list[Any]:
    """As many cells as there are operations: each slot meets each operation once (FairNAS, Chu et al. 2021).

    darts: the cells share their predecessors, drawn once. FairNAS updates the weights once a block; here every step
    does.
    """
    home = get_space(space)
    first, count = home.random(rng), len(home.operations)
    if isinstance(first, NasBench201Cell):
        orders = [rng.sample(home.operations, count) for _ in first.edges]
        return [NasBench201Cell(tuple(order[i] for order in orders)) for i in range(count)]
    sources = [source for _, source in (*first.normal, *first.reduce)]
    orders = [rng.sample(home.operations, count) for _ in sources]
    cells = [tuple((order[i], source) for order, source in zip(orders, sources, strict=True)) for i in range(count)]
    return [DartsGenotype(edges[: 2 * len(NODES)], edges[2 * len(NODES) :]) for edges in cells]


def run_supernet(
    spec: SupernetSpec,
    results: Path,
    config: SupernetConfig | None = None,
    *,
    say: Callable[[str], None] = print,
    device: str = "auto",
) -> dict[str, Any]:
    """Train what `spec` names, or go on with it, in its folder below `results`; returns what `result.json` holds.

    config: the profile's unless given. A finished supernet is read, not trained again. Raises what `loop.train` and
    `load_dataset` raise.
    """
    config = config or spec.config
    data = load_dataset(spec.dataset, train=config.train_images, test=1)
    return train_supernet(spec.space, data, config, spec.folder(results), seed=spec.seed, say=say, device=device)


def train_supernet(
    space: str,
    data: Dataset,
    config: SupernetConfig,
    folder: Path,
    *,
    seed: int = 0,
    device: str = "auto",
    say: Callable[[str], None] = print,
    checkpoint_seconds: float = 600.0,
) -> dict[str, Any]:
    """Train, or go on training, in `folder`; returns what `result.json` holds. Raises what `loop.train` raises."""
    data.check()
    identity = {"supernet": space, **data.identity, "seed": seed, **asdict(config)}
    return train(Job(folder, identity, config, seed, device, say, checkpoint_seconds), SupernetTraining, space, data)


class SupernetTraining(ImageTraining):
    """A step: one batch through one sampled cell, or through the mixture after a step of α."""

    config: SupernetConfig
    shares = True

    def __init__(self, job: Job, space: str, data: Dataset):
        super().__init__(job)
        self.space, self.data, config = get_space(space), data, self.config
        torch.manual_seed(self.seed_of("weights"))
        network: Any = build_network(space, config, data.classes)
        if config.channels_last:
            network = network.to(memory_format=torch.channels_last)
        self.network: Any = self.world.synchronised(network.to(self.device))
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
        self.split = split(data, config)
        self.train, self.alphas = self.split.weights.to(self.device), self.split.alphas.to(self.device)
        self.only = self.space.parse(config.only) if config.only else None
        self.probes = [self.only] if self.only else [self.space.random(Random(f"probe/{i}")) for i in range(PROBES)]

    def begin_epoch(self) -> None:
        """Learning rate of the epoch."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.cosine(self.config.lr, self.config.lr_end)
        self.network.train()

    def sampled(self) -> Any:
        """The cell of this step, or None for the mixture."""
        if self.mixed or self.only:
            return self.only
        if self.config.sampling == "uniform":
            return self.space.random(Random(self.seed_of(f"path/{self.step}")))
        block, place = divmod(self.epoch * self.steps + self.step, len(self.space.operations))
        return fair_block(self.space.name, Random(self.seed_of(f"block/{block}", epoch=0)))[place]

    def train_step(self) -> None:
        """One batch."""
        config, start = self.config, self.step * self.config.batch
        if self.mixed and self.epoch >= config.alpha_from:
            self._alpha_step()
        whole = self.order[start : start + config.batch]
        logits, loss, labels = self._loss(self.train, whole, self.sampled())
        self.optimizer.zero_grad(set_to_none=True)
        (loss * self.world.weight(len(whole))).backward()  # type: ignore[no-untyped-call]
        self.world.add_gradients(self.network.parameters())
        nn.utils.clip_grad_norm_(self.network.parameters(), config.clip)
        self.optimizer.step()
        self.sums[0] += loss.detach() * len(labels)
        self.sums[1] += (logits.detach().argmax(1) != labels).sum()

    def _alpha_step(self) -> None:
        """α and β by Adam on a random batch of the validation half; first order, as PC-DARTS."""
        cpu = torch.Generator().manual_seed(self.seed_of(f"alpha/{self.step}"))
        chosen = torch.randperm(len(self.alphas.labels), generator=cpu)[: self.config.batch].to(self.device)
        self.alpha_optimizer.zero_grad(set_to_none=True)
        _, loss, _ = self._loss(self.alphas, chosen, None)
        (loss * self.world.weight(len(chosen))).backward()  # type: ignore[no-untyped-call]
        self.world.add_gradients(self.network.architecture_parameters())
        self.alpha_optimizer.step()

    def _loss(self, images: Images, whole: Tensor, arch: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, cross-entropy and labels: of a random view of each image in this process's part of the batch."""
        part = self.world.part(len(whole))
        pixels, labels = images.images[whole[part]], images.labels[whole[part]]
        batch = augment(pixels, self.generator, pad=self.config.resolution // 8, place=(part.start, len(whole)))
        with self.autocast():
            logits = self.network(self.laid_out(batch), arch)
        return logits, nn.functional.cross_entropy(logits.float(), labels), labels

    def close_epoch(self) -> tuple[SupernetEpoch, str]:
        """The accuracy on the scoring images."""
        n = len(self.order)
        score = self.split.score.to(self.device)
        cells = [None] if self.mixed else self.probes
        self.history.append(
            sum(accuracy(self.network, score, cell, self.config.channels_last) for cell in cells) / len(cells)
        )
        loss, wrong = self.sums.tolist()
        line = SupernetEpoch(
            self.epoch + 1,
            self.cosine(self.config.lr, self.config.lr_end),
            loss / n,
            100 * wrong / n,
            self.history[-1],
            round(self.epoch_seconds, 3),
            round(n / max(self.epoch_seconds, 1e-9), 1),
        )
        of = "of the mixture" if self.mixed else "alone" if self.only else f"of {PROBES} random cells"
        return line, (
            f"lr {line.lr:.5f}  loss {line.train_loss:.3f}  train error {line.train_error:5.2f} %  "
            f"accuracy {of} {line.accuracy:5.2f} %  {line.images_per_second:,.0f} images/s"
        )

    def result(self) -> dict[str, Any]:
        """What identifies the supernet, and what it was trained on."""
        found = {"genotype": self.space.format(self.network.genotype())} if self.mixed else {}
        return found | {
            "space": self.space.name,
            "kind": self.config.kind,
            "dataset": self.data.name,
            "data": self.data.source.sentence,
            "train_images": len(self.train.labels),
            "last_accuracy": self.history[-1],
            "params_m": parameters(self.network) / 1e6,
            "weights_sha256": weights_hash(self.network.state_dict()),
        }


def build_network(space: str, config: SupernetConfig, classes: int) -> Any:
    """The supernet of these settings, untrained."""
    return build_supernet(
        space, channels=config.channels, layers=config.layers, classes=classes, kind=config.kind, partial=config.partial
    )


@torch.no_grad()
def accuracy(
    network: Any, images: Images, arch: Any, channels_last: bool, *, bn: str = "batch", batch: int = 512
) -> float:
    """Accuracy in % of one cell of a supernet, or of the mixture (None). Changes nothing in the network.

    bn: "batch", the statistics of each batch of `batch` images; "accumulated", the running ones of the training, which
    mix those of all cells.
    """
    layers = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    was_training = network.training
    network.train(bn == "batch")
    for layer in layers:
        layer.track_running_stats = bn != "batch"
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    right = 0
    try:
        for start in range(0, len(images.labels), batch):
            inputs = normalise(images.images[start : start + batch]).contiguous(memory_format=memory_format)
            right += int((network(inputs, arch).argmax(1) == images.labels[start : start + batch]).sum())
    finally:
        for layer in layers:
            layer.track_running_stats = True
        network.train(was_training)
    return 100 * right / len(images.labels)


def trained_operations(network: Any, cell: int = 0) -> dict[str, str]:
    """Edge -> the operations of a DARTS supernet's cell whose weights have a gradient, for people to see."""
    found = {}
    for edge, (source, node) in zip(network.cells[cell].edges, EDGES, strict=True):
        operations = zip(network.names, edge.operations, strict=True)
        names = [name for name, operation in operations if any(p.grad is not None for p in operation.parameters())]
        found[f"{source} -> {node}"] = ", ".join(names)
    return found


def weights_hash(state: dict[str, Tensor]) -> str:
    """SHA-256 of all weights and statistics, by name."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode() + state[name].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
