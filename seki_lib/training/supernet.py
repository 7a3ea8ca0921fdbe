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

from ..datasets.augment import normalise
from ..datasets.images import Dataset, LabelledImages
from ..nn import build_supernet
from ..nn.count import parameters
from ..spaces import DartsGenotype, NasBench201Cell, get_space
from ..spaces.darts import EDGES, NODES
from .loop import ImageTraining, Job, train
from .protocol import SupernetConfig, SupernetSpec
from .search_images import search_images

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
    data = search_images(config).load(spec.dataset)
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
    identity.pop("workers", None)  # decides how fast
    code = ("training.supernet", f"spaces.{space}")
    job = Job(folder, identity, config, seed, device, say, checkpoint_seconds, code)
    return train(job, SupernetTraining, space, data)


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
        self.images = search_images(config)
        self.split = self.images.split(data)
        self.train, self.alphas = self.split.weights.to(self.device), self.split.alphas.to(self.device)
        self.probes = [self.space.random(Random(f"probe/{i}")) for i in range(PROBES)]

    def begin_epoch(self) -> None:
        """Learning rate of the epoch, and its batches from the next step on."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate(self.epoch)
        self.batches = self.batches_left()
        if self.moves_alphas:
            left = range(self.step, self.steps)
            chosen, crops = [self._alpha_images(step) for step in left], [f"crops for alpha/{step}" for step in left]
            self.alpha_batches = self.parts_of(self.alphas, chosen, crops)
        self.network.train()

    @property
    def moves_alphas(self) -> bool:
        """Whether this epoch trains α and β too."""
        return self.mixed and self.epoch >= self.config.alpha_from

    def sampled(self) -> Any:
        """The cell of this step, or None for the mixture."""
        if self.mixed:
            return None
        if self.config.sampling == "uniform":
            return self.space.random(Random(self.seed_of(f"path/{self.step}")))
        block, place = divmod(self.epoch * self.steps + self.step, len(self.space.operations))
        return fair_block(self.space.name, Random(self.seed_of(f"block/{block}", epoch=0)))[place]

    def train_step(self) -> None:
        """One batch."""
        if self.moves_alphas:
            self._alpha_step()
        images, labels = next(self.batches)
        logits, loss = self._loss(images, labels, self.whole, self.sampled())
        self.optimizer.zero_grad(set_to_none=True)
        (loss * self.world.weight(self.whole)).backward()  # type: ignore[no-untyped-call]
        self.world.add_gradients(self.network.parameters())
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        self.optimizer.step()
        self.sums[0] += loss.detach() * len(labels)
        self.sums[1] += (logits.detach().argmax(1) != labels).sum()

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

    def close_epoch(self) -> tuple[SupernetEpoch, str]:
        """The accuracy on the scoring images."""
        n = len(self.order)
        score = self.split.score.to(self.device)
        cells = [None] if self.mixed else self.probes
        self.history.append(sum(accuracy(self.network, score, cell, self.config) for cell in cells) / len(cells))
        loss, wrong = self.sums.tolist()
        line = SupernetEpoch(
            self.epoch + 1,
            self.config.rate(self.epoch),
            loss / n,
            100 * wrong / n,
            self.history[-1],
            round(self.epoch_seconds, 3),
            round(n / max(self.epoch_seconds, 1e-9), 1),
        )
        of = "of the mixture" if self.mixed else f"of {PROBES} random cells"
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
        space, channels=config.channels, layers=config.layers, classes=classes, kind=config.kind,
        partial=config.partial, stem=search_images(config).stem,
    )  # fmt: skip


@torch.no_grad()
def accuracy(
    network: Any, images: LabelledImages, arch: Any, config: SupernetConfig, *, bn: str = "batch", batch: int = 512
) -> float:
    """Accuracy in % of one cell of a supernet, or of the mixture (None). Changes nothing in the network.

    images: of the kind that `config` trains on. bn: "batch", the statistics of each batch of `batch` images;
    "accumulated", the running ones of the training, which mix those of all cells.
    """
    layers = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    was_training = network.training
    network.train(bn == "batch")
    for layer in layers:
        layer.track_running_stats = bn != "batch"
    memory_format = torch.channels_last if config.channels_last else torch.contiguous_format
    statistics = search_images(config).statistics
    right, device = 0, network.classifier.weight.device
    try:
        for pixels, labels in images.batches(torch.split(torch.arange(len(images.labels)), batch), device):
            inputs = normalise(pixels, *statistics).contiguous(memory_format=memory_format)
            right += int((network(inputs, arch).argmax(1) == labels).sum())
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
