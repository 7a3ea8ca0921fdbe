"""The verdicts of notebook 22: for each table of the paper, what the data of this machine decide, and what they cannot.

A verdict speaks of SEKI's own rows. `held`: the printed numbers agree with the data. `did not hold`: a check failed
that the printed numbers should pass, and the table says which. `cannot be decided here`: the data are not public, or a
run is needed that was not made. A failed check gives no reason. It names what would decide, and a question to the
authors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..evaluators.tabular import Tabular, tabular
from ..evaluators.trans101_table import TASKS
from . import audit
from .benchmark_tables import COLUMNS3, paper_ranks
from .statistics import standard_error
from .tables import REMARK, Cell, Table, paper_table

ROUNDED = 3 * audit.HALF  # points that rounding a deviation and a mean of four to two digits can explain
HELD, FAILED, OPEN = "held", "did not hold", "cannot be decided here"
COLUMNS = {"verdict": "verdict", "why": "why", "decides": "what would decide it", "question": "question to the authors"}
SAID_IN_FULL = {
    1: "the cell found on CIFAR-10 reaches 2.29 % and 15.86 % test error with 3.92 M parameters",
    2: "a cell of 3.92 M parameters in Table 1 has 5.2 M on ImageNet, and 24.5 % error",
    3: "means and deviations of four searches on NAS-Bench-201, in its seed averages",
    4: "the seven tasks of TransNAS-Bench-101 lead to an average rank of 7.7",
    5: "λ = 35 is the best of six settings",
    6: "k = 16 and ξ = 8 is the best of 16 settings",
    7: "two LLMs lead to about the same accuracy",
    8: "55.69 test perplexity with 22 M parameters",
}
"""What is checked, in the paper's own terms."""


TRAINING = "The genotype as text; then seki train --arch, with several seeds."


@dataclass(frozen=True)
class Check:
    """One comparison. holds: None if these data cannot tell. decides: what could tell. question: to the authors."""

    table: int
    finding: str
    holds: bool | None
    decides: str = ""
    question: str = ""


def trans101_judges() -> dict[str, Tabular]:
    """The evaluators of TransNAS-Bench-101 by task. Raises AssetError without its table."""
    return {task: tabular("trans101", task) for task in TASKS}


def verdict(checks: Sequence[Check]) -> str:
    """One table's verdict: `did not hold` if a check failed, `held` if all agree, else `cannot be decided here`."""
    if any(check.holds is False for check in checks):
        return FAILED
    return HELD if checks and all(check.holds for check in checks) else OPEN


def audit_table(checks: Sequence[Check], profile: str) -> Table:
    """One row a table of the paper: what led to the verdict, what is not decided, what agrees."""
    table = Table("audit", f"The printed numbers beside public data, profile {profile}", COLUMNS)
    for number, claim in SAID_IN_FULL.items():
        own = [check for check in checks if check.table == number]
        found = verdict(own)
        led = [check for check in own if {FAILED: check.holds is False, OPEN: check.holds is None}.get(found, True)]
        others = {
            "Not decided": [check for check in own if check.holds is None and check not in led],
            "Agrees": [check for check in own if check.holds and check not in led],
        }
        told = [f"{word}: {check.finding}" for word, found_so in others.items() for check in found_so]
        texts = {
            "verdict": found,
            "why": " ".join([*(check.finding for check in led), *told]),
            "decides": " ".join(dict.fromkeys(check.decides for check in own if check.decides)) or "–",
            "question": " ".join(dict.fromkeys(check.question for check in own if check.question)) or "–",
        }
        marks = {"verdict": "measured", "why": "measured"}
        cells = {name: Cell(text, marks.get(name, REMARK)) for name, text in texts.items()}
        table.add(f"Table {number}: {claim}", cells, len(own))
    table.notes = [
        "n is the number of checks. `held`: the printed numbers agree with the data. `did not hold`: at least one "
        "check failed; the row says which, and nothing about how that came about. `cannot be decided here`: there are "
        "no public data, or a run is needed that was not made on this machine. No table can be `held` as a whole, "
        "since nothing was searched by the paper's LLM here; what agrees stands at the end of a row.",
        "The checks read tables that others published, and count networks without weights. An error in those tables, "
        "or another convention of counting, would change them.",
    ]
    return table


