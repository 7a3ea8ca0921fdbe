"""Table 3: NAS-Bench-201, the paper's rows beside ours."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..baseline_runs import BaselineRuns
from ..evaluators.nas201_table import COLUMNS
from ..files.errors import RunError
from ..files.source import DataSource
from ..results import RunSpec, is_finished
from ..runs import differences
from .how import how_notes
from .paper import paper_table
from .tables import Cell, Table, describe_cost, mean_std, minus_paper

HEADINGS = (
    "CIFAR-10 valid",
    "CIFAR-10 test",
    "CIFAR-100 valid",
    "CIFAR-100 test",
    "ImageNet16-120 valid",
    "ImageNet16-120 test",
)
PAPER_EVALUATIONS = 51  # α0 and 50 rounds (§5.1.1)
BASELINE_LABELS = {
    "random_search": "Random search, ours",
    "regularized_evolution": "Regularized evolution, ours",
    "local_search": "Local search, ours",
}


def finished_results(specs: Sequence[RunSpec], results: Path, source: DataSource) -> list[dict[str, Any]]:
    """`config.json` and `result.json` of each run, all searched on this data source.

    Raises RunError that names the next step if a run is missing, or was searched on other data.
    """
    found = []
    for spec in specs:
        folder = spec.folder(results)
        if not is_finished(folder):
            raise RunError(f"{folder} is not finished. Run `make reproduce`, or: {spec.command(results)}")
        read: dict[str, Any] = {
            name: json.loads((folder / f"{name}.json").read_text()) for name in ("config", "result")
        }
        if (data := read["config"]["data"])["name"] != source.name:
            raise RunError(
                f"{folder} was searched on: {data['sentence']}. The table at hand is: {source.sentence}. "
                "Remove the folder to search anew, or choose another folder for results."
            )
        found.append(read | {"folder": folder})
    for other in found[1:]:
        differing = [key for key in differences(found[0]["config"], other["config"]) if not key.endswith(".seed")]
        if differing:
            raise RunError(
                f"{found[0]['folder']} and {other['folder']} differ in {', '.join(differing)} and make no common row. "
                "Move the older ones away and run the same command again."
            )
    return found


def table3(runs: Sequence[dict[str, Any]], baselines: BaselineRuns, oracle: dict[str, float]) -> Table:
    """The table. runs: finished searches from one data source and LLM; baselines: at the same budget."""
    config = runs[0]["config"]
    llm, profile, source = config["llm"]["name"], config["run"]["profile"], config["data"]["sentence"]
    if "cifar10_valid" in oracle:
        held_out = "Search sees CIFAR-10 validation only; the other values are read once, for the final cell of a run."
    else:
        held_out = "Search sees the one column that is printed: nothing is held out."
    evaluations = runs[0]["result"]["evaluations"]
    table = Table("table3", f"Table 3. NAS-Bench-201, top-1 accuracy (%), profile {profile}", HEADINGS)
    for row in paper_table(3):
        table.add(f"{row['architecture']} {row['reference']}".strip(), [Cell(row[c], "paper") for c in COLUMNS])

    def ours(finals: Sequence[dict[str, float]], what: str, provenance: str = "measured") -> list[Cell]:
        detail = f"{what}; {source}; profile {profile}"
        return [
            Cell(mean_std([final[c] for final in finals]), provenance, detail)
            if c in finals[0]
            else Cell(
                "not run", "not run", f"needs NAS-Bench-201's own values: seki data fetch nas201; at hand: {source}"
            )
            for c in COLUMNS
        ]

    seeds = [run["config"]["run"]["seed"] for run in runs]
    finals = [run["result"]["final"] for run in runs]
    provenance = "replayed" if llm.startswith("replay:") else "measured"
    what = f"{llm}, seeds {seeds}, {evaluations} evaluations each"
    cells, searches = ours(finals, what, provenance), [run["result"] for run in runs]
    table.add(f"SEKI, ours, {llm}", cells, len(runs), searches)
    if evaluations == PAPER_EVALUATIONS:  # else the two are not of one protocol
        printed = next(row for row in paper_table(3) if row["architecture"] == "SEKI")
        differences = minus_paper(cells, [printed[c] for c in COLUMNS], "mean of ours minus the printed mean")
        table.add(f"SEKI, ours − the paper's, {llm}", differences, len(runs), searches)
    for name, label in BASELINE_LABELS.items():
        finals = baselines.finals(name)
        table.add(label, ours(finals, f"{len(finals)} seeds, {evaluations} evaluations each"), len(finals))
    table.add("Oracle, ours", ours([oracle], "best value of each column over all 15,625 cells"))
    table.notes = [
        f"Ours: {source}. {held_out}",
        f"n is the number of runs behind mean±standard deviation (n - 1); each of ours is {evaluations} evaluations "
        f"(α0 and {evaluations - 1} more), all methods from the same α0 for a seed.",
        *how_notes([run["folder"] for run in runs]),
        *(f"LLM, seed {run['config']['run']['seed']}: {describe_cost(run['result'])}." for run in runs),
        "The paper does not say its α0, nor over which training seeds of the benchmark it averages (docs/fidelity.md).",
        *([f"Profile {profile} is shortened: its rows show that the kit runs, not how well the method does."]
          if profile == "smoke" else []),
    ]  # fmt: skip
    return table
