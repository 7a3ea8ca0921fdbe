"""Table 2: final trainings on ImageNet-1K, the paper's rows beside ours.

Only the profile `paper` trains on ImageNet-1K. The others train small networks on a sample of 200 classes: those rows
compare with each other and with chance, and stand in columns of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..paper import Edition
from ..paper import table2 as paper_table2
from ..paper.found import editions, known_spec, training_spec
from ..training.protocol import IMAGENET, TrainingSpec, get_protocol, images_missing
from .paper import paper_table
from .search_cost import search_cost
from .tables import Cell, Table, mean_std

COLUMNS = ("imagenet_error", "search_cost", "params_m")
HEADINGS = ("ImageNet-1K top-1 test error (%)", "Search cost (GPU-days)", "Params (M)")
SHORT_HEADINGS = ("short, 200 classes: last error (%)", "short: best error (%)", "short: Params (M)")
NO_COSTS: Mapping[str, Cell] = MappingProxyType({})
NO_SEARCH = {
    "SEKI, ours": "no search of the DARTS space has finished in this profile",
    "SEKI†, ours": "no search on ImageNet itself has finished in this profile: seki supernet --dataset imagenet, then "
    "seki search --space darts --task imagenet",
}


def search_costs(edition: Edition, results: Path) -> dict[str, Cell]:
    """What our searches took, by the name of their row."""
    return {
        f"SEKI{dagger}, ours, {llm}": search_cost(results, edition.name, llm, task=task)
        for llm in editions(edition, results)
        for dagger, task in (("", "cifar10"), ("†", "imagenet"))
    }


def trainings(edition: Edition, results: Path) -> list[tuple[str, TrainingSpec]]:
    """Every training of Table 2 with the name of its row: cells that LLMs found first, on CIFAR-10 and on photographs."""
    if not edition.photographs:
        return []
    rows = []
    for llm, other in editions(edition, results).items():
        for need, dagger in zip(paper_table2.found(other), ("", "†"), strict=True):
            if spec := training_spec(need, other, results):
                rows.append((f"SEKI{dagger}, ours, {llm}", spec))
    for need in paper_table2.known(edition):
        rows.append((f"{need.cell.replace(':', '-')}, ours", known_spec(need, edition)))
    return rows


def table2(done: Sequence[tuple[str, dict[str, Any]]], profile: str, costs: Mapping[str, Cell] = NO_COSTS) -> Table:
    """The table. done: the name of the row and the result of each finished training of one profile. costs: of searches,
    by the name of the row.
    """
    full = IMAGENET[profile] == "imagenet"
    short = () if full else SHORT_HEADINGS
    table = Table("table2", f"Table 2. ImageNet-1K on the DARTS space, profile {profile}", (*HEADINGS, *short))
    blank = Cell("", "paper")
    for row in paper_table(2):
        table.add(row["architecture"], [Cell(row[c], "paper") for c in COLUMNS] + [blank] * len(short))
    why = images_missing(profile)
    for label, reason in NO_SEARCH.items():
        if not any(row.startswith(label) for row, _ in done):
            missing = Cell("not run", "not run", why or reason)
            table.add(label, [missing, Cell("", "not run"), missing] + [missing] * len(short))
    for label, result in done:
        params = Cell(
            f"{result['paper_params_m']:.2f}", "measured", "counted: 48 channels, 14 cells, no auxiliary head"
        )
        full_error = Cell("not run", "not run", "250 epochs on GPUs: seki train --dataset imagenet --profile paper")
        cells = [_error(result, "last") if full else full_error, costs.get(label, Cell("", "not run")), params]
        own = Cell(f"{result['params_m']:.3f}", "measured", "of the small network")
        table.add(label, cells if full else [*cells, _error(result, "last"), _error(result, "best"), own], 1)
    table.notes = _notes(done, profile, why)
    return table


def _error(result: dict[str, Any], which: str) -> Cell:
    detail = f"{result['data']}; {result['train_images']:,} training images, {result['epochs']} epochs; {which} epoch"
    return Cell(mean_std([result[f"{which}_test_error"]]), "measured", detail)


def _notes(done: Sequence[tuple[str, dict[str, Any]]], profile: str, why: str) -> list[str]:
    full = IMAGENET[profile] == "imagenet"
    notes = [
        f"† searched on ImageNet itself{'' if full else ', ours on the sample of it'}; the others on CIFAR-10.",
        "The paper prints 24.5 % here (75.5 % accuracy), 75.8 % in its introduction, and 75.58 and 75.68 % in Table 7.",
        "Validation: the 50,000 images of val/, shorter side 256, centre 224, the last epoch.",
    ]
    if why:
        return [*notes, f"Not run: {why}"]
    if done and not full:
        config, result = asdict(get_protocol(profile, IMAGENET[profile])), done[0][1]
        n = result["test_images"]
        notes += [
            f"Short protocol on {result['data']}: {result['train_images']:,} training and {n:,} test images, "
            "{channels} channels, {layers} cells, {epochs} epochs at {resolution} pixels. ".format(**config)
            + "These errors compare with each other and with chance only, never with the paper's columns.",
            f"Chance is 99.5 % ± {100 * (0.005 * 0.995 / n) ** 0.5:.2f} (standard error of {n:,} images).",
        ]
    return notes
