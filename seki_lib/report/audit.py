"""Notebook 22: what public data say of the numbers that the paper prints. Each function is one fact, made from data.

    entries = Entries.of(nas201_table.load())
    entries.nearest(row3("SEKI")[0])       # cell 3731 has five of the six means
    entries.highest_mean(given=46.90)      # 94.295, by a linear programme

`audit_table` turns them into one verdict a table. Everything here reads published tables, or counts networks that have
no weights; nothing is trained.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ..evaluators.nas201_table import COLUMNS
from ..evaluators.table import BenchmarkTable
from ..files.errors import AssetError
from ..spaces import get_space
from ..spaces.darts import OPERATIONS
from .statistics import standard_error
from .tables import paper_table, typed

IMAGES = 512  # from which f of Tables 5 and 6 seems to be measured: their values are multiples of 1/512
HALF = 0.005  # the most by which rounding to two digits changes a value
EDGES, FROM_INPUTS = 8, 3  # operations of a cell; how many of a reduction cell's are on its inputs at the least


def row3(architecture: str) -> tuple[np.ndarray, np.ndarray]:
    """(6,) printed means and (6,) printed deviations of a row of Table 3; NaN for what is not printed."""
    row = next(row for row in paper_table(3) if row["architecture"] == architecture)
    parts = [row[column].partition("±")[::2] for column in COLUMNS]
    mean, sd = zip(*parts, strict=True)
    return np.array([float(text) for text in mean]), np.array([float(text or "nan") for text in sd])


@dataclass(frozen=True)
class Entries:
    """The six values of each cell of NAS-Bench-201. values: (cells, 6), in the benchmark's own order of cells."""

    cells: tuple[str, ...]
    values: np.ndarray

    @classmethod
    def of(cls, table: BenchmarkTable) -> "Entries":
        """From the benchmark's table. Raises AssetError where the source on this machine lacks a column."""
        if table.columns != COLUMNS:
            raise AssetError(
                f"{table.source.name} has the column {', '.join(table.columns)}, and the audit of Table 3 needs six: "
                "seki data fetch nas201"
            )
        return cls(tuple(table.rows), np.array(list(table.rows.values())))

    def nearest(self, printed: np.ndarray) -> tuple[int, int]:
        """(index, how many of the six it has): the cell with most of these values to the printed digit."""
        same = (np.abs(self.values - printed) <= HALF + 1e-9).sum(axis=1)
        return int(same.argmax()), int(same.max())

    def highest_mean(self, given: float, *, column: int = 1, fixed: int = 5) -> float:
        """The highest mean of one column that a distribution over cells allows, if the mean of another column is given.

        given: the other mean, as printed. The mean of any number of searches' final cells is the mean of such a
        distribution. A linear programme over the cells' probabilities finds the highest one. By default the columns are
        CIFAR-10 test and ImageNet16-120 test.
        """
        from scipy.optimize import linprog

        of, held = self.values[:, column], self.values[:, fixed]
        bounds = np.array([given + HALF, -(given - HALF)])
        solved = linprog(
            -of, A_ub=np.vstack([held, -held]), b_ub=bounds, A_eq=np.ones((1, len(of))), b_eq=[1], method="highs"
        )
        return float(-solved.fun)

    def largest_sd(self, means: np.ndarray, n: int = 4) -> np.ndarray:
        """(6,): the largest sample deviation that n values of each column can have if they have the printed mean.

        All values but one are at the column's maximum, and one is as far below as the mean needs: √n (maximum - mean).
        """
        largest: np.ndarray = np.sqrt(n) * (self.values.max(axis=0) - means)
        return largest

    def maxima(self) -> np.ndarray:
        """(6,): the oracle row."""
        highest: np.ndarray = self.values.max(axis=0)
        return highest


def denominators(values: Sequence[float], most: int = 2000) -> list[int]:
    """The numbers of images that fit all of these accuracies. values: in % with two digits, rounded or cut."""
    found = []
    for images in range(2, most + 1):
        exact = [100 * round(value * images / 100) / images for value in values]
        if all(abs(e - v) <= HALF + 1e-9 or np.floor(100 * e) / 100 == v for e, v in zip(exact, values, strict=True)):
            found.append(images)
    return found


def grid(number: int) -> dict[str, Any]:
    """Table 5 or 6: how many images its accuracies fit, their spread, and how far the first leads the second."""
    values = sorted((float(row["top1"]) for row in paper_table(number)), reverse=True)
    first, second = values[:2]
    return {
        "fits images": denominators(values)[:3],
        "standard error of the best": standard_error(first, IMAGES),
        "span": first - values[-1],
        "span in images": round((first - values[-1]) * IMAGES / 100),
        "lead in images": round((first - second) * IMAGES / 100),
        "sd": float(np.std(values, ddof=1)),
    }


