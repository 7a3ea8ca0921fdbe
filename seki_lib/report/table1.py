"""Table 1: final trainings on CIFAR-10 and CIFAR-100, the paper's rows beside ours.

Only the profile `paper` trains as the paper does. In every other profile ours are *short protocol* rows: they compare
with each other, and stand in columns of their own.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import RunError
from ..training.machine import ELSEWHERE, trained_on
from ..training.protocol import ClassifierConfig, TrainingSpec, dataset_at_hand, get_protocol, named_architecture
from .paper import paper_table
from .tables import Cell, Table, mean_std

DATASETS = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
COLUMNS = ("cifar10_error", "cifar100_error", "params_m", "search_cost", "search_method", "evaluation")
HEADINGS = (
    "CIFAR-10 test error (%)",
    "CIFAR-100 test error (%)",
    "Params (M)",
    "Search cost (GPU-days)",
    "Search method",
    "Evaluation",
)
BLANK = Cell("", "not run")  # a column that does not apply
SHORT_HEADINGS = ("short: last test error (%)", "short: best test error (%)", "short: Params (M)")


@dataclass(frozen=True)
class Plan:
    """What a profile trains for Table 1, besides the cells that its searches found."""

    cells: tuple[str, ...]  # as `seki train --arch` takes them
    datasets: tuple[str, ...] = ("cifar10",)
    seeds: tuple[int, ...] = (0,)


PLANS: dict[str, Plan] = {
    "smoke": Plan(("DARTS_V2", "random:0")),
    "laptop": Plan(("DARTS_V2", "PC_DARTS", "random:0", "random:1", "random:2")),
    "workstation": Plan(("DARTS_V2", "PC_DARTS", "random:0", "random:1", "random:2")),
    "paper": Plan(("DARTS_V2", "PC_DARTS"), ("cifar10", "cifar100"), (0, 1, 2, 3)),  # "4 random seeds" (Table 1)
}


def found_cells(results: Path, profile: str, space: str = "darts", task: str = "") -> list[Path]:
    """Folders of this profile's finished searches of a space with its own settings, best score first.

    task: one of them; if empty all but ImageNet, whose cells are Table 2's. Forks of the ablations are left out:
    together they are many searches, and the best of many is no search's result.
    """
    found = (results / profile / "searches" / space).glob(f"{task or '*'}/*/default/seed=*/result.json")
    folders = [path for path in found if task or path.parents[3].name != "imagenet"]
    return sorted(
        (path.parent for path in folders), key=lambda p: (-json.loads((p / "result.json").read_text())["score"], str(p))
    )


def found_results(results: Path, profile: str, space: str = "darts", task: str = "") -> list[dict[str, Any]]:
    """`result.json` of the search whose cell is trained, the first of `found_cells`; none if there is none."""
    folders = found_cells(results, profile, space, task)[:1]
    return [json.loads((folder / "result.json").read_text()) for folder in folders]


def found_cell(results: Path, profile: str, space: str = "darts", task: str = "") -> Path:
    """The folder of the best search of a space, as of `found_cells`. Raises RunError if none has finished."""
    for folder in found_cells(results, profile, space, task):
        return folder
    name, where = ("DARTS space", "") if space == "darts" else (f"space {space}", f" --space {space}")
    task = task or ("ptb" if space == "darts_rnn" else "")
    on, images = (f" --task {task}", f" --dataset {task}") if task else ("", "")
    raise RunError(
        f"no search of the {name}{f' on {task}' if task else ''} has finished in profile {profile}. Next: "
        f'"seki supernet{where}{images} --profile {profile}", then '
        f'"seki search --space {space}{on} --profile {profile}".'
    )


def trainings(results: Path, profile: str) -> list[TrainingSpec]:
    """Every training that this profile's Table 1 wants; the best cell of its searches comes first, if there is one."""
    plan, config = PLANS[profile], get_protocol(profile)
    cells = [*(str(folder) for folder in found_cells(results, profile)[:1]), *plan.cells]
    return [
        TrainingSpec(name, text, dataset_at_hand(dataset, config), profile, seed)
        for dataset in plan.datasets
        for name, text in map(named_architecture, cells)
        for seed in plan.seeds
    ]


