"""f(alpha) by looking it up in a benchmark's table."""

from typing import Any

from ..errors import UnknownName, look_up
from ..spaces import SearchSpace, get_space
from . import nas201_table
from .base import Evaluation
from .nas201_table import Table

TABLES = {"nas201": nas201_table.load}
FETCH = {"nas201": nas201_table.fetch_table}
TASKS = {"nas201": {"cifar10": "image classification on CIFAR-10 (validation accuracy in %, higher is better)"}}
"""What may be searched. NAS-Bench-201 is searched on CIFAR-10 only (Table 3); other data sets are read at the end."""


class Tabular:
    """The score is the validation column of the task. Test values stay out of reach until `final`."""

    def __init__(self, space: SearchSpace[Any], task: str, table: Table):
        self.task = look_up(f"task of {space.name}", TASKS[space.name], task)
        self.source = table.source
        self._format = space.format
        self.metric = table.searched
        self._column = table.columns.index(self.metric)
        self._table = table

    def __call__(self, arch: Any) -> Evaluation:
        """The validation accuracy in %; raises KeyError for what is not a cell of the space."""
        score = self._table.rows[self._format(arch)][self._column]
        return Evaluation(score, {self.metric: score}, 0.0)

    def final(self, arch: Any) -> dict[str, float]:
        """Every column of the table for this cell, in %. The caller reads it once, for the final cell of a run."""
        return dict(zip(self._table.columns, self._table.rows[self._format(arch)], strict=True))

    def best(self) -> dict[str, float]:
        """The best value of each column over the whole space: the oracle row, in %. Never shown to a search."""
        values = zip(*self._table.rows.values(), strict=True)
        return dict(zip(self._table.columns, map(max, values), strict=True))


def tabular(space: str, task: str) -> Tabular:
    """The tabular evaluator of a space. Raises UnknownName or AssetError."""
    if space not in TABLES:
        raise UnknownName(f"unknown space {space!r}; spaces with a table: {', '.join(TABLES)}")
    return Tabular(get_space(space), task, TABLES[space]())
