"""The verdicts of notebook 22: for each table of the paper, what the data of this machine decide, and what they cannot.

A verdict speaks of SEKI's own rows. `held`: the printed numbers agree with the data. `did not hold`: a check failed
that the printed numbers should pass, and the table says which. `cannot be decided here`: the data are not public, or a
run is needed that was not made. A failed check is no reason: it names what would decide, and a question to the authors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..evaluators.tabular import Tabular, tabular
from ..evaluators.trans101_table import TASKS
from . import audit
from .benchmark_tables import COLUMNS3, paper_ranks
from .tables import REMARK, Cell, Table, paper_table

ROUNDED = 3 * audit.HALF  # that two digits of a deviation and of a mean of four can make up, in points
HELD, FAILED, OPEN = "held", "did not hold", "cannot be decided here"
COLUMNS = {"verdict": "verdict", "why": "why", "decides": "what would decide it", "question": "question to the authors"}
SAID_IN_FULL = {
    1: "the cell found on CIFAR-10 reaches 2.29 % and 15.86 % test error with 3.92 M parameters",
    2: "the same cell reaches 24.5 % error on ImageNet with 5.2 M parameters",
    3: "means and deviations of four searches on NAS-Bench-201",
    4: "the seven tasks of TransNAS-Bench-101, and an average rank of 7.7",
    5: "λ = 35 is the best of six settings",
    6: "k = 16 and ξ = 8 is the best of 16 settings",
    7: "two LLMs lead to about the same accuracy",
    8: "55.69 test perplexity with 22 M parameters",
}
"""What is checked, in the paper's own terms."""


@dataclass(frozen=True)
class Check:
    """One comparison. holds: None where these data cannot tell. decides, question: what would, and what to ask."""

    table: int
    finding: str
    holds: bool | None
    decides: str = ""
    question: str = ""


def trans101_judges() -> dict[str, Tabular]:
    """The evaluators of TransNAS-Bench-101 by task. Raises AssetError without its table."""
    return {task: tabular("trans101", task) for task in TASKS}


def verdict(checks: Sequence[Check]) -> str:
    """Of one table: one check that failed is enough; without any that could be made nothing is decided."""
    if any(check.holds is False for check in checks):
        return FAILED
    return OPEN if any(check.holds is None for check in checks) else HELD


def audit_table(checks: Sequence[Check], profile: str) -> Table:
    """One row a table of the paper. The verdict's reasons are the findings of the checks that led to it."""
    table = Table("audit", f"The printed numbers beside public data, profile {profile}", COLUMNS)
    for number, claim in SAID_IN_FULL.items():
        own = [check for check in checks if check.table == number]
        found = verdict(own)
        led = [check for check in own if {FAILED: check.holds is False, OPEN: check.holds is None}.get(found, True)]
        texts = {
            "verdict": found,
            "why": " ".join(check.finding for check in led),
            "decides": " ".join(dict.fromkeys(check.decides for check in led if check.decides)) or "–",
            "question": " ".join(dict.fromkeys(check.question for check in led if check.question)) or "–",
        }
        marks = {"verdict": "measured", "why": "measured"}
        cells = {name: Cell(text, marks.get(name, REMARK)) for name, text in texts.items()}
        table.add(f"Table {number}: {claim}", cells, len(own))
    table.notes = [
        "n is the number of checks. `held`: the printed numbers agree with the data. `did not hold`: at least one "
        "check failed; the row says which, and nothing about how that came about. `cannot be decided here`: there are "
        "no public data, or a run is needed that was not made on this machine.",
        "The checks read tables that others published, and count networks without weights. An error in those tables, "
        "or another convention of counting, would change them.",
    ]
    return table


def checks(entries: audit.Entries, trans101: Mapping[str, Tabular] | None, genotypes: int = audit.DRAWN) -> list[Check]:
    """All checks. trans101: the evaluators of TransNAS-Bench-101 by task, None without its table."""
    return [
        *_table1(),
        *_table2(genotypes),
        *_table3(entries),
        *_table4(trans101),
        _grid(5, "λ = 35", "λ = 40"),
        _grid(6, "k = 16, ξ = 8", "the two next"),
        *_table7(),
        *_table8(),
    ]


def _table1() -> list[Check]:
    error, error100 = (float(paper_table(1)[-1][name]) for name in ("cifar10_error", "cifar100_error"))
    return [
        Check(
            1,
            f"No genotype is printed as text, and no training of 600 epochs was made here. One standard error from the "
            f"10,000 test images alone is {audit.standard_error(error, 10_000):.2f} points for {error} % and "
            f"{audit.standard_error(error100, 10_000):.2f} for {error100} %; the table has no ± of seeds.",
            None,
            "Trainings of the cell of Figures 7 and 8 with several seeds: make reproduce PROFILE=paper.",
            "Which genotype, how many trainings, and is it the last test error or the best?",
        )
    ]