def table1(
    specs: Sequence[TrainingSpec],
    results: Sequence[dict[str, Any]],
    profile: str,
    searched: Sequence[dict[str, Any]] = (),
) -> Table:
    """The table. specs and results: finished trainings of one profile, in the same order; searched: `found_results`."""
    config = get_protocol(profile)
    full = profile == "paper"
    table = Table("table1", f"Table 1. CIFAR-10 and CIFAR-100 on the DARTS space, profile {profile}",
                  HEADINGS if full else (*HEADINGS, *SHORT_HEADINGS))  # fmt: skip
    for row in paper_table(1):
        cells = [Cell(row[c], "paper") for c in COLUMNS]
        table.add(f"{row['architecture']} {row['reference']}".strip(), cells + [Cell("", "paper")] * (0 if full else 3))
    by_cell: dict[str, list[tuple[TrainingSpec, dict[str, Any]]]] = {}
    for spec, result in zip(specs, results, strict=True):
        by_cell.setdefault(spec.name, []).append((spec, result))
    if not any(name.startswith("searched") for name in by_cell):
        missing = Cell("not run", "not run", "no search of the DARTS space has finished in this profile")
        table.add("SEKI, ours", [missing] * 3 + [BLANK] * 3 + ([] if full else [missing] * 3))
    for name, runs in by_cell.items():
        own = name.startswith("searched")
        seeds = len({spec.seed for spec, _ in runs})
        cells = _full(runs) if full else _unpaid(runs) + _short(runs, config)
        table.add(f"{'SEKI' if own else name}, ours", cells, seeds, searched if own else ())
    table.notes = _notes(results, config, profile)
    return table


def trained_notes(results: Sequence[dict[str, Any]]) -> list[str]:
    """On which machines the trainings ran, and that another one gives other numbers."""
    machines = sorted({trained_on(result) for result in results})
    return [f"Trained on {'; '.join(machines)}. {ELSEWHERE}"] if machines else []


def _cell(values: Sequence[float], result: dict[str, Any], digits: int = 2) -> Cell:
    detail = f"{result['data']}; {result['train_images']:,} training images, {result['epochs']} epochs; last epoch"
    return Cell(mean_std(values, digits), "measured", detail)


def _full(runs: Sequence[tuple[TrainingSpec, dict[str, Any]]]) -> list[Cell]:
    cells = []
    for dataset in DATASETS:
        found = [result for spec, result in runs if spec.dataset == dataset]
        errors = [result["last_test_error"] for result in found]
        cells.append(
            _cell(errors, found[0]) if found else Cell("not run", "not run", f"seki train --dataset {dataset}")
        )
    return [*cells, _params(runs), *[BLANK] * 3]


def _params(runs: Sequence[tuple[TrainingSpec, dict[str, Any]]]) -> Cell:
    detail = "counted at the paper's size, 36 channels and 20 cells, without the auxiliary head"
    return Cell(f"{runs[0][1]['paper_params_m']:.2f}", "measured", detail)


def _unpaid(runs: Sequence[tuple[TrainingSpec, dict[str, Any]]]) -> list[Cell]:
    """The paper's columns in a short profile: the parameters can be counted, the errors would take a GPU and days."""
    missing = Cell("not run", "not run", "600 epochs on a GPU: make reproduce PROFILE=paper")
    return [missing, missing, _params(runs), *[BLANK] * 3]


def _short(runs: Sequence[tuple[TrainingSpec, dict[str, Any]]], config: ClassifierConfig) -> list[Cell]:
    results = [result for _, result in runs]
    params = f"{results[0]['params_m']:.3f}"
    return [
        _cell([result["last_test_error"] for result in results], results[0]),
        Cell(
            mean_std([result["best_test_error"] for result in results]), "measured", "chosen on the test set: flatters"
        ),
        Cell(params, "measured", f"{config.channels} channels, {config.layers} cells; without the auxiliary head"),
    ]


def _notes(results: Sequence[dict[str, Any]], config: ClassifierConfig, profile: str) -> list[str]:
    result = results[0]
    error = 100 * (0.25 / result["test_images"]) ** 0.5  # of a share near one half, in %
    notes = [
        f"Ours: {result['data']}; {result['train_images']:,} training and {result['test_images']:,} test images.",
        "Ours are the test error after the last epoch. The best over epochs is chosen on the test set; the paper does "
        "not say which of the two it prints (docs/fidelity.md).",
        *trained_notes(results),
    ]
    if profile != "paper":
        notes += [
            f"Short protocol: {config.channels} channels, {config.layers} cells, {config.epochs} epochs, batch "
            f"{config.batch}. These errors compare with each other only, never with the paper's columns.",
            f"The standard error of such an error is about {error:.1f} points from the test images alone; the seed of "
            "the training adds to it. Differences below that mean nothing.",
        ]
    return notes
