"""Tables 3 and 4: searches on tabular benchmarks, the paper's rows beside ours and those of searches without an LLM."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..baseline_runs import BaselineRuns
from ..evaluators import nas201_table
from ..evaluators.tabular import Tabular
from ..evaluators.trans101_table import SEARCHED, TASKS
from ..files.errors import RunError
from ..files.source import DataSource
from ..results import RunSpec, SearchResult, differences, is_finished
from .how import how_notes
from .statistics import interval_text, mean_std
from .tables import Cell, Table, describe_cost, minus_paper, not_run, paper_table

COLUMNS3 = dict(zip(nas201_table.COLUMNS, (
    "CIFAR-10 valid", "CIFAR-10 test", "CIFAR-100 valid", "CIFAR-100 test", "ImageNet16-120 valid",
    "ImageNet16-120 test",
), strict=True))  # fmt: skip
METRICS = {"top1": "acc ↑", "ssim": "SSIM ↑", "miou": "mIoU ↑", "neg_loss": "L2 loss ↓"}
COLUMNS4 = {name: f"{task.heading} {METRICS[task.metric]}" for name, task in TASKS.items()} | {
    "average_rank": "Ave. Rank ↓"
}
PAPER_EVALUATIONS = 51  # α0 and 50 rounds (§5.1.1)
BASELINE_LABELS = {
    "random_search": "Random search, ours",
    "regularized_evolution": "Regularized evolution, ours",
    "local_search": "Local search, ours",
}
ONE_SEED = (
    "One search a task (n = 1) cannot say how far another seed would lie from it: compare its ranks with the spread of "
    "the baselines' seeds in the figure, and take no difference between two methods from one seed."
)
COLUMN_NOTES4 = [
    "Validation values at their best epoch, as in the paper; SSIM and the L2 loss are times 100. No test value is "
    "shown: the benchmark's are maxima over epochs of their own, not the test value at the epoch of best validation.",
    "Ave. Rank is the rank among all 4,096 cells (the paper says 4,000) by the task's validation metric, ties at the "
    "lowest rank, averaged over the seven tasks. Two values of the paper's oracle row are cut, not rounded "
    "(54.9363 and 59.3782), and its weakNAS-t row has a value above the oracle's: both are kept as printed.",
]


@dataclass(frozen=True)
class Method:
    """The final cells of one method. values: column -> (seeds,), as the table prints them.

    ranks: (seeds, 7) among all cells of Table 4's tasks, 1 is the best.
    """

    label: str
    values: Mapping[str, np.ndarray]
    ranks: np.ndarray = field(default_factory=lambda: np.empty((0, 7)))

    @property
    def average_rank(self) -> np.ndarray:
        """(seeds,): each seed's rank averaged over the seven tasks."""
        return self.values["average_rank"]


def finished_results(specs: Sequence[RunSpec], results: Path, source: DataSource) -> list[SearchResult]:
    """The finished search of each spec, all of them on this data source.

    Raises RunError if one is missing, or was searched on other data or by other settings; it names the next step.
    """
    found = [SearchResult(spec.folder(results)) for spec in specs]
    for spec, run in zip(specs, found, strict=True):
        if not is_finished(run.folder):
            raise RunError(f"{run.folder} is not finished. Run `make reproduce`, or: {spec.command(results)}")
        if (data := run.config["data"])["name"] != source.name:
            raise RunError(
                f"{run.folder} was searched on: {data['sentence']}. The table on this machine is: {source.sentence}. "
                "Remove the folder to search anew, or choose another folder for results."
            )
    for other in found[1:]:
        differing = [key for key in differences(found[0].config, other.config) if not key.endswith(".seed")]
        if differing:
            raise RunError(
                f"{found[0].folder} and {other.folder} differ in {', '.join(differing)} and make no common row. "
                "Move the older ones away and run the same command again."
            )
    return found