def _table2(genotypes: int) -> list[Check]:
    low, high = audit.range_of(1, 3.92, genotypes)
    needs = audit.range_of(0, 5.2, genotypes, digits=1)
    printed, counted = audit.public_params()["Table 2, PC-DARTS"]
    agrees = low - 0.05 <= 5.2 <= high + 0.05
    values = [audit.said(key) for key in ("imagenet_error", "imagenet_text", "imagenet_qwen", "imagenet_gpt")]
    texts = ", ".join(f"{value:g} % ({where})" for value, where, _ in values)
    return [
        Check(
            2,
            f"Of {genotypes:,} random genotypes those of 3.92 M parameters in Table 1's network have {low:.2f} to "
            f"{high:.2f} M in Table 2's, which prints 5.2 M; that needs {needs[0]:.2f} to {needs[1]:.2f} M in Table 1. "
            f"PC-DARTS' row prints {printed} M, and its public genotype counts {counted:.2f} M.",
            agrees,
            "The genotype as text: its parameters can be counted at both sizes.",
            "Is it the same cell in Tables 1 and 2, and how were parameters counted?",
        ),
        Check(
            2,
            f"The transferred cell's result is printed as {texts}: an error of 24.5 % is an accuracy of 75.5 %.",
            None,
            "The log of the training.",
            "Which of these is the result of which cell?",
        ),
    ]


def _table3(entries: audit.Entries) -> list[Check]:
    means, sds = audit.row3("SEKI")
    index, same = entries.nearest(means)
    largest = entries.largest_sd(means)
    too_large = [name for name, sd, most in zip(COLUMNS3.values(), sds, largest, strict=True) if sd > most + ROUNDED]
    highest = entries.highest_mean(given=means[5])
    sixth = int(np.argmax(np.abs(entries.values[index] - means)))
    return [
        Check(
            3,
            f"{len(too_large)} of the six printed deviations ({', '.join(too_large)}) are larger than any that four "
            f"seed averages with these means can have ({', '.join(f'{most:.2f}' for most in largest)}).",
            not too_large,
            "The final cells of the four searches, and the entry of the benchmark that each value was read from.",
            "Were single trainings of the benchmark read, and which?",
        ),
        Check(
            3,
            f"An average over any cells with {means[5]} on ImageNet16-120 test has at most {highest:.3f} on CIFAR-10 "
            f"test, and {means[1]} is printed.",
            bool(highest >= means[1] - audit.HALF),
            "The same.",
        ),
        Check(
            3,
            f"{same} of the six means are, digit by digit, those of one cell, number {index} ({entries.cells[index]}); "
            f"its {list(COLUMNS3.values())[sixth]} is {entries.values[index][sixth]:.2f}, printed {means[sixth]}. All "
            "four searches may have ended there.",
            None,
            "The same.",
            "Did all four searches end with the same cell?",
        ),
    ]


def _table4(trans101: Mapping[str, Tabular] | None) -> list[Check]:
    if trans101 is None:
        return [Check(4, "The benchmark's table is not on this machine.", None, "seki data fetch trans101.")]
    better = [
        f"{TASKS[task].heading} {', '.join(f'{row} {value}' for row, value in audit.better_rows(task).items())}"
        for task in ("class_object", "normal")
    ]
    (name, column, printed, oracle), *_ = audit.above_oracle()
    between = paper_ranks("SEKI", trans101)
    low, high = (sum(ranks[end] for ranks in between.values()) / len(between) for end in (0, 1))
    return [
        Check(
            4,
            f"The printed values of the seven tasks lie at an average rank between {low:.1f} and {high:.1f} among all "
            f"4,096 cells (the text says 4,000), and 7.7 is printed. §5.2.3 names Cls.O. and Normal among the strong "
            f"tasks; the table prints better rows for both ({'; '.join(better)}). {name}'s {printed} of "
            f"{TASKS[column].heading} lies above the oracle row's {oracle}.",
            low - 0.05 <= 7.7 <= high + 0.05,
            "The cells that each seed found.",
            "Four seeds (§5.1.3) or five (caption), and are the values means of them?",
        )
    ]


def _grid(number: int, best: str, second: str) -> Check:
    found = audit.grid(number)
    return Check(
        number,
        f"All values are multiples of 1/{found['fits images'][0]}, as if read on so many images. One standard error of "
        f"the best on them is {found['standard error of the best']:.2f} points; {best} leads {second} by "
        f"{found['lead in images']} images, all settings lie within {found['span']:.2f} points (sd {found['sd']:.2f}).",
        None,
        "The same settings with several seeds and on more images (notebooks 15 and 16).",
        "On which images was f read, and with how many seeds?",
    )


def _table7() -> list[Check]:
    qwen, gpt = paper_table(7)
    images = {"cifar10_test": 10_000, "cifar100_test": 10_000, "imagenet_test": 50_000}
    apart = {
        name: (abs(float(qwen[name]) - float(gpt[name])), 2**0.5 * audit.standard_error(float(qwen[name]), n))
        for name, n in images.items()
    }
    texts = ", ".join(f"{gap:.2f} (standard error {error:.2f})" for gap, error in apart.values())
    return [
        Check(
            7,
            f"The two rows differ by {texts} points: no more than the test images alone explain.",
            all(gap <= 2 * error for gap, error in apart.values()),
        )
    ]


def _table8() -> list[Check]:
    from .training_tables import PAPER_PARAMS_M

    return [
        Check(
            8,
            f"No genotype is printed. A cell of 8 nodes at 850 units and 10,000 words has {PAPER_PARAMS_M[8]} M "
            "parameters, printed 22 here and 23 for DARTS' cells of the same size. SEKI's 55.69 stands beside 55.7 of "
            "DARTS (2nd), which is printed with one digit.",
            None,
            "A training of the cell: make reproduce PROFILE=paper.",
            "Which genotype, and how many trainings?",
        )
    ]
