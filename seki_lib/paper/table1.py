"""Table 1: CIFAR-10 and CIFAR-100, DARTS space. The cell of the best f(α), and known cells, trained from scratch."""

from .needs import Edition, Report, Search, Supernet, Training
from .settings import Setting

CELLS = {  # besides the cell that the searches find
    "smoke": ("DARTS_V2", "random:0"),
    "laptop": ("DARTS_V2", "PC_DARTS", "random:0"),
    "workstation": ("DARTS_V2", "PC_DARTS", "random:0", "random:1", "random:2"),
    "paper": ("DARTS_V2", "PC_DARTS"),
}
TRAINED = ("trainings",)  # the notebooks on trainings take no LLM
TRAINING_SEEDS = {"paper": (0, 1, 2, 3)}  # "4 random seeds" (Table 1); elsewhere one (docs/fidelity.md)


def searches(edition: Edition) -> tuple[Search, ...]:
    """The searches whose best cell is Table 1's."""
    own = Setting.of(edition.profile)
    return tuple(Search("darts", "cifar10", seed, own) for seed in edition.search_seeds)


def by_surrogate(edition: Edition) -> tuple[Search, ...]:
    """The same searches, scored by the surrogate of NAS-Bench-301."""
    own, evaluator = Setting.of(edition.profile), edition.surrogate
    return tuple(Search("darts", "cifar10", seed, own, evaluator=evaluator) for seed in edition.surrogate_seeds)


def found(edition: Edition) -> tuple[Training, ...]:
    """The final trainings of the cell that the searches find."""
    return tuple(
        Training("found", dataset, seed, searched=searches(edition))
        for dataset in datasets(edition)
        for seed in TRAINING_SEEDS.get(edition.name, (0,))
    )


def datasets(edition: Edition) -> tuple[str, ...]:
    """What cells are trained on: CIFAR-100 in the profile `paper` only."""
    return (edition.images, "cifar100") if edition.name == "paper" else (edition.images,)


def known(edition: Edition) -> tuple[Training, ...]:
    """The final trainings of the other cells."""
    return tuple(
        Training(cell, dataset, seed)
        for dataset in datasets(edition)
        for cell in CELLS[edition.name]
        for seed in TRAINING_SEEDS.get(edition.name, (0,))
    )


def report(edition: Edition) -> Report:
    """Notebook 11."""
    needs, tables = (*found(edition), *known(edition), *by_surrogate(edition)), ("table1", "darts_by_surrogate")
    return Report("11_table1_cifar", needs, tables, ("darts_best_so_far",), decided_by=TRAINED)


def final_training(edition: Edition) -> Report:
    """Notebook 04: the cell that was found, drawn and trained (Figures 7 and 8)."""
    needs = (*found(edition)[:1], *by_surrogate(edition))
    return Report("04_final_training", needs, figures=("figure7", "figure8"), decided_by=TRAINED)


def supernet_training(edition: Edition) -> Report:
    """Notebook 01: the supernets, and how far f(α) can be trusted."""
    needs = (Supernet("darts", edition.images), Supernet("nas201", edition.images))
    figures = ("supernet_path", "supernet_curve", "f_against_truth")
    return Report("01_supernet_training", needs, tables=("trust",), figures=figures, decided_by=TRAINED)
