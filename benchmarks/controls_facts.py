"""Searches without an LLM on NAS-Bench-201 from several α0, and the facts of notebook 22: no LLM, no training.

python benchmarks/controls_facts.py [--seeds 2000] [--chance-seeds 1000] > benchmarks/results/controls_facts.md

A search by chance takes 0.08 s of one core (AMD EPYC), one of a baseline a millisecond: seven minutes in all.
"""

import argparse
import time

import numpy as np

from seki_lib.baseline_runs import run_arm
from seki_lib.evaluators import get_evaluator, nas201_table
from seki_lib.profiles import get_profile
from seki_lib.report import audit
from seki_lib.report.statistics import mean, resolvable, seeds_needed, smallest_p
from seki_lib.search.arms import ARMS

PROFILE, COLUMNS = get_profile("laptop"), ("cifar10_test", "cifar100_test", "imagenet16_test")
STARTS = {  # arm -> the α0 it is run from
    "local_search": ("all-3x3", "random", "all-skip"),
    "local_search_novel": ("all-3x3", "random"),
    "random_search": ("random",),
    "random_search_novel": ("random",),
    "regularized_evolution": ("random", "all-3x3"),
    "regularized_evolution_novel": ("random",),
    "null": ("random", "all-3x3"),
    "edges_of_top": ("random",),
    "random": ("random",),
}


def finals(judge, arm, start, seeds):
    """(seeds, 3): test accuracies of the final cells."""
    found = [judge.final(run_arm(arm, judge, PROFILE, start, seed).best) for seed in range(seeds)]
    return np.array([[final[column] for column in COLUMNS] for final in found])


def searches(judge, seeds, chance_seeds):
    print("| arm | α0 | seeds | CIFAR-10 test [95 %] | sd | CIFAR-100 | ImageNet16-120 | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    for arm, starts in STARTS.items():
        for start in starts:
            began, n = time.perf_counter(), seeds if ARMS[arm].proposer else chance_seeds
            values = finals(judge, arm, start, n)
            took, (_, c100, in16) = time.perf_counter() - began, values.mean(axis=0)
            sd = values[:, 0].std(ddof=1)
            cells = (arm, start, n, mean(values[:, 0]).text(), *(f"{v:.2f}" for v in (sd, c100, in16)), f"{took:.1f}")
            print(f"| {' | '.join(map(str, cells))} |")


def audited(entries):
    means, sds = audit.row3("SEKI")
    for row in ("SEKI", "IS-DARTS"):
        index, same = entries.nearest(audit.row3(row)[0])
        print(f"- Table 3, {row}: {same} of six means are those of cell {index}, `{entries.cells[index]}`.")
    highest = entries.highest_mean(means[5])
    print(f"- ImageNet16-120 {means[5]} allows at most {highest:.3f} on CIFAR-10; printed {means[1]}.")
    print(f"- Largest sd of four values: {entries.largest_sd(means).round(2).tolist()}; printed {sds.tolist()}.")
    print(f"- Column maxima: {entries.maxima().round(2).tolist()}; printed {audit.row3('Oracle Best')[0].tolist()}.")
    for number in (5, 6):
        found = audit.grid(number).items()
        values = [f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}" for name, value in found]
        print(f"- Table {number}: {', '.join(values)}.")
    low, high = audit.range_of(1, 3.92)
    print(f"- All cells of 3.92 M in Table 1 have {low:.2f} to {high:.2f} M in Table 2.")
    low, high = audit.range_of(0, 5.2, digits=1)
    print(f"- Those of 5.2 M in Table 2 have {low:.2f} to {high:.2f} M in Table 1.")
    for row, (printed, counted) in audit.public_params().items():
        print(f"- {row}: printed {printed} M, counted {counted:.2f} M.")
    print(f"- Better rows of Table 4 than SEKI's: {[audit.better_rows(task) for task in ('class_object', 'normal')]}.")
    print(f"- Above the oracle row of Table 4: {audit.above_oracle()}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--chance-seeds", type=int, default=1000)
    options = parser.parse_args()
    judge = get_evaluator("tabular", space="nas201", task="cifar10")
    print(f"# Searches without an LLM, {PROFILE.rounds + 1} evaluations, and the facts of the audit\n")
    print(f"{judge.source.sentence}. Made by `python benchmarks/controls_facts.py` on one core.")
    print("Seconds are by the clock; the kept file was made while the machine did other work too.\n")
    searches(judge, options.seeds, options.chance_seeds)
    print("\n## How many seeds\n")
    for difference in (0.25, 0.1):
        print(f"- sd 0.34, {difference} points at 80 % power: {seeds_needed(0.34, difference)} seeds an arm.")
    for n in (4, 6, 20):
        print(f"- {n} seeds an arm tell {resolvable(0.34, n):.2f} points; {n} pairs reach p = {smallest_p(n):.2g}.")
    print("\n## The printed numbers\n")
    audited(audit.Entries.of(nas201_table.load()))


if __name__ == "__main__":
    main()
