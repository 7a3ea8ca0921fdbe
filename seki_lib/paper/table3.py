"""Table 3: NAS-Bench-201. Searches on CIFAR-10's validation accuracy, and baselines of the same budget."""

from .needs import Edition, Report, Search


def searches(edition: Edition) -> tuple[Search, ...]:
    """One a seed."""
    return tuple(Search("nas201", "cifar10", seed) for seed in edition.seeds)


def report(edition: Edition) -> Report:
    """Notebook 13."""
    figures = ("nas201_best_so_far", "nas201_best_cell")
    return Report("13_table3_nas201", searches(edition), ("table3",), figures, ("llm", "seeds"), edition.seeds)


def analysis(edition: Edition) -> Report:
    """Notebook 05: the first of these searches, analysed."""
    figures = ("analysis_exploration",)
    return Report("05_analysis", searches(edition)[:1], (), figures, ("llm", "seed"), edition.seeds)
