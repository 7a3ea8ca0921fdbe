"""Baselines on the DARTS space with the f of a profile's supernet, beside the LLM's finished searches of that profile.

python benchmarks/darts_baselines.py [--profile laptop] [--results results] > benchmarks/results/darts_baselines.md

As many evaluations as a search, the same α0 for a seed. It needs `seki supernet --space darts` and, for the LLM's rows,
`make reproduce` or `make ablations`.
"""

import argparse
import statistics
from pathlib import Path

from seki_lib.app.notebook import ROOT
from seki_lib.evaluators import get_evaluator
from seki_lib.profiles import get_profile
from seki_lib.results import Home, by_llm
from seki_lib.search.baselines import BASELINES, run_baseline

SEEDS = range(4)


def row(name, values):
    """A line of the table. values: (f, held-out accuracy) of each seed's best cell, in %."""
    f, held_out = ([f"{value:.1f}" for value in column] for column in zip(*values, strict=True))
    means = " | ".join(f"{statistics.fmean(column):.1f}" for column in zip(*values, strict=True))
    return f"| {name} | {', '.join(f)} | {', '.join(held_out)} | {means} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="laptop")
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    options = parser.parse_args()
    evaluator = get_evaluator(
        "oneshot", space="darts", task="cifar10", profile=options.profile, results=options.results
    )
    evaluations = get_profile(options.profile).rounds + 1
    print(f"# Baselines on the DARTS space, profile {options.profile}, {evaluations} evaluations\n")
    print(f"f: {evaluator.source.sentence}. Held out: {len(evaluator.images.held_out.labels):,} other images.\n")
    print("| method | f of the best cell, seed by seed (%) | held out (%) | mean f | mean held out |")
    print("|---|---|---|---|---|")
    for name in BASELINES:
        runs = (
            run_baseline(name, evaluator.space, evaluator, evaluations=evaluations, seed=seed, alpha0="random")
            for seed in SEEDS
        )
        finals = [evaluator.final(run.best) for run in runs]
        print(row(name.replace("_", " "), [(final["oneshot"], final["held_out"]) for final in finals]))
    searches = Home(options.results, options.profile).finished_searches("darts", "cifar10")
    for llm, found in by_llm(searches).items():
        print(row(llm, [(search.score, search.result["final"]["held_out"]) for search in found]))


if __name__ == "__main__":
    main()
