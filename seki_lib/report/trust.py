"""How far can a judge be trusted? The scores of every judge that the kit has, beside the known accuracy of the cells.

rows = judge_cells("nas201", [Judge("zero_cost:params", evaluator)], 500, folder)
print(rows[0].overall)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np

from ..evaluators import get_evaluator
from ..evaluators.agreement import Agreement, agreement, in_best_fifth
from ..evaluators.nasbench301 import JUDGES, known_cells
from ..evaluators.supernet import SupernetEvaluator
from ..evaluators.zero_cost import SAYS
from ..files.errors import AssetError
from ..files.fingerprint import fingerprint
from ..files.jsonl import append_line, read_lines
from ..spaces import get_space

ZERO_COST = tuple(f"zero_cost:{kind}" for kind in SAYS)
UNTRAINED: dict[str, tuple[str, ...]] = {
    "nas201": ZERO_COST,
    "trans101": ZERO_COST,
    "darts": (*ZERO_COST, *(f"surrogate:{name}" for name in JUDGES)),
}
"""The judges of each space for which nothing has to be trained, as names of evaluators."""
TRUTH = {  # task and column of a benchmark's table
    "nas201": ("cifar10", "cifar10_test"),
    "trans101": ("class_object", "class_object_test_top1"),
}


class Judge(NamedTuple):
    """What gives cells a score: an evaluator, by its score or a metric. Judges of one evaluator share its work."""

    name: str
    evaluator: Any
    metric: str = ""  # of its evaluations; empty: the score

    def value(self, line: Mapping[str, Any]) -> float:
        """What it says of a cell, by a line that `evaluations` keeps."""
        return float(line["metrics"][self.metric] if self.metric else line["f"])


@dataclass(frozen=True)
class Judged:
    """The scores of one judge, and the known accuracies of the same cells of one space."""

    judge: str
    space: str
    says: str  # what the truth is
    scores: np.ndarray  # (cells,), higher is better
    truth: np.ndarray  # (cells,), accuracies in %
    seconds: float  # that a cell took, median
    trained: Mapping[str, Any] | None = None  # `result.json` of the judge's supernet

    @property
    def label(self) -> str:
        """The judge, and the seed of its supernet."""
        return f"{self.judge}, seed {self.trained['seed']}" if self.trained else self.judge

    @cached_property
    def overall(self) -> Agreement:
        """On all cells."""
        return agreement(self.scores, self.truth)

    @cached_property
    def in_best_fifth(self) -> Agreement:
        """On the fifth of the cells that are truly best."""
        return in_best_fifth(self.scores, self.truth)


@dataclass(frozen=True)
class Lacking:
    """A judge that could not be asked on this machine, and what it needs."""

    judge: str
    space: str
    needs: str


def sample(space: str, count: int) -> list[Any]:
    """Draw this many cells of different classes, the same in every run; one of each if there are fewer classes."""
    home, rng = get_space(space), Random(f"trust/{space}")
    cells: dict[Any, None] = {}
    for _ in range(20 * count):
        cells.setdefault(home.canonical(home.random(rng)))
        if len(cells) == count:
            break
    return list(cells)


def known_accuracies(space: str, count: int) -> tuple[list[Any], np.ndarray, str]:
    """Up to so many cells, (cells,) their true accuracies in %, and what those are. Raises AssetError."""
    if space == "darts":
        cells, accuracies = known_cells("nasbench301_true_cells")
        return cells[:count], accuracies[:count], "validation accuracy on CIFAR-10, NAS-Bench-301"
    task, column = TRUTH[space]
    table, cells = get_evaluator("tabular", space=space, task=task), sample(space, count)
    return cells, np.array([table.final(cell)[column] for cell in cells]), f"{column}, {table.source.name}"


def judge_cells(
    space: str, judges: Sequence[Judge], count: int, folder: Path, say: Callable[[str], None] = print
) -> list[Judged | Lacking]:
    """Ask each judge about up to so many cells of known accuracy.

    folder: where evaluations are kept, so that a cell is scored once.
    """
    try:
        cells, truth, says = known_accuracies(space, count)
    except AssetError as error:
        return [Lacking(judge.name, space, str(error)) for judge in judges]
    rows: list[Judged | Lacking] = []
    for judge in judges:
        try:
            lines = evaluations(judge.evaluator, cells, folder / f"{space}.jsonl")
        except AssetError as error:
            rows.append(Lacking(judge.name, space, str(error)))
            say(f"{space}, {judge.name}: not run. {error}")
            continue
        trained = judge.evaluator.trained if isinstance(judge.evaluator, SupernetEvaluator) else None
        values, seconds = np.array(list(map(judge.value, lines))), float(np.median([line["seconds"] for line in lines]))
        found = Judged(judge.name, space, says, values, truth, seconds, trained)
        say(f"{space}, {found.label}: τ {found.overall} on {len(cells)} cells")
        rows.append(found)
    return rows


def evaluations(evaluator: Any, cells: Sequence[Any], path: Path) -> list[dict[str, Any]]:
    """The evaluation of each cell: `f`, `metrics` and `seconds`. Each is kept as a line of `path` and asked for once.

    A line counts for the evaluator's source and code that made it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    code = fingerprint(f"spaces.{evaluator.space.name}", type(evaluator).__module__.partition(".")[2])
    asked = {"source": evaluator.source.name, "code": code}
    known = {line["cell"]: line for line in read_lines(path) if line.items() >= asked.items() and "metrics" in line}
    for cell in cells:
        text = evaluator.space.format(cell)
        if text not in known:
            found = evaluator(cell)
            known[text] = asked | {"cell": text, "f": found.score, "metrics": found.metrics, "seconds": found.seconds}
            append_line(path, known[text])
    return [known[evaluator.space.format(cell)] for cell in cells]