def sign_test(found: Mapping[str, Any]) -> float:
    """The smallest two-sided p-value of the lead of a `grid` on the same images: if all of them point one way."""
    from scipy.stats import binomtest

    return float(binomtest(found["lead in images"], found["lead in images"]).pvalue)


@cache
def all_cells(channels: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """(sums, 2) of all normal cells and of all reduction cells: parameters in the networks of Table 1 and Table 2.

    channels: of the network of Table 2; public code has 48. Those of the networks without operations count with the
    normal cells. Sums of eight operations, each once; of a reduction cell three to eight operations are on inputs
    of the cell.
    """
    from ..nn.darts_parameters import Parameters

    sizes = get_space("darts").paper_sizes
    both = [Parameters(**sizes["cifar"]), Parameters(**sizes["imagenet"] | {"channels": channels})]

    def added(sums: set[tuple[int, int]], cell: str, of_input: bool) -> set[tuple[int, int]]:
        weights = {tuple(one.weights[cell, name, of_input] for one in both) for name in OPERATIONS}
        return {(small + x, large + y) for small, large in sums for x, y in weights}

    normal, inputs, reduction = {(both[0].bare, both[1].bare)}, {(0, 0)}, set()
    for edges in range(1, EDGES + 1):
        normal, inputs = added(normal, "normal", True), added(inputs, "reduce", True)
        if edges >= FROM_INPUTS:
            sums = inputs
            for _ in range(EDGES - edges):
                sums = added(sums, "reduce", False)
            reduction |= sums
    return np.array(sorted(normal)), np.array(sorted(reduction))


def range_of(of: int, printed: float, digits: int = 2, *, cut: bool = False, channels: int = 48) -> tuple[float, float]:
    """(low, high) in M of one size (0: Table 1's, 1: Table 2's) of all cells whose other size has the printed value.

    cut: whether further digits were cut, and not rounded. channels: as in `all_cells`.
    """
    unit = 10.0**-digits
    least, most = (printed, printed + unit) if cut else (printed - unit / 2, printed + unit / 2)
    normal, reduction = (cells / 1e6 for cells in all_cells(channels))
    low, high = np.inf, -np.inf
    for cell in normal:
        whole = cell + reduction
        same = whole[(whole[:, 1 - of] >= least) & (whole[:, 1 - of] <= most), of]
        if len(same):
            low, high = min(low, same.min()), max(high, same.max())
    return float(low), float(high)


def public_params() -> dict[str, tuple[str, float]]:
    """Rows of Tables 1 and 2 whose cells are public -> (what is printed, what their public genotypes count)."""
    from ..nn.darts_parameters import Parameters

    space = get_space("darts")
    rows = ((1, "DARTS(1st)", "DARTS_V1", "cifar"), (1, "PC-DARTS + cutout", "PC_DARTS", "cifar"),
            (2, "DARTS(2st)", "DARTS_V2", "imagenet"), (2, "PC-DARTS", "PC_DARTS", "imagenet"))  # fmt: skip
    found = {}
    for table, label, name, stem in rows:
        printed = next(row["params_m"] for row in paper_table(table) if row["architecture"] == label)
        arch = space.parse(space.public_genotypes[name])
        found[f"Table {table}, {label}"] = printed, Parameters(**space.paper_sizes[stem])(arch) / 1e6
    return found


def better_rows(column: str, ours: str = "SEKI") -> dict[str, float]:
    """Rows of Table 4, without the oracle, that print a better value than SEKI's. For the loss, lower is better."""
    rows = {row["architecture"]: row[column] for row in paper_table(4) if row[column] != "-"}
    sign = -1 if column == "room_layout" else 1
    mine = float(rows[ours])
    return {
        name: float(text) for name, text in rows.items() if name != "Oracle Best" and sign * float(text) > sign * mine
    }


def above_oracle() -> list[tuple[str, str, float, float]]:
    """(row, column, printed, oracle) wherever Table 4 prints a value that is better than its own oracle row."""
    rows = {row["architecture"]: row for row in paper_table(4)}
    oracle = rows.pop("Oracle Best")
    found = []
    for name, row in rows.items():
        for column, best in oracle.items():
            sign = -1 if column == "room_layout" else 1
            if column not in ("architecture", "average_rank") and row[column] != "-":
                printed, highest = float(row[column]), float(best)
                if sign * printed > sign * highest:
                    found.append((name, column, printed, highest))
    return found


def said(key: str) -> tuple[float, str, str]:
    """(value, where, words) of a sentence of the paper, typed in `data/paper/text.csv`."""
    row = next(row for row in typed("text") if row["key"] == key)
    return float(row["value"]), row["where"], row["text"]
