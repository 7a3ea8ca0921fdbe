"""Table 5: rounds of self-evolution λ, DARTS space. All settings of a seed fork from its longest self-evolution."""

from .needs import Edition, Report
from .settings import lambda_settings, longest


def report(edition: Edition) -> Report:
    """Notebook 15."""
    searches = edition.ablations(lambda profile: dict.fromkeys([longest(profile), *lambda_settings(profile)]))
    return Report(
        "15_table5_lambda", searches, ("table5",), ("table5_differences",), ("llm",), decided_by=("inputs", "ablations")
    )