def checks(entries: audit.Entries, trans101: Mapping[str, Tabular] | None) -> list[Check]:
    """All checks. trans101: the evaluators of TransNAS-Bench-101 by task, None without its table."""
    return [
        *_table1(),
        *_table2(),
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
            "The cell is drawn in Figures 7 and 8, and this kit worked from the paper's text without its pictures; no "
            f"training of 600 epochs was made here. One standard error from the "
            f"10,000 test images alone is {standard_error(error, 10_000):.2f} points for {error} % and "
            f"{standard_error(error100, 10_000):.2f} for {error100} %; the caption says four seeds, and no ± of "
            "them is printed.",
            None,
            TRAINING,
            "Are the four seeds four trainings of one cell, or four searches? Is it the last test error or the best?",
        ),
        Check(
            1,
            "The errors are those of Table 7 (97.71 % and 84.14 %), and 15.86 % is the lowest of its column. A cost of "
            "0.05 GPU-days is an eighth of IS-DARTS' 0.4, as the text says; no cost was measured here.",
            all(
                abs(100 - float(printed) - float(accuracy)) < audit.HALF
                for printed, accuracy in zip((error, error100), list(paper_table(7)[0].values())[1:], strict=False)
            ),
        ),
    ]


CLASSIFIER_OF_90_MORE = 90 * 16 * 36 / 1e6  # M parameters that 100 classes take beyond 10, at 36 channels


def _table2() -> list[Check]:
    low, high = audit.range_of(1, 3.92)
    needs, if_cut = audit.range_of(0, 5.2, digits=1), audit.range_of(0, 5.2, digits=1, cut=True)
    printed, counted = audit.public_params()["Table 2, PC-DARTS"]
    of_100_classes = audit.range_of(1, 3.92 - CLASSIFIER_OF_90_MORE)[0]
    narrow = audit.range_of(1, 3.92, channels=46)
    error, text, qwen = (audit.said(key)[0] for key in ("imagenet_error", "imagenet_text", "imagenet_qwen"))
    return [
        Check(
            2,
            "If both tables print one cell, in networks of 36 channels and 20 cells (Table 1) and of 48 channels and "
            "14 cells (Table 2), as public code has them; the paper prints no such sizes: all cells of 3.92 M "
            f"parameters in Table 1 have {low:.2f} to {high:.2f} M in Table 2, which prints 5.2 M. That needs "
            f"{needs[0]:.2f} to {needs[1]:.2f} M in Table 1 ({if_cut[1]:.2f} if digits were cut). Other readings "
            "fit: with 46 channels, as a limit on multiply-adds may ask, such cells have "
            f"{narrow[0]:.2f} to {narrow[1]:.2f} M; with the 100 classes of CIFAR-100 in the 3.92 M, "
            f"{of_100_classes:.2f} M or more; Tables 5 and 6 print 3.77 M for the best setting, and SEKI†, the next "
            "row, 5.5 M. PC-DARTS' row prints another number than its public genotype counts, too "
            f"({printed} M and {counted:.2f} M).",
            None,
            "The genotype as text, and the size of the network of Table 2.",
            "Is it the same cell in Tables 1 and 2? How many channels and cells had the network on ImageNet, and was "
            "there a limit on multiply-adds?",
        ),
        Check(
            2,
            f"For the transferred cell the introduction prints {text:g} %, Table 2 an error of {error:g} %, and "
            f"Table 7 {qwen:g} %, if its row is of the same cell. If digits are cut, as in Tables 5 and 6, the last "
            f"two agree; {text:g} % differs.",
            None,
            "The log of the training.",
            "Which of these is the result of which cell?",
        ),
        Check(
            2,
            "The introduction's 76.1 % for the search on ImageNet is Table 2's error of 23.9 %.",
            abs(100 - float(paper_table(2)[-1]["imagenet_error"]) - audit.said("imagenet_direct")[0]) < audit.HALF,
        ),
    ]


def _table3(entries: audit.Entries) -> list[Check]:
    means, sds = audit.row3("SEKI")
    index, same = entries.nearest(means)
    largest = entries.largest_sd(means)
    too_large = [name for name, sd, most in zip(COLUMNS3.values(), sds, largest, strict=True) if sd > most + ROUNDED]
    highest = entries.highest_mean(given=means[5])
    sixth = int(np.argmax(np.abs(entries.values[index] - means)))
    own = entries.values[index][5]
    possible = entries.highest_mean(given=round(float(own), 2)) >= means[1] - audit.HALF
    instead = f" With {own:.2f} in its place the pair is possible." if possible else ""
    return [
        Check(
            3,
            f"{len(too_large)} of the six printed deviations ({', '.join(too_large)}) are larger than any that four "
            f"seed averages with these means can have ({', '.join(f'{most:.2f}' for most in largest)}), if ± is their "
            "sample deviation. It need not be: the row may hold one cell's values, with the scatter of the four "
            "searches as ±, or single trainings may have been read.",
            not too_large,
            "The final cells of the four searches, and the entry of the benchmark that each value was read from.",
            "What does ± count? Is each value the mean of four searches, or of one cell? Were single trainings read?",
        ),
        Check(
            3,
            "If the two test means are of the same cells: an average of seed averages over any cells with "
            f"{means[5]:.2f} on ImageNet16-120 has at most {highest:.3f} on CIFAR-10, and {means[1]:.2f} is printed."
            f"{instead}",
            bool(highest >= means[1] - audit.HALF),
            question="Are all six values of one cell a search, or is each column's best taken by itself?",
        ),
        Check(
            3,
            f"{same} of the six means are, digit by digit, those of one cell, number {index} ({entries.cells[index]}); "
            f"its {list(COLUMNS3.values())[sixth]} is {entries.values[index][sixth]:.2f}, printed {means[sixth]:.2f}. "
            "If all four searches ended there, ± would be 0. Three other rows (DARTS (2st), IS-DARTS and EG-NAS) hold "
            "one cell's six values, too.",
            None,
            question="Did all four searches end with the same cell?",
        ),
        Check(
            3,
            "The oracle row is the maximum of each column of the table, but for one value (46.77 printed, 46.73 in the "
            "table), which may be quoted from elsewhere.",
            True if (np.abs(entries.maxima() - audit.row3("Oracle Best")[0]) > audit.HALF).sum() <= 1 else None,
        ),
    ]


