"""f(alpha) by looking it up in a benchmark's table."""

from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property
from math import isnan
from typing import Any

from ..files.errors import AssetError, UnknownName, look_up
from ..spaces import SearchSpace, get_space
from . import nas201_table, trans101_table
from .base import Evaluation, Evaluator
from .table import BenchmarkTable, only

TABLES: dict[str, Callable[..., BenchmarkTable]] = {"nas201": nas201_table.load, "trans101": trans101_table.load}
FETCH = {"nas201": nas201_table.fetch_table, "trans101": trans101_table.fetch_table}
TASKS: dict[str, dict[str, str]] = {
    "nas201": nas201_table.TASKS,
    "trans101": {task: trans101_table.sentence(task) for task in trans101_table.TASKS},
}
"""What may be searched, as the sentence that prompts say: the task, its metric and its direction."""
CALLED = {task: entry.called for task, entry in trans101_table.TASKS.items()}
"""The metrics that are not called just "accuracy"."""


class Tabular(Evaluator):
    """The score is the validation column of the task. Test values stay out of reach until `final`."""

    def __init__(self, space: SearchSpace[Any], task: str, table: BenchmarkTable, split: str | None = None):
        self.task = look_up(f"task of {space.name}", TASKS[space.name], task)
        self.called = CALLED.get(task, "accuracy")
        self.source = table.source
        self._format = space.format
        searched = table.searched[task]
        splits = {c.removeprefix(f"{task}_").split("_")[0]: c for c in table.columns if c.startswith(f"{task}_")}
        here = searched.removeprefix(f"{task}_").split("_")[0]
        self.metric = splits[only(table.source.name, "split", (here, *(s for s in splits if s != here)), split)]
        self._column = table.columns.index(self.metric)
        self._table = table

    def __call__(self, arch: Any) -> Evaluation:
        """The searched column's value for this cell. Raises AssetError for a cell that the table does not hold."""
        score = self._row(arch)[self._column]
        return Evaluation(score, {self.metric: score}, 0.0)

    def _row(self, arch: Any) -> tuple[float, ...]:
        text = self._format(arch)
        try:
            return self._table.rows[text]
        except KeyError:
            raise AssetError(f"{self.source.name} holds no values of {text}: was only a part imported?") from None

    def final(self, arch: Any) -> dict[str, float]:
        """Every column of the table for this cell. The caller reads it once, for the final cell of a run."""
        return dict(zip(self._table.columns, self._row(arch), strict=True))

    def best(self) -> dict[str, float]:
        """The best value of each column over the whole space: the oracle row. Never shown to a search."""
        values = zip(*self._table.rows.values(), strict=True)
        return dict(zip(self._table.columns, map(max, values), strict=True))

    @cached_property
    def _scores(self) -> list[float]:
        """All values of the searched column, ascending."""
        return sorted(row[self._column] for row in self._table.rows.values())

    def rank(self, score: float) -> int:
        """1 + how many cells of the space have a higher score: the best cell's is 1, and ties share the lowest rank.

        Raises ValueError for NaN, which has no rank.
        """
        if isnan(score):
            raise ValueError("a score that is not a number has no rank")
        return 1 + len(self._scores) - bisect_right(self._scores, score)

    def top(self) -> list[str]:
        """The texts of the cells of the highest score. Never shown to a search."""
        return [text for text, row in self._table.rows.items() if row[self._column] == self._scores[-1]]


def tabular(
    space: str, task: str, *, hp: int | None = None, seed: int | str | None = None, split: str | None = None
) -> Tabular:
    """The tabular evaluator of a space.

    hp: epochs of training; seed: of one training, or "mean"; split: the values that the score is taken from. Each
    defaults to what the paper uses. Raises UnknownName, which lists what the source has, or AssetError.
    """
    if space not in TABLES:
        raise UnknownName(f"unknown space {space!r}; spaces with a table: {', '.join(TABLES)}")
    look_up(f"task of {space}", TASKS[space], task)
    return Tabular(get_space(space), task, TABLES[space](hp=hp, seed=seed), split)
