"""Table 1: final trainings on CIFAR-10 and CIFAR-100, the paper's rows beside ours.

Only the profile `paper` trains as the paper does. In every other profile ours are *short protocol* rows: they compare
with each other, and stand in columns of their own.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..paper import Edition
from ..paper import table1 as declared
from ..training.protocol import ClassifierConfig, get_protocol
from .ours import BLANK, Row, found_rows, known_rows, notes_on
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
SHORT_HEADINGS = ("short: last test error (%)", "short: best test error (%)", "short: Params (M)")


def trainings(edition: Edition, results: Path) -> list[Row]:
    """Every training of Table 1; the cells that LLMs found come first."""
    return [*found_rows(declared.found, edition, results), *known_rows(declared.known(edition), edition)]


def table1(rows: Sequence[Row], results: Sequence[dict[str, Any]], profile: str) -> Table:
    """The table. rows and results: finished trainings of one profile, in the same order."""
    config = get_protocol(profile)
    full = profile == "paper"
    table = Table("table1", f"Table 1. CIFAR-10 and CIFAR-100 on the DARTS space, profile {profile}",
                  HEADINGS if full else (*HEADINGS, *SHORT_HEADINGS))  # fmt: skip
    for row in paper_table(1):
        cells = [Cell(row[c], "paper") for c in COLUMNS]
        table.add(f"{row['architecture']} {row['reference']}".strip(), cells + [Cell("", "paper")] * (0 if full else 3))
    ours: dict[str, list[tuple[Row, dict[str, Any]]]] = {}
    for own, result in zip(rows, results, strict=True):
        ours.setdefault(own.label, []).append((own, result))
    if not any(label.startswith("SEKI") for label in ours):
        missing = Cell("not run", "not run", "no search of the DARTS space has finished in this profile")
        table.add("SEKI, ours", [missing] * 3 + [BLANK] * 3 + ([] if full else [missing] * 3))
    for label, runs in ours.items():
        seeds = len({own.spec.seed for own, _ in runs})
        table.add(label, _full(runs) if full else _unpaid(runs) + _short(runs, config), seeds, runs[0][0].searched)
    table.notes = [*_notes(results, config, profile), *notes_on(rows, results)]
    return table


def _cell(values: Sequence[float], result: dict[str, Any], digits: int = 2) -> Cell:
    detail = f"{result['data']}; {result['train_images']:,} training images, {result['epochs']} epochs; last epoch"
    return Cell(mean_std(values, digits), "measured", detail)


def _full(runs: Sequence[tuple[Row, dict[str, Any]]]) -> list[Cell]:
    cells = []
    for dataset in DATASETS:
        found = [result for own, result in runs if own.spec.dataset == dataset]
        errors = [result["last_test_error"] for result in found]
        cells.append(
            _cell(errors, found[0]) if found else Cell("not run", "not run", f"seki train --dataset {dataset}")
        )
    return [*cells, _params(runs), *_searched(runs)]


def _params(runs: Sequence[tuple[Row, dict[str, Any]]]) -> Cell:
    detail = "counted at the paper's size, 36 channels and 20 cells, without the auxiliary head"
    return Cell(f"{runs[0][1]['paper_params_m']:.2f}", "measured", detail)


def _searched(runs: Sequence[tuple[Row, dict[str, Any]]]) -> list[Cell]:
    """Search cost, search method and evaluation: of cells that our searches found."""
    own = runs[0][0]
    if not own.search:
        return [BLANK] * 3
    return [own.cost, Cell("LLM", "measured"), Cell("One-Shot", "measured")]


def _unpaid(runs: Sequence[tuple[Row, dict[str, Any]]]) -> list[Cell]:
    """The paper's columns in a short profile: the parameters can be counted, the errors would take a GPU and days."""
    missing = Cell("not run", "not run", "600 epochs on a GPU: make reproduce PROFILE=paper")
    return [missing, missing, _params(runs), *_searched(runs)]


def _short(runs: Sequence[tuple[Row, dict[str, Any]]], config: ClassifierConfig) -> list[Cell]:
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
    ]
    if profile != "paper":
        notes += [
            f"Short protocol: {config.channels} channels, {config.layers} cells, {config.epochs} epochs, batch "
            f"{config.batch}. These errors compare with each other only, never with the paper's columns.",
            f"The standard error of such an error is about {error:.1f} points from the test images alone; the seed of "
            "the training adds to it. Differences below that mean nothing.",
        ]
    return notes