def _table4(trans101: Mapping[str, Tabular] | None) -> list[Check]:
    if trans101 is None:
        return [Check(4, "The benchmark's table is not on this machine.", None, "seki data fetch trans101.")]
    rows = {row["architecture"]: float(row["average_rank"]) for row in paper_table(4)}
    ends = {name: average_rank(name, trans101) for name in rows if name != "Oracle Best"}
    low, high = ends["SEKI"]
    above = [name for name, (_, most) in ends.items() if rows[name] > most + audit.HALF]
    return [
        Check(
            4,
            f"The average rank of 7.7 lies between {low:.1f} and {high:.1f}, where the ranks of the seven printed "
            "values among all 4,096 cells (the text says 4,000) have their average.",
            low <= rows["SEKI"] <= high,
        ),
        Check(
            4,
            f"Whether searches or mean values were ranked is not said. {len(above)} of the {len(ends) - 1} other rows "
            "print more than the range of their values, as averages of ranks do, so the rows may not be comparable.",
            None,
            "The cells that each seed found.",
            "Four seeds (§5.1.3) or five (caption)? Were the searches ranked, or the mean values?",
        ),
    ]


def average_rank(row: str, trans101: Mapping[str, Tabular]) -> tuple[float, float]:
    """The least and the most average rank that the seven printed values of a row of Table 4 can have."""
    between = paper_ranks(row, trans101).values()
    low, high = (sum(ranks[end] for ranks in between) / len(between) for end in (0, 1))
    return low, high


def _grid(number: int, best: str, second: str) -> Check:
    found = audit.grid(number)
    return Check(
        number,
        f"All values fit a read on {found['fits images'][0]} images ({found['fits images'][1]:,} and "
        f"{found['fits images'][2]:,} fit, too), if digits are cut and the best alone is rounded. If it was one read "
        f"on the same {found['fits images'][0]} images, {best} leads {second} by {found['lead in images']} images, "
        f"which chance allows (p = {audit.sign_test(found):.2g} at the least), and the last by "
        f"{found['span in images']}, which depends on which images differ. All settings lie within "
        f"{found['span']:.2f} points (sd {found['sd']:.2f}). The standard error of a single value is "
        f"{found['standard error of the best']:.2f} points; it says little about settings that share their images.",
        None,
        "The same settings with several seeds and on more images (notebooks 15 and 16).",
        "On which images was f read, and with how many seeds?",
    )


def _table7() -> list[Check]:
    qwen, gpt = paper_table(7)
    images = {"cifar10_test": 10_000, "cifar100_test": 10_000, "imagenet_test": 50_000}
    apart = {
        name: (abs(float(qwen[name]) - float(gpt[name])), 2**0.5 * standard_error(float(qwen[name]), n))
        for name, n in images.items()
    }
    texts = ", ".join(f"{gap:.2f} (standard error {error:.2f})" for gap, error in apart.values())
    return [
        Check(
            7,
            f"The two rows differ by {texts} points: no more than on independent test sets of this size. That does not "
            "show that they are equal. Both rows share their test images, so a paired test would be sharper, and "
            "searches scatter, too.",
            None if all(gap <= 2 * error for gap, error in apart.values()) else False,
            "The predictions of both networks, or several searches by each LLM.",
            "Is each row one cell or a mean of seeds, and of which search is the ImageNet column?",
        )
    ]


def _table8() -> list[Check]:
    from .training_tables import PAPER_PARAMS_M

    return [
        Check(
            8,
            "The cell is neither printed nor drawn. One of 8 nodes at 850 units and 10,000 words has "
            f"{PAPER_PARAMS_M[8]} M parameters, which is 22 if digits are cut; DARTS' rows print 23. SEKI's size is "
            "not stated. Its 55.69 stands beside 55.7 of DARTS(2st), which is printed with one digit.",
            None,
            TRAINING,
            "Which genotype, of which size, and how many trainings?",
        )
    ]
