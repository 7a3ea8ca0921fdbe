"""f(alpha) by a supernet: the accuracy of the cell's subnetwork on a fixed set of validation images (paper §5.1.1).

    get_evaluator("oneshot", space="darts", task="cifar10")         # as the paper reads it
    get_evaluator("oneshot:loss", space="darts", task="cifar10")    # minus the loss on the same images

The loss tells cells apart where accuracies are equal: an accuracy on 512 images has 513 values. How far f can be
trusted is measured in notebook 01.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

from ..files.errors import look_up
from ..training.protocol import SupernetSpec
from .supernet import SupernetEvaluator
from .tabular import TASKS as TABULAR
from .tabular import Tabular, tabular

BN_MODES = {
    "batch": "BN statistics of the batch",
    "accumulated": "BN statistics accumulated in training",
}
READINGS = {"accuracy": "validation accuracy in %", "loss": "minus the validation loss"}
TITLES = {
    name: f"image classification on {title}"
    for name, title in (
        ("cifar10", "CIFAR-10"), ("cifar100", "CIFAR-100"), ("digits", "scikit-learn's digits"),
        ("imagenet", "ImageNet"), ("imagenet_sample", "200 classes of ImageNet"),
    )
}  # fmt: skip


def tasks(kind: str = "accuracy") -> dict[str, str]:
    """Data set -> the sentence that prompts say: the task, its metric and its direction. kind: a key of READINGS."""
    return {name: f"{title} ({READINGS[kind]}, higher is better)" for name, title in TITLES.items()}


class OneShot(SupernetEvaluator):
    """The score is the accuracy of the cell's subnetwork on the scoring images in %, or minus its loss in nats."""

    def __init__(
        self, space: str, task: str, *, profile: str = "laptop", results: Path | str = "results", seed: int = 0,
        supernet: str = "", kind: str = "accuracy", bn: str = "batch",
    ):  # fmt: skip
        """seed: of the supernet that this profile trained; supernet: its kind, the profile's if empty.

        kind: a key of READINGS, bn: of BN_MODES.
        Raises UnknownName, AssetError or RunError.
        """
        look_up("reading of f", READINGS, kind)
        look_up("BN mode", BN_MODES, bn)
        super().__init__(SupernetSpec(space, task, profile, seed, supernet), results, tasks(kind))
        self.kind, self.bn, config = kind, bn, self.config
        self.called = "accuracy" if kind == "accuracy" else "minus the loss"
        f = f"{self.called} of a {config.kind} supernet's subnetwork on {config.score_images} validation images"
        self.source = self.described(f, f", {bn}" + ("" if kind == "accuracy" else f", {kind}"), BN_MODES[bn])

    @cached_property
    def images(self) -> Any:
        """The images that cells are scored on, and those held out: a `training.search_images.Scored`."""
        from ..training.search_images import search_images

        images = search_images(self.config).load_scored(self.dataset)
        self.require(images.data.source.sentence)
        return images._replace(score=images.score.to(self.device), held_out=images.held_out.to(self.device))

    @cached_property
    def table(self) -> Tabular | None:
        """The benchmark's table, of a space that has one for these images. Raises AssetError if it is not here."""
        known = TABULAR.get(self.space.name, {})
        return tabular(self.space.name, self.dataset) if self.dataset in known else None

    def load(self) -> None:
        """Read the weights and the table now."""
        super().load()
        _ = self.table

    def untrained(self) -> Any:
        """The network, in the memory layout that it was trained in."""
        import torch

        from ..training.supernet import build_network

        network = build_network(self.space.name, self.config, self.images.data.classes)
        return network.to(memory_format=torch.channels_last)

    def measure(self, arch: Any) -> tuple[float, dict[str, float]]:
        """The score of a canonical cell on the scoring images, and the accuracy there."""
        found = self.read(arch, self.images.score)
        if self.kind == "accuracy":
            return found.accuracy, {"oneshot": found.accuracy}
        return -found.loss, {"oneshot": found.accuracy, "loss": found.loss}

    def read(self, arch: Any, images: Any) -> Any:
        """A canonical cell on some images: a `training.supernet.Reading`."""
        from ..training.machine import cpu_threads
        from ..training.supernet import read

        with cpu_threads(self.config.threads):
            return read(self.network, images, arch, self.config, bn=self.bn)

    def final(self, arch: Any) -> dict[str, float]:
        """The accuracies on scoring and held-out images; what the benchmark's table says; parameters (M) in the paper.

        Each where the space has one. The table is read for the answer of a search only, as β-DARTS does (§5.1.2).
        """
        from ..nn import count_parameters

        arch = self.space.canonical(arch)
        values = self(arch).metrics | {"held_out": self.read(arch, self.images.held_out).accuracy}
        if self.table:
            values |= self.table.final(arch)
        if sizes := self.space.paper_sizes.get("imagenet" if self.dataset.startswith("imagenet") else "cifar"):
            values["params_m"] = count_parameters(self.space, arch, **sizes) / 1e6
        return values
