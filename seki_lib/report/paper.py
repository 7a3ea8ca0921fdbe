"""The published numbers, as typed in `data/paper/`."""

import csv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def paper_table(number: int) -> list[dict[str, str]]:
    """The rows of one table of the paper, every value as the text that was printed."""
    with (ROOT / "data" / "paper" / f"table{number}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
