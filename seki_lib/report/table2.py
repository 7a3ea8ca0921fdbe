"""Table 2: final trainings on ImageNet-1K, the paper's rows beside ours.

Only the profile `paper` trains on ImageNet-1K. The others train small networks on a sample of 200 classes: those rows
compare with each other and with chance, and stand in columns of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..errors import AssetError
from ..training.protocol import (
    IMAGENET,
    NO_IMAGENET,
    TrainingSpec,
    assets_at_hand,
    get_protocol,
    imagenet_tree,
    named_architecture,
)
from .paper import paper_table
from .table1 import found_cells, found_results, trained_notes
from .tables import Cell, Table, mean_std

COLUMNS = ("imagenet_error", "search_cost", "params_m")
HEADINGS = ("ImageNet-1K top-1 test error (%)", "Search cost (GPU-days)", "Params (M)")
SHORT_HEADINGS = ("short, 200 classes: last error (%)", "short: best error (%)", "short: Params (M)")
CELLS = {  # besides those that searches found; as `seki train --arch` takes them
    "smoke": ("DARTS_V2",), "laptop": ("DARTS_V2", "random:0"),
    "workstation": ("DARTS_V2", "PC_DARTS", "random:0"), "paper": ("DARTS_V2", "PC_DARTS"),
}  # fmt: skip
FOUND_ON = {"SEKI, ours": "", "SEKI†, ours": "imagenet"}  # row -> task of its search, as of `found_cells`
NO_SEARCH = {
    "SEKI, ours": "no search of the DARTS space has finished in this profile",
    "SEKI†, ours": "no search on ImageNet itself has finished in this profile: seki supernet --dataset imagenet, then "
    "seki search --space darts --task imagenet",
}


def images_missing(profile: str) -> str:
    """Why this profile cannot train for Table 2 on this machine, or nothing."""
    if IMAGENET[profile] == "imagenet":
        return "" if imagenet_tree() else NO_IMAGENET
    try:
        here = assets_at_hand("imagenet_sample")
    except AssetError as error:
        return str(error)
    return "" if here else "the sample is not on this machine: seki data fetch imagenet_sample (from a mirror)"


def trainings2(results: Path, profile: str) -> list[tuple[str, TrainingSpec]]:
    """Every training of this profile's Table 2 with the name of its row; none where the images are not at hand.

    First the best cell found on CIFAR-10, and that found on ImageNet itself (†), if there are such.
    """
    if images_missing(profile):
        return []
    found = [(row, str(f)) for row, task in FOUND_ON.items() for f in found_cells(results, profile, task=task)[:1]]
    rows = found + [(f"{cell.replace(':', '-')}, ours", cell) for cell in CELLS[profile]]
    return [(row, TrainingSpec(*named_architecture(cell), IMAGENET[profile], profile)) for row, cell in rows]


def searches2(results: Path, profile: str) -> dict[str, list[dict[str, Any]]]:
    """The name of a row -> `result.json` of the search behind it, for `table2`."""
    return {row: found_results(results, profile, task=task) for row, task in FOUND_ON.items()}


def table2(
    done: Sequence[tuple[str, dict[str, Any]]],
    profile: str,
    searched: Mapping[str, Sequence[dict[str, Any]]] = MappingProxyType({}),
) -> Table:
    """The table. done: the name of the row and the result of each finished training of one profile.

    searched: the name of a row -> `found_results` of the search behind it.
    """
    full = IMAGENET[profile] == "imagenet"
    short = () if full else SHORT_HEADINGS
    table = Table("table2", f"Table 2. ImageNet-1K on the DARTS space, profile {profile}", (*HEADINGS, *short))
    blank = Cell("", "paper")
    for row in paper_table(2):
        table.add(row["architecture"], [Cell(row[c], "paper") for c in COLUMNS] + [blank] * len(short))
    why = images_missing(profile)
    for label, reason in NO_SEARCH.items():
        if label not in dict(done):
            missing = Cell("not run", "not run", why or reason)
            table.add(label, [missing, Cell("", "not run"), missing] + [missing] * len(short))
    for label, result in done:
        params = Cell(
            f"{result['paper_params_m']:.2f}", "measured", "counted: 48 channels, 14 cells, no auxiliary head"
        )
        full_error = Cell("not run", "not run", "250 epochs on GPUs: seki train --dataset imagenet --profile paper")
        cells = [_error(result, "last") if full else full_error, Cell("", "not run"), params]
        own = Cell(f"{result['params_m']:.3f}", "measured", "of the small network")
        table.add(
            label,
            cells if full else [*cells, _error(result, "last"), _error(result, "best"), own],
            1,
            searched.get(label, ()),
        )
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
    notes += trained_notes([result for _, result in done])
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