def table3(runs: Sequence[SearchResult], baselines: BaselineRuns, oracle: dict[str, float]) -> Table:
    """NAS-Bench-201. runs: finished searches from one data source and LLM; baselines: at the same budget."""
    config = runs[0].config
    source = config["data"]["sentence"]

    def method(label: str, finals: Sequence[Mapping[str, float]]) -> Method:
        return Method(label, {c: np.array([final[c] for final in finals]) for c in COLUMNS3 if c in finals[0]})

    ours = method(f"SEKI, ours, {runs[0].llm}", [run.result["final"] for run in runs])
    others = [method(label, baselines.finals(name)) for name, label in BASELINE_LABELS.items()]
    title = f"NAS-Bench-201, top-1 accuracy (%), profile {config['run']['profile']}"
    table = Table.beside_paper(3, title, COLUMNS3)
    lacking = not_run(f"needs NAS-Bench-201's own values: seki data fetch nas201; on this machine: {source}")
    _add_methods(table, [ours, *others], runs, lacking)
    best = {c: Cell(f"{oracle[c]:.2f}", "measured", _over_all(15_625, source)) for c in COLUMNS3 if c in oracle}
    table.add("Oracle, ours", dict.fromkeys(COLUMNS3, lacking) | best)
    if "cifar10_valid" in oracle:
        held_out = "Search sees CIFAR-10 validation only; the other values are read once, for the final cell of a run."
    else:
        held_out = "Search sees the one column that is printed: nothing is held out."
    table.notes = [
        *_notes(held_out, runs),
        *(f"LLM, seed {run.seed}: {describe_cost(run.result)}." for run in runs),
        "The paper does not say its α0, nor over which training seeds of the benchmark it averages (docs/fidelity.md).",
    ]
    return table


def table4(
    ours: Method,
    baselines: Sequence[Method],
    evaluators: Mapping[str, Tabular],
    runs: Mapping[str, Sequence[SearchResult]],
) -> Table:
    """TransNAS-Bench-101. ours, and runs by task: finished searches from one data source and LLM."""
    searches = [run for task in TASKS for run in runs[task]]
    config = searches[0].config
    table = _table4(config["run"]["profile"])
    _add_methods(table, [ours, *baselines], searches)
    best = {task: f"{as_printed(task, evaluators[task].best()[SEARCHED[task]]):.2f}" for task in TASKS}
    detail = _over_all(4_096, config["data"]["sentence"])
    oracle = {column: Cell(text, "measured", detail) for column, text in (best | {"average_rank": "1"}).items()}
    table.add("Oracle, ours", oracle)
    table.notes = [
        *_notes("One search a task and seed.", searches),
        *([ONE_SEED] if len(ours.ranks) == 1 else []),
        *COLUMN_NOTES4,
        "The caption of the paper's table says five seeds, its §5.1.3 says four, and no ± is printed.",
    ]
    return table


def table4_not_run(profile: str, reason: str) -> Table:
    """The paper's rows, and what it would take to have ours."""
    table = _table4(profile)
    table.add("SEKI, ours", dict.fromkeys(COLUMNS4, not_run(reason)))
    table.notes = [f"Not run: {reason}", *COLUMN_NOTES4]
    return table


def as_printed(task: str, score: float) -> float:
    """A score as Table 4 prints it: the loss without its minus sign."""
    return -score if TASKS[task].metric == "neg_loss" else score


def searched_method(runs: Mapping[str, Sequence[SearchResult]], evaluators: Mapping[str, Tabular]) -> Method:
    """Ours in Table 4. runs[task]: finished searches, one a seed."""
    llm = runs[next(iter(TASKS))][0].llm
    return _method4(f"SEKI, ours, {llm}", {task: [run.score for run in runs[task]] for task in TASKS}, evaluators)


def baseline_methods(
    baselines: Mapping[str, BaselineRuns], evaluators: Mapping[str, Tabular], start: str = ""
) -> list[Method]:
    """The searches without an LLM in Table 4. baselines[task]; start: what to add to their labels."""
    scores = {
        name: {task: [final[SEARCHED[task]] for final in baselines[task].finals(name)] for task in TASKS}
        for name in BASELINE_LABELS
    }
    return [_method4(label + start, scores[name], evaluators) for name, label in BASELINE_LABELS.items()]


