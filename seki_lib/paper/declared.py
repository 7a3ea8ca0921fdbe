"""What each notebook of the DAG needs and writes. A new table is one function here and one line in REPORTS."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ..evaluators.trans101_table import TASKS
from .needs import Edition, Report, Search, Supernet, Training
from .settings import Setting, k_xi_settings, lambda_settings, longest

SPACE = {"table1": "darts", "table2": "darts", "table8": "darts_rnn"}  # of the cells that a table trains
_RANDOM = ("random:0", "random:1", "random:2")
CELLS: dict[str, dict[str, tuple[str, ...]]] = {
    "table1": {
        "smoke": ("DARTS_V2", "random:0"),
        "laptop": ("DARTS_V2", "PC_DARTS", *_RANDOM),
        "workstation": ("DARTS_V2", "PC_DARTS", *_RANDOM),
        "paper": ("DARTS_V2", "PC_DARTS"),
    },
    "table2": {
        "smoke": ("DARTS_V2",),
        "laptop": ("DARTS_V2", "random:0"),
        "workstation": ("DARTS_V2", "PC_DARTS", "random:0"),
        "paper": ("DARTS_V2", "PC_DARTS"),
    },
    "table8": {
        "smoke": ("DARTS_V2",),
        "laptop": ("DARTS_V2",),
        "workstation": ("DARTS_V1", "DARTS_V2"),
        "paper": ("DARTS_V1", "DARTS_V2", "ENAS"),
    },
}
"""The cells that a table trains in each profile, besides those that its searches find."""
TRAINING_SEEDS = {"paper": (0, 1, 2, 3)}  # "4 random seeds" (Table 1); elsewhere one (docs/fidelity.md)
TRAINED = ("trainings",)  # the notebooks on trainings take no LLM


def trained_on(table: str, edition: Edition) -> list[tuple[str, int]]:
    """(data set, seed) of each training of a cell of Table 1, 2 or 8."""
    if table == "table1":
        datasets = (edition.images, "cifar100") if edition.name == "paper" else (edition.images,)
        return [(dataset, seed) for dataset in datasets for seed in TRAINING_SEEDS.get(edition.name, (0,))]
    dataset = edition.photographs if table == "table2" else edition.text
    return [(dataset, 0)] if dataset else []


def known(table: str, edition: Edition) -> tuple[Training, ...]:
    """The trainings of cells that no search has to find."""
    return tuple(
        Training(cell, dataset, seed, SPACE[table])
        for cell in CELLS[table][edition.name]
        for dataset, seed in trained_on(table, edition)
    )


def found(table: str, edition: Edition) -> tuple[Training, ...]:
    """The trainings of the cells that searches find; Table 2's † is searched on the photographs themselves."""
    first, own = edition.search_seeds[0], Setting.of(edition.profile)
    on_cifar = tuple(Search("darts", "cifar10", seed, own) for seed in edition.search_seeds)
    searches: dict[str, dict[str, tuple[Search, ...]]] = {
        "table1": {"found": on_cifar},
        "table2": {"found": on_cifar, "found:imagenet": (Search("darts", "imagenet", first),)},
        "table8": {"found": (Search("darts_rnn", "ptb", first),)},
    }
    return tuple(
        Training(cell, dataset, seed, SPACE[table], searched)
        for cell, searched in searches[table].items()
        for dataset, seed in trained_on(table, edition)
    )


def supernet_training(edition: Edition) -> Report:
    """Notebook 01: the supernets, and how far f(α) can be trusted."""
    darts = Supernet("darts", edition.images)
    needs = (darts, Supernet("nas201", edition.images), replace(darts, alone=True))
    figures = ("supernet_path", "supernet_curve", "f_against_truth")
    return Report("01_supernet_training", needs, ("trust",), figures, decided_by=TRAINED)


def nas201_searches(edition: Edition) -> tuple[Search, ...]:
    """The searches of Table 3, one a seed, on CIFAR-10's validation accuracy. Other notebooks show the first."""
    return tuple(Search("nas201", "cifar10", seed) for seed in edition.seeds)


