"""Table 4: TransNAS-Bench-101, the paper's rows beside ours, and ranks among all 4,096 cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..baseline_runs import BaselineRuns
from ..evaluators.tabular import Tabular
from ..evaluators.trans101_table import SEARCHED, TASKS
from .how import how_notes
from .paper import paper_table
from .table3 import BASELINE_LABELS, PAPER_EVALUATIONS
from .tables import Cell, Table, mean_std, minus_paper

METRICS = {"top1": "acc ↑", "ssim": "SSIM ↑", "miou": "mIoU ↑", "neg_loss": "L2 loss ↓"}
HEADINGS = (*(f"{task.heading} {METRICS[task.metric]}" for task in TASKS.values()), "Ave. Rank ↓")
ONE_SEED = (
    "One search a task (n = 1) cannot say how far another seed would lie from it: compare its ranks with the spread of "
    "the baselines' seeds in the figure, and take no difference between two methods from one seed."
)
TITLE = "Table 4. TransNAS-Bench-101 (micro), validation, best epoch"
COLUMN_NOTES = [
    "Validation values at their best epoch, as in the paper; SSIM and the L2 loss are times 100. No test value is "
    "shown: the benchmark's are maxima over epochs of their own, not the test value at the epoch of best validation.",
    "Ave. Rank is the rank among all 4,096 cells (the paper says 4,000) by the task's validation metric, ties at the "
    "lowest rank, averaged over the seven tasks. Two values of the paper's oracle row are cut, not rounded "
    "(54.9363 and 59.3782), and its weakNAS-t row has a value above the oracle's: both are kept as printed.",
]


@dataclass(frozen=True)
class Method:
    """The final cells of one method. values: (seeds, 7), as the paper prints them; ranks: (seeds, 7), 1 is the best."""

    label: str
    values: np.ndarray
    ranks: np.ndarray

    @property
    def average_rank(self) -> np.ndarray:
        """(seeds,): each seed's rank averaged over the seven tasks."""
        average: np.ndarray = self.ranks.mean(axis=1)
        return average


def as_printed(task: str, score: float) -> float:
    """A score as Table 4 prints it: the loss without its minus sign."""
    return -score if TASKS[task].metric == "neg_loss" else score


def method(label: str, scores: Mapping[str, Sequence[float]], evaluators: Mapping[str, Tabular]) -> Method:
    """scores[task]: the final score of each seed."""
    values = [[as_printed(task, score) for score in scores[task]] for task in TASKS]
    ranks = [[evaluators[task].rank(score) for score in scores[task]] for task in TASKS]
    return Method(label, np.array(values).T, np.array(ranks).T)


def searched_method(runs: Mapping[str, Sequence[dict[str, Any]]], evaluators: Mapping[str, Tabular]) -> Method:
    """Ours. runs[task]: finished searches, one a seed."""
    llm = runs[next(iter(TASKS))][0]["config"]["llm"]["name"]
    scores = {task: [run["result"]["score"] for run in runs[task]] for task in TASKS}
    return method(f"SEKI, ours, {llm}", scores, evaluators)


def baseline_methods(
    baselines: Mapping[str, BaselineRuns], evaluators: Mapping[str, Tabular], start: str = ""
) -> list[Method]:
    """The searches without an LLM. baselines[task]; start: what to add to their labels."""
    methods = []
    for name, label in BASELINE_LABELS.items():
        scores = {task: [final[SEARCHED[task]] for final in baselines[task].finals(name)] for task in TASKS}
        methods.append(method(label + start, scores, evaluators))
    return methods


def paper_ranks(architecture: str, evaluators: Mapping[str, Tabular]) -> dict[str, tuple[int, int]]:
    """Between which ranks the printed values of a row of the paper lie, by task: two digits leave room. No dashes."""
    row = next(row for row in paper_table(4) if row["architecture"] == architecture)
    ranks = {}
    for task in TASKS:
        if row[task] != "-":
            low, high = sorted(as_printed(task, float(row[task]) + edge) for edge in (-0.005, 0.01))  # rounded or cut
            ranks[task] = (evaluators[task].rank(high), evaluators[task].rank(low))
    return ranks


