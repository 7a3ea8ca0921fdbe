"""Table 8: the Penn Treebank. The recurrent cell that the search finds, and known cells, become language models."""

from .needs import Edition, Report, Search, Training
from .table1 import TRAINED

CELLS = {  # besides the cell that the search finds
    "smoke": ("DARTS_V2",),
    "laptop": ("DARTS_V2",),
    "workstation": ("DARTS_V1", "DARTS_V2"),
    "paper": ("DARTS_V1", "DARTS_V2", "ENAS"),
}


def found(edition: Edition) -> tuple[Training, ...]:
    """The training of the cell that is searched."""
    searches = (Search("darts_rnn", "ptb", edition.search_seeds[0]),)
    return (Training("found", edition.text, space="darts_rnn", searched=searches),)


def known(edition: Edition) -> tuple[Training, ...]:
    """The trainings of the other cells."""
    return tuple(Training(cell, edition.text, space="darts_rnn") for cell in CELLS[edition.name])


def report(edition: Edition) -> Report:
    """Notebook 18."""
    return Report("18_table8_ptb", (*found(edition), *known(edition)), ("table8",), decided_by=TRAINED)
