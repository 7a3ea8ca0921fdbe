"""f(alpha) by a supernet: the accuracy of the cell's subnetwork on a fixed set of validation images (paper §5.1.1).

Always of the canonical form: isomorphic texts would use different weights of the supernet. Cached, so that the second
question of a cell is free. How far f can be trusted is measured in notebook 01.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import RunError, look_up
from ..spaces import get_space
from ..training.protocol import HELD_OUT, SupernetSpec, dataset_at_hand
from .base import DataSource, Evaluation

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
PAPER_SIZES: dict[str, Any] = {"channels": 36, "layers": 20, "classes": 10}  # what Tables 5 and 6 count parameters at
IMAGENET_SIZES: dict[str, Any] = {"channels": 48, "layers": 14, "classes": 1000, "stem": "imagenet"}  # Table 2


class OneShot:
    """The score is the accuracy of the cell's subnetwork on the scoring images, in %.

    `seconds` adds up what f took. Raises RunError, with the command to type, if the supernet is not trained.
    """

    called = "accuracy"

    def __init__(self, spec: SupernetSpec, results: Path, *, bn: str = "batch", device: str = "auto"):
        import torch

        from ..training.checkpoint import load_network
        from ..training.supernet import accuracy, build_network, load_score_images, weights_hash

        look_up("BN mode", BN_MODES, bn)
        self.space, self.bn = get_space(spec.space), bn
        look_up(f"task of {spec.space}", TASKS, spec.dataset)
        config = spec.config
        at_hand = dataset_at_hand(spec.dataset, config)
        spec, self.task = replace(spec, dataset=at_hand), TASKS[at_hand]
        self.folder = spec.folder(results)
        if not (self.folder / "result.json").is_file():
            raise RunError(f'{self.folder} holds no trained supernet. Next: "{spec.command(results)}" trains it.')
        data, score, held_out = load_score_images(at_hand, config, HELD_OUT)
        network = build_network(spec.space, config, data.classes)
        network.load_state_dict(load_network(self.folder))
        where = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        memory_format = torch.channels_last if config.channels_last else torch.contiguous_format
        self._network = network.to(where, memory_format=memory_format)
        self.score_images, self.held_out = score.to(where), held_out.to(where)
        self._accuracy = accuracy
        self._config = config
        digest = weights_hash(network.state_dict())
        self.source = DataSource(
            f"supernet {config.kind} {digest[:12]}, {bn}",
            f"accuracy of a {config.kind} supernet's subnetwork on {len(score.labels)} validation images of "
            f"{data.source.sentence}; {BN_MODES[bn]}",
            data.source.licence,
            digest,
        )
        self._known: dict[Any, Evaluation] = {}

    def __call__(self, arch: Any) -> Evaluation:
        """The accuracy of a cell on the scoring images."""
        arch = self.space.canonical(arch)
        if arch not in self._known:
            started = time.perf_counter()
            score = self.accuracy(arch, self.score_images)
            self._known[arch] = Evaluation(score, {"oneshot": score}, round(time.perf_counter() - started, 4))
            return self._known[arch]
        return self._known[arch]._replace(seconds=0.0)

    def accuracy(self, arch: Any, images: Any) -> float:
        """Accuracy in % of a canonical cell on some images."""
        from ..training.loop import cpu_threads

        with cpu_threads(self._config.threads):
            return float(self._accuracy(self._network, images, arch, self._config, bn=self.bn))

    def final(self, arch: Any) -> dict[str, float]:
        """f, the accuracy on held-out images, and, for darts, parameters (M) of the paper's stand-alone network."""
        from ..nn import count

        arch = self.space.canonical(arch)
        values = {"oneshot": self(arch).score, "held_out": self.accuracy(arch, self.held_out)}
        if self.space.name == "darts":
            sizes = IMAGENET_SIZES if "ImageNet" in self.task else PAPER_SIZES
            values["params_m"] = count(self.space, arch, **sizes).params_m
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
