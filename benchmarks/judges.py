"""Kendall's τ of every score that needs no supernet, against cells of known accuracy: the table of docs/judges.md.

    OMP_NUM_THREADS=1 python benchmarks/judges.py > benchmarks/results/judges.md      # one core, some minutes

DARTS: the 515 cells of data/nasbench301. NAS-Bench-201: 500 cells, and their CIFAR-10 test accuracy. Intervals are 95 %
bootstrap intervals over cells. It wants YAHPO's surrogate, NAS-Bench-201's table and CIFAR-10 (SEKI_MIRROR).
"""

import numpy as np
import torch

from seki_lib import get_evaluator
from seki_lib.evaluators.agreement import agreement, in_best_fifth
from seki_lib.evaluators.nasbench301 import known_cells
from seki_lib.evaluators.zero_cost import SAYS
from seki_lib.report.trust import sample

ZERO_COST = [f"zero_cost:{kind}" for kind in SAYS]
SURROGATES = ["surrogate:yahpo", "surrogate:ridge"]


def rows(space, judges, cells, truth):
    """A line of the table for each judge; yields it as soon as it is there."""
    for name in judges:
        evaluator = get_evaluator(name, space=space, task="cifar10")
        scores = np.array([evaluator(cell).score for cell in cells])
        overall, top = agreement(scores, truth), in_best_fifth(scores, truth)
        offset = f"{overall.offset:+.2f}" if name in SURROGATES else "–"
        yield f"| {space} | `{name}` | {len(cells)} | {overall} | {top} | {offset} |"


def main():
    torch.set_num_threads(1)
    print("# Scores against the truth\n")
    print(
        "`benchmarks/judges.py`. τ is Kendall's, with its 95 % bootstrap interval over cells. The best fifth is that of"
    )
    print("the true accuracies. The offset is by how many points a prediction lies above the accuracy, on average.\n")
    print("| space | score | cells | τ | τ in the best fifth | offset |\n|---|---|---|---|---|---|")
    for line in rows("darts", [*SURROGATES, *ZERO_COST], *known_cells("nasbench301_true_cells")):
        print(line, flush=True)
    table, cells = get_evaluator("tabular", space="nas201", task="cifar10"), sample("nas201", 500)
    truth = np.array([table.final(cell)["cifar10_test"] for cell in cells])
    for line in rows("nas201", ZERO_COST, cells, truth):
        print(line, flush=True)
    cells, truth = known_cells("nasbench301_true_extremes")
    print(
        f"\nThe {len(cells)} known cells whose normal cell holds one operation six times or more are in no row above."
    )
    print("Predictions minus accuracies, in points:\n")
    print("| score | cell by cell |\n|---|---|")
    for name in SURROGATES:
        evaluator = get_evaluator(name, space="darts", task="cifar10")
        errors = [f"{evaluator(cell).score - true:+.2f}" for cell, true in zip(cells, truth, strict=True)]
        print(f"| `{name}` | {', '.join(errors)} |")


if __name__ == "__main__":
    main()
