"""What all evaluators by a supernet share: they find it, ask it about canonical forms only, and ask nothing twice.

Isomorphic texts would use different weights of the supernet: hence the canonical form.
"""

import time
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import RunError, look_up
from ..spaces import get_space
from ..training.protocol import SupernetSpec, dataset_at_hand
from .base import Evaluation


class SupernetEvaluator(ABC):
    """A trained supernet that scores cells. `seconds` of an evaluation is what f took, 0 for a cell asked before.

    Raises RunError, with the command to type, if the supernet is not trained.
    """

    def __init__(self, spec: SupernetSpec, results: Path, tasks: dict[str, str], device: str):
        import torch

        self.space, self.config = get_space(spec.space), spec.config
        look_up(f"task of {spec.space}", tasks, spec.dataset)
        self.dataset = dataset_at_hand(spec.dataset, self.config)
        self.folder = (spec := replace(spec, dataset=self.dataset)).folder(results)
        if not (self.folder / "result.json").is_file():
            raise RunError(f'{self.folder} holds no trained supernet. Next: "{spec.command(results)}" trains it.')
        self.device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        self._known: dict[Any, Evaluation] = {}

    def load(self, network: Any) -> str:
        """Put the trained weights into a network of the supernet's shape; returns their hash."""
        from ..training.checkpoint import load_network
        from ..training.supernet import weights_hash

        network.load_state_dict(load_network(self.folder))
        return weights_hash(network.state_dict())

    def __call__(self, arch: Any) -> Evaluation:
        """The score of a cell."""
        from ..training.loop import cpu_threads

        arch = self.space.canonical(arch)
        if arch in self._known:
            return self._known[arch]._replace(seconds=0.0)
        started = time.perf_counter()
        with cpu_threads(self.config.threads):
            score, metrics = self.measure(arch)
        self._known[arch] = Evaluation(score, metrics, round(time.perf_counter() - started, 4))
        return self._known[arch]

    @abstractmethod
    def measure(self, arch: Any) -> tuple[float, dict[str, float]]:
        """The score of a canonical cell, higher is better, and what it stands for."""
