"""f(alpha) on the DARTS space by a surrogate of NAS-Bench-301. It is a prediction, and no accuracy.

    get_evaluator("surrogate", space="darts", task="cifar10")                  # YAHPO's network
    get_evaluator("surrogate", space="darts", task="cifar10", kind="ridge")    # ridge regression

Cells are scored by one judge, and the final cell is judged by the other one too. `caveat` says what must stand beside
such a number: how far the judges agree with cells of known accuracy, computed when it is asked, and whether the cell is
of a kind that they know little of. docs/judges.md compares them with the other scores of the kit.
"""

from collections import Counter
from collections.abc import Callable
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np

from ..files.assets import get_asset, locate
from ..files.errors import look_up, say_once
from ..files.source import DataSource
from ..spaces import Darts, DartsGenotype
from .agreement import Agreement, agreement
from .base import Evaluation, Evaluator
from .nasbench301 import EPOCHS, JUDGES, Judge, known_cells, predictions

NOT_AN_ACCURACY = "surrogate of NAS-Bench-301, not an accuracy"
OFTEN = 6  # so many times one operation in a cell: such cells are rare among those that the judges learned from
SAYS = {
    "yahpo": f"YAHPO's network, at {EPOCHS} epochs",
    "ridge": "ridge regression on the benchmark's own XGB predictions",
}


class Surrogate(Evaluator):
    """The score is the validation accuracy in % on CIFAR-10 that one judge predicts; metrics are `surrogate_<judge>`.

    An evaluation by "yahpo" holds the ridge's value too. One by "ridge", which takes microseconds, does not ask the
    network; `final` does, if its file is on this machine.
    """

    task = "image classification on CIFAR-10 (validation accuracy in % as predicted, higher is better)"

    def __init__(self, space: str, task: str, *, kind: str = "yahpo"):
        """kind: "yahpo" or "ridge", the judge that gives the score. Raises UnknownName.

        When a cell is scored, AssetError is raised if the file of "yahpo" is out of reach.
        """
        look_up("space with a surrogate", {"darts": Any}, space)
        look_up("task of the surrogate", {"cifar10": Any}, task)
        judge = look_up("judge", JUDGES, kind)
        self.kind, self.space = kind, Darts()
        asset = get_asset(judge.asset)
        self.source = DataSource(f"nasbench301 {kind}", f"{NOT_AN_ACCURACY}: {SAYS[kind]}", asset.licence, asset.sha256)

    @cached_property
    def judge(self) -> Judge:
        """What scores. Raises AssetError if its file is missing and out of reach."""
        return JUDGES[self.kind]()

    @cached_property
    def judges(self) -> dict[str, Judge]:
        """Both judges by name, the one that scores first; without the other one if its file is not here."""
        found: dict[str, Judge] = {self.kind: self.judge}
        for name in JUDGES.keys() - found:
            if locate(asset := JUDGES[name].asset):
                found[name] = JUDGES[name]()
            else:
                say_once(f"The final cell is judged by {self.kind} alone. For the other judge: seki data fetch {asset}")
        return found

    def load(self) -> None:
        """Read both judges now."""
        _ = self.judges

    def __call__(self, arch: DartsGenotype) -> Evaluation:
        """The prediction for this cell, as it is written. Raises InvalidArchitecture for one outside the space."""
        judges, started = {"ridge": self.judge} if self.kind == "ridge" else self.judges, perf_counter()
        values = _predicted(judges, self.space.require(arch))
        return Evaluation(values[f"surrogate_{self.kind}"], values, perf_counter() - started)

    def final(self, arch: DartsGenotype) -> dict[str, float]:
        """What both judges predict, parameters (M) of the paper's network, and how often one operation is repeated."""
        return {
            **_predicted(self.judges, arch),
            "params_m": self._parameters(arch) / 1e6,
            "most_repeated": float(most_repeated(arch)[0]),
        }

    @cached_property
    def _parameters(self) -> Callable[[DartsGenotype], int]:
        from ..nn.darts_parameters import Parameters  # it imports torch

        return Parameters(**self.space.paper_sizes["cifar"])

    @cached_property
    def agreements(self) -> dict[str, Agreement]:
        """How each judge orders the cells of known accuracy."""
        cells, truth = known_cells("nasbench301_true_cells")
        return {name: agreement(predictions(judge, cells), truth) for name, judge in self.judges.items()}

    def caveat(self, arch: DartsGenotype) -> str:
        """What must be said beside a prediction: what it is, what it is worth, and if the cell is an unusual one."""
        worth = "; ".join(
            f"{name} {found}, {found.offset:+.2f} points on average" for name, found in self.agreements.items()
        )
        cells, (times, operation) = self.agreements[self.kind].cells, most_repeated(arch)
        text = f"{NOT_AN_ACCURACY}. Kendall's τ with {cells} cells of known accuracy: {worth}."
        if times < OFTEN:
            return text
        return f"{text} CAUTION: one of its cells holds {operation} {times} times. {self._on_extremes()}"

    def _on_extremes(self) -> str:
        """How far the judges err on known cells that repeat one operation, their mean error elsewhere left out."""
        cells, truth = known_cells("nasbench301_true_extremes")
        worst = ", ".join(
            f"{name} by up to {np.abs(predictions(judge, cells) - truth - self.agreements[name].offset).max():.1f}"
            for name, judge in self.judges.items()
        )
        return f"On {len(cells)} known cells of that kind the judges err otherwise than on average: {worst} points."


def _predicted(judges: dict[str, Judge], arch: DartsGenotype) -> dict[str, float]:
    return {f"surrogate_{name}": judge.predict(arch) for name, judge in judges.items()}


def most_repeated(arch: DartsGenotype) -> tuple[int, str]:
    """How often the most frequent operation of the normal or of the reduction cell stands in it, and which it is."""
    counts = (Counter(operation for operation, _ in cell).most_common(1)[0] for cell in (arch.normal, arch.reduce))
    operation, times = max(counts, key=lambda counted: counted[1])
    return times, operation
