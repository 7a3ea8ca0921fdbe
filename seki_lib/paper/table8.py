"""Table 8: the Penn Treebank. The recurrent cell that the search finds, and known cells, become language models."""

from .needs import Edition, Report, Search, Training
from .table1 import TRAINED

CELLS = {  # besides the cell that the search finds
    "smoke": ("DARTS_V2",),
    "laptop": ("DARTS_V2",),
    "workstation": ("DARTS_V1", "DARTS_V2"),
    "paper": ("DARTS_V1", "DARTS_V2", "ENAS"),
}


def report(edition: Edition) -> Report:
    """Notebook 18."""
    searches = (Search("darts_rnn", "ptb", edition.search_seeds[0]),)
    found = Training("found", edition.text, space="darts_rnn", searched=searches)
    known = tuple(Training(cell, edition.text, space="darts_rnn") for cell in CELLS[edition.name])
    return Report("18_table8_ptb", (found, *known), ("table8",), decided_by=TRAINED)
