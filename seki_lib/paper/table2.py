"""Table 2: ImageNet-1K, DARTS space. The cell found on CIFAR-10, the one found on photographs (†), and known cells."""

from .needs import Edition, Report, Search, Training
from .table1 import TRAINED, searches

CELLS = {  # besides those that searches find
    "smoke": ("DARTS_V2",),
    "laptop": ("DARTS_V2", "random:0"),
    "workstation": ("DARTS_V2", "PC_DARTS", "random:0"),
    "paper": ("DARTS_V2", "PC_DARTS"),
}


def found(edition: Edition) -> tuple[Training, ...]:
    """The trainings of both cells that are searched: on CIFAR-10, and on the photographs themselves (†)."""
    if not edition.photographs:
        return ()
    directly = (Search("darts", "imagenet", edition.search_seeds[0]),)
    return (
        Training("found", edition.photographs, searched=searches(edition)),
        Training("found:imagenet", edition.photographs, searched=directly),
    )


def known(edition: Edition) -> tuple[Training, ...]:
    """The trainings of the other cells."""
    return tuple(Training(cell, edition.photographs) for cell in CELLS[edition.name] if edition.photographs)


def report(edition: Edition) -> Report:
    """Notebook 12, with Figures 9 and 10. Without photographs the table says what they would take."""
    figures = ("figure9", "figure10") if edition.photographs else ()
    return Report("12_table2_imagenet", (*found(edition), *known(edition)), ("table2",), figures, decided_by=TRAINED)
