"""What λ, k and ξ do to Algorithm 1 itself: all settings of Tables 5 and 6 with chance in the LLM's place.

    OMP_NUM_THREADS=1 python benchmarks/chance_settings.py > benchmarks/results/chance_settings.md

200 seeds, scored by YAHPO's surrogate of NAS-Bench-301, four minutes of one core. Tables 5 and 6 of `laptop` have the
first 50 of them.
"""

import argparse

from seki_lib import get_evaluator, get_space
from seki_lib.evaluators.surrogate import NOT_AN_ACCURACY
from seki_lib.forks import by_chance
from seki_lib.paper.settings import PAPER_BEST
from seki_lib.report.ablation_tables import ABLATIONS, paper_settings, verdict
from seki_lib.report.statistics import interval_text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    options = parser.parse_args()
    space, judge = get_space("darts"), get_evaluator("surrogate", space="darts", task="cifar10")
    print("# Settings of Tables 5 and 6 by chance\n")
    print(f"`benchmarks/chance_settings.py`: {options.seeds} seeds, best score of 51 evaluations by yahpo.")
    print(f"That is a {NOT_AN_ACCURACY}. Means ± half of their 95 % intervals; differences are taken seed by seed.")
    for number, ablation in ABLATIONS.items():
        best = ablation.label.format(PAPER_BEST)
        for kind in ablation.chance:
            found = by_chance(kind, judge, space, paper_settings(number), options.seeds)
            differences = {setting: scores - found[PAPER_BEST] for setting, scores in found.items()}
            print(f"\n## Table {number}, chance:{kind}\n")
            print(f"| setting | best score (%) | minus that of {best} |\n|---|---|---|")
            for setting, scores in found.items():
                told = "–" if setting == PAPER_BEST else interval_text(differences[setting], sign=True)
                print(f"| {ablation.label.format(setting)} | {interval_text(scores)} | {told} |")
            others = {setting: values for setting, values in differences.items() if setting != PAPER_BEST}
            print(f"\n{verdict(f'chance:{kind}', best, others)}")


if __name__ == "__main__":
    main()
