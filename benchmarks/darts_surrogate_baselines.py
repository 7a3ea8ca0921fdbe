"""Baselines on the DARTS space by a judge that asks no supernet, at the budget of a search and from the same α0.

    OMP_NUM_THREADS=1 python benchmarks/darts_surrogate_baselines.py > benchmarks/results/darts_surrogate_baselines.md

2,000 seeds of each baseline, 51 evaluations, one core. The best cell of each run is judged by the other judge too.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from seki_lib.baseline_runs import baseline_runs
from seki_lib.evaluators.surrogate import NOT_AN_ACCURACY, OFTEN
from seki_lib.profiles import Profile

EVALUATIONS = 51


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2000)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        runs = baseline_runs(
            "darts", "cifar10", Profile("baselines", baseline_seeds=options.seeds), Path(folder),
            evaluations=EVALUATIONS, evaluator="surrogate:ridge",
        )  # fmt: skip
    print("# Baselines on the DARTS space by the ridge\n")
    print(f"`benchmarks/darts_surrogate_baselines.py`: {options.seeds:,} seeds, {EVALUATIONS} evaluations, random α0.")
    print(f"Every value is a {NOT_AN_ACCURACY}. Means over seeds ± their 95 % interval; (10 % to 90 % of the seeds).\n")
    print(f"| baseline | ridge, which was searched | yahpo, which was not | one operation {OFTEN} times or more |")
    print("|---|---|---|---|")
    for name in runs.scores:
        finals = runs.finals(name)
        columns = []
        for judge in ("surrogate_ridge", "surrogate_yahpo"):
            values = np.array([final[judge] for final in finals])
            half = 1.96 * values.std(ddof=1) / len(values) ** 0.5
            low, high = np.quantile(values, [0.1, 0.9])
            columns.append(f"{values.mean():.2f} ± {half:.2f} ({low:.2f} to {high:.2f})")
        unusual = np.mean([final["most_repeated"] >= OFTEN for final in finals])
        print(f"| {name.replace('_', ' ')} | {' | '.join(columns)} | {100 * unusual:.1f} % |")


if __name__ == "__main__":
    main()
