"""f(alpha) by a supernet: the accuracy of the cell's subnetwork on a fixed set of validation images (paper §5.1.1).

How far f can be trusted is measured in notebook 01.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

from ..files.errors import look_up
from ..training.protocol import SupernetSpec
from .supernet import SupernetEvaluator

BN_MODES = {
    "batch": "BN statistics of the batch",
    "accumulated": "BN statistics accumulated in training",
}
TASKS = {
    name: f"image classification on {title} (validation accuracy in %, higher is better)"
    for name, title in (
        ("cifar10", "CIFAR-10"), ("cifar100", "CIFAR-100"), ("digits", "scikit-learn's digits"),
        ("imagenet", "ImageNet"), ("imagenet_sample", "200 classes of ImageNet"),
    )
}  # fmt: skip


class OneShot(SupernetEvaluator):
    """The score is the accuracy of the cell's subnetwork on the scoring images, in %."""

    called = "accuracy"

    def __init__(self, spec: SupernetSpec, results: Path, *, bn: str = "batch", device: str = "auto"):
        look_up("BN mode", BN_MODES, bn)
        super().__init__(spec, results, TASKS, device)
        self.bn, config = bn, self.config
        f = f"accuracy of a {config.kind} supernet's subnetwork on {config.score_images} validation images"
        self.source = self.described(f, f", {bn}", BN_MODES[bn])

    @cached_property
    def images(self) -> Any:
        """The images that cells are scored on, and those held out: a `training.search_images.Scored`."""
        from ..training.search_images import search_images

        images = search_images(self.config).load_scored(self.dataset)
        self.require(images.data.source.sentence)
        return images._replace(score=images.score.to(self.device), held_out=images.held_out.to(self.device))

    def untrained(self) -> Any:
        """The network, in the memory layout that it was trained in."""
        import torch

        from ..training.supernet import build_network

        network = build_network(self.space.name, self.config, self.images.data.classes)
        return network.to(memory_format=torch.channels_last)

    def measure(self, arch: Any) -> tuple[float, dict[str, float]]:
        """f: the accuracy of a canonical cell on the scoring images."""
        value = self.accuracy(arch, self.images.score)
        return value, {"oneshot": value}

    def accuracy(self, arch: Any, images: Any) -> float:
        """Accuracy in % of a canonical cell on some images."""
        from ..training.machine import cpu_threads
        from ..training.supernet import accuracy

        with cpu_threads(self.config.threads):
            return accuracy(self.network, images, arch, self.config, bn=self.bn)

    def final(self, arch: Any) -> dict[str, float]:
        """f, the accuracy on held-out images, and parameters (M) of the paper's network, of a space with one."""
        from ..nn import count_parameters

        arch = self.space.canonical(arch)
        values = {"oneshot": self(arch).score, "held_out": self.accuracy(arch, self.images.held_out)}
        if sizes := self.space.paper_sizes.get("imagenet" if self.dataset.startswith("imagenet") else "cifar"):
            values["params_m"] = count_parameters(self.space, arch, **sizes) / 1e6
        return values


def oneshot(
    space: str,
    task: str,
    *,
    profile: str = "laptop",
    results: Path | str = "results",
    seed: int = 0,
    supernet: str = "",
    bn: str = "batch",
) -> OneShot:
    """The evaluator of the supernet that a profile trains for a space.

    seed: of the supernet; supernet: its kind, the profile's if empty. bn: a key of BN_MODES. Raises UnknownName,
    AssetError or RunError.
    """
    return OneShot(SupernetSpec(space, task, profile, seed, supernet), Path(results), bn=bn)
