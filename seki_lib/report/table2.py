"""Table 2: final trainings on ImageNet-1K, the paper's rows beside ours.

Only the profile `paper` trains on ImageNet-1K. The others train small networks on a sample of 200 classes: those rows
compare with each other and with chance, and stand in columns of their own.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..paper import Edition
from ..paper import table2 as declared
from ..training.protocol import IMAGENET, get_protocol, images_missing
from .ours import Row, found_rows, known_rows, notes_on
from .paper import paper_table
from .tables import Cell, Table, mean_std

COLUMNS = ("imagenet_error", "search_cost", "params_m")
HEADINGS = ("ImageNet-1K top-1 test error (%)", "Search cost (GPU-days)", "Params (M)")
SHORT_HEADINGS = ("short, 200 classes: last error (%)", "short: best error (%)", "short: Params (M)")
NO_SEARCH = {
    "SEKI, ours": "no search of the DARTS space has finished in this profile",
    "SEKI†, ours": "no search on ImageNet itself has finished in this profile: seki supernet --dataset imagenet, then "
    "seki search --space darts --task imagenet",
}


def trainings(edition: Edition, results: Path) -> list[Row]:
    """Every training of Table 2; cells that LLMs found come first, on CIFAR-10 and on photographs (†)."""
    return [*found_rows(declared.found, edition, results), *known_rows(declared.known(edition), edition)]


def table2(rows: Sequence[Row], results: Sequence[dict[str, Any]], profile: str) -> Table:
    """The table. rows and results: finished trainings of one profile, in the same order."""
    full = IMAGENET[profile] == "imagenet"
    short = () if full else SHORT_HEADINGS
    table = Table("table2", f"Table 2. ImageNet-1K on the DARTS space, profile {profile}", (*HEADINGS, *short))
    blank = Cell("", "paper")
    for printed in paper_table(2):
        table.add(printed["architecture"], [Cell(printed[c], "paper") for c in COLUMNS] + [blank] * len(short))
    why = images_missing(profile)
    for label, reason in NO_SEARCH.items():
        if not any(row.label.startswith(label) for row in rows):
            missing = Cell("not run", "not run", why or reason)
            table.add(label, [missing, Cell("", "not run"), missing] + [missing] * len(short))
    for row, result in zip(rows, results, strict=True):
        params = Cell(
            f"{result['paper_params_m']:.2f}", "measured", "counted: 48 channels, 14 cells, no auxiliary head"
        )
        full_error = Cell("not run", "not run", "250 epochs on GPUs: seki train --dataset imagenet --profile paper")
        cells = [_error(result, "last") if full else full_error, row.cost, params]
        own = Cell(f"{result['params_m']:.3f}", "measured", "of the small network")
        short_cells = [] if full else [_error(result, "last"), _error(result, "best"), own]
        table.add(row.label, [*cells, *short_cells], 1, row.searched)
    table.notes = [*_notes(results, profile, why), *notes_on(rows, results)]
    return table


def _error(result: dict[str, Any], which: str) -> Cell:
    detail = f"{result['data']}; {result['train_images']:,} training images, {result['epochs']} epochs; {which} epoch"
    return Cell(mean_std([result[f"{which}_test_error"]]), "measured", detail)


def _notes(results: Sequence[dict[str, Any]], profile: str, why: str) -> list[str]:
    full = IMAGENET[profile] == "imagenet"
    notes = [
        f"† searched on ImageNet itself{'' if full else ', ours on the sample of it'}; the others on CIFAR-10.",
        "The paper prints 24.5 % here (75.5 % accuracy), 75.8 % in its introduction, and 75.58 and 75.68 % in Table 7.",
        "Validation: the 50,000 images of val/, shorter side 256, centre 224, the last epoch.",
    ]
    if why:
        return [*notes, f"Not run: {why}"]
    if results and not full:
        config, result = asdict(get_protocol(profile, IMAGENET[profile])), results[0]
        n = result["test_images"]
        notes += [
            f"Short protocol on {result['data']}: {result['train_images']:,} training and {n:,} test images, "
            "{channels} channels, {layers} cells, {epochs} epochs at {resolution} pixels. ".format(**config)
            + "These errors compare with each other and with chance only, never with the paper's columns.",
            f"Chance is 99.5 % ± {100 * (0.005 * 0.995 / n) ** 0.5:.2f} (standard error of {n:,} images).",
        ]
    return notes