def interval(values: np.ndarray) -> str:
    """`mean ± half the width of its 95 % interval (n)`, by the normal approximation; the mean alone for one value."""
    n = len(values)
    width = f" ± {1.96 * values.std(ddof=1) / n**0.5:.1f}" if n > 1 else ""
    return f"{values.mean():.1f}{width} (n = {n})"


def table4(
    ours: Method,
    baselines: Sequence[Method],
    evaluators: Mapping[str, Tabular],
    runs: Mapping[str, Sequence[dict[str, Any]]],
) -> Table:
    """The table. ours and runs: finished searches from one data source and LLM; baselines: at the same budget."""
    first = runs[next(iter(TASKS))][0]
    config, evaluations = first["config"], first["result"]["evaluations"]
    profile, source = config["run"]["profile"], config["data"]["sentence"]
    replayed = config["llm"]["name"].startswith("replay:")
    table = _with_paper_rows(profile)
    seeds = [run["config"]["run"]["seed"] for run in runs[next(iter(TASKS))]]
    searches = [run for task in TASKS for run in runs[task]]
    results = [run["result"] for run in searches]
    for each, provenance, detail, behind in [
        (ours, "replayed" if replayed else "measured", f"seeds {seeds}, {evaluations} evaluations each", results),
        *((b, "measured", f"{len(b.values)} seeds, {evaluations} evaluations each", []) for b in baselines),
    ]:
        detail = f"{each.label}, {detail}; {source}; profile {profile}"
        texts = [mean_std(list(each.values[:, i])) for i in range(len(TASKS))]
        texts.append(mean_std(list(each.average_rank), digits=1))
        cells = [Cell(text, provenance, detail) for text in texts]
        table.add(each.label, cells, len(each.values), behind)
        if each is ours and evaluations == PAPER_EVALUATIONS:  # else the two are not of one protocol
            printed = next(row for row in paper_table(4) if row["architecture"] == "SEKI")
            values = [printed[column] for column in (*TASKS, "average_rank")]
            differences = minus_paper(cells, values, "mean of ours minus the printed value")
            table.add(each.label.replace("ours", "ours − the paper's"), differences, len(each.values), behind)
    best = [as_printed(task, evaluators[task].best()[SEARCHED[task]]) for task in TASKS]
    detail = f"best value of each column over all 4,096 cells; {source}"
    table.add("Oracle, ours", [Cell(f"{v:.2f}", "measured", detail) for v in best] + [Cell("1", "measured", detail)])
    table.notes = [
        f"Ours: {source}. One search a task and seed; n is the number of seeds behind mean±standard deviation (n - 1). "
        f"Each is {evaluations} evaluations (α0 and {evaluations - 1} more), all methods from the same α0 for a seed.",
        *how_notes([run["folder"] for run in searches]),
        *([ONE_SEED] if len(ours.values) == 1 else []),
        *COLUMN_NOTES,
        "The caption of the paper's table says five seeds, its §5.1.3 says four, and no ± is printed.",
        *([f"Profile {profile} is shortened: its rows show that the kit runs, not how well the method does."]
          if profile == "smoke" else []),
    ]  # fmt: skip
    return table


def table4_not_run(profile: str, reason: str) -> Table:
    """The paper's rows, and what it would take to have ours."""
    table = _with_paper_rows(profile)
    table.add("SEKI, ours", [Cell("not run", "not run", reason)] * len(HEADINGS))
    table.notes = [f"Not run: {reason}", *COLUMN_NOTES]
    return table


def _with_paper_rows(profile: str) -> Table:
    table = Table("table4", f"{TITLE}, profile {profile}", HEADINGS)
    for row in paper_table(4):
        table.add(row["architecture"], [Cell(row[column], "paper") for column in (*TASKS, "average_rank")])
    return table
