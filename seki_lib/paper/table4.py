"""Table 4: TransNAS-Bench-101. A search a task and seed, and baselines of the same budget."""

from ..evaluators.trans101_table import TASKS
from .needs import Edition, Report, Search


def searches(edition: Edition) -> tuple[Search, ...]:
    """A search a task and seed."""
    return tuple(Search("trans101", task, seed) for task in TASKS for seed in edition.trans101_seeds)


def report(edition: Edition) -> Report:
    """Notebook 14. Without the benchmark's table it is not run."""
    figures = ("trans101_ranks", "trans101_best_cells", "trans101_transfer")
    return Report(
        "14_table4_trans101", searches(edition), ("table4",), figures, ("llm", "seeds"), edition.trans101_seeds,
        needs_trans101=True,
    )  # fmt: skip