def prompt_figures(edition: Edition) -> Report:
    """Notebook 20: Figure 1, and Figures 3 to 6."""
    needs = (*nas201_searches(edition)[:1], *found("table1", edition)[:1])
    figures = (
        "figure1",
        "figure3_self_evolution_prompts",
        "figure4_knowledge_inspiration_prompt",
        "figure5_self_evolution_example",
        "figure6_knowledge_inspiration_example",
    )
    after = ("03_knowledge_inspiration",)
    return Report("20_figures", needs, (), figures, ("llm", "seed"), edition.seeds, after)


def walk(notebook: str, figures: tuple[str, ...], after: tuple[str, ...], edition: Edition) -> Report:
    """Notebook 02 or 03, which walks the first search of Table 3. 03 asks what 02 asks, so it runs after that."""
    return Report(notebook, nas201_searches(edition)[:1], (), figures, ("llm", "seed"), edition.seeds, after)


def final_training(edition: Edition) -> Report:
    """Notebook 04: the cell that was found, drawn and trained."""
    needs = found("table1", edition)[:1]
    return Report("04_final_training", needs, (), ("figure7", "figure8"), decided_by=TRAINED)


def trained(table: str, notebook: str, edition: Edition) -> Report:
    """The notebook of Table 1, 2 or 8. Without photographs Table 2 says what they would take."""
    figures = ("figure9", "figure10") if table == "table2" and edition.photographs else ()
    needs = (*found(table, edition), *known(table, edition))
    return Report(notebook, needs, (table,), figures, decided_by=TRAINED)


def table3(edition: Edition) -> Report:
    """Notebook 13: NAS-Bench-201, with baselines of the same budget."""
    figures = ("nas201_best_so_far", "nas201_best_cell")
    return Report("13_table3_nas201", nas201_searches(edition), ("table3",), figures, ("llm", "seeds"), edition.seeds)


def table4(edition: Edition) -> Report:
    """Notebook 14: TransNAS-Bench-101, a search a task and seed. Without the benchmark's table it is not run."""
    searches = tuple(Search("trans101", task, seed) for task in TASKS for seed in edition.trans101_seeds)
    figures = ("trans101_ranks", "trans101_best_cells", "trans101_transfer")
    return Report(
        "14_table4_trans101", searches, ("table4",), figures, ("llm", "seeds"), edition.trans101_seeds,
        needs_trans101=True,
    )  # fmt: skip


def ablation(table: str, notebook: str, edition: Edition) -> Report:
    """The notebook of Table 5 or 6, DARTS space. All settings of a seed fork from its longest self-evolution."""
    searches = tuple(
        Search("darts", "cifar10", seed, setting)
        for seed in edition.grid_seeds
        for grid in [edition.grid(seed)]
        for setting in (
            k_xi_settings(grid) if table == "table6" else dict.fromkeys([longest(grid), *lambda_settings(grid)])
        )
    )
    decided_by = ("inputs", "ablations")
    return Report(notebook, searches, (table,), (f"{table}_differences",), ("llm",), decided_by=decided_by)


def table7(edition: Edition) -> Report:
    """Notebook 17: each LLM's searches of Table 3, and the trainings of the cell that it found for Tables 1 and 2.

    The table shows every LLM that has searched in this folder: `make reproduce LLM=…` adds one.
    """
    needs = (*nas201_searches(edition), *found("table1", edition), *found("table2", edition)[:1])
    return Report("17_table7_llms", needs, ("table7",), parameters=("llm",))


REPORTS: dict[str, Callable[[Edition], Report]] = {
    "setup": lambda edition: Report("00_setup", parameters=("llm",)),
    "trust": supernet_training,
    "self_evolution": partial(walk, "02_self_evolution", ("figure2_data_flow",), ()),
    "knowledge_inspiration": partial(walk, "03_knowledge_inspiration", (), ("02_self_evolution",)),
    "final_training": final_training,
    "table1": partial(trained, "table1", "11_table1_cifar"),
    "table2": partial(trained, "table2", "12_table2_imagenet"),
    "table3": table3,
    "table4": table4,
    "table5": partial(ablation, "table5", "15_table5_lambda"),
    "table6": partial(ablation, "table6", "16_table6_k_xi"),
    "table7": table7,
    "table8": partial(trained, "table8", "18_table8_ptb"),
    "figures": prompt_figures,
}
"""The notebooks of the DAG by name: what `make <name>` makes."""
