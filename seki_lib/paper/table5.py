"""Table 5: rounds of self-evolution λ, DARTS space. All settings of a seed fork from its longest self-evolution."""

from .needs import Edition, Report, Search
from .settings import lambda_settings, longest


def report(edition: Edition) -> Report:
    """Notebook 15."""
    searches = tuple(
        Search("darts", "cifar10", seed, setting)
        for seed in edition.grid_seeds
        for setting in dict.fromkeys([longest(edition.grid(seed)), *lambda_settings(edition.grid(seed))])
    )
    return Report(
        "15_table5_lambda", searches, ("table5",), ("table5_differences",), ("llm",), decided_by=("inputs", "ablations")
    )
