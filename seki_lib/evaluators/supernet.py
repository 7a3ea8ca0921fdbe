"""What all evaluators by a supernet share: they find it, ask it about canonical forms only, and ask nothing twice.

Isomorphic texts would use different weights of the supernet, so a cell is always read in its canonical form.
"""

import time
from abc import abstractmethod
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..files.errors import RunError, look_up
from ..files.run_folder import read_result
from ..files.source import DataSource
from ..spaces import get_space
from ..training.machine import trained_on
from ..training.protocol import SupernetSpec, dataset_at_hand
from .base import Evaluation, Evaluator


class SupernetEvaluator(Evaluator):
    """A trained supernet that scores cells. `seconds` of an evaluation is what f took, 0 for a cell asked before.

    Weights and images are read when the first cell is scored: a run that is finished needs neither. Raises RunError,
    with the command to type, if the supernet is not trained; `load`, also if its weights or the images on this machine
    are not those of its training, and AssetError if there are none.
    """

    def __init__(self, spec: SupernetSpec, results: Path | str, tasks: dict[str, str]):
        results = Path(results)
        self.space, self.config = get_space(spec.space), spec.config
        look_up(f"task of {spec.space}", tasks, spec.dataset)
        self.dataset = dataset_at_hand(spec.dataset, self.config)
        self.task = tasks[self.dataset]
        self.folder = (spec := replace(spec, dataset=self.dataset)).folder(results)
        if not (self.folder / "result.json").is_file():
            raise RunError(f'{self.folder} holds no trained supernet. Next: "{spec.command(results)}" trains it.')
        self.trained: dict[str, Any] = read_result(self.folder)
        self._known: dict[Any, Evaluation] = {}

    def described(self, judged: str, bn: str, statistics: str) -> DataSource:
        """Where the scores come from. judged: what f is, up to the data that it is read from."""
        digest, seed = self.trained["weights_sha256"], self.trained.get("seed", 0)
        return DataSource(
            f"supernet {self.config.kind} {digest[:12]}{bn}",
            f"{judged} of {self.trained['data']}; {statistics}; supernet of seed {seed}, trained on "
            f"{trained_on(self.trained)}",
            "of the data that it was trained on",
            digest,
        )

    @cached_property
    def device(self) -> Any:
        """Where cells are scored."""
        from ..training.machine import choose_device

        return choose_device("auto")

    @cached_property
    def network(self) -> Any:
        """The supernet with its trained weights."""
        from ..training.checkpoint import load_network, put_into
        from ..training.supernet import weights_hash

        network = self.untrained()
        put_into(network, load_network(self.folder), self.folder)
        if weights_hash(network.state_dict()) != self.trained["weights_sha256"]:
            raise RunError(
                f"{self.folder}: the weights are not those of its result.json. Next: remove the folder and train anew, "
                "and the runs that it scored with it."
            )
        return network.to(self.device)

    def require(self, data: str) -> None:
        """Raise RunError unless this machine's data, by their sentence, are those that the supernet was trained on."""
        if data != self.trained["data"]:
            raise RunError(
                f"{self.folder} was trained on {self.trained['data']}; on this machine is {data}. Next: the same "
                "data, or remove the folder and train anew."
            )

    def load(self) -> None:
        """Read the weights now."""
        _ = self.network

    @abstractmethod
    def untrained(self) -> Any:
        """A network of the supernet's shape."""

    def __call__(self, arch: Any) -> Evaluation:
        """The score of a cell."""
        from ..training.machine import cpu_threads

        arch = self.space.canonical(arch)
        if arch in self._known:
            return self._known[arch]._replace(seconds=0.0)
        self.load()
        started = time.perf_counter()
        with cpu_threads(self.config.threads):
            score, metrics = self.measure(arch)
        self._known[arch] = Evaluation(score, metrics, round(time.perf_counter() - started, 4))
        return self._known[arch]

    @abstractmethod
    def measure(self, arch: Any) -> tuple[float, dict[str, float]]:
        """The score of a canonical cell, higher is better, and what it stands for."""
