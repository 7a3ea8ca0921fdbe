"""Table 6: cells kept k and cells shown ξ, DARTS space. All settings share the self-evolution of Table 5."""

from .needs import Edition, Report
from .settings import k_xi_settings


def report(edition: Edition) -> Report:
    """Notebook 16."""
    searches = edition.ablations(k_xi_settings)
    return Report(
        "16_table6_k_xi", searches, ("table6",), ("table6_differences",), ("llm",), decided_by=("inputs", "ablations")
    )
