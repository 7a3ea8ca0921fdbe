"""NAS-Bench-301 (arXiv 2008.09777): cells of the DARTS space with known accuracy, and two judges that learned from it.

    Yahpo().predict(cell)    # a network: YAHPO Gym's surrogate (arXiv 2109.03670)
    Ridge().predict(cell)    # ridge regression, fitted here on predictions of the benchmark's own surrogate

Both predict the validation accuracy in % of a network of 8 cells on CIFAR-10 after 98 to 100 epochs, and read a cell as
it is written: another numbering of its nodes gives a slightly different value. A cell has 14 possible edges: into node
2 from 0 and 1, into node 3 from 0 to 2, and so on.
"""

import csv
import gzip
from collections.abc import Sequence
from itertools import combinations
from operator import getitem

import numpy as np

from ..files.assets import fetch
from ..spaces.darts import NODES, OPERATIONS, Darts, DartsGenotype
from ..spaces.genotypes import Edge

SLOT = {edge: i for i, edge in enumerate((node, source) for node in NODES for source in range(node))}
EPOCHS = 98  # the last epoch that YAHPO's surrogate knows


def by_position() -> list[dict[Edge, tuple[int, int]]]:
    """For each of the 16 edges of a genotype, normal cell first: edge -> (one of 28 possible edges, operation)."""
    return [
        {
            (operation, source): (14 * half + SLOT[node, source], code)
            for source in range(node)
            for code, operation in enumerate(sorted(OPERATIONS))
        }
        for half in (0, 1)
        for node in NODES
        for _ in "ab"
    ]


class Ridge:
    """Ridge regression on one-hot edges: a sum of 16 weights."""

    asset = "nasbench301_xgb_predictions"

    def __init__(self) -> None:
        from sklearn import linear_model

        positions = by_position()
        cells, accuracies = known_cells(self.asset)
        edges = np.zeros((len(cells), 28, len(OPERATIONS)))
        for row, cell in zip(edges, cells, strict=True):
            for position, edge in zip(positions, cell.normal + cell.reduce, strict=True):
                row[position[edge]] = 1
        model = linear_model.Ridge(alpha=1.0)  # of 21 values from .01 to 1000 the one that RidgeCV chooses
        model.fit(edges.reshape(len(cells), -1), accuracies)
        weights, self._intercept = model.coef_.reshape(28, -1), float(model.intercept_)
        self._weights = [{edge: float(weights[at]) for edge, at in position.items()} for position in positions]

    def predict(self, cell: DartsGenotype) -> float:
        """Validation accuracy in %. The cell must lie in the space."""
        return self._intercept + sum(map(getitem, self._weights, cell.normal + cell.reduce))


class Yahpo:
    """YAHPO's surrogate. It codes the 28 edges, and for the nodes 3, 4, 5 of both cells the pair that they read."""

    asset = "yahpo_nb301"

    def __init__(self) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(fetch(self.asset)), options, providers=["CPUExecutionProvider"]
        )
        self._output = [self._session.get_outputs()[0].name]
        self._positions = by_position()
        self._pairs = [  # code 0 is an edge that is not there
            {pair: code for code, pair in enumerate(combinations(range(node), 2), 1)} for node in NODES[1:]
        ]
        self._epoch = np.full((1, 1), EPOCHS, np.float32)

    def code(self, cell: DartsGenotype) -> list[int]:
        """The 34 whole numbers that the network reads."""
        codes = [0] * 34
        for position, edge in zip(self._positions, cell.normal + cell.reduce, strict=True):
            slot, operation = position[edge]
            codes[slot] = operation + 1
        sources = [source for _, source in cell.normal[2:] + cell.reduce[2:]]
        for i in range(6):
            a, b = sources[2 * i : 2 * i + 2]
            codes[28 + i] = self._pairs[i % 3][(a, b) if a < b else (b, a)]
        return codes

    def predict(self, cell: DartsGenotype) -> float:
        """Validation accuracy in %."""
        inputs = {"x_cat": np.array([self.code(cell)], np.int32), "x_cont": self._epoch}
        return float(self._session.run(self._output, inputs)[0][0, 0])


Judge = Yahpo | Ridge
JUDGES: dict[str, type[Judge]] = {"yahpo": Yahpo, "ridge": Ridge}


def known_cells(asset: str) -> tuple[list[DartsGenotype], np.ndarray]:
    """The cells of one of the kit's files, and (cells,) their accuracies in %, true or predicted."""
    with gzip.open(fetch(asset), "rt", encoding="utf-8", newline="") as file:
        rows = [list(row.values()) for row in csv.DictReader(file)]
    return [Darts().parse(row[0]) for row in rows], np.array([float(row[1]) for row in rows])


def predictions(judge: Judge, cells: Sequence[DartsGenotype]) -> np.ndarray:
    """(cells,) what a judge says of many cells."""
    return np.array([judge.predict(cell) for cell in cells])