def paper_ranks(architecture: str, evaluators: Mapping[str, Tabular]) -> dict[str, tuple[int, int]]:
    """By task, the lowest and highest rank that a printed value of the paper allows with its two digits. No dashes."""
    printed = next(row for row in paper_table(4) if row["architecture"] == architecture)
    ranks = {}
    for task in TASKS:
        if printed[task] != "-":
            low, high = sorted(as_printed(task, float(printed[task]) + edge) for edge in (-0.005, 0.01))
            ranks[task] = (evaluators[task].rank(high), evaluators[task].rank(low))  # the value is rounded or cut
    return ranks


def rank_text(values: np.ndarray) -> str:
    """`mean ± half of the 95 % interval (n)` of average ranks; the mean alone for one value."""
    return f"{interval_text(values, digits=1)} (n = {len(values)})"


def _table4(profile: str) -> Table:
    return Table.beside_paper(
        4, f"TransNAS-Bench-101 (micro), validation, best epoch, profile {profile}", COLUMNS4
    )  # fmt: skip


def _method4(label: str, scores: Mapping[str, Sequence[float]], evaluators: Mapping[str, Tabular]) -> Method:
    """scores[task]: the final score of each seed."""
    ranks = np.array([[evaluators[task].rank(score) for score in scores[task]] for task in TASKS]).T
    values = {task: np.array([as_printed(task, score) for score in scores[task]]) for task in TASKS}
    return Method(label, values | {"average_rank": ranks.mean(axis=1)}, ranks)


def _add_methods(
    table: Table, methods: Sequence[Method], runs: Sequence[SearchResult], lacking: Cell | None = None
) -> None:
    """The rows of ours, which come first, and of the baselines. lacking: in columns that the data source lacks."""
    llm, evaluations = runs[0].llm, runs[0].result["evaluations"]
    seeds = sorted({run.seed for run in runs})
    for method in methods:
        n = len(next(iter(method.values.values())))
        ours = method is methods[0]
        which, searches = (f"{llm}, seeds {seeds}", [run.result for run in runs]) if ours else (f"{n} seeds", [])
        detail = f"{which}, {evaluations} evaluations each; {runs[0].config['data']['sentence']}"
        provenance = "replayed" if ours and llm.startswith("replay:") else "measured"
        cells = {c: lacking for c in table.columns if lacking} | {
            column: Cell(mean_std(values.tolist(), 1 if column == "average_rank" else 2), provenance, detail)
            for column, values in method.values.items()
        }
        table.add(method.label, cells, n, searches)
        if ours and evaluations == PAPER_EVALUATIONS:  # else the two are not of one protocol
            printed = next(row for row in paper_table(int(table.name[-1])) if row["architecture"] == "SEKI")
            label = method.label.replace("ours", "ours − the paper's")
            table.add(label, minus_paper(cells, printed), n, searches)


def _over_all(cells: int, source: str) -> str:
    return f"best value of each column over all {cells:,} cells; {source}"


def _notes(first: str, runs: Sequence[SearchResult]) -> list[str]:
    config, evaluations = runs[0].config, runs[0].result["evaluations"]
    notes = [
        f"Ours: {config['data']['sentence']}. {first}",
        f"n is the number of seeds behind mean±standard deviation (n - 1); each of ours is {evaluations} evaluations "
        f"(α0 and {evaluations - 1} more), all methods from the same α0 for a seed.",
        *how_notes([run.folder for run in runs]),
    ]
    if evaluations == PAPER_EVALUATIONS:
        notes.append(f"The row of differences: {runs[0].llm} − the paper's Qwen2.5-32B, without an interval.")
    if config["run"]["profile"] == "smoke":
        notes.append("Profile smoke is shortened: its rows show that the kit runs, not how well the method does.")
    return notes
